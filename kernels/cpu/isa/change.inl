// What a row's scores would change by, summed over its ratings from the row's own equations: with
// G = Σ z zᵀ at hand, sums over ratings are products of the row's order. Before a prior is added to
// G: where that is far larger, nothing of the ratings would be left to subtract it from.
#pragma once

#include "kernels/cpu/isa/gram.inl"
#include "kernels/cpu/isa/vector.inl"
#include "kernels/cpu/kernel_table.hpp"

namespace alsatian::cpu {
namespace {

/// Of a change x with d = xᵀz at each rating: xᵀGx = Σ d², xᵀ Σ z (r − c) = Σ (r − c) d, and the
/// bias's entry of Gx, whose other entries are elsewhere.
struct RowChange {
  float squares = 0;
  float targets = 0;
  float bias = 0;
};

ALSATIAN_INLINE bool may_change(const AlsTask& task) {
  return task.prior != nullptr && task.prior->changes.rows > 0;
}

/// The elements from element `first` of an infinite vector on, 0 before; values are those from
/// element `start`.
ALSATIAN_INLINE Vector from_element(Vector values, std::int64_t start, std::int64_t first) {
  using Lanes = std::int32_t __attribute__((vector_size(sizeof(float) * width)));
  Lanes lanes;
  for (std::int32_t lane = 0; lane < width; ++lane) lanes[lane] = lane;
  const Lanes kept = lanes >= static_cast<std::int32_t>(first - start);
  return kept ? values : Vector{};
}

/// image = gram·x, of whose rows what lies right of the diagonal and on it counts. All are on cache
/// lines and 0 or finite from the order to its padding; work and image [padded order].
void multiply_symmetric(const float* gram, std::int64_t stride, std::int64_t order, const float* x,
                        float* image, float* work) {
  const std::int64_t length = padded(static_cast<std::int32_t>(order));
  for (std::int64_t q = 0; q < length; ++q) image[q] = work[q] = 0;
  for (std::int64_t j = 0; j < order; ++j) {
    const float* row = gram + j * stride;
    const Vector factor = broadcast(x[j]);
    const std::int64_t start = round_down(j);
    // The diagonal is of the row, and what is right of it also of the column below.
    Vector values = from_element(load(row + start), start, j);
    Vector total = values * load(x + start);
    values = from_element(values, start, j + 1);
    store(image + start, load(image + start) + factor * values);
    for (std::int64_t q = start + width; q < order; q += width) {
      values = load(row + q);
      total += values * load(x + q);
      store(image + q, load(image + q) + factor * values);
    }
    work[j] = sum(total);
  }
  subtract_scaled(-1, work, 0, order, image);
}

/// From what is summed over a row's ratings: gram, sums = Σ q, products = Σ (r − c) q and
/// total = Σ (r − c). Writes Gx but for its bias's entry to image.
RowChange change_of(const AlsTask& task, std::int64_t row, const float* gram, const float* sums,
                    const float* products, float total, float* image, float* work) {
  const SideView<const float>& changes = task.prior->changes;
  const std::int64_t rank = changes.rank;
  const float* x = changes.row(row);
  const float x_bias = task.biases ? changes.biases[row] : 0.0F;
  multiply_symmetric(gram, row_stride(rank), rank, x, image, work);
  subtract_scaled(-x_bias, sums, 0, rank, image);
  RowChange change;
  change.bias =
      dot_from(sums, x, 0, rank) + x_bias * static_cast<float>(task.ratings.row_size(row));
  change.squares = dot_from(x, image, 0, rank) + x_bias * change.bias;
  change.targets = dot_from(x, products, 0, rank) + x_bias * total;
  return change;
}

/// Of the row as it was solved: Σ (r − η) d = Σ (r − c) d − wᵀGx.
void write_change(const AlsTask& task, std::int64_t row, const RowChange& change,
                  const float* image) {
  const float bias = task.biases ? task.solved.biases[row] : 0.0F;
  const float scores = dot_from(task.solved.row(row), image, 0, task.solved.rank);
  task.prior->change_squares[row] = change.squares;
  task.prior->change_products[row] = change.targets - scores - bias * change.bias;
}

}  // namespace
}  // namespace alsatian::cpu
