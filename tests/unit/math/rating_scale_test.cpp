// Checks the conversions between the rating's units and those of training.
// Everything that is printed, saved or compared with another program goes through them.
#include "kernels/math/rating_scale.hpp"

#include "kernels/math/score.hpp"
#include "tests/support/tolerance.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace alsatian {
namespace {

namespace tolerance = testing::tolerance;

constexpr RatingScale scale{.mean = 61.5, .deviation = 20.25};

TEST(RatingScale, StandardisesByMeanAndDeviation) {
  EXPECT_EQ(scale.standardise(61.5), 0);
  EXPECT_EQ(scale.standardise(61.5 - 2 * 20.25), -2);
  EXPECT_EQ(RatingScale{}.standardise(3.7), 3.7);
}

TEST(RatingScale, OfALikelihoodThatIsNotStandardisedKeepsTheMeanOfTheScore) {
  EXPECT_EQ((RatingScale{.score_mean = -0.3}).mean_score(), -0.3);
  EXPECT_EQ(scale.mean_score(), 61.5);
}

TEST(RatingScale, TakesScoresToTheRatingsUnits) {
  const double bias = scale.bias_unit();
  const double factor = scale.factor_unit();
  const double raw =
      score(scale.mean_score(), 0.5 * bias, -1.5 * bias, (0.75 * factor) * (2.0 * factor));
  const double standardised = score(scale.score_mean, 0.5, -1.5, 0.75 * 2.0);
  EXPECT_NEAR(scale.standardise(raw), standardised, 8 * tolerance::eps<double>);
}

TEST(RatingScale, AddsToTheNllWhatTheDensityOfTheRatingLacks) {
  // −log p of N(η, σ²) by hand, in both units.
  const double sigma = 0.9;
  const auto nll = [](double residual, double deviation) {
    return 0.5 * std::pow(residual / deviation, 2) +
           0.5 * std::log(2 * 3.14159265358979323846 * deviation * deviation);
  };
  const double raw = nll(80.0 - 61.5, sigma * 20.25);
  EXPECT_NEAR(nll(scale.standardise(80.0), sigma) + scale.nll_offset(), raw,
              8 * tolerance::eps<double> * raw);
}

template <typename Kind>
class StandardisedLikelihood : public ::testing::Test {};
using Kinds = ::testing::Types<Gaussian, Laplace>;
TYPED_TEST_SUITE(StandardisedLikelihood, Kinds);

TYPED_TEST(StandardisedLikelihood, HasTheSameObjectiveInTheRatingsUnitsButForAFactor) {
  const Regularization standardised{.factors = 1.2, .biases = 0.9, .scaling = 0.5};
  const Regularization raw = scale.regularization_in_rating_units(standardised, TypeParam{});
  EXPECT_EQ(raw.scaling, 0.5);
  const auto objective = [](double eta, double rating, const Regularization& regularization,
                            double squared_norm, double bias) {
    return TypeParam::loss_and_slope(eta, rating).loss +
           row_penalty(1.0, regularization, squared_norm, bias);
  };
  const double of_standardised = objective(0.4, -1.1, standardised, 2.5, 0.7);
  const double of_raw = objective(61.5 + 0.4 * 20.25, 61.5 - 1.1 * 20.25, raw,
                                  2.5 * scale.deviation, 0.7 * scale.deviation);
  EXPECT_NEAR(of_raw, std::pow(scale.deviation, TypeParam::loss_degree) * of_standardised,
              16 * tolerance::eps<double> * of_raw);
}

TEST(RatingScale, GivesTheRegularizationThatTheDesignNames) {
  const Regularization regularization{.factors = 1.2, .biases = 0.9, .scaling = 0.5};
  const Regularization gaussian = scale.regularization_in_rating_units(regularization, Gaussian{});
  EXPECT_DOUBLE_EQ(gaussian.factors, 20.25 * 1.2);
  EXPECT_DOUBLE_EQ(gaussian.biases, 0.9);
  const Regularization laplace = scale.regularization_in_rating_units(regularization, Laplace{});
  EXPECT_DOUBLE_EQ(laplace.factors, 1.2);
  EXPECT_DOUBLE_EQ(laplace.biases, 0.9 / 20.25);
  const Regularization poisson =
      RatingScale{}.regularization_in_rating_units(regularization, Poisson{});
  EXPECT_EQ(poisson.factors, 1.2);
  EXPECT_EQ(poisson.biases, 0.9);
}

}  // namespace
}  // namespace alsatian
