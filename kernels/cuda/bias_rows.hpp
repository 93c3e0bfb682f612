// Half-sweeps of alternating least squares at rank 0, where a row is its bias alone.
// The row solver of als.hpp has nothing to factorize there, and its tiles would be empty.
#pragma once

#include "kernels/cuda/als_rows.hpp"
#include "kernels/cuda/context.hpp"

namespace alsatian::cuda {

/// Enqueues b = Σ (r − c) / (n + s(n)λ_b) for every row with ratings; others are left as they are.
/// Sums in double, in an order that depends on the row alone.
void solve_biases(const Context& context, const AlsTask& task);

}  // namespace alsatian::cuda
