// Duplicates stand beside each other once a user's ratings are sorted by item.
// Users are independent; counts are added up in a fixed order of blocks of users.
#include "host/ratings/duplicates.hpp"

#include "kernels/cpu/parallel.hpp"

#include <algorithm>
#include <cstddef>
#include <tuple>

namespace alsatian {
namespace {

/// The latest by time, else the last in the file. group: one pair's ratings by row.
const UserRating& latest(std::span<const UserRating> group, std::span<const std::int64_t> times) {
  return *std::max_element(
      group.begin(), group.end(), [&](const UserRating& left, const UserRating& right) {
        if (times.empty()) return left.row < right.row;
        const auto time = [&](const UserRating& rating) {
          return times[static_cast<std::size_t>(rating.row)];
        };
        return std::tuple(time(left), left.row) < std::tuple(time(right), right.row);
      });
}

/// Summed in order of value, so that the mean does not depend on the order of lines.
float mean_rating(std::span<const UserRating> group) {
  std::vector<float> ratings;
  for (const UserRating& rating : group) ratings.push_back(rating.rating);
  std::sort(ratings.begin(), ratings.end());
  double sum = 0;
  for (const float rating : ratings) sum += static_cast<double>(rating);
  return static_cast<float>(sum / static_cast<double>(ratings.size()));
}

UserRating resolve(std::span<const UserRating> group, DuplicateRule rule,
                   std::span<const std::int64_t> times) {
  UserRating kept = latest(group, times);
  if (rule == DuplicateRule::mean) kept.rating = mean_rating(group);
  return kept;
}

DuplicateCounts count_group(std::span<const UserRating> group, std::int32_t user) {
  DuplicateCounts counts;
  const auto dropped = static_cast<std::int64_t>(group.size()) - 1;
  const bool equal = std::all_of(group.begin(), group.end(), [&](const UserRating& rating) {
    return rating.rating == group.front().rating;
  });
  (equal ? counts.identical : counts.conflicting) = dropped;
  counts.first_row = group[0].row;
  counts.repeating_row = group[1].row;
  counts.user = user;
  counts.item = group.front().item;
  return counts;
}

/// One user; returns how many ratings are left at the front of `ratings`.
std::size_t resolve_user(std::span<UserRating> ratings, std::int32_t user, DuplicateRule rule,
                         std::span<const std::int64_t> times, DuplicateCounts& counts) {
  // Most files list a user's items once each and in order: then there is nothing to do.
  const auto out_of_order = std::adjacent_find(
      ratings.begin(), ratings.end(),
      [](const UserRating& left, const UserRating& right) { return left.item >= right.item; });
  if (out_of_order == ratings.end()) return ratings.size();
  std::sort(ratings.begin(), ratings.end(), [](const UserRating& left, const UserRating& right) {
    return std::tuple(left.item, left.row) < std::tuple(right.item, right.row);
  });
  std::size_t kept = 0;
  for (std::size_t first = 0; first < ratings.size();) {
    std::size_t last = first + 1;
    while (last < ratings.size() && ratings[last].item == ratings[first].item) ++last;
    const auto group = ratings.subspan(first, last - first);
    if (group.size() > 1) counts.add(count_group(group, user));
    const UserRating resolved = group.size() > 1 ? resolve(group, rule, times) : group.front();
    ratings[kept++] = resolved;
    first = last;
  }
  return kept;
}

}  // namespace

void DuplicateCounts::add(const DuplicateCounts& other) {
  identical += other.identical;
  conflicting += other.conflicting;
  if (other.repeating_row >= repeating_row) return;
  repeating_row = other.repeating_row;
  first_row = other.first_row;
  user = other.user;
  item = other.item;
}

DuplicateCounts resolve_duplicates(std::span<UserRating> ratings,
                                   std::span<const std::int64_t> offsets, DuplicateRule rule,
                                   std::span<const std::int64_t> times,
                                   std::span<std::int64_t> kept) {
  constexpr std::size_t block_users = 64;
  std::vector<DuplicateCounts> blocks((kept.size() + block_users - 1) / block_users);
  parallel_for(static_cast<std::int64_t>(blocks.size()), [&](std::int64_t block) {
    const auto first = static_cast<std::size_t>(block) * block_users;
    for (std::size_t user = first; user < std::min(first + block_users, kept.size()); ++user) {
      const auto begin = static_cast<std::size_t>(offsets[user]);
      const auto end = static_cast<std::size_t>(offsets[user + 1]);
      kept[user] = static_cast<std::int64_t>(
          resolve_user(ratings.subspan(begin, end - begin), static_cast<std::int32_t>(user), rule,
                       times, blocks[static_cast<std::size_t>(block)]));
    }
  });
  DuplicateCounts counts;
  for (const DuplicateCounts& block : blocks) counts.add(block);
  return counts;
}

}  // namespace alsatian
