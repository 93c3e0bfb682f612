// Textbook algebra of small matrices; the reference has Eigen for the same.
// Not for rows' equations, of which there are thousands: those are in isa/cholesky.inl.
#include "kernels/cpu/square_matrix.hpp"

#include <cmath>

namespace alsatian::cpu {

SquareMatrix& SquareMatrix::operator+=(const SquareMatrix& other) {
  for (std::size_t j = 0; j < entries_.size(); ++j) entries_[j] += other.entries_[j];
  return *this;
}

SquareMatrix& SquareMatrix::operator*=(double factor) {
  for (double& entry : entries_) entry *= factor;
  return *this;
}

SquareMatrix cholesky_of(const SquareMatrix& matrix) {
  const std::int64_t order = matrix.order();
  SquareMatrix lower(order);
  for (std::int64_t j = 0; j < order; ++j) {
    for (std::int64_t row = j; row < order; ++row) {
      double rest = matrix(row, j);
      for (std::int64_t k = 0; k < j; ++k) rest -= lower(row, k) * lower(j, k);
      lower(row, j) = row == j ? std::sqrt(rest) : rest / lower(j, j);
    }
  }
  return lower;
}

SquareMatrix inverse_of_lower(const SquareMatrix& lower) {
  const std::int64_t order = lower.order();
  SquareMatrix inverse(order);
  for (std::int64_t column = 0; column < order; ++column) {
    inverse(column, column) = 1 / lower(column, column);
    for (std::int64_t row = column + 1; row < order; ++row) {
      double sum = 0;
      for (std::int64_t k = column; k < row; ++k) sum += lower(row, k) * inverse(k, column);
      inverse(row, column) = -sum / lower(row, row);
    }
  }
  return inverse;
}

SquareMatrix product(const SquareMatrix& left, const SquareMatrix& right) {
  const std::int64_t order = left.order();
  SquareMatrix result(order);
  for (std::int64_t row = 0; row < order; ++row) {
    for (std::int64_t k = 0; k < order; ++k) {
      for (std::int64_t column = 0; column < order; ++column) {
        result(row, column) += left(row, k) * right(k, column);
      }
    }
  }
  return result;
}

SquareMatrix gram_of_columns(const SquareMatrix& factor) {
  const std::int64_t order = factor.order();
  SquareMatrix result(order);
  for (std::int64_t k = 0; k < order; ++k) {
    for (std::int64_t row = 0; row < order; ++row) {
      for (std::int64_t column = 0; column < order; ++column) {
        result(row, column) += factor(k, row) * factor(k, column);
      }
    }
  }
  return result;
}

SquareMatrix gram_of_rows(const SquareMatrix& factor) {
  const std::int64_t order = factor.order();
  SquareMatrix result(order);
  for (std::int64_t row = 0; row < order; ++row) {
    for (std::int64_t column = 0; column < order; ++column) {
      for (std::int64_t k = 0; k < order; ++k) {
        result(row, column) += factor(row, k) * factor(column, k);
      }
    }
  }
  return result;
}

std::vector<double> transposed_product(const SquareMatrix& left, std::span<const double> vector) {
  std::vector<double> result(vector.size());
  for (std::size_t k = 0; k < vector.size(); ++k) {
    for (std::size_t j = 0; j < vector.size(); ++j) {
      result[j] += left(static_cast<std::int64_t>(k), static_cast<std::int64_t>(j)) * vector[k];
    }
  }
  return result;
}

double inner_product(const SquareMatrix& left, const SquareMatrix& right) {
  double sum = 0;
  for (std::size_t j = 0; j < left.entries().size(); ++j) {
    sum += left.entries()[j] * right.entries()[j];
  }
  return sum;
}

}  // namespace alsatian::cpu
