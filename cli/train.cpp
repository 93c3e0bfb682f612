// `alsatian train`: from ratings to a model, its test error beside baselines, and a saved file.
// The model is saved before anything is compared or printed: what follows may be interrupted.
#include "cli/train.hpp"

#include "cli/commands.hpp"
#include "cli/memory_plan.hpp"
#include "cli/other_data.hpp"
#include "cli/process.hpp"
#include "cli/progress.hpp"
#include "cli/reg_auto.hpp"
#include "cli/titles.hpp"
#include "cli/train_data.hpp"
#include "cli/train_options.hpp"
#include "cli/train_report.hpp"
#include "cli/train_summary.hpp"
#include "host/atomic_file.hpp"
#include "host/device/cuda_module.hpp"
#include "host/error.hpp"
#include "host/model/model_file.hpp"
#include "host/ratings/feature_file.hpp"
#include "host/ratings/prepared_ratings.hpp"
#include "host/ratings/split.hpp"
#include "host/train/backend.hpp"
#include "host/train/log_observer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <sys/resource.h>
#include <utility>

namespace alsatian {
namespace {

/// Whether training on the same ratings split by `before` has seen some of the test part of `now`.
bool trains_on_test(const SplitRule& before, const SplitRule& now) {
  using Kind = SplitRule::Kind;
  if (now.kind == Kind::none || now.kind == Kind::file) return false;
  const bool by_hash = now.kind == Kind::holdout || now.kind == Kind::fold;
  return test_name(before) != test_name(now) || (by_hash && before.seed != now.seed);
}

/// Whether training on the same ratings split by `before` may have seen some of what is kept out of
/// training for validation `now`.
bool may_train_on_validation(const SplitRule& before, const SplitRule& now) {
  return now.validation_share > 0 && split_text(before) != split_text(now);
}

/// With what the files of features say of it.
ChosenSpec chosen_spec(const TrainOptions& options) {
  ChosenSpec chosen =
      make_spec(options.model, options.split.validation > 0 ? Validation::some : Validation::none);
  if (auto* bayes = std::get_if<Bayes>(&chosen.spec.algorithm)) {
    bayes->feature_files = !options.user_features.empty() || !options.item_features.empty();
  }
  return chosen;
}

/// What no GPU trains is refused before one is looked for.
void refuse_any_gpu(const ModelSpec& spec) {
  if (const auto refusal = gpu_refusal(spec)) throw *refusal;
}

/// What a run of the command works with, from beginning to end.
class TrainCommand {
  using Clock = std::chrono::steady_clock;

  static double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }

 public:
  explicit TrainCommand(const TrainOptions& options)
      : options_(options),
        log_(options.quiet),
        chosen_(chosen_spec(options)),
        given_(chosen_.spec.regularization),
        split_(make_split(options.split, options.model.seed)),
        scoring_{.clip = options.clip},
        reg_auto_(options, log_) {
    if (options.device.kind == DeviceOptions::Kind::cuda) refuse_any_gpu(chosen_.spec);
    trainer_.device = checked_device(options.device);
    trainer_.evaluate_every = options.evaluate_every;
    // Before anything is read.
    if (chooses_cuda(chosen_.spec, trainer_.device)) end_stage("finding the GPU", begin_);
    if (trainer_.device.kind == DeviceOptions::Kind::reference) {
      precision_ = WorkingPrecision::in_double;
    }
  }

  void run() {
    inputs_ = probe_outputs(options_);
    if (!options_.init.empty()) {
      init_ = std::make_unique<Model>(load_model(options_.init));
      check_init(*init_, chosen_.spec);
      trainer_.init = init_.get();
    }
    const Clock::time_point begin = Clock::now();
    RawRatings raw = read_logged(options_.data, options_.reading, log_);
    end_stage("reading", begin);
    const std::string layout = raw.layout;
    const Clock::time_point read = Clock::now();
    PreparedRatings ratings(std::move(raw), options_.cleaning);
    end_stage("cleaning", read);
    read_features_of_both(ratings);
    if (options_.dry_run) {
      plan(make_dataset(ratings, largest_split()), layout);
    } else if (split_.kind == SplitRule::Kind::fold) {
      cross_validate(std::move(ratings));
    } else {
      train_once(std::move(ratings));
    }
  }

  void train_once(PreparedRatings ratings, const PrintBefore& print_before = {}) {
    const Clock::time_point begin = Clock::now();
    const Dataset dataset = make_dataset(ratings, split_);
    end_stage("splitting", begin);
    prepare_training(test_names(dataset));
    choose_penalties(std::move(ratings), dataset);
    check_for_stop("no model is trained");
    if (options_.report.wanted()) {
      report_ = std::make_unique<ReportObserver>(test_names(dataset));
    }
    const TrainingResult result = fit(dataset);
    save(result);
    const std::vector<SummaryRow> rows = measure_and_report(dataset, result);
    say_what_was_measured(dataset, result);
    warn_of_test_files(result.model, dataset, options_.split.test_files.size(), rows, log_);
    if (print_before) print_before(output_);
    print_summary(output_, options_.format, rows);
  }

 private:
  void plan(const Dataset& dataset, const std::string& layout) {
    log_spec(chosen_.spec, dataset, log_);
    TrainingSizes sizes = training_sizes(dataset);
    if (options_.model.reg_auto) sizes.kept_trials = kept_by_reg_auto;
    const MemoryPlan memory = plan_memory(sizes, chosen_.spec, precision_);
    Table table(output_, options_.format, {"name", "value"});
    table.row({"layout", layout});
    table.row({"users", std::int64_t{dataset.users.size()}});
    table.row({"items", std::int64_t{dataset.items.size()}});
    table.row({"training_ratings", dataset.train.size()});
    for (const MemoryPart& part : memory.parts) table.row({part.name + "_bytes", part.bytes});
    table.row({"total_bytes", memory.total_bytes});
    table.row({"available_bytes", available_bytes()});
    if (chooses_cuda(chosen_.spec, trainer_.device)) plan_device(dataset, table);
    table.finish();
    output_.flush();
  }

  void plan_device(const Dataset& dataset, Table& table) const {
    const DevicePlan device = plan_cuda(dataset, chosen_.spec);
    table.row({"device", cuda_device()});
    for (const DevicePlan::Part& part : device.parts) {
      table.row({"device_" + part.name + "_bytes", part.bytes});
    }
    table.row({"device_total_bytes", device.total_bytes});
    table.row({"device_free_bytes", device.free_bytes});
    if (device.host_bytes > 0) table.row({"ratings_read_from_host_bytes", device.host_bytes});
  }

  /// Moves what it can out of the ratings, unless --reg auto needs them again.
  Dataset make_dataset(PreparedRatings& ratings, const SplitRule& split) const {
    return with_features(options_.model.reg_auto ? ratings.split(split)
                                                 : std::move(ratings).split(split));
  }

  void read_features_of_both(PreparedRatings& ratings) {
    if (options_.user_features.empty() && options_.item_features.empty()) return;
    const Clock::time_point begin = Clock::now();
    user_features_ = read_features_of(options_.user_features, FeatureSide::users, ratings);
    item_features_ = read_features_of(options_.item_features, FeatureSide::items, ratings);
    end_stage("reading features", begin);
  }

  /// Of what was asked for, after the ratings: what it is compared with is what was read of them.
  std::optional<FeatureFile> read_features_of(const std::string& path, FeatureSide side,
                                              PreparedRatings& ratings) const {
    if (path.empty()) return std::nullopt;
    FeatureFile file = read_features(path, side, available_bytes());
    say_what_features_are(file, side, ratings, log_);
    return file;
  }

  /// The data set with the features of its rows, and its test files.
  Dataset with_features(Dataset dataset) const {
    if (user_features_) dataset.user_features = features_by_index(*user_features_, dataset.users);
    if (item_features_) dataset.item_features = features_by_index(*item_features_, dataset.items);
    return with_tests(std::move(dataset), options_, log_);
  }

  /// --reg auto: what is trained next has the penalties that are chosen for its training part. The
  /// ratings go when that is done.
  void choose_penalties(PreparedRatings ratings, const Dataset& dataset) {
    if (options_.model.reg_auto) search_penalties(ratings, dataset);
  }

  void search_penalties(const PreparedRatings& ratings, const Dataset& dataset) {
    const Clock::time_point begin = Clock::now();
    chosen_.spec.regularization = given_;
    penalty_choice_ = reg_auto_.choose({.ratings = ratings,
                                        .dataset = dataset,
                                        .spec = chosen_.spec,
                                        .device = trainer_.device,
                                        .stop_requested = &stop_->requested(),
                                        .log_file = log_file_.get()});
    if (penalty_choice_) chosen_.spec.regularization = penalty_choice_->chosen();
    end_stage("choosing reg", begin);
  }

  /// That of the last fit of cross-validation, which holds no fold out.
  SplitRule split_of_everything() const {
    SplitRule split = split_;
    split.kind = SplitRule::Kind::none;
    split.folds = 0;
    return split;
  }

  bool fits_everything_last() const {
    return split_.kind == SplitRule::Kind::fold && !options_.out.empty();
  }

  /// Of all that is trained on, what takes the most memory.
  SplitRule largest_split() const {
    return fits_everything_last() ? split_of_everything() : split_;
  }

  void cross_validate(PreparedRatings ratings) {
    if (fits_everything_last()) check_last_fit(ratings);
    prepare_training({"fold"});
    std::vector<SummaryRow> rows;
    std::int32_t empty_folds = 0;
    for (std::int32_t fold = 0; fold < split_.folds; ++fold) {
      SplitRule split = split_;
      split.fold = fold;
      log_.field("fold", fmt::format("{} of {}", fold + 1, split_.folds));
      const Dataset dataset = with_features(ratings.split(split));
      if (dataset.tests.empty()) {
        ++empty_folds;
        continue;
      }
      if (log_file_) log_file_->set_fold(fold + 1);
      if (options_.model.reg_auto) search_penalties(ratings, dataset);
      if (stop_->requested()) stop_after_folds(fold - empty_folds, rows);
      const TrainingResult result = fit(dataset);
      if (result.interrupted) stop_after_folds(fold - empty_folds, rows);
      for (SummaryRow& row : compare(dataset, result, trainer_, scoring_)) {
        if (row.is_cold) continue;
        row.part = fmt::format("fold {}", fold + 1);
        rows.push_back(row);
      }
      if (stop_->requested()) stop_after_folds(fold + 1 - empty_folds, rows);
    }
    const std::vector<SummaryRow> totals = mean_and_deviation(rows);
    rows.insert(rows.end(), totals.begin(), totals.end());
    if (empty_folds > 0) {
      log_.warning(
          fmt::format("{} of {} folds got no rating to test on and are left out: mean and "
                      "sd are over the others; pass fewer --folds",
                      empty_folds, split_.folds));
    }
    // The log holds the folds alone; an epoch of the last fit has no fold to be filed under. It is
    // finished after that fit: a full disk must not cost the model.
    const std::unique_ptr<LogObserver> log = std::move(log_file_);
    try {
      if (fits_everything_last()) fit_everything(std::move(ratings));
    } catch (...) {
      print_before_end(rows);
      throw;
    }
    if (log) log->finish(fate_of_model());
    print_summary(output_, options_.format, rows);
  }

  /// The last fit is the largest: where memory is short for it alone, the folds would be in vain.
  void check_last_fit(const PreparedRatings& ratings) const {
    // What validation keeps out takes no more than what is trained on.
    const TrainingSizes sizes{.users = ratings.users().size(),
                              .items = ratings.items().size(),
                              .train = ratings.size(),
                              .kept_trials = options_.model.reg_auto ? kept_by_reg_auto : 0};
    check_memory(sizes, chosen_.spec, precision_, limit());
  }

  /// Means over some of the folds would be taken for those over all: they are left out.
  [[noreturn]] void stop_after_folds(std::int32_t finished, const std::vector<SummaryRow>& rows) {
    log_.warning(fmt::format(
        "stopped on request after {} of {} folds: {}no model is saved", finished, split_.folds,
        finished > 0 ? "their figures are printed without mean and sd, " : ""));
    if (finished > 0) print_before_end(rows);
    throw Interrupted{stop_->signal()};
  }

  /// What ends the command stays what it ends with, whatever becomes of the figures.
  void print_before_end(const std::vector<SummaryRow>& rows) {
    try {
      print_summary(output_, options_.format, rows);
    } catch (const OutputClosed&) {
    } catch (const Error& error) {
      log_.warning(fmt::format("{}: {}", error.place(), error.what()));
    }
  }

  /// The last fit of cross-validation: nothing is held out, so nothing is measured.
  void fit_everything(PreparedRatings ratings) {
    log_.field("fold", "last fit, on everything");
    const Dataset dataset = make_dataset(ratings, split_of_everything());
    choose_penalties(std::move(ratings), dataset);
    if (options_.model.reg_auto) check_for_stop("no model is saved");
    save(fit(dataset));
  }

  TrainingResult fit(const Dataset& dataset) {
    for (const std::string& note : chosen_.notes) log_.field("note", note);
    log_spec(chosen_.spec, dataset, log_);
    if (init_) log_start(dataset);
    const MemoryLimit free = limit();
    check_memory(training_sizes(dataset), chosen_.spec, precision_, free);
    log_.field(
        "memory",
        fmt::format(
            "the plan needs {}, {} are free",
            human_bytes(plan_memory(training_sizes(dataset), chosen_.spec, precision_).total_bytes),
            human_bytes(free.bytes)));
    StringTable item_titles = find_item_titles(dataset.items);
    if (!options_.out.empty()) {
      probe_output(options_.out, "", least_model_bytes(dataset, item_titles));
    }
    Progress progress(log_, test_names(dataset),
                      options_.plot ? CurvePlot::errors : CurvePlot::none);
    TrainerOptions trainer = trainer_;
    trainer.observers = {&progress};
    if (log_file_) trainer.observers.push_back(log_file_.get());
    if (report_) trainer.observers.push_back(report_.get());
    TrainingResult result = train(dataset, chosen_.spec, trainer);
    append_training(stages_, result);
    say_if_nll_is_undefined(result.model.statistics);
    result.model.positive = options_.model.positive;
    result.model.statistics.penalty_choice = penalty_choice_;
    result.model.titles = std::move(item_titles);
    return result;
  }

  /// Once, also where many folds are fitted.
  void say_if_nll_is_undefined(const ModelStatistics& statistics) {
    if (statistics.dispersion != 0 || said_that_nll_is_undefined_) return;
    said_that_nll_is_undefined_ = true;
    log_.field("note", no_nll);
  }

  /// Which rows start from the model of --init.
  void log_start(const Dataset& dataset) const {
    const KnownRows known = known_rows(*init_, dataset.users, dataset.items);
    std::string text = fmt::format("{} of {} users and {} of {} items start from {}", known.users,
                                   dataset.users.size(), known.items, dataset.items.size(),
                                   printable(options_.init));
    const std::int32_t new_users = dataset.users.size() - known.users;
    const std::int32_t new_items = dataset.items.size() - known.items;
    if (new_users + new_items > 0) {
      text += fmt::format("; {} and {} at random", counted(new_users, "new user"),
                          counted(new_items, "new item"));
    }
    if (init_->spec.rank < chosen_.spec.rank) {
      text += fmt::format("; its rank {} is padded to {}", init_->spec.rank, chosen_.spec.rank);
    }
    log_.field("init", text);
    if (init_->spec.biases && !chosen_.spec.biases) {
      log_.warning(
          "the model of --init has biases, which --no-biases drops: training starts worse than "
          "that model is");
    }
    warn_of_leaks(dataset);
  }

  /// What the model of --init was trained on and this training is measured by.
  void warn_of_leaks(const Dataset& dataset) const {
    const bool first = dataset.split.kind != SplitRule::Kind::fold || dataset.split.fold == 0;
    if (!first || init_->fingerprint != dataset.fingerprint) return;
    if (may_train_on_validation(init_->split, dataset.split)) {
      log_.warning(
          fmt::format("the model of --init may have been trained on ratings of the validation part "
                      "(its split: {}): the validation error may be too good",
                      split_text(init_->split)));
    }
    if (trains_on_test(init_->split, dataset.split)) {
      log_.warning(
          fmt::format("the model of --init was trained on ratings of the test part (its "
                      "split: {}): the test error is too good",
                      split_text(init_->split)));
    }
  }

  /// Factors, biases, counts, ids and titles; the file is a little larger.
  std::int64_t least_model_bytes(const Dataset& dataset, const StringTable& titles) const {
    const std::int64_t rows = std::int64_t{dataset.users.size()} + dataset.items.size();
    return rows * ((std::int64_t{chosen_.spec.rank} + 2) * 4 + 8) +
           static_cast<std::int64_t>(titles.bytes.size() + titles.offsets.size() * 8);
  }

  /// Nobody asked for titles, and in an archive nobody can take them away: where they cannot be
  /// read the model gets none.
  Titles titles_beside_ratings() const {
    if (options_.data == "-") return {};
    try {
      Titles titles = find_titles(options_.data, available_bytes());
      for (const std::string& warning : titles.warnings) log_.warning(warning);
      return titles;
    } catch (const Error& error) {
      log_.warning(fmt::format("{}: {}: the model gets no titles; {}", error.place(), error.what(),
                               error.help()));
      return {};
    }
  }

  /// Titles found beside the ratings. Read before training: a damaged file must not cost a model.
  StringTable find_item_titles(const IdIndex& items) {
    if (!titles_) titles_ = std::make_unique<Titles>(titles_beside_ratings());
    StringTable found = titles_by_index(*titles_, items);
    if (found.size() == 0 && titles_->ids.size() > 0) {
      log_.warning("the titles beside the ratings are of other items: the model gets no titles");
    }
    return found;
  }

  void end_stage(const char* stage, Clock::time_point begin) {
    stages_.emplace_back(stage, seconds_since(begin));
  }

  /// Also of a training that was stopped.
  void report_training(const TrainingResult& result) const {
    if (!report_) return;
    write_report(options_.report, inputs_,
                 training_page(*report_, result, source_name(options_.data), stages_,
                               seconds_since(begin_), reg_auto_.trials()),
                 log_);
  }

  /// The summary's rows, and the report behind them, which says what they cost. What ends the
  /// command before costs no report.
  std::vector<SummaryRow> measure_and_report(const Dataset& dataset, const TrainingResult& result) {
    std::vector<SummaryRow> rows;
    try {
      finish_log();
      const Clock::time_point begin = Clock::now();
      rows = compare(dataset, result, trainer_, scoring_);
      check_for_stop("the comparison is left out");
      rows.push_back(training_row(dataset, result, scoring_));
      end_stage("baselines", begin);
    } catch (...) {
      report_training(result);
      throw;
    }
    report_training(result);
    return rows;
  }

  void save(const TrainingResult& result) {
    if (!options_.out.empty()) {
      const Clock::time_point begin = Clock::now();
      save_model(result.model, options_.out);
      end_stage("saving", begin);
      log_.field("saved", fmt::format("{}{}", printable(options_.out),
                                      result.model.titles.size() > 0 ? ", with titles" : ""));
    }
    if (!result.interrupted) return;
    // Behind the model: a full disk must not cost it.
    report_training(result);
    log_.warning(fmt::format("stopped on request after epoch {}: {}", result.last.epoch,
                             options_.out.empty() ? "there was no --out, so nothing is saved"
                                                  : what_is_saved(result.model)));
    throw Interrupted{stop_->signal()};
  }

  /// Of an interrupted training. Draws are no start for another chain.
  std::string what_is_saved(const Model& model) const {
    const std::string path = printable(options_.out);
    return is_bayes(model.spec)
               ? fmt::format("the model in {} is the mean of {}", path,
                             counted(model.draws, "draw"))
               : fmt::format("the model is in {}; --init {} goes on from there", path, path);
  }

  void say_what_was_measured(const Dataset& dataset, const TrainingResult& result) const {
    const ModelStatistics& statistics = result.model.statistics;
    if (statistics.repaired_pivots > 0) {
      log_.field("note", fmt::format("{} not positive: jitter was added",
                                     counted(statistics.repaired_pivots, "pivot")));
    }
    if (options_.out.empty()) log_.field("note", "the model is not saved: there was no --out");
    if (is_bayes(result.model.spec)) {
      say_what_draws_gave(dataset, result);
    } else if (is_standardised(result.model.spec.likelihood) && statistics.dispersion > 0) {
      log_.field("note", statistics.dispersion_from_validation
                             ? "nll takes the spread of errors from the validation share"
                             : "nll takes errors to be as small as on the ratings trained on, and "
                               "so is too large at large k: --validation 0.05 measures their "
                               "spread apart");
    }
    if (dataset.split.kind == SplitRule::Kind::none) {
      log_.field("note",
                 "no test part, so there is no test error: --holdout 0.1 or --test FILE "
                 "gives one");
    }
    rusage usage{};
    if (::getrusage(RUSAGE_SELF, &usage) == 0) {
      log_.field("memory", fmt::format("peak {}", human_bytes(usage.ru_maxrss * 1024)));
    }
  }

  void say_what_draws_gave(const Dataset& dataset, const TrainingResult& result) const {
    log_.field("note", fmt::format("the model keeps {} of {}, whose mean it predicts",
                                   result.model.draws, counted(result.last.draws, "draw")));
    const std::vector<std::string> names = test_names(dataset);
    for (std::size_t test = 0; test < result.last.test_covered_90.size(); ++test) {
      log_.field("note", fmt::format("central 90 % intervals hold {:.1f} % of the ratings of {}",
                                     100 * result.last.test_covered_90[test], names[test]));
    }
    say_whether_chains_met(result);
  }

  /// How far the draws of all chains say the same, and a warning where they do not.
  void say_whether_chains_met(const TrainingResult& result) const {
    for (const TraceStatistics& trace : result.model.statistics.traces) {
      log_.field("trace", fmt::format("{}: mean {:.4g}, R-hat {:.3f}, {:.0f} effective of {}",
                                      trace.name, trace.mean, trace.r_hat, trace.effective_draws,
                                      counted(result.last.draws, "draw")));
    }
    const std::string warning = convergence_warning(result);
    if (!warning.empty()) log_.warning(warning);
  }

  /// From here on a signal stops training after its epoch; before, it ends the process at once.
  void prepare_training(const std::vector<std::string>& names) {
    if (!options_.log.empty()) log_file_ = std::make_unique<LogObserver>(options_.log, names);
    stop_.emplace();
    trainer_.stop_requested = &stop_->requested();
  }

  void check_for_stop(const char* consequence) const {
    if (!stop_->requested()) return;
    log_.warning(fmt::format("stopped on request: {}", consequence));
    throw Interrupted{stop_->signal()};
  }

  void finish_log() {
    if (log_file_) log_file_->finish(fate_of_model());
  }

  std::string fate_of_model() const {
    return options_.out.empty() ? "there was no --out, so no model is saved"
                                : fmt::format("the model is in {}", printable(options_.out));
  }

  MemoryLimit limit() const { return memory_limit(options_.max_memory); }
  std::int64_t available_bytes() const { return limit().bytes; }

  const Clock::time_point begin_ = Clock::now();
  const TrainOptions& options_;
  std::vector<std::string> inputs_;  // none of which a report may overwrite
  Log log_;
  Output output_;
  ChosenSpec chosen_;
  Regularization given_;  // before --reg auto chooses others
  SplitRule split_;
  ScorerOptions scoring_;
  TrainerOptions trainer_;
  WorkingPrecision precision_ = WorkingPrecision::in_float;
  RegAuto reg_auto_;
  std::optional<PenaltyChoice> penalty_choice_;  // of the last search
  bool said_that_nll_is_undefined_ = false;
  std::unique_ptr<Model> init_;
  std::unique_ptr<Titles> titles_;
  std::optional<FeatureFile> user_features_;
  std::optional<FeatureFile> item_features_;
  std::unique_ptr<LogObserver> log_file_;
  std::unique_ptr<ReportObserver> report_;
  Stages stages_;
  std::optional<StopSignals> stop_;
};

}  // namespace

void train_on(const TrainOptions& options, PreparedRatings ratings,
              const PrintBefore& print_before) {
  TrainCommand(options).train_once(std::move(ratings), print_before);
}

void train_command(Arguments arguments) {
  TrainOptions options;
  if (!parse_train_options(arguments, options)) return;
  TrainCommand(options).run();
}

}  // namespace alsatian
