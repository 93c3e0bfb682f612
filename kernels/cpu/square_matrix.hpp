// Small symmetric matrices in double: what a side's prior is drawn with, once a sweep.
// Serial and plain: their order is that of a row, and there are a dozen of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace alsatian::cpu {

/// [order, order] row-major; all 0 at first.
class SquareMatrix {
 public:
  SquareMatrix() = default;
  explicit SquareMatrix(std::int64_t order)
      : order_(order), entries_(static_cast<std::size_t>(order * order)) {}

  std::int64_t order() const { return order_; }
  double& operator()(std::int64_t row, std::int64_t column) {
    return entries_[static_cast<std::size_t>(row * order_ + column)];
  }
  double operator()(std::int64_t row, std::int64_t column) const {
    return entries_[static_cast<std::size_t>(row * order_ + column)];
  }
  std::span<double> entries() { return entries_; }
  std::span<const double> entries() const { return entries_; }

  SquareMatrix& operator+=(const SquareMatrix& other);
  SquareMatrix& operator*=(double factor);

 private:
  std::int64_t order_ = 0;
  std::vector<double> entries_;
};

/// L of matrix = L·Lᵀ, from its lower triangle. Entries that are not numbers stay so.
SquareMatrix cholesky_of(const SquareMatrix& matrix);

/// L⁻¹ of a lower triangle.
SquareMatrix inverse_of_lower(const SquareMatrix& lower);

/// factorᵀ·factor and factor·factorᵀ.
SquareMatrix gram_of_columns(const SquareMatrix& factor);
SquareMatrix gram_of_rows(const SquareMatrix& factor);

/// Left·right.
SquareMatrix product(const SquareMatrix& left, const SquareMatrix& right);

/// leftᵀ·vector: Σ_k left(k, j)·vector[k].
std::vector<double> transposed_product(const SquareMatrix& left, std::span<const double> vector);

/// Σ_jk matrix(j, k)·other(j, k).
double inner_product(const SquareMatrix& left, const SquareMatrix& right);

}  // namespace alsatian::cpu
