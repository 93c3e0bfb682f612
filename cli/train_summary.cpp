// Implements train_summary.hpp.
// All predictors go through the same evaluation, so that their figures can be compared.
#include "cli/train_summary.hpp"

#include "cli/log.hpp"
#include "host/train/convergence.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

namespace alsatian {
namespace {

constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();

using Figure = double SummaryRow::*;
constexpr Figure figures[] = {
    &SummaryRow::rmse, &SummaryRow::rmse_clipped, &SummaryRow::rmse_known,      &SummaryRow::mae,
    &SummaryRow::nll,  &SummaryRow::r_squared,    &SummaryRow::training_seconds};

SummaryRow row_of(const std::string& predictor, const std::string& part,
                  const RatingEvaluation& evaluation, double seconds) {
  return {predictor,
          part,
          evaluation.all.count,
          evaluation.all.rmse,
          evaluation.all_clipped.rmse,
          evaluation.known.count > 0 ? evaluation.known.rmse : not_measured,
          evaluation.all.mae,
          evaluation.all.mean_nll,
          evaluation.all.r_squared,
          seconds};
}

/// Ratings of users and items without training ratings, where there are any.
void add_cold_row(std::vector<SummaryRow>& rows, const std::string& predictor,
                  const std::string& part, const RatingErrors& errors, double seconds) {
  if (errors.count == 0) return;
  rows.push_back({.predictor = predictor,
                  .part = part,
                  .ratings = errors.count,
                  .rmse = errors.rmse,
                  .rmse_clipped = not_measured,
                  .rmse_known = not_measured,
                  .mae = errors.mae,
                  .nll = errors.mean_nll,
                  .r_squared = errors.r_squared,
                  .training_seconds = seconds,
                  .is_cold = true});
}

bool has_features(const Dataset& dataset) {
  return dataset.user_features.count() + dataset.item_features.count() > 0;
}

void add_rows(std::vector<SummaryRow>& rows, const std::string& predictor, const Model& model,
              const Dataset& dataset, const ScorerOptions& scoring, double seconds) {
  const Scorer scorer(model, scoring);
  for (const TestSet& test : dataset.tests) {
    const RatingEvaluation evaluation = evaluate_ratings(scorer, model, test.ratings);
    rows.push_back(row_of(predictor, test.name, evaluation, seconds));
    if (!has_features(dataset)) continue;
    add_cold_row(rows, predictor, test.name + ", without ratings", evaluation.cold_with_features,
                 seconds);
    add_cold_row(rows, predictor, test.name + ", unknown", evaluation.cold_unknown, seconds);
  }
}

/// What the chain itself predicted: the mean over every draw, of which the model keeps a few.
void add_rows_of_every_draw(std::vector<SummaryRow>& rows, const Dataset& dataset,
                            const TrainingResult& result) {
  const EpochStats& last = result.last;
  for (std::size_t test = 0; test < last.test_covered_90.size(); ++test) {
    rows.push_back({.predictor = "bayes, every draw",
                    .part = dataset.tests[test].name,
                    .ratings = dataset.tests[test].ratings.size(),
                    .rmse = last.test_rmse[test],
                    .rmse_clipped = not_measured,
                    .rmse_known = not_measured,
                    .mae = not_measured,
                    .nll = last.test_nll[test],
                    .r_squared = not_measured,
                    .training_seconds = result.training_seconds});
  }
}

/// Biases alone by the linear least-squares problem, or by the same likelihood where it is another.
ModelSpec biases_spec(const ModelSpec& spec) {
  ModelSpec biases = spec;
  biases.rank = 0;
  biases.biases = true;
  if (auto* mle = std::get_if<Mle>(&biases.algorithm)) {
    // A baseline is the same every time, and has no factors to store.
    mle->updates = Updates::blocks;
    mle->storage = FactorStorage::floats;
  }
  if (std::holds_alternative<Gaussian>(spec.likelihood)) {
    biases.algorithm = LeastSquares{};
    biases.epochs = LeastSquares::default_epochs;
  }
  return biases;
}

}  // namespace

std::string convergence_warning(const TrainingResult& result) {
  std::vector<std::string> apart;
  for (const TraceStatistics& trace : result.model.statistics.traces) {
    if (trace.r_hat > largest_r_hat) {
      apart.push_back(fmt::format("{} {:.3f}", trace.name, trace.r_hat));
    }
  }
  if (apart.empty()) return "";
  const bool several = std::get<Bayes>(result.model.spec.algorithm).chains > 1;
  return fmt::format(
      "{} after {}: R-hat of {} is above {}, so that other draws may say other things; more "
      "--epochs, or more --chains to average over, make the mean surer",
      several ? "the chains have not met" : "the chain still moves",
      counted(result.last.epoch, "sweep"), fmt::join(apart, ", "), largest_r_hat);
}

Model mean_model(const Model& trained, const Dataset& dataset) {
  Model model;
  model.spec = trained.spec;
  model.spec.rank = 0;
  model.scale = trained.scale;
  // Draws of bayes have a constant of their own, which is none of the mean's.
  if (is_standardised(trained.spec.likelihood)) model.scale.score_mean = 0;
  model.users = trained.users;
  model.items = trained.items;
  model.user_counts = trained.user_counts;
  model.item_counts = trained.item_counts;
  model.factors = {SideFactors(trained.users.size(), 0), SideFactors(trained.items.size(), 0)};
  const double mean_loss = loss_of_the_mean(dataset.train, model.scale, model.spec.likelihood) /
                           static_cast<double>(dataset.train.size());
  model.statistics.dispersion =
      std::visit([&](const auto& likelihood) { return likelihood.dispersion(mean_loss); },
                 model.spec.likelihood);
  return model;
}

std::vector<SummaryRow> compare(const Dataset& dataset, const TrainingResult& result,
                                const TrainerOptions& options, const ScorerOptions& scoring) {
  std::vector<SummaryRow> rows;
  if (dataset.tests.empty()) return rows;
  const ModelSpec& spec = result.model.spec;
  add_rows(rows, "global mean", mean_model(result.model, dataset), dataset, scoring, 0);
  if (spec.rank > 0) {
    TrainerOptions silent = options;
    silent.observers.clear();
    silent.init = nullptr;
    silent.evaluate_every = std::numeric_limits<int>::max();
    const TrainingResult biases = train(dataset, biases_spec(spec), silent);
    if (!biases.interrupted) {
      add_rows(rows, "biases only", biases.model, dataset, scoring, biases.training_seconds);
    }
  }
  add_rows(rows, std::string(algorithm_name(spec.algorithm)), result.model, dataset, scoring,
           result.training_seconds);
  add_rows_of_every_draw(rows, dataset, result);
  return rows;
}

SummaryRow training_row(const Dataset& dataset, const TrainingResult& result,
                        const ScorerOptions& scoring) {
  SummaryRow row{.predictor = std::string(algorithm_name(result.model.spec.algorithm)),
                 .part = "train",
                 .ratings = dataset.train.size(),
                 .rmse = result.last.train_rmse.value_or(not_measured),
                 .rmse_clipped = not_measured,
                 .rmse_known = not_measured,
                 .mae = not_measured,
                 .nll = result.last.train_nll.value_or(not_measured),
                 .r_squared = not_measured,
                 .training_seconds = result.training_seconds};
  if (!scoring.clip) return row;
  // The trainer's errors are of what it minimizes: predictions without limits.
  const Scorer scorer(result.model, scoring);
  const RatingErrors clipped = evaluate_ratings(scorer, result.model, dataset.train).all;
  row.rmse = clipped.rmse;
  row.nll = clipped.mean_nll;
  return row;
}

std::vector<SummaryRow> mean_and_deviation(const std::vector<SummaryRow>& folds) {
  std::vector<SummaryRow> rows;
  std::vector<std::string> predictors;
  for (const SummaryRow& fold : folds) {
    if (std::find(predictors.begin(), predictors.end(), fold.predictor) == predictors.end()) {
      predictors.push_back(fold.predictor);
    }
  }
  for (const std::string& predictor : predictors) {
    SummaryRow mean{.predictor = predictor, .part = "mean"};
    SummaryRow deviation{.predictor = predictor, .part = "sd"};
    std::vector<SummaryRow> own;
    std::copy_if(folds.begin(), folds.end(), std::back_inserter(own),
                 [&](const SummaryRow& fold) { return fold.predictor == predictor; });
    const double count = static_cast<double>(own.size());
    for (const SummaryRow& fold : own) mean.ratings += fold.ratings;
    deviation.ratings = mean.ratings;
    for (const Figure figure : figures) {
      double sum = 0;
      for (const SummaryRow& fold : own) sum += fold.*figure;
      mean.*figure = sum / count;
      double squares = 0;
      for (const SummaryRow& fold : own) squares += std::pow(fold.*figure - mean.*figure, 2);
      deviation.*figure = std::sqrt(squares / (count - 1));
    }
    rows.push_back(mean);
    if (own.size() > 1) rows.push_back(deviation);
  }
  return rows;
}

void print_summary(Output& output, Format format, const std::vector<SummaryRow>& rows) {
  Table table(output, format,
              {"predictor", "part", "ratings", "rmse", "rmse_clipped", "rmse_known", "mae", "nll",
               "r_squared", "training_seconds"});
  for (const SummaryRow& row : rows) {
    table.row({row.predictor, row.part, row.ratings, measured(row.rmse), measured(row.rmse_clipped),
               measured(row.rmse_known), measured(row.mae), measured(row.nll),
               measured(row.r_squared), measured(row.training_seconds)});
  }
  table.finish();
  output.flush();
}

}  // namespace alsatian
