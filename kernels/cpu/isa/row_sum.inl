// Sums of the rows of a table that a sparse pattern names: products with implicit features.
// Sums stay in registers while the rows go by; rows wider than they are go by again.
#pragma once

#include "kernels/cpu/isa/vector.inl"
#include "kernels/cpu/kernel_table.hpp"
#include "kernels/math/bfloat16.hpp"

namespace alsatian::cpu {
namespace {

/// Some of a row's entries, and what becomes of their sum: scale · (sums before, if any, + sum).
struct SumPart {
  View<const std::int32_t> columns;
  bool continues;
  float scale;
};

ALSATIAN_INLINE Vector load_entries(const float* from) { return load(from); }

/// from_bfloat16 of as many entries, wherever they are: rows of them may be half a vector.
ALSATIAN_INLINE Vector load_entries(const std::uint16_t* from) {
  using Halves = std::uint16_t __attribute__((vector_size(2 * width)));
  using Words = std::uint32_t __attribute__((vector_size(4 * width)));
  Halves halves;
  __builtin_memcpy(&halves, from, sizeof(halves));
  const Words words = __builtin_convertvector(halves, Words) << 16;
  Vector values;
  __builtin_memcpy(&values, &words, sizeof(values));
  return values;
}

ALSATIAN_INLINE float entry_of(float value) { return value; }
ALSATIAN_INLINE float entry_of(std::uint16_t value) { return from_bfloat16(value); }

/// The part of a sum that `Vectors` registers hold, from column `first` on.
template <std::int32_t Vectors, typename Task>
ALSATIAN_INLINE void sum_columns(const Task& task, const SumPart& part, std::int32_t first,
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
    const auto* row = task.table.row(columns[j]) + first;
#pragma GCC unroll 4
    for (std::int32_t v = 0; v < Vectors; ++v) totals[v] += load_entries(row + v * width);
  }
#pragma GCC unroll 4
  for (std::int32_t v = 0; v < Vectors; ++v) {
    store(sums + first + v * width, broadcast(part.scale) * totals[v]);
  }
}

template <typename Entry>
ALSATIAN_INLINE float sum_biases(const Entry* biases, View<const std::int32_t> columns) {
  float first_sum = 0;  // four at a time, as one sum would wait for each of its terms
  float second_sum = 0;
  float third_sum = 0;
  float fourth_sum = 0;
  std::int64_t j = 0;
  for (; j + 4 <= columns.size(); j += 4) {
    first_sum += entry_of(biases[columns[j]]);
    second_sum += entry_of(biases[columns[j + 1]]);
    third_sum += entry_of(biases[columns[j + 2]]);
    fourth_sum += entry_of(biases[columns[j + 3]]);
  }
  for (; j < columns.size(); ++j) first_sum += entry_of(biases[columns[j]]);
  return (first_sum + second_sum) + (third_sum + fourth_sum);
}

template <typename Task>
ALSATIAN_INLINE void sum_part(const Task& task, std::int64_t row, const SumPart& part) {
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

ALSATIAN_INLINE void narrow_sums(const RowSumTask&, std::int64_t) {}

ALSATIAN_INLINE void narrow_sums(const NarrowRowSumTask& task, std::int64_t row) {
  if (task.narrow_sums.rows == 0) return;
  const float* from = task.sums.row(row);
  std::uint16_t* to = task.narrow_sums.row(row);
  for (std::int32_t j = 0; j < task.sums.stride; ++j) to[j] = to_bfloat16(from[j]);
  if (task.biases) task.narrow_sums.biases[row] = to_bfloat16(task.sums.biases[row]);
}

template <typename Task>
[[gnu::flatten]] void row_sum(const Task& task, std::int64_t row) {
  const float scale = task.scales.empty() ? 1.0F : task.scales[row];
  sum_part(task, row, {task.pattern.row_columns(row), false, scale});
  narrow_sums(task, row);
}

template <typename Task>
[[gnu::flatten]] void row_sum_part(const Task& task, std::int64_t row, std::int64_t first,
                                   std::int64_t last) {
  const std::int64_t start = task.pattern.offsets[row];
  const bool ends = last == task.pattern.offsets[row + 1];
  const float scale = ends && !task.scales.empty() ? task.scales[row] : 1.0F;
  sum_part(task, row, {task.pattern.columns.subview(first, last - first), first > start, scale});
  if (ends) narrow_sums(task, row);
}

}  // namespace
}  // namespace alsatian::cpu
