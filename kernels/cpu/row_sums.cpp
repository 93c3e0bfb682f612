// Rows of sums for threads, and the tiles of a table that long rows are summed by.
// Rows are cut by the number of their entries, whatever threads there are.
#include "kernels/cpu/row_sums.hpp"

#include "kernels/cpu/parallel.hpp"

#include <algorithm>
#include <vector>

namespace alsatian::cpu {
namespace {

// Entries of a row within a tile, on average, that are worth a visit of their own.
constexpr std::int64_t worth_a_visit = 32;
// Entries of the rows that a thread takes at once, as a multiple of the table's rows: so often,
// on average, it meets a row of the table while that is near.
constexpr std::int64_t meetings = 4;

void sum_row(const KernelTable& kernels, const RowSumTask& task, std::int64_t row) {
  kernels.row_sum(task, row);
}
void sum_row(const KernelTable& kernels, const NarrowRowSumTask& task, std::int64_t row) {
  kernels.narrow_row_sum(task, row);
}
void sum_part(const KernelTable& kernels, const RowSumTask& task, std::int64_t row,
              std::int64_t first, std::int64_t last) {
  kernels.row_sum_part(task, row, first, last);
}
void sum_part(const KernelTable& kernels, const NarrowRowSumTask& task, std::int64_t row,
              std::int64_t first, std::int64_t last) {
  kernels.narrow_row_sum_part(task, row, first, last);
}

/// A row that is summed by tiles, and its next entry.
struct LongRow {
  std::int64_t row;
  std::int64_t next;
};

/// Rows [first, last): short ones at once, the others tile by tile.
template <typename Task>
void sum_some_rows(const KernelTable& kernels, const Task& task, std::int64_t tile_rows,
                   std::int64_t first, std::int64_t last) {
  const std::int64_t tiles = (task.table.rows + tile_rows - 1) / tile_rows;
  std::vector<LongRow> rows;
  for (std::int64_t row = first; row < last; ++row) {
    if (task.pattern.row_size(row) < worth_a_visit * tiles) {
      sum_row(kernels, task, row);
    } else {
      rows.push_back({row, task.pattern.offsets[row]});
    }
  }
  const std::int32_t* columns = task.pattern.columns.data();
  for (std::int64_t end = tile_rows; !rows.empty() && end < task.table.rows + tile_rows;
       end += tile_rows) {
    for (LongRow& at : rows) {
      const std::int64_t row_end = task.pattern.offsets[at.row + 1];
      const std::int64_t next =
          std::lower_bound(columns + at.next, columns + row_end, end) - columns;
      if (next > at.next) sum_part(kernels, task, at.row, at.next, next);
      at.next = next;
    }
  }
}

/// small_tables: of so many tiles, which are not worth it.
template <typename Task>
void sum_all_rows(const KernelTable& kernels, const Task& task, std::int64_t bytes_of_tile,
                  std::int64_t small_tables) {
  const std::int64_t row_bytes = (task.table.stride + 1) * std::int64_t{sizeof(*task.table.biases)};
  const std::int64_t tile_rows = std::max<std::int64_t>(1, bytes_of_tile / row_bytes);
  if (task.table.rows <= small_tables * tile_rows) {
    constexpr std::int64_t rows_per_task = 64;
    parallel_for(
        task.pattern.rows(), [&](std::int64_t row) { sum_row(kernels, task, row); }, rows_per_task);
    return;
  }
  const View<const std::int64_t> offsets = task.pattern.offsets;
  const std::int64_t length = meetings * task.table.rows;
  const std::int64_t parts = task.pattern.columns.size() / length + 1;
  const auto row_from = [&](std::int64_t entry) {
    return std::lower_bound(offsets.begin(), offsets.end() - 1, entry) - offsets.begin();
  };
  parallel_for(parts, [&](std::int64_t part) {
    const std::int64_t last =
        part + 1 < parts ? row_from((part + 1) * length) : task.pattern.rows();
    sum_some_rows(kernels, task, tile_rows, row_from(part * length), last);
  });
}

}  // namespace

void sum_rows(const KernelTable& kernels, const RowSumTask& task, std::int64_t bytes_of_tile) {
  sum_all_rows(kernels, task, bytes_of_tile, 4);
}

void sum_rows(const KernelTable& kernels, const NarrowRowSumTask& task,
              std::int64_t bytes_of_tile) {
  sum_all_rows(kernels, task, bytes_of_tile, 12);
}

}  // namespace alsatian::cpu
