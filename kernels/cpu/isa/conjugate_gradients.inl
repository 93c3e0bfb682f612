// One row of alternating least squares by conjugate gradients, without forming its matrix.
// Starts from the row's last value and takes a fixed number of steps.
#pragma once

#include "kernels/cpu/isa/prior.inl"
#include "kernels/cpu/isa/row_equations.inl"
#include "kernels/cpu/isa/vector.inl"
#include "kernels/cpu/kernel_table.hpp"

namespace alsatian::cpu {
namespace {

/// A vector of the row's unknowns: factors [padded rank] and bias.
struct RowVector {
  float* factors;
  float bias;
};

ALSATIAN_INLINE float inner(const RowVector& left, const RowVector& right, std::int64_t length) {
  return dot_from(left.factors, right.factors, 0, length) + left.bias * right.bias;
}

/// product = (Σ z zᵀ + diag(ridge)) direction, z = [q; 1].
void apply_normal_matrix(const AlsTask& task, std::int64_t row, const RowRidge<float>& ridge,
                         const RowVector& direction, RowVector& product) {
  const std::int64_t length = task.opposite.stride;
  const View<const std::int32_t> columns = task.ratings.row_columns(row);
  for (std::int64_t q = 0; q < length; ++q)
    product.factors[q] = ridge.factors * direction.factors[q];
  product.bias = ridge.biases * direction.bias;
  for (std::int64_t j = 0; j < columns.size(); ++j) {
    const float* opposite = task.opposite.row(columns[j]);
    const float value = dot_from(opposite, direction.factors, 0, length) + direction.bias;
    subtract_scaled(-value, opposite, 0, length, product.factors);
    if (task.biases) product.bias += value;
  }
  if (task.prior != nullptr) {
    product.bias +=
        add_precision_product(*task.prior, 1, direction.factors, direction.bias, product.factors);
  }
}

/// The prior's part of the residual, Λ m − P x, and of the diagonal of A.
void start_with_prior(const AlsTask& task, std::int64_t row, const RowVector& x,
                      RowVector& residual, RowVector& diagonal) {
  const AlsPrior& prior = *task.prior;
  residual.bias += add_prior_product(task, row, residual.factors);
  residual.bias += add_precision_product(prior, -1, x.factors, x.bias, residual.factors);
  for (std::int32_t q = 0; q < prior.precision.rank; ++q) {
    diagonal.factors[q] += prior.precision.row(q)[q];
  }
  diagonal.bias += prior.bias_precision;
}

/// residual = Σ z (r − c) − A x, and the diagonal of A.
void start_conjugate_gradients(const AlsTask& task, std::int64_t row, const RowRidge<float>& ridge,
                               const RowVector& x, RowVector& residual, RowVector& diagonal) {
  const std::int64_t length = task.opposite.stride;
  const View<const std::int32_t> columns = task.ratings.row_columns(row);
  const View<const float> ratings = task.ratings.row_values(row);
  for (std::int64_t q = 0; q < length; ++q) {
    residual.factors[q] = -ridge.factors * x.factors[q];
    diagonal.factors[q] = ridge.factors;
  }
  residual.bias = -ridge.biases * x.bias;
  diagonal.bias = ridge.biases + static_cast<float>(columns.size());
  for (std::int64_t j = 0; j < columns.size(); ++j) {
    const float* opposite = task.opposite.row(columns[j]);
    const float error = target_of(task, ratings[j], columns[j]) -
                        score(0.0F, x.bias, 0.0F, dot_from(opposite, x.factors, 0, length));
    subtract_scaled(-error, opposite, 0, length, residual.factors);
    if (task.biases) residual.bias += error;
    for (std::int64_t q = 0; q < length; q += width) {
      const Vector value = load(opposite + q);
      store(diagonal.factors + q, load(diagonal.factors + q) + value * value);
    }
  }
  if (task.prior != nullptr) start_with_prior(task, row, x, residual, diagonal);
}

/// Hestenes and Stiefel (1952) with Jacobi's preconditioner; solver_steps steps, fewer once the
/// preconditioned residual has fallen by float's precision.
void solve_by_conjugate_gradients(const AlsTask& task, std::int64_t row, float* memory) {
  const std::int64_t length = task.opposite.stride;
  const RowRidge<float> ridge = ridge_of(task, row);
  RowVector x{task.solved.row(row), task.biases ? task.solved.biases[row] : 0.0F};
  RowVector residual{memory, 0};
  RowVector diagonal{memory + length, 0};
  RowVector direction{memory + 2 * length, 0};
  RowVector product{memory + 3 * length, 0};
  start_conjugate_gradients(task, row, ridge, x, residual, diagonal);

  // Where the diagonal is 0 so is the residual: a column that no rating touches, at λ = 0.
  const auto precondition = [](float value, float pivot) { return pivot > 0 ? value / pivot : 0; };
  const auto preconditioned_norm = [&] {
    float total = residual.bias * precondition(residual.bias, diagonal.bias);
    for (std::int64_t q = 0; q < length; ++q) {
      total += residual.factors[q] * precondition(residual.factors[q], diagonal.factors[q]);
    }
    return total;
  };
  for (std::int64_t q = 0; q < length; ++q) direction.factors[q] = 0;
  float norm = preconditioned_norm();
  const float enough = norm * 1e-14F;
  float ratio = 0;
  for (int step = 0; step < task.solver_steps && norm > enough; ++step) {
    for (std::int64_t q = 0; q < length; ++q) {
      direction.factors[q] =
          precondition(residual.factors[q], diagonal.factors[q]) + ratio * direction.factors[q];
    }
    direction.bias =
        task.biases ? precondition(residual.bias, diagonal.bias) + ratio * direction.bias : 0.0F;
    apply_normal_matrix(task, row, ridge, direction, product);
    const float curvature = inner(direction, product, length);
    if (!(curvature > 0)) break;
    const float distance = norm / curvature;
    subtract_scaled(-distance, direction.factors, 0, length, x.factors);
    subtract_scaled(distance, product.factors, 0, length, residual.factors);
    x.bias += distance * direction.bias;
    residual.bias -= distance * product.bias;
    const float next = preconditioned_norm();
    ratio = next / norm;
    norm = next;
  }
  task.solved.biases[row] = x.bias;
}

}  // namespace
}  // namespace alsatian::cpu
