// The steps of cleaning, in order, with the memory of each step freed before the next.
// At its peak this holds about 40 bytes per rating, with times; half of it where rows are in order.
#include "host/ratings/clean.hpp"

#include "host/error.hpp"
#include "host/ratings/counting_sort.hpp"
#include "host/ratings/duplicates.hpp"
#include "host/ratings/id_indexing.hpp"
#include "host/ratings/large_vector.hpp"
#include "host/ratings/ratings_apart.hpp"
#include "host/ratings/row_offsets.hpp"
#include "kernels/cpu/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>

namespace alsatian {
namespace {

/// Rows by user; those out of range are under the key that no user has, and so past the end.
struct GroupedRatings {
  std::vector<UserRating> ratings;
  std::vector<std::int64_t> offsets;  // [users + 1]
};

/// Gives rows out of range the key `out_of_range`, counts them and says where the first one is.
void mark_out_of_range(const RawRatings& raw, const CleaningOptions& options,
                       std::int32_t out_of_range, std::vector<std::int32_t>& users,
                       CleanRatings& clean) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (options.lowest_rating == -infinity && options.highest_rating == infinity) return;
  std::int64_t count = 0;
  std::size_t first = 0;
  for (std::size_t row = users.size(); row-- > 0;) {
    const auto rating = static_cast<double>(raw.ratings[row]);
    if (rating >= options.lowest_rating && rating <= options.highest_rating) continue;
    users[row] = out_of_range;
    first = row;
    ++count;
  }
  if (count == 0) return;
  clean.account.used -= count;
  clean.account.filtered += count;
  clean.notes.push_back(fmt::format(
      "{} rating{} out of the range {} to {} left out, the first at {}:{} ({})", count,
      count == 1 ? "" : "s", options.lowest_rating, options.highest_rating, printable(raw.path),
      raw.lines.line_of(static_cast<std::int64_t>(first)), raw.ratings[first]));
}

/// Warns of ratings that lie apart from all others, with the first few.
void warn_of_ratings_apart(const RawRatings& raw, const CleaningOptions& options,
                           CleanRatings& clean) {
  constexpr std::int64_t named = 3;
  const auto apart = ratings_apart(raw.ratings, options.lowest_rating, options.highest_rating);
  if (!apart) return;
  std::string values;
  std::int64_t found = 0;
  for (std::size_t row = 0; row < raw.ratings.size() && found < named; ++row) {
    const float rating = raw.ratings[row];
    const auto value = static_cast<double>(rating);
    const bool is_in_range = value >= options.lowest_rating && value <= options.highest_rating;
    if (!is_in_range || !apart->has(rating)) continue;
    values += fmt::format("{}{} in line {}", found++ > 0 ? ", " : "", rating,
                          raw.lines.line_of(static_cast<std::int64_t>(row)));
  }
  if (apart->count > found) values += fmt::format(" and {} more", apart->count - found);
  clean.warnings.push_back(
      fmt::format("{}: {} far from all others, which are {} to {}: {}; correct the file where it "
                  "is wrong, or leave them out with --rating-range {}:{} (explore, train, tune)",
                  printable(raw.path),
                  apart->count == 1 ? "1 rating is" : fmt::format("{} ratings are", apart->count),
                  apart->lowest, apart->highest, values, apart->lowest, apart->highest));
}

/// The indices of each row's user and item.
struct RowIndices {
  std::vector<std::int32_t> users;
  std::vector<std::int32_t> items;
};

RowIndices index_rows(RawRatings& raw, CleanRatings& clean) {
  IndexedIds users = index_ids(std::move(raw.users), printable(raw.path));
  raw.users = {};
  IndexedIds items = index_ids(std::move(raw.items), printable(raw.path));
  raw.items = {};
  clean.users = std::move(users.index);
  clean.items = std::move(items.index);
  return {std::move(users.rows), std::move(items.rows)};
}

/// Whether rows are by user and a user's by item, no pair twice, as most files have them.
bool are_in_order(const RowIndices& rows) {
  constexpr std::int64_t grain = 1 << 16;
  std::atomic<bool> in_order = true;
  const auto size = std::ssize(rows.users);
  parallel_for((size + grain - 1) / grain, [&](std::int64_t piece) {
    if (!in_order.load(std::memory_order_relaxed)) return;
    const auto end = static_cast<std::size_t>(std::min(size, (piece + 1) * grain));
    bool ascending = true;
    for (auto row = static_cast<std::size_t>(std::max<std::int64_t>(piece * grain, 1)); row < end;
         ++row) {
      ascending &=
          rows.users[row - 1] < rows.users[row] ||
          (rows.users[row - 1] == rows.users[row] && rows.items[row - 1] < rows.items[row]);
    }
    if (!ascending) in_order.store(false, std::memory_order_relaxed);
  });
  return in_order;
}

/// Takes rows as they are, which are in order and none of which is left out.
void take_rows(RowIndices rows, RawRatings& raw, CleanRatings& clean) {
  clean.offsets = offsets_of_sorted(rows.users, clean.users.size());
  clean.user_indices = std::move(rows.users);
  clean.item_indices = std::move(rows.items);
  clean.ratings = std::move(raw.ratings);
  if (raw.has_times) clean.times = std::move(raw.times);
}

GroupedRatings group_by_user(RowIndices rows, const std::vector<float>& ratings,
                             std::int32_t user_count) {
  GroupedRatings grouped;
  resize_large(grouped.ratings, rows.users.size());
  grouped.offsets = counting_sort(rows.users, std::int64_t{user_count} + 1,
                                  [&](std::int64_t entry, std::int64_t position) {
                                    const auto row = static_cast<std::size_t>(entry);
                                    grouped.ratings[static_cast<std::size_t>(position)] = {
                                        rows.items[row], ratings[row], entry};
                                  });
  grouped.offsets.pop_back();
  return grouped;
}

std::string counted_duplicates(std::int64_t count) {
  return fmt::format("{} {}", count, count == 1 ? "duplicate" : "duplicates");
}

/// "ratings.csv:1042 and :77 rate the same item twice (user 5, item 12)"
std::string duplicate_example(const RawRatings& raw, const CleanRatings& clean,
                              const DuplicateCounts& duplicates) {
  return fmt::format(
      "{}:{} and :{} rate the same item twice (user {}, item {})", printable(raw.path),
      raw.lines.line_of(duplicates.repeating_row), raw.lines.line_of(duplicates.first_row),
      printable(clean.users.text(duplicates.user)), printable(clean.items.text(duplicates.item)));
}

void account_for_duplicates(const RawRatings& raw, DuplicateRule rule,
                            const DuplicateCounts& duplicates, CleanRatings& clean) {
  if (duplicates.total() == 0) return;
  if (rule == DuplicateRule::error) {
    throw Error(
        ExitCode::bad_data,
        fmt::format("{}:{}", printable(raw.path), raw.lines.line_of(duplicates.repeating_row)),
        fmt::format(
            "rates the same item as line {} (user {}, item {}), one of {}",
            raw.lines.line_of(duplicates.first_row), quoted(clean.users.text(duplicates.user)),
            quoted(clean.items.text(duplicates.item)), counted_duplicates(duplicates.total())),
        "train with --duplicates last or --duplicates mean, or remove one of the lines");
  }
  clean.account.used -= duplicates.total();
  clean.account.duplicates += duplicates.total();
  clean.notes.push_back(fmt::format(
      "{} resolved by {} ({} identical, {} conflicting), the first: {}",
      counted_duplicates(duplicates.total()),
      rule == DuplicateRule::last ? "the last rating" : "their mean", duplicates.identical,
      duplicates.conflicting, duplicate_example(raw, clean, duplicates)));
}

/// Moves what was kept of each user's part into the columns of `clean`.
void compact(const GroupedRatings& grouped, std::span<const std::int64_t> kept,
             std::span<const std::int64_t> times, CleanRatings& clean) {
  clean.offsets.assign(kept.size() + 1, 0);
  std::inclusive_scan(kept.begin(), kept.end(), clean.offsets.begin() + 1);
  const auto total = static_cast<std::size_t>(clean.offsets.back());
  resize_large(clean.item_indices, total);
  resize_large(clean.ratings, total);
  if (!times.empty()) resize_large(clean.times, total);
  constexpr std::int64_t grain = 256;
  parallel_for(
      static_cast<std::int64_t>(kept.size()),
      [&](std::int64_t row) {
        const auto user = static_cast<std::size_t>(row);
        auto from = static_cast<std::size_t>(grouped.offsets[user]);
        const auto end = static_cast<std::size_t>(clean.offsets[user + 1]);
        for (auto to = static_cast<std::size_t>(clean.offsets[user]); to < end; ++to, ++from) {
          const UserRating& rating = grouped.ratings[from];
          clean.item_indices[to] = rating.item;
          clean.ratings[to] = rating.rating;
          if (!times.empty()) clean.times[to] = times[static_cast<std::size_t>(rating.row)];
        }
      },
      grain);
}

/// Sorts rows by user and item and resolves duplicates.
void sort_rows(RowIndices rows, RawRatings& raw, DuplicateRule rule, CleanRatings& clean) {
  GroupedRatings grouped = group_by_user(std::move(rows), raw.ratings, clean.users.size());
  raw.ratings = {};
  const std::vector<std::int64_t> times =
      raw.has_times ? std::move(raw.times) : std::vector<std::int64_t>{};
  std::vector<std::int64_t> kept(static_cast<std::size_t>(clean.users.size()));
  const DuplicateCounts duplicates =
      resolve_duplicates(grouped.ratings, grouped.offsets, rule, times, kept);
  account_for_duplicates(raw, rule, duplicates, clean);
  compact(grouped, kept, times, clean);
}

}  // namespace

CleanRatings clean_ratings(RawRatings raw, const CleaningOptions& options) {
  CleanRatings clean;
  clean.account = raw.account;
  RowIndices rows = index_rows(raw, clean);
  mark_out_of_range(raw, options, clean.users.size(), rows.users, clean);
  warn_of_ratings_apart(raw, options, clean);
  if (clean.account.filtered == raw.account.filtered && are_in_order(rows)) {
    take_rows(std::move(rows), raw, clean);
  } else {
    sort_rows(std::move(rows), raw, options.duplicates, clean);
  }
  drop_rare_rows(clean, options.min_user_ratings, options.min_item_ratings);
  check_balanced(clean.account, raw.path);
  return clean;
}

std::string fingerprint(const CleanRatings& ratings) {
  const std::vector<std::uint64_t> users = id_hashes(ratings.users);
  const std::vector<std::uint64_t> items = id_hashes(ratings.items);
  std::vector<std::uint64_t> sums(users.size(), 0);
  constexpr std::int64_t grain = 256;
  parallel_for(
      static_cast<std::int64_t>(users.size()),
      [&](std::int64_t row) {
        const auto user = static_cast<std::size_t>(row);
        for (std::int64_t entry = ratings.offsets[user]; entry < ratings.offsets[user + 1];
             ++entry) {
          const auto index = static_cast<std::size_t>(entry);
          // Adding 0 makes −0 the same rating as 0.
          const auto bits = std::bit_cast<std::uint32_t>(ratings.ratings[index] + 0.0F);
          const auto item = items[static_cast<std::size_t>(ratings.item_indices[index])];
          sums[user] += mix_bits(users[user] ^ mix_bits(item ^ mix_bits(bits)));
        }
      },
      grain);
  const std::uint64_t sum = std::accumulate(sums.begin(), sums.end(), std::uint64_t{0});
  return fmt::format("{:016x}", mix_bits(sum + static_cast<std::uint64_t>(ratings.size())));
}

}  // namespace alsatian
