// The second orientation of the ratings, made by the device's kernels, against plain loops: places,
// order and bytes, whatever the pieces, for rows and columns of every awkward kind.
#include "kernels/cuda/transposition.hpp"

#include "kernels/cuda/transpose.hpp"
#include "tests/simt/device_data.hpp"
#include "tests/simt/runtime.hpp"
#include "tests/simt/schedules.hpp"
#include "tests/support/problems.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

namespace alsatian::cuda {
namespace {

using testing::Compressed;
using testing::from_device;
using testing::to_device;
using testing::transposed;

class TranspositionTest : public ::testing::Test {
 protected:
  void SetUp() override { simt::reset_device(); }
};

/// Columns rise within a row, as in all compressed rows here.
Compressed<float> ratings_of(const std::vector<std::vector<std::int32_t>>& rows) {
  Compressed<float> ratings;
  for (const std::vector<std::int32_t>& row : rows) {
    for (const std::int32_t column : row) {
      ratings.columns.push_back(column);
      ratings.values.push_back(0.5F * static_cast<float>(ratings.values.size()) - 3);
    }
    ratings.offsets.push_back(static_cast<std::int64_t>(ratings.columns.size()));
  }
  return ratings;
}

Compressed<float> random_ratings(std::int32_t rows, std::int32_t columns, int most_in_row) {
  std::mt19937 random(5);
  std::vector<std::vector<std::int32_t>> made(static_cast<std::size_t>(rows));
  for (auto& row : made) {
    const auto count = static_cast<int>(random() % static_cast<unsigned>(most_in_row + 1));
    for (int j = 0; j < count; ++j) {
      row.push_back(static_cast<std::int32_t>(random() % static_cast<unsigned>(columns)));
    }
    std::sort(row.begin(), row.end());
    row.erase(std::unique(row.begin(), row.end()), row.end());
  }
  return ratings_of(made);
}

void expect_transposed(const Compressed<float>& ratings, std::int32_t columns,
                       const TranspositionLimits& limits) {
  const Compressed<float> expected = transposed(ratings, columns);
  const Context context(0);
  const testing::RatingsOnDevice given(context, ratings);
  const auto observations = static_cast<std::int64_t>(ratings.columns.size());
  DeviceBuffer<std::int32_t> rows_found(observations);
  DeviceBuffer<float> values_found(observations);
  const std::size_t before = simt::device_bytes_in_use();
  Transposition transposition(context, observations, columns, limits);
  EXPECT_EQ(simt::device_bytes_in_use() - before,
            static_cast<std::size_t>(Transposition::bytes(observations, columns, limits)));
  transposition.run(given.ratings(), rows_found.span(), values_found.span());
  EXPECT_EQ(from_device(context, std::as_const(rows_found).span()), expected.columns);
  EXPECT_EQ(from_device(context, std::as_const(values_found).span()), expected.values);
}

TEST_F(TranspositionTest, GivesTheHostsBytesWhateverThePieces) {
  const Compressed<float> ratings = random_ratings(61, 203, 40);
  for (const TranspositionLimits& limits :
       {TranspositionLimits{}, TranspositionLimits{.least_piece = 1},
        TranspositionLimits{.least_piece = 7}, TranspositionLimits{.least_piece = 33},
        TranspositionLimits{.least_piece = 1, .most_pieces = 3},
        TranspositionLimits{.least_piece = 64, .most_pieces = 100}}) {
    SCOPED_TRACE(std::to_string(limits.least_piece) + ", " + std::to_string(limits.most_pieces));
    expect_transposed(ratings, 203, limits);
  }
}

TEST_F(TranspositionTest, TakesAsManyPassesAsTheColumnsNeed) {
  for (const std::int32_t columns : {1, 255, 256, 257, 65'536, 65'537, 16'777'217}) {
    SCOPED_TRACE(columns);
    expect_transposed(random_ratings(37, columns, 29), columns, {.least_piece = 40});
  }
  EXPECT_EQ(digit_passes(256, 8), 1);
  EXPECT_EQ(digit_passes(257, 8), 2);
  EXPECT_EQ(digit_passes(65'537, 8), 3);
  EXPECT_EQ(digit_passes(0x7FFFFFFF, 8), 4);
}

TEST_F(TranspositionTest, KeepsTheOrderOfRowsInAColumnWithAllRatings) {
  std::vector<std::vector<std::int32_t>> rows(533, {2});
  rows[7].clear();
  rows[8].clear();
  expect_transposed(ratings_of(rows), 5, {.least_piece = 50});
}

TEST_F(TranspositionTest, LeavesOutEmptyRowsAndColumns) {
  expect_transposed(ratings_of({{}, {}, {0, 3}, {}, {3}, {}}), 6, {});
  expect_transposed(ratings_of({{1}}), 3, {});
  expect_transposed(ratings_of({{}, {}}), 4, {});
  std::vector<std::int32_t> all(300);
  for (std::int32_t column = 0; column < 300; ++column)
    all[static_cast<std::size_t>(column)] = column;
  expect_transposed(ratings_of({{}, all, {}}), 300, {.least_piece = 31});
}

TEST_F(TranspositionTest, GivesTheSameBytesUnderEverySchedule) {
  const Compressed<float> ratings = random_ratings(41, 300, 30);
  for (const simt::Schedule& order : simt::schedules()) {
    simt::set_schedule(order);
    expect_transposed(ratings, 300, {.least_piece = 45});
  }
  simt::set_schedule({});
}

TEST_F(TranspositionTest, ReachesPlacesBeyond32BitOffsets) {
  constexpr std::int64_t far = testing::beyond_32_bits + 5;
  testing::SparseMemory<std::int32_t> rows(far + 2);
  testing::SparseMemory<float> values(far + 2);
  const Context context(0);
  // Two ratings of item 40 and one of item 3, behind as many of smaller items as are told.
  const auto keys = to_device<std::int32_t>(context, {40, 3, 40});
  const auto from = to_device<std::int32_t>(context, {11, 12, 13});
  const auto given = to_device<float>(context, {1, 2, 3});
  std::vector<std::int64_t> totals(32, 0);
  totals[3] = 7;
  totals[7] = 9;
  std::vector<std::int64_t> earlier(32, 0);
  earlier[8] = far - 16;
  auto counts = to_device(context, earlier);
  auto sums = to_device(context, totals);
  SortPass<5> pass{.keys = keys.span(),
                   .rows = from.span(),
                   .offsets = {},
                   .values = given.span(),
                   .sorted = {{}, rows.span(), values.span()},
                   .counts = counts.span(),
                   .totals = sums.span(),
                   .piece = 3,
                   .pieces = 1,
                   .shift = 0};
  launch(context.compute(), &move_entries<5>,
         {1, device::warp_lanes, SortPass<5>::move_shared_bytes}, pass);
  context.compute().synchronize();
  EXPECT_EQ(rows[0], 12);
  EXPECT_EQ(rows[far], 11);
  EXPECT_EQ(rows[far + 1], 13);
  EXPECT_EQ(values[far + 1], 3);
  EXPECT_GT(Transposition::bytes(far, 100'000), 4 * 4 * far);
}

}  // namespace
}  // namespace alsatian::cuda
