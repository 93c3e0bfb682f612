// Principal axes of factors whose axes are known by construction.
// Those of trained factors are computed again by numpy, see tests/reports.
#include "host/report/principal_axes.hpp"

#include "kernels/cpu/parallel.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <vector>

namespace alsatian::testing {
namespace {

/// Rows at ±3 along (4, 3)/5 and ±1 along (−3, 4)/5, around a mean that is not 0.
SideFactors cross() {
  SideFactors side(4, 2);
  side.factors = {7 + 2.4F, 5 + 1.8F, 7 - 2.4F, 5 - 1.8F, 7 - 0.6F, 5 + 0.8F, 7 + 0.6F, 5 - 0.8F};
  return side;
}

std::vector<std::int32_t> all_rows(const SideFactors& side) {
  std::vector<std::int32_t> rows(static_cast<std::size_t>(side.rows));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

// Floats near 7 are half a unit of 2^-21 off; sums of four do not add to more than this.
constexpr double rounding = 1e-5;

TEST(PrincipalAxes, FindTheAxesOfACrossWithTheLargestEntryPositive) {
  const SideFactors side = cross();
  const PrincipalAxes axes = principal_axes(side, all_rows(side));
  ASSERT_EQ(axes.variances.size(), 2U);
  EXPECT_NEAR(axes.variances[0], 2 * 9 / 4.0, rounding);
  EXPECT_NEAR(axes.variances[1], 2 * 1 / 4.0, rounding);
  const double expected[4][2] = {{3, 0}, {-3, 0}, {0, 1}, {0, -1}};
  for (std::size_t row = 0; row < 4; ++row) {
    EXPECT_NEAR(axes.coordinates[row][0], expected[row][0], rounding);
    EXPECT_NEAR(axes.coordinates[row][1], expected[row][1], rounding);
  }
}

TEST(PrincipalAxes, HaveTheVariancesThatAreAskedForAlone) {
  const SideFactors side = cross();
  const std::vector<double> variances = principal_variances(side, all_rows(side));
  ASSERT_EQ(variances.size(), 2U);
  EXPECT_NEAR(variances[0], 2 * 9 / 4.0, rounding);
  EXPECT_NEAR(variances[1], 2 * 1 / 4.0, rounding);
  EXPECT_TRUE(principal_variances(side, {}).empty());
}

TEST(PrincipalAxes, OfSomeRowsAreTheirsAlone) {
  const SideFactors side = cross();
  const std::vector<std::int32_t> rows{2, 3};
  const PrincipalAxes axes = principal_axes(side, rows);
  EXPECT_NEAR(axes.variances[0], 1, rounding);
  EXPECT_NEAR(axes.variances[1], 0, rounding);
}

TEST(PrincipalAxes, AreNoneWithoutFactorsOrRowsAndOneForRankOne) {
  EXPECT_TRUE(principal_axes(SideFactors(3, 0), std::vector<std::int32_t>{0, 1}).variances.empty());
  EXPECT_TRUE(principal_axes(SideFactors(3, 2), {}).variances.empty());
  const PrincipalAxes one = principal_axes(SideFactors(3, 1), std::vector<std::int32_t>{0, 1, 2});
  EXPECT_EQ(one.variances, std::vector<double>{0});
  EXPECT_EQ(one.coordinates[0][1], 0);
}

}  // namespace
}  // namespace alsatian::testing
