// One step of refinement of a row that was solved with factors rounded to halves: what the rounding
// leaves of its equations, in float from the factors themselves, through the same factor once more.
//   e = r − c − z·w,  L Lᵀ δ = Σ z e − s(n)·diag(λ, …, λ, λ_b) w,  w ← w + δ
// Only where rounding would show: it reads a row's factors again, those of float, twice the bytes
// that the sums read. Long rows, which are summed in parts, have so many ratings that their
// rounding averages out, and one block would read them all alone: they are not refined.
#pragma once

#include "kernels/cuda/als_sums.hpp"
#include "kernels/cuda/sums.hpp"

namespace alsatian::cuda {

/// A row is refined where λ s(n) is below this share of the mean of its matrix' diagonal. Above it
/// λ holds a row so firmly that its rounding, 2⁻¹¹ of each factor at random, is all that becomes of
/// it; below, later rows follow it, and the test error does.
inline constexpr float firm_ridge = 1.0F / 4;
/// A correction above this share of the row, squared, is not taken: the rounded matrix is too far
/// off for one step to be sure of a smaller error.
inline constexpr float largest_correction = 0.25F;

/// Whether rounding to halves would show in a solved row; the same in all threads of the block.
/// What was repaired is the solution of another matrix, and stays it.
__device__ __forceinline__ bool rounding_shows(const RowFacts& facts, std::int32_t rank) {
  const float mean = (facts.trace - facts.corner) / static_cast<float>(rank);
  return facts.tries == 0 && facts.ridge < firm_ridge * mean;
}

/// What is left of the equations of a row that lies in the products, in the place of the products
/// and the total; a barrier. Always in the same order. All threads of the block call it, behind a
/// barrier of those that solved the row: its products and its bias are what others wrote.
template <int K>
struct RowResidual {
  using Shape = RowShape<K>;
  using Rows = Team<Shape::warps>;
  static constexpr int lanes = lanes_of_row(K);    // that share a rating's factors
  static constexpr int teams = 32 / lanes;         // ratings of a warp at once
  static constexpr int vectors = K / (4 * lanes);  // of four floats that a lane has of them
  static_assert(K <= Shape::threads || Shape::warps == 1);
  static_assert(Shape::held || Shape::warps * (K + 1) <= LowParts::size(Shape::groups));

  float4 row[vectors];
  float4 sums[vectors];
  float total = 0;

  __device__ static int place(int vector) { return 4 * (lane_of_warp() % lanes + lanes * vector); }
  __device__ static float4& four_of(float* values, int vector) {
    return *reinterpret_cast<float4*>(values + place(vector));
  }

  /// Adds z e of up to 32 ratings from `first` on, the calling warp's.
  __device__ __forceinline__ void add(const AlsTask& task, std::int64_t first, int count,
                                      float bias) {
    // Lanes behind the end read its last rating again, and take nothing of it.
    const int lane = lane_of_warp();
    const std::int64_t position = first + (lane < count ? lane : count - 1);
    const std::int32_t column = task.columns[position];
    const float target =
        task.ratings[position] - (task.biases ? task.opposite_biases[column] : 0.0F) - bias;
#pragma unroll(vectors > 1 ? 1 : 2)
    for (int step = 0; step < count; step += teams) {
      const int rating = step + lane / lanes;
      const std::int64_t opposite = __shfl_sync(device::all_lanes, column, rating);
      const float* const source = task.opposite.data() + opposite * K;
      float4 factors[vectors];
      float product = 0;
#pragma unroll
      for (int v = 0; v < vectors; ++v) {
        factors[v] = load_4(source + place(v));
        product = add_dot(product, factors[v], row[v]);
      }
      const float wanted = __shfl_sync(device::all_lanes, target, rating);
      const float score = group_sum<lanes>(product);
      const float error = rating < count ? wanted - score : 0.0F;
      total += error;
#pragma unroll
      for (int v = 0; v < vectors; ++v) {
        sums[v].x += factors[v].x * error;
        sums[v].y += factors[v].y * error;
        sums[v].z += factors[v].z * error;
        sums[v].w += factors[v].w * error;
      }
    }
  }

  /// Σ over the teams of the calling warp, in all of them.
  __device__ __forceinline__ void add_teams() {
#pragma unroll
    for (int bits = lanes; bits < 32; bits *= 2) {
      total += __shfl_xor_sync(device::all_lanes, total, bits);
#pragma unroll
      for (float4& sum : sums) {
        sum.x += __shfl_xor_sync(device::all_lanes, sum.x, bits);
        sum.y += __shfl_xor_sync(device::all_lanes, sum.y, bits);
        sum.z += __shfl_xor_sync(device::all_lanes, sum.z, bits);
        sum.w += __shfl_xor_sync(device::all_lanes, sum.w, bits);
      }
    }
  }

  __device__ __forceinline__ static void put(const AlsTask& task, const RowMemory<K>& memory) {
    RowFacts& facts = memory.facts();
    const SolveVectors solve = memory.vectors();
    RowResidual own;
#pragma unroll
    for (int v = 0; v < vectors; ++v) {
      own.row[v] = four_of(solve.products, v);
      own.sums[v] = make_float4(0, 0, 0, 0);
    }
    const int warp = Shape::warps == 1 ? 0 : device::warp_index();
    for (std::int64_t first = facts.first + 32 * warp; first < facts.end; first += Shape::threads) {
      own.add(task, first, facts.end - first < 32 ? static_cast<int>(facts.end - first) : 32,
              facts.bias);
    }
    own.add_teams();
    // One warp has its sums at once, several leave them where the low parts were.
    float* const parts = Shape::held ? solve.inverse_diagonal : memory.low_parts().data;
    float* const totals = parts + Shape::warps * K;
    Rows::synchronize();
    if (lane_of_warp() < lanes) {
#pragma unroll
      for (int v = 0; v < vectors; ++v) {
        four_of(parts + warp * K, v) = own.sums[v];
      }
    }
    if constexpr (!Shape::held) {
      if (lane_of_warp() == 0) {
        totals[warp] = own.total;
      }
    }
    Rows::synchronize();
    for (int j = static_cast<int>(threadIdx.x); j < K; j += Shape::threads) {
      float sum = -(facts.ridge * solve.products[j]);
#pragma unroll
      for (int other = 0; other < Shape::warps; ++other) {
        sum += parts[other * K + j];
      }
      solve.products[j] = sum;
    }
    if (threadIdx.x == 0) {
      const float bias_ridge = facts.corner - static_cast<float>(facts.end - facts.first);
      float sum = own.total;
      for (int other = 1; other < Shape::warps; ++other) {
        sum += totals[other];
      }
      facts.total = sum - bias_ridge * facts.bias;
    }
    Rows::synchronize();
  }
};

/// From L⁻¹ times products and sums to the bias, of which `pivot` is what elimination leaves:
///   (total − l·y) / pivot.  One warp calls it.
template <int K>
__device__ __forceinline__ float bias_of(const RowMemory<K>& memory, float pivot) {
  const SolveVectors vectors = memory.vectors();
  float product = 0;
#pragma unroll
  for (int j = lane_of_warp(); j < K; j += 32) {
    product += vectors.sums[j] * vectors.products[j];
  }
  return (memory.facts().total - warp_sum(product)) / pivot;
}

/// y − b l in the place of y. One warp calls it.
template <int K>
__device__ __forceinline__ void take_bias_out(const RowMemory<K>& memory, float bias) {
  const SolveVectors vectors = memory.vectors();
#pragma unroll
  for (int j = lane_of_warp(); j < K; j += 32) {
    vectors.products[j] -= bias * vectors.sums[j];
  }
}

/// Adds to a row that is written what its residual makes of it. One warp calls it; solve_forward()
/// and solve_transposed() multiply the products by L⁻¹ and L⁻ᵀ.
template <int K, typename SolveForward, typename SolveTransposed>
__device__ __forceinline__ void correct_row(const AlsTask& task, const RowMemory<K>& memory,
                                            SolveForward&& solve_forward,
                                            SolveTransposed&& solve_transposed) {
  const RowFacts& facts = memory.facts();
  const float* const correction = memory.vectors().products;
  float* const row = task.solved.data() + facts.row * K;
  solve_forward();
  float bias = 0;
  if (task.biases) {
    bias = bias_of(memory, facts.bias_pivot);
    take_bias_out(memory, bias);
  }
  solve_transposed();
  float change = 0;
  float size = 0;
#pragma unroll
  for (int j = lane_of_warp(); j < K; j += 32) {
    change += correction[j] * correction[j];
    size += row[j] * row[j];
  }
  if (!(warp_sum(change) <= largest_correction * warp_sum(size))) {
    return;  // nor where it is no number
  }
#pragma unroll
  for (int j = lane_of_warp(); j < K; j += 32) {
    row[j] += correction[j];
  }
  if (lane_of_warp() == 0) {
    task.solved_biases[facts.row] = facts.bias + bias;
  }
}

/// Refines a row whose matrix is in shared memory, where it was solved and rounding shows. All
/// threads of the block call it.
template <int K>
__device__ __forceinline__ void refine(const AlsTask& task, const RowMemory<K>& memory,
                                       bool solved) {
  const SolveVectors vectors = memory.vectors();
  if (!solved || !rounding_shows(memory.facts(), task.rank)) {
    return;
  }
  RowResidual<K>::put(task, memory);
  if (Team<RowShape<K>::warps>::is_first_warp()) {
    constexpr int groups = RowShape<K>::groups;
    correct_row(
        task, memory,
        [&] { solve_forward(memory.matrix(), vectors.inverse_diagonal, vectors.products, groups); },
        [&] {
          solve_transposed<K>(memory.matrix(), vectors.inverse_diagonal, vectors.products, groups);
        });
  }
}

/// The same of a row whose factor one warp holds.
template <int K>
__device__ __forceinline__ void refine_held(const AlsTask& task, const RowMemory<K>& memory,
                                            const RowSums<K>& factor, bool solved) {
  constexpr int groups = RowShape<K>::groups;
  const SolveVectors vectors = memory.vectors();
  const HeldBlocks blocks = memory.blocks();
  if (!solved || !rounding_shows(memory.facts(), task.rank)) {
    return;
  }
  __syncwarp();  // the bias, which the first lane has written, is there
  RowResidual<K>::put(task, memory);
  correct_row(
      task, memory,
      [&] {
        // The second side is nobody's.
        HeldSides<groups> sides{{vectors.products, vectors.inverse_diagonal}};
        solve_held_forward<groups>(factor.tiles, blocks, sides);
      },
      [&] {
        __syncwarp();
        solve_held_transposed<groups>(factor.tiles, blocks, vectors.products);
      });
}

}  // namespace alsatian::cuda
