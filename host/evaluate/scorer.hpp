// Predictions, recommendations and similar items from a model alone.
// Nothing here reads ratings: seen items and test parts are the business of its callers.
#pragma once

#include "host/evaluate/top_n.hpp"
#include "host/model/model.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace alsatian {

class TopItemsBackend;

struct ScorerOptions {
  bool clip = false;  // predictions limited to the range of the training ratings
};

struct ScoredItem {
  std::int32_t index = 0;
  float score = 0;
};

/// Takes recommendations for the users from `first` on, block after block.
using TakeRecommendations =
    std::function<void(std::size_t first, const std::vector<std::vector<ScoredItem>>& items)>;

/// Answers questions about a model; keeps a reference to it. Indices are those of model.users and
/// model.items; -1 is an unknown user or item, which contributes nothing to the score.
class Scorer {
 public:
  Scorer(const Model& model, const ScorerOptions& options);
  const ScorerOptions& options() const { return options_; }

  /// Score before the likelihood's mean function, in double.
  double score(std::int32_t user, std::int32_t item) const;
  /// Predicted rating: mean(score), within the range of float, where ratings are too; clipped where
  /// asked for.
  double predict(std::int32_t user, std::int32_t item) const;
  /// predict() for each pair. users, items [size].
  std::vector<float> predict(std::span<const std::int32_t> users,
                             std::span<const std::int32_t> items) const;

  /// The best `count` items of each user by score, best first, ties to the smaller index; fewer
  /// where fewer are left. The order is that of score(), exactly, so clipping makes no ties; what
  /// is returned is predict(). Items without training ratings are never among them. Never
  /// materialises users × items.
  /// seen: items to leave out per user of `users` (CSR, same order), or nullptr.
  /// allowed: item indices to choose from, ascending, or nullptr for all with training ratings.
  std::vector<std::vector<ScoredItem>> recommend(std::span<const std::int32_t> users,
                                                 std::int32_t count, const CompressedMatrix* seen,
                                                 const std::vector<std::int32_t>* allowed) const;
  /// The same for all users of a request of this model, wherever they are answered.
  void recommend(TopItemsBackend& backend, const TakeRecommendations& take) const;

  /// Rows of the same side with the largest cosine of factors, best first, without the row itself;
  /// rows without training ratings and rows of zero factors are left out.
  std::vector<ScoredItem> similar_items(std::int32_t item, std::int32_t count) const;
  std::vector<ScoredItem> similar_users(std::int32_t user, std::int32_t count) const;

 private:
  double rating_of(double score) const;
  std::vector<std::vector<ScoredItem>> scored(
      const std::vector<std::vector<RankedItem>>& ranked) const;

  const Model& model_;
  ScorerOptions options_;
};

}  // namespace alsatian
