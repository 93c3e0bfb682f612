// Users by activity and items by popularity: the groups in which errors are shown.
// Bounds grow by about three, so that each group says something of its own.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

/// Training ratings from which on each bucket begins; the first is of unknown rows.
inline constexpr std::array<std::int64_t, 7> bucket_starts{0, 1, 10, 30, 100, 300, 1000};
inline constexpr std::size_t bucket_count = bucket_starts.size();

/// The bucket of a row with so many training ratings each; -1 is an unknown row.
inline std::size_t bucket_of(const std::vector<std::int32_t>& counts, std::int32_t row) {
  const std::int64_t count = row >= 0 ? counts[static_cast<std::size_t>(row)] : 0;
  const auto next = std::ranges::upper_bound(bucket_starts, count);
  return static_cast<std::size_t>(next - bucket_starts.begin()) - 1;
}

/// "users with 10-29 ratings".
inline std::string bucket_name(std::string_view side, std::size_t bucket) {
  const std::int64_t first = bucket_starts[bucket];
  if (bucket + 1 == bucket_starts.size()) {
    return fmt::format("{} with {} or more ratings", side, first);
  }
  const std::int64_t last = bucket_starts[bucket + 1] - 1;
  return first == last ? fmt::format("{} with {} ratings", side, first)
                       : fmt::format("{} with {}-{} ratings", side, first, last);
}

}  // namespace alsatian
