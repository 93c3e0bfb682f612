// Which CUDA backend the cases beside run: a GPU's, or the kernels on the CPU under the stand-in
// runtime. Each program defines these functions once.
#pragma once

#include "host/train/backend.hpp"

#include <memory>
#include <vector>

namespace alsatian::testing {

/// Why the backend cannot be made; nothing where it can.
std::optional<std::string> why_no_backend();
/// Whether ALSATIAN_REQUIRE_GPU=1 says that it must.
bool gpu_is_required();

/// For SetUp: skips the test where there is no GPU, or fails it where one is required.
#define ALSATIAN_NEED_GPU()                                                \
  if (const auto reason = ::alsatian::testing::why_no_backend(); reason) { \
    if (::alsatian::testing::gpu_is_required()) FAIL() << *reason;         \
    GTEST_SKIP() << *reason;                                               \
  }                                                                        \
  static_assert(true)

std::unique_ptr<Backend> cuda_backend(const TrainingProblem& problem);
std::vector<int> ranks_under_test();

}  // namespace alsatian::testing
