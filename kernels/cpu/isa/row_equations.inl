// What a row's equations are made of, for the exact solver and for conjugate gradients alike.
// The formulas are those of kernels/math.
#pragma once

#include "kernels/cpu/isa/vector.inl"
#include "kernels/cpu/kernel_table.hpp"
#include "kernels/math/regularization.hpp"
#include "kernels/math/score.hpp"

namespace alsatian::cpu {
namespace {

ALSATIAN_INLINE RowRidge<float> ridge_of(const AlsTask& task, std::int64_t row) {
  return row_ridge<float>(static_cast<double>(task.ratings.row_size(row)), task.regularization);
}

/// What a rating leaves for the row to explain: less the score of a row of zeros, μ = 0.
ALSATIAN_INLINE float target_of(const AlsTask& task, float rating, std::int32_t column) {
  return task.biases ? rating - score(0.0F, 0.0F, task.opposite.biases[column], 0.0F) : rating;
}

}  // namespace
}  // namespace alsatian::cpu
