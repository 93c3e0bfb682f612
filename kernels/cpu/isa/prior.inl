// A prior's part of a row's equations: Λ = P + s(n)·diag(λ, …, λ, λ_b) and its product with m.
// The ridge itself is added by the solvers, with and without a prior.
#pragma once

#include "kernels/cpu/isa/row_equations.inl"
#include "kernels/cpu/isa/vector.inl"
#include "kernels/cpu/kernel_table.hpp"

namespace alsatian::cpu {
namespace {

/// product += scale·P·[factors; bias] in the factors [padded rank]; returns what the bias's entry
/// gains.
float add_precision_product(const AlsPrior& prior, float scale, const float* factors, float bias,
                            float* product) {
  const SideView<const float>& precision = prior.precision;
  for (std::int32_t j = 0; j < precision.rank; ++j) {
    const float entry =
        dot_from(precision.row(j), factors, 0, precision.rank) + precision.biases[j] * bias;
    product[j] += scale * entry;
  }
  return scale *
         (dot_from(precision.biases, factors, 0, precision.rank) + prior.bias_precision * bias);
}

/// product += Λ·m of a row in the factors; returns what the bias's entry gains.
float add_prior_product(const AlsTask& task, std::int64_t row, float* product) {
  const SideView<const float>& means = task.prior->means;
  if (means.rows == 0) return 0;
  const RowRidge<float> ridge = ridge_of(task, row);
  subtract_scaled(-ridge.factors, means.row(row), 0, means.rank, product);
  return add_precision_product(*task.prior, 1, means.row(row), means.biases[row], product) +
         ridge.biases * means.biases[row];
}

}  // namespace
}  // namespace alsatian::cpu
