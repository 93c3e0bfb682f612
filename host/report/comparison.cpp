// Implements comparison.hpp.
// Columns with a figure of each model have the model's name, as the rows of the other tables do.
#include "host/report/comparison.hpp"

#include "host/error.hpp"
#include "host/evaluate/definitions.hpp"
#include "host/report/number_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <numeric>

namespace alsatian {
namespace {

/// Nothing where a figure is not a number.
Value number(double value) { return std::isnan(value) ? Value{} : Value{value}; }

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
constexpr Estimate nothing{undefined, {undefined, undefined}};

/// The value and the ends of its interval.
void append_estimate(const Estimate& estimate, std::vector<Value>& row) {
  for (const double value : {estimate.value, estimate.interval.lower, estimate.interval.upper}) {
    row.push_back(number(value));
  }
}

std::string percent(double confidence) { return fmt::format("{:.6g} %", 100 * confidence); }

const std::string& baseline_name(const Comparison& comparison) {
  return comparison.models[comparison.errors.baseline].name();
}

std::int64_t training_ratings(const Model& model) {
  return std::accumulate(model.user_counts.begin(), model.user_counts.end(), std::int64_t{0});
}

/// The figures of errors, then those of ranking.
std::vector<const ComparedFigure*> all_figures(const Comparison& comparison) {
  std::vector<const ComparedFigure*> figures;
  for (const ComparedFigure& figure : comparison.errors.figures) figures.push_back(&figure);
  if (!comparison.ranking) return figures;
  for (const ComparedFigure& figure : comparison.ranking->figures) figures.push_back(&figure);
  return figures;
}

/// A column and a line of each model, or points where x are categories. A model that has the name
/// of a column is told apart from it.
void add_series(const Comparison& comparison, Figure& figure) {
  std::vector<std::string>& columns = figure.data.columns;
  for (const ComparedModel& model : comparison.models) {
    std::string column = printable(model.name());
    while (std::ranges::find(columns, column) != columns.end()) column += " (model)";
    columns.push_back(column);
    figure.plot.series.push_back({column, model.name(), Mark::line});
  }
  figure.data.own_names = comparison.models.size();
}

Figure group_figure(const Comparison& comparison, const std::vector<ComparedGroup>& groups,
                    const std::string& name, const std::string& title, const char* row) {
  Figure figure{.name = name, .title = title};
  figure.text = fmt::format(
      "RMSE of each model by how many training ratings {} has of the {}: the same ratings for "
      "every "
      "model. Lower is better.",
      comparison.models.front().name(), row);
  figure.data.columns = {"group", "ratings"};
  figure.plot = {.x = "group", .y_title = "RMSE (lower is better)"};
  add_series(comparison, figure);
  for (const ComparedGroup& group : groups) {
    std::vector<Value> cells{group.name, group.count};
    for (const double rmse : group.rmse) cells.emplace_back(rmse);
    figure.data.rows.push_back(std::move(cells));
  }
  return figure;
}

Figure residual_figure(const Comparison& comparison) {
  Figure figure{
      .name = "residual_quantiles",
      .title = "Quantiles of the residuals",
      .text =
          "Below which rating − prediction of each model so large a share of the test "
          "ratings lies. The nearer to 0 the better: a flat line at 0 would be a model without "
          "errors."};
  figure.data.columns = {"share"};
  figure.plot = {.x = "share",
                 .x_title = "share of the test ratings",
                 .y_title = "rating − prediction (0 is best)"};
  add_series(comparison, figure);
  for (std::size_t at = 0; at < residual_shares.size(); ++at) {
    std::vector<Value> cells{residual_shares[at]};
    for (const auto& quantiles : comparison.errors.residual_quantiles) {
      cells.emplace_back(quantiles[at]);
    }
    figure.data.rows.push_back(std::move(cells));
  }
  return figure;
}

/// Figures in the same unit, which share an axis.
enum class Unit { rating, nats, share };

Unit unit_of(const ComparedFigure& figure) {
  if (figure.over == "ranked users") return Unit::share;
  return figure.name == "nll" ? Unit::nats : Unit::rating;
}

/// Differences to the baseline with their intervals, one below the other. Not drawn where no model
/// has one.
void add_forest(const Comparison& comparison, Unit unit, const std::string& name,
                const std::string& title, Section& section) {
  Figure forest{.name = name, .title = title};
  const bool higher = unit == Unit::share;
  forest.text = fmt::format(
      "Figure of the model − figure of {0}, with its {1} interval. {2} is better: {3} 0 the model "
      "is better than {0}. Where the interval does not reach 0, the models differ beyond what "
      "other users would change.",
      baseline_name(comparison), percent(comparison.bootstrap.confidence),
      higher ? "Higher" : "Lower", higher ? "above" : "below");
  forest.data.columns = {"row", "difference", "lower", "upper", "verdict"};
  forest.plot = {.x = "row",
                 .series = {{"difference", "difference", Mark::points}},
                 .y_title = fmt::format("difference to {} ({} is better)",
                                        baseline_name(comparison), higher ? "higher" : "lower"),
                 .lower = "lower",
                 .upper = "upper"};
  const std::size_t baseline = comparison.errors.baseline;
  for (const ComparedFigure* compared : all_figures(comparison)) {
    const ComparedFigure& figure = *compared;
    for (std::size_t model = 0; model < figure.models.size(); ++model) {
      const std::string judged(verdict(figure, model, baseline));
      if (unit_of(figure) != unit || judged.empty()) continue;
      const Estimate& difference = figure.models[model].difference;
      const std::string over = figure.over == "known to all" ? ", known to all" : "";
      forest.data.rows.push_back(
          {fmt::format("{}: {}{}", comparison.models[model].name(), figure.name, over),
           difference.value, difference.interval.lower, difference.interval.upper, judged});
    }
  }
  if (!forest.data.rows.empty()) section.figures.push_back(std::move(forest));
}

Figure table(const std::string& name, const std::string& title, Grid grid,
             const std::string& text = "") {
  return {.name = name, .title = title, .text = text, .data = std::move(grid)};
}

std::vector<std::string> notes_of(const Comparison& comparison) {
  const ErrorComparison& errors = comparison.errors;
  std::vector<std::string> notes{fmt::format(
      "{} ratings of {} users, of which {} are of users and items that every model knows. "
      "Differences are those to {}.",
      comparison.test.ratings.size(), errors.users, errors.known_ratings,
      baseline_name(comparison))};
  for (std::size_t model = 0; model < comparison.models.size(); ++model) {
    const auto trained_on = comparison.files[model].trained_on;
    if (trained_on.value_or(0) == 0) continue;
    notes.push_back(
        fmt::format("{} was trained on {} of the test ratings: its figures are too good.",
                    comparison.models[model].name(), *trained_on));
  }
  return notes;
}

Section figure_section(const Comparison& comparison) {
  Section section{.title = "Figures on " + comparison.test.name, .notes = notes_of(comparison)};
  add_forest(comparison, Unit::rating, "error_differences", "Differences of errors", section);
  add_forest(comparison, Unit::nats, "nll_differences", "Differences of NLL", section);
  add_forest(comparison, Unit::share, "ranking_differences", "Differences of ranking figures",
             section);
  section.figures.push_back(table("figures", "Every figure", figures_grid(comparison)));
  section.figures.push_back(
      table("definitions", "What the figures are", definitions_grid(comparison)));
  return section;
}

/// Some columns of a grid, by name.
Grid columns_of(const Grid& grid, std::initializer_list<const char*> names) {
  Grid some;
  some.rows.resize(grid.rows.size());
  for (const char* name : names) {
    const auto at =
        static_cast<std::size_t>(std::ranges::find(grid.columns, name) - grid.columns.begin());
    some.columns.emplace_back(name);
    for (std::size_t row = 0; row < grid.rows.size(); ++row) {
      some.rows[row].push_back(grid.rows[row][at]);
    }
  }
  return some;
}

Section group_section(const Comparison& comparison) {
  Section section{.title = "Where they differ"};
  section.figures.push_back(group_figure(comparison, comparison.errors.by_user_activity,
                                         "rmse_by_user_activity", "RMSE by activity of the user",
                                         "user"));
  section.figures.push_back(group_figure(comparison, comparison.errors.by_item_popularity,
                                         "rmse_by_item_popularity",
                                         "RMSE by popularity of the item", "item"));
  section.figures.push_back(residual_figure(comparison));
  return section;
}

}  // namespace

std::string_view verdict(const ComparedFigure& figure, std::size_t model, std::size_t baseline) {
  const ModelFigure& compared = figure.models[model];
  if (model == baseline || std::isnan(compared.difference.interval.lower)) return "";
  if (!compared.excludes_zero()) return "undecided";
  return (compared.difference.value < 0) == figure.smaller_is_better ? "better" : "worse";
}

Grid models_grid(const Comparison& comparison) {
  Grid grid;
  grid.columns = {
      "model",         "algorithm",     "likelihood",       "k",     "reg",   "reg_bias",
      "epochs",        "train_rmse",    "training_ratings", "users", "items", "bytes",
      "unknown_users", "unknown_items", "trained_on"};
  for (std::size_t at = 0; at < comparison.models.size(); ++at) {
    const ComparedModel& compared = comparison.models[at];
    const Model& model = compared.model();
    const ComparedFile& file = comparison.files[at];
    grid.rows.push_back(
        {compared.name(), std::string(algorithm_name(model.spec.algorithm)),
         std::string(likelihood_name(model.spec.likelihood)), std::int64_t{model.spec.rank},
         double{model.spec.regularization.factors}, double{model.spec.regularization.biases},
         std::int64_t{model.statistics.epochs_run}, model.statistics.train_rmse,
         training_ratings(model), std::int64_t{model.users.size()},
         std::int64_t{model.items.size()}, file.bytes, comparison.errors.unknown_users[at],
         comparison.errors.unknown_items[at], file.trained_on ? Value{*file.trained_on} : Value{}});
  }
  return grid;
}

Grid figures_grid(const Comparison& comparison) {
  Grid grid;
  grid.columns = {"figure",
                  "over",
                  "model",
                  "value",
                  "lower",
                  "upper",
                  "difference",
                  "difference_lower",
                  "difference_upper",
                  "verdict"};
  grid.naming = 3;
  const std::size_t baseline = comparison.errors.baseline;
  const auto add = [&](const std::string& name, const std::string& over, std::size_t model,
                       const ModelFigure& figure, std::string_view judged) {
    std::vector<Value> row{name, over, comparison.models[model].name()};
    append_estimate(figure.figure, row);
    append_estimate(model == baseline ? nothing : figure.difference, row);
    row.emplace_back(std::string(judged));
    grid.rows.push_back(std::move(row));
  };
  for (const ComparedFigure* figure : all_figures(comparison)) {
    for (std::size_t model = 0; model < figure->models.size(); ++model) {
      add(figure->name, figure->over, model, figure->models[model],
          verdict(*figure, model, baseline));
    }
  }
  if (!comparison.ranking) return grid;
  const std::vector<double>& coverage = comparison.ranking->catalogue_coverage;
  for (std::size_t model = 0; model < coverage.size(); ++model) {
    ModelFigure figure{.figure = nothing, .difference = nothing};
    figure.figure.value = coverage[model];
    figure.difference.value = coverage[model] - coverage[baseline];
    add("catalogue_coverage", "ranked users", model, figure, "");
  }
  return grid;
}

Grid definitions_grid(const Comparison& comparison) {
  Grid grid;
  grid.columns = {"figure", "over", "count", "definition"};
  grid.naming = 2;
  const std::int32_t top = comparison.ranking ? comparison.ranking->top : 0;
  for (const ComparedFigure* figure : all_figures(comparison)) {
    grid.rows.push_back(
        {figure->name, figure->over, figure->count, figure_definition(figure->name, top)});
  }
  if (comparison.ranking) {
    const std::int64_t users = comparison.ranking->figures.front().count;
    grid.rows.push_back(
        {"catalogue_coverage", "ranked users", users, figure_definition("catalogue_coverage")});
    grid.rows.push_back(
        {"users", "ranked users", users,
         "known to every model; " + ranked_users_definition(comparison.ranking->relevant_from)});
  }
  // Of the table of models.
  for (const char* name : {"unknown_users", "unknown_items", "trained_on"}) {
    grid.rows.push_back({name, "all", comparison.test.ratings.size(), figure_definition(name)});
  }
  grid.rows.push_back(
      {"interval", "all", comparison.errors.users,
       fmt::format("central {} of the figure over {} resamples of the users, each drawn with all "
                   "of their test ratings and the same for every model (percentile bootstrap, seed "
                   "{})",
                   percent(comparison.bootstrap.confidence), comparison.bootstrap.resamples,
                   comparison.bootstrap.seed)});
  grid.rows.push_back({"difference",
                       "all",
                       {},
                       fmt::format("figure of the model − figure of {}; better or worse where its "
                                   "interval excludes 0, else undecided",
                                   baseline_name(comparison))});
  return grid;
}

Page comparison_page(const Comparison& comparison) {
  Page page{.title = fmt::format("{} models on {}", comparison.models.size(), comparison.test.name),
            .lead = "The same test ratings for every model, and how sure their differences are."};
  page.facts = {{"test ratings", fmt::format("{}", comparison.test.ratings.size())},
                {"users", fmt::format("{}", comparison.errors.users)},
                {"baseline", baseline_name(comparison)}};
  for (std::size_t model = 0; model < comparison.models.size(); ++model) {
    page.facts.emplace_back(
        "RMSE of " + comparison.models[model].name(),
        four_decimals(comparison.errors.figures.front().models[model].figure.value));
  }
  page.sections.push_back(figure_section(comparison));
  page.sections.push_back(group_section(comparison));
  Section models{.title = "The models"};
  // Two tables: one of all columns would be wider than the page.
  const Grid all = models_grid(comparison);
  models.figures.push_back(table("models", "How they were trained",
                                 columns_of(all, {"model", "algorithm", "likelihood", "k", "reg",
                                                  "reg_bias", "epochs", "train_rmse"})));
  models.figures.push_back(
      table("models_data", "What they know of the data",
            columns_of(all, {"model", "training_ratings", "users", "items", "bytes",
                             "unknown_users", "unknown_items", "trained_on"}),
            "bytes: of the model's file. Of the test ratings, unknown users and unknown items: "
            "those whose user or item the model does not know; trained on: those that the model "
            "was trained on, which should be 0 (empty: without --data nobody knows)."));
  page.sections.push_back(std::move(models));
  return page;
}

}  // namespace alsatian
