// Sums of errors, losses and penalties in fixed chunks.
// Chunks are added in order: the result depends on neither threads nor their timing.
#include "kernels/cpu/errors.hpp"

#include "kernels/cpu/chunked_sum.hpp"
#include "kernels/math/score.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <vector>

namespace alsatian::cpu {
namespace {

/// Up to chunk_size ratings with their indices.
struct RatingChunk {
  const std::int32_t* users;
  const std::int32_t* items;
  const float* ratings;
  std::int64_t count;
};

ErrorSums chunk_errors(const KernelTable& table, const ScoreTask& task,
                       const RatingChunk& ratings) {
  std::array<float, chunk_size> dots;
  table.pair_dots(task.users, task.items, ratings.users, ratings.items, ratings.count, dots.data());
  return std::visit(
      [&](const auto& likelihood) {
        ErrorSums sums;
        sums.count = ratings.count;
        for (std::int64_t j = 0; j < ratings.count; ++j) {
          const std::int32_t u = ratings.users[j];
          const std::int32_t i = ratings.items[j];
          const double eta =
              score<double>(task.mean, u < 0 ? 0.0F : task.users.biases[u],
                            i < 0 ? 0.0F : task.items.biases[i], dots[static_cast<std::size_t>(j)]);
          const double rating = ratings.ratings[j];
          const double error = likelihood.mean(eta) - rating;
          sums.squared_error += error * error;
          sums.absolute_error += std::abs(error);
          sums.loss += likelihood.loss_and_slope(eta, rating).loss;
        }
        return sums;
      },
      task.likelihood);
}

/// The row of a rating.
std::int64_t row_of(View<const std::int64_t> offsets, std::int64_t position) {
  return std::upper_bound(offsets.begin(), offsets.end(), position) - offsets.begin() - 1;
}

/// The row of each rating in [first, last).
void fill_rows(View<const std::int64_t> offsets, std::int64_t first, std::int64_t last,
               std::int32_t* rows) {
  std::int64_t row = row_of(offsets, first);
  for (std::int64_t position = first; position < last; ++position) {
    while (offsets[row + 1] <= position) ++row;
    rows[position - first] = static_cast<std::int32_t>(row);
  }
}

}  // namespace

ErrorSums& ErrorSums::operator+=(const ErrorSums& other) {
  count += other.count;
  squared_error += other.squared_error;
  absolute_error += other.absolute_error;
  loss += other.loss;
  return *this;
}

ErrorSums training_errors(const KernelTable& table, const ScoreTask& task, CsrView<float> by_user) {
  return chunked_sum<ErrorSums>(by_user.observations(), [&](std::int64_t first, std::int64_t last) {
    std::array<std::int32_t, chunk_size> rows;
    fill_rows(by_user.offsets, first, last, rows.data());
    return chunk_errors(
        table, task,
        {rows.data(), by_user.columns.data() + first, by_user.values.data() + first, last - first});
  });
}

double squared_error(const KernelTable& table, const SquaredErrorTask& task) {
  const View<const std::int64_t> offsets = task.ratings.offsets;
  return chunked_sum<double>(
      task.ratings.observations(), [&](std::int64_t first, std::int64_t last) {
        double total = 0;
        for (std::int64_t row = row_of(offsets, first); first < last; ++row) {
          const std::int64_t end = std::min(offsets[row + 1], last);
          total += table.squared_error(task, row, first, end);
          first = end;
        }
        return total;
      });
}

ErrorSums listed_errors(const KernelTable& table, const ScoreTask& task,
                        View<const std::int32_t> users, View<const std::int32_t> items,
                        View<const float> ratings) {
  if (users.size() != ratings.size() || items.size() != ratings.size()) {
    throw std::invalid_argument("a list of ratings needs as many users and items");
  }
  return chunked_sum<ErrorSums>(ratings.size(), [&](std::int64_t first, std::int64_t last) {
    return chunk_errors(
        table, task,
        {users.data() + first, items.data() + first, ratings.data() + first, last - first});
  });
}

double penalty(SideView<const float> side, View<const std::int64_t> offsets,
               const Regularization& regularization) {
  return chunked_sum<double>(side.rows, [&](std::int64_t first, std::int64_t last) {
    double total = 0;
    for (std::int64_t row = first; row < last; ++row) {
      const float* factors = side.row(row);
      const double squared_norm = interleaved_sum(0, side.stride, [&](std::int64_t j) {
        return static_cast<double>(factors[j]) * factors[j];
      });
      const auto count = static_cast<double>(offsets[row + 1] - offsets[row]);
      total += row_penalty(row_scale(count, regularization.scaling), regularization, squared_norm,
                           side.biases[row]);
    }
    return total;
  });
}

std::optional<std::int64_t> first_non_finite_row(SideView<const float> side) {
  const auto is_finite = [](float value) { return std::isfinite(value); };
  std::vector<std::optional<std::int64_t>> found(static_cast<std::size_t>(chunk_count(side.rows)));
  for_each_chunk(side.rows, [&](std::int64_t chunk, std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      const float* factors = side.row(row);
      if (is_finite(side.biases[row]) && std::all_of(factors, factors + side.rank, is_finite)) {
        continue;
      }
      found[static_cast<std::size_t>(chunk)] = row;
      return;
    }
  });
  for (const auto& row : found) {
    if (row) return row;
  }
  return std::nullopt;
}

}  // namespace alsatian::cpu
