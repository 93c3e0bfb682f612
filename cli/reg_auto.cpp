// Implements reg_auto.hpp.
// The search trains the model's own algorithm, since the best λ of another one is another.
#include "cli/reg_auto.hpp"

#include "cli/memory_plan.hpp"
#include "host/report/number_text.hpp"

#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace alsatian {
namespace {

constexpr double validation_share = 0.1;

TrainingSizes sizes_of(const Dataset& dataset) {
  TrainingSizes sizes = training_sizes(dataset);
  sizes.kept_trials = kept_by_reg_auto;
  return sizes;
}

/// Where training with one of both, or with either, diverged.
std::string divergence_text(const PenaltyChoice& choice, const std::string& given,
                            const std::string& best) {
  if (choice.best_rmse) {
    return fmt::format(
        "{} in place of the default, {}, with which training diverged: validation "
        "RMSE {}",
        best, given, four_decimals(*choice.best_rmse));
  }
  if (choice.given_rmse) {
    return fmt::format("the default, {}: with {} training diverged", given, best);
  }
  return fmt::format("the default, {}: training diverged with every choice", given);
}

}  // namespace

std::string penalties_text(const Regularization& regularization, const ModelSpec& spec) {
  if (!spec.biases) return fmt::format("reg {:.6g}", regularization.factors);
  if (spec.rank == 0) return fmt::format("reg-bias {:.6g}", regularization.biases);
  return fmt::format("reg {:.6g}, reg-bias {:.6g}", regularization.factors, regularization.biases);
}

std::string choice_text(const PenaltyChoice& choice, const ModelSpec& spec) {
  const std::string given = penalties_text(choice.given, spec);
  const std::string best = penalties_text(choice.best, spec);
  if (!choice.given_rmse || !choice.best_rmse) return divergence_text(choice, given, best);
  if (given == best) return fmt::format("the default, {}: nothing better was found", given);
  const std::string errors =
      fmt::format("validation RMSE {} for {}", four_decimals(*choice.best_rmse),
                  four_decimals(*choice.given_rmse));
  if (choice.chose_best) {
    return fmt::format(
        "{} in place of the default, {}: {}, {:.1f} standard errors of the difference", best, given,
        errors, *choice.gain_in_errors);
  }
  if (choice.best_rmse >= choice.given_rmse) {
    return fmt::format("the default, {}: {} is no better once both are trained in full ({})", given,
                       best, errors);
  }
  if (!choice.gain_in_errors) {
    return fmt::format(
        "the default, {}: {} is better ({}), but on ratings by fewer than {} users, who do not say "
        "how surely",
        given, best, errors, fewest_users_to_choose_by);
  }
  return fmt::format(
      "the default, {}: {} is not surely better ({}, {:.1f} standard errors of the difference "
      "where more than {:g} {} asked for)",
      given, best, errors, *choice.gain_in_errors, least_gain_in_errors(choice.ratings),
      least_gain_in_errors(choice.ratings) == 1 ? "is" : "are");
}

std::optional<PenaltyChoice> RegAuto::choose(const RegAutoTask& task) {
  trials_.clear();
  std::int64_t ratings = task.dataset.validation.size();
  if (ratings >= fewest_to_choose_by) return search(task, task.dataset);
  // Of fewer no share is enough, and of very few a share may be all.
  if (ratings == 0 && task.dataset.train.size() >= fewest_to_choose_by) {
    SplitRule split = task.dataset.split;
    split.validation_share = validation_share;
    Dataset dataset = task.ratings.split(split);
    dataset.tests.clear();
    ratings = dataset.validation.size();
    if (ratings >= fewest_to_choose_by) return search(task, dataset);
  }
  const std::int64_t training = task.dataset.train.size();
  const bool none_held_out = training < fewest_to_choose_by;
  log_.warning(fmt::format(
      "--reg auto: {} {} too few to choose by (fewer than {}): the default is taken, {}",
      none_held_out ? counted(training, "training rating")
                    : counted(ratings, "rating") + " to measure on",
      (none_held_out ? training : ratings) == 1 ? "is" : "are", fewest_to_choose_by,
      penalties_text(task.spec.regularization, task.spec)));
  return std::nullopt;
}

std::optional<PenaltyChoice> RegAuto::search(const RegAutoTask& task, const Dataset& dataset) {
  const bool in_double = task.device.kind == DeviceOptions::Kind::reference;
  check_memory(sizes_of(dataset), task.spec,
               in_double ? WorkingPrecision::in_double : WorkingPrecision::in_float,
               memory_limit(options_.max_memory));
  say_what_is_searched(task, dataset);
  const auto begin = std::chrono::steady_clock::now();
  PenaltySearch search(
      dataset, task.spec,
      {.device = task.device,
       .searched = searched(task.spec),
       .stops_early = options_.split.validation > 0,
       .stop_requested = task.stop_requested,
       .on_trial = [&](const PenaltyTrial& trial) { on_trial(trial, task.log_file); }});
  const std::optional<PenaltyChoice> choice = search.run();
  if (!choice) return std::nullopt;
  if (task.log_file != nullptr) task.log_file->on_penalty_choice(*choice);
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
  say_what_is_chosen(*choice, task.spec, spent.count());
  return choice;
}

SearchedPenalties RegAuto::searched(const ModelSpec& spec) const {
  if (spec.rank == 0) return SearchedPenalties::biases;
  const bool fixed = options_.model.reg_bias.has_value() || !spec.biases;
  return fixed ? SearchedPenalties::factors : SearchedPenalties::both;
}

void RegAuto::say_what_is_searched(const RegAutoTask& task, const Dataset& dataset) const {
  const char* names[] = {"reg and reg-bias", "reg", "reg-bias"};
  const bool own = &dataset != &task.dataset;
  log_.field("search",
             fmt::format("{} by the error on {} {}", names[static_cast<int>(searched(task.spec))],
                         counted(dataset.validation.size(), "rating"),
                         own ? fmt::format("of the {} to train on", task.dataset.train.size())
                             : "for validation"));
}

void RegAuto::on_trial(const PenaltyTrial& trial, LogObserver* log_file) {
  trials_.push_back(trial);
  const TrialFigures& figures = trial.figures;
  if (log_file != nullptr) log_file->on_penalty_trial(static_cast<int>(trials_.size()), trial);
  const std::string text = fmt::format("{}, reg {:.6g}, reg-bias {:.6g}", trials_.size(),
                                       trial.regularization.factors, trial.regularization.biases);
  log_.field("trial",
             figures.diverged
                 ? fmt::format("{}: diverged in epoch {}", text, figures.epochs)
                 : fmt::format("{}: validation RMSE {} in epoch {} of {}, {:.2f} s{}", text,
                               four_decimals(figures.rmse), figures.best_epoch, figures.epochs,
                               figures.seconds,
                               trial.kind == PenaltyTrialKind::whole ? ", trained in full" : ""));
}

void RegAuto::say_what_is_chosen(const PenaltyChoice& choice, const ModelSpec& spec,
                                 double seconds) const {
  log_.field("chosen", fmt::format("{}; {}, {}, {:.2f} s", choice_text(choice, spec),
                                   counted(choice.trials, "trial"), counted(choice.epochs, "epoch"),
                                   seconds));
}

}  // namespace alsatian
