// The calls of cuSPARSE that the project makes, each checked where it is made: products of one
// sparsity pattern with rows of dense matrices. Loaded when it is first wanted, as libraries.hpp.
#pragma once

#include "kernels/cuda/context.hpp"
#include "kernels/cuda/memory.hpp"

#include <cstdint>
#include <memory>

namespace alsatian::cuda::vendor {

/// A part of a row-major matrix: `columns` of its numbers from `first` on, of every row.
struct DenseRows {
  DeviceSpan<float> values;  // [rows, stride]
  std::int32_t stride = 0;
  std::int32_t first = 0;
  std::int32_t columns = 0;

  std::int64_t rows() const { return stride > 0 ? values.size() / stride : 0; }
};

/// Where a sparse matrix has values, in compressed rows: offsets [rows + 1], columns and values
/// [observations]. cuSPARSE counts with the same type in both, so there are less than 2³¹.
struct SparseRows {
  DeviceSpan<const std::int32_t> offsets;
  DeviceSpan<const std::int32_t> columns;
  DeviceSpan<float> values;  // overwritten by sample(), read by sum()
  std::int64_t width = 0;    // columns of the matrix
};

/// One sparse matrix W and the dense matrices it is multiplied with, on the context's compute
/// stream: everything is enqueued there. What it is given outlives it.
class SampledProduct {
 public:
  /// `left` has the rows of W, `right` one for each of its columns; `summed` is a part of the
  /// latter, and `sums` takes as many columns for each row of W. Allocates what cuSPARSE computes
  /// in. Throws UnsupportedByDevice where the library is missing, and DeviceError.
  SampledProduct(const Context& context, const SparseRows& sparse, const DenseRows& left,
                 const DenseRows& right, const DenseRows& summed, const DenseRows& sums);
  ~SampledProduct();
  SampledProduct(const SampledProduct&) = delete;
  SampledProduct& operator=(const SampledProduct&) = delete;

  /// W[r, c] = ⟨left row r, right row c⟩ wherever W has a value (SDDMM).
  void sample();
  /// sums = W · summed (SpMM).
  void sum();

 private:
  struct Handles;
  std::unique_ptr<Handles> handles_;
};

}  // namespace alsatian::cuda::vendor
