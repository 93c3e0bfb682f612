// The objective F that all three algorithms minimise, its gradient, and the errors it is made of.
// The oracle for every other objective and gradient, and the yardstick of every step.
#pragma once

#include "kernels/reference/parameters.hpp"

#include <cstdint>

namespace alsatian::reference {

/// η of one user and item; a row of -1 is unknown and contributes 0.
double score_of(const Parameters& parameters, double mean, std::int64_t user, std::int64_t item);

/// Sums over ratings. Errors are of mean(η) − rating; loss is the likelihood's, at unit
/// dispersion and without constants [nats].
struct LossSums {
  std::int64_t count = 0;
  double squared_error = 0;
  double absolute_error = 0;
  double loss = 0;

  void add(const Likelihood& likelihood, double score, double rating);
};

/// Over all ratings of the problem.
LossSums loss_sums(const Problem& problem, const Parameters& parameters);

/// ½ Σ_u s(n_u)(λ‖p_u‖² + λ_b b_u²) + ½ Σ_i s(n_i)(λ‖q_i‖² + λ_b c_i²). Rows without ratings
/// have s(0) = 0.
double penalty(const Problem& problem, const Parameters& parameters);

/// F: the sum of losses plus the penalty.
double objective(const Problem& problem, const Parameters& parameters);

/// ∂F by every parameter. Biases of a problem without biases are no parameters: 0.
Parameters gradient(const Problem& problem, const Parameters& parameters);

}  // namespace alsatian::reference
