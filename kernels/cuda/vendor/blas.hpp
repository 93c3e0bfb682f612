// cuBLAS by name, and what its calls say. For the files that make calls, no others: who includes
// this sees the library's own names.
#pragma once

#include "kernels/cuda/vendor/calls.hpp"

#include <cublas_v2.h>

namespace alsatian::cuda::vendor {

/// The library of the toolkit that the module was built with: another major version may have other
/// functions.
inline const std::string cublas = "libcublas.so." + std::to_string(CUBLAS_VER_MAJOR);

inline void check(cublasStatus_t code,
                  std::source_location place = std::source_location::current()) {
  if (code != CUBLAS_STATUS_SUCCESS) {
    fail("cuBLAS says " + std::to_string(code), code == CUBLAS_STATUS_ALLOC_FAILED, place);
  }
}

}  // namespace alsatian::cuda::vendor
