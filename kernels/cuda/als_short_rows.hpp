// Rows of alternating least squares with fewer ratings than factors: the dual of order n.
//   K [a₁ a_y] = [1 y],  K = Q Qᵀ + l I,  l = λ s(n),
//   b = l Σ a_y / (l Σ a₁ + λ_b s(n)),  p = Qᵀ (a_y − b a₁)
// Right for λ_b ≠ λ too, and stable where λ_b s(n) is tiny. Needs λ > 0.
#pragma once

#include "kernels/cuda/als_rows.hpp"

#include <cfloat>

namespace alsatian::cuda {

/// The shared memory of a block that solves rows of up to 16·groups ratings.
template <int K>
struct ShortRowShape {
  static constexpr int stride = K + 4;  // words; matrices of halves without bank conflicts

  __host__ __device__ static constexpr int matrix_offset(int groups) {
    return 16 * groups * stride;
  }
  __host__ __device__ static constexpr int vector_offset(int groups) {
    return matrix_offset(groups) + LowerMatrix::size(groups);
  }
  __host__ __device__ static constexpr std::size_t shared_bytes(int groups) {
    return sizeof(float) * static_cast<std::size_t>(vector_offset(groups) + 4 * 16 * groups + 4);
  }
  static constexpr int threads(int groups) { return 32 * ((groups + 1) / 2); }
};

/// 16 rows of a tile over 16 columns, high and low parts: as FactorFragment's pieces, A of a
/// product and B of one.
template <int K>
__device__ FactorFragment row_fragment(const std::uint32_t* tile, int group, int step) {
  const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
  const int row = 16 * group + lane % 8 + lane / 8 % 2 * 8;
  const std::uint32_t* const source =
      tile + row * ShortRowShape<K>::stride + 8 * step + lane / 16 * 4;
  FactorFragment fragment;
  device::load_matrices(fragment.high, source);
  device::load_matrices(fragment.low, source + K / 2);
  return fragment;
}

/// The lower half of tile · tileᵀ in the units of the table, 16 × 16 pieces dealt to the warps.
/// tile [16·groups, K words].
template <int K>
__device__ void multiply_by_transpose(const std::uint32_t* tile, int groups, float inverse,
                                      LowerMatrix matrix) {
  const int warp = static_cast<int>(threadIdx.x / device::warp_lanes);
  const int warps = static_cast<int>(blockDim.x / device::warp_lanes);
  int piece = 0;
  for (int group = 0; group < groups; ++group) {
    for (int columns = 0; columns <= group; ++columns, ++piece) {
      if (piece % warps != warp) {
        continue;
      }
      Accumulator first;
      Accumulator second;
#pragma unroll 4
      for (int step = 0; step < K / 16; ++step) {
        const auto left = row_fragment<K>(tile, group, step);
        add_product(first, second, left, row_fragment<K>(tile, columns, step));
      }
      float* const corner = matrix.row(16 * group) + 16 * columns;
      first.scale(inverse * inverse);
      second.scale(inverse * inverse);
      first.store(corner, 16 * (group + 1) + 4);
      second.store(corner + 8, 16 * (group + 1) + 4);
    }
  }
}

/// A block per row of `rows`, of at most 16·groups ratings each; 32·⌈groups / 2⌉ threads. A row
/// whose dual is singular to float's precision, or whose solution is beyond it, has a 1 in `failed`
/// [rows]: solve_rows takes it then.
template <int K>
__global__ void solve_short_rows(AlsTask task, DeviceSpan<const std::int64_t> rows, int groups,
                                 DeviceSpan<unsigned char> failed) {
  ALSATIAN_SHARED_MEMORY(float, pool);
  auto* const tile = reinterpret_cast<std::uint32_t*>(pool);
  using Shape = ShortRowShape<K>;
  const std::int64_t row = rows[blockIdx.x];
  const std::int64_t first = task.offsets[row];
  const auto count = static_cast<int>(task.offsets[row + 1] - first);
  const RowRidge ridge = task.ridges[row];
  const int thread = static_cast<int>(threadIdx.x);
  const int threads = static_cast<int>(blockDim.x);
  const int order = (count + 15) / 16 * 16;  // may be less than the launch has room for
  const LowerMatrix matrix{pool + Shape::matrix_offset(groups)};
  float* const start = pool + Shape::vector_offset(groups);
  const SolveVectors vectors{start, start + 16 * groups, start + 32 * groups};
  auto* const columns = reinterpret_cast<std::int32_t*>(start + 48 * groups);
  float* const words = start + 64 * groups;

  constexpr int pieces = K / 4;
  for (int piece = thread; piece < order * pieces; piece += threads) {
    const int rating = piece / pieces;
    const int place = piece % pieces * 4;
    const bool there = rating < count;
    const std::int64_t column = there ? task.columns[first + rating] : 0;
    device::copy_16_bytes(tile + rating * Shape::stride + place,
                          task.split.words.data() + column * K + place, there);
  }
  device::end_group_of_copies();
  for (int rating = thread; rating < order; rating += threads) {
    const bool there = rating < count;
    const std::int64_t column = there ? task.columns[first + rating] : 0;
    const float bias = there && task.biases ? task.opposite_biases[column] : 0.0F;
    columns[rating] = static_cast<std::int32_t>(column);
    vectors.products[rating] = there ? task.ratings[first + rating] - bias : 0.0F;
    vectors.sums[rating] = there ? 1.0F : 0.0F;
  }
  device::wait_for_copies<0>();
  __syncthreads();

  multiply_by_transpose<K>(tile, order / 16, SplitScale::of(task.split.largest[0]).inverse, matrix);
  __syncthreads();
  if (threadIdx.x < device::warp_lanes) {
    float diagonal = 0;
    for (int j = thread; j < order; j += 32) {
      float& entry = matrix.row(j)[j];
      entry = j < count ? entry + ridge.factors : padding_pivot;
      diagonal += j < count ? entry : 0.0F;
    }
    const float trace = warp_sum(diagonal);
    if (thread == 0) {
      words[0] = trace;
    }
  }
  __syncthreads();
  auto* const verdict = reinterpret_cast<int*>(words + 1);
  const bool factored = factor_lower(matrix, vectors, order, pivot_threshold * words[0], verdict);
  if (threadIdx.x == 0) {
    failed[blockIdx.x] = factored ? 0 : 1;
  }
  if (!factored) {
    return;
  }
  solve_transposed<K>(matrix, vectors.inverse_diagonal, vectors.products, order);
  if (task.biases) {
    solve_transposed<K>(matrix, vectors.inverse_diagonal, vectors.sums, order);
    if (threadIdx.x < device::warp_lanes) {
      float dual = 0;
      float ones = 0;
      for (int j = thread; j < count; j += 32) {
        dual += vectors.products[j];
        ones += vectors.sums[j];
      }
      const float bias =
          ridge.factors * warp_sum(dual) / (ridge.factors * warp_sum(ones) + ridge.biases);
      if (thread == 0) {
        words[2] = bias;
      }
    }
    __syncthreads();
  }
  const float bias = task.biases ? words[2] : 0.0F;
  for (int rating = thread; rating < order; rating += threads) {
    vectors.products[rating] -= bias * vectors.sums[rating];
  }
  __syncthreads();
  const auto check_finite = [&](float value) {
    if (!(fabsf(value) <= FLT_MAX)) {
      failed[blockIdx.x] = 1;
    }
  };
  // The rows once more, in float and out of the cache: the tile holds them as halves.
  for (int j = thread; j < K; j += threads) {
    float factor = 0;
#pragma unroll 8
    for (int rating = 0; rating < count; ++rating) {
      factor += task.opposite[std::int64_t{columns[rating]} * K + j] * vectors.products[rating];
    }
    task.solved[row * K + j] = factor;
    check_finite(factor);
  }
  if (thread == 0) {
    task.solved_biases[row] = bias;
    check_finite(bias);
  }
}

}  // namespace alsatian::cuda
