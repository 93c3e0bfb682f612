// Test data on the stand-in device and back, and memory so large that 32-bit offsets miss it.
// Tests speak of vectors; what is padded and where it lies is seen to here.
#pragma once

#include "kernels/cuda/tables.hpp"
#include "kernels/reference/parameters.hpp"
#include "tests/simt/grid.hpp"
#include "tests/support/problems.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <new>
#include <string>
#include <sys/mman.h>
#include <utility>
#include <vector>

namespace alsatian::testing {

template <typename T>
cuda::DeviceBuffer<T> to_device(const cuda::Context& context, const std::vector<T>& values) {
  const auto size = static_cast<std::int64_t>(values.size());
  cuda::PinnedBuffer<T> staging(size);
  std::copy(values.begin(), values.end(), staging.span().begin());
  cuda::DeviceBuffer<T> buffer(size);
  cuda::upload(context.compute(), std::span<const T>(staging.span()), buffer.span());
  context.compute().synchronize();
  return buffer;
}

template <typename T>
std::vector<T> from_device(const cuda::Context& context, cuda::DeviceSpan<const T> span) {
  cuda::PinnedBuffer<T> staging(span.size());
  cuda::download(context.compute(), span, staging.span());
  context.compute().synchronize();
  return {staging.span().begin(), staging.span().end()};
}

/// Compressed ratings on the device.
struct RatingsOnDevice {
  cuda::DeviceBuffer<std::int64_t> offsets;
  cuda::DeviceBuffer<std::int32_t> columns;
  cuda::DeviceBuffer<float> values;

  RatingsOnDevice(const cuda::Context& context, const Compressed<float>& ratings)
      : offsets(to_device(context, ratings.offsets)),
        columns(to_device(context, ratings.columns)),
        values(to_device(context, ratings.values)) {}
  cuda::DeviceRatings ratings() const { return {offsets.span(), columns.span(), values.span()}; }
};

/// One side's parameters on the device, padded, rounded to float.
struct TableOnDevice {
  cuda::DeviceBuffer<float> factors;
  cuda::DeviceBuffer<float> biases;
  std::int32_t rank;

  TableOnDevice(const cuda::Context& context, const reference::SideParameters& side)
      : rank(static_cast<std::int32_t>(side.rank())) {
    const std::int64_t stride = cuda::padded_rank(rank);
    std::vector<float> padded(static_cast<std::size_t>(side.rows() * stride));
    std::vector<float> rounded;
    for (std::int64_t row = 0; row < side.rows(); ++row) {
      rounded.push_back(static_cast<float>(side.biases[row]));
      for (std::int32_t j = 0; j < rank; ++j) {
        padded[static_cast<std::size_t>(row * stride + j)] =
            static_cast<float>(side.factors(row, j));
      }
    }
    factors = to_device(context, padded);
    biases = to_device(context, rounded);
  }
  cuda::DeviceTable<float> table() {
    return {factors.span(), biases.span(), rank, cuda::padded_rank(rank)};
  }
  cuda::DeviceTable<const float> table() const {
    return {factors.span(), biases.span(), rank, cuda::padded_rank(rank)};
  }
};

/// The same in double; padding that is not 0 is a failure.
inline reference::SideParameters from_device(const cuda::Context& context,
                                             const cuda::DeviceTable<const float>& table) {
  reference::SideParameters side(table.rows(), table.rank);
  const std::vector<float> factors = from_device(context, table.factors);
  const std::vector<float> biases = from_device(context, table.biases);
  for (std::int64_t row = 0; row < side.rows(); ++row) {
    side.biases[row] = static_cast<double>(biases[static_cast<std::size_t>(row)]);
    for (std::int32_t j = 0; j < table.stride; ++j) {
      const float value = factors[static_cast<std::size_t>(row * table.stride + j)];
      if (j < table.rank) {
        side.factors(row, j) = static_cast<double>(value);
      } else {
        EXPECT_EQ(value, 0) << "padding of row " << row;
      }
    }
  }
  return side;
}

/// Every number rounded to float and back.
inline reference::SideParameters rounded_to_float(reference::SideParameters side) {
  side.factors = side.factors.cast<float>().cast<double>();
  side.biases = side.biases.cast<float>().cast<double>();
  return side;
}
inline reference::Parameters rounded_to_float(reference::Parameters parameters) {
  return {rounded_to_float(parameters.users), rounded_to_float(parameters.items)};
}

/// Largest absolute difference of any factor or bias; NaN counts as infinite.
inline double largest_difference(const reference::SideParameters& left,
                                 const reference::SideParameters& right) {
  double largest = 0;
  const auto add = [&](double difference) {
    if (!(std::abs(difference) <= largest)) {
      largest = std::isnan(difference) ? HUGE_VAL : std::abs(difference);
    }
  };
  for (std::int64_t row = 0; row < left.rows(); ++row) {
    add(left.biases[row] - right.biases[row]);
    for (std::int64_t j = 0; j < left.rank(); ++j) {
      add(left.factors(row, j) - right.factors(row, j));
    }
  }
  return largest;
}

/// `size` elements, all 0, of which only the pages that are touched take memory.
template <typename T>
class SparseMemory {
 public:
  explicit SparseMemory(std::int64_t size) : size_(size) {
    void* const memory = mmap(nullptr, bytes(), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      throw std::bad_alloc();
    }
    data_ = static_cast<T*>(memory);
  }
  ~SparseMemory() { munmap(data_, bytes()); }
  SparseMemory(const SparseMemory&) = delete;
  SparseMemory& operator=(const SparseMemory&) = delete;

  T& operator[](std::int64_t index) { return data_[index]; }
  cuda::DeviceSpan<T> span() { return {data_, size_}; }

 private:
  std::size_t bytes() const { return static_cast<std::size_t>(size_) * sizeof(T); }

  T* data_ = nullptr;
  std::int64_t size_;
};

/// The first element that no 32-bit offset reaches, signed or not: shorter memory would hide an
/// unsigned one.
inline constexpr std::int64_t beyond_32_bits = std::int64_t{1} << 32;

}  // namespace alsatian::testing
