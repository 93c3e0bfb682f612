// The one call of cuBLAS that top-N makes: a product of two tables of halves, summed in float.
// Loaded when it is first wanted, as libraries.hpp.
#pragma once

#include "kernels/cuda/context.hpp"
#include "kernels/cuda/memory.hpp"

#include <cstdint>
#include <memory>

namespace alsatian::cuda::vendor {

/// cuBLAS' handle, on the context's compute stream.
class HalfProduct {
 public:
  /// Throws UnsupportedByDevice where the library is missing, and DeviceError.
  explicit HalfProduct(const Context& context);
  ~HalfProduct();
  HalfProduct(const HalfProduct&) = delete;
  HalfProduct& operator=(const HalfProduct&) = delete;

  /// products[l, r] = ⟨left row l, right row r⟩ for all pairs; enqueued. Rows are `columns` halves,
  /// two in a word: an even number of them.
  /// left [rows, columns / 2], right [products' columns, columns / 2], all row-major.
  void multiply(DeviceSpan<const std::uint32_t> left, DeviceSpan<const std::uint32_t> right,
                std::int32_t columns, DeviceSpan<float> products);

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

}  // namespace alsatian::cuda::vendor
