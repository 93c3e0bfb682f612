// Half-sweeps of alternating least squares on the CPU: rows in parallel, longest first.
#pragma once

#include "kernels/cpu/kernel_table.hpp"

#include <cstdint>
#include <vector>

namespace alsatian::cpu {

/// Row indices by falling number of ratings, ties by index: a long row started last would keep one
/// thread busy alone.
std::vector<std::int64_t> longest_first(CsrView<float> ratings);

/// Replaces every row of task.solved by the exact minimiser of F with task.opposite fixed (by
/// solver_steps steps of conjugate gradients where that is not 0). Rows without ratings become 0.
/// order [rows]: the order in which rows are started; it does not change the result.
/// Work O(observations·rank² + rows·rank³). Returns how many rows were singular
/// to float's precision and were solved with a small ridge.
std::int64_t als_half_sweep(const KernelTable& table, const AlsTask& task,
                            const std::vector<std::int64_t>& order);

}  // namespace alsatian::cpu
