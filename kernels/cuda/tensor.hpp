// Pieces of small matrices as tensor cores take them, with the accuracy of float: each operand is
// split into two TF32 parts, and three of the four products are summed, small ones first.
#pragma once

#include "kernels/cuda/device.hpp"

namespace alsatian::cuda {

/// value = high + low up to 2⁻²² of it: high is the first 10 bits of its fraction, low the next,
/// rounded.
struct SplitFloat {
  static constexpr std::uint32_t high_bits = 0xFFFFE000U;

  __device__ static float low(float value) {
    const float high = __uint_as_float(__float_as_uint(value) & high_bits);
    return __uint_as_float(device::to_tf32(value - high));
  }
};

/// The 16 × 8 result of a warp: lane l holds rows l / 4 and l / 4 + 8, columns 2 (l % 4) and the
/// next.
struct Accumulator {
  float values[4] = {};

  __device__ static int row() { return static_cast<int>(threadIdx.x % device::warp_lanes / 4); }
  __device__ static int column() { return static_cast<int>(threadIdx.x % 4 * 2); }

  /// The corner is aligned to 8 bytes, and the stride is even.
  __device__ __forceinline__ void load(const float* corner, int stride) {
    const float* const source = corner + row() * stride + column();
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const float2 pair = *reinterpret_cast<const float2*>(source + 8 * i * stride);
      values[2 * i] = pair.x;
      values[2 * i + 1] = pair.y;
    }
  }
  __device__ __forceinline__ void scale(float factor) {
#pragma unroll
    for (float& value : values) {
      value *= factor;
    }
  }
  __device__ __forceinline__ void store(float* corner, int stride) const {
    float* const target = corner + row() * stride + column();
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      *reinterpret_cast<float2*>(target + 8 * i * stride) =
          make_float2(values[2 * i], values[2 * i + 1]);
    }
  }
};

/// 16 rows of 16 columns as an operand: high and low parts, columns in two steps of eight.
struct SplitFragment {
  std::uint32_t high[2][4];
  std::uint32_t low[2][4];

  /// `values` and `parts` are the calling lane's addresses of load_matrices, `sign` is 0 or the
  /// sign bit, which negates the operand.
  __device__ __forceinline__ void load(const float* values, const float* parts,
                                       std::uint32_t sign) {
#pragma unroll
    for (int step = 0; step < 2; ++step) {
      device::load_matrices(high[step], values + 8 * step);
      device::load_matrices(low[step], parts + 8 * step);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        high[step][i] = (high[step][i] & SplitFloat::high_bits) ^ sign;
        low[step][i] ^= sign;
      }
    }
  }
  /// Where the calling lane's row of A begins, in words: rows l % 8 of the quarters.
  __device__ static int left_place(int stride) {
    const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
    return (lane % 8 + lane / 8 % 2 * 8) * stride + lane / 16 * 4;
  }
  /// The same of B, whose registers are those of eight columns of D after the other.
  __device__ static int right_place(int stride) {
    const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
    return (lane % 8 + lane / 16 * 8) * stride + lane / 8 % 2 * 4;
  }
};

/// result += left · rightᵀ by the calling warp for eight of the right operand's rows, the first or
/// the second: errors as in float.
__device__ __forceinline__ void multiply_add(Accumulator& result, const SplitFragment& left,
                                             const SplitFragment& right, int eight) {
  const auto add = [&](const std::uint32_t(&a)[4], const std::uint32_t(&b)[4]) {
    const std::uint32_t pair[2] = {b[2 * eight], b[2 * eight + 1]};
    device::multiply_add_16x8x8(result.values, a, pair);
  };
#pragma unroll
  for (int step = 0; step < 2; ++step) {
    add(left.low[step], right.high[step]);
    add(left.high[step], right.low[step]);
  }
#pragma unroll
  for (int step = 0; step < 2; ++step) {
    add(left.high[step], right.high[step]);
  }
}

}  // namespace alsatian::cuda
