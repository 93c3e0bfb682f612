// A symmetric matrix in shared memory, its lower half only, and the Cholesky solve of a block of
// threads. Panels of 16 columns: factored by one warp's shuffles, applied by tensor cores.
#pragma once

#include "kernels/cuda/tensor.hpp"

namespace alsatian::cuda {

/// Rows in groups of 16; a row of group g has 16·(g + 1) columns and a stride of 4 more, so that
/// the fragments of tensor-core instructions are read without bank conflicts.
struct LowerMatrix {
  static constexpr int group = 16;

  float* data;

  __host__ __device__ static constexpr int group_offset(int groups) {
    return 128 * groups * (groups + 1) + 64 * groups;
  }
  /// Floats of a matrix of order 16·groups.
  __host__ __device__ static constexpr int size(int groups) { return group_offset(groups); }

  __device__ float* row(int index) const {
    const int g = index / group;
    return data + group_offset(g) + index % group * (group * (g + 1) + 4);
  }
};

/// Right-hand sides and scratch of one solve, each [order], in shared memory.
struct SolveVectors {
  float* products;          // in: right-hand side; out of factor_lower: its forward solve
  float* sums;              // the same for the border
  float* inverse_diagonal;  // of the factor
};

/// 16 floats of shared memory, aligned to 16 bytes, in registers.
struct PanelRow {
  static constexpr int width = LowerMatrix::group;
  float values[width] = {};

  __device__ void load(const float* source) {
    const auto* const vectors = reinterpret_cast<const float4*>(source);
#pragma unroll
    for (int i = 0; i < width / 4; ++i) {
      const float4 four = vectors[i];
      values[4 * i] = four.x;
      values[4 * i + 1] = four.y;
      values[4 * i + 2] = four.z;
      values[4 * i + 3] = four.w;
    }
  }
  __device__ void store(float* target) const {
    auto* const vectors = reinterpret_cast<float4*>(target);
#pragma unroll
    for (int i = 0; i < width / 4; ++i) {
      vectors[i] =
          make_float4(values[4 * i], values[4 * i + 1], values[4 * i + 2], values[4 * i + 3]);
    }
  }
};

/// A warp's copy of the diagonal block of a panel: lane r < 16 holds row r, lanes 16 and 17 the
/// right-hand sides. Every warp that has rows below factors its own copy, so that nobody waits.
struct DiagonalBlock {
  PanelRow own;
  float inverse_diagonal = 0;  // of row lane % 16

  __device__ static float* source(LowerMatrix matrix, SolveVectors vectors, int first) {
    const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
    return lane == 16   ? vectors.products + first
           : lane == 17 ? vectors.sums + first
                        : matrix.row(first + lane % 16) + first;
  }

  /// Factors the block and solves `below`, the panel's part of a row further down, along with it.
  /// False, in all lanes, at the first pivot that is at most least_pivot or not a number.
  __device__ bool factor(PanelRow& below, float least_pivot) {
    const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
#pragma unroll
    for (int pivot = 0; pivot < PanelRow::width; ++pivot) {
      const float square = __shfl_sync(device::all_lanes, own.values[pivot], pivot);
      if (!(square > least_pivot)) {
        return false;
      }
      const float inverse = rsqrtf(square);  // to two units in the last place
      own.values[pivot] *= inverse;
      below.values[pivot] *= inverse;
      inverse_diagonal = lane % 16 == pivot ? inverse : inverse_diagonal;
#pragma unroll
      for (int column = pivot + 1; column < PanelRow::width; ++column) {
        const float other = __shfl_sync(device::all_lanes, own.values[pivot], column);
        own.values[column] -= own.values[pivot] * other;
        below.values[column] -= below.values[pivot] * other;
      }
    }
    return true;
  }
};

/// Factors the panel of columns [first, first + 16), a thread for each row below the diagonal
/// block, and takes it out of the right-hand sides below. The block itself and the right-hand
/// sides beside it stay as they were: `block` of warp 0 has them. A warp without rows does nothing.
__device__ inline bool factor_panel(LowerMatrix matrix, SolveVectors vectors, int first, int order,
                                    float least_pivot, DiagonalBlock& block) {
  const int row = first + PanelRow::width + static_cast<int>(threadIdx.x);
  const bool there = row < order;
  const int first_of_warp = row - static_cast<int>(threadIdx.x % device::warp_lanes);
  if (threadIdx.x >= device::warp_lanes && first_of_warp >= order) {
    return true;
  }
  block.own.load(DiagonalBlock::source(matrix, vectors, first));
  PanelRow below;
  if (there) {
    below.load(matrix.row(row) + first);
  }
  if (!block.factor(below, least_pivot)) {
    return false;
  }
  float product = 0;
  float sum = 0;
#pragma unroll
  for (int column = 0; column < PanelRow::width; ++column) {
    const float value = below.values[column];
    product += value * __shfl_sync(device::all_lanes, block.own.values[column], 16);
    sum += value * __shfl_sync(device::all_lanes, block.own.values[column], 17);
  }
  if (there) {
    below.store(matrix.row(row) + first);
    vectors.products[row] -= product;
    vectors.sums[row] -= sum;
  }
  return true;
}

/// What is right of the panel, less the product of the panel with its transpose: 16 × 8 tiles of
/// the lower half, dealt to the warps.
__device__ inline void update_trailing(LowerMatrix matrix, int first, int groups) {
  constexpr int width = LowerMatrix::group;
  const int warp = static_cast<int>(threadIdx.x / device::warp_lanes);
  const int warps = static_cast<int>(blockDim.x / device::warp_lanes);
  const int next = first / width + 1;  // group of rows
  int tile = 0;
  for (int group = next; group < groups; ++group) {
    for (int columns = 2 * next; columns < 2 * group + 2; ++columns, ++tile) {
      if (tile % warps != warp) {
        continue;
      }
      Accumulator target;
      float* const corner = matrix.row(group * width) + columns * 8;
      const int stride = width * (group + 1) + 4;
      target.load(corner, stride);
#pragma unroll
      for (int step = 0; step < width; step += 8) {
        const LeftFragment left =
            LeftFragment::of_rows(matrix.row(group * width) + first + step, stride, -1.0F);
        const int other = columns * 8;
        const RightFragment right = RightFragment::of_rows(matrix.row(other) + first + step,
                                                           width * (other / width + 1) + 4);
        multiply_add(target, left, right);
      }
      target.store(corner, stride);
    }
  }
}

/// Factors the lower half A = LLᵀ in place and replaces products and sums by L⁻¹ times them.
/// order: a multiple of 16. All threads of the block call it; false, in all of them, where a pivot
/// is at most least_pivot or not a number. `verdict` is a word of shared memory. The threads are as
/// many as the rows below the first panel, or more.
__device__ inline bool factor_lower(LowerMatrix matrix, SolveVectors vectors, int order,
                                    float least_pivot, int* verdict) {
  const int lane = static_cast<int>(threadIdx.x);
  for (int first = 0; first < order; first += LowerMatrix::group) {
    DiagonalBlock block;
    const bool factored = factor_panel(matrix, vectors, first, order, least_pivot, block);
    if (threadIdx.x == 0) {
      *verdict = static_cast<int>(factored);
    }
    __syncthreads();
    if (*verdict == 0) {
      return false;
    }
    // Only now has every warp read the block.
    if (lane < LowerMatrix::group + 2) {
      block.own.store(DiagonalBlock::source(matrix, vectors, first));
    }
    if (lane < LowerMatrix::group) {
      vectors.inverse_diagonal[first + lane] = block.inverse_diagonal;
    }
    update_trailing(matrix, first, order / LowerMatrix::group);
    __syncthreads();
  }
  return true;
}

/// Replaces `values` [order] by L⁻ᵀ times them; order ≤ Most. One warp does it, a lane for every
/// 32nd value; all threads of the block call it, and see the result.
template <int Most>
__device__ void solve_transposed(LowerMatrix matrix, const float* inverse_diagonal, float* values,
                                 int order) {
  constexpr int words = (Most + 31) / 32;
  if (threadIdx.x < device::warp_lanes) {
    const int lane = static_cast<int>(threadIdx.x);
    float left[words];
    float inverses[words];
#pragma unroll
    for (int word = 0; word < words; ++word) {
      const int row = 32 * word + lane;
      left[word] = row < order ? values[row] : 0.0F;
      inverses[word] = row < order ? inverse_diagonal[row] : 0.0F;
    }
#pragma unroll
    for (int word = words - 1; word >= 0; --word) {
      const int last = order - 32 * word < 32 ? order - 32 * word - 1 : 31;
#pragma unroll 8
      for (int solved = last; solved >= 0; --solved) {
        // The rows of the solved value's column are a row of the lower half.
        const float* const row = matrix.row(32 * word + solved);
        const float known = __shfl_sync(device::all_lanes, left[word] * inverses[word], solved);
#pragma unroll
        for (int above = 0; above < word; ++above) {
          left[above] -= row[32 * above + lane] * known;
        }
        left[word] = lane == solved  ? known
                     : lane < solved ? left[word] - row[32 * word + lane] * known
                                     : left[word];
      }
      if (32 * word + lane < order) {
        values[32 * word + lane] = left[word];
      }
    }
  }
  __syncthreads();
}

}  // namespace alsatian::cuda
