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
    std::memcpy(values.data(), lanes.values[holder], sizeof(values));
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

}  // namespace alsatian::simt
