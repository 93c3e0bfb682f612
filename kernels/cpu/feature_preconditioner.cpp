// Subspace iteration with the kernels of the products themselves, and what they give a ridge.
// Sums are in parts whose size the number of rows decides: the same bytes on any number of threads.
#include "kernels/cpu/feature_preconditioner.hpp"

#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/row_sums.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace alsatian::cpu {
namespace {

constexpr std::int64_t most_directions = 64;
constexpr int iterations = 6;
constexpr double grid_ratio = 4;
constexpr std::size_t most_bases = 2;
// Of the identity, added to D⁻¹FᵀF: where F has fewer directions than are looked for, the others
// stay what they are. Eigenvalues that are worth a direction are above 1.
constexpr float least_eigenvalue = 0.05F;
// Of the diagonal, added to sums of float's products before they are inverted: above their
// roundings, so that M⁻¹ is positive definite whatever V is.
constexpr double jitter = 1e-5;

constexpr std::int64_t most_parts = 32;

std::int64_t part_length(std::int64_t rows) {
  return std::max<std::int64_t>(256, (rows + most_parts - 1) / most_parts);
}

std::int64_t part_count(std::int64_t rows) {
  const std::int64_t length = part_length(rows);
  return (rows + length - 1) / length;
}

/// visit(part, first, last) for each part of the rows.
template <typename Visit>
void for_each_part(std::int64_t rows, const Visit& visit) {
  const std::int64_t length = part_length(rows);
  parallel_for(part_count(rows), [&](std::int64_t part) {
    visit(part, part * length, std::min((part + 1) * length, rows));
  });
}

/// Some rows of a table.
SideView<float> rows_of(SideView<float> table, std::int64_t first, std::int64_t count) {
  return {table.row(first), table.biases + first, count, table.rank, table.stride};
}

/// leftᵀ·right of each part, one below the other in `parts`.
void multiply_parts(const KernelTable& kernels, SideView<const float> left,
                    SideView<const float> right, bool biases, SideView<float> parts) {
  for_each_part(left.rows, [&](std::int64_t part, std::int64_t first, std::int64_t last) {
    const SideView<float> sums = rows_of(parts, part * left.rank, left.rank);
    std::fill_n(sums.factors, sums.rows * sums.stride, 0.0F);
    std::fill_n(sums.biases, sums.rows, 0.0F);
    kernels.add_products({.left = left, .right = right, .sums = sums, .biases = biases}, first,
                         last);
  });
}

/// leftᵀ·right, both of as many columns.
SquareMatrix product_of(const KernelTable& kernels, const FactorTable& left,
                        const FactorTable& right) {
  const std::int64_t order = left.rank();
  FactorTable parts(part_count(left.rows()) * order, left.rank());
  multiply_parts(kernels, left.view(), right.view(), false, parts.view());
  SquareMatrix total(order);
  for (std::int64_t row = 0; row < parts.rows(); ++row) {
    const float* from = std::as_const(parts).view().row(row);
    double* to = &total(row % order, 0);
    for (std::int64_t j = 0; j < order; ++j) to[j] += from[j];
  }
  return total;
}

/// L⁻¹ of matrix = LLᵀ, nearly: see jitter. Directions that are 0 count as orthogonal to all.
SquareMatrix inverse_root_of(SquareMatrix matrix) {
  for (std::int64_t j = 0; j < matrix.order(); ++j) {
    matrix(j, j) = matrix(j, j) > 0 ? matrix(j, j) * (1 + jitter) : 1;
  }
  return inverse_of_lower(cholesky_of(matrix));
}

SquareMatrix inverse_of(const SquareMatrix& matrix) {
  return gram_of_columns(inverse_root_of(matrix));
}

/// to = scale(row)·from + share·to, for all rows.
template <typename Scale>
void scale_rows(const FactorTable& from, const Scale& scale, float share, FactorTable& to) {
  const SideView<const float> source = from.view();
  const SideView<float> target = to.view();
  for_each_part(source.rows, [&](std::int64_t, std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      const float factor = scale(row);
      for (std::int32_t j = 0; j < source.rank; ++j) {
        target.row(row)[j] = factor * source.row(row)[j] + share * target.row(row)[j];
      }
    }
  });
}

/// Each feature in one of as many groups: of full rank, whatever F is, and all of them where they
/// are as few.
FactorTable groups_of(std::int64_t features, std::int32_t count) {
  FactorTable table(features, count);
  for (std::int64_t row = 0; count > 0 && row < features; ++row) {
    table.view().row(row)[row % count] = 1;
  }
  return table;
}

/// FᵀF·V.
struct GramProduct {
  const KernelTable& kernels;
  CsrView<float> own;
  CsrView<float> opposite;
  std::span<const float> shares;
  FactorTable products;  // [rows, directions]

  void operator()(const FactorTable& directions, FactorTable& images) {
    sum_rows(
        kernels,
        {.pattern = own, .table = directions.view(), .sums = products.view(), .scales = shares});
    sum_rows(kernels,
             {.pattern = opposite, .table = std::as_const(products).view(), .sums = images.view()});
  }
};

}  // namespace

std::int32_t direction_count(std::int64_t features, std::int64_t rows, std::int64_t ratings) {
  if (features <= most_directions) return padded(static_cast<std::int32_t>(features));
  const std::int64_t possible = std::min(features, rows) / 2;
  if (possible < padding) return 0;
  const std::int64_t affordable = std::max<std::int64_t>(padding, ratings / features);
  const std::int64_t count = std::min({most_directions, possible, affordable});
  return static_cast<std::int32_t>(count / padding * padding);
}

std::int64_t preconditioner_bytes(std::int64_t features, std::int64_t rows, std::int64_t ratings,
                                  std::int32_t rank) {
  const std::int64_t count = direction_count(features, rows, ratings);
  const auto table = [](std::int64_t table_rows, std::int64_t table_rank) {
    return table_rows * (padded(static_cast<std::int32_t>(table_rank)) + 1) * 4;
  };
  const std::int64_t parts = part_count(features);
  // Diagonals; V, its images and its products with F; matrices kept and on the way; what is summed.
  constexpr auto bases = static_cast<std::int64_t>(most_bases);
  return features * (8 + 4) + (bases + 1) * table(features, count) + table(rows, count) +
         (3 * bases + 6) * count * count * 8 + table(parts * count, count) +
         table((parts + 1) * count, rank);
}

FeaturePreconditioner::FeaturePreconditioner(const KernelTable& kernels, CsrView<float> own,
                                             CsrView<float> opposite, std::span<const float> shares,
                                             std::span<const double> diagonal, std::int32_t rank)
    : kernels_(kernels),
      own_(own),
      opposite_(opposite),
      shares_(shares),
      diagonal_(diagonal.begin(), diagonal.end()),
      inverse_diagonal_(diagonal.size()),
      count_(direction_count(opposite.rows(), own.rows(), own.observations())),
      parts_(part_count(opposite.rows()) * count_, rank),
      corrected_(count_, rank) {}

void FeaturePreconditioner::choose_basis(double ridge) {
  const int power = static_cast<int>(std::lround(std::log(ridge) / std::log(grid_ratio)));
  const auto found = std::ranges::find(bases_, power, &Basis::power);
  if (found != bases_.end()) {
    std::rotate(found, found + 1, bases_.end());
    return;
  }
  if (bases_.size() == most_bases) bases_.erase(bases_.begin());
  bases_.push_back(find_basis(power));
}

FeaturePreconditioner::Basis FeaturePreconditioner::find_basis(int power) const {
  Basis basis;
  basis.power = power;
  basis.directions = groups_of(opposite_.rows(), count_);
  if (count_ == 0) return basis;
  const double ridge = std::pow(grid_ratio, power);
  const auto diagonal = [&](std::int64_t row) { return diagonal_[static_cast<std::size_t>(row)]; };
  const auto weight = [&](std::int64_t row) { return static_cast<float>(diagonal(row) + ridge); };
  FactorTable& directions = basis.directions;
  GramProduct multiply{kernels_, own_, opposite_, shares_, FactorTable(own_.rows(), count_)};
  FactorTable images(directions.rows(), count_);
  const bool are_all = count_ >= directions.rows();
  for (int step = 0; !are_all && step < iterations; ++step) {
    multiply(directions, images);
    scale_rows(
        images, [&](std::int64_t row) { return 1 / weight(row); }, least_eigenvalue, directions);
    scale_rows(directions, weight, 0, images);
    make_orthogonal(directions, images);
  }
  multiply(directions, images);
  basis.gram_squares = product_of(kernels_, directions, images);
  scale_rows(
      directions, [&](std::int64_t row) { return static_cast<float>(diagonal(row)); }, 0, images);
  basis.diagonal_squares = product_of(kernels_, directions, images);
  basis.squares = product_of(kernels_, directions, directions);
  return basis;
}

/// V ← VL⁻ᵀ, LLᵀ = VᵀDV; weighted is DV, and is overwritten.
void FeaturePreconditioner::make_orthogonal(FactorTable& directions, FactorTable& weighted) const {
  const SquareMatrix inverse_root = inverse_root_of(product_of(kernels_, directions, weighted));
  FactorTable transposed(count_, count_);
  for (std::int64_t row = 0; row < count_; ++row) {
    for (std::int64_t column = row; column < count_; ++column) {
      transposed.view().row(row)[column] = static_cast<float>(inverse_root(column, row));
    }
  }
  for_each_part(directions.rows(), [&](std::int64_t, std::int64_t first, std::int64_t last) {
    kernels_.combine_rows({.coefficients = std::as_const(directions).view(),
                           .table = std::as_const(transposed).view(),
                           .sums = weighted.view()},
                          first, last);
  });
  std::swap(directions, weighted);
}

void FeaturePreconditioner::set_ridge(double ridge) {
  std::ranges::transform(diagonal_, inverse_diagonal_.begin(), [&](double diagonal) {
    return static_cast<float>(1 / (diagonal + ridge));
  });
  choose_basis(ridge);
  if (count_ == 0) return;
  const Basis& basis = bases_.back();
  SquareMatrix added = basis.squares;
  added *= ridge;
  SquareMatrix whole = basis.gram_squares;
  whole += added;
  SquareMatrix diagonal = basis.diagonal_squares;
  diagonal += added;
  correction_ = inverse_of(diagonal);
  correction_ *= -1;
  correction_ += inverse_of(whole);
}

void FeaturePreconditioner::apply(SideView<const float> residual, bool biases,
                                  SideView<float> solution) {
  const SideView<const float> basis = directions().view();
  multiply_parts(kernels_, basis, residual, biases, parts_.view());
  correct(biases);
  for_each_part(residual.rows, [&](std::int64_t, std::int64_t first, std::int64_t last) {
    kernels_.combine_rows({.coefficients = basis,
                           .table = std::as_const(corrected_).view(),
                           .sums = solution,
                           .more = residual,
                           .scales = inverse_diagonal_,
                           .biases = biases},
                          first, last);
  });
}

/// The correction by Vᵀ·residual, from its parts.
void FeaturePreconditioner::correct(bool biases) {
  const SideView<const float> parts = std::as_const(parts_).view();
  const SideView<float> corrected = corrected_.view();
  const auto rank = static_cast<std::size_t>(parts.rank);
  const std::size_t order = rank + (biases ? 1 : 0);
  const auto count = static_cast<std::size_t>(count_);
  std::vector<double> sums(count * order);
  for (std::int64_t row = 0; row < parts.rows; ++row) {
    double* to = sums.data() + static_cast<std::size_t>(row) % count * order;
    for (std::size_t j = 0; j < rank; ++j) to[j] += parts.row(row)[j];
    if (biases) to[rank] += parts.biases[row];
  }
  std::vector<double> total(order);
  for (std::int64_t row = 0; row < corrected.rows; ++row) {
    std::ranges::fill(total, 0.0);
    for (std::int64_t k = 0; k < corrected.rows; ++k) {
      const double factor = correction_(row, k);
      const double* from = sums.data() + static_cast<std::size_t>(k) * order;
      for (std::size_t j = 0; j < order; ++j) total[j] += factor * from[j];
    }
    std::copy_n(total.begin(), rank, corrected.row(row));
    if (biases) corrected.biases[row] = static_cast<float>(total[rank]);
  }
}

}  // namespace alsatian::cpu
