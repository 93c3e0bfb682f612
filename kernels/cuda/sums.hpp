// Sums in an order that depends on sizes alone: over the lanes that share a row, over a block, and
// over the blocks of a grid. No atomics, so that the same device gives the same bytes every time.
#pragma once

#include "kernels/cuda/memory.hpp"

#include <cstdint>
#include <type_traits>

namespace alsatian::cuda {

/// Threads of the blocks that leave a part of a sum each, and most blocks of such a grid.
inline constexpr int sum_threads = 256;
inline constexpr int sum_warps = sum_threads / 32;
inline constexpr std::int64_t most_sum_blocks = 4096;

/// Lanes of a warp that share one row of `stride` floats, 16 bytes each at a time: as many as
/// divide it evenly. 4, 8, 16 or 32.
constexpr int lanes_of_row(std::int32_t stride) {
  int lanes = 4;
  while (stride > 0 && lanes < 32 && stride % (8 * lanes) == 0) {
    lanes *= 2;
  }
  return lanes;
}

/// Calls body(std::integral_constant<int, Lanes>) with lanes_of_row(stride).
template <typename Body>
decltype(auto) with_lanes(std::int32_t stride, Body&& body) {
  switch (lanes_of_row(stride)) {
    case 4:
      return body(std::integral_constant<int, 4>());
    case 8:
      return body(std::integral_constant<int, 8>());
    case 16:
      return body(std::integral_constant<int, 16>());
    default:
      return body(std::integral_constant<int, 32>());
  }
}

__device__ __forceinline__ int lane_of_warp() {
  return static_cast<int>(threadIdx.x % device::warp_lanes);
}

/// Four floats at an address of 16 bytes, through the read-only path.
__device__ __forceinline__ float4 load_4(const float* address) {
  return __ldg(reinterpret_cast<const float4*>(address));
}
__device__ __forceinline__ void store_4(float* address, const float4& values) {
  *reinterpret_cast<float4*>(address) = values;
}

/// sum + ⟨left, right⟩ of four.
__device__ __forceinline__ float add_dot(float sum, const float4& left, const float4& right) {
  sum += left.x * right.x;
  sum += left.y * right.y;
  sum += left.z * right.z;
  return sum + left.w * right.w;
}

/// Σ over each group of `Lanes` lanes, in all of them. All lanes of the warp call it.
template <int Lanes, typename Value>
__device__ __forceinline__ Value group_sum(Value value) {
#pragma unroll
  for (int bits = Lanes / 2; bits > 0; bits /= 2) {
    value += __shfl_xor_sync(device::all_lanes, value, bits);
  }
  return value;
}

/// Σ over each group of `Lanes` lanes of four values at once; lane l gets that of values[l % 4].
/// 5 exchanges for 16 lanes, where four group_sums take 16.
template <int Lanes>
__device__ __forceinline__ float group_sums(const float (&values)[4]) {
  const bool odd = (threadIdx.x & 1U) != 0;
  const bool high = (threadIdx.x & 2U) != 0;
  const float low_pair = (odd ? values[1] : values[0]) +
                         __shfl_xor_sync(device::all_lanes, odd ? values[0] : values[1], 1);
  const float high_pair = (odd ? values[3] : values[2]) +
                          __shfl_xor_sync(device::all_lanes, odd ? values[2] : values[3], 1);
  float sum = (high ? high_pair : low_pair) +
              __shfl_xor_sync(device::all_lanes, high ? low_pair : high_pair, 2);
#pragma unroll
  for (int bits = 4; bits < Lanes; bits *= 2) {
    sum += __shfl_xor_sync(device::all_lanes, sum, bits);
  }
  return sum;
}

/// Bytes of shared memory that store_block_sums takes.
template <int Count>
inline constexpr std::size_t sum_shared_bytes = sizeof(double) * sum_warps* Count;

/// Writes the sums over a block of sum_threads of each of the threads' `values` to parts
/// [blockIdx.x · Count, …). All threads of the block call it.
template <int Count>
__device__ void store_block_sums(const double (&values)[Count], DeviceSpan<double> parts) {
  ALSATIAN_SHARED_MEMORY(double, of_warps);
  const int warp = static_cast<int>(threadIdx.x / device::warp_lanes);
#pragma unroll
  for (int i = 0; i < Count; ++i) {
    const double sum = group_sum<32>(values[i]);
    if (lane_of_warp() == 0) {
      of_warps[warp * Count + i] = sum;
    }
  }
  __syncthreads();
  if (threadIdx.x < Count) {
    double sum = 0;
    for (int i = 0; i < sum_warps; ++i) {
      sum += of_warps[i * Count + static_cast<int>(threadIdx.x)];
    }
    parts[std::int64_t{blockIdx.x} * Count + threadIdx.x] = sum;
  }
}

/// sums [Count]: what the blocks of a grid have left in parts [blocks · Count]. One block of
/// sum_threads.
template <int Count>
__global__ void __launch_bounds__(sum_threads)
    add_parts(DeviceSpan<const double> parts, DeviceSpan<double> sums) {
  double totals[Count] = {};
  const std::int64_t blocks = parts.size() / Count;
  for (std::int64_t block = threadIdx.x; block < blocks; block += sum_threads) {
#pragma unroll
    for (int i = 0; i < Count; ++i) {
      totals[i] += parts[block * Count + i];
    }
  }
  store_block_sums(totals, sums);
}

/// A range [begin, end) cut into equal pieces, one for each warp of a grid of sum_threads.
struct WarpPieces {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t length = 0;  // of a piece; a multiple of 32
  std::int64_t blocks = 0;

  /// [0, size) in pieces of at least `least`, a multiple of 32.
  static WarpPieces of(std::int64_t size, std::int64_t least) {
    constexpr std::int64_t most_warps = most_sum_blocks * sum_warps;
    const std::int64_t even = (size + most_warps - 1) / most_warps;
    const std::int64_t length = even <= least ? least : (even + 31) / 32 * 32;
    const std::int64_t warps = (size + length - 1) / length;
    return {0, size, length, (warps + sum_warps - 1) / sum_warps};
  }

  /// Of the calling warp: [own_first, own_end).
  __device__ std::int64_t own_first() const {
    const std::int64_t warp =
        std::int64_t{blockIdx.x} * sum_warps + threadIdx.x / device::warp_lanes;
    return begin + warp * length < end ? begin + warp * length : end;
  }
  __device__ std::int64_t own_end() const {
    const std::int64_t first = own_first();
    return end - first < length ? end : first + length;
  }
};

}  // namespace alsatian::cuda
