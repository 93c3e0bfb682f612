// One row of alternating least squares per block of threads: gather, Gram matrix, Cholesky, solve,
// without the matrix ever leaving the chip.
//   (Σ z zᵀ + s(n)·diag(λ, …, λ, λ_b)) [p; b] = Σ z (r − c),  z = [q; 1]
// Zhou et al. (2008), section 3. The bias is the last unknown and is eliminated as a border.
#pragma once

#include "kernels/cuda/lower_matrix.hpp"
#include "kernels/cuda/memory.hpp"

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

/// Pivots at or below this share of the trace count as zero, as on the CPU.
inline constexpr float pivot_threshold = 1.1920929e-7F;
/// A row's ridge grows tenfold so often before it is given up.
inline constexpr int most_tries = 9;

/// How the threads of a block share the Gram matrix of padded rank K: warp w owns the rows of
/// groups w and groups − 1 − w, which are as many tiles for every w.
template <int K>
struct RowShape {
  static_assert(K % 16 == 0 && K > 0 && K <= 256);
  static constexpr int groups = K / 16;
  static constexpr int warps = (groups + 1) / 2;
  static constexpr int threads = 32 * warps;
  static constexpr int tile_ratings = 32;
  static constexpr int tile_stride = K + 8;  // fragments of columns without bank conflicts
  static constexpr int most_accumulators = 2 * (groups + 1) + 2;

  static constexpr int tile_floats = tile_ratings * tile_stride;
  static constexpr int matrix_floats = LowerMatrix::size(groups);
  // The matrix takes the place of the tiles once they have been summed.
  static constexpr int pool_floats =
      matrix_floats > 2 * tile_floats ? matrix_floats : 2 * tile_floats;
  static constexpr int vector_floats = 3 * K + 6 * tile_ratings + 4;
  static constexpr std::size_t shared_bytes = sizeof(float) * (pool_floats + vector_floats);
  /// Floats of a part's sums: matrix, products, sums, total.
  static constexpr std::int64_t part_floats = matrix_floats + 2 * K + 1;
};

/// The shared memory of a block.
template <int K>
struct RowMemory {
  using Shape = RowShape<K>;
  float* pool;

  __device__ float* tile(int slot) const { return pool + slot * Shape::tile_floats; }
  __device__ LowerMatrix matrix() const { return {pool}; }
  __device__ SolveVectors vectors() const {
    float* const start = pool + Shape::pool_floats;
    return {start, start + K, start + 2 * K};
  }
  __device__ float* ratings(int slot) const {
    return pool + Shape::pool_floats + 3 * K + slot * Shape::tile_ratings;
  }
  __device__ float* biases(int slot) const { return ratings(2 + slot); }
  __device__ std::int32_t* columns(int slot) const {
    return reinterpret_cast<std::int32_t*>(ratings(4 + slot));
  }
  /// Words that one warp writes for all.
  __device__ float* shared_word(int index) const { return ratings(6) + index; }
};

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

/// Starts copying one tile: factors and biases of its columns, which are there, and its ratings.
template <int K>
__device__ void start_tile(const AlsTask& task, const RowMemory<K>& memory, int slot,
                           std::int64_t first, std::int64_t end) {
  using Shape = RowShape<K>;
  constexpr int pieces = K / 4;  // of 16 bytes in a row of factors
  const std::int32_t* const columns = memory.columns(slot);
  for (int piece = static_cast<int>(threadIdx.x); piece < Shape::tile_ratings * pieces;
       piece += Shape::threads) {
    const int rating = piece / pieces;
    const int place = piece % pieces * 4;
    const bool there = first + rating < end;
    const std::int64_t column = there ? columns[rating] : 0;
    device::copy_16_bytes(memory.tile(slot) + rating * Shape::tile_stride + place,
                          task.opposite.data() + column * K + place, there);
  }
  if (threadIdx.x < Shape::tile_ratings) {
    const int rating = static_cast<int>(threadIdx.x);
    const bool there = first + rating < end;
    const std::int64_t column = there ? columns[rating] : 0;
    device::copy_4_bytes(memory.ratings(slot) + rating,
                         task.ratings.data() + (there ? first + rating : first), there);
    device::copy_4_bytes(memory.biases(slot) + rating, task.opposite_biases.data() + column,
                         there && task.biases);
  }
}

/// The sums that the calling thread holds of its block's row.
template <int K>
struct RowSums {
  Accumulator tiles[RowShape<K>::most_accumulators];
  float total = 0;  // warp 0: Σ (r − c) of the lane's ratings
};

/// Adds one tile to the groups of rows that warp `Warp` owns.
template <int K, int Warp>
__device__ __forceinline__ void add_tile(const RowMemory<K>& memory, int slot, RowSums<K>& sums) {
  using Shape = RowShape<K>;
  constexpr int high = Shape::groups - 1 - Warp;
  constexpr int low = Warp;
  constexpr bool two = low < high;
  constexpr int high_tiles = 2 * (high + 1);
  constexpr int low_tiles = 2 * (low + 1);
  const int column = static_cast<int>(threadIdx.x % device::warp_lanes / 4);
  const int summed = static_cast<int>(threadIdx.x % 4);
#pragma unroll 1
  for (int step = 0; step < Shape::tile_ratings; step += 8) {
    const float* const rows = memory.tile(slot) + step * Shape::tile_stride;
    const auto left_high = LeftFragment::of_columns(rows + 16 * high, Shape::tile_stride);
    const auto left_low = LeftFragment::of_columns(rows + 16 * low, Shape::tile_stride);
#pragma unroll
    for (int tile = 0; tile < high_tiles; ++tile) {
      const auto right = RightFragment::of_columns(rows + 8 * tile, Shape::tile_stride);
      multiply_add(sums.tiles[tile], left_high, right);
      if (two && tile < low_tiles) {
        multiply_add(sums.tiles[high_tiles + 1 + tile], left_low, right);
      }
    }
    // Columns r − c and 1 of eight: their products with the tile are Σ q (r − c) and Σ q.
    RightFragment border;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int rating = step + summed + 4 * i;
      border.set(i, column == 0   ? memory.ratings(slot)[rating] - memory.biases(slot)[rating]
                    : column == 1 ? 1.0F
                                  : 0.0F);
    }
    multiply_add(sums.tiles[high_tiles], left_high, border);
    if (two) {
      multiply_add(sums.tiles[high_tiles + 1 + low_tiles], left_low, border);
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
  using Shape = RowShape<K>;
  constexpr int length = Shape::tile_ratings;
  start_columns(task, memory, 0, first, end);
  device::end_group_of_copies();
  device::wait_for_copies<0>();
  __syncthreads();
  start_tile(task, memory, 0, first, end);
  start_columns(task, memory, 1, first + length, end);
  device::end_group_of_copies();
  int slot = 0;
  for (std::int64_t position = first; position < end; position += length, slot ^= 1) {
    device::wait_for_copies<0>();
    __syncthreads();  // this tile is there, and nobody reads the other one any more
    if (position + length < end) {
      start_tile(task, memory, slot ^ 1, position + length, end);
      start_columns(task, memory, slot, position + 2 * length, end);
    }
    device::end_group_of_copies();
    if (threadIdx.x < length) {
      sums.total += memory.ratings(slot)[threadIdx.x] - memory.biases(slot)[threadIdx.x];
    }
    with_warp<Shape::warps>([&]<int Warp>() { add_tile<K, Warp>(memory, slot, sums); });
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

/// Visits the sums that warp `Warp` holds: matrix(row, column, value) of the lower half and of
/// what is above the diagonal in its tiles, border(row, product, sum).
template <int K, int Warp, typename Matrix, typename Border>
__device__ __forceinline__ void visit_sums(const RowSums<K>& sums, Matrix matrix, Border border) {
  constexpr int high = RowShape<K>::groups - 1 - Warp;
  constexpr int low = Warp;
  constexpr int high_tiles = 2 * (high + 1);
  constexpr int low_tiles = 2 * (low + 1);
  const auto visit = [&](int group, int first, int tiles) {
#pragma unroll
    for (int tile = 0; tile < tiles; ++tile) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        matrix(16 * group + Accumulator::row() + 8 * (i / 2),
               8 * tile + Accumulator::column() + i % 2, sums.tiles[first + tile].values[i]);
      }
    }
    if (threadIdx.x % 4 == 0) {
      const Accumulator& last = sums.tiles[first + tiles];
      border(16 * group + Accumulator::row(), last.values[0], last.values[1]);
      border(16 * group + Accumulator::row() + 8, last.values[2], last.values[3]);
    }
  };
  visit(high, 0, high_tiles);
  if constexpr (low < high) {
    visit(low, high_tiles + 1, low_tiles);
  }
}

/// The sums of a whole row, as solve_row takes them, in shared memory.
template <int K>
__device__ void store_sums(const RowMemory<K>& memory, const RowSums<K>& sums) {
  const LowerMatrix matrix = memory.matrix();
  const SolveVectors vectors = memory.vectors();
  with_warp<RowShape<K>::warps>([&]<int Warp>() {
    visit_sums<K, Warp>(
        sums, [&](int row, int column, float value) { matrix.row(row)[column] = value; },
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

/// Solves with the sums that lie in shared memory and `jitter` on the whole diagonal, and writes
/// the row. `trace` is that of the matrix without jitter. All threads of the block call it.
///   l = L⁻¹ sums, y = L⁻¹ products, b = (total − l·y) / (corner − l·l), p = L⁻ᵀ (y − b l)
template <int K>
__device__ bool solve_row(const AlsTask& task, const RowMemory<K>& memory, std::int64_t row,
                          std::int64_t count, float jitter, float& trace) {
  const LowerMatrix matrix = memory.matrix();
  const SolveVectors vectors = memory.vectors();
  const RowRidge ridge = task.ridges[row];
  const float corner = task.biases ? static_cast<float>(count) + ridge.biases : 0.0F;
  if (threadIdx.x < device::warp_lanes) {
    float diagonal = 0;
    for (int j = static_cast<int>(threadIdx.x); j < K; j += 32) {
      float& entry = matrix.row(j)[j];
      // Added after the sum: a tiny ridge plus many large terms would be absorbed in float.
      entry = j < task.rank ? entry + ridge.factors + jitter : 1.0F;
      diagonal += j < task.rank ? entry - jitter : 0.0F;
    }
    const float sum = warp_sum(diagonal) + corner;
    if (threadIdx.x == 0) {
      *memory.shared_word(1) = sum;
    }
  }
  __syncthreads();
  trace = *memory.shared_word(1);
  // With jitter a null direction's pivot is the jitter, give or take rounding: half of it shows
  // that rounding was the smaller of the two.
  const float zero = pivot_threshold * trace;
  const float least_pivot = jitter > 2 * zero ? jitter / 2 : zero;
  auto* const verdict = reinterpret_cast<int*>(memory.shared_word(2));
  if (!factor_lower(matrix, vectors, K, least_pivot, verdict)) {
    return false;
  }
  if (task.biases) {
    if (threadIdx.x < device::warp_lanes) {
      float square = 0;
      float product = 0;
      for (int j = static_cast<int>(threadIdx.x); j < K; j += 32) {
        square += vectors.sums[j] * vectors.sums[j];
        product += vectors.sums[j] * vectors.products[j];
      }
      const float pivot = corner + jitter - warp_sum(square);
      const float bias = (*memory.shared_word(0) - warp_sum(product)) / pivot;
      if (threadIdx.x == 0) {
        *verdict = static_cast<int>(pivot > least_pivot);
        *memory.shared_word(3) = bias;
      }
    }
    __syncthreads();
    if (*verdict == 0) {
      return false;
    }
    const float bias = *memory.shared_word(3);
    for (int j = static_cast<int>(threadIdx.x); j < K; j += RowShape<K>::threads) {
      vectors.products[j] -= bias * vectors.sums[j];
    }
    if (threadIdx.x == 0) {
      task.solved_biases[row] = bias;
    }
    __syncthreads();
  } else if (threadIdx.x == 0) {
    task.solved_biases[row] = 0;
  }
  solve_transposed(matrix, vectors.inverse_diagonal, vectors.products, K);
  for (int j = static_cast<int>(threadIdx.x); j < K; j += RowShape<K>::threads) {
    task.solved[row * K + j] = vectors.products[j];
  }
  return true;
}

/// Solves a row whose sums `put_sums` brings to shared memory, again for every try. Where the
/// matrix is singular to float's precision its whole diagonal gets 1e-6 · trace ÷ order, ten times
/// more at each further try, and the row counts as repaired.
template <int K, typename PutSums>
__device__ void solve_with_tries(const AlsTask& task, const RowMemory<K>& memory, std::int64_t row,
                                 std::int64_t count, PutSums put_sums) {
  float jitter = 0;
  float trace = 0;
  for (int tries = 0; tries <= most_tries; ++tries) {
    put_sums();
    if (solve_row(task, memory, row, count, jitter, trace)) {
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
    __syncthreads();  // nobody reads the sums of this try any more
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
template <int K>
__global__ void __launch_bounds__(RowShape<K>::threads)
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
  solve_with_tries(task, memory, row, end - first, [&] {
    RowSums<K> sums;
    sum_ratings(task, memory, first, end, sums);
    store_sums(memory, sums);
  });
}

/// A block per part of a long row: its sums go to `workspace` [parts, part_floats].
template <int K>
__global__ void __launch_bounds__(RowShape<K>::threads)
    sum_parts(AlsTask task, DeviceSpan<const RowPart> parts, DeviceSpan<float> workspace) {
  ALSATIAN_SHARED_MEMORY(float, pool);
  using Shape = RowShape<K>;
  const RowMemory<K> memory{pool};
  const RowPart part = parts[blockIdx.x];
  RowSums<K> sums;
  sum_ratings(task, memory, part.first, part.first + part.count, sums);
  float* const target = workspace.data() + blockIdx.x * Shape::part_floats;
  const LowerMatrix matrix{target};
  float* const products = target + Shape::matrix_floats;
  with_warp<Shape::warps>([&]<int Warp>() {
    visit_sums<K, Warp>(
        sums, [&](int row, int column, float value) { matrix.row(row)[column] = value; },
        [&](int row, float product, float sum) {
          products[row] = product;
          products[K + row] = sum;
        });
  });
  if (threadIdx.x < device::warp_lanes) {
    const float total = warp_sum(sums.total);
    if (threadIdx.x == 0) {
      products[2 * K] = total;
    }
  }
}

/// A block per long row: the sums of its parts are added in their order, then solved.
template <int K>
__global__ void __launch_bounds__(RowShape<K>::threads)
    solve_split_rows(AlsTask task, DeviceSpan<const SplitRow> rows,
                     DeviceSpan<const float> workspace) {
  ALSATIAN_SHARED_MEMORY(float, pool);
  using Shape = RowShape<K>;
  const RowMemory<K> memory{pool};
  const SplitRow split = rows[blockIdx.x];
  const std::int64_t count = task.offsets[split.row + 1] - task.offsets[split.row];
  const float* const source = workspace.data() + split.first_part * Shape::part_floats;
  const auto sum_of_parts = [&](int index) {
    float sum = 0;
    for (int part = 0; part < split.parts; ++part) {
      sum += source[part * Shape::part_floats + index];
    }
    return sum;
  };
  solve_with_tries(task, memory, split.row, count, [&] {
    const SolveVectors vectors = memory.vectors();
    for (int i = static_cast<int>(threadIdx.x); i < Shape::matrix_floats; i += Shape::threads) {
      memory.pool[i] = sum_of_parts(i);
    }
    for (int j = static_cast<int>(threadIdx.x); j < K; j += Shape::threads) {
      vectors.products[j] = sum_of_parts(Shape::matrix_floats + j);
      vectors.sums[j] = sum_of_parts(Shape::matrix_floats + K + j);
    }
    if (threadIdx.x == 0) {
      *memory.shared_word(0) = sum_of_parts(Shape::matrix_floats + 2 * K);
    }
    __syncthreads();
  });
}

}  // namespace alsatian::cuda
