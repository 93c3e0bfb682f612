// Implements tuner.hpp.
// Folds are outside and ranks inside: one data set and one backend are in memory at a time.
#include "host/train/tuner.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace alsatian {
namespace {

/// Whether a run that was made again is the one that is known.
bool is_same(TrialFigures again, const TrialFigures& known) {
  again.seconds = known.seconds;
  return again == known;
}

bool has_several_ranks(const std::vector<ModelSpec>& specs) {
  return std::ranges::any_of(
      specs, [&](const ModelSpec& spec) { return spec.rank != specs.front().rank; });
}

}  // namespace

Tuner::Tuner(std::vector<ModelSpec> specs, TunerOptions options, DataOfFold data, OnRun on_run)
    : specs_(std::move(specs)),
      options_(std::move(options)),
      data_(std::move(data)),
      on_run_(std::move(on_run)),
      order_(order_trials(specs_, options_.start)) {}

TuningResult Tuner::run(const TrialRuns& known, PlaceOfRun place) {
  place_of_known_ = std::move(place);
  TuningResult result;
  result.trials.resize(specs_.size());
  std::vector<std::size_t> ranking(specs_.size());
  std::iota(ranking.begin(), ranking.end(), std::size_t{0});
  for (int rung = 0; rung < static_cast<int>(options_.rungs.size()); ++rung) {
    const auto most =
        static_cast<std::size_t>(options_.rungs[static_cast<std::size_t>(rung)].trials);
    ranking.resize(std::min(ranking.size(), most));
    std::vector<bool> runs(specs_.size());
    for (const std::size_t trial : ranking) runs[trial] = true;
    std::erase_if(kept_, [&](const auto& entry) { return !runs[entry.first.trial]; });
    if (!run_rung(rung, runs, known)) {
      result.interrupted = true;
      return result;
    }
    for (const std::size_t trial : ranking) result.trials[trial] = result_of(rung, trial);
    std::erase_if(ranking,
                  [&](std::size_t trial) { return result.trials[trial].figures.diverged; });
    std::ranges::stable_sort(ranking, {}, [&](std::size_t trial) {
      return std::pair(result.trials[trial].figures.loss, trial);
    });
  }
  // What went on only got better: the best of the last rung is the best of all.
  if (!ranking.empty()) result.best = ranking.front();
  return result;
}

bool Tuner::run_rung(int rung, const std::vector<bool>& runs, const TrialRuns& known) {
  for (int fold = 0; fold < options_.folds; ++fold) {
    for (std::size_t place = 0; place < order_.order.size(); ++place) {
      const TrialRun run{rung, fold, order_.order[place]};
      if (!runs[run.trial]) continue;
      if (const auto done = known.find(run); done != known.end()) {
        done_.insert(*done);
        continue;
      }
      if (!run_trial(run)) return false;
      forget_before(place);
    }
  }
  return true;
}

bool Tuner::run_trial(const TrialRun& run) {
  if (!prepare(run)) return false;
  auto trained = train_trial(run);
  if (!trained) return false;
  const TrialFigures figures = trained->state.figures;
  done_[run] = figures;
  kept_[run] = std::move(*trained);
  on_run_(run, figures);
  return true;
}

/// What a run goes on or starts from, where it does.
std::optional<TrialRun> Tuner::needed_by(const TrialRun& run) const {
  if (run.rung > 0) return TrialRun{run.rung - 1, run.fold, run.trial};
  const auto& start = order_.start[run.trial];
  if (!start) return std::nullopt;
  const TrialRun from{0, run.fold, *start};
  return done_.at(from).diverged ? std::nullopt : std::optional(from);
}

/// Makes again what the run needs and an earlier process has made. False where it was interrupted.
bool Tuner::prepare(const TrialRun& run) {
  std::vector<TrialRun> missing;
  for (auto needed = needed_by(run); needed && !kept_.contains(*needed);
       needed = needed_by(*needed)) {
    missing.push_back(*needed);
  }
  for (; !missing.empty(); missing.pop_back()) {
    const TrialRun& again = missing.back();
    auto trained = train_trial(again);
    if (!trained) return false;
    if (!is_same(trained->state.figures, done_.at(again))) {
      const std::string trial = fmt::format("trial {}", again.trial + 1);
      throw Error(ExitCode::bad_data, place_of_known_ ? place_of_known_(again) : trial,
                  trial +
                      " gives other figures than are written: they were altered, or another "
                      "build or machine made them",
                  "begin anew with another --log, or take away this line and those behind it");
    }
    kept_[again] = std::move(*trained);
  }
  return true;
}

/// Nothing where it was interrupted.
std::optional<Tuner::Kept> Tuner::train_trial(const TrialRun& run) {
  TrialBackend& backend = backend_for(run.fold, run.trial);
  const auto needed = needed_by(run);
  const TrialLimits limits{options_.rungs[static_cast<std::size_t>(run.rung)].epochs,
                           least_loss_before(run)};
  Kept result;
  if (!needed) {
    result.state = backend.cold();
  } else if (run.rung > 0) {
    // Moved, as it is needed once: a rung's states are most of the memory.
    result.state = std::move(kept_.at(*needed).state);
    kept_.erase(*needed);
  } else {
    result.state = backend.warm(*kept_.at(*needed).factors);
  }
  if (!backend.run(specs_[run.trial], options_.rules, limits, options_.stop_requested,
                   result.state)) {
    return std::nullopt;
  }
  if (options_.start == TrialStart::warm) result.factors = backend.factors();
  if (run.rung + 1 == std::ssize(options_.rungs)) result.state.backend = {};
  return result;
}

/// Of the trials that ran before it: also where it is made again, when later ones are known.
double Tuner::least_loss_before(const TrialRun& run) const {
  double least = std::numeric_limits<double>::infinity();
  for (const std::size_t trial : order_.order) {
    if (trial == run.trial) break;
    const auto earlier = done_.find({run.rung, run.fold, trial});
    if (earlier == done_.end() || earlier->second.diverged) continue;
    least = std::min(least, earlier->second.loss);
  }
  return least;
}

/// Frees the factors that no trial behind `place` in the order starts from.
void Tuner::forget_before(std::size_t place) {
  if (options_.rungs.size() > 1) return;
  std::erase_if(kept_, [&](const auto& entry) {
    return options_.start == TrialStart::cold || order_.last_use[entry.first.trial] <= place;
  });
}

TrialBackend& Tuner::backend_for(int fold, std::size_t trial) {
  if (fold_ != fold) {
    backend_.reset();
    problem_.reset();
    dataset_.reset();
    dataset_ = data_(fold);
    fold_ = fold;
    if (dataset_->validation.size() == 0) {
      if (options_.folds > 1) {
        throw Error(ExitCode::bad_data, fmt::format("fold {} of {}", fold + 1, options_.folds),
                    "has no ratings to measure trials by", "pass fewer --folds");
      }
      throw Error(ExitCode::bad_data, "validation", "the part to measure trials by has no ratings",
                  "pass a larger --validation");
    }
    check_known_ratings(fold);
  }
  const ModelSpec& spec = specs_[trial];
  if (!backend_ || backend_->rank() != spec.rank) {
    backend_.reset();
    backend_.emplace(problem_for(spec), options_.device);
  }
  return *backend_;
}

void Tuner::check_known_ratings(int fold) const {
  const auto ratings = static_cast<std::int64_t>(dataset_->validation.size());
  for (const auto& [run, figures] : done_) {
    if (run.fold != fold || figures.diverged || figures.ratings == ratings) continue;
    const std::string trial = fmt::format("trial {}", run.trial + 1);
    throw Error(ExitCode::bad_data, place_of_known_ ? place_of_known_(run) : trial,
                fmt::format("{} was measured on {} ratings, and there are {} to measure it on",
                            trial, figures.ratings, ratings),
                "begin anew with another --log, or take away this line and those behind it");
  }
}

TrainingProblem Tuner::problem_for(const ModelSpec& spec) {
  const ProblemOptions wanted = problem_options(spec, options_.device);
  if (problem_ && problem_options_ == wanted) return with_spec(*problem_, spec);
  TrainingProblem problem = make_problem(*dataset_, spec, nullptr, wanted);
  if (!has_several_ranks(specs_)) return problem;
  problem_options_ = wanted;
  problem_ = std::move(problem);
  return with_spec(*problem_, spec);
}

TrialResult Tuner::result_of(int rung, std::size_t trial) const {
  TrialResult result{.rung = rung};
  TrialFigures& all = result.figures;
  double squares = 0;
  std::vector<double> rmse;
  for (int fold = 0; fold < options_.folds; ++fold) {
    const TrialFigures& one = done_.at({rung, fold, trial});
    const auto ratings = static_cast<double>(one.ratings);
    all.ratings += one.ratings;
    all.loss += ratings * one.loss;
    squares += ratings * one.rmse * one.rmse;
    all.best_epoch += one.best_epoch;
    all.epochs += one.epochs;
    all.seconds += one.seconds;
    all.diverged = all.diverged || one.diverged;
    rmse.push_back(one.rmse);
  }
  all.loss /= static_cast<double>(all.ratings);
  all.rmse = std::sqrt(squares / static_cast<double>(all.ratings));
  const auto folds = static_cast<double>(options_.folds);
  all.best_epoch = static_cast<int>(std::lround(all.best_epoch / folds));
  if (options_.folds > 1) {
    const double mean = std::accumulate(rmse.begin(), rmse.end(), 0.0) / folds;
    double sum = 0;
    for (const double value : rmse) sum += (value - mean) * (value - mean);
    result.rmse_deviation = std::sqrt(sum / (folds - 1));
  }
  return result;
}

}  // namespace alsatian
