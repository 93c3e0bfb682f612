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
  /// Λ/α: its lower half as a LowerMatrix, padded-rank zeros, what it has between factors and bias
  /// [padded rank], and Λ_bb/α; of rank 0 the last alone.
  DeviceSpan<const float> precision;
  DeviceSpan<const float> right_sides;       // Λ/α·m [rows, padded rank], zeros in the padding
  DeviceSpan<const float> bias_right_sides;  // [rows]
};

/// What makes a draw of the row solve of als: Λ/α beside the sums, Λ/α·m beside the right-hand
/// sides, and the noise that lies where the row will be.
template <int K>
struct RowDraw {
  using Shape = RowShape<K>;
  static constexpr bool is_there = true;

  const DrawTask& task;

  /// What is on the diagonal beside the ratings is all in Λ/α.
  __device__ RowRidge ridge() const { return {0, task.precision[Shape::matrix_floats + 2 * K]}; }
  __device__ float factor_noise(std::int64_t row, int column) const {
    return task.rows.solved[row * K + column];
  }
  __device__ float bias_noise(std::int64_t row) const { return task.rows.solved_biases[row]; }
  __device__ float bias_right_side(std::int64_t row) const {
    return task.rows.biases ? task.bias_right_sides[row] : 0.0F;
  }

  /// To the matrix that one warp holds, in the units of the split table: powers of two.
  __device__ __forceinline__ void add_to(RowSums<K>& sums) const {
    const float scale = SplitScale::of(task.rows.split.largest[0]).scale;
    unrolled<Shape::groups>([&]<int Group>() {
      const float* const rows = task.precision.data() + LowerMatrix::group_offset(Group);
      unrolled<2 * (Group + 1)>([&]<int Half>() {
        Accumulator prior;
        prior.load(rows + 8 * Half, LowerMatrix::stride(Group));
        float(&values)[4] = sums.tiles[held_place(Group, 0) + Half].values;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          values[i] += scale * scale * prior.values[i];
        }
      });
    });
  }
  /// To the right-hand sides of the calling warp's row.
  __device__ __forceinline__ void add_to_sides(const SolveVectors& vectors,
                                               std::int64_t row) const {
#pragma unroll
    for (int j = static_cast<int>(threadIdx.x); j < K; j += 32) {
      vectors.products[j] += task.right_sides[row * K + j];
      vectors.sums[j] += task.precision[Shape::matrix_floats + K + j];
    }
  }
  /// To all of them in shared memory; a barrier.
  __device__ __forceinline__ void add_to(const RowMemory<K>& memory) const {
    const auto add_four = [](float* to, const float* from) {
      const float4 more = *reinterpret_cast<const float4*>(from);
      float4& sum = *reinterpret_cast<float4*>(to);
      sum = make_float4(sum.x + more.x, sum.y + more.y, sum.z + more.z, sum.w + more.w);
    };
    const SolveVectors vectors = memory.vectors();
    const std::int64_t row = memory.facts().row;
    const int first = 4 * static_cast<int>(threadIdx.x);
    for (int i = first; i < Shape::matrix_floats; i += 4 * Shape::threads) {
      add_four(memory.matrix().data + i, task.precision.data() + i);
    }
    for (int j = first; j < K; j += 4 * Shape::threads) {
      add_four(vectors.products + j, task.right_sides.data() + row * K + j);
      add_four(vectors.sums + j, task.precision.data() + Shape::matrix_floats + K + j);
    }
    if (threadIdx.x == 0) {
      memory.facts().total += bias_right_side(row);
    }
    Team<Shape::warps>::synchronize();
  }
};

/// Blocks that a processor is to hold at once: of rank 128 one less, with which less is spilled.
template <int K>
inline constexpr int draw_blocks = K == 128 ? 3 : RowShape<K>::blocks;

/// A block per row of `rows` that is not split; rows without ratings are draws of their prior.
template <int K>
__global__ void __launch_bounds__(RowShape<K>::threads, draw_blocks<K>)
    draw_rows(DrawTask task, DeviceSpan<const std::int64_t> rows) {
  ALSATIAN_SHARED_MEMORY(float, shared);
  const RowMemory<K> memory{shared};
  const RowDraw<K> draw{task};
  put_facts(task.rows, memory, rows[blockIdx.x], draw);
  solve_with_tries(task.rows, memory,
                   WholeRow<K, Halves::two, RowDraw<K>>{task.rows, memory, draw});
}

/// A block per long row, of which sum_parts has left the parts.
template <int K>
__global__ void __launch_bounds__(RowShape<K>::threads)
    draw_split_rows(DrawTask task, DeviceSpan<const SplitRow> rows,
                    DeviceSpan<const float> workspace) {
  ALSATIAN_SHARED_MEMORY(float, shared);
  const RowMemory<K> memory{shared};
  const SplitRow split = rows[blockIdx.x];
  const RowDraw<K> draw{task};
  put_facts(task.rows, memory, split.row, draw);
  const float* const source = workspace.data() + split.first_part * RowShape<K>::part_floats;
  solve_with_tries(task.rows, memory,
                   LongRow<K, RowDraw<K>>{task.rows, memory, {source, split.parts}, draw});
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
