// Claims about bfloat16: nearest, ties to even, and nothing that is not a number becomes one.
// The oracle is the distance to both neighbours, in double.
#include "kernels/math/bfloat16.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

namespace alsatian {
namespace {

TEST(Bfloat16, IsTheNearestOfItsNeighbours) {
  for (std::uint32_t bits = 0x00012345; bits < 0x7f000000; bits += 0x000a7c51) {
    for (const std::uint32_t sign : {0x0U, 0x80000000U}) {
      const auto value = __builtin_bit_cast(float, bits | sign);
      const std::uint16_t found = to_bfloat16(value);
      const double error = std::abs(double{from_bfloat16(found)} - value);
      for (const int step : {-1, 1}) {
        const auto neighbour = static_cast<std::uint16_t>(found + step);
        if ((neighbour & 0x8000U) != (found & 0x8000U)) continue;
        EXPECT_LE(error, std::abs(double{from_bfloat16(neighbour)} - value)) << value;
      }
    }
  }
}

TEST(Bfloat16, TakesTheEvenOneOfTwoAsNear) {
  EXPECT_EQ(to_bfloat16(1 + 1.0F / 256), 0x3f80);  // between 1 and 1 + 2^-7
  EXPECT_EQ(to_bfloat16(1 + 3.0F / 256), 0x3f82);
}

TEST(Bfloat16, KeepsWhatItHasAndWhatIsNoNumber) {
  for (const float value :
       {0.0F, -0.0F, 1.0F, -3.5F, 0x1p-126F, 0x1.fep127F, std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    EXPECT_EQ(__builtin_bit_cast(std::uint32_t, from_bfloat16(to_bfloat16(value))),
              __builtin_bit_cast(std::uint32_t, value));
  }
  for (const std::uint32_t bits : {0x7f800001U, 0x7fffffffU, 0xffffffffU, 0x7fc00000U}) {
    EXPECT_TRUE(std::isnan(from_bfloat16(to_bfloat16(__builtin_bit_cast(float, bits)))));
  }
}

TEST(Bfloat16, OverflowsToInfinityAsRoundingDoes) {
  EXPECT_TRUE(std::isinf(from_bfloat16(to_bfloat16(std::numeric_limits<float>::max()))));
}

}  // namespace
}  // namespace alsatian
