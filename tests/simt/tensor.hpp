// Tensor-core instructions on the CPU, with the element each lane holds as the PTX ISA lays it out.
// Products are exact, sums in float in index order: hardware may round its sums otherwise.
#pragma once

#include "tests/simt/grid.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

namespace alsatian::simt {

/// Ties away from zero, as cvt.rna does; NaN and infinity stay what they are.
inline std::uint32_t to_tf32(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  constexpr std::uint32_t exponent = 0x7F800000U;
  return (bits & exponent) == exponent ? bits : (bits + 0x1000U) & 0xFFFFE000U;
}

inline void multiply_add_16x8x8(float (&d)[4], const std::uint32_t (&a)[4],
                                const std::uint32_t (&b)[2], Place place) {
  const std::array<std::uint32_t, 6> brought = {a[0], a[1], a[2], a[3], b[0], b[1]};
  const LaneValues& lanes = meet_warp(0xFFFFFFFFU, std::as_bytes(std::span(brought)), place);
  const auto element = [&](unsigned holder, unsigned index) {
    std::array<std::uint32_t, 6> values;
    std::memcpy(values.data(), lanes.of(holder), sizeof(values));
    // The unit reads 19 bits of each operand.
    return std::bit_cast<float>(values[index] & 0xFFFFE000U);
  };
  const auto left = [&](unsigned row, unsigned column) {
    return element(row % 8 * 4 + column % 4, row / 8 + 2 * (column / 4));
  };
  const auto right = [&](unsigned row, unsigned column) {
    return element(column * 4 + row % 4, 4 + row / 4);
  };
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row = lane() / 4 + 8 * (i / 2);
    const unsigned column = 2 * (lane() % 4) + i % 2;
    for (unsigned k = 0; k < 8; ++k) {
      d[i] += left(row, k) * right(k, column);
    }
  }
}

/// Rounds to half precision, ties to even, as cvt.rn does; in the low 16 bits.
inline std::uint32_t to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000U;
  const float size = std::bit_cast<float>(bits & 0x7FFFFFFFU);
  if (!(size < 65520.0F)) {  // the middle between the largest half and what would come next
    return size >= 65520.0F ? sign | 0x7C00U : 0x7FFFU;
  }
  if (size < 0x1p-14F) {  // the spacing below is that of 0.5, whose float neighbours are 2⁻²⁴ apart
    return sign | (std::bit_cast<std::uint32_t>(size + 0.5F) - 0x3F000000U);
  }
  const std::uint32_t fraction = bits & 0x7FFFFFFFU;
  return sign | ((fraction - 0x38000000U + 0xFFFU + (fraction >> 13 & 1U)) >> 13);
}

/// The value of the half in the low 16 bits.
inline float of_half(std::uint32_t bits) {
  const float sign = (bits & 0x8000U) != 0 ? -1.0F : 1.0F;
  const std::uint32_t exponent = bits >> 10 & 0x1FU;
  const std::uint32_t fraction = bits & 0x3FFU;
  if (exponent == 0) {
    return sign * static_cast<float>(fraction) * 0x1p-24F;
  }
  const std::uint32_t biased = exponent == 0x1FU ? 0xFFU : exponent + 112;
  return sign * std::bit_cast<float>(biased << 23 | fraction << 13);
}

inline void multiply_add_16x8x16(float (&d)[4], const std::uint32_t (&a)[4],
                                 const std::uint32_t (&b)[2], Place place) {
  const std::array<std::uint32_t, 6> brought = {a[0], a[1], a[2], a[3], b[0], b[1]};
  const LaneValues& lanes = meet_warp(0xFFFFFFFFU, std::as_bytes(std::span(brought)), place);
  const auto element = [&](unsigned holder, unsigned word, unsigned half) {
    std::uint32_t bits;
    std::memcpy(&bits, lanes.of(holder) + 4 * word, sizeof(bits));
    return of_half(bits >> 16 * half);
  };
  const auto left = [&](unsigned row, unsigned column) {
    return element(row % 8 * 4 + column % 8 / 2, row / 8 + 2 * (column / 8), column % 2);
  };
  const auto right = [&](unsigned row, unsigned column) {
    return element(column * 4 + row % 8 / 2, 4 + row / 8, row % 2);
  };
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row = lane() / 4 + 8 * (i / 2);
    const unsigned column = 2 * (lane() % 4) + i % 2;
    for (unsigned k = 0; k < 16; ++k) {
      d[i] += left(row, k) * right(k, column);
    }
  }
}

inline void load_matrices(std::uint32_t (&pieces)[4], const void* row, bool transposed,
                          Place place) {
  if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0) {
    fault("a row of a matrix is not aligned to 16 bytes", place);
  }
  std::array<std::uint16_t, 8> own;
  std::memcpy(own.data(), row, sizeof(own));
  const LaneValues& lanes = meet_warp(0xFFFFFFFFU, std::as_bytes(std::span(own)), place);
  const auto element = [&](unsigned matrix, unsigned r, unsigned column) {
    std::uint16_t half;
    std::memcpy(&half, lanes.of(8 * matrix + r) + 2 * column, sizeof(half));
    return std::uint32_t{half};
  };
  const unsigned g = lane() / 4;
  const unsigned t = lane() % 4;
  for (unsigned matrix = 0; matrix < 4; ++matrix) {
    pieces[matrix] = transposed ? element(matrix, 2 * t, g) | element(matrix, 2 * t + 1, g) << 16
                                : element(matrix, g, 2 * t) | element(matrix, g, 2 * t + 1) << 16;
  }
}

}  // namespace alsatian::simt
