// Sums of the rows of a table that a sparse pattern names: products with implicit features.
// Sums stay in registers while the rows go by; rows wider than they are go by again.
#pragma once

#include "kernels/cpu/isa/vector.inl"
#include "kernels/cpu/kernel_table.hpp"

namespace alsatian::cpu {
namespace {

/// Some of a row's entries, and what becomes of their sum: scale · (sums before, if any, + sum).
struct SumPart {
  View<const std::int32_t> columns;
  bool continues;
  float scale;
};

/// The part of a sum that `Vectors` registers hold, from column `first` on.
template <std::int32_t Vectors>
ALSATIAN_INLINE void sum_columns(const RowSumTask& task, const SumPart& part, std::int32_t first,
                                 float* sums) {
  constexpr std::int64_t ahead = 8;  // rows between a prefetch and its use
  const View<const std::int32_t> columns = part.columns;
  Vector totals[Vectors]{};
  if (part.continues) {
#pragma GCC unroll 4
    for (std::int32_t v = 0; v < Vectors; ++v) totals[v] = load(sums + first + v * width);
  }
  for (std::int64_t j = 0; j < columns.size(); ++j) {
    if (j + ahead < columns.size()) {
      prefetch_row(task.table.row(columns[j + ahead]) + first, Vectors * width);
    }
    const float* row = task.table.row(columns[j]) + first;
#pragma GCC unroll 4
    for (std::int32_t v = 0; v < Vectors; ++v) totals[v] += load(row + v * width);
  }
#pragma GCC unroll 4
  for (std::int32_t v = 0; v < Vectors; ++v) {
    store(sums + first + v * width, broadcast(part.scale) * totals[v]);
  }
}

ALSATIAN_INLINE float sum_biases(const float* biases, View<const std::int32_t> columns) {
  float first_sum = 0;  // four at a time, as one sum would wait for each of its terms
  float second_sum = 0;
  float third_sum = 0;
  float fourth_sum = 0;
  std::int64_t j = 0;
  for (; j + 4 <= columns.size(); j += 4) {
    first_sum += biases[columns[j]];
    second_sum += biases[columns[j + 1]];
    third_sum += biases[columns[j + 2]];
    fourth_sum += biases[columns[j + 3]];
  }
  for (; j < columns.size(); ++j) first_sum += biases[columns[j]];
  return (first_sum + second_sum) + (third_sum + fourth_sum);
}

ALSATIAN_INLINE void sum_part(const RowSumTask& task, std::int64_t row, const SumPart& part) {
  float* sums = task.sums.row(row);
  std::int32_t first = 0;
  for (; first + 4 * width <= task.table.stride; first += 4 * width) {
    sum_columns<4>(task, part, first, sums);
  }
  for (; first + 2 * width <= task.table.stride; first += 2 * width) {
    sum_columns<2>(task, part, first, sums);
  }
  // What is left is padding where the rank ends before it; its sums are 0 from the start.
  for (; first < task.table.rank; first += width) sum_columns<1>(task, part, first, sums);
  if (!task.biases) return;
  float total = sum_biases(task.table.biases, part.columns);
  if (part.continues) total += task.sums.biases[row];
  task.sums.biases[row] = part.scale * total;
}

[[gnu::flatten]] void row_sum(const RowSumTask& task, std::int64_t row) {
  const float scale = task.scales.empty() ? 1.0F : task.scales[row];
  sum_part(task, row, {task.pattern.row_columns(row), false, scale});
}

[[gnu::flatten]] void row_sum_part(const RowSumTask& task, std::int64_t row, std::int64_t first,
                                   std::int64_t last) {
  const std::int64_t start = task.pattern.offsets[row];
  const bool ends = last == task.pattern.offsets[row + 1];
  const float scale = ends && !task.scales.empty() ? task.scales[row] : 1.0F;
  sum_part(task, row, {task.pattern.columns.subview(first, last - first), first > start, scale});
}

}  // namespace
}  // namespace alsatian::cpu
