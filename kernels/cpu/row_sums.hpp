// Products with implicit features: sums of the rows that a sparse pattern names, on all threads.
// A row is summed by one thread: the same bytes on any number of them.
#pragma once

#include "kernels/cpu/kernel_table.hpp"
#include "kernels/cpu/parallel.hpp"

#include <cstdint>

namespace alsatian::cpu {

/// Every row of task.sums.
inline void sum_rows(const KernelTable& kernels, const RowSumTask& task) {
  constexpr std::int64_t rows_per_task = 64;
  parallel_for(
      task.pattern.rows(), [&](std::int64_t row) { kernels.row_sum(task, row); }, rows_per_task);
}

}  // namespace alsatian::cpu
