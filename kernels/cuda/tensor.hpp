// Products of small matrices on tensor cores with the accuracy of float: each operand is split
// into two TF32 parts, and three of the four products are summed, small ones first.
#pragma once

#include "kernels/cuda/device.hpp"

namespace alsatian::cuda {

/// value = high + low up to 2⁻²² of it: high is the first 10 bits of its fraction, low the next,
/// rounded.
struct SplitFloat {
  std::uint32_t high;
  std::uint32_t low;

  __device__ static SplitFloat of(float value) {
    const std::uint32_t high = __float_as_uint(value) & 0xFFFFE000U;
    return {high, device::to_tf32(value - __uint_as_float(high))};
  }
};

/// The 16 × 8 result of a warp: lane l holds rows l / 4 and l / 4 + 8, columns 2 (l % 4) and the
/// next.
struct Accumulator {
  float values[4] = {};

  __device__ static int row() { return static_cast<int>(threadIdx.x % device::warp_lanes / 4); }
  __device__ static int column() { return static_cast<int>(threadIdx.x % 4 * 2); }

  __device__ void load(const float* corner, int stride) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      values[i] = corner[(row() + 8 * (i / 2)) * stride + column() + i % 2];
    }
  }
  __device__ void scale(float factor) {
#pragma unroll
    for (float& value : values) {
      value *= factor;
    }
  }
  __device__ void store(float* corner, int stride) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      corner[(row() + 8 * (i / 2)) * stride + column() + i % 2] = values[i];
    }
  }
};

/// A of D += A·B, 16 × 8: rows of D, and 8 summed over.
struct LeftFragment {
  std::uint32_t high[4];
  std::uint32_t low[4];

  __device__ void set(int index, float value) {
    const SplitFloat split = SplitFloat::of(value);
    high[index] = split.high;
    low[index] = split.low;
  }
  /// A(m, k) = scale · source[m · stride + k].
  __device__ static LeftFragment of_rows(const float* source, int stride, float scale) {
    const int g = static_cast<int>(threadIdx.x % device::warp_lanes / 4);
    const int t = static_cast<int>(threadIdx.x % 4);
    LeftFragment fragment;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      fragment.set(i, scale * source[(g + 8 * (i % 2)) * stride + t + 4 * (i / 2)]);
    }
    return fragment;
  }
  /// A(m, k) = source[k · stride + m].
  __device__ static LeftFragment of_columns(const float* source, int stride) {
    const int g = static_cast<int>(threadIdx.x % device::warp_lanes / 4);
    const int t = static_cast<int>(threadIdx.x % 4);
    LeftFragment fragment;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      fragment.set(i, source[(t + 4 * (i / 2)) * stride + g + 8 * (i % 2)]);
    }
    return fragment;
  }
};

/// B of D += A·B, 8 × 8: 8 summed over, and columns of D.
struct RightFragment {
  std::uint32_t high[2];
  std::uint32_t low[2];

  __device__ void set(int index, float value) {
    const SplitFloat split = SplitFloat::of(value);
    high[index] = split.high;
    low[index] = split.low;
  }
  /// B(k, n) = source[n · stride + k].
  __device__ static RightFragment of_rows(const float* source, int stride) {
    const int g = static_cast<int>(threadIdx.x % device::warp_lanes / 4);
    const int t = static_cast<int>(threadIdx.x % 4);
    RightFragment fragment;
    fragment.set(0, source[g * stride + t]);
    fragment.set(1, source[g * stride + t + 4]);
    return fragment;
  }
  /// B(k, n) = source[k · stride + n].
  __device__ static RightFragment of_columns(const float* source, int stride) {
    const int g = static_cast<int>(threadIdx.x % device::warp_lanes / 4);
    const int t = static_cast<int>(threadIdx.x % 4);
    RightFragment fragment;
    fragment.set(0, source[t * stride + g]);
    fragment.set(1, source[(t + 4) * stride + g]);
    return fragment;
  }
};

/// result += left · right by the calling warp, errors as in float.
__device__ __forceinline__ void multiply_add(Accumulator& result, const LeftFragment& left,
                                             const RightFragment& right) {
  device::multiply_add_16x8x8(result.values, left.low, right.high);
  device::multiply_add_16x8x8(result.values, left.high, right.low);
  device::multiply_add_16x8x8(result.values, left.high, right.high);
}

}  // namespace alsatian::cuda
