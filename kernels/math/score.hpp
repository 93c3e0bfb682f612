// The score of a user and an item: the one definition behind training, evaluation and prediction.
// Every backend sums the dot product its own way; what is added to it is here.
#pragma once

#include "kernels/math/host_device.hpp"

#include <cstddef>
#include <cstdint>

namespace alsatian {

/// η = μ + b_u + c_i + ⟨p_u, q_i⟩, the dot product already summed.
template <typename Real>
ALSATIAN_HD inline Real score(Real mean, Real user_bias, Real item_bias, Real dot) {
  return mean + user_bias + item_bias + dot;
}

/// dη = db_u + dc_i + ⟨dp_u, q_i⟩ + ⟨p_u, dq_i⟩: what a small change of both rows does to the
/// score, both dot products already summed.
template <typename Real>
ALSATIAN_HD inline Real score_change(Real user_bias, Real item_bias, Real dots) {
  return user_bias + item_bias + dots;
}

/// ⟨p, q⟩ over `rank` entries, in index order.
template <typename Real, typename Left, typename Right>
ALSATIAN_HD inline Real dot(const Left* left, const Right* right, std::int32_t rank) {
  Real sum = 0;
  for (std::int32_t j = 0; j < rank; ++j) {
    sum += static_cast<Real>(left[j]) * static_cast<Real>(right[j]);
  }
  return sum;
}

}  // namespace alsatian
