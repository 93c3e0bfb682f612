// Stochastic gradient descent against the Eigen reference and hand-made numbers.
// Same schedule, same order: the only difference is rounding.
#include "kernels/cpu/sgd.hpp"

#include "kernels/reference/als.hpp"
#include "kernels/reference/objective.hpp"
#include "kernels/reference/sgd.hpp"
#include "tests/support/cpu_tables.hpp"
#include "tests/support/problems.hpp"
#include "tests/support/reference_problems.hpp"
#include "tests/support/tolerance.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace alsatian::cpu {
namespace {

using ::alsatian::testing::available_isas;
using ::alsatian::testing::from_table;
using ::alsatian::testing::largest_difference;
using ::alsatian::testing::padding_is_zero;
using ::alsatian::testing::planted_problem;
using ::alsatian::testing::planted_schedule;
using ::alsatian::testing::PlantedOptions;
using ::alsatian::testing::PlantedProblem;
using ::alsatian::testing::PlantedSchedule;
using ::alsatian::testing::random_parameters;
using ::alsatian::testing::reference_problem;
using ::alsatian::testing::same_bytes;
using ::alsatian::testing::stages_in_order;
using ::alsatian::testing::ThreadsInScope;
using ::alsatian::testing::to_table;
namespace tolerance = ::alsatian::testing::tolerance;

struct Setting {
  bool adagrad = true;
  bool biases = true;
  Regularization regularization{0.8, 0.5, 0.5};
  double learning_rate = 0.05;
};

/// Tables and accumulators of one run.
struct SgdRun {
  FactorTable users;
  FactorTable items;
  SgdSide user_side;
  SgdSide item_side;

  SgdRun(const PlantedProblem& problem, const reference::Parameters& start, double scaling)
      : users(to_table(start.users)),
        items(to_table(start.items)),
        user_side(problem.by_user.offsets, scaling),
        item_side(problem.by_item.offsets, scaling) {}

  SgdTask task(const Setting& setting, double mean) {
    const bool sums = setting.adagrad;
    return {.users = users.view(),
            .items = items.view(),
            .user_factor_sums = sums ? user_side.factor_sums.data() : nullptr,
            .user_bias_sums = sums ? user_side.bias_sums.data() : nullptr,
            .item_factor_sums = sums ? item_side.factor_sums.data() : nullptr,
            .item_bias_sums = sums ? item_side.bias_sums.data() : nullptr,
            .user_shares = user_side.shares.data(),
            .item_shares = item_side.shares.data(),
            .factor_regularization = static_cast<float>(setting.regularization.factors),
            .bias_regularization = static_cast<float>(setting.regularization.biases),
            .mean = static_cast<float>(mean),
            .learning_rate = static_cast<float>(setting.learning_rate),
            .biases = setting.biases};
  }
};

constexpr std::int32_t grid = 3;
const std::vector<std::int32_t> stages = {2, 0, 1};

PlantedProblem awkward_problem(const Likelihood& likelihood) {
  return planted_problem({.users = 41,
                          .items = 37,
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
                                       bool biases) {
  auto start = random_parameters(problem, rank, 0.2, biases ? 0.2 : 0.0);
  return {from_table(to_table(start.users)), from_table(to_table(start.items))};
}

using Choice = std::tuple<Likelihood, bool>;

class SgdEpoch : public ::testing::TestWithParam<Choice> {};

std::string name_of(const ::testing::TestParamInfo<Choice>& test) {
  const auto& [likelihood, adagrad] = test.param;
  return std::visit([](const auto& choice) { return std::string(choice.name); }, likelihood) +
         (adagrad ? "_adagrad" : "_plain");
}

/// A row of the heavy problem is updated at most 2·41 times in two epochs at rate 0.05.
double allowed_difference(std::int32_t rank) { return tolerance::descent<float>(82, 0.05, rank); }

TEST_P(SgdEpoch, AgreesWithTheReference) {
  const auto& [likelihood, adagrad] = GetParam();
  const PlantedProblem planted = awkward_problem(likelihood);
  const PlantedSchedule schedule = planted_schedule(planted, grid);
  const Setting setting{.adagrad = adagrad};
  const reference::Problem problem = reference_problem(planted, setting.regularization);
  for (const std::int32_t rank : {0, 1, 15, 16, 17, 31, 32, 33, 64, 100}) {
    const reference::Parameters start = float_parameters(planted, rank, true);
    reference::Parameters expected = start;
    std::optional<reference::AdaGradSums> sums;
    if (adagrad) sums.emplace(41, 37);
    for (int epoch = 0; epoch < 2; ++epoch) {
      reference::sgd_epoch(problem, schedule.view(), stages, setting.learning_rate, sums, expected);
    }
    for (const Isa isa : available_isas()) {
      SCOPED_TRACE(std::string(isa_name(isa)) + " rank " + std::to_string(rank));
      SgdRun run(planted, start, setting.regularization.scaling);
      for (int epoch = 0; epoch < 2; ++epoch) {
        sgd_epoch(kernels(isa), likelihood, run.task(setting, 0.25), schedule.view(), stages);
      }
      EXPECT_LE(largest_difference(from_table(run.users), expected.users),
                allowed_difference(rank));
      EXPECT_LE(largest_difference(from_table(run.items), expected.items),
                allowed_difference(rank));
      EXPECT_TRUE(padding_is_zero(run.users));
      EXPECT_TRUE(padding_is_zero(run.items));
    }
  }
}

TEST_P(SgdEpoch, IsTheSameForAnyNumberOfThreads) {
  const auto& [likelihood, adagrad] = GetParam();
  const PlantedProblem planted = awkward_problem(likelihood);
  const PlantedSchedule schedule = planted_schedule(planted, 7);
  const Setting setting{.adagrad = adagrad};
  const reference::Parameters start = float_parameters(planted, 17, true);
  std::vector<SgdRun> runs;
  for (const int threads : {1, 2, 3}) {
    const ThreadsInScope scope(threads);
    runs.emplace_back(planted, start, setting.regularization.scaling);
    for (int epoch = 0; epoch < 3; ++epoch) {
      sgd_epoch(kernels(best_isa()), likelihood, runs.back().task(setting, 0.25), schedule.view(),
                stages_in_order(7));
    }
  }
  for (const SgdRun& run : runs) {
    EXPECT_TRUE(same_bytes(run.users, runs[0].users));
    EXPECT_TRUE(same_bytes(run.items, runs[0].items));
    EXPECT_EQ(run.user_side.factor_sums, runs[0].user_side.factor_sums);
    EXPECT_EQ(run.item_side.bias_sums, runs[0].item_side.bias_sums);
  }
}

INSTANTIATE_TEST_SUITE_P(Choices, SgdEpoch,
                         ::testing::Combine(::testing::Values(Gaussian{}, Laplace{}, Poisson{},
                                                              Bernoulli{}),
                                            ::testing::Bool()),
                         name_of);

/// One rating of 1 by one user of one item; p = (1, 2), q = (3, −1), b = 0.5, c = −0.25, μ = 0.25.
/// η = 0.25 + 0.5 − 0.25 + 3 − 2 = 1.5, slope 0.5. All numbers below are exact in float.
struct OneRating {
  std::vector<std::int64_t> offsets{0, 1};
  FactorTable users{1, 2};
  FactorTable items{1, 2};
  PlantedSchedule schedule;
  SgdSide user_side{offsets, 0.5};
  SgdSide item_side{offsets, 0.5};

  OneRating() {
    users.assign(std::vector<float>{1, 2}, std::vector<float>{0.5F});
    items.assign(std::vector<float>{3, -1}, std::vector<float>{-0.25F});
    schedule.block_offsets = {0, 1};
    schedule.users = {0};
    schedule.items = {0};
    schedule.ratings = {1};
  }
  SgdTask task() {
    return {.users = users.view(),
            .items = items.view(),
            .user_shares = user_side.shares.data(),
            .item_shares = item_side.shares.data(),
            .factor_regularization = 0.25F,
            .bias_regularization = 0.5F,
            .mean = 0.25F,
            .learning_rate = 0.5F};
  }
};

TEST(Sgd, MovesBothRowsFromTheirOldValues) {
  for (const Isa isa : available_isas()) {
    OneRating one;
    sgd_epoch(kernels(isa), Gaussian{}, one.task(), one.schedule.view(), stages_in_order(1));
    // x = 0.5 q + 0.25 p = (1.75, 0), z = 0.5 p + 0.25 q = (1.25, 0.75); half of each is taken off.
    EXPECT_EQ(one.users.view().row(0)[0], 1 - 0.875F);
    EXPECT_EQ(one.users.view().row(0)[1], 2);
    EXPECT_EQ(one.items.view().row(0)[0], 3 - 0.625F);
    EXPECT_EQ(one.items.view().row(0)[1], -1 - 0.375F);
    // Slopes 0.5 + 0.5·0.5 and 0.5 − 0.5·0.25.
    EXPECT_EQ(one.users.view().biases[0], 0.5F - 0.375F);
    EXPECT_EQ(one.items.view().biases[0], -0.25F - 0.1875F);
  }
}

TEST(Sgd, AddsMeanSquaredSlopesToTheSumsAfterTheStep) {
  for (const Isa isa : available_isas()) {
    OneRating one;
    SgdTask task = one.task();
    one.user_side.factor_sums = {4};
    task.user_factor_sums = one.user_side.factor_sums.data();
    task.user_bias_sums = one.user_side.bias_sums.data();
    task.item_factor_sums = one.item_side.factor_sums.data();
    task.item_bias_sums = one.item_side.bias_sums.data();
    sgd_epoch(kernels(isa), Gaussian{}, task, one.schedule.view(), stages_in_order(1));
    EXPECT_EQ(one.users.view().row(0)[0], 1 - 0.4375F);  // half the step: the sum was 4
    EXPECT_EQ(one.items.view().row(0)[0], 3 - 0.625F);
    EXPECT_EQ(one.user_side.factor_sums[0], 4 + 1.75F * 1.75F / 2);
    EXPECT_EQ(one.item_side.factor_sums[0], 1 + (1.25F * 1.25F + 0.75F * 0.75F) / 2);
    EXPECT_EQ(one.user_side.bias_sums[0], 1 + 0.75F * 0.75F);
    EXPECT_EQ(one.item_side.bias_sums[0], 1 + 0.375F * 0.375F);
  }
}

TEST(Sgd, WithoutBiasesLeavesThemAlone) {
  const PlantedProblem planted = awkward_problem(Gaussian{});
  const PlantedSchedule schedule = planted_schedule(planted, grid);
  const Setting setting{.biases = false};
  const reference::Parameters start = float_parameters(planted, 5, false);
  reference::Parameters expected = start;
  std::optional<reference::AdaGradSums> sums(std::in_place, 41, 37);
  reference::sgd_epoch(reference_problem(planted, setting.regularization, false), schedule.view(),
                       stages, setting.learning_rate, sums, expected);
  for (const Isa isa : available_isas()) {
    SgdRun run(planted, start, setting.regularization.scaling);
    sgd_epoch(kernels(isa), Gaussian{}, run.task(setting, 0.25), schedule.view(), stages);
    EXPECT_LE(largest_difference(from_table(run.users), expected.users), allowed_difference(5));
    for (std::int64_t user = 0; user < 41; ++user) EXPECT_EQ(run.users.view().biases[user], 0);
  }
}

TEST(Sgd, LeavesRowsWithoutRatingsAlone) {
  const PlantedProblem planted = awkward_problem(Gaussian{});
  const PlantedSchedule schedule = planted_schedule(planted, grid);
  const reference::Parameters start = float_parameters(planted, 5, true);
  SgdRun run(planted, start, 0.5);
  sgd_epoch(kernels(best_isa()), Gaussian{}, run.task({}, 0.25), schedule.view(), stages);
  const auto after = from_table(run.users);
  for (const std::int64_t empty : {39, 40}) {
    EXPECT_EQ(after.factors.row(empty), start.users.factors.row(empty));
    EXPECT_EQ(after.biases[empty], start.users.biases[empty]);
  }
}

/// With steps that fall to nothing, stochastic gradient descent ends where alternating least
/// squares does, whatever α: the shares s(n)/n add up to the objective's penalty.
TEST(Sgd, WithSmallStepsReachesTheMinimumOfAlternatingLeastSquares) {
  const ThreadsInScope one_thread(1);  // blocks of a few ratings are not worth waking another
  const PlantedProblem planted = planted_problem({.users = 43, .items = 31, .rank = 2});
  const PlantedSchedule schedule = planted_schedule(planted, grid);
  const Setting setting{.adagrad = false, .regularization = {1.0, 0.7, 0.5}};
  const reference::Problem problem = reference_problem(planted, setting.regularization);
  const reference::Parameters start = float_parameters(planted, 2, true);
  reference::Parameters exact = start;
  for (int sweep = 0; sweep < 60; ++sweep) {
    reference::half_sweep(problem.by_user, exact.items, problem, {}, exact.users);
    reference::half_sweep(problem.by_item, exact.users, problem, {}, exact.items);
  }
  SgdRun run(planted, start, setting.regularization.scaling);
  SgdTask task = run.task(setting, 0);
  for (int epoch = 0; epoch < 2000; ++epoch) {
    task.learning_rate = 0.03F / (1 + 0.02F * static_cast<float>(epoch));
    sgd_epoch(kernels(best_isa()), Gaussian{}, task, schedule.view(), stages_in_order(grid));
  }
  const reference::Parameters reached{from_table(run.users), from_table(run.items)};
  const double lowest = reference::objective(problem, exact);
  // The last rate is 0.0007: what one epoch shifts the rows by is of that order, and F by its
  // square times the curvature, about the 20 ratings of a row: far below one part in a thousand.
  EXPECT_NEAR(reference::objective(problem, reached), lowest, 1e-3 * lowest);
}

TEST(Sgd, RefusesAScheduleThatDoesNotFit) {
  const PlantedProblem planted = awkward_problem(Gaussian{});
  PlantedSchedule schedule = planted_schedule(planted, grid);
  SgdRun run(planted, float_parameters(planted, 3, true), 0.5);
  const SgdTask task = run.task({}, 0);
  const KernelTable& table = kernels(best_isa());
  const std::vector<std::int32_t> too_far = {0, 3};
  EXPECT_THROW(sgd_epoch(table, Gaussian{}, task, schedule.view(), too_far), std::invalid_argument);
  const std::vector<std::int32_t> negative = {-1};
  EXPECT_THROW(sgd_epoch(table, Gaussian{}, task, schedule.view(), negative),
               std::invalid_argument);
  schedule.block_offsets.pop_back();
  EXPECT_THROW(sgd_epoch(table, Gaussian{}, task, schedule.view(), stages), std::invalid_argument);
}

TEST(ObservationShares, AreTheRowScaleDividedByTheCount) {
  const std::vector<std::int64_t> offsets = {0, 4, 4, 5, 14};
  EXPECT_EQ(observation_shares(offsets, 0.5), (std::vector<float>{0.5F, 0, 1, 1.0F / 3}));
  EXPECT_EQ(observation_shares(offsets, 0), (std::vector<float>{0.25F, 0, 1, 1.0F / 9}));
  EXPECT_EQ(observation_shares(offsets, 1), (std::vector<float>{1, 0, 1, 1}));
  EXPECT_TRUE(observation_shares({}, 1).empty());
}

}  // namespace
}  // namespace alsatian::cpu
