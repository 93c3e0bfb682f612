// What a chain of draws says: predictions averaged over all of them, and the few a model keeps.
// Draws come one after the other and are let go; nothing here grows with their number.
#pragma once

#include "host/model/model.hpp"
#include "host/train/backend.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace alsatian {

/// A draw whose rows are relative to the mean row of their side, so that an unknown row is one of
/// zeros:
///   η = constant + b_u + c_i + ⟨p_u, q_i⟩
struct CenteredDraw {
  Factors factors;
  double constant = 0;
  /// The mean rows [rank + 1], their bias last; empty in a mean of draws.
  std::vector<double> user_center;
  std::vector<double> item_center;
};

/// With p = p' + m, q = q' + n and the biases' β and γ, means over rows whose count is not 0,
///   constant = β + γ + ⟨m, n⟩,  b' = b − β + ⟨p', n⟩,  c' = c − γ + ⟨q', m⟩
/// A row whose count is 0, without ratings or features, becomes one of zeros: as the others are on
/// average, and not as f = 0 would have it, which is far from all of them.
CenteredDraw center(Factors draw, const std::vector<std::int32_t>& user_counts,
                    const std::vector<std::int32_t>& item_counts);

/// Errors of a draw, or of a mean of draws, on ratings; standardised units.
ErrorSums errors_of(const CenteredDraw& draw, const Triples& ratings, const RatingScale& scale);

/// How well the mean over draws predicts held-out ratings.
struct PosteriorErrors {
  ErrorSums errors;       // of the mean, standardised units
  double nll_sum = 0;     // −log of the normal density with the predictive variance
  double covered_90 = 0;  // share of ratings within the central 90 % of that density
};

/// The mean of the draws added, for listed ratings and for a model.
class Posterior {
 public:
  /// held_out: in the order of TrainingProblem's; their owners outlive this. sweeps: how many draws
  /// of each chain will be added.
  Posterior(const ModelSpec& spec, const RatingScale& scale, std::vector<const Triples*> held_out,
            std::int64_t sweeps);

  /// The next draw of a chain, from 0. Each chain has its share of the draws to keep; returns
  /// whether this is one of them.
  bool add(const CenteredDraw& draw, double noise_precision, int chain = 0);
  /// What goes with the draw that was kept last, `draw`.
  void keep_prior(const GibbsUserPrior& prior, const CenteredDraw& draw, double noise_precision);
  /// RMSE of the draw added last alone, in the rating's units.
  double last_draw_rmse(std::size_t index) const;

  std::int64_t draws() const { return draws_; }
  std::int32_t kept() const { return kept_; }
  /// Mean of 1/α over draws.
  double dispersion() const { return dispersion_sum_ / static_cast<double>(draws_); }
  /// Needs a draw.
  PosteriorErrors held_out_errors(std::size_t index) const;

  /// Factors in standardised units and the constant that go with them: the kept draws side by side,
  /// each divided by √kept and rounded to halves, so that products of rows are means over draws;
  /// biases and constant are means of draw_biases(). What they predict is the mean of what the kept
  /// draws predict, but for rounding to floats. Needs a draw that is kept.
  CenteredDraw model_factors() const;

  /// Constant and biases of each draw that is kept.
  DrawBiases draw_biases() const;

  /// What was given to keep_prior, once for each draw that is kept; else nothing.
  DrawPriors draw_priors() const;

 private:
  /// Sums of scores, and of their squares, of each rating of a set.
  struct HeldOutSums {
    const Triples* ratings = nullptr;
    std::vector<double> scores;
    std::vector<double> squares;
    double last_squared_error = 0;  // of the draw added last, standardised units
  };
  struct KeptSide {
    SideFactors kept;                // [rows, rank·keep]
    std::vector<float> kept_biases;  // [keep, rows], rounded to halves
  };

  /// How many draws of a chain are kept, and of so many as it has whether the last is one.
  struct Chain {
    std::int64_t keep = 0;
    std::int64_t draws = 0;
  };
  bool is_kept(const Chain& chain) const;
  void keep(const CenteredDraw& draw);
  SideFactors mean_of(const KeptSide& side) const;

  std::int32_t rank_;
  std::int64_t keep_ = 0;  // of all chains
  std::int64_t sweeps_;
  RatingScale scale_;
  std::vector<HeldOutSums> held_out_;
  KeptSide users_;
  KeptSide items_;
  std::vector<Chain> chains_;
  std::int64_t draws_ = 0;
  std::int32_t kept_ = 0;
  std::vector<double> kept_constants_;
  DrawPriors kept_priors_;
  std::vector<std::vector<float>> kept_weights_;  // [kept][items, order]
  double likelihood_power_ = 1;
  double dispersion_sum_ = 0;
};

}  // namespace alsatian
