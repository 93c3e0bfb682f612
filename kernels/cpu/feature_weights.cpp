// Products with implicit features, and conjugate gradients on all columns of B side by side.
// Columns share the matrix but neither step lengths nor convergence: each has its own of both.
#include "kernels/cpu/feature_weights.hpp"

#include "kernels/cpu/chunked_sum.hpp"
#include "kernels/cpu/parallel.hpp"

#include <algorithm>
#include <cmath>

namespace alsatian::cpu {
namespace {

constexpr std::int64_t rows_per_task = 64;

/// Σ over chunks of visit(first, last, sums), sums [count], in the order of the chunks.
template <typename Visit>
std::vector<double> sum_by_column(std::int64_t rows, std::size_t count, const Visit& visit) {
  std::vector<std::vector<double>> parts(static_cast<std::size_t>(chunk_count(rows)),
                                         std::vector<double>(count));
  for_each_chunk(rows, [&](std::int64_t chunk, std::int64_t first, std::int64_t last) {
    visit(first, last, parts[static_cast<std::size_t>(chunk)].data());
  });
  std::vector<double> total(count);
  for (const auto& part : parts) {
    for (std::size_t j = 0; j < count; ++j) total[j] += part[j];
  }
  return total;
}

void sum_rows(const KernelTable& kernels, const RowSumTask& task) {
  parallel_for(
      task.pattern.rows(), [&](std::int64_t row) { kernels.row_sum(task, row); }, rows_per_task);
}

}  // namespace

FeatureWeights::FeatureWeights(const KernelTable& kernels, CsrView<float> own,
                               CsrView<float> opposite, std::int32_t order)
    : kernels_(kernels),
      own_(own),
      opposite_(opposite),
      shares_(static_cast<std::size_t>(own.rows())),
      roots_(static_cast<std::size_t>(own.rows())),
      diagonal_(static_cast<std::size_t>(opposite.rows())),
      weights_(opposite.rows(), order),
      residual_(opposite.rows(), order),
      direction_(opposite.rows(), order),
      image_(opposite.rows(), order),
      row_products_(own.rows(), order) {
  for (std::int64_t row = 0; row < own.rows(); ++row) {
    const auto count = static_cast<double>(std::max<std::int64_t>(own.row_size(row), 1));
    shares_[static_cast<std::size_t>(row)] = static_cast<float>(1 / count);
    roots_[static_cast<std::size_t>(row)] = static_cast<float>(1 / std::sqrt(count));
  }
  for (std::int64_t row = 0; row < opposite.rows(); ++row) {
    for (const std::int32_t other : opposite.row_columns(row)) {
      diagonal_[static_cast<std::size_t>(row)] += shares_[static_cast<std::size_t>(other)];
    }
  }
}

SideView<const float> FeatureWeights::means() {
  sum_rows(kernels_, {.pattern = own_,
                      .table = std::as_const(weights_).view(),
                      .sums = row_products_.view(),
                      .scales = roots_});
  return std::as_const(row_products_).view();
}

SideView<float> FeatureWeights::right_side() {
  const SideView<float> rows = row_products_.view();
  for_each_chunk(rows.rows, [&](std::int64_t, std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      for (std::int32_t j = 0; j < rows.rank; ++j) {
        rows.row(row)[j] *= roots_[static_cast<std::size_t>(row)];
      }
    }
  });
  sum_rows(kernels_, {.pattern = opposite_,
                      .table = std::as_const(row_products_).view(),
                      .sums = residual_.view()});
  return residual_.view();
}

double FeatureWeights::inverse_diagonal(std::int64_t row, double ridge) const {
  return 1 / (diagonal_[static_cast<std::size_t>(row)] + ridge);
}

/// B = 0, the direction the preconditioned residual.
FeatureWeights::ColumnSums FeatureWeights::start_descent(double ridge) {
  std::ranges::fill(weights_.flat(), 0.0F);
  std::ranges::fill(direction_.flat(), 0.0F);
  const std::vector<double> none(static_cast<std::size_t>(weights_.rank()));
  const ColumnSums sums = take_step(none, ridge);
  turn_direction(none, ridge);
  return sums;
}

/// image = (FᵀF + ridge·I)·direction; returns direction·image by column.
std::vector<double> FeatureWeights::apply_to_direction(double ridge) {
  sum_rows(kernels_, {.pattern = own_,
                      .table = std::as_const(direction_).view(),
                      .sums = row_products_.view(),
                      .scales = shares_});
  sum_rows(
      kernels_,
      {.pattern = opposite_, .table = std::as_const(row_products_).view(), .sums = image_.view()});
  const SideView<float> direction = direction_.view();
  const SideView<float> image = image_.view();
  const auto added = static_cast<float>(ridge);
  const auto order = static_cast<std::size_t>(image.rank);
  return sum_by_column(image.rows, order, [&](std::int64_t first, std::int64_t last, double* sums) {
    for (std::int64_t row = first; row < last; ++row) {
      float* to = image.row(row);
      const float* from = direction.row(row);
      for (std::size_t j = 0; j < order; ++j) {
        to[j] += added * from[j];
        sums[j] += static_cast<double>(to[j]) * from[j];
      }
    }
  });
}

/// B += length·direction and residual −= length·image, column by column.
FeatureWeights::ColumnSums FeatureWeights::take_step(const std::vector<double>& lengths,
                                                     double ridge) {
  const SideView<float> weights = weights_.view();
  const SideView<float> residual = residual_.view();
  const SideView<float> direction = direction_.view();
  const SideView<float> image = image_.view();
  const std::size_t order = lengths.size();
  const std::vector<float> steps(lengths.begin(), lengths.end());
  const std::vector<double> sums = sum_by_column(
      weights.rows, 2 * order, [&](std::int64_t first, std::int64_t last, double* part) {
        for (std::int64_t row = first; row < last; ++row) {
          const double inverse = inverse_diagonal(row, ridge);
          for (std::size_t j = 0; j < order; ++j) {
            weights.row(row)[j] += steps[j] * direction.row(row)[j];
            float& rest = residual.row(row)[j];
            rest -= steps[j] * image.row(row)[j];
            const double square = static_cast<double>(rest) * rest;
            part[j] += square;
            part[order + j] += inverse * square;
          }
        }
      });
  const auto middle = sums.begin() + static_cast<std::ptrdiff_t>(order);
  return {{sums.begin(), middle}, {middle, sums.end()}};
}

/// direction = preconditioned residual + share·direction.
void FeatureWeights::turn_direction(const std::vector<double>& shares, double ridge) {
  const SideView<float> residual = residual_.view();
  const SideView<float> direction = direction_.view();
  const std::vector<float> kept(shares.begin(), shares.end());
  for_each_chunk(direction.rows, [&](std::int64_t, std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      const auto inverse = static_cast<float>(inverse_diagonal(row, ridge));
      for (std::size_t j = 0; j < kept.size(); ++j) {
        float& to = direction.row(row)[j];
        to = inverse * residual.row(row)[j] + kept[j] * to;
      }
    }
  });
}

int FeatureWeights::solve(double ridge) {
  constexpr double tolerance = 1e-4;
  constexpr int most_steps = 200;
  ColumnSums now = start_descent(ridge);
  const std::vector<double> start = now.squares;
  const std::size_t order = start.size();
  const auto is_done = [&] {
    for (std::size_t j = 0; j < order; ++j) {
      if (now.squares[j] > tolerance * tolerance * start[j]) return false;
    }
    return true;
  };
  int steps = 0;
  for (; steps < most_steps && !is_done(); ++steps) {
    std::vector<double> lengths = apply_to_direction(ridge);
    for (std::size_t j = 0; j < order; ++j) {
      lengths[j] = lengths[j] > 0 ? now.products[j] / lengths[j] : 0;
    }
    const ColumnSums next = take_step(lengths, ridge);
    std::vector<double> shares(order);
    for (std::size_t j = 0; j < order; ++j) {
      shares[j] = now.products[j] > 0 ? next.products[j] / now.products[j] : 0;
    }
    turn_direction(shares, ridge);
    now = next;
  }
  return steps;
}

}  // namespace alsatian::cpu
