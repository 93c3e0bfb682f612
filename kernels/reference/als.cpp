// Row solves of alternating least squares by textbook Cholesky and conjugate gradients.
// Normal equations are formed from the whole panel of opposite rows, with nothing clever.
#include "kernels/reference/als.hpp"

#include "kernels/math/score.hpp"

#include <cmath>
#include <limits>

namespace alsatian::reference {

namespace {

/// L of matrix = L·Lᵀ, column by column, and how many pivots had to be repaired on the way.
struct Cholesky {
  Matrix lower;
  std::int64_t repaired_pivots = 0;
};

Cholesky decompose(const Matrix& matrix) {
  const Eigen::Index order = matrix.rows();
  const double trace = matrix.trace();
  Cholesky result{Matrix::Zero(order, order)};
  Matrix& lower = result.lower;
  for (Eigen::Index j = 0; j < order; ++j) {
    const Eigen::Index below = order - j - 1;
    double pivot = matrix(j, j) - lower.row(j).head(j).squaredNorm();
    if (pivot <= std::numeric_limits<double>::epsilon() * trace) {
      pivot += 1e-6 * trace / static_cast<double>(order);
      ++result.repaired_pivots;
    }
    lower(j, j) = std::sqrt(pivot);
    lower.col(j).tail(below) = (matrix.col(j).tail(below) - lower.bottomLeftCorner(below, j) *
                                                                lower.row(j).head(j).transpose()) /
                               lower(j, j);
  }
  return result;
}

}  // namespace

RowEquations row_equations(const CsrView<double>& ratings, std::int64_t row,
                           const SideParameters& opposite, const RowObjective& objective) {
  const auto& [regularization, mean, biases] = objective;
  const std::int64_t rank = opposite.rank();
  const std::int64_t order = rank + (biases ? 1 : 0);
  const auto columns = ratings.row_columns(row);
  const auto values = ratings.row_values(row);
  Matrix panel(columns.size(), order);
  Vector targets(columns.size());
  for (std::int64_t o = 0; o < columns.size(); ++o) {
    panel.row(o).head(rank) = opposite.factors.row(columns[o]);
    if (biases) panel(o, rank) = 1;
    targets[o] = values[o] - score(mean, 0.0, opposite.biases[columns[o]], 0.0);
  }
  const double scale = row_scale(static_cast<double>(columns.size()), regularization.scaling);
  RowEquations equations{panel.transpose() * panel, panel.transpose() * targets};
  for (std::int64_t j = 0; j < rank; ++j) equations.matrix(j, j) += scale * regularization.factors;
  if (biases) equations.matrix(rank, rank) += scale * regularization.biases;
  return equations;
}

void add_prior(const CsrView<double>& ratings, std::int64_t row, const RowPrior& prior,
               const Problem& problem, RowEquations& equations) {
  const Eigen::Index order = equations.right_side.size();
  Matrix precision = Matrix::Zero(order, order);
  if (prior.precision.size() > 0) {
    precision = prior.precision.selfadjointView<Eigen::Upper>();
    equations.matrix += precision;
  }
  if (prior.means.rows() == 0) return;
  const std::int64_t rank = prior.means.rank();
  const double scale =
      row_scale(static_cast<double>(ratings.row_size(row)), problem.regularization.scaling);
  Vector mean(order);
  mean.head(rank) = prior.means.factors.row(row).transpose();
  precision.diagonal().head(rank).array() += scale * problem.regularization.factors;
  if (problem.biases) {
    mean[rank] = prior.means.biases[row];
    precision(rank, rank) += scale * problem.regularization.biases;
  }
  equations.right_side += precision * mean;
}

RowSolution solve_by_cholesky(const RowEquations& equations) {
  const Eigen::Index order = equations.matrix.rows();
  if (equations.matrix.trace() == 0) return {Vector::Zero(order), order};
  const Cholesky cholesky = decompose(equations.matrix);
  const auto lower = cholesky.lower.triangularView<Eigen::Lower>();
  const auto upper = cholesky.lower.transpose().triangularView<Eigen::Upper>();
  const Vector forward = lower.solve(equations.right_side);
  return {upper.solve(forward), cholesky.repaired_pivots};
}

Vector solve_by_conjugate_gradients(const RowEquations& equations, const Vector& start, int steps) {
  const Matrix& matrix = equations.matrix;
  // A diagonal entry of 0 belongs to a row of zeros, whose residual is 0.
  const Vector inverse_diagonal =
      matrix.diagonal().unaryExpr([](double entry) { return entry > 0 ? 1.0 / entry : 0.0; });
  Vector solution = start;
  Vector residual = equations.right_side - matrix * solution;
  Vector preconditioned = inverse_diagonal.cwiseProduct(residual);
  Vector direction = preconditioned;
  double product = residual.dot(preconditioned);
  for (int step = 0; step < steps && product > 0; ++step) {
    const Vector image = matrix * direction;
    const double curvature = direction.dot(image);
    if (!(curvature > 0)) break;
    const double length = product / curvature;
    solution += length * direction;
    residual -= length * image;
    preconditioned = inverse_diagonal.cwiseProduct(residual);
    const double next = residual.dot(preconditioned);
    direction = preconditioned + (next / product) * direction;
    product = next;
  }
  return solution;
}

std::int64_t half_sweep(const CsrView<double>& ratings, const SideParameters& opposite,
                        const Problem& problem, const HalfSweepOptions& options,
                        SideParameters& solved) {
  const std::int64_t rank = solved.rank();
  const bool nothing_to_solve = rank == 0 && !problem.biases;
  std::int64_t repaired = 0;
  for (std::int64_t row = 0; row < solved.rows(); ++row) {
    if (nothing_to_solve || ratings.row_size(row) == 0) {
      const bool has_mean = options.prior != nullptr && options.prior->means.rows() > 0;
      solved.factors.row(row).setZero();
      solved.biases[row] = 0;
      if (has_mean) solved.factors.row(row) = options.prior->means.factors.row(row);
      if (has_mean && problem.biases) solved.biases[row] = options.prior->means.biases[row];
      continue;
    }
    RowEquations equations = row_equations(ratings, row, opposite,
                                           {problem.regularization, problem.mean, problem.biases});
    if (options.prior != nullptr) add_prior(ratings, row, *options.prior, problem, equations);
    Vector values(equations.right_side.size());
    if (options.solver_steps > 0) {
      values.head(rank) = solved.factors.row(row).transpose();
      if (problem.biases) values[rank] = solved.biases[row];
      values = solve_by_conjugate_gradients(equations, values, options.solver_steps);
    } else {
      RowSolution solution = solve_by_cholesky(equations);
      repaired += solution.repaired_pivots;
      values = solution.row;
    }
    solved.factors.row(row) = values.head(rank).transpose();
    if (problem.biases) solved.biases[row] = values[rank];
  }
  return repaired;
}

}  // namespace alsatian::reference
