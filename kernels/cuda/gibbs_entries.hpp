// What Gibbs sampling does entry by entry, as bodies for table_entries.hpp: noise, what rows are
// drawn around, and conjugate gradients on all columns of the features' weights side by side.
#pragma once

#include "kernels/cuda/table_entries.hpp"
#include "kernels/math/gibbs.hpp"

#include <cmath>

namespace alsatian::cuda {

/// Standard normal draws times `scale`, those of kernels/math/random.hpp for (key, stream, row).
/// Called for pairs of columns.
struct FillNoise {
  GibbsKey key;
  RandomStream stream;
  float scale;
  int order;
  DeviceTable<float> table;

  __device__ void operator()(std::int64_t row, int pair) const {
    const Normal2 drawn = key.normal_pair(stream, row, static_cast<std::uint32_t>(pair));
    entry(table, row, 2 * pair) = static_cast<float>(scale * drawn.value[0]);
    if (2 * pair + 1 < order) {
      entry(table, row, 2 * pair + 1) = static_cast<float>(scale * drawn.value[1]);
    }
  }
};

/// (row · matrix)_column, matrix [order, order] row-major.
__device__ __forceinline__ float row_times(const DeviceTable<const float>& rows, std::int64_t row,
                                           DeviceSpan<const float> matrix, int order, int column,
                                           int first) {
  float sum = 0;
  for (int k = first; k < order; ++k) {
    sum += entry(rows, row, k) * matrix[std::int64_t{k} * order + column];
  }
  return sum;
}

/// table += factor·more.
struct AddTimes {
  DeviceTable<const float> more;
  float factor;
  DeviceTable<float> table;

  __device__ void operator()(std::int64_t row, int column) const {
    entry(table, row, column) += factor * entry(more, row, column);
  }
};

/// table *= factor.
struct Multiply {
  float factor;
  DeviceTable<float> table;

  __device__ void operator()(std::int64_t row, int column) const {
    entry(table, row, column) *= factor;
  }
};

/// What a right side has of the prior: Λ/α (μ + Bᵀf).
struct RightSides {
  DeviceTable<const float> feature_means;   // Bᵀf; no rows: no features
  DeviceSpan<const float> mean_right_side;  // Λ/α·μ [order]
  DeviceSpan<const float> precision;        // Λ/α [order, order]
  DeviceTable<float> right_sides;

  __device__ void operator()(std::int64_t row, int column) const {
    const auto order = static_cast<int>(mean_right_side.size());
    float sum = mean_right_side[column];
    if (feature_means.rows() > 0) {
      sum += row_times(feature_means, row, precision, order, column, 0);
    }
    entry(right_sides, row, column) = sum;
  }
};

/// (W − μ + N·L⁻¹ − F·B) / √n: what Fᵀ makes of it is the right side for B but for its own prior.
struct FeatureTargets {
  DeviceTable<const float> rows;
  DeviceTable<const float> noise;
  DeviceTable<const float> known;        // F·B
  DeviceSpan<const float> mean;          // [order]
  DeviceSpan<const float> inverse_root;  // L⁻¹ [order, order], a lower triangle
  DeviceSpan<const std::int64_t> offsets;
  DeviceTable<float> targets;

  __device__ void operator()(std::int64_t row, int column) const {
    const auto order = static_cast<int>(mean.size());
    const std::int64_t count = offsets[row + 1] - offsets[row];
    const float root =
        static_cast<float>(1 / std::sqrt(static_cast<double>(count > 1 ? count : 1)));
    const float wanted = entry(rows, row, column) - mean[column] +
                         row_times(noise, row, inverse_root, order, column, column);
    entry(targets, row, column) = root * (wanted - entry(known, row, column));
  }
};

/// residual += N·L⁻¹ − ridge·B, N with the root of the ridge in it.
struct AddWeightsPrior {
  DeviceTable<const float> noise;
  DeviceTable<const float> weights;
  DeviceSpan<const float> inverse_root;
  int order;
  float ridge;
  DeviceTable<float> residual;

  __device__ void operator()(std::int64_t row, int column) const {
    entry(residual, row, column) += row_times(noise, row, inverse_root, order, column, column) -
                                    ridge * entry(weights, row, column);
  }
};

/// image = residual / (diagonal + ridge); the sum is residual·image.
struct Precondition {
  DeviceTable<const float> residual;
  DeviceSpan<const float> diagonal;  // of FᵀF, [rows]
  float ridge;
  DeviceTable<float> image;

  __device__ double operator()(std::int64_t row, int column) const {
    const float rest = entry(residual, row, column);
    const float solved = rest / (diagonal[row] + ridge);
    entry(image, row, column) = solved;
    return double{rest} * solved;
  }
};

/// direction = image + share·direction, share = now/before by column; without `before` none.
struct TurnDirection {
  DeviceTable<const float> image;
  DeviceSpan<const double> now;
  DeviceSpan<const double> before;
  DeviceTable<float> direction;

  __device__ void operator()(std::int64_t row, int column) const {
    float& turned = entry(direction, row, column);
    float kept = 0;
    if (before.size() > 0 && before[column] > 0) {
      kept = static_cast<float>(now[column] / before[column]) * turned;
    }
    turned = entry(image, row, column) + kept;
  }
};

/// image += ridge·direction; the sum is image·direction.
struct AddRidge {
  DeviceTable<const float> direction;
  float ridge;
  DeviceTable<float> image;

  __device__ double operator()(std::int64_t row, int column) const {
    const float along = entry(direction, row, column);
    float& whole = entry(image, row, column);
    whole += ridge * along;
    return double{whole} * along;
  }
};

/// weights += length·direction and residual −= length·image, length = now/along by column.
struct TakeStep {
  DeviceTable<const float> direction;
  DeviceTable<const float> image;
  DeviceSpan<const double> now;
  DeviceSpan<const double> along;
  DeviceTable<float> weights;
  DeviceTable<float> residual;

  __device__ void operator()(std::int64_t row, int column) const {
    const float length = along[column] > 0 ? static_cast<float>(now[column] / along[column]) : 0.0F;
    entry(weights, row, column) += length * entry(direction, row, column);
    entry(residual, row, column) -= length * entry(image, row, column);
  }
};

}  // namespace alsatian::cuda
