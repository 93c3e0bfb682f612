// `--log FILE`: training as JSON Lines, one object an epoch, for plots and for watching from afar.
// Written as it happens, so that a run that dies leaves what it had.
#pragma once

#include "host/train/line_file.hpp"
#include "host/train/penalty_search.hpp"
#include "host/train/trainer.hpp"

#include <optional>
#include <string>
#include <vector>

namespace alsatian {

/// Keys, absent where not measured: fold (in cross-validation), epoch, epochs, learning_rate; of
/// bayes sigma, user_weight_precision, item_weight_precision, user_weight_steps, item_weight_steps,
/// draws, chains (a list: of each chain sigma, both precisions and, after burn-in, the test_rmse of
/// this draw alone), test_covered_90 and, in the last line, traces (a list: of each name of chains
/// mean, deviation, r_hat and effective_draws over all draws that count); objective, train_rmse and
/// train_nll (of bayes those of the last chain's draw alone), validation_rmse, validation_nll,
/// test_rmse and test_nll (of the first test set), test_rmse_by_set and test_nll_by_set (where
/// there are several), training_seconds and evaluation_seconds (of this epoch, neither in the
/// other), total_seconds (of both since the first epoch began), ratings_per_second (of training),
/// repaired_pivots; reproducible, false, where another run would give other figures.
///
/// With --reg auto, before the epochs that it chose for: a line a trial with search "reg", trial
/// (from 1), kind (path, or whole: as train would), reg, reg_bias, epochs, seconds, and
/// validation_rmse and validation_loss, or diverged; then one with search "reg" and chosen ("best"
/// or "default"), reg, reg_bias and the fields of reg_auto in a model.
class LogObserver : public Observer {
 public:
  /// Creates or empties the file, which is this run's alone until finish() or the end. Throws Error
  /// 73, 75 where another run writes to it, or 64 where it is the log of a search, which cost more
  /// than a training.
  LogObserver(std::string path, std::vector<std::string> test_names);

  /// The fold from 1 that the following epochs belong to.
  void set_fold(int fold) { fold_ = fold; }
  void on_start(const std::string& backend, const ModelSpec& spec, std::int64_t ratings) override;
  void on_epoch(const EpochStats& stats) override;
  void on_penalty_trial(int trial, const PenaltyTrial& tried);
  void on_penalty_choice(const PenaltyChoice& choice);

  /// Throws Error 74 where a line could not be written. Not thrown earlier: a full disk must not
  /// cost the training. model: what became of the model, for the remedy.
  void finish(const std::string& model);

 private:
  LineFile file_;
  std::vector<std::string> test_names_;
  std::optional<int> fold_;
  bool reproducible_ = true;
};

}  // namespace alsatian
