// Full-batch least squares on the CPU: all parameters at once, by Levenberg and Marquardt.
// Each step solves with the Gauss-Newton matrix by conjugate gradients, without ever storing it.
#pragma once

#include "kernels/cpu/factor_table.hpp"
#include "kernels/cpu/kernel_table.hpp"
#include "kernels/math/regularization.hpp"

#include <cstdint>
#include <vector>

namespace alsatian::cpu {

struct LeastSquaresOptions {
  Regularization regularization;
  bool biases = true;
  /// Most steps of conjugate gradients inside one Levenberg-Marquardt step; at least 1.
  int inner_steps = 50;
};

struct LeastSquaresStep {
  bool accepted = false;  // false: no step lowers F any more, and nothing was changed
  double objective = 0;   // F after the step
  int inner_steps = 0;    // of conjugate gradients, rejected attempts included
  double damping = 0;     // ν of the step that was accepted, or of the last that was not
};

/// What one step leaves for the next, beside the parameters.
struct DampingState {
  double damping = 1;         // ν
  double first_gradient = 0;  // ‖g₀‖; 0 before the first step
};

/// Minimises F for the Gaussian likelihood with μ = 0 (ratings standardised).
///
/// One step solves (JᵀJ + R + νD) d = −g with J the Jacobian of the scores, R the penalty's
/// diagonal s(n)(λ, λ_b), D = diag(JᵀJ), g the gradient of F, by conjugate gradients
/// preconditioned by the whole matrix's diagonal M, until the residual in the norm of M⁻¹ is at
/// most min(0.3, √(‖g‖/‖g₀‖)) of where it began, g₀ the gradient of the first step. It is accepted
/// if it lowers F. ν starts at 1 and follows ρ, the ratio of actual to predicted reduction (Nielsen
/// 1999, "Damping parameter in Marquardt's method"): ν max(⅓, 1 − (2ρ − 1)³), but at least 1e-10,
/// after an accepted step; times 2, 4, 8, … after rejected ones. A step gives up, and leaves ν as
/// it was, after 12 rejections or when the predicted reduction is too small to be seen in F.
///
/// Rank 0 is linear: the first step is the last (see biases.hpp).
///
/// Vectors are float, scalars double, every sum in a fixed order: the result does not depend on
/// threads. Holds seven vectors of the size of the parameters. The views' owners outlive it.
class LeastSquares {
 public:
  /// by_user and by_item hold the same ratings.
  LeastSquares(const KernelTable& table, CsrView<float> by_user, CsrView<float> by_item,
               std::int32_t rank, const LeastSquaresOptions& options);

  /// One accepted step, or none that lowers F. Parameters may have been changed since the last.
  LeastSquaresStep step(FactorTable& users, FactorTable& items);

  void set_regularization(const Regularization& regularization);

  DampingState& state() { return state_; }

 private:
  /// A vector of the shape of one side's parameters for each thing that the solver keeps.
  struct Side {
    Side(CsrView<float> rows_of_ratings, std::int32_t rank);

    CsrView<float> ratings;
    std::vector<std::int64_t> order;      // rows, longest first
    std::vector<RowRidge<float>> ridges;  // R: s(n)λ and s(n)λ_b
    std::vector<double> row_sums;         // scratch of ordered sums over rows
    FactorTable gradient;
    FactorTable diagonal;  // D
    FactorTable inverse;   // of the diagonal of JᵀJ + R + νD
    FactorTable direction;
    FactorTable residual;
    FactorTable search;
    FactorTable product;  // (JᵀJ + R + νD)·search, then the trial parameters
  };
  struct Reduction {
    double predicted = 0;
    int inner_steps = 0;
  };

  void compute_gradient(Side& side, const FactorTable& own, const FactorTable& opposite);
  double start_solve(Side& side) const;
  double multiply(Side& side, const Side& other, const FactorTable& own,
                  const FactorTable& opposite) const;
  bool advance(const FactorTable& users, const FactorTable& items, double& remaining);
  Reduction solve(const FactorTable& users, const FactorTable& items, double tolerance);
  double objective(const FactorTable& users, const FactorTable& items) const;
  double try_direction(const FactorTable& users, const FactorTable& items);
  LeastSquaresStep step_biases(FactorTable& users, FactorTable& items, double before);

  const KernelTable& table_;
  LeastSquaresOptions options_;
  Side users_;
  Side items_;
  DampingState state_;
};

}  // namespace alsatian::cpu
