// The score of a pair in double: the one way in which evaluation computes it.
// Every figure and list starts here, so that two commands cannot differ in a prediction.
#pragma once

#include "host/model/model.hpp"
#include "kernels/math/score.hpp"

#include <cstddef>
#include <cstdint>

namespace alsatian {

/// η of a user and an item; -1 is an unknown one, which contributes 0.
inline double model_score(const Model& model, std::int32_t user, std::int32_t item) {
  const Factors& factors = model.factors;
  const bool both = user >= 0 && item >= 0;
  const double user_bias = user >= 0 ? factors.users.biases[static_cast<std::size_t>(user)] : 0.0;
  const double item_bias = item >= 0 ? factors.items.biases[static_cast<std::size_t>(item)] : 0.0;
  const double interaction =
      both ? dot<double>(factors.users.row(user), factors.items.row(item), factors.users.rank)
           : 0.0;
  return score(model.mean_score(), user_bias, item_bias, interaction);
}

}  // namespace alsatian
