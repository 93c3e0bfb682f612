// The power law's fit on counts whose law is known: the quantiles of the law itself.
// No random numbers, so that no seed decides whether it passes.
#include "host/report/power_law.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace alsatian::testing {
namespace {

/// Quantiles at (i + ½)/count of the continuous law from `from` − ½ on, rounded to whole numbers.
std::vector<std::int64_t> law(int count, std::int64_t from, double exponent) {
  std::vector<std::int64_t> counts;
  for (int i = 0; i < count; ++i) {
    const double above = 1 - (i + 0.5) / count;
    counts.push_back(
        std::llround((static_cast<double>(from) - 0.5) * std::pow(above, 1 / (1 - exponent))));
  }
  std::ranges::sort(counts);
  return counts;
}

TEST(PowerLaw, FindsTheExponentOfCountsThatFollowOne) {
  const auto counts = law(20'001, 10, 2.3);
  const auto fit = fit_power_law(counts);
  ASSERT_TRUE(fit);
  // Rounding to whole numbers at 10 and above shifts logarithms by less than 1/(24·10²).
  EXPECT_NEAR(fit->exponent, 2.3, 0.01);
  EXPECT_LT(fit->distance, 0.01);
}

TEST(PowerLaw, BeginsBehindCountsThatFollowNone) {
  auto counts = law(5'001, 40, 2.0);
  for (std::int64_t count = 1; count < 40; ++count) counts.insert(counts.end(), 100, count);
  std::ranges::sort(counts);
  const auto fit = fit_power_law(counts);
  ASSERT_TRUE(fit);
  EXPECT_GE(fit->from, 30);
  EXPECT_NEAR(fit->exponent, 2.0, 0.05);
}

TEST(PowerLaw, ExpectsAllOfTheTailOverAllCounts) {
  const PowerLaw fit{.exponent = 2.5, .from = 7, .tail = 1000};
  double sum = 0;
  for (int x = 7; x < 100'000; ++x) sum += fit.expected(x);
  // What is left above is 1000·(10⁵/6.5)^−1.5 < 0.001.
  EXPECT_NEAR(sum, 1000, 0.001);
}

TEST(PowerLaw, IsNoneForFewCountsOrOneValue) {
  EXPECT_FALSE(fit_power_law(std::vector<std::int64_t>{}));
  EXPECT_FALSE(fit_power_law(std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_FALSE(fit_power_law(std::vector<std::int64_t>(100, 4)));
}

}  // namespace
}  // namespace alsatian::testing
