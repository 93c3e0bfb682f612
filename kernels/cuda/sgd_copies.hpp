// Between tables of parameters and what the steps of stochastic gradient descent work on: biases
// beside their accumulators, and factors in halves. A thread a row, or four factors.
#pragma once

#include "kernels/cuda/sgd_rows.hpp"

namespace alsatian::cuda {

inline constexpr unsigned copy_threads = 256;

/// The position of the calling thread in a range.
__device__ __forceinline__ std::int64_t position_in_range() {
  return std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
}

template <unsigned Threads>
__global__ void __launch_bounds__(Threads)
    take_biases(DeviceSpan<const float> biases, DeviceSpan<SgdRow> rows) {
  if (const std::int64_t row = position_in_range(); row < rows.size()) {
    rows[row].bias = biases[row];
  }
}
template <unsigned Threads>
__global__ void __launch_bounds__(Threads)
    give_biases(DeviceSpan<const SgdRow> rows, DeviceSpan<float> biases) {
  if (const std::int64_t row = position_in_range(); row < rows.size()) {
    biases[row] = rows[row].bias;
  }
}

/// To nearest: what came from halves goes back to the same ones.
template <unsigned Threads>
__global__ void __launch_bounds__(Threads)
    take_factors(DeviceSpan<const float> factors, DeviceSpan<Half> halves) {
  const std::int64_t index = 4 * position_in_range();
  if (index < halves.size()) {
    const float4 values = load_fresh_4(factors.data() + index);
    uint2 bits;
    bits.x = device::to_half(values.x) | std::uint32_t{device::to_half(values.y)} << 16;
    bits.y = device::to_half(values.z) | std::uint32_t{device::to_half(values.w)} << 16;
    *reinterpret_cast<uint2*>(halves.data() + index) = bits;
  }
}
template <unsigned Threads>
__global__ void __launch_bounds__(Threads)
    give_factors(DeviceSpan<const Half> halves, DeviceSpan<float> factors) {
  const std::int64_t index = 4 * position_in_range();
  if (index < halves.size()) {
    *reinterpret_cast<float4*>(factors.data() + index) = load_fresh_4(halves.data() + index);
  }
}

}  // namespace alsatian::cuda
