// Ratings where kernels read them: in the device's memory, or in page-locked host memory that it
// reads across the bus while it computes, where they are too many for its own.
// Most passes read each rating once, long rows first and a row's ratings one after the other, so
// that copying them first would move the same bytes. A row that is refined or tried again reads its
// own once more, and may wait for the bus once more. How near to the bus's rate such reads come has
// not been measured on a GPU.
#pragma once

#include "kernels/cuda/memory.hpp"

#include <cstdint>
#include <span>

namespace alsatian::cuda {

enum class Place { device, host };

/// `size` elements. The addresses of page-locked memory are the same on the device.
template <typename T>
class RatingsBuffer {
 public:
  RatingsBuffer() = default;
  RatingsBuffer(std::int64_t size, Place place, Caller caller = Caller::current())
      : place_(place),
        on_device_(place == Place::device ? size : 0, caller),
        on_host_(place == Place::host ? size : 0, caller) {}

  Place place() const { return place_; }
  std::int64_t size() const {
    return place_ == Place::device ? on_device_.size() : on_host_.size();
  }
  /// What kernels read, wherever it lies.
  DeviceSpan<T> span() {
    return place_ == Place::device ? on_device_.span()
                                   : DeviceSpan<T>(on_host_.span().data(), on_host_.size());
  }
  DeviceSpan<const T> span() const {
    return place_ == Place::device ? on_device_.span()
                                   : DeviceSpan<const T>(on_host_.span().data(), on_host_.size());
  }
  /// What the host writes; empty unless place() is host.
  std::span<T> host() { return on_host_.span(); }

 private:
  Place place_ = Place::device;
  DeviceBuffer<T> on_device_;
  PinnedBuffer<T> on_host_;
};

}  // namespace alsatian::cuda
