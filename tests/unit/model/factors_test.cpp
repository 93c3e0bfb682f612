// Start factors: normal, reproducible, and the same whatever threads and other rows do.
// Same seed, same model begins here.
#include "host/model/factors.hpp"

#include "kernels/cpu/parallel.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace alsatian {
namespace {

using ::testing::Each;

TEST(StartFactors, DoNotDependOnTheNumberOfThreads) {
  use_threads(1);
  const Factors one = start_factors(1031, 517, 33, 0.1, 42);
  use_threads(3);
  const Factors three = start_factors(1031, 517, 33, 0.1, 42);
  use_threads(0);
  EXPECT_EQ(one.users.factors, three.users.factors);
  EXPECT_EQ(one.items.factors, three.items.factors);
}

TEST(StartFactors, OfARowAndColumnDoNotDependOnRankOrNumberOfRows) {
  const Factors large = start_factors(37, 29, 65, 0.1, 42);
  for (const std::int32_t rank : {1, 2, 3, 4, 5, 64}) {
    const Factors small = start_factors(11, 29, rank, 0.1, 42);
    for (std::int64_t row = 0; row < 11; ++row) {
      EXPECT_TRUE(
          std::equal(small.users.row(row), small.users.row(row) + rank, large.users.row(row)))
          << "rank " << rank << " row " << row;
    }
  }
}

TEST(StartFactors, AreNormalWithTheDeviationAskedFor) {
  const double deviation = 0.1;
  const Factors start = start_factors(2003, 1, 50, deviation, 7);
  const auto count = static_cast<double>(start.users.factors.size());
  double sum = 0;
  double squares = 0;
  double beyond = 0;  // 1.96 deviations: 5 % of a normal distribution
  for (const float value : start.users.factors) {
    sum += value;
    squares += static_cast<double>(value) * value;
    beyond += std::abs(value) > 1.959964 * deviation;
  }
  // Four standard errors of each figure.
  EXPECT_NEAR(sum / count, 0, 4 * deviation / std::sqrt(count));
  EXPECT_NEAR(squares / count / (deviation * deviation), 1, 4 * std::sqrt(2 / count));
  EXPECT_NEAR(beyond / count, 0.05, 4 * std::sqrt(0.05 * 0.95 / count));
}

TEST(StartFactors, DifferBySeedSideAndRow) {
  const Factors start = start_factors(3, 3, 8, 0.1, 42);
  EXPECT_NE(start.users.factors, start.items.factors);
  EXPECT_NE(start.users.factors, start_factors(3, 3, 8, 0.1, 43).users.factors);
  const std::set<float> distinct(start.users.factors.begin(), start.users.factors.end());
  EXPECT_EQ(distinct.size(), start.users.factors.size());
}

TEST(StartFactors, HaveZeroBiasesAndTakeRankZeroAndNoRows) {
  const Factors start = start_factors(5, 0, 0, 0.1, 42);
  EXPECT_THAT(start.users.biases, Each(0.0F));
  EXPECT_EQ(start.users.biases.size(), 5U);
  EXPECT_TRUE(start.users.factors.empty());
  EXPECT_TRUE(start.items.biases.empty());
}

TEST(StartFactors, AreOthersForEachChainAndTheSameForTheFirst) {
  const Factors plain = start_factors(3, 4, 8, 0.1, 42);
  EXPECT_EQ(start_factors(3, 4, 8, 0.1, 42, 0).items.factors, plain.items.factors);
  const Factors second = start_factors(3, 4, 8, 0.1, 42, 1);
  EXPECT_NE(second.users.factors, plain.users.factors);
  EXPECT_NE(second.items.factors, plain.items.factors);
  EXPECT_NE(second.items.factors, start_factors(3, 4, 8, 0.1, 42, 2).items.factors);
}

}  // namespace
}  // namespace alsatian
