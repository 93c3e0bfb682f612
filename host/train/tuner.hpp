// Tries settings: trains each on what is not held out, measures it on what is, and goes on with the
// best. Knows nothing of files: what a search has done already is given to it, and told by it.
#pragma once

#include "host/train/trainer.hpp"
#include "host/train/trial_backend.hpp"
#include "host/train/trial_plan.hpp"

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace alsatian {

/// A trial in a rung on a fold, all from 0; without cross-validation there is one fold.
struct TrialRun {
  int rung = 0;
  int fold = 0;
  std::size_t trial = 0;

  auto operator<=>(const TrialRun&) const = default;
};
using TrialRuns = std::map<TrialRun, TrialFigures>;

struct TunerOptions {
  DeviceOptions device;
  TrialStart start = TrialStart::warm;
  std::vector<Rung> rungs;  // several with cold starts alone; one: every trial runs to its end
  TrialRules rules;
  int folds = 1;
  const std::atomic<bool>* stop_requested = nullptr;  // checked after each epoch
};

/// A trial over all folds, in the last rung that it ran in.
struct TrialResult {
  int rung = 0;
  TrialFigures figures = {};  // rmse and loss over the ratings of all folds; best_epoch: their mean
  double rmse_deviation = 0;  // of a sample, over folds; 0 with one
};

struct TuningResult {
  std::vector<TrialResult> trials;  // [trials]; empty figures where it was interrupted before
  std::optional<std::size_t> best;  // none where every trial diverged, or it was interrupted
  bool interrupted = false;
};

class Tuner {
 public:
  /// The data set of a fold: trials train on its training part and are measured on its validation
  /// part.
  using DataOfFold = std::function<Dataset(int fold)>;
  /// Told each run as it ends, but not those that were known.
  using OnRun = std::function<void(const TrialRun& run, const TrialFigures& figures)>;

  /// specs: one a trial, of one algorithm, which is not bayes.
  Tuner(std::vector<ModelSpec> specs, TunerOptions options, DataOfFold data, OnRun on_run);

  /// Where a known run is written, for errors.
  using PlaceOfRun = std::function<std::string(const TrialRun& run)>;

  /// known: runs of an earlier search with the same arguments, which are taken as they are; place
  /// is of these. What others start from is trained again where it is needed; throws Error 65 where
  /// that gives other figures than the known ones, or where those are of other many ratings than
  /// there are. Throws what TrialBackend throws, and Error 65
  /// where a fold has nothing to measure on.
  TuningResult run(const TrialRuns& known, PlaceOfRun place = {});

 private:
  struct Kept {
    TrialState state;
    std::optional<Factors> factors;  // of warm starts
  };

  bool run_rung(int rung, const std::vector<bool>& runs, const TrialRuns& known);
  bool run_trial(const TrialRun& run);
  std::optional<Kept> train_trial(const TrialRun& run);
  bool prepare(const TrialRun& run);
  std::optional<TrialRun> needed_by(const TrialRun& run) const;
  TrialBackend& backend_for(int fold, std::size_t trial);
  void check_known_ratings(int fold) const;
  TrainingProblem problem_for(const ModelSpec& spec);
  double least_loss_before(const TrialRun& run) const;
  void forget_before(std::size_t place);
  TrialResult result_of(int rung, std::size_t trial) const;

  std::vector<ModelSpec> specs_;
  TunerOptions options_;
  DataOfFold data_;
  OnRun on_run_;
  PlaceOfRun place_of_known_;
  TrialOrder order_;
  TrialRuns done_;
  std::map<TrialRun, Kept> kept_;
  std::optional<int> fold_;
  std::optional<Dataset> dataset_;
  /// Kept where there are several ranks: indexing and ordering the ratings anew, for each rank of
  /// each rung, takes as long as two epochs of mle.
  std::optional<TrainingProblem> problem_;
  ProblemOptions problem_options_;
  std::optional<TrialBackend> backend_;
};

}  // namespace alsatian
