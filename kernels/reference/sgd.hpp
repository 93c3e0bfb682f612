// Stochastic gradient descent, one rating after another, in the order of a given schedule.
// The oracle for every fast epoch: same order, same update, in double.
#pragma once

#include "kernels/reference/parameters.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace alsatian::reference {

/// Row-wise AdaGrad's sums G of mean squared slopes, one per row for its factors and one for its
/// bias; they start at 1. Duchi et al. (2011), with one accumulator for a whole row.
struct AdaGradSums {
  Vector user_factors;  // [users]
  Vector user_biases;
  Vector item_factors;  // [items]
  Vector item_biases;

  AdaGradSums() = default;
  AdaGradSums(std::int64_t users, std::int64_t items)
      : user_factors(Vector::Ones(users)),
        user_biases(Vector::Ones(users)),
        item_factors(Vector::Ones(items)),
        item_biases(Vector::Ones(items)) {}
};

/// Visits every rating of the schedule once: stages in the given order (a permutation of
/// 0 … grid − 1), blocks (b, (b + stage) mod grid) of a stage by b, ratings of a block in order.
/// For a rating with slope d of the loss in the score, from the old values of both rows:
///   slope of p_u   x = d·q_i + λ·s(n_u)/n_u·p_u, and the same with user and item swapped
///   slope of b_u   y = d + λ_b·s(n_u)/n_u·b_u, likewise
///   step           p_u −= rate/√G·x, b_u −= rate/√G_b·y, with AdaGrad's sums G as they were
///                  before this rating, which then adds ‖x‖²/rank to G and y² to G_b
/// Without sums G = 1: plain gradient descent. Rows without ratings stay as they are.
void sgd_epoch(const Problem& problem, const SgdScheduleView& schedule,
               std::span<const std::int32_t> stages, double learning_rate,
               std::optional<AdaGradSums>& sums, Parameters& parameters);

}  // namespace alsatian::reference
