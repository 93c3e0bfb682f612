// Chooses λ and λ_b by what a few trainings predict of ratings held out: `train --reg auto`.
// The default stays unless another choice is better by more than chance.
#pragma once

#include "host/model/model.hpp"
#include "host/train/trial_backend.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace alsatian {

/// What is chosen; the rest stays as it is. both: λ and λ_b at one ratio, then λ_b alone.
enum class SearchedPenalties { both, factors, biases };

/// path: says where to go, from factors of another trial, and ends where it gains no more.
/// whole: trained as the model will be, which alone decides.
enum class PenaltyTrialKind { path, whole };
std::string_view penalty_trial_name(PenaltyTrialKind kind);

struct PenaltyTrial {
  PenaltyTrialKind kind = PenaltyTrialKind::path;
  Regularization regularization = {};
  TrialFigures figures = {};
};

struct PenaltySearchOptions {
  DeviceOptions device = {};
  SearchedPenalties searched = SearchedPenalties::both;
  /// Whether the validation part will stop the training of the model, so that its best epoch counts
  /// (mle); else all epochs are run and the last one counts.
  bool stops_early = false;
  const std::atomic<bool>* stop_requested = nullptr;  // checked after each epoch
  std::function<void(const PenaltyTrial& trial)> on_trial = [](const PenaltyTrial&) {};
};

/// A difference of two mean losses over the same ratings, and its standard error.
struct PairedGain {
  double mean = 0;   // above 0: the second one predicts better
  double error = 0;  // infinite where too few users say anything
};

/// first, second [users]: sums of losses over each user's ratings; counts [users]: of ratings, one
/// above 0 at least. The error is that of a ratio over independent users, since the ratings of one
/// are wrong together: √(U/(U−1) Σ_u (d_u − n_u·m)²) / n, d_u the user's difference, m the mean of
/// all (Cochran 1977, section 2.11).
PairedGain paired_gain(const std::vector<double>& first, const std::vector<double>& second,
                       const std::vector<std::int64_t>& counts);

/// Where fewer ratings are predicted, no choice by them is better than the default on average.
inline constexpr std::int64_t fewest_to_choose_by = 100;
/// Whose ratings are predicted: for a standard error over users.
inline constexpr std::int64_t fewest_users_to_choose_by = 10;

/// What another choice has to be better by, in standard errors, where so many ratings are
/// predicted. The best of a dozen choices is often better by one error alone where there is nothing
/// to gain. With thousands of ratings that costs next to nothing, and small true gains pass; below
/// it costs percents of the test error.
constexpr double least_gain_in_errors(std::int64_t ratings) { return ratings < 1000 ? 2 : 1; }

/// Searches along λ in steps of 4, 2 and √2, from weak to strong, and then along λ_b.
class PenaltySearch {
 public:
  /// dataset: with a validation part; outlives the search. spec: what would be trained, not bayes.
  /// Throws what TrialBackend throws.
  PenaltySearch(const Dataset& dataset, const ModelSpec& spec, PenaltySearchOptions options);

  /// Nothing where stop_requested ended it.
  std::optional<PenaltyChoice> run();

 private:
  /// A point of a line: the penalties times so much.
  using Line = std::function<Regularization(double times)>;
  struct Tried {
    double times = 1;
    double loss = 0;                 // infinite where it diverged
    std::optional<Factors> factors;  // while a later trial may start from them
  };
  struct Whole {
    Regularization regularization;
    TrialFigures figures;
    std::vector<double> losses;  // by user, those of unknown users last
  };

  void climb(double step, double farthest);
  void refine(double step);
  void try_point(double times);
  double path_loss(double times, std::optional<Factors>& factors);
  std::size_t best() const;
  const Tried* start_for(double times) const;
  void forget_factors();
  const Whole& whole(const Regularization& regularization);
  bool run_trial(const PenaltyTrial& trial, const TrialRules& rules, TrialState& state,
                 double loss_to_beat);
  PenaltyChoice decide(const Regularization& found);
  bool warm() const { return !std::holds_alternative<Mle>(spec_.algorithm); }

  const Dataset& dataset_;
  ModelSpec spec_;
  PenaltySearchOptions options_;
  TrialBackend backend_;
  Line line_;
  bool along_factors_ = true;  // whether λ differs along the line
  std::vector<Tried> tried_;   // on the line, by ascending `times`
  std::vector<Whole> whole_;
  int trials_ = 0;
  std::int64_t epochs_ = 0;
};

}  // namespace alsatian
