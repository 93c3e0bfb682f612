// Alternating least squares: each row of one side solved exactly, the other side fixed.
// The oracle for every fast row solve; Zhou et al. (2008), section 3, with biases.
#pragma once

#include "kernels/reference/parameters.hpp"

#include <cstdint>

namespace alsatian::reference {

/// The normal equations of one row: matrix·w = right_side, w = [p_u; b_u].
/// matrix [order, order] symmetric, order = rank, and one more with biases.
struct RowEquations {
  Matrix matrix;
  Vector right_side;
};

/// What a row is solved for, beside its ratings.
struct RowObjective {
  Regularization regularization;
  double mean = 0;
  bool biases = true;
};

/// (Σ z zᵀ + s(n)·diag(λ, …, λ, λ_b)) w = Σ z (r − μ − c_i) over the row's ratings, with
/// z = [q_i; 1], or [q_i] without biases.
RowEquations row_equations(const CsrView<double>& ratings, std::int64_t row,
                           const SideParameters& opposite, const RowObjective& objective);

struct RowSolution {
  Vector row;  // [order]
  std::int64_t repaired_pivots = 0;
};

/// By Cholesky's decomposition. A pivot ≤ eps·trace gets jitter, 1e-6·trace/order, where `trace`
/// is that of the matrix as given. A matrix of zeros (its right side is 0 too) gives 0.
RowSolution solve_by_cholesky(const RowEquations& equations);

/// By `steps` steps of conjugate gradients from `start`, preconditioned by the diagonal (fewer
/// where the residual vanishes). Hestenes and Stiefel (1952).
Vector solve_by_conjugate_gradients(const RowEquations& equations, const Vector& start, int steps);

/// What rows w = [p; b] are assumed to be before their ratings: w ~ N(m, Λ⁻¹), with
/// Λ = P + s(n)·diag(λ, …, λ, λ_b).
struct RowPrior {
  Matrix precision;      // P [order, order], symmetric; its upper triangle is read; empty: 0
  SideParameters means;  // m, a row for each row to solve; no rows: 0
};

/// P into the matrix of a row's equations, and Λ m into their right side.
void add_prior(const CsrView<double>& ratings, std::int64_t row, const RowPrior& prior,
               const Problem& problem, RowEquations& equations);

/// Which solver a half-sweep uses: 0 steps of conjugate gradients mean Cholesky.
struct HalfSweepOptions {
  int solver_steps = 0;
  const RowPrior* prior = nullptr;  // nothing: P = 0 and m = 0
};

/// Replaces every row of `solved` by the minimiser of F (Gaussian) with `opposite` fixed; rows
/// without ratings become 0, or the prior's mean. ratings [rows of solved, rows of opposite].
/// Returns how many pivots were repaired.
std::int64_t half_sweep(const CsrView<double>& ratings, const SideParameters& opposite,
                        const Problem& problem, const HalfSweepOptions& options,
                        SideParameters& solved);

}  // namespace alsatian::reference
