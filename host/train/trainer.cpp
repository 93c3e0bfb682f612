// Epochs, evaluation, stopping: the loop that every algorithm and backend shares.
// What an epoch does is the backend's; when to stop and what to report is decided here, once.
#include "host/train/trainer.hpp"

#include "host/error.hpp"
#include "host/train/gibbs_chains.hpp"
#include "host/train/sgd_schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

namespace alsatian {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Mean of the likelihood's constant over ratings as written.
double mean_constant(const Triples& ratings, const Likelihood& likelihood) {
  return std::visit(
      [&](const auto& choice) {
        double sum = 0;
        for (const float rating : ratings.ratings) sum += choice.constant(rating);
        return ratings.size() > 0 ? sum / static_cast<double>(ratings.size()) : 0.0;
      },
      likelihood);
}

/// Turns a backend's sums into figures in the rating's units.
class Figures {
 public:
  Figures(const Likelihood& likelihood, const RatingScale& scale)
      : likelihood_(likelihood), scale_(scale) {}

  double rmse(const ErrorSums& sums) const {
    return std::sqrt(sums.squared_error / static_cast<double>(sums.count)) * scale_.bias_unit();
  }
  double dispersion(const ErrorSums& sums) const {
    return std::visit([&](const auto& choice) { return choice.dispersion(mean_loss(sums)); },
                      likelihood_);
  }
  double mean_nll(const ErrorSums& sums, double dispersion, double constant) const {
    const double nll = std::visit(
        [&](const auto& choice) { return choice.mean_nll(mean_loss(sums), dispersion, constant); },
        likelihood_);
    return nll + scale_.nll_offset();
  }
  static double mean_loss(const ErrorSums& sums) {
    return sums.loss / static_cast<double>(sums.count);
  }

 private:
  Likelihood likelihood_;
  RatingScale scale_;
};

/// Nothing where a figure is not defined.
std::optional<double> defined(double figure) {
  return std::isnan(figure) ? std::nullopt : std::optional(figure);
}

/// A step of mle multiplies a parameter by 1 - rate·penalty: beyond 2 its size grows, so that a
/// larger penalty is no remedy there, as it is for als and ls.
std::string remedy(const Algorithm& algorithm) {
  const auto* mle = std::get_if<Mle>(&algorithm);
  if (std::holds_alternative<Bayes>(algorithm)) return "check the ratings for extreme values";
  if (mle == nullptr) return "raise --reg, or check the ratings for extreme values";
  return mle->optimizer == Optimizer::adagrad
             ? "lower --lr; where --reg or --reg-bias is large, lower that too"
             : "lower --lr, lower a large --reg or --reg-bias, or use --optimizer adagrad";
}

/// One training run: the state between epochs.
class Run {
 public:
  Run(const Dataset& dataset, const ModelSpec& spec, const TrainerOptions& options)
      : dataset_(dataset), spec_(spec), options_(options) {
    const auto begin = Clock::now();
    TrainingProblem problem =
        make_problem(dataset, spec, options.init, problem_options(spec, options.device));
    scale_ = problem.scale;
    count_rows(problem);
    chosen_ = make_backend(std::move(problem), options.device);
    train_constant_ = mean_constant(dataset.train, spec.likelihood);
    has_validation_ = dataset.validation.size() > 0;
    if (is_bayes(spec)) {
      chains_.emplace(*chosen_.backend, dataset, spec, scale_, result_.model.user_counts,
                      result_.model.item_counts);
    }
    result_.setup_seconds = seconds_since(begin);
    for (Observer* observer : options_.observers) {
      observer->on_start(fmt::format("{}: {}", chosen_.backend->description(), chosen_.reason),
                         spec_, dataset_.train.size());
    }
  }

  TrainingResult run() {
    start_ = Clock::now();
    const double start = chosen_.backend->objective().value;
    check_finite(start, 0);
    result_.evaluation_seconds = seconds_since(start_);
    // A good --init may start far below what a sensible first epoch costs.
    const double of_the_mean = loss_of_the_mean(dataset_.train, scale_, spec_.likelihood);
    worst_objective_ = 10.0 * std::max(start, of_the_mean);
    std::string why = "all epochs run";
    for (int epoch = 1; epoch <= spec_.epochs; ++epoch) {
      if (!run_epoch(epoch)) {
        // An epoch of ls is an accepted step: this one was none.
        stats_.epoch = epoch - 1;
        evaluate(true);
        why = fmt::format("no step lowers the objective after epoch {}", epoch - 1);
        break;
      }
      const bool stop_asked = options_.stop_requested != nullptr && *options_.stop_requested;
      const bool last = epoch == spec_.epochs || stop_asked;
      evaluate(last || epoch % options_.evaluate_every == 0);
      if (last && chains_) stats_.traces = chains_->trace_statistics();
      for (Observer* observer : options_.observers) observer->on_epoch(stats_);
      if (stop_asked) {
        result_.interrupted = true;
        why = fmt::format("stopped on request after epoch {}", epoch);
        break;
      }
      if (out_of_patience(epoch)) {
        why = fmt::format("no better validation loss since epoch {}", result_.best_epoch);
        break;
      }
    }
    restore_best();
    finish();
    for (Observer* observer : options_.observers) observer->on_end(why);
    return std::move(result_);
  }

 private:
  void count_rows(const TrainingProblem& problem) {
    const auto counts = [](const CompressedMatrix& matrix) {
      std::vector<std::int32_t> sizes(static_cast<std::size_t>(matrix.rows()));
      for (std::size_t row = 0; row < sizes.size(); ++row) {
        sizes[row] = static_cast<std::int32_t>(matrix.offsets[row + 1] - matrix.offsets[row]);
      }
      return sizes;
    };
    result_.model.user_counts = counts(problem.by_user);
    result_.model.item_counts = counts(problem.by_item);
  }

  /// Returns false where the algorithm has converged and no further epoch would change anything.
  bool run_epoch(int epoch) {
    stats_ = {};
    stats_.epoch = epoch;
    stats_.epochs = spec_.epochs;
    const auto begin = Clock::now();
    const bool more =
        std::visit([&](const auto& algorithm) { return step(algorithm, epoch); }, spec_.algorithm);
    stats_.training_seconds = seconds_since(begin);
    result_.training_seconds += stats_.training_seconds;
    stats_.ratings_per_second =
        static_cast<double>(dataset_.train.size()) / stats_.training_seconds;
    if (!chains_) check_rows(epoch);  // each of them has been
    return more;
  }

  void check_rows(int epoch) const {
    const auto bad = chosen_.backend->first_non_finite_row();
    if (!bad) return;
    const bool user = bad->side == Side::users;
    const auto& ids = user ? dataset_.users : dataset_.items;
    diverged(epoch, fmt::format("the factors of {} {} are not finite", user ? "user" : "item",
                                ids.text(static_cast<std::int32_t>(bad->row))));
  }

  bool step(const Als&, int) {
    Backend& backend = *chosen_.backend;
    stats_.repaired_pivots = backend.als_half_sweep(Side::users).repaired_pivots;
    stats_.repaired_pivots += backend.als_half_sweep(Side::items).repaired_pivots;
    result_.model.statistics.repaired_pivots += stats_.repaired_pivots;
    return true;
  }
  bool step(const Mle& mle, int epoch) {
    stats_.learning_rate = learning_rate(mle, epoch - 1);
    chosen_.backend->sgd_epoch(stats_.learning_rate, epoch - 1);
    return true;
  }
  bool step(const LeastSquares&, int) { return chosen_.backend->least_squares_step().accepted; }

  bool step(const Bayes&, int epoch) {
    chains_->sweep(
        epoch, options_.init != nullptr, [&] { check_rows(epoch); }, stats_);
    result_.model.statistics.repaired_pivots += stats_.repaired_pivots;
    return true;
  }

  bool has_draws() const { return chains_ && chains_->posterior().draws() > 0; }

  /// Of the mean over draws where there are any.
  ErrorSums held_out_errors(std::size_t index) {
    if (!has_draws()) return chosen_.backend->held_out_errors(index);
    return chains_->posterior().held_out_errors(index).errors;
  }

  /// Fills the figures of this epoch; validation is always measured, it decides when to stop.
  void evaluate(bool everything) {
    const auto begin = Clock::now();
    if (has_validation_) validation_ = held_out_errors(0);
    if (everything) measure_all();
    if (has_validation_) {
      measure_validation();
      remember_best();
    }
    stats_.evaluation_seconds = seconds_since(begin);
    result_.evaluation_seconds += stats_.evaluation_seconds;
    stats_.total_seconds = seconds_since(start_);
  }

  void measure_all() {
    const Figures figures(spec_.likelihood, scale_);
    const Objective objective = chosen_.backend->objective();
    check_finite(objective.value, stats_.epoch);
    dispersion_ = chains_ ? 1 / chains_->noise_precision()
                          : figures.dispersion(has_validation_ ? validation_ : objective.train);
    stats_.objective = objective.value;
    measure_training(objective.train);
    for (std::size_t test = 0; test < dataset_.tests.size(); ++test) {
      const std::size_t index = test + (has_validation_ ? 1 : 0);
      if (has_draws()) {
        add_posterior_figures(index);
        continue;
      }
      const ErrorSums sums = chosen_.backend->held_out_errors(index);
      stats_.test_rmse.push_back(figures.rmse(sums));
      const double constant = mean_constant(dataset_.tests[test].ratings, spec_.likelihood);
      // Defined for all sets or for none: the dispersion is the same.
      if (const auto nll = defined(figures.mean_nll(sums, dispersion_, constant))) {
        stats_.test_nll.push_back(*nll);
      }
    }
  }

  void measure_training(const ErrorSums& sums) {
    const Figures figures(spec_.likelihood, scale_);
    stats_.train_rmse = figures.rmse(sums);
    stats_.train_nll = defined(figures.mean_nll(sums, dispersion_, train_constant_));
  }

  void add_posterior_figures(std::size_t index) {
    const PosteriorErrors measured = chains_->posterior().held_out_errors(index);
    stats_.test_rmse.push_back(Figures(spec_.likelihood, scale_).rmse(measured.errors));
    stats_.test_nll.push_back(measured.nll_sum / static_cast<double>(measured.errors.count));
    stats_.test_covered_90.push_back(measured.covered_90);
  }

  void measure_validation() {
    const Figures figures(spec_.likelihood, scale_);
    stats_.validation_rmse = figures.rmse(validation_);
    stats_.validation_nll =
        defined(figures.mean_nll(validation_, figures.dispersion(validation_),
                                 mean_constant(dataset_.validation, spec_.likelihood)));
  }

  void remember_best() {
    if (!std::holds_alternative<Mle>(spec_.algorithm)) return;
    const double loss = Figures::mean_loss(validation_);
    if (!(loss < best_loss_)) return;
    best_loss_ = loss;
    result_.best_epoch = stats_.epoch;
    best_factors_ = chosen_.backend->factors();
  }

  bool out_of_patience(int epoch) {
    const auto* mle = std::get_if<Mle>(&spec_.algorithm);
    if (mle == nullptr || !has_validation_ || epoch - result_.best_epoch < mle->patience) {
      return false;
    }
    result_.stopped_early = true;
    return true;
  }

  /// Goes back to the best epoch by validation loss and measures it.
  void restore_best() {
    if (best_factors_ && result_.best_epoch != stats_.epoch) {
      chosen_.backend->set_factors(*best_factors_);
      stats_.test_rmse.clear();
      stats_.test_nll.clear();
      evaluate(true);
    }
    if (best_factors_) return;
    result_.best_epoch = stats_.epoch;
    // No validation loss was finite, and patience ended before an epoch that --evaluate-every asks
    // for.
    if (!stats_.objective) evaluate(true);
  }

  void check_finite(double objective, int epoch) const {
    if (!std::isfinite(objective)) {
      diverged(epoch, fmt::format("the objective is {}", objective));
    }
    // Far worse than the start and than the mean alone is no model, even where it is finite.
    if (epoch > 0 && !chains_ && worst_objective_ > 0 && objective > worst_objective_) {
      diverged(epoch, fmt::format("the objective rose to {:.6g}, above {:.6g}", objective,
                                  worst_objective_));
    }
  }

  [[noreturn]] void diverged(int epoch, const std::string& what) const {
    throw Error(ExitCode::diverged, fmt::format("epoch {}", epoch), "training diverged: " + what,
                remedy(spec_.algorithm));
  }

  void finish() {
    Model& model = result_.model;
    model.spec = spec_;
    model.scale = scale_;
    model.users = dataset_.users;
    model.items = dataset_.items;
    if (chains_) {
      model.user_features = dataset_.user_features.source;
      model.item_features = dataset_.item_features.source;
      dispersion_ = has_draws() ? chains_->posterior().dispersion() : dispersion_;
      const auto begin = Clock::now();
      measure_training(chains_->take_draws(model));
      result_.evaluation_seconds += seconds_since(begin);
    } else {
      model.factors = to_rating_units(chosen_.backend->factors(), scale_);
    }
    model.split = dataset_.split;
    model.cleaning = dataset_.cleaning;
    model.account = dataset_.account;
    model.fingerprint = dataset_.fingerprint;
    ModelStatistics& statistics = model.statistics;
    statistics.epochs_run = stats_.epoch;
    statistics.best_epoch = result_.best_epoch;
    statistics.objective = *stats_.objective;
    statistics.train_rmse = *stats_.train_rmse;
    statistics.validation_rmse = stats_.validation_rmse;
    if (!stats_.test_rmse.empty()) statistics.test_rmse = stats_.test_rmse.front();
    statistics.dispersion = dispersion_;
    statistics.dispersion_from_validation = has_validation_ && !chains_;
    statistics.traces = stats_.traces;
    result_.last = stats_;
  }

  const Dataset& dataset_;
  ModelSpec spec_;
  TrainerOptions options_;
  ChosenBackend chosen_;
  RatingScale scale_;
  bool has_validation_ = false;
  double train_constant_ = 0;
  double dispersion_ = 1;
  double worst_objective_ = 0;
  std::optional<GibbsChains> chains_;  // bayes
  ErrorSums validation_;
  double best_loss_ = std::numeric_limits<double>::infinity();
  std::optional<Factors> best_factors_;
  Clock::time_point start_;
  EpochStats stats_;
  TrainingResult result_;
};

}  // namespace

void Observer::on_start(const std::string&, const ModelSpec&, std::int64_t) {}
void Observer::on_end(const std::string&) {}

TrainingResult train(const Dataset& dataset, const ModelSpec& spec, const TrainerOptions& options) {
  return Run(dataset, spec, options).run();
}

}  // namespace alsatian
