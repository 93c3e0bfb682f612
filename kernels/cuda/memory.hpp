// Device and pinned memory: owners that allocate once and release once, and views whose type says
// where the memory is. Host code cannot index device memory; kernels cannot be given host memory.
#pragma once

#include "kernels/cuda/context.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

namespace alsatian::cuda {

/// count·sizeof(T), checked. Throws OutOfDeviceMemory where it is no size at all.
template <typename T>
std::size_t bytes_of(std::int64_t count) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max() / std::int64_t{sizeof(T)};
  if (count < 0 || count > most) {
    throw OutOfDeviceMemory(cudaErrorMemoryAllocation,
                            std::to_string(count) + " elements are more than can be addressed");
  }
  return static_cast<std::size_t>(count) * sizeof(T);
}

/// What the driver maps device memory by, as cuMemGetAllocationGranularity says. Small allocations
/// may share a piece, but nothing says which do: a plan that is never too small gives each its own.
inline constexpr std::int64_t piece_bytes = std::int64_t{2} << 20;

constexpr std::int64_t whole_pieces(std::int64_t bytes) {
  return (bytes + piece_bytes - 1) / piece_bytes * piece_bytes;
}

/// A range of device memory owned by somebody else. Indexed by kernels alone.
template <typename T>
class DeviceSpan {
 public:
  DeviceSpan() = default;
  DeviceSpan(T* data, std::int64_t size) : data_(data), size_(size) {}
  /// What may be written may be read.
  template <typename Other>
  requires(std::is_same_v<const Other, T> && !std::is_const_v<Other>)
      DeviceSpan(DeviceSpan<Other> other)
      : data_(other.data()), size_(other.size()) {}

  __host__ __device__ T* data() const { return data_; }
  __host__ __device__ std::int64_t size() const { return size_; }
  __device__ T& operator[](std::int64_t index) const { return data_[index]; }

  DeviceSpan subspan(std::int64_t first, std::int64_t count) const {
    return {data_ + first, count};
  }

 private:
  T* data_ = nullptr;
  std::int64_t size_ = 0;
};

/// `size()` elements of uninitialised device memory. Releasing it waits for the device.
template <typename T>
class DeviceBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  DeviceBuffer() = default;
  explicit DeviceBuffer(std::int64_t size, Caller caller = Caller::current()) : size_(size) {
    void* address = nullptr;
    check(cudaMalloc(&address, bytes_of<T>(size)), caller);
    data_ = static_cast<T*>(address);
  }
  ~DeviceBuffer() { cudaFree(data_); }
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  /// The most of the device's memory that a buffer of `size` elements takes.
  static std::int64_t bytes(std::int64_t size) {
    return whole_pieces(static_cast<std::int64_t>(bytes_of<T>(size)));
  }

  std::int64_t size() const { return size_; }
  DeviceSpan<T> span() { return {data_, size_}; }
  DeviceSpan<const T> span() const { return {data_, size_}; }

 private:
  T* data_ = nullptr;
  std::int64_t size_ = 0;
};

/// `size()` elements of host memory that the device copies from and to by itself.
template <typename T>
class PinnedBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  PinnedBuffer() = default;
  explicit PinnedBuffer(std::int64_t size, Caller caller = Caller::current()) : size_(size) {
    void* address = nullptr;
    const std::size_t bytes = bytes_of<T>(size);
    try {
      check(cudaMallocHost(&address, bytes), caller);
    } catch (const OutOfDeviceMemory& error) {
      throw OutOfPinnedMemory(
          error.code(),
          "no " + std::to_string(bytes) + " bytes of page-locked host memory: " + error.what());
    }
    data_ = static_cast<T*>(address);
  }
  ~PinnedBuffer() { cudaFreeHost(data_); }
  PinnedBuffer(PinnedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  PinnedBuffer& operator=(PinnedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  std::int64_t size() const { return size_; }
  std::span<T> span() { return {data_, static_cast<std::size_t>(size_)}; }
  std::span<const T> span() const { return {data_, static_cast<std::size_t>(size_)}; }

 private:
  T* data_ = nullptr;
  std::int64_t size_ = 0;
};

/// Enqueues a copy of `from` to `to`, which must be as long; does not wait. `from` must be pinned
/// and stay as it is until the stream has passed.
template <typename T>
void upload(const Stream& stream, std::span<const T> from, DeviceSpan<T> to,
            Caller caller = Caller::current()) {
  if (static_cast<std::int64_t>(from.size()) != to.size()) {
    check(cudaErrorInvalidValue, caller);
  }
  check(cudaMemcpyAsync(to.data(), from.data(), from.size_bytes(), cudaMemcpyHostToDevice,
                        stream.get()),
        caller);
}

/// Enqueues a copy of `from` to `to`, pinned and as long; there once the stream has passed.
template <typename T>
void download(const Stream& stream, DeviceSpan<const T> from, std::span<T> to,
              Caller caller = Caller::current()) {
  if (static_cast<std::int64_t>(to.size()) != from.size()) {
    check(cudaErrorInvalidValue, caller);
  }
  check(cudaMemcpyAsync(to.data(), from.data(), to.size_bytes(), cudaMemcpyDeviceToHost,
                        stream.get()),
        caller);
}

/// Enqueues setting every byte to 0.
template <typename T>
void clear(const Stream& stream, DeviceSpan<T> memory, Caller caller = Caller::current()) {
  check(cudaMemsetAsync(memory.data(), 0, bytes_of<T>(memory.size()), stream.get()), caller);
}

}  // namespace alsatian::cuda
