// Every call of the runtime failed once: what is said of it, and what is left behind.
// For everything on the stand-in device that throws where a call fails.
#pragma once

#include "kernels/cuda/runtime.hpp"
#include "tests/simt/runtime.hpp"

#include <gmock/gmock.h>

#include <cstdint>
#include <string>

namespace alsatian::testing {

/// Calls run() with its first, second, … call failed, until none is left to fail. Each failure is
/// told with its place, but those of releases, which destructors cannot tell; nothing leaks. There
/// are more than `least` calls.
template <typename Run>
void expect_every_failed_call_is_told(const Run& run, std::int64_t least) {
  for (const cudaError_t failure : {cudaErrorIllegalAddress, cudaErrorMemoryAllocation}) {
    std::int64_t number = 0;
    for (bool failed = true; failed; ++number) {
      simt::reset_device();
      simt::fail_call(number + 1, failure);
      std::string told;
      try {
        run();
      } catch (const cuda::DeviceError& error) {
        told = error.what();
      }
      const std::string call = simt::failed_call();
      failed = !call.empty();
      EXPECT_EQ(simt::leaks(), "") << "call " << number << ", " << call;
      const bool releases = call.find("Destroy") != std::string::npos ||
                            call.find("Free") != std::string::npos ||
                            call == "cudaStreamSynchronize";
      if (!failed || (releases && told.empty())) continue;
      EXPECT_THAT(told, ::testing::HasSubstr(" at ")) << call;
    }
    EXPECT_GT(number, least);
  }
}

}  // namespace alsatian::testing
