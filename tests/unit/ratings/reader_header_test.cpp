// What is taken for a header: names alone, above numbers. A bad first line is none, and no first
// line is dropped in silence.
#include "host/ratings/text_reader.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/unit/ratings/read_rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace alsatian {
namespace {

using testing::error_of;
using testing::fails_with;
using ::testing::HasSubstr;
using testing::ReadRow;
using testing::rows_of;

const std::string good_lines = "bob,up,3\neve,matrix,4\nbob,matrix,2\n";

/// A value that cannot be a rating, and what is said of it.
struct BadRating {
  std::string value;
  std::string complaint;
};

class BadFirstRating : public ::testing::TestWithParam<BadRating> {};

TEST_P(BadFirstRating, AmongStringIdsIsRefusedAsAnywhereElse) {
  const std::string first = "alice,matrix," + GetParam().value + "\n";
  const std::string help = "correct the line, or leave such lines out: --on-bad-line skip";
  for (const bool leads : {true, false}) {
    const auto error = error_of(
        [&] { read_ratings_text(leads ? first + good_lines : good_lines + first, "t", {}); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code(), ExitCode::bad_data);
    EXPECT_EQ(error->place(), leads ? "t:1:14" : "t:4:14");
    EXPECT_THAT(error->what(), HasSubstr(GetParam().complaint));
    EXPECT_EQ(error->help(), help);
  }
}

TEST_P(BadFirstRating, IsSkippedAndCountedWhereAsked) {
  ReadOptions options;
  options.on_bad_line = OnBadLine::skip;
  const RawRatings ratings =
      read_ratings_text("alice,matrix," + GetParam().value + "\n" + good_lines, "t", options);
  EXPECT_EQ(ratings.account.header, 0);
  EXPECT_EQ(ratings.account.rejected, 1);
  EXPECT_EQ(ratings.size(), 3);
}

INSTANTIATE_TEST_SUITE_P(
    Values, BadFirstRating,
    ::testing::Values(BadRating{"nan", "rating \"nan\" is not finite"},
                      BadRating{"", "rating is empty"},
                      BadRating{"NULL", "rating \"NULL\" stands for no rating"},
                      BadRating{"NA", "rating \"NA\" stands for no rating"},
                      BadRating{"Infinity", "rating \"Infinity\" is not finite"},
                      BadRating{"4.5 stars", "rating \"4.5 stars\" is not a number"},
                      BadRating{"-", "rating \"-\" is not a number"},
                      BadRating{"?", "rating \"?\" is not a number"}),
    [](const auto& rating) { return "Number" + std::to_string(rating.index); });

TEST(Header, OfUnknownNamesAboveStringIdsIsAskedFor) {
  const std::string text = "alice,matrix,good\n" + good_lines;
  const auto error = error_of([&] { read_ratings_text(text, "t", {}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::bad_data);
  EXPECT_EQ(error->place(), "t:1");
  EXPECT_THAT(error->what(), HasSubstr("rating \"good\" is not a number, unless the line is a"));
  EXPECT_EQ(error->help(),
            "if it is one, name its columns: --columns alice,matrix,good; if not, correct the "
            "line, or say so with --columns 1,2,3");
  // Both remedies do what they say.
  ReadOptions options;
  options.columns = {"alice", "matrix", "good"};
  EXPECT_EQ(read_ratings_text(text, "t", options).account.header, 1);
  options.columns = {"1", "2", "3"};
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "t:1:14: rating \"good\" is not a number",
                         [&] { read_ratings_text(text, "t", options); }));
}

TEST(Header, OfUnknownNamesAboveIntegerIdsIsTaken) {
  const std::vector<ReadRow> expected = {{"1", "2", 3.0F, 0, 2}, {"2", "2", 4.0F, 0, 3}};
  for (const std::string header :
       {"a,b,c", "_u,_i,_r", "Nutzer,Werk,Note", "\xc3\xa9,\xc3\xa8,n"}) {
    const RawRatings ratings = read_ratings_text(header + "\n1,2,3\n2,2,4\n", "t", {});
    EXPECT_EQ(rows_of(ratings), expected) << header;
  }
  for (const std::string header : {"a,b,nan", "a,b,", "?,?,?", "a,-,c", "NULL,NULL,NULL"}) {
    EXPECT_TRUE(fails_with(ExitCode::bad_data, "t:1:1: ", [&] {
      read_ratings_text(header + "\n1,2,3\n2,2,4\n", "t", {});
    })) << header;
  }
}

TEST(Header, IsFoundByMostOfTheLinesBelowIt) {
  // The line below the header is the bad one.
  ReadOptions options;
  options.on_bad_line = OnBadLine::skip;
  const RawRatings ratings = read_ratings_text("a,b,c\n1,2,?\n2,2,4\n3,1,5\n", "t", options);
  EXPECT_EQ(ratings.account.header, 1);
  EXPECT_EQ(ratings.account.rejected, 1);
}

TEST(Header, IsNotWhatHasOneKnownNameBesideNoName) {
  ReadOptions options;
  options.columns = {"1", "2", "3"};
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "t:1:12: rating \"nan\" is not finite", [&] {
    read_ratings_text("alice,book,nan\n" + good_lines, "t", options);
  }));
}

TEST(ShortFirstLines, AreTheBadOnesWhereMostOthersAreLonger) {
  const std::string text = "1,2\n1,3\n1,2,3\n2,2,4\n2,3,1\n";
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "t:1: 2 columns, expected 3",
                         [&] { read_ratings_text(text, "t", {}); }));
  ReadOptions options;
  options.on_bad_line = OnBadLine::skip;
  const RawRatings ratings = read_ratings_text(text, "t", options);
  EXPECT_EQ(ratings.account.rejected, 2);
  const std::vector<ReadRow> expected = {
      {"1", "2", 3.0F, 0, 3}, {"2", "2", 4.0F, 0, 4}, {"2", "3", 1.0F, 0, 5}};
  EXPECT_EQ(rows_of(ratings), expected);
}

TEST(ShortFirstLines, AreTheBadOnesWhereAsManyAreLongEnough) {
  for (const std::string text : {"1,2\n1,3,4\n", "1,2\n1,3\n1,2,3\n2,2,4\n"}) {
    EXPECT_TRUE(fails_with(ExitCode::bad_data, "t:1: 2 columns, expected 3",
                           [&] { read_ratings_text(text, "t", {}); }));
  }
}

TEST(ShortFirstLines, AreTheRuleWhereFewOthersAreLonger) {
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "t:1: \"1,2\" has 2 columns and no rating",
                         [&] { read_ratings_text("1,2\n1,3\n2,2\n1,2,3\n", "t", {}); }));
}

TEST(Pairs, OfStringIdsAboveNumbersAreNoHeaderWhereSaid) {
  const std::string text = "alice,matrix\n5,7\n6,8\n";
  ReadOptions options;
  options.rating_optional = true;
  options.keep_ratings = false;
  EXPECT_EQ(read_ratings_text(text, "t", options).account.header, 1);
  ReadOptions strings = options;
  strings.ids = IdKind::string;
  EXPECT_EQ(read_ratings_text(text, "t", strings).size(), 3);
  ReadOptions known = options;
  known.on_bad_line = OnBadLine::skip;
  known.is_known_pair = [](std::string_view user, std::string_view) { return user == "alice"; };
  EXPECT_EQ(read_ratings_text(text, "t", known).account.header, 0);
  known.is_known_pair = [](std::string_view, std::string_view item) { return item == "matrix"; };
  EXPECT_EQ(read_ratings_text(text, "t", known).account.header, 0);
  known.is_known_pair = [](std::string_view, std::string_view) { return false; };
  EXPECT_EQ(read_ratings_text(text, "t", known).account.header, 1);
  ReadOptions numbered = options;
  numbered.columns = {"1", "2"};
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "t:1:1: user \"alice\" is not an integer",
                         [&] { read_ratings_text(text, "t", numbered); }));
}

}  // namespace
}  // namespace alsatian
