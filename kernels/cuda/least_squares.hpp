// Full-batch least squares on the device: all parameters at once, by Levenberg and Marquardt.
// Parameters and all vectors stay there; only scalars come back.
#pragma once

#include "kernels/cuda/tables.hpp"
#include "kernels/math/regularization.hpp"
#include "kernels/math/views.hpp"

#include <cstdint>
#include <memory>
#include <optional>

namespace alsatian::cuda {

/// How JᵀJ·v is computed: in one fused pass over the ratings, or by cuSPARSE, which takes the
/// tables twice more, the ratings once more and some space of its own. Fused is the faster.
enum class GaussNewtonProducts { fused, library };

struct LeastSquaresOptions {
  Regularization regularization;
  bool biases = true;
  /// Most steps of conjugate gradients inside one Levenberg-Marquardt step; at least 1.
  int inner_steps = 50;
  /// Rows with more ratings are summed in parts of so many, so that the longest row does not make
  /// the pass.
  std::int32_t part_ratings = 512;
  GaussNewtonProducts products = GaussNewtonProducts::fused;
};

struct LeastSquaresStep {
  bool accepted = false;  // false: no step lowers F any more, and nothing was changed
  double objective = 0;   // F after the step
  int inner_steps = 0;    // of conjugate gradients, rejected attempts included
  double damping = 0;     // ν of the step that was accepted, or of the last that was not
};

/// What one step leaves for the next, beside the parameters.
struct DampingState {
  double damping = 1;         // ν
  double first_gradient = 0;  // ‖g₀‖; 0 before the first step
};

/// The same ratings by user and by item on the device, and their offsets on the host as well;
/// the views' owners outlive what is made of them.
struct LeastSquaresRatings {
  DeviceRatings by_user;
  DeviceRatings by_item;
  View<const std::int64_t> user_offsets;  // read by the constructor alone
  View<const std::int64_t> item_offsets;
};

/// Minimises F for the Gaussian likelihood with μ = 0 (ratings standardised). The rules of a step
/// are those of cpu::LeastSquares: see kernels/cpu/least_squares.hpp.
///
/// Vectors are float, scalars double, every sum in a fixed order, but for cuSPARSE's: the same
/// device gives the same bytes. Holds seven vectors of the size of the parameters; a step allocates
/// nothing. Everything runs on the context's compute stream, and a step has waited for it.
class LeastSquares {
 public:
  /// Throws DeviceError; std::invalid_argument for a rank above 1024; UnsupportedByDevice for
  /// cuSPARSE's products where it is not there. `context` outlives it.
  LeastSquares(const Context& context, const LeastSquaresRatings& ratings, std::int32_t rank,
               const LeastSquaresOptions& options);
  ~LeastSquares();
  LeastSquares(const LeastSquares&) = delete;
  LeastSquares& operator=(const LeastSquares&) = delete;

  /// One accepted step, or none that lowers F. Parameters may have been changed since the last.
  /// Both tables have the constructor's rank, and zeros in their padding.
  /// objective_before: F of them, where it is known: it is computed otherwise.
  LeastSquaresStep step(const DeviceTable<float>& users, const DeviceTable<float>& items,
                        std::optional<double> objective_before = std::nullopt);

  void set_regularization(const Regularization& regularization);

  DampingState& state();

  /// Bytes of device memory that the constructor allocates, but for what cuSPARSE computes in.
  static std::int64_t bytes(View<const std::int64_t> user_offsets,
                            View<const std::int64_t> item_offsets, std::int32_t rank,
                            const LeastSquaresOptions& options);

  /// The two passes over the ratings of both sides that a step is made of, for those who time them:
  /// enqueue, do not wait. The product needs a gradient before it, and takes it as direction.
  void enqueue_gradient(const DeviceTable<const float>& users,
                        const DeviceTable<const float>& items);
  void enqueue_product(const DeviceTable<const float>& users,
                       const DeviceTable<const float>& items);

 private:
  class Solver;
  std::unique_ptr<Solver> solver_;
};

}  // namespace alsatian::cuda
