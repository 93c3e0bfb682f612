// Products with features less their means: sparse sums, and one correction for all that is centred.
// A Cholesky factor of the features' equations a draw: λ_G is another every time.
#include "kernels/cpu/given_weights.hpp"

#include "kernels/cpu/parallel.hpp"

#include <algorithm>
#include <cmath>

namespace alsatian::cpu {
namespace {

constexpr std::int64_t rows_per_task = 64;

std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

/// values ← L⁻¹·values, [order of L, columns] row-major.
void solve_lower(const SquareMatrix& lower, std::int64_t columns, std::vector<double>& values) {
  for (std::int64_t row = 0; row < lower.order(); ++row) {
    double* own = values.data() + row * columns;
    for (std::int64_t before = 0; before < row; ++before) {
      const double* from = values.data() + before * columns;
      for (std::int64_t j = 0; j < columns; ++j) own[j] -= lower(row, before) * from[j];
    }
    for (std::int64_t j = 0; j < columns; ++j) own[j] /= lower(row, row);
  }
}

/// values ← L⁻ᵀ·values.
void solve_upper(const SquareMatrix& lower, std::int64_t columns, std::vector<double>& values) {
  for (std::int64_t row = lower.order() - 1; row >= 0; --row) {
    const double* own = values.data() + row * columns;
    for (std::int64_t j = 0; j < columns; ++j) values[at(row * columns + j)] /= lower(row, row);
    for (std::int64_t before = 0; before < row; ++before) {
      double* to = values.data() + before * columns;
      for (std::int64_t j = 0; j < columns; ++j) to[j] -= lower(row, before) * own[j];
    }
  }
}

}  // namespace

std::int64_t given_bytes(std::int64_t rows, std::int64_t features, std::int64_t entries,
                         std::int32_t order) {
  const std::int64_t tables = features * order * 4 * 8 + rows * (padded(order) + 1) * 4;
  return features * features * 5 * 8 + tables + entries * 12 + rows / 4 + features * 16;
}

GivenWeights::GivenWeights(GivenFeatures features, CsrView<float> ratings, std::int32_t rank,
                           bool biases)
    : features_(features.rows),
      in_file_(features.described),
      count_(features.count),
      order_(std::int64_t{rank} + (biases ? 1 : 0)),
      biases_(biases),
      rated_(at(ratings.rows())),
      described_(at(ratings.rows())),
      centers_(at(features.count)),
      offsets_(at(features.count) + 1),
      gram_(features.count),
      weights_(at(features.count * order_)),
      means_(ratings.rows(), rank) {
  for (std::int64_t row = 0; row < ratings.rows(); ++row) {
    rated_[at(row)] = ratings.row_size(row) > 0;
  }
  center();
  index_rows();
  gram_ = gram();
  SquareMatrix equations = gram_;
  for (std::int64_t j = 0; j < count_; ++j) equations(j, j) += GibbsPrior::expected_ridge;
  expected_root_ = cholesky_of(equations);
}

/// The features' means. A row of zeros counts as well: they say as much as a 1 would.
void GivenWeights::center() {
  for (std::int64_t row = 0; row < features_.rows(); ++row) {
    if (!rated_[at(row)] || in_file_[at(row)] == 0) continue;
    described_[at(row)] = true;
    ++described_count_;
    for (std::int64_t o = 0; o < features_.row_size(row); ++o) {
      centers_[at(features_.row_columns(row)[o])] += features_.row_values(row)[o];
    }
  }
  for (double& center : centers_) {
    center /= static_cast<double>(std::max<std::int64_t>(described_count_, 1));
  }
}

/// The rated rows of each feature.
void GivenWeights::index_rows() {
  for (std::int64_t row = 0; row < features_.rows(); ++row) {
    if (!rated_[at(row)]) continue;
    for (std::int64_t o = 0; o < features_.row_size(row); ++o) {
      ++offsets_[at(features_.row_columns(row)[o]) + 1];
    }
  }
  for (std::int64_t feature = 0; feature < count_; ++feature) {
    offsets_[at(feature) + 1] += offsets_[at(feature)];
  }
  std::vector<std::int64_t> next(offsets_.begin(), offsets_.end() - 1);
  rows_.resize(at(offsets_.back()));
  values_.resize(rows_.size());
  for (std::int64_t row = 0; row < features_.rows(); ++row) {
    if (!rated_[at(row)]) continue;
    for (std::int64_t o = 0; o < features_.row_size(row); ++o) {
      const std::int64_t place = next[at(features_.row_columns(row)[o])]++;
      rows_[at(place)] = static_cast<std::int32_t>(row);
      values_[at(place)] = features_.row_values(row)[o];
    }
  }
}

/// Σ f fᵀ − n c cᵀ over the n described rows, c their mean.
SquareMatrix GivenWeights::gram() const {
  SquareMatrix sums(count_);
  parallel_for(count_, [&](std::int64_t feature) {
    double* to = &sums(feature, 0);
    for (auto o = offsets_[at(feature)]; o < offsets_[at(feature) + 1]; ++o) {
      const std::int64_t row = rows_[at(o)];
      for (std::int64_t other = 0; other < features_.row_size(row); ++other) {
        to[features_.row_columns(row)[other]] += values_[at(o)] * features_.row_values(row)[other];
      }
    }
  });
  const auto count = static_cast<double>(described_count_);
  for (std::int64_t feature = 0; feature < count_; ++feature) {
    for (std::int64_t other = 0; other < count_; ++other) {
      sums(feature, other) -= count * centers_[at(feature)] * centers_[at(other)];
    }
  }
  return sums;
}

void GivenWeights::start() {
  std::ranges::fill(weights_, 0.0);
  precision_ = 10;
  refresh_means();
}

std::vector<double> GivenWeights::products(const RowsView& targets) const {
  std::vector<double> total(at(order_));  // over what is centred
  std::vector<double> values(at(order_));
  for (std::int64_t row = 0; row < features_.rows(); ++row) {
    if (!described_[at(row)]) continue;
    targets.copy_row(row, values.data());
    for (std::int64_t j = 0; j < order_; ++j) total[at(j)] += values[at(j)];
  }
  std::vector<double> sums(at(count_ * order_));
  parallel_for(count_, [&](std::int64_t feature) {
    double* to = sums.data() + feature * order_;
    std::vector<double> own(at(order_));
    for (auto o = offsets_[at(feature)]; o < offsets_[at(feature) + 1]; ++o) {
      targets.copy_row(rows_[at(o)], own.data());
      for (std::int64_t j = 0; j < order_; ++j) to[j] += values_[at(o)] * own[at(j)];
    }
    for (std::int64_t j = 0; j < order_; ++j) to[j] -= centers_[at(feature)] * total[at(j)];
  });
  return sums;
}

std::vector<double> GivenWeights::shift_of(const std::vector<double>& from) const {
  std::vector<double> sum(at(order_));
  for (std::int64_t feature = 0; feature < count_; ++feature) {
    for (std::int64_t j = 0; j < order_; ++j) {
      sum[at(j)] += centers_[at(feature)] * from[at(feature * order_ + j)];
    }
  }
  return sum;
}

void GivenWeights::add_product(std::int64_t row, const std::vector<double>& from,
                               const std::vector<double>& shift, double* sum) const {
  for (std::int64_t j = 0; j < order_; ++j) sum[j] -= shift[at(j)];
  for (std::int64_t o = 0; o < features_.row_size(row); ++o) {
    const double* weights = from.data() + features_.row_columns(row)[o] * order_;
    const double value = features_.row_values(row)[o];
    for (std::int64_t j = 0; j < order_; ++j) sum[j] += value * weights[j];
  }
}

void GivenWeights::expect(const RowsView& known,
                          const std::function<void(std::int64_t, const double*)>& set) const {
  std::vector<double> slopes = products(known);  // T's columns sum to 0: known's mean is no matter
  solve_lower(expected_root_, order_, slopes);
  solve_upper(expected_root_, order_, slopes);
  std::vector<double> mean = row_moments(known, {}, &described_).sum;
  for (double& value : mean) {
    value /= static_cast<double>(std::max<std::int64_t>(described_count_, 1));
  }
  const std::vector<double> shift = shift_of(slopes);
  std::vector<double> values;
  for (std::int64_t row = 0; row < features_.rows(); ++row) {
    if (rated_[at(row)]) continue;
    values = mean;
    if (in_file_[at(row)] != 0) add_product(row, slopes, shift, values.data());
    set(row, values.data());
  }
}

void GivenWeights::draw(const RowsView& targets, const SquareMatrix& inverse_root,
                        const SidePrior& prior, const GibbsStreams& streams, const GibbsKey& key) {
  SquareMatrix equations = gram_;
  for (std::int64_t j = 0; j < count_; ++j) equations(j, j) += precision_;
  const SquareMatrix lower = cholesky_of(equations);
  // L y = Tᵀ(targets), and then Lᵀ G = y + Z·L_Λ⁻¹.
  std::vector<double> solved = products(targets);
  solve_lower(lower, order_, solved);
  for (std::int64_t feature = 0; feature < count_; ++feature) {
    double* row = solved.data() + feature * order_;
    RandomWords words = key.words(streams.given_weights, feature);
    NormalDraws normal_draw(words);
    for (std::int64_t k = 0; k < order_; ++k) {
      const double noise = normal_draw();
      for (std::int64_t j = 0; j <= k; ++j) row[j] += noise * inverse_root(k, j);
    }
  }
  solve_upper(lower, order_, solved);
  weights_ = std::move(solved);
  precision_ = draw_weight_precision(moments(), prior, streams, key, 2);
  refresh_means();
}

void GivenWeights::refresh_means() {
  const std::vector<double> shift = shift_of(weights_);
  const SideView<float> means = means_.view();
  parallel_for(
      means.rows,
      [&](std::int64_t row) {
        if (in_file_[at(row)] == 0) return;  // 0 from the start
        std::vector<double> sum(at(order_));
        add_product(row, weights_, shift, sum.data());
        for (std::int32_t j = 0; j < means.rank; ++j) {
          means.row(row)[j] = static_cast<float>(sum[at(j)]);
        }
        if (biases_) means.biases[row] = static_cast<float>(sum.back());
      },
      rows_per_task);
}

RowMoments GivenWeights::moments() const {
  RowMoments moments(order_);
  moments.count = count_;
  for (std::int64_t feature = 0; feature < count_; ++feature) {
    const double* from = weights_.data() + feature * order_;
    for (std::int64_t j = 0; j < order_; ++j) {
      moments.sum[at(j)] += from[j];
      for (std::int64_t q = 0; q < order_; ++q) moments.products(j, q) += from[j] * from[q];
    }
  }
  return moments;
}

}  // namespace alsatian::cpu
