// One row of alternating least squares: its regularised normal equations, solved exactly.
//   (Σ z zᵀ + s(n)·diag(λ, …, λ, λ_b)) [p; b] = Σ z (r − c),  z = [q; 1]
// Zhou et al. (2008), section 3. The bias is the last unknown and is eliminated as a border.
#pragma once

#include "kernels/cpu/isa/change.inl"
#include "kernels/cpu/isa/cholesky.inl"
#include "kernels/cpu/isa/conjugate_gradients.inl"
#include "kernels/cpu/isa/gram.inl"
#include "kernels/cpu/isa/prior.inl"
#include "kernels/cpu/isa/row_equations.inl"
#include "kernels/cpu/isa/vector.inl"
#include "kernels/cpu/kernel_table.hpp"

namespace alsatian::cpu {
namespace {

/// Views into one thread's scratch; every part is aligned to a cache line.
struct AlsScratch {
  float* gram;              // [padded rank, stride]
  float* panel;             // [panel_rows or padded rank, stride]
  float* values;            // [panel_rows or padded rank]: ratings less opposite biases
  float* sums;              // [stride] Σ q, then its forward solve
  float* products;          // [stride] Σ q (r − c), then its forward solve, then the factors
  float* inverse_diagonal;  // [stride]
  float* work;              // [stride]
  float* change;            // [stride] of a row that may change: see RowChange
};

std::int64_t panel_capacity(const AlsTask& task) {
  const std::int64_t dual = padded(task.opposite.rank);
  return dual > panel_rows ? dual : panel_rows;
}

std::int64_t als_scratch(const AlsTask& task) {
  const std::int64_t stride = row_stride(task.opposite.rank);
  return padded(task.opposite.rank) * stride + panel_capacity(task) * (stride + 1) + 5 * stride;
}

ALSATIAN_INLINE AlsScratch carve(const AlsTask& task, float* memory) {
  const std::int64_t stride = row_stride(task.opposite.rank);
  const std::int64_t capacity = panel_capacity(task);
  AlsScratch scratch{};
  scratch.gram = memory;
  scratch.panel = scratch.gram + padded(task.opposite.rank) * stride;
  scratch.values = scratch.panel + capacity * stride;
  scratch.sums = scratch.values + capacity;
  scratch.products = scratch.sums + stride;
  scratch.inverse_diagonal = scratch.products + stride;
  scratch.work = scratch.inverse_diagonal + stride;
  scratch.change = scratch.work + stride;
  return scratch;
}

ALSATIAN_INLINE void fill_zero(float* values, std::int64_t count) {
  for (std::int64_t j = 0; j < count; ++j) values[j] = 0;
}

/// Adds `ridge` to the diagonal of gram and returns its trace.
/// Added after the sum: a tiny ridge plus many large terms would be absorbed in float.
ALSATIAN_INLINE float add_ridge(float* gram, std::int64_t stride, std::int64_t order, float ridge) {
  float trace = 0;
  for (std::int64_t j = 0; j < order; ++j) {
    gram[j * stride + j] += ridge;
    trace += gram[j * stride + j];
  }
  return trace;
}

/// Adds P and Λ·m to Gram, sums and products; returns the bias's entry of Λ·m.
/// After the sums over ratings, for the same reason as a ridge.
float add_prior(const AlsTask& task, std::int64_t row, const AlsScratch& scratch) {
  const SideView<const float>& precision = task.prior->precision;
  const std::int64_t stride = row_stride(precision.rank);
  for (std::int32_t j = 0; j < precision.rank; ++j) {
    float* to = scratch.gram + j * stride;
    subtract_scaled(-1, precision.row(j), j, precision.rank, to);
  }
  subtract_scaled(-1, precision.biases, 0, precision.rank, scratch.sums);
  return add_prior_product(task, row, scratch.products);
}

/// Gram, sums and products of all ratings of a row; returns Σ (r − c).
float accumulate_row(const AlsTask& task, std::int64_t row, const AlsScratch& scratch) {
  const std::int64_t stride = row_stride(task.opposite.rank);
  const View<const std::int32_t> columns = task.ratings.row_columns(row);
  const View<const float> ratings = task.ratings.row_values(row);
  if (columns.empty()) fill_zero(scratch.gram, padded(task.opposite.rank) * stride);
  fill_zero(scratch.sums, stride);
  fill_zero(scratch.products, stride);
  float total = 0;
  const auto panel_at = [&](std::int64_t first) {
    const std::int64_t left = columns.size() - first;
    const std::int64_t count = left < panel_rows ? left : panel_rows;
    return PanelRatings{columns.data() + first, ratings.data() + first, count > 0 ? count : 0,
                        left};
  };
  for (std::int64_t first = 0; first < columns.size(); first += panel_rows) {
    const PanelRatings now = panel_at(first);
    const PanelRatings next = panel_at(first + panel_rows);
    const std::int64_t count = now.count;
    gather_panel(task, now, stride,
                 {scratch.panel, scratch.values, scratch.sums, scratch.products});
    if (first == 0) {
      accumulate_gram_and_prefetch<Update::replace>(task, next, scratch.panel, stride, count,
                                                    scratch.gram);
    } else {
      accumulate_gram_and_prefetch<Update::add>(task, next, scratch.panel, stride, count,
                                                scratch.gram);
    }
    float panel_total = 0;
    for (std::int64_t j = 0; j < count; ++j) panel_total += scratch.values[j];
    total += panel_total;
  }
  return total;
}

/// Writes the solved row; the padding stays 0.
ALSATIAN_INLINE void write_row(const AlsTask& task, std::int64_t row, const float* factors,
                               float bias) {
  float* target = task.solved.row(row);
  for (std::int32_t j = 0; j < task.solved.rank; ++j) target[j] = factors[j];
  task.solved.biases[row] = bias;
}

/// Whether rows are to be drawn around their solutions.
ALSATIAN_INLINE bool is_draw(const AlsTask& task) {
  return task.prior != nullptr && task.prior->noise.rows > 0;
}

/// Solves with the factored Gram matrix U and the border [sums; corner] of the bias:
///   l = U⁻ᵀ sums, y = U⁻ᵀ products, b = (total − l·y) / (corner − l·l), p = U⁻¹ (y − b l).
/// The border's own factor is [l; √pivot]: a draw adds ε_b/√pivot to b, and ε_p to y.
/// Returns false where the bias's pivot is at most least_pivot.
bool solve_bordered(const AlsTask& task, std::int64_t row, float corner, float total,
                    float least_pivot, const AlsScratch& scratch) {
  const std::int64_t rank = task.opposite.rank;
  const std::int64_t stride = row_stride(rank);
  float bias = 0;
  solve_lower(scratch.gram, stride, rank, scratch.inverse_diagonal, scratch.products);
  if (task.biases) {
    solve_lower(scratch.gram, stride, rank, scratch.inverse_diagonal, scratch.sums);
    const float pivot = corner - dot_from(scratch.sums, scratch.sums, 0, rank);
    if (!(pivot > least_pivot)) return false;
    bias = (total - dot_from(scratch.sums, scratch.products, 0, rank)) / pivot;
    if (is_draw(task)) bias += task.prior->noise.biases[row] / __builtin_sqrtf(pivot);
    subtract_scaled(bias, scratch.sums, 0, rank, scratch.products);
  }
  if (is_draw(task)) subtract_scaled(-1, task.prior->noise.row(row), 0, rank, scratch.products);
  solve_upper(scratch.gram, stride, rank, scratch.inverse_diagonal, scratch.products, scratch.work);
  write_row(task, row, scratch.products, bias);
  return true;
}

/// What came of a try at the normal equations: whether every pivot was positive, and the trace
/// without jitter.
struct PrimalTry {
  bool solved;
  float trace;
};

/// One try with `jitter` added to the whole diagonal.
PrimalTry try_primal(const AlsTask& task, std::int64_t row, float jitter,
                     const AlsScratch& scratch) {
  const std::int64_t rank = task.opposite.rank;
  const std::int64_t stride = row_stride(rank);
  const std::int64_t count = task.ratings.row_size(row);
  const RowRidge<float> ridge = ridge_of(task, row);
  float total = accumulate_row(task, row, scratch);
  float corner = task.biases ? static_cast<float>(count) + ridge.biases : 0.0F;
  RowChange change;
  if (task.prior != nullptr) {
    if (may_change(task)) {
      change = change_of(task, row, scratch.gram, scratch.sums, scratch.products, total,
                         scratch.change, scratch.work);
    }
    corner += task.prior->bias_precision;
    total += add_prior(task, row, scratch);
  }
  const float trace = add_ridge(scratch.gram, stride, rank, ridge.factors + jitter) + corner -
                      jitter * static_cast<float>(rank);
  // With jitter a null direction's pivot is the jitter, give or take rounding: half of it shows
  // that rounding was the smaller of the two.
  const float zero = pivot_threshold * trace;
  const float least_pivot = jitter > 2 * zero ? jitter / 2 : zero;
  const bool solved =
      factor_cholesky(scratch.gram, stride, rank, least_pivot, scratch.inverse_diagonal) &&
      solve_bordered(task, row, corner + jitter, total, least_pivot, scratch);
  if (solved && may_change(task)) write_change(task, row, change, scratch.change);
  return {solved, trace};
}

/// Solves a row by the normal equations of order rank + 1. Where they are singular to float's
/// precision the whole diagonal gets 1e-6 · trace ÷ order, ten times more at each further try: the
/// answer is that of a small ridge. (Repairing single pivots, as doubles allow, lets float's
/// rounding grow without bound over the pivots after them.) Returns 1 where that was needed.
std::int64_t solve_primal(const AlsTask& task, std::int64_t row, const AlsScratch& scratch) {
  constexpr int most_tries = 9;
  const std::int64_t order = task.opposite.rank + (task.biases ? 1 : 0);
  const auto [solved, trace] = try_primal(task, row, 0, scratch);
  if (solved) return 0;
  float jitter = 1e-6F * trace / static_cast<float>(order);
  for (int tries = 0; tries < most_tries && trace > 0; ++tries, jitter *= 10) {
    if (try_primal(task, row, jitter, scratch).solved) return 1;
  }
  // Nothing is known of the row where all its opposite rows are 0, and so is λ. Otherwise there
  // were values that are not numbers, which stay so for the trainer to report.
  const float value = trace == 0 ? 0.0F : __builtin_nanf("");
  for (std::int32_t j = 0; j < task.solved.rank; ++j) scratch.products[j] = value;
  write_row(task, row, scratch.products, value);
  return 0;
}

/// to[i · stride + r] = rows[r][first + i] for i and r below 4.
ALSATIAN_INLINE void transpose_quads(const float* const (&rows)[4], std::int32_t first, float* to,
                                     std::int64_t stride) {
  Quad quads[4];
  for (std::int32_t r = 0; r < 4; ++r) {
    __builtin_memcpy(&quads[r], rows[r] + first, sizeof(quads[r]));
  }
  const Quad low01 = __builtin_shufflevector(quads[0], quads[1], 0, 4, 1, 5);
  const Quad low23 = __builtin_shufflevector(quads[2], quads[3], 0, 4, 1, 5);
  const Quad high01 = __builtin_shufflevector(quads[0], quads[1], 2, 6, 3, 7);
  const Quad high23 = __builtin_shufflevector(quads[2], quads[3], 2, 6, 3, 7);
  const Quad columns[4] = {__builtin_shufflevector(low01, low23, 0, 1, 4, 5),
                           __builtin_shufflevector(low01, low23, 2, 3, 6, 7),
                           __builtin_shufflevector(high01, high23, 0, 1, 4, 5),
                           __builtin_shufflevector(high01, high23, 2, 3, 6, 7)};
  for (std::int32_t i = 0; i < 4; ++i) {
    __builtin_memcpy(to + i * stride, &columns[i], sizeof(columns[i]));
  }
}

/// Gathers the ratings of a short row as columns: panel[q][j] = factor q of rating j. Returns Σ.
void gather_transposed(const AlsTask& task, std::int64_t row, std::int64_t stride,
                       const AlsScratch& scratch) {
  const View<const std::int32_t> columns = task.ratings.row_columns(row);
  const View<const float> ratings = task.ratings.row_values(row);
  const std::int32_t rank = task.opposite.rank;
  const std::int64_t length = padded(static_cast<std::int32_t>(columns.size()));
  for (std::int32_t q = 0; q < rank; ++q) {
    fill_zero(scratch.panel + q * stride + length - padding, padding);
  }
  std::int64_t j = 0;
  for (; j + 4 <= columns.size(); j += 4) {
    const float* rows[4];
    for (std::int32_t r = 0; r < 4; ++r) {
      rows[r] = task.opposite.row(columns[j + r]);
      if (j + 4 + r < columns.size()) prefetch_row(task.opposite.row(columns[j + 4 + r]), rank);
    }
    // Rows of the table and of the panel go on past the rank, to its padding.
    for (std::int32_t q = 0; q < rank; q += 4) {
      transpose_quads(rows, q, scratch.panel + q * stride + j, stride);
    }
  }
  for (; j < columns.size(); ++j) {
    const float* source = task.opposite.row(columns[j]);
    for (std::int32_t q = 0; q < rank; ++q) scratch.panel[q * stride + j] = source[q];
  }
  for (j = 0; j < columns.size(); ++j) {
    scratch.values[j] = target_of(task, ratings[j], columns[j]);
  }
}

/// Solves a short row by its dual of order n: with l = λ s(n) and K = Q Qᵀ + l I,
///   K [a₁ a_y] = [1 y],  b = l Σ a_y / (l Σ a₁ + λ_b s(n)),  p = Qᵀ (a_y − b a₁).
/// Right for λ_b ≠ λ too, and stable where λ_b s(n) is tiny. Returns false where K is numerically
/// singular; the caller then takes the normal equations.
bool solve_dual(const AlsTask& task, std::int64_t row, const AlsScratch& scratch) {
  const std::int64_t count = task.ratings.row_size(row);
  const std::int64_t stride = row_stride(count);
  const std::int64_t length = padded(static_cast<std::int32_t>(count));
  const RowRidge<float> ridge = ridge_of(task, row);
  gather_transposed(task, row, stride, scratch);
  accumulate_gram<Update::replace>(scratch.panel, stride, task.opposite.rank, 0, count,
                                   scratch.gram);
  const float trace = add_ridge(scratch.gram, stride, count, ridge.factors);
  if (!factor_cholesky(scratch.gram, stride, count, pivot_threshold * trace,
                       scratch.inverse_diagonal)) {
    return false;
  }
  const auto solve = [&](float* x) {
    solve_lower(scratch.gram, stride, count, scratch.inverse_diagonal, x);
    solve_upper(scratch.gram, stride, count, scratch.inverse_diagonal, x, scratch.work);
  };
  float* dual = scratch.products;
  fill_zero(dual, length);
  for (std::int64_t j = 0; j < count; ++j) dual[j] = scratch.values[j];
  solve(dual);
  float bias = 0;
  if (task.biases) {
    float* ones = scratch.sums;
    fill_zero(ones, length);
    for (std::int64_t j = 0; j < count; ++j) ones[j] = 1;
    solve(ones);
    float dual_sum = 0;
    float ones_sum = 0;
    for (std::int64_t j = 0; j < count; ++j) {
      dual_sum += dual[j];
      ones_sum += ones[j];
    }
    bias = ridge.factors * dual_sum / (ridge.factors * ones_sum + ridge.biases);
    subtract_scaled(bias, ones, 0, count, dual);
  }
  float* factors = scratch.work;
  for (std::int32_t q = 0; q < task.opposite.rank; ++q) {
    factors[q] = dot_from(scratch.panel + q * stride, dual, 0, count);
  }
  write_row(task, row, factors, bias);
  return true;
}

/// A row without ratings is what it was assumed to be.
void write_row_without_ratings(const AlsTask& task, std::int64_t row) {
  if (task.prior != nullptr && task.prior->means.rows > 0) {
    const SideView<const float>& means = task.prior->means;
    write_row(task, row, means.row(row), means.biases[row]);
    return;
  }
  fill_zero(task.solved.row(row), task.solved.rank);
  task.solved.biases[row] = 0;
}

/// Solves one row of a half-sweep.
std::int64_t als_row(const AlsTask& task, std::int64_t row, float* memory) {
  const std::int64_t count = task.ratings.row_size(row);
  if (count == 0 && !is_draw(task)) {
    write_row_without_ratings(task, row);
    return 0;
  }
  if (task.solver_steps > 0) {
    solve_by_conjugate_gradients(task, row, memory);
    return 0;
  }
  const AlsScratch scratch = carve(task, memory);
  // Where the dual order is below 0.8 of the rank it is the cheaper of the two.
  // It needs a diagonal Λ and m = 0.
  const bool short_row = task.prior == nullptr && 5 * count < 4 * std::int64_t{task.opposite.rank};
  // In float, where a tiny λ is 0: the dual would divide 0 by 0.
  const bool has_ridge = ridge_of(task, row).factors > 0;
  if (short_row && has_ridge && solve_dual(task, row, scratch)) return 0;
  return solve_primal(task, row, scratch);
}

}  // namespace
}  // namespace alsatian::cpu
