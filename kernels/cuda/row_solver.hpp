// What replaces the rows of one side by better ones with the other side fixed: exactly by kernels
// of our own (als.hpp) or by the vendors' libraries (als_batched.hpp), or by conjugate gradients
// (als_iterative.hpp).
#pragma once

#include "kernels/cuda/als_sums.hpp"

namespace alsatian::cuda {

class RowSolver {
 public:
  RowSolver() = default;
  virtual ~RowSolver() = default;
  RowSolver(const RowSolver&) = delete;
  RowSolver& operator=(const RowSolver&) = delete;

  /// Enqueues it for every row with ratings; others are left as they are. task.rank is the
  /// solver's own, task.split is made by those who need it. Throws DeviceError.
  virtual void half_sweep(const AlsTask& task) = 0;
};

}  // namespace alsatian::cuda
