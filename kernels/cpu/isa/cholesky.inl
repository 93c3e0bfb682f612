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
    accumulate_gram<Update::subtract>(a + block * stride, stride, block_end - block,
                                      block + padding, order, a);
  }
  return true;
}

/// Unknowns that are solved for at once: a vector that is loaded right after one of its elements
/// was stored waits for it, and so they wait once for all of them.
constexpr std::int32_t solved_at_once = 4;

/// Solves for unknowns [j, j + Count) of Uᵀ x = x, those before j being known, and takes their part
/// out of the others.
template <std::int32_t Count>
ALSATIAN_INLINE void solve_lower_step(const float* u, std::int64_t stride, std::int64_t order,
                                      const float* inverse_diagonal, std::int64_t j, float* x) {
  float solved[Count];
#pragma GCC unroll 4
  for (std::int32_t r = 0; r < Count; ++r) {
    float value = x[j + r];
#pragma GCC unroll 4
    for (std::int32_t s = 0; s < r; ++s) value -= solved[s] * u[(j + s) * stride + j + r];
    solved[r] = value * inverse_diagonal[j + r];
  }
  // Starts inside the vector of j: entries up to those solved are put back.
  const std::int64_t start = round_down(j);
  float kept[width];
  for (std::int64_t q = start; q < j; ++q) kept[q - start] = x[q];
  for (std::int64_t q = start; q < order; q += width) {
    Vector value = load(x + q);
#pragma GCC unroll 4
    for (std::int32_t r = 0; r < Count; ++r) {
      value -= broadcast(solved[r]) * load(u + (j + r) * stride + q);
    }
    store(x + q, value);
  }
  for (std::int64_t q = start; q < j; ++q) x[q] = kept[q - start];
  for (std::int32_t r = 0; r < Count; ++r) x[j + r] = solved[r];
}

/// Replaces x by the solution of Uᵀ x = x. x has zeros from the order to its padding.
void solve_lower(const float* u, std::int64_t stride, std::int64_t order,
                 const float* inverse_diagonal, float* x) {
  std::int64_t j = 0;
  for (; j + solved_at_once <= order; j += solved_at_once) {
    solve_lower_step<solved_at_once>(u, stride, order, inverse_diagonal, j, x);
  }
  for (; j < order; ++j) solve_lower_step<1>(u, stride, order, inverse_diagonal, j, x);
}

/// Replaces x by the solution of U x = x, using `solution` [padded order] as scratch.
void solve_upper(const float* u, std::int64_t stride, std::int64_t order,
                 const float* inverse_diagonal, float* x, float* solution) {
  for (std::int64_t q = 0; q < padded(static_cast<std::int32_t>(order)); ++q) solution[q] = 0;
  std::int64_t j = order;
  for (; j % solved_at_once != 0; --j) {
    // solution is still 0 before j, so the vector that holds it adds nothing from there.
    const float known = dot_from(u + (j - 1) * stride, solution, j - 1, order);
    solution[j - 1] = (x[j - 1] - known) * inverse_diagonal[j - 1];
  }
  for (j -= solved_at_once; j >= 0; j -= solved_at_once) {
    Vector products[solved_at_once] = {};
    for (std::int64_t q = round_down(j); q < order; q += width) {
      const Vector value = load(solution + q);
#pragma GCC unroll 4
      for (std::int32_t r = 0; r < solved_at_once; ++r) {
        products[r] += load(u + (j + r) * stride + q) * value;
      }
    }
    const Quad known = sums(products[0], products[1], products[2], products[3]);
    for (std::int32_t r = solved_at_once - 1; r >= 0; --r) {
      float value = x[j + r] - known[r];
      for (std::int32_t s = r + 1; s < solved_at_once; ++s) {
        value -= u[(j + r) * stride + j + s] * solution[j + s];
      }
      solution[j + r] = value * inverse_diagonal[j + r];
    }
  }
  for (j = 0; j < order; ++j) x[j] = solution[j];
}

}  // namespace
}  // namespace alsatian::cpu
