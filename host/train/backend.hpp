// What a backend can do for training: verbs over data and factors that it holds itself.
// Reference, CPU and CUDA implement it; the trainer knows nothing else of them.
#pragma once

#include "host/device/device_options.hpp"
#include "host/error.hpp"
#include "host/model/factors.hpp"
#include "host/model/spec.hpp"
#include "host/ratings/dataset.hpp"
#include "host/train/backend_state.hpp"
#include "host/train/sgd_schedule.hpp"
#include "kernels/math/gibbs.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace alsatian {

enum class Side { users, items };

/// Ratings to be scored during training, in standardised units; -1 is an unknown user or item.
struct HeldOut {
  std::vector<std::int32_t> users;
  std::vector<std::int32_t> items;
  std::vector<float> ratings;
};

/// Everything a backend is constructed with. All ratings in standardised units.
struct TrainingProblem {
  ModelSpec spec;
  RatingScale scale;
  CompressedMatrix by_user;
  CompressedMatrix by_item;       // its offsets do for CUDA, which makes the rest
  SgdSchedule schedule;           // empty unless the algorithm is mle
  std::vector<HeldOut> held_out;  // validation first where there is one, then the tests
  SideFeatures user_features;     // for bayes: of a file
  SideFeatures item_features;
  Factors start;
};

/// Sums over a set of ratings, in double and in an order that does not depend on threads.
struct ErrorSums {
  std::int64_t count = 0;
  double squared_error = 0;  // of mean(score) − rating, standardised units
  double absolute_error = 0;
  double loss = 0;  // of the likelihood at unit dispersion
};

struct Objective {
  double value = 0;  // F: loss plus penalty
  ErrorSums train;
};

struct HalfSweepReport {
  std::int64_t repaired_pivots = 0;
};

struct LeastSquaresReport {
  bool accepted = false;  // false: no step lowers F any more
  double objective = 0;   // after the step
  int inner_steps = 0;
  double damping = 0;
};

/// What a sweep drew beside rows, and how.
struct GibbsReport {
  double noise_precision = 0;  // α, in units of standardised ratings
  double user_weight_precision = 0;
  double item_weight_precision = 0;
  int user_weight_steps = 0;  // of conjugate gradients, 0 where B was solved otherwise
  int item_weight_steps = 0;
};

inline GibbsKey gibbs_key(std::uint64_t seed, int sweep, int chain) {
  return {seed, static_cast<std::uint32_t>(sweep), static_cast<std::uint32_t>(chain)};
}

/// What a user's row is drawn around in the last draw: see DrawPriors.
struct GibbsUserPrior {
  std::vector<double> mean;       // μ [order]: rank, and one more with biases
  std::vector<double> precision;  // Λ [order, order]
  std::vector<float> weights;     // B [items, order]; none without features
};

/// A row with a value that is not finite.
struct BadRow {
  Side side;
  std::int64_t row;
};

/// What the rows w = [p; b] of a row solve are assumed to be before their ratings:
/// w ~ N(m, Λ⁻¹), Λ = P + s(n)·diag(λ, …, λ, λ_b). A half-sweep's rows are those of P = 0 and
/// m = 0; side information gives m, Gibbs sampling both (at λ = 0), and implicit feedback the Gram
/// matrix of the other side as P. In standardised units; the spans' owners outlive the call.
struct RowPrior {
  /// P [order, order] row-major, order = rank, and one more with biases; symmetric, its upper
  /// triangle is read; empty: 0.
  std::span<const double> precision{};
  /// m, a row for each row to solve; nothing: 0. Without biases in the spec its biases count as 0.
  const SideFactors* means = nullptr;
};

class Backend {
 public:
  virtual ~Backend() = default;

  /// What runs, for people: "cpu (avx512, 2 threads)".
  virtual std::string description() const = 0;

  /// Replaces each row of one side by the exact minimiser of F with the other side fixed.
  virtual HalfSweepReport als_half_sweep(Side side) = 0;
  /// Visits every rating once with the given learning rate; `epoch` from 0 decides the order.
  virtual void sgd_epoch(double learning_rate, int epoch) = 0;
  /// One Levenberg-Marquardt step that lowers F (retrying with more damping inside).
  virtual LeastSquaresReport least_squares_step() = 0;

  /// Makes the factors as they are the start of Gibbs sampling.
  virtual void start_gibbs() = 0;
  /// Draws everything once, users first; `sweep` and `chain` from 0 key the random numbers. Rows
  /// without ratings are draws of their prior.
  virtual GibbsReport gibbs_sweep(int sweep, int chain) = 0;
  virtual GibbsUserPrior gibbs_user_prior() const = 0;

  virtual Objective objective() = 0;
  /// Errors over held_out[index] of the problem.
  virtual ErrorSums held_out_errors(std::size_t index) = 0;
  virtual std::optional<BadRow> first_non_finite_row() = 0;

  /// Exact rows for ratings that need not be in training, with the other side fixed (fold-in);
  /// changes nothing. `ratings` has one row per row to solve, columns index the other side, values
  /// standardised. A row without ratings becomes 0, or the prior's mean. Throws Error 64 unless the
  /// likelihood is Gaussian, 70 where a shape or a column is out of range.
  virtual SideFactors solve_rows(Side side, const CompressedMatrix& ratings,
                                 const RowPrior& prior) = 0;
  SideFactors solve_rows(Side side, const CompressedMatrix& ratings) {
    return solve_rows(side, ratings, RowPrior{});
  }
  /// What solve_rows runs on for rows with such a prior, for the log of whoever calls it: the
  /// backend's description, or another device and why: "cpu (avx2): a GPU has no kernels for …".
  virtual std::string row_solver(const RowPrior& /*prior*/) const { return description(); }
  virtual void set_regularization(const Regularization& regularization) = 0;

  /// Factors now, standardised units.
  virtual Factors factors() const = 0;
  /// Replaces the factors (same shapes), such as by those of the best epoch.
  virtual void set_factors(const Factors& factors) = 0;

  /// All that training goes on from, exactly: parameters, AdaGrad's sums (mle), damping (ls), what
  /// rows are drawn around (bayes). What the problem decides is not in it, nor is what the caller
  /// passes or sets: epoch, learning rate, regularization.
  virtual BackendState state() = 0;
  /// Goes on from the state of a backend of the same kind and problem: every later result is that
  /// of the other one, byte for byte where the spec is reproducible. Throws Error 65, changing
  /// nothing, where the arrays do not fit.
  virtual void restore(const BackendState& state) = 0;
};

/// Throws what solve_rows promises to; opposite_rows: how many rows the fixed side has.
void check_row_solve(const ModelSpec& spec, std::int64_t opposite_rows,
                     const CompressedMatrix& ratings, const RowPrior& prior);

/// A backend and why it was chosen, in one line. Throws Error 69 where the device asked for is not
/// there, 64 where it lacks what the spec asks for.
struct ChosenBackend {
  std::unique_ptr<Backend> backend;
  std::string reason;
};
ChosenBackend make_backend(TrainingProblem problem, const DeviceOptions& device);

std::unique_ptr<Backend> make_reference_backend(TrainingProblem problem);
std::unique_ptr<Backend> make_cpu_backend(TrainingProblem problem, const DeviceOptions& device);

/// Throws Error 69 with the reason where there is no GPU, no driver or no CUDA module, 64 where
/// there are no kernels for the spec, 71 with sizes where the problem does not fit its memory.
std::unique_ptr<Backend> make_cuda_backend(TrainingProblem problem, const DeviceOptions& device);

/// Why no CPU trains such a model: Error 64 with the remedy.
std::optional<Error> cpu_refusal(const ModelSpec& spec);

/// Why no GPU trains such a model, whichever module there is: Error 64 with the remedy.
std::optional<Error> gpu_refusal(const ModelSpec& spec);

/// Whether make_backend would take the GPU, as far as its memory allows. Throws what
/// make_cuda_backend would where it was asked for, and Error 64 where only a GPU can do what the
/// spec asks for and there is none that does.
bool chooses_cuda(const ModelSpec& spec, const DeviceOptions& device);

/// Device memory that a CUDA backend takes, by what for.
struct DevicePlan {
  struct Part {
    std::string name;  // snake_case, without unit
    std::int64_t bytes = 0;
  };
  std::vector<Part> parts;
  std::int64_t total_bytes = 0;
  std::int64_t free_bytes = 0;
  std::int64_t host_bytes = 0;  // of ratings that the device reads from host memory
};
/// Throws Error 69 as make_cuda_backend.
DevicePlan plan_cuda(const Dataset& dataset, const ModelSpec& spec);

}  // namespace alsatian
