// Checks the likelihoods against finite differences, closed forms and their own densities.
// Everything that trains or evaluates believes these few lines.
#include "kernels/math/likelihood.hpp"

#include "tests/support/tolerance.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace alsatian {
namespace {

namespace tolerance = testing::tolerance;

/// What the tests need to know of each likelihood, derived by hand; loss and slope as textbooks
/// have them, in a precision and range in which nothing is lost at scores of forty.
template <typename Kind>
struct Facts;

template <>
struct Facts<Gaussian> {
  static constexpr std::array ratings{-2.5, 0.0, 0.37, 4.0};
  static double third_derivative(double) { return 0; }
  static double magnitude(double score, double rating) {
    return (score - rating) * (score - rating);
  }
  static double loss(long double score, long double rating) {
    return static_cast<double>((rating - score) * (rating - score) / 2);
  }
  static double slope(long double score, long double rating) {
    return static_cast<double>(score - rating);
  }
};
template <>
struct Facts<Laplace> {
  static constexpr std::array ratings{-2.53, 0.07, 0.37, 4.01};
  static double third_derivative(double) { return 0; }
  static double magnitude(double score, double rating) {
    return std::abs(score) + std::abs(rating);
  }
  static double loss(long double score, long double rating) {
    return static_cast<double>(std::abs(rating - score));
  }
  static double slope(long double score, long double rating) { return score > rating ? 1 : -1; }
};
template <>
struct Facts<Poisson> {
  static constexpr std::array ratings{0.0, 1.0, 3.0, 17.0};
  static double third_derivative(double score) { return std::exp(score); }
  static double magnitude(double score, double rating) {
    return std::exp(score) * (1 + std::abs(score)) + rating * std::abs(score);
  }
  static double loss(long double score, long double rating) {
    return static_cast<double>(std::exp(score) - rating * score);
  }
  static double slope(long double score, long double rating) {
    return static_cast<double>(std::exp(score) - rating);
  }
};
template <>
struct Facts<Bernoulli> {
  static constexpr std::array ratings{0.0, 1.0};
  // m(1 − m)(1 − 2m) is at most 1/(6√3) < 0.1.
  static double third_derivative(double) { return 0.1; }
  static double magnitude(double score, double) { return 1 + std::abs(score); }
  static double loss(long double score, long double rating) {
    return static_cast<double>(std::log1p(std::exp(score)) - rating * score);
  }
  static double slope(long double score, long double rating) {
    return static_cast<double>(std::exp(score) / (1 + std::exp(score)) - rating);
  }
};

const std::vector<double> scores{-40,  -39.9, -17.3, -5.1, -1.7, -0.31, 0.001,
                                 0.29, 1.1,   3.7,   9.3,  21.7, 39.9,  40};

template <typename Kind>
class EveryLikelihood : public ::testing::Test {};
using Kinds = ::testing::Types<Gaussian, Laplace, Poisson, Bernoulli>;
TYPED_TEST_SUITE(EveryLikelihood, Kinds);

TYPED_TEST(EveryLikelihood, IsStandardisedWhereItsLossHasADegreeAndThenHasIt) {
  EXPECT_EQ(TypeParam::standardised, TypeParam::loss_degree > 0);
  if (TypeParam::loss_degree == 0) return;
  for (const double rating : Facts<TypeParam>::ratings) {
    for (const double score : scores) {
      const double loss = TypeParam::loss_and_slope(score, rating).loss;
      EXPECT_EQ(TypeParam::loss_and_slope(8 * score, 8 * rating).loss,
                std::pow(8, TypeParam::loss_degree) * loss);  // powers of two are exact
    }
  }
}

TYPED_TEST(EveryLikelihood, SlopeIsTheDerivativeOfTheLoss) {
  using Known = Facts<TypeParam>;
  const double step = tolerance::difference_step();
  for (const double rating : Known::ratings) {
    for (const double score : scores) {
      const double above = score + step;
      const double below = score - step;
      const double rise = TypeParam::loss_and_slope(above, rating).loss -
                          TypeParam::loss_and_slope(below, rating).loss;
      const double allowed =
          tolerance::difference(Known::third_derivative(score + step), 2,
                                Known::magnitude(std::abs(score) + step, rating), step);
      // What was added is above − below: the sums above are rounded.
      EXPECT_NEAR(TypeParam::loss_and_slope(score, rating).slope, rise / (above - below), allowed)
          << "score " << score << ", rating " << rating;
    }
  }
}

TYPED_TEST(EveryLikelihood, IsItsTextbookFormulaAtScoresOfForty) {
  using Known = Facts<TypeParam>;
  for (const double rating : Known::ratings) {
    for (const double score : {-40.0, 40.0}) {
      const auto narrow_rating = static_cast<float>(rating);
      const auto wide = TypeParam::loss_and_slope(score, rating);
      const auto narrow = TypeParam::loss_and_slope(static_cast<float>(score), narrow_rating);
      // A rounding of the loss, and one of the terms that it is the difference of.
      const double size = Known::magnitude(std::abs(score), rating);
      EXPECT_NEAR(wide.loss, Known::loss(score, rating), tolerance::sum<double>(1, size));
      EXPECT_NEAR(wide.slope, Known::slope(score, rating), tolerance::sum<double>(1, size));
      EXPECT_NEAR(narrow.loss, Known::loss(score, narrow_rating), tolerance::sum<float>(1, size));
      EXPECT_NEAR(narrow.slope, Known::slope(score, narrow_rating), tolerance::sum<float>(1, size));
    }
  }
}

TYPED_TEST(EveryLikelihood, FloatAgreesWithDouble) {
  for (const double rating : Facts<TypeParam>::ratings) {
    for (const double score : {-6.5, -0.25, 0.0, 1.75, 6.5}) {
      const auto wide = TypeParam::loss_and_slope(score, double{static_cast<float>(rating)});
      const auto narrow =
          TypeParam::loss_and_slope(static_cast<float>(score), static_cast<float>(rating));
      const double allowed =
          tolerance::sum<float>(4, 1 + Facts<TypeParam>::magnitude(std::abs(score), rating));
      EXPECT_NEAR(wide.loss, double{narrow.loss}, allowed);
      EXPECT_NEAR(wide.slope, double{narrow.slope}, allowed);
    }
  }
}

TYPED_TEST(EveryLikelihood, LinkInvertsTheMean) {
  for (const double mean : {0.001, 0.25, 0.5, 0.83, 0.999}) {
    EXPECT_NEAR(TypeParam::mean(TypeParam::link(mean)), mean, 8 * tolerance::eps<double>);
  }
}

TYPED_TEST(EveryLikelihood, LossIsSmallestWhereTheMeanIsTheRating) {
  for (const double rating : Facts<TypeParam>::ratings) {
    if (!std::isfinite(TypeParam::link(rating))) continue;
    EXPECT_NEAR(TypeParam::loss_and_slope(TypeParam::link(rating), rating).slope, 0.0,
                tolerance::sum<double>(2, std::abs(rating)));
  }
}

TYPED_TEST(EveryLikelihood, RefusesRatingsThatAreNotFinite) {
  EXPECT_FALSE(TypeParam::in_domain(std::numeric_limits<double>::quiet_NaN()));
  EXPECT_FALSE(TypeParam::in_domain(std::numeric_limits<double>::infinity()));
  EXPECT_FALSE(TypeParam::in_domain(-std::numeric_limits<double>::infinity()));
}

/// exp(−NLL) of one rating: its probability or density.
template <typename Kind>
double density(double score, double rating, double dispersion) {
  return std::exp(-Kind::mean_nll(Kind::loss_and_slope(score, rating).loss, dispersion,
                                  Kind::constant(rating)));
}

TEST(PoissonDensity, SumsToOne) {
  for (const double score : {-3.0, 0.0, std::log(3.7), 3.0}) {
    double total = 0;
    for (int count = 0; count <= 150; ++count) total += density<Poisson>(score, count, 1);
    // lgamma(151) ≈ 606 with relative error eps makes each exponent wrong by about 1e-13.
    EXPECT_NEAR(total, 1.0, 1e-12);
  }
}

TEST(BernoulliDensity, SumsToOne) {
  for (const double score : scores) {
    EXPECT_NEAR(density<Bernoulli>(score, 0, 1) + density<Bernoulli>(score, 1, 1), 1.0,
                64 * tolerance::eps<double>);
  }
}

/// Trapezoids of width h over 40 units either side, with a node at the score.
template <typename Kind>
double integrated_density(double score, double dispersion, double h) {
  double total = 0;
  for (int node = -static_cast<int>(40 / h); node <= static_cast<int>(40 / h); ++node) {
    total += h * density<Kind>(score, score + node * h, dispersion);
  }
  return total;
}

TEST(GaussianDensity, IntegratesToOne) {
  // Trapezoids are exact to exp(−2π²σ²/h²) for a Gaussian; 40 units are at least 20 σ.
  EXPECT_NEAR(integrated_density<Gaussian>(1.3, 0.49, 0.0625), 1.0, 1e-12);
  EXPECT_NEAR(integrated_density<Gaussian>(-2.0, 4.0, 0.0625), 1.0, 1e-12);
}

TEST(LaplaceDensity, IntegratesToOne) {
  // With a node at the kink, trapezoids give h/2b·coth(h/2b) = 1 + (h/2b)²/3 − …; the tail beyond
  // 40 units holds exp(−40/b).
  for (const double scale : {0.7, 1.0}) {
    const double half = 0.0625 / (2 * scale);
    EXPECT_NEAR(integrated_density<Laplace>(0.4, scale, 0.0625), half / std::tanh(half), 1e-12);
  }
}

template <typename Kind>
class LikelihoodWithDispersion : public ::testing::Test {};
using DispersedKinds = ::testing::Types<Gaussian, Laplace>;
TYPED_TEST_SUITE(LikelihoodWithDispersion, DispersedKinds);

TYPED_TEST(LikelihoodWithDispersion, EstimateMinimisesTheNegativeLogLikelihood) {
  for (const double mean_loss : {0.003, 0.4, 11.0}) {
    const double best = TypeParam::dispersion(mean_loss);
    const double least = TypeParam::mean_nll(mean_loss, best, 0);
    EXPECT_LT(least, TypeParam::mean_nll(mean_loss, 1.01 * best, 0));
    EXPECT_LT(least, TypeParam::mean_nll(mean_loss, best / 1.01, 0));
  }
}

TEST(GaussianLikelihood, NegativeLogLikelihoodAtItsEstimateIsTheClosedForm) {
  const double variance = 0.81;
  EXPECT_NEAR(Gaussian::mean_nll(0.5 * variance, Gaussian::dispersion(0.5 * variance), 0),
              0.5 * (1 + std::log(2 * M_PI * variance)), 4 * tolerance::eps<double>);
}

TEST(LaplaceLikelihood, NegativeLogLikelihoodAtItsEstimateIsTheClosedForm) {
  EXPECT_NEAR(Laplace::mean_nll(0.6, Laplace::dispersion(0.6), 0), 1 + std::log(1.2),
              4 * tolerance::eps<double>);
}

TEST(LaplaceLikelihood, SlopeAtTheRatingIsZero) {
  EXPECT_EQ(Laplace::loss_and_slope(1.5, 1.5).slope, 0.0);
  EXPECT_EQ(Laplace::loss_and_slope(2.0, 1.5).slope, 1.0);
  EXPECT_EQ(Laplace::loss_and_slope(1.0, 1.5).slope, -1.0);
}

TEST(PoissonLikelihood, GivesTheHandMadeNumbers) {
  // η = ln 2, r = 3: P = 2³·e⁻²/3!.
  const auto [loss, slope] = Poisson::loss_and_slope(std::log(2.0), 3.0);
  EXPECT_NEAR(loss, 2 - 3 * std::log(2.0), 8 * tolerance::eps<double>);
  EXPECT_NEAR(slope, -1, 8 * tolerance::eps<double>);
  EXPECT_NEAR(Poisson::mean_nll(loss, 1, Poisson::constant(3)), -std::log(8 * std::exp(-2.0) / 6),
              8 * tolerance::eps<double>);
}

TEST(PoissonLikelihood, TakesWholeCountsOnly) {
  EXPECT_TRUE(Poisson::in_domain(0));
  EXPECT_TRUE(Poisson::in_domain(12));
  EXPECT_FALSE(Poisson::in_domain(-1));
  EXPECT_FALSE(Poisson::in_domain(2.5));
}

TEST(BernoulliLikelihood, GivesTheHandMadeNumbers) {
  // η = ln 3: the mean is 3/4.
  const auto [loss, slope] = Bernoulli::loss_and_slope(std::log(3.0), 1.0);
  EXPECT_NEAR(loss, -std::log(0.75), 8 * tolerance::eps<double>);
  EXPECT_NEAR(slope, -0.25, 8 * tolerance::eps<double>);
}

TEST(BernoulliLikelihood, KeepsTheTinyLossOfAConfidentHit) {
  // log(1 + e⁻⁴⁰) = e⁻⁴⁰ to a relative e⁻⁴⁰/2.
  EXPECT_DOUBLE_EQ(Bernoulli::loss_and_slope(40.0, 1.0).loss, std::exp(-40.0));
  EXPECT_DOUBLE_EQ(Bernoulli::loss_and_slope(-40.0, 0.0).loss, std::exp(-40.0));
}

TEST(BernoulliLikelihood, DoesNotOverflowAtAnyScore) {
  for (const float score : {-1e30F, -1000.0F, 1000.0F, 1e30F}) {
    const auto [loss, slope] = Bernoulli::loss_and_slope(score, 1.0F);
    EXPECT_EQ(loss, score < 0 ? -score : 0.0F);
    EXPECT_EQ(slope, score < 0 ? -1.0F : 0.0F);
  }
}

TEST(BernoulliLikelihood, TakesZeroAndOneOnly) {
  EXPECT_TRUE(Bernoulli::in_domain(0));
  EXPECT_TRUE(Bernoulli::in_domain(1));
  EXPECT_FALSE(Bernoulli::in_domain(0.5));
  EXPECT_FALSE(Bernoulli::in_domain(2));
}

TEST(LikelihoodLink, OfAMeanAtTheEdgeOfTheDomainIsNotFinite) {
  EXPECT_FALSE(std::isfinite(Poisson::link(0)));
  EXPECT_FALSE(std::isfinite(Bernoulli::link(0)));
  EXPECT_FALSE(std::isfinite(Bernoulli::link(1)));
}

TEST(LikelihoodScale, OnlyRealValuedRatingsAreStandardised) {
  EXPECT_TRUE(Gaussian::standardised && Laplace::standardised);
  EXPECT_FALSE(Poisson::standardised || Bernoulli::standardised);
}

}  // namespace
}  // namespace alsatian
