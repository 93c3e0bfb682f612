// How the threads of a block share a row of alternating least squares, and its shared memory: what
// each warp sums, and where tiles, matrix and vectors lie. All of it is known when compiling.
#pragma once

#include "kernels/cuda/held_matrix.hpp"
#include "kernels/cuda/lower_matrix.hpp"
#include "kernels/cuda/split_table.hpp"

namespace alsatian::cuda {

/// How the threads of a block share the Gram matrix of padded rank K. One warp has it all up to
/// rank 64, so that no warp waits for another and it never leaves the registers. Above it, a pair
/// of 16-row groups, g and groups − 1 − g, is as many tiles for every g; above rank 192 two warps
/// share a pair, one taking the even groups of columns in one of its rows and the odd ones in the
/// other.
template <int K>
struct RowShape {
  static_assert(K % 16 == 0 && K > 0 && K <= 256);
  static constexpr int groups = K / 16;
  static constexpr int sharers = K > 192 ? 2 : 1;  // warps of a pair
  static constexpr bool held = K <= 64;
  static constexpr int warps = held ? 1 : sharers * ((groups + 1) / 2);
  static constexpr int threads = 32 * warps;
  /// Of a panel of the factorization, below its diagonal block.
  static constexpr int rows_per_lane = K - LowerMatrix::group <= threads ? 1 : 2;
  /// Blocks that a processor is to hold at once: caps the registers.
  static constexpr int blocks = K <= 16    ? 24
                                : K <= 32  ? 20
                                : K <= 48  ? 16
                                : K <= 64  ? 12
                                : K <= 96  ? 5
                                : K <= 128 ? 4
                                : K <= 192 ? 2
                                           : 1;

  static constexpr int tile_ratings = 32;
  /// Words from a rating of a tile to the next: matrices of halves without bank conflicts.
  __host__ __device__ static constexpr int tile_stride(Halves halves) {
    return K / 2 * count_of(halves) + 4;
  }
  __host__ __device__ static constexpr int tile_words(Halves halves) {
    return tile_ratings * tile_stride(halves);
  }
  static constexpr int weight_words = tile_ratings / 2 * 3;  // of a tile: see RatingWeights
  static constexpr int matrix_floats = LowerMatrix::size(groups);
  static constexpr int solve_floats =
      held ? HeldBlocks::size(groups) : matrix_floats + LowParts::size(groups);
  static constexpr int vector_floats = 3 * K + 2 * weight_words + 2 * tile_ratings + 16;
  /// What the solve needs takes the place of the tiles once they have been summed.
  __host__ __device__ static constexpr int pool_floats(Halves halves) {
    const int tiles = 2 * tile_words(halves);
    return solve_floats > tiles ? solve_floats : tiles;
  }
  __host__ __device__ static constexpr std::size_t shared_bytes(Halves halves) {
    return sizeof(float) * (vector_floats + pool_floats(halves));
  }
  /// Floats of a part's sums, a multiple of 16 bytes: the accumulators of a warp's lanes, or
  /// matrix, products and sums; and behind them the total.
  static constexpr int summed_floats =
      held ? 128 * (held_accumulators(groups) + groups) : matrix_floats + 2 * K;
  static constexpr std::int64_t part_floats = summed_floats + 4;
};

/// What warp `Warp` holds: pieces of 16 × 16 of the lower half, two accumulators each, and of the
/// groups of rows whose border it has one accumulator more.
template <int K, int Warp>
struct WarpShare {
  using Shape = RowShape<K>;
  static constexpr int pair = Warp / Shape::sharers;
  static constexpr int sharer = Warp % Shape::sharers;

  __host__ __device__ static constexpr bool owns(int group, int columns) {
    if (columns > group) {
      return false;
    }
    if (Shape::warps == 1) {
      return true;
    }
    const bool high = group == Shape::groups - 1 - pair;
    return (high && columns % Shape::sharers == sharer) ||
           (!high && group == pair && (columns + 1) % Shape::sharers == sharer);
  }
  /// Two sharers' pieces differ by one: the one with fewer sums the right-hand sides.
  __host__ __device__ static constexpr bool owns_border(int group) {
    return Shape::warps == 1 ||
           (sharer == Shape::sharers - 1 && (group == pair || group == Shape::groups - 1 - pair));
  }
  __host__ __device__ static constexpr bool reads_rows(int group) {
    bool result = owns_border(group);
    for (int columns = 0; columns <= group; ++columns) {
      result = result || owns(group, columns);
    }
    return result;
  }
  __host__ __device__ static constexpr bool reads_columns(int columns) {
    bool result = false;
    for (int group = columns; group < Shape::groups; ++group) {
      result = result || owns(group, columns);
    }
    return result;
  }
  /// Accumulators before those of a piece.
  __host__ __device__ static constexpr int place(int group, int columns) {
    int result = 0;
    for (int g = 0; g < group; ++g) {
      for (int c = 0; c <= g; ++c) {
        result += owns(g, c) ? 2 : 0;
      }
    }
    for (int c = 0; c < columns; ++c) {
      result += owns(group, c) ? 2 : 0;
    }
    return result;
  }
  __host__ __device__ static constexpr int border_place(int group) {
    int result = place(Shape::groups, 0);
    for (int g = 0; g < group; ++g) {
      result += owns_border(g) ? 1 : 0;
    }
    return result;
  }
  static constexpr int accumulators = border_place(Shape::groups);
};

/// Most accumulators of a warp.
template <int K, int Warp = 0>
constexpr int most_accumulators() {
  constexpr int own = WarpShare<K, Warp>::accumulators;
  if constexpr (Warp + 1 < RowShape<K>::warps) {
    constexpr int others = most_accumulators<K, Warp + 1>();
    return own > others ? own : others;
  } else {
    return own;
  }
}

/// What a block knows of its row, in shared memory so that it takes no registers meanwhile. One
/// thread writes for all.
struct alignas(16) RowFacts {
  std::int64_t row;
  std::int64_t first;  // of its ratings in the CSR arrays
  std::int64_t end;
  float ridge;       // of its factors
  float corner;      // of the bias in the matrix, with its ridge; 0 without biases
  float total;       // Σ (r − c)
  float trace;       // of the matrix without jitter
  float jitter;      // on the whole diagonal at this try
  int tries;         // so far
  int answer;        // of the first warp
  float bias;        // of the solution
  float bias_pivot;  // in the place of the border
};
static_assert(sizeof(RowFacts) == 64);

/// The shared memory of a block.
template <int K>
struct RowMemory {
  using Shape = RowShape<K>;
  float* start;

  __device__ float* pool() const { return start + Shape::vector_floats; }
  template <Halves halves>
  __device__ std::uint32_t* tile(int slot) const {
    return reinterpret_cast<std::uint32_t*>(pool()) + slot * Shape::tile_words(halves);
  }
  __device__ HeldBlocks blocks() const { return {pool()}; }
  __device__ LowerMatrix matrix() const { return {pool()}; }
  __device__ LowParts low_parts() const { return {pool() + Shape::matrix_floats}; }
  __device__ SolveVectors vectors() const { return {start, start + K, start + 2 * K}; }
  __device__ std::uint32_t* weights(int slot) const {
    return reinterpret_cast<std::uint32_t*>(start + 3 * K) + slot * Shape::weight_words;
  }
  __device__ std::int32_t* columns(int slot) const {
    return reinterpret_cast<std::int32_t*>(start + 3 * K + 2 * Shape::weight_words) +
           slot * Shape::tile_ratings;
  }
  __device__ RowFacts& facts() const { return *reinterpret_cast<RowFacts*>(pool() - 16); }
};

}  // namespace alsatian::cuda
