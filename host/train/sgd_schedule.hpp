// The order in which stochastic gradient descent visits the ratings, made once from data and seed.
// Shared by the CPU and CUDA backends, so that the order never depends on a device.
#pragma once

#include "host/model/spec.hpp"
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

/// How finely ratings are cut: the grid grows with their number.
struct SgdGrid {
  double ratings_per_block = 2000;
  std::int32_t largest = 64;

  bool operator==(const SgdGrid&) const = default;
};
/// Enough to be worth a task of a thread, few enough to mix.
inline constexpr SgdGrid grid_for_threads{};
/// A device runs the blocks of a stage on one warp each.
inline constexpr SgdGrid grid_for_warps{.ratings_per_block = 24, .largest = 1024};
/// One block: the rows of one side in random order, the ratings of each together.
inline constexpr SgdGrid single_block{.largest = 1};

/// Parts that each side of so many ratings is cut into.
std::int32_t grid_size(const SgdGrid& kind, std::int64_t observations, std::int64_t users,
                       std::int64_t items);

/// Depends on the ratings, the seed and the kind of grid alone. Rows are cut into parts of about
/// equal numbers of ratings.
SgdSchedule make_sgd_schedule(const CompressedMatrix& by_user, std::int32_t items,
                              std::uint64_t seed, const SgdGrid& grid = grid_for_threads);

/// The order of batch Hogwild: one block, its ratings grouped by the side whose ratings crowd in
/// fewer rows. A row that steps meet in is then written once a run of ratings instead of once a
/// rating: on a GPU nothing waits as long as writes that meet. Depends on the ratings and the seed.
SgdSchedule make_hogwild_schedule(const CompressedMatrix& by_user, std::int32_t items,
                                  std::uint64_t seed);

/// What an epoch, counted from 0, multiplies its slopes by.
double learning_rate(const Mle& mle, int epoch);

/// The stages of an epoch in the order to run them: a permutation of 0 … grid − 1.
std::vector<std::int32_t> stage_order(std::int32_t grid, int epoch, std::uint64_t seed);

}  // namespace alsatian
