// Resampling against what is known without it: the normal approximation of a mean, coverage of a
// known mean, and the binomial distribution of how often a thing is drawn.
#include "host/evaluate/bootstrap.hpp"

#include "kernels/cpu/parallel.hpp"
#include "kernels/math/random.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace alsatian {
namespace {

/// A value that counts how often it was drawn.
struct Drawn {
  double count = 0;
  double value = 0;
  void add(const Drawn& other, double times) {
    count += times * other.count;
    value += times * other.value;
  }
  double mean() const { return value / count; }
};

/// Standard normal values, shifted.
std::vector<Drawn> normal_values(std::size_t size, std::uint64_t seed, double mean) {
  RandomWords words(seed, RandomStream::generate, 0);
  NormalDraws draw(words);
  std::vector<Drawn> values;
  for (std::size_t at = 0; at < size; ++at) values.push_back({1, mean + draw()});
  return values;
}

Interval interval_of_mean(const std::vector<Drawn>& values, const BootstrapOptions& options) {
  std::vector<double> means;
  for (const Drawn& sum : bootstrap_sums<Drawn>(values, 1, options)) means.push_back(sum.mean());
  return percentile_interval(std::move(means), options.confidence);
}

TEST(DrawCounts, DrawAsManyAsThereAreAndEachAsOftenAsTheBinomialSays) {
  constexpr std::size_t size = 997;
  constexpr int resamples = 300;
  double squares = 0;
  std::vector<std::uint32_t> counts(size);
  for (int resample = 0; resample < resamples; ++resample) {
    draw_counts(11, resample, counts);
    ASSERT_EQ(std::accumulate(counts.begin(), counts.end(), 0U), size);
    for (const std::uint32_t count : counts) squares += (count - 1.0) * (count - 1.0);
  }
  // Var = 1 − 1/n; that of (count − 1)² is about E(count − 1)⁴ − 1 = 3, over n·resamples of them.
  const double cells = static_cast<double>(size) * resamples;
  EXPECT_NEAR(squares / cells, 1 - 1.0 / size, 5 * std::sqrt(3 / cells));
}

TEST(DrawCounts, DependOnSeedAndResampleAlone) {
  std::vector<std::uint32_t> first(101), again(101), other(101), reseeded(101);
  draw_counts(3, 7, first);
  draw_counts(3, 7, again);
  draw_counts(3, 8, other);
  draw_counts(4, 7, reseeded);
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
  EXPECT_NE(first, reseeded);
}

TEST(BootstrapSums, HaveTheSameBytesOnAnyNumberOfThreads) {
  const auto values = normal_values(503, 5, 0.1);
  const int threads = thread_count();
  const auto sums_on = [&](int count) {
    use_threads(count);
    std::vector<double> sums;
    for (const Drawn& sum : bootstrap_sums<Drawn>(values, 1, {.resamples = 211})) {
      sums.push_back(sum.value);
    }
    return sums;
  };
  const auto one = sums_on(1);
  const auto three = sums_on(3);
  use_threads(threads);
  EXPECT_EQ(one, three);
}

TEST(PercentileInterval, IsTheCentralPartOfTheValues) {
  std::vector<double> values;
  for (int value = 100; value >= 0; --value) values.push_back(value);
  const Interval interval = percentile_interval(values, 0.9);
  EXPECT_DOUBLE_EQ(interval.lower, 5);
  EXPECT_DOUBLE_EQ(interval.upper, 95);
  values.push_back(std::nan(""));
  EXPECT_TRUE(std::isnan(percentile_interval(values, 0.9).lower));
}

TEST(BootstrapInterval, OfAMeanAgreesWithTheNormalApproximation) {
  constexpr std::size_t size = 4001;
  const auto values = normal_values(size, 21, 0.3);
  Drawn total;
  for (const Drawn& value : values) total.add(value, 1);
  double squares = 0;
  for (const Drawn& value : values) {
    squares += (value.value - total.mean()) * (value.value - total.mean());
  }
  const double error = std::sqrt(squares / size / size);
  const BootstrapOptions options{.resamples = 4001};
  const Interval found = interval_of_mean(values, options);
  // A quantile p of B values is wrong by √(p(1 − p)/B) / density: 0.042 deviations here.
  const double tolerance = 5 * std::sqrt(0.025 * 0.975 / options.resamples) / 0.05845 * error;
  EXPECT_NEAR(found.lower, total.mean() - 1.95996 * error, tolerance);
  EXPECT_NEAR(found.upper, total.mean() + 1.95996 * error, tolerance);
}

TEST(BootstrapInterval, CoversAKnownDifferenceAsOftenAsItSays) {
  constexpr int experiments = 1000;
  constexpr double truth = 0.3;
  int covered = 0;
  for (int experiment = 0; experiment < experiments; ++experiment) {
    const auto values = normal_values(100, 1000 + static_cast<std::uint64_t>(experiment), truth);
    const Interval interval = interval_of_mean(
        values, {.resamples = 400, .seed = static_cast<std::uint64_t>(experiment)});
    covered += interval.lower <= truth && truth <= interval.upper;
  }
  // Of 100 normal values the deviation is too small by √(99/100) and not known: P(|t₉₉| < 1.950) is
  // 0.946; the endpoints' own noise takes 0.002. Five deviations of the binomial on either side.
  EXPECT_NEAR(covered / double{experiments}, 0.944, 5 * std::sqrt(0.944 * 0.056 / experiments));
}

}  // namespace
}  // namespace alsatian
