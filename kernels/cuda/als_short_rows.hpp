// Rows of alternating least squares with fewer ratings than factors: the dual of order n.
//   K [a₁ a_y] = [1 y],  K = Q Qᵀ + l I,  l = λ s(n),
//   b = l Σ a_y / (l Σ a₁ + λ_b s(n)),  p = Qᵀ (a_y − b a₁)
// Right for λ_b ≠ λ too, and stable where λ_b s(n) is tiny. Needs λ > 0.
#pragma once

#include "kernels/cuda/als_rows.hpp"

#include <cfloat>

namespace alsatian::cuda {

/// The shared memory of a block that solves rows of up to 16·groups ratings. Its tile has so many
/// of the K factors at a time that a processor holds several blocks.
template <int K, Halves halves>
struct ShortRowShape {
  static constexpr int chunk = K % 32 == 0 ? 32 : K;
  /// Words, of which the high parts come first; matrices of halves without bank conflicts.
  static constexpr int words = chunk / 2 * count_of(halves);
  static constexpr int stride = words + 4;

  __host__ __device__ static constexpr int matrix_offset(int groups) {
    return 16 * groups * stride;
  }
  __host__ __device__ static constexpr int vector_offset(int groups) {
    return matrix_offset(groups) + LowerMatrix::size(groups);
  }
  __host__ __device__ static constexpr std::size_t shared_bytes(int groups) {
    return sizeof(float) * static_cast<std::size_t>(vector_offset(groups) + 4 * 16 * groups + 4);
  }
};

/// Warps of a block for rows of up to 16·groups ratings: the factorization's lanes have two rows.
constexpr int short_row_warps(int groups) { return groups <= 5 ? 1 : groups <= 9 ? 2 : 4; }

__device__ __forceinline__ bool is_finite(float value) { return fabsf(value) <= FLT_MAX; }

/// 16 rows of a tile over 16 columns as an operand, high and low parts.
template <int K, Halves halves>
struct RowFragment {
  using Shape = ShortRowShape<K, halves>;

  /// A of a product: rows l % 8 of the quarters as device::multiply_add_16x8x16 counts them.
  __device__ __forceinline__ static const std::uint32_t* left(const std::uint32_t* tile,
                                                              int group) {
    const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
    const int row = 16 * group + lane % 8 + lane / 8 % 2 * 8;
    return tile + row * Shape::stride + lane / 16 * 4;
  }
  /// B of two products: registers of the first eight rows, then of the others.
  __device__ __forceinline__ static const std::uint32_t* right(const std::uint32_t* tile,
                                                               int group) {
    const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
    const int row = 16 * group + lane % 8 + lane / 16 * 8;
    return tile + row * Shape::stride + lane / 8 % 2 * 4;
  }
  __device__ __forceinline__ static FactorFragment at(const std::uint32_t* words) {
    FactorFragment fragment;
    device::load_matrices(fragment.high, words);
    if constexpr (halves == Halves::two) {
      device::load_matrices(fragment.low, words + Shape::chunk / 2);
    }
    return fragment;
  }
};

/// Adds the lower half of tile · tileᵀ in the units of the table to `matrix`, or puts it there for
/// the first chunk: 16 × 16 pieces dealt to the warps, always in the same way.
/// tile [16·groups, words of a chunk].
template <int K, Halves halves, int Warps>
__device__ __forceinline__ void add_products(const std::uint32_t* tile, int groups, float inverse,
                                             int chunk, LowerMatrix matrix) {
  using Fragment = RowFragment<K, halves>;
  using Shape = ShortRowShape<K, halves>;
  const int warp = Warps == 1 ? 0 : device::warp_index();
  int piece = 0;
  for (int group = 0; group < groups; ++group) {
    const std::uint32_t* const left = Fragment::left(tile, group);
    for (int columns = 0; columns <= group; ++columns, ++piece) {
      if (piece % Warps != warp) {
        continue;
      }
      const std::uint32_t* const right = Fragment::right(tile, columns);
      float* const corner = matrix.rows(group) + 16 * columns;
      Accumulator first;
      Accumulator second;
      if (chunk > 0) {
        first.load(corner, LowerMatrix::stride(group));
        second.load(corner + 8, LowerMatrix::stride(group));
      }
#pragma unroll
      for (int step = 0; step < Shape::chunk / 16; ++step) {
        add_product<halves>(first, second, Fragment::at(left + 8 * step),
                            Fragment::at(right + 8 * step));
      }
      if (chunk == K / Shape::chunk - 1) {
        first.scale(inverse * inverse);
        second.scale(inverse * inverse);
      }
      first.store(corner, LowerMatrix::stride(group));
      second.store(corner + 8, LowerMatrix::stride(group));
    }
  }
}

/// Starts copying a chunk of the factors of `count` opposite rows, with zeros behind them up to
/// `order`.
template <int K, Halves halves, int Threads>
__device__ __forceinline__ void start_chunk(const AlsTask& task, const std::int32_t* columns,
                                            int chunk, int count, int order, std::uint32_t* tile) {
  using Shape = ShortRowShape<K, halves>;
  constexpr int pieces = Shape::words / 4;  // of 16 bytes in a row of the tile
  const std::uint32_t* const words = task.split.words.data() + chunk * (Shape::chunk / 2);
#pragma unroll 4
  for (int piece = static_cast<int>(threadIdx.x); piece < order * pieces; piece += Threads) {
    const int rating = piece / pieces;
    const int place = piece % pieces * 4;
    const int low = place < Shape::chunk / 2 ? 0 : K / 2 - Shape::chunk / 2;
    device::copy_16_bytes(
        tile + rating * Shape::stride + place,
        words + std::int64_t{columns[rating]} * (K / 2 * count_of(halves)) + place + low,
        rating < count);
  }
}

/// Factors that a thread of the last product has at a time: as wide as a load can be.
template <int K, int Threads>
struct FactorVector {
  static constexpr int width = K % (4 * Threads) == 0 ? 4 : K % (2 * Threads) == 0 ? 2 : 1;
  struct alignas(4 * width) Values {
    float values[width] = {};
  };
};

/// A block per row of `rows`, of at most 16·groups ratings each. A row whose dual is singular to
/// float's precision, or whose solution is beyond it, has a 1 in `failed` [rows]: solve_rows takes
/// it then.
template <int K, Halves halves, int Warps>
__global__ void __launch_bounds__(32 * Warps)
    solve_short_rows(AlsTask task, DeviceSpan<const std::int64_t> rows, int groups,
                     DeviceSpan<unsigned char> failed) {
  ALSATIAN_SHARED_MEMORY(float, pool);
  using Block = Team<Warps>;
  using Shape = ShortRowShape<K, halves>;
  constexpr int threads = 32 * Warps;
  auto* const tile = reinterpret_cast<std::uint32_t*>(pool);
  const std::int64_t row = rows[blockIdx.x];
  const std::int64_t first = task.offsets[row];
  const auto count = static_cast<int>(task.offsets[row + 1] - first);
  const RowRidge ridge = task.ridges[row];
  const int thread = static_cast<int>(threadIdx.x);
  const int own_groups = (count + 15) / 16;  // may be fewer than the launch has room for
  const int order = 16 * own_groups;
  const LowerMatrix matrix{pool + Shape::matrix_offset(groups)};
  const LowParts low{pool};  // in the place of the tile, once it has been multiplied
  float* const start = pool + Shape::vector_offset(groups);
  const SolveVectors vectors{start, start + 16 * groups, start + 32 * groups};
  auto* const columns = reinterpret_cast<std::int32_t*>(start + 48 * groups);
  float* const words = start + 64 * groups;

  for (int rating = thread; rating < order; rating += threads) {
    const bool there = rating < count;
    const std::int32_t column = there ? task.columns[first + rating] : 0;
    const float bias = there && task.biases ? task.opposite_biases[column] : 0.0F;
    columns[rating] = column;
    vectors.products[rating] = there ? task.ratings[first + rating] - bias : 0.0F;
    vectors.sums[rating] = there ? 1.0F : 0.0F;
  }
  Block::synchronize();
  const float inverse = SplitScale::of(task.split.largest[0]).inverse;
  for (int chunk = 0; chunk < K / Shape::chunk; ++chunk) {
    start_chunk<K, halves, threads>(task, columns, chunk, count, order, tile);
    device::end_group_of_copies();
    device::wait_for_copies<0>();
    Block::synchronize();
    add_products<K, halves, Warps>(tile, own_groups, inverse, chunk, matrix);
    Block::synchronize();  // nobody reads this chunk any more
  }
  const bool first_warp = Block::is_first_warp();
  if (first_warp) {
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
  Block::synchronize();
  bool regular =
      factor_lower<Warps, 2>(matrix, low, vectors, own_groups, least_pivot_of(words[0], 0));
  float bias = 0;
  if (first_warp) {
    solve_transposed<K>(matrix, vectors.inverse_diagonal, vectors.products, own_groups);
    if (task.biases) {
      solve_transposed<K>(matrix, vectors.inverse_diagonal, vectors.sums, own_groups);
      float dual = 0;
      float ones = 0;
      for (int j = thread; j < count; j += 32) {
        dual += vectors.products[j];
        ones += vectors.sums[j];
      }
      bias = ridge.factors * warp_sum(dual) / (ridge.factors * warp_sum(ones) + ridge.biases);
      for (int j = thread; j < order; j += 32) {
        vectors.products[j] -= bias * vectors.sums[j];
      }
    }
    regular = regular && is_finite(bias);
  }
  if (!Block::agree_with_first(regular, reinterpret_cast<int*>(words + 1))) {
    if (thread == 0) {
      failed[blockIdx.x] = 1;
    }
    return;
  }
  if (thread == 0) {
    failed[blockIdx.x] = 0;
    task.solved_biases[row] = bias;
  }
  Block::synchronize();
  // The rows once more, in float and out of the cache: the tile held them as halves.
  bool finite = true;
  using Vector = FactorVector<K, threads>;
  for (int j = thread * Vector::width; j < K; j += threads * Vector::width) {
    const float* const source = task.opposite.data() + j;
    typename Vector::Values factors;
#pragma unroll 8
    for (int rating = 0; rating < count; ++rating) {
      const auto opposite = *reinterpret_cast<const typename Vector::Values*>(
          source + std::int64_t{columns[rating]} * K);
#pragma unroll
      for (int i = 0; i < Vector::width; ++i) {
        factors.values[i] += opposite.values[i] * vectors.products[rating];
      }
    }
    *reinterpret_cast<typename Vector::Values*>(task.solved.data() + row * K + j) = factors;
#pragma unroll
    for (const float factor : factors.values) {
      finite = finite && is_finite(factor);
    }
  }
  if (!finite) {
    failed[blockIdx.x] = 1;
  }
}

}  // namespace alsatian::cuda
