// Sums over the ratings of a row of alternating least squares, by a block of threads: gather, Gram
// matrix and right-hand sides on tensor cores, as exact as in float where a factor is two halves.
//   Σ z zᵀ and Σ z (r − c),  z = [q; 1]
#pragma once

#include "kernels/cuda/als_shape.hpp"
#include "kernels/cuda/memory.hpp"
#include "kernels/math/regularization.hpp"

namespace alsatian::cuda {

/// λ s(n) and λ_b s(n) of one row.
using RowRidge = alsatian::RowRidge<float>;

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

/// 16 columns of factors over 16 ratings as an operand; low is not set where there is none.
struct FactorFragment {
  std::uint32_t high[4];
  std::uint32_t low[4];

  /// A of a product. `ratings` is the tile's first row of the sixteen.
  template <int K, Halves halves>
  __device__ __forceinline__ static FactorFragment left(const std::uint32_t* ratings, int group) {
    const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
    return of<K, halves>(ratings, lane % 8 + lane / 16 * 8, 8 * group + lane / 8 % 2 * 4);
  }
  /// B of two products: registers of the first eight columns, then of the others.
  template <int K, Halves halves>
  __device__ __forceinline__ static FactorFragment right(const std::uint32_t* ratings, int group) {
    const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
    return of<K, halves>(ratings, lane % 8 + lane / 8 % 2 * 8, 8 * group + lane / 16 * 4);
  }
  /// The same columns as B where they are there as A: the registers are the same in another order.
  __device__ __forceinline__ FactorFragment as_right() const {
    return {{high[0], high[2], high[1], high[3]}, {low[0], low[2], low[1], low[3]}};
  }

 private:
  template <int K, Halves halves>
  __device__ __forceinline__ static FactorFragment of(const std::uint32_t* ratings, int rating,
                                                      int word) {
    const std::uint32_t* const row = ratings + rating * RowShape<K>::tile_stride(halves) + word;
    FactorFragment fragment;
    device::load_matrices_transposed(fragment.high, row);
    if constexpr (halves == Halves::two) {
      device::load_matrices_transposed(fragment.low, row + K / 2);
    }
    return fragment;
  }
};

/// Adds left · rightᵀ to two 16 × 8 tiles: three of the four products, small ones first, or the one
/// that there is.
template <Halves halves>
__device__ __forceinline__ void add_product(Accumulator& first, Accumulator& second,
                                            const FactorFragment& left,
                                            const FactorFragment& right) {
  const auto add = [&](Accumulator& sums, int eight) {
    const std::uint32_t high[2] = {right.high[2 * eight], right.high[2 * eight + 1]};
    if constexpr (halves == Halves::two) {
      const std::uint32_t low[2] = {right.low[2 * eight], right.low[2 * eight + 1]};
      device::multiply_add_16x8x16(sums.values, left.low, high);
      device::multiply_add_16x8x16(sums.values, left.high, low);
    }
    device::multiply_add_16x8x16(sums.values, left.high, high);
  };
  add(first, 0);
  add(second, 1);
}

/// Ratings that a product of halves sums over.
inline constexpr int step_ratings = 16;

/// Ratings of the tile that begins at `first`.
template <int K>
__device__ __forceinline__ int tile_count(std::int64_t first, std::int64_t end) {
  constexpr int most = RowShape<K>::tile_ratings;
  return end - first < most ? static_cast<int>(end - first) : most;
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

/// How the threads of a block share the copying of a tile: each has one piece of 16 bytes of as
/// many ratings, one after the other, as passes are needed for a step of ratings.
template <int K, Halves halves>
struct CopyShape {
  static constexpr int pieces = K / 8 * count_of(halves);  // of a row
  /// Ratings at once, a power of two; threads beyond them are idle.
  static constexpr int teams = [] {
    int result = 1;
    while (2 * result * pieces <= RowShape<K>::threads && 2 * result <= step_ratings) {
      result *= 2;
    }
    return result;
  }();
  static constexpr int passes = step_ratings / teams;
  /// The columns of a thread's ratings, read at once.
  struct alignas(sizeof(std::int32_t) * (passes < 4 ? passes : 4)) Columns {
    std::int32_t values[passes];
  };
};

/// Starts copying the split factors of one tile, whose columns are there: its steps of ratings that
/// begin before the end, with zeros behind it.
template <int K, Halves halves>
__device__ __forceinline__ void start_tile(const AlsTask& task, const RowMemory<K>& memory,
                                           int slot, std::int64_t first, std::int64_t end) {
  using Shape = RowShape<K>;
  using Copy = CopyShape<K, halves>;
  constexpr int stride = Shape::tile_stride(halves);
  const int team = static_cast<int>(threadIdx.x) / Copy::pieces;
  const int place = static_cast<int>(threadIdx.x) % Copy::pieces * 4;
  if (Copy::teams * Copy::pieces < Shape::threads && team >= Copy::teams) {
    return;
  }
  const std::uint32_t* const source = task.split.words.data() + place;
  const int count = tile_count<K>(first, end);
  const std::int32_t* columns = memory.columns(slot) + team * Copy::passes;
  std::uint32_t* target = memory.template tile<halves>(slot) + team * Copy::passes * stride + place;
  int left = count - team * Copy::passes;
#pragma unroll
  for (int step = 0; step < Shape::tile_ratings / step_ratings; ++step) {
    if (step * step_ratings >= count) {
      break;
    }
    const auto own = *reinterpret_cast<const typename Copy::Columns*>(columns);
#pragma unroll
    for (int pass = 0; pass < Copy::passes; ++pass) {
      // Columns behind the end are 0: an address that is not read.
      const auto column = static_cast<std::uint32_t>(own.values[pass]);
      device::copy_16_bytes(target + pass * stride, source + std::uint64_t{column} * K,
                            pass < left);
    }
    columns += step_ratings;
    target += step_ratings * stride;
    left -= step_ratings;
  }
}

/// What makes the weight of a lane's rating. The two are read long before they are subtracted, so
/// that a tile is multiplied while they are on their way.
struct RatingAndBias {
  float rating = 0;
  float bias = 0;

  /// Of the calling lane's rating of a tile whose columns are there; zeros beyond the end.
  template <int K>
  __device__ __forceinline__ static RatingAndBias load(const AlsTask& task,
                                                       const RowMemory<K>& memory, int slot,
                                                       std::int64_t first, std::int64_t end) {
    const std::int64_t position = first + threadIdx.x;
    RatingAndBias loaded;
    if (position < end) {
      loaded.rating = task.ratings[position];
      if (task.biases) {
        loaded.bias = task.opposite_biases[memory.columns(slot)[threadIdx.x]];
      }
    }
    return loaded;
  }
  __device__ __forceinline__ float weight() const { return rating - bias; }
};

/// The sums that the calling thread holds of its block's row.
template <int K>
struct RowSums {
  Accumulator tiles[most_accumulators<K>()];
  float total = 0;  // warp 0: Σ (r − c) of the lane's ratings
};

/// Whether a warp takes its right operands from its left ones, which costs moves of registers, and
/// does not read them again, which costs what shared memory can bring.
template <int K, Halves halves>
inline constexpr bool reuses_left = RowShape<K>::held&& halves == Halves::one;

/// Adds a tile of `count` ratings to what warp `Warp` owns.
template <int K, Halves halves, int Warp>
__device__ __forceinline__ void add_tile(const RowMemory<K>& memory, int slot, int count,
                                         RowSums<K>& sums) {
  using Shape = RowShape<K>;
  using Share = WarpShare<K, Warp>;
#pragma unroll 1
  for (int first = 0; first < count; first += step_ratings) {
    const std::uint32_t* const ratings =
        memory.template tile<halves>(slot) + first * Shape::tile_stride(halves);
    FactorFragment left[Shape::groups];  // those that are not read take no register
    unrolled<Shape::groups>([&]<int Group>() {
      if constexpr (Share::reads_rows(Group)) {
        left[Group] = FactorFragment::left<K, halves>(ratings, Group);
      }
    });
    unrolled<Shape::groups>([&]<int Columns>() {
      if constexpr (Share::reads_columns(Columns)) {
        const FactorFragment right = [&] {
          if constexpr (reuses_left<K, halves>) {
            return left[Columns].as_right();
          } else {
            return FactorFragment::right<K, halves>(ratings, Columns);
          }
        }();
        unrolled<Shape::groups>([&]<int Group>() {
          if constexpr (Share::owns(Group, Columns)) {
            constexpr int place = Share::place(Group, Columns);
            add_product<halves>(sums.tiles[place], sums.tiles[place + 1], left[Group], right);
          }
        });
      }
    });
    std::uint32_t border[2];
    RatingWeights::load(memory.weights(slot) + first / step_ratings * 24, border);
    unrolled<Shape::groups>([&]<int Group>() {
      if constexpr (Share::owns_border(Group)) {
        Accumulator& sum = sums.tiles[Share::border_place(Group)];
        if constexpr (halves == Halves::two) {
          device::multiply_add_16x8x16(sum.values, left[Group].low, border);
        }
        device::multiply_add_16x8x16(sum.values, left[Group].high, border);
      }
    });
  }
}

/// Calls body.operator()<Warp>() with the number of the calling warp.
template <int Warps, int Warp = 0, typename Body>
__device__ __forceinline__ void with_warp(int warp, Body&& body) {
  if constexpr (Warp + 1 < Warps) {
    if (warp == Warp) {
      body.template operator()<Warp>();
    } else {
      with_warp<Warps, Warp + 1>(warp, body);
    }
  } else {
    body.template operator()<Warp>();
  }
}

/// Sums over the ratings [first, end) of the CSR arrays. While a tile is multiplied, the next one
/// and the columns of the one after it are on their way.
template <Halves halves, int K>
__device__ __forceinline__ void sum_ratings(const AlsTask& task, const RowMemory<K>& memory,
                                            std::int64_t first, std::int64_t end,
                                            RowSums<K>& sums) {
  using Rows = Team<RowShape<K>::warps>;
  constexpr int length = RowShape<K>::tile_ratings;
  const int warp = RowShape<K>::warps == 1 ? 0 : device::warp_index();
  start_columns(task, memory, 0, first, end);
  device::end_group_of_copies();
  device::wait_for_copies<0>();
  Rows::synchronize();
  start_tile<K, halves>(task, memory, 0, first, end);
  start_columns(task, memory, 1, first + length, end);
  device::end_group_of_copies();
  if (warp == 0) {
    const float weight = RatingAndBias::load(task, memory, 0, first, end).weight();
    sums.total += weight;
    RatingWeights::store(memory.weights(0), weight);
  }
  int slot = 0;
  for (std::int64_t position = first; position < end; position += length, slot ^= 1) {
    device::wait_for_copies<0>();
    Rows::synchronize();  // this tile is there, and nobody reads the other one any more
    const std::int64_t next = position + length;
    RatingAndBias coming;
    if (next < end) {
      start_tile<K, halves>(task, memory, slot ^ 1, next, end);
      start_columns(task, memory, slot, next + length, end);
      if (warp == 0) {
        coming = RatingAndBias::load(task, memory, slot ^ 1, next, end);
      }
    }
    device::end_group_of_copies();
    with_warp<RowShape<K>::warps>(warp, [&]<int Warp>() {
      add_tile<K, halves, Warp>(memory, slot, tile_count<K>(position, end), sums);
    });
    if (warp == 0 && next < end) {
      sums.total += coming.weight();
      RatingWeights::store(memory.weights(slot ^ 1), coming.weight());
    }
  }
  device::wait_for_copies<0>();
  Rows::synchronize();  // the matrix may now take the place of the tiles
}

/// Σ over the lanes of a warp, in all of them, always in the same order.
__device__ inline float warp_sum(float value) {
#pragma unroll
  for (int bits = 16; bits > 0; bits /= 2) {
    value += __shfl_xor_sync(device::all_lanes, value, bits);
  }
  return value;
}

/// Puts the right-hand sides of the group of rows whose border `tile` holds into two vectors.
/// `inverse`: SplitScale's.
__device__ __forceinline__ void put_border(const Accumulator& tile, int group, float inverse,
                                           float* products, float* border_sums) {
  constexpr float rest = 1 / RatingWeights::part;
#pragma unroll
  for (int i = 0; i < 4; i += 2) {
    // The lane beside holds the columns of the second and third part.
    const float second = __shfl_down_sync(device::all_lanes, tile.values[i], 1);
    const float third = __shfl_down_sync(device::all_lanes, tile.values[i + 1], 1);
    if (threadIdx.x % 4 == 0) {
      const int row = 16 * group + Accumulator::row() + 4 * i;
      products[row] =
          inverse / RatingWeights::scale * (tile.values[i] + rest * (second + rest * third));
      border_sums[row] = inverse * tile.values[i + 1];
    }
  }
}

/// Puts the sums that the calling warp holds, in the units of the table, into a matrix and two
/// vectors, in shared or global memory. Above the diagonal its pieces have values too.
template <int K>
__device__ __forceinline__ void put_sums(const RowSums<K>& sums, float inverse, LowerMatrix matrix,
                                         float* products, float* border_sums) {
  using Shape = RowShape<K>;
  const auto put_tile = [&](int group, int column, Accumulator tile) {
    tile.scale(inverse * inverse);
    tile.store(matrix.rows(group) + column, LowerMatrix::stride(group));
  };
  with_warp<Shape::warps>(device::warp_index(), [&]<int Warp>() {
    using Share = WarpShare<K, Warp>;
    unrolled<Shape::groups>([&]<int Group>() {
      unrolled<Group + 1>([&]<int Columns>() {
        if constexpr (Share::owns(Group, Columns)) {
          constexpr int place = Share::place(Group, Columns);
          put_tile(Group, 16 * Columns, sums.tiles[place]);
          put_tile(Group, 16 * Columns + 8, sums.tiles[place + 1]);
        }
      });
      if constexpr (Share::owns_border(Group)) {
        put_border(sums.tiles[Share::border_place(Group)], Group, inverse, products, border_sums);
      }
    });
  });
}

/// Puts the sums that one warp holds into global memory as they are.
template <int K>
__device__ __forceinline__ void put_held_sums(const RowSums<K>& sums, float* target) {
  auto* const own = reinterpret_cast<float4*>(target) + threadIdx.x;
  unrolled<RowShape<K>::summed_floats / 128>([&]<int Place>() {
    const float(&values)[4] = sums.tiles[Place].values;
    own[32 * Place] = make_float4(values[0], values[1], values[2], values[3]);
  });
}

/// The sums of a whole row, as solve_row takes them, in shared memory.
template <int K>
__device__ __forceinline__ void store_sums(const AlsTask& task, const RowMemory<K>& memory,
                                           const RowSums<K>& sums) {
  using Rows = Team<RowShape<K>::warps>;
  const SolveVectors vectors = memory.vectors();
  put_sums(sums, SplitScale::of(task.split.largest[0]).inverse, memory.matrix(), vectors.products,
           vectors.sums);
  if (Rows::is_first_warp()) {
    const float total = warp_sum(sums.total);
    if (threadIdx.x == 0) {
      memory.facts().total = total;
    }
  }
  Rows::synchronize();
}

}  // namespace alsatian::cuda
