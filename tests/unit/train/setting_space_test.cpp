// Points that a search tries: values at equal ratios, every combination once, draws by seed alone.
// Expected values are written out or computed by another formula.
#include "host/train/setting_space.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

namespace alsatian {
namespace {

using ::testing::ElementsAre;

constexpr Spacing linear = Spacing::linear;
constexpr Spacing logarithmic = Spacing::logarithmic;

SearchAxis listed(std::string name, std::vector<double> values) {
  return {.name = std::move(name), .values = std::move(values)};
}

TEST(SpacedValues, HaveBothEndsAndEqualStepsBetweenThem) {
  EXPECT_THAT(spaced_values({2, 3, linear}, 5, false), ElementsAre(2, 2.25, 2.5, 2.75, 3));
}

TEST(SpacedValues, HaveBothEndsAndEqualRatiosBetweenThem) {
  const std::vector<double> values = spaced_values({0.3, 3, logarithmic}, 8, false);
  ASSERT_EQ(values.size(), 8U);
  EXPECT_EQ(values.front(), 0.3);
  EXPECT_EQ(values.back(), 3.0);
  for (std::size_t index = 1; index < values.size(); ++index) {
    // Each is rounded a few times.
    EXPECT_NEAR(std::log(values[index] / values[index - 1]), std::log(10.0) / 7, 1e-14);
  }
}

TEST(SpacedValues, OfWholeNumbersAreRoundedAndThereOnce) {
  EXPECT_THAT(spaced_values({8, 128, logarithmic}, 5, true), ElementsAre(8, 16, 32, 64, 128));
  EXPECT_THAT(spaced_values({1, 3, linear}, 9, true), ElementsAre(1, 2, 3));
}

TEST(GridPoints, AreEveryCombinationWithTheLastAxisVaryingFastest) {
  const std::vector<SearchAxis> axes{listed("k", {4, 8}), listed("reg", {0.5, 1, 2})};
  EXPECT_EQ(grid_size(axes), 6);
  EXPECT_THAT(grid_points(axes), ElementsAre(Point{4, 0.5}, Point{4, 1}, Point{4, 2}, Point{8, 0.5},
                                             Point{8, 1}, Point{8, 2}));
}

TEST(GridPoints, AreCountedWithoutOverflow) {
  const std::vector<SearchAxis> axes(9, listed("reg", std::vector<double>(1000, 1.0)));
  EXPECT_EQ(grid_size(axes), std::numeric_limits<std::int64_t>::max());
}

TEST(DrawnPoints, OfAGridAreDistinctPointsOfItInItsOrder) {
  const std::vector<SearchAxis> axes{listed("k", {4, 8, 16}), listed("reg", {0.5, 1, 2, 4, 8})};
  const std::vector<Point> all = grid_points(axes);
  const std::vector<Point> drawn = drawn_points(axes, 7, 42);
  EXPECT_EQ(drawn.size(), 7U);
  EXPECT_TRUE(std::ranges::is_sorted(drawn));
  EXPECT_EQ(std::set<Point>(drawn.begin(), drawn.end()).size(), 7U);
  for (const Point& point : drawn) EXPECT_TRUE(std::ranges::count(all, point) == 1);
  EXPECT_EQ(drawn_points(axes, 7, 42), drawn);
  EXPECT_NE(drawn_points(axes, 7, 43), drawn);
  EXPECT_EQ(drawn_points(axes, 99, 42), all);
}

TEST(DrawnPoints, OfAGridAreEachAsLikely) {
  const std::vector<SearchAxis> axes{listed("reg", {1, 2, 3, 4, 5, 6, 7})};
  std::map<double, int> counts;
  constexpr int draws = 700;
  for (int seed = 0; seed < draws; ++seed) {
    for (const Point& point : drawn_points(axes, 3, static_cast<std::uint64_t>(seed))) {
      ++counts[point[0]];
    }
  }
  // Binomial with p = 3/7: six deviations.
  const double expected = draws * 3.0 / 7;
  for (const auto& [value, count] : counts) {
    EXPECT_NEAR(count, expected, 6 * std::sqrt(expected * 4.0 / 7)) << value;
  }
}

TEST(DrawnPoints, OfARangeAreInsideItAndTheFirstDoNotDependOnTheirNumber) {
  const std::vector<SearchAxis> axes{{.name = "reg", .range = ValueRange{0.3, 3, logarithmic}},
                                     listed("k", {16, 32})};
  const std::vector<Point> few = drawn_points(axes, 11, 7);
  const std::vector<Point> many = drawn_points(axes, 401, 7);
  ASSERT_EQ(few.size(), 11U);
  ASSERT_EQ(many.size(), 401U);
  EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin()));
  int below_the_middle = 0;
  int small_rank = 0;
  for (const Point& point : many) {
    EXPECT_GE(point[0], 0.3);
    EXPECT_LE(point[0], 3.0);
    below_the_middle += point[0] < std::sqrt(0.3 * 3) ? 1 : 0;
    small_rank += point[1] == 16 ? 1 : 0;
  }
  // Half of 401, within six deviations of √401 / 2.
  EXPECT_NEAR(below_the_middle, 200.5, 61);
  EXPECT_NEAR(small_rank, 200.5, 61);
}

TEST(DrawnPoints, AreAsManyAsThereAreWhereARangeHoldsFewWholeNumbers) {
  const std::vector<SearchAxis> axes{
      {.name = "k", .range = ValueRange{3, 7, linear}, .whole = true}};
  std::vector<Point> points = drawn_points(axes, 50, 1);
  std::ranges::sort(points);
  EXPECT_THAT(points, ElementsAre(Point{3}, Point{4}, Point{5}, Point{6}, Point{7}));
}

}  // namespace
}  // namespace alsatian
