// What a training reached, beside what needs no training: the global mean and biases alone.
// A figure without a baseline says nothing.
#pragma once

#include "cli/table.hpp"
#include "host/evaluate/metrics.hpp"
#include "host/train/trainer.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

/// A line of the summary: a predictor on a part of the data. Figures that are not finite were not
/// measured.
struct SummaryRow {
  std::string predictor;
  std::string part;  // a test set's name, "train", "fold 2", "mean", ...
  std::int64_t ratings = 0;
  double rmse = 0;
  double rmse_clipped = 0;
  double rmse_known = 0;
  double mae = 0;
  double nll = 0;
  double r_squared = 0;
  double training_seconds = 0;  // of all epochs, without evaluation
  bool is_cold = false;         // of users or items without training ratings alone
};

/// What to say where the dispersion is 0.
inline constexpr std::string_view no_nll =
    "NLL is not defined: the dispersion is 0, since the ratings that it is measured on are "
    "predicted "
    "without error";

/// Of bayes: a warning where R-hat says that the chains, or the halves of one, differ; else "".
std::string convergence_warning(const TrainingResult& result);

/// The model that predicts the training mean for everybody.
Model mean_model(const Model& trained, const Dataset& dataset);

/// Global mean, biases alone (trained on the same part with the same λ_b) and the model, on every
/// test set, of the predictions that the scorer's options ask for. Biases alone are left out where
/// the model is no more than that, or where training them was interrupted.
std::vector<SummaryRow> compare(const Dataset& dataset, const TrainingResult& result,
                                const TrainerOptions& options, const ScorerOptions& scoring);

/// The model's training part as the trainer measured it, or measured anew where predictions are
/// clipped.
SummaryRow training_row(const Dataset& dataset, const TrainingResult& result,
                        const ScorerOptions& scoring);

/// Mean and standard deviation (of a sample) of each predictor's figures, in order of appearance.
std::vector<SummaryRow> mean_and_deviation(const std::vector<SummaryRow>& folds);

void print_summary(Output& output, Format format, const std::vector<SummaryRow>& rows);

}  // namespace alsatian
