// Times on the device, by events, and the list of figures that a run ends with.
#pragma once

#include "kernels/cuda/memory.hpp"

#include <algorithm>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

namespace alsatian::bench {

/// One figure: what was measured, its value, its unit.
struct Figure {
  std::string name;
  double value;
  std::string unit;
};

/// Figures in the order they were measured, printed as they come.
class Figures {
 public:
  void add(std::string name, double value, std::string unit) {
    std::printf("%-52s %12.4f %s\n", name.c_str(), value, unit.c_str());
    std::fflush(stdout);
    all_.push_back({std::move(name), value, std::move(unit)});
  }
  const std::vector<Figure>& all() const { return all_; }

 private:
  std::vector<Figure> all_;
};

/// Median device seconds of body(), which enqueues work on the compute stream; one more run goes
/// first, so that loading and growing stay out.
template <typename Body>
double median_seconds(const cuda::Context& context, int repeats, const Body& body) {
  body();
  context.compute().synchronize();
  std::vector<double> seconds;
  for (int i = 0; i < repeats; ++i) {
    cuda::Event start(cuda::EventUse::timing);
    cuda::Event end(cuda::EventUse::timing);
    start.record(context.compute());
    body();
    end.record(context.compute());
    seconds.push_back(cuda::Event::seconds_between(start, end));
  }
  std::nth_element(seconds.begin(), seconds.begin() + repeats / 2, seconds.end());
  return seconds[static_cast<std::size_t>(repeats / 2)];
}

/// A copy of `values` on the device; waits for it.
template <typename T>
cuda::DeviceBuffer<T> to_device(const cuda::Context& context, std::span<const T> values) {
  const auto size = static_cast<std::int64_t>(values.size());
  cuda::PinnedBuffer<T> staging(size);
  std::copy(values.begin(), values.end(), staging.span().begin());
  cuda::DeviceBuffer<T> buffer(size);
  cuda::upload(context.compute(), std::span<const T>(staging.span()), buffer.span());
  context.compute().synchronize();
  return buffer;
}
template <typename T>
cuda::DeviceBuffer<T> to_device(const cuda::Context& context, const std::vector<T>& values) {
  return to_device(context, std::span<const T>(values));
}

/// What a buffer holds, on the host; waits for all work before it.
template <typename T>
std::vector<T> from_device(const cuda::Context& context, const cuda::DeviceBuffer<T>& buffer) {
  cuda::PinnedBuffer<T> staging(buffer.size());
  cuda::download(context.compute(), buffer.span(), staging.span());
  context.compute().synchronize();
  return {staging.span().begin(), staging.span().end()};
}

}  // namespace alsatian::bench
