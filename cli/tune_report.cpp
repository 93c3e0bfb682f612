// Implements tune_report.hpp.
// One grid holds every trial; table and figures take their columns from it.
#include "cli/tune_report.hpp"

#include "cli/log.hpp"
#include "host/report/heat_map.hpp"
#include "host/report/number_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

namespace alsatian {
namespace {

/// Axes whose largest value is so many times the smallest are drawn logarithmic.
constexpr double wide = 8;
/// More lines than that in a plot are told apart by nobody.
constexpr std::size_t most_lines = 12;

std::string column_name(const SearchAxis& axis) {
  std::string name = axis.name == "lr" ? "learning_rate" : axis.name;
  std::ranges::replace(name, '-', '_');
  return name;
}

Value number(double value, bool whole) {
  return whole ? Value(static_cast<std::int64_t>(value)) : Value(value);
}

/// measured: what stands beside the trial's number, on a phone too, where other columns scroll.
std::vector<std::string> setting_columns(const TunePlan& plan,
                                         std::initializer_list<const char*> measured = {}) {
  std::vector<std::string> columns{"trial"};
  columns.insert(columns.end(), measured.begin(), measured.end());
  columns.insert(columns.end(), {"k", "reg", "reg_bias", "reg_scaling"});
  if (std::holds_alternative<Mle>(plan.specs.front().algorithm)) {
    columns.insert(columns.end(), {"learning_rate", "decay"});
  }
  return columns;
}

/// A value for each of setting_columns.
std::vector<Value> settings_of(std::size_t trial, const ModelSpec& spec) {
  const Regularization& regularization = spec.regularization;
  std::vector<Value> row{static_cast<std::int64_t>(trial + 1), std::int64_t{spec.rank},
                         regularization.factors, regularization.biases, regularization.scaling};
  if (const auto* mle = std::get_if<Mle>(&spec.algorithm)) {
    row.insert(row.end(), {Value(mle->learning_rate), Value(mle->decay)});
  }
  return row;
}

bool is_halving(const TunePlan& plan) { return plan.tuner.rungs.size() > 1; }

/// Whether a trial, of a fold or of all, gained too little to run all epochs of its rung.
bool is_stopped_early(const TunePlan& plan, const TrialResult& trial) {
  const TrialFigures& figures = trial.figures;
  const int epochs =
      plan.tuner.folds * plan.tuner.rungs[static_cast<std::size_t>(trial.rung)].epochs;
  return plan.tuner.rules.early_stop && !figures.diverged && figures.epochs < epochs;
}

/// A trial's name over its mark.
std::string trial_name(const TunePlan& plan, const TuningResult& result, std::size_t trial) {
  return fmt::format("trial {}{}", trial + 1,
                     is_stopped_early(plan, result.trials[trial]) ? " (stopped early)" : "");
}

/// The columns of every trial, in the order of both table and report.
Grid trial_grid(const TunePlan& plan, const TuningResult& result) {
  const bool has_rungs = is_halving(plan);
  const bool has_folds = plan.tuner.folds > 1;
  const bool stops_early = plan.tuner.rules.early_stop.has_value();
  Grid grid;
  grid.columns = setting_columns(plan, {"validation_rmse"});
  const auto add = [&](bool wanted, std::initializer_list<const char*> names) {
    if (wanted) grid.columns.insert(grid.columns.end(), names.begin(), names.end());
  };
  add(has_rungs, {"rung"});
  add(has_folds, {"rmse_sd"});
  add(true, {"validation_loss", "best_epoch", "epochs"});
  add(stops_early, {"stopped_early"});
  add(true, {"seconds"});
  for (const std::size_t trial : best_first(result)) {
    const TrialResult& found = result.trials[trial];
    const TrialFigures& figures = found.figures;
    if (figures.epochs == 0) continue;  // interrupted before
    const auto shown = [&](Value value) { return figures.diverged ? Value() : value; };
    std::vector<Value> row = settings_of(trial, plan.specs[trial]);
    row.insert(row.begin() + 1, shown(figures.rmse));
    if (has_rungs) row.emplace_back(std::int64_t{found.rung + 1});
    if (has_folds) row.push_back(shown(found.rmse_deviation));
    row.push_back(shown(figures.loss));
    row.push_back(shown(std::int64_t{figures.best_epoch}));
    row.emplace_back(std::int64_t{figures.epochs});
    if (stops_early) row.emplace_back(is_stopped_early(plan, found) ? "yes" : "no");
    row.emplace_back(figures.seconds);
    grid.rows.push_back(std::move(row));
  }
  return grid;
}

Figure trial_figure(const TunePlan& plan, const TuningResult& result) {
  Figure figure{.name = "trials",
                .title = "Trials, the best first",
                .text =
                    "Trials are compared by validation_loss, the mean loss per rating of the "
                    "likelihood in standardized units after best_epoch: of als and ls the last, "
                    "of mle the best."};
  if (plan.tuner.folds > 1) {
    figure.text += fmt::format(
        " Errors are over the ratings of all {0} folds, rmse_sd is their deviation from fold to "
        "fold, best_epoch their mean; epochs and seconds are sums over the {0} folds.",
        plan.tuner.folds);
  }
  if (is_halving(plan)) {
    figure.text += " Of halving epochs and seconds are those of all rungs up to the trial's last.";
  }
  if (plan.tuner.rules.early_stop) {
    figure.text +=
        " Stopped early: a trial that gained too little to go on; its errors are of the epoch that "
        "it was stopped at, of mle of the best up to there.";
  }
  figure.data = trial_grid(plan, result);
  return figure;
}

bool is_measured(const TrialResult& trial) {
  return trial.figures.epochs > 0 && !trial.figures.diverged;
}

Axis drawn_axis(const SearchAxis& axis) {
  const double lowest = axis.range ? axis.range->lowest : axis.values.front();
  const double highest = axis.range ? axis.range->highest : axis.values.back();
  return lowest > 0 && highest > wide * lowest ? Axis::logarithmic : Axis::linear;
}

/// How far halving let a trial go: trials of few epochs are not to be compared with those of many.
std::string epochs_of_rung(const TunePlan& plan, const TrialResult& trial) {
  return counted(plan.tuner.rungs[static_cast<std::size_t>(trial.rung)].epochs, "epoch");
}

std::string halving_text() {
  return " Colors and shapes: after how many epochs, which halving gives to fewer and fewer "
         "trials; "
         "those of few epochs are worse for that alone.";
}

/// Trials that have figures, by an axis; of halving by how far they went first.
std::vector<std::size_t> measured_by(const TunePlan& plan, const TuningResult& result,
                                     const SearchAxis& axis) {
  std::vector<std::size_t> order;
  for (std::size_t trial = 0; trial < plan.specs.size(); ++trial) {
    if (is_measured(result.trials[trial])) order.push_back(trial);
  }
  std::ranges::stable_sort(order, {}, [&](std::size_t trial) {
    return std::pair(result.trials[trial].rung, setting_of(axis, plan.specs[trial]));
  });
  return order;
}

/// What the points of an axis_figure are, and why two at one place differ.
std::string points_text(const TunePlan& plan) {
  if (plan.axes.size() < 2) return "A point for each trial.";
  return "A point for each trial, whose other settings differ as well: what this setting alone "
         "does "
         "shows where the lowest points lie.";
}

/// Validation RMSE against one axis, a line for each value of another where there is one to tell
/// by.
Figure axis_figure(const TunePlan& plan, const TuningResult& result, const SearchAxis& axis,
                   const SearchAxis* other) {
  const std::string column = column_name(axis);
  Figure figure{.name = "rmse_by_" + column,
                .title = fmt::format("Validation RMSE by {}", axis.name)};
  const bool is_listed = !plan.drawn && !axis.range && (other == nullptr || !other->range);
  const bool lines = plan.axes.size() <= 2 && is_listed && !is_halving(plan) &&
                     (other == nullptr || other->values.size() <= most_lines);
  figure.data.columns = {column, "validation_rmse", "trial"};
  if (other != nullptr) figure.data.columns.push_back(column_name(*other));
  if (is_halving(plan)) figure.data.columns.emplace_back("after");
  for (const std::size_t trial : measured_by(plan, result, axis)) {
    std::vector<Value> row{number(setting_of(axis, plan.specs[trial]), axis.whole),
                           result.trials[trial].figures.rmse, trial_name(plan, result, trial)};
    if (other != nullptr) {
      row.push_back(number(setting_of(*other, plan.specs[trial]), other->whole));
    }
    if (is_halving(plan)) row.emplace_back(epochs_of_rung(plan, result.trials[trial]));
    figure.data.rows.push_back(std::move(row));
  }
  figure.plot = {
      .x = column,
      .series = {{"validation_rmse", "validation RMSE", lines ? Mark::line : Mark::points}},
      .x_title = axis.name,
      .y_title = "validation RMSE",
      .x_axis = drawn_axis(axis),
      .hover = "trial"};
  if (!lines) figure.text = points_text(plan);
  if (is_halving(plan)) {
    figure.plot.group = "after";
    figure.text += halving_text();
  } else if (other != nullptr && lines) {
    figure.plot.group = column_name(*other);
    figure.text = fmt::format("A line for each {}.", other->name);
  }
  return figure;
}

/// Trials where they were drawn in the plane of the first two axes, colored by their error.
Figure scatter_surface(const TunePlan& plan, const TuningResult& result) {
  const SearchAxis& x = plan.axes[0];
  const SearchAxis& y = plan.axes[1];
  Figure figure{.name = "response_surface",
                .title = fmt::format("Response surface: {} by {}", y.name, x.name)};
  figure.text =
      "A point for each trial. The stronger its color, the less its validation RMSE, which stands "
      "beside its number: the best has all of it, the median half.";
  if (plan.axes.size() > 2) figure.text += " What else was varied differs from point to point.";
  figure.data.columns = {column_name(x), column_name(y), "validation_rmse", "trial"};
  if (is_halving(plan)) figure.data.columns.emplace_back("after");
  for (const std::size_t trial : measured_by(plan, result, x)) {
    const double rmse = result.trials[trial].figures.rmse;
    std::vector<Value> row{
        number(setting_of(x, plan.specs[trial]), x.whole),
        number(setting_of(y, plan.specs[trial]), y.whole), rmse,
        fmt::format("{}, RMSE {}", trial_name(plan, result, trial), four_decimals(rmse))};
    if (is_halving(plan)) row.emplace_back(epochs_of_rung(plan, result.trials[trial]));
    figure.data.rows.push_back(std::move(row));
  }
  figure.plot = {.x = column_name(x),
                 .series = {{column_name(y), y.name, Mark::points}},
                 .x_title = x.name,
                 .y_title = y.name,
                 .x_axis = drawn_axis(x),
                 .y_axis = drawn_axis(y),
                 .hover = "trial",
                 .shade = "validation_rmse"};
  if (is_halving(plan)) {
    figure.plot.group = "after";
    figure.text += halving_text();
  }
  return figure;
}

/// The least RMSE of trials with each pair of values of two listed axes, over all others.
std::map<std::pair<double, double>, double> least_by_pair(const TunePlan& plan,
                                                          const TuningResult& result,
                                                          const SearchAxis& rows,
                                                          const SearchAxis& columns) {
  std::map<std::pair<double, double>, double> least;
  for (std::size_t trial = 0; trial < plan.specs.size(); ++trial) {
    if (!is_measured(result.trials[trial])) continue;
    const std::pair cell(setting_of(rows, plan.specs[trial]),
                         setting_of(columns, plan.specs[trial]));
    const auto [place, is_new] = least.emplace(cell, result.trials[trial].figures.rmse);
    if (!is_new) place->second = std::min(place->second, result.trials[trial].figures.rmse);
  }
  return least;
}

/// How dark a cell is: 1 for the best, ½ for the median, nothing where nothing was measured.
std::vector<std::vector<double>> shades(const std::map<std::pair<double, double>, double>& least,
                                        const SearchAxis& rows, const SearchAxis& columns) {
  std::vector<double> all;
  for (const auto& [cell, rmse] : least) all.push_back(rmse);
  std::ranges::sort(all);
  const double best = all.front();
  const double median = all[all.size() / 2];
  std::vector<std::vector<double>> picture;
  for (std::size_t row = rows.values.size(); row-- > 0;) {
    std::vector<double>& line = picture.emplace_back();
    for (const double column : columns.values) {
      const auto found = least.find({rows.values[row], column});
      const double excess =
          found == least.end() || median <= best ? 0 : (found->second - best) / (median - best);
      line.push_back(found == least.end() ? 0 : std::exp2(-excess));
    }
  }
  return picture;
}

std::vector<std::string> value_names(const std::vector<double>& values) {
  std::vector<std::string> names;
  for (const double value : values) names.push_back(fmt::format("{:.4g}", value));
  return names;
}

constexpr std::size_t most_cell_columns = 12;  // of cells that have room for a figure

/// Few settings with each one's RMSE in its cell; many as colors alone.
std::string surface_svg(const std::map<std::pair<double, double>, double>& least,
                        const SearchAxis& rows, const SearchAxis& columns,
                        const std::string& title) {
  const std::vector<std::vector<double>> shares = shades(least, rows, columns);
  HeatTable table{.row_names = value_names(rows.values),
                  .column_names = value_names(columns.values),
                  .row_title = rows.name,
                  .column_title = columns.name};
  std::ranges::reverse(table.row_names);
  for (std::size_t row = 0; row < shares.size(); ++row) {
    std::vector<HeatCell>& line = table.cells.emplace_back();
    for (std::size_t column = 0; column < columns.values.size(); ++column) {
      const auto found =
          least.find({rows.values[rows.values.size() - 1 - row], columns.values[column]});
      line.push_back({.share = shares[row][column],
                      .text = found == least.end() ? "" : four_decimals(found->second)});
    }
  }
  return heat_table_svg(table, title);
}

/// Of a grid the two axes with the most values as cells, of other searches of two axes points.
std::optional<Figure> surface_figure(const TunePlan& plan, const TuningResult& result) {
  if (plan.axes.size() > 1 && (plan.drawn || is_halving(plan))) {
    Figure figure = scatter_surface(plan, result);
    if (figure.data.rows.empty()) return std::nullopt;
    return figure;
  }
  std::vector<const SearchAxis*> listed;
  for (const SearchAxis& axis : plan.axes) {
    if (axis.values.size() > 1) listed.push_back(&axis);
  }
  if (listed.size() < 2) return std::nullopt;
  std::ranges::stable_sort(listed, std::greater<>(),
                           [](const SearchAxis* axis) { return axis->values.size(); });
  // The longer side goes down while cells hold figures, and across where they are colors alone.
  const bool many = listed[0]->values.size() > 2 * most_cell_columns ||
                    listed[1]->values.size() > most_cell_columns;
  const SearchAxis& rows = *listed[many ? 1 : 0];
  const SearchAxis& columns = *listed[many ? 0 : 1];
  const auto least = least_by_pair(plan, result, rows, columns);
  if (least.empty()) return std::nullopt;
  Figure figure{.name = "response_surface",
                .title = fmt::format("Response surface: {} by {}", rows.name, columns.name)};
  figure.text = fmt::format(
      "Rows: {} from {:.4g} at the top to {:.4g}; columns: {} from {:.4g} on the left to {:.4g}. "
      "The stronger a cell's color, the less its validation RMSE: the best has all of it, the "
      "median half. Of several trials in a cell the best counts.",
      rows.name, rows.values.back(), rows.values.front(), columns.name, columns.values.front(),
      columns.values.back());
  figure.data.columns = {column_name(rows), column_name(columns), "validation_rmse"};
  for (const auto& [cell, rmse] : least) {
    figure.data.rows.push_back(
        {number(cell.first, rows.whole), number(cell.second, columns.whole), rmse});
  }
  figure.svg = surface_svg(least, rows, columns, figure.title);
  return figure;
}

/// What the search had found after so many seconds of training.
Figure cost_figure(const std::vector<std::pair<TrialRun, TrialFigures>>& runs) {
  Figure figure{.name = "best_by_seconds",
                .title = "The best validation RMSE so far",
                .text =
                    "Seconds of training and validation, trial after trial; of cross-validation "
                    "the first fold's."};
  figure.data.columns = {"seconds", "best_validation_rmse", "run"};
  std::map<std::size_t, double> spent;  // by trial: what its earlier rungs took
  double seconds = 0;
  double best = std::numeric_limits<double>::infinity();
  for (const auto& [run, figures] : runs) {
    if (run.fold > 0) continue;
    seconds += figures.seconds - std::exchange(spent[run.trial], figures.seconds);
    if (figures.diverged) continue;
    best = std::min(best, figures.rmse);
    figure.data.rows.push_back({seconds, best, fmt::format("trial {}", run.trial + 1)});
  }
  figure.plot = {.x = "seconds",
                 .series = {{"best_validation_rmse", "best so far"}},
                 .x_title = "seconds",
                 .y_title = "validation RMSE",
                 .hover = "run",
                 .stepped = true};
  return figure;
}

void print_grid(Output& output, Format format, const Grid& grid) {
  Table table(output, format, grid.columns);
  for (const std::vector<Value>& row : grid.rows) {
    std::vector<Cell> cells;
    for (const Value& value : row) {
      cells.push_back(std::visit([](const auto& shown) { return Cell(shown); }, value));
    }
    table.row(cells);
  }
  table.finish();
}

std::string search_name(const TunePlan& plan) {
  const std::string points = plan.drawn ? "random" : "grid";
  return plan.search == Search::halving ? points + ", halving" : points;
}

void add_facts(const TunePlan& plan, const TuningResult& result, Page& page) {
  page.facts = {{"trials", fmt::format("{}", plan.specs.size())},
                {"search", search_name(plan)},
                {"measured on", plan.tuner.folds > 1 ? fmt::format("{} folds", plan.tuner.folds)
                                                     : fmt::format("{} of the ratings",
                                                                   plan.split.validation_share)}};
  if (!result.best) return;
  const ModelSpec& spec = plan.specs[*result.best];
  const bool is_tied = tied_with_best(plan, result).size() > 1;
  if (is_tied) page.facts.emplace_back("tie", ties_text(plan, result));
  for (const SearchAxis& axis : plan.axes) {
    page.facts.emplace_back((is_tied ? "chosen " : "best ") + axis.name,
                            fmt::format("{:.6g}", setting_of(axis, spec)));
  }
  page.facts.emplace_back("its validation RMSE",
                          four_decimals(result.trials[*result.best].figures.rmse));
}

}  // namespace

std::vector<std::size_t> best_first(const TuningResult& result) {
  std::vector<std::size_t> order(result.trials.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t trial) {
    const TrialResult& found = result.trials[trial];
    const double loss =
        is_measured(found) ? found.figures.loss : std::numeric_limits<double>::infinity();
    // A trial that went on may have the loss of one that did not.
    return std::tuple(trial != result.best, loss);
  });
  return order;
}

std::vector<std::size_t> tied_with_best(const TunePlan& plan, const TuningResult& result) {
  constexpr double digits = 1e-9;
  constexpr double near_zero = 1e-3;  // half the square of 1/22 of the ratings' deviation
  const double best = result.trials[*result.best].figures.loss;
  const double most = digits * std::max(std::abs(best), near_zero);
  std::vector<std::size_t> tied;
  for (std::size_t trial = 0; trial < result.trials.size(); ++trial) {
    const TrialResult& found = result.trials[trial];
    if (!is_measured(found)) continue;
    if (plan.ratings_are_equal || std::abs(found.figures.loss - best) <= most) {
      tied.push_back(trial);
    }
  }
  return tied;
}

std::string ties_text(const TunePlan& plan, const TuningResult& result) {
  const std::size_t tied = tied_with_best(plan, result).size();
  const std::string those = tied == result.trials.size()
                                ? fmt::format("all {} trials", tied)
                                : fmt::format("{} of {} trials", tied, result.trials.size());
  if (!plan.ratings_are_equal) return those + " are equally good";
  return fmt::format("all ratings are equal, so that {} are equally good", those);
}

double setting_of(const SearchAxis& axis, const ModelSpec& spec) {
  const auto* mle = std::get_if<Mle>(&spec.algorithm);
  if (axis.name == "k") return spec.rank;
  if (axis.name == "reg") return spec.regularization.factors;
  if (axis.name == "reg-bias") return spec.regularization.biases;
  if (axis.name == "reg-scaling") return spec.regularization.scaling;
  if (mle == nullptr) return 0;
  return axis.name == "lr" ? mle->learning_rate : mle->decay;
}

void print_trials(Output& output, Format format, const TunePlan& plan, const TuningResult& result) {
  print_grid(output, format, trial_grid(plan, result));
}

void print_settings(Output& output, Format format, const TunePlan& plan) {
  Grid grid{.columns = setting_columns(plan)};
  for (std::size_t trial = 0; trial < plan.specs.size(); ++trial) {
    grid.rows.push_back(settings_of(trial, plan.specs[trial]));
  }
  print_grid(output, format, grid);
}

Page tuning_page(const TunePlan& plan, const TuningResult& result,
                 const std::vector<std::pair<TrialRun, TrialFigures>>& runs,
                 const std::string& source) {
  Page page{.title = fmt::format("Tuning of {} on {}", algorithm_name(plan.specs.front().algorithm),
                                 source),
            .lead = "How the error on held-out ratings depends on the settings."};
  add_facts(plan, result, page);
  Section response{.title = "Response"};
  if (auto surface = surface_figure(plan, result)) {
    response.figures.push_back(std::move(*surface));
  }
  for (std::size_t axis = 0; axis < plan.axes.size(); ++axis) {
    const SearchAxis* other = plan.axes.size() > 1 ? &plan.axes[axis == 0 ? 1 : 0] : nullptr;
    response.figures.push_back(axis_figure(plan, result, plan.axes[axis], other));
  }
  Section trials{.title = "Trials"};
  trials.figures.push_back(trial_figure(plan, result));
  trials.figures.push_back(cost_figure(runs));
  page.sections = {std::move(response), std::move(trials)};
  return page;
}

}  // namespace alsatian
