// Rank 0 on the device: the model of biases alone, a linear problem, solved to the end in double.
// The same steps as on the CPU: conjugate gradients on the Schur complement of the longer side.
#pragma once

#include "kernels/cuda/gauss_newton_rows.hpp"
#include "kernels/cuda/vector_kernels.hpp"

#include <cmath>
#include <cstdint>
#include <utility>

namespace alsatian::cuda {

/// One side's rows, and sums over their ratings of what the opposite side has.
struct BiasRows {
  DeviceRatings ratings;
  DeviceSpan<const double> own;  // [rows]; for slopes alone
  DeviceSpan<const double> opposite;
  DeviceSpan<double> sums;  // [rows], overwritten
};

/// sums[row] = Σ opposite, or with Slopes Σ (own + opposite − rating), over the ratings of a
/// segment's row; those of parts go to part_sums. One warp per segment.
template <bool Slopes>
__global__ void __launch_bounds__(gather_threads)
    gather_biases(BiasRows rows, DeviceSpan<const RowSegment> segments,
                  DeviceSpan<double> part_sums) {
  const std::int64_t index =
      std::int64_t{blockIdx.x} * gather_warps + threadIdx.x / device::warp_lanes;
  if (index >= segments.size()) {
    return;
  }
  const RowSegment segment = segments[index];
  const std::int64_t end = segment.first + segment.count;
  double sum = 0;
  for (std::int64_t position = segment.first + lane_of_warp(); position < end; position += 32) {
    const double opposite = rows.opposite[rows.ratings.columns[position]];
    if constexpr (Slopes) {
      const double eta = score(0.0, rows.own[segment.row], opposite, 0.0);
      sum += Gaussian::loss_and_slope(eta, double{rows.ratings.values[position]}).slope;
    } else {
      sum += opposite;
    }
  }
  sum = group_sum<32>(sum);
  if (lane_of_warp() == 0) {
    (segment.part < 0 ? rows.sums[segment.row] : part_sums[segment.part]) = sum;
  }
}

/// sums[row] of every row that was cut: its parts in their order.
struct JoinBiases {
  DeviceSpan<const SegmentedRow> rows;
  DeviceSpan<const double> part_sums;
  DeviceSpan<double> sums;

  __device__ void operator()(std::int64_t index) const {
    const SegmentedRow row = rows[index];
    double sum = 0;
    for (std::int32_t part = 0; part < row.parts; ++part) {
      sum += part_sums[std::int64_t{row.first_part} + part];
    }
    sums[row.row] = sum;
  }
};

/// What the rank-0 solve keeps of one side. [rows] each.
struct BiasVectors {
  DeviceSpan<double> ridges;    // s(n) λ_b
  DeviceSpan<double> inverses;  // 1 / (n + s(n) λ_b), 0 for an empty row
  DeviceSpan<double> biases;
  DeviceSpan<double> gradient;
  DeviceSpan<double> sums;
  DeviceSpan<double> inner;  // of conjugate gradients, as all below
  DeviceSpan<double> residual;
  DeviceSpan<double> solution;
  DeviceSpan<double> search;

  static constexpr std::int64_t count = 9;
};

struct StartBiases {
  DeviceSpan<const std::int64_t> offsets;
  Regularization regularization;
  BiasVectors side;

  __device__ void operator()(std::int64_t row) const {
    const auto count = static_cast<double>(offsets[row + 1] - offsets[row]);
    side.ridges[row] = row_ridge<double>(count, regularization).biases;
    side.inverses[row] = count > 0 ? 1 / (count + side.ridges[row]) : 0;
    side.biases[row] = 0;
  }
};

/// gradient = sums + ridge · bias. Σ gradient².
struct BiasGradient {
  BiasVectors side;

  __device__ double operator()(std::int64_t row) const {
    const double slope = side.sums[row] + side.ridges[row] * side.biases[row];
    side.gradient[row] = slope;
    return slope * slope;
  }
};

/// inner = inverse · from.
struct ScaleBiases {
  BiasVectors side;
  DeviceSpan<const double> from;

  __device__ void operator()(std::int64_t row) const {
    side.inner[row] = side.inverses[row] * from[row];
  }
};

/// The right side sums − gradient as residual, its preconditioned search, solution 0.
/// Σ residual · search.
struct StartBiasSolve {
  BiasVectors side;

  __device__ double operator()(std::int64_t row) const {
    const double residual = side.sums[row] - side.gradient[row];
    side.residual[row] = residual;
    side.solution[row] = 0;
    side.search[row] = side.inverses[row] * residual;
    return residual * side.search[row];
  }
};

/// inner = the image of search: search / inverse − sums, or 0 for an empty row. Σ search · inner.
struct BiasImage {
  BiasVectors side;

  __device__ double operator()(std::int64_t row) const {
    const double inverse = side.inverses[row];
    const double image = inverse > 0 ? side.search[row] / inverse - side.sums[row] : 0;
    side.inner[row] = image;
    return side.search[row] * image;
  }
};

/// solution += length · search, residual −= length · image. Σ inverse · residual².
struct AdvanceBiases {
  BiasVectors side;
  double length;

  __device__ double operator()(std::int64_t row) const {
    side.solution[row] += length * side.search[row];
    const double residual = side.residual[row] - length * side.inner[row];
    side.residual[row] = residual;
    return residual * (side.inverses[row] * residual);
  }
};

/// search = inverse · residual + turn · search.
struct TurnBiases {
  BiasVectors side;
  double turn;

  __device__ void operator()(std::int64_t row) const {
    side.search[row] = side.inverses[row] * side.residual[row] + turn * side.search[row];
  }
};

/// biases += solution.
struct KeepBiases {
  BiasVectors side;

  __device__ void operator()(std::int64_t row) const { side.biases[row] += side.solution[row]; }
};

/// biases −= inverse · (gradient + sums).
struct EliminateBiases {
  BiasVectors side;

  __device__ void operator()(std::int64_t row) const {
    side.biases[row] -= side.inverses[row] * (side.gradient[row] + side.sums[row]);
  }
};

/// out = biases, rounded to float.
struct RoundBiases {
  DeviceSpan<const double> biases;
  DeviceSpan<float> out;

  __device__ void operator()(std::int64_t row) const { out[row] = static_cast<float>(biases[row]); }
};

/// One side as the solve takes it; its memory belongs to the caller.
struct BiasSide {
  DeviceRatings ratings;
  DeviceSpan<const RowSegment> segments;
  DeviceSpan<const SegmentedRow> cut_rows;
  DeviceSpan<double> part_sums;
  BiasVectors vectors;

  std::int64_t rows() const { return ratings.rows(); }
};

/// Minimises ½ Σ (b_u + c_i − r)² + the penalty of biases to ‖g‖ ≤ 1e-12 ‖g₀‖; afterwards
/// `biases` of both sides are the solution. See kernels/cpu/biases.hpp.
class BiasSolve {
 public:
  BiasSolve(const Context& context, VectorSums& sums, const BiasSide& users, const BiasSide& items)
      : context_(context),
        sums_(sums),
        kept_(users.rows() > items.rows() ? items : users),
        eliminated_(users.rows() > items.rows() ? users : items) {}

  /// ‖g‖ / ‖g₀‖ at the solution.
  double run(const Regularization& regularization);

 private:
  void sum_opposite(BiasSide& side, DeviceSpan<const double> opposite);
  double gradient_norm();
  void improve();
  double start_solve();
  double image();

  const Context& context_;
  VectorSums& sums_;
  BiasSide kept_;
  BiasSide eliminated_;
};

}  // namespace alsatian::cuda
