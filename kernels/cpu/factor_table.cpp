// Sizes, views and conversion of padded factor tables.
// Padding is written once, as zeros, which every kernel leaves as they are.
#include "kernels/cpu/factor_table.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace alsatian::cpu {
namespace {

/// Floats of a table: rows of factors, then the biases padded to a cache line.
std::size_t table_size(std::int64_t rows, std::int32_t rank) {
  constexpr std::int64_t largest =
      std::numeric_limits<std::ptrdiff_t>::max() / std::ptrdiff_t{sizeof(float)};
  if (rows < 0 || rank < 0) throw std::invalid_argument("a factor table has a negative size");
  if (rank > std::numeric_limits<std::int32_t>::max() - padding ||
      rows > (largest - padding) / (padded(rank) + 1)) {
    throw std::length_error("a factor table does not fit the address space");
  }
  const std::int64_t bias_size = (rows + padding - 1) / padding * padding;
  return static_cast<std::size_t>(rows * padded(rank) + bias_size);
}

}  // namespace

FactorTable::FactorTable(std::int64_t rows, std::int32_t rank)
    : rows_(rows), rank_(rank), values_(table_size(rows, rank)) {}

SideView<float> FactorTable::view() {
  return {values_.data(), values_.data() + rows_ * stride(), rows_, rank_, stride()};
}

SideView<const float> FactorTable::view() const {
  return {values_.data(), values_.data() + rows_ * stride(), rows_, rank_, stride()};
}

void FactorTable::check_sizes(std::size_t factors, std::size_t biases) const {
  if (biases != static_cast<std::size_t>(rows_) ||
      factors != biases * static_cast<std::size_t>(rank_)) {
    throw std::invalid_argument("factors and biases do not have the shape of their table");
  }
}

void FactorTable::clear_padding() {
  const SideView<float> side = view();
  for (std::int64_t row = 0; row < rows_; ++row) {
    std::fill(side.row(row) + rank_, side.row(row) + stride(), 0.0F);
  }
}

void FactorTable::assign(std::span<const float> factors, std::span<const float> biases) {
  check_sizes(factors.size(), biases.size());
  const SideView<float> side = view();
  for (std::int64_t row = 0; row < rows_; ++row) {
    std::copy_n(factors.data() + row * rank_, rank_, side.row(row));
  }
  std::copy(biases.begin(), biases.end(), side.biases);
  clear_padding();
}

void FactorTable::copy_to(std::span<float> factors, std::span<float> biases) const {
  check_sizes(factors.size(), biases.size());
  const SideView<const float> side = view();
  for (std::int64_t row = 0; row < rows_; ++row) {
    std::copy_n(side.row(row), rank_, factors.data() + row * rank_);
  }
  std::copy_n(side.biases, rows_, biases.begin());
}

}  // namespace alsatian::cpu
