// `alsatian tune`: tries settings on held-out ratings, and trains the best on everything.
// Whatever ends it, what was found is printed; with --log it can go on.
#include "cli/commands.hpp"
#include "cli/memory_plan.hpp"
#include "cli/process.hpp"
#include "cli/train.hpp"
#include "cli/train_data.hpp"
#include "cli/tune_options.hpp"
#include "cli/tune_report.hpp"
#include "host/device/cuda_module.hpp"
#include "host/error.hpp"
#include "host/ratings/prepared_ratings.hpp"
#include "host/report/number_text.hpp"
#include "host/train/trial_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace alsatian {
namespace {

void say_notes(const TunePlan& plan, const Log& log) {
  for (const std::string& note : plan.notes) log.field("note", note);
}

class TuneCommand {
 public:
  TuneCommand(TuneOptions& options, TunePlan plan)
      : options_(options.train), log_(options.train.quiet), plan_(std::move(plan)) {
    plan_.tuner.device = checked_device(options_.device);
    for (const ModelSpec& spec : plan_.specs) {
      on_cuda_ = chooses_cuda(spec, plan_.tuner.device);  // before anything is read
    }
  }

  void run() {
    inputs_ = probe_outputs(options_);
    ratings_.emplace(read_logged(options_.data, options_.reading, log_), options_.cleaning);
    check_number_of_ratings();
    plan_.ratings_are_equal = ratings_->all_equal();
    read_tests_once();
    say_what_is_searched();
    open_log();
    stop_.emplace();
    plan_.tuner.stop_requested = &stop_->requested();
    Tuner tuner(
        plan_.specs, plan_.tuner, [this](int fold) { return data_of_fold(fold); },
        [this](const TrialRun& run, const TrialFigures& figures) { on_run(run, figures); });
    const TuningResult result =
        log_file_ ? tuner.run(log_file_->known(),
                              [this](const TrialRun& run) { return log_file_->place_of(run); })
                  : tuner.run({});
    if (result.interrupted) stop();
    if (!result.best) {
      throw Error(ExitCode::diverged, "tune", "every trial diverged",
                  "check the ratings for extreme values, or lower --lr of mle");
    }
    finish(result);
  }

 private:
  void check_number_of_ratings() const {
    if (ratings_->size() > 1) return;
    throw Error(ExitCode::bad_data, printable(options_.data),
                "has 1 rating, which cannot be both trained on and measured by",
                "give more ratings: a search is by the error on those that are held out");
  }

  /// A test file that cannot be read must not cost a search.
  void read_tests_once() const {
    if (options_.split.test_files.empty()) return;
    with_tests(ratings_->split(split_of_everything()), options_, Log(true));
  }

  /// What the best settings are trained on in the end.
  SplitRule split_of_everything() const {
    SplitRule split = plan_.split;
    split.validation_share = 0;
    if (split.kind == SplitRule::Kind::fold) split = {.seed = split.seed};
    return split;
  }

  void say_what_is_searched() const {
    const TunerOptions& tuner = plan_.tuner;
    log_.field("device", device_name());
    std::string text = counted(std::ssize(plan_.specs), "trial");
    for (const SearchAxis& axis : plan_.axes) text += fmt::format(", {}", axis_text(axis));
    log_.field("search", text);
    say_notes(plan_, log_);
    if (tuner.rungs.size() > 1) {
      std::string rungs;
      for (const Rung& rung : tuner.rungs) {
        rungs += fmt::format("{}{} for {}", rungs.empty() ? "" : ", ", rung.trials,
                             counted(rung.epochs, "epoch"));
      }
      log_.field("halving", rungs);
    } else {
      log_.field("start", tuner.start == TrialStart::warm
                              ? "from the trial before, by weak to strong λ and small to large k"
                              : "cold");
    }
  }

  static std::string axis_text(const SearchAxis& axis) {
    if (axis.range) {
      return fmt::format("{} from {:.4g} to {:.4g}", axis.name, axis.range->lowest,
                         axis.range->highest);
    }
    return fmt::format("{} of {} from {:.4g} to {:.4g}", axis.values.size(), axis.name,
                       axis.values.front(), axis.values.back());
  }

  std::string device_name() const {
    if (on_cuda_) return "cuda: " + cuda_device();
    const DeviceOptions& device = plan_.tuner.device;
    if (device.kind == DeviceOptions::Kind::reference) return "reference";
    return fmt::format("cpu: {}", isa_name(device.isa.value_or(best_isa())));
  }

  void open_log() {
    if (options_.log.empty()) return;
    log_file_ = std::make_unique<TrialLog>(
        options_.log,
        search_line(plan_.specs, plan_.tuner, ratings_->fingerprint(), plan_.split, device_name()),
        plan_.specs, plan_.tuner);
    for (const auto& run : log_file_->known_in_order()) runs_.emplace_back(run->first, run->second);
    if (!runs_.empty()) {
      log_.field("log", fmt::format("{} read from {}", counted(std::ssize(runs_), "run"),
                                    printable(options_.log)));
    }
  }

  Dataset data_of_fold(int fold) const {
    SplitRule split = plan_.split;
    if (split.kind == SplitRule::Kind::fold) {
      split.fold = fold;
      log_.field("fold", fmt::format("{} of {}", fold + 1, split.folds));
    }
    TrainOptions of_trials = options_;
    of_trials.split.test_files.clear();
    of_trials.model.rank = largest_spec().rank;
    Dataset dataset = with_tests(ratings_->split(split), of_trials, log_);
    if (split.kind == SplitRule::Kind::fold && !dataset.tests.empty()) {
      dataset.validation = std::move(dataset.tests.front().ratings);
    }
    dataset.tests.clear();
    check_memory(sizes_of(dataset), largest_spec(), precision(), memory_limit(options_.max_memory));
    return dataset;
  }

  const ModelSpec& largest_spec() const {
    return *std::ranges::max_element(plan_.specs, {}, &ModelSpec::rank);
  }

  WorkingPrecision precision() const {
    return plan_.tuner.device.kind == DeviceOptions::Kind::reference ? WorkingPrecision::in_double
                                                                     : WorkingPrecision::in_float;
  }

  TrainingSizes sizes_of(const Dataset& dataset) const {
    TrainingSizes sizes = training_sizes(dataset);
    // The start twice, what runs, and what the next trial of a path and of a rank start from.
    const bool several_ranks = std::ranges::any_of(
        plan_.specs, [&](const ModelSpec& spec) { return spec.rank != plan_.specs.front().rank; });
    if (several_ranks) sizes.kept_ratings = sizes.train;
    sizes.kept_trials = plan_.tuner.start == TrialStart::warm ? 5 : 3;
    if (plan_.tuner.rungs.size() > 1) {
      sizes.kept_trials += plan_.tuner.folds * std::ssize(plan_.specs);
    }
    return sizes;
  }

  void on_run(const TrialRun& run, const TrialFigures& figures) {
    if (log_file_) log_file_->add(run, figures);
    runs_.emplace_back(run, figures);
    std::string text = fmt::format("{} of {}", run.trial + 1, plan_.specs.size());
    if (plan_.tuner.rungs.size() > 1) text += fmt::format(", rung {}", run.rung + 1);
    for (const SearchAxis& axis : plan_.axes) {
      text += fmt::format(", {} {:.4g}", axis.name, setting_of(axis, plan_.specs[run.trial]));
    }
    log_.field("trial", figures.diverged
                            ? fmt::format("{}: diverged in epoch {}", text, figures.epochs)
                            : fmt::format("{}: validation RMSE {} in epoch {} of {}, {:.2f} s",
                                          text, four_decimals(figures.rmse), figures.best_epoch,
                                          figures.epochs, figures.seconds));
  }

  [[noreturn]] void stop() {
    if (log_file_) log_file_->finish("the search was stopped");
    log_.warning(fmt::format("stopped on request after {}: {}", counted(std::ssize(runs_), "run"),
                             options_.log.empty()
                                 ? "without --log they are lost"
                                 : fmt::format("they are in {}, and the same command goes on",
                                               printable(options_.log))));
    throw Interrupted{stop_->signal()};
  }

  void finish(const TuningResult& result) {
    stop_->check();
    stop_.reset();
    say_what_is_best(result);
    bool told = false;
    const auto tell = [&](Output& output) {
      told = true;
      report(result);
      print_trials(output, options_.format, plan_, result);
    };
    const std::unique_ptr<TrialLog> log = std::move(log_file_);
    try {
      if (!options_.out.empty() || has_test_part()) {
        train_on(best_options(result), std::move(*ratings_), [&](Output& output) {
          tell(output);
          output.write("\n");
        });
      } else {
        log_.field("note", "no model is saved: there was no --out");
        Output output;
        tell(output);
        output.flush();
      }
    } catch (...) {
      if (!told) tell_before_end(result);
      throw;
    }
    if (log) log->finish("the trials are printed");
  }

  bool has_test_part() const {
    return plan_.split.kind != SplitRule::Kind::none && plan_.split.kind != SplitRule::Kind::fold;
  }

  /// What ends the command stays what it ends with, whatever becomes of the figures.
  void tell_before_end(const TuningResult& result) const {
    try {
      Output output;
      print_trials(output, options_.format, plan_, result);
      output.flush();
    } catch (const OutputClosed&) {
    } catch (const Error& error) {
      log_.warning(fmt::format("{}: {}", error.place(), error.what()));
    }
  }

  void say_what_is_best(const TuningResult& result) const {
    const ModelSpec& spec = plan_.specs[*result.best];
    std::string text;
    for (const SearchAxis& axis : plan_.axes) {
      text += fmt::format("--{} {} ", axis.name, setting_of(axis, spec));
    }
    if (std::holds_alternative<Mle>(spec.algorithm)) {
      text += fmt::format("--epochs {} ", result.trials[*result.best].figures.best_epoch);
    }
    const std::vector<std::size_t> tied = tied_with_best(plan_, result);
    text += fmt::format("(trial {}, validation RMSE {})", *result.best + 1,
                        four_decimals(result.trials[*result.best].figures.rmse));
    if (tied.size() > 1)
      text += fmt::format(": {}, of which this is one", ties_text(plan_, result));
    log_.field(tied.size() > 1 ? "chosen" : "best", text);
    warn_of_ends(tied);
  }

  /// The best value may lie beyond what was tried, where all the best say so.
  void warn_of_ends(const std::vector<std::size_t>& best_trials) const {
    for (const SearchAxis& axis : plan_.axes) {
      if (axis.values.size() < 2) continue;
      const auto all_are = [&](double value) {
        return std::ranges::all_of(best_trials, [&](std::size_t trial) {
          return setting_of(axis, plan_.specs[trial]) == value;
        });
      };
      const bool lowest = all_are(axis.values.front());
      if (!lowest && !all_are(axis.values.back())) continue;
      log_.field("note", fmt::format("the best {} is the {} that was tried: a wider range may be "
                                     "better",
                                     axis.name, lowest ? "smallest" : "largest"));
    }
  }

  /// Those of the training of the best settings on everything but the test part.
  TrainOptions best_options(const TuningResult& result) const {
    TrainOptions best = options_;
    best.model = plan_.options[*result.best];
    best.model.patience.reset();
    if (best.model.model == "mle") {
      // Nothing is left to stop by: it runs as long as was best.
      best.model.epochs = result.trials[*result.best].figures.best_epoch;
    }
    best.split.validation = 0;
    best.split.folds.reset();
    best.log.clear();
    best.report = {};
    return best;
  }

  void report(const TuningResult& result) const {
    if (!options_.report.wanted()) return;
    write_report(options_.report, inputs_,
                 tuning_page(plan_, result, runs_, source_name(options_.data)), log_);
  }

  const TrainOptions& options_;
  std::vector<std::string> inputs_;  // none of which a report may overwrite
  Log log_;
  TunePlan plan_;
  bool on_cuda_ = false;
  std::optional<PreparedRatings> ratings_;
  std::unique_ptr<TrialLog> log_file_;
  std::vector<std::pair<TrialRun, TrialFigures>> runs_;
  std::optional<StopSignals> stop_;
};

}  // namespace

void tune_command(Arguments arguments) {
  TuneOptions options;
  if (!parse_tune_options(arguments, options)) return;
  TunePlan plan = plan_search(options);
  if (options.train.dry_run) {
    Output output;
    say_notes(plan, Log(options.train.quiet));
    print_settings(output, options.train.format, plan);
    return output.flush();
  }
  TuneCommand(options, std::move(plan)).run();
}

}  // namespace alsatian
