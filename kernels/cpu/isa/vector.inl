// A vector of floats as wide as the instruction set, by the compiler's vector extension.
// No intrinsics: the same text serves every width, and other processors.
#pragma once

#include "kernels/cpu/kernel_table.hpp"

namespace alsatian::cpu {
namespace {

constexpr std::int32_t width = ALSATIAN_VECTOR_FLOATS;
using Vector = float __attribute__((vector_size(sizeof(float) * ALSATIAN_VECTOR_FLOATS)));

#define ALSATIAN_INLINE [[gnu::always_inline]] inline

/// Loads and stores at addresses aligned to the vector.
ALSATIAN_INLINE Vector load(const float* address) {
  return *reinterpret_cast<const Vector*>(address);
}
ALSATIAN_INLINE void store(float* address, Vector value) {
  *reinterpret_cast<Vector*>(address) = value;
}
ALSATIAN_INLINE Vector broadcast(float value) { return value - Vector{}; }

using Quad = float __attribute__((vector_size(4 * sizeof(float))));

/// A vector added up by halves until four elements are left.
ALSATIAN_INLINE Quad fold(Vector value) {
  Quad quads[width / 4];
  __builtin_memcpy(quads, &value, sizeof(quads));
#pragma GCC unroll 4
  for (std::int32_t half = width / 8; half > 0; half /= 2) {
#pragma GCC unroll 4
    for (std::int32_t j = 0; j < half; ++j) quads[j] += quads[j + half];
  }
  return quads[0];
}

/// Sum of the elements, by halves: the same order everywhere for one width.
ALSATIAN_INLINE float sum(Vector value) {
  const Quad quad = fold(value);
  const Quad pairs = quad + __builtin_shufflevector(quad, quad, 2, 3, 2, 3);
  return pairs[0] + pairs[1];
}

/// The sums of four vectors, each in the order of sum(), for little more than the price of one.
ALSATIAN_INLINE Quad sums(Vector first, Vector second, Vector third, Vector fourth) {
  const Quad a = fold(first);
  const Quad b = fold(second);
  const Quad c = fold(third);
  const Quad d = fold(fourth);
  const Quad ab =
      __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
  const Quad cd =
      __builtin_shufflevector(c, d, 0, 1, 4, 5) + __builtin_shufflevector(c, d, 2, 3, 6, 7);
  return __builtin_shufflevector(ab, cd, 0, 2, 4, 6) + __builtin_shufflevector(ab, cd, 1, 3, 5, 7);
}

/// The element that the vector which holds `value` begins with.
ALSATIAN_INLINE std::int64_t round_down(std::int64_t value) { return value / width * width; }

/// target[first, last) -= factor · source[first, last), from the vector that holds `first` on.
ALSATIAN_INLINE void subtract_scaled(float factor, const float* source, std::int64_t first,
                                     std::int64_t last, float* target) {
  const Vector scale = broadcast(factor);
  for (std::int64_t q = round_down(first); q < last; q += width) {
    store(target + q, load(target + q) - scale * load(source + q));
  }
}

/// Σ left·right over [first, last), likewise; what pads the last vector has to be 0 in one of them.
ALSATIAN_INLINE float dot_from(const float* left, const float* right, std::int64_t first,
                               std::int64_t last) {
  Vector total{};
  for (std::int64_t q = round_down(first); q < last; q += width) {
    total += load(left + q) * load(right + q);
  }
  return sum(total);
}

/// Asks for `count` entries of a row, one cache line at a time.
template <typename Entry>
ALSATIAN_INLINE void prefetch_row(const Entry* row, std::int32_t count) {
  constexpr std::int32_t line = padding * std::int32_t{sizeof(float)} / std::int32_t{sizeof(Entry)};
  for (std::int32_t j = 0; j < count; j += line) __builtin_prefetch(row + j);
}

}  // namespace
}  // namespace alsatian::cpu
