// One row of Gibbs sampling per block of threads: the row solve of als with a full matrix in place
// of the ridge and noise in its back substitution, so that the row is a draw, not a minimiser.
//   A = Σ z zᵀ + Λ/α = LLᵀ,  w = A⁻¹ (Σ z (r − c) + Λ/α·m) + L⁻ᵀ ε/√α,  z = [q; 1]
// Salakhutdinov and Mnih (2008), in units of the noise. The dual of short rows gives no draw.
#pragma once

#include "kernels/cuda/als_rows.hpp"

namespace alsatian::cuda {

/// What rows are drawn around. The noise ε/√α of each row lies where the row will be, with zeros in
/// the padding.
struct DrawTask {
  AlsTask rows;  // its ridges are not read
  /// Λ/α as the sums of a part of ratings would be: [RowShape::part_floats], but rank 0:
  /// Λ_bb/α alone.
  DeviceSpan<const float> precision;
  DeviceSpan<const float> right_sides;       // Λ/α·m [rows, padded rank], zeros in the padding
  DeviceSpan<const float> bias_right_sides;  // [rows]
};

/// What lies where a row will be.
template <int K>
struct RowNoise {
  const AlsTask& task;

  static constexpr bool is_there = true;
  __device__ float factor(std::int64_t row, int column) const {
    return task.solved[row * K + column];
  }
  __device__ float bias(std::int64_t row) const { return task.solved_biases[row]; }
};

/// Adds Λ/α and Λ/α·m to the sums of a row in shared memory. All threads of the block call it.
template <int K>
__device__ __forceinline__ void add_row_prior(const DrawTask& task, const RowMemory<K>& memory,
                                              std::int64_t row) {
  using Shape = RowShape<K>;
  const auto add_four = [](float* to, const float* from) {
    const float4 more = *reinterpret_cast<const float4*>(from);
    float4& sum = *reinterpret_cast<float4*>(to);
    sum = make_float4(sum.x + more.x, sum.y + more.y, sum.z + more.z, sum.w + more.w);
  };
  const SolveVectors vectors = memory.vectors();
  const int first = 4 * static_cast<int>(threadIdx.x);
  for (int i = first; i < Shape::matrix_floats; i += 4 * Shape::threads) {
    add_four(memory.pool + i, task.precision.data() + i);
  }
  for (int j = first; j < K; j += 4 * Shape::threads) {
    add_four(vectors.products + j, task.right_sides.data() + row * K + j);
    add_four(vectors.sums + j, task.precision.data() + Shape::matrix_floats + K + j);
  }
  if (threadIdx.x == 0 && task.rows.biases) {
    *memory.shared_word(0) += task.bias_right_sides[row];
  }
  Team<Shape::warps>::synchronize();
}

/// Draws a row whose sums over its ratings `put_sums` brings to shared memory.
template <int K, typename PutSums>
__device__ __forceinline__ void draw_row(const DrawTask& task, const RowMemory<K>& memory,
                                         std::int64_t row, std::int64_t count, PutSums put_sums) {
  const float corner = task.precision[RowShape<K>::matrix_floats + 2 * K];
  solve_with_tries(task.rows, memory, row, count, RowRidge{0, corner}, RowNoise<K>{task.rows}, [&] {
    put_sums();
    add_row_prior(task, memory, row);
  });
}

/// A block per row of `rows` that is not split; rows without ratings are draws of their prior.
template <int K>
__global__ void __launch_bounds__(RowShape<K>::threads, RowShape<K>::blocks)
    draw_rows(DrawTask task, DeviceSpan<const std::int64_t> rows) {
  ALSATIAN_SHARED_MEMORY(float, pool);
  const RowMemory<K> memory{pool};
  const std::int64_t row = rows[blockIdx.x];
  const std::int64_t first = task.rows.offsets[row];
  const std::int64_t end = task.rows.offsets[row + 1];
  draw_row(task, memory, row, end - first, [&] {
    RowSums<K> sums;
    sum_ratings<Halves::two>(task.rows, memory, first, end, sums);
    store_sums(task.rows, memory, sums);
  });
}

/// A block per long row, of which sum_parts has left the parts.
template <int K>
__global__ void __launch_bounds__(RowShape<K>::threads, RowShape<K>::blocks)
    draw_split_rows(DrawTask task, DeviceSpan<const SplitRow> rows,
                    DeviceSpan<const float> workspace) {
  ALSATIAN_SHARED_MEMORY(float, pool);
  const RowMemory<K> memory{pool};
  const SplitRow split = rows[blockIdx.x];
  const std::int64_t count = task.rows.offsets[split.row + 1] - task.rows.offsets[split.row];
  draw_row(task, memory, split.row, count, [&] { add_parts_of_row(memory, split, workspace); });
}

inline constexpr int bias_draw_threads = 256;

/// A warp per row, rank 0:  b = (Σ (r − c) + Λ/α·m) / a + ε/√α / √a,  a = n + Λ/α
template <int Threads>
__global__ void __launch_bounds__(Threads) draw_biases(DrawTask task) {
  const std::int64_t row =
      std::int64_t{blockIdx.x} * (bias_draw_threads / 32) + threadIdx.x / device::warp_lanes;
  const AlsTask& rows = task.rows;
  if (row >= rows.solved_biases.size()) {
    return;
  }
  const std::int64_t first = rows.offsets[row];
  const std::int64_t end = rows.offsets[row + 1];
  const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
  double sum = 0;
  for (std::int64_t position = first + lane; position < end; position += 32) {
    sum += double{rows.ratings[position]} - rows.opposite_biases[rows.columns[position]];
  }
#pragma unroll
  for (int bits = 16; bits > 0; bits /= 2) {
    sum += __shfl_xor_sync(device::all_lanes, sum, bits);
  }
  if (lane == 0) {
    const double weight = static_cast<double>(end - first) + task.precision[0];
    const double noise = rows.solved_biases[row] / std::sqrt(weight);
    rows.solved_biases[row] =
        static_cast<float>((sum + task.bias_right_sides[row]) / weight + noise);
  }
}

}  // namespace alsatian::cuda
