// The parser of short rows beside one that takes a row apart letter by letter: it may leave a row
// to others, but never read one otherwise.
#include "host/ratings/short_row.hpp"

#include <gtest/gtest.h>

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {
namespace {

/// Digits, all of them used; with no leading zero where it is an id.
std::optional<std::int64_t> number(std::string_view text, bool is_id) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.front() == '-') return {};
  if (is_id && text.size() > 1 && text.front() == '0') return {};
  return value;
}

std::optional<float> rating(std::string_view text) {
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool plain = text.find_first_not_of("0123456789.") == std::string_view::npos;
  if (error != std::errc{} || end != text.data() + text.size() || !plain) return {};
  return value;
}

/// The row in the line, where its fields are plain and their number is right.
std::optional<PlainRow> read_slowly(std::string_view line, char delimiter, TimeField time) {
  std::vector<std::string_view> fields;
  for (std::size_t at = 0; at <= line.size();) {
    const std::size_t end = std::min(line.find(delimiter, at), line.size());
    fields.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  if (fields.size() != (time == TimeField::none ? 3U : 4U)) return {};
  const auto user = number(fields[0], true);
  const auto item = number(fields[1], true);
  const auto stars = rating(fields[2]);
  const auto seconds = time == TimeField::none ? 0 : number(fields[3], false);
  if (!user || !item || !stars || !seconds) return {};
  return PlainRow{*user, *item, *seconds, *stars};
}

/// What comes before and behind a line in a file: rows as well.
const std::string before = "12345678,87654321,4.5,1234567890\n";
const std::string behind = "1,2,3.5,4\n98765432,12345678,0.5,1234567890123\n";

class ShortRow : public testing::TestWithParam<TimeField> {
 protected:
  void SetUp() override {
    if (short_row_parser(GetParam()) == nullptr) GTEST_SKIP() << "no AVX2 on this machine";
  }

  /// Whether the line was read; it is then as read slowly.
  static bool is_read(const std::string& line, char delimiter = ',') {
    const std::string text = before + line + "\n" + behind;
    const char* at = text.data() + before.size();
    PlainRow row{-1, -1, -1, -1};
    const char* next = short_row_parser(GetParam())(at, &delimiter, row);
    if (next == nullptr) return false;
    // The line may have a line end of its own.
    const std::string_view read(at, static_cast<std::size_t>(next - at - 1));
    EXPECT_EQ(read, std::string_view(at).substr(0, std::string_view(at).find('\n'))) << line;
    const auto expected = read_slowly(read, delimiter, GetParam());
    EXPECT_TRUE(expected) << "read: " << line;
    if (!expected) return true;
    EXPECT_EQ(row.user, expected->user) << line;
    EXPECT_EQ(row.item, expected->item) << line;
    EXPECT_EQ(row.rating, expected->rating) << line;
    if (GetParam() == TimeField::read) {
      EXPECT_EQ(row.time, expected->time) << line;
    }
    return true;
  }

  /// The line with a time where there is one.
  static std::string row(const std::string& user, const std::string& item, const std::string& stars,
                         const std::string& time = "987654321",
                         const std::string& delimiter = ",") {
    std::string line = user + delimiter + item + delimiter + stars;
    if (GetParam() != TimeField::none) line += delimiter + time;
    return line;
  }
};

TEST_P(ShortRow, ReadsIdsOfUpToEightDigits) {
  const std::string digits = "98765432";
  for (std::size_t user = 1; user <= 8; ++user) {
    for (std::size_t item = 1; item <= 8; ++item) {
      EXPECT_TRUE(is_read(row(digits.substr(0, user), digits.substr(8 - item), "3.5", "12345")))
          << user << ' ' << item;
    }
  }
}

TEST_P(ShortRow, ReadsEveryNumberOfStarsAndTenths) {
  for (char stars = '0'; stars <= '9'; ++stars) {
    EXPECT_TRUE(is_read(row("7", "8", {stars})));
    for (char tenth = '0'; tenth <= '9'; ++tenth) {
      EXPECT_TRUE(is_read(row("7", "8", {stars, '.', tenth})));
    }
  }
}

TEST_P(ShortRow, ReadsTimesOfUpToFifteenDigits) {
  const std::string digits = "987654321012345";
  for (std::size_t count = 1; count <= digits.size(); ++count) {
    EXPECT_TRUE(is_read(row("1", "2", "3", digits.substr(0, count)))) << count;
    EXPECT_TRUE(is_read(row("1", "2", "3", std::string(count, '0')))) << count;
  }
}

TEST_P(ShortRow, ReadsOtherDelimiters) {
  for (const char* delimiter : {"\t", ";", "|", " "}) {
    EXPECT_TRUE(is_read(row("10", "200", "4", "5", delimiter), *delimiter)) << delimiter;
  }
}

TEST_P(ShortRow, LeavesToOthersWhatIsNotPlain) {
  for (const std::string& line : {row("123456789", "1", "3"),
                                  row("1", "123456789", "3"),
                                  row("01", "1", "3"),
                                  row("1", "01", "3"),
                                  row("", "1", "3"),
                                  row("1", "", "3"),
                                  row("1", "2", ""),
                                  row("1", "2", "10"),
                                  row("1", "2", "3."),
                                  row("1", "2", ".5"),
                                  row("1", "2", "4.55"),
                                  row("1", "2", "x"),
                                  row("1", "2", "x.5"),
                                  row("1", "2", "3.x"),
                                  row("-1", "2", "3"),
                                  row("1", "+2", "3"),
                                  row("1 ", "2", "3"),
                                  row("\"1\"", "2", "3"),
                                  row("1", "2", "3") + ",",
                                  row("1", "2", "3") + "\r",
                                  std::string("1,2"),
                                  std::string("1"),
                                  std::string(),
                                  std::string(40, '1')}) {
    EXPECT_FALSE(is_read(line)) << line;
  }
  if (GetParam() == TimeField::none) return;
  for (const char* time : {"", "x", "1x", "1.5", "-1", "1234567890123456"}) {
    EXPECT_FALSE(is_read(row("1", "2", "3", time))) << time;
  }
}

TEST_P(ShortRow, ReadsNoDamagedRowOtherwise) {
  const std::vector<std::string> rows = {row("1", "2", "3.5", "4"), row("162541", "59047", "4"),
                                         row("12345678", "1234", "0.5", "1234567890")};
  int read = 0;
  for (const std::string& good : rows) {
    for (std::size_t at = 0; at < good.size(); ++at) {
      for (int letter = 0; letter < 256; ++letter) {
        std::string damaged = good;
        damaged[at] = static_cast<char>(letter);
        read += is_read(damaged) ? 1 : 0;
      }
      std::string shorter = good;
      read += is_read(shorter.erase(at, 1)) ? 1 : 0;
    }
  }
  EXPECT_GT(read, 100);
}

INSTANTIATE_TEST_SUITE_P(Times, ShortRow,
                         testing::Values(TimeField::none, TimeField::checked, TimeField::read),
                         [](const auto& test) {
                           switch (test.param) {
                             case TimeField::none:
                               return "None";
                             case TimeField::checked:
                               return "Checked";
                             default:
                               return "Read";
                           }
                         });

}  // namespace
}  // namespace alsatian
