// The power law's fit on counts whose law is known, drawn or spelt out.
// ζ is summed plainly here, so that no series of the fit's own decides whether it passes.
#include "host/report/power_law.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace alsatian::testing {
namespace {

constexpr std::int64_t plain_terms = 100'000;

/// Σ x^−exponent·(ln x)^power over the whole numbers from `from` on: first many term by term, and
/// the integral over what is above, from half before its first.
double plain_sum(double exponent, std::int64_t from, int power) {
  double sum = 0;
  for (std::int64_t x = from; x < from + plain_terms; ++x) {
    const double logarithm = std::log(static_cast<double>(x));
    sum += std::exp(-exponent * logarithm) * std::pow(logarithm, power);
  }
  const double above = static_cast<double>(from + plain_terms) - 0.5;
  const double slope = exponent - 1;
  const double logarithm = std::log(above);
  const double scale = std::pow(above, -slope) / slope;
  if (power == 0) return sum + scale;
  const double first = scale * (logarithm + 1 / slope);
  if (power == 1) return sum + first;
  return sum + scale * logarithm * logarithm + 2 / slope * first;
}

/// That of a fit to `count` counts of the law: the likelihood's curvature is the variance of ln x
/// (Clauset, Shalizi and Newman, equation 3.6).
double standard_error(double exponent, std::int64_t from, int count) {
  const double total = plain_sum(exponent, from, 0);
  const double mean = plain_sum(exponent, from, 1) / total;
  return 1 / std::sqrt(count * (plain_sum(exponent, from, 2) / total - mean * mean));
}

/// Counts of the law, ascending: each the first whose distribution function is above a random
/// number.
std::vector<std::int64_t> drawn(int count, std::int64_t from, double exponent) {
  std::mt19937_64 random(17);
  std::vector<double> chances;
  for (int i = 0; i < count; ++i) {
    chances.push_back(static_cast<double>(random() >> 11U) * 0x1p-53);
  }
  std::ranges::sort(chances);
  const double total = plain_sum(exponent, from, 0);
  std::vector<std::int64_t> counts;
  double below = 0;
  auto next = chances.begin();
  for (std::int64_t x = from; x < from + plain_terms; ++x) {
    below += std::pow(static_cast<double>(x), -exponent) / total;
    for (; next != chances.end() && *next < below; ++next) counts.push_back(x);
  }
  // The law's tail above: that of the integral.
  for (; next != chances.end(); ++next) {
    const double share = (1 - *next) * total * (exponent - 1);
    counts.push_back(std::llround(std::pow(share, 1 / (1 - exponent))));
  }
  return counts;
}

TEST(PowerLaw, FindsTheExponentOfCountsThatFollowOne) {
  constexpr int count = 20'001;
  for (const double exponent : {1.6, 2.0, 2.5, 3.0}) {
    for (const std::int64_t from : {1, 2, 10}) {
      const auto counts = drawn(count, from, exponent);
      const auto fit = fit_power_law(counts);
      ASSERT_TRUE(fit);
      const double error = standard_error(exponent, fit->from, static_cast<int>(fit->tail));
      EXPECT_NEAR(fit->exponent, exponent, 3 * error) << "from " << from;
      // Kolmogorov's distance of so many true draws is above 2/√n once in 1500.
      EXPECT_LT(fit->distance, 2 / std::sqrt(static_cast<double>(fit->tail))) << exponent;
    }
  }
}

TEST(PowerLaw, HasTheExponentWhoseMeanLogarithmIsThatOfTheCounts) {
  // All of them: two values leave no other start.
  std::vector<std::int64_t> counts(900, 1);
  counts.insert(counts.end(), 60, 4);
  const auto fit = fit_power_law(counts);
  ASSERT_TRUE(fit);
  EXPECT_EQ(fit->from, 1);
  const double measured = 60 * std::log(4.0) / 960;
  // Golden section leaves the exponent uncertain by the root of the likelihood's rounding, 1e-8.
  EXPECT_NEAR(plain_sum(fit->exponent, 1, 1) / plain_sum(fit->exponent, 1, 0), measured, 1e-7);
}

TEST(PowerLaw, BeginsBehindCountsThatFollowNone) {
  auto counts = drawn(5'001, 40, 2.0);
  for (std::int64_t count = 1; count < 40; ++count) counts.insert(counts.end(), 100, count);
  std::ranges::sort(counts);
  const auto fit = fit_power_law(counts);
  ASSERT_TRUE(fit);
  EXPECT_GE(fit->from, 30);
  EXPECT_NEAR(fit->exponent, 2.0, 3 * standard_error(2.0, 40, 5'001));
}

TEST(PowerLaw, ExpectsAllOfTheTailOverAllCounts) {
  const PowerLaw fit{.exponent = 2.5, .from = 7, .tail = 1000};
  double sum = 0;
  for (int x = 7; x < 100'000; ++x) sum += fit.expected(x);
  // What is left above is about 1000·(10⁵/6.5)^−1.5 < 0.001.
  EXPECT_NEAR(sum, 1000, 0.001);
}

TEST(PowerLaw, IsNoneForFewCountsOrOneValue) {
  EXPECT_FALSE(fit_power_law(std::vector<std::int64_t>{}));
  EXPECT_FALSE(fit_power_law(std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_FALSE(fit_power_law(std::vector<std::int64_t>(100, 4)));
}

}  // namespace
}  // namespace alsatian::testing
