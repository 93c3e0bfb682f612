// Owner of rows rounded to bfloat16: half the bytes for whoever gathers them.
// Padded as FactorTable is, whose rows they are; never the only copy of anything.
#pragma once

#include "kernels/cpu/aligned.hpp"
#include "kernels/cpu/kernel_table.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace alsatian::cpu {

/// factors [rows, padded(rank)] row-major and biases [rows]; all zero, as is what pads them.
class NarrowTable {
 public:
  NarrowTable(std::int64_t rows, std::int32_t rank)
      : rows_(rows), rank_(rank), values_(static_cast<std::size_t>(rows * (padded(rank) + 1))) {}

  SideView<std::uint16_t> view() { return view_of<std::uint16_t>(values_.data()); }
  SideView<const std::uint16_t> view() const {
    return view_of<const std::uint16_t>(values_.data());
  }

 private:
  template <typename T>
  SideView<T> view_of(T* values) const {
    return {values, values + rows_ * padded(rank_), rows_, rank_, padded(rank_)};
  }

  std::int64_t rows_;
  std::int32_t rank_;
  std::vector<std::uint16_t, CacheLineAllocator<std::uint16_t>> values_;
};

}  // namespace alsatian::cpu
