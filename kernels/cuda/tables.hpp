// What every algorithm on the device works on: compressed ratings and padded tables of parameters,
// as views whose type says that they lie in device memory.
#pragma once

#include "kernels/cuda/memory.hpp"

#include <cstdint>
#include <type_traits>

namespace alsatian::cuda {

/// Rows of factors are padded with zeros to the next of these; beyond the last to a multiple of it.
/// The fused row solves of als are compiled for these alone.
inline constexpr std::int32_t fused_ranks[] = {16, 32, 48, 64, 96, 128, 192, 256};
inline constexpr std::int32_t largest_fused_rank = 256;

/// Floats from one row of factors to the next, for rank ≥ 0; 0 for rank 0.
constexpr std::int32_t padded_rank(std::int32_t rank) {
  if (rank == 0) {
    return 0;
  }
  for (const std::int32_t padded : fused_ranks) {
    if (rank <= padded) {
      return padded;
    }
  }
  return (rank + largest_fused_rank - 1) / largest_fused_rank * largest_fused_rank;
}

/// Ratings in compressed sparse rows: row r holds [offsets[r], offsets[r + 1]).
/// offsets [rows + 1], columns [observations] rising within a row, values [observations].
struct DeviceRatings {
  DeviceSpan<const std::int64_t> offsets;
  DeviceSpan<const std::int32_t> columns;
  DeviceSpan<const float> values;

  __host__ __device__ std::int64_t rows() const {
    return offsets.size() > 0 ? offsets.size() - 1 : 0;
  }
  __host__ __device__ std::int64_t observations() const { return values.size(); }
};

/// Parameters of one side: factors [rows, stride] row-major, of which `rank` columns count and the
/// others are 0; biases [rows]. T is float, const where it is only read.
template <typename T>
struct DeviceTable {
  DeviceSpan<T> factors;
  DeviceSpan<T> biases;
  std::int32_t rank = 0;
  std::int32_t stride = 0;

  __host__ __device__ std::int64_t rows() const { return biases.size(); }
  __device__ T* row(std::int64_t index) const { return factors.data() + index * stride; }

  /// What may be written may be read.
  template <typename Other>
  requires(std::is_same_v<Other, const T> && !std::is_const_v<T>) operator DeviceTable<Other>()
      const {
    return {factors, biases, rank, stride};
  }
};

/// Owns what a DeviceTable shows. Contents are whatever the memory held.
class DeviceTableBuffer {
 public:
  DeviceTableBuffer() = default;
  DeviceTableBuffer(std::int64_t rows, std::int32_t rank, Caller caller = Caller::current())
      : factors_(rows * padded_rank(rank), caller), biases_(rows, caller), rank_(rank) {}

  /// Of device memory.
  static std::int64_t bytes(std::int64_t rows, std::int32_t rank) {
    return DeviceBuffer<float>::bytes(rows * padded_rank(rank)) + DeviceBuffer<float>::bytes(rows);
  }

  DeviceTable<float> table() {
    return {factors_.span(), biases_.span(), rank_, padded_rank(rank_)};
  }
  DeviceTable<const float> table() const {
    return {factors_.span(), biases_.span(), rank_, padded_rank(rank_)};
  }

 private:
  DeviceBuffer<float> factors_;
  DeviceBuffer<float> biases_;
  std::int32_t rank_ = 0;
};

}  // namespace alsatian::cuda
