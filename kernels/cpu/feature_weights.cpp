// Products with implicit features, and conjugate gradients on all columns of B side by side.
// Columns share the matrix but neither step lengths nor convergence: each has its own of both.
#include "kernels/cpu/feature_weights.hpp"

#include "kernels/cpu/chunked_sum.hpp"
#include "kernels/cpu/row_sums.hpp"
#include "kernels/math/bfloat16.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace alsatian::cpu {
namespace {

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

/// visit(row, column, entries of each table) for all columns of rows [first, last), biases last.
template <typename Visit, typename... Views>
void visit_entries(std::int64_t first, std::int64_t last, std::int32_t rank, bool biases,
                   const Visit& visit, const Views&... tables) {
  for (std::int64_t row = first; row < last; ++row) {
    for (std::int32_t j = 0; j < rank; ++j) {
      visit(row, static_cast<std::size_t>(j), tables.row(row)[j]...);
    }
    if (biases) visit(row, static_cast<std::size_t>(rank), tables.biases[row]...);
  }
}

bool are_below(const std::vector<double>& values, const std::vector<double>& limits) {
  for (std::size_t j = 0; j < values.size(); ++j) {
    if (values[j] > limits[j]) return false;
  }
  return true;
}

/// Whether what is left after a step is surely small, without the product that its residual takes.
/// A step lessens the squared error by its gain (Hestenes and Stiefel 1952, theorem 6:1). Gains
/// fall about like a geometric series, of which gain²/(gain before − gain) is still to come
/// (Strakoš and Tichý 2002, section 4); half of what is allowed is left for what falls slower. The
/// gain of the first step says nothing of later ones, as it is most of what there is.
bool will_be_below(const std::vector<double>& gains_before, const std::vector<double>& gains,
                   const std::vector<double>& limits) {
  for (std::size_t j = 0; j < gains.size(); ++j) {
    const double fall = gains_before[j] - gains[j];
    if (!(gains[j] * gains[j] <= 0.5 * limits[j] * fall)) return false;
  }
  return true;
}

}  // namespace

FeatureWeights::FeatureWeights(const KernelTable& kernels, CsrView<float> own,
                               CsrView<float> opposite, std::int32_t rank, bool biases)
    : kernels_(kernels),
      own_(own),
      opposite_(opposite),
      biases_(biases),
      shares_(static_cast<std::size_t>(own.rows())),
      roots_(static_cast<std::size_t>(own.rows())),
      weights_(opposite.rows(), rank),
      residual_(opposite.rows(), rank),
      direction_(opposite.rows(), rank),
      image_(opposite.rows(), rank),
      row_products_(own.rows(), rank),
      narrow_direction_(opposite.rows(), rank),
      narrow_products_(own.rows(), rank),
      means_(own.rows(), rank) {
  for (std::int64_t row = 0; row < own.rows(); ++row) {
    const auto count = static_cast<double>(std::max<std::int64_t>(own.row_size(row), 1));
    shares_[static_cast<std::size_t>(row)] = static_cast<float>(1 / count);
    roots_[static_cast<std::size_t>(row)] = static_cast<float>(1 / std::sqrt(count));
  }
  std::vector<double> diagonal(static_cast<std::size_t>(opposite.rows()));  // of FᵀF
  for (std::int64_t row = 0; row < opposite.rows(); ++row) {
    for (const std::int32_t other : opposite.row_columns(row)) {
      diagonal[static_cast<std::size_t>(row)] += shares_[static_cast<std::size_t>(other)];
    }
  }
  preconditioner_.emplace(kernels, own, opposite, shares_, diagonal, rank);
}

FactorTable& FeatureWeights::weights() {
  means_are_known_ = false;
  return weights_;
}

void FeatureWeights::scale(float factor) {
  for (FactorTable* const table : {&weights_, &means_}) {
    float* const values = table->flat().data();
    for_each_chunk(std::ssize(table->flat()),
                   [&](std::int64_t, std::int64_t first, std::int64_t last) {
                     for (std::int64_t j = first; j < last; ++j) values[j] *= factor;
                   });
  }
}

SideView<const float> FeatureWeights::means() {
  if (!std::exchange(means_are_known_, true)) {
    sum_rows(kernels_, {.pattern = own_,
                        .table = std::as_const(weights_).view(),
                        .sums = means_.view(),
                        .scales = roots_,
                        .biases = biases_});
  }
  return std::as_const(means_).view();
}

SideView<float> FeatureWeights::right_side() {
  const SideView<const float> rows = std::as_const(row_products_).view();
  for_each_chunk(rows.rows, [&](std::int64_t, std::int64_t first, std::int64_t last) {
    visit_entries(
        first, last, rows.rank, biases_,
        [&](std::int64_t row, std::size_t, float target, std::uint16_t& narrow) {
          narrow = to_bfloat16(roots_[static_cast<std::size_t>(row)] * target);
        },
        rows, narrow_products_.view());
  });
  multiply_back(residual_);
  return residual_.view();
}

/// to = Fᵀ·narrow products, without roots.
void FeatureWeights::multiply_back(FactorTable& to) {
  const NarrowRowSumTask task{.pattern = opposite_,
                              .table = std::as_const(narrow_products_).view(),
                              .sums = to.view(),
                              .biases = biases_};
  sum_rows(kernels_, task);
}

/// image = M⁻¹·residual; returns residual·image by column.
std::vector<double> FeatureWeights::precondition() {
  const SideView<const float> residual = std::as_const(residual_).view();
  preconditioner_->apply(residual, biases_, image_.view());
  const auto order = static_cast<std::size_t>(residual.rank + (biases_ ? 1 : 0));
  return sum_by_column(residual.rows, order,
                       [&](std::int64_t first, std::int64_t last, double* sums) {
                         visit_entries(
                             first, last, residual.rank, biases_,
                             [&](std::int64_t, std::size_t column, float rest, float solved) {
                               sums[column] += static_cast<double>(rest) * solved;
                             },
                             residual, std::as_const(image_).view());
                       });
}

/// row_products = F·direction divided by √n once more; returns direction·A·direction by column.
std::vector<double> FeatureWeights::multiply_direction(double ridge) {
  const NarrowRowSumTask task{.pattern = own_,
                              .table = std::as_const(narrow_direction_).view(),
                              .sums = row_products_.view(),
                              .scales = shares_,
                              .biases = biases_,
                              .narrow_sums = narrow_products_.view()};
  sum_rows(kernels_, task);
  const auto order = static_cast<std::size_t>(image_.rank() + (biases_ ? 1 : 0));
  const auto squares_of = [&](const FactorTable& table, const auto& weight) {
    return sum_by_column(table.rows(), order,
                         [&](std::int64_t first, std::int64_t last, double* sums) {
                           visit_entries(
                               first, last, table.rank(), biases_,
                               [&](std::int64_t row, std::size_t column, float value) {
                                 sums[column] += weight(row) * value * value;
                               },
                               table.view());
                         });
  };
  std::vector<double> curvatures = squares_of(direction_, [&](std::int64_t) { return ridge; });
  const std::vector<double> of_products = squares_of(row_products_, [&](std::int64_t row) {
    return 1.0 / shares_[static_cast<std::size_t>(row)];
  });
  for (std::size_t j = 0; j < order; ++j) curvatures[j] += of_products[j];
  return curvatures;
}

/// B += length·direction and F·B likewise, column by column.
void FeatureWeights::take_step(const std::vector<double>& lengths) {
  const std::vector<float> steps(lengths.begin(), lengths.end());
  for_each_chunk(weights_.rows(), [&](std::int64_t, std::int64_t first, std::int64_t last) {
    visit_entries(
        first, last, weights_.rank(), biases_,
        [&](std::int64_t, std::size_t column, float& weight, float direction) {
          weight += steps[column] * direction;
        },
        weights_.view(), std::as_const(direction_).view());
  });
  // Products of F with the direction were divided by √n once more than those with B are.
  for_each_chunk(means_.rows(), [&](std::int64_t, std::int64_t first, std::int64_t last) {
    visit_entries(
        first, last, means_.rank(), biases_,
        [&](std::int64_t row, std::size_t column, float& mean, float product) {
          mean += steps[column] / roots_[static_cast<std::size_t>(row)] * product;
        },
        means_.view(), std::as_const(row_products_).view());
  });
}

/// residual −= length·A·direction, column by column; image is overwritten.
void FeatureWeights::update_residual(double ridge, const std::vector<double>& lengths) {
  multiply_back(image_);
  const std::vector<float> steps(lengths.begin(), lengths.end());
  const auto added = static_cast<float>(ridge);
  for_each_chunk(residual_.rows(), [&](std::int64_t, std::int64_t first, std::int64_t last) {
    visit_entries(
        first, last, residual_.rank(), biases_,
        [&](std::int64_t, std::size_t column, float& rest, float product, float direction) {
          rest -= steps[column] * (product + added * direction);
        },
        residual_.view(), std::as_const(image_).view(), std::as_const(direction_).view());
  });
}

/// direction = image + share·direction, rounded.
void FeatureWeights::turn_direction(const std::vector<double>& shares) {
  const std::vector<float> kept(shares.begin(), shares.end());
  for_each_chunk(direction_.rows(), [&](std::int64_t, std::int64_t first, std::int64_t last) {
    visit_entries(
        first, last, direction_.rank(), biases_,
        [&](std::int64_t, std::size_t column, float& to, std::uint16_t& narrow, float solved) {
          narrow = to_bfloat16(solved + kept[column] * to);
          to = from_bfloat16(narrow);
        },
        direction_.view(), narrow_direction_.view(), image_.view());
  });
}

int FeatureWeights::solve(double ridge, std::span<const double> variances) {
  constexpr double tolerance = 1e-2;
  constexpr int most_steps = 200;
  std::vector<double> allowed(variances.begin(), variances.end());
  for (double& value : allowed)
    value *= tolerance * tolerance * static_cast<double>(weights_.rows());
  preconditioner_->set_ridge(ridge);
  for (FactorTable* const table : {&weights_, &means_, &direction_}) {
    std::ranges::fill(table->flat(), 0.0F);
  }
  const std::size_t order = variances.size();
  std::vector<double> now = precondition();
  std::vector<double> shares(order);        // of the last direction; none at first
  std::vector<double> gains_before(order);  // of the step before
  int steps = 0;
  while (steps < most_steps && !are_below(now, allowed)) {
    turn_direction(shares);
    std::vector<double> lengths = multiply_direction(ridge);
    std::vector<double> gains(order);
    for (std::size_t j = 0; j < order; ++j) {
      lengths[j] = lengths[j] > 0 ? now[j] / lengths[j] : 0;
      gains[j] = lengths[j] * now[j];
    }
    take_step(lengths);
    if (++steps > 2 && will_be_below(gains_before, gains, allowed)) break;
    gains_before = gains;
    update_residual(ridge, lengths);
    const std::vector<double> next = precondition();
    for (std::size_t j = 0; j < order; ++j) shares[j] = now[j] > 0 ? next[j] / now[j] : 0;
    now = next;
  }
  means_are_known_ = true;
  return steps;
}

}  // namespace alsatian::cpu
