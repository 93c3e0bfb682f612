// Implements trial_backend.hpp on a backend's verbs.
// Only validation is measured: the objective of an epoch costs as much as an epoch of mle.
#include "host/train/trial_backend.hpp"

#include "host/train/sgd_schedule.hpp"
#include "host/train/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>
#include <variant>

namespace alsatian {
namespace {

/// The rows of a trial in the columns that it has.
void copy_rows(const SideFactors& from, SideFactors& to) {
  to.biases = from.biases;
  for (std::int64_t row = 0; row < from.rows; ++row) {
    std::copy_n(from.row(row), from.rank, to.row(row));
  }
}

}  // namespace

TrialBackend::TrialBackend(const Dataset& dataset, const ModelSpec& spec,
                           const DeviceOptions& device)
    : TrialBackend(make_problem(dataset, spec, nullptr, problem_options(spec, device)), device) {}

TrialBackend::TrialBackend(TrainingProblem problem, const DeviceOptions& device)
    : rank_(problem.spec.rank) {
  scale_ = problem.scale;
  start_factors_ = problem.start;
  backend_ = make_backend(std::move(problem), device).backend;
  start_ = backend_->state();
}

TrialState TrialBackend::warm(const Factors& factors) {
  Factors start = start_factors_;
  copy_rows(factors.users, start.users);
  copy_rows(factors.items, start.items);
  backend_->restore(start_);  // what training keeps beside factors begins anew
  backend_->set_factors(start);
  return {.backend = backend_->state()};
}

bool TrialBackend::run(const ModelSpec& spec, const TrialRules& rules, const TrialLimits& limits,
                       const std::atomic<bool>* stop_requested, TrialState& state) {
  const auto begin = std::chrono::steady_clock::now();
  TrialFigures& figures = state.figures;
  backend_->set_regularization(spec.regularization);
  backend_->restore(state.backend);
  while (!state.finished && figures.epochs < limits.epochs) {
    if (!run_epoch(spec.algorithm, figures.epochs)) {
      state.finished = true;
      // Not even a first step lowers F: the start is what there is to measure.
      if (figures.epochs > 0) break;
    }
    ++figures.epochs;
    measure(rules, limits.loss_to_beat, state);
    if (stop_requested != nullptr && *stop_requested) return false;
  }
  state.backend = backend_->state();
  if (rules.keep_factors && rules.counted == CountedEpoch::last) {
    state.counted_factors = backend_->factors();
  }
  figures.seconds +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return true;
}

bool TrialBackend::run_epoch(const Algorithm& algorithm, int epoch) {
  if (const auto* mle = std::get_if<Mle>(&algorithm)) {
    backend_->sgd_epoch(learning_rate(*mle, epoch), epoch);
    return true;
  }
  if (std::holds_alternative<LeastSquares>(algorithm)) {
    return backend_->least_squares_step().accepted;
  }
  backend_->als_half_sweep(Side::users);
  backend_->als_half_sweep(Side::items);
  return true;
}

void TrialBackend::measure(const TrialRules& rules, double loss_to_beat, TrialState& state) {
  TrialFigures& figures = state.figures;
  const ErrorSums sums = backend_->held_out_errors(0);
  const auto count = static_cast<double>(sums.count);
  const double loss = sums.loss / count;
  if (!std::isfinite(loss) || backend_->first_non_finite_row()) {
    figures = {.epochs = figures.epochs, .seconds = figures.seconds, .diverged = true};
    state.finished = true;
    return;
  }
  const bool is_best = figures.best_epoch == 0 || loss < figures.loss;
  const double before = std::exchange(state.last_loss, loss);
  if (is_best || rules.counted == CountedEpoch::last) {
    figures.ratings = sums.count;
    figures.rmse = std::sqrt(sums.squared_error / count) * scale_.bias_unit();
    figures.loss = loss;
    figures.best_epoch = figures.epochs;
    if (rules.keep_factors && rules.counted == CountedEpoch::best) {
      state.counted_factors = backend_->factors();
    }
  }
  if (!rules.early_stop) return;
  bool gained = is_best;
  if (rules.counted == CountedEpoch::last) {
    gained = std::abs(before - loss) > rules.early_stop->change * std::abs(loss);
    if (loss > before && loss > loss_to_beat) state.finished = true;
  }
  state.idle_epochs = gained ? 0 : state.idle_epochs + 1;
  if (state.idle_epochs >= rules.early_stop->patience) state.finished = true;
}

}  // namespace alsatian
