// How far a computed number may be from the exact one, derived rather than tuned.
// u = eps/2 is the unit roundoff of the precision; Higham (2002) is "Accuracy and Stability of
// Numerical Algorithms", second edition.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace alsatian::testing::tolerance {

template <typename Real>
inline constexpr double eps = static_cast<double>(std::numeric_limits<Real>::epsilon());

/// Absolute error of a sum of `terms` products, in any order: every product takes part in at most
/// `terms` roundings, so |error| ≤ γ_terms Σ|aᵢbᵢ| (Higham, equation 3.5), γ_n ≈ n·u; doubled, as
/// the number that it is compared with has an error too.
/// magnitude  Σ|aᵢbᵢ|
template <typename Real>
double sum(std::int64_t terms, double magnitude) {
  return static_cast<double>(terms + 1) * eps<Real> * magnitude;
}

/// Relative error ‖x̂ − x‖/‖x‖ of solving a symmetric positive definite system by Cholesky:
/// (A + ΔA) x̂ = b with ‖ΔA‖ ≤ 4·order·(3·order + 1)·u·‖A‖ in the worst case (Higham, theorem
/// 10.4). Roundings of random sign give one power of `order` less: order·eps·condition, times 4
/// for the constants.
/// condition  ‖A‖·‖A⁻¹‖ in the 2-norm
template <typename Real>
double solve(std::int64_t order, double condition) {
  return 4.0 * static_cast<double>(order) * eps<Real> * condition;
}

/// Norm of b − A·x̂ after the same solve, whatever the condition: the backward error above times
/// ‖A‖‖x̂‖, and the rounding of a right side that is itself a sum of `terms` products.
template <typename Real>
double residual(std::int64_t order, std::int64_t terms, double matrix_norm, double solution_norm,
                double right_side_norm) {
  return eps<Real> * static_cast<double>(4 * order + terms) *
         (matrix_norm * solution_norm + right_side_norm);
}

/// Absolute error of factors and biases of size about 1 after a row's `updates` steps of stochastic
/// gradient descent. An update rounds the value once, and adds `rate` times a slope whose dot
/// product has `rank` roundings. With roundings of random sign both grow by the root of their
/// number; 4 stands for what an error is multiplied by on its way through later updates.
template <typename Real>
double descent(std::int64_t updates, double rate, std::int64_t rank) {
  return 4.0 * std::sqrt(static_cast<double>(updates)) * eps<Real> *
         (1.0 + rate * std::sqrt(static_cast<double>(rank + 8)));
}

/// Absolute error of a sum over `count` ratings of losses, squared or absolute errors, all in
/// standardised units. Scores carry the roundings of a dot product of `rank` products whose sum is
/// about 1, and each figure changes by at most (1 + |error|)·exp(score) ≤ 8 times as much as the
/// score. Roundings of random sign grow by the root of their number, within a dot product and over
/// ratings.
template <typename Real>
double figures(std::int64_t rank, std::int64_t count) {
  return 8.0 * eps<Real> * std::sqrt(static_cast<double>(rank + 1) * static_cast<double>(count));
}

/// The step h of a central difference at which truncation (~h²) and rounding (~u/h) balance.
inline double difference_step() { return std::cbrt(eps<double>); }

/// Error of the central difference (f(x + h) − f(x − h))/2h: h²/6·|f‴| of truncation, and two
/// evaluations wrong by `terms` roundings each of sums of magnitude `value`, over 2h.
/// third_derivative  a bound of |f‴| on [x − h, x + h]
inline double difference(double third_derivative, std::int64_t terms, double value, double step) {
  return step * step / 6.0 * third_derivative +
         static_cast<double>(terms + 4) * eps<double> * value / step;
}

/// Change of a float that is stored from a double: half a unit in the last place.
inline double stored_as_float(double value) { return 0.5 * eps<float> * std::abs(value); }

}  // namespace alsatian::testing::tolerance
