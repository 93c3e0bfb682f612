// How good predictions and rankings are. Every definition is in the comment beside its figure,
// and in the program's output.
#pragma once

#include "host/evaluate/scorer.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace alsatian {

/// Errors of predicted ratings over one group of test ratings, in the rating's units. Figures of an
/// empty group are not numbers.
struct RatingErrors {
  std::string name;  // "all", "known users and items", "users with 1-9 ratings", ...
  std::int64_t count = 0;
  double rmse = 0;
  double mae = 0;
  double mean_nll = 0;   // mean −log p(r) [nats], full, with constants; NaN at dispersion 0
  double r_squared = 0;  // 1 − SSE / Σ(r − mean of these ratings)²; NaN where that is 0
};

/// Of clipped predictions where the scorer clips: every figure, so that it is about what predict()
/// gives. all_clipped always is. Groups by activity and popularity are those with ratings, by
/// rising activity; unknown users and items have 0.
struct RatingEvaluation {
  RatingErrors all;
  RatingErrors all_clipped;  // predictions limited to the training range
  RatingErrors known;        // user and item both with training ratings
  // The others: of users and items that the model has features of, where it has no ratings, and
  // those of which one is unknown.
  RatingErrors cold_with_features;
  RatingErrors cold_unknown;
  std::int64_t unknown_users = 0;  // ratings whose user is unknown
  std::int64_t unknown_items = 0;
  double coverage = 0;                         // share of ratings with both known
  std::vector<RatingErrors> by_user_activity;  // training ratings of the user: 0, 1-9, 10-29, ...
  std::vector<RatingErrors> by_item_popularity;
};

/// Test ratings against predictions; NLL in the rating's units with the model's dispersion. Throws
/// Error 65 where a rating is outside the likelihood's domain.
RatingEvaluation evaluate_ratings(const Scorer& scorer, const Model& model, const Triples& test);

/// Averages over users with at least one relevant test item. Candidates: all items with training
/// ratings, or features of a file, but those the user rated in training. Ties go to the smaller
/// item index. A relevant item that is no candidate, such as one that training does not know,
/// counts as missed; unknown users are left out. Where no user is averaged over, the means are not
/// numbers.
struct RankingMetrics {
  std::int32_t top = 10;     // N
  double relevant_from = 4;  // a test rating at or above it is relevant
  std::int64_t users = 0;    // averaged over
  double precision = 0;      // hits / N
  double recall = 0;         // hits / relevant
  double capped_recall = 0;  // hits / min(N, relevant)
  double ndcg = 0;      // Σ over hits 1/log2(rank+1) ÷ the same over ranks 1..min(N, relevant)
  double map = 0;       // Σ over hits of precision@rank ÷ min(N, relevant)
  double hit_rate = 0;  // share of users with a hit
  double catalogue_coverage = 0;  // share of candidate items recommended to anyone
};

/// The figures of one user from the ranked list: hits[r] tells whether rank r+1 is relevant.
struct UserRanking {
  double precision = 0, recall = 0, capped_recall = 0, ndcg = 0, average_precision = 0;
  bool hit = false;
};
UserRanking rank_user(const std::vector<bool>& hits, std::int32_t top, std::int64_t relevant);

/// What the means are over: each user with a relevant test item, and their figures.
struct UserRankings {
  std::vector<std::int32_t> users;  // ascending
  std::vector<UserRanking> rankings;
  double catalogue_coverage = 0;
};

/// train: by user, rows are model.users. test: sorted by user. Throws Error 64 where top < 1.
UserRankings rank_users(const Scorer& scorer, const Model& model, const CompressedMatrix& train,
                        const Triples& test, std::int32_t top, double relevant_from);
RankingMetrics evaluate_ranking(const Scorer& scorer, const Model& model,
                                const CompressedMatrix& train, const Triples& test,
                                std::int32_t top, double relevant_from);

}  // namespace alsatian
