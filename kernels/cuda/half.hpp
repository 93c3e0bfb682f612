// Factors in 16 bits: rounded up or down at random, so that steps far below half's precision still
// move them on average.
#pragma once

#include "kernels/cuda/device.hpp"

#include <cstdint>

namespace alsatian::cuda {

/// A number in IEEE binary16.
struct Half {
  std::uint16_t bits;
};

/// `value` rounded to one of its two neighbours in half, to the farther one with the probability of
/// its distance from the nearer: right on average. Beyond half's range infinity; NaN stays NaN.
/// random  13 bits count, uniform
__device__ inline Half round_at_random(float value, std::uint32_t random) {
  constexpr std::uint32_t fraction_bits = 13;            // of float's 23 that half has no room for
  constexpr std::uint32_t smallest_normal = 113U << 23;  // 2⁻¹⁴
  constexpr std::uint32_t too_large = 143U << 23;        // 2¹⁶
  const std::uint32_t bits = __float_as_uint(value);
  const std::uint32_t sign = bits >> 16 & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  random &= (1U << fraction_bits) - 1;
  std::uint32_t rounded;
  if (magnitude >= too_large) {
    rounded = magnitude > 0x7F800000U ? 0x7E00U : 0x7C00U;
  } else if (magnitude >= smallest_normal) {
    rounded = (magnitude + random - (112U << 23)) >> fraction_bits;
  } else {
    // Steps of 2⁻²⁴, which are half's own bits there.
    rounded = static_cast<std::uint32_t>(__uint_as_float(magnitude) * 0x1p24F +
                                         static_cast<float>(random) * 0x1p-13F);
  }
  return {static_cast<std::uint16_t>(sign | rounded)};
}

}  // namespace alsatian::cuda
