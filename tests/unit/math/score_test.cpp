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

TEST(ScoreChange, IsTheFirstOrderOfTheChangeOfAScore) {
  const auto score_at = [](double step) {
    return score(0.5, 0.25 + step * 2, -1.0 + step * 0.5, (3 + step * 4) * (0.75 - step * 8));
  };
  // Central differences of a quadratic are exact, and so are these numbers in binary.
  EXPECT_EQ(score_change(2.0, 0.5, 4 * 0.75 + 3 * -8.0), (score_at(0.5) - score_at(-0.5)));
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
