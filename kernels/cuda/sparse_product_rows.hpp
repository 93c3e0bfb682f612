// What stands before and behind cuSPARSE's products in JᵀJ·v: tables side by side whose rows have
// the change of a score as their dot product, and what a row's sum wants beside the sum.
#pragma once

#include "kernels/cuda/gauss_newton_rows.hpp"
#include "kernels/cuda/least_squares_vectors.hpp"

namespace alsatian::cuda {

/// Rows of two halves, so that ⟨left, right⟩ = b′ + c′ + ⟨p′, q⟩ + ⟨p, q′⟩ with v = [p′, b′, q′,
/// c′]:
///   left  [p′ b′ | p 1]
///   right [q  1  | q′ c′]
/// A half is the rank and one more column, zeros behind them up to a multiple of four floats.
struct HalvedRows {
  std::int32_t rank = 0;

  __host__ __device__ std::int32_t half() const { return (rank + 4) / 4 * 4; }
  __host__ __device__ std::int32_t stride() const { return 2 * half(); }
};

/// Fills four floats of such rows.
struct FillHalves {
  DeviceTable<const float> own;
  FlatTable direction;
  DeviceSpan<float> filled;  // [rows, stride]
  HalvedRows shape;
  bool direction_first = true;  // as on the left
  bool biases = true;

  __device__ void operator()(std::int64_t j) const {
    const std::int64_t fours = shape.stride() / 4;
    const std::int64_t row = j / fours;
    const auto column = static_cast<std::int32_t>(j % fours * 4);
    const bool in_first = column < shape.half();
    const bool of_direction = in_first == direction_first;
    const std::int32_t factor = in_first ? column : column - shape.half();
    const float* const source =
        of_direction ? direction.values.data() + row * direction.stride : own.row(row);
    const float moved = biases ? direction.values[direction.factors() + row] : 0.0F;
    Four four = {};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (factor + i < shape.rank) {
        four.values[i] = source[factor + i];
      } else if (factor + i == shape.rank) {
        four.values[i] = of_direction ? moved : 1.0F;
      }
    }
    reinterpret_cast<Four*>(filled.data())[j] = four;
  }
};

/// Offsets that fit, as cuSPARSE counts.
struct NarrowOffsets {
  DeviceSpan<const std::int64_t> offsets;
  DeviceSpan<std::int32_t> narrow;

  __device__ void operator()(std::int64_t row) const {
    narrow[row] = static_cast<std::int32_t>(offsets[row]);
  }
};

/// One warp per row: its sum over the ratings, `sums` [rows, half], into the output, with ridge,
/// damping and ⟨v, output⟩.
template <typename Shape>
__global__ void __launch_bounds__(gather_threads, Shape::least_blocks)
    finish_summed_rows(GaussNewtonTask task, DeviceSpan<const float> sums, HalvedRows shape) {
  const std::int64_t row =
      std::int64_t{blockIdx.x} * gather_warps + threadIdx.x / device::warp_lanes;
  if (row >= task.ratings.rows()) {
    return;
  }
  const float* const summed = sums.data() + row * shape.half();
  GatheredSums<Shape, Gathers::product> gathered;
#pragma unroll
  for (int piece = 0; piece < Shape::pieces; ++piece) {
    const int place = 4 * (lane_of_warp() % Shape::lanes + Shape::lanes * piece);
    const auto factor = [&](int i) { return place + i < shape.rank ? summed[place + i] : 0.0F; };
    gathered.weighted[piece] = make_float4(factor(0), factor(1), factor(2), factor(3));
  }
  gathered.bias = task.biases ? summed[shape.rank] : 0.0F;
  finish_row(task, row, gathered);
}

}  // namespace alsatian::cuda
