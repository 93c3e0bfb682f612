// The same twelve ratings in every layout that the reader takes give the same rows, and the layout
// found is said in one line. Options override what would be detected.
#include "host/ratings/reader.hpp"
#include "host/ratings/text_reader.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/unit/ratings/packed.hpp"
#include "tests/unit/ratings/read_rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace alsatian {
namespace {

using testing::fails_with;
using ::testing::HasSubstr;
using testing::ReadRow;
using testing::rows_of;
using testing::rows_without_lines;
using ::testing::StartsWith;

std::string tiny(const std::string& name) {
  return (std::filesystem::path(ALSATIAN_SOURCE_DIR) / "data" / "tiny" / name).string();
}

/// What every file of data/tiny holds, written down once more by hand.
std::vector<ReadRow> twelve_ratings() {
  std::vector<ReadRow> rows = {{"1", "10", 4.0F},  {"1", "20", 3.5F},   {"1", "300", 5.0F},
                               {"2", "10", 0.5F},  {"2", "4000", 2.0F}, {"2", "300", 4.5F},
                               {"3", "20", 1.0F},  {"3", "10", 3.0F},   {"42", "4000", 5.0F},
                               {"42", "20", 2.5F}, {"42", "10", 1.5F},  {"3", "4000", 4.0F}};
  std::int64_t time = 881250949;
  for (ReadRow& row : rows) row.time = time++;
  return rows;
}

struct TinyFile {
  std::string name;
  std::string layout;
  std::int64_t first_line = 1;  // of the first rating
  char decimal = '.';
};

class TinyLayout : public ::testing::TestWithParam<TinyFile> {};

TEST_P(TinyLayout, HoldsTheTwelveRatings) {
  const TinyFile& file = GetParam();
  ReadOptions options;
  options.decimal = file.decimal;
  const RawRatings ratings = read_ratings(tiny(file.name), options);
  EXPECT_EQ(rows_without_lines(ratings), twelve_ratings());
  EXPECT_EQ(ratings.layout, file.layout + ", integer ids");
  EXPECT_EQ(ratings.lines.line_of(0), file.first_line);
  EXPECT_TRUE(ratings.has_times);
  EXPECT_TRUE(ratings.has_ratings);
  EXPECT_EQ(ratings.account.used, 12);
  EXPECT_TRUE(ratings.account.balanced());
}

const std::string by_name = "columns userId movieId rating timestamp";
const std::string by_position = "columns user=1 item=2 rating=3 time=4";

std::string test_name(const ::testing::TestParamInfo<TinyFile>& entry) {
  return entry.param.name.substr(0, entry.param.name.find('.'));
}

INSTANTIATE_TEST_SUITE_P(
    All, TinyLayout,
    ::testing::Values(
        TinyFile{"comma_header.csv", "comma-separated, header, " + by_name, 2},
        TinyFile{"comma.csv", "comma-separated, no header, " + by_position},
        TinyFile{"tab.data", "tab-separated, no header, " + by_position},
        TinyFile{"double_colon.dat", "::-separated, no header, " + by_position},
        TinyFile{"semicolon.csv",
                 "semicolon-separated, header, columns User-ID ISBN Book-Rating Date", 2},
        TinyFile{"pipe.txt", "pipe-separated, no header, " + by_position},
        TinyFile{"blanks.txt", "blank-separated, no header, " + by_position},
        TinyFile{"blanks_header.txt", "blank-separated, header, " + by_name, 2},
        TinyFile{"crlf.csv", "comma-separated, header, " + by_name, 2},
        TinyFile{"mixed_line_ends.csv", "comma-separated, header, " + by_name, 2},
        TinyFile{"byte_order_mark.csv", "comma-separated, header, " + by_name, 2},
        TinyFile{"no_final_newline.csv", "comma-separated, header, " + by_name, 2},
        TinyFile{"padded.csv", "comma-separated, header, columns user_id item_id score time", 2},
        TinyFile{"quoted.csv", "comma-separated, header, " + by_name, 2},
        TinyFile{"blank_lines_and_comments.csv", "comma-separated, header, " + by_name, 4},
        TinyFile{"reordered.csv", "comma-separated, header, columns uid item stars timestamp of 5",
                 2},
        TinyFile{"dates.csv", "comma-separated, header, columns user item rating date", 2},
        TinyFile{"recbole.inter",
                 "tab-separated, header, columns user_id:token item_id:token rating:float "
                 "timestamp:float",
                 2},
        TinyFile{"unknown_header.csv", "comma-separated, header, " + by_position, 2},
        TinyFile{"exponents.txt", "comma-separated, no header, " + by_position},
        TinyFile{"decimal_comma.csv", "semicolon-separated, no header, " + by_position, 1, ','}),
    test_name);

TEST(ReaderLayout, MatrixMarketHoldsTheRatingsWithoutTimes) {
  std::vector<ReadRow> expected = twelve_ratings();
  for (ReadRow& row : expected) row.time = 0;
  const RawRatings matrix = read_ratings(tiny("matrix.mtx"), {});
  EXPECT_EQ(rows_without_lines(matrix), expected);
  EXPECT_EQ(
      matrix.layout,
      "Matrix Market coordinate real general, 42 rows, 4000 columns, 12 entries, integer ids");
  EXPECT_FALSE(matrix.has_times);
  EXPECT_EQ(matrix.account.header, 2);
  EXPECT_EQ(matrix.account.blank, 2);
  EXPECT_TRUE(matrix.account.balanced());
  const RawRatings table = read_ratings(tiny("without_times.csv"), {});
  EXPECT_EQ(rows_without_lines(table), expected);
  EXPECT_FALSE(table.has_times);
}

TEST(ReaderLayout, MatrixMarketOfItemsByUsersIsTurnedByColumnNumbers) {
  ReadOptions options;
  options.columns = {"2", "1", "3"};
  const std::string text = "%%MatrixMarket matrix coordinate integer general\n2 9 1\n2 9 4\n";
  const std::vector<ReadRow> expected = {{"9", "2", 4.0F, 0, 3}};
  EXPECT_EQ(rows_of(read_ratings_text(text, "m", options)), expected);
}

TEST(ReaderLayout, OptionsThatAMatrixCannotFollowAreAUsageError) {
  const std::string text = "%%MatrixMarket matrix coordinate real general\n2 9 1\n2 9 4\n";
  const auto reading = [&](const ReadOptions& options) {
    return [&text, options] { read_ratings_text(text, "m", options); };
  };
  ReadOptions comma;
  comma.delimiter = ",";
  EXPECT_TRUE(fails_with(ExitCode::usage,
                         "--delimiter ,: m is a Matrix Market file, which blanks separate / leave",
                         reading(comma)));
  ReadOptions decimal_comma;
  decimal_comma.decimal = ',';
  EXPECT_TRUE(fails_with(
      ExitCode::usage, "--decimal ,: m is a Matrix Market file, whose numbers have a point / leav",
      reading(decimal_comma)));
  for (const std::string same : {"", "auto", "space"}) {
    ReadOptions options;
    options.delimiter = same;
    EXPECT_EQ(read_ratings_text(text, "m", options).size(), 1) << same;
  }
}

TEST(ReaderLayout, DecimalCommasBetweenCommasAreSaidToNeedAnotherDelimiter) {
  const std::string text = "1,2,\"3,5\"\n1,3,\"4,5\"\n";
  EXPECT_TRUE(
      fails_with(ExitCode::bad_data,
                 "t:1:6: rating \"3,5\" looks like a decimal comma / write a decimal point; "
                 "--decimal , needs columns separated by something else",
                 [&] { read_ratings_text(text, "t", {}); }));
  ReadOptions options;
  options.decimal = ',';
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "with --decimal , a comma separates no columns",
                         [&] { read_ratings_text(text, "t", options); }));
}

TEST(ReaderLayout, TablesOfUsersAndOfMoviesAreNoRatings) {
  const std::string help = "pass the ratings beside it: ratings.csv, ratings.dat or u.data";
  for (const std::string text : {"1::F::1::10::48067\n2::M::56::16::70072\n",
                                 "1|24|M|technician|85711\n2|53|F|other|94043\n"}) {
    EXPECT_TRUE(fails_with(ExitCode::bad_data,
                           "t: is a table of users, as MovieLens' users.dat and "
                           "u.user are / " +
                               help,
                           [&] { read_ratings_text(text, "t", {}); }));
  }
  for (const std::string text :
       {"1::Toy Story (1995)::Animation|Comedy\n2::Jumanji (1995)::Adventure\n",
        "1|Toy Story (1995)|01-Jan-1995||http://x|0\n2|GoldenEye "
        "(1995)|01-Jan-1995||http://y|0\n"}) {
    EXPECT_TRUE(fails_with(ExitCode::bad_data,
                           "t: is a table of movies, as MovieLens' movies.dat "
                           "and u.item are / " +
                               help,
                           [&] { read_ratings_text(text, "t", {}); }));
  }
  // What says where ratings stand is believed, and items may be called so.
  ReadOptions options;
  options.columns = {"1", "4", "3"};
  EXPECT_EQ(read_ratings_text("1::F::1::10::48067\n2::M::56::16::70072\n", "t", options).size(), 2);
  EXPECT_EQ(read_ratings_text("1,M,3\n2,F,4\n", "t", {}).size(), 2);
  EXPECT_EQ(read_ratings_text("1::Toy Story (1995)::3\n2::Jumanji (1995)::4\n", "t", {}).size(), 2);
}

TEST(ReaderLayout, ErrorsOfPairsSpeakOfPairs) {
  ReadOptions options;
  options.rating_optional = true;
  options.keep_ratings = false;
  for (const auto& [text, what] :
       {std::pair("", "is empty"), std::pair("\n\n", "has no pairs, only"),
        std::pair("user,item\n", "has a header but no pairs")}) {
    const auto error = testing::error_of([&] { read_ratings_text(text, "t", options); });
    ASSERT_TRUE(error) << what;
    EXPECT_THAT(error->what(), HasSubstr(what));
    EXPECT_EQ(error->help(), "pass a file with one user and item per line");
  }
  EXPECT_TRUE(fails_with(ExitCode::bad_data,
                         "has 1 column, expected at least 2 / separate user and "
                         "item by commas",
                         [&] { read_ratings_text("x\n", "t", options); }));
}

TEST(ReaderLayout, StringIdsKeepTheirTextAndOrderOfAppearance) {
  const RawRatings ratings = read_ratings(tiny("string_ids.csv"), {});
  std::vector<ReadRow> expected = twelve_ratings();
  for (ReadRow& row : expected) {
    row.user = "u" + row.user;
    row.item = "i \"" + row.item + "\" \xc3\xa9";
  }
  EXPECT_EQ(rows_without_lines(ratings), expected);
  EXPECT_THAT(ratings.layout, HasSubstr("string ids"));
  EXPECT_EQ(ratings.users.names.size(), 4);
  EXPECT_EQ(ratings.users.names[0], "u1");
  EXPECT_EQ(ratings.users.names[3], "u42");
}

TEST(ReaderLayout, LineBreaksInQuotesCountAsLinesButNotAsRecords) {
  const RawRatings ratings = read_ratings(tiny("reordered.csv"), {});
  EXPECT_EQ(ratings.lines.line_of(0), 2);
  EXPECT_EQ(ratings.lines.line_of(1), 4);
  EXPECT_EQ(ratings.lines.line_of(11), 24);
  EXPECT_EQ(ratings.account.read, 13);
}

TEST(ReaderLayout, ColumnsAreChosenByNameAndByNumber) {
  const std::string text = "when,note,a,b,c\n7,x,1,2,4\n8,y,1,3,5\n";
  ReadOptions options;
  options.columns = {"b", "a", "c", "when"};
  const std::vector<ReadRow> expected = {{"2", "1", 4.0F, 7, 2}, {"3", "1", 5.0F, 8, 3}};
  EXPECT_EQ(rows_of(read_ratings_text(text, "t", options)), expected);
  options.columns = {"4", "3", "5", "1"};
  const RawRatings by_number = read_ratings_text(text, "t", options);
  EXPECT_EQ(rows_of(by_number), expected);
  EXPECT_EQ(by_number.layout,
            "comma-separated, header, columns user=4 item=3 rating=5 time=1 of 5, integer ids");
}

TEST(ReaderLayout, ColumnsThatMakeNoSenseAreAUsageError) {
  const auto reading = [](std::vector<std::string> columns) {
    return [columns] {
      ReadOptions options;
      options.columns = columns;
      read_ratings_text("user,item,rating\n1,2,3\n", "t", options);
    };
  };
  EXPECT_TRUE(fails_with(ExitCode::usage, "must be 3 to 4 columns", reading({"1", "2"})));
  EXPECT_TRUE(fails_with(ExitCode::usage, "\"1\" is there twice", reading({"1", "1", "2"})));
  EXPECT_TRUE(fails_with(ExitCode::usage, "\"1\" is there twice", reading({"user", "1", "2"})));
  EXPECT_TRUE(fails_with(ExitCode::usage, "numbered from 1", reading({"0", "1", "2"})));
}

TEST(ReaderLayout, DelimiterOfAnyTextOverridesDetection) {
  const std::vector<ReadRow> expected = {{"1", "2", 3.5F, 0, 1}, {"2", "2", 4.0F, 0, 2}};
  ReadOptions options;
  for (const auto& [delimiter, text] :
       {std::pair("^", "1^2^3.5\n2^2^4\n"), std::pair("tab", "1\t2\t3.5\n2\t2\t4\n"),
        std::pair("\\t", "1\t2\t3.5\n2\t2\t4\n"), std::pair("space", "1 2  3.5\n2 2 4\n"),
        std::pair("comma", "1,2,3.5\n2,2,4\n"), std::pair("=>", "1=>2=>3.5\n2=>2=>4\n"),
        std::pair("<=>", "1<=>2<=>3.5\n2<=>2<=>4\n"), std::pair("auto", "1|2|3.5\n2|2|4\n")}) {
    options.delimiter = delimiter;
    EXPECT_EQ(rows_of(read_ratings_text(text, "t", options)), expected) << delimiter;
  }
  for (const char* delimiter : {"5", "e", "\"", "-", ".", "::::::::::"}) {
    options.delimiter = delimiter;
    EXPECT_TRUE(fails_with(ExitCode::usage, "cannot separate fields", [&] {
      read_ratings_text("1,2,3\n", "t", options);
    })) << delimiter;
  }
}

TEST(ReaderLayout, DecimalCommaNeverMeetsACommaDelimiter) {
  ReadOptions options;
  options.decimal = ',';
  options.delimiter = ",";
  EXPECT_TRUE(fails_with(ExitCode::usage, "the delimiter is a comma too",
                         [&] { read_ratings_text("1,2,3\n", "t", options); }));
  options.decimal = ';';
  EXPECT_TRUE(fails_with(ExitCode::usage, "must be a point or a comma",
                         [&] { read_ratings_text("1,2,3\n", "t", options); }));
}

TEST(ReaderLayout, IntegerBeyond64BitsMakesTheColumnStringsAndSaysSo) {
  const RawRatings ratings = read_ratings_text(
      "9223372036854775807,1,3\n18446744073709551616,2,4\n-9223372036854775808,3,5\n", "t", {});
  EXPECT_EQ(ratings.users.kind, IdKind::string);
  EXPECT_EQ(ratings.items.kind, IdKind::integer);
  EXPECT_THAT(ratings.layout,
              HasSubstr("string (\"18446744073709551616\" is beyond 64 bits) user ids, "
                        "integer item ids"));
  EXPECT_EQ(rows_of(ratings)[1].user, "18446744073709551616");
}

TEST(ReaderLayout, LargestAndSmallestIntegersAreExact) {
  const RawRatings ratings = read_ratings_text(
      "9223372036854775807,9007199254740993,3\n-9223372036854775808,-1,4\n2147483648,0,5\n", "t",
      {});
  const std::vector<ReadRow> expected = {{"9223372036854775807", "9007199254740993", 3.0F, 0, 1},
                                         {"-9223372036854775808", "-1", 4.0F, 0, 2},
                                         {"2147483648", "0", 5.0F, 0, 3}};
  EXPECT_EQ(ratings.users.kind, IdKind::integer);
  EXPECT_EQ(rows_of(ratings), expected);
}

TEST(ReaderLayout, IdsOptionOverridesWhatIdsLookLike) {
  ReadOptions options;
  options.ids = IdKind::string;
  const RawRatings strings = read_ratings_text("007,1,3\n7,1.0,4\n", "t", options);
  const std::vector<ReadRow> expected = {{"007", "1", 3.0F, 0, 1}, {"7", "1.0", 4.0F, 0, 2}};
  EXPECT_EQ(rows_of(strings), expected);
  EXPECT_EQ(strings.users.names.size(), 2);
  options.ids = IdKind::integer;
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "user \"a\" is not an integer",
                         [&] { read_ratings_text("a,1,3\nb,2,4\n", "t", options); }));
}

TEST(ReaderLayout, RatingsThatAreNotWantedAreNotLookedAt) {
  ReadOptions options;
  options.rating_optional = true;
  options.keep_ratings = false;
  const std::vector<ReadRow> expected = {{"1", "2", 0.0F, 0, 1}, {"3", "4", 0.0F, 0, 2}};
  for (const char* text : {"1,2,good\n3,4,4.5\n", "1,2,\n3,4,nan\n", "1,2,5,x\n3,4,1e99,y\n"}) {
    const RawRatings pairs = read_ratings_text(text, "t", options);
    EXPECT_FALSE(pairs.has_ratings);
    EXPECT_EQ(rows_of(pairs), expected);
  }
  const std::vector<ReadRow> below = {{"1", "2", 0.0F, 0, 2}, {"3", "4", 0.0F, 0, 3}};
  EXPECT_EQ(rows_of(read_ratings_text("rating,item,user\nx,2,1\ny,4,3\n", "t", options)), below);
  EXPECT_EQ(rows_of(read_ratings_text("u,i,comment\n1,2,x\n3,4,y\n", "t", options)), below);
  const RawRatings matrix = read_ratings_text(
      "%%MatrixMarket matrix coordinate real general\n3 4 1\n1 2 x\n", "t", options);
  EXPECT_FALSE(matrix.has_ratings);
  options.columns = {"2", "1", "3"};
  const std::vector<ReadRow> swapped = {{"2", "1", 0.0F, 0, 1}};
  EXPECT_EQ(rows_of(read_ratings_text("1,2,x\n", "t", options)), swapped);
}

TEST(ReaderLayout, PairsWithoutRatingsAreReadOnlyWhereTheyMay) {
  ReadOptions options;
  options.rating_optional = true;
  for (const char* text : {"user,item\n1,2\n3,4\n", "a b\n1 2\n3 4\n"}) {
    const RawRatings pairs = read_ratings_text(text, "t", options);
    EXPECT_FALSE(pairs.has_ratings);
    const std::vector<ReadRow> expected = {{"1", "2", 0.0F, 0, 2}, {"3", "4", 0.0F, 0, 3}};
    EXPECT_EQ(rows_of(pairs), expected);
    EXPECT_TRUE(fails_with(ExitCode::bad_data, "implicit feedback",
                           [&] { read_ratings_text(text, "t", {}); }));
  }
  EXPECT_TRUE(read_ratings_text("1,2,3\n", "t", options).has_ratings);
  const RawRatings timed = read_ratings_text("1,2,881250949\n3,4,881250950\n", "t", options);
  EXPECT_FALSE(timed.has_ratings);
  EXPECT_EQ(timed.times.at(1), 881250950);
  const RawRatings pattern = read_ratings_text(
      "%%MatrixMarket matrix coordinate pattern general\n3 4 2\n1 2\n3 4\n", "t", options);
  EXPECT_FALSE(pattern.has_ratings);
  EXPECT_EQ(pattern.size(), 2);
}

TEST(ReaderLayout, FourthColumnThatIsNoTimeIsLeftOut) {
  const RawRatings ratings = read_ratings_text("1,2,3,good\n1,3,4,bad\n", "t", {});
  EXPECT_FALSE(ratings.has_times);
  EXPECT_EQ(ratings.layout,
            "comma-separated, no header, columns user=1 item=2 rating=3 of 4, integer ids");
}

TEST(ReaderLayout, SmallFourthColumnIsTakenByPosition) {
  const RawRatings ratings = read_ratings_text("1 2 3 4\n1 3 4 5\n", "t", {});
  const std::vector<ReadRow> expected = {{"1", "2", 3.0F, 4, 1}, {"1", "3", 4.0F, 5, 2}};
  EXPECT_EQ(rows_of(ratings), expected);
}

TEST(ReaderLayout, TimesAreLeftOutWhereNobodyAsksForThem) {
  ReadOptions options;
  options.keep_times = false;
  const RawRatings ratings = read_ratings(tiny("tab.data"), options);
  EXPECT_FALSE(ratings.has_times);
  EXPECT_TRUE(ratings.times.empty());
  EXPECT_EQ(ratings.size(), 12);
}

TEST(ReaderLayout, HeaderOfThePairWithFewestSurprisesIsFoundAmongMisleadingText) {
  // Titles with blanks, bars and semicolons give other delimiters something to find.
  const std::string text =
      "userId,movieId,title,rating\n1,10,A b c | d; e,4\n1,20,F g h | i; j,3.5\n";
  const RawRatings ratings = read_ratings_text(text, "t", {});
  EXPECT_THAT(ratings.layout,
              StartsWith("comma-separated, header, columns userId movieId rating of 4"));
  EXPECT_EQ(ratings.size(), 2);
}

}  // namespace
}  // namespace alsatian
