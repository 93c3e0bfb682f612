// Block Gauss-Jordan elimination in double: the inverse is applied in every step, and made rarely.
// Sums over rows are in the order of rows, each by one thread: the same bytes on any number.
#include "kernels/cpu/leading_features.hpp"

#include "kernels/cpu/parallel.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace alsatian::cpu {
namespace {

constexpr std::int64_t most_leading = 1024;
constexpr std::size_t most_inverses = 2;
constexpr double grid_ratio = 1.25;
constexpr std::int64_t rows_per_task = 16;

/// The leading features of each row, as places: a CSR without values.
struct LeadingColumns {
  std::vector<std::int64_t> offsets;
  std::vector<std::int32_t> places;
};

LeadingColumns leading_columns(CsrView<float> own, const std::vector<std::int32_t>& places) {
  LeadingColumns leading{.offsets = {0}, .places = {}};
  for (std::int64_t row = 0; row < own.rows(); ++row) {
    for (const std::int32_t feature : own.row_columns(row)) {
      const std::int32_t place = places[static_cast<std::size_t>(feature)];
      if (place >= 0) leading.places.push_back(place);
    }
    leading.offsets.push_back(static_cast<std::int64_t>(leading.places.size()));
  }
  return leading;
}

/// to[j] −= factor·from[j], j in [first, last).
void subtract(double factor, const double* from, std::int64_t first, std::int64_t last,
              double* to) {
  for (std::int64_t j = first; j < last; ++j) to[j] -= factor * from[j];
}

/// Gauss-Jordan elimination of a block, in place.
void invert_block(SquareMatrix& block) {
  for (std::int64_t pivot = 0; pivot < block.order(); ++pivot) {
    double* row = &block(pivot, 0);
    const double inverse = 1 / row[pivot];
    row[pivot] = 1;
    for (std::int64_t j = 0; j < block.order(); ++j) row[j] *= inverse;
    for (std::int64_t other = 0; other < block.order(); ++other) {
      if (other == pivot) continue;
      const double factor = block(other, pivot);
      block(other, pivot) = 0;
      subtract(factor, row, 0, block.order(), &block(other, 0));
    }
  }
}

/// With K the block of pivots: A_K ← A_KK⁻¹ A_K, A_i ← A_i − A_iK A_K, A_iK ← −A_iK A_KK⁻¹.
void eliminate(SquareMatrix& matrix, std::int64_t first, std::int64_t last) {
  const std::int64_t order = matrix.order();
  SquareMatrix pivots(last - first);
  for (std::int64_t row = first; row < last; ++row) {
    std::copy_n(&matrix(row, first), last - first, &pivots(row - first, 0));
  }
  invert_block(pivots);
  std::vector<double> rows(static_cast<std::size_t>((last - first) * order));
  for (std::int64_t row = first; row < last; ++row) {
    double* to = rows.data() + (row - first) * order;
    for (std::int64_t k = first; k < last; ++k) {
      subtract(-pivots(row - first, k - first), &matrix(k, 0), 0, order, to);
    }
    std::copy_n(&pivots(row - first, 0), last - first, to + first);
  }
  parallel_for(
      order,
      [&](std::int64_t row) {
        double* to = &matrix(row, 0);
        if (row >= first && row < last) {
          std::copy_n(rows.data() + (row - first) * order, order, to);
          return;
        }
        std::vector<double> factors(to + first, to + last);
        std::fill(to + first, to + last, 0.0);
        for (std::int64_t k = first; k < last; ++k) {
          subtract(factors[static_cast<std::size_t>(k - first)], rows.data() + (k - first) * order,
                   0, order, to);
        }
      },
      rows_per_task);
}

}  // namespace

void invert(SquareMatrix& matrix) {
  constexpr std::int64_t block = 32;
  for (std::int64_t first = 0; first < matrix.order(); first += block) {
    eliminate(matrix, first, std::min(first + block, matrix.order()));
  }
}

std::int64_t leading_count(std::int64_t features, std::int64_t ratings, std::int32_t order) {
  const double work = 10.0 * static_cast<double>(ratings) * order;
  const auto affordable = static_cast<std::int64_t>(std::cbrt(work));
  return std::min({features, most_leading, affordable});
}

std::int64_t leading_bytes(std::int64_t features, std::int64_t rows, std::int64_t ratings,
                           std::int32_t order) {
  const std::int64_t count = leading_count(features, ratings, order);
  // The Gram matrix, its inverse on the way, the inverses kept; places of rows and of features.
  return count * count * (8 + 8 + static_cast<std::int64_t>(most_inverses) * 4) +
         count * 2 * padded(order) * 4 + ratings * 4 + rows * 8 + features * 4;
}

LeadingFeatures::LeadingFeatures(const KernelTable& kernels, CsrView<float> own,
                                 CsrView<float> opposite, std::span<const float> shares,
                                 std::span<const double> diagonal, std::int32_t order)
    : kernels_(kernels), places_(diagonal.size(), -1) {
  find(diagonal, leading_count(opposite.rows(), own.observations(), order));
  gram_ = SquareMatrix(size());
  residual_ = FactorTable(size(), order);
  solution_ = FactorTable(size(), order);
  sum_gram(own, opposite, shares);
}

/// Those with the largest diagonals, of equal ones the first.
void LeadingFeatures::find(std::span<const double> diagonal, std::int64_t count) {
  features_.resize(diagonal.size());
  std::iota(features_.begin(), features_.end(), 0);
  std::ranges::stable_sort(features_, std::ranges::greater(), [&](std::int32_t feature) {
    return diagonal[static_cast<std::size_t>(feature)];
  });
  features_.resize(static_cast<std::size_t>(count));
  std::ranges::sort(features_);
  for (std::size_t place = 0; place < features_.size(); ++place) {
    places_[static_cast<std::size_t>(features_[place])] = static_cast<std::int32_t>(place);
  }
}

void LeadingFeatures::sum_gram(CsrView<float> own, CsrView<float> opposite,
                               std::span<const float> shares) {
  const LeadingColumns leading = leading_columns(own, places_);
  parallel_for(size(), [&](std::int64_t place) {
    double* sums = &gram_(place, 0);
    for (const std::int32_t row :
         opposite.row_columns(features_[static_cast<std::size_t>(place)])) {
      const auto index = static_cast<std::size_t>(row);
      const double share = shares[index];
      for (auto entry = leading.offsets[index]; entry < leading.offsets[index + 1]; ++entry) {
        const std::int32_t other = leading.places[static_cast<std::size_t>(entry)];
        if (other > place) break;
        sums[other] += share;
      }
    }
  });
  for (std::int64_t row = 0; row < size(); ++row) {
    for (std::int64_t column = row + 1; column < size(); ++column) {
      gram_(row, column) = gram_(column, row);
    }
  }
}

void LeadingFeatures::set_ridge(double ridge) {
  const int power = static_cast<int>(std::lround(std::log(ridge) / std::log(grid_ratio)));
  const auto found = std::ranges::find(inverses_, power, &Inverse::first);
  if (found != inverses_.end()) {
    std::rotate(found, found + 1, inverses_.end());
    return;
  }
  SquareMatrix inverse = gram_;
  const double near = std::pow(grid_ratio, power);
  for (std::int64_t place = 0; place < size(); ++place) inverse(place, place) += near;
  invert(inverse);
  if (inverses_.size() == most_inverses) inverses_.erase(inverses_.begin());
  inverses_.emplace_back(power, AlignedFloats(inverse.entries().begin(), inverse.entries().end()));
}

SideView<const float> LeadingFeatures::solve(SideView<const float> residual, bool biases) {
  const SideView<float> known = residual_.view();
  for (std::int64_t place = 0; place < size(); ++place) {
    const std::int64_t feature = features_[static_cast<std::size_t>(place)];
    std::copy_n(residual.row(feature), residual.rank, known.row(place));
    if (biases) known.row(place)[residual.rank] = residual.biases[feature];
  }
  const SideView<float> solution = solution_.view();
  const float* inverse = inverses_.back().second.data();
  parallel_for(
      size(),
      [&](std::int64_t place) {
        kernels_.combine_rows({.coefficients = {inverse + place * size(), size()},
                               .table = std::as_const(residual_).view(),
                               .sum = solution.row(place)});
      },
      rows_per_task);
  return std::as_const(solution_).view();
}

}  // namespace alsatian::cpu
