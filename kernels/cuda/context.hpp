// A device and its streams: one of the two owners of CUDA resources (memory.hpp is the other),
// and the one place where kernels are started.
#pragma once

#include "kernels/cuda/runtime.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace alsatian::cuda {

/// Work in order; streams run side by side. Destroying one waits for its work.
class Stream {
 public:
  Stream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  ~Stream() {
    cudaStreamSynchronize(stream_);
    cudaStreamDestroy(stream_);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  cudaStream_t get() const { return stream_; }
  /// Waits on the host until all work has run; throws what went wrong with it.
  void synchronize() const { check(cudaStreamSynchronize(stream_)); }
  /// The same for destructors: what went wrong is told by a later call.
  void wait() const noexcept { cudaStreamSynchronize(stream_); }

 private:
  cudaStream_t stream_ = nullptr;
};

/// A point in the work of a stream, for others to wait for.
class Event {
 public:
  Event() { check(cudaEventCreateWithFlags(&event_, cudaEventDefault)); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(const Stream& stream) { check(cudaEventRecord(event_, stream.get())); }
  /// Later work of `stream` waits on the device until the recorded point is reached.
  void hold_back(const Stream& stream) const {
    check(cudaStreamWaitEvent(stream.get(), event_, 0));
  }
  /// Waits on the host until the recorded point is reached; not at all where none was recorded.
  void synchronize() const { check(cudaEventSynchronize(event_)); }
  /// Device seconds between two recorded points; waits for both.
  static double seconds_between(const Event& from, const Event& to) {
    float milliseconds = 0;
    check(cudaEventSynchronize(to.event_));
    check(cudaEventElapsedTime(&milliseconds, from.event_, to.event_));
    return static_cast<double>(milliseconds) * 1e-3;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

/// What a launch needs beside its arguments. blocks may be 0: then nothing is started.
struct LaunchShape {
  std::int64_t blocks = 0;
  unsigned threads = 0;  // per block
  std::size_t shared_bytes = 0;
};

/// The most blocks of a grid's first dimension.
inline constexpr std::int64_t most_blocks = (std::int64_t{1} << 31) - 1;

class Context {
 public:
  explicit Context(int device) {
    check(cudaSetDevice(device));
    check(cudaDeviceGetAttribute(&processors_, cudaDevAttrMultiProcessorCount, device));
    check(cudaDeviceGetAttribute(&shared_bytes_, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
    compute_ = std::make_unique<Stream>();
    transfer_ = std::make_unique<Stream>();
  }

  /// Where kernels run.
  const Stream& compute() const { return *compute_; }
  /// Where ratings come in, beside the kernels.
  const Stream& transfer() const { return *transfer_; }
  int processors() const { return processors_; }
  /// The most shared memory that a block can have.
  std::size_t most_shared_bytes() const { return static_cast<std::size_t>(shared_bytes_); }

  struct MemoryState {
    std::size_t free = 0;
    std::size_t total = 0;
  };
  MemoryState memory() const {
    MemoryState state;
    check(cudaMemGetInfo(&state.free, &state.total));
    return state;
  }

 private:
  int processors_ = 0;
  int shared_bytes_ = 0;
  std::unique_ptr<Stream> compute_;
  std::unique_ptr<Stream> transfer_;
};

/// Enqueues kernel(arguments...) on the stream; does not wait. Throws DeviceError where the
/// device refuses the shape. The only way in which the project starts a kernel.
template <typename... Parameters, typename... Arguments>
void launch(const Stream& stream, void (*kernel)(Parameters...), const LaunchShape& shape,
            Arguments&&... arguments) {
  static_assert((std::is_trivially_copyable_v<Parameters> && ...),
                "kernel parameters are copied to the device byte by byte");
  if (shape.blocks == 0) {
    return;
  }
  if (shape.blocks < 0 || shape.blocks > most_blocks) {
    check(cudaErrorInvalidConfiguration);
  }
  constexpr std::size_t without_asking = std::size_t{48} << 10;
  if (shape.shared_bytes > without_asking) {
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                               cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(shape.shared_bytes)));
  }
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(shape.blocks));
  config.blockDim = dim3(shape.threads);
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = stream.get();
  check(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...));
}

}  // namespace alsatian::cuda
