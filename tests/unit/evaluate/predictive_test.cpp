// Claims about the distribution of a rating under a model of draws: its mean is the prediction,
// its quantiles cut off what they say, its density is the mean of the draws'.
#include "host/evaluate/predictive.hpp"

#include "host/evaluate/scorer.hpp"
#include "tests/support/models.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace alsatian {
namespace {

/// Four draws, whose biases and constants average to those of the model.
Model sampled_model() {
  Model model = testing::sample_model({.users = 5, .items = 7, .rank = 3, .draws = 4});
  const auto draws = static_cast<std::size_t>(model.draws);
  const auto average = [&](const std::vector<float>& biases, std::size_t row) {
    double sum = 0;
    for (std::size_t draw = 0; draw < draws; ++draw) sum += biases[row * draws + draw];
    return static_cast<float>(sum / 4 * model.scale.bias_unit());
  };
  for (std::size_t row = 0; row < 5; ++row) {
    model.factors.users.biases[row] = average(model.draw_biases.users, row);
  }
  for (std::size_t row = 0; row < 7; ++row) {
    model.factors.items.biases[row] = average(model.draw_biases.items, row);
  }
  model.scale.score_mean = 0;
  for (const double constant : model.draw_biases.constants) model.scale.score_mean += constant / 4;
  return model;
}

/// Scores of a model of about 1 in float: a dozen roundings.
constexpr double rounding = 1e-5;

/// Rectangles of the density, from far below every draw to far above.
struct Integrals {
  double mass = 0;
  double mean = 0;
  double below = 0;
};
Integrals integrate(const PredictiveDistribution& distribution, double limit) {
  Integrals integrals;
  constexpr double step = 0.01;
  for (double rating = -150; rating < 150; rating += step) {
    const double weight = step * std::exp(-distribution.nll(rating));
    integrals.mass += weight;
    integrals.mean += weight * rating;
    if (rating < limit) integrals.below += weight;
  }
  return integrals;
}

TEST(PredictiveDistribution, HasThePredictionAsItsMeanAlsoWhereRowsAreUnknown) {
  const Model model = sampled_model();
  const Scorer scorer(model, {});
  for (const std::int32_t user : {-1, 0, 4}) {
    for (const std::int32_t item : {-1, 2, 6}) {
      const Integrals integrals = integrate(PredictiveDistribution(model, user, item), 0);
      EXPECT_NEAR(integrals.mass, 1, 1e-6);
      EXPECT_NEAR(integrals.mean, scorer.predict(user, item), rounding);
    }
  }
}

TEST(PredictiveDistribution, HasItsShareBelowEachQuantile) {
  const Model model = sampled_model();
  const PredictiveDistribution distribution(model, 1, 3);
  for (const double share : {0.05, 0.5, 0.95}) {
    // A rectangle is as wide as 0.01, and the density below 1.
    EXPECT_NEAR(integrate(distribution, distribution.quantile(share)).below, share, 0.01);
  }
}

TEST(PredictiveDistribution, OfOneDrawIsNormal) {
  Model model = testing::sample_model({.rank = 0, .draws = 1});
  model.draw_biases.constants = {0.5};
  const double mean = model.scale.mean + 0.5 * model.scale.deviation;
  const double deviation = std::sqrt(model.statistics.dispersion) * model.scale.deviation;
  const PredictiveDistribution distribution(model, -1, -1);
  EXPECT_NEAR(distribution.quantile(0.95), mean + 1.6448536269514722 * deviation, 1e-9);
  const Interval interval = central_interval(distribution, 0.9);
  EXPECT_NEAR(interval.upper - mean, mean - interval.lower, 1e-9);
  EXPECT_NEAR(distribution.nll(mean + deviation),
              0.5 + 0.5 * std::log(2 * std::numbers::pi) + std::log(deviation), 1e-12);
}

TEST(PredictiveEvaluation, AveragesWhatEachRatingsDistributionSays) {
  const Model model = sampled_model();
  Triples test;
  test.users = {0, 1, -1, 3};
  test.items = {2, 3, 5, -1};
  test.ratings = {3, 40, 2, 4};
  const PredictiveEvaluation evaluation = evaluate_predictive(model, test);
  double covered = 0;
  double width = 0;
  double nll = 0;
  for (std::size_t index = 0; index < 4; ++index) {
    const PredictiveDistribution distribution(model, test.users[index], test.items[index]);
    const Interval interval = central_interval(distribution, 0.9);
    const double rating = test.ratings[index];
    covered += interval.lower <= rating && rating <= interval.upper ? 0.25 : 0;
    width += (interval.upper - interval.lower) / 4;
    nll += distribution.nll(rating) / 4;
  }
  EXPECT_NEAR(evaluation.covered_90, covered, 1e-12);
  EXPECT_NEAR(evaluation.width_90, width, 1e-12);
  EXPECT_NEAR(evaluation.nll, nll, 1e-12);
  EXPECT_LT(covered, 1);  // 40 is far outside
}

}  // namespace
}  // namespace alsatian
