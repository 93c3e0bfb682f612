// Implements train_report.hpp.
// One grid holds every epoch; each figure takes its columns from it.
#include "cli/train_report.hpp"

#include "cli/log.hpp"
#include "cli/reg_auto.hpp"
#include "cli/train_summary.hpp"
#include "host/report/number_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace alsatian {
namespace {

Value value_of(const std::optional<double>& figure) {
  Value value;
  if (figure) value = *figure;
  return value;
}

/// Figures of the test sets, nothing where they were not evaluated.
void append_tests(std::vector<Value>& row, const std::vector<double>& figures, std::size_t sets) {
  for (std::size_t set = 0; set < sets; ++set) {
    row.emplace_back();
    if (set < figures.size()) row.back() = figures[set];
  }
}

/// Columns of the test sets, numbered where there are several.
std::vector<std::string> test_columns(const std::string& figure, std::size_t sets) {
  std::vector<std::string> columns;
  for (std::size_t set = 0; set < sets; ++set) {
    columns.push_back(sets == 1 ? "test_" + figure : fmt::format("test_{}_{}", figure, set + 1));
  }
  return columns;
}

void append(std::vector<std::string>& columns, const std::vector<std::string>& more) {
  columns.insert(columns.end(), more.begin(), more.end());
}

Grid epoch_grid(const ReportObserver& observed) {
  const std::size_t sets = observed.test_names().size();
  Grid grid;
  grid.columns = {"epoch",         "training_seconds", "evaluation_seconds", "seconds",
                  "learning_rate", "objective",        "train_rmse",         "validation_rmse",
                  "train_nll",     "validation_nll"};
  append(grid.columns, test_columns("rmse", sets));
  append(grid.columns, test_columns("nll", sets));
  double seconds = 0;
  for (const EpochStats& stats : observed.epochs()) {
    seconds += stats.training_seconds;
    std::vector<Value> row{std::int64_t{stats.epoch}, stats.training_seconds,
                           stats.evaluation_seconds, seconds, stats.learning_rate};
    for (const auto* figure : {&stats.objective, &stats.train_rmse, &stats.validation_rmse,
                               &stats.train_nll, &stats.validation_nll}) {
      row.push_back(value_of(*figure));
    }
    append_tests(row, stats.test_rmse, sets);
    append_tests(row, stats.test_nll, sets);
    grid.rows.push_back(std::move(row));
  }
  return grid;
}

std::size_t position(const Grid& grid, const std::string& column) {
  return static_cast<std::size_t>(std::ranges::find(grid.columns, column) - grid.columns.begin());
}

bool has_values(const Grid& grid, const std::string& column) {
  const std::size_t at = position(grid, column);
  return std::ranges::any_of(grid.rows, [&](const std::vector<Value>& row) {
    return !std::holds_alternative<std::monostate>(row[at]);
  });
}

/// Of the columns those that have values, drawn as lines against x.
Figure curves(const Grid& epochs, const std::string& x, const std::vector<Series>& lines) {
  Figure figure;
  figure.data.columns = {x};
  for (const Series& line : lines) {
    if (!has_values(epochs, line.column)) continue;
    figure.data.columns.push_back(line.column);
    figure.plot.series.push_back(line);
  }
  for (const std::vector<Value>& all : epochs.rows) {
    std::vector<Value> row;
    for (const std::string& column : figure.data.columns) {
      row.push_back(all[position(epochs, column)]);
    }
    figure.data.rows.push_back(std::move(row));
  }
  figure.plot.x = x;
  figure.plot.x_title = x == "seconds" ? "seconds of training" : x;
  return figure;
}

bool is_of_draws(const ReportObserver& observed) {
  return !observed.epochs().empty() && observed.epochs().front().sigma.has_value();
}

/// Sweeps of burn-in among those that ran: those after which there was no draw to average over.
std::size_t burn_in_sweeps(const ReportObserver& observed) {
  return is_of_draws(observed) ? static_cast<std::size_t>(
                                     std::ranges::count(observed.epochs(), 0, &EpochStats::draws))
                               : 0;
}

/// Shades burn-in, in whose sweeps figures are those of a state on the way.
void mark_burn_in(const ReportObserver& observed, Figure& figure) {
  const std::size_t sweeps = burn_in_sweeps(observed);
  if (sweeps == 0 || figure.data.rows.size() != observed.epochs().size()) return;
  const Value& end = figure.data.rows[sweeps - 1].front();
  const auto* sweep = std::get_if<std::int64_t>(&end);
  figure.plot.stage = "burn-in";
  figure.plot.stage_end = sweep != nullptr ? static_cast<double>(*sweep) : std::get<double>(end);
}

/// Train, validation and each test set.
std::vector<Series> parts(const std::string& figure, const ReportObserver& observed) {
  const std::vector<std::string>& test_names = observed.test_names();
  std::vector<Series> lines{
      {"train_" + figure, is_of_draws(observed) ? "train, of each draw alone" : "train"},
      {"validation_" + figure, "validation"}};
  const std::vector<std::string> columns = test_columns(figure, test_names.size());
  for (std::size_t set = 0; set < columns.size(); ++set) {
    lines.push_back({columns[set], test_names[set]});
  }
  return lines;
}

/// The same curves against epochs and against seconds.
void add_curves(Section& section, const ReportObserver& observed, const Grid& epochs,
                const std::vector<Series>& lines, const std::string& name, const std::string& title,
                const std::string& text) {
  for (const std::string x : {"epoch", "seconds"}) {
    Figure figure = curves(epochs, x, lines);
    if (figure.plot.series.empty()) return;
    figure.name = name + "_by_" + x;
    figure.title = fmt::format("{} by {}", title, x);
    figure.text = text;
    figure.plot.y_title = title;
    mark_burn_in(observed, figure);
    section.figures.push_back(std::move(figure));
  }
}

Figure stage_figure(const Stages& stages, double all) {
  Figure figure{.name = "time_by_stage", .title = "Where the time went"};
  figure.text = fmt::format(
      "Of {:.3g} seconds, from when the command began until this report was written. Set-up: "
      "ordering the ratings, start values, the device. Training: the epochs without their figures, "
      "as in training_seconds of the summary. Baselines: biases alone, and everything's test "
      "errors. Else: checks, titles, files and what lies between the others.",
      all);
  figure.data.columns = {"stage", "seconds"};
  double rest = all;
  for (const auto& [stage, seconds] : stages) {
    figure.data.rows.push_back({stage, seconds});
    rest -= seconds;
  }
  figure.data.rows.push_back({"else", rest});
  figure.plot = {
      .x = "stage", .series = {{"seconds", "seconds", Mark::bars}}, .y_title = "seconds"};
  return figure;
}

Section error_section(const ReportObserver& observed, const Grid& epochs) {
  Section section{.title = "Errors"};
  std::string of_draws;
  if (is_of_draws(observed)) {
    of_draws =
        " Of the training part those of each draw alone, else those of the mean over the draws so "
        "far.";
    if (const std::size_t sweeps = burn_in_sweeps(observed); sweeps > 0) {
      of_draws += fmt::format(
          " The first {} are burn-in (shaded), whose draws do not count: there all are of the "
          "last chain's state alone, and the test error falls at its end because averaging begins.",
          counted(static_cast<std::int64_t>(sweeps), "sweep"));
    }
  }
  add_curves(
      section, observed, epochs, parts("rmse", observed), "rmse", "RMSE",
      "√ of the mean of (rating − prediction)², unclipped, in the rating's unit." + of_draws);
  const std::string spread =
      is_of_draws(observed)
          ? ""
          : " With the Gaussian and the Laplace likelihood the spread of ratings is that of the "
            "validation part, or without one of the training part, which is too small at large k: "
            "the NLL of other ratings then climbs while their RMSE falls.";
  add_curves(section, observed, epochs, parts("nll", observed), "nll", "NLL",
             "Mean of −log p(rating), in nats." + spread + of_draws);
  return section;
}

Section optimizer_section(const ReportObserver& observed, const Grid& epochs) {
  const bool samples = is_of_draws(observed);
  Section section{.title = samples ? "The sampler" : "Optimization"};
  std::string text = "F, the sum of losses and penalties, of standardized ratings.";
  if (samples) {
    text +=
        " Of each draw alone, with penalties as --reg has them, which the sampler does not use: it "
        "minimizes nothing. The start from als has a small F; F climbs to where most of the "
        "posterior is and stays around it. That it climbs is no fault; whether it still climbs at "
        "the end tells whether burn-in was long enough.";
  }
  add_curves(section, observed, epochs, {{"objective", "objective"}}, "objective", "Objective",
             text);
  const bool has_rate = std::ranges::any_of(
      observed.epochs(), [](const EpochStats& stats) { return stats.learning_rate != 0; });
  if (!has_rate) return section;
  Figure rate = curves(epochs, "epoch", {{"learning_rate", "learning rate"}});
  rate.name = "learning_rate";
  rate.title = "Learning rate";
  rate.plot.y_title = "learning rate";
  section.figures.push_back(std::move(rate));
  return section;
}

/// Columns of one number of each chain, of the sweeps that have it.
Figure trace_figure(const ReportObserver& observed, const std::string& name,
                    const std::function<std::optional<double>(const ChainStats&)>& value_of_chain) {
  Figure figure{.name = "trace_" + name, .title = "Trace of " + name};
  figure.data.columns = {"epoch"};
  const std::size_t chains = observed.epochs().back().chains.size();
  for (std::size_t chain = 1; chain <= chains; ++chain) {
    figure.data.columns.push_back(fmt::format("chain_{}", chain));
    figure.plot.series.push_back({figure.data.columns.back(), fmt::format("chain {}", chain)});
  }
  for (const EpochStats& stats : observed.epochs()) {
    std::vector<Value> row{std::int64_t{stats.epoch}};
    for (const ChainStats& chain : stats.chains) row.push_back(value_of(value_of_chain(chain)));
    if (!std::holds_alternative<std::monostate>(row.back())) figure.data.rows.push_back(row);
  }
  figure.plot.x = "epoch";
  figure.plot.x_title = "sweep";
  figure.plot.y_title = name;
  return figure;
}

Figure convergence_figure(const std::vector<TraceStatistics>& traces) {
  Figure figure{.name = "convergence",
                .title = "Whether the draws are of one distribution",
                .text =
                    "r_hat: 1 where chains, and their halves, say the same, in place and in "
                    "spread; above 1.05 they do not. effective_draws: how many independent "
                    "draws these are worth for a mean. Both of ranks (Vehtari et al. 2021)."};
  figure.data.columns = {"trace", "mean", "deviation", "r_hat", "effective_draws"};
  for (const TraceStatistics& trace : traces) {
    figure.data.rows.push_back(
        {trace.name, trace.mean, trace.deviation, trace.r_hat, trace.effective_draws});
  }
  return figure;
}

/// Of bayes; without figures elsewhere.
Section chain_section(const ReportObserver& observed) {
  Section section{.title = "Chains"};
  if (observed.epochs().empty() || observed.epochs().back().chains.empty()) return section;
  if (!observed.epochs().back().traces.empty()) {
    section.figures.push_back(convergence_figure(observed.epochs().back().traces));
  }
  const auto add = [&](const std::string& name, auto value) {
    Figure figure = trace_figure(observed, name, value);
    mark_burn_in(observed, figure);
    if (!figure.data.rows.empty()) section.figures.push_back(std::move(figure));
  };
  add("sigma", [](const ChainStats& chain) { return std::optional(chain.sigma); });
  add("user_weight_precision", [](const ChainStats& chain) { return chain.user_weight_precision; });
  add("item_weight_precision", [](const ChainStats& chain) { return chain.item_weight_precision; });
  add("test_rmse", [](const ChainStats& chain) { return chain.test_rmse; });
  return section;
}

/// What --reg auto tried, whose part by which λ_b is searched stands above one value of λ.
Figure penalty_figure(const std::vector<PenaltyTrial>& searched) {
  Figure figure{.name = "reg_trials",
                .title = "Validation RMSE by reg",
                .text =
                    "path: from the factors of another trial, until it gains no more, to find the "
                    "way; whole: trained in full, which decides."};
  figure.data.columns = {"trial",           "kind",   "reg",    "reg_bias",
                         "validation_rmse", "epochs", "seconds"};
  for (const PenaltyTrial& trial : searched) {
    Value rmse;
    if (!trial.figures.diverged) rmse = trial.figures.rmse;
    const std::size_t number = figure.data.rows.size() + 1;
    figure.data.rows.push_back({fmt::format("trial {}", number),
                                std::string(penalty_trial_name(trial.kind)),
                                trial.regularization.factors, trial.regularization.biases, rmse,
                                std::int64_t{trial.figures.epochs}, trial.figures.seconds});
  }
  figure.plot = {.x = "reg",
                 .series = {{"validation_rmse", "validation RMSE", Mark::points}},
                 .x_title = "reg (λ)",
                 .y_title = "validation RMSE",
                 .x_axis = Axis::logarithmic,
                 .group = "kind",
                 .hover = "trial"};
  return figure;
}

/// Of --reg auto.
Section penalty_section(const std::vector<PenaltyTrial>& searched, const ModelSpec& spec,
                        const PenaltyChoice& choice) {
  Section section{.title = "Regularization"};
  section.notes.push_back(fmt::format("Chosen by the error on {} ratings kept from training: {}.",
                                      choice.ratings, choice_text(choice, spec)));
  section.figures.push_back(penalty_figure(searched));
  if (spec.rank == 0) {  // λ is the same in all of them
    section.figures.back().plot.x = "reg_bias";
    section.figures.back().plot.x_title = "reg-bias (λ_b)";
    section.figures.back().title = "Validation RMSE by reg-bias";
  }
  return section;
}

Section time_section(const Grid& epochs, const Stages& stages, double all) {
  Section section{.title = "Time"};
  section.figures.push_back(stage_figure(stages, all));
  Figure seconds = curves(epochs, "epoch",
                          {{"training_seconds", "training"}, {"evaluation_seconds", "evaluation"}});
  seconds.name = "seconds_by_epoch";
  seconds.title = "Seconds of each epoch";
  seconds.plot.y_title = "seconds";
  section.figures.push_back(std::move(seconds));
  return section;
}

/// What a sampler was told and gave: of penalties and of a best sweep it knows nothing.
std::vector<std::pair<std::string, std::string>> sampling_facts(const ReportObserver& observed,
                                                                const Model& model) {
  const auto& bayes = std::get<Bayes>(model.spec.algorithm);
  std::int64_t draws = 0;
  if (!observed.epochs().empty()) draws = observed.epochs().back().draws;
  return {{"sweeps run", fmt::format("{}", model.statistics.epochs_run)},
          {"burn-in", counted(std::int64_t{bayes.burn_in}, "sweep")},
          {"chains", fmt::format("{}", bayes.chains)},
          {"draws kept", fmt::format("{} of {}", model.draws, draws)}};
}

std::vector<std::pair<std::string, std::string>> optimizing_facts(const ModelSpec& spec,
                                                                  const ModelStatistics& figures) {
  return {{"reg", fmt::format("{:.4g}", spec.regularization.factors)},
          {"epochs run", fmt::format("{}", figures.epochs_run)},
          {"best epoch", fmt::format("{}", figures.best_epoch)}};
}

}  // namespace

void ReportObserver::on_start(const std::string& backend, const ModelSpec&, std::int64_t) {
  // Without why it was chosen, which names files where a GPU's module was looked for.
  backend_ = backend.substr(0, backend.find(": "));
}

void append_training(Stages& stages, const TrainingResult& result) {
  stages.emplace_back("set-up", result.setup_seconds);
  stages.emplace_back("training", result.training_seconds);
  stages.emplace_back("evaluation of epochs", result.evaluation_seconds);
}

Page training_page(const ReportObserver& observed, const TrainingResult& result,
                   const std::string& source, const Stages& stages, double seconds,
                   const std::vector<PenaltyTrial>& searched) {
  const ModelSpec& spec = result.model.spec;
  const ModelStatistics& statistics = result.model.statistics;
  Page page{.title = fmt::format("Training of {} on {}", algorithm_name(spec.algorithm), source),
            .lead = "How training went, epoch by epoch."};
  page.facts = {{"likelihood", std::string(likelihood_name(spec.likelihood))},
                {"k", fmt::format("{}", spec.rank)},
                {"device", observed.backend()}};
  for (auto& fact : is_bayes(spec) ? sampling_facts(observed, result.model)
                                   : optimizing_facts(spec, statistics)) {
    page.facts.push_back(std::move(fact));
  }
  page.facts.emplace_back("train RMSE", four_decimals(statistics.train_rmse));
  if (std::string warning = convergence_warning(result); !warning.empty()) {
    page.warnings.push_back(std::move(warning));
  }
  if (statistics.test_rmse) {
    page.facts.emplace_back("test RMSE", four_decimals(*statistics.test_rmse));
  }
  const Grid epochs = epoch_grid(observed);
  page.sections.push_back(error_section(observed, epochs));
  page.sections.push_back(optimizer_section(observed, epochs));
  if (Section chains = chain_section(observed); !chains.figures.empty()) {
    page.sections.push_back(std::move(chains));
  }
  if (statistics.penalty_choice) {
    page.sections.push_back(penalty_section(searched, spec, *statistics.penalty_choice));
  }
  page.sections.push_back(time_section(epochs, stages, seconds));
  return page;
}

}  // namespace alsatian
