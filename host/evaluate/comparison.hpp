// Several models on the same test ratings, with how sure their differences are.
// Every model is measured as `evaluate` measures it; what is new is that they are paired.
#pragma once

#include "host/evaluate/bootstrap.hpp"
#include "host/evaluate/metrics.hpp"
#include "host/evaluate/scorer.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace alsatian {

/// Test ratings by indices of their own, so that a rating is the same for every model. Sorted by
/// (user, item), without -1.
struct SharedTest {
  std::string name;
  IdIndex users = {};
  IdIndex items = {};
  Triples ratings = {};
};

/// A model that is asked about a shared test; model and test outlive it.
class ComparedModel {
 public:
  ComparedModel(std::string name, const Model& model, const SharedTest& test,
                const ScorerOptions& options);

  const std::string& name() const { return name_; }
  const Model& model() const { return model_; }
  const Scorer& scorer() const { return scorer_; }
  /// The model's index of a user or item of the test, -1 where it has no training rating.
  std::int32_t user(std::int32_t test_user) const {
    return users_[static_cast<std::size_t>(test_user)];
  }
  std::int32_t item(std::int32_t test_item) const {
    return items_[static_cast<std::size_t>(test_item)];
  }
  bool knows_anything() const;
  /// Ratings of the test by the model's indices, sorted by them.
  Triples by_own_indices(Triples test_ratings) const;

 private:
  std::string name_;
  const Model& model_;
  Scorer scorer_;
  std::vector<std::int32_t> users_;
  std::vector<std::int32_t> items_;
};

/// A figure with the interval that holds it with the confidence asked for. The bounds are not
/// numbers where there are fewer than two users to resample.
struct Estimate {
  double value = 0;
  Interval interval;
};

/// The figure of one model, and by how much it is larger than the baseline's.
struct ModelFigure {
  Estimate figure;
  Estimate difference;

  /// Whether the difference's interval does.
  bool excludes_zero() const {
    return difference.interval.lower > 0 || difference.interval.upper < 0;
  }
};

/// models [models]. count: of the ratings or users in `over`.
struct ComparedFigure {
  std::string name;  // rmse, ndcg, ...: as evaluate has it
  std::string over;  // "all", "known to all", "ranked users"
  std::int64_t count = 0;
  bool smaller_is_better = true;
  std::vector<ModelFigure> models;
};

/// RMSE of each model over one group of the ratings. rmse [models].
struct ComparedGroup {
  std::string name;
  std::int64_t count = 0;
  std::vector<double> rmse = {};
};

struct ComparisonOptions {
  /// What differences are taken from: the first model, or the one with the smallest RMSE.
  enum class Baseline { first, best };
  Baseline baseline = Baseline::first;
  BootstrapOptions bootstrap;
};

struct ErrorComparison {
  std::size_t baseline = 0;
  std::int64_t users = 0;                   // with test ratings
  std::int64_t known_ratings = 0;           // whose user and item every model knows
  std::vector<std::int64_t> unknown_users;  // [models]: ratings whose user the model does not know
  std::vector<std::int64_t> unknown_items;
  std::vector<ComparedFigure> figures;
  /// By how many training ratings the first model has of the user or item: the same ratings for
  /// every model. Buckets with ratings, by rising activity.
  std::vector<ComparedGroup> by_user_activity;
  std::vector<ComparedGroup> by_item_popularity;
  /// Quantiles of rating − prediction at residual_shares: [models][shares].
  std::vector<std::vector<double>> residual_quantiles;
};
inline constexpr std::array residual_shares{0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99};

/// RMSE, MAE and NLL over all ratings, unknown users and items predicted from what is known, and
/// over the ratings known to all models where those are others. Intervals come from resampling
/// users with all their ratings, which depend on each other. The difference of an NLL of a density
/// to one of a probability is not a number. models: at least one. Throws Error 65 as
/// evaluate_ratings does.
ErrorComparison compare_errors(std::span<const ComparedModel> models, const SharedTest& test,
                               const ComparisonOptions& options);

/// What a ranking leaves out: the training ratings of each model by its users.
struct RankingOptions {
  std::int32_t top = 10;
  double relevant_from = 4;
  std::vector<CompressedMatrix> train = {};  // [models]
};

/// Figures of evaluate_ranking over the users whom every model knows. catalogue_coverage [models]
/// is no mean over users and has no interval.
struct RankingComparison {
  std::int32_t top = 10;
  double relevant_from = 4;
  std::vector<ComparedFigure> figures = {};
  std::vector<double> catalogue_coverage = {};
};
RankingComparison compare_rankings(std::span<const ComparedModel> models, const SharedTest& test,
                                   const RankingOptions& ranking, std::size_t baseline,
                                   const BootstrapOptions& bootstrap);

}  // namespace alsatian
