// Claims about floats in 16 bits: every half comes back, and floats go to the nearest one.
// The oracle counts in units of the last place by hand.
#include "host/model/half.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

namespace alsatian {
namespace {

TEST(Half, ComesBackFromFloatForEveryPatternOfBits) {
  for (std::uint32_t bits = 0; bits <= 0xffffU; ++bits) {
    const Half half{static_cast<std::uint16_t>(bits)};
    const float value = to_float(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(to_float(to_half(value)))) << bits;
    } else {
      EXPECT_EQ(to_half(value).bits, half.bits) << bits;
    }
  }
}

TEST(Half, RoundsToTheNearestAndTiesToTheEvenOne) {
  for (std::uint16_t bits = 0; bits < 0x7bff; bits = static_cast<std::uint16_t>(bits + 7)) {
    const float below = to_float({bits});
    const float above = to_float({static_cast<std::uint16_t>(bits + 1)});
    const float middle = below + (above - below) / 2;  // a float holds it exactly
    const auto even = static_cast<std::uint16_t>(bits + bits % 2);
    EXPECT_EQ(to_half(middle).bits, even) << bits;
    EXPECT_EQ(to_half(std::nextafter(middle, 0.0F)).bits, bits) << bits;
    EXPECT_EQ(to_half(std::nextafter(middle, above)).bits, bits + 1) << bits;
    EXPECT_EQ(to_half(-middle).bits, even | 0x8000) << bits;
  }
}

TEST(Half, KnowsTheNumbersOfTheStandard) {
  EXPECT_EQ(to_half(1.0F).bits, 0x3c00);
  EXPECT_EQ(to_half(-2.0F).bits, 0xc000);
  EXPECT_EQ(to_half(65504.0F).bits, 0x7bff);
  EXPECT_EQ(to_half(0x1p-24F).bits, 0x0001);
  EXPECT_EQ(to_half(65519.0F).bits, 0x7bff);
  EXPECT_EQ(to_half(65520.0F).bits, 0x7c00);
  EXPECT_EQ(to_half(std::numeric_limits<float>::infinity()).bits, 0x7c00);
}

}  // namespace
}  // namespace alsatian
