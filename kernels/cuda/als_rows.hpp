// One row of alternating least squares per block of threads: gather, Gram matrix, Cholesky, solve,
// without the matrix ever leaving the chip.
//   (Σ z zᵀ + s(n)·diag(λ, …, λ, λ_b)) [p; b] = Σ z (r − c),  z = [q; 1]
// Zhou et al. (2008), section 3. The bias is the last unknown and is eliminated as a border.
#pragma once

#include "kernels/cuda/als_refinement.hpp"

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

/// Of rows that are the solution itself, not drawn around it: see RowDraw.
struct NoDraw {
  static constexpr bool is_there = false;
};

/// Writes what is known of a row before its ratings are; a barrier.
template <int K, typename Draw = NoDraw>
__device__ __forceinline__ void put_facts(const AlsTask& task, const RowMemory<K>& memory,
                                          std::int64_t row, const Draw& draw = {}) {
  if (threadIdx.x == 0) {
    const std::int64_t first = task.offsets[row];
    const std::int64_t end = task.offsets[row + 1];
    RowRidge ridge;
    if constexpr (Draw::is_there) {
      ridge = draw.ridge();
    } else {
      ridge = task.ridges[row];
    }
    memory.facts() = {
        .row = row,
        .first = first,
        .end = end,
        .ridge = ridge.factors,
        .corner = task.biases ? static_cast<float>(end - first) + ridge.biases : 0.0F,
        .total = 0,
        .trace = 0,
        .jitter = 0,
        .tries = 0,
        .answer = 0,
        .bias = 0,
        .bias_pivot = 0,
    };
  }
  Team<RowShape<K>::warps>::synchronize();
}

/// From L⁻¹ times products and sums, which lie in shared memory, to the row. It is written where no
/// pivot counts as zero, which is returned. One warp calls it; solve_transposed() multiplies the
/// products by L⁻ᵀ.
///   l = L⁻¹ sums, y = L⁻¹ products, d = corner − l·l,
///   b = (total − l·y) / d + ε_b / √d, p = L⁻ᵀ (y + ε − b l)
/// with the noise ε of a draw, which then has the matrix as its precision, or none.
template <int K, typename Draw, typename SolveTransposed>
__device__ __forceinline__ bool finish_row(const AlsTask& task, const RowMemory<K>& memory,
                                           const Draw& draw, float least_pivot, bool regular,
                                           SolveTransposed&& solve_transposed) {
  const SolveVectors vectors = memory.vectors();
  const int lane = static_cast<int>(threadIdx.x);
  float bias = 0;
  if (task.biases) {
    float square = 0;
#pragma unroll
    for (int j = lane; j < K; j += 32) {
      square += vectors.sums[j] * vectors.sums[j];
    }
    const float pivot = memory.facts().corner + memory.facts().jitter - warp_sum(square);
    bias = bias_of(memory, pivot);
    regular = regular && pivot > least_pivot;
    if (lane == 0) {
      memory.facts().bias_pivot = pivot;
    }
    if constexpr (Draw::is_there) {
      bias += draw.bias_noise(memory.facts().row) * device::inverse_root(pivot);
    }
    take_bias_out(memory, bias);
  }
  if constexpr (Draw::is_there) {
#pragma unroll
    for (int j = lane; j < K; j += 32) {
      vectors.products[j] += draw.factor_noise(memory.facts().row, j);
    }
  }
  solve_transposed();
  if (regular) {
    const std::int64_t row = memory.facts().row;
#pragma unroll
    for (int j = lane; j < K; j += 32) {
      task.solved[row * K + j] = vectors.products[j];
    }
    if (lane == 0) {
      task.solved_biases[row] = bias;
      memory.facts().bias = bias;
    }
  }
  return regular;
}

/// Solves with the sums that lie in shared memory and the jitter on the whole diagonal, and writes
/// the row where no pivot counts as zero, which is returned. The trace that is left behind is that
/// of the matrix without jitter. All threads of the block call it. Up to the bias' pivot one path
/// is taken whatever the pivots are; what comes of bad ones is not written.
template <int K, typename Draw>
__device__ __forceinline__ bool solve_row(const AlsTask& task, const RowMemory<K>& memory,
                                          const Draw& draw) {
  using Rows = Team<RowShape<K>::warps>;
  const bool first_warp = Rows::is_first_warp();
  const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
  const LowerMatrix matrix = memory.matrix();
  const SolveVectors vectors = memory.vectors();
  const float jitter = memory.facts().jitter;
  if (first_warp) {
    const float ridge = memory.facts().ridge;
    float diagonal = 0;
#pragma unroll
    for (int j = lane; j < K; j += 32) {
      float& entry = matrix.row(j)[j];
      // Added after the sum: a tiny ridge plus many large terms would be absorbed in float.
      entry = j < task.rank ? entry + ridge + jitter : padding_pivot;
      diagonal += j < task.rank ? entry - jitter : 0.0F;
    }
    const float trace = warp_sum(diagonal) + memory.facts().corner;
    if (threadIdx.x == 0) {
      memory.facts().trace = trace;
    }
  }
  Rows::synchronize();
  const float least_pivot = least_pivot_of(memory.facts().trace, jitter);
  bool regular = factor_lower<RowShape<K>::warps, RowShape<K>::rows_per_lane>(
      matrix, memory.low_parts(), vectors, RowShape<K>::groups, least_pivot);
  if (first_warp) {
    regular = finish_row(task, memory, draw, least_pivot, regular, [&] {
      solve_transposed<K>(matrix, vectors.inverse_diagonal, vectors.products, RowShape<K>::groups);
    });
  }
  return Rows::agree_with_first(regular, &memory.facts().answer);
}

/// The same with sums that one warp holds, which are used up.
template <int K, typename Draw>
__device__ __forceinline__ bool solve_held_row(const AlsTask& task, const RowMemory<K>& memory,
                                               RowSums<K>& sums, const Draw& draw) {
  constexpr int groups = RowShape<K>::groups;
  const SolveVectors vectors = memory.vectors();
  const float inverse = SplitScale::of(task.split.largest[0]).inverse;
  memory.blocks().prepare();
  unrolled<groups>([&]<int Group>() {
    put_border(sums.tiles[held_accumulators(groups) + Group], Group, inverse, vectors.products,
               vectors.sums);
  });
  float total = warp_sum(sums.total);
  if constexpr (Draw::is_there) {
    __syncwarp();  // the right-hand sides are there
    draw.add_to_sides(memory.vectors(), memory.facts().row);
    total += draw.bias_right_side(memory.facts().row);
  }
  const float trace = warp_sum(negate_with_ridge<groups>(sums.tiles, inverse * inverse, task.rank,
                                                         memory.facts().ridge,
                                                         memory.facts().jitter, padding_pivot)) +
                      memory.facts().corner;
  if (threadIdx.x == 0) {
    memory.facts().total = total;
    memory.facts().trace = trace;
  }
  const float least_pivot = least_pivot_of(trace, memory.facts().jitter);
  HeldSides<groups> sides{{vectors.products, vectors.sums}};
  __syncwarp();
  const bool regular = factor_held<groups>(sums.tiles, memory.blocks(), sides, least_pivot);
  return finish_row(task, memory, draw, least_pivot, regular, [&] {
    __syncwarp();
    solve_held_transposed<groups>(sums.tiles, memory.blocks(), vectors.products);
  });
}

/// Calls attempt(), which sums and solves a row, until no pivot counts as zero. Where the
/// matrix is singular to float's precision its whole diagonal gets 1e-6 · trace ÷ order, ten times
/// more at each further try, and the row counts as repaired.
template <int K, typename Attempt>
__device__ __forceinline__ void solve_with_tries(const AlsTask& task, const RowMemory<K>& memory,
                                                 const Attempt& attempt) {
  using Rows = Team<RowShape<K>::warps>;
  RowFacts& facts = memory.facts();
  for (;;) {
    if (attempt()) {
      if (threadIdx.x == 0 && facts.tries > 0) {
        atomicAdd(task.repaired.data(), 1ULL);
      }
      return;
    }
    if (!(facts.trace > 0) || facts.tries == most_tries) {
      break;
    }
    Rows::synchronize();  // nobody reads what this try has left any more
    if (threadIdx.x == 0) {
      const int order = task.rank + (task.biases ? 1 : 0);
      facts.jitter =
          facts.tries == 0 ? 1e-6F * facts.trace / static_cast<float>(order) : 10 * facts.jitter;
      ++facts.tries;
    }
    Rows::synchronize();
  }
  // Nothing is known of the row where all its opposite rows are 0, and so is λ. Otherwise there
  // were values that are not numbers, which stay so for the trainer to report.
  const std::int64_t row = facts.row;
  const float value = facts.trace == 0 ? 0.0F : __uint_as_float(0x7FC00000U);
  for (int j = static_cast<int>(threadIdx.x); j < K; j += RowShape<K>::threads) {
    task.solved[row * K + j] = j < task.rank ? value : 0.0F;
  }
  if (threadIdx.x == 0) {
    task.solved_biases[row] = value;
  }
}

/// A try at a row that one block sums. Of factors rounded to halves it is refined where that shows.
template <int K, Halves halves, typename Draw = NoDraw>
struct WholeRow {
  const AlsTask& task;
  const RowMemory<K>& memory;
  Draw draw = {};

  __device__ __forceinline__ bool operator()() const {
    RowSums<K> sums;
    sum_ratings<halves>(task, memory, memory.facts().first, memory.facts().end, sums);
    if constexpr (RowShape<K>::held) {
      if constexpr (Draw::is_there) {
        draw.add_to(sums);
      }
      const bool regular = solve_held_row(task, memory, sums, draw);
      if constexpr (halves == Halves::one) {
        refine_held(task, memory, sums, regular);
      }
      return regular;
    } else {
      store_sums(task, memory, sums);
      if constexpr (Draw::is_there) {
        draw.add_to(memory);
      }
      const bool regular = solve_row(task, memory, draw);
      if constexpr (halves == Halves::one) {
        refine(task, memory, regular);
      }
      return regular;
    }
  }
};

/// A block per row of `rows`, whole: neither empty nor split. Where `wanted` [rows] is not empty,
/// only rows that it has a 1 for.
template <int K, Halves halves>
__global__ void __launch_bounds__(RowShape<K>::threads, RowShape<K>::blocks)
    solve_rows(AlsTask task, DeviceSpan<const std::int64_t> rows,
               DeviceSpan<const unsigned char> wanted) {
  ALSATIAN_SHARED_MEMORY(float, shared);
  if (wanted.size() > 0 && wanted[blockIdx.x] == 0) {
    return;
  }
  const RowMemory<K> memory{shared};
  put_facts(task, memory, rows[blockIdx.x]);
  solve_with_tries(task, memory, WholeRow<K, halves>{task, memory});
}

/// A block per part of a long row: its sums go to `workspace` [parts, part_floats].
template <int K, Halves halves>
__global__ void __launch_bounds__(RowShape<K>::threads, RowShape<K>::blocks)
    sum_parts(AlsTask task, DeviceSpan<const RowPart> parts, DeviceSpan<float> workspace) {
  ALSATIAN_SHARED_MEMORY(float, shared);
  using Shape = RowShape<K>;
  const RowMemory<K> memory{shared};
  const RowPart part = parts[blockIdx.x];
  RowSums<K> sums;
  sum_ratings<halves>(task, memory, part.first, part.first + part.count, sums);
  float* const target = workspace.data() + blockIdx.x * Shape::part_floats;
  if constexpr (Shape::held) {
    put_held_sums(sums, target);
  } else {
    float* const products = target + Shape::matrix_floats;
    put_sums(sums, SplitScale::of(task.split.largest[0]).inverse, LowerMatrix{target}, products,
             products + K);
  }
  if (Team<Shape::warps>::is_first_warp()) {
    const float total = warp_sum(sums.total);
    if (threadIdx.x == 0) {
      target[Shape::summed_floats] = total;
    }
  }
}

/// The sums of a long row's parts, added in their order. source [parts, part_floats].
template <int K>
struct LongRowParts {
  using Shape = RowShape<K>;
  const float* source;
  int parts;

  __device__ __forceinline__ float4 of_four(int index) const {
    float4 sum = make_float4(0, 0, 0, 0);
#pragma unroll 4
    for (int part = 0; part < parts; ++part) {
      const float4 four =
          *reinterpret_cast<const float4*>(source + part * Shape::part_floats + index);
      sum = make_float4(sum.x + four.x, sum.y + four.y, sum.z + four.z, sum.w + four.w);
    }
    return sum;
  }
  __device__ __forceinline__ float total() const {
    float sum = 0;
    for (int part = 0; part < parts; ++part) {
      sum += source[part * Shape::part_floats + Shape::summed_floats];
    }
    return sum;
  }
  /// Into the registers of one warp.
  __device__ __forceinline__ void load(RowSums<K>& sums) const {
    for (int part = 0; part < parts; ++part) {
      const auto* const own =
          reinterpret_cast<const float4*>(source + part * Shape::part_floats) + threadIdx.x;
      unrolled<Shape::summed_floats / 128>([&]<int Place>() {
        const float4 four = own[32 * Place];
        float(&values)[4] = sums.tiles[Place].values;
        values[0] += four.x;
        values[1] += four.y;
        values[2] += four.z;
        values[3] += four.w;
      });
    }
    sums.total = threadIdx.x == 0 ? total() : 0.0F;
  }
  /// Into shared memory; a barrier.
  __device__ __forceinline__ void load(const RowMemory<K>& memory) const {
    const int first = 4 * static_cast<int>(threadIdx.x);
    for (int i = first; i < Shape::matrix_floats; i += 4 * Shape::threads) {
      *reinterpret_cast<float4*>(memory.matrix().data + i) = of_four(i);
    }
    for (int j = first; j < 2 * K; j += 4 * Shape::threads) {
      *reinterpret_cast<float4*>(memory.vectors().products + j) = of_four(Shape::matrix_floats + j);
    }
    if (threadIdx.x == 0) {
      memory.facts().total = total();
    }
    Team<Shape::warps>::synchronize();
  }
};

/// A try at a long row.
template <int K, typename Draw = NoDraw>
struct LongRow {
  const AlsTask& task;
  const RowMemory<K>& memory;
  LongRowParts<K> parts;
  Draw draw = {};

  __device__ __forceinline__ bool operator()() const {
    if constexpr (RowShape<K>::held) {
      RowSums<K> sums;
      parts.load(sums);
      if constexpr (Draw::is_there) {
        draw.add_to(sums);
      }
      return solve_held_row(task, memory, sums, draw);
    } else {
      parts.load(memory);
      if constexpr (Draw::is_there) {
        draw.add_to(memory);
      }
      return solve_row(task, memory, draw);
    }
  }
};

/// A block per long row: the sums of its parts are added in their order, then solved.
template <int K>
__global__ void __launch_bounds__(RowShape<K>::threads)
    solve_split_rows(AlsTask task, DeviceSpan<const SplitRow> rows,
                     DeviceSpan<const float> workspace) {
  ALSATIAN_SHARED_MEMORY(float, shared);
  const RowMemory<K> memory{shared};
  const SplitRow split = rows[blockIdx.x];
  put_facts(task, memory, split.row);
  const float* const source = workspace.data() + split.first_part * RowShape<K>::part_floats;
  solve_with_tries(task, memory, LongRow<K>{task, memory, {source, split.parts}});
}

}  // namespace alsatian::cuda
