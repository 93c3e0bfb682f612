// Claims about compressed rows and the counting sort under them.
// The oracle builds rows as vectors of vectors.
#include "host/ratings/counting_sort.hpp"
#include "host/ratings/dataset.hpp"
#include "host/ratings/row_offsets.hpp"
#include "kernels/cpu/parallel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace alsatian {
namespace {

Triples random_triples(std::int32_t users, std::int32_t items, int count, unsigned seed) {
  std::mt19937 random(seed);
  std::set<std::pair<std::int32_t, std::int32_t>> pairs;
  for (int draw = 0; draw < count; ++draw) {
    const auto user = static_cast<std::int32_t>(random() % static_cast<unsigned>(users));
    pairs.emplace(user, static_cast<std::int32_t>(random() % static_cast<unsigned>(items)));
  }
  Triples triples;
  for (const auto& [user, item] : pairs) {
    triples.users.push_back(user);
    triples.items.push_back(item);
    triples.ratings.push_back(static_cast<float>(triples.users.size()));
  }
  return triples;
}

using NaiveRows = std::vector<std::vector<std::pair<std::int32_t, float>>>;

NaiveRows rows_of(const CompressedMatrix& matrix) {
  NaiveRows rows;
  for (std::size_t row = 0; row + 1 < matrix.offsets.size(); ++row) {
    rows.emplace_back();
    for (auto entry = static_cast<std::size_t>(matrix.offsets[row]);
         entry < static_cast<std::size_t>(matrix.offsets[row + 1]); ++entry) {
      rows.back().emplace_back(matrix.columns[entry], matrix.values[entry]);
    }
  }
  return rows;
}

TEST(CompressedMatrix, HoldsEachRatingInItsRowByUserAndByItem) {
  for (const auto& [users, items, count] :
       {std::tuple{1, 1, 1}, {5, 3, 4}, {37, 29, 400}, {501, 7, 900}, {3, 700, 1500}}) {
    const Triples triples = random_triples(users, items, count, 4);
    NaiveRows by_user(static_cast<std::size_t>(users));
    NaiveRows by_item(static_cast<std::size_t>(items));
    for (std::size_t row = 0; row < triples.users.size(); ++row) {
      by_user[static_cast<std::size_t>(triples.users[row])].emplace_back(triples.items[row],
                                                                         triples.ratings[row]);
      by_item[static_cast<std::size_t>(triples.items[row])].emplace_back(triples.users[row],
                                                                         triples.ratings[row]);
    }
    const CompressedMatrix matrix = compress_by_user(triples, users);
    EXPECT_EQ(matrix.rows(), users);
    EXPECT_EQ(rows_of(matrix), by_user);
    EXPECT_EQ(rows_of(transpose(matrix, items)), by_item);
    EXPECT_EQ(count_offsets(matrix.columns, items), transpose(matrix, items).offsets);
  }
}

TEST(CompressedMatrix, HasEmptyRowsWhereNothingIsRated) {
  const CompressedMatrix matrix = compress_by_user({}, 3);
  EXPECT_EQ(matrix.offsets, (std::vector<std::int64_t>{0, 0, 0, 0}));
  EXPECT_EQ(transpose(matrix, 2).offsets, (std::vector<std::int64_t>{0, 0, 0}));
}

TEST(CompressedMatrix, GivesTheRowsThatAreSelectedInTheirOrder) {
  const CompressedMatrix matrix = compress_by_user(random_triples(11, 7, 40, 5), 11);
  const NaiveRows all = rows_of(matrix);
  const std::vector<std::int32_t> rows{7, 0, 7, 10};
  EXPECT_EQ(rows_of(select_rows(matrix, rows)), (NaiveRows{all[7], all[0], all[7], all[10]}));
  EXPECT_EQ(select_rows(matrix, {}).offsets, std::vector<std::int64_t>{0});
}

TEST(CompressedMatrix, GivesRowsThatFollowEachOther) {
  const CompressedMatrix matrix = compress_by_user(random_triples(11, 7, 40, 5), 11);
  const NaiveRows all = rows_of(matrix);
  EXPECT_EQ(rows_of(select_rows(matrix, 3, 2)), (NaiveRows{all[3], all[4]}));
  EXPECT_EQ(rows_of(select_rows(matrix, 0, 11)), all);
  EXPECT_EQ(select_rows(matrix, 11, 0).offsets, std::vector<std::int64_t>{0});
}

TEST(CompressedMatrix, WithoutValuesHasRowsToSelectToo) {
  const CompressedMatrix matrix{{0, 2, 2, 3}, {4, 5, 1}, {}};
  const CompressedMatrix selected = select_rows(matrix, std::vector<std::int32_t>{2, 0, 1});
  EXPECT_EQ(selected.offsets, (std::vector<std::int64_t>{0, 1, 3, 3}));
  EXPECT_EQ(selected.columns, (std::vector<std::int32_t>{1, 4, 5}));
  EXPECT_TRUE(selected.values.empty());
}

TEST(CompressedMatrix, TransposedTwiceIsItself) {
  const CompressedMatrix matrix = compress_by_user(random_triples(211, 97, 5000, 9), 211);
  const CompressedMatrix twice = transpose(transpose(matrix, 97), 211);
  EXPECT_EQ(twice.offsets, matrix.offsets);
  EXPECT_EQ(twice.columns, matrix.columns);
  EXPECT_EQ(twice.values, matrix.values);
}

TEST(CompressedMatrix, DoesNotDependOnTheNumberOfThreads) {
  const Triples triples = random_triples(1211, 197, 200'000, 2);
  use_threads(1);
  const CompressedMatrix alone = transpose(compress_by_user(triples, 1211), 197);
  use_threads(3);
  const CompressedMatrix together = transpose(compress_by_user(triples, 1211), 197);
  use_threads(0);
  EXPECT_EQ(alone.offsets, together.offsets);
  EXPECT_EQ(alone.columns, together.columns);
  EXPECT_EQ(alone.values, together.values);
}

TEST(CountingSort, OrdersLikeAStableSort) {
  std::mt19937 random(6);
  for (const std::int64_t key_count : {1, 3, 1000}) {
    std::vector<std::int32_t> keys(300'001);
    for (std::int32_t& key : keys) {
      key = static_cast<std::int32_t>(random() % static_cast<unsigned>(key_count));
    }
    std::vector<std::int64_t> expected(keys.size());
    std::iota(expected.begin(), expected.end(), 0);
    std::stable_sort(expected.begin(), expected.end(), [&](std::int64_t left, std::int64_t right) {
      return keys[static_cast<std::size_t>(left)] < keys[static_cast<std::size_t>(right)];
    });
    std::vector<std::int64_t> order(keys.size(), -1);
    const auto offsets =
        counting_sort(keys, key_count, [&](std::int64_t entry, std::int64_t position) {
          order[static_cast<std::size_t>(position)] = entry;
        });
    EXPECT_EQ(order, expected);
    EXPECT_EQ(offsets.size(), static_cast<std::size_t>(key_count) + 1);
    EXPECT_EQ(offsets.back(), 300'001);
  }
}

TEST(RowOffsets, AndRowsPerEntrySayTheSame) {
  const std::vector<std::int32_t> rows{1, 1, 4, 5, 5, 5};
  const std::vector<std::int64_t> offsets = offsets_of_sorted(rows, 8);
  EXPECT_EQ(offsets, (std::vector<std::int64_t>{0, 0, 2, 2, 2, 3, 6, 6, 6}));
  EXPECT_EQ(rows_of_offsets(offsets), rows);
}

}  // namespace
}  // namespace alsatian
