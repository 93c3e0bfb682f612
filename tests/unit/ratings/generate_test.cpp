// Claims about generated data: counts, laws, planted structure, independence of threads.
// The text is parsed here, line by line, by nothing but from_chars.
#include "host/ratings/generate.hpp"

#include "host/error.hpp"
#include "kernels/cpu/parallel.hpp"
#include "tests/unit/ratings/rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {
namespace {

using namespace testing;
using ::testing::HasSubstr;

std::string text_of(const GenerateOptions& options) {
  std::string text;
  generate_ratings(options, [&](std::string_view piece) { text += piece; });
  return text;
}

Rows rows_of_text(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "userId,movieId,rating,timestamp");
  Rows rows;
  while (std::getline(lines, line)) {
    Row row;
    const char* end = line.data() + line.size();
    const char* next = std::from_chars(line.data(), end, row.user).ptr + 1;
    next = std::from_chars(next, end, row.item).ptr + 1;
    next = std::from_chars(next, end, row.rating).ptr + 1;
    next = std::from_chars(next, end, row.time).ptr;
    EXPECT_EQ(next, end) << line;
    rows.push_back(row);
  }
  return rows;
}

Rows generated(const GenerateOptions& options) { return rows_of_text(text_of(options)); }

std::map<std::int64_t, std::int64_t> counts_by(const Rows& rows, std::int64_t Row::*side) {
  std::map<std::int64_t, std::int64_t> counts;
  for (const Row& row : rows) ++counts[row.*side];
  return counts;
}

std::vector<std::int64_t> sorted_counts(const Rows& rows, std::int64_t Row::*side) {
  std::vector<std::int64_t> sizes;
  for (const auto& [id, count] : counts_by(rows, side)) sizes.push_back(count);
  std::sort(sizes.begin(), sizes.end());
  return sizes;
}

TEST(GenerateRatings, HasExactlyTheUsersItemsAndRatingsAskedFor) {
  const std::vector<GenerateOptions> shapes{
      {.users = 1, .items = 1, .ratings = 1},        {.users = 7, .items = 5, .ratings = 35},
      {.users = 7, .items = 5, .ratings = 34},       {.users = 7, .items = 50, .ratings = 50},
      {.users = 50, .items = 7, .ratings = 50},      {.users = 61, .items = 997, .ratings = 10'007},
      {.users = 3, .items = 4000, .ratings = 11'999}};
  for (const GenerateOptions& shape : shapes) {
    const Rows rows = generated(shape);
    EXPECT_EQ(static_cast<std::int64_t>(rows.size()), shape.ratings);
    EXPECT_EQ(static_cast<std::int64_t>(counts_by(rows, &Row::user).size()), shape.users);
    EXPECT_EQ(static_cast<std::int64_t>(counts_by(rows, &Row::item).size()), shape.items);
  }
}

TEST(GenerateRatings, HasExactlyTheRatingsAskedForWhereTheyAreFewerThanRows) {
  EXPECT_EQ(generated({.users = 90, .items = 40, .ratings = 11}).size(), 11U);
}

TEST(GenerateRatings, IsSortedWithEachPairOnce) {
  const Rows rows = generated({.users = 61, .items = 97, .ratings = 4001});
  for (std::size_t row = 1; row < rows.size(); ++row) {
    EXPECT_LT(std::pair(rows[row - 1].user, rows[row - 1].item),
              std::pair(rows[row].user, rows[row].item));
  }
}

TEST(GenerateRatings, HasIdsWithGaps) {
  const Rows rows = generated({.users = 300, .items = 300, .ratings = 9000});
  EXPECT_GT(rows.back().user, 300);
  EXPECT_GT(counts_by(rows, &Row::item).rbegin()->first, 600);
}

TEST(GenerateRatings, DependsOnTheSeedAndNotOnThreads) {
  // Enough ratings for several groups of users.
  GenerateOptions options{.users = 900, .items = 700, .ratings = 150'001};
  use_threads(1);
  const std::string alone = text_of(options);
  use_threads(3);
  const std::string together = text_of(options);
  use_threads(0);
  EXPECT_EQ(alone, together);
  options.seed = 43;
  EXPECT_NE(alone, text_of(options));
}

TEST(GenerateRatings, LooksLikeMovieLens100K) {
  const Rows rows = generated(generate_shape("ml-100k"));
  const auto users = sorted_counts(rows, &Row::user);
  const auto items = sorted_counts(rows, &Row::item);
  ASSERT_EQ(rows.size(), 100'000U);
  ASSERT_EQ(users.size(), 943U);
  ASSERT_EQ(items.size(), 1682U);
  // The real one: 20, 65 and 737 ratings per user, 1, 27 and 583 per item.
  EXPECT_GE(users.front(), 20);
  EXPECT_NEAR(std::log(static_cast<double>(users[users.size() / 2]) / 65), 0, std::log(1.5));
  EXPECT_GT(users.back(), 500);
  EXPECT_GE(items.front(), 1);
  EXPECT_NEAR(std::log(static_cast<double>(items[items.size() / 2]) / 27), 0, std::log(1.5));
  EXPECT_NEAR(std::log(static_cast<double>(items.back()) / 583), 0, std::log(1.5));

  double mean = 0;
  std::set<float> scale;
  for (const Row& row : rows) {
    mean += static_cast<double>(row.rating) / static_cast<double>(rows.size());
    scale.insert(row.rating);
    EXPECT_GE(row.time, 820454400);   // 1996
    EXPECT_LT(row.time, 1577836800);  // 2020
  }
  EXPECT_NEAR(mean, 3.5, 0.1);
  EXPECT_EQ(scale, (std::set<float>{0.5F, 1, 1.5F, 2, 2.5F, 3, 3.5F, 4, 4.5F, 5}));
}

TEST(GenerateRatings, WritesHalfStarsWithOneDigit) {
  const std::string text = text_of({.users = 5, .items = 5, .ratings = 25});
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    const auto rating = line.substr(line.find(',', line.find(',') + 1) + 1, 3);
    EXPECT_TRUE(rating[1] == '.' && (rating[2] == '0' || rating[2] == '5')) << line;
  }
}

/// Numerical rank by elimination with full pivoting, in double.
int numerical_rank(std::vector<std::vector<double>> matrix, double threshold) {
  const std::size_t rows = matrix.size();
  const std::size_t columns = matrix.front().size();
  for (std::size_t step = 0; step < std::min(rows, columns); ++step) {
    std::size_t row = step;
    std::size_t column = step;
    for (std::size_t i = step; i < rows; ++i) {
      for (std::size_t j = step; j < columns; ++j) {
        if (std::abs(matrix[i][j]) > std::abs(matrix[row][column])) {
          row = i;
          column = j;
        }
      }
    }
    if (std::abs(matrix[row][column]) < threshold) return static_cast<int>(step);
    std::swap(matrix[step], matrix[row]);
    for (auto& line : matrix) std::swap(line[step], line[column]);
    for (std::size_t i = step + 1; i < rows; ++i) {
      const double ratio = matrix[i][step] / matrix[step][step];
      for (std::size_t j = step; j < columns; ++j) matrix[i][j] -= ratio * matrix[step][j];
    }
  }
  return static_cast<int>(std::min(rows, columns));
}

TEST(GenerateRatings, WithoutNoiseIsAMatrixOfTheRankPlusTwoBiases) {
  for (const std::int32_t rank : {0, 1, 5}) {
    const Rows rows = generated({.users = 31,
                                 .items = 37,
                                 .ratings = 31 * 37,
                                 .rank = rank,
                                 .noise = 0,
                                 .half_stars = false});
    std::vector<std::vector<double>> matrix(31);
    for (std::size_t row = 0; row < rows.size(); ++row) {
      matrix[row / 37].push_back(static_cast<double>(rows[row].rating));
    }
    // Rounding to float leaves errors of 2^-22 in numbers up to 8; elimination grows them a little.
    EXPECT_EQ(numerical_rank(matrix, 1e-4), rank + 2);
  }
}

TEST(GenerateRatings, HasTheNoiseAskedFor) {
  GenerateOptions options{
      .users = 200, .items = 150, .ratings = 15'000, .noise = 0, .half_stars = false};
  const Rows quiet = generated(options);
  options.noise = 0.3;
  const Rows noisy = generated(options);
  ASSERT_EQ(quiet.size(), noisy.size());
  double squares = 0;
  for (std::size_t row = 0; row < quiet.size(); ++row) {
    ASSERT_EQ(quiet[row].item, noisy[row].item);
    squares += std::pow(static_cast<double>(noisy[row].rating - quiet[row].rating), 2);
  }
  // The standard error of a variance is σ²·√(2/n).
  const auto size = static_cast<double>(quiet.size());
  EXPECT_NEAR(squares / size, 0.09, 4 * 0.09 * std::sqrt(2 / size));
}

TEST(GenerateRatings, ExpectsPopularItemsToBeRatedMoreByEveryKindOfUser) {
  // Users with few ratings are drawn one by one, those with many by keys: the same popularity.
  const GenerateOptions options{.users = 600, .items = 400, .ratings = 30'000};
  const Rows rows = generated(options);
  const auto by_user = counts_by(rows, &Row::user);
  const auto by_item = counts_by(rows, &Row::item);
  std::vector<std::pair<std::int64_t, std::int64_t>> items;
  for (const auto& [item, count] : by_item) items.emplace_back(-count, item);
  std::sort(items.begin(), items.end());
  std::set<std::int64_t> head;
  for (std::size_t rank = 0; rank < 40; ++rank) head.insert(items[rank].second);
  double light = 0;
  double light_head = 0;
  double heavy = 0;
  double heavy_head = 0;
  for (const Row& row : rows) {
    const bool is_light = by_user.at(row.user) <= 50;
    (is_light ? light : heavy) += 1;
    if (head.contains(row.item)) (is_light ? light_head : heavy_head) += 1;
  }
  // The forty most popular of 400 items: far more than a tenth of anyone's ratings.
  EXPECT_GT(light_head / light, 0.2);
  EXPECT_GT(heavy_head / heavy, 0.15);
  EXPECT_GT(light_head / light, heavy_head / heavy);
}

TEST(GenerateRatings, StopsWhereTheSinkFails) {
  const auto failing = [](std::string_view) { throw std::runtime_error("disk full"); };
  EXPECT_THROW(generate_ratings({}, failing), std::runtime_error);
}

TEST(GenerateShape, KnowsThePublicDataSets) {
  const GenerateOptions large = generate_shape("ml-25m");
  EXPECT_EQ(large.users, 162541);
  EXPECT_EQ(large.items, 59047);
  EXPECT_EQ(large.ratings, 25000095);
  for (const char* name :
       {"ml-100k", "ml-latest-small", "ml-1m", "ml-10m", "ml-20m", "ml-32m", "netflix"}) {
    const GenerateOptions shape = generate_shape(name);
    EXPECT_LE(shape.ratings, shape.users * shape.items);
  }
}

TEST(GenerateShape, OfAnotherNameIsAUsageErrorThatListsThem) {
  try {
    generate_shape("ml-5m");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    EXPECT_EQ(error.place(), "--shape ml-5m");
    EXPECT_THAT(error.what(), HasSubstr("ml-latest-small"));
  }
}

TEST(GenerateOptions, ThatMakeNoSenseAreUsageErrorsThatNameTheOption) {
  const std::vector<std::pair<GenerateOptions, std::string>> cases{
      {{.users = 0}, "--users 0"},
      {{.users = std::int64_t{1} << 31}, "--users 2147483648"},
      {{.items = -1}, "--items -1"},
      {{.ratings = 0}, "--ratings 0"},
      {{.users = 2, .items = 3, .ratings = 7}, "--ratings 7"},
      {{.rank = -1}, "--rank -1"},
      {{.rank = 1025}, "--rank 1025"},
      {{.noise = -0.5}, "--noise -0.5"},
      {{.noise = std::nan("")}, "--noise nan"}};
  for (const auto& [options, place] : cases) {
    try {
      generate_ratings(options, [](std::string_view) {});
      FAIL() << "nothing was thrown for " << place;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::usage);
      EXPECT_EQ(error.place(), place);
      EXPECT_FALSE(error.help().empty());
    }
  }
}

TEST(GenerateTitles, NamesEveryGeneratedItemDifferently) {
  const GenerateOptions options = generate_shape("ml-latest-small");
  std::string text;
  generate_titles(options, [&](std::string_view piece) { text += piece; });
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "movieId,title,genres");
  std::set<std::int64_t> ids;
  std::set<std::string> titles;
  bool some_quoted = false;
  while (std::getline(lines, line)) {
    std::int64_t id = 0;
    std::from_chars(line.data(), line.data() + line.size(), id);
    ids.insert(id);
    const auto comma = line.find(',');
    const std::string title = line.substr(comma + 1, line.rfind(',') - comma - 1);
    EXPECT_THAT(title, ::testing::MatchesRegex("\"[^,]+, The \\([0-9]+\\)\"|[^,]+ \\([0-9]+\\)"));
    some_quoted = some_quoted || title.front() == '"';
    titles.insert(title);
  }
  EXPECT_TRUE(some_quoted);
  EXPECT_EQ(titles.size(), static_cast<std::size_t>(options.items));
  std::set<std::int64_t> rated;
  for (const auto& [item, count] : counts_by(generated(options), &Row::item)) rated.insert(item);
  EXPECT_EQ(ids, rated);
}

}  // namespace
}  // namespace alsatian
