// A symmetric matrix in shared memory, its lower half only, and the Cholesky solve of a block of
// threads. Panels of 16 columns: factored by shuffles of a warp, a lane to a row, applied by tensor
// cores. Nothing branches on a pivot: a matrix that has none of use is factored to its end.
#pragma once

#include "kernels/cuda/panel_row.hpp"
#include "kernels/cuda/tensor.hpp"

namespace alsatian::cuda {

/// Rows in groups of 16; a row of group g has 16·(g + 1) columns and a stride of 4 more, so that
/// the fragments of tensor-core instructions are read without bank conflicts.
struct LowerMatrix {
  static constexpr int group = PanelRow::width;

  float* data;

  __host__ __device__ static constexpr int group_offset(int groups) {
    return 128 * groups * (groups + 1) + 64 * groups;
  }
  /// Floats of a matrix of order 16·groups.
  __host__ __device__ static constexpr int size(int groups) { return group_offset(groups); }
  /// Floats from a row of a group to the next.
  __host__ __device__ static constexpr int stride(int of_group) {
    return group * (of_group + 1) + 4;
  }

  /// The first row of a group.
  __device__ float* rows(int of_group) const { return data + group_offset(of_group); }
  __device__ float* row(int index) const {
    const int g = index / group;
    return rows(g) + index % group * stride(g);
  }
};

/// What SplitFloat leaves over of a panel's rows below the diagonal block, which the products take.
struct LowParts {
  static constexpr int stride = 20;

  float* data;

  /// Floats for a matrix of order 16·groups, which has rows below the first block alone.
  __host__ __device__ static constexpr int size(int groups) {
    return LowerMatrix::group * (groups - 1) * stride;
  }
  __device__ float* row(int index) const { return data + (index - LowerMatrix::group) * stride; }
};

/// Right-hand sides and scratch of one solve, each [order], in shared memory.
struct SolveVectors {
  float* products;          // in: right-hand side; out of factor_lower: its forward solve
  float* sums;              // the same for the border
  float* inverse_diagonal;  // of the factor
};

/// The threads that solve one matrix: all of their block.
template <int Warps>
struct Team {
  __device__ static void synchronize() {
    if constexpr (Warps == 1) {
      __syncwarp();
    } else {
      __syncthreads();
    }
  }
  /// Whether the calling warp is the one that does what one warp does for all.
  __device__ static bool is_first_warp() { return Warps == 1 || device::warp_index() == 0; }
  /// What the first warp, whose lanes are all of one mind, says, in all threads; a barrier. `word`
  /// is shared memory.
  __device__ static bool agree_with_first(bool answer, int* word) {
    if (threadIdx.x == 0) {
      *word = static_cast<int>(answer);
    }
    __syncthreads();
    return *word != 0;
  }
};

/// A warp's copy of the diagonal block of a panel: lane r < 16 holds row r, lanes 16 and 17 the
/// right-hand sides. Every warp that has rows below factors its own copy, so that nobody waits.
struct DiagonalBlock {
  PanelRow own;
  bool regular = true;  // every pivot so far is large enough, the same in all lanes

  __device__ static float* source(LowerMatrix matrix, SolveVectors vectors, int panel) {
    const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
    const int first = panel * LowerMatrix::group;
    return lane == 16   ? vectors.products + first
           : lane == 17 ? vectors.sums + first
                        : matrix.rows(panel) + lane % 16 * LowerMatrix::stride(panel) + first;
  }
};

/// Factors the block, and with it `Sets` rows a lane that stand further down.
template <int Sets>
__device__ __forceinline__ void factor_block(DiagonalBlock& block, PanelRow (&below)[Sets],
                                             float least_pivot, float* inverse_diagonal) {
#pragma unroll
  for (int pivot = 0; pivot < PanelRow::width; ++pivot) {
    const float square = __shfl_sync(device::all_lanes, block.own.values[pivot], pivot);
    block.regular = block.regular && square > least_pivot;
    const float inverse = device::inverse_root(square);
    block.own.values[pivot] *= inverse;
#pragma unroll
    for (PanelRow& row : below) {
      row.values[pivot] *= inverse;
    }
    if (threadIdx.x == 0) {
      inverse_diagonal[pivot] = inverse;
    }
#pragma unroll
    for (int column = pivot + 1; column < PanelRow::width; ++column) {
      const float other = __shfl_sync(device::all_lanes, block.own.values[pivot], column);
      block.own.values[column] -= block.own.values[pivot] * other;
#pragma unroll
      for (PanelRow& row : below) {
        row.values[column] -= row.values[pivot] * other;
      }
    }
  }
}

/// Factors a panel of 16 columns, `Sets` rows a lane below the diagonal block from `first_row` on
/// and every 32nd, and takes it out of their right-hand sides. The block itself and the right-hand
/// sides beside it stay as they were in memory: what is returned has them.
template <int Sets>
__device__ __forceinline__ DiagonalBlock factor_panel(LowerMatrix matrix, LowParts low,
                                                      SolveVectors vectors, int panel, int order,
                                                      int first_row, float least_pivot) {
  const int first = panel * LowerMatrix::group;
  const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
  DiagonalBlock block;
  block.own.load(DiagonalBlock::source(matrix, vectors, panel));
  PanelRow below[Sets];
#pragma unroll
  for (int set = 0; set < Sets; ++set) {
    const int row = first_row + 32 * set + lane;
    if (row < order) {
      below[set].load(matrix.row(row) + first);
    }
  }
  factor_block(block, below, least_pivot, vectors.inverse_diagonal + first);
  float products[Sets] = {};
  float sums[Sets] = {};
#pragma unroll
  for (int column = 0; column < PanelRow::width; ++column) {
    const float product = __shfl_sync(device::all_lanes, block.own.values[column], 16);
    const float sum = __shfl_sync(device::all_lanes, block.own.values[column], 17);
#pragma unroll
    for (int set = 0; set < Sets; ++set) {
      products[set] += below[set].values[column] * product;
      sums[set] += below[set].values[column] * sum;
    }
  }
#pragma unroll
  for (int set = 0; set < Sets; ++set) {
    const int row = first_row + 32 * set + lane;
    if (row < order) {
      below[set].store(matrix.row(row) + first);
      vectors.products[row] -= products[set];
      vectors.sums[row] -= sums[set];
#pragma unroll
      for (float& value : below[set].values) {
        value = __uint_as_float(SplitFloat::low(value));
      }
      below[set].store(low.row(row));
    }
  }
  return block;
}

/// The last panel's block, or that of a warp whose rows are another's.
__device__ __forceinline__ DiagonalBlock factor_panel_alone(LowerMatrix matrix,
                                                            SolveVectors vectors, int panel,
                                                            float least_pivot) {
  DiagonalBlock block;
  block.own.load(DiagonalBlock::source(matrix, vectors, panel));
  PanelRow none[1];
  factor_block(block, none, least_pivot, vectors.inverse_diagonal + panel * LowerMatrix::group);
  return block;
}

/// What is right of the panel, less the product of the panel with its transpose: the lower half in
/// pieces of 16 × 16. Groups of rows are dealt to the warps there and back, so that all have about
/// as many pieces; above eight warps two share a group, one taking every other piece.
template <int Warps>
__device__ __forceinline__ void update_trailing(LowerMatrix matrix, LowParts low, int panel,
                                                int groups) {
  constexpr int width = LowerMatrix::group;
  constexpr int sharers = Warps > 8 ? 2 : 1;
  constexpr int teams = Warps / sharers;
  const int warp = device::warp_index();
  const int team = warp / sharers;
  for (int round = 0;; ++round) {
    const int group = groups - 1 - round * teams - (round % 2 == 0 ? team : teams - 1 - team);
    if (group <= panel) {
      break;
    }
    const int stride = LowerMatrix::stride(group);
    float* const rows = matrix.rows(group);
    SplitRows left;
    left.load_negative(rows + SplitRows::place(stride) + panel * width,
                       low.row(group * width) + SplitRows::place(LowParts::stride));
    for (int columns = panel + 1 + warp % sharers; columns <= group; columns += sharers) {
      float* const corner = rows + columns * width;
      Accumulator first;
      Accumulator second;
      first.load(corner, stride);
      second.load(corner + 8, stride);
      SplitColumns right;
      right.load(
          matrix.rows(columns) + SplitColumns::place(LowerMatrix::stride(columns)) + panel * width,
          low.row(columns * width) + SplitColumns::place(LowParts::stride));
      multiply_add(first, left, right, 0);
      multiply_add(second, left, right, 1);
      first.store(corner, stride);
      second.store(corner + 8, stride);
    }
  }
}

/// Factors the lower half A = LLᵀ of order 16·groups in place and replaces products and sums by
/// L⁻¹ times them. All threads of the block call it; `Sets`, 1 or 2, times as many are at least the
/// rows below the first block. In the first warp: whether every pivot is a number above
/// least_pivot, which is one of the normal floats.
template <int Warps, int Sets>
__device__ __forceinline__ bool factor_lower(LowerMatrix matrix, LowParts low, SolveVectors vectors,
                                             int groups, float least_pivot) {
  constexpr int width = LowerMatrix::group;
  const int order = width * groups;
  const int warp = device::warp_index();
  bool regular = true;
  for (int panel = 0; panel < groups; ++panel) {
    const int first_row = width * (panel + 1) + 32 * Sets * warp;
    DiagonalBlock block;
    if (Sets == 2 && first_row + 32 < order) {
      block = factor_panel<2>(matrix, low, vectors, panel, order, first_row, least_pivot);
    } else if (first_row < order) {
      block = factor_panel<1>(matrix, low, vectors, panel, order, first_row, least_pivot);
    } else if (warp == 0) {
      block = factor_panel_alone(matrix, vectors, panel, least_pivot);
    }
    regular = regular && block.regular;
    Team<Warps>::synchronize();  // every warp has read the block, and the rows below are there
    if (threadIdx.x < width + 2) {
      block.own.store(DiagonalBlock::source(matrix, vectors, panel));
    }
    update_trailing<Warps>(matrix, low, panel, groups);
    Team<Warps>::synchronize();
  }
  return regular;
}

/// Replaces `values` [16·groups] by L⁻¹ times them. The calling warp does it, and sees the result;
/// others see it after a barrier. Not unrolled: it is to take few registers.
__device__ __forceinline__ void solve_forward(LowerMatrix matrix, const float* inverse_diagonal,
                                              float* values, int groups) {
  constexpr int width = LowerMatrix::group;
  const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
#pragma unroll 1
  for (int panel = 0; panel < groups; ++panel) {
    const int first = width * panel;
    const int own_row = first + lane % width;
    PanelRow row;
    row.load(matrix.row(own_row) + first);
    float own = values[own_row];
#pragma unroll
    for (int column = 0; column < width; ++column) {
      const float known =
          __shfl_sync(device::all_lanes, own, column) * inverse_diagonal[first + column];
      own = lane % width == column  ? known
            : lane % width > column ? own - row.values[column] * known
                                    : own;
    }
    __syncwarp();  // all have read
    if (lane < width) {
      values[own_row] = own;
    }
    __syncwarp();
#pragma unroll 1
    for (int below = first + width + lane; below < width * groups; below += 32) {
      row.load(matrix.row(below) + first);
      PanelRow known;
      known.load(values + first);
      float sum = 0;
#pragma unroll
      for (int column = 0; column < width; ++column) {
        sum += row.values[column] * known.values[column];
      }
      values[below] -= sum;
    }
    __syncwarp();
  }
}

/// Replaces `values` [16·groups] by L⁻ᵀ times them; 16·groups ≤ Most. The calling warp does it, a
/// lane for every 32nd value; others see the result after a barrier.
template <int Most>
__device__ __forceinline__ void solve_transposed(LowerMatrix matrix, const float* inverse_diagonal,
                                                 float* values, int groups) {
  constexpr int words = (Most + 31) / 32;
  constexpr int width = LowerMatrix::group;
  const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
  const int order = width * groups;
  float left[words];
  float inverses[words];
#pragma unroll
  for (int word = 0; word < words; ++word) {
    const int row = 32 * word + lane;
    left[word] = row < order ? values[row] : 0.0F;
    inverses[word] = row < order ? inverse_diagonal[row] : 0.0F;
  }
  unrolled<2 * words>([&]<int Index>() {
    constexpr int group = 2 * words - 1 - Index;
    constexpr int word = group / 2;
    if (group < groups) {
      // The rows of a solved value's column are a row of the lower half.
      const float* const rows = matrix.rows(group) + lane;
#pragma unroll
      for (int row = width - 1; row >= 0; --row) {
        const int solved = group % 2 * width + row;
        const float* const source = rows + row * LowerMatrix::stride(group);
        const float known = __shfl_sync(device::all_lanes, left[word] * inverses[word], solved);
#pragma unroll
        for (int above = 0; above < word; ++above) {
          left[above] -= source[32 * above] * known;
        }
        if (lane < solved) {
          left[word] -= source[32 * word] * known;
        }
      }
    }
  });
#pragma unroll
  for (int word = 0; word < words; ++word) {
    if (32 * word + lane < order) {
      values[32 * word + lane] = left[word] * inverses[word];
    }
  }
}

}  // namespace alsatian::cuda
