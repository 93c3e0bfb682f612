// A row of a panel of 16 columns of a matrix, in the registers of a lane: as wide as a group of
// rows, so that the diagonal block of a panel is square.
#pragma once

#include "kernels/cuda/device.hpp"

namespace alsatian::cuda {

/// 16 floats of shared memory, aligned to 16 bytes, in registers.
struct PanelRow {
  static constexpr int width = 16;
  float values[width] = {};

  __device__ __forceinline__ void load(const float* source) {
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
  __device__ __forceinline__ void negate() {
#pragma unroll
    for (float& value : values) {
      value = -value;
    }
  }
  __device__ __forceinline__ void store(float* target) const {
    auto* const vectors = reinterpret_cast<float4*>(target);
#pragma unroll
    for (int i = 0; i < width / 4; ++i) {
      vectors[i] =
          make_float4(values[4 * i], values[4 * i + 1], values[4 * i + 2], values[4 * i + 3]);
    }
  }
};

}  // namespace alsatian::cuda
