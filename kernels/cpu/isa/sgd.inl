// Stochastic gradient descent over one block of ratings, in order.
// Each rating reads both of its rows once for the dot products and once for the update.
#pragma once

#include "kernels/cpu/isa/vector.inl"
#include "kernels/cpu/kernel_table.hpp"
#include "kernels/math/likelihood.hpp"
#include "kernels/math/score.hpp"
#include "kernels/math/sgd_step.hpp"

namespace alsatian::cpu {
namespace {

struct RowProducts {
  float user_item;     // ⟨p, q⟩
  float user_squared;  // ⟨p, p⟩, and
  float item_squared;  // ⟨q, q⟩: only where they were asked for
};

template <bool WithSquares>
ALSATIAN_INLINE RowProducts row_products(const float* user, const float* item,
                                         std::int32_t stride) {
  Vector user_item{};
  Vector user_squared{};
  Vector item_squared{};
  for (std::int32_t j = 0; j < stride; j += width) {
    const Vector p = load(user + j);
    const Vector q = load(item + j);
    user_item += p * q;
    if constexpr (WithSquares) {
      user_squared += p * p;
      item_squared += q * q;
    }
  }
  if constexpr (!WithSquares) return {sum(user_item), 0, 0};
  const Quad all = sums(user_item, user_squared, item_squared, item_squared);
  return {all[0], all[1], all[2]};
}

/// p −= user_step·(slope·q + user_shrink·p), and the same for q with the old p.
ALSATIAN_INLINE void update_rows(float* user, float* item, std::int32_t stride, float slope,
                                 float user_step, float user_shrink, float item_step,
                                 float item_shrink) {
  const Vector user_keep = broadcast(1 - user_step * user_shrink);
  const Vector item_keep = broadcast(1 - item_step * item_shrink);
  const Vector user_move = broadcast(user_step * slope);
  const Vector item_move = broadcast(item_step * slope);
  for (std::int32_t j = 0; j < stride; j += width) {
    const Vector p = load(user + j);
    const Vector q = load(item + j);
    store(user + j, user_keep * p - user_move * q);
    store(item + j, item_keep * q - item_move * p);
  }
}

/// AdaGrad (Duchi et al. 2011) with one accumulator per row: the mean over the rank of the squared
/// slopes. A step uses the accumulator before this rating is added to it.
template <typename LikelihoodType, bool AdaGrad>
ALSATIAN_INLINE void visit_rating(const SgdTask& task, std::int32_t u, std::int32_t i,
                                  float rating) {
  float* user = task.users.row(u);
  float* item = task.items.row(i);
  const RowProducts products = row_products<AdaGrad>(user, item, task.users.stride);
  float& user_bias = task.users.biases[u];
  float& item_bias = task.items.biases[i];
  const float eta = score(task.mean, task.biases ? user_bias : 0.0F, task.biases ? item_bias : 0.0F,
                          products.user_item);
  const float slope = LikelihoodType::loss_and_slope(eta, rating).slope;
  const float user_shrink = task.factor_regularization * task.user_shares[u];
  const float item_shrink = task.factor_regularization * task.item_shares[i];
  float user_step = task.learning_rate;
  float item_step = task.learning_rate;
  if (AdaGrad && task.users.rank > 0) {
    const float share = 1.0F / static_cast<float>(task.users.rank);
    user_step /= __builtin_sqrtf(task.user_factor_sums[u]);
    item_step /= __builtin_sqrtf(task.item_factor_sums[i]);
    task.user_factor_sums[u] += share * squared_gradient(slope, user_shrink, products.user_squared,
                                                         products.item_squared, products.user_item);
    task.item_factor_sums[i] += share * squared_gradient(slope, item_shrink, products.item_squared,
                                                         products.user_squared, products.user_item);
  }
  update_rows(user, item, task.users.stride, slope, user_step, user_shrink, item_step, item_shrink);
  if (task.biases) {
    float none = 1;
    update_bias(AdaGrad, user_bias, AdaGrad ? task.user_bias_sums[u] : none, slope,
                task.bias_regularization * task.user_shares[u], task.learning_rate);
    update_bias(AdaGrad, item_bias, AdaGrad ? task.item_bias_sums[i] : none, slope,
                task.bias_regularization * task.item_shares[i], task.learning_rate);
  }
}

/// Asks for everything that visit_rating reads of one row.
template <bool AdaGrad>
ALSATIAN_INLINE void prefetch_side(SideView<float> side, const float* factor_sums,
                                   const float* bias_sums, const float* shares, std::int32_t row) {
  prefetch_row(side.row(row), side.stride);
  __builtin_prefetch(side.biases + row);
  __builtin_prefetch(shares + row);
  if constexpr (AdaGrad) {
    __builtin_prefetch(factor_sums + row);
    __builtin_prefetch(bias_sums + row);
  }
}

/// See KernelTable::sgd_block. Flattened: the likelihood's functions must leave no copy of theirs.
template <typename LikelihoodType, bool AdaGrad>
[[gnu::flatten]] void sgd_block(const SgdTask& task, const SgdScheduleView& schedule,
                                std::int64_t first, std::int64_t last) {
  constexpr std::int64_t ahead = 4;  // ratings between the prefetch of a row and its use
  const SgdTask local =
      task;  // the stores below could otherwise change it, for all a compiler knows
  const std::int32_t* users = schedule.users.data();
  const std::int32_t* items = schedule.items.data();
  const float* ratings = schedule.ratings.data();
  for (std::int64_t position = first; position < last; ++position) {
    if (const std::int64_t next = position + ahead; next < last) {
      prefetch_side<AdaGrad>(local.items, local.item_factor_sums, local.item_bias_sums,
                             local.item_shares, items[next]);
      if (users[next] != users[next - 1]) {
        prefetch_side<AdaGrad>(local.users, local.user_factor_sums, local.user_bias_sums,
                               local.user_shares, users[next]);
      }
    }
    visit_rating<LikelihoodType, AdaGrad>(local, users[position], items[position],
                                          ratings[position]);
  }
}

}  // namespace
}  // namespace alsatian::cpu
