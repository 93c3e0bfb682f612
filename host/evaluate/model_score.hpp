// The score of a pair in double: the one way in which evaluation computes it.
// Every figure and list starts here, so that two commands cannot differ in a prediction.
#pragma once

#include "host/model/model.hpp"
#include "kernels/math/score.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

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

/// Calls take(i, η) for every i of `items`, with model_score(model, user, items[i]) to the last
/// bit, in less time. No item is unknown.
template <typename Take>
void for_each_model_score(const Model& model, std::int32_t user,
                          std::span<const std::int32_t> items, const Take& take) {
  constexpr std::size_t at_once = 8;
  const SideFactors& side = model.factors.items;
  std::size_t first = 0;
  for (; user >= 0 && first + at_once <= items.size(); first += at_once) {
    const float* rows[at_once];
    double dots[at_once];
    for (std::size_t i = 0; i < at_once; ++i) rows[i] = side.row(items[first + i]);
    dots_of(model.factors.users.row(user), rows, side.rank, dots);
    const double user_bias = model.factors.users.biases[static_cast<std::size_t>(user)];
    for (std::size_t i = 0; i < at_once; ++i) {
      const double item_bias = side.biases[static_cast<std::size_t>(items[first + i])];
      take(first + i, score(model.mean_score(), user_bias, item_bias, dots[i]));
    }
  }
  for (; first < items.size(); ++first) take(first, model_score(model, user, items[first]));
}

}  // namespace alsatian
