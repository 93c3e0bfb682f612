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

/// One warp factors the diagonal block of panel [first, first + 16) and forward-solves the two
/// right-hand sides within it. Lane r < 16 holds row r of the block, lanes 16 and 17 the sides.
/// False, in all lanes, at the first pivot that is at most least_pivot or not a number.
__device__ inline bool factor_diagonal(LowerMatrix matrix, SolveVectors vectors, int first,
                                       float least_pivot) {
  constexpr int order = LowerMatrix::group;
  const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
  float* const source = lane == order       ? vectors.products + first
                        : lane == order + 1 ? vectors.sums + first
                                            : matrix.row(first + lane % order) + first;
  float values[order];
#pragma unroll
  for (int column = 0; column < order; ++column) {
    values[column] = source[column];
  }
#pragma unroll
  for (int pivot = 0; pivot < order; ++pivot) {
    const float square = __shfl_sync(device::all_lanes, values[pivot], pivot);
    if (!(square > least_pivot)) {
      return false;
    }
    const float inverse = rsqrtf(square);  // to 2 units in the last place
    values[pivot] *= inverse;
    if (lane == pivot) {
      vectors.inverse_diagonal[first + pivot] = inverse;
    }
#pragma unroll
    for (int column = pivot + 1; column < order; ++column) {
      values[column] -= values[pivot] * __shfl_sync(device::all_lanes, values[pivot], column);
    }
  }
  if (lane < order + 2) {
#pragma unroll
    for (int column = 0; column < order; ++column) {
      source[column] = values[column];  // above the diagonal: never read
    }
  }
  return true;
}

/// Rows below the diagonal block of the panel, a thread each: solved for, and taken out of the
/// right-hand sides.
__device__ inline void solve_below(LowerMatrix matrix, SolveVectors vectors, int first, int order) {
  constexpr int width = LowerMatrix::group;
  for (int row = first + width + static_cast<int>(threadIdx.x); row < order;
       row += static_cast<int>(blockDim.x)) {
    float* const target = matrix.row(row) + first;
    float values[width];
    float product = vectors.products[row];
    float sum = vectors.sums[row];
#pragma unroll
    for (int column = 0; column < width; ++column) {
      const float* const diagonal = matrix.row(first + column) + first;
      float value = target[column];
#pragma unroll
      for (int known = 0; known < column; ++known) {
        value -= values[known] * diagonal[known];
      }
      value *= vectors.inverse_diagonal[first + column];
      values[column] = value;
      product -= value * vectors.products[first + column];
      sum -= value * vectors.sums[first + column];
    }
#pragma unroll
    for (int column = 0; column < width; ++column) {
      target[column] = values[column];
    }
    vectors.products[row] = product;
    vectors.sums[row] = sum;
  }
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
/// is at most least_pivot or not a number. `verdict` is a word of shared memory.
__device__ inline bool factor_lower(LowerMatrix matrix, SolveVectors vectors, int order,
                                    float least_pivot, int* verdict) {
  for (int first = 0; first < order; first += LowerMatrix::group) {
    if (threadIdx.x < device::warp_lanes) {
      const bool factored = factor_diagonal(matrix, vectors, first, least_pivot);
      if (threadIdx.x == 0) {
        *verdict = static_cast<int>(factored);
      }
    }
    __syncthreads();
    if (*verdict == 0) {
      return false;
    }
    solve_below(matrix, vectors, first, order);
    __syncthreads();
    update_trailing(matrix, first, order / LowerMatrix::group);
    __syncthreads();
  }
  return true;
}

/// Replaces `values` [order] by L⁻ᵀ times them. All threads of the block call it.
__device__ inline void solve_transposed(LowerMatrix matrix, const float* inverse_diagonal,
                                        float* values, int order) {
  constexpr int width = LowerMatrix::group;
  const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
  for (int first = order - width; first >= 0; first -= width) {
    if (threadIdx.x < device::warp_lanes) {
      const int own = lane % width;
      float value = values[first + own];
      float solved = 0;
#pragma unroll
      for (int column = width - 1; column >= 0; --column) {
        const float known =
            __shfl_sync(device::all_lanes, value, column) * inverse_diagonal[first + column];
        solved = own == column ? known : solved;
        value -= own < column ? matrix.row(first + column)[first + own] * known : 0.0F;
      }
      if (lane < width) {
        values[first + lane] = solved;
      }
    }
    __syncthreads();
    for (int row = static_cast<int>(threadIdx.x); row < first;
         row += static_cast<int>(blockDim.x)) {
      float value = values[row];
#pragma unroll
      for (int column = 0; column < width; ++column) {
        value -= matrix.row(first + column)[row] * values[first + column];
      }
      values[row] = value;
    }
    __syncthreads();
  }
}

}  // namespace alsatian::cuda
