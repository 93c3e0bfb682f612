// Gathered panels of factor rows and their Gram matrices, in register tiles.
// The same tile serves the trailing update of the blocked Cholesky factorisation.
#pragma once

#include "kernels/cpu/isa/row_equations.inl"
#include "kernels/cpu/isa/vector.inl"
#include "kernels/cpu/kernel_table.hpp"

namespace alsatian::cpu {
namespace {

// Accumulators plus one row of the right operand plus one broadcast fill the register file:
// 8 × 2 + 2 + 1 of 32 registers of 16 floats, 4 × 3 + 3 + 1 of 16 of 8 or 4.
constexpr std::int32_t tile_rows = width == 16 ? 8 : 4;
constexpr std::int32_t tile_vectors = width == 16 ? 2 : 3;

/// Distance between rows of panels and Gram matrices: one cache line more than the padded order,
/// so that rows of a power-of-two order do not fall into one cache set.
constexpr std::int64_t row_stride(std::int64_t order) {
  return padded(static_cast<std::int32_t>(order)) + padding;
}

/// Ratings whose factor rows are gathered at once: a panel stays in the first-level cache for
/// common ranks; float sums are flushed into the Gram matrix this often.
constexpr std::int64_t panel_rows = 64;

/// gram[r][c] ±= Σ_j panel[j][r] · panel[j][c] for one tile of rows from `row` and vectors from
/// column `column`; panel has `count` rows.
template <std::int32_t Vectors, bool Subtract>
ALSATIAN_INLINE void gram_tile(const float* panel, std::int64_t stride, std::int64_t count,
                               std::int64_t row, std::int64_t column, float* gram) {
  Vector sums[tile_rows][Vectors];
#pragma GCC unroll 8
  for (std::int32_t r = 0; r < tile_rows; ++r) {
#pragma GCC unroll 3
    for (std::int32_t v = 0; v < Vectors; ++v) {
      sums[r][v] = load(gram + (row + r) * stride + column + v * width);
    }
  }
  for (std::int64_t j = 0; j < count; ++j) {
    const float* values = panel + j * stride;
    Vector right[Vectors];
#pragma GCC unroll 3
    for (std::int32_t v = 0; v < Vectors; ++v) right[v] = load(values + column + v * width);
#pragma GCC unroll 8
    for (std::int32_t r = 0; r < tile_rows; ++r) {
      const Vector left = broadcast(Subtract ? -values[row + r] : values[row + r]);
#pragma GCC unroll 3
      for (std::int32_t v = 0; v < Vectors; ++v) sums[r][v] += left * right[v];
    }
  }
#pragma GCC unroll 8
  for (std::int32_t r = 0; r < tile_rows; ++r) {
#pragma GCC unroll 3
    for (std::int32_t v = 0; v < Vectors; ++v) {
      store(gram + (row + r) * stride + column + v * width, sums[r][v]);
    }
  }
}

/// gram ±= panelᵀ · panel over rows and columns [first, order), upper triangle only; what lies
/// below the diagonal inside a tile is overwritten with anything finite. `first` is a multiple of
/// `padding`, columns from the order to its padding are 0 in the panel.
template <bool Subtract>
void accumulate_gram(const float* panel, std::int64_t stride, std::int64_t count,
                     std::int64_t first, std::int64_t order, float* gram) {
  const std::int64_t last_vector = (order + width - 1) / width;
  for (std::int64_t row = first; row < order; row += tile_rows) {
    std::int64_t vector = row / width;
    for (; vector + tile_vectors <= last_vector; vector += tile_vectors) {
      gram_tile<tile_vectors, Subtract>(panel, stride, count, row, vector * width, gram);
    }
    for (; vector < last_vector; ++vector) {
      gram_tile<1, Subtract>(panel, stride, count, row, vector * width, gram);
    }
  }
}

/// Copies the factor rows of `count` ratings into a panel, and their ratings less the opposite
/// biases into values.
void gather_panel(const AlsTask& task, const std::int32_t* columns, const float* ratings,
                  std::int64_t count, std::int64_t stride, float* panel, float* values) {
  constexpr std::int64_t ahead = 8;
  const std::int32_t row_length = task.opposite.stride;
  for (std::int64_t j = 0; j < count; ++j) {
    if (j + ahead < count) {
      const float* next = task.opposite.row(columns[j + ahead]);
      for (std::int32_t q = 0; q < row_length; q += padding) __builtin_prefetch(next + q);
    }
    const float* source = task.opposite.row(columns[j]);
    float* target = panel + j * stride;
    for (std::int32_t q = 0; q < row_length; q += width) store(target + q, load(source + q));
    values[j] = target_of(task, ratings[j], columns[j]);
  }
}

/// sums += Σ_j panel[j], products += Σ_j values[j] · panel[j], over `length` columns (padded).
void accumulate_sums(const float* panel, std::int64_t stride, std::int64_t count,
                     const float* values, std::int64_t length, float* sums, float* products) {
  for (std::int64_t q = 0; q < length; q += width) {
    Vector column_sum = load(sums + q);
    Vector product = load(products + q);
    for (std::int64_t j = 0; j < count; ++j) {
      const Vector value = load(panel + j * stride + q);
      column_sum += value;
      product += broadcast(values[j]) * value;
    }
    store(sums + q, column_sum);
    store(products + q, product);
  }
}

}  // namespace
}  // namespace alsatian::cpu
