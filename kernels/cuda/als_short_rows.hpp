// Rows of alternating least squares with fewer ratings than factors: the dual of order n.
//   K [a₁ a_y] = [1 y],  K = Q Qᵀ + l I,  l = λ s(n),
//   b = l Σ a_y / (l Σ a₁ + λ_b s(n)),  p = Qᵀ (a_y − b a₁)
// Right for λ_b ≠ λ too, and stable where λ_b s(n) is tiny. Needs λ > 0. Factors are always two
// halves: with less than a rating a factor λ alone keeps the matrix from being singular, and it is
// so small that one would save little.
#pragma once

#include "kernels/cuda/als_rows.hpp"

#include <cfloat>

namespace alsatian::cuda {

/// Groups of 16 ratings that one warp solves in its registers.
inline constexpr int most_held_groups = 4;
/// Warps of a block for rows of up to 16·groups ratings: above most_held_groups the factorization's
/// lanes have two rows.
constexpr int short_row_warps(int groups) {
  return groups <= most_held_groups ? 1 : groups <= 9 ? 2 : 4;
}

/// The shared memory of a block that solves rows of up to 16·groups ratings: vectors, and behind
/// them a tile of so many of the K factors at a time that a processor holds several blocks, beside
/// or in whose place is what the solve needs.
template <int K>
struct ShortRowShape {
  static constexpr int chunk = K % 32 == 0 ? 32 : K;
  /// Words, of which the high parts come first; matrices of halves without bank conflicts.
  static constexpr int words = chunk / 2 * count_of(Halves::two);
  static constexpr int stride = words + 4;

  __host__ __device__ static constexpr int tile_offset(int groups) { return 4 * 16 * groups + 4; }
  __host__ __device__ static constexpr int matrix_offset(int groups) {
    return tile_offset(groups) + 16 * groups * stride;
  }
  __host__ __device__ static constexpr std::size_t shared_bytes(int groups) {
    const int solve = tile_offset(groups) + HeldBlocks::size(groups);
    const int held = solve > matrix_offset(groups) ? solve : matrix_offset(groups);
    return sizeof(float) *
           static_cast<std::size_t>(groups <= most_held_groups
                                        ? held
                                        : matrix_offset(groups) + LowerMatrix::size(groups));
  }
};

/// The vectors of a block: [16·groups] each.
struct ShortRowMemory {
  float* start;
  int groups;

  __device__ SolveVectors vectors() const {
    return {start, start + 16 * groups, start + 32 * groups};
  }
  __device__ std::int32_t* columns() const {
    return reinterpret_cast<std::int32_t*>(start + 48 * groups);
  }
  /// Words that one warp writes for all.
  __device__ float* shared_word(int index) const { return start + 64 * groups + index; }
};

__device__ __forceinline__ bool is_finite(float value) { return fabsf(value) <= FLT_MAX; }

/// A row of the dual.
struct ShortRow {
  std::int64_t row;
  std::int64_t first;
  int count;

  __device__ static ShortRow of(const AlsTask& task, std::int64_t row) {
    const std::int64_t first = task.offsets[row];
    return {row, first, static_cast<int>(task.offsets[row + 1] - first)};
  }
  /// Brings columns and right-hand sides, with zeros behind them up to `order`; no barrier.
  template <int Threads>
  __device__ __forceinline__ void load(const AlsTask& task, const ShortRowMemory& memory,
                                       int order) const {
    const SolveVectors vectors = memory.vectors();
    for (int rating = static_cast<int>(threadIdx.x); rating < order; rating += Threads) {
      const bool there = rating < count;
      const std::int32_t column = there ? task.columns[first + rating] : 0;
      const float bias = there && task.biases ? task.opposite_biases[column] : 0.0F;
      memory.columns()[rating] = column;
      vectors.products[rating] = there ? task.ratings[first + rating] - bias : 0.0F;
      vectors.sums[rating] = there ? 1.0F : 0.0F;
    }
  }
};

/// 16 rows of a tile over 16 columns as an operand, high and low parts.
template <int K>
struct RowFragment {
  using Shape = ShortRowShape<K>;

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
    device::load_matrices(fragment.low, words + Shape::chunk / 2);
    return fragment;
  }
};

/// Adds the lower half of tile · tileᵀ in the units of the table to `matrix`, or puts it there for
/// the first chunk: 16 × 16 pieces dealt to the warps, always in the same way.
/// tile [16·groups, words of a chunk].
template <int K, int Warps>
__device__ __forceinline__ void add_products(const std::uint32_t* tile, int groups, float inverse,
                                             int chunk, LowerMatrix matrix) {
  using Fragment = RowFragment<K>;
  using Shape = ShortRowShape<K>;
  const int warp = device::warp_index();
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
        add_product<Halves::two>(first, second, Fragment::at(left + 8 * step),
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
template <int K, int Threads>
__device__ __forceinline__ void start_chunk(const AlsTask& task, const std::int32_t* columns,
                                            int chunk, int count, int order, std::uint32_t* tile) {
  using Shape = ShortRowShape<K>;
  constexpr int pieces = Shape::words / 4;  // of 16 bytes in a row of the tile
  const std::uint32_t* const words = task.split.words.data() + chunk * (Shape::chunk / 2);
#pragma unroll 4
  for (int piece = static_cast<int>(threadIdx.x); piece < order * pieces; piece += Threads) {
    const int rating = piece / pieces;
    const int place = piece % pieces * 4;
    const int low = place < Shape::chunk / 2 ? 0 : K / 2 - Shape::chunk / 2;
    device::copy_16_bytes(tile + rating * Shape::stride + place,
                          words + std::int64_t{columns[rating]} * K + place + low, rating < count);
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

/// From a₁ and a_y, which a warp's vectors hold, to the bias, which is taken out of a_y. Whether it
/// is a number. One warp calls it.
__device__ __forceinline__ bool take_bias_out(const AlsTask& task, const SolveVectors& vectors,
                                              const ShortRow& row, int order, float& bias) {
  const int lane = static_cast<int>(threadIdx.x);
  bias = 0;
  if (task.biases) {
    const RowRidge ridge = task.ridges[row.row];
    float dual = 0;
    float ones = 0;
    for (int j = lane; j < row.count; j += 32) {
      dual += vectors.products[j];
      ones += vectors.sums[j];
    }
    bias = ridge.factors * warp_sum(dual) / (ridge.factors * warp_sum(ones) + ridge.biases);
    for (int j = lane; j < order; j += 32) {
      vectors.products[j] -= bias * vectors.sums[j];
    }
  }
  return is_finite(bias);
}

/// Writes p = Qᵀ a of a row: the opposite rows once more, in float and out of the cache, where the
/// tile held them as halves. Whether the calling thread's factors are numbers.
template <int K, int Threads>
__device__ __forceinline__ bool put_row(const AlsTask& task, const ShortRow& row,
                                        const std::int32_t* columns, const float* dual) {
  bool finite = true;
  using Vector = FactorVector<K, Threads>;
  for (int j = static_cast<int>(threadIdx.x) * Vector::width; j < K; j += Threads * Vector::width) {
    const float* const source = task.opposite.data() + j;
    typename Vector::Values factors;
#pragma unroll 8
    for (int rating = 0; rating < row.count; ++rating) {
      const auto opposite = *reinterpret_cast<const typename Vector::Values*>(
          source + std::int64_t{columns[rating]} * K);
#pragma unroll
      for (int i = 0; i < Vector::width; ++i) {
        factors.values[i] += opposite.values[i] * dual[rating];
      }
    }
    *reinterpret_cast<typename Vector::Values*>(task.solved.data() + row.row * K + j) = factors;
#pragma unroll
    for (const float factor : factors.values) {
      finite = finite && is_finite(factor);
    }
  }
  return finite;
}

/// A block per row of `rows`, of at most 16·groups ratings each. A row whose dual is singular to
/// float's precision, or whose solution is beyond it, has a 1 in `failed` [rows]: solve_rows takes
/// it then.
template <int K, int Warps>
__global__ void __launch_bounds__(32 * Warps)
    solve_short_rows(AlsTask task, DeviceSpan<const std::int64_t> rows, int groups,
                     DeviceSpan<unsigned char> failed) {
  ALSATIAN_SHARED_MEMORY(float, shared);
  using Block = Team<Warps>;
  using Shape = ShortRowShape<K>;
  constexpr int threads = 32 * Warps;
  const ShortRowMemory memory{shared, groups};
  const SolveVectors vectors = memory.vectors();
  auto* const tile = reinterpret_cast<std::uint32_t*>(shared + Shape::tile_offset(groups));
  const ShortRow row = ShortRow::of(task, rows[blockIdx.x]);
  const int thread = static_cast<int>(threadIdx.x);
  const int own_groups = (row.count + 15) / 16;  // may be fewer than the launch has room for
  const int order = 16 * own_groups;
  const LowerMatrix matrix{shared + Shape::matrix_offset(groups)};
  const LowParts low{shared + Shape::tile_offset(groups)};  // the tile's place, once multiplied
  row.load<threads>(task, memory, order);
  Block::synchronize();
  const float inverse = SplitScale::of(task.split.largest[0]).inverse;
  for (int chunk = 0; chunk < K / Shape::chunk; ++chunk) {
    start_chunk<K, threads>(task, memory.columns(), chunk, row.count, order, tile);
    device::end_group_of_copies();
    device::wait_for_copies<0>();
    Block::synchronize();
    add_products<K, Warps>(tile, own_groups, inverse, chunk, matrix);
    Block::synchronize();  // nobody reads this chunk any more
  }
  const bool first_warp = Block::is_first_warp();
  if (first_warp) {
    const float ridge = task.ridges[row.row].factors;
    float diagonal = 0;
    for (int j = thread; j < order; j += 32) {
      float& entry = matrix.row(j)[j];
      entry = j < row.count ? entry + ridge : padding_pivot;
      diagonal += j < row.count ? entry : 0.0F;
    }
    const float trace = warp_sum(diagonal);
    if (thread == 0) {
      *memory.shared_word(0) = trace;
    }
  }
  Block::synchronize();
  bool regular = factor_lower<Warps, 2>(matrix, low, vectors, own_groups,
                                        least_pivot_of(*memory.shared_word(0), 0));
  float bias = 0;
  if (first_warp) {
    solve_transposed<K>(matrix, vectors.inverse_diagonal, vectors.products, own_groups);
    if (task.biases) {
      solve_transposed<K>(matrix, vectors.inverse_diagonal, vectors.sums, own_groups);
    }
    regular = take_bias_out(task, vectors, row, order, bias) && regular;
  }
  if (!Block::agree_with_first(regular, reinterpret_cast<int*>(memory.shared_word(1)))) {
    if (thread == 0) {
      failed[blockIdx.x] = 1;
    }
    return;
  }
  if (thread == 0) {
    failed[blockIdx.x] = 0;
    task.solved_biases[row.row] = bias;
  }
  Block::synchronize();
  if (!put_row<K, threads>(task, row, memory.columns(), vectors.products)) {
    failed[blockIdx.x] = 1;
  }
}

/// The same by one warp, which holds the matrix in its registers; Groups is all that the launch has
/// room for.
template <int K, int Groups>
__global__ void __launch_bounds__(32)
    solve_shortest_rows(AlsTask task, DeviceSpan<const std::int64_t> rows,
                        DeviceSpan<unsigned char> failed) {
  ALSATIAN_SHARED_MEMORY(float, shared);
  using Fragment = RowFragment<K>;
  using Shape = ShortRowShape<K>;
  constexpr int order = 16 * Groups;
  const ShortRowMemory memory{shared, Groups};
  const SolveVectors vectors = memory.vectors();
  auto* const tile = reinterpret_cast<std::uint32_t*>(shared + Shape::tile_offset(Groups));
  const ShortRow row = ShortRow::of(task, rows[blockIdx.x]);
  row.load<32>(task, memory, order);
  __syncwarp();
  Accumulator pieces[held_accumulators(Groups)];
#pragma unroll 1
  for (int chunk = 0; chunk < K / Shape::chunk; ++chunk) {
    start_chunk<K, 32>(task, memory.columns(), chunk, row.count, order, tile);
    device::end_group_of_copies();
    device::wait_for_copies<0>();
    __syncwarp();
#pragma unroll
    for (int step = 0; step < Shape::chunk / 16; ++step) {
      FactorFragment fragments[Groups];
      unrolled<Groups>([&]<int Group>() {
        fragments[Group] = Fragment::at(Fragment::left(tile, Group) + 8 * step);
        unrolled<Group + 1>([&]<int Columns>() {
          constexpr int place = held_place(Group, Columns);
          add_product<Halves::two>(pieces[place], pieces[place + 1], fragments[Group],
                                   fragments[Columns].as_right());
        });
      });
    }
    __syncwarp();  // nobody reads this chunk any more
  }
  const HeldBlocks blocks{shared + Shape::tile_offset(Groups)};
  blocks.prepare();
  const float inverse = SplitScale::of(task.split.largest[0]).inverse;
  const float trace = warp_sum(negate_with_ridge<Groups>(
      pieces, inverse * inverse, row.count, task.ridges[row.row].factors, 0.0F, padding_pivot));
  HeldSides<Groups> sides{{vectors.products, vectors.sums}};
  __syncwarp();
  bool regular = factor_held<Groups>(pieces, blocks, sides, least_pivot_of(trace, 0));
  solve_held_transposed<Groups>(pieces, blocks, vectors.products);
  if (task.biases) {
    solve_held_transposed<Groups>(pieces, blocks, vectors.sums);
  }
  float bias = 0;
  regular = take_bias_out(task, vectors, row, order, bias) && regular;
  __syncwarp();
  if (threadIdx.x == 0) {
    failed[blockIdx.x] = regular ? 0 : 1;
    if (regular) {
      task.solved_biases[row.row] = bias;
    }
  }
  __syncwarp();
  if (regular && !put_row<K, 32>(task, row, memory.columns(), vectors.products)) {
    failed[blockIdx.x] = 1;
  }
}

}  // namespace alsatian::cuda
