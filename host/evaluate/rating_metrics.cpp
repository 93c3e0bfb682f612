// Errors of predicted ratings: sums in double over chunks of fixed size, merged in order.
// The order of the sums depends on the data alone: any number of threads prints the same.
#include "host/evaluate/metrics.hpp"
#include "host/evaluate/rating_sums.hpp"
#include "host/evaluate/row_buckets.hpp"
#include "kernels/cpu/parallel.hpp"

#include <algorithm>
#include <array>

namespace alsatian {
namespace {

constexpr std::int64_t ratings_per_chunk = 1 << 14;
struct Groups {
  RatingSums all;
  RatingSums clipped;
  RatingSums known;
  RatingSums cold_with_features;
  RatingSums cold_unknown;
  std::int64_t unknown_users = 0;
  std::int64_t unknown_items = 0;
  std::array<RatingSums, bucket_count> by_user;
  std::array<RatingSums, bucket_count> by_item;

  void add(const Groups& other) {
    all.add(other.all);
    clipped.add(other.clipped);
    known.add(other.known);
    cold_with_features.add(other.cold_with_features);
    cold_unknown.add(other.cold_unknown);
    unknown_users += other.unknown_users;
    unknown_items += other.unknown_items;
    for (std::size_t bucket = 0; bucket < bucket_count; ++bucket) {
      by_user[bucket].add(other.by_user[bucket]);
      by_item[bucket].add(other.by_item[bucket]);
    }
  }
};

/// Adds ratings to the groups that they belong to.
template <typename Choice>
class Comparison {
 public:
  Comparison(const Scorer& scorer, const Model& model)
      : clips_(scorer.options().clip), model_(model), observer_(scorer, model) {}

  void add(std::int32_t user, std::int32_t item, double rating, Groups& groups) const {
    const Observation plain = observer_.plain(user, item, rating);
    const Observation clipped = observer_.clip(plain);
    const Observation& figure = clips_ ? clipped : plain;
    groups.all.add(figure);
    groups.clipped.add(clipped);
    group_by_knowledge(user, item, groups).add(figure);
    groups.unknown_users += user < 0;
    groups.unknown_items += item < 0;
    groups.by_user[bucket_of(model_.user_counts, user)].add(figure);
    groups.by_item[bucket_of(model_.item_counts, item)].add(figure);
  }

 private:
  RatingSums& group_by_knowledge(std::int32_t user, std::int32_t item, Groups& groups) const {
    if (user < 0 || item < 0) return groups.cold_unknown;
    const bool rated = model_.user_counts[static_cast<std::size_t>(user)] > 0 &&
                       model_.item_counts[static_cast<std::size_t>(item)] > 0;
    return rated ? groups.known : groups.cold_with_features;
  }

  bool clips_;
  const Model& model_;
  RatingObserver<Choice> observer_;
};

template <typename Choice>
Groups compare(const Scorer& scorer, const Model& model, const Triples& test) {
  const Comparison<Choice> comparison(scorer, model);
  const std::int64_t chunks = (test.size() + ratings_per_chunk - 1) / ratings_per_chunk;
  std::vector<Groups> parts(static_cast<std::size_t>(chunks));
  parallel_for(chunks, [&](std::int64_t chunk) {
    const std::int64_t last = std::min((chunk + 1) * ratings_per_chunk, test.size());
    for (std::int64_t i = chunk * ratings_per_chunk; i < last; ++i) {
      const auto index = static_cast<std::size_t>(i);
      comparison.add(test.users[index], test.items[index], test.ratings[index],
                     parts[static_cast<std::size_t>(chunk)]);
    }
  });
  Groups total;
  for (const Groups& part : parts) total.add(part);
  return total;
}

std::vector<RatingErrors> bucket_errors(const std::array<RatingSums, bucket_count>& buckets,
                                        std::string_view side, const Model& model) {
  std::vector<RatingErrors> errors;
  for (std::size_t bucket = 0; bucket < buckets.size(); ++bucket) {
    if (buckets[bucket].count() == 0) continue;
    errors.push_back(buckets[bucket].errors(bucket_name(side, bucket), model));
  }
  return errors;
}

}  // namespace

RatingEvaluation evaluate_ratings(const Scorer& scorer, const Model& model, const Triples& test) {
  const Groups groups = std::visit(
      [&](const auto& choice) {
        return compare<std::remove_cvref_t<decltype(choice)>>(scorer, model, test);
      },
      model.spec.likelihood);
  RatingEvaluation evaluation;
  evaluation.all = groups.all.errors("all", model);
  evaluation.all_clipped = groups.clipped.errors("all, clipped", model);
  evaluation.known = groups.known.errors("known users and items", model);
  evaluation.cold_with_features =
      groups.cold_with_features.errors("without ratings, with features", model);
  evaluation.cold_unknown = groups.cold_unknown.errors("unknown users or items", model);
  evaluation.unknown_users = groups.unknown_users;
  evaluation.unknown_items = groups.unknown_items;
  evaluation.coverage =
      static_cast<double>(groups.known.count()) / static_cast<double>(groups.all.count());
  evaluation.by_user_activity = bucket_errors(groups.by_user, "users", model);
  evaluation.by_item_popularity = bucket_errors(groups.by_item, "items", model);
  return evaluation;
}

}  // namespace alsatian
