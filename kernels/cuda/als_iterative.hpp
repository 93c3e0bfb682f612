// Half-sweeps of alternating least squares by conjugate gradients: no row's matrix is ever formed,
// so that a rank costs in proportion to itself. The passes over the ratings are those of least
// squares, with the opposite side held fixed; all rows take a step at once.
#pragma once

#include "kernels/cuda/row_solver.hpp"
#include "kernels/cuda/tables.hpp"
#include "kernels/math/views.hpp"

#include <cstdint>
#include <memory>

namespace alsatian::cuda {

struct IterativeOptions {
  /// Of conjugate gradients for a row, from its last value; at least 1.
  int steps = 6;
  /// Rows with more ratings are summed in parts of so many.
  std::int32_t part_ratings = 512;
};

/// One side's half-sweep, any rank from 1 to 1024: how its rows are cut, and four vectors of the
/// size of its parameters.
class AlsIterativeSide : public RowSolver {
 public:
  /// offsets [rows + 1], on the host. Allocates once, for all half-sweeps. Throws DeviceError.
  AlsIterativeSide(const Context& context, View<const std::int64_t> offsets, std::int32_t rank,
                   const IterativeOptions& options);
  ~AlsIterativeSide() override;

  /// Enqueues options.steps steps from every row's value, by the diagonal preconditioned (Hestenes
  /// and Stiefel 1952); a row takes fewer once its preconditioned residual has fallen by float's
  /// precision. Rows without ratings stay as they are. task.rank is that of the constructor.
  void half_sweep(const AlsTask& task) override;

  /// Bytes of device memory that the constructor allocates.
  static std::int64_t bytes(View<const std::int64_t> offsets, std::int32_t rank,
                            const IterativeOptions& options);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace alsatian::cuda
