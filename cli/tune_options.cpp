// Implements tune_options.hpp.
// Which search and which start suit a model was measured (bench/results/tune.json).
#include "cli/tune_options.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace alsatian {
namespace {

constexpr double default_validation = 0.1;
constexpr int fewest_epochs = 2;  // of a rung: after one, a random start is most of the error

/// als and ls change little in an epoch once they are close: a twentieth of a percent of the loss
/// is 0.0002 of an RMSE of 0.85.
constexpr EarlyStop early_stop_of_solvers{.patience = 1, .change = 5e-4};

void add_search_options(CommandLine& line, TuneOptions& options) {
  add_grid_options(line, options.grid);
  line.choice("--search", options.search, {{"grid", Search::grid}, {"halving", Search::halving}},
              "grid: trains every trial until it gains no more; halving: trains all for a few "
              "epochs, the best third of them for three times as many, and so on [default grid, "
              "mle halving]");
  line.choice("--start", options.start, {{"warm", TrialStart::warm}, {"cold", TrialStart::cold}},
              "With --search grid: from the factors of the trial before, which has nearly the same "
              "settings, or as train does [default warm, mle cold]");
  line.flag("--no-early-stop", options.no_early_stop,
            "Trains every trial of --search grid for all --epochs");
}

void add_tune_output_options(CommandLine& line, TuneOptions& options) {
  line.group("Output");
  line.text("--out", "FILE", options.train.out,
            "Where the model is saved that the best settings give on everything but the test part, "
            "as safetensors [default none]");
  line.text("--log", "FILE", options.train.log,
            "JSON Lines, one object a trial; a search that was stopped or killed goes on from it "
            "where the same command is given again [default none]");
  line.flag("--clip", options.train.clip,
            "Limit predictions to the range of the training ratings in the summary of the saved "
            "model");
  add_format_option(line, options.train.format);
  line.flag("--quiet", options.train.quiet, "Nothing on standard error but warnings and errors");
  line.flag("--dry-run", options.train.dry_run,
            "Print the settings of every trial; read and train nothing");
}

void refuse_what_cannot_be_tuned(const TuneOptions& options) {
  const ModelOptions& model = options.train.model;
  if (model.model == "bayes") {
    throw Error(
        ExitCode::usage, "--model bayes", "draws its penalties, and tune does not search its --k",
        "compare alsatian train --model bayes --validation 0.1 --k 16 and other --k, or tune "
        "als, mle or ls");
  }
  if (model.updates == Updates::hogwild) {
    throw Error(ExitCode::usage, "--updates hogwild",
                "gives another result every time: a search could not go on where it stopped",
                "tune with --updates blocks, then train with hogwild");
  }
  if (options.train.split.folds && options.train.split.validation > 0) {
    throw Error(ExitCode::usage, "--validation",
                "contradicts --folds: trials are measured on one or the other",
                "leave out --validation or --folds");
  }
  if (options.train.dry_run && options.train.report.wanted()) {
    throw Error(ExitCode::usage, options.train.report.report.empty() ? "--figures" : "--report",
                "there is nothing to report with --dry-run", "leave one of them out");
  }
}

/// Halving compares trials after so few epochs that all must start alike.
void check_search(const TuneOptions& options, const TunePlan& plan) {
  if (plan.search != Search::halving) return;
  if (options.start == TrialStart::warm) {
    throw Error(ExitCode::usage, "--start warm", "applies to --search grid alone",
                "leave out --start or --search");
  }
  if (options.no_early_stop) {
    throw Error(ExitCode::usage, "--no-early-stop", "applies to --search grid alone",
                "leave it out or pass --search grid");
  }
}

TunerOptions tuner_options(const TuneOptions& options, const TunePlan& plan) {
  TunerOptions tuner;
  const ModelSpec& spec = plan.specs.front();
  const auto trials = std::ssize(plan.specs);
  tuner.folds = options.train.split.folds.value_or(1);
  if (plan.search == Search::halving) {
    tuner.rungs = halving_rungs(trials, spec.epochs, fewest_epochs);
    tuner.start = TrialStart::cold;
  } else {
    const bool is_mle = std::holds_alternative<Mle>(spec.algorithm);
    tuner.rungs = {{trials, spec.epochs}};
    tuner.start = options.start.value_or(is_mle ? TrialStart::cold : TrialStart::warm);
  }
  if (const auto* mle = std::get_if<Mle>(&spec.algorithm)) {
    tuner.rules = {CountedEpoch::best, EarlyStop{.patience = mle->patience}};
  } else {
    tuner.rules = {CountedEpoch::last, early_stop_of_solvers};
  }
  if (options.no_early_stop) tuner.rules.early_stop.reset();
  return tuner;
}

}  // namespace

bool parse_tune_options(Arguments arguments, TuneOptions& options) {
  CommandLine line("tune", "Finds the settings of a model that predict best what was held out.");
  add_data_option(line, options.train);
  add_search_options(line, options);
  add_model_options(line, options.train.model, AutomaticReg::refused);
  add_split_options(line, options.train.split, "0.1 without --folds");
  add_tune_output_options(line, options);
  add_report_options(line, options.train.report);
  line.group("Run");
  add_machine_options(line, options.train);
  add_reading_options(line, options.train.reading);
  add_cleaning_options(line, options.train.cleaning);
  line.examples(
      "Prints a row a trial, the best first. With --folds its errors are over the ratings of all\n"
      "folds, best_epoch is a mean, and epochs and seconds are sums over them.\n\n"
      "Examples:\n"
      "  alsatian tune --data ml-latest-small --grid k=16,32,64 --grid reg=0.3:3:log8 \\\n"
      "    --log trials.jsonl --report tune.html --out model.safetensors\n"
      "  alsatian tune --data ratings.csv --model mle --folds 5 --trials 20 \\\n"
      "    --grid k=8:128:log --grid reg=0.3:3:log --grid lr=0.05,0.1,0.2\n");
  if (!line.parse(arguments)) return false;
  check_data_options("tune", options.train);
  return true;
}

TunePlan plan_search(TuneOptions& options) {
  refuse_what_cannot_be_tuned(options);
  SplitOptions& split = options.train.split;
  if (!split.folds && split.validation == 0) split.validation = default_validation;
  const ModelOptions& model = options.train.model;
  TunePlan plan;
  plan.search = options.search.value_or(model.model == "mle" ? Search::halving : Search::grid);
  plan.drawn = options.grid.trials.has_value();
  plan.split = make_split(split, model.seed);
  const std::vector<Point> points = chosen_points(options.grid, model);
  plan.axes = options.grid.axes;
  plan.notes = options.grid.notes;
  for (const Point& point : points) {
    plan.options.push_back(with_point(model, plan.axes, point));
    plan.specs.push_back(make_spec(plan.options.back(), Validation::some).spec);
  }
  check_search(options, plan);
  plan.tuner = tuner_options(options, plan);
  return plan;
}

}  // namespace alsatian
