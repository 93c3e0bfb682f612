// Every call of the runtime failed once: what is said of it, and what is left behind.
// For everything on the stand-in device, whether it throws or returns what failed.
#pragma once

#include "kernels/cuda/runtime.hpp"
#include "tests/simt/runtime.hpp"

#include <gmock/gmock.h>

#include <cstdint>
#include <optional>
#include <string>

namespace alsatian::testing {

/// A call that destructors make: they cannot tell that it failed, and it costs nobody anything.
inline auto is_release() {
  return ::testing::MatchesRegex("cu.*(Free|Destroy).*|cudaStreamSynchronize of a destructor");
}

/// Calls run() with its first, second, … call failed in this way, until none is left to fail. It
/// returns what is told of the failure, or nothing. Each is told with its caller's place, which is
/// in the folder and never that of an owner, but those of releases; nothing leaks. There are more
/// than `least` calls, all on a device of this model.
template <typename Run>
void expect_failed_calls_are_told(const Run& run, cudaError_t failure, std::int64_t least,
                                  const std::string& folder = "kernels/cuda/",
                                  const simt::DeviceModel& model = {}) {
  std::int64_t number = 0;
  for (bool failed = true; failed; ++number) {
    simt::reset_device(model);
    simt::fail_call(number + 1, failure);
    const std::optional<std::string> told = run();
    const std::string call = simt::failed_call();
    failed = !call.empty();
    EXPECT_EQ(simt::leaks(), "") << "call " << number << ", " << call;
    if (!failed) continue;
    if (told) {
      EXPECT_THAT(*told, ::testing::MatchesRegex(".* at .*" + folder + ".*[0-9]+.*")) << call;
      EXPECT_THAT(*told, ::testing::Not(::testing::ContainsRegex(
                             "cuda/(context|memory|runtime|tables|ratings_buffer|upload_all|"
                             "vector_kernels|table_entries|cut_rows|staging)\\.hpp")))
          << call;
    } else {
      EXPECT_THAT(call, is_release());
    }
  }
  EXPECT_GT(number, least);
}

/// The same of what throws where a call fails, whatever the failure.
template <typename Run>
void expect_every_failed_call_is_told(const Run& run, std::int64_t least) {
  for (const cudaError_t failure : {cudaErrorIllegalAddress, cudaErrorMemoryAllocation}) {
    expect_failed_calls_are_told(
        [&]() -> std::optional<std::string> {
          try {
            run();
          } catch (const cuda::DeviceError& error) {
            return error.what();
          }
          return std::nullopt;
        },
        failure, least, "");
  }
}

}  // namespace alsatian::testing
