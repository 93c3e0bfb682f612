// The penalty of the one objective that all algorithms minimise.
//   F = Σ loss + ½ Σ_u s(n_u)(λ‖p_u‖² + λ_b b_u²) + ½ Σ_i s(n_i)(λ‖q_i‖² + λ_b c_i²),  s(n) = n^α
#pragma once

#include "kernels/math/host_device.hpp"

#include <cmath>

namespace alsatian {

/// λ (`--reg`), λ_b (`--reg-bias`) and α (`--reg-scaling`), in units of standardised ratings.
/// α = 1 is ALS-WR (Zhou et al. 2008), α = 0 plain ridge.
struct Regularization {
  double factors = 1.2;
  double biases = 0.9;
  double scaling = 0.5;
};

/// s(n) = n^α: what a row with n ratings multiplies its λ and λ_b by. An empty row has 0.
ALSATIAN_HD inline double row_scale(double count, double scaling) {
  return count > 0 ? std::pow(count, scaling) : 0.0;
}

/// s(n)/n: the share of a row's penalty that each of its n ratings carries in stochastic gradient
/// descent, so that an epoch's slopes add up to those of F. An empty row has 0.
ALSATIAN_HD inline double observation_share(double count, double scaling) {
  return count > 0 ? row_scale(count, scaling) / count : 0.0;
}

/// s(n)λ and s(n)λ_b: what the penalty of a row with n ratings adds to the diagonal of its normal
/// equations, for each factor and for the bias. Computed in double and rounded once.
template <typename Real>
struct RowRidge {
  Real factors;
  Real biases;
};
template <typename Real>
ALSATIAN_HD inline RowRidge<Real> row_ridge(double count, const Regularization& regularization) {
  const double scale = row_scale(count, regularization.scaling);
  return {static_cast<Real>(scale * regularization.factors),
          static_cast<Real>(scale * regularization.biases)};
}

/// Half of the penalty of one row: ½ s (λ‖w‖² + λ_b b²).
ALSATIAN_HD inline double row_penalty(double scale, const Regularization& regularization,
                                      double squared_norm, double bias) {
  return 0.5 * scale *
         (regularization.factors * squared_norm + regularization.biases * bias * bias);
}

}  // namespace alsatian
