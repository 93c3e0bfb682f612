// Which row goes into which bin: by hand for a few rows, and that nothing is lost for many.
// A row that is lost or solved twice would spoil a model without any error.
#include "kernels/cuda/als_bins.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace alsatian::cuda {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::int64_t> offsets_of(const std::vector<std::int64_t>& lengths) {
  std::vector<std::int64_t> offsets{0};
  for (const std::int64_t length : lengths) {
    offsets.push_back(offsets.back() + length);
  }
  return offsets;
}

TEST(AlsBins, TakeLongRowsApartAndShortOnesTogetherLongestFirst) {
  const auto offsets = offsets_of({5, 0, 100, 17, 250, 40, 16, 41, 40});
  const AlsBins bins = make_bins(
      offsets, 10, {.part_ratings = 99, .most_short_ratings = 20, .workspace_floats = 1000});
  EXPECT_THAT(bins.whole_rows, ElementsAre(7, 5, 8));
  EXPECT_THAT(bins.short_rows, ElementsAre(3, 6, 0));
  ASSERT_EQ(bins.short_bins.size(), 2U);
  EXPECT_EQ(bins.short_bins[0].groups, 2);
  EXPECT_EQ(bins.short_bins[0].count, 1);
  EXPECT_EQ(bins.short_bins[1].groups, 1);
  EXPECT_EQ(bins.short_bins[1].first, 1);
  EXPECT_EQ(bins.short_bins[1].count, 2);
  ASSERT_EQ(bins.split_rows.size(), 2U);
  EXPECT_EQ(bins.split_rows[0].row, 4);
  EXPECT_EQ(bins.split_rows[0].parts, 3);
  EXPECT_EQ(bins.split_rows[1].row, 2);
  EXPECT_EQ(bins.split_rows[1].first_part, 3);
  EXPECT_EQ(bins.split_rows[1].parts, 2);
  ASSERT_EQ(bins.parts.size(), 5U);
  EXPECT_EQ(bins.parts[0].first, 122);
  EXPECT_EQ(bins.parts[2].count, 52);
  EXPECT_EQ(bins.parts[4].first, 104);
  EXPECT_EQ(bins.parts[4].count, 1);
}

TEST(AlsBins, FillTheWorkspaceAsOftenAsItTakes) {
  const auto offsets = offsets_of({30, 30, 30, 90, 10});
  const AlsBins bins =
      make_bins(offsets, 7, {.part_ratings = 10, .most_short_ratings = 0, .workspace_floats = 34});
  // Four parts fit: the row of 90 has four of 23, the others three of 10, one row a batch.
  ASSERT_EQ(bins.split_batches.size(), 4U);
  EXPECT_EQ(bins.split_rows[0].row, 3);
  EXPECT_EQ(bins.split_rows[0].parts, 4);
  EXPECT_EQ(bins.parts[0].count, 23);
  EXPECT_EQ(bins.parts[3].count, 21);
  for (std::size_t batch = 1; batch < 4; ++batch) {
    EXPECT_EQ(bins.split_batches[batch].parts, 3);
    EXPECT_EQ(bins.split_rows[batch].first_part, 0);
  }
  EXPECT_EQ(bins.most_parts_of_a_batch(), 4);
  EXPECT_THAT(bins.whole_rows, ElementsAre(4));
}

TEST(AlsBins, HoldEveryRatingOnce) {
  std::vector<std::int64_t> lengths;
  for (std::int64_t row = 0; row < 997; ++row) {
    lengths.push_back(row * row % 613);
  }
  const auto offsets = offsets_of(lengths);
  const AlsBins bins = make_bins(
      offsets, 3, {.part_ratings = 64, .most_short_ratings = 50, .workspace_floats = 100});
  std::vector<int> seen(static_cast<std::size_t>(offsets.back()));
  const auto see = [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) {
      ++seen[static_cast<std::size_t>(i)];
    }
  };
  for (const auto* rows : {&bins.whole_rows, &bins.short_rows}) {
    for (const std::int64_t row : *rows) {
      see(offsets[static_cast<std::size_t>(row)], lengths[static_cast<std::size_t>(row)]);
    }
  }
  for (const RowPart& part : bins.parts) {
    see(part.first, part.count);
  }
  EXPECT_THAT(seen, ::testing::Each(1));
  std::int64_t parts = 0;
  for (const SplitBatch& batch : bins.split_batches) {
    EXPECT_EQ(batch.first_part, parts);
    EXPECT_LE(batch.parts * 3, 100);
    parts += batch.parts;
  }
  EXPECT_EQ(parts, static_cast<std::int64_t>(bins.parts.size()));
}

TEST(AlsBins, OfNoRowsAreEmpty) {
  const AlsBins bins = make_bins({}, 3, {});
  EXPECT_THAT(bins.whole_rows, IsEmpty());
  EXPECT_EQ(bins.most_parts_of_a_batch(), 0);
  EXPECT_EQ(bins.most_rows_of_a_bin(), 0);
}

}  // namespace
}  // namespace alsatian::cuda
