// Half-sweeps of alternating least squares on the CPU: rows in parallel, longest first.
// A thread owns the rows it solves, so no result depends on how many threads there are.
#pragma once

#include "kernels/cpu/factor_table.hpp"
#include "kernels/cpu/kernel_table.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace alsatian::cpu {

/// Row indices by falling number of ratings, ties by index: a long row started last would keep one
/// thread busy alone.
std::vector<std::int64_t> longest_first(CsrView<float> ratings);

/// Owner of what an AlsPrior shows, converted from what the rest of the program has.
class PaddedPrior {
 public:
  /// precision  P [order, order] row-major, order = rank, and one more with biases; symmetric, its
  ///            upper triangle is read; empty: 0
  /// means      m, with any stride; no rows: 0
  /// Throws std::invalid_argument where a size is another.
  PaddedPrior(std::int32_t rank, bool biases, std::span<const double> precision,
              SideView<const float> means);

  AlsPrior view() const { return {precision_.view(), bias_precision_, means_.view()}; }

 private:
  FactorTable precision_;
  float bias_precision_ = 0;
  FactorTable means_;
};

/// Replaces every row of task.solved by the exact minimiser of F with task.opposite fixed (by
/// solver_steps steps of conjugate gradients where that is not 0). Rows without ratings become 0,
/// or the prior's mean.
/// order [rows]: the order in which rows are started; it does not change the result.
/// Work O(observations·rank² + rows·rank³). Returns how many rows were singular
/// to float's precision and were solved with a small ridge.
std::int64_t als_half_sweep(const KernelTable& table, const AlsTask& task,
                            const std::vector<std::int64_t>& order);

}  // namespace alsatian::cpu
