// Dot products of listed pairs of rows: what errors and objectives are summed from, in double by
// the caller; and squared errors of one row's ratings, where nothing else of them is asked for.
#pragma once

#include "kernels/cpu/isa/vector.inl"
#include "kernels/cpu/kernel_table.hpp"
#include "kernels/math/score.hpp"

namespace alsatian::cpu {
namespace {

[[gnu::flatten]] void pair_dots(SideView<const float> users, SideView<const float> items,
                                const std::int32_t* user_indices, const std::int32_t* item_indices,
                                std::int64_t count, float* dots) {
  constexpr std::int64_t ahead = 8;  // pairs between the prefetch of a row and its use
  const std::int32_t stride = users.stride;
  for (std::int64_t pair = 0; pair < count; ++pair) {
    if (pair + ahead < count && item_indices[pair + ahead] >= 0) {
      prefetch_row(items.row(item_indices[pair + ahead]), stride);
    }
    if (user_indices[pair] < 0 || item_indices[pair] < 0) {
      dots[pair] = 0;
      continue;
    }
    const float* user = users.row(user_indices[pair]);
    const float* item = items.row(item_indices[pair]);
    Vector products{};
    for (std::int32_t j = 0; j < stride; j += width) products += load(user + j) * load(item + j);
    dots[pair] = sum(products);
  }
}

/// ⟨own, rows of opposite⟩ of four ratings.
ALSATIAN_INLINE Quad four_dots(const float* own, SideView<const float> opposite,
                               const std::int32_t* columns) {
  Vector products[4]{};
  for (std::int32_t j = 0; j < opposite.stride; j += width) {
    const Vector factors = load(own + j);
#pragma GCC unroll 4
    for (std::int32_t r = 0; r < 4; ++r) {
      products[r] += factors * load(opposite.row(columns[r]) + j);
    }
  }
  return sums(products[0], products[1], products[2], products[3]);
}

[[gnu::flatten]] double squared_error(const SquaredErrorTask& task, std::int64_t row,
                                      std::int64_t first, std::int64_t last) {
  using Doubles = double __attribute__((vector_size(4 * sizeof(double))));
  constexpr std::int64_t ahead = 12;  // ratings between the prefetch of a row and its use
  const std::int32_t* columns = task.ratings.columns.data();
  const float* ratings = task.ratings.values.data();
  const SideView<const float>& opposite = task.opposite;
  const float* own = task.own.row(row);
  const float bias = task.own.biases[row];
  Doubles totals{};
  std::int64_t o = first;
  for (; o + 4 <= last; o += 4) {
    Quad errors;
#pragma GCC unroll 4
    for (std::int32_t r = 0; r < 4; ++r) {
      if (o + r + ahead < last) {
        prefetch_row(opposite.row(columns[o + r + ahead]), opposite.stride);
      }
      errors[r] = ratings[o + r] - score(0.0F, bias, opposite.biases[columns[o + r]], 0.0F);
    }
    errors -= four_dots(own, opposite, columns + o);
    totals += __builtin_convertvector(errors * errors, Doubles);
  }
  double total = (totals[0] + totals[1]) + (totals[2] + totals[3]);
  for (; o < last; ++o) {
    const float dot = dot_from(own, opposite.row(columns[o]), 0, opposite.stride);
    const float error = ratings[o] - score(0.0F, bias, opposite.biases[columns[o]], dot);
    total += double{error} * error;
  }
  return total;
}

}  // namespace
}  // namespace alsatian::cpu
