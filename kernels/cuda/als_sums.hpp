// Sums over the ratings of a row of alternating least squares, by a block of threads: gather, Gram
// matrix and right-hand sides on tensor cores, as exact as in float.
//   Σ z zᵀ and Σ z (r − c),  z = [q; 1]
#pragma once

#include "kernels/cuda/lower_matrix.hpp"
#include "kernels/cuda/memory.hpp"
#include "kernels/cuda/split_table.hpp"

namespace alsatian::cuda {

/// λ s(n) and λ_b s(n) of one row.
struct RowRidge {
  float factors;
  float biases;
};

/// A half-sweep: everything on the device. Tables are [rows, padded rank] row-major with zeros in
/// the padding, biases [rows].
struct AlsTask {
  DeviceSpan<const std::int64_t> offsets;  // CSR of the side that is solved
  DeviceSpan<const std::int32_t> columns;
  DeviceSpan<const float> ratings;
  DeviceSpan<const float> opposite;
  SplitTable split = {};  // of `opposite`: AlsSide makes it
  DeviceSpan<const float> opposite_biases;
  DeviceSpan<const RowRidge> ridges;  // [rows]
  DeviceSpan<float> solved;
  DeviceSpan<float> solved_biases;
  DeviceSpan<unsigned long long> repaired;  // [1], counts up
  std::int32_t rank = 0;
  bool biases = true;
};

/// A part of a long row: ratings [first, first + count) of the CSR arrays.
struct RowPart {
  std::int64_t first;
  std::int32_t count;
};

/// A long row: its parts, one after the other, are [first_part, first_part + parts).
struct SplitRow {
  std::int64_t row;
  std::int32_t first_part;
  std::int32_t parts;
};

/// How the threads of a block share the Gram matrix of padded rank K. A pair of 16-row groups, g
/// and groups − 1 − g, is as many tiles for every g; above rank 128 two warps share a pair, one
/// taking the even groups of columns in one of its rows and the odd ones in the other.
template <int K>
struct RowShape {
  static_assert(K % 16 == 0 && K > 0 && K <= 256);
  static constexpr int groups = K / 16;
  static constexpr int sharers = K > 128 ? 2 : 1;  // warps of a pair
  static constexpr int warps = sharers * ((groups + 1) / 2);
  static constexpr int threads = 32 * warps;
  /// Blocks that a processor is to hold at once: caps the registers.
  static constexpr int blocks = K <= 32 ? 12 : K <= 64 ? 8 : K <= 96 ? 4 : K <= 128 ? 3 : 1;

  static constexpr int tile_ratings = 32;
  static constexpr int tile_stride = K + 4;  // words; matrices of halves without bank conflicts
  static constexpr int tile_words = tile_ratings * tile_stride;
  static constexpr int weight_words = tile_ratings / 2 * 3;  // of a tile: see RatingWeights
  static constexpr int matrix_floats = LowerMatrix::size(groups);
  // The matrix takes the place of the tiles once they have been summed.
  static constexpr int pool_floats =
      matrix_floats > 2 * tile_words ? matrix_floats : 2 * tile_words;
  static constexpr int vector_floats = 3 * K + 2 * weight_words + 2 * tile_ratings + 4;
  static constexpr std::size_t shared_bytes = sizeof(float) * (pool_floats + vector_floats);
  /// Floats of a part's sums: matrix, products, sums, total.
  static constexpr std::int64_t part_floats = matrix_floats + 2 * K + 1;
};

/// What warp `Warp` holds: for its two groups of rows, the groups of columns that are its own.
template <int K, int Warp>
struct WarpShare {
  using Shape = RowShape<K>;
  static constexpr int high = Shape::groups - 1 - Warp / Shape::sharers;
  static constexpr int low = Warp / Shape::sharers;
  static constexpr bool two = low < high;
  static constexpr int sharer = Warp % Shape::sharers;
  /// The sharer with fewer tiles sums the right-hand sides.
  static constexpr bool has_borders = sharer == Shape::sharers - 1;

  __host__ __device__ static constexpr bool owns_high(int columns) {
    return columns <= high && columns % Shape::sharers == sharer;
  }
  __host__ __device__ static constexpr bool owns_low(int columns) {
    return two && columns <= low && (columns + 1) % Shape::sharers == sharer;
  }
  /// Accumulators before those of a group of columns: rows of `high` first, then of `low`.
  __host__ __device__ static constexpr int high_place(int columns) {
    int place = 0;
    for (int c = 0; c < columns; ++c) {
      place += owns_high(c) ? 2 : 0;
    }
    return place;
  }
  __host__ __device__ static constexpr int low_place(int columns) {
    int place = high_place(high + 1);
    for (int c = 0; c < columns; ++c) {
      place += owns_low(c) ? 2 : 0;
    }
    return place;
  }
  static constexpr int border_place = low_place(low + 1);
};

/// Most accumulators of a warp, borders included.
template <int K>
constexpr int most_accumulators() {
  constexpr int groups = RowShape<K>::groups;
  return RowShape<K>::sharers == 1 ? 2 * (groups + 1) + 2 : groups + 4;
}

/// The shared memory of a block.
template <int K>
struct RowMemory {
  using Shape = RowShape<K>;
  float* pool;

  __device__ std::uint32_t* tile(int slot) const {
    return reinterpret_cast<std::uint32_t*>(pool) + slot * Shape::tile_words;
  }
  __device__ LowerMatrix matrix() const { return {pool}; }
  __device__ SolveVectors vectors() const {
    float* const start = pool + Shape::pool_floats;
    return {start, start + K, start + 2 * K};
  }
  __device__ std::uint32_t* weights(int slot) const {
    return reinterpret_cast<std::uint32_t*>(pool + Shape::pool_floats + 3 * K) +
           slot * Shape::weight_words;
  }
  __device__ std::int32_t* columns(int slot) const {
    return reinterpret_cast<std::int32_t*>(pool + Shape::pool_floats + 3 * K +
                                           2 * Shape::weight_words) +
           slot * Shape::tile_ratings;
  }
  /// Words that one warp writes for all.
  __device__ float* shared_word(int index) const {
    return pool + Shape::pool_floats + Shape::vector_floats - 4 + index;
  }
};

/// The weights w = r − c of a tile's ratings as sums of three halves,
///   w = 2^8 (w0 + 2^−11 w1 + 2^−22 w2),
/// which is w to 24 bits for |w| from 2^−15 to 2^24: they are columns beside a column of ones, all
/// multiplied at once. Words: [16 ratings][part][pair of 16 as fragments hold them].
struct RatingWeights {
  static constexpr float scale = 1.0F / 256;
  static constexpr float part = 2048;  // what each further part is magnified by

  /// Lane i of the calling warp brings the weight of rating i.
  __device__ static void store(std::uint32_t* words, float weight) {
    const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
    const float other = __shfl_xor_sync(device::all_lanes, weight, 1);
    const bool even = lane % 2 == 0;
    float first = scale * (even ? weight : other);
    float second = scale * (even ? other : weight);
    std::uint32_t* const target = words + lane / 16 * 24 + lane % 8 / 2 * 2 + lane % 16 / 8;
#pragma unroll
    for (int p = 0; p < 3; ++p) {
      const std::uint32_t halves = device::to_halves(first, second);
      if (even) {
        target[8 * p] = halves;
      }
      first = part * (first - device::of_half(halves & 0xFFFFU));
      second = part * (second - device::of_half(halves >> 16));
    }
  }

  /// B of the border's product for 16 ratings: columns w0, 1, w1, w2 and zeros.
  __device__ static void load(const std::uint32_t* words, std::uint32_t (&b)[2]) {
    const int column = static_cast<int>(threadIdx.x % device::warp_lanes / 4);
    const int pair = static_cast<int>(threadIdx.x % 4);
    const int p = column == 0 ? 0 : column == 3 ? 2 : 1;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const std::uint32_t halves = words[8 * p + 2 * pair + i];
      b[i] = column == 1 ? 0x3C003C00U : column < 4 ? halves : 0U;
    }
  }
};

/// 16 columns of factors over 16 ratings, high and low parts: A of a product, and B of one as well,
/// pieces 0 and 2 for the first eight columns, 1 and 3 for the others.
struct FactorFragment {
  std::uint32_t high[4];
  std::uint32_t low[4];

  /// `ratings` is the tile's first row of the sixteen.
  template <int K>
  __device__ static FactorFragment of(const std::uint32_t* ratings, int group) {
    const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
    const int rating = lane % 8 + lane / 16 * 8;
    const std::uint32_t* const row =
        ratings + rating * RowShape<K>::tile_stride + group * 8 + lane / 8 % 2 * 4;
    FactorFragment fragment;
    device::load_matrices_transposed(fragment.high, row);
    device::load_matrices_transposed(fragment.low, row + K / 2);
    return fragment;
  }
};

/// Adds left · rightᵀ to two 16 × 8 tiles: three of the four products, small ones first.
__device__ __forceinline__ void add_product(Accumulator& first, Accumulator& second,
                                            const FactorFragment& left,
                                            const FactorFragment& right) {
  const auto add = [&](Accumulator& sums, int half) {
    const std::uint32_t high[2] = {right.high[half], right.high[half + 2]};
    const std::uint32_t low[2] = {right.low[half], right.low[half + 2]};
    device::multiply_add_16x8x16(sums.values, left.low, high);
    device::multiply_add_16x8x16(sums.values, left.high, low);
    device::multiply_add_16x8x16(sums.values, left.high, high);
  };
  add(first, 0);
  add(second, 1);
}

/// Starts copying the column indices of one tile.
template <int K>
__device__ void start_columns(const AlsTask& task, const RowMemory<K>& memory, int slot,
                              std::int64_t first, std::int64_t end) {
  constexpr int ratings = RowShape<K>::tile_ratings;
  if (threadIdx.x < ratings) {
    const std::int64_t position = first + threadIdx.x;
    const bool there = position < end;
    device::copy_4_bytes(memory.columns(slot) + threadIdx.x,
                         task.columns.data() + (there ? position : first), there);
  }
}

/// Starts copying the split factors of one tile, whose columns are there.
template <int K>
__device__ __forceinline__ void start_tile(const AlsTask& task, const RowMemory<K>& memory,
                                           int slot, std::int64_t first, std::int64_t end) {
  using Shape = RowShape<K>;
  constexpr int pieces = K / 4;  // of 16 bytes in a row
  const std::int32_t* const columns = memory.columns(slot);
  std::uint32_t* const tile = memory.tile(slot);
#pragma unroll
  for (int start = 0; start < Shape::tile_ratings * pieces; start += Shape::threads) {
    const int piece = start + static_cast<int>(threadIdx.x);
    const int rating = piece / pieces;
    const int place = piece % pieces * 4;
    if (Shape::tile_ratings * pieces % Shape::threads != 0 &&
        piece >= Shape::tile_ratings * pieces) {
      break;
    }
    const bool there = first + rating < end;
    const std::int64_t column = there ? columns[rating] : 0;
    device::copy_16_bytes(tile + rating * Shape::tile_stride + place,
                          task.split.words.data() + column * K + place, there);
  }
}

/// The weight of the calling lane's rating of a tile whose columns are there; 0 beyond the end.
template <int K>
__device__ __forceinline__ float load_weight(const AlsTask& task, const RowMemory<K>& memory,
                                             int slot, std::int64_t first, std::int64_t end) {
  const std::int64_t position = first + threadIdx.x;
  if (position >= end) {
    return 0;
  }
  const float rating = task.ratings[position];
  return task.biases ? rating - task.opposite_biases[memory.columns(slot)[threadIdx.x]] : rating;
}

/// The sums that the calling thread holds of its block's row.
template <int K>
struct RowSums {
  Accumulator tiles[most_accumulators<K>()];
  float total = 0;  // warp 0: Σ (r − c) of the lane's ratings
};

/// Calls body.operator()<0>() to <Count − 1>(): a loop whose index is a constant, so that arrays
/// which it indexes stay in registers.
template <int Count, int First = 0, typename Body>
__device__ __forceinline__ void unrolled(Body&& body) {
  if constexpr (First < Count) {
    body.template operator()<First>();
    unrolled<Count, First + 1>(body);
  }
}

/// Adds one tile to what warp `Warp` owns.
template <int K, int Warp>
__device__ __forceinline__ void add_tile(const RowMemory<K>& memory, int slot, RowSums<K>& sums) {
  using Shape = RowShape<K>;
  using Share = WarpShare<K, Warp>;
#pragma unroll 1
  for (int step = 0; step < Shape::tile_ratings / 16; ++step) {
    const std::uint32_t* const ratings = memory.tile(slot) + step * 16 * Shape::tile_stride;
    const auto left_high = FactorFragment::of<K>(ratings, Share::high);
    const auto left_low = Share::two ? FactorFragment::of<K>(ratings, Share::low) : left_high;
    unrolled<Share::high + 1>([&]<int Columns>() {
      if constexpr (Share::owns_high(Columns) || Share::owns_low(Columns)) {
        const auto right = Columns == Share::high ? left_high
                           : Share::two && Columns == Share::low
                               ? left_low
                               : FactorFragment::of<K>(ratings, Columns);
        if constexpr (Share::owns_high(Columns)) {
          constexpr int place = Share::high_place(Columns);
          add_product(sums.tiles[place], sums.tiles[place + 1], left_high, right);
        }
        if constexpr (Share::owns_low(Columns)) {
          constexpr int place = Share::low_place(Columns);
          add_product(sums.tiles[place], sums.tiles[place + 1], left_low, right);
        }
      }
    });
    if constexpr (Share::has_borders) {
      std::uint32_t border[2];
      RatingWeights::load(memory.weights(slot) + step * 24, border);
      Accumulator& high = sums.tiles[Share::border_place];
      device::multiply_add_16x8x16(high.values, left_high.low, border);
      device::multiply_add_16x8x16(high.values, left_high.high, border);
      if constexpr (Share::two) {
        Accumulator& low = sums.tiles[Share::border_place + 1];
        device::multiply_add_16x8x16(low.values, left_low.low, border);
        device::multiply_add_16x8x16(low.values, left_low.high, border);
      }
    }
  }
}

/// Calls body.operator()<Warp>() with the number of the calling warp.
template <int Warps, int Warp = 0, typename Body>
__device__ __forceinline__ void with_warp(Body&& body) {
  if constexpr (Warp + 1 < Warps) {
    if (threadIdx.x / device::warp_lanes == Warp) {
      body.template operator()<Warp>();
    } else {
      with_warp<Warps, Warp + 1>(body);
    }
  } else {
    body.template operator()<Warp>();
  }
}

/// Sums over the ratings [first, end) of the CSR arrays. While a tile is multiplied, the next one
/// and the columns of the one after it are on their way.
template <int K>
__device__ void sum_ratings(const AlsTask& task, const RowMemory<K>& memory, std::int64_t first,
                            std::int64_t end, RowSums<K>& sums) {
  constexpr int length = RowShape<K>::tile_ratings;
  const bool weighs = threadIdx.x < length;  // warp 0
  start_columns(task, memory, 0, first, end);
  device::end_group_of_copies();
  device::wait_for_copies<0>();
  __syncthreads();
  start_tile(task, memory, 0, first, end);
  start_columns(task, memory, 1, first + length, end);
  device::end_group_of_copies();
  if (weighs) {
    const float weight = load_weight(task, memory, 0, first, end);
    sums.total += weight;
    RatingWeights::store(memory.weights(0), weight);
  }
  int slot = 0;
  for (std::int64_t position = first; position < end; position += length, slot ^= 1) {
    device::wait_for_copies<0>();
    __syncthreads();  // this tile is there, and nobody reads the other one any more
    float weight = 0;
    if (position + length < end) {
      start_tile(task, memory, slot ^ 1, position + length, end);
      start_columns(task, memory, slot, position + 2 * length, end);
      if (weighs) {
        weight = load_weight(task, memory, slot ^ 1, position + length, end);
      }
    }
    device::end_group_of_copies();
    with_warp<RowShape<K>::warps>([&]<int Warp>() { add_tile<K, Warp>(memory, slot, sums); });
    if (weighs && position + length < end) {
      sums.total += weight;
      RatingWeights::store(memory.weights(slot ^ 1), weight);
    }
  }
  device::wait_for_copies<0>();
  __syncthreads();  // the matrix may now take the place of the tiles
}

/// Σ over the lanes of a warp, in all of them, always in the same order.
__device__ inline float warp_sum(float value) {
#pragma unroll
  for (int bits = 16; bits > 0; bits /= 2) {
    value += __shfl_xor_sync(device::all_lanes, value, bits);
  }
  return value;
}

/// Visits the sums that warp `Warp` holds, in the units of the table: matrix(row, column, value) of
/// the lower half and of what is above the diagonal in its tiles, border(row, product, sum).
template <int K, int Warp, typename Matrix, typename Border>
__device__ __forceinline__ void visit_sums(const RowSums<K>& sums, float inverse, Matrix matrix,
                                           Border border) {
  using Share = WarpShare<K, Warp>;
  const auto visit_tile = [&](int group, int column, const Accumulator& tile) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      matrix(16 * group + Accumulator::row() + 8 * (i / 2), column + Accumulator::column() + i % 2,
             inverse * inverse * tile.values[i]);
    }
  };
  unrolled<Share::high + 1>([&]<int Columns>() {
    if constexpr (Share::owns_high(Columns)) {
      constexpr int place = Share::high_place(Columns);
      visit_tile(Share::high, 16 * Columns, sums.tiles[place]);
      visit_tile(Share::high, 16 * Columns + 8, sums.tiles[place + 1]);
    }
    if constexpr (Share::owns_low(Columns)) {
      constexpr int place = Share::low_place(Columns);
      visit_tile(Share::low, 16 * Columns, sums.tiles[place]);
      visit_tile(Share::low, 16 * Columns + 8, sums.tiles[place + 1]);
    }
  });
  if constexpr (Share::has_borders) {
    constexpr float rest = 1 / RatingWeights::part;
    const auto visit_border = [&](int group, const Accumulator& tile) {
#pragma unroll
      for (int i = 0; i < 4; i += 2) {
        // The lane beside holds the columns of the second and third part.
        const float second = __shfl_down_sync(device::all_lanes, tile.values[i], 1);
        const float third = __shfl_down_sync(device::all_lanes, tile.values[i + 1], 1);
        if (threadIdx.x % 4 == 0) {
          border(16 * group + Accumulator::row() + 4 * i,
                 inverse / RatingWeights::scale * (tile.values[i] + rest * (second + rest * third)),
                 inverse * tile.values[i + 1]);
        }
      }
    };
    visit_border(Share::high, sums.tiles[Share::border_place]);
    if constexpr (Share::two) {
      visit_border(Share::low, sums.tiles[Share::border_place + 1]);
    }
  }
}

/// The sums of a whole row, as solve_row takes them, in shared memory.
template <int K>
__device__ void store_sums(const AlsTask& task, const RowMemory<K>& memory,
                           const RowSums<K>& sums) {
  const LowerMatrix matrix = memory.matrix();
  const SolveVectors vectors = memory.vectors();
  with_warp<RowShape<K>::warps>([&]<int Warp>() {
    visit_sums<K, Warp>(
        sums, SplitScale::of(task.split.largest[0]).inverse,
        [&](int row, int column, float value) { matrix.row(row)[column] = value; },
        [&](int row, float product, float sum) {
          vectors.products[row] = product;
          vectors.sums[row] = sum;
        });
  });
  if (threadIdx.x < device::warp_lanes) {
    const float total = warp_sum(sums.total);
    if (threadIdx.x == 0) {
      *memory.shared_word(0) = total;
    }
  }
  __syncthreads();
}

}  // namespace alsatian::cuda
