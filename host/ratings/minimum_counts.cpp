// Users and items with too few ratings, removed until none is left.
// A work list instead of repeated passes: a chain of removals costs no more than its ratings.
#include "host/ratings/clean.hpp"
#include "host/ratings/counting_sort.hpp"
#include "host/ratings/row_offsets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <span>

namespace alsatian {
namespace {

/// One side of the ratings: which rows of the other side each of its rows meets.
struct Side {
  std::span<const std::int64_t> offsets;
  std::span<const std::int32_t> opposite;
  std::int64_t minimum;
  std::vector<std::int64_t> counts;
  std::vector<bool> removed;
  std::vector<std::int32_t> pending;  // removed, with their ratings still counted opposite
  std::int64_t removals = 0;          // of rows that had ratings

  Side(std::span<const std::int64_t> row_offsets, std::span<const std::int32_t> opposite_rows,
       std::int64_t least)
      : offsets(row_offsets), opposite(opposite_rows), minimum(least) {
    for (std::size_t row = 0; row + 1 < offsets.size(); ++row) {
      counts.push_back(offsets[row + 1] - offsets[row]);
    }
    removed.resize(counts.size());
    for (std::size_t row = 0; row < counts.size(); ++row) remove_if_rare(row);
  }

  void remove_if_rare(std::size_t row) {
    if (removed[row] || counts[row] >= minimum) return;
    removed[row] = true;
    pending.push_back(static_cast<std::int32_t>(row));
    if (offsets[row + 1] > offsets[row]) ++removals;
  }
};

/// Takes the ratings of the removed rows of `from` away from the rows they meet in `to`.
void settle(Side& from, Side& to) {
  while (!from.pending.empty()) {
    const auto row = static_cast<std::size_t>(from.pending.back());
    from.pending.pop_back();
    for (std::int64_t entry = from.offsets[row]; entry < from.offsets[row + 1]; ++entry) {
      const auto met = static_cast<std::size_t>(from.opposite[static_cast<std::size_t>(entry)]);
      if (to.removed[met]) continue;
      --to.counts[met];
      to.remove_if_rare(met);
    }
  }
}

/// Keeps the ratings whose user and item both stay, in place.
void keep_remaining(const std::vector<bool>& user_removed, const std::vector<bool>& item_removed,
                    CleanRatings& ratings) {
  std::size_t to = 0;
  for (std::size_t user = 0; user < user_removed.size(); ++user) {
    const auto first = static_cast<std::size_t>(ratings.offsets[user]);
    const auto last = static_cast<std::size_t>(ratings.offsets[user + 1]);
    ratings.offsets[user] = static_cast<std::int64_t>(to);
    for (std::size_t from = first; from < last && !user_removed[user]; ++from) {
      if (item_removed[static_cast<std::size_t>(ratings.item_indices[from])]) continue;
      ratings.item_indices[to] = ratings.item_indices[from];
      ratings.ratings[to] = ratings.ratings[from];
      if (!ratings.times.empty()) ratings.times[to] = ratings.times[from];
      ++to;
    }
  }
  ratings.offsets.back() = static_cast<std::int64_t>(to);
  ratings.item_indices.resize(to);
  ratings.ratings.resize(to);
  if (!ratings.times.empty()) ratings.times.resize(to);
}

}  // namespace

void drop_rare_rows(CleanRatings& ratings, std::int64_t min_user_ratings,
                    std::int64_t min_item_ratings) {
  if (min_user_ratings <= 1 && min_item_ratings <= 1) return;
  const std::vector<std::int32_t> user_rows = rows_of_offsets(ratings.offsets);
  std::vector<std::int32_t> users_by_item(user_rows.size());
  const std::vector<std::int64_t> item_offsets = counting_sort(
      ratings.item_indices, ratings.items.size(), [&](std::int64_t entry, std::int64_t position) {
        users_by_item[static_cast<std::size_t>(position)] =
            user_rows[static_cast<std::size_t>(entry)];
      });
  Side users(ratings.offsets, ratings.item_indices, min_user_ratings);
  Side items(item_offsets, users_by_item, min_item_ratings);
  while (!users.pending.empty() || !items.pending.empty()) {
    settle(users, items);
    settle(items, users);
  }
  ratings.dropped_users = users.removed;
  ratings.dropped_items = items.removed;
  if (users.removals + items.removals == 0) return;

  const std::int64_t before = ratings.size();
  keep_remaining(users.removed, items.removed, ratings);
  ratings.user_indices = {};
  const std::int64_t dropped = before - ratings.size();
  ratings.account.used -= dropped;
  ratings.account.filtered += dropped;
  const auto ending = [](std::int64_t count) { return count == 1 ? "" : "s"; };
  ratings.notes.push_back(fmt::format(
      "{} user{} with fewer than {} ratings and {} item{} with fewer than {} left out, {} rating{}",
      users.removals, ending(users.removals), std::max<std::int64_t>(min_user_ratings, 1),
      items.removals, ending(items.removals), std::max<std::int64_t>(min_item_ratings, 1), dropped,
      ending(dropped)));
}

}  // namespace alsatian
