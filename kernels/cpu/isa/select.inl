// Which elements of a vector pass a comparison, and those elements moved together.
// The one place with intrinsics: no vector extension has masks as integers, nor compression.
#pragma once

#include "kernels/cpu/isa/vector.inl"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace alsatian::cpu {
namespace {

ALSATIAN_INLINE Vector load_unaligned(const float* address) {
  Vector value;
  __builtin_memcpy(&value, address, sizeof(value));
  return value;
}

/// Bit j: element j is at least that of `least`; never where one of them is not a number.
ALSATIAN_INLINE std::uint32_t at_least(Vector values, Vector least) {
#if ALSATIAN_VECTOR_FLOATS == 16
  return _mm512_cmp_ps_mask(values, least, _CMP_GE_OQ);
#elif ALSATIAN_VECTOR_FLOATS == 8
  return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(values, least, _CMP_GE_OQ)));
#elif defined(__SSE2__)
  return static_cast<std::uint32_t>(_mm_movemask_ps(_mm_cmpge_ps(values, least)));
#else
  std::uint32_t mask = 0;
  for (std::int32_t j = 0; j < width; ++j) {
    mask |= static_cast<std::uint32_t>(values[j] >= least[j]) << j;
  }
  return mask;
#endif
}

/// Writes the chosen elements and their positions first, first + 1, ... one after the other;
/// returns how many. What follows them, up to a vector, is overwritten with anything.
ALSATIAN_INLINE std::int64_t append(Vector values, std::int32_t first, std::uint32_t chosen,
                                    float* scores, std::int32_t* positions) {
#if ALSATIAN_VECTOR_FLOATS == 16
  // Compressed in a register: some processors take a hundred cycles to compress into memory.
  const auto mask = static_cast<__mmask16>(chosen);
  const __m512i places =
      _mm512_add_epi32(_mm512_set1_epi32(first),
                       _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  _mm512_storeu_ps(scores, _mm512_maskz_compress_ps(mask, values));
  _mm512_storeu_si512(positions, _mm512_maskz_compress_epi32(mask, places));
  return __builtin_popcount(mask);
#else
  std::int64_t count = 0;
  for (std::uint32_t left = chosen & ((1U << width) - 1); left != 0; left &= left - 1) {
    const std::int32_t j = __builtin_ctz(left);
    scores[count] = values[j];
    positions[count++] = first + j;
  }
  return count;
#endif
}

/// The same with positions from memory, which may be where the chosen ones are written, or behind.
ALSATIAN_INLINE std::int64_t keep(Vector values, const std::int32_t* from, std::uint32_t chosen,
                                  float* scores, std::int32_t* positions) {
#if ALSATIAN_VECTOR_FLOATS == 16
  const auto mask = static_cast<__mmask16>(chosen);
  const __m512i places = _mm512_loadu_si512(from);
  _mm512_storeu_ps(scores, _mm512_maskz_compress_ps(mask, values));
  _mm512_storeu_si512(positions, _mm512_maskz_compress_epi32(mask, places));
  return __builtin_popcount(mask);
#else
  std::int64_t count = 0;
  for (std::int32_t j = 0; j < width; ++j) {
    const std::int32_t place = from[j];
    scores[count] = values[j];
    positions[count] = place;
    count += (chosen >> j) & 1U;
  }
  return count;
#endif
}

}  // namespace
}  // namespace alsatian::cpu
