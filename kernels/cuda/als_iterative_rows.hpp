// A step of conjugate gradients for every row of a side by itself: a warp per row, after a pass
// over the ratings that left the product with the row's matrix.
// A lane touches the same elements throughout, so that nothing waits but for sums.
#pragma once

#include "kernels/cuda/sums.hpp"
#include "kernels/cuda/tables.hpp"
#include "kernels/math/regularization.hpp"

#include <cstdint>

namespace alsatian::cuda {

inline constexpr int iterative_threads = 128;
inline constexpr int iterative_rows = iterative_threads / 32;  // of a block

/// Smaller shares of a row's first preconditioned residual, in squares, are float's rounding.
inline constexpr double enough_of_norm = 1e-14;

/// Rows that are being solved. Every table has their shape.
struct IterativeRows {
  DeviceTable<float> solved;
  DeviceTable<float> residual;  // comes as the gradient, its negative
  DeviceTable<float> inverse;   // comes as the diagonal without the ridge
  DeviceTable<float> direction;
  DeviceTable<const float> product;
  DeviceSpan<const alsatian::RowRidge<float>> ridges;  // [rows]
  DeviceSpan<const double> curvatures;                 // [rows], ⟨direction, product⟩
  DeviceSpan<double> norms;   // [rows], ⟨residual, inverse · residual⟩
  DeviceSpan<double> enough;  // [rows], where norms may stop
  bool biases = true;
};

template <int threads>
__device__ __forceinline__ std::int64_t iterative_row() {
  return std::int64_t{blockIdx.x} * (threads / device::warp_lanes) +
         threadIdx.x / device::warp_lanes;
}

/// 0 where the diagonal is: a column that no rating touches, at λ = 0, whose residual is 0 too.
__device__ __forceinline__ float inverse_or_0(float entry) { return entry > 0 ? 1 / entry : 0.0F; }

/// residual = −gradient, inverse = 1 / (diagonal + ridge), direction = inverse · residual.
template <int threads>
__global__ void __launch_bounds__(threads) start_rows(IterativeRows rows) {
  const std::int64_t row = iterative_row<threads>();
  if (row >= rows.solved.rows()) {
    return;
  }
  const int stride = rows.solved.stride;
  float* const residual = rows.residual.row(row);
  float* const inverse = rows.inverse.row(row);
  float* const direction = rows.direction.row(row);
  const alsatian::RowRidge<float> ridge = rows.ridges[row];
  double norm = 0;
  for (int j = lane_of_warp(); j < stride; j += 32) {
    const float down = -residual[j];
    const float weight = inverse_or_0(inverse[j] + ridge.factors);
    residual[j] = down;
    inverse[j] = weight;
    direction[j] = weight * down;
    norm += double{down} * direction[j];
  }
  norm = group_sum<32>(norm);
  if (lane_of_warp() != 0) {
    return;
  }
  const float down = -rows.residual.biases[row];
  const float weight = rows.biases ? inverse_or_0(rows.inverse.biases[row] + ridge.biases) : 0.0F;
  rows.residual.biases[row] = down;
  rows.inverse.biases[row] = weight;
  rows.direction.biases[row] = weight * down;
  norm += double{down} * (weight * down);
  rows.norms[row] = norm;
  rows.enough[row] = enough_of_norm * norm;
}

/// solved += length · direction, residual −= length · product, and the next direction. A row that
/// is done has norm 0 from then on.
template <int threads>
__global__ void __launch_bounds__(threads) advance_rows(IterativeRows rows) {
  const std::int64_t row = iterative_row<threads>();
  if (row >= rows.solved.rows()) {
    return;
  }
  const double norm = rows.norms[row];
  const double curvature = rows.curvatures[row];
  const double enough = rows.enough[row];
  if (!(norm > enough && curvature > 0)) {
    __syncwarp();  // all lanes have read what the first one overwrites
    if (lane_of_warp() == 0) {
      rows.norms[row] = 0;
    }
    return;
  }
  const auto length = static_cast<float>(norm / curvature);
  const int stride = rows.solved.stride;
  float* const solved = rows.solved.row(row);
  float* const residual = rows.residual.row(row);
  float* const direction = rows.direction.row(row);
  const float* const inverse = rows.inverse.row(row);
  const float* const product = rows.product.row(row);
  double next = 0;
  for (int j = lane_of_warp(); j < stride; j += 32) {
    solved[j] += length * direction[j];
    const float left = residual[j] - length * product[j];
    residual[j] = left;
    next += double{left} * (inverse[j] * left);
  }
  const float bias_left = rows.residual.biases[row] - length * rows.product.biases[row];
  const float bias_weight = rows.inverse.biases[row];
  next = group_sum<32>(next) + double{bias_left} * (bias_weight * bias_left);
  const auto ratio = static_cast<float>(next / norm);
  for (int j = lane_of_warp(); j < stride; j += 32) {
    direction[j] = inverse[j] * residual[j] + ratio * direction[j];
  }
  if (lane_of_warp() == 0) {
    const float along = rows.direction.biases[row];
    rows.solved.biases[row] += length * along;
    rows.residual.biases[row] = bias_left;
    rows.direction.biases[row] = bias_weight * bias_left + ratio * along;
    rows.norms[row] = next;
  }
}

}  // namespace alsatian::cuda
