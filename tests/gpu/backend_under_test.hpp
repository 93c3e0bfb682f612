// Which CUDA backend the cases beside run: a GPU's, or the kernels on the CPU under the stand-in
// runtime. Each program defines these functions once.
#pragma once

#include "host/train/backend.hpp"

#include <memory>
#include <vector>

namespace alsatian::testing {

/// Skips the calling test, or fails it where a GPU is required, if there is none.
#define ALSATIAN_NEED_GPU()                                                \
  if (const auto reason = ::alsatian::testing::why_no_backend(); reason) { \
    GTEST_SKIP() << *reason;                                               \
  }                                                                        \
  static_assert(true)

/// Nothing where the backend can be made. Fails the test where it must be.
std::optional<std::string> why_no_backend();
std::unique_ptr<Backend> cuda_backend(const TrainingProblem& problem);
std::vector<int> ranks_under_test();

}  // namespace alsatian::testing
