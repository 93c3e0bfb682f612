// What is done beside the vendors' libraries where they solve the rows of alternating least
// squares: ratings are gathered into dense rows [q; 1; r − c], whose Gram matrix is the normal
// equations' matrix with their right-hand side beside it; systems are made of that, and judged.
#pragma once

#include "kernels/cuda/als_rows.hpp"
#include "kernels/cuda/tables.hpp"

#include <cstdint>

namespace alsatian::cuda {

inline constexpr int batched_threads = 256;

/// Columns of a gathered row: the factors, the bias' one, the target, and zeros up to 16 bytes.
constexpr int batched_columns(int rank) { return (rank + 2 + 3) / 4 * 4; }

/// Numbers from a row to the next: of what is gathered, and of the tables.
struct BatchedStrides {
  std::int64_t columns;
  std::int64_t factors;

  static BatchedStrides of(int rank) { return {batched_columns(rank), padded_rank(rank)}; }
};

/// Rows of a batch: row `rows[b]` has matrix b. Views of the batch's own length.
struct BatchedRows {
  BatchedStrides strides;
  DeviceSpan<const std::int64_t> rows;
  DeviceSpan<const float> jitters;  // on the whole diagonal; empty: none
  DeviceSpan<float> grams;          // [rows, columns, columns]
  DeviceSpan<float> right_sides;    // [rows, columns]
  DeviceSpan<float*> matrix_of;     // [rows], into grams
  DeviceSpan<float*> right_side_of;
  DeviceSpan<float> traces;  // of the matrices without jitter
  DeviceSpan<int> failures;  // of the factorization; then 1 where a row was not solved, else 0

  __device__ float jitter(std::int64_t b) const { return jitters.size() > 0 ? jitters[b] : 0.0F; }
};

/// gathered [rows, length, columns]: ratings [first, first + length) of each row, zeros behind its
/// last. A block per row.
template <int threads>
__global__ void __launch_bounds__(threads)
    gather_ratings(AlsTask task, BatchedStrides strides, DeviceSpan<const std::int64_t> rows,
                   std::int64_t first, int length, DeviceSpan<float> gathered) {
  const auto columns = static_cast<int>(strides.columns);
  const std::int64_t row = rows[blockIdx.x];
  const std::int64_t start = task.offsets[row] + first;
  const std::int64_t end = task.offsets[row + 1];
  float* const target = gathered.data() + std::int64_t{blockIdx.x} * length * columns;
  const std::int64_t size = std::int64_t{length} * columns;
  for (std::int64_t at = threadIdx.x; at < size; at += threads) {
    const std::int64_t position = start + at / columns;
    const auto column = static_cast<int>(at % columns);
    float value = 0;
    if (position < end) {
      const std::int32_t opposite = task.columns[position];
      if (column < task.rank) {
        value = task.opposite[opposite * strides.factors + column];
      } else if (column == task.rank) {
        value = task.biases ? 1.0F : 0.0F;
      } else if (column == task.rank + 1) {
        const float bias = task.biases ? task.opposite_biases[opposite] : 0.0F;
        value = task.ratings[position] - bias;
      }
    }
    target[at] = value;
  }
}

/// Adds ridge and jitter to the diagonals and takes the right-hand sides out. A warp per row.
template <int threads>
__global__ void __launch_bounds__(threads) make_systems(AlsTask task, BatchedRows batch) {
  const std::int64_t b =
      std::int64_t{blockIdx.x} * (threads / device::warp_lanes) + threadIdx.x / device::warp_lanes;
  if (b >= batch.rows.size()) {
    return;
  }
  const std::int64_t columns = batch.strides.columns;
  const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
  float* const matrix = batch.grams.data() + b * columns * columns;
  float* const right = batch.right_sides.data() + b * columns;
  const RowRidge ridge = task.ridges[batch.rows[b]];
  const int order = task.rank + (task.biases ? 1 : 0);
  float trace = 0;
  for (int j = lane; j < order; j += 32) {
    float& entry = matrix[j * columns + j];
    const float own = entry + (j < task.rank ? ridge.factors : ridge.biases);
    trace += own;
    entry = own + batch.jitter(b);
    right[j] = matrix[j * columns + task.rank + 1];
  }
  trace = warp_sum(trace);
  if (lane == 0) {
    batch.traces[b] = trace;
    batch.matrix_of[b] = matrix;
    batch.right_side_of[b] = right;
  }
}

/// Writes the rows whose every pivot counts, as in als_rows.hpp. A warp per row.
template <int threads>
__global__ void __launch_bounds__(threads) take_solutions(AlsTask task, BatchedRows batch) {
  const std::int64_t b =
      std::int64_t{blockIdx.x} * (threads / device::warp_lanes) + threadIdx.x / device::warp_lanes;
  if (b >= batch.rows.size()) {
    return;
  }
  const std::int64_t columns = batch.strides.columns;
  const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
  const float* const matrix = batch.grams.data() + b * columns * columns;
  const float* const right = batch.right_sides.data() + b * columns;
  const std::int64_t row = batch.rows[b];
  const int order = task.rank + (task.biases ? 1 : 0);
  const float least_pivot = least_pivot_of(batch.traces[b], batch.jitter(b));
  int irregular = batch.failures[b] != 0 ? 1 : 0;
#pragma unroll 1
  for (int j = lane; j < order; j += 32) {
    const float root = matrix[j * columns + j];
    if (!(root * root > least_pivot)) {
      irregular = 1;
    }
  }
#pragma unroll
  for (int bits = 16; bits > 0; bits /= 2) {
    irregular |= __shfl_xor_sync(device::all_lanes, irregular, bits);
  }
  if (irregular == 0) {
    for (int j = lane; j < task.rank; j += 32) {
      task.solved[row * batch.strides.factors + j] = right[j];
    }
  }
  if (lane == 0) {
    batch.failures[b] = irregular;
    if (irregular == 0) {
      task.solved_biases[row] = task.biases ? right[task.rank] : 0.0F;
      if (batch.jitter(b) > 0) {
        atomicAdd(task.repaired.data(), 1ULL);
      }
    }
  }
}

/// Rows that were not solved and will not be tried again. Nothing is known of one whose opposite
/// rows and λ are all 0; otherwise there were values that are not numbers, which stay so for the
/// trainer to report. A warp per row.
template <int threads>
__global__ void __launch_bounds__(threads)
    give_up(AlsTask task, BatchedRows batch, bool was_last_try) {
  const std::int64_t b =
      std::int64_t{blockIdx.x} * (threads / device::warp_lanes) + threadIdx.x / device::warp_lanes;
  if (b >= batch.rows.size() || batch.failures[b] == 0 || (batch.traces[b] > 0 && !was_last_try)) {
    return;
  }
  const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
  const std::int64_t row = batch.rows[b];
  const float value = batch.traces[b] == 0 ? 0.0F : __uint_as_float(0x7FC00000U);
  for (int j = lane; j < task.rank; j += 32) {
    task.solved[row * batch.strides.factors + j] = value;
  }
  if (lane == 0) {
    task.solved_biases[row] = task.biases ? value : 0.0F;
  }
}

}  // namespace alsatian::cuda
