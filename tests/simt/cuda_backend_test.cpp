// The module's real table on the stand-in device, behind the backend that the program uses:
// failures of every call of the runtime, memory, messages. The cases that a GPU runs too are in
// tests/gpu/backend_cases.cpp.
#include "host/train/cuda_backend.hpp"

#include "host/train/trainer.hpp"
#include "tests/gpu/backend_under_test.hpp"
#include "tests/simt/failed_calls.hpp"
#include "tests/simt/runtime.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/planted_dataset.hpp"
#include "tests/support/training_problems.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace alsatian {

namespace testing {

std::optional<std::string> why_no_backend() {
  simt::reset_device();
  return std::nullopt;
}
bool gpu_is_required() { return false; }
std::unique_ptr<Backend> cuda_backend(const TrainingProblem& problem) {
  return make_cuda_backend(problem, *alsatian_cuda_table(ALSATIAN_CUDA_TABLE_VERSION));
}
/// One for each way to pad: every fused kernel has its own tests of all of them.
std::vector<int> ranks_under_test() { return {0, 1, 7, 31, 33, 64, 90}; }

}  // namespace testing

namespace {

using ::alsatian::testing::cuda_backend;
using ::alsatian::testing::error_of;
using ::alsatian::testing::problem_of;
using ::alsatian::testing::spec_of;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

const AlsatianCudaTable& table() { return *alsatian_cuda_table(ALSATIAN_CUDA_TABLE_VERSION); }

std::vector<Algorithm> algorithms() { return {Als{}, Mle{}, LeastSquares{}, Bayes{}}; }

/// Everything that training does with a backend once.
void train_once(Backend& backend, const Algorithm& algorithm) {
  if (std::holds_alternative<Als>(algorithm)) {
    backend.als_half_sweep(Side::users);
    backend.als_half_sweep(Side::items);
  } else if (std::holds_alternative<Mle>(algorithm)) {
    backend.sgd_epoch(0.05, 0);
  } else if (std::holds_alternative<Bayes>(algorithm)) {
    backend.als_half_sweep(Side::users);
    backend.start_gibbs();
    backend.gibbs_sweep(0, 0);
    backend.factors();
    backend.gibbs_user_prior();
  } else {
    backend.least_squares_step();
  }
  backend.objective();
  backend.held_out_errors(0);
  backend.first_non_finite_row();
}

/// Few rows, for tests that train hundreds of times.
TrainingProblem tiny_problem(const ModelSpec& spec) {
  const auto planted = testing::planted_problem({.users = 7, .items = 5});
  TrainingProblem problem;
  problem.spec = spec;
  problem.by_user = testing::to_matrix(planted.by_user_float);
  problem.by_item = testing::to_matrix(planted.by_item_float);
  if (const auto* mle = std::get_if<Mle>(&spec.algorithm)) {
    problem.schedule = mle->updates == Updates::hogwild
                           ? make_hogwild_schedule(problem.by_user, 5, spec.seed)
                           : make_sgd_schedule(problem.by_user, 5, spec.seed);
  }
  problem.held_out = {{{0, 3, -1}, {4, -1, 2}, {1, 0, 1}}};
  problem.start = start_factors(7, 5, spec.rank, 0.1, spec.seed);
  return problem;
}

std::string text(const std::optional<Error>& error) {
  return error ? error->place() + ": " + error->what() : "no error";
}

TEST(CudaTable, IsOfOneVersion) {
  EXPECT_EQ(alsatian_cuda_table(ALSATIAN_CUDA_TABLE_VERSION + 1), nullptr);
  EXPECT_EQ(table().version, ALSATIAN_CUDA_TABLE_VERSION);
}

TEST(CudaTable, NamesTheDevice) {
  simt::reset_device({.memory_bytes = std::size_t{141'000'000'000}});
  EXPECT_EQ(cuda_backend(problem_of(spec_of(Als{})))->description(), "cuda (stand-in, 141 GB)");
}

TEST(CudaTable, SaysWhyThereIsNoDevice) {
  const auto refusal = [](const simt::DeviceModel& model) {
    simt::reset_device(model);
    const auto error = error_of([] { open_cuda_table(table()); });
    EXPECT_EQ(error->code(), ExitCode::device_unavailable);
    EXPECT_THAT(error->help(), HasSubstr("--device cpu"));
    return text(error);
  };
  EXPECT_EQ(refusal({.count_error = cudaErrorInsufficientDriver, .driver_version = 0}),
            "--device cuda: no NVIDIA driver was found");
  EXPECT_EQ(refusal({.count_error = cudaErrorInsufficientDriver, .driver_version = 12040}),
            "--device cuda: the NVIDIA driver knows CUDA up to 12.4, and 13.0 is needed");
  EXPECT_EQ(refusal({.devices = 0, .count_error = cudaErrorNoDevice}),
            "--device cuda: there is a driver, but no GPU");
  EXPECT_EQ(refusal({.devices = 0}), "--device cuda: there is a driver, but no GPU");
  for (const cudaError_t error : {cudaErrorNoKernelImageForDevice, cudaErrorInvalidDeviceFunction,
                                  cudaErrorUnsupportedPtxVersion}) {
    EXPECT_EQ(
        refusal(
            {.compute_capability_major = 8, .compute_capability_minor = 6, .code_error = error}),
        "--device cuda: the CUDA module has no code for the stand-in, compute capability 8.6");
  }
}

bool reads_ratings_from_the_host(const Backend& backend) {
  return backend.description().find("read from the host's") != std::string::npos;
}

constexpr std::size_t mebibyte = std::size_t{1} << 20;
/// What plans leave to the driver: of the module's code, of cuBLAS and of the context's heaps, and
/// a KiB of stack for every thread; where ratings are read from the host the entries of their pages
/// too, for problems of these sizes a piece.
constexpr std::size_t margin = 64 * mebibyte + std::size_t{4} * 2048 * 1024;
constexpr std::size_t host_margin = margin + 2 * mebibyte;

/// Fits into what it used and the margin. With a byte less ratings are read from the host; with a
/// byte less than that takes it is refused.
void expect_exact_plan(const ModelSpec& spec) {
  SCOPED_TRACE(std::string(algorithm_name(spec.algorithm)) + " " + std::to_string(spec.rank));
  simt::reset_device();
  const TrainingProblem problem = problem_of(spec);
  auto backend = cuda_backend(problem);
  EXPECT_FALSE(reads_ratings_from_the_host(*backend));
  const std::size_t needed = simt::most_device_bytes_used() + margin;
  for (const std::size_t too_little : {needed, needed - 1}) {
    backend.reset();
    simt::reset_device({.memory_bytes = too_little});
    backend = cuda_backend(problem);
    EXPECT_EQ(reads_ratings_from_the_host(*backend), too_little < needed);
  }
  const std::size_t without_ratings = simt::most_device_bytes_used() + host_margin;
  EXPECT_LT(without_ratings, needed);
  backend.reset();
  simt::reset_device({.memory_bytes = without_ratings});
  EXPECT_NO_THROW(cuda_backend(problem));
  simt::reset_device({.memory_bytes = without_ratings - 1});
  EXPECT_THROW(cuda_backend(problem), Error);
  EXPECT_EQ(simt::most_device_bytes_used(), 0) << "refused before the first allocation";
}

TEST(CudaTable, LeavesTheMarginToTheDriverWhichTakesItWithTheFirstKernel) {
  for (const Algorithm& algorithm : algorithms()) {
    SCOPED_TRACE(algorithm_name(algorithm));
    const TrainingProblem problem = problem_of(spec_of(algorithm, 17));
    simt::reset_device();
    cuda_backend(problem);
    const std::size_t needed = simt::most_device_bytes_used() + margin;
    for (const std::size_t memory : {needed, needed - 1}) {
      simt::reset_device({.memory_bytes = memory, .context_growth_bytes = margin});
      const auto error = error_of([&] {
        const auto backend = cuda_backend(problem);
        EXPECT_EQ(reads_ratings_from_the_host(*backend), memory < needed);
        train_once(*backend, algorithm);
      });
      EXPECT_FALSE(error) << text(error);
    }
  }
}

TEST(CudaTable, LeavesALargeDeviceAMarginForAllOfItsThreads) {
  simt::reset_device({.memory_bytes = std::size_t{141'000'000'000}, .processors = 132});
  const DevicePlan plan = plan_cuda(testing::planted_dataset(0.1), spec_of(Als{}), table());
  EXPECT_EQ(plan.parts.back().name, "margin");
  EXPECT_EQ(plan.parts.back().bytes, (64 + 264) << 20);
}

TEST(CudaTable, PlansExactlyWhatItAllocates) {
  std::vector<Algorithm> every_choice = algorithms();
  every_choice.emplace_back(Als{.precision = Precision::fast});
  every_choice.emplace_back(Als{.solver = Solver::conjugate_gradient});
  every_choice.emplace_back(Mle{.updates = Updates::hogwild});
  every_choice.emplace_back(Mle{.storage = FactorStorage::halves});
  every_choice.emplace_back(Bayes{.features = Features::none});
  for (const Algorithm& algorithm : every_choice) {
    for (const int rank : {0, 7, 64}) expect_exact_plan(spec_of(algorithm, rank));
  }
  expect_exact_plan(spec_of(Als{}, 257));
}

TEST(CudaTable, TrainsOnRatingsInHostMemoryToTheBytesOfThoseOnTheDevice) {
  std::vector<Algorithm> every_choice = algorithms();
  every_choice.emplace_back(Als{.solver = Solver::conjugate_gradient});
  for (const Algorithm& algorithm : every_choice) {
    SCOPED_TRACE(algorithm_name(algorithm));
    const TrainingProblem problem = problem_of(spec_of(algorithm, 33));
    const auto trained = [&](std::size_t memory_bytes) {
      simt::reset_device({.memory_bytes = memory_bytes});
      const auto backend = cuda_backend(problem);
      for (int epoch = 0; epoch < 2; ++epoch) train_once(*backend, algorithm);
      const SideFactors row = backend->solve_rows(Side::users, {{0, 2}, {1, 3}, {1.5F, -0.5F}});
      return std::make_tuple(reads_ratings_from_the_host(*backend), backend->state(), row.factors,
                             backend->objective().value);
    };
    const auto on_device = trained(std::size_t{1} << 30);
    // A byte short of what it takes; what folding in needs is in the margin.
    simt::reset_device();
    cuda_backend(problem);
    const auto on_host = trained(simt::most_device_bytes_used() + margin - 1);
    EXPECT_FALSE(std::get<0>(on_device));
    EXPECT_TRUE(std::get<0>(on_host));
    EXPECT_EQ(std::get<1>(on_host), std::get<1>(on_device));
    EXPECT_EQ(std::get<2>(on_host), std::get<2>(on_device));
    EXPECT_EQ(std::get<3>(on_host), std::get<3>(on_device));
    EXPECT_EQ(simt::leaks(), "");
  }
}

/// With users who have rated nothing behind the others: of their factors k alone decides the size.
TrainingProblem with_silent_users(const ModelSpec& spec, std::int32_t more) {
  TrainingProblem problem = problem_of(spec);
  problem.by_user.offsets.insert(problem.by_user.offsets.end(), static_cast<std::size_t>(more),
                                 problem.by_user.offsets.back());
  problem.start = start_factors(testing::users + more, testing::items, spec.rank, 0.1, spec.seed);
  return problem;
}

TEST(CudaTable, RefusesAProblemThatDoesNotFitWithBothSizesAndNamesTheLargestKThatDoes) {
  constexpr std::int32_t silent = 100'000;  // 6.1 MiB for every 16 factors
  simt::reset_device({.memory_bytes = std::size_t{140} << 20});
  const auto error = error_of([] { cuda_backend(with_silent_users(spec_of(Als{}, 64), silent)); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::out_of_memory);
  EXPECT_EQ(error->place(), "--k 64");
  EXPECT_THAT(
      error->what(),
      MatchesRegex("training needs 1[4-9][0-9]\\.0 MiB of the GPU's memory \\(74\\.0 MiB of "
                   "it a margin for the driver\\), 140\\.0 MiB are free there; the largest "
                   "k that fits is [1-9][0-9]*"));
  EXPECT_THAT(error->help(), HasSubstr("--device cpu"));
  EXPECT_EQ(simt::leaks(), "");
  const std::string what = error->what();
  const int fits = std::stoi(what.substr(what.rfind(' ')));
  EXPECT_FALSE(error_of([&] { cuda_backend(with_silent_users(spec_of(Als{}, fits), silent)); }));
  EXPECT_TRUE(error_of([&] { cuda_backend(with_silent_users(spec_of(Als{}, fits + 1), silent)); }));
}

TEST(CudaTable, NamesTheLibraryThatExactSolvesOfLargeRanksMiss) {
  simt::reset_device();
  simt::set_vendor_libraries(false);
  const auto error = error_of([] { cuda_backend(tiny_problem(spec_of(Als{}, 257))); });
  EXPECT_FALSE(error_of([] { cuda_backend(tiny_problem(spec_of(Als{}, 256))); }));
  simt::set_vendor_libraries(true);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::device_unavailable);
  EXPECT_EQ(error->place(), "--k 257");
  EXPECT_THAT(error->what(), HasSubstr("libcublas.so.13: no such library"));
  EXPECT_THAT(error->help(), HasSubstr("--solver cg"));
  EXPECT_FALSE(error_of([] { cuda_backend(tiny_problem(spec_of(Als{}, 257))); }));
}

TEST(CudaTable, SolvesRowsOfLargeRanksByTheLibrariesOrSaysThatTheCpuDoesAndWhy) {
  simt::reset_device();
  for (const Algorithm& algorithm :
       {Algorithm(LeastSquares{}), Algorithm(Als{.solver = Solver::conjugate_gradient})}) {
    const auto backend = cuda_backend(tiny_problem(spec_of(algorithm, 257)));
    const std::int64_t before = simt::allocations_made();
    const auto solve = [&] {
      return backend->solve_rows(Side::users, {{0, 2}, {1, 3}, {1.5F, -0.5F}}).factors;
    };
    EXPECT_EQ(backend->row_solver({}), backend->description());
    const std::vector<float> by_libraries = solve();
    EXPECT_GT(simt::allocations_made(), before) << "on the device";
    simt::set_vendor_libraries(false);
    EXPECT_THAT(backend->row_solver({}),
                MatchesRegex("cpu \\([a-z0-9]+\\): exact row solves beyond k 256 need cuBLAS and "
                             "cuSOLVER on a GPU: .*libcublas.*"));
    const std::int64_t with_libraries = simt::allocations_made();
    const std::vector<float> on_the_cpu = solve();
    EXPECT_EQ(simt::allocations_made(), with_libraries) << "not on the device";
    simt::set_vendor_libraries(true);
    ASSERT_EQ(on_the_cpu.size(), by_libraries.size());
    for (std::size_t j = 0; j < on_the_cpu.size(); ++j) {
      EXPECT_NEAR(on_the_cpu[j], by_libraries[j], 1e-4);  // float against float, of two ratings
    }
  }
}

TEST(CudaTable, RefusesARankThatABlocksSharedMemoryDoesNotHold) {
  simt::reset_device({.block_shared_bytes = std::size_t{99} << 10});
  const auto error = error_of([] { cuda_backend(tiny_problem(spec_of(Als{}, 256))); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::usage);
  EXPECT_THAT(error->what(), HasSubstr("als at rank 256 needs 166336 bytes of shared memory"));
  EXPECT_THAT(error->help(), HasSubstr("--device cpu"));
  EXPECT_EQ(simt::most_device_bytes_used(), 0);
  const auto backend = cuda_backend(tiny_problem(spec_of(Als{}, 192)));
  EXPECT_NO_THROW(train_once(*backend, Als{}));
}

TEST(CudaTable, AllocatesNothingInAnEpoch) {
  std::vector<Algorithm> every_choice = algorithms();
  every_choice.emplace_back(Als{.solver = Solver::conjugate_gradient});
  for (const Algorithm& algorithm : every_choice) {
    SCOPED_TRACE(algorithm_name(algorithm));
    simt::reset_device();
    const auto backend = cuda_backend(problem_of(spec_of(algorithm, 33)));
    const std::int64_t before = simt::allocations_made();
    for (int epoch = 0; epoch < 2; ++epoch) train_once(*backend, algorithm);
    backend->set_factors(backend->factors());
    EXPECT_EQ(simt::allocations_made(), before);
  }
}

/// A training of one epoch, and whether the device has too little memory for its ratings.
struct ShortTraining {
  std::string name;
  Algorithm algorithm;
  std::int32_t rank = 5;
  bool ratings_on_host = false;

  friend void PrintTo(const ShortTraining& training, std::ostream* out) { *out << training.name; }
};

std::vector<ShortTraining> short_trainings() {
  return {{"als", Als{}},
          {"mle", Mle{}},
          {"ls", LeastSquares{.inner_steps = 2}},
          {"bayes", Bayes{}},
          {"als_by_conjugate_gradients", Als{.solver = Solver::conjugate_gradient}},
          {"als_fast", Als{.precision = Precision::fast}},
          {"mle_by_hogwild", Mle{.updates = Updates::hogwild}},
          {"als_of_rank_0", Als{}, 0},
          {"mle_of_rank_0", Mle{}, 0},
          {"ls_of_rank_0", LeastSquares{.inner_steps = 2}, 0},
          {"bayes_of_rank_0", Bayes{}, 0},
          {"als_of_ratings_on_the_host", Als{}, 5, true},
          {"ls_of_ratings_on_the_host", LeastSquares{.inner_steps = 2}, 5, true}};
}

/// Fails every call in turn; the message must name the call's source line, and nothing leak.
void expect_every_failure_told(const ShortTraining& training, cudaError_t failure, ExitCode code) {
  const TrainingProblem problem = tiny_problem(spec_of(training.algorithm, training.rank));
  simt::reset_device();
  simt::DeviceModel model;
  if (training.ratings_on_host) {
    cuda_backend(problem);
    model.memory_bytes = simt::most_device_bytes_used() + margin - 1;
    simt::reset_device(model);
    ASSERT_TRUE(reads_ratings_from_the_host(*cuda_backend(problem)));
  }
  testing::expect_failed_calls_are_told(
      [&]() -> std::optional<std::string> {
        const auto error = error_of([&] {
          const auto backend = cuda_backend(problem);
          train_once(*backend, training.algorithm);
          backend->solve_rows(Side::users, {{0, 2}, {1, 3}, {1.5F, -0.5F}});
          backend->set_regularization({0, 0.6, 0.5});
          backend->state();
        });
        if (!error) return std::nullopt;
        EXPECT_TRUE(error->code() == code || error->code() == ExitCode::device_unavailable)
            << text(error);
        return error->what();
      },
      failure, training.rank == 0 ? 20 : 50, "kernels/cuda/", model);
}

/// All calls are made once or twice in a step: more of them would be the same over again.
class CudaTableOf : public ::testing::TestWithParam<ShortTraining> {};
INSTANTIATE_TEST_SUITE_P(ShortTrainings, CudaTableOf, ::testing::ValuesIn(short_trainings()),
                         [](const auto& tested) { return tested.param.name; });

TEST_P(CudaTableOf, TellsEveryFailedCallWithItsPlace) {
  expect_every_failure_told(GetParam(), cudaErrorIllegalAddress, ExitCode::internal);
}

TEST_P(CudaTableOf, TellsEveryFailedAllocationWithItsPlace) {
  expect_every_failure_told(GetParam(), cudaErrorMemoryAllocation, ExitCode::out_of_memory);
}

/// Everything that changes what F is of, one after the other.
std::vector<std::function<void(Backend&)>> changes_of(const TrainingProblem& problem) {
  const Algorithm& algorithm = problem.spec.algorithm;
  std::vector<std::function<void(Backend&)>> changes;
  if (std::holds_alternative<Als>(algorithm) || is_bayes(problem.spec)) {
    changes.emplace_back([](Backend& backend) { backend.als_half_sweep(Side::users); });
    changes.emplace_back([](Backend& backend) { backend.als_half_sweep(Side::items); });
  }
  if (is_bayes(problem.spec)) {
    changes.emplace_back([](Backend& backend) {
      backend.start_gibbs();
      backend.gibbs_sweep(0, 0);
    });
  } else if (std::holds_alternative<Mle>(algorithm)) {
    changes.emplace_back([](Backend& backend) { backend.sgd_epoch(0.05, 0); });
  } else if (std::holds_alternative<LeastSquares>(algorithm)) {
    changes.emplace_back([](Backend& backend) { backend.least_squares_step(); });
    changes.emplace_back([](Backend& backend) { backend.least_squares_step(); });
  }
  changes.emplace_back([](Backend& backend) {
    Factors factors = backend.factors();
    for (float& factor : factors.items.factors) factor *= 2;
    backend.set_factors(factors);
  });
  changes.emplace_back(
      [start = cuda_backend(problem)->state()](Backend& backend) { backend.restore(start); });
  changes.emplace_back([](Backend& backend) { backend.set_regularization({3, 2, 0.25}); });
  return changes;
}

TEST(CudaTable, ComputesTheObjectiveOnceAndAgainAfterEveryChange) {
  for (const Algorithm& algorithm : algorithms()) {
    SCOPED_TRACE(algorithm_name(algorithm));
    simt::reset_device();
    const TrainingProblem problem = tiny_problem(spec_of(algorithm, 5));
    const auto asked = cuda_backend(problem);
    const auto changes = changes_of(problem);
    double before = asked->objective().value;
    for (std::size_t made = 1; made <= changes.size(); ++made) {
      SCOPED_TRACE(made);
      changes[made - 1](*asked);
      const Objective found = asked->objective();
      const std::int64_t calls = simt::calls_made();
      EXPECT_EQ(asked->objective().value, found.value);
      EXPECT_EQ(simt::calls_made(), calls);
      EXPECT_NE(found.value, before);
      before = found.value;
      const auto never_asked = cuda_backend(problem);
      for (std::size_t change = 0; change < made; ++change) changes[change](*never_asked);
      EXPECT_EQ(never_asked->objective().value, found.value);
      EXPECT_EQ(never_asked->objective().train.squared_error, found.train.squared_error);
      EXPECT_EQ(never_asked->state(), asked->state());
    }
  }
}

TEST(CudaTable, GivesTheSameBytesWhicheverStreamIsAhead) {
  std::vector<Algorithm> every_choice = algorithms();
  every_choice.emplace_back(Als{.solver = Solver::conjugate_gradient});
  for (const Algorithm& algorithm : every_choice) {
    SCOPED_TRACE(algorithm_name(algorithm));
    const auto trained_with = [&](simt::Streams streams) {
      simt::reset_device();
      simt::set_streams(streams);
      const auto backend = cuda_backend(problem_of(spec_of(algorithm, 5)));
      train_once(*backend, algorithm);
      const SideFactors solved = backend->solve_rows(Side::users, {{0, 2}, {1, 3}, {1.5F, -0.5F}});
      backend->set_regularization({0, 0.6, 0.5});
      train_once(*backend, algorithm);
      return std::tuple(backend->factors().users.factors, backend->factors().items.factors,
                        solved.factors, backend->objective().value);
    };
    const auto expected = trained_with(simt::Streams::late);
    for (const simt::Streams streams :
         {simt::Streams::eager, simt::Streams::first_ahead, simt::Streams::second_ahead}) {
      EXPECT_EQ(trained_with(streams), expected) << static_cast<int>(streams);
    }
  }
}

TEST(CudaTable, MakesTheRatingsByItemFromThoseByUser) {
  for (const Algorithm& algorithm : {Algorithm{Als{}}, Algorithm{LeastSquares{}}}) {
    SCOPED_TRACE(algorithm_name(algorithm));
    simt::reset_device();
    const TrainingProblem complete = problem_of(spec_of(algorithm, 17));
    TrainingProblem offsets_alone = complete;
    offsets_alone.by_item.columns.clear();
    offsets_alone.by_item.values.clear();
    const auto cuda = cuda_backend(offsets_alone);
    const auto cpu = make_cpu_backend(complete, {});
    train_once(*cuda, algorithm);
    train_once(*cpu, algorithm);
    // Float against float; a rating in a wrong row moves F by percents.
    EXPECT_NEAR(cuda->objective().value, cpu->objective().value, 1e-4 * cpu->objective().value);
  }
}

TEST(CudaTable, RefusesOffsetsByItemThatAreNotThoseOfTheRatings) {
  simt::reset_device();
  for (const std::size_t item : {std::size_t{1}, std::size_t{20}, std::size_t{testing::items}}) {
    TrainingProblem problem = problem_of(spec_of(Als{}));
    ++problem.by_item.offsets[item];
    const auto error = error_of([&] { cuda_backend(problem); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code(), ExitCode::internal);
    EXPECT_THAT(error->what(), HasSubstr("the offsets by item are not those of the ratings"));
  }
  EXPECT_EQ(simt::leaks(), "");
}

std::unique_ptr<Backend> trained(const TrainingProblem& problem, int epochs) {
  auto backend = cuda_backend(problem);
  for (int epoch = 0; epoch < epochs; ++epoch) backend->sgd_epoch(0.1, epoch);
  return backend;
}

TEST(CudaTable, OfHogwildComesWithinOnePercentOfTheBlockedObjective) {
  simt::reset_device();
  const TrainingProblem blocked = problem_of(spec_of(Mle{}));
  TrainingProblem hogwild = problem_of(spec_of(Mle{.updates = Updates::hogwild}));
  hogwild.schedule = make_hogwild_schedule(hogwild.by_user, testing::items, 42);
  constexpr int epochs = 12;
  const auto reached = trained(hogwild, epochs);
  const auto expected = trained(blocked, epochs);
  EXPECT_NEAR(reached->objective().value, expected->objective().value,
              0.01 * expected->objective().value);
  EXPECT_NE(reached->state(), expected->state()) << "another order gives other bytes";
}

/// User j has rated item j and no other, so that no two steps meet: what is visited side by side
/// cannot be told from what is visited in turn.
TrainingProblem problem_without_meetings(std::int32_t rows) {
  TrainingProblem problem = problem_of(spec_of(Mle{.updates = Updates::hogwild}, 0));
  CompressedMatrix& ratings = problem.by_user;
  ratings = {.offsets = {0}, .columns = {}, .values = {}};
  for (std::int32_t row = 0; row < rows; ++row) {
    ratings.columns.push_back(row);
    ratings.values.push_back(static_cast<float>(row % 97 - 48) / 32);
    ratings.offsets.push_back(row + 1);
  }
  problem.by_item = transpose(ratings, rows);
  problem.schedule = make_hogwild_schedule(ratings, rows, 42);
  problem.start = start_factors(rows, rows, 0, 0.1, 1);
  return problem;
}

TEST(CudaTable, OfHogwildVisitsEveryRatingOnce) {
  // The accumulator of a bias, 1 at first, grows by the squared slope of each visit. The first,
  // from parameters and a mean of 0, has rating² and moves both biases by next to nothing.
  constexpr std::int32_t rows = 3001;
  simt::reset_device();
  const TrainingProblem problem = problem_without_meetings(rows);
  const auto backend = cuda_backend(problem);
  backend->sgd_epoch(1e-30, 3);
  int arrays = 0;
  for (const auto& array : backend->state().arrays) {
    if (array.name != "user_bias_sums" && array.name != "item_bias_sums") continue;
    ++arrays;
    const auto& sums = std::get<std::vector<float>>(array.values);
    ASSERT_EQ(sums.size(), static_cast<std::size_t>(rows));
    for (std::size_t row = 0; row < sums.size(); ++row) {
      const float rating = problem.by_user.values[row];
      EXPECT_EQ(sums[row], 1 + rating * rating) << array.name << " " << row;
    }
  }
  EXPECT_EQ(arrays, 2);
}

/// The error of four epochs of als on ratings of every user and item, which nobody has given.
double als_test_error(Precision precision, const Regularization& regularization) {
  simt::reset_device();
  ModelSpec spec = spec_of(Als{.precision = precision}, 16);
  spec.regularization = regularization;
  TrainingProblem problem = problem_of(spec);
  problem.held_out = {{}};
  for (std::int32_t user = 0; user < testing::users; ++user) {
    for (std::int32_t item = 0; item < testing::items; ++item) {
      problem.held_out[0].users.push_back(user);
      problem.held_out[0].items.push_back(item);
      problem.held_out[0].ratings.push_back(static_cast<float>((3 * user + item) % 5));
    }
  }
  const auto backend = cuda_backend(problem);
  for (int epoch = 0; epoch < 4; ++epoch) train_once(*backend, Als{});
  const ErrorSums errors = backend->held_out_errors(0);
  return std::sqrt(errors.squared_error / static_cast<double>(errors.count));
}

TEST(CudaTable, OfFastPrecisionHasTheTestErrorOfFloatsWhereLambdaIsAsByDefault) {
  const Regularization by_default = ModelSpec{}.regularization;
  EXPECT_NEAR(als_test_error(Precision::fast, by_default),
              als_test_error(Precision::fp32, by_default), 1e-4);
}

TEST(CudaTable, OfFastPrecisionHasTheTestErrorOfFloatsWhereLambdaIsSmall) {
  // Rows that are not refined are 2e-5 and more away.
  constexpr Regularization small = {.factors = 0.01, .biases = 0.01, .scaling = 0.5};
  EXPECT_NEAR(als_test_error(Precision::fast, small), als_test_error(Precision::fp32, small), 2e-6);
}

TEST(CudaTable, InHalvesComesNearTheErrorOfFloats) {
  simt::reset_device();
  constexpr int epochs = 8;
  const auto rmse = [](Backend& backend) {
    const ErrorSums train = backend.objective().train;
    return std::sqrt(train.squared_error / static_cast<double>(train.count));
  };
  const auto floats = trained(problem_of(spec_of(Mle{})), epochs);
  const auto halves = trained(problem_of(spec_of(Mle{.storage = FactorStorage::halves})), epochs);
  EXPECT_NEAR(rmse(*halves), rmse(*floats), 0.01 * rmse(*floats));
  // A half of this size has 13 bits of fraction fewer than a float.
  int factors_of_full_size = 0;
  for (const float factor : halves->factors().users.factors) {
    if (std::abs(factor) < 0x1p-14F) continue;
    ++factors_of_full_size;
    EXPECT_EQ(std::bit_cast<std::uint32_t>(factor) & 0x1FFFU, 0U) << factor << " is no half";
  }
  EXPECT_GT(factors_of_full_size, 200);
}

TEST(CudaTable, RoundsToHalvesByTheSeed) {
  simt::reset_device();
  TrainingProblem problem = problem_of(spec_of(Mle{.storage = FactorStorage::halves}));
  const BackendState first = trained(problem, 1)->state();
  EXPECT_EQ(trained(problem, 1)->state(), first);
  ++problem.spec.seed;  // of one block alone the order of stages is the same
  ASSERT_EQ(problem.schedule.grid, 1);
  EXPECT_NE(trained(problem, 1)->state(), first);
}

/// Fails the number-th call of setting penalties under which other rows are short, and goes on: the
/// factors after a step with them. Whether there was such a call.
bool goes_on_after(std::int64_t number, const TrainingProblem& problem, const Factors& expected) {
  constexpr Regularization other = {0, 0.6, 0.5};
  const Algorithm& algorithm = problem.spec.algorithm;
  simt::reset_device();
  const auto backend = cuda_backend(problem);
  const auto set = [&] { backend->set_regularization(other); };
  simt::fail_call(number, cudaErrorMemoryAllocation);
  const auto error = error_of(set);
  const bool failed = !simt::failed_call().empty();
  simt::fail_call(0, cudaSuccess);
  if (error) {
    const auto refused = error_of([&] { train_once(*backend, algorithm); });
    EXPECT_THAT(text(refused), HasSubstr("could not be set")) << "call " << number;
    EXPECT_THAT(text(error_of([&] { backend->objective(); })), HasSubstr("could not be set"));
    EXPECT_FALSE(error_of(set));
  }
  train_once(*backend, algorithm);
  const Factors found = backend->factors();
  EXPECT_EQ(found.users.factors, expected.users.factors) << "call " << number;
  EXPECT_EQ(found.items.factors, expected.items.factors) << "call " << number;
  return failed;
}

TEST(CudaTable, DoesNothingWithPenaltiesThatCouldNotBeSetUntilTheyAre) {
  for (const Algorithm& algorithm : {Algorithm{Als{}}, Algorithm{Mle{}}, Algorithm{LeastSquares{}},
                                     Algorithm{Als{.solver = Solver::conjugate_gradient}}}) {
    SCOPED_TRACE(algorithm_name(algorithm));
    const TrainingProblem problem = tiny_problem(spec_of(algorithm));
    simt::reset_device();
    const Factors expected = [&] {
      const auto backend = cuda_backend(problem);
      backend->set_regularization({0, 0.6, 0.5});
      train_once(*backend, algorithm);
      return backend->factors();
    }();
    std::int64_t number = 1;
    while (goes_on_after(number, problem, expected)) ++number;
    EXPECT_GT(number, 3);
  }
}

TEST(CudaTable, PlansForADryRunWhatTrainingAllocates) {
  const Dataset dataset = testing::planted_dataset(0.1);
  std::vector<Algorithm> every_choice = algorithms();
  every_choice.emplace_back(Mle{.updates = Updates::hogwild});
  for (const Algorithm& algorithm : every_choice) {
    SCOPED_TRACE(algorithm_name(algorithm));
    const ModelSpec spec = spec_of(algorithm);
    simt::reset_device();
    const std::int64_t planned = plan_cuda(dataset, spec, table()).total_bytes;
    EXPECT_EQ(simt::most_device_bytes_used(), 0);
    const auto backend = cuda_backend(make_problem(
        dataset, spec, nullptr, {.grid = grid_for_warps, .by_item = RatingsByItem::offsets}));
    EXPECT_EQ(simt::most_device_bytes_used() + margin, static_cast<std::size_t>(planned));
  }
}

TEST(CudaTable, IsUsableAfterARefusal) {
  constexpr std::int32_t silent = 100'000;
  simt::reset_device({.memory_bytes = std::size_t{140} << 20});
  EXPECT_THROW(cuda_backend(with_silent_users(spec_of(Als{}, 256), silent)), Error);
  const auto backend = cuda_backend(with_silent_users(spec_of(Als{}, 5), silent));
  EXPECT_NO_THROW(train_once(*backend, Als{}));
}

}  // namespace
}  // namespace alsatian
