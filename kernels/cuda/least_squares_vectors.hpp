// The vectors of least squares' conjugate gradients, and what is done to them element by element:
// each a body for vector_kernels.hpp that takes four floats at a time.
#pragma once

#include "kernels/cuda/tables.hpp"
#include "kernels/cuda/vector_kernels.hpp"
#include "kernels/math/regularization.hpp"

#include <cstdint>

namespace alsatian::cuda {

struct alignas(16) Four {
  float values[4];
};

/// A vector of the shape of one side's parameters: factors [rows, stride], then biases [rows],
/// then zeros up to a multiple of four. What pads the rows is 0 and stays 0.
struct FlatTable {
  DeviceSpan<float> values;
  std::int64_t rows = 0;
  std::int32_t rank = 0;
  std::int32_t stride = 0;

  __host__ __device__ std::int64_t factors() const { return rows * stride; }
  __host__ __device__ std::int64_t fours() const { return values.size() / 4; }
  __device__ Four& four(std::int64_t index) const {
    return reinterpret_cast<Four*>(values.data())[index];
  }
  DeviceTable<float> table() const {
    return {values.subspan(0, factors()), values.subspan(factors(), rows), rank, stride};
  }
  static std::int64_t size(std::int64_t rows, std::int32_t rank) {
    return rows * padded_rank(rank) + (rows + 3) / 4 * 4;
  }
};

/// ridges [rows] = s(n)λ and s(n)λ_b.
struct FillRidges {
  DeviceSpan<const std::int64_t> offsets;
  DeviceSpan<alsatian::RowRidge<float>> ridges;
  Regularization regularization;

  __device__ void operator()(std::int64_t row) const {
    const auto count = static_cast<double>(offsets[row + 1] - offsets[row]);
    ridges[row] = row_ridge<float>(count, regularization);
  }
};

/// Σ v².
struct SquaredNorm {
  FlatTable vector;

  __device__ double operator()(std::int64_t j) const {
    const Four four = vector.four(j);
    double sum = 0;
#pragma unroll
    for (const float value : four.values) {
      sum += double{value} * value;
    }
    return sum;
  }
};

/// inverse = 1 / (grown · diagonal + ridge), or 0; direction = 0, residual = −gradient,
/// search = inverse · residual. Σ residual · search.
struct StartSolve {
  DeviceSpan<const alsatian::RowRidge<float>> ridges;
  FlatTable gradient;
  FlatTable diagonal;
  FlatTable inverse;
  FlatTable direction;
  FlatTable residual;
  FlatTable search;
  float grown = 1;

  __device__ double operator()(std::int64_t j) const {
    const Four slopes = gradient.four(j);
    const Four squares = diagonal.four(j);
    const std::int64_t place = 4 * j;
    const bool of_factors = place < gradient.factors();
    const float ridge = of_factors ? ridges[place / gradient.stride].factors : 0.0F;
    Four weights;
    Four down;
    Four along;
    double sum = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const std::int64_t row = place - gradient.factors() + i;
      const float own = of_factors ? ridge : row < gradient.rows ? ridges[row].biases : 0.0F;
      const float entry = grown * squares.values[i] + own;
      weights.values[i] = entry > 0 ? 1 / entry : 0.0F;
      down.values[i] = -slopes.values[i];
      along.values[i] = weights.values[i] * down.values[i];
      sum += double{down.values[i]} * along.values[i];
    }
    inverse.four(j) = weights;
    direction.four(j) = {};
    residual.four(j) = down;
    search.four(j) = along;
    return sum;
  }
};

/// direction += length · search, residual −= length · product. Σ inverse · residual².
struct Advance {
  FlatTable inverse;
  FlatTable product;
  FlatTable search;
  FlatTable direction;
  FlatTable residual;
  float length = 0;

  __device__ double operator()(std::int64_t j) const {
    const Four weights = inverse.four(j);
    const Four images = product.four(j);
    const Four along = search.four(j);
    Four steps = direction.four(j);
    Four left = residual.four(j);
    double sum = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      steps.values[i] += length * along.values[i];
      left.values[i] -= length * images.values[i];
      sum += double{weights.values[i]} * left.values[i] * left.values[i];
    }
    direction.four(j) = steps;
    residual.four(j) = left;
    return sum;
  }
};

/// search = inverse · residual + turn · search.
struct Turn {
  FlatTable inverse;
  FlatTable residual;
  FlatTable search;
  float turn = 0;

  __device__ void operator()(std::int64_t j) const {
    const Four weights = inverse.four(j);
    const Four left = residual.four(j);
    Four along = search.four(j);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      along.values[i] = weights.values[i] * left.values[i] + turn * along.values[i];
    }
    search.four(j) = along;
  }
};

/// Twice the predicted reduction: Σ d (residual − gradient + damping · diagonal · d).
struct Predict {
  FlatTable gradient;
  FlatTable diagonal;
  FlatTable direction;
  FlatTable residual;
  double damping = 0;

  __device__ double operator()(std::int64_t j) const {
    const Four slopes = gradient.four(j);
    const Four squares = diagonal.four(j);
    const Four steps = direction.four(j);
    const Four left = residual.four(j);
    double sum = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const double step = steps.values[i];
      sum +=
          step * (left.values[i] - double{slopes.values[i]} + damping * squares.values[i] * step);
    }
    return sum;
  }
};

/// trial = start + direction.
struct AddDirection {
  DeviceTable<const float> start;
  FlatTable direction;
  FlatTable trial;

  __device__ void operator()(std::int64_t j) const {
    const Four steps = direction.four(j);
    const std::int64_t place = 4 * j;
    if (place < trial.factors()) {
      Four sum = *reinterpret_cast<const Four*>(start.factors.data() + place);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        sum.values[i] += steps.values[i];
      }
      trial.four(j) = sum;
      return;
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const std::int64_t row = place - trial.factors() + i;
      if (row < trial.rows) {
        trial.values[place + i] = start.biases[row] + steps.values[i];
      }
    }
  }
};

/// parameters = trial.
struct Accept {
  FlatTable trial;
  DeviceTable<float> parameters;

  __device__ void operator()(std::int64_t j) const {
    const std::int64_t place = 4 * j;
    if (place < trial.factors()) {
      *reinterpret_cast<Four*>(parameters.factors.data() + place) = trial.four(j);
      return;
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const std::int64_t row = place - trial.factors() + i;
      if (row < trial.rows) {
        parameters.biases[row] = trial.values[place + i];
      }
    }
  }
};

/// Σ of a vector of doubles.
struct Total {
  DeviceSpan<const double> values;

  __device__ double operator()(std::int64_t j) const { return values[j]; }
};

}  // namespace alsatian::cuda
