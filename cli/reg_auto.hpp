// `train --reg auto`: a search for λ and λ_b before a training, and what is said about it.
// Of every fold anew, on its training part alone: what a fold is tested on has no say.
#pragma once

#include "cli/log.hpp"
#include "cli/train_options.hpp"
#include "host/ratings/prepared_ratings.hpp"
#include "host/train/log_observer.hpp"
#include "host/train/penalty_search.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace alsatian {

/// Parameters that a search keeps beside those that train: the start twice, the state that a trial
/// starts from, two trials that others start from, and those of the epoch that counts.
inline constexpr std::int64_t kept_by_reg_auto = 6;

/// What one training needs of a search.
struct RegAutoTask {
  const PreparedRatings& ratings;
  const Dataset& dataset;  // what will be trained on
  const ModelSpec& spec;   // with the default penalties
  DeviceOptions device;
  const std::atomic<bool>* stop_requested = nullptr;
  LogObserver* log_file = nullptr;  // may be none
};

class RegAuto {
 public:
  RegAuto(const TrainOptions& options, const Log& log) : options_(options), log_(log) {}

  /// Searches on the validation part of the data set, or else on a tenth of its training part;
  /// prints trials and choice. Nothing where stop_requested ended it, or where there are so few
  /// ratings that the default is taken, as it says then. Throws Error 71 where the search needs
  /// more memory than there is, and what PenaltySearch throws.
  std::optional<PenaltyChoice> choose(const RegAutoTask& task);

  /// Those of the last choice.
  const std::vector<PenaltyTrial>& trials() const { return trials_; }

 private:
  std::optional<PenaltyChoice> search(const RegAutoTask& task, const Dataset& dataset);
  void say_what_is_searched(const RegAutoTask& task, const Dataset& dataset) const;
  void on_trial(const PenaltyTrial& trial, LogObserver* log_file);
  void say_what_is_chosen(const PenaltyChoice& choice, const ModelSpec& spec, double seconds) const;
  SearchedPenalties searched(const ModelSpec& spec) const;

  const TrainOptions& options_;
  const Log& log_;
  std::vector<PenaltyTrial> trials_;
};

/// "reg 1.2, reg-bias 0.9".
std::string penalties_text(const Regularization& regularization, const ModelSpec& spec);

/// Why a choice was made, in a sentence without a full stop.
std::string choice_text(const PenaltyChoice& choice, const ModelSpec& spec);

}  // namespace alsatian
