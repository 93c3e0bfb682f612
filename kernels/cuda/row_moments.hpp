// Sums over rows r of [r; 1][r; 1]ᵀ, in double and in fixed parts: what a side's mean and precision
// are drawn from. Products in tiles of 16 × 16, a block of threads for a tile and a part of the
// rows.
#pragma once

#include "kernels/cuda/tables.hpp"
#include "kernels/cuda/vector_kernels.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace alsatian::cuda {

/// Rows [p; b], or p where there are no biases, less those of `known` where it has any.
struct MomentRows {
  DeviceTable<const float> rows;
  DeviceTable<const float> known;
  bool biases = true;

  __host__ __device__ int order() const { return rows.rank + (biases ? 1 : 0); }

  /// Column `order()` is 1, those behind it 0.
  __device__ float value(std::int64_t row, int column) const {
    if (column >= order()) {
      return column == order() ? 1.0F : 0.0F;
    }
    const bool is_factor = column < rows.rank;
    const float value = is_factor ? rows.row(row)[column] : rows.biases[row];
    if (known.rows() == 0) {
      return value;
    }
    return value - (is_factor ? known.row(row)[column] : known.biases[row]);
  }
};

/// How the lower half of a matrix of order + 1 is cut into tiles, row by row.
struct MomentTiles {
  static constexpr int width = 16;
  static constexpr int entries = width * width;

  int of_a_side;

  static MomentTiles of(int order) { return {order / width + 1}; }
  __host__ __device__ int count() const { return of_a_side * (of_a_side + 1) / 2; }
};

inline constexpr int moment_threads = MomentTiles::entries;
inline constexpr int moment_rows = 32;  // in shared memory at once
inline constexpr std::size_t moment_shared_bytes =
    sizeof(float) * 2 * moment_rows * MomentTiles::width;

/// parts [part, tile, 16 · 16]: sums over the rows [part · length, (part + 1) · length). A block
/// for each part and tile.
template <int Threads>
__global__ void __launch_bounds__(Threads)
    sum_moments(MomentRows task, MomentTiles tiles, std::int64_t length, DeviceSpan<double> parts) {
  constexpr int width = MomentTiles::width;
  ALSATIAN_SHARED_MEMORY(float, left);
  float* const right = left + moment_rows * width;
  const auto thread = static_cast<int>(threadIdx.x);
  int column_tile = static_cast<int>(blockIdx.x % static_cast<unsigned>(tiles.count()));
  int row_tile = 0;
  for (; column_tile > row_tile; ++row_tile) {
    column_tile -= row_tile + 1;
  }
  const std::int64_t first = blockIdx.x / static_cast<unsigned>(tiles.count()) * length;
  const std::int64_t rest = task.rows.rows() - first;
  const std::int64_t end = first + (rest < length ? rest : length);
  double sum = 0;
  for (std::int64_t start = first; start < end; start += moment_rows) {
    for (int place = thread; place < moment_rows * width; place += moment_threads) {
      const std::int64_t row = start + place / width;
      const bool there = row < end;
      left[place] = there ? task.value(row, row_tile * width + place % width) : 0.0F;
      right[place] = there ? task.value(row, column_tile * width + place % width) : 0.0F;
    }
    __syncthreads();
#pragma unroll 8
    for (int row = 0; row < moment_rows; ++row) {
      sum += double{left[row * width + thread / width]} * right[row * width + thread % width];
    }
    __syncthreads();  // nobody reads these rows any more
  }
  parts[std::int64_t{blockIdx.x} * MomentTiles::entries + thread] = sum;
}

/// totals [size]: sums over parts [count, size], in their order.
struct AddMomentParts {
  DeviceSpan<const double> parts;
  DeviceSpan<double> totals;

  __device__ void operator()(std::int64_t place) const {
    double sum = 0;
    for (std::int64_t from = place; from < parts.size(); from += totals.size()) {
      sum += parts[from];
    }
    totals[place] = sum;
  }
};

/// Launches of the two, and the way back to the host.
class RowMoments {
 public:
  /// For rows of up to this order. Allocates once.
  RowMoments(const Context& context, int order)
      : context_(context),
        tiles_(MomentTiles::of(order)),
        parts_(most_parts * size_of(order)),
        totals_(size_of(order)),
        fetched_(size_of(order)) {}

  static std::int64_t bytes(int order) {
    return DeviceBuffer<double>::bytes(most_parts * size_of(order)) +
           DeviceBuffer<double>::bytes(size_of(order));
  }

  /// Σ [r; 1][r; 1]ᵀ, its lower half [order + 1, order + 1] row-major; what is above the diagonal
  /// is left alone. Waits. rows.order() is the constructor's.
  void sum(VectorSums& vectors, const MomentRows& rows, std::span<double> moments) {
    constexpr std::int64_t least = 256;
    const std::int64_t length = std::max(least, (rows.rows.rows() + most_parts - 1) / most_parts);
    const std::int64_t parts = (rows.rows.rows() + length - 1) / length;
    const DeviceSpan<double> used = parts_.span().subspan(0, parts * totals_.size());
    launch(context_.compute(), &sum_moments<moment_threads>,
           {parts * tiles_.count(), moment_threads, moment_shared_bytes}, rows, tiles_, length,
           used);
    vectors.for_each(totals_.size(), AddMomentParts{used, totals_.span()});
    download(context_.compute(), std::as_const(totals_).span(), fetched_.span());
    context_.compute().synchronize();
    copy_to(rows.order() + 1, moments);
  }

 private:
  static constexpr std::int64_t most_parts = 64;
  static std::int64_t size_of(int order) {
    return std::int64_t{MomentTiles::of(order).count()} * MomentTiles::entries;
  }

  void copy_to(int order, std::span<double> moments) const {
    constexpr int width = MomentTiles::width;
    for (int row = 0; row < order; ++row) {
      for (int column = 0; column <= row; ++column) {
        const int tile = row / width * (row / width + 1) / 2 + column / width;
        const int place = tile * MomentTiles::entries + row % width * width + column % width;
        moments[static_cast<std::size_t>(row * order + column)] =
            fetched_.span()[static_cast<std::size_t>(place)];
      }
    }
  }

  const Context& context_;
  MomentTiles tiles_;
  DeviceBuffer<double> parts_;
  DeviceBuffer<double> totals_;
  PinnedBuffer<double> fetched_;
};

}  // namespace alsatian::cuda
