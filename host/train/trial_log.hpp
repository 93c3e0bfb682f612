// `alsatian tune --log FILE`: what a search is, and what each of its trials gave, as JSON Lines.
// A search that was killed goes on from it: a trial whose line is there is not trained again.
#pragma once

#include "host/train/line_file.hpp"
#include "host/train/tuner.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

/// The first line has what decides the figures: version, data, split, device, start, rungs,
/// counted_epoch, early_stop, trials (the whole spec of each). Every other line is a run: trial,
/// rung and fold (from 1; rung where there are several, fold in cross-validation), k, reg,
/// reg_bias, reg_scaling, learning_rate and decay (mle), validation_ratings, validation_rmse,
/// validation_loss (mean over ratings in standardised units: trials are compared by it),
/// best_epoch, epochs, seconds; or diverged, true, in place of the figures. Lines that an editor
/// has given the ends CR LF are read too.
class TrialLog {
 public:
  /// Opens or makes the file, which is this run's alone until finish() or the end, and reads what
  /// is there; a last line without its end, which a killed run left, is dropped. first_line: what
  /// search_line made. Throws Error 73, 74, 75 where another run writes to it, 64 where it is of
  /// another search, naming in what, 65 where it is no such log, or a line of it is damaged, has
  /// other settings than its trial, or figures that this search or other lines contradict. Keeps a
  /// reference to specs.
  TrialLog(std::string path, const nlohmann::ordered_json& first_line,
           const std::vector<ModelSpec>& specs, const TunerOptions& options);
  const TrialRuns& known() const { return known_; }
  /// The same in the order of the file, which is that in which they ran.
  const std::vector<TrialRuns::const_iterator>& known_in_order() const { return in_order_; }
  /// FILE:LINE of a known run.
  std::string place_of(const TrialRun& run) const;
  void add(const TrialRun& run, const TrialFigures& figures);

  /// Throws Error 74 where a line could not be written. Not thrown earlier: a full disk must not
  /// cost what was found. found: what became of that, for the remedy.
  void finish(const std::string& found) { file_.finish(found); }

 private:
  void read_lines(std::string_view lines);
  void read_run(std::string_view line, const std::string& place);
  /// Throws Error 65 where a run that ended so would have gone on, or have ended before.
  void check_epochs(const TrialRun& run, const TrialFigures& figures,
                    const std::string& place) const;
  /// All runs of a fold are measured on the same ratings: throws Error 65 at a line with other many
  /// than most.
  void check_ratings(int fold) const;
  /// Where the loss is squared error all runs of a fold have one ratio of squared RMSE and loss,
  /// twice the variance of its ratings: throws Error 65 at a line with another than most.
  void check_figures(int fold) const;
  nlohmann::ordered_json settings_of(const TrialRun& run) const;
  void check_settings(const nlohmann::json& line, const TrialRun& run,
                      const std::string& place) const;

  LineFile file_;
  const std::vector<ModelSpec>& specs_;
  std::vector<Rung> rungs_;
  TrialRules rules_;
  int folds_;
  TrialRuns known_;
  std::vector<TrialRuns::const_iterator> in_order_;
};

/// Whether a file with this beginning is the log of a search.
bool is_trial_log(std::string_view text);

/// What decides the figures of a search.
nlohmann::ordered_json search_line(const std::vector<ModelSpec>& specs, const TunerOptions& options,
                                   const std::string& fingerprint, const SplitRule& split,
                                   const std::string& device);

}  // namespace alsatian
