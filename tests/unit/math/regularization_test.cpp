// Checks the penalty's pieces against hand-made numbers.
// A wrong s(n) would make the three algorithms minimise different objectives in silence.
#include "kernels/math/regularization.hpp"

#include "tests/support/tolerance.hpp"

#include <gtest/gtest.h>

namespace alsatian {
namespace {

namespace tolerance = testing::tolerance;

TEST(RowScale, IsTheCountToThePowerOfTheScaling) {
  EXPECT_EQ(row_scale(9, 0), 1);
  EXPECT_EQ(row_scale(9, 1), 9);
  EXPECT_DOUBLE_EQ(row_scale(9, 0.5), 3);
  EXPECT_DOUBLE_EQ(row_scale(1, 0.37), 1);
}

TEST(RowScale, OfAnEmptyRowIsZeroForEveryScaling) {
  for (const double scaling : {0.0, 0.5, 1.0}) EXPECT_EQ(row_scale(0, scaling), 0);
}

TEST(ObservationShare, TimesTheCountIsTheRowScale) {
  for (const double scaling : {0.0, 0.5, 1.0}) {
    for (const double count : {1.0, 3.0, 47.0, 1e6}) {
      EXPECT_NEAR(count * observation_share(count, scaling), row_scale(count, scaling),
                  2 * tolerance::eps<double> * row_scale(count, scaling));
    }
    EXPECT_EQ(observation_share(0, scaling), 0);
  }
}

TEST(RowRidge, IsTheSecondDerivativeOfTheRowPenalty) {
  const Regularization regularization{.factors = 1.5, .biases = 0.25, .scaling = 0.5};
  const RowRidge<double> ridge = row_ridge<double>(16, regularization);
  EXPECT_EQ(ridge.factors, 6);
  EXPECT_EQ(ridge.biases, 1);
  // A quadratic: its second difference at step 1 is exact.
  const auto second_difference = [](auto&& penalty) {
    return penalty(1.0) - 2 * penalty(0.0) + penalty(-1.0);
  };
  EXPECT_EQ(second_difference([&](double w) { return row_penalty(4, regularization, w * w, 0); }),
            ridge.factors);
  EXPECT_EQ(second_difference([&](double b) { return row_penalty(4, regularization, 0, b); }),
            ridge.biases);
  EXPECT_EQ(row_ridge<float>(0, regularization).factors, 0);
}

TEST(RowPenalty, IsTheHandMadeNumber) {
  // ½·2·(1.5·5 + 0.25·3²) = 9.75, all of it exact in binary.
  EXPECT_EQ(row_penalty(2, {.factors = 1.5, .biases = 0.25, .scaling = 0.5}, 5, -3), 9.75);
}

TEST(Regularization, DefaultsAreThoseThatWereMeasured) {
  const Regularization regularization;
  EXPECT_EQ(regularization.factors, 1.2);
  EXPECT_EQ(regularization.biases, 0.9);
  EXPECT_EQ(regularization.scaling, 0.5);
}

}  // namespace
}  // namespace alsatian
