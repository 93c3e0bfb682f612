// One pair of functions per struct, fields in the same order in both.
// A field added to a struct must be added to its pair, or it is lost on saving.
#include "host/model/spec_json.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace alsatian {
namespace {

using nlohmann::ordered_json;

constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
constexpr double infinity = std::numeric_limits<double>::infinity();

constexpr std::array<NamedValue<Solver>, 2> solvers{
    {{Solver::cholesky, "cholesky"}, {Solver::conjugate_gradient, "cg"}}};
constexpr std::array<NamedValue<Precision>, 2> precisions{
    {{Precision::fp32, "fp32"}, {Precision::fast, "fast"}}};
constexpr std::array<NamedValue<Optimizer>, 2> optimizers{
    {{Optimizer::adagrad, "adagrad"}, {Optimizer::sgd, "sgd"}}};
constexpr std::array<NamedValue<Schedule>, 2> schedules{
    {{Schedule::exponential, "exponential"}, {Schedule::inverse_time, "inverse_time"}}};
constexpr std::array<NamedValue<Updates>, 2> update_kinds{
    {{Updates::blocks, "blocks"}, {Updates::hogwild, "hogwild"}}};
constexpr std::array<NamedValue<FactorStorage>, 2> storages{
    {{FactorStorage::floats, "float"}, {FactorStorage::halves, "half"}}};
constexpr std::array<NamedValue<Features>, 2> feature_kinds{
    {{Features::implicit, "implicit"}, {Features::none, "none"}}};
constexpr std::array<NamedValue<DuplicateRule>, 3> duplicate_rules{
    {{DuplicateRule::last, "last"},
     {DuplicateRule::mean, "mean"},
     {DuplicateRule::error, "error"}}};
constexpr std::array<NamedValue<SplitRule::Kind>, 6> split_kinds{
    {{SplitRule::Kind::none, "none"},
     {SplitRule::Kind::file, "file"},
     {SplitRule::Kind::holdout, "holdout"},
     {SplitRule::Kind::holdout_last, "holdout_last"},
     {SplitRule::Kind::time, "time"},
     {SplitRule::Kind::fold, "fold"}}};

template <typename Enum, std::size_t Size>
std::string_view name_of(Enum wanted, const std::array<NamedValue<Enum>, Size>& names) {
  for (const auto& [value, name] : names) {
    if (value == wanted) return name;
  }
  return {};
}

template <typename Enum, std::size_t Size>
Enum named(const JsonFields& fields, const std::string& key,
           const std::array<NamedValue<Enum>, Size>& names) {
  return fields.named(key, std::span<const NamedValue<Enum>>(names));
}

ordered_json finite_or_null(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

ordered_json finite_or_null(const std::optional<double>& value) {
  return value ? finite_or_null(*value) : ordered_json(nullptr);
}

void add_fields(ordered_json& fields, const Als& als) {
  fields["solver"] = name_of(als.solver, solvers);
  fields["solver_steps"] = als.solver_steps;
  fields["precision"] = name_of(als.precision, precisions);
}

void add_fields(ordered_json& fields, const Mle& mle) {
  fields["optimizer"] = name_of(mle.optimizer, optimizers);
  fields["learning_rate"] = mle.learning_rate;
  fields["schedule"] = name_of(mle.schedule, schedules);
  fields["decay"] = mle.decay;
  fields["patience"] = mle.patience;
  fields["updates"] = name_of(mle.updates, update_kinds);
  fields["storage"] = name_of(mle.storage, storages);
}

void add_fields(ordered_json& fields, const LeastSquares& least_squares) {
  fields["inner_steps"] = least_squares.inner_steps;
}

void add_fields(ordered_json& fields, const Bayes& bayes) {
  fields["burn_in"] = bayes.burn_in;
  fields["keep"] = bayes.keep;
  fields["features"] = name_of(bayes.features, feature_kinds);
  fields["likelihood_power"] = bayes.likelihood_power;
  fields["start_epochs"] = bayes.start_epochs;
  fields["chains"] = bayes.chains;
  if (bayes.feature_files) fields["feature_files"] = true;
}

void read_fields(const JsonFields& fields, Als& als) {
  als.solver = named(fields, "solver", solvers);
  als.solver_steps = static_cast<int>(fields.integer("solver_steps", 1, most));
  if (fields.has("precision")) als.precision = named(fields, "precision", precisions);
}

void read_fields(const JsonFields& fields, Mle& mle) {
  mle.optimizer = named(fields, "optimizer", optimizers);
  mle.learning_rate = fields.number("learning_rate", 0);
  mle.schedule = named(fields, "schedule", schedules);
  mle.decay = fields.number("decay", 0);
  mle.patience = static_cast<int>(fields.integer("patience", 0, most));
  if (fields.has("updates")) mle.updates = named(fields, "updates", update_kinds);
  if (fields.has("storage")) mle.storage = named(fields, "storage", storages);
}

void read_fields(const JsonFields& fields, LeastSquares& least_squares) {
  least_squares.inner_steps = static_cast<int>(fields.integer("inner_steps", 1, most));
}

void read_fields(const JsonFields& fields, Bayes& bayes) {
  bayes.burn_in = static_cast<int>(fields.integer("burn_in", 0, most));
  bayes.keep = static_cast<int>(fields.integer("keep", 1, largest_keep));
  bayes.features = named(fields, "features", feature_kinds);
  bayes.likelihood_power = fields.number("likelihood_power", 0, 1);
  bayes.start_epochs = static_cast<int>(fields.integer("start_epochs", 0, most));
  if (fields.has("chains")) {
    bayes.chains = static_cast<int>(fields.integer("chains", 1, largest_chains));
  }
  if (fields.has("feature_files")) bayes.feature_files = fields.boolean("feature_files");
}

/// The alternative of a closed list of types whose static `name` is in the field.
template <typename Variant, std::size_t Index = 0>
Variant alternative_named(const JsonFields& fields, const std::string& key,
                          std::string_view wanted) {
  if constexpr (Index == std::variant_size_v<Variant>) {
    fields.fail(key, "is not known to this build");
  } else {
    using Alternative = std::variant_alternative_t<Index, Variant>;
    if (Alternative::name == wanted) return Alternative{};
    return alternative_named<Variant, Index + 1>(fields, key, wanted);
  }
}

}  // namespace

ordered_json to_json(const ModelSpec& spec) {
  ordered_json fields;
  fields["algorithm"] = algorithm_name(spec.algorithm);
  std::visit([&](const auto& algorithm) { add_fields(fields, algorithm); }, spec.algorithm);
  fields["likelihood"] = likelihood_name(spec.likelihood);
  fields["rank"] = spec.rank;
  fields["biases"] = spec.biases;
  fields["regularization"] = {{"factors", spec.regularization.factors},
                              {"biases", spec.regularization.biases},
                              {"scaling", spec.regularization.scaling}};
  fields["epochs"] = spec.epochs;
  fields["start_deviation"] = spec.start_deviation;
  fields["seed"] = spec.seed;
  // For whoever compares two files; it follows from the others and is not read.
  fields["reproducible"] = is_reproducible(spec);
  return fields;
}

ModelSpec spec_from_json(const JsonFields& fields) {
  ModelSpec spec;
  spec.algorithm = alternative_named<Algorithm>(fields, "algorithm", fields.text("algorithm"));
  std::visit([&](auto& algorithm) { read_fields(fields, algorithm); }, spec.algorithm);
  spec.likelihood = alternative_named<Likelihood>(fields, "likelihood", fields.text("likelihood"));
  spec.rank = static_cast<std::int32_t>(fields.integer("rank", 0, largest_rank));
  spec.biases = fields.boolean("biases");
  const JsonFields regularization = fields.object("regularization");
  spec.regularization.factors = regularization.number("factors", 0);
  spec.regularization.biases = regularization.number("biases", 0);
  spec.regularization.scaling = regularization.number("scaling", 0, 1);
  spec.epochs = static_cast<int>(fields.integer("epochs", 0, most));
  spec.start_deviation = fields.number("start_deviation", 0);
  spec.seed = fields.seed("seed");
  return spec;
}

ordered_json to_json(const FeatureSource& source) {
  ordered_json fields{{"file", source.file}, {"columns", ordered_json::array()}};
  for (const FeatureColumn& column : source.columns) {
    fields["columns"].push_back({{"name", column.name},
                                 {"kind", column.kind},
                                 {"features", column.features},
                                 {"note", column.note}});
  }
  return fields;
}

FeatureSource feature_source_from_json(const JsonFields& fields, const std::string& place) {
  FeatureSource source{.file = fields.text("file"), .columns = {}};
  for (const auto& entry : fields.array("columns")) {
    const JsonFields column(entry, place, "alsatian.features");
    source.columns.push_back(
        {column.text("name"), column.text("kind"), column.count("features"), column.text("note")});
  }
  return source;
}

ordered_json to_json(const RatingScale& scale) {
  return {{"mean", scale.mean},
          {"deviation", scale.deviation},
          {"score_mean", scale.score_mean},
          {"lowest", scale.lowest},
          {"highest", scale.highest}};
}

RatingScale scale_from_json(const JsonFields& fields) {
  RatingScale scale;
  scale.mean = fields.number("mean");
  scale.deviation = fields.number("deviation", std::numeric_limits<double>::min());
  scale.score_mean = fields.number("score_mean");
  // Ratings, which are floats.
  constexpr double largest = std::numeric_limits<float>::max();
  scale.lowest = fields.number("lowest", -largest, largest);
  scale.highest = fields.number("highest", scale.lowest, largest);
  return scale;
}

ordered_json to_json(const SplitRule& split) {
  return {{"kind", name_of(split.kind, split_kinds)},
          {"share", split.share},
          {"count", split.count},
          {"time", split.time},
          {"fold", split.fold},
          {"folds", split.folds},
          {"validation_share", split.validation_share},
          {"seed", split.seed}};
}

SplitRule split_from_json(const JsonFields& fields) {
  SplitRule split;
  split.kind = named(fields, "kind", split_kinds);
  split.share = fields.number("share", 0, 1);
  split.count = fields.count("count");
  split.time = fields.integer("time", std::numeric_limits<std::int64_t>::min(),
                              std::numeric_limits<std::int64_t>::max());
  split.fold = static_cast<std::int32_t>(fields.integer("fold", 0, most));
  split.folds = static_cast<std::int32_t>(fields.integer("folds", 0, most));
  split.validation_share = fields.number("validation_share", 0, 1);
  split.seed = fields.seed("seed");
  return split;
}

ordered_json to_json(const CleaningOptions& cleaning, std::optional<double> positive) {
  return {{"duplicates", name_of(cleaning.duplicates, duplicate_rules)},
          {"min_user_ratings", cleaning.min_user_ratings},
          {"min_item_ratings", cleaning.min_item_ratings},
          {"lowest_rating", finite_or_null(cleaning.lowest_rating)},
          {"highest_rating", finite_or_null(cleaning.highest_rating)},
          {"positive", finite_or_null(positive)}};
}

CleaningOptions cleaning_from_json(const JsonFields& fields) {
  CleaningOptions cleaning;
  cleaning.duplicates = named(fields, "duplicates", duplicate_rules);
  cleaning.min_user_ratings = fields.count("min_user_ratings");
  cleaning.min_item_ratings = fields.count("min_item_ratings");
  cleaning.lowest_rating = fields.optional_number("lowest_rating").value_or(-infinity);
  cleaning.highest_rating = fields.optional_number("highest_rating").value_or(infinity);
  return cleaning;
}

std::optional<double> positive_from_json(const JsonFields& fields) {
  return fields.optional_number("positive");
}

ordered_json to_json(const LineAccount& account) {
  return {{"read", account.read},
          {"used", account.used},
          {"duplicates", account.duplicates},
          {"rejected", account.rejected},
          {"filtered", account.filtered},
          {"blank", account.blank},
          {"header", account.header}};
}

LineAccount account_from_json(const JsonFields& fields) {
  LineAccount account;
  account.read = fields.count("read");
  account.used = fields.count("used");
  account.duplicates = fields.count("duplicates");
  account.rejected = fields.count("rejected");
  account.filtered = fields.count("filtered");
  account.blank = fields.count("blank");
  account.header = fields.count("header");
  return account;
}

ordered_json to_json(const TraceStatistics& trace) {
  return {{"name", trace.name},
          {"mean", trace.mean},
          {"deviation", trace.deviation},
          {"r_hat", trace.r_hat},
          {"effective_draws", trace.effective_draws}};
}

ordered_json to_json(const PenaltyChoice& choice) {
  return {{"default_reg", choice.given.factors},
          {"default_reg_bias", choice.given.biases},
          {"best_reg", choice.best.factors},
          {"best_reg_bias", choice.best.biases},
          {"chosen", choice.chose_best ? "best" : "default"},
          {"ratings", choice.ratings},
          {"default_rmse", finite_or_null(choice.given_rmse)},
          {"best_rmse", finite_or_null(choice.best_rmse)},
          {"gain_in_errors", finite_or_null(choice.gain_in_errors)},
          {"trials", choice.trials},
          {"epochs", choice.epochs}};
}

ordered_json to_json(const ModelStatistics& statistics) {
  ordered_json fields = {{"epochs_run", statistics.epochs_run},
                         {"best_epoch", statistics.best_epoch},
                         {"objective", statistics.objective},
                         {"train_rmse", statistics.train_rmse},
                         {"validation_rmse", finite_or_null(statistics.validation_rmse)},
                         {"test_rmse", finite_or_null(statistics.test_rmse)},
                         {"dispersion", statistics.dispersion},
                         {"dispersion_from_validation", statistics.dispersion_from_validation},
                         {"repaired_pivots", statistics.repaired_pivots}};
  if (statistics.penalty_choice) fields["reg_auto"] = to_json(*statistics.penalty_choice);
  if (statistics.traces.empty()) return fields;
  ordered_json traces = ordered_json::array();
  for (const TraceStatistics& trace : statistics.traces) traces.push_back(to_json(trace));
  fields["traces"] = std::move(traces);
  return fields;
}

std::vector<TraceStatistics> traces_from_json(const std::vector<JsonFields>& listed) {
  std::vector<TraceStatistics> traces;
  for (const JsonFields& fields : listed) {
    traces.push_back({.name = fields.text("name"),
                      .mean = fields.number("mean"),
                      .deviation = fields.number("deviation", 0),
                      .r_hat = fields.number("r_hat", 0),
                      .effective_draws = fields.number("effective_draws", 0)});
  }
  return traces;
}

PenaltyChoice penalty_choice_from_json(const JsonFields& fields) {
  constexpr std::array<NamedValue<bool>, 2> choices{{{true, "best"}, {false, "default"}}};
  PenaltyChoice choice;
  choice.given.factors = fields.number("default_reg", 0);
  choice.given.biases = fields.number("default_reg_bias", 0);
  choice.best.factors = fields.number("best_reg", 0);
  choice.best.biases = fields.number("best_reg_bias", 0);
  choice.chose_best = named(fields, "chosen", choices);
  choice.ratings = fields.count("ratings");
  choice.given_rmse = fields.optional_number("default_rmse");
  choice.best_rmse = fields.optional_number("best_rmse");
  choice.gain_in_errors = fields.optional_number("gain_in_errors");
  choice.trials = static_cast<int>(fields.integer("trials", 0, most));
  choice.epochs = fields.count("epochs");
  return choice;
}

ModelStatistics statistics_from_json(const JsonFields& fields) {
  ModelStatistics statistics;
  statistics.epochs_run = static_cast<int>(fields.integer("epochs_run", 0, most));
  statistics.best_epoch = static_cast<int>(fields.integer("best_epoch", 0, most));
  statistics.objective = fields.number("objective");
  statistics.train_rmse = fields.number("train_rmse", 0);
  statistics.validation_rmse = fields.optional_number("validation_rmse");
  statistics.test_rmse = fields.optional_number("test_rmse");
  statistics.dispersion = fields.number("dispersion", 0);
  statistics.dispersion_from_validation = fields.boolean("dispersion_from_validation");
  statistics.repaired_pivots = fields.count("repaired_pivots");
  if (fields.has("reg_auto")) {
    statistics.penalty_choice = penalty_choice_from_json(fields.object("reg_auto"));
  }
  if (fields.has("traces")) statistics.traces = traces_from_json(fields.objects("traces"));
  return statistics;
}

}  // namespace alsatian
