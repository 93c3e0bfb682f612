// The CUDA backend against the reference backend, verb by verb, on the same problem: run by the GPU
// suite on a GPU, and by the suite without one on the kernels as g++ compiles them.
#include "host/error.hpp"
#include "tests/gpu/backend_under_test.hpp"
#include "tests/support/backend_pairs.hpp"
#include "tests/support/expect_error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace alsatian {
namespace {

using testing::BackendPair;
using testing::cuda_backend;
using testing::expect_equal_factors;
using testing::expect_equal_figures;
using testing::expect_equal_half_sweeps;
using testing::items;
using testing::largest_difference;
using testing::problem_of;
using testing::solve_error;
using testing::spec_of;
using testing::users;

constexpr Als by_conjugate_gradients{.solver = Solver::conjugate_gradient, .solver_steps = 3};

/// One training of every algorithm, and at rank 0.
std::vector<ModelSpec> trainings() {
  return {spec_of(Als{}, 17),
          spec_of(Mle{}, 17),
          spec_of(Mle{.optimizer = Optimizer::sgd}, 5, Poisson{}),
          spec_of(LeastSquares{}, 17),
          spec_of(Als{}, 0),
          spec_of(Mle{}, 0),
          spec_of(LeastSquares{}, 0),
          spec_of(Bayes{}, 17),
          spec_of(Bayes{.features = Features::none}, 0)};
}

/// The same, and with factors in halves, which no other backend has.
std::vector<ModelSpec> trainings_of_a_gpu() {
  std::vector<ModelSpec> specs = trainings();
  specs.push_back(spec_of(Mle{.storage = FactorStorage::halves}, 17));
  specs.push_back(spec_of(Als{.precision = Precision::fast}, 17));
  specs.push_back(spec_of(by_conjugate_gradients, 17));
  return specs;
}

BackendPair pair_of(const ModelSpec& spec) { return {problem_of(spec), cuda_backend}; }

class CudaBackendOf : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { ALSATIAN_NEED_GPU(); }
};

TEST_P(CudaBackendOf, SweepsLikeTheReference) {
  BackendPair pair = pair_of(spec_of(Als{}, GetParam()));
  for (int sweep = 0; sweep < 2; ++sweep) {
    expect_equal_half_sweeps(pair, Side::users);
    expect_equal_half_sweeps(pair, Side::items);
  }
  expect_equal_figures(pair);
}

TEST_P(CudaBackendOf, SweepsByConjugateGradientsLikeTheReference) {
  BackendPair pair = pair_of(spec_of(by_conjugate_gradients, GetParam()));
  expect_equal_half_sweeps(pair, Side::users, by_conjugate_gradients.solver_steps);
  expect_equal_half_sweeps(pair, Side::items, by_conjugate_gradients.solver_steps);
  expect_equal_figures(pair);
}

TEST_P(CudaBackendOf, GivesTheSameBytesTwice) {
  for (const Als& algorithm : {Als{}, by_conjugate_gradients}) {
    const auto run = [&] {
      const auto backend = cuda_backend(problem_of(spec_of(algorithm, GetParam())));
      backend->als_half_sweep(Side::users);
      backend->als_half_sweep(Side::items);
      return std::make_pair(backend->state(), backend->objective().value);
    };
    EXPECT_EQ(run(), run());
  }
}

TEST_P(CudaBackendOf, DescendsLikeTheReferenceForEveryLikelihood) {
  const int rank = GetParam();
  const Likelihood likelihoods[] = {Gaussian{}, Laplace{}, Poisson{}, Bernoulli{}};
  for (const Likelihood& likelihood : likelihoods) {
    for (const Optimizer optimizer : {Optimizer::adagrad, Optimizer::sgd}) {
      SCOPED_TRACE(likelihood_name(likelihood));
      BackendPair pair = pair_of(spec_of(Mle{.optimizer = optimizer}, rank, likelihood));
      for (int epoch = 0; epoch < 3; ++epoch) {
        pair.fast->sgd_epoch(0.03, epoch);
        pair.exact->sgd_epoch(0.03, epoch);
      }
      // The heavy user has rated every item, and an item has at most one rating of each user.
      expect_equal_factors(pair, testing::tolerance::descent<float>(3 * users, 0.03, rank));
      expect_equal_figures(pair);
    }
  }
}

/// Largest differences of the draws' rows, and of what the report says beside them.
void expect_equal_sweeps(BackendPair& pair, double allowed) {
  for (int sweep = 0; sweep < 3; ++sweep) {
    const GibbsReport fast = pair.fast->gibbs_sweep(sweep, 1);
    const GibbsReport exact = pair.exact->gibbs_sweep(sweep, 1);
    expect_equal_factors(pair, allowed);
    EXPECT_NEAR(fast.noise_precision, exact.noise_precision, allowed * exact.noise_precision);
    EXPECT_NEAR(fast.user_weight_precision, exact.user_weight_precision,
                allowed * exact.user_weight_precision);
    EXPECT_NEAR(fast.item_weight_precision, exact.item_weight_precision,
                allowed * exact.item_weight_precision);
  }
  const GibbsUserPrior drawn = pair.fast->gibbs_user_prior();
  const GibbsUserPrior expected = pair.exact->gibbs_user_prior();
  ASSERT_EQ(drawn.mean.size(), expected.mean.size());
  for (std::size_t j = 0; j < expected.mean.size(); ++j) {
    EXPECT_NEAR(drawn.mean[j], expected.mean[j], allowed);
  }
  ASSERT_EQ(drawn.weights.size(), expected.weights.size());
  for (std::size_t j = 0; j < expected.weights.size(); ++j) {
    EXPECT_NEAR(drawn.weights[j], expected.weights[j], allowed);
  }
}

TEST_P(CudaBackendOf, DrawsTheFirstSweepsOfTheReference) {
  for (const Features features : {Features::none, Features::implicit}) {
    BackendPair pair = pair_of(spec_of(Bayes{.features = features}, GetParam()));
    pair.fast->start_gibbs();
    pair.exact->start_gibbs();
    // As for the CPU's sweeps: B is exact to 2e-3 of the deviations of its draw up to what its
    // preconditioner leaves out, and rows follow it. Without B there are float's roundings of a few
    // hundred products, and the condition of the rows' equations, below 100.
    expect_equal_sweeps(pair, features == Features::none ? 2e-3 : 2e-2);
  }
}

TEST_P(CudaBackendOf, SolvesNewRowsLikeTheReference) {
  BackendPair pair = pair_of(spec_of(Als{}, GetParam()));
  pair.fast->als_half_sweep(Side::users);
  pair.exact->set_factors(pair.fast->factors());
  const CompressedMatrix rows{{0, 2, 2, 5}, {3, 11, 0, 3, 40}, {1.5F, -0.5F, 0.2F, 1, -1}};
  const Factors fixed = pair.exact->factors();
  for (const Side side : {Side::users, Side::items}) {
    const SideFactors fast = pair.fast->solve_rows(side, rows);
    const SideFactors exact = pair.exact->solve_rows(side, rows);
    EXPECT_EQ(fast.rows, 3);
    EXPECT_LE(largest_difference(fast, exact),
              solve_error(side == Side::users ? fixed.items : fixed.users, exact, 3));
  }
}

INSTANTIATE_TEST_SUITE_P(EveryRank, CudaBackendOf, ::testing::ValuesIn(testing::ranks_under_test()),
                         ::testing::PrintToStringParamName());

class CudaBackend : public ::testing::Test {
 protected:
  void SetUp() override { ALSATIAN_NEED_GPU(); }
};

TEST_F(CudaBackend, SweepsRowsOfMoreRatingsThanItsTilesHoldLikeTheReference) {
  constexpr std::int32_t raters = 97;
  for (const std::int32_t rank : {33, 90}) {
    const auto planted = testing::planted_problem(
        {.users = raters, .items = 5, .density = 0.1, .signal = 0.4, .heavy_items = 1});
    TrainingProblem problem;
    problem.spec = spec_of(Als{}, rank);
    problem.by_user = testing::to_matrix(planted.by_user_float);
    problem.by_item = testing::to_matrix(planted.by_item_float);
    problem.start = start_factors(raters, 5, rank, 0.1, problem.spec.seed);
    BackendPair pair{problem, cuda_backend};
    ASSERT_EQ(problem.by_item.offsets[1], raters);
    expect_equal_half_sweeps(pair, Side::items, 1, raters);
  }
}

TEST_F(CudaBackend, SweepsWithoutBiasesLikeTheReference) {
  for (const Als& algorithm : {Als{}, by_conjugate_gradients}) {
    ModelSpec spec = spec_of(algorithm, 3);
    spec.biases = false;
    BackendPair pair = pair_of(spec);
    expect_equal_half_sweeps(pair, Side::users, 3);
    EXPECT_TRUE(std::ranges::all_of(pair.fast->factors().users.biases,
                                    [](float bias) { return bias == 0; }));
    expect_equal_figures(pair);
  }
}

TEST_F(CudaBackend, SweepsRanksBeyondTheFusedKernelsByTheVendorsLibraries) {
  for (const int rank : {257, 300}) {
    if (const auto error =
            testing::error_of([&] { cuda_backend(problem_of(spec_of(Als{}, rank))); })) {
      GTEST_SKIP() << error->what();
    }
    BackendPair pair = pair_of(spec_of(Als{}, rank));
    expect_equal_half_sweeps(pair, Side::users);
    expect_equal_half_sweeps(pair, Side::items);
    expect_equal_figures(pair);
  }
}

/// The same factors as those of a larger rank whose further columns are 0.
SideFactors widened(const SideFactors& side, std::int32_t rank) {
  SideFactors wide(side.rows, rank);
  for (std::int64_t row = 0; row < side.rows; ++row) {
    std::copy_n(side.row(row), side.rank, wide.row(row));
  }
  wide.biases = side.biases;
  return wide;
}

TEST_F(CudaBackend, SolvesTheSameRowsByTheVendorsLibrariesAsByTheFusedKernels) {
  // Columns that are 0 on the other side are 0 in every solved row: rows of a rank that is left to
  // the libraries are those of a rank that is not.
  constexpr std::int32_t of_libraries = 257;
  std::unique_ptr<Backend> vendor;
  if (const auto error = testing::error_of(
          [&] { vendor = cuda_backend(problem_of(spec_of(Als{}, of_libraries))); })) {
    GTEST_SKIP() << error->what();
  }
  for (const std::int32_t rank : {64, 128, 256}) {
    SCOPED_TRACE(rank);
    const auto fused = cuda_backend(problem_of(spec_of(Als{}, rank)));
    for (const Side side : {Side::users, Side::items}) {
      const Factors start = fused->factors();
      vendor->set_factors({widened(start.users, of_libraries), widened(start.items, of_libraries)});
      vendor->als_half_sweep(side);
      fused->als_half_sweep(side);
      const bool is_user = side == Side::users;
      const Factors by_kernels = fused->factors();
      const Factors by_libraries = vendor->factors();
      const SideFactors& own = is_user ? by_kernels.users : by_kernels.items;
      const SideFactors wide = widened(own, of_libraries);
      const SideFactors& opposite = is_user ? start.items : start.users;
      const std::int32_t most = is_user ? items : users;
      // Each is as far from the exact rows as float takes it, at the order of its own.
      EXPECT_LE(largest_difference(is_user ? by_libraries.users : by_libraries.items, wide),
                solve_error(opposite, own, most) + solve_error(opposite, wide, most));
      EXPECT_GT(testing::largest_square(own), 0.01) << "or there is nothing to compare";
    }
  }
}

TEST_F(CudaBackend, SweepsRanksBeyondTheFusedKernelsByConjugateGradients) {
  for (const int rank : {257, 600}) {
    BackendPair pair = pair_of(spec_of(by_conjugate_gradients, rank));
    expect_equal_half_sweeps(pair, Side::users, by_conjugate_gradients.solver_steps);
    expect_equal_figures(pair);
  }
}

TEST_F(CudaBackend, FoldsInAUserAsTrainingSolvedIt) {
  const TrainingProblem problem = problem_of(spec_of(Als{}, 33));
  const auto backend = cuda_backend(problem);
  backend->als_half_sweep(Side::users);
  const SideFactors trained = backend->factors().users;
  for (const std::int32_t user : {0, 7, 23}) {  // the first has rated everything
    const SideFactors row =
        backend->solve_rows(Side::users, select_rows(problem.by_user, std::vector{user}));
    EXPECT_TRUE(std::equal(row.factors.begin(), row.factors.end(), trained.row(user))) << user;
    EXPECT_EQ(row.biases.front(), trained.biases[static_cast<std::size_t>(user)]) << user;
  }
  EXPECT_EQ(backend->factors().users.factors, trained.factors) << "fold-in changes nothing";
}

TEST_F(CudaBackend, SolvesRowsWithAPriorLikeTheReference) {
  const TrainingProblem problem = problem_of(spec_of(Als{}));
  std::vector<double> precision(36);
  for (std::size_t j = 0; j < 6; ++j) {
    for (std::size_t q = j; q < 6; ++q) precision[6 * j + q] = 1.0 / static_cast<double>(1 + q - j);
  }
  const Factors drawn = start_factors(users, items, 5, 0.7, 3);
  const RowPrior prior{.precision = precision, .means = &drawn.users};
  const SideFactors fast = cuda_backend(problem)->solve_rows(Side::users, problem.by_user, prior);
  const SideFactors exact =
      make_reference_backend(problem)->solve_rows(Side::users, problem.by_user, prior);
  // Values of size about 1 in float, of equations whose condition is at most about 100.
  EXPECT_LE(largest_difference(fast, exact), 1e-4);
}

TEST_F(CudaBackend, FollowsANewRegularizationLikeTheReference) {
  BackendPair pair = pair_of(spec_of(Als{}, 17));
  for (Backend* backend : {pair.fast.get(), pair.exact.get()}) {
    backend->set_regularization({3, 2, 0.25});
  }
  expect_equal_half_sweeps(pair, Side::users);
  expect_equal_half_sweeps(pair, Side::items);
  expect_equal_figures(pair);
}

TEST_F(CudaBackend, DescendsWithANewRegularizationLikeTheReference) {
  BackendPair pair = pair_of(spec_of(Mle{}));
  for (Backend* backend : {pair.fast.get(), pair.exact.get()}) {
    backend->set_regularization({3, 2, 0.25});
    backend->sgd_epoch(0.03, 0);
  }
  expect_equal_factors(pair, testing::tolerance::descent<float>(users, 0.03, 5));
}

TEST_F(CudaBackend, ForgetsADivergenceWhenFactorsAreSet) {
  const ModelSpec spec = spec_of(Mle{.optimizer = Optimizer::sgd});
  const auto diverged = cuda_backend(problem_of(spec));
  const auto healthy = cuda_backend(problem_of(spec));
  const Factors start = healthy->factors();
  diverged->sgd_epoch(1e30, 0);
  ASSERT_TRUE(diverged->first_non_finite_row().has_value());
  diverged->set_factors(start);
  diverged->sgd_epoch(0.03, 0);
  healthy->sgd_epoch(0.03, 0);
  EXPECT_EQ(diverged->factors().users.factors, healthy->factors().users.factors);
}

TEST_F(CudaBackend, SolvesByTheNormalEquationsWhereLambdaIsZero) {
  BackendPair pair = pair_of(spec_of(Als{}, 2));
  for (Backend* backend : {pair.fast.get(), pair.exact.get()}) {
    backend->set_regularization({0, 0.6, 0.5});
  }
  pair.fast->als_half_sweep(Side::users);
  EXPECT_FALSE(pair.fast->first_non_finite_row().has_value());
  for (Backend* backend : {pair.fast.get(), pair.exact.get()}) {
    backend->set_regularization({0.9, 0.6, 0.5});
  }
  expect_equal_half_sweeps(pair, Side::items);
}

TEST_F(CudaBackend, StartsRowsWithoutRatingsAtZero) {
  const Factors factors = cuda_backend(problem_of(spec_of(Als{})))->factors();
  for (const std::int64_t user : {users - 2, users - 1}) {
    for (std::int32_t j = 0; j < 5; ++j) EXPECT_EQ(factors.users.row(user)[j], 0);
  }
  EXPECT_NE(factors.users.row(0)[0], 0);
}

TEST_F(CudaBackend, GivesBackTheFactorsThatWereSet) {
  const auto backend = cuda_backend(problem_of(spec_of(Als{})));
  backend->als_half_sweep(Side::users);
  const Factors kept = backend->factors();
  backend->als_half_sweep(Side::items);
  EXPECT_NE(backend->factors().items.factors, kept.items.factors);
  backend->set_factors(kept);
  EXPECT_EQ(backend->factors().users.factors, kept.users.factors);
  EXPECT_EQ(backend->factors().items.factors, kept.items.factors);
  EXPECT_EQ(backend->factors().items.biases, kept.items.biases);
}

TEST_F(CudaBackend, NamesTheFirstRowThatIsNotFinite) {
  const auto backend = cuda_backend(problem_of(spec_of(Als{})));
  EXPECT_FALSE(backend->first_non_finite_row().has_value());
  Factors factors = backend->factors();
  factors.items.row(9)[4] = std::numeric_limits<float>::quiet_NaN();
  backend->set_factors(factors);
  const auto bad = backend->first_non_finite_row();
  ASSERT_TRUE(bad.has_value());
  EXPECT_EQ(bad->side, Side::items);
  EXPECT_EQ(bad->row, 9);
  factors.users.biases[3] = std::numeric_limits<float>::infinity();
  backend->set_factors(factors);
  EXPECT_EQ(backend->first_non_finite_row()->side, Side::users);
}

/// Epochs `first` to `last` − 1 as the trainer runs them.
void run(Backend& backend, const ModelSpec& spec, int first, int last) {
  for (int epoch = first; epoch < last; ++epoch) {
    if (std::holds_alternative<Als>(spec.algorithm)) {
      backend.als_half_sweep(Side::users);
      backend.als_half_sweep(Side::items);
    } else if (std::holds_alternative<Mle>(spec.algorithm)) {
      backend.sgd_epoch(0.05 / (1 + epoch), epoch);
    } else if (is_bayes(spec)) {
      if (epoch == 0) backend.start_gibbs();
      backend.gibbs_sweep(epoch, 0);
    } else {
      backend.least_squares_step();
    }
  }
}

TEST_F(CudaBackend, LetsAnotherGoOnWithTheSameBytes) {
  for (const ModelSpec& spec : trainings_of_a_gpu()) {
    SCOPED_TRACE(std::string(algorithm_name(spec.algorithm)) + " " + std::to_string(spec.rank));
    const auto uninterrupted = cuda_backend(problem_of(spec));
    run(*uninterrupted, spec, 0, 2);
    const BackendState saved = uninterrupted->state();
    // Its own past must not matter.
    TrainingProblem other = problem_of(spec);
    other.start = start_factors(users, items, spec.rank, 1.0, spec.seed + 1);
    const auto resumed = cuda_backend(other);
    run(*resumed, spec, 0, 1);
    resumed->restore(saved);
    EXPECT_EQ(resumed->state(), saved);
    run(*uninterrupted, spec, 2, 4);
    run(*resumed, spec, 2, 4);
    EXPECT_EQ(resumed->state(), uninterrupted->state());
    EXPECT_EQ(resumed->objective().value, uninterrupted->objective().value);
  }
}

TEST_F(CudaBackend, KeepsWhatTheBackendOfTheCpuKeeps) {
  for (const ModelSpec& spec : trainings()) {
    const BackendState fast = cuda_backend(problem_of(spec))->state();
    const BackendState expected = make_cpu_backend(problem_of(spec), {})->state();
    EXPECT_EQ(fast, expected) << algorithm_name(spec.algorithm) << ": the same start";
  }
}

/// F after three epochs, or sweeps over both sides.
double objective_after_three(const ModelSpec& spec) {
  const auto backend = cuda_backend(problem_of(spec));
  for (int epoch = 0; epoch < 3; ++epoch) {
    if (std::holds_alternative<Mle>(spec.algorithm)) {
      backend->sgd_epoch(0.05, epoch);
    } else {
      backend->als_half_sweep(Side::users);
      backend->als_half_sweep(Side::items);
    }
  }
  return backend->objective().value;
}

TEST_F(CudaBackend, SweepsFastToTheObjectiveOfFloatsButForTheRoundingOfHalves) {
  const double exact = objective_after_three(spec_of(Als{}, 33));
  const double fast = objective_after_three(spec_of(Als{.precision = Precision::fast}, 33));
  EXPECT_NE(fast, exact) << "something else is summed";
  // A factor is off by 2⁻¹¹ of itself at most, and F's minimum is flat: the square of that, for
  // every one of six half-sweeps, and room for those that are not at a minimum yet.
  EXPECT_NEAR(fast, exact, std::ldexp(exact, -11));
}

TEST_F(CudaBackend, DescendsInHalvesToTheObjectiveOfFloats) {
  const double floats = objective_after_three(spec_of(Mle{}, 17));
  const double halves = objective_after_three(spec_of(Mle{.storage = FactorStorage::halves}, 17));
  EXPECT_NE(halves, floats) << "something else is kept";
  EXPECT_NEAR(halves, floats, 0.01 * floats);
}

TEST_F(CudaBackend, DescendsByHogwild) {
  // So few rows that on a GPU most steps meet others in theirs, and are lost: how near blocks it
  // comes is for the suite without a GPU and for the benchmark to say.
  const double start = cuda_backend(problem_of(spec_of(Mle{}, 17)))->objective().value;
  for (const FactorStorage storage : {FactorStorage::floats, FactorStorage::halves}) {
    EXPECT_LT(
        objective_after_three(spec_of(Mle{.updates = Updates::hogwild, .storage = storage}, 17)),
        start);
  }
}

TEST_F(CudaBackend, ReachesTheReferencesLeastSquaresObjective) {
  BackendPair pair = pair_of(spec_of(LeastSquares{}));
  double fast = 0;
  double exact = 0;
  for (int step = 0; step < 25; ++step) {
    fast = pair.fast->least_squares_step().objective;
    exact = pair.exact->least_squares_step().objective;
  }
  EXPECT_NEAR(fast, exact, 0.01 * exact);  // two ways into the same valley
  const Objective reached = pair.fast->objective();
  EXPECT_NEAR(fast, reached.value, testing::tolerance::figures<float>(5, reached.train.count));
  expect_equal_figures(pair);
}

TEST_F(CudaBackend, SolvesRankZeroByLeastSquaresInOneStep) {
  BackendPair pair = pair_of(spec_of(LeastSquares{}, 0));
  EXPECT_TRUE(pair.fast->least_squares_step().accepted);
  EXPECT_TRUE(pair.exact->least_squares_step().accepted);
  EXPECT_FALSE(pair.fast->least_squares_step().accepted);
  // Both are exact in double; each is rounded to float once.
  const Factors exact = pair.exact->factors();
  const double largest =
      std::max(testing::largest_square(exact.users), testing::largest_square(exact.items));
  expect_equal_factors(pair, 2 * testing::tolerance::stored_as_float(std::sqrt(largest)));
}

/// New rows of a rank beyond the fused kernels, and what solved them.
void expect_large_rows(const Algorithm& algorithm) {
  SCOPED_TRACE(algorithm_name(algorithm));
  BackendPair pair = pair_of(spec_of(algorithm, 257));
  const CompressedMatrix rows{{0, 2, 2, 5}, {3, 11, 0, 3, 40}, {1.5F, -0.5F, 0.2F, 1, -1}};
  for (const Side side : {Side::users, Side::items}) {
    const SideFactors exact = pair.exact->solve_rows(side, rows);
    const Factors fixed = pair.exact->factors();
    EXPECT_LE(largest_difference(pair.fast->solve_rows(side, rows), exact),
              solve_error(side == Side::users ? fixed.items : fixed.users, exact, 3));
  }
}

TEST_F(CudaBackend, SolvesRowsBeyondTheFusedKernelsWithAndWithoutTheVendorsLibraries) {
  expect_large_rows(LeastSquares{});
  expect_large_rows(by_conjugate_gradients);
}

TEST_F(CudaBackend, SaysThatRowsWithAPriorAreSolvedOnTheCpuAndWhy) {
  const auto backend = cuda_backend(problem_of(spec_of(Als{})));
  EXPECT_EQ(backend->row_solver({}), backend->description());
  const std::vector<double> precision(36);
  const SideFactors means(users, 5);
  for (const RowPrior& prior : {RowPrior{.precision = precision}, RowPrior{.means = &means}}) {
    const std::string said = backend->row_solver(prior);
    EXPECT_EQ(said.substr(0, 5), "cpu (");
    EXPECT_NE(said.find("): a GPU has no kernels for rows with a prior"), std::string::npos);
  }
  const auto on_the_cpu = make_cpu_backend(problem_of(spec_of(Als{})), {});
  EXPECT_EQ(on_the_cpu->row_solver({.means = &means}), on_the_cpu->description());
}

TEST_F(CudaBackend, RefusesTheStateOfAnotherTrainingAndChangesNothing) {
  const auto backend = cuda_backend(problem_of(spec_of(Als{}, 5)));
  const BackendState before = backend->state();
  BackendState renamed = before;
  std::swap(renamed.arrays[0], renamed.arrays[2]);
  const auto error = testing::error_of([&] { backend->restore(renamed); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::bad_data);
  EXPECT_EQ(backend->state(), before);
}

TEST_F(CudaBackend, RefusesFactorsOfAnotherShape) {
  const auto backend = cuda_backend(problem_of(spec_of(Als{}, 5)));
  Factors factors = backend->factors();
  factors.items = SideFactors(items, 4);
  const auto error = testing::error_of([&] { backend->set_factors(factors); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::internal);
}

TEST_F(CudaBackend, RefusesWhatItHasNoKernelsFor) {
  const auto refusal_of = [](const ModelSpec& spec) {
    const auto error = testing::error_of([&] { cuda_backend(problem_of(spec)); });
    return error ? error->place() + ": " + error->what() : "no error";
  };
  EXPECT_EQ(refusal_of(spec_of(Als{}, 1025)),
            "--k 1025: --model als takes a k from 0 to 1024 on a GPU");
  EXPECT_EQ(refusal_of(spec_of(by_conjugate_gradients, 1025)),
            "--k 1025: --model als takes a k from 0 to 1024 on a GPU");
  Als fast = by_conjugate_gradients;
  fast.precision = Precision::fast;
  EXPECT_EQ(
      refusal_of(spec_of(fast)),
      "--precision fast: is of sums that --solver cg does not make: it forms no row's matrix");
  EXPECT_EQ(refusal_of(spec_of(Als{.precision = Precision::fast}, 256)), "no error");
  EXPECT_EQ(refusal_of(spec_of(Als{.precision = Precision::fast}, 257)),
            "--precision fast: ends at k = 256: exact row solves beyond it are by libraries, in "
            "float");
}

}  // namespace
}  // namespace alsatian
