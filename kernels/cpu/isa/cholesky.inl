// Blocked Cholesky factorisation A = UᵀU of one small matrix, and the solves with it.
// Rows of U are contiguous, so that every inner loop runs along a row.
#pragma once

#include "kernels/cpu/isa/gram.inl"
#include "kernels/cpu/isa/vector.inl"
#include "kernels/cpu/kernel_table.hpp"

namespace alsatian::cpu {
namespace {

/// Pivots at or below this share of the trace count as zero: float's unit roundoff, doubled.
constexpr float pivot_threshold = 1.1920929e-7F;

ALSATIAN_INLINE std::int64_t round_down(std::int64_t value) { return value / width * width; }

/// target[first, last) -= factor · source[first, last), from the vector that holds `first` on.
ALSATIAN_INLINE void subtract_scaled(float factor, const float* source, std::int64_t first,
                                     std::int64_t last, float* target) {
  const Vector scale = broadcast(factor);
  for (std::int64_t q = round_down(first); q < last; q += width) {
    store(target + q, load(target + q) - scale * load(source + q));
  }
}

ALSATIAN_INLINE float dot_from(const float* left, const float* right, std::int64_t first,
                               std::int64_t last) {
  Vector total{};
  for (std::int64_t q = round_down(first); q < last; q += width) {
    total += load(left + q) * load(right + q);
  }
  return sum(total);
}

/// Factors the upper triangle of a in place; reciprocals of U's diagonal go to inverse_diagonal.
/// Returns false at the first pivot that is at most least_pivot or not a number; a is then
/// undefined.
bool factor_cholesky(float* a, std::int64_t stride, std::int64_t order, float least_pivot,
                     float* inverse_diagonal) {
  for (std::int64_t block = 0; block < order; block += padding) {
    const std::int64_t block_end = block + padding < order ? block + padding : order;
    for (std::int64_t pivot = block; pivot < block_end; ++pivot) {
      float* row = a + pivot * stride;
      if (!(row[pivot] > least_pivot)) return false;
      const float inverse = 1.0F / __builtin_sqrtf(row[pivot]);
      inverse_diagonal[pivot] = inverse;
      for (std::int64_t q = round_down(pivot); q < order; q += width) {
        store(row + q, load(row + q) * broadcast(inverse));
      }
      for (std::int64_t below = pivot + 1; below < block_end; ++below) {
        subtract_scaled(row[below], row, below, order, a + below * stride);
      }
    }
    accumulate_gram<true>(a + block * stride, stride, block_end - block, block + padding, order, a);
  }
  return true;
}

/// Replaces x by the solution of Uᵀ x = x. x has zeros from the order to its padding.
void solve_lower(const float* u, std::int64_t stride, std::int64_t order,
                 const float* inverse_diagonal, float* x) {
  for (std::int64_t j = 0; j < order; ++j) {
    const float solved = x[j] * inverse_diagonal[j];
    // Starts inside the vector of j: entries before j + 1 are put back.
    float kept[width];
    const std::int64_t start = round_down(j + 1);
    for (std::int64_t q = start; q <= j; ++q) kept[q - start] = x[q];
    subtract_scaled(solved, u + j * stride, j + 1, order, x);
    for (std::int64_t q = start; q <= j; ++q) x[q] = kept[q - start];
    x[j] = solved;
  }
}

/// Replaces x by the solution of U x = x, using `solution` [padded order] as scratch.
void solve_upper(const float* u, std::int64_t stride, std::int64_t order,
                 const float* inverse_diagonal, float* x, float* solution) {
  for (std::int64_t q = 0; q < padded(static_cast<std::int32_t>(order)); ++q) solution[q] = 0;
  for (std::int64_t j = order - 1; j >= 0; --j) {
    // solution is still 0 at and before j, so the vector that holds j adds nothing from there.
    const float known = dot_from(u + j * stride, solution, j + 1, order);
    solution[j] = (x[j] - known) * inverse_diagonal[j];
  }
  for (std::int64_t j = 0; j < order; ++j) x[j] = solution[j];
}

}  // namespace
}  // namespace alsatian::cpu
