// Somebody who is no user of the model: recommended to and explained from their own ratings.
// What a prediction is made of is added up here, from what is printed.
#include "tests/integration/problem_folder.hpp"
#include "tests/integration/run_program.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;

const ProblemFolder& problem() { return ProblemFolder::shared(); }

RunResult with_input(std::vector<std::string> arguments, const std::string& input) {
  RunOptions options;
  options.input = input;
  return run(std::move(arguments), options);
}

RunResult recommend_to(const std::string& ratings, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments{"recommend", problem().model(), "--ratings", "-"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return with_input(arguments, ratings);
}

/// Ratings of the file by one user, as lines `item,rating`.
std::string ratings_of(const std::string& user) {
  std::string text;
  const auto lines = lines_of(read_bytes(problem().ratings()));
  for (std::size_t line = 1; line < lines.size(); ++line) {
    const auto fields = fields_of(lines[line], ',');
    if (fields[0] == user) text += fields[1] + "," + fields[2] + "\n";
  }
  return text;
}

TEST(Newcomer, IsRecommendedWhatTheyHaveNotRated) {
  const std::string mine = ratings_of("1");
  const RunResult result = recommend_to(mine, {"--top", "1000"});
  ASSERT_EQ(result.code, 0) << result.error;
  std::set<std::string> rated;
  for (const std::string& line : lines_of(mine)) rated.insert(fields_of(line, ',')[0]);
  const Tsv rows(result.output);
  double last = HUGE_VAL;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    EXPECT_FALSE(rated.contains(rows.at(row, "item"))) << rows.at(row, "item");
    EXPECT_LE(rows.number(row, "prediction"), last);
    last = rows.number(row, "prediction");
  }
  const Tsv with_seen(recommend_to(mine, {"--top", "1000", "--include-seen"}).output);
  EXPECT_EQ(with_seen.rows(), rows.rows() + rated.size());
}

TEST(Newcomer, WritesTheSameRatingsInManyWays) {
  const auto movies = lines_of(read_bytes(problem().movies()));
  const std::vector<std::string> first = fields_of(movies[1], ',');
  const std::vector<std::string> second = fields_of(movies[2], ',');
  const std::string by_id = first[0] + ",4\n" + second[0] + ",2.5\n";
  const RunResult expected = recommend_to(by_id);
  ASSERT_EQ(expected.code, 0) << expected.error;
  const auto rating_lines = [&](const std::string& delimiter, const std::string& user) {
    return user + first[0] + delimiter + "4\n" + user + second[0] + delimiter + "2.5\n";
  };
  const std::vector<std::string> ways{
      "# what I have seen\n\n" + by_id,
      "movieId,rating\n" + by_id,
      "rating;item\n4;" + first[0] + "\n2.5;" + second[0] + "\n",
      rating_lines("\t", ""),
      rating_lines("::", "me::"),
      "userId,movieId,rating,timestamp\nme," + first[0] + ",4,0\nme," + second[0] + ",2.5,0\n",
      first[0] + ",1\n" + by_id,  // the last rating of an item counts
      by_id + "987654321,3\n",    // what the model does not know is left out
      "Title,Rating\n\"" + first[1] + "\",4\n\"" + second[1] + "\",2.5\n"};
  for (const std::string& way : ways) {
    const RunResult result = recommend_to(way, {"--movies", problem().movies()});
    EXPECT_EQ(result.code, 0) << way << result.error;
    EXPECT_EQ(Tsv(result.output).rows(), Tsv(expected.output).rows()) << way;
    for (std::size_t row = 0; row < Tsv(expected.output).rows(); ++row) {
      EXPECT_EQ(Tsv(result.output).at(row, "prediction"),
                Tsv(expected.output).at(row, "prediction"))
          << way;
    }
  }
}

struct BadRatings {
  std::string ratings;
  std::string place_and_what;
};

class NewcomersBadRatings : public ::testing::TestWithParam<BadRatings> {};

TEST_P(NewcomersBadRatings, AreNamedByLine) {
  const RunResult result = recommend_to(GetParam().ratings, {"--movies", problem().movies()});
  EXPECT_EQ(result.code, 65) << GetParam().ratings;
  EXPECT_EQ(result.output, "");
  EXPECT_TRUE(is_error_text(result.error)) << result.error;
  EXPECT_THAT(result.error, HasSubstr("stdin" + GetParam().place_and_what));
}

INSTANTIATE_TEST_SUITE_P(
    Lists, NewcomersBadRatings,
    ::testing::Values(
        BadRatings{"", ": has no ratings"},
        BadRatings{"1,4\n2,great\n", ":2: \"great\" is no rating"},
        BadRatings{"1,nan\n", ":1: \"nan\" is no rating"},
        BadRatings{"1,4\n2,77\n", ":2: \"77\" is not on the model's scale"},
        BadRatings{"1,4\n2\n", ":2: has 1 field, not 2"},
        BadRatings{"a,b,c,d,e\n", ":1: has 5 fields and no header"},
        BadRatings{"color,rating\nred,4\n", ":1: is a header without a column of items"},
        BadRatings{"amber,4\n", ":1: \"amber\" is in "},
        BadRatings{"no such film,4\n", ":1: \"no such film\" is no item id and in no title"},
        BadRatings{"1,2,4\n9,2,4\n", ":2: is of user \"9\""},
        BadRatings{"\"1,4\n", ":1: is not a record of text"},
        BadRatings{"987654321,4\n", ": rates no item of the model"}));

TEST(Newcomer, IsExplainedByContributionsThatAddUpToThePrediction) {
  const std::string mine = ratings_of("2");
  const Tsv recommended(recommend_to(mine, {"--top", "2"}).output);
  const RunResult result = with_input(
      {"explain", problem().model(), "--ratings", "-", "--top", "2", "--reasons", "1000"}, mine);
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv rows(result.output);
  const std::size_t ratings = lines_of(mine).size();
  ASSERT_EQ(rows.rows(), 2 * ratings);
  for (std::size_t item = 0; item < 2; ++item) {
    double sum = rows.number(item * ratings, "base");
    double last = HUGE_VAL;
    for (std::size_t row = item * ratings; row < (item + 1) * ratings; ++row) {
      EXPECT_EQ(rows.at(row, "item"), recommended.at(item, "item"));
      sum += rows.number(row, "contribution");
      EXPECT_LE(std::abs(rows.number(row, "contribution")), last);
      last = std::abs(rows.number(row, "contribution"));
    }
    EXPECT_NEAR(sum, rows.number(item * ratings, "prediction"), 1e-9);
    // The user's row was rounded to float for the recommendation.
    EXPECT_NEAR(sum, recommended.number(item, "prediction"), 1e-5);
  }
}

TEST(Newcomer, OfTheDataIsExplainedLikeTheirOwnList) {
  const RunResult by_list =
      with_input({"explain", problem().model(), "--ratings", "-", "--item", "1"}, ratings_of("3"));
  const RunResult by_data = run(
      {"explain", problem().model(), "--user", "3", "--data", problem().ratings(), "--item", "1"});
  ASSERT_EQ(by_data.code, 0) << by_data.error;
  ASSERT_EQ(by_list.code, 0) << by_list.error;
  // Ratings come in another order, so that sums are rounded otherwise.
  const Tsv left(by_list.output);
  const Tsv right(by_data.output);
  ASSERT_EQ(left.rows(), right.rows());
  for (std::size_t row = 0; row < left.rows(); ++row) {
    EXPECT_EQ(left.at(row, "rated_item"), right.at(row, "rated_item"));
    EXPECT_NEAR(left.number(row, "contribution"), right.number(row, "contribution"), 1e-9);
  }
}

TEST(Newcomer, RefusesOptionsThatContradictTheirRatings) {
  const TemporaryFolder folder;
  const std::string mine = folder.file("mine.csv");
  write_bytes(mine, ratings_of("1"));
  const auto refused = [](const std::vector<std::string>& arguments, const std::string& text) {
    const RunResult result = run(arguments);
    EXPECT_EQ(result.code, 64) << result.error;
    EXPECT_THAT(result.error, HasSubstr(text));
  };
  const std::string model = problem().model();
  refused({"recommend", model, "--ratings", mine, "--users", "1"},
          "--users: contradicts --ratings");
  refused({"recommend", model, "--ratings", mine, "--data", mine}, "--data: contradicts --ratings");
  refused({"recommend", model, "--ratings", mine, "--delimiter", ";"}, "--delimiter");
  refused({"explain", model}, "--ratings: is missing");
  refused({"explain", model, "--ratings", mine, "--user", "1"}, "--user: contradicts --ratings");
  refused({"explain", model, "--user", "1"}, "--user: needs --data");
  refused({"explain", model, "--ratings", mine, "--data", mine},
          "--data: applies with --user alone");
  refused({"explain", model, "--ratings", mine, "--item", "no such"}, "--item: \"no such\"");
  refused({"explain", model, "--user", "nobody", "--data", problem().ratings()},
          "user \"nobody\" is not in the model");
}

}  // namespace
}  // namespace alsatian::testing
