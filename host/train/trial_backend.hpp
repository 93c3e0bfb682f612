// One backend that trials of the same data and rank take turns on: what they share is made once.
// A trial is left and gone on with through its state, so that none of them needs memory of its own.
#pragma once

#include "host/train/backend.hpp"

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

namespace alsatian {

/// Errors on the validation part of one data set, after the epoch that counts.
struct TrialFigures {
  std::int64_t ratings = 0;  // of the validation part
  double rmse = 0;           // in the rating's units
  double loss = 0;           // mean over ratings, standardised units: what trials are compared by
  int best_epoch = 0;        // the epoch that counts: the best, or the last; from 1
  int epochs = 0;            // trained; after a warm start, counted from there
  double seconds = 0;        // of training and validation, not of what trials share
  bool diverged = false;     // a value stopped being finite: the other figures say nothing

  bool operator==(const TrialFigures&) const = default;
};

/// What a trial goes on from.
struct TrialState {
  BackendState backend = {};
  TrialFigures figures = {};
  double last_loss = std::numeric_limits<double>::infinity();
  int idle_epochs = 0;    // that gained nothing, up to the last
  bool finished = false;  // more epochs would gain nothing
  /// Of the epoch that counts, where the rules keep them.
  std::optional<Factors> counted_factors = {};
};

/// Which epoch counts: the best, where training stops by it, or the last, where training runs to
/// its end: on the way from a warm start a trial may pass through better ones that it never has
/// from a cold one.
enum class CountedEpoch { best, last };

/// When a trial ends early. Of the best epoch: after `patience` epochs in a row without a better
/// one. Of the last: after `patience` epochs in a row that change the loss by less than the share
/// `change`, or where it rises above what another trial has reached.
struct EarlyStop {
  int patience = 1;
  double change = 0;
};

struct TrialRules {
  CountedEpoch counted = CountedEpoch::last;
  std::optional<EarlyStop> early_stop = {};  // none: runs all epochs
  bool keep_factors = false;                 // of the epoch that counts
};

/// How far a trial runs.
struct TrialLimits {
  int epochs = 0;                                                 // in all
  double loss_to_beat = std::numeric_limits<double>::infinity();  // of another trial
};

class TrialBackend {
 public:
  /// Trials are measured on the validation part, which must not be empty; where there are tests
  /// they only take memory. spec: of any trial of this rank. Throws what make_problem and
  /// make_backend throw.
  TrialBackend(const Dataset& dataset, const ModelSpec& spec, const DeviceOptions& device);
  /// The same of a problem that was made for the spec and the device.
  TrialBackend(TrainingProblem problem, const DeviceOptions& device);

  std::int32_t rank() const { return rank_; }
  std::string description() const { return backend_->description(); }

  /// A start of training as `train` has it.
  TrialState cold() const { return {.backend = start_}; }
  /// A start from the factors of another trial, of this rank or a smaller one: what its factors
  /// lack is as in a cold start.
  TrialState warm(const Factors& factors);

  /// Trains `state` by the spec until it has run all epochs or stops early. Returns false where
  /// `stop_requested` ended it: the state is then worth nothing.
  bool run(const ModelSpec& spec, const TrialRules& rules, const TrialLimits& limits,
           const std::atomic<bool>* stop_requested, TrialState& state);

  /// Of the state that was run last.
  Factors factors() const { return backend_->factors(); }

 private:
  bool run_epoch(const Algorithm& algorithm, int epoch);
  void measure(const TrialRules& rules, double loss_to_beat, TrialState& state);

  std::int32_t rank_;
  RatingScale scale_;
  std::unique_ptr<Backend> backend_;
  Factors start_factors_;
  BackendState start_;
};

}  // namespace alsatian
