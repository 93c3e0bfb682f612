// Ratings as rows that tests write down, and the same things computed the obvious way.
// The oracle of the data set: maps and repeated passes, nothing shared with the code under test.
#pragma once

#include "host/ratings/dataset.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace alsatian::testing {

struct Row {
  std::int64_t user = 0;
  std::int64_t item = 0;
  float rating = 0;
  std::int64_t time = 0;

  auto operator<=>(const Row&) const = default;
};

using Rows = std::vector<Row>;
using Pair = std::pair<std::int64_t, std::int64_t>;

enum class Times { kept, absent };

/// As a reader would give them: a header on line 1, row r on line r + 2.
inline RawRatings raw_ratings(const Rows& rows, Times times = Times::kept) {
  RawRatings raw;
  raw.path = "folder/ratings.csv";
  for (const Row& row : rows) {
    raw.users.values.push_back(row.user);
    raw.items.values.push_back(row.item);
    raw.ratings.push_back(row.rating);
    if (times == Times::kept) raw.times.push_back(row.time);
  }
  raw.has_times = times == Times::kept;
  raw.lines.set(0, 2);
  const auto size = static_cast<std::int64_t>(rows.size());
  raw.account = {.read = size + 1, .used = size, .header = 1};
  return raw;
}

/// The same column with string ids, made by name(id), in order of first appearance.
template <typename Name>
RawIds named_ids(const RawIds& integers, Name&& name) {
  RawIds ids;
  ids.kind = IdKind::string;
  std::map<std::int64_t, std::int64_t> positions;
  for (std::size_t row = 0; row < integers.values.size(); ++row) {
    const std::int64_t value = integers.values[row];
    const auto [place, is_new] = positions.try_emplace(value, ids.names.size());
    if (is_new) ids.names.push_back(name(value));
    ids.values.push_back(place->second);
  }
  return ids;
}

struct RandomRows {
  std::int64_t users = 13;
  std::int64_t items = 11;
  int count = 60;
  unsigned seed = 1;
};

/// Half-star ratings of random pairs, with duplicates, at distinct times in random order.
inline Rows random_rows(const RandomRows& shape) {
  std::mt19937 random(shape.seed);
  const auto below = [&](std::int64_t bound) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(bound));
  };
  Rows rows;
  for (int row = 0; row < shape.count; ++row) {
    rows.push_back({1 + 3 * below(shape.users), 100 + 7 * below(shape.items),
                    static_cast<float>(1 + below(10)) / 2, 1000 + row});
  }
  std::shuffle(rows.begin(), rows.end(), random);
  return rows;
}

/// Rows without a second rating of any pair.
inline Rows distinct_rows(Rows rows) {
  std::map<Pair, Row> first;
  for (const Row& row : rows) first.try_emplace({row.user, row.item}, row);
  Rows distinct;
  for (const Row& row : rows) {
    if (first.at({row.user, row.item}).time == row.time) distinct.push_back(row);
  }
  return distinct;
}

inline Rows sorted(Rows rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

/// Triples as rows again, by the ids of an index with integer ids; -1 stays -1.
inline Rows rows_of(const Triples& triples, const IdIndex& users, const IdIndex& items) {
  const auto id = [](const IdIndex& ids, std::int32_t index) {
    return index < 0 ? -1 : ids.integers()[static_cast<std::size_t>(index)];
  };
  Rows rows;
  for (std::size_t row = 0; row < triples.ratings.size(); ++row) {
    rows.push_back({id(users, triples.users[row]), id(items, triples.items[row]),
                    triples.ratings[row], triples.times.empty() ? 0 : triples.times[row]});
  }
  return rows;
}

/// Cleaning, the obvious way; the result is sorted by (user, item).
inline Rows naive_clean(const Rows& rows, const CleaningOptions& options) {
  std::map<Pair, Rows> by_pair;
  for (const Row& row : rows) {
    const auto rating = static_cast<double>(row.rating);
    if (rating < options.lowest_rating || rating > options.highest_rating) continue;
    by_pair[{row.user, row.item}].push_back(row);
  }
  std::map<Pair, Row> kept;
  for (auto& [pair, group] : by_pair) {
    double sum = 0;
    for (const Row& row : group) sum += static_cast<double>(row.rating);
    // Stable, so that of equal times the last in the file comes last.
    std::stable_sort(group.begin(), group.end(),
                     [](const Row& left, const Row& right) { return left.time < right.time; });
    Row row = group.back();
    if (options.duplicates == DuplicateRule::mean) {
      row.rating = static_cast<float>(sum / static_cast<double>(group.size()));
    }
    kept[pair] = row;
  }
  for (bool changed = true; changed;) {
    std::map<std::int64_t, std::int64_t> users;
    std::map<std::int64_t, std::int64_t> items;
    for (const auto& [pair, row] : kept) {
      ++users[pair.first];
      ++items[pair.second];
    }
    changed = std::erase_if(kept, [&](const auto& entry) {
                return users[entry.first.first] < options.min_user_ratings ||
                       items[entry.first.second] < options.min_item_ratings;
              }) > 0;
  }
  Rows result;
  for (const auto& [pair, row] : kept) result.push_back(row);
  return result;
}

inline void expect_equal(const Triples& left, const Triples& right) {
  EXPECT_EQ(left.users, right.users);
  EXPECT_EQ(left.items, right.items);
  EXPECT_EQ(left.ratings, right.ratings);
  EXPECT_EQ(left.times, right.times);
}

/// userId,movieId,rating,timestamp with a header, as MovieLens writes it.
inline Rows read_csv_rows(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  Rows rows;
  while (std::getline(file, line)) {
    Row row;
    const char* end = line.data() + line.size();
    const char* next = std::from_chars(line.data(), end, row.user).ptr + 1;
    next = std::from_chars(next, end, row.item).ptr + 1;
    next = std::from_chars(next, end, row.rating).ptr + 1;
    std::from_chars(next, end, row.time);
    rows.push_back(row);
  }
  return rows;
}

}  // namespace alsatian::testing
