// `alsatian inspect`: everything that a model file says of itself, but for the numbers trained.
// Regularization is also given in the units of the ratings, for comparison with other programs.
#include "cli/commands.hpp"
#include "cli/device_options.hpp"
#include "cli/split_options.hpp"
#include "cli/table.hpp"
#include "host/error.hpp"
#include "host/model/model_file.hpp"

#include <fmt/format.h>

#include <cmath>

namespace alsatian {
namespace {

/// Names and values in the order of printing.
class Facts {
 public:
  void add(std::string name, Cell value) {
    names_.push_back(std::move(name));
    values_.push_back(std::move(value));
  }
  void text(std::string name, std::string_view text) { add(std::move(name), std::string(text)); }
  void count(std::string name, std::int64_t number) { add(std::move(name), number); }
  void real(std::string name, double number) { add(std::move(name), number); }

  /// One object of JSON, or a line a fact.
  void print(Output& output, Format format) const {
    if (format == Format::jsonl) {
      Table table(output, format, names_);
      table.row(values_);
      table.finish();
      return;
    }
    Table table(output, format, {"name", "value"});
    for (std::size_t fact = 0; fact < names_.size(); ++fact) {
      // As text: whole numbers, numbers and words share a column.
      table.row({names_[fact], std::visit(AsText{}, values_[fact])});
    }
    table.finish();
  }

 private:
  struct AsText {
    Cell operator()(std::monostate) const { return {}; }
    Cell operator()(const std::string& text) const { return text; }
    Cell operator()(std::int64_t number) const { return fmt::format("{}", number); }
    Cell operator()(float number) const { return fmt::format("{}", number); }
    Cell operator()(double number) const { return fmt::format("{}", number); }
  };

  std::vector<std::string> names_;
  std::vector<Cell> values_;
};

void add_algorithm(Facts& facts, const Als& als) {
  const bool cholesky = als.solver == Solver::cholesky;
  facts.text("solver", cholesky ? "cholesky" : "cg");
  if (!cholesky) facts.count("solver_steps", als.solver_steps);
  facts.text("precision", als.precision == Precision::fast ? "fast" : "fp32");
}

void add_algorithm(Facts& facts, const Mle& mle) {
  facts.text("optimizer", mle.optimizer == Optimizer::adagrad ? "adagrad" : "sgd");
  facts.real("learning_rate", mle.learning_rate);
  facts.text("schedule", mle.schedule == Schedule::exponential ? "exponential" : "inverse-time");
  facts.real("decay", mle.decay);
  facts.count("patience", mle.patience);
  facts.text("updates", mle.updates == Updates::blocks ? "blocks" : "hogwild");
  facts.text("storage", mle.storage == FactorStorage::floats ? "float" : "half");
}

void add_algorithm(Facts& facts, const LeastSquares& least_squares) {
  facts.count("inner_steps", least_squares.inner_steps);
}

std::string described(const FeatureColumn& column) {
  if (column.features == 0) return fmt::format("{} left out", shortened(column.name));
  return fmt::format("{} as {} ({})", shortened(column.name), column.kind, column.features);
}

void add_algorithm(Facts& facts, const Bayes& bayes) {
  facts.count("burn_in", bayes.burn_in);
  facts.count("keep", bayes.keep);
  facts.text("features", bayes.features == Features::implicit ? "implicit" : "none");
  facts.real("likelihood_power", bayes.likelihood_power);
  facts.count("start_epochs", bayes.start_epochs);
  facts.count("chains", bayes.chains);
}

/// What each column of a feature file was taken for.
void add_features(Facts& facts, const std::string& name, const FeatureSource& source) {
  if (!source.any()) return;
  std::string text = source.file + ":";
  for (const FeatureColumn& column : source.columns) text += " " + described(column) + ";";
  text.pop_back();
  facts.text(name, text);
}

void add_spec(Facts& facts, const Model& model) {
  const ModelSpec& spec = model.spec;
  facts.text("model", algorithm_name(spec.algorithm));
  facts.text("likelihood", likelihood_name(spec.likelihood));
  if (model.positive) facts.real("positive", *model.positive);
  facts.count("k", spec.rank);
  facts.text("biases", spec.biases ? "yes" : "no");
  facts.count("epochs", spec.epochs);
  facts.real("reg", spec.regularization.factors);
  facts.real("reg_bias", spec.regularization.biases);
  facts.real("reg_scaling", spec.regularization.scaling);
  const Regularization raw =
      model.scale.regularization_in_rating_units(spec.regularization, spec.likelihood);
  facts.real("reg_in_rating_units", raw.factors);
  facts.real("reg_bias_in_rating_units", raw.biases);
  std::visit([&](const auto& algorithm) { add_algorithm(facts, algorithm); }, spec.algorithm);
  if (is_bayes(spec)) facts.count("draws", model.draws);
  add_features(facts, "user_features", model.user_features);
  add_features(facts, "item_features", model.item_features);
  facts.real("start_deviation", spec.start_deviation);
  facts.count("seed", static_cast<std::int64_t>(spec.seed));
  facts.text("reproducible", is_reproducible(spec) ? "yes" : "no");
}

std::string_view duplicate_rule_name(DuplicateRule rule) {
  switch (rule) {
    case DuplicateRule::last:
      return "last";
    case DuplicateRule::mean:
      return "mean";
    case DuplicateRule::error:
      return "error";
  }
  return "";
}

void add_data(Facts& facts, const Model& model) {
  facts.count("users", model.users.size());
  facts.count("items", model.items.size());
  std::int64_t ratings = 0;
  for (const std::int32_t count : model.user_counts) ratings += count;
  facts.count("training_ratings", ratings);
  facts.text("user_ids", model.users.kind() == IdKind::integer ? "integer" : "string");
  facts.text("item_ids", model.items.kind() == IdKind::integer ? "integer" : "string");
  facts.text("titles", model.titles.size() > 0 ? "yes" : "no");
  facts.real("mean", model.scale.mean);
  facts.real("deviation", model.scale.deviation);
  facts.real("mean_score", model.mean_score());
  facts.real("lowest_rating", model.scale.lowest);
  facts.real("highest_rating", model.scale.highest);
  facts.text("split", split_text(model.split));
  facts.text("fingerprint", model.fingerprint);
  facts.text("duplicates", duplicate_rule_name(model.cleaning.duplicates));
  facts.count("min_user_ratings", model.cleaning.min_user_ratings);
  facts.count("min_item_ratings", model.cleaning.min_item_ratings);
  if (std::isfinite(model.cleaning.lowest_rating) || std::isfinite(model.cleaning.highest_rating)) {
    facts.text("rating_range",
               fmt::format("{}:{}", model.cleaning.lowest_rating, model.cleaning.highest_rating));
  }
}

void add_account(Facts& facts, const LineAccount& account) {
  facts.count("lines_read", account.read);
  facts.count("lines_used", account.used);
  facts.count("lines_duplicate", account.duplicates);
  facts.count("lines_rejected", account.rejected);
  facts.count("lines_filtered", account.filtered);
  facts.count("lines_blank_or_comment", account.blank);
  facts.count("lines_header", account.header);
}

/// Empty where a figure was not measured.
Cell cell_of(const std::optional<double>& figure) { return figure ? Cell(*figure) : Cell{}; }

/// What --reg auto chose between; `reg` and `reg_bias` are what it chose.
void add_penalty_choice(Facts& facts, const PenaltyChoice& choice) {
  facts.text("reg_auto", choice.chose_best ? "chosen" : "default");
  facts.real("reg_auto_default_reg", choice.given.factors);
  facts.real("reg_auto_default_reg_bias", choice.given.biases);
  facts.add("reg_auto_default_rmse", cell_of(choice.given_rmse));
  facts.real("reg_auto_best_reg", choice.best.factors);
  facts.real("reg_auto_best_reg_bias", choice.best.biases);
  facts.add("reg_auto_best_rmse", cell_of(choice.best_rmse));
  facts.add("reg_auto_gain_in_errors", cell_of(choice.gain_in_errors));
  facts.count("reg_auto_ratings", choice.ratings);
  facts.count("reg_auto_trials", choice.trials);
  facts.count("reg_auto_epochs", choice.epochs);
}

void add_statistics(Facts& facts, const ModelStatistics& statistics) {
  facts.count("epochs_run", statistics.epochs_run);
  facts.count("best_epoch", statistics.best_epoch);
  facts.real("objective", statistics.objective);
  facts.real("train_rmse", statistics.train_rmse);
  facts.add("validation_rmse", cell_of(statistics.validation_rmse));
  facts.add("test_rmse", cell_of(statistics.test_rmse));
  facts.real("dispersion", statistics.dispersion);
  facts.text("dispersion_from", statistics.dispersion_from_validation ? "validation" : "training");
  facts.count("repaired_pivots", statistics.repaired_pivots);
  if (statistics.penalty_choice) add_penalty_choice(facts, *statistics.penalty_choice);
  for (const TraceStatistics& trace : statistics.traces) {
    facts.real("r_hat_" + trace.name, trace.r_hat);
    facts.real("effective_draws_" + trace.name, trace.effective_draws);
  }
}

}  // namespace

void inspect_command(Arguments arguments) {
  std::string path;
  bool quiet = false;  // there is nothing to leave out, but scripts pass it to every command
  Format format = Format::automatic;
  CommandLine line("inspect", "Prints what a model is, how it was trained and on what.");
  line.positional("MODEL", path, "A model saved by alsatian train");
  add_format_option(line, format);
  line.flag("--quiet", quiet, "Nothing on standard error but warnings and errors");
  add_threads_option(line);
  line.examples(
      "reg and reg_bias are in units of standardised ratings; the same in the rating's units\n"
      "stands beside them. train_rmse, validation_rmse and test_rmse are what training measured,\n"
      "on its device: those of evaluate may differ in the last digits. Of bayes train_rmse is the\n"
      "model's, validation_rmse and test_rmse are those of the mean over every draw, of which the\n"
      "model keeps some, and objective is that of the last draw.\n");
  if (!line.parse(arguments)) return;
  Output output;
  const Model model = load_model(path);
  Facts facts;
  add_spec(facts, model);
  add_data(facts, model);
  add_account(facts, model.account);
  add_statistics(facts, model.statistics);
  facts.print(output, format);
  output.flush();
}

}  // namespace alsatian
