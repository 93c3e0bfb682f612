// Owner of one side's parameters as the CPU kernels want them: padded rows on cache lines.
// Everything outside kernels/cpu keeps factors without padding; this is where they are converted.
#pragma once

#include "kernels/cpu/aligned.hpp"
#include "kernels/cpu/kernel_table.hpp"

#include <cstdint>
#include <span>

namespace alsatian::cpu {

/// factors [rows, padded(rank)] row-major and biases [rows], in one block of memory. What pads
/// them is 0 and stays 0 under every kernel, so that whole blocks can be treated as flat vectors;
/// but for rows that are not finite, whose products with 0 are not 0.
class FactorTable {
 public:
  FactorTable() = default;
  /// All zero. Throws std::length_error where the size in bytes does not fit the address space,
  /// std::invalid_argument where a size is negative.
  FactorTable(std::int64_t rows, std::int32_t rank);

  std::int64_t rows() const { return rows_; }
  std::int32_t rank() const { return rank_; }
  std::int32_t stride() const { return padded(rank_); }

  SideView<float> view();
  SideView<const float> view() const;

  /// All of it, padding included: factors, then biases.
  std::span<float> flat() { return values_; }
  std::span<const float> flat() const { return values_; }

  /// Makes what pads the rows 0 again, after rows that were not finite have been replaced.
  void clear_padding();

  /// Takes factors [rows, rank] row-major without padding and biases [rows], and clears the
  /// padding; throws std::invalid_argument where their sizes are others.
  void assign(std::span<const float> factors, std::span<const float> biases);
  /// Gives the same, into spans of the same sizes.
  void copy_to(std::span<float> factors, std::span<float> biases) const;

 private:
  void check_sizes(std::size_t factors, std::size_t biases) const;

  std::int64_t rows_ = 0;
  std::int32_t rank_ = 0;
  AlignedFloats values_;
};

}  // namespace alsatian::cpu
