// What the calls of every vendor's library have in common: how functions are found when they are
// first wanted, and what is thrown where a call fails.
#pragma once

#include "kernels/cuda/runtime.hpp"
#include "kernels/cuda/vendor/symbols.hpp"

#include <source_location>
#include <string>

namespace alsatian::cuda::vendor {

/// Looks for functions by name. After the first that is not there it looks no further.
class FunctionFinder {
 public:
  /// Null where it, or one before it, was not found.
  template <typename Function>
  void find(const std::string& library, const char* name, Function& function) {
    function = nullptr;
    if (!missing_.empty()) {
      return;
    }
    function = reinterpret_cast<Function>(symbol(library.c_str(), name));
    if (function == nullptr) {
      missing_ = symbol_error();
    }
  }

  /// What the loader says of the first that was not there; "" where all are.
  const std::string& missing() const { return missing_; }

 private:
  std::string missing_;
};

/// Throws OutOfDeviceMemory or DeviceError.
[[noreturn]] inline void fail(const std::string& what, bool is_memory, std::source_location place) {
  const std::string text = what + " at " + place.file_name() + ":" + std::to_string(place.line());
  if (is_memory) {
    throw OutOfDeviceMemory(cudaErrorMemoryAllocation, text);
  }
  throw DeviceError(cudaErrorLaunchFailure, text);
}

}  // namespace alsatian::cuda::vendor
