// Checks F against hand-made numbers and its gradient against finite differences.
// Everything else in the reference is judged by these two.
#include "kernels/reference/objective.hpp"

#include "tests/support/reference_problems.hpp"
#include "tests/support/tolerance.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <tuple>
#include <vector>

namespace alsatian::reference {
namespace {

using alsatian::testing::planted_problem;
using alsatian::testing::PlantedProblem;
using alsatian::testing::random_parameters;
using alsatian::testing::reference_problem;
namespace tolerance = alsatian::testing::tolerance;

/// Two users, two items, three ratings: (0, 0) 1, (0, 1) 2, (1, 0) −1.
struct TinyProblem {
  std::vector<std::int64_t> offsets{0, 2, 3};
  std::vector<std::int32_t> columns{0, 1, 0};
  std::vector<double> by_user{1, 2, -1};
  std::vector<double> by_item{1, -1, 2};
  Problem problem{{offsets, columns, by_user},
                  {offsets, columns, by_item},
                  {.factors = 0.5, .biases = 0.25, .scaling = 1},
                  Gaussian{},
                  0.5,
                  true};
  Parameters parameters{{2, 1}, {2, 1}};

  TinyProblem() {
    parameters.users.factors << 1, 2;
    parameters.users.biases << 0.5, -0.5;
    parameters.items.factors << 1, -1;
    parameters.items.biases << 0, 1;
  }
};

TEST(Objective, IsTheHandMadeNumber) {
  const TinyProblem tiny;
  // Scores 2, 1, 2: residuals 1, −1, 3; counts 2, 1 on both sides.
  // Users ½(2(0.5·1 + 0.25·0.25) + 0.5·4 + 0.25·0.25), items ½(2·0.5·1 + 0.5·1 + 0.25·1).
  EXPECT_EQ(loss_sums(tiny.problem, tiny.parameters).loss, 5.5);
  EXPECT_EQ(penalty(tiny.problem, tiny.parameters), 1.59375 + 0.875);
  EXPECT_EQ(objective(tiny.problem, tiny.parameters), 5.5 + 1.59375 + 0.875);
}

TEST(LossSums, AreTheHandMadeNumbers) {
  const TinyProblem tiny;
  const LossSums sums = loss_sums(tiny.problem, tiny.parameters);
  EXPECT_EQ(sums.count, 3);
  EXPECT_EQ(sums.squared_error, 11);
  EXPECT_EQ(sums.absolute_error, 5);
}

TEST(LossSums, MeasureErrorsOfTheMeanNotOfTheScore) {
  LossSums sums;
  sums.add(Poisson{}, std::log(4.0), 2.0);
  EXPECT_NEAR(sums.squared_error, 4, 32 * tolerance::eps<double>);
  EXPECT_NEAR(sums.loss, 4 - 2 * std::log(4.0), 32 * tolerance::eps<double>);
}

TEST(Score, OfAnUnknownUserOrItemIsWhatIsKnownOfTheOther) {
  const TinyProblem tiny;
  EXPECT_EQ(score_of(tiny.parameters, 0.5, -1, 1), 1.5);
  EXPECT_EQ(score_of(tiny.parameters, 0.5, 1, -1), 0.0);
  EXPECT_EQ(score_of(tiny.parameters, 0.5, -1, -1), 0.5);
}

TEST(Gradient, IsTheHandMadeNumber) {
  const TinyProblem tiny;
  const Parameters slopes = gradient(tiny.problem, tiny.parameters);
  // User 0: 1·1 + (−1)(−1) + 2·0.5·1; bias 1 − 1 + 2·0.25·0.5.
  EXPECT_EQ(slopes.users.factors(0, 0), 3);
  EXPECT_EQ(slopes.users.biases[0], 0.25);
  // Item 0: 1·1 + 3·2 + 2·0.5·1; bias 1 + 3 + 0.
  EXPECT_EQ(slopes.items.factors(0, 0), 8);
  EXPECT_EQ(slopes.items.biases[0], 4);
}

using GradientCase = std::tuple<Likelihood, double, bool>;

class GradientOfEveryObjective : public ::testing::TestWithParam<GradientCase> {
 protected:
  GradientOfEveryObjective()
      : planted_(planted_problem({.users = 17,
                                  .items = 13,
                                  .rank = 3,
                                  .density = 0.5,
                                  .mean = 0.2,
                                  .signal = 0.4,
                                  .likelihood = std::get<0>(GetParam()),
                                  .heavy_items = 1,
                                  .single_users = 2,
                                  .empty_users = 1,
                                  .empty_items = 1})),
        problem_(reference_problem(
            planted_, {.factors = 0.7, .biases = 0.4, .scaling = std::get<1>(GetParam())},
            std::get<2>(GetParam()))),
        parameters_(random_parameters(planted_, 3, 0.5, std::get<2>(GetParam()) ? 0.3 : 0.0)) {}

  /// |F‴| along one parameter: at most Σ |third derivative of the loss|·|x|³ over the ratings.
  double third_derivative() const {
    if (!std::holds_alternative<Poisson>(planted_.options.likelihood) &&
        !std::holds_alternative<Bernoulli>(planted_.options.likelihood)) {
      return 0;
    }
    const double largest = std::max({1.0, parameters_.users.factors.cwiseAbs().maxCoeff(),
                                     parameters_.items.factors.cwiseAbs().maxCoeff()});
    double highest = 0;
    for (std::int64_t user = 0; user < 17; ++user) {
      for (std::int64_t item = 0; item < 13; ++item) {
        highest = std::max(highest, score_of(parameters_, problem_.mean, user, item));
      }
    }
    return 17 * std::pow(largest, 3) * std::exp(highest + 0.01);
  }

  /// Compares one entry of the gradient with the change of F around `value`.
  void expect_slope(double& value, double slope) {
    const double kept = value;
    const double above = kept + tolerance::difference_step();
    const double below = kept - tolerance::difference_step();
    value = above;
    const double higher = objective(problem_, parameters_);
    value = below;
    const double lower = objective(problem_, parameters_);
    value = kept;
    // Every term of F is below 10 + its own value here, so sums of magnitudes are too.
    const double magnitude = std::max(higher, lower) + 10.0;
    EXPECT_NEAR((higher - lower) / (above - below), slope,
                tolerance::difference(third_derivative(), 32, magnitude, above - kept));
  }

  void expect_slopes(SideParameters& side, const SideParameters& slopes) {
    for (std::int64_t row = 0; row < side.rows(); ++row) {
      for (std::int64_t j = 0; j < side.rank(); ++j) {
        expect_slope(side.factors(row, j), slopes.factors(row, j));
      }
      if (problem_.biases) {
        expect_slope(side.biases[row], slopes.biases[row]);
      } else {
        EXPECT_EQ(slopes.biases[row], 0);
      }
    }
  }

  PlantedProblem planted_;
  Problem problem_;
  Parameters parameters_;
};

TEST_P(GradientOfEveryObjective, IsItsFiniteDifference) {
  const Parameters slopes = gradient(problem_, parameters_);
  expect_slopes(parameters_.users, slopes.users);
  expect_slopes(parameters_.items, slopes.items);
}

std::string case_name(const ::testing::TestParamInfo<GradientCase>& info) {
  const auto& [likelihood, scaling, biases] = info.param;
  return std::string(std::visit([](const auto& kind) { return kind.name; }, likelihood)) +
         "_scaling_" + std::to_string(static_cast<int>(100 * scaling)) +
         (biases ? "_biases" : "_no_biases");
}

INSTANTIATE_TEST_SUITE_P(
    LikelihoodsScalingsBiases, GradientOfEveryObjective,
    ::testing::Combine(::testing::Values(Likelihood{Gaussian{}}, Likelihood{Laplace{}},
                                         Likelihood{Poisson{}}, Likelihood{Bernoulli{}}),
                       ::testing::Values(0.0, 0.5, 1.0), ::testing::Bool()),
    case_name);

}  // namespace
}  // namespace alsatian::reference
