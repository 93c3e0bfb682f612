// Checks stochastic gradient descent: one update by hand, the order of visits, what it converges
// to. An epoch of tiny steps must follow −∇F, or SGD minimises another objective than ALS in
// silence.
#include "kernels/reference/sgd.hpp"

#include "kernels/reference/als.hpp"
#include "kernels/reference/objective.hpp"
#include "tests/support/reference_problems.hpp"
#include "tests/support/tolerance.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace alsatian::reference {
namespace {

using alsatian::testing::planted_problem;
using alsatian::testing::planted_schedule;
using alsatian::testing::PlantedProblem;
using alsatian::testing::PlantedSchedule;
using alsatian::testing::random_parameters;
using alsatian::testing::reference_problem;
using alsatian::testing::stages_in_order;
using alsatian::testing::start_parameters;
namespace tolerance = alsatian::testing::tolerance;

/// One user and one item with one rating of 2 and rank 2; s(1) = 1.
struct OneRating {
  std::vector<std::int64_t> offsets{0, 1};
  std::vector<std::int32_t> columns{0};
  std::vector<double> values{2};
  std::vector<float> schedule_values{2};
  Problem problem{{offsets, columns, values},
                  {offsets, columns, values},
                  {.factors = 0.5, .biases = 0.25, .scaling = 0.5},
                  Gaussian{},
                  0.5,
                  true};
  SgdScheduleView schedule{1, offsets, columns, columns, schedule_values};
  Parameters parameters{{1, 2}, {1, 2}};

  OneRating() {
    parameters.users.factors << 1, 2;
    parameters.users.biases << 0.5;
    parameters.items.factors << 3, -1;
    parameters.items.biases << -1;
  }
};

// Score 0.5 + 0.5 − 1 + 3 − 2 = 1, slope d = −1.
// p: −1·(3, −1) + 0.5·(1, 2) = (−2.5, 2);  q: −1·(1, 2) + 0.5·(3, −1) = (0.5, −2.5)
// b: −1 + 0.25·0.5 = −0.875;  c: −1 − 0.25 = −1.25
TEST(SgdUpdate, OfOneRatingIsTheHandMadeNumber) {
  OneRating one;
  std::optional<AdaGradSums> none;
  sgd_epoch(one.problem, one.schedule, std::vector<std::int32_t>{0}, 0.125, none, one.parameters);
  EXPECT_EQ(one.parameters.users.factors(0, 0), 1 + 0.125 * 2.5);
  EXPECT_EQ(one.parameters.users.factors(0, 1), 2 - 0.125 * 2);
  EXPECT_EQ(one.parameters.items.factors(0, 0), 3 - 0.125 * 0.5);
  EXPECT_EQ(one.parameters.items.factors(0, 1), -1 + 0.125 * 2.5);
  EXPECT_EQ(one.parameters.users.biases[0], 0.5 + 0.125 * 0.875);
  EXPECT_EQ(one.parameters.items.biases[0], -1 + 0.125 * 1.25);
}

TEST(SgdUpdate, WithAdaGradUsesTheSumBeforeItGrows) {
  OneRating one;
  std::optional<AdaGradSums> sums(std::in_place, 1, 1);
  sums->user_factors[0] = 4;
  sgd_epoch(one.problem, one.schedule, std::vector<std::int32_t>{0}, 0.125, sums, one.parameters);
  EXPECT_EQ(one.parameters.users.factors(0, 0), 1 + 0.0625 * 2.5);
  EXPECT_EQ(one.parameters.items.factors(0, 0), 3 - 0.125 * 0.5);
  EXPECT_EQ(sums->user_factors[0], 4 + (6.25 + 4) / 2);
  EXPECT_EQ(sums->item_factors[0], 1 + (0.25 + 6.25) / 2);
  EXPECT_EQ(sums->user_biases[0], 1 + 0.875 * 0.875);
  EXPECT_EQ(sums->item_biases[0], 1 + 1.25 * 1.25);
}

TEST(SgdUpdate, WithoutBiasesLeavesThemAlone) {
  OneRating one;
  one.problem.biases = false;
  std::optional<AdaGradSums> sums(std::in_place, 1, 1);
  sgd_epoch(one.problem, one.schedule, std::vector<std::int32_t>{0}, 0.125, sums, one.parameters);
  EXPECT_EQ(one.parameters.users.biases[0], 0.5);
  EXPECT_EQ(sums->user_biases[0], 1);
  EXPECT_NE(one.parameters.users.factors(0, 0), 1);
}

TEST(SgdEpoch, VisitsStagesInOrderAndBlocksAlongTheirDiagonal) {
  const PlantedProblem planted = planted_problem({.users = 13, .items = 11, .rank = 2});
  const Problem problem = reference_problem(planted, {});
  const PlantedSchedule grid = planted_schedule(planted, 3);
  // Stages 2, 0, 1: blocks (b, b + stage mod 3) written out.
  PlantedSchedule flat;
  for (const std::size_t block : {2, 3, 7, 0, 4, 8, 1, 5, 6}) {
    for (auto o = static_cast<std::size_t>(grid.block_offsets[block]);
         o < static_cast<std::size_t>(grid.block_offsets[block + 1]); ++o) {
      flat.users.push_back(grid.users[o]);
      flat.items.push_back(grid.items[o]);
      flat.ratings.push_back(grid.ratings[o]);
    }
  }
  flat.block_offsets.push_back(static_cast<std::int64_t>(flat.users.size()));
  Parameters by_grid = start_parameters(planted, 2);
  Parameters by_list = by_grid;
  std::optional<AdaGradSums> grid_sums(std::in_place, 13, 11);
  std::optional<AdaGradSums> list_sums(std::in_place, 13, 11);
  sgd_epoch(problem, grid.view(), std::vector<std::int32_t>{2, 0, 1}, 0.1, grid_sums, by_grid);
  sgd_epoch(problem, flat.view(), std::vector<std::int32_t>{0}, 0.1, list_sums, by_list);
  EXPECT_EQ(by_grid.users.factors, by_list.users.factors);
  EXPECT_EQ(by_grid.items.biases, by_list.items.biases);
  EXPECT_EQ(grid_sums->item_factors, list_sums->item_factors);
}

class SgdEpochOfTinySteps : public ::testing::TestWithParam<std::tuple<Likelihood, double>> {};

TEST_P(SgdEpochOfTinySteps, FollowsTheGradientOfF) {
  const auto& [likelihood, scaling] = GetParam();
  const PlantedProblem planted = planted_problem({.mean = 0.2,
                                                  .signal = 0.4,
                                                  .likelihood = likelihood,
                                                  .heavy_users = 1,
                                                  .single_items = 2,
                                                  .empty_users = 1});
  const Problem problem =
      reference_problem(planted, {.factors = 0.7, .biases = 0.4, .scaling = scaling});
  const Parameters before = random_parameters(planted, 5, 0.4, 0.2);
  const Parameters slopes = gradient(problem, before);
  // Steps of rate h move the parameters by ≈ h‖∇F‖, so later slopes are off by h·curvature·‖∇F‖;
  // the curvature along a row is below Σ(‖row‖² + 1)·loss″ < 1000 here. At 1e-9 that is 1e-6
  // relative, far above the rounding eps·|parameter|/h = 2e-7 of a single entry.
  const double rate = 1e-9;
  Parameters after = before;
  std::optional<AdaGradSums> none;
  const PlantedSchedule schedule = planted_schedule(planted, 3);
  sgd_epoch(problem, schedule.view(), stages_in_order(3), rate, none, after);
  const auto expect_follows = [&](const auto& moved, const auto& from, const auto& slope) {
    EXPECT_LE(((moved - from) / rate + slope).norm(), 1e-5 * (1 + slope.norm()));
  };
  expect_follows(after.users.factors, before.users.factors, slopes.users.factors);
  expect_follows(after.items.factors, before.items.factors, slopes.items.factors);
  expect_follows(after.users.biases, before.users.biases, slopes.users.biases);
  expect_follows(after.items.biases, before.items.biases, slopes.items.biases);
}

INSTANTIATE_TEST_SUITE_P(
    LikelihoodsScalings, SgdEpochOfTinySteps,
    ::testing::Combine(::testing::Values(Likelihood{Gaussian{}}, Likelihood{Laplace{}},
                                         Likelihood{Poisson{}}, Likelihood{Bernoulli{}}),
                       ::testing::Values(0.0, 0.5, 1.0)));

class SgdRunLong : public ::testing::TestWithParam<double> {};

TEST_P(SgdRunLong, ReachesTheObjectiveOfAlternatingLeastSquares) {
  const PlantedProblem planted =
      planted_problem({.users = 67, .items = 53, .rank = 3, .noise = 0.5});
  const Problem problem =
      reference_problem(planted, {.factors = 0.8, .biases = 0.6, .scaling = GetParam()});
  Parameters exact = start_parameters(planted, 3);
  Parameters stochastic = exact;
  for (int epoch = 0; epoch < 100; ++epoch) {
    half_sweep(problem.by_user, exact.items, problem, {}, exact.users);
    half_sweep(problem.by_item, exact.users, problem, {}, exact.items);
  }
  const PlantedSchedule schedule = planted_schedule(planted, 3);
  std::optional<AdaGradSums> none;
  for (int epoch = 0; epoch < 400; ++epoch) {
    sgd_epoch(problem, schedule.view(), stages_in_order(3), 0.05 / (1 + 0.05 * epoch), none,
              stochastic);
  }
  const double reached = objective(problem, exact);
  EXPECT_NEAR(objective(problem, stochastic), reached, 0.01 * reached);
}

INSTANTIATE_TEST_SUITE_P(Scalings, SgdRunLong, ::testing::Values(0.0, 0.5, 1.0));

TEST(SgdRankZero, LearnsTheBiasesThatAlsLearns) {
  const PlantedProblem planted = planted_problem({.rank = 0, .noise = 0.5});
  const Problem problem = reference_problem(planted, {});
  Parameters exact = start_parameters(planted, 0);
  Parameters stochastic = exact;
  const PlantedSchedule schedule = planted_schedule(planted, 3);
  std::optional<AdaGradSums> sums(std::in_place, 37, 29);
  for (int epoch = 0; epoch < 200; ++epoch) {
    half_sweep(problem.by_user, exact.items, problem, {}, exact.users);
    half_sweep(problem.by_item, exact.users, problem, {}, exact.items);
    sgd_epoch(problem, schedule.view(), stages_in_order(3), 0.1 * std::pow(0.97, epoch), sums,
              stochastic);
  }
  const double reached = objective(problem, exact);
  EXPECT_NEAR(objective(problem, stochastic), reached, 0.01 * reached);
}

}  // namespace
}  // namespace alsatian::reference
