// Pieces of small matrices as tensor cores take them, with the accuracy of float: each operand is
// split into two TF32 parts, and three of the four products are summed, small ones first.
#pragma once

#include "kernels/cuda/device.hpp"
#include "kernels/cuda/unrolled.hpp"

namespace alsatian::cuda {

/// value = high + low up to 2⁻²² of it: high is the first 10 bits of its fraction, low the next,
/// rounded. Both as the unit takes them, which reads the first 19 bits of an operand alone.
struct SplitFloat {
  static constexpr std::uint32_t read_bits = 0xFFFFE000U;
  static constexpr std::uint32_t half_a_unit = 0x1000U;  // in the last place that is read

  __device__ static std::uint32_t high(float value) { return __float_as_uint(value); }
  __device__ static std::uint32_t low(float value) {
    const float read = __uint_as_float(__float_as_uint(value) & read_bits);
    return __float_as_uint(value - read) + half_a_unit;
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

/// 16 rows of 16 columns as the left operand of products: high and low parts, columns in two steps
/// of eight.
struct SplitRows {
  std::uint32_t high[2][4];
  std::uint32_t low[2][4];

  /// Out of shared memory, and negated. `values` and `parts`, which has what SplitFloat leaves
  /// over, are the calling lane's addresses of load_matrices.
  __device__ __forceinline__ void load_negative(const float* values, const float* parts) {
    constexpr std::uint32_t sign = 0x80000000U;
#pragma unroll
    for (int step = 0; step < 2; ++step) {
      device::load_matrices(high[step], values + 8 * step);
      device::load_matrices(low[step], parts + 8 * step);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        high[step][i] ^= sign;
        low[step][i] ^= sign;
      }
    }
  }
  /// Where the calling lane's row begins, in words: rows l % 8 of the quarters.
  __device__ static int place(int stride) {
    const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
    return (lane % 8 + lane / 8 % 2 * 8) * stride + lane / 16 * 4;
  }
};

/// The same as the right operand, whose columns the 16 rows are: the first eight have the first two
/// registers of a step.
struct SplitColumns {
  std::uint32_t high[2][4];
  std::uint32_t low[2][4];

  __device__ __forceinline__ void load(const float* values, const float* parts) {
#pragma unroll
    for (int step = 0; step < 2; ++step) {
      device::load_matrices(high[step], values + 8 * step);
      device::load_matrices(low[step], parts + 8 * step);
    }
  }
  __device__ static int place(int stride) {
    const int lane = static_cast<int>(threadIdx.x % device::warp_lanes);
    return (lane % 8 + lane / 16 * 8) * stride + lane / 8 % 2 * 4;
  }

  /// Of what products left in accumulators, columns 0 to 7 and 8 to 15. A lane holds columns 2t and
  /// 2t + 1 of them where an operand has t and t + 4: they go with as_rows of such fragments alone.
  __device__ __forceinline__ static SplitColumns held(const Accumulator& left,
                                                      const Accumulator& right) {
    SplitColumns columns;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      columns.high[0][i] = SplitFloat::high(left.values[i]);
      columns.high[1][i] = SplitFloat::high(right.values[i]);
      columns.low[0][i] = SplitFloat::low(left.values[i]);
      columns.low[1][i] = SplitFloat::low(right.values[i]);
    }
    return columns;
  }
  /// The same 16 rows as the left operand: the registers are the same in another order.
  __device__ __forceinline__ SplitRows as_rows() const {
    SplitRows rows;
#pragma unroll
    for (int step = 0; step < 2; ++step) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        rows.high[step][i] = high[step][i % 2 * 2 + i / 2];
        rows.low[step][i] = low[step][i % 2 * 2 + i / 2];
      }
    }
    return rows;
  }
};

/// Products of parts that make one of two operands: all but those of two low parts.
inline constexpr int split_terms = 6;

/// Adds a term of left · rightᵀ for eight of the right operand's rows, the first or the second; the
/// small terms come first.
template <int Term>
__device__ __forceinline__ void add_term(Accumulator& result, const SplitRows& left,
                                         const SplitColumns& right, int eight) {
  static_assert(Term >= 0 && Term < split_terms);
  constexpr bool both_high = Term >= 4;
  constexpr int step = both_high ? Term - 4 : Term / 2;
  const auto add = [&](const std::uint32_t(&a)[4], const std::uint32_t(&b)[4]) {
    const std::uint32_t pair[2] = {b[2 * eight], b[2 * eight + 1]};
    device::multiply_add_16x8x8(result.values, a, pair);
  };
  if constexpr (both_high) {
    add(left.high[step], right.high[step]);
  } else if constexpr (Term % 2 == 0) {
    add(left.low[step], right.high[step]);
  } else {
    add(left.high[step], right.low[step]);
  }
}

/// result += left · rightᵀ by the calling warp for eight of the right operand's rows: errors as in
/// float.
__device__ __forceinline__ void multiply_add(Accumulator& result, const SplitRows& left,
                                             const SplitColumns& right, int eight) {
  unrolled<split_terms>([&]<int Term>() { add_term<Term>(result, left, right, eight); });
}

}  // namespace alsatian::cuda
