// Ratings grouped by user while duplicates are found and resolved.
// Between the file's rows and the cleaned table; holds the row, so that lines can be named.
#pragma once

#include "host/ratings/dataset.hpp"

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace alsatian {

/// One rating of a user. row: its place in the file, from 0.
struct UserRating {
  std::int32_t item;
  float rating;
  std::int64_t row;
};

/// What resolving duplicates found. The example is the first row of the file that repeats a pair.
struct DuplicateCounts {
  std::int64_t identical = 0;    // rows dropped from pairs whose ratings are all equal
  std::int64_t conflicting = 0;  // rows dropped from pairs with different ratings
  std::int64_t repeating_row = std::numeric_limits<std::int64_t>::max();
  std::int64_t first_row = 0;
  std::int32_t user = 0;
  std::int32_t item = 0;

  std::int64_t total() const { return identical + conflicting; }
  void add(const DuplicateCounts& other);
};

/// Sorts each user's ratings by item and leaves one per item at the front of the user's part, by
/// the rule (error leaves the last, as `last` does; the caller throws). kept [users] is
/// overwritten by how many are left; times [rows of the file] or empty. A mean keeps the time of
/// its latest rating in the row it stands at.
DuplicateCounts resolve_duplicates(std::span<UserRating> ratings,
                                   std::span<const std::int64_t> offsets, DuplicateRule rule,
                                   std::span<const std::int64_t> times,
                                   std::span<std::int64_t> kept);

}  // namespace alsatian
