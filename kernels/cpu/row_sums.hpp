// Products with implicit features: sums of the rows that a sparse pattern names, on all threads.
// A row is summed by one thread, in one order: the same bytes on any number of them.
#pragma once

#include "kernels/cpu/kernel_table.hpp"

#include <cstdint>

namespace alsatian::cpu {

/// Bytes of a table that stay in a core's second-level cache while rows of sums go by.
inline constexpr std::int64_t tile_bytes = std::int64_t{1} << 20;

/// Every row of task.sums. Where the table is larger than four tiles of so many bytes, long rows
/// are summed tile by tile, many of them for each: a table that no near cache holds is fetched a
/// few times in all, not once for every rating.
void sum_rows(const KernelTable& kernels, const RowSumTask& task,
              std::int64_t bytes_of_tile = tile_bytes);
/// Of rows in bfloat16; tables of up to twelve tiles are gathered from as they are, which was found
/// to take no longer than tile by tile.
void sum_rows(const KernelTable& kernels, const NarrowRowSumTask& task,
              std::int64_t bytes_of_tile = tile_bytes);

}  // namespace alsatian::cpu
