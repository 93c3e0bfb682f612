// Sums of the rows of a table that a sparse pattern names: products with implicit features.
// Sums stay in registers while the rows go by; rows wider than they are go by again.
#pragma once

#include "kernels/cpu/isa/vector.inl"
#include "kernels/cpu/kernel_table.hpp"

namespace alsatian::cpu {
namespace {

/// The part of a sum that `Vectors` registers hold, from column `first` on.
template <std::int32_t Vectors>
ALSATIAN_INLINE void sum_columns(const RowSumTask& task, View<const std::int32_t> columns,
                                 float scale, std::int32_t first, float* sums) {
  constexpr std::int64_t ahead = 8;  // rows between a prefetch and its use
  Vector totals[Vectors]{};
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
    store(sums + first + v * width, broadcast(scale) * totals[v]);
  }
}

[[gnu::flatten]] void row_sum(const RowSumTask& task, std::int64_t row) {
  const View<const std::int32_t> columns = task.pattern.row_columns(row);
  const float scale = task.scales.empty() ? 1.0F : task.scales[row];
  float* sums = task.sums.row(row);
  std::int32_t first = 0;
  for (; first + 4 * width <= task.table.stride; first += 4 * width) {
    sum_columns<4>(task, columns, scale, first, sums);
  }
  for (; first + 2 * width <= task.table.stride; first += 2 * width) {
    sum_columns<2>(task, columns, scale, first, sums);
  }
  // What is left is padding where the rank ends before it; its sums are 0 from the start.
  for (; first < task.table.rank; first += width) sum_columns<1>(task, columns, scale, first, sums);
  if (!task.biases) return;
  const float* biases = task.table.biases;
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
  task.sums.biases[row] = scale * ((first_sum + second_sum) + (third_sum + fourth_sum));
}

}  // namespace
}  // namespace alsatian::cpu
