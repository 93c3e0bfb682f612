// One row of alternating least squares per block of threads: gather, Gram matrix, Cholesky, solve,
// without the matrix ever leaving the chip.
//   (Σ z zᵀ + s(n)·diag(λ, …, λ, λ_b)) [p; b] = Σ z (r − c),  z = [q; 1]
// Zhou et al. (2008), section 3. The bias is the last unknown and is eliminated as a border.
#pragma once

#include "kernels/cuda/als_sums.hpp"

namespace alsatian::cuda {

/// Pivots at or below this share of the trace count as zero, as on the CPU.
inline constexpr float pivot_threshold = 1.1920929e-7F;
/// On the diagonal of the padding, which stands apart from all else: no trace makes it a zero.
inline constexpr float padding_pivot = 1e36F;
/// A row's ridge grows tenfold so often before it is given up.
inline constexpr int most_tries = 9;

/// The least pivot that does not count as zero. With jitter a null direction's pivot is the jitter,
/// give or take rounding: half of it shows that rounding was the smaller of the two.
__device__ __forceinline__ float least_pivot_of(float trace, float jitter) {
  const float zero = fmaxf(pivot_threshold * trace, FLT_MIN);
  return jitter > 2 * zero ? jitter / 2 : zero;
}

/// Rows that are the solution itself, not drawn around it.
struct NoNoise {
  static constexpr bool is_there = false;
  __device__ float factor(std::int64_t, int) const { return 0; }
  __device__ float bias(std::int64_t) const { return 0; }
};

/// Solves with the sums that lie in shared memory and `jitter` on the whole diagonal, and writes
/// the row where no pivot counts as zero, which is returned. `trace` is that of the matrix without
/// jitter. All threads of the block call it. Up to the bias' pivot one path is taken whatever the
/// pivots are; what comes of bad ones is not written. With noise ε, which is read before the row is
/// written, the row is a draw with the matrix as its precision.
///   l = L⁻¹ sums, y = L⁻¹ products, d = corner − l·l,
///   b = (total − l·y) / d + ε_b / √d, p = L⁻ᵀ (y + ε − b l)
template <int K, typename Noise>
__device__ __forceinline__ bool solve_row(const AlsTask& task, const RowMemory<K>& memory,
                                          std::int64_t row, std::int64_t count, RowRidge ridge,
                                          const Noise& noise, float jitter, float& trace) {
  using Rows = Team<RowShape<K>::warps>;
  const bool first_warp = Rows::is_first_warp();
  const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
  const LowerMatrix matrix = memory.matrix();
  const SolveVectors vectors = memory.vectors();
  const float corner = task.biases ? static_cast<float>(count) + ridge.biases : 0.0F;
  if (first_warp) {
    float diagonal = 0;
#pragma unroll
    for (int j = lane; j < K; j += 32) {
      float& entry = matrix.row(j)[j];
      // Added after the sum: a tiny ridge plus many large terms would be absorbed in float.
      entry = j < task.rank ? entry + ridge.factors + jitter : padding_pivot;
      diagonal += j < task.rank ? entry - jitter : 0.0F;
    }
    const float sum = warp_sum(diagonal) + corner;
    if (threadIdx.x == 0) {
      *memory.shared_word(1) = sum;
    }
  }
  Rows::synchronize();
  trace = *memory.shared_word(1);
  const float least_pivot = least_pivot_of(trace, jitter);
  bool regular = factor_lower<RowShape<K>::warps, RowShape<K>::rows_per_lane>(
      matrix, memory.low_parts(), vectors, RowShape<K>::groups, least_pivot);
  if (first_warp) {
    float bias = 0;
    if (task.biases) {
      float square = 0;
      float product = 0;
#pragma unroll
      for (int j = lane; j < K; j += 32) {
        square += vectors.sums[j] * vectors.sums[j];
        product += vectors.sums[j] * vectors.products[j];
      }
      const float pivot = corner + jitter - warp_sum(square);
      bias = (*memory.shared_word(0) - warp_sum(product)) / pivot;
      regular = regular && pivot > least_pivot;
      if constexpr (Noise::is_there) {
        bias += noise.bias(row) * device::inverse_root(pivot);
      }
#pragma unroll
      for (int j = lane; j < K; j += 32) {
        vectors.products[j] -= bias * vectors.sums[j];
      }
    }
    if constexpr (Noise::is_there) {
#pragma unroll
      for (int j = lane; j < K; j += 32) {
        vectors.products[j] += noise.factor(row, j);
      }
    }
    solve_transposed<K>(matrix, vectors.inverse_diagonal, vectors.products, RowShape<K>::groups);
    if (regular) {
#pragma unroll
      for (int j = lane; j < K; j += 32) {
        task.solved[row * K + j] = vectors.products[j];
      }
      if (threadIdx.x == 0) {
        task.solved_biases[row] = bias;
      }
    }
  }
  return Rows::agree_with_first(regular, reinterpret_cast<int*>(memory.shared_word(2)));
}

/// Solves a row whose sums `put_sums` brings to shared memory, again for every try: `ridge` beside
/// them on the diagonal, `noise` around the solution. Where the
/// matrix is singular to float's precision its whole diagonal gets 1e-6 · trace ÷ order, ten times
/// more at each further try, and the row counts as repaired.
template <int K, typename Noise, typename PutSums>
__device__ __forceinline__ void solve_with_tries(const AlsTask& task, const RowMemory<K>& memory,
                                                 std::int64_t row, std::int64_t count,
                                                 RowRidge ridge, const Noise& noise,
                                                 PutSums put_sums) {
  float jitter = 0;
  float trace = 0;
  for (int tries = 0; tries <= most_tries; ++tries) {
    put_sums();
    if (solve_row(task, memory, row, count, ridge, noise, jitter, trace)) {
      if (tries > 0 && threadIdx.x == 0) {
        atomicAdd(task.repaired.data(), 1ULL);
      }
      return;
    }
    if (!(trace > 0)) {
      break;
    }
    const int order = task.rank + (task.biases ? 1 : 0);
    jitter = tries == 0 ? 1e-6F * trace / static_cast<float>(order) : 10 * jitter;
    Team<RowShape<K>::warps>::synchronize();  // nobody reads the sums of this try any more
  }
  // Nothing is known of the row where all its opposite rows are 0, and so is λ. Otherwise there
  // were values that are not numbers, which stay so for the trainer to report.
  const float value = trace == 0 ? 0.0F : __uint_as_float(0x7FC00000U);
  for (int j = static_cast<int>(threadIdx.x); j < K; j += RowShape<K>::threads) {
    task.solved[row * K + j] = j < task.rank ? value : 0.0F;
  }
  if (threadIdx.x == 0) {
    task.solved_biases[row] = value;
  }
}

/// A block per row of `rows`, whole: neither empty nor split. Where `wanted` [rows] is not empty,
/// only rows that it has a 1 for.
template <int K, Halves halves>
__global__ void __launch_bounds__(RowShape<K>::threads, RowShape<K>::blocks)
    solve_rows(AlsTask task, DeviceSpan<const std::int64_t> rows,
               DeviceSpan<const unsigned char> wanted) {
  ALSATIAN_SHARED_MEMORY(float, pool);
  if (wanted.size() > 0 && wanted[blockIdx.x] == 0) {
    return;
  }
  const RowMemory<K> memory{pool};
  const std::int64_t row = rows[blockIdx.x];
  const std::int64_t first = task.offsets[row];
  const std::int64_t end = task.offsets[row + 1];
  solve_with_tries(task, memory, row, end - first, task.ridges[row], NoNoise(), [&] {
    RowSums<K> sums;
    sum_ratings<halves>(task, memory, first, end, sums);
    store_sums(task, memory, sums);
  });
}

/// A block per part of a long row: its sums go to `workspace` [parts, part_floats].
template <int K, Halves halves>
__global__ void __launch_bounds__(RowShape<K>::threads, RowShape<K>::blocks)
    sum_parts(AlsTask task, DeviceSpan<const RowPart> parts, DeviceSpan<float> workspace) {
  ALSATIAN_SHARED_MEMORY(float, pool);
  using Shape = RowShape<K>;
  const RowMemory<K> memory{pool};
  const RowPart part = parts[blockIdx.x];
  RowSums<K> sums;
  sum_ratings<halves>(task, memory, part.first, part.first + part.count, sums);
  float* const target = workspace.data() + blockIdx.x * Shape::part_floats;
  float* const products = target + Shape::matrix_floats;
  put_sums(sums, SplitScale::of(task.split.largest[0]).inverse, LowerMatrix{target}, products,
           products + K);
  if (Team<Shape::warps>::is_first_warp()) {
    const float total = warp_sum(sums.total);
    if (threadIdx.x == 0) {
      products[2 * K] = total;
    }
  }
}

/// The sums of a long row's parts, added in their order, into shared memory.
template <int K>
__device__ __forceinline__ void add_parts_of_row(const RowMemory<K>& memory, const SplitRow& split,
                                                 DeviceSpan<const float> workspace) {
  using Shape = RowShape<K>;
  const float* const source = workspace.data() + split.first_part * Shape::part_floats;
  // All of a part but its total, in vectors: matrix, products, sums.
  const auto sum_of_parts = [&](int index) {
    float4 sum = make_float4(0, 0, 0, 0);
#pragma unroll 4
    for (int part = 0; part < split.parts; ++part) {
      const float4 four =
          *reinterpret_cast<const float4*>(source + part * Shape::part_floats + index);
      sum = make_float4(sum.x + four.x, sum.y + four.y, sum.z + four.z, sum.w + four.w);
    }
    return sum;
  };
  const int first = 4 * static_cast<int>(threadIdx.x);
  for (int i = first; i < Shape::matrix_floats; i += 4 * Shape::threads) {
    *reinterpret_cast<float4*>(memory.pool + i) = sum_of_parts(i);
  }
  for (int j = first; j < 2 * K; j += 4 * Shape::threads) {
    *reinterpret_cast<float4*>(memory.vectors().products + j) =
        sum_of_parts(Shape::matrix_floats + j);
  }
  if (threadIdx.x == 0) {
    float total = 0;
    for (int part = 0; part < split.parts; ++part) {
      total += source[part * Shape::part_floats + Shape::matrix_floats + 2 * K];
    }
    *memory.shared_word(0) = total;
  }
  Team<Shape::warps>::synchronize();
}

/// A block per long row: the sums of its parts are added in their order, then solved.
template <int K>
__global__ void __launch_bounds__(RowShape<K>::threads, RowShape<K>::blocks)
    solve_split_rows(AlsTask task, DeviceSpan<const SplitRow> rows,
                     DeviceSpan<const float> workspace) {
  ALSATIAN_SHARED_MEMORY(float, pool);
  const RowMemory<K> memory{pool};
  const SplitRow split = rows[blockIdx.x];
  const std::int64_t count = task.offsets[split.row + 1] - task.offsets[split.row];
  solve_with_tries(task, memory, split.row, count, task.ridges[split.row], NoNoise(),
                   [&] { add_parts_of_row(memory, split, workspace); });
}

}  // namespace alsatian::cuda
