// Products of tables where one side is short: leftᵀ·right, and rows as combinations of few others.
// Eight sums at a time stay in registers, so that each load serves eight multiplications.
#pragma once

#include "kernels/cpu/isa/vector.inl"
#include "kernels/cpu/kernel_table.hpp"

namespace alsatian::cpu {
namespace {

constexpr std::int32_t sums_at_once = 8;
static_assert(padding % sums_at_once == 0);

/// Rows [row, row + sums_at_once) of the sums, from column `column` on.
ALSATIAN_INLINE void add_to_block(const ProductSumTask& task, std::int64_t first, std::int64_t last,
                                  std::int32_t row, std::int32_t column) {
  Vector totals[sums_at_once];
#pragma GCC unroll 8
  for (std::int32_t j = 0; j < sums_at_once; ++j) totals[j] = load(task.sums.row(row + j) + column);
  for (std::int64_t from = first; from < last; ++from) {
    const Vector right = load(task.right.row(from) + column);
    const float* left = task.left.row(from) + row;
#pragma GCC unroll 8
    for (std::int32_t j = 0; j < sums_at_once; ++j) totals[j] += broadcast(left[j]) * right;
  }
#pragma GCC unroll 8
  for (std::int32_t j = 0; j < sums_at_once; ++j) store(task.sums.row(row + j) + column, totals[j]);
}

[[gnu::flatten]] void add_products(const ProductSumTask& task, std::int64_t first,
                                   std::int64_t last) {
  constexpr std::int64_t rows_in_cache = 128;
  for (; first < last; first += rows_in_cache) {
    const std::int64_t end = first + rows_in_cache < last ? first + rows_in_cache : last;
    for (std::int32_t row = 0; row < task.left.stride; row += sums_at_once) {
      for (std::int32_t column = 0; column < task.right.rank; column += width) {
        add_to_block(task, first, end, row, column);
      }
    }
    if (!task.biases) continue;
    for (std::int32_t row = 0; row < task.left.stride; row += width) {
      Vector total = load(task.sums.biases + row);
      for (std::int64_t from = first; from < end; ++from) {
        total += broadcast(task.right.biases[from]) * load(task.left.row(from) + row);
      }
      store(task.sums.biases + row, total);
    }
  }
}

/// `Rows` rows, from column `column` on.
template <std::int32_t Rows>
ALSATIAN_INLINE void combine_columns(const CombinationTask& task, std::int64_t first,
                                     std::int32_t column) {
  Vector totals[Rows]{};
  if (task.more.rows > 0) {
#pragma GCC unroll 8
    for (std::int32_t r = 0; r < Rows; ++r) {
      totals[r] = broadcast(task.scales[first + r]) * load(task.more.row(first + r) + column);
    }
  }
  const float* coefficients = task.coefficients.row(first);
  const std::int64_t stride = task.coefficients.stride;
  for (std::int64_t j = 0; j < task.table.rows; ++j) {
    const Vector row = load(task.table.row(j) + column);
#pragma GCC unroll 8
    for (std::int32_t r = 0; r < Rows; ++r) {
      totals[r] += broadcast(coefficients[r * stride + j]) * row;
    }
  }
#pragma GCC unroll 8
  for (std::int32_t r = 0; r < Rows; ++r) store(task.sums.row(first + r) + column, totals[r]);
}

template <std::int32_t Rows>
ALSATIAN_INLINE void combine_block(const CombinationTask& task, std::int64_t first) {
  for (std::int32_t column = 0; column < task.sums.stride; column += width) {
    combine_columns<Rows>(task, first, column);
  }
}

ALSATIAN_INLINE void combine_bias(const CombinationTask& task, std::int64_t row) {
  Vector total{};
  const float* coefficients = task.coefficients.row(row);
  for (std::int32_t j = 0; j < task.coefficients.stride; j += width) {
    total += load(coefficients + j) * load(task.table.biases + j);
  }
  const float more = task.more.rows > 0 ? task.scales[row] * task.more.biases[row] : 0.0F;
  task.sums.biases[row] = more + sum(total);
}

[[gnu::flatten]] void combine_rows(const CombinationTask& task, std::int64_t first,
                                   std::int64_t last) {
  std::int64_t row = first;
  for (; row + sums_at_once <= last; row += sums_at_once) combine_block<sums_at_once>(task, row);
  for (; row < last; ++row) combine_block<1>(task, row);
  if (!task.biases) return;
  for (row = first; row < last; ++row) combine_bias(task, row);
}

}  // namespace
}  // namespace alsatian::cpu
