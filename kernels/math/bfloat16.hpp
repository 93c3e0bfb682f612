// The upper half of a float: its sign, its exponent and 8 bits of its significand.
// For tables that are fetched far more often than they are written, where 2^-9 is exact enough.
#pragma once

#include <cstdint>

namespace alsatian {

/// The nearest of those with 8 bits, of two as near the even one; what is not a number stays so.
[[gnu::always_inline]] inline std::uint16_t to_bfloat16(float value) {
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  const std::uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const bool is_number = (bits & 0x7fffffff) <= 0x7f800000;
  return static_cast<std::uint16_t>(is_number ? rounded : (bits >> 16) | 0x40);
}

[[gnu::always_inline]] inline float from_bfloat16(std::uint16_t value) {
  return __builtin_bit_cast(float, std::uint32_t{value} << 16);
}

}  // namespace alsatian
