// A training problem on the device: data uploaded once, verbs over it, factors downloaded once.
// What the module's table hands out; everything it computes is in the headers beside it.
#pragma once

#include "kernels/cuda/als_batched.hpp"
#include "kernels/cuda/als_bins.hpp"
#include "kernels/cuda/errors.hpp"
#include "kernels/cuda/least_squares.hpp"
#include "kernels/cuda/planned_memory.hpp"
#include "kernels/cuda/ratings_buffer.hpp"
#include "kernels/cuda/sgd.hpp"
#include "kernels/cuda/staging.hpp"
#include "kernels/cuda/transposition.hpp"
#include "kernels/math/gibbs.hpp"
#include "kernels/math/likelihood.hpp"
#include "kernels/math/regularization.hpp"
#include "kernels/math/views.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace alsatian::cuda {

enum class Side { users, items };
enum class Algorithm { als, mle, ls, bayes };

struct EngineSpec {
  Algorithm algorithm = Algorithm::als;
  Likelihood likelihood;
  std::int32_t rank = 0;
  bool biases = true;
  Regularization regularization;
  double mean = 0;
  Halves halves = Halves::two;  // als: what stands for a factor in sums over ratings
  int solver_steps = 0;         // als: of conjugate gradients; 0: exact, by Cholesky
  bool adagrad = true;          // mle, as the next three
  bool hogwild = false;
  SgdStorage storage = SgdStorage::floats;
  std::uint64_t seed = 0;         // of Hogwild's order and of the rounding to halves
  int inner_steps = 50;           // ls
  bool implicit_features = true;  // bayes
};

/// Ratings one by one; −1 is an unknown row.
struct RatingList {
  View<const std::int32_t> users;
  View<const std::int32_t> items;
  View<const float> ratings;
};

/// All of a problem, on the host; nothing of it is needed after the engine's constructor.
struct EngineProblem {
  EngineSpec spec;
  CsrView<float> by_user;
  View<const std::int64_t> item_offsets;  // of the ratings by item, which the device makes
  SgdScheduleView schedule;
  std::vector<RatingList> held_out;
  SideView<const float> users;
  SideView<const float> items;
};

/// What decides how much memory a problem takes.
struct EngineShape {
  EngineSpec spec;
  View<const std::int64_t> user_offsets;
  View<const std::int64_t> item_offsets;
  std::int64_t held_out = 0;  // ratings
  std::int32_t grid = 0;
};

/// What a problem takes: of the device, and of page-locked host memory where ratings are kept that
/// do not fit beside the rest.
struct EnginePlan {
  std::vector<PlanPart> parts;
  Place ratings = Place::device;
  std::int64_t host_bytes = 0;
};

/// Sizes that do not change results; small in tests.
struct EngineLimits {
  BinLimits bins;                      // its most_short_ratings is not used
  std::int32_t segment_ratings = 512;  // IterativeOptions::part_ratings
  BatchedOptions batches;
  TranspositionLimits transposition;
  std::int64_t staging_bytes = std::int64_t{8} << 20;  // of either half
};

/// One of AdaGrad's accumulators, which their owner keeps beside other things of a row.
struct SumsPlace {
  Side side;
  std::vector<float> SgdSums::*which;
};

/// An array of what training goes on from: on the device, on the host, or AdaGrad's.
struct StateArray {
  const char* name;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t stride;  // numbers from one row to the next on the device
  std::variant<DeviceSpan<float>, double*, SumsPlace> place;

  std::int64_t size() const { return rows * columns; }
  bool is_double() const { return std::holds_alternative<double*>(place); }
};

/// What one side's rows and weights are drawn around, drawn on the host from moments of them; order
/// = rank, and one more with biases. See kernels/math/gibbs.hpp.
struct GibbsPriorView {
  View<const double> mean;    // μ [order]
  View<const double> matrix;  // rows: Λ; weights: L⁻¹ with Λ = LLᵀ; [order, order] row-major
  double precision = 1;       // rows: α, by the power of the likelihood; weights: λ_B
};

/// Trains on the first device. Verbs wait for the device; none but solve_rows,
/// set_regularization and those of AdaGrad's state allocates. Methods throw DeviceError, and
/// std::invalid_argument for what the caller got wrong.
class Engine {
 public:
  /// Of our own kernels for this algorithm, for als of those that solve rows exactly; −1 where
  /// there are none.
  static std::int32_t largest_rank(Algorithm algorithm);
  /// Of als by conjugate gradients, and exact by the vendors' libraries where they are there.
  static constexpr std::int32_t largest_iterative_rank = 1024;
  static constexpr std::int32_t largest_vendor_rank = 1024;

  /// Uploads the problem. Throws NotEnoughMemory before the first allocation where the plan does
  /// not fit.
  explicit Engine(const EngineProblem& problem, const EngineLimits& limits = {});
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// What the constructor allocates, array by array in whole pieces, and the margin. Ratings go to
  /// the host where the device has too little free memory for them.
  static EnginePlan plan(const Context& context, const EngineShape& shape,
                         const EngineLimits& limits = {});

  std::int32_t rank() const { return spec_.rank; }
  /// Of a row [p; b].
  std::int32_t order() const { return spec_.rank + (spec_.biases ? 1 : 0); }

  /// Replaces every row of one side by the minimiser of F with the other fixed, or takes it there
  /// by solver_steps steps; returns how many pivots were repaired.
  std::int64_t als_half_sweep(Side side);
  /// Visits every rating once. stages: the order of the epoch's stages, but for Hogwild.
  /// epoch: from 0 on.
  void sgd_epoch(double learning_rate, View<const std::int32_t> stages, std::int32_t epoch);
  /// One Levenberg-Marquardt step that lowers F, or none.
  LeastSquaresStep least_squares_step();

  /// bayes: B = 0, which Gibbs sampling starts from.
  void start_gibbs();
  /// Σ [r; 1][r; 1]ᵀ over the rows r of a side less F·B, or over those of B: the lower half
  /// [order + 1, order + 1] row-major, on which fixed parts and their order alone decide.
  void gibbs_moments(Side side, bool of_weights, std::span<double> moments);
  /// Adds rows_by·F·B to a side's rows; then multiplies B by weights_by.
  void scale_gibbs(Side side, double rows_by, double weights_by);
  /// Draws B of a side; returns the steps of conjugate gradients.
  int draw_gibbs_weights(Side side, const GibbsKey& key, const GibbsPriorView& prior);
  /// Draws a side's rows with the other fixed, rows without ratings too.
  void draw_gibbs_rows(Side side, const GibbsKey& key, const GibbsPriorView& prior);

  /// Computed once for parameters and penalties as they are.
  Objective objective();
  ErrorSums held_out_errors(std::int64_t index);
  std::optional<std::int64_t> first_non_finite_row(Side side);

  /// Fold-in: exact rows for ratings that need not be in training, by what solves exact rows of als
  /// at this rank, our kernels or the vendors' libraries.
  void solve_rows(Side side, const CsrView<float>& ratings, const SideView<float>& solved);
  /// Where it throws, whatever depends on the penalties does too until it has been called again and
  /// has not: they are neither the old nor the new ones.
  void set_regularization(const Regularization& regularization);

  void factors(Side side, const SideView<float>& to);
  /// Rows without ratings are taken as 0, as are biases of a model without.
  void set_factors(Side side, const SideView<const float>& from);

  std::vector<StateArray> state_arrays();
  /// Of the array's size and type: float or double.
  void state(std::size_t index, void* values);
  void set_state(std::size_t index, const void* values);

 private:
  struct Rows;
  struct Lists;
  struct Gibbs;

  Rows& rows_of(Side side);
  const Rows& opposite_of(Side side) const;
  ScoreTask score_task() const;
  void require_regularization() const;
  static EnginePlan plan_with(const Context& context, const EngineShape& shape,
                              const EngineLimits& limits, Place ratings);
  /// Sends all of the problem but the visiting order; the ratings once.
  void upload(const EngineProblem& problem);
  void send_table(const DeviceTable<float>& table, const SideView<const float>& from,
                  View<const std::int64_t> offsets);
  SgdSums sums_of(Side side) const;
  void receive_table(const DeviceTable<const float>& table, const SideView<float>& to);

  EngineSpec spec_;
  bool is_regularized_ = true;  // as spec_ says: see set_regularization
  EngineLimits limits_;
  Context context_;
  std::optional<Objective> objective_;  // until anything it depends on is changed
  std::int64_t free_at_start_ = 0;
  std::int64_t planned_ = 0;
  std::unique_ptr<Staging> staging_;
  std::unique_ptr<Rows> users_;
  std::unique_ptr<Rows> items_;
  std::unique_ptr<Lists> held_out_;
  std::unique_ptr<Errors> errors_;
  std::unique_ptr<SgdEpochs> sgd_;               // mle
  std::unique_ptr<LeastSquares> least_squares_;  // ls
  std::unique_ptr<Gibbs> gibbs_;                 // bayes
  DeviceBuffer<unsigned long long> repaired_;    // als and bayes
  PinnedBuffer<unsigned long long> fetched_repaired_;
};

}  // namespace alsatian::cuda
