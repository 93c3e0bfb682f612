// Claims about the order of stochastic gradient descent.
// Checked from the schedule alone: which rows meet in which block, and that no rating is lost.
#include "host/train/sgd_schedule.hpp"

#include "kernels/cpu/parallel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

namespace alsatian {
namespace {

CompressedMatrix random_matrix(std::int32_t users, std::int32_t items, int draws, unsigned seed) {
  std::mt19937 random(seed);
  std::set<std::pair<std::int32_t, std::int32_t>> pairs;
  for (int draw = 0; draw < draws; ++draw) {
    // The minimum of two draws: rows with small indices are heavier.
    const auto below = [&](std::int32_t bound) {
      const auto size = static_cast<unsigned>(bound);
      return static_cast<std::int32_t>(std::min(random() % size, random() % size));
    };
    const std::int32_t user = below(users);
    pairs.emplace(user, below(items));
  }
  Triples triples;
  for (const auto& [user, item] : pairs) {
    triples.users.push_back(user);
    triples.items.push_back(item);
    triples.ratings.push_back(static_cast<float>(triples.users.size()));
  }
  return compress_by_user(triples, users);
}

using Rating = std::tuple<std::int32_t, std::int32_t, float>;

std::vector<Rating> ratings_of(const CompressedMatrix& by_user) {
  std::vector<Rating> ratings;
  for (std::int32_t user = 0; user < by_user.rows(); ++user) {
    const auto row = static_cast<std::size_t>(user);
    for (auto entry = static_cast<std::size_t>(by_user.offsets[row]);
         entry < static_cast<std::size_t>(by_user.offsets[row + 1]); ++entry) {
      ratings.emplace_back(user, by_user.columns[entry], by_user.values[entry]);
    }
  }
  return ratings;
}

std::vector<Rating> ratings_of(const SgdSchedule& schedule) {
  std::vector<Rating> ratings;
  for (std::size_t entry = 0; entry < schedule.ratings.size(); ++entry) {
    ratings.emplace_back(schedule.users[entry], schedule.items[entry], schedule.ratings[entry]);
  }
  return ratings;
}

/// Calls visit(block row, block column, entry) for every entry.
template <typename Visit>
void visit_entries(const SgdSchedule& schedule, Visit&& visit) {
  const auto blocks =
      static_cast<std::size_t>(schedule.grid) * static_cast<std::size_t>(schedule.grid);
  ASSERT_EQ(schedule.block_offsets.size(), blocks + 1);
  ASSERT_EQ(schedule.block_offsets.front(), 0);
  ASSERT_EQ(schedule.block_offsets.back(), static_cast<std::int64_t>(schedule.ratings.size()));
  for (std::size_t block = 0; block < blocks; ++block) {
    ASSERT_LE(schedule.block_offsets[block], schedule.block_offsets[block + 1]);
    for (auto entry = static_cast<std::size_t>(schedule.block_offsets[block]);
         entry < static_cast<std::size_t>(schedule.block_offsets[block + 1]); ++entry) {
      visit(static_cast<int>(block) / schedule.grid, static_cast<int>(block) % schedule.grid,
            entry);
    }
  }
}

const std::vector<std::tuple<std::int32_t, std::int32_t, int>> shapes{
    {1, 1, 1}, {1, 40, 30}, {40, 1, 30}, {3, 5, 9}, {151, 97, 12'000}, {803, 67, 30'000}};

TEST(SgdSchedule, VisitsEveryRatingOnce) {
  for (const auto& [users, items, draws] : shapes) {
    const CompressedMatrix by_user = random_matrix(users, items, draws, 5);
    std::vector<Rating> visited = ratings_of(make_sgd_schedule(by_user, items, 42));
    std::sort(visited.begin(), visited.end());
    EXPECT_EQ(visited, ratings_of(by_user));
  }
}

TEST(SgdSchedule, HasStagesWhoseBlocksShareNoRow) {
  for (const auto& [users, items, draws] : shapes) {
    const SgdSchedule schedule =
        make_sgd_schedule(random_matrix(users, items, draws, 6), items, 42);
    // Each user belongs to one row of blocks, each item to one column: then blocks (b, b + stage)
    // of different b can have neither in common.
    std::map<std::int32_t, int> row_of_user;
    std::map<std::int32_t, int> column_of_item;
    visit_entries(schedule, [&](int row, int column, std::size_t entry) {
      EXPECT_EQ(row_of_user.try_emplace(schedule.users[entry], row).first->second, row);
      EXPECT_EQ(column_of_item.try_emplace(schedule.items[entry], column).first->second, column);
    });
  }
}

TEST(SgdSchedule, GroupsTheRatingsOfABlockByUser) {
  for (const SgdGrid& kind : {grid_for_threads, grid_for_warps, single_block}) {
    const SgdSchedule schedule = make_sgd_schedule(random_matrix(151, 97, 12'000, 7), 97, 42, kind);
    std::set<std::tuple<int, int, std::int32_t>> finished;
    std::tuple<int, int, std::int32_t> current{-1, -1, -1};
    visit_entries(schedule, [&](int row, int column, std::size_t entry) {
      const std::tuple next{row, column, schedule.users[entry]};
      if (next == current) return;
      EXPECT_TRUE(finished.insert(next).second);
      current = next;
    });
  }
}

/// Whether each id's entries follow each other.
bool together(const std::vector<std::int32_t>& ids) {
  std::set<std::int32_t> seen;
  for (std::size_t entry = 0; entry < ids.size(); ++entry) {
    if ((entry == 0 || ids[entry] != ids[entry - 1]) && !seen.insert(ids[entry]).second) {
      return false;
    }
  }
  return true;
}

TEST(SgdSchedule, OfHogwildGroupsByTheSideWhoseRatingsCrowdInFewerRows) {
  // 40 items for 300 users, and the other way round: the fewer rows have more ratings each.
  const CompressedMatrix by_user = random_matrix(300, 40, 6000, 11);
  const SgdSchedule few_items = make_hogwild_schedule(by_user, 40, 42);
  EXPECT_EQ(few_items.grid, 1);
  EXPECT_TRUE(together(few_items.items));
  EXPECT_FALSE(together(few_items.users));
  const SgdSchedule few_users = make_hogwild_schedule(transpose(by_user, 40), 300, 42);
  EXPECT_TRUE(together(few_users.users));
  EXPECT_FALSE(together(few_users.items));
  // Every rating once, its user a user and its item an item.
  std::vector<Rating> visited = ratings_of(few_items);
  std::sort(visited.begin(), visited.end());
  EXPECT_EQ(visited, ratings_of(by_user));
}

TEST(SgdSchedule, VisitsUsersAndItemsInRandomOrder) {
  const SgdSchedule schedule = make_sgd_schedule(random_matrix(803, 67, 30'000, 8), 67, 42);
  // Of neighbours in the order, half ascend: a coin per change of user, and per item of a user.
  int user_changes = 0;
  int users_up = 0;
  int item_changes = 0;
  int items_up = 0;
  for (std::size_t entry = 1; entry < schedule.users.size(); ++entry) {
    if (schedule.users[entry] != schedule.users[entry - 1]) {
      ++user_changes;
      users_up += schedule.users[entry] > schedule.users[entry - 1] ? 1 : 0;
    } else {
      ++item_changes;
      items_up += schedule.items[entry] > schedule.items[entry - 1] ? 1 : 0;
    }
  }
  EXPECT_NEAR(users_up, user_changes / 2.0, 4 * std::sqrt(user_changes / 4.0));
  EXPECT_NEAR(items_up, item_changes / 2.0, 4 * std::sqrt(item_changes / 4.0));
}

TEST(SgdSchedule, HasPartsOfAboutEqualNumbersOfRatings) {
  const std::int32_t users = 803;
  const std::int32_t items = 597;
  const CompressedMatrix by_user = random_matrix(users, items, 60'000, 9);
  const SgdSchedule schedule = make_sgd_schedule(by_user, items, 42);
  std::vector<std::int64_t> of_row(static_cast<std::size_t>(schedule.grid));
  std::vector<std::int64_t> of_column(static_cast<std::size_t>(schedule.grid));
  std::map<std::int32_t, std::int64_t> of_user;
  std::map<std::int32_t, std::int64_t> of_item;
  visit_entries(schedule, [&](int row, int column, std::size_t entry) {
    ++of_row[static_cast<std::size_t>(row)];
    ++of_column[static_cast<std::size_t>(column)];
    ++of_user[schedule.users[entry]];
    ++of_item[schedule.items[entry]];
  });
  const auto heaviest = [](const auto& counts) {
    std::int64_t most = 0;
    for (const auto& [id, count] : counts) most = std::max(most, count);
    return static_cast<double>(most);
  };
  const double share = static_cast<double>(schedule.ratings.size()) / schedule.grid;
  // A cut misses its place by half of the row that it falls into, at either end.
  for (const std::int64_t size : of_row) {
    EXPECT_NEAR(static_cast<double>(size), share, heaviest(of_user));
  }
  for (const std::int64_t size : of_column) {
    EXPECT_NEAR(static_cast<double>(size), share, heaviest(of_item));
  }
}

TEST(SgdSchedule, HasAGridThatGrowsWithTheRatingsAndFitsTheRows) {
  const auto grid = [](std::int32_t users, std::int32_t items, int draws) {
    return make_sgd_schedule(random_matrix(users, items, draws, 3), items, 1).grid;
  };
  EXPECT_EQ(grid(40, 40, 500), 1);
  EXPECT_EQ(grid(400, 300, 3000), 2);
  EXPECT_EQ(grid(3, 900'000, 20'000), 3);
  EXPECT_EQ(grid(900'000, 2, 20'000), 2);
  EXPECT_EQ(make_sgd_schedule(compress_by_user({}, 4), 4, 1).grid, 1);
}

TEST(SgdSchedule, IsCutAsFinelyAsAskedFor) {
  const CompressedMatrix by_user = random_matrix(400, 300, 3000, 3);
  const auto blocks = static_cast<double>(by_user.values.size()) / grid_for_warps.ratings_per_block;
  const SgdSchedule fine = make_sgd_schedule(by_user, 300, 1, grid_for_warps);
  EXPECT_EQ(fine.grid, std::ceil(std::sqrt(blocks)));
  const SgdSchedule whole = make_sgd_schedule(by_user, 300, 1, single_block);
  EXPECT_EQ(whole.grid, 1);
  for (const SgdSchedule* const schedule : {&fine, &whole}) {
    std::vector<Rating> visited = ratings_of(*schedule);
    std::sort(visited.begin(), visited.end());
    EXPECT_EQ(visited, ratings_of(by_user));
  }
}

TEST(SgdSchedule, DependsOnTheSeedAndNotOnThreads) {
  const CompressedMatrix by_user = random_matrix(151, 97, 12'000, 4);
  for (const SgdGrid& kind : {grid_for_threads, grid_for_warps, single_block}) {
    const auto made = [&](std::uint64_t seed) {
      return ratings_of(make_sgd_schedule(by_user, 97, seed, kind));
    };
    use_threads(1);
    const auto alone = made(42);
    use_threads(3);
    const auto together = made(42);
    const auto other_seed = made(43);
    use_threads(0);
    EXPECT_EQ(alone, together);
    EXPECT_NE(alone, other_seed);
  }
}

TEST(StageOrder, IsAnotherPermutationInEveryEpoch) {
  std::set<std::vector<std::int32_t>> seen;
  for (int epoch = 0; epoch < 20; ++epoch) {
    std::vector<std::int32_t> order = stage_order(31, epoch, 42);
    EXPECT_TRUE(seen.insert(order).second);
    std::sort(order.begin(), order.end());
    std::vector<std::int32_t> expected(31);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(order, expected);
  }
  EXPECT_EQ(stage_order(31, 4, 42), stage_order(31, 4, 42));
  EXPECT_NE(stage_order(31, 4, 42), stage_order(31, 4, 43));
  EXPECT_EQ(stage_order(1, 0, 42), (std::vector<std::int32_t>{0}));
}

}  // namespace
}  // namespace alsatian
