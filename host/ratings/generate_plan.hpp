// What the users of a generated data set share: ids, activity, popularity and the items' factors.
// Drawn once from the seed; each user's ratings then depend on the plan and the user alone.
#pragma once

#include "host/ratings/generate.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace alsatian {

/// Draws an index with given weights in constant time. Walker (1977), Vose's construction (1991).
class AliasTable {
 public:
  /// weights: positive, fewer than 2^31.
  explicit AliasTable(std::span<const double> weights);

  /// From two random words.
  std::int32_t draw(std::uint32_t cell_word, std::uint32_t coin_word) const;

 private:
  std::vector<double> own_share_;  // of a cell: the chance that it gives its own index
  std::vector<std::int32_t> alias_;
};

struct GeneratePlan {
  std::vector<std::int64_t> user_ids;  // ascending, with gaps
  std::vector<std::int64_t> item_ids;
  std::vector<std::int64_t> rating_offsets;  // [users + 1], of each user's ratings
  std::vector<double> popularity;            // [items], relative
  /// Every item once; user u has to rate covered_items[cover_offsets[u] … cover_offsets[u + 1]),
  /// so that none is left without ratings. Empty where there are fewer ratings than items.
  std::vector<std::int32_t> covered_items;
  std::vector<std::int64_t> cover_offsets;  // [users + 1]
  std::vector<float> item_factors;          // [items, rank]
  std::vector<float> item_biases;           // [items]
};

/// Throws Error 64 for options that make no sense.
void check_generate_options(const GenerateOptions& options);

GeneratePlan plan_ratings(const GenerateOptions& options);

/// The ids of the items, also for their titles.
std::vector<std::int64_t> generated_item_ids(const GenerateOptions& options);

/// How many ratings each user has [users]: their sum is options.ratings, none above options.items.
std::vector<std::int64_t> ratings_per_user(const GenerateOptions& options);

/// Standard deviation of each entry of a factor, so that ⟨p_u, q_i⟩ has one of .4 at any rank.
double factor_deviation(std::int32_t rank);

}  // namespace alsatian
