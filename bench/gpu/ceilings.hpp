// What the device can do at most: the rates that every benchmark's time is held against.
#pragma once

#include "bench/gpu/measure.hpp"

namespace alsatian::bench {

/// Copy in device memory, gathers of rows from tables that fit the L2 cache or do not, fused
/// multiply-adds in float, tensor-core products in TF32 and half precision.
void measure_ceilings(const cuda::Context& context, Figures& figures);

}  // namespace alsatian::bench
