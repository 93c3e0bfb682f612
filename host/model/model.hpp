// A trained model: everything that predicting needs and nothing that it does not.
// Built once at the end of training, saved and loaded by model_file.hpp.
#pragma once

#include "host/model/factors.hpp"
#include "host/model/spec.hpp"
#include "host/ratings/dataset.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace alsatian {

/// One number of each draw, followed over the draws of all chains: see convergence.hpp.
struct TraceStatistics {
  std::string name;  // snake_case, as in the log
  double mean = 0;
  double deviation = 0;
  double r_hat = 1;            // split-R̂: 1 where chains, and their halves, say the same
  double effective_draws = 0;  // independent draws that these are worth
};

/// How `--reg auto` chose λ and λ_b: what trainings on a part of the training ratings predicted of
/// the rest of them.
struct PenaltyChoice {
  Regularization given;      // the default
  Regularization best;       // that was found
  bool chose_best = false;   // else it is not surely better, and the default was trained
  std::int64_t ratings = 0;  // that were predicted
  std::optional<double> given_rmse = {};  // of those ratings, in their unit; nothing: it diverged
  std::optional<double> best_rmse = {};
  /// Mean loss of the default less that of the best, in standard errors. Nothing: they are the
  /// same, one of them diverged, or too few users gave the ratings for an error.
  std::optional<double> gain_in_errors = {};
  int trials = 0;
  std::int64_t epochs = 0;  // of all trials

  const Regularization& chosen() const { return chose_best ? best : given; }
};

/// What training measured at its end; absent figures were not measured.
struct ModelStatistics {
  int epochs_run = 0;
  int best_epoch = 0;    // whose factors the model holds
  double objective = 0;  // F in standardised units, without constants
  double train_rmse = 0;
  std::optional<double> validation_rmse;
  std::optional<double> test_rmse;          // of the first test set
  double dispersion = 1;                    // σ² or b in standardised units
  bool dispersion_from_validation = false;  // else from training, which is too small
  std::int64_t repaired_pivots = 0;
  std::vector<TraceStatistics> traces;          // of bayes
  std::optional<PenaltyChoice> penalty_choice;  // of --reg auto
};

/// What a model of bayes holds of each draw beside its factors, which stand side by side. In
/// standardised units the score of draw d is
///   constants[d] + users[u, d] + items[i, d] + draws·⟨p_ud, q_id⟩/deviation
/// with p_ud and q_id the columns of draw d. Empty in other models.
struct DrawBiases {
  std::vector<double> constants;  // [draws]
  std::vector<float> users;       // [users, draws], rounded to halves
  std::vector<float> items;       // [items, draws]
};

/// What users' rows of each draw are drawn around, in standardised units, for users who were not in
/// training: relative to the mean of users' rows a row w = [p; b] ~ N(μ + Bᵀf, Λ⁻¹), with f 1/√n
/// for each of the n items that they rated, and a rating is
///   constants[d] + items[i, d] + ⟨p, q + ν⟩ + b + N(0, 1/α),
/// q the item's row of the draw and ν the mean of items' rows. order is the rank, and one more with
/// biases. Empty in other models.
struct DrawPriors {
  std::vector<double> noise_precisions;  // α [draws], times the likelihood's power
  std::vector<double> precisions;        // Λ [draws, order, order]
  std::vector<double> user_means;        // μ [draws, order]
  std::vector<double> item_means;        // ν [draws, order], its last entry unused
  std::vector<float> weights;            // B [items, draws, order], halves; none without features
};

/// Factors and biases are in the rating's own units: for standardised likelihoods
/// score = mean + b_u + c_i + ⟨p_u, q_i⟩ is the predicted rating itself; for the others
/// mean() of the likelihood maps it to one, and score.mean is the link of the mean rating.
struct Model {
  ModelSpec spec;
  RatingScale scale;
  IdIndex users;
  IdIndex items;
  std::vector<std::int32_t> user_counts;  // training ratings per user
  std::vector<std::int32_t> item_counts;
  Factors factors;         // rank: that of the spec, times draws
  std::int32_t draws = 1;  // of bayes, side by side: see Posterior::model_factors
  DrawBiases draw_biases;
  DrawPriors draw_priors;
  StringTable titles;           // [items], or empty
  FeatureSource user_features;  // of a file, which bayes knew; users may lack ratings then
  FeatureSource item_features;
  SplitRule split;
  CleaningOptions cleaning;
  std::optional<double> positive;  // --positive
  LineAccount account;
  std::string fingerprint;  // of the data, as in Dataset
  ModelStatistics statistics;

  /// μ of the score in the rating's units.
  double mean_score() const { return scale.mean_score(); }

  /// Whether an item can be told from others: it has training ratings, or features.
  bool knows_item(std::int32_t item) const {
    return item_counts[static_cast<std::size_t>(item)] > 0 || item_features.any();
  }
  bool has_features() const { return user_features.any() || item_features.any(); }
};

/// Standardised factors to the rating's units: biases × deviation, factors × √deviation.
Factors to_rating_units(Factors standardised, const RatingScale& scale);

/// Rows of a new problem that a model knows by id; ids of different kinds are compared as text.
struct KnownRows {
  std::int32_t users = 0;
  std::int32_t items = 0;
};
KnownRows known_rows(const Model& model, const IdIndex& users, const IdIndex& items);

/// Throws Error 64 where no training by the spec can start from the model: its rank is larger, its
/// likelihood another, or it is one of draws.
void check_init(const Model& model, const ModelSpec& spec);

/// `--init`: start values from a trained model for the rows of a new problem. Rows are matched by
/// id as in known_rows; new rows keep the start they have; a smaller rank is padded with what
/// `start` has. In the new units: p/√sd₁, q/√sd₁, c/sd₁, b = (b + μ₀ − μ₁)/sd₁ (a likelihood
/// without standardisation has sd₁ = 1); without biases in the spec they stay 0. Throws as
/// check_init, and Error 65 where the model knows no row.
void start_from(const Model& model, const IdIndex& users, const IdIndex& items,
                const ModelSpec& spec, const RatingScale& scale, Factors& start);

}  // namespace alsatian
