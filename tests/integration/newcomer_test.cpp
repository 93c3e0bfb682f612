// Somebody who is no user of the model: recommended to and explained from their own ratings.
// What a prediction is made of is added up here, from what is printed.
#include "tests/integration/films_model.hpp"
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
using ::testing::Not;

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
        BadRatings{"item,rating\n1, 2,5\n",
                   ":2: has 3 fields, not 2 as the first line: \"1, 2,5\""},
        BadRatings{"item,rating\n1,4,extra,stuff\n", ":2: has 4 fields, not 2"},
        BadRatings{"1,4\n2,3,3\n", ":2: has 3 fields, not 2"},
        BadRatings{"Shawshank Redemption, The (1994),5\n", ":1: has 3 fields and no header"},
        BadRatings{"title,rating\n,4\n", ":2: has an empty title"},
        BadRatings{"title,rating\n1,4\n", ":2: \"1\" is in no title"},
        BadRatings{"color,rating\nred,4\n", ":1: is a header without a column of items"},
        BadRatings{"Film,Grade\namber,4\n",
                   ":1: is a header without a column of ratings: \"Film,Grade\""},
        BadRatings{"title,critics' score,public score\namber,4,3\n",
                   ":1: is a header without ratings of one's own, but those of others: \"critics' "
                   "score\", "},
        BadRatings{"1,4\n2,\"4,5\"\n", ":2: \"4,5\" is no rating"},
        BadRatings{"amber,4\n", ":1: \"amber\" is in "},
        BadRatings{"no such film,4\n", ":1: \"no such film\" is no item id and in no title"},
        BadRatings{"1,2,4\n9,2,4\n", ":2: is of user \"9\""},
        BadRatings{"\"1,4\n", ":1: is not a record of text"},
        BadRatings{"987654321,4\n", ": rates no item of the model"}));

/// Titles that people write otherwise than MovieLens does.
class NewcomersTitles : public FilmsModel {
 protected:
  NewcomersTitles()
      : FilmsModel(
            9,
            "1,Toy Story (1995)\n2,\"Matrix, The (1999)\"\n3,7 (1999)\n"
            "4,Matrix Reloaded (2003)\n5,\"Matrix of Evil, A (2003)\"\n6,Toy Story 2 (1999)\n"
            "7,Heat (1995)\n8,\"Good, the Bad and the Ugly, The (1966)\"\n") {}
};

TEST_F(NewcomersTitles, DecideByTheHeaderWhetherANumberIsATitle) {
  expect_taken("title,rating\n7,4\n", "\"7\" is 7 (1999)");
  expect_taken("item,rating\n7,4\n", "\"7\" is Heat (1995)");
  expect_taken("movieId,rating\n7,4\n", "\"7\" is Heat (1995)");
  expect_taken("1,3\n7,4\n", "\"7\" is Heat (1995)");
  const RunResult either = recommend("1,3\n7,4\n", {"--quiet"});
  EXPECT_THAT(either.error, HasSubstr("warning: stdin:2: \"7\" is taken for an id, that of \"Heat "
                                      "(1995)\", and is a title too"));
  EXPECT_THAT(recommend("item,rating\n7,4\n", {"--quiet"}).error, Not(HasSubstr("a title too")));
}

TEST_F(NewcomersTitles, AreFoundUnderHeadersThatSayMore) {
  expect_taken("Movie Title;My Stars;Seen on\nToy Story;4;2020-01-01\n",
               "\"Toy Story\" is Toy Story (1995)");
  expect_taken("Const,Your Rating,Title,IMDb Rating,Original Title\ntt1,4,Heat,3,Heat\n",
               "\"Heat\" is Heat (1995)");
  expect_taken("\"Item_ID\",\"Rating\"\n7,4\n", "\"7\" is Heat (1995)");
}

TEST_F(NewcomersTitles, MayBeRatedWithADecimalCommaWhereItCutsNoFields) {
  const std::vector<std::string> ways{"title;rating\nHeat;4.5\nToy Story;2\n",
                                      "title;rating\nHeat;4,5\nToy Story;2,0\n",
                                      "title\trating\nHeat\t4,5\nToy Story\t2\n",
                                      "Heat;4,5\nToy Story;2,0\n",
                                      "Heat\t4,5\nToy Story\t2,0\n",
                                      "Heat|4,5\nToy Story|2,0\n",
                                      "Heat::4,5\nToy Story::2,0\n",
                                      "7;4,5\n1;2,0\n"};
  for (const std::string& ratings : ways) {
    const RunResult result = recommend(ratings);
    EXPECT_EQ(result.code, 0) << result.error;
    EXPECT_EQ(result.output, recommend(ways.front()).output);
  }
}

TEST_F(NewcomersTitles, AreSaidByLineUnlessQuiet) {
  expect_taken("title,rating\ntoy story,4\n", "\"toy story\" is Toy Story (1995)");
  EXPECT_THAT(recommend("title,rating\ntoy story,4\n", {"--quiet"}).error,
              Not(HasSubstr("line 2")));
}

TEST_F(NewcomersTitles, AreExactWhereArticleYearAndCaseAloneDiffer) {
  expect_taken("title,rating\nThe Matrix,4\n", "\"The Matrix\" is Matrix, The (1999)");
  expect_taken("title,rating\nmatrix (1999),4\n", "\"matrix (1999)\" is Matrix, The (1999)");
  expect_taken("title,rating\nThe Heat,4\n", "\"The Heat\" is Heat (1995)");
  const RunResult any = recommend("title,rating\nmatrix,4\n");
  EXPECT_EQ(any.code, 65);
  EXPECT_THAT(any.error, HasSubstr("\"matrix\" is in 3 titles: 2 \"Matrix, The (1999)\"; 4 "));
  const RunResult several = recommend("title,rating\nmatr,4\n");
  EXPECT_EQ(several.code, 65);
  EXPECT_THAT(several.error, HasSubstr("\"matr\" is in 3 titles: 2 \"Matrix, The (1999)\"; 4 "));
  EXPECT_THAT(several.error,
              HasSubstr("\n  help: give more of the title or its year, or name the "
                        "column item and give ids, or leave such lines out: --on-bad-line skip\n"));
  const RunResult item =
      run({"similar", problem().model(), "--movies", problem().movies(), "--item", "amber"});
  EXPECT_THAT(item.error, HasSubstr("or the id of the one you mean: --item ID\n"));
}

TEST_F(NewcomersTitles, ThatAreMisspeltAreAskedAbout) {
  const RunResult result = recommend("Toy Stroy,4\n");
  EXPECT_EQ(result.code, 65);
  EXPECT_THAT(result.error, HasSubstr("help: did you mean 1 \"Toy Story (1995)\"? Else give"));
  EXPECT_THAT(recommend("Quite another,4\n").error, Not(HasSubstr("did you mean")));
}

TEST_F(NewcomersTitles, WithCommasAreToBeQuoted) {
  for (const std::string ratings :
       {"title,rating\nToy Story, 2,5\n", "Toy Story,4,5\n",
        "title,rating\nGood, the Bad and the Ugly, The (1966),5\n",
        "Good, the Bad and the Ugly, The (1966),5\n", "1,4\nMatrix, The (1999),5\n"}) {
    const RunResult result = recommend(ratings);
    EXPECT_EQ(result.code, 65) << ratings;
    EXPECT_TRUE(is_error_text(result.error)) << result.error;
    EXPECT_THAT(result.error, HasSubstr("put a title with a comma in quotes")) << ratings;
  }
}

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

TEST(Newcomer, OfTheDataIsExplainedByWhatTheModelWasTrainedOn) {
  // Trained until nothing moves, so that the row of the model solves the same equations.
  const TemporaryFolder folder;
  const std::string model = folder.file("model");
  const RunResult trained =
      run({"train", "--data", problem().ratings(), "--k", "2", "--epochs", "60", "--holdout", "0.2",
           "--threads", "1", "--quiet", "--out", model});
  ASSERT_EQ(trained.code, 0) << trained.error;
  const std::vector<std::string> explain{"explain", model, "--user", "3", "--data"};
  for (const std::string item : {"1", "5"}) {
    const RunResult explained = run(with(explain, {problem().ratings(), "--item", item}));
    ASSERT_EQ(explained.code, 0) << explained.error;
    EXPECT_THAT(explained.error, HasSubstr(" that the model was trained on (holdout 0.2"));
    const RunResult predicted = with_input({"predict", model, "--pairs", "-"}, "3," + item + "\n");
    ASSERT_EQ(predicted.code, 0) << predicted.error;
    EXPECT_NEAR(Tsv(explained.output).number(0, "prediction"),
                Tsv(predicted.output).number(0, "prediction"), 1e-5)
        << item;
  }
}

TEST(Newcomer, OfOtherDataIsExplainedByAllOfItWithAWarning) {
  const TemporaryFolder folder;
  write_bytes(folder.file("ratings.csv"), read_bytes(problem().ratings()) + "99999,1,3,0\n");
  const RunResult by_list =
      with_input({"explain", problem().model(), "--ratings", "-", "--item", "1"}, ratings_of("3"));
  const RunResult by_data = run({"explain", problem().model(), "--user", "3", "--data",
                                 folder.file("ratings.csv"), "--item", "1"});
  ASSERT_EQ(by_data.code, 0) << by_data.error;
  ASSERT_EQ(by_list.code, 0) << by_list.error;
  EXPECT_THAT(by_data.error, HasSubstr("is not what the model was trained on: all ratings in it"));
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
