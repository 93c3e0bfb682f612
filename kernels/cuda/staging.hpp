// Between host memory of any kind and the device: two halves of pinned memory that take turns, so
// that the host fills one while the device copies the other. Bounded, whatever the data's size.
#pragma once

#include "kernels/cuda/memory.hpp"
#include "kernels/math/views.hpp"

#include <algorithm>
#include <stdexcept>

namespace alsatian::cuda {

class Staging {
 public:
  /// Pins 2·half_bytes, once. `context` outlives it.
  Staging(const Context& context, std::int64_t half_bytes, Caller caller = Caller::current())
      : context_(context),
        half_bytes_(half_bytes),
        memory_(2 * half_bytes, caller),
        done_{Event(EventUse::order, caller), Event(EventUse::order, caller)} {}
  ~Staging() { context_.transfer().wait(); }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  /// Enqueues filling `to` on the transfer stream: fill(part, first) writes elements
  /// [first, first + part.size()), a multiple of `granule` of them. finish() waits for it.
  template <typename T, typename Fill>
  void send(DeviceSpan<T> to, std::int64_t granule, Fill&& fill,
            Caller caller = Caller::current()) {
    const std::int64_t most = part_size<T>(granule);
    for (std::int64_t first = 0; first < to.size(); first += most) {
      const std::int64_t count = std::min(most, to.size() - first);
      Event& done = done_[turn_];
      done.synchronize(caller);
      const std::span<T> part = half<T>(turn_, count);
      fill(part, first);
      upload(context_.transfer(), std::span<const T>(part), to.subspan(first, count), caller);
      done.record(context_.transfer(), caller);
      turn_ = 1 - turn_;
    }
  }

  template <typename T>
  void send(View<const T> from, DeviceSpan<T> to, Caller caller = Caller::current()) {
    if (from.size() != to.size()) {
      throw std::invalid_argument("an array has another size than its place on the device");
    }
    send(
        to, 1,
        [&](std::span<T> part, std::int64_t first) {
          std::copy_n(from.data() + first, part.size(), part.begin());
        },
        caller);
  }

  /// Waits until the device has all that was sent.
  void finish(Caller caller = Caller::current()) { context_.transfer().synchronize(caller); }

  /// Takes `from` in parts, each a multiple of `granule`: take(part, first). What the compute
  /// stream still writes there must have been waited for.
  template <typename T, typename Take>
  void receive(DeviceSpan<const T> from, std::int64_t granule, Take&& take,
               Caller caller = Caller::current()) {
    finish(caller);
    const std::int64_t most = part_size<T>(granule);
    const auto start = [&](std::int64_t first, int which) {
      const std::int64_t count = std::min(most, from.size() - first);
      download(context_.transfer(), from.subspan(first, count), half<T>(which, count), caller);
      done_[which].record(context_.transfer(), caller);
    };
    int which = 0;
    if (from.size() > 0) {
      start(0, which);
    }
    for (std::int64_t first = 0; first < from.size(); first += most) {
      if (first + most < from.size()) {
        start(first + most, 1 - which);
      }
      done_[which].synchronize(caller);
      take(std::span<const T>(half<T>(which, std::min(most, from.size() - first))), first);
      which = 1 - which;
    }
  }

  template <typename T>
  void receive(DeviceSpan<const T> from, View<T> to, Caller caller = Caller::current()) {
    if (from.size() != to.size()) {
      throw std::invalid_argument("an array has another size than its place on the device");
    }
    receive(
        from, 1,
        [&](std::span<const T> part, std::int64_t first) {
          std::copy(part.begin(), part.end(), to.data() + first);
        },
        caller);
  }

 private:
  /// Most elements of a half, in whole granules.
  template <typename T>
  std::int64_t part_size(std::int64_t granule) const {
    const std::int64_t most = half_bytes_ / std::int64_t{sizeof(T)} / granule * granule;
    if (most == 0) {
      throw std::invalid_argument("a row is longer than half of the staging memory");
    }
    return most;
  }

  template <typename T>
  std::span<T> half(int which, std::int64_t count) {
    std::byte* const start = memory_.span().data() + which * half_bytes_;
    return {reinterpret_cast<T*>(start), static_cast<std::size_t>(count)};
  }

  const Context& context_;
  std::int64_t half_bytes_;
  PinnedBuffer<std::byte> memory_;
  Event done_[2];
  int turn_ = 0;
};

/// Enqueues filling rows that lie `stride` apart: source(row) gives `columns` numbers, or null for
/// a row of zeros. What pads the rows becomes 0.
template <typename Source>
void send_rows(Staging& staging, DeviceSpan<float> to, std::int64_t stride, std::int64_t columns,
               Source&& source, Caller caller = Caller::current()) {
  if (to.size() == 0) {
    return;
  }
  const auto fill = [&](std::span<float> part, std::int64_t first) {
    std::fill(part.begin(), part.end(), 0.0F);
    const std::int64_t first_row = first / stride;
    const auto rows = static_cast<std::int64_t>(part.size()) / stride;
    for (std::int64_t r = 0; r < rows; ++r) {
      if (const float* const from = source(first_row + r)) {
        std::copy_n(from, columns, part.data() + r * stride);
      }
    }
  };
  staging.send(to, stride, fill, caller);
}

/// Waits for rows that lie `stride` apart: target(row) is where the first `columns` of each go.
template <typename Target>
void receive_rows(Staging& staging, DeviceSpan<const float> from, std::int64_t stride,
                  std::int64_t columns, Target&& target, Caller caller = Caller::current()) {
  if (from.size() == 0) {
    return;
  }
  const auto take = [&](std::span<const float> part, std::int64_t first) {
    const std::int64_t first_row = first / stride;
    const auto rows = static_cast<std::int64_t>(part.size()) / stride;
    for (std::int64_t r = 0; r < rows; ++r) {
      std::copy_n(part.data() + r * stride, columns, target(first_row + r));
    }
  };
  staging.receive(from, stride, take, caller);
}

}  // namespace alsatian::cuda
