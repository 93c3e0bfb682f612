// A device and its streams: one of the two owners of CUDA resources (memory.hpp is the other),
// and the one place where kernels are started. What fails here is told with the caller's line.
#pragma once

#include "kernels/cuda/runtime.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

namespace alsatian::cuda {

/// Where a call was made.
using Caller = std::source_location;

/// Work in order; streams run side by side. Destroying one waits for its work.
class Stream {
 public:
  explicit Stream(Caller caller = Caller::current()) {
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), caller);
  }
  ~Stream() {
    cudaStreamSynchronize(stream_);
    cudaStreamDestroy(stream_);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  cudaStream_t get() const { return stream_; }
  /// Waits on the host until all work has run; throws what went wrong with it.
  void synchronize(Caller caller = Caller::current()) const {
    check(cudaStreamSynchronize(stream_), caller);
  }
  /// The same for destructors: what went wrong is told by a later call.
  void wait() const noexcept { cudaStreamSynchronize(stream_); }

 private:
  cudaStream_t stream_ = nullptr;
};

/// What an event is for: waiting costs less where no time is taken.
enum class EventUse { order, timing };

/// A point in the work of a stream, for others to wait for.
class Event {
 public:
  explicit Event(EventUse use = EventUse::order, Caller caller = Caller::current()) {
    const unsigned flags = use == EventUse::timing ? cudaEventDefault : cudaEventDisableTiming;
    check(cudaEventCreateWithFlags(&event_, flags), caller);
  }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(const Stream& stream, Caller caller = Caller::current()) {
    check(cudaEventRecord(event_, stream.get()), caller);
  }
  /// Later work of `stream` waits on the device until the recorded point is reached.
  void hold_back(const Stream& stream, Caller caller = Caller::current()) const {
    check(cudaStreamWaitEvent(stream.get(), event_, 0), caller);
  }
  /// Waits on the host until the recorded point is reached; not at all where none was recorded.
  void synchronize(Caller caller = Caller::current()) const {
    check(cudaEventSynchronize(event_), caller);
  }
  /// Device seconds between two recorded points of EventUse::timing; waits for both.
  static double seconds_between(const Event& from, const Event& to,
                                Caller caller = Caller::current()) {
    float milliseconds = 0;
    check(cudaEventSynchronize(to.event_), caller);
    check(cudaEventElapsedTime(&milliseconds, from.event_, to.event_), caller);
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
  explicit Context(int device, Caller caller = Caller::current()) {
    check(cudaSetDevice(device), caller);
    check(cudaDeviceGetAttribute(&processors_, cudaDevAttrMultiProcessorCount, device), caller);
    check(cudaDeviceGetAttribute(&threads_per_processor_, cudaDevAttrMaxThreadsPerMultiProcessor,
                                 device),
          caller);
    check(cudaDeviceGetAttribute(&shared_bytes_, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
          caller);
    compute_ = std::make_unique<Stream>(caller);
    transfer_ = std::make_unique<Stream>(caller);
  }

  /// Where kernels run.
  const Stream& compute() const { return *compute_; }
  /// Where ratings come in, beside the kernels.
  const Stream& transfer() const { return *transfer_; }
  int processors() const { return processors_; }
  /// The most threads that are on the device at once.
  std::int64_t most_threads() const { return std::int64_t{processors_} * threads_per_processor_; }
  /// The most shared memory that a block can have.
  std::size_t most_shared_bytes() const { return static_cast<std::size_t>(shared_bytes_); }

  struct MemoryState {
    std::size_t free = 0;
    std::size_t total = 0;
  };
  MemoryState memory(Caller caller = Caller::current()) const {
    MemoryState state;
    check(cudaMemGetInfo(&state.free, &state.total), caller);
    return state;
  }

 private:
  int processors_ = 0;
  int threads_per_processor_ = 0;
  int shared_bytes_ = 0;
  std::unique_ptr<Stream> compute_;
  std::unique_ptr<Stream> transfer_;
};

/// The stream of a launch, and who launches: behind so many arguments a default has no place.
struct LaunchOn {
  const Stream& stream;
  Caller caller;

  LaunchOn(const Stream& on, Caller from = Caller::current()) : stream(on), caller(from) {}
};

/// Enqueues kernel(arguments...) on the stream; does not wait. Throws DeviceError where the
/// device refuses the shape. The only way in which the project starts a kernel.
template <typename... Parameters, typename... Arguments>
void launch(const LaunchOn& on, void (*kernel)(Parameters...), const LaunchShape& shape,
            Arguments&&... arguments) {
  static_assert((std::is_trivially_copyable_v<Parameters> && ...),
                "kernel parameters are copied to the device byte by byte");
  if (shape.blocks == 0) {
    return;
  }
  if (shape.blocks < 0 || shape.blocks > most_blocks) {
    check(cudaErrorInvalidConfiguration, on.caller);
  }
  constexpr std::size_t without_asking = std::size_t{48} << 10;
  if (shape.shared_bytes > without_asking) {
    // At every launch: another engine of the process, or another launch of the same kernel, may
    // have asked for less since.
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                               cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(shape.shared_bytes)),
          on.caller);
  }
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(shape.blocks));
  config.blockDim = dim3(shape.threads);
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = on.stream.get();
  check(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...), on.caller);
}

}  // namespace alsatian::cuda
