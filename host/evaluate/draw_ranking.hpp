// Recommendations from the draws of a model of bayes one by one, where their mean is not enough.
// What is likely good, what may be good, or what one draw believes: each another order of items.
#pragma once

#include "host/evaluate/top_items_backend.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace alsatian {

/// What decides the order of a user's items.
///   mean           the prediction
///   lower, upper   the ends of the central interval of what the draws predict: careful, curious
///   sample         what one draw predicts, drawn anew for each user and seed: Thompson (1933)
enum class RankBy { mean, lower, upper, sample };

struct DrawRanking {
  RankBy by = RankBy::mean;
  double interval = 0.9;    // lower and upper: the share of draws between both ends
  std::uint64_t seed = 42;  // sample
};

/// The draw that a user's items are sampled from. It depends on the seed and the user alone.
std::int32_t sampled_draw(const Model& model, std::int32_t user, std::uint64_t seed);

/// In the rating's units. The model is one of bayes, and `by` is not the mean. -1 is an unknown
/// user, who has one draw as well.
double ranking_score(const Model& model, const DrawRanking& ranking, std::int32_t user,
                     std::int32_t item);

/// Answers by ranking_score, in double for every pair: on any number of threads the same.
std::unique_ptr<TopItemsBackend> make_draw_top_items(const TopItemsRequest& request,
                                                     const DrawRanking& ranking);

}  // namespace alsatian
