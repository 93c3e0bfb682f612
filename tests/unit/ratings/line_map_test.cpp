// Claims about line numbers and the account of lines.
// The oracle is a list with one line per row.
#include "host/ratings/raw_ratings.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

namespace alsatian {
namespace {

TEST(LineMap, CountsFromLineOneWithoutGaps) {
  const LineMap lines;
  EXPECT_EQ(lines.line_of(0), 1);
  EXPECT_EQ(lines.line_of(41), 42);
}

TEST(LineMap, ShiftsAfterEachGap) {
  LineMap lines;
  lines.set(0, 2);
  lines.set(3, 7);
  EXPECT_EQ(lines.line_of(0), 2);
  EXPECT_EQ(lines.line_of(2), 4);
  EXPECT_EQ(lines.line_of(3), 7);
  EXPECT_EQ(lines.line_of(1'000'000'000'003), 1'000'000'000'007);
}

TEST(LineMap, TakesTheLastOfSeveralGapsBeforeOneRow) {
  LineMap lines;
  lines.set(5, 7);
  lines.set(5, 9);
  EXPECT_EQ(lines.line_of(4), 5);
  EXPECT_EQ(lines.line_of(5), 9);
}

TEST(LineMap, NamesEveryLineOfAFileWithRandomGaps) {
  std::mt19937 random(7);
  LineMap lines;
  std::vector<std::int64_t> expected;
  std::int64_t line = 1;
  for (std::int64_t row = 0; row < 500; ++row) {
    if (random() % 5 == 0) {
      line += 1 + static_cast<std::int64_t>(random() % 3);
      lines.set(row, line);
    }
    expected.push_back(line++);
  }
  for (std::size_t row = 0; row < expected.size(); ++row) {
    ASSERT_EQ(lines.line_of(static_cast<std::int64_t>(row)), expected[row]);
  }
}

TEST(LineAccount, IsBalancedOnlyWhenEveryLineIsSomewhere) {
  LineAccount account{.read = 10,
                      .used = 4,
                      .duplicates = 1,
                      .rejected = 1,
                      .filtered = 2,
                      .blank = 1,
                      .header = 1};
  EXPECT_TRUE(account.balanced());
  ++account.read;
  EXPECT_FALSE(account.balanced());
}

}  // namespace
}  // namespace alsatian
