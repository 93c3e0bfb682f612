// Values of feature files: which are numbers, which stand for none, and what is said of the rest.
// Expected numbers are worked out by hand for columns of two values.
#include "tests/support/expect_error.hpp"
#include "tests/unit/ratings/feature_rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace alsatian {
namespace {

using testing::fails_with;
using testing::features_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kinds_of;
using testing::lines;
using testing::row_of;

/// A file with a column "size" of numbers with a fraction, but for one value, in line 8, and one of
/// flags.
std::string numbers_but_for(const std::string& value) {
  return "id,size,flag\n" + lines(100, [&](int id) {
           return "," + (id == 7 ? value : std::to_string(id % 50) + ".5") +
                  (id % 2 == 0 ? ",0" : ",1");
         });
}

TEST(FeatureNumbers, AreStandardisedInDoublePrecision) {
  // As floats both are 12345678; half of the rows have each, so that they are ±1 from the mean.
  const FeatureFile file = features_of(
      "id,size\n" + lines(40, [](int id) { return id % 2 == 0 ? ",12345678.1" : ",12345678.2"; }));
  EXPECT_EQ(kinds_of(file).at("size"), "number");
  EXPECT_NEAR(row_of(file, "2").at("size"), -1, 1e-6);
  EXPECT_NEAR(row_of(file, "3").at("size"), 1, 1e-6);
}

TEST(FeatureNumbers, AreStandardisedHoweverLargeOrSmall) {
  for (const std::string exponent : {"e307", "e200", "e-200", "e-300"}) {
    const FeatureFile file = features_of("id,size\n" + lines(40, [&](int id) {
                                           return (id % 2 == 0 ? ",-1.5" : ",1.5") + exponent;
                                         }));
    EXPECT_EQ(kinds_of(file).at("size"), "number") << exponent;
    EXPECT_NEAR(row_of(file, "2").at("size"), -1, 1e-6) << exponent;
    EXPECT_NEAR(row_of(file, "3").at("size"), 1, 1e-6) << exponent;
  }
}

TEST(FeatureNumbers, MayBeMissingByAnyUsualWord) {
  for (const std::string word :
       {"",         "-",    "?",    "\\N",    "#N/A",    "#N/A N/A", "#NA", "-1.#IND",
        "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",     "N/A", "NA",
        "NULL",     "NaN",  "None", "n/a",    "nan",     "null"}) {
    const FeatureFile file = features_of(numbers_but_for(word));
    EXPECT_EQ(kinds_of(file).at("size"), "number") << word;
    EXPECT_FLOAT_EQ(row_of(file, "7").at("size"), 0) << word;
    EXPECT_THAT(file.columns[0].note, HasSubstr("1 missing")) << word;
    EXPECT_THAT(file.warnings, IsEmpty()) << word;
  }
}

TEST(FeatureNumbers, ThatAreNotFiniteAreRefusedByLineColumnAndValue) {
  for (const std::string value : {"inf", "-inf", "Infinity", "1e309", "-1e400"}) {
    EXPECT_TRUE(fails_with(ExitCode::bad_data,
                           "table.csv:8: column \"size\" has a number that is not finite: \"" +
                               value + "\" / write a number below 1.8e308",
                           [&] { features_of(numbers_but_for(value)); }));
  }
}

TEST(FeatureNumbers, WithADecimalCommaAreRefusedWithTheRemedy) {
  const auto file = [](int id) { return ";" + std::to_string(id) + (id < 5 ? ";1" : ",25;1"); };
  EXPECT_TRUE(fails_with(ExitCode::bad_data,
                         "table.csv:6: column \"size\" has a decimal comma: \"5,25\" / write "
                         "its numbers with a decimal point and no other commas",
                         [&] { features_of("id;size;flag\n" + lines(40, file)); }));
  const auto all = [](int id) { return ";" + std::to_string(id) + ",25"; };
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "table.csv:1: column \"column 2\" has a decimal comma",
                         [&] { features_of(lines(40, all)); }));
}

TEST(FeatureNumbers, WithAWordAmongThemSayWhichValueMadeWordsOfThem) {
  const FeatureFile file = features_of(numbers_but_for("tall"));
  const std::string why = "1 of its 100 values is no number, \"tall\" in line 8";
  EXPECT_EQ(kinds_of(file).at("size"), "left out");
  EXPECT_THAT(file.columns[0].note, HasSubstr(why));
  ASSERT_EQ(file.warnings.size(), 1U);
  EXPECT_THAT(file.warnings[0], HasSubstr("table.csv: column \"size\" is "));
  EXPECT_THAT(file.warnings[0], HasSubstr(why));
}

TEST(FeatureNumbers, AmongManyWordsAreWordsWithoutAWarning) {
  const FeatureFile file =
      features_of("id,flag,kind\n" + lines(40, [](int id) {
                    return (id % 2 == 0 ? ",0" : ",1") + std::string(id % 2 == 0 ? ",7" : ",seven");
                  }));
  EXPECT_EQ(kinds_of(file).at("kind"), "category");
  EXPECT_THAT(file.warnings, IsEmpty());
}

}  // namespace
}  // namespace alsatian
