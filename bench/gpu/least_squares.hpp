// Times of full-batch least squares on a real device, and a check of its numbers there.
// Plain functions, so that a benchmark program needs nothing but the CUDA toolkit.
#pragma once

#include "kernels/cuda/least_squares.hpp"

#include <cstdint>

namespace alsatian::bench {

/// A problem made in memory: lognormal lengths of users, item popularity ~ 1/(place + 200)^1.5,
/// which at the default size gives the most popular item about 66,000 ratings, as ml-25m has.
struct LeastSquaresShape {
  std::int64_t users = 162541;
  std::int64_t items = 59047;
  std::int64_t observations = 25000095;  // about as many; repeated draws are dropped
  std::int32_t rank = 64;
};

/// Medians over repeats, in seconds on the device but for the step, which counts its waits too.
struct LeastSquaresTimes {
  std::int64_t observations = 0;
  double gradient_seconds = 0;  // both sides
  double product_seconds = 0;   // both sides
  double step_seconds = 0;
  int step_inner_steps = 0;  // products in that step
  double errors_seconds = 0;
  double gathered_bytes_per_second = 0;  // of the product: 4 rows per rating
};

/// Prints a line per figure to stdout. Throws DeviceError.
LeastSquaresTimes benchmark_least_squares(
    const cuda::Context& context, const LeastSquaresShape& shape = {},
    cuda::GaussNewtonProducts products = cuda::GaussNewtonProducts::fused, int repeats = 7);

/// A small problem, odd sizes, rows in parts: errors against a loop in double, every step's F
/// against F in double of what it left, the gradient's fall, and of the fused products the same
/// bytes twice. Prints what is wrong, and returns whether nothing is.
bool check_least_squares(const cuda::Context& context, std::int32_t rank,
                         cuda::GaussNewtonProducts products = cuda::GaussNewtonProducts::fused);

}  // namespace alsatian::bench
