// Rank 0: the model of biases alone, a linear least-squares problem, solved to the end in double.
// The baseline that factors have to beat, so it must not depend on how patient a solver was.
#pragma once

#include "kernels/math/regularization.hpp"
#include "kernels/math/views.hpp"

#include <vector>

namespace alsatian::cpu {

struct Biases {
  std::vector<double> users;
  std::vector<double> items;
  /// ‖g‖ / ‖g₀‖: gradient of F at the solution over that at zero biases.
  double gradient_ratio = 0;
};

/// Minimises ½ Σ (b_u + c_i − r)² + ½ Σ_u s(n_u) λ_b b_u² + ½ Σ_i s(n_i) λ_b c_i² to
/// ‖g‖ ≤ 1e-12 ‖g₀‖. by_user and by_item hold the same ratings, standardised (μ = 0).
///
/// The longer side is eliminated row by row; conjugate gradients on what is left (a Schur
/// complement), restarted from the true gradient. Where λ_b = 0 leaves a constant free, its value
/// is whatever the way from 0 leads to. Rows without ratings get 0. The result does not depend on
/// threads. Work O(observations) for each step of conjugate gradients.
Biases solve_biases(CsrView<float> by_user, CsrView<float> by_item,
                    const Regularization& regularization);

}  // namespace alsatian::cpu
