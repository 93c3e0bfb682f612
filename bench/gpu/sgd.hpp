// Times epochs of stochastic gradient descent on the device, and checks them against a serial loop.
// For programs that have a GPU and no test framework.
#pragma once

#include "kernels/cuda/sgd.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace alsatian::bench {

/// Ratings drawn from planted factors. Popularity falls by a power law with a flat head, as in the
/// MovieLens data sets; every user has some ratings.
struct SgdShape {
  std::string name = "ml-25m";
  std::int32_t users = 162541;
  std::int32_t items = 59047;
  std::int64_t observations = 25000095;
};

struct SgdBenchmarkOptions {
  std::vector<std::int32_t> ranks = {64, 128};
  std::vector<cuda::SgdStorage> storages = {cuda::SgdStorage::floats, cuda::SgdStorage::halves};
  std::vector<double> most_meetings = {1, 4};  // of Hogwild, see SgdOptions
  std::int32_t grid = 1024;                    // of the blocked order; 0 leaves it out
  int epochs = 5;
};

struct SgdBenchmark {
  std::int32_t rank = 0;
  bool halves = false;
  bool hogwild = false;
  std::int64_t workers = 0;
  double seconds_per_epoch = 0;  // median, without the first
  double ratings_per_second = 0;
  /// What an epoch moves at least, both rows of every rating read and written once.
  double bytes_per_second = 0;
  /// Of a sample of the training ratings after the last epoch; the planted noise is 0.5.
  double rmse = 0;
};

/// Prints a line for each combination, to stdout.
std::vector<SgdBenchmark> benchmark_sgd(const cuda::Context& context, const SgdShape& shape = {},
                                        const SgdBenchmarkOptions& options = {});

/// The largest difference between factors and biases after an epoch on the device in blocks and
/// those of a serial loop in double, over all likelihoods and several ranks, on a small problem;
/// about 1e-6. Infinity where something is not a number. Prints a line.
double largest_sgd_difference(const cuda::Context& context);

}  // namespace alsatian::bench
