// Claims about R̂ and effective draws: closed forms of autoregressions, planted faults of chains,
// and figures that Python's statistics.NormalDist and plain loops give for short traces.
#include "host/train/convergence.hpp"

#include "kernels/math/random.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace alsatian {
namespace {

using Chains = std::vector<std::vector<double>>;

/// x_{t+1} = φ x_t + √(1 − φ²) ε from its stationary distribution, N(0, 1).
Chains autoregressions(std::size_t count, std::size_t length, double correlation) {
  Chains chains(count);
  for (std::size_t chain = 0; chain < count; ++chain) {
    RandomWords words(11, RandomStream::generate, chain);
    NormalDraws normal_draw(words);
    double value = normal_draw();
    for (std::size_t t = 0; t < length; ++t) {
      chains[chain].push_back(value);
      value = correlation * value + std::sqrt(1 - correlation * correlation) * normal_draw();
    }
  }
  return chains;
}

TraceStatistics summary_of(const Chains& chains) {
  return summarise_trace("trace", chains).value();
}

TEST(EffectiveDraws, OfAnAutoregressionAreItsShareOfAllDraws) {
  // Σ over all lags of φ^|t| is (1 + φ)/(1 − φ). Of 40,000 draws the sum is estimated to about
  // √(2·(window of 2 to 25 lags)·2/40,000) of itself, 5 % at most.
  for (const double correlation : {0.0, 0.3, 0.5, 0.8}) {
    const TraceStatistics found = summary_of(autoregressions(4, 10'000, correlation));
    const double expected = 40'000 * (1 - correlation) / (1 + correlation);
    EXPECT_NEAR(found.effective_draws / expected, 1, 0.1) << correlation;
  }
}

TEST(EffectiveDraws, OfAlternatingDrawsAreMoreThanTheyAreManyButBounded) {
  // The sum of lags is 1/3 here, and is estimated to √(2·2·2/80,000) = 0.01, 3 % of itself.
  const TraceStatistics found = summary_of(autoregressions(4, 20'000, -0.5));
  EXPECT_NEAR(found.effective_draws / (80'000 * 3.0), 1, 0.1);  // (1 + 0.5)/(1 − 0.5)
  const TraceStatistics bounded = summary_of(autoregressions(4, 2'000, -0.999));
  EXPECT_NEAR(bounded.effective_draws, 8'000 * std::log10(8'000.0), 1e-6);
}

TEST(RHat, OfIndependentDrawsIsOne) {
  // √(1 + χ²₇/7/n) for eight halves of n draws: below 1 + 3/n.
  EXPECT_NEAR(summary_of(autoregressions(4, 4'000, 0)).r_hat, 1, 3.0 / 2'000);
}

TEST(RHat, SeesAChainInAnotherPlace) {
  Chains chains = autoregressions(4, 1'000, 0.5);
  EXPECT_LT(summary_of(chains).r_hat, largest_r_hat);
  for (double& value : chains[2]) value += 2;
  EXPECT_GT(summary_of(chains).r_hat, largest_r_hat);
}

TEST(RHat, SeesATrendThatAllChainsShare) {
  Chains chains = autoregressions(2, 1'000, 0.5);
  for (auto& chain : chains) {
    for (std::size_t t = 0; t < chain.size(); ++t) chain[t] += 2e-3 * static_cast<double>(t);
  }
  EXPECT_GT(summary_of(chains).r_hat, largest_r_hat);
}

TEST(RHat, SeesAChainOfAnotherSpreadByItsDistancesFromTheMedian) {
  Chains chains = autoregressions(4, 1'000, 0);
  for (double& value : chains[1]) value *= 4;
  EXPECT_GT(summary_of(chains).r_hat, largest_r_hat);
}

TEST(RHat, DependsOnTheOrderOfValuesAlone) {
  Chains chains = autoregressions(3, 101, 0.3);
  const TraceStatistics plain = summary_of(chains);
  for (auto& chain : chains) {
    for (double& value : chain) value = std::exp(3 * value);
  }
  const TraceStatistics transformed = summary_of(chains);
  EXPECT_NEAR(transformed.effective_draws, plain.effective_draws, 1e-9 * plain.effective_draws);
  // Distances from the median are others: r_hat may differ by them, never fall below the ranks'.
  EXPECT_NEAR(transformed.r_hat, plain.r_hat, 0.05);
}

/// Squares modulo 31 and 37, with ties: something like draws, the same in Python.
Chains squares() {
  Chains chains(2);
  for (int t = 0; t < 11; ++t) {
    chains[0].push_back((t * t + 3 * t) % 31);
    chains[1].push_back((5 * t * t + t) % 37);
  }
  return chains;
}

TEST(TraceStatistics, AreThoseThatPythonComputes) {
  const TraceStatistics found = summary_of(squares());
  EXPECT_EQ(found.name, "trace");
  EXPECT_NEAR(found.mean, 14.272727272727273, 1e-10);
  EXPECT_NEAR(found.deviation, 10.397718697510243, 1e-10);
  EXPECT_NEAR(found.r_hat, 1.0735990602638215, 1e-10);
  EXPECT_NEAR(found.effective_draws, 21.594544647017155, 1e-8);
}

TEST(TraceStatistics, AreNotThereWhereTheySayNothing) {
  EXPECT_FALSE(summarise_trace("none", {}));
  EXPECT_FALSE(summarise_trace("short", autoregressions(4, fewest_draws - 1, 0)));
  EXPECT_TRUE(summarise_trace("enough", autoregressions(1, fewest_draws, 0)));
  EXPECT_FALSE(summarise_trace("constant", {std::vector<double>(20, 3.5)}));
  Chains chains = autoregressions(2, 20, 0);
  chains[1][7] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(summarise_trace("not finite", chains));
}

TEST(Traces, KeepEachNameAndChainApartInTheirOrder) {
  const Chains first = autoregressions(3, 50, 0.2);
  const Chains second = autoregressions(3, 50, 0.7);
  Traces traces;
  for (std::size_t draw = 0; draw < 50; ++draw) {
    for (std::size_t chain = 0; chain < 3; ++chain) {
      traces.add("first", chain, first[chain][draw]);
      traces.add("constant", chain, 1);
      traces.add("second", chain, second[chain][draw]);
    }
  }
  const auto found = traces.summary();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, "first");
  EXPECT_EQ(found[0].r_hat, summary_of(first).r_hat);
  EXPECT_EQ(found[1].name, "second");
  EXPECT_EQ(found[1].effective_draws, summary_of(second).effective_draws);
}

TEST(TraceStatistics, OfChainsThatStandStillInPlacesOfTheirOwnSayThatTheyHaveNotMet) {
  const Chains still{std::vector<double>(20, 1.0), std::vector<double>(20, 2.0)};
  // Nothing but roundings within them.
  EXPECT_GT(summary_of(still).r_hat, 1e6);
}

}  // namespace
}  // namespace alsatian
