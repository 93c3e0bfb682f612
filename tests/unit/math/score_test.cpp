// Checks the definition of a score against hand-made numbers.
// Training, evaluation and prediction all go through it.
#include "kernels/math/score.hpp"

#include <gtest/gtest.h>

#include <array>

namespace alsatian {
namespace {

TEST(Score, AddsMeanBothBiasesAndTheProduct) {
  EXPECT_EQ(score(0.5, 0.25, -1.0, 2.0), 1.75);
  EXPECT_EQ(score(0.5F, 0.25F, -1.0F, 2.0F), 1.75F);
}

TEST(Dot, SumsTheFirstEntriesOnly) {
  const std::array left{1.0F, -2.0F, 4.0F, 100.0F};
  const std::array right{0.5F, 3.0F, 0.25F, 100.0F};
  EXPECT_EQ(dot<float>(left.data(), right.data(), 3), -4.5F);
  EXPECT_EQ(dot<float>(left.data(), right.data(), 0), 0.0F);
}

TEST(Dot, OfFloatsInDoubleKeepsWhatFloatWouldLose) {
  const std::array left{1e8F, 1.0F, -1e8F};
  const std::array right{1.0F, 1.0F, 1.0F};
  EXPECT_EQ(dot<double>(left.data(), right.data(), 3), 1.0);
}

}  // namespace
}  // namespace alsatian
