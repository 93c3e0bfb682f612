// The calls of cuBLAS and cuSOLVER that the project makes, each checked where it is made. The
// libraries are loaded when they are first wanted: the module itself needs the driver alone.
#pragma once

#include "kernels/cuda/context.hpp"
#include "kernels/cuda/memory.hpp"
#include "kernels/cuda/require.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace alsatian::cuda::vendor {

/// The first library or function that is not there, and what the loader says of it; nullopt where
/// all are there.
std::optional<std::string> missing();

/// Matrices of one batch, one behind the other, each [columns, columns].
struct Batch {
  int matrices = 0;
  int columns = 0;
};

/// Handles of the libraries, on the context's compute stream. Everything is enqueued there.
class Libraries {
 public:
  /// For cuBLAS to compute in, as it recommends for its fastest kernels.
  static constexpr std::int64_t workspace_bytes = std::int64_t{32} << 20;

  /// `workspace` outlives it. The handles take some device memory by themselves. Throws
  /// UnsupportedByDevice where a library is missing, and DeviceError.
  Libraries(const Context& context, DeviceSpan<unsigned char> workspace);
  ~Libraries();
  Libraries(const Libraries&) = delete;
  Libraries& operator=(const Libraries&) = delete;

  /// grams = keep · grams + rowsᵀ rows of each matrix, in float throughout.
  /// rows [matrices, length, columns] row-major, grams [matrices, columns, columns].
  void add_grams(const Batch& batch, int length, DeviceSpan<const float> rows, float keep,
                 DeviceSpan<float> grams);

  /// Cholesky's L of the leading order × order part of each matrix, column-major, in the matrix'
  /// own lower half. failures [matrices]: 0, or the first pivot that was not above 0, from 1 on.
  void factor(const Batch& batch, int order, DeviceSpan<float* const> matrices,
              DeviceSpan<int> failures);
  /// right_sides become L⁻ᵀ L⁻¹ right_sides, `order` numbers each. `status` [1] is overwritten.
  void solve(const Batch& batch, int order, DeviceSpan<float* const> matrices,
             DeviceSpan<float* const> right_sides, DeviceSpan<int> status);

 private:
  struct Handles;
  std::unique_ptr<Handles> handles_;
};

}  // namespace alsatian::cuda::vendor
