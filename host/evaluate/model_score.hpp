// The score of a pair in double: the one way in which evaluation computes it.
// Every figure and list starts here, so that two commands cannot differ in a prediction.
#pragma once

#include "host/model/model.hpp"
#include "kernels/math/score.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
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

namespace detail {

using Pair = double __attribute__((vector_size(16)));
using FloatPair = float __attribute__((vector_size(8)));
using Places = std::int64_t __attribute__((vector_size(16)));

inline Pair pair_at(const float* at) {
  FloatPair pair;
  std::memcpy(&pair, at, sizeof pair);
  return __builtin_convertvector(pair, Pair);
}

/// Rows whose dot products are computed at once: no sum waits for another.
inline constexpr std::size_t rows_at_once = 8;
using Rows = std::array<const float*, rows_at_once>;

/// dots[i] = dot<double>(left, rows[i], rank) to the last bit, as each sum goes in index order: two
/// rows share a vector. `next` are fetched meanwhile, as rows are too far apart for a processor to
/// foresee them.
inline std::array<double, rows_at_once> dots_of(const float* left, const Rows& rows,
                                                const Rows& next, std::int32_t rank) {
  constexpr std::int32_t per_cache_line = 16;
  std::array<Pair, rows_at_once / 2> sums{};
  std::int32_t j = 0;
  for (; j + 2 <= rank; j += 2) {
    if (j % per_cache_line == 0) {
      for (const float* row : next) __builtin_prefetch(row + j);
    }
    const Pair values = pair_at(left + j);
    for (std::size_t pair = 0; pair < sums.size(); ++pair) {
      const Pair first = pair_at(rows[2 * pair] + j);
      const Pair second = pair_at(rows[2 * pair + 1] + j);
      sums[pair] += Pair{values[0], values[0]} * __builtin_shuffle(first, second, Places{0, 2});
      sums[pair] += Pair{values[1], values[1]} * __builtin_shuffle(first, second, Places{1, 3});
    }
  }
  std::array<double, rows_at_once> dots;
  for (std::size_t i = 0; i < rows_at_once; ++i) {
    dots[i] = sums[i / 2][i % 2];
    if (j < rank) dots[i] += static_cast<double>(left[j]) * static_cast<double>(rows[i][j]);
  }
  return dots;
}

}  // namespace detail

/// Calls take(i, η) for every i of `items`, with model_score(model, user, items[i]) to the last
/// bit, in less time. No item is unknown.
template <typename Take>
void for_each_model_score(const Model& model, std::int32_t user,
                          std::span<const std::int32_t> items, const Take& take) {
  constexpr std::size_t at_once = detail::rows_at_once;
  const SideFactors& side = model.factors.items;
  const auto rows_from = [&](std::size_t first) {
    detail::Rows rows;
    for (std::size_t i = 0; i < at_once; ++i) {
      rows[i] = side.row(items[std::min(first + i, items.size() - 1)]);
    }
    return rows;
  };
  std::size_t first = 0;
  for (; user >= 0 && first + at_once <= items.size(); first += at_once) {
    const std::array<double, at_once> dots = detail::dots_of(
        model.factors.users.row(user), rows_from(first), rows_from(first + at_once), side.rank);
    const double user_bias = model.factors.users.biases[static_cast<std::size_t>(user)];
    for (std::size_t i = 0; i < at_once; ++i) {
      const double item_bias = side.biases[static_cast<std::size_t>(items[first + i])];
      take(first + i, score(model.mean_score(), user_bias, item_bias, dots[i]));
    }
  }
  for (; first < items.size(); ++first) take(first, model_score(model, user, items[first]));
}

}  // namespace alsatian
