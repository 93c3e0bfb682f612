// Kernels over long vectors: a body per element, alone or with a sum in double in a fixed order.
// A body is a struct of views with operator()(index), so that each operation is a few lines.
#pragma once

#include "kernels/cuda/sums.hpp"

#include <cstdint>

namespace alsatian::cuda {

/// body(j) for every j of the pieces.
template <typename Body>
__global__ void __launch_bounds__(sum_threads) for_each_element(Body body, WarpPieces pieces) {
  const std::int64_t end = pieces.own_end();
  for (std::int64_t j = pieces.own_first() + lane_of_warp(); j < end; j += 32) {
    body(j);
  }
}

/// parts [blocks]: Σ body(j) over a block's pieces.
template <typename Body>
__global__ void __launch_bounds__(sum_threads)
    sum_elements(Body body, WarpPieces pieces, DeviceSpan<double> parts) {
  const std::int64_t end = pieces.own_end();
  double sums[1] = {};
  for (std::int64_t j = pieces.own_first() + lane_of_warp(); j < end; j += 32) {
    sums[0] += body(j);
  }
  store_block_sums(sums, parts);
}

/// Launches of the two, with the memory that sums take; only sums come back.
class VectorSums {
 public:
  explicit VectorSums(const Context& context, Caller caller = Caller::current())
      : context_(context),
        parts_(most_sum_blocks, caller),
        sums_(count, caller),
        fetched_(count, caller) {
    clear(context.compute(), sums_.span(), caller);
  }

  /// Sums that can wait for one fetch().
  static constexpr std::int64_t count = 2;

  static std::int64_t bytes() {
    return DeviceBuffer<double>::bytes(most_sum_blocks) + DeviceBuffer<double>::bytes(count);
  }

  template <typename Body>
  void for_each(std::int64_t size, const Body& body, Caller caller = Caller::current()) {
    const WarpPieces pieces = WarpPieces::of(size, least);
    launch({context_.compute(), caller}, &for_each_element<Body>, {pieces.blocks, sum_threads},
           body, pieces);
  }

  /// Enqueues sum number `place` = Σ body(j) over [0, size).
  template <typename Body>
  void sum(std::int64_t place, std::int64_t size, const Body& body,
           Caller caller = Caller::current()) {
    const WarpPieces pieces = WarpPieces::of(size, least);
    const DeviceSpan<double> parts = parts_.span().subspan(0, pieces.blocks);
    launch({context_.compute(), caller}, &sum_elements<Body>,
           {pieces.blocks, sum_threads, sum_shared_bytes<1>}, body, pieces, parts);
    launch({context_.compute(), caller}, &add_parts<1>, {1, sum_threads, sum_shared_bytes<1>},
           parts, sums_.span().subspan(place, 1));
  }

  /// Waits for the sums, and adds the first `places`.
  double fetch(std::int64_t places = count, Caller caller = Caller::current()) {
    download(context_.compute(), DeviceSpan<const double>(sums_.span()), fetched_.span(), caller);
    context_.compute().synchronize(caller);
    return places == 1 ? fetched_.span()[0] : fetched_.span()[0] + fetched_.span()[1];
  }

 private:
  static constexpr std::int64_t least = 128;  // elements of a warp

  const Context& context_;
  DeviceBuffer<double> parts_;
  DeviceBuffer<double> sums_;
  PinnedBuffer<double> fetched_;
};

}  // namespace alsatian::cuda
