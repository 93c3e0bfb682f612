// Predictions and recommendations: a thin layer of the likelihood's mean over scores.
// What a score is comes from model_score.hpp, what the best are from top_n.hpp.
#include "host/evaluate/scorer.hpp"

#include "host/error.hpp"
#include "host/evaluate/model_score.hpp"
#include "host/evaluate/similar.hpp"
#include "host/evaluate/top_items_backend.hpp"
#include "kernels/cpu/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace alsatian {
namespace {

constexpr std::int64_t pairs_per_task = 4096;

}  // namespace

Scorer::Scorer(const Model& model, const ScorerOptions& options)
    : model_(model), options_(options) {}

double Scorer::score(std::int32_t user, std::int32_t item) const {
  return model_score(model_, user, item);
}

double Scorer::rating_of(double score) const {
  const double mean =
      std::visit([&](const auto& choice) { return choice.mean(score); }, model_.spec.likelihood);
  // No rating is larger: such a prediction would be infinite as a float.
  constexpr double largest = std::numeric_limits<float>::max();
  const double rating = std::clamp(mean, -largest, largest);
  return options_.clip ? std::clamp(rating, model_.scale.lowest, model_.scale.highest) : rating;
}

double Scorer::predict(std::int32_t user, std::int32_t item) const {
  return rating_of(score(user, item));
}

std::vector<float> Scorer::predict(std::span<const std::int32_t> users,
                                   std::span<const std::int32_t> items) const {
  if (users.size() != items.size()) {
    throw Error(ExitCode::internal, "predict",
                fmt::format("{} users for {} items", users.size(), items.size()),
                "please report this");
  }
  std::vector<float> ratings(users.size());
  parallel_for(
      static_cast<std::int64_t>(users.size()),
      [&](std::int64_t pair) {
        const auto index = static_cast<std::size_t>(pair);
        ratings[index] = static_cast<float>(predict(users[index], items[index]));
      },
      pairs_per_task);
  return ratings;
}

std::vector<std::vector<ScoredItem>> Scorer::recommend(
    std::span<const std::int32_t> users, std::int32_t count, const CompressedMatrix* seen,
    const std::vector<std::int32_t>* allowed) const {
  if (seen != nullptr && seen->rows() != static_cast<std::int64_t>(users.size())) {
    throw Error(ExitCode::internal, "recommend",
                fmt::format("{} rows of seen items for {} users", seen->rows(), users.size()),
                "please report this");
  }
  const CandidateItems candidates(model_, allowed);
  return scored(top_items(model_, candidates, users, count, seen));
}

void Scorer::recommend(TopItemsBackend& backend, const TakeRecommendations& take) const {
  backend.answer([&](std::size_t first, const std::vector<std::vector<RankedItem>>& answers) {
    take(first, scored(answers));
  });
}

std::vector<std::vector<ScoredItem>> Scorer::scored(
    const std::vector<std::vector<RankedItem>>& ranked) const {
  std::vector<std::vector<ScoredItem>> recommendations;
  recommendations.reserve(ranked.size());
  for (const std::vector<RankedItem>& best : ranked) {
    std::vector<ScoredItem>& items = recommendations.emplace_back();
    items.reserve(best.size());
    for (const auto& [index, score] : best) {
      items.push_back({index, static_cast<float>(rating_of(score))});
    }
  }
  return recommendations;
}

std::vector<ScoredItem> Scorer::similar_items(std::int32_t item, std::int32_t count) const {
  return most_similar(model_.factors.items, model_.item_counts, item, count);
}

std::vector<ScoredItem> Scorer::similar_users(std::int32_t user, std::int32_t count) const {
  return most_similar(model_.factors.users, model_.user_counts, user, count);
}

}  // namespace alsatian
