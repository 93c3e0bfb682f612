// A table of factors as sums of two halves each, for tensor cores: products of half precision that
// are as exact as float's. Or the high one alone, where speed matters more. Made anew from the
// table before each half-sweep that reads it.
//   s·q = high + low,  s the power of two that brings the largest |q| to [2^14, 2^15)
#pragma once

#include "kernels/cuda/memory.hpp"

#include <cstdint>

namespace alsatian::cuda {

/// What stands for a factor in sums over ratings.
enum class Halves {
  one = 1,  // |s·q − high| ≤ 2^−11 s|q| + 2^−25
  two = 2,  // as exact as float
};
__host__ __device__ constexpr int count_of(Halves halves) { return static_cast<int>(halves); }

/// A row of padded rank K is K / 2 words of high parts, two to a word, and behind them as many of
/// low ones. Where one half stands for a factor the low parts are read of short rows alone.
/// |s·q − high − low| ≤ 2^−23 s|q| + 2^−25: float's roundoff where |q| is above 2^−16 of the
/// largest, and less than 2^−39 of the largest everywhere.
struct SplitTable {
  DeviceSpan<const std::uint32_t> words;    // [rows, K]
  DeviceSpan<const std::uint32_t> largest;  // [1], the bits of the largest |q|
};

/// s, and 1/s: exact, as are their squares.
struct SplitScale {
  float scale;
  float inverse;

  /// 1 where nothing can be said of the table: all its values are 0, or one is no number.
  __device__ static SplitScale of(std::uint32_t largest) {
    const int exponent = static_cast<int>(largest >> 23);
    if (exponent == 0 || exponent >= 255) {
      return {1.0F, 1.0F};
    }
    constexpr int widest = 60;  // the inverse is squared
    int shift = 14 - (exponent - 127);
    shift = shift > widest ? widest : shift < -widest ? -widest : shift;
    return {__uint_as_float(static_cast<std::uint32_t>(127 + shift) << 23),
            __uint_as_float(static_cast<std::uint32_t>(127 - shift) << 23)};
  }
};

/// Two values as words of their high and low parts.
struct SplitPair {
  std::uint32_t high;
  std::uint32_t low;

  __device__ static SplitPair of(float first, float second) {
    const std::uint32_t high = device::to_halves(first, second);
    return {high, device::to_halves(first - device::of_half(high & 0xFFFFU),
                                    second - device::of_half(high >> 16))};
  }
};

/// Raises `largest` [1] to the bits of the largest magnitude of the table, NaN above all.
/// table: whole 16 bytes.
template <unsigned Threads>
__global__ void __launch_bounds__(Threads)
    find_largest(DeviceSpan<const float> table, DeviceSpan<std::uint32_t> largest) {
  const std::int64_t step = std::int64_t{gridDim.x} * Threads;
  const auto* const vectors = reinterpret_cast<const float4*>(table.data());
  std::uint32_t bits = 0;
  for (std::int64_t i = std::int64_t{blockIdx.x} * Threads + threadIdx.x; i < table.size() / 4;
       i += step) {
    const float4 value = vectors[i];
    for (const float part : {value.x, value.y, value.z, value.w}) {
      const std::uint32_t magnitude = __float_as_uint(part) & 0x7FFFFFFFU;
      bits = magnitude > bits ? magnitude : bits;
    }
  }
  for (int other = 16; other > 0; other /= 2) {
    const std::uint32_t theirs = __shfl_xor_sync(device::all_lanes, bits, other);
    bits = theirs > bits ? theirs : bits;
  }
  if (threadIdx.x % device::warp_lanes == 0) {
    atomicMax(largest.data(), bits);  // the order does not matter to a maximum
  }
}

/// A table of rows of `stride` floats, a multiple of 16, and its words [rows, stride].
struct SplitTask {
  DeviceSpan<const float> table;
  std::int32_t stride;
  DeviceSpan<std::uint32_t> words;

  /// Splits floats [4·four, 4·four + 4).
  __device__ __forceinline__ void split(std::int64_t four, float scale) const {
    const float4 value = reinterpret_cast<const float4*>(table.data())[four];
    const SplitPair first = SplitPair::of(scale * value.x, scale * value.y);
    const SplitPair second = SplitPair::of(scale * value.z, scale * value.w);
    const std::int64_t row = four / (stride / 4);
    const auto place = static_cast<std::int32_t>(four - row * (stride / 4)) * 2;
    std::uint32_t* const target = words.data() + row * stride + place;
    target[0] = first.high;
    target[1] = second.high;
    target[stride / 2] = first.low;
    target[stride / 2 + 1] = second.low;
  }
};

template <unsigned Threads>
__global__ void __launch_bounds__(Threads)
    split_table(SplitTask task, DeviceSpan<const std::uint32_t> largest) {
  const float scale = SplitScale::of(largest[0]).scale;
  const std::int64_t step = std::int64_t{gridDim.x} * Threads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * Threads + threadIdx.x; i < task.table.size() / 4;
       i += step) {
    task.split(i, scale);
  }
}

}  // namespace alsatian::cuda
