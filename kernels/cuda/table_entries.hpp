// Kernels over all entries of a side's rows, factors and bias alike: a body per entry, alone or
// with a sum in double for each column. What Gibbs sampling does with tables, each a few lines.
#pragma once

#include "kernels/cuda/sums.hpp"
#include "kernels/cuda/tables.hpp"

#include <algorithm>
#include <cstdint>

namespace alsatian::cuda {

/// Column `column` of a row [p; b]: a factor, or behind them the bias.
template <typename T>
__device__ __forceinline__ T& entry(const DeviceTable<T>& table, std::int64_t row, int column) {
  return column < table.rank ? table.row(row)[column] : table.biases[row];
}

/// body(row, column) for every row of the pieces and column in [0, columns): a warp takes its rows
/// one after the other, lanes side by side have columns side by side.
template <typename Body>
__global__ void __launch_bounds__(sum_threads)
    for_each_entry(Body body, WarpPieces rows, int columns) {
  const std::int64_t end = rows.own_end();
  for (std::int64_t row = rows.own_first(); row < end; ++row) {
    for (int column = lane_of_warp(); column < columns; column += 32) {
      body(row, column);
    }
  }
}

/// parts [blocks, columns]: Σ body(row, column) over a block's rows.
template <typename Body>
__global__ void __launch_bounds__(sum_threads)
    sum_entries(Body body, WarpPieces rows, int columns, DeviceSpan<double> parts) {
  ALSATIAN_SHARED_MEMORY(double, of_warps);
  const int warp = static_cast<int>(threadIdx.x / device::warp_lanes);
  const std::int64_t end = rows.own_end();
  for (int column = lane_of_warp(); column < columns; column += 32) {
    double sum = 0;
    for (std::int64_t row = rows.own_first(); row < end; ++row) {
      sum += body(row, column);
    }
    of_warps[warp * columns + column] = sum;
  }
  __syncthreads();
  for (int column = static_cast<int>(threadIdx.x); column < columns; column += sum_threads) {
    double sum = 0;
    for (int i = 0; i < sum_warps; ++i) {
      sum += of_warps[i * columns + column];
    }
    parts[std::int64_t{blockIdx.x} * columns + column] = sum;
  }
}

/// sums [columns]: what the blocks of a grid have left in parts [blocks, columns]. A block of
/// sum_threads for each column.
template <int Threads>
__global__ void __launch_bounds__(Threads)
    add_entry_parts(DeviceSpan<const double> parts, DeviceSpan<double> sums) {
  const std::int64_t columns = sums.size();
  double total[1] = {};
  for (std::int64_t place = blockIdx.x + threadIdx.x * columns; place < parts.size();
       place += sum_threads * columns) {
    total[0] += parts[place];
  }
  store_block_sums(total, sums);
}

/// Launches of the three, with the memory that sums take.
class EntrySums {
 public:
  /// For tables of up to `columns` columns.
  EntrySums(const Context& context, int columns, Caller caller = Caller::current())
      : context_(context), columns_(columns), parts_(most_blocks_of_sums * columns, caller) {}

  static std::int64_t bytes(int columns) {
    return DeviceBuffer<double>::bytes(most_blocks_of_sums * columns);
  }

  template <typename Body>
  void for_each(std::int64_t rows, int columns, const Body& body,
                Caller caller = Caller::current()) {
    const WarpPieces pieces = WarpPieces::of(rows, 4);
    launch({context_.compute(), caller}, &for_each_entry<Body>, {pieces.blocks, sum_threads}, body,
           pieces, columns);
  }

  /// Enqueues sums [columns] = Σ over the rows of body(row, column).
  template <typename Body>
  void sum(std::int64_t rows, const Body& body, DeviceSpan<double> sums,
           Caller caller = Caller::current()) {
    constexpr std::int64_t warps = most_blocks_of_sums * sum_warps;
    const std::int64_t even = (rows + warps - 1) / warps;
    const WarpPieces pieces = WarpPieces::of(rows, std::max<std::int64_t>(even, 32));
    const DeviceSpan<double> parts = parts_.span().subspan(0, pieces.blocks * columns_);
    launch({context_.compute(), caller}, &sum_entries<Body>,
           {pieces.blocks, sum_threads, sizeof(double) * sum_warps * columns_}, body, pieces,
           columns_, parts);
    launch({context_.compute(), caller}, &add_entry_parts<sum_threads>,
           {columns_, sum_threads, sum_shared_bytes<1>}, DeviceSpan<const double>(parts), sums);
  }

 private:
  static constexpr std::int64_t most_blocks_of_sums = 512;

  const Context& context_;
  int columns_;
  DeviceBuffer<double> parts_;
};

}  // namespace alsatian::cuda
