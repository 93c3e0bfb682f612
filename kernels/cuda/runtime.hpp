// The calls of the CUDA runtime, each checked where it is made; in the tests, their stand-ins.
// A failed call is a DeviceError that names the call and the source line.
#pragma once

#include "kernels/cuda/device.hpp"

#include <cstdint>
#include <source_location>
#include <stdexcept>
#include <string>

namespace alsatian::cuda {

/// A call of the runtime failed, or the device reported a failure of earlier work.
class DeviceError : public std::runtime_error {
 public:
  DeviceError(cudaError_t code, const std::string& what) : std::runtime_error(what), code_(code) {}
  cudaError_t code() const { return code_; }

 private:
  cudaError_t code_;
};

/// The device has less free memory than was asked for.
class OutOfDeviceMemory : public DeviceError {
 public:
  using DeviceError::DeviceError;
};

/// The host has no memory left that the device could copy from and to by itself.
class OutOfPinnedMemory : public DeviceError {
 public:
  using DeviceError::DeviceError;
};

/// Throws DeviceError, with the line of the caller, unless `code` is cudaSuccess.
inline void check(cudaError_t code, std::source_location place = std::source_location::current()) {
  if (code == cudaSuccess) {
    return;
  }
  // One that is not sticky would be reported again by the next call; a sticky one will be, always.
  cudaGetLastError();
  const std::string what = std::string(cudaGetErrorName(code)) + " (" + cudaGetErrorString(code) +
                           ") at " + place.file_name() + ":" + std::to_string(place.line());
  if (code == cudaErrorMemoryAllocation) {
    throw OutOfDeviceMemory(code, what);
  }
  throw DeviceError(code, what);
}

}  // namespace alsatian::cuda
