// The order in which stochastic gradient descent visits the ratings, made once from data and seed.
// Shared by the CPU and CUDA backends, so that the order never depends on a device.
#pragma once

#include "host/ratings/dataset.hpp"
#include "kernels/math/views.hpp"

#include <cstdint>
#include <vector>

namespace alsatian {

/// Ratings by block of a grid × grid partition; see SgdScheduleView. Within a block ratings are
/// grouped by user, users and each user's items in random order.
struct SgdSchedule {
  std::int32_t grid = 0;
  std::vector<std::int64_t> block_offsets;
  std::vector<std::int32_t> users;
  std::vector<std::int32_t> items;
  std::vector<float> ratings;

  SgdScheduleView view() const { return {grid, block_offsets, users, items, ratings}; }
};

/// Depends on the ratings and the seed alone. Rows are cut into parts of about equal numbers of
/// ratings; the grid grows with the number of ratings, up to 64.
SgdSchedule make_sgd_schedule(const CompressedMatrix& by_user, std::int32_t items,
                              std::uint64_t seed);

/// The stages of an epoch in the order to run them: a permutation of 0 … grid − 1.
std::vector<std::int32_t> stage_order(std::int32_t grid, int epoch, std::uint64_t seed);

}  // namespace alsatian
