// Owns epochs, stopping and observers: from a data set and a spec to a model.
// It reads and prints nothing, so that the program and the tests watch it alike.
#pragma once

#include "host/model/model.hpp"
#include "host/train/backend.hpp"

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace alsatian {

/// One chain of bayes in a sweep.
struct ChainStats {
  double sigma = 0;                             // 1/√α, in the rating's units
  std::optional<double> user_weight_precision;  // λ_B, where there are features
  std::optional<double> item_weight_precision;
  std::optional<double> test_rmse;  // of this draw alone and the first test set, after burn-in
};

/// Figures of one epoch. RMSE in the rating's units, objective in standardised units; figures that
/// were not evaluated this epoch (--evaluate-every) are absent, and NLL where it is not defined
/// since the dispersion is 0. Of bayes objective, train_rmse and train_nll are those of the last
/// chain's draw alone, but in a TrainingResult, where the latter two are those of its model.
struct EpochStats {
  int epoch = 0;             // from 1
  int epochs = 0;            // planned
  double learning_rate = 0;  // mle; 0 elsewhere
  // bayes; train figures are those of the last chain's draw, held-out ones of the mean over
  // `draws`.
  std::vector<ChainStats> chains;
  std::optional<double> sigma;  // mean over chains, as are the next two
  std::optional<double> user_weight_precision;
  std::optional<double> item_weight_precision;
  int user_weight_steps = 0;  // of conjugate gradients, the most of a chain; 0: solved otherwise
  int item_weight_steps = 0;
  std::vector<TraceStatistics> traces;  // in the last epoch
  std::int64_t draws = 0;               // after burn-in, of all chains
  std::vector<double> test_covered_90;  // share of test ratings inside central 90 % intervals
  std::optional<double> objective;
  std::optional<double> train_rmse;
  std::optional<double> train_nll;  // mean per rating, nats
  std::optional<double> validation_rmse;
  std::optional<double> validation_nll;
  std::vector<double> test_rmse;  // per test set; empty when not evaluated
  std::vector<double> test_nll;
  double training_seconds = 0;    // of this epoch, without evaluation
  double evaluation_seconds = 0;  // of its figures
  double total_seconds = 0;       // since the first epoch began, of both and of what lies between
  double ratings_per_second = 0;  // of the training part of this epoch
  std::int64_t repaired_pivots = 0;
};

/// Watches training; called between epochs from the training thread.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_start(const std::string& backend, const ModelSpec&, std::int64_t ratings);
  virtual void on_epoch(const EpochStats& stats) = 0;
  virtual void on_end(const std::string& why);
};

struct TrainerOptions {
  DeviceOptions device;
  int evaluate_every = 1;  // epochs; the last is always evaluated
  std::vector<Observer*> observers;
  const std::atomic<bool>* stop_requested = nullptr;  // checked after each epoch
  const Model* init = nullptr;                        // --init
};

struct TrainingResult {
  Model model;
  EpochStats last;
  bool interrupted = false;
  bool stopped_early = false;  // by the validation share
  int best_epoch = 0;
  double setup_seconds = 0;       // ordering the ratings, start values, the backend
  double training_seconds = 0;    // of all epochs, without evaluation
  double evaluation_seconds = 0;  // of all figures, before, between and after the epochs
};

/// μ and deviation of the training ratings in double; deviation 0 counts as 1. Throws Error 65
/// where a rating is outside the likelihood's domain, or their mean at its edge (all 0, all 1).
RatingScale measure_scale(const Triples& train, const Likelihood& likelihood);

/// F of the mean score alone, all factors and biases 0: the sum of losses over ratings as written.
double loss_of_the_mean(const Triples& ratings, const RatingScale& scale,
                        const Likelihood& likelihood);

/// What the problem holds of the ratings by item: all, or what a GPU makes the rest from.
enum class RatingsByItem { complete, offsets };

/// What a problem is made for.
struct ProblemOptions {
  SgdGrid grid = grid_for_threads;  // how finely mle's ratings are cut, but for Hogwild
  RatingsByItem by_item = RatingsByItem::complete;

  bool operator==(const ProblemOptions&) const = default;
};

/// A GPU makes the ratings by item itself, and works on every block of a stage at once, where a CPU
/// has a few threads. Throws as chooses_cuda does.
ProblemOptions problem_options(const ModelSpec& spec, const DeviceOptions& device);

/// Everything a backend needs, in standardised units.
TrainingProblem make_problem(const Dataset& dataset, const ModelSpec& spec, const Model* init,
                             const ProblemOptions& options = {});

/// The same problem for a spec that differs from the problem's in rank, penalties, learning rate
/// and decay alone: what make_problem would give for that spec and the problem's data and options.
TrainingProblem with_spec(const TrainingProblem& problem, const ModelSpec& spec);

/// Trains. Throws Error 80 naming the epoch where factors (with their row) or the objective stop
/// being finite, or F exceeds ten times that of the start and of the mean alone.
TrainingResult train(const Dataset& dataset, const ModelSpec& spec, const TrainerOptions& options);

}  // namespace alsatian
