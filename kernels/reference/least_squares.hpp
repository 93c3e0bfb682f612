// Full-batch least squares: one Levenberg-Marquardt step on all parameters at once.
// The oracle for the fast backends' steps; rank 0 is a linear problem and is solved outright.
#pragma once

#include "kernels/reference/parameters.hpp"

#include <cstdint>

namespace alsatian::reference {

/// What one step leaves for the next.
struct DampingState {
  double damping = 1e-2;  // ν, relative to D
  double growth = 2;      // what ν is multiplied by when a step is rejected
};

struct LeastSquaresOptions {
  /// Most steps of conjugate gradients per linear system; 0: ten times the number of unknowns.
  int inner_steps = 0;
  /// Conjugate gradients stop where the residual is this share of ‖g‖.
  double tolerance = 1e-12;
  /// Systems with at most this many unknowns are solved by dense Cholesky instead.
  std::int64_t dense_unknowns = 256;
  /// Rejected steps that are tried again before the step gives up.
  int retries = 30;
};

struct LeastSquaresOutcome {
  bool accepted = false;  // false: parameters are as they were, no step lowers F any more
  double objective = 0;   // F after the step
  int inner_steps = 0;    // of conjugate gradients, over all tries
  double damping = 0;     // ν of the step that was accepted, or of the last that was not
};

/// One step that lowers F (Gaussian). With J the Jacobian of the scores, g = ∂F, R the diagonal
/// penalty and D = diag(JᵀJ), a try solves
///     (JᵀJ + R + νD) δ = −g
/// and predicts that F falls by  −gᵀδ − ½ δᵀ(JᵀJ + R)δ = ½ (ν δᵀDδ − gᵀδ). With the gain ratio
/// ρ = (F(θ) − F(θ + δ)) / predicted,
///     F(θ + δ) < F(θ):  accept, ν ← max(1e-10, ν·max(⅓, 1 − (2ρ − 1)³)), growth ← 2
///     else:             reject, ν ← ν·growth, growth ← 2·growth, try again
/// After retries + 1 rejections ν and growth are as before the step. Conjugate gradients start at
/// 0 and are preconditioned by the diagonal of the whole matrix. Parameters that no rating reaches
/// stay as they are. Nielsen (1999), "Damping parameter in Marquardt's method".
///
/// Rank 0: ν = 0, and conjugate gradients are restarted from the true gradient until
/// ‖g‖ ≤ 1e-12 ‖g₀‖, or until rounding keeps ‖g‖ from falling; options and state are not used.
LeastSquaresOutcome least_squares_step(const Problem& problem, const LeastSquaresOptions& options,
                                       DampingState& state, Parameters& parameters);

}  // namespace alsatian::reference
