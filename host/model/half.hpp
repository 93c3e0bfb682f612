// Floats in 16 bits, IEEE 754 binary16, by hand: the compilers' own type is not in all of them yet.
// For storage alone; nothing computes in halves here.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace alsatian {

/// A float's bits in 16: what a model file holds. A type of its own, so that no number is taken for
/// one.
struct Half {
  std::uint16_t bits = 0;
};

/// Rounded to the nearest, ties to even; beyond 65504 infinite; what is not a number stays so.
inline Half to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  const float magnitude = std::abs(value);
  if (std::isnan(value)) return {static_cast<std::uint16_t>(sign | 0x7e00U)};
  if (magnitude >= 65520.0F) return {static_cast<std::uint16_t>(sign | 0x7c00U)};
  // Below 2^-14 halves are multiples of 2^-24; nearbyint rounds ties to even.
  if (magnitude < 0x1p-14F) {
    return {static_cast<std::uint16_t>(
        sign | static_cast<std::uint16_t>(std::nearbyint(magnitude * 0x1p24F)))};
  }
  const std::uint32_t rebased = (bits & 0x7fffffffU) - (112U << 23);
  const std::uint32_t rounded = rebased + 0xfffU + ((rebased >> 13) & 1U);
  return {static_cast<std::uint16_t>(sign | (rounded >> 13))};
}

inline float to_float(Half half) {
  const std::uint32_t sign = (half.bits & 0x8000U) << 16;
  const std::uint32_t exponent = (half.bits >> 10) & 0x1fU;
  const std::uint32_t fraction = half.bits & 0x3ffU;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 31 ? 255U : exponent + 112U;
  return std::bit_cast<float>(sign | (wide << 23) | (fraction << 13));
}

inline float rounded_to_half(float value) { return to_float(to_half(value)); }

}  // namespace alsatian
