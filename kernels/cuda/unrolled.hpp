// Loops that are unrolled for certain: their index is a constant of the body, so that the arrays it
// indexes stay in registers.
#pragma once

#include "kernels/cuda/device.hpp"

namespace alsatian::cuda {

/// Calls body.operator()<0>() to <Count − 1>().
template <int Count, int First = 0, typename Body>
__device__ __forceinline__ void unrolled(Body&& body) {
  if constexpr (First < Count) {
    body.template operator()<First>();
    unrolled<Count, First + 1>(body);
  }
}

}  // namespace alsatian::cuda
