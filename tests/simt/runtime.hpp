// Stands in for the calls of the CUDA runtime that kernels/cuda makes: device memory is heap that
// the host may not touch, streams run late, and any call can be made to fail.
#pragma once

#include "tests/simt/simt.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>
#include <string>
#include <tuple>
#include <utility>

// NOLINTBEGIN: names, values and signatures are CUDA's own

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInsufficientDriver = 35,
  cudaErrorInvalidDeviceFunction = 98,
  cudaErrorNoDevice = 100,
  cudaErrorNoKernelImageForDevice = 209,
  cudaErrorUnsupportedPtxVersion = 222,
  cudaErrorInvalidResourceHandle = 400,
  cudaErrorIllegalAddress = 700,
  cudaErrorLaunchFailure = 719,
};
enum cudaMemcpyKind {
  cudaMemcpyHostToDevice = 1,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice
};
enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrMaxThreadsPerMultiProcessor = 39,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76,
  cudaDevAttrMaxSharedMemoryPerBlockOptin = 97,
};
struct cudaFuncAttributes {
  int numRegs;
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
inline constexpr unsigned cudaStreamNonBlocking = 1;
inline constexpr unsigned cudaEventDefault = 0;
inline constexpr unsigned cudaEventDisableTiming = 2;
#define CUDART_VERSION 13000

struct cudaDeviceProp {
  char name[256];
  std::size_t totalGlobalMem;
  int major;
  int minor;
};

namespace alsatian::simt {
struct Stream;
struct Event;
}  // namespace alsatian::simt
using cudaStream_t = alsatian::simt::Stream*;
using cudaEvent_t = alsatian::simt::Event*;

struct cudaLaunchConfig_t {
  dim3 gridDim;
  dim3 blockDim;
  std::size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
  void* attrs = nullptr;
  unsigned numAttrs = 0;
};

const char* cudaGetErrorName(cudaError_t error);
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError();
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total);
cudaError_t cudaMalloc(void** address, std::size_t bytes);
cudaError_t cudaFree(void* address);
cudaError_t cudaMallocHost(void** address, std::size_t bytes);
cudaError_t cudaFreeHost(void* address);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* address, int value, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
/// A caller that cannot throw is told apart from others by its name.
cudaError_t cudaStreamSynchronize(cudaStream_t stream,
                                  std::source_location caller = std::source_location::current());
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags = 0);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to);
cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value);
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel);

namespace alsatian::simt {

/// The device that the calls find.
struct DeviceModel {
  int devices = 1;
  cudaError_t count_error = cudaSuccess;  // what cudaGetDeviceCount says
  int driver_version = CUDART_VERSION;    // 0: there is no driver
  std::size_t memory_bytes = std::size_t{1} << 30;
  std::size_t piece_bytes = std::size_t{2} << 20;  // every allocation takes whole ones, of its own
  std::size_t context_growth_bytes = 0;            // that the driver takes with the first kernel
  int processors = 4;                              // few, so that small problems take several waves
  int threads_per_processor = 2048;
  int compute_capability_major = 9;
  int compute_capability_minor = 0;
  std::size_t block_shared_bytes = most_shared_bytes;
  cudaError_t code_error = cudaSuccess;  // what comes of looking for a kernel's code
};

/// A fresh device without allocations, whose streams run late.
void reset_device(const DeviceModel& model = {});
/// When the work of a stream runs: at once (eager), or when it is waited for (late). In the last
/// two the first, third, … stream that was made is ahead of the others, or they are ahead of it: an
/// engine's kernels run before its copies, or after them.
enum class Streams { late, eager, first_ahead, second_ahead };
void set_streams(Streams when);

/// Makes the number-th call from now (1 for the next) fail with `error`; 0 for none.
void fail_call(std::int64_t number, cudaError_t error);
/// Calls since reset_device, and the name of the one that failed: "… of a destructor" where its
/// caller could not tell.
std::int64_t calls_made();
std::string failed_call();
/// What has not been released, and a Fault that came up in a destructor: "2 device allocations,
/// 1 streams", or "" for nothing.
std::string leaks();
/// By allocations, in whole pieces.
std::size_t device_bytes_in_use();
std::size_t most_device_bytes_used();
/// Allocations made since reset_device.
std::int64_t allocations_made();

/// Counts a call as one of the runtime's, for fail_call; what it is to return.
cudaError_t count_call(const char* call);

/// Whether cuBLAS and cuSOLVER are found, and their handles that have not been destroyed.
void set_vendor_libraries(bool are_there);
int vendor_handles();

/// Enqueues work that runs on the device: may read and write device memory.
cudaError_t enqueue(const char* call, cudaStream_t stream, std::function<void()> work);
/// What comes before a launch: the first takes the context's growth, and shared memory above 48 KiB
/// must have been asked for with cudaFuncSetAttribute.
cudaError_t load_kernel(const void* kernel, std::size_t bytes);

}  // namespace alsatian::simt

template <typename... Parameters, typename... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  using namespace alsatian::simt;
  struct Call {
    void (*kernel)(Parameters...);
    std::tuple<Parameters...> arguments;
  };
  const cudaError_t loaded =
      load_kernel(reinterpret_cast<const void*>(kernel), config->dynamicSmemBytes);
  if (loaded != cudaSuccess) {
    return loaded;
  }
  const auto index3 = [](dim3 size) { return Index3{size.x, size.y, size.z}; };
  return enqueue("cudaLaunchKernelEx", config->stream,
                 [config = *config, index3,
                  call = Call{kernel, std::tuple<Parameters...>(
                                          std::forward<Arguments>(arguments)...)}]() mutable {
                   run_grid(
                       index3(config.gridDim), index3(config.blockDim), config.dynamicSmemBytes,
                       [](void* opaque) {
                         const auto& self = *static_cast<Call*>(opaque);
                         std::apply(self.kernel, self.arguments);
                       },
                       &call);
                 });
}

// NOLINTEND
