// Half-sweeps of alternating least squares by the vendors' libraries: cuBLAS makes the matrices of
// a batch of rows, in device memory, and cuSOLVER factors and solves them. Any rank; the way for
// those that als.hpp has no kernels for, and what its kernels are measured against.
#pragma once

#include "kernels/cuda/row_solver.hpp"
#include "kernels/cuda/tables.hpp"
#include "kernels/math/views.hpp"

#include <cstdint>
#include <memory>

namespace alsatian::cuda {

/// Sizes that do not change results beyond rounding; small in tests.
struct BatchedOptions {
  /// Ratings of a row that are gathered at a time.
  int chunk_ratings = 256;
  /// Floats for a batch's gathered ratings and matrices: how many rows are solved at a time.
  std::int64_t workspace_floats = std::int64_t{64} << 20;
};

/// One side's half-sweep, rank 1 and above.
class AlsBatchedSide : public RowSolver {
 public:
  /// offsets [rows + 1], on the host. Allocates once, for all half-sweeps. Throws DeviceError, and
  /// UnsupportedByDevice where the libraries are not there.
  AlsBatchedSide(const Context& context, View<const std::int64_t> offsets, std::int32_t rank,
                 const BatchedOptions& options);
  ~AlsBatchedSide() override;

  /// Solves every row with ratings; others are left as they are. Pivots are judged and repaired as
  /// in als_rows.hpp. Waits for each batch: which rows need another try is decided on the host.
  void half_sweep(const AlsTask& task) override;

  /// Bytes of device memory that the constructor allocates; the libraries take some more.
  static std::int64_t bytes(View<const std::int64_t> offsets, std::int32_t rank,
                            const BatchedOptions& options);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace alsatian::cuda
