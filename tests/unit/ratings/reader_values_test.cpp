// What becomes of single lines: values at the edge, lines skipped and kept for the rejects file,
// thresholds, notes, and the account that adds up.
#include "host/ratings/reader.hpp"
#include "host/ratings/text_reader.hpp"
#include "host/ratings/values.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/unit/ratings/read_rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <clocale>
#include <string>
#include <vector>

namespace alsatian {
namespace {

using testing::fails_with;
using testing::ReadRow;
using testing::rows_of;

TEST(ReaderValues, SkippedLinesAreCountedAndKeptWithPlaceAndReason) {
  ReadOptions options;
  options.on_bad_line = OnBadLine::skip;
  const RawRatings ratings = read_ratings_text(
      "user,item,rating\n1,2,3\noops,2,3\n\n1,3\n# comment\n2,2,nan\n2,3,4\n", "t", options);
  const std::vector<ReadRow> expected = {{"1", "2", 3.0F, 0, 2}, {"2", "3", 4.0F, 0, 8}};
  EXPECT_EQ(rows_of(ratings), expected);
  EXPECT_EQ(ratings.account.read, 8);
  EXPECT_EQ(ratings.account.used, 2);
  EXPECT_EQ(ratings.account.rejected, 3);
  EXPECT_EQ(ratings.account.blank, 2);
  EXPECT_EQ(ratings.account.header, 1);
  ASSERT_EQ(ratings.rejected_lines.size(), 3U);
  EXPECT_EQ(ratings.rejected_lines[0].line, 3);
  EXPECT_EQ(ratings.rejected_lines[0].column, 1);
  EXPECT_EQ(ratings.rejected_lines[0].text, "oops,2,3");
  EXPECT_EQ(ratings.rejected_lines[1].line, 5);
  EXPECT_EQ(ratings.rejected_lines[1].column, 0);
  EXPECT_EQ(ratings.rejected_lines[1].reason, "2 columns, expected 3");
  EXPECT_EQ(ratings.rejected_lines[2].line, 7);
  EXPECT_EQ(ratings.rejected_lines[2].column, 5);
  EXPECT_EQ(ratings.rejected_lines[2].reason, "rating \"nan\" is not finite");
}

TEST(ReaderValues, RejectedLinesAreKeptUpToTenThousandAndCountedAll) {
  std::string text = "1,2,3\n1,3,4\n";
  for (int line = 0; line < 25000; ++line) text += "x,1\n";
  ReadOptions options;
  options.on_bad_line = OnBadLine::skip;
  for (const std::int64_t chunk_bytes : {100, 4 << 20}) {
    options.chunk_bytes = chunk_bytes;
    const RawRatings ratings = read_ratings_text(text, "t", options);
    EXPECT_EQ(ratings.account.rejected, 25000);
    ASSERT_EQ(ratings.rejected_lines.size(), 10000U);
    EXPECT_EQ(ratings.rejected_lines.back().line, 10002);
  }
}

TEST(ReaderValues, AsManyBadLinesAsAllowedAreNoError) {
  ReadOptions options;
  options.on_bad_line = OnBadLine::skip;
  options.bad_line_limit = 2;
  EXPECT_EQ(read_ratings_text("1,2,3\nx\n1,3,4\ny\n", "t", options).size(), 2);
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "more than 2 bad lines",
                         [&] { read_ratings_text("1,2,3\nx\n1,3,4\ny\nz\n", "t", options); }));
}

TEST(ReaderValues, UnclosedQuoteThatIsSkippedCostsOneLine) {
  ReadOptions options;
  options.on_bad_line = OnBadLine::skip;
  const RawRatings ratings = read_ratings_text("1,2,3\n\"1,3,4\n2,3,4\n\"2\",5,1\n", "t", options);
  // The quote on line 2 closes on line 4, with text behind it: the record is rejected whole.
  EXPECT_EQ(ratings.size(), 1);
  const RawRatings open = read_ratings_text("1,2,3\n2,3,4\n\"1,3,4\n2,4,5\n", "t", options);
  EXPECT_EQ(open.size(), 3);
  EXPECT_EQ(open.account.rejected, 1);
}

TEST(ReaderValues, RatingTooSmallForFloatIsZeroWithAWarning) {
  const RawRatings ratings =
      read_ratings_text("1,2,3\n1,3,1e-46\n1,4,0.0\n1,5,-0.1e-60\n", "t", {});
  EXPECT_EQ(ratings.ratings, (std::vector<float>{3.0F, 0.0F, 0.0F, 0.0F}));
  ASSERT_EQ(ratings.warnings.size(), 1U);
  EXPECT_EQ(ratings.warnings[0],
            "2 ratings are too small for float32 and count as 0, the first on line 2");
  EXPECT_TRUE(read_ratings_text("1,2,0\n", "t", {}).warnings.empty());
}

TEST(ReaderValues, ThresholdMakesOnesAndZerosAndComparesAsFloat) {
  ReadOptions options;
  options.positive = 3.7;  // its nearest float is above it, that of 0.7 below
  const std::vector<float> expected = {1.0F, 0.0F, 1.0F};
  EXPECT_EQ(read_ratings_text("1,2,3.7\n1,3,3.6999\n1,4,5\n", "t", options).ratings, expected);
  options.positive = 0.7;
  EXPECT_EQ(read_ratings_text("1,2,0.7\n1,3,0.6\n1,4,5e-1\n", "t", options).ratings,
            (std::vector<float>{1.0F, 0.0F, 0.0F}));
}

/// The nearest float by the standard library, which shares no code with the reader.
float nearest_float(const std::string& text) {
  float value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

TEST(ReaderValues, PlainAndCarefulRatingsAreTheNearestFloats) {
  std::vector<std::string> written = {"0",        "5",        "0.1",    "4.35",     "123456.7",
                                      "9999999",  "16777217", "0.3333", "1.000000", "33554433.5",
                                      "-2.5",     "1e18",     "3.4e38", ".5",       "5.",
                                      "0.000001", "7.1234567"};
  for (int tenths = 0; tenths < 1000; ++tenths) {
    written.push_back(std::to_string(tenths / 10) + "." + std::to_string(tenths % 10));
  }
  std::string text;
  for (const std::string& rating : written) text += "1,2," + rating + "\n";
  const RawRatings ratings = read_ratings_text(text, "t", {});
  ASSERT_EQ(ratings.ratings.size(), written.size());
  for (std::size_t row = 0; row < written.size(); ++row) {
    EXPECT_EQ(ratings.ratings[row], nearest_float(written[row])) << written[row];
  }
}

TEST(ReaderValues, NumbersDoNotDependOnTheLocale) {
  const char* before = std::setlocale(LC_ALL, nullptr);
  const std::string saved = before == nullptr ? "C" : before;
  for (const char* locale : {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"}) {
    std::setlocale(LC_ALL, locale);
    EXPECT_EQ(read_ratings_text("1,2,3.5\n", "t", {}).ratings.at(0), 3.5F) << locale;
    EXPECT_EQ(parse_rating("3,5", ',').value, 3.5F) << locale;
  }
  std::setlocale(LC_ALL, saved.c_str());
}

TEST(ReaderValues, IdFormsAreToldApart) {
  EXPECT_EQ(parse_id("42").value, 42);
  EXPECT_EQ(parse_id("-1").value, -1);
  EXPECT_EQ(parse_id("0").form, IdForm::integer);
  EXPECT_EQ(parse_id("-0").form, IdForm::leading_zeros);
  EXPECT_EQ(parse_id("00").form, IdForm::leading_zeros);
  EXPECT_EQ(parse_id("-07").form, IdForm::leading_zeros);
  EXPECT_EQ(parse_id("9223372036854775808").form, IdForm::beyond_64_bits);
  EXPECT_EQ(parse_id("1.0").form, IdForm::other_number);
  EXPECT_EQ(parse_id("1e5").form, IdForm::other_number);
  EXPECT_EQ(parse_id("+5").form, IdForm::other_number);
  EXPECT_EQ(parse_id("0x10").form, IdForm::text);
  EXPECT_EQ(parse_id("-").form, IdForm::text);
  EXPECT_EQ(parse_id("nan").form, IdForm::text);
  EXPECT_EQ(parse_id("").form, IdForm::empty);
}

TEST(ReaderValues, TimesAreSecondsOrDatesInUtc) {
  EXPECT_EQ(parse_time("881250949"), 881250949);
  EXPECT_EQ(parse_time("-1"), -1);
  EXPECT_EQ(parse_time("1970-01-01"), 0);
  EXPECT_EQ(parse_time("2000-03-01"), 951868800);
  EXPECT_EQ(parse_time("2005-09-06 23:10:00"), 1126048200);
  EXPECT_EQ(parse_time("2005-09-06T23:10Z"), 1126048200);
  for (const char* text : {"", "1.5", "2005-13-01", "2005-02-29", "2005-9-6", "2005-09-06 24:00",
                           "2005-09-06 23:10:00 ", "2005-09-06x", "yesterday", "+5"}) {
    EXPECT_EQ(parse_time(text), std::nullopt) << text;
  }
}

TEST(ReaderValues, InvalidUtf8InAColumnThatIsNotUsedIsNoError) {
  const RawRatings ratings =
      read_ratings_text("user,item,rating,title\n1,2,3,Am\xe9lie\n1,3,4,\xff\xfe\n", "t", {});
  EXPECT_EQ(ratings.size(), 2);
}

TEST(ReaderValues, StringIdsOfRejectedLinesLeaveNoName) {
  ReadOptions options;
  options.on_bad_line = OnBadLine::skip;
  const RawRatings ratings = read_ratings_text("a,x,3\nb,y,bad\nc,x,4\n", "t", options);
  EXPECT_EQ(ratings.users.names.size(), 2);
  EXPECT_EQ(ratings.items.names.size(), 1);
}

TEST(ReaderValues, OneRatingIsReadAsOne) {
  for (const char* text : {"1,2,3", "1,2,3\n", "user,item,rating\n1,2,3", "u1\ti1\t3\n"}) {
    EXPECT_EQ(read_ratings_text(text, "t", {}).size(), 1) << text;
  }
}

}  // namespace
}  // namespace alsatian
