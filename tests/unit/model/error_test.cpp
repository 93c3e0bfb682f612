// Values in messages: shown whole where short, never with control characters, always UTF-8.
// Values come from files of strangers and go to terminals that obey what they are sent.
#include "host/error.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace alsatian {
namespace {

TEST(Quoted, ShowsPlainTextInQuotes) {
  EXPECT_EQ(quoted("4,5"), "\"4,5\"");
  EXPECT_EQ(quoted(""), "\"\"");
  EXPECT_EQ(quoted("Amélie"), "\"Amélie\"");
}

TEST(Quoted, EscapesControlCharactersQuotesAndBackslashes) {
  EXPECT_EQ(quoted("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(quoted("\x1b[31m\n\t\r"), R"("\x1b[31m\n\t\r")");
  EXPECT_EQ(quoted(std::string_view("\0x", 2)), R"("\x00x")");
  EXPECT_EQ(quoted("\x7f"), R"("\x7f")");
  EXPECT_EQ(quoted("\xc2\x9b"), R"("\xc2\x9b")") << "U+009B starts a terminal sequence";
}

TEST(Quoted, EscapesBytesThatAreNoUtf8) {
  EXPECT_EQ(quoted("\xe9t\xe9"), R"("\xe9t\xe9")");
  EXPECT_EQ(quoted("\xc0\xaf"), R"("\xc0\xaf")") << "overlong";
  EXPECT_EQ(quoted("\xed\xa0\x80"), R"("\xed\xa0\x80")") << "surrogate";
  EXPECT_EQ(quoted("\xf4\x90\x80\x80"), R"("\xf4\x90\x80\x80")") << "above U+10FFFF";
  EXPECT_EQ(quoted("\xe2\x82"), R"("\xe2\x82")") << "cut short";
}

TEST(Quoted, CutsAtSixtyCharactersAndNeverInsideOne) {
  const std::string sixty(60, 'x');
  EXPECT_EQ(quoted(sixty), fmt::format("\"{}\"", sixty));
  EXPECT_EQ(quoted(sixty + "y"), fmt::format("\"{}...\"", sixty));
  std::string accents;
  for (int i = 0; i < 61; ++i) accents += "é";
  EXPECT_EQ(quoted(accents), fmt::format("\"{}...\"", accents.substr(0, 120)));
}

TEST(Quoted, TakesAStringWhereStdQuotedIsVisibleToo) {
  const std::string value = "4,5";
  EXPECT_EQ("rating " + quoted(value), "rating \"4,5\"");
}

TEST(Printable, EscapesControlCharactersAndKeepsTheRest) {
  EXPECT_EQ(printable("a b\n\"c\"\\"), "a b\\n\"c\"\\");
  EXPECT_EQ(printable(std::string(500, 'x')), std::string(500, 'x'));
  EXPECT_EQ(printable("\xff"), "\\xff");
}

TEST(Error, CarriesCodePlaceAndHelp) {
  const Error error(ExitCode::bad_data, "a.csv:3:1", "is wrong", "mend it");
  EXPECT_EQ(static_cast<int>(error.code()), 65);
  EXPECT_EQ(error.place(), "a.csv:3:1");
  EXPECT_STREQ(error.what(), "is wrong");
  EXPECT_EQ(error.help(), "mend it");
}

}  // namespace
}  // namespace alsatian
