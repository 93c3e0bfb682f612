// Epochs of stochastic gradient descent, as the device runs them, against the reference in double.
// The same order of visits on both sides: what differs is rounding alone.
#include "kernels/cuda/sgd.hpp"

#include "kernels/cuda/sgd_rows.hpp"
#include "kernels/math/permutation.hpp"
#include "kernels/reference/objective.hpp"
#include "kernels/reference/sgd.hpp"
#include "tests/simt/failed_calls.hpp"
#include "tests/simt/schedules.hpp"
#include "tests/support/reference_problems.hpp"
#include "tests/support/tolerance.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <sys/mman.h>
#include <tuple>
#include <vector>

namespace alsatian::cuda {
namespace {

using ::alsatian::testing::planted_problem;
using ::alsatian::testing::planted_schedule;
using ::alsatian::testing::PlantedOptions;
using ::alsatian::testing::PlantedProblem;
using ::alsatian::testing::PlantedSchedule;
using ::alsatian::testing::reference_problem;
using ::alsatian::testing::stages_in_order;
namespace tolerance = ::alsatian::testing::tolerance;

struct Setting {
  bool adagrad = true;
  bool biases = true;
  Regularization regularization{0.8, 0.5, 0.5};
  double learning_rate = 0.05;
};

/// Rows rated in every cell, once, never.
PlantedProblem awkward_problem(const Likelihood& likelihood) {
  return planted_problem({.users = 41,
                          .items = 37,
                          .density = 0.3,
                          .mean = 0.25,
                          .signal = 0.5,
                          .likelihood = likelihood,
                          .heavy_users = 1,
                          .heavy_items = 1,
                          .single_users = 3,
                          .single_items = 2,
                          .empty_users = 2,
                          .empty_items = 1});
}

/// Start parameters that are floats, so that both sides start from the very same.
reference::Parameters float_parameters(const PlantedProblem& problem, std::int32_t rank,
                                       bool biases = true) {
  reference::Parameters start = testing::random_parameters(problem, rank, 0.2, biases ? 0.2 : 0.0);
  for (reference::SideParameters* const side : {&start.users, &start.items}) {
    side->factors = side->factors.cast<float>().cast<double>();
    side->biases = side->biases.cast<float>().cast<double>();
  }
  return start;
}

template <typename T>
void fill(const Context& context, DeviceSpan<T> span, const std::vector<T>& values) {
  PinnedBuffer<T> staging(span.size());
  std::copy(values.begin(), values.end(), staging.span().begin());
  upload(context.compute(), std::span<const T>(staging.span()), span);
  context.compute().synchronize();
}
template <typename T>
std::vector<T> read(const Context& context, DeviceSpan<const T> span) {
  PinnedBuffer<T> staging(span.size());
  download(context.compute(), span, staging.span());
  context.compute().synchronize();
  return {staging.span().begin(), staging.span().end()};
}

/// A side on the device and back.
struct Side {
  const Context& context;
  DeviceTableBuffer buffer;

  Side(const Context& device, const reference::SideParameters& start)
      : context(device),
        buffer(start.biases.size(), static_cast<std::int32_t>(start.factors.cols())) {
    const auto stride = static_cast<std::size_t>(buffer.table().stride);
    std::vector<float> factors(static_cast<std::size_t>(start.biases.size()) * stride, 0.0F);
    std::vector<float> biases;
    for (std::int64_t row = 0; row < start.biases.size(); ++row) {
      for (std::int64_t j = 0; j < start.factors.cols(); ++j) {
        factors[static_cast<std::size_t>(row) * stride + static_cast<std::size_t>(j)] =
            static_cast<float>(start.factors(row, j));
      }
      biases.push_back(static_cast<float>(start.biases(row)));
    }
    fill(context, buffer.table().factors, factors);
    fill(context, buffer.table().biases, biases);
  }

  std::vector<float> factors() { return read<float>(context, buffer.table().factors); }
  std::vector<float> biases() { return read<float>(context, buffer.table().biases); }
  reference::SideParameters parameters() {
    const std::vector<float> all = factors();
    const std::vector<float> all_biases = biases();
    const DeviceTable<float> table = buffer.table();
    reference::SideParameters side(table.rows(), table.rank);
    for (std::int64_t row = 0; row < table.rows(); ++row) {
      for (std::int32_t j = 0; j < table.stride; ++j) {
        const float value = all[static_cast<std::size_t>(row * table.stride + j)];
        if (j < table.rank) {
          side.factors(row, j) = value;
        } else {
          EXPECT_EQ(value, 0) << "padding of row " << row;
        }
      }
      side.biases(row) = all_biases[static_cast<std::size_t>(row)];
    }
    return side;
  }
};

SgdStep step_of(const PlantedProblem& problem, const Setting& setting) {
  return {.likelihood = problem.options.likelihood,
          .factor_regularization = static_cast<float>(setting.regularization.factors),
          .bias_regularization = static_cast<float>(setting.regularization.biases),
          .mean = static_cast<float>(problem.options.mean),
          .learning_rate = static_cast<float>(setting.learning_rate),
          .adagrad = setting.adagrad,
          .biases = setting.biases};
}

struct Outcome {
  std::vector<float> bytes;  // of both tables and of all sums
  reference::Parameters parameters;
};

enum class Order { blocked, hogwild };

struct Training {
  Setting setting = {};
  SgdOptions options = {};
  Order order = Order::blocked;
  int epochs = 2;
};

Outcome train(const PlantedProblem& problem, const PlantedSchedule& schedule,
              const reference::Parameters& start, const Training& run) {
  const Context context(0);
  Side users(context, start.users);
  Side items(context, start.items);
  const std::size_t tables = simt::device_bytes_in_use();
  const auto rank = static_cast<std::int32_t>(start.users.factors.cols());
  SgdEpochs epochs(context, schedule.view(), problem.by_user.offsets, problem.by_item.offsets,
                   run.setting.regularization.scaling, rank, run.options);
  EXPECT_EQ(simt::device_bytes_in_use() - tables,
            static_cast<std::size_t>(SgdEpochs::bytes(problem.options.users, problem.options.items,
                                                      problem.observations(), schedule.grid, rank,
                                                      run.options.storage)));
  const std::int64_t allocations = simt::allocations_made();
  const SgdStep step = step_of(problem, run.setting);
  const std::vector<std::int32_t> stages = stages_in_order(schedule.grid);
  for (int epoch = 0; epoch < run.epochs; ++epoch) {
    const auto number = static_cast<std::uint32_t>(epoch);
    if (run.order == Order::blocked) {
      epochs.blocked_epoch(users.buffer.table(), items.buffer.table(), step, stages, number);
    } else {
      epochs.hogwild_epoch(users.buffer.table(), items.buffer.table(), step, number);
    }
  }
  EXPECT_EQ(simt::allocations_made(), allocations);
  Outcome outcome{{}, {users.parameters(), items.parameters()}};
  const SgdSums user_sums = epochs.user_sums();
  const SgdSums item_sums = epochs.item_sums();
  for (const auto& part :
       {users.factors(), users.biases(), items.factors(), items.biases(), user_sums.factors,
        user_sums.biases, item_sums.factors, item_sums.biases}) {
    outcome.bytes.insert(outcome.bytes.end(), part.begin(), part.end());
  }
  return outcome;
}

double largest_difference(const reference::SideParameters& a, const reference::SideParameters& b) {
  double largest = 0;
  if (a.factors.size() > 0) {
    largest = (a.factors - b.factors).cwiseAbs().maxCoeff();
  }
  return std::max(largest, (a.biases - b.biases).cwiseAbs().maxCoeff());
}

/// A row of the heavy problem is updated at most 2·41 times in two epochs at rate 0.05.
double allowed_difference(std::int32_t rank) { return tolerance::descent<float>(82, 0.05, rank); }

class Runtime : public ::testing::Test {
 protected:
  Runtime() { simt::reset_device(); }
  ~Runtime() override {
    EXPECT_EQ(simt::leaks(), "");
    simt::reset_device();
    simt::set_schedule({});
  }
};

void expect_agreement(const PlantedProblem& problem, const PlantedSchedule& schedule,
                      const reference::Parameters& start, const Training& run) {
  const auto rank = static_cast<std::int32_t>(start.users.factors.cols());
  reference::Parameters expected = start;
  std::optional<reference::AdaGradSums> sums;
  if (run.setting.adagrad) {
    sums.emplace(problem.options.users, problem.options.items);
  }
  for (int epoch = 0; epoch < run.epochs; ++epoch) {
    reference::sgd_epoch(reference_problem(problem, run.setting.regularization, run.setting.biases),
                         schedule.view(), stages_in_order(schedule.grid), run.setting.learning_rate,
                         sums, expected);
  }
  const Outcome outcome = train(problem, schedule, start, run);
  EXPECT_LE(largest_difference(outcome.parameters.users, expected.users), allowed_difference(rank))
      << "rank " << rank;
  EXPECT_LE(largest_difference(outcome.parameters.items, expected.items), allowed_difference(rank))
      << "rank " << rank;
}

using Choice = std::tuple<Likelihood, bool>;
class BlockedSgd : public Runtime, public ::testing::WithParamInterface<Choice> {};

TEST_P(BlockedSgd, AgreesWithTheReference) {
  const auto& [likelihood, adagrad] = GetParam();
  const PlantedProblem problem = awkward_problem(likelihood);
  const PlantedSchedule schedule = planted_schedule(problem, 3);
  for (const std::int32_t rank : {0, 7, 33}) {
    expect_agreement(problem, schedule, float_parameters(problem, rank),
                     {.setting = {.adagrad = adagrad}});
  }
}

INSTANTIATE_TEST_SUITE_P(Choices, BlockedSgd,
                         ::testing::Combine(::testing::Values(Gaussian{}, Laplace{}, Poisson{},
                                                              Bernoulli{}),
                                            ::testing::Bool()),
                         [](const auto& test) {
                           return std::visit(
                                      [](const auto& kind) { return std::string(kind.name); },
                                      std::get<0>(test.param)) +
                                  (std::get<1>(test.param) ? "_adagrad" : "_plain");
                         });

class SgdRank : public Runtime, public ::testing::WithParamInterface<std::int32_t> {};

TEST_P(SgdRank, AgreesWithTheReference) {
  const PlantedProblem problem = awkward_problem(Gaussian{});
  expect_agreement(problem, planted_schedule(problem, 5), float_parameters(problem, GetParam()),
                   {.epochs = 1});
}

INSTANTIATE_TEST_SUITE_P(Ranks, SgdRank,
                         ::testing::Values(1, 7, 31, 32, 33, 64, 100, 128, 129, 256, 257, 1024),
                         [](const auto& rank) { return std::to_string(rank.param); });

class Sgd : public Runtime {};

TEST_F(Sgd, WithoutBiasesLeavesThemAlone) {
  const PlantedProblem problem = awkward_problem(Gaussian{});
  const PlantedSchedule schedule = planted_schedule(problem, 3);
  const reference::Parameters start = float_parameters(problem, 5, false);
  const Training run{.setting = {.biases = false}};
  expect_agreement(problem, schedule, start, run);
  EXPECT_EQ(train(problem, schedule, start, run).parameters.users.biases.norm(), 0);
}

TEST_F(Sgd, LeavesRowsWithoutRatingsAlone) {
  const PlantedProblem problem = awkward_problem(Gaussian{});
  const reference::Parameters start = float_parameters(problem, 5);
  for (const Order order : {Order::blocked, Order::hogwild}) {
    const Outcome outcome = train(problem, planted_schedule(problem, 3), start, {.order = order});
    for (const std::int64_t empty : {39, 40}) {
      EXPECT_EQ(outcome.parameters.users.factors.row(empty), start.users.factors.row(empty));
      EXPECT_EQ(outcome.parameters.users.biases[empty], start.users.biases[empty]);
    }
  }
}

TEST_F(Sgd, InBlocksGivesTheSameBytesUnderEverySchedule) {
  const PlantedProblem problem = awkward_problem(Gaussian{});
  const PlantedSchedule schedule = planted_schedule(problem, 5);
  for (const SgdStorage storage : {SgdStorage::floats, SgdStorage::halves}) {
    const Training run{.options = {.storage = storage}, .epochs = 1};
    const reference::Parameters start = float_parameters(problem, 17);
    const Outcome first = train(problem, schedule, start, run);
    for (const simt::Schedule& order : simt::schedules()) {
      simt::set_schedule(order);
      EXPECT_EQ(train(problem, schedule, start, run).bytes, first.bytes);
    }
    simt::set_schedule({});
  }
}

double objective_after(const PlantedProblem& problem, const PlantedSchedule& schedule,
                       const reference::Parameters& start, const Training& run) {
  return reference::objective(reference_problem(problem, run.setting.regularization),
                              train(problem, schedule, start, run).parameters);
}

PlantedProblem ordinary_problem() {
  return planted_problem({.users = 43, .items = 31, .rank = 2, .density = 0.5, .heavy_items = 1});
}

TEST_F(Sgd, LowersTheObjectiveInEveryOrderAndStorage) {
  const PlantedProblem problem = ordinary_problem();
  const reference::Parameters start = float_parameters(problem, 7);
  const double before =
      reference::objective(reference_problem(problem, Setting().regularization), start);
  for (const Order order : {Order::blocked, Order::hogwild}) {
    for (const SgdStorage storage : {SgdStorage::floats, SgdStorage::halves}) {
      EXPECT_LT(objective_after(problem, planted_schedule(problem, 3), start,
                                {.options = {.storage = storage}, .order = order, .epochs = 3}),
                0.9 * before);
    }
  }
}

TEST_F(Sgd, OfHogwildComesWithinOnePercentOfTheBlockedObjective) {
  const PlantedProblem problem = ordinary_problem();
  // Not from near 0, a saddle of the objective, which any order leaves in its own time.
  const reference::Parameters start = testing::random_parameters(problem, 2, 0.6, 0.2);
  Training training{.setting = {.learning_rate = 0.3}, .epochs = 14};
  const double blocked = objective_after(problem, planted_schedule(problem, 3), start, training);
  training.order = Order::hogwild;
  training.options.chunk_ratings = 16;
  for (const simt::Schedule::Warps warps :
       {simt::Schedule::Warps::greedy, simt::Schedule::Warps::random}) {
    simt::set_schedule({.warps = warps, .seed = 3});
    EXPECT_NEAR(objective_after(problem, planted_schedule(problem, 1), start, training), blocked,
                0.01 * blocked);
  }
}

TEST_F(Sgd, InHalvesComesWithinOnePercentOfFloats) {
  const PlantedProblem problem = ordinary_problem();
  const PlantedSchedule schedule = planted_schedule(problem, 3);
  const reference::Parameters start = float_parameters(problem, 7);
  constexpr int epochs = 5;
  const double floats = objective_after(problem, schedule, start, {.epochs = epochs});
  EXPECT_NEAR(objective_after(problem, schedule, start,
                              {.options = {.storage = SgdStorage::halves}, .epochs = epochs}),
              floats, 0.01 * floats);
}

TEST_F(Sgd, OfHogwildVisitsEveryRatingOnce) {
  // A user and an item for every rating of 2, rate ¼, no penalty: the visit's slope of −2 takes
  // both biases from 0 to ½; a second would take them on to ¾.
  constexpr std::int32_t ratings = 1013;
  PlantedSchedule schedule;
  schedule.block_offsets = {0, ratings};
  std::vector<std::int64_t> offsets{0};
  for (std::int32_t j = 0; j < ratings; ++j) {
    schedule.users.push_back(j);
    schedule.items.push_back(ratings - 1 - j);
    schedule.ratings.push_back(2);
    offsets.push_back(j + 1);
  }
  for (const std::int32_t chunk : {1, 7, 32, 33, 128, 2000}) {
    const Context context(0);
    const reference::SideParameters zeros(ratings, 0);
    Side users(context, zeros);
    Side items(context, zeros);
    SgdEpochs epochs(context, schedule.view(), offsets, offsets, 0.5, 0, {.chunk_ratings = chunk});
    epochs.hogwild_epoch(users.buffer.table(), items.buffer.table(),
                         {.learning_rate = 0.25F, .adagrad = false}, 5);
    EXPECT_THAT(users.biases(), ::testing::Each(0.5F));
    EXPECT_THAT(items.biases(), ::testing::Each(0.5F));
  }
}

TEST_F(Sgd, GoesOnFromDownloadedSumsAsIfNeverStopped) {
  const PlantedProblem problem = awkward_problem(Gaussian{});
  const PlantedSchedule schedule = planted_schedule(problem, 3);
  const std::vector<std::int32_t> stages = stages_in_order(3);
  const reference::Parameters start = float_parameters(problem, 5);
  const SgdStep step = step_of(problem, {});
  const Outcome whole = train(problem, schedule, start, {.epochs = 2});

  const Context context(0);
  Side users(context, start.users);
  Side items(context, start.items);
  SgdSums user_sums;
  SgdSums item_sums;
  for (std::uint32_t epoch = 0; epoch < 2; ++epoch) {
    SgdEpochs epochs(context, schedule.view(), problem.by_user.offsets, problem.by_item.offsets,
                     0.5, 5);
    if (epoch > 0) {
      epochs.set_user_sums(user_sums);
      epochs.set_item_sums(item_sums);
    }
    epochs.blocked_epoch(users.buffer.table(), items.buffer.table(), step, stages, epoch);
    user_sums = epochs.user_sums();
    item_sums = epochs.item_sums();
  }
  EXPECT_EQ(users.parameters().factors, whole.parameters.users.factors);
  EXPECT_EQ(items.parameters().biases, whole.parameters.items.biases);
}

TEST_F(Sgd, RefusesWhatDoesNotFit) {
  const PlantedProblem problem = awkward_problem(Gaussian{});
  PlantedSchedule schedule = planted_schedule(problem, 3);
  const reference::Parameters start = float_parameters(problem, 5);
  const Context context(0);
  Side users(context, start.users);
  Side items(context, start.items);
  const auto make = [&](std::int32_t rank) {
    return std::make_unique<SgdEpochs>(context, schedule.view(), problem.by_user.offsets,
                                       problem.by_item.offsets, 0.5, rank);
  };
  EXPECT_THROW(make(1025), std::invalid_argument);
  EXPECT_THROW(make(-1), std::invalid_argument);
  const auto epochs = make(5);
  const auto run = [&](std::vector<std::int32_t> stages, const DeviceTable<float>& item_table) {
    epochs->blocked_epoch(users.buffer.table(), item_table, {}, stages, 0);
  };
  EXPECT_THROW(run({0, 3}, items.buffer.table()), std::invalid_argument);
  EXPECT_THROW(run({-1}, items.buffer.table()), std::invalid_argument);
  EXPECT_THROW(run({0}, users.buffer.table()), std::invalid_argument);
  EXPECT_THROW(epochs->set_user_sums({}), std::invalid_argument);
  schedule.block_offsets.pop_back();
  EXPECT_THROW(make(5), std::invalid_argument);
}

TEST_F(Sgd, LeaksNothingWhicheverCallFails) {
  const PlantedProblem problem = planted_problem({.users = 7, .items = 5, .rank = 1});
  const PlantedSchedule schedule = planted_schedule(problem, 2);
  const reference::Parameters start = float_parameters(problem, 3);
  const Training run{.options = {.storage = SgdStorage::halves}, .epochs = 1};
  train(problem, schedule, start, run);
  const std::int64_t calls = simt::calls_made();
  int thrown = 0;
  for (std::int64_t number = 1; number <= calls; ++number) {
    simt::reset_device();
    simt::fail_call(number, cudaErrorLaunchFailure);
    try {
      train(problem, schedule, start, run);
      EXPECT_THAT(simt::failed_call(), testing::is_release());
    } catch (const DeviceError&) {
      ++thrown;
    }
    EXPECT_EQ(simt::leaks(), "") << "after call " << number << ", " << simt::failed_call();
  }
  EXPECT_GE(thrown, calls / 3);
}

/// Address space of which only the touched pages exist.
template <typename T>
class Sparse {
 public:
  explicit Sparse(std::int64_t size) : bytes_(static_cast<std::size_t>(size) * sizeof(T)) {
    void* const address = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    data_ = address == MAP_FAILED ? nullptr : static_cast<T*>(address);
  }
  ~Sparse() {
    if (data_ != nullptr) {
      munmap(data_, bytes_);
    }
  }
  Sparse(const Sparse&) = delete;
  Sparse& operator=(const Sparse&) = delete;
  T* data() const { return data_; }

 private:
  std::size_t bytes_;
  T* data_;
};

/// One rating behind 2³² others, of a user and an item whose factors lie behind 2³² others.
template <typename Storage>
void visit_far_rating() {
  constexpr std::int64_t far = (std::int64_t{1} << 32) + 5;
  constexpr std::int32_t stride = 1024;
  constexpr std::int32_t row = (1 << 22) + 3;
  const Sparse<Storage> users(std::int64_t{row + 1} * stride);
  const Sparse<Storage> items(std::int64_t{row + 1} * stride);
  const Sparse<SgdRow> rows(row + 1);
  const Sparse<std::int32_t> ids(far + 1);
  const Sparse<float> ratings(far + 1);
  ASSERT_TRUE(users.data() && items.data() && rows.data() && ids.data() && ratings.data());
  ids.data()[far] = row;
  ratings.data()[far] = 1;
  const std::int64_t element = std::int64_t{row} * stride + 1023;
  const std::int64_t block_offsets[] = {far, far + 1};
  if constexpr (std::is_same_v<Storage, Half>) {
    users.data()[element] = {device::to_half(0.5F)};
    items.data()[element] = {device::to_half(0.5F)};
  } else {
    users.data()[element] = 0.5F;
    items.data()[element] = 0.5F;
  }
  SgdTask<Storage> task{};
  task.users = {users.data(), rows.data(), stride};
  task.items = {items.data(), rows.data(), stride};
  task.ratings = {ids.data(), ids.data(), ratings.data()};
  task.learning_rate = 1;
  const Context context(0);
  launch(context.compute(), &sgd_stage<Storage, SgdShape<32, 8>>, {1, sgd_threads}, task,
         DeviceSpan<const std::int64_t>(block_offsets, 2), 1, 0);
  context.compute().synchronize();
  // η = ¼, slope −¾: ½ + ¾·½.
  for (const Storage* const side : {users.data(), items.data()}) {
    if constexpr (std::is_same_v<Storage, Half>) {
      EXPECT_EQ(device::from_half(side[element].bits), 0.875F);
    } else {
      EXPECT_EQ(side[element], 0.875F);
    }
  }
}

TEST_F(Sgd, ReachesRatingsAndFactorsBeyond32BitOffsets) {
  visit_far_rating<float>();
  visit_far_rating<Half>();
}

TEST_F(Sgd, OfHogwildReachesChunksBeyond32BitOffsets) {
  // One worker of as many as there are chunks visits one, which the seed chooses: a far one.
  constexpr std::int64_t observations = std::int64_t{1} << 34;
  constexpr std::int32_t chunk_ratings = 32;
  constexpr std::int64_t chunks = observations / chunk_ratings;
  const Sparse<float> factors(5 * 1024);
  const Sparse<SgdRow> rows(5);
  const Sparse<std::int32_t> ids(observations);
  const Sparse<float> ratings(observations);
  ASSERT_TRUE(factors.data() && rows.data() && ids.data() && ratings.data());
  SgdTask<float> task{};
  task.users = {factors.data(), rows.data(), 16};
  task.items = {factors.data() + 1024, rows.data(), 16};
  task.ratings = {ids.data(), ids.data(), ratings.data()};
  task.learning_rate = 1;
  const auto far = [&] {
    return chunk_ratings *
           static_cast<std::int64_t>(permuted(0, chunks, task.seed, RandomStream::chunk_order, 0));
  };
  // Not one that 32 bits would take for the start.
  while (far() < std::int64_t{1} << 32) ++task.seed;
  const std::int64_t position = far() + 7;
  ids.data()[position] = 3;
  ratings.data()[position] = 1;
  factors.data()[3 * 16] = 0.5F;
  factors.data()[1024 + 3 * 16] = 0.5F;
  const Context context(0);
  launch(context.compute(), &sgd_chunks<float, SgdShape<32, 1>>, {1, sgd_threads}, task,
         observations, chunk_ratings, chunks);
  context.compute().synchronize();
  EXPECT_EQ(factors.data()[3 * 16], 0.875F);
  EXPECT_EQ(factors.data()[1024 + 3 * 16], 0.875F);
}

TEST_F(Sgd, RoundsToHalvesAtRandomRightOnAverage) {
  for (const float value : {1.0F, -0.3F, 1234.567F, 3e-5F, -1e-6F, 1e-9F, 65503.0F, 0.0F}) {
    double sum = 0;
    for (std::uint32_t random = 0; random < 1U << 13; ++random) {
      const float rounded = device::from_half(round_at_random(value, random).bits);
      sum += rounded;
      // One of the two neighbours: less than a step of 2⁻¹⁰ of it, or of 2⁻²⁴, away.
      EXPECT_LT(std::abs(rounded - value), std::max(std::abs(value) * 0x1p-10F, 0x1p-24F));
    }
    // The average is off by what 13 bits of chance cannot tell apart: 2⁻¹³ of a step.
    EXPECT_NEAR(sum / (1U << 13), value, 0x1p-13 * std::max(std::abs(value) * 0x1p-10, 0x1p-24));
  }
  EXPECT_EQ(round_at_random(1e6F, 0).bits, 0x7C00);
  EXPECT_EQ(round_at_random(-INFINITY, 1).bits, 0xFC00);
  EXPECT_TRUE(std::isnan(device::from_half(round_at_random(NAN, 0x1FFF).bits)));
}

TEST_F(Sgd, KeepsHalvesThatAreExact) {
  for (std::uint32_t bits = 0; bits < 0x7C00U; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    ASSERT_EQ(device::to_half(device::from_half(half)), half);
    ASSERT_EQ(round_at_random(device::from_half(half), 0x1FFF).bits, half);
  }
}

TEST(Permutation, TakesEveryPositionOnceAndDiffersFromNumberToNumber) {
  for (const std::uint64_t size : {1U, 2U, 3U, 64U, 65U, 1000U}) {
    std::vector<std::vector<std::uint64_t>> orders;
    for (std::uint32_t number = 0; number < 2; ++number) {
      std::vector<bool> taken(size, false);
      orders.emplace_back();
      for (std::uint64_t position = 0; position < size; ++position) {
        const std::uint64_t place = permuted(position, size, 7, RandomStream::chunk_order, number);
        ASSERT_LT(place, size);
        EXPECT_FALSE(taken[place]);
        taken[place] = true;
        orders.back().push_back(place);
      }
    }
    if (size > 60) {
      EXPECT_NE(orders[0], orders[1]);
    }
  }
}

TEST_F(Sgd, OfHogwildTakesAsManyWorkersAsMeetSeldom) {
  EXPECT_EQ(workers_without_crowding(std::vector<std::int64_t>{0, 1, 2, 3, 4}, 1.0), 5);
  EXPECT_EQ(workers_without_crowding(std::vector<std::int64_t>{0, 9, 9}, 1.0), 2);
  EXPECT_EQ(workers_without_crowding(std::vector<std::int64_t>{0, 0, 0}, 1.0), 1);
}

}  // namespace
}  // namespace alsatian::cuda
