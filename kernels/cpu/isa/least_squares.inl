// Full-batch least squares, one row at a time: its product with JᵀJ, its gradient, its diagonal.
// Ratings go in groups of four, so that a row's output is loaded and stored once for each group.
#pragma once

#include "kernels/cpu/isa/vector.inl"
#include "kernels/cpu/kernel_table.hpp"
#include "kernels/math/likelihood.hpp"
#include "kernels/math/score.hpp"

namespace alsatian::cpu {
namespace {

constexpr std::int32_t group = 4;

/// The opposite rows of up to four ratings; a missing one is a copy of the first with weight 0.
struct RatingGroup {
  const float* rows[group];
  std::int64_t indices[group];
  float present[group];  // 1, or 0 where there is no rating

  ALSATIAN_INLINE RatingGroup(View<const std::int32_t> columns, std::int64_t first,
                              SideView<const float> opposite) {
    for (std::int32_t j = 0; j < group; ++j) {
      const bool there = first + j < columns.size();
      indices[j] = columns[there ? first + j : first];
      rows[j] = opposite.row(indices[j]);
      present[j] = there ? 1.0F : 0.0F;
    }
  }
};

/// Asks for the rows of `side` that the group after the one at `first` will read.
ALSATIAN_INLINE void prefetch_next_group(View<const std::int32_t> columns, std::int64_t first,
                                         SideView<const float> side) {
  const std::int64_t next = first + group;
  const std::int64_t last = next + group < columns.size() ? next + group : columns.size();
  for (std::int64_t o = next; o < last; ++o) prefetch_row(side.row(columns[o]), side.stride);
}

/// output += Σ_j weights[j]·rows[j].
ALSATIAN_INLINE void add_rows(float* output, const RatingGroup& ratings, const float* weights,
                              std::int32_t stride) {
  const Vector w0 = broadcast(weights[0]);
  const Vector w1 = broadcast(weights[1]);
  const Vector w2 = broadcast(weights[2]);
  const Vector w3 = broadcast(weights[3]);
  for (std::int32_t j = 0; j < stride; j += width) {
    const Vector left = w0 * load(ratings.rows[0] + j) + w1 * load(ratings.rows[1] + j);
    const Vector right = w2 * load(ratings.rows[2] + j) + w3 * load(ratings.rows[3] + j);
    store(output + j, load(output + j) + (left + right));
  }
}

ALSATIAN_INLINE void clear_row(float* row, std::int32_t stride) {
  for (std::int32_t j = 0; j < stride; j += width) store(row + j, Vector{});
}

/// See JacobianTask.
[[gnu::flatten]] void jacobian_row(const JacobianTask& task, std::int64_t row) {
  const std::int32_t stride = task.own.stride;
  const float* own = task.own.row(row);
  const float* own_direction = task.own_direction.row(row);
  float* product = task.product.row(row);
  const View<const std::int32_t> columns = task.ratings.row_columns(row);
  const float own_bias = task.biases ? task.own_direction.biases[row] : 0.0F;
  double bias_sum = 0;
  clear_row(product, stride);
  for (std::int64_t first = 0; first < columns.size(); first += group) {
    const RatingGroup ratings(columns, first, task.opposite);
    prefetch_next_group(columns, first, task.opposite);
    prefetch_next_group(columns, first, task.opposite_direction);
    const float* directions[group];
    for (std::int32_t j = 0; j < group; ++j) {
      directions[j] = task.opposite_direction.row(ratings.indices[j]);
    }
    Vector dots[group] = {};
    for (std::int32_t j = 0; j < stride; j += width) {
      const Vector p = load(own + j);
      const Vector d = load(own_direction + j);
      for (std::int32_t r = 0; r < group; ++r) {
        dots[r] += d * load(ratings.rows[r] + j) + p * load(directions[r] + j);
      }
    }
    const Quad products = sums(dots[0], dots[1], dots[2], dots[3]);
    float weights[group];
    for (std::int32_t r = 0; r < group; ++r) {
      const float opposite_bias =
          task.biases ? task.opposite_direction.biases[ratings.indices[r]] : 0.0F;
      weights[r] = ratings.present[r] * score_change(own_bias, opposite_bias, products[r]);
      bias_sum += weights[r];
    }
    add_rows(product, ratings, weights, stride);
  }
  task.product.biases[row] = task.biases ? static_cast<float>(bias_sum) : 0.0F;
}

/// See GradientTask.
[[gnu::flatten]] void gradient_row(const GradientTask& task, std::int64_t row) {
  const std::int32_t stride = task.own.stride;
  const float* own = task.own.row(row);
  float* gradient = task.gradient.row(row);
  float* diagonal = task.diagonal.row(row);
  const View<const std::int32_t> columns = task.ratings.row_columns(row);
  const View<const float> values = task.ratings.row_values(row);
  const float own_bias = task.biases ? task.own.biases[row] : 0.0F;
  double bias_sum = 0;
  clear_row(gradient, stride);
  clear_row(diagonal, stride);
  for (std::int64_t first = 0; first < columns.size(); first += group) {
    const RatingGroup ratings(columns, first, task.opposite);
    prefetch_next_group(columns, first, task.opposite);
    Vector dots[group] = {};
    for (std::int32_t j = 0; j < stride; j += width) {
      Vector squares{};
      for (std::int32_t r = 0; r < group; ++r) {
        const Vector q = load(ratings.rows[r] + j);
        dots[r] += load(own + j) * q;
        squares += ratings.present[r] * q * q;
      }
      store(diagonal + j, load(diagonal + j) + squares);
    }
    const Quad products = sums(dots[0], dots[1], dots[2], dots[3]);
    float weights[group];
    for (std::int32_t r = 0; r < group; ++r) {
      const float opposite_bias = task.biases ? task.opposite.biases[ratings.indices[r]] : 0.0F;
      const float rating = values[ratings.present[r] > 0 ? first + r : first];
      const float eta = score(0.0F, own_bias, opposite_bias, products[r]);
      weights[r] = ratings.present[r] * Gaussian::loss_and_slope(eta, rating).slope;
      bias_sum += weights[r];
    }
    add_rows(gradient, ratings, weights, stride);
  }
  task.gradient.biases[row] = task.biases ? static_cast<float>(bias_sum) : 0.0F;
  task.diagonal.biases[row] = task.biases ? static_cast<float>(columns.size()) : 0.0F;
}

}  // namespace
}  // namespace alsatian::cpu
