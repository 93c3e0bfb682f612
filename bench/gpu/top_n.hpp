// Time of top-N for all users on the device, and a check of it against a plain loop on the host.
#pragma once

#include "kernels/cuda/top_n.hpp"

#include <cstdint>

namespace alsatian::bench {

struct TopItemsShape {
  std::int64_t users = 162'541;  // MovieLens 25M
  std::int64_t items = 59'047;
  std::int32_t rank = 64;
  std::int32_t count = 100;
  std::int64_t seen_per_user = 153;
  int repeats = 7;
  std::int64_t checked_users = 64;
  cuda::ScoreProducts products = cuda::ScoreProducts::fused;
};

struct TopItemsTimes {
  double construction_milliseconds = 0;  // once per model
  double median_milliseconds = 0;        // per answer to all users
  double least_milliseconds = 0;
  double most_milliseconds = 0;
  double teraflops = 0;  // of the products alone, by the median
  std::int64_t device_bytes = 0;
  std::int64_t unproven_users = 0;  // of all: they would be answered on the host
  std::int64_t wrong_users = 0;     // of those checked: must be 0
};

/// Answers random users and items whose spectrum decays, `repeats` times after one that is not
/// counted; prints one line. Throws cuda::DeviceError.
TopItemsTimes benchmark_top_n(const cuda::Context& context, const TopItemsShape& shape);

/// At ranks 64 and 128.
void benchmark_top_n(const cuda::Context& context);

}  // namespace alsatian::bench
