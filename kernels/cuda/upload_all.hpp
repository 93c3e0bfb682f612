// A list from the host to a buffer of its own, waited for: what is sent once, when a problem is
// made. Ratings and parameters go through Staging.
#pragma once

#include "kernels/cuda/memory.hpp"

#include <algorithm>
#include <vector>

namespace alsatian::cuda {

/// Of the buffer, of device memory.
template <typename T>
std::int64_t list_bytes(const std::vector<T>& values) {
  return DeviceBuffer<T>::bytes(static_cast<std::int64_t>(values.size()));
}

/// Throws DeviceError.
template <typename T>
DeviceBuffer<T> upload_all(const Stream& stream, const std::vector<T>& values,
                           Caller caller = Caller::current()) {
  const auto size = static_cast<std::int64_t>(values.size());
  PinnedBuffer<T> staging(size, caller);
  std::copy(values.begin(), values.end(), staging.span().begin());
  DeviceBuffer<T> buffer(size, caller);
  upload(stream, std::span<const T>(staging.span()), buffer.span(), caller);
  stream.synchronize(caller);  // the staging memory goes now
  return buffer;
}

}  // namespace alsatian::cuda
