// Half-sweeps of als on shapes of public data: right on the device at hand, and how fast.
#pragma once

#include "bench/gpu/measure.hpp"
#include "bench/gpu/problem.hpp"
#include "kernels/cuda/split_table.hpp"

#include <string>

namespace alsatian::bench {

/// Times half-sweeps at one rank, a factor being one half or two; checks the residual of some rows
/// in double. False where one is wrong.
bool benchmark_als(const cuda::Context& context, const std::string& shape, const Problem& problem,
                   std::int32_t rank, cuda::Halves halves, int repeats, Figures& figures);

/// The same by conjugate gradients, six steps a half-sweep; the residual is that of many steps.
bool benchmark_iterative_als(const cuda::Context& context, const std::string& shape,
                             const Problem& problem, std::int32_t rank, int repeats,
                             Figures& figures);

/// The same by cuBLAS and cuSOLVER. Throws UnsupportedByDevice where they are not there.
bool benchmark_vendor_als(const cuda::Context& context, const std::string& shape,
                          const Problem& problem, std::int32_t rank, int repeats, Figures& figures);

}  // namespace alsatian::bench
