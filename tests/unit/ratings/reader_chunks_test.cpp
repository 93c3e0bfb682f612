// The parallel parser against the truth: texts are generated together with the rows, the lines and
// the first error that a reader must find, and read at many chunk sizes and thread counts.
// Texts stand at the end of a heap block of their exact size, so that sanitizers see overreads.
#include "host/ratings/text_reader.hpp"
#include "kernels/cpu/parallel.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/unit/ratings/read_rows.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {
namespace {

using testing::error_of;
using testing::read_bytes;
using testing::ReadRow;
using testing::rows_of;

constexpr auto chunk_sizes = std::to_array<std::int64_t>({1, 2, 3, 7, 16, 61, 256, 1000, 1 << 20});

/// A copy of text in a block of exactly its size.
class ExactBlock {
 public:
  explicit ExactBlock(std::string_view text)
      : bytes_(std::make_unique<char[]>(text.size())), size_(text.size()) {
    std::ranges::copy(text, bytes_.get());
  }
  std::string_view text() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

/// Where a reader must find an error; column 0: the whole line.
struct Place {
  std::int64_t line;
  std::int64_t column;
  bool operator==(const Place&) const = default;
};

/// A text and everything that is to be found in it.
struct Planted {
  std::string text;
  std::vector<ReadRow> rows;
  std::vector<Place> bad;
  std::int64_t blank = 0;
};

struct Written {
  const char* text;
  float value;
};

class Planter {
 public:
  Planter(unsigned seed, std::string delimiter, bool with_times)
      : random_(seed), delimiter_(std::move(delimiter)), with_times_(with_times) {}

  Planted plant(int lines) {
    for (line_ = 1; line_ <= lines; ++line_) {
      const int kind = line_ <= 2 ? 9 : below(40);
      if (kind == 0) {
        add_line(below(2) == 0 ? "" : "  \t ");
        ++planted_.blank;
      } else if (kind == 1) {
        add_line("# a, comment; 1,2,3");
        ++planted_.blank;
      } else if (kind == 2) {
        plant_bad_line();
      } else {
        plant_row();
      }
    }
    if (below(2) == 0) planted_.text.pop_back();
    if (planted_.text.ends_with('\r')) planted_.text.pop_back();
    return std::move(planted_);
  }

 private:
  int below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random_); }

  template <std::size_t size, typename Value>
  const Value& one_of(const std::array<Value, size>& values) {
    return values[static_cast<std::size_t>(below(static_cast<int>(size)))];
  }

  void add_line(const std::string& line) {
    planted_.text += line + (below(4) == 0 ? "\r\n" : "\n");
  }

  std::string id() {
    static constexpr auto unusual =
        std::to_array<const char*>({"0", "-1", "-9223372036854775808", "9223372036854775807",
                                    "99999999", "123456789012345678", "1234567890123456789"});
    if (below(10) == 0) return one_of(unusual);
    return std::to_string(below(10) == 0 ? below(2000000000) : below(3000));
  }

  Written rating() {
    static constexpr auto ratings = std::to_array<Written>({{"1", 1.0F},
                                                            {"3.5", 3.5F},
                                                            {"4.0", 4.0F},
                                                            {"0.5", 0.5F},
                                                            {"5", 5.0F},
                                                            {"-2.25", -2.25F},
                                                            {"1e1", 10.0F},
                                                            {".5", 0.5F},
                                                            {"2.", 2.0F},
                                                            {"0.50000000000", 0.5F},
                                                            {"1234567", 1234567.0F},
                                                            {"12345678", 12345678.0F},
                                                            {"003", 3.0F},
                                                            {"25e-1", 2.5F}});
    return one_of(ratings);
  }

  std::string blanks() { return below(12) == 0 ? std::string(1 + below(3), ' ') : ""; }

  std::string join(const std::vector<std::string>& fields) {
    std::string line;
    for (std::size_t index = 0; index < fields.size(); ++index) {
      line += (index == 0 ? "" : delimiter_) + fields[index];
    }
    return line;
  }

  void plant_row() {
    ReadRow row{id(), id(), 0, 0, line_};
    const Written written = rating();
    row.rating = written.value;
    std::vector<std::string> fields = {blanks() + row.user + blanks(), blanks() + row.item,
                                       written.text + blanks()};
    if (with_times_) {
      row.time = below(1000000000);
      fields.push_back(std::to_string(row.time) + blanks());
    }
    add_line(join(fields));
    planted_.rows.push_back(row);
  }

  /// A row of which one field is wrong, or that has too many or too few.
  void plant_bad_line() {
    static constexpr auto bad_ids = std::to_array<const char*>(
        {"x", "", "1.5", "007", "+5", "0x1", "9223372036854775808", "1e3"});
    static constexpr auto bad_ratings =
        std::to_array<const char*>({"", "nan", "inf", "4x", "four", "1e39", "+1", "0x1", "1_0"});
    static constexpr auto bad_times = std::to_array<const char*>({"", "1.5", "soon", "12:00"});
    std::vector<std::string> fields = {id(), id(), rating().text};
    if (with_times_) fields.push_back(std::to_string(below(1000000000)));
    const auto columns = static_cast<int>(fields.size());
    const int kind = below(columns + 2);
    if (kind < columns) {
      const auto column = static_cast<std::size_t>(kind);
      fields[column] = kind < 2    ? one_of(bad_ids)
                       : kind == 2 ? one_of(bad_ratings)
                                   : one_of(bad_times);
      std::size_t offset = 1;
      for (std::size_t before = 0; before < column; ++before) {
        offset += fields[before].size() + delimiter_.size();
      }
      planted_.bad.push_back({line_, static_cast<std::int64_t>(offset)});
    } else {
      if (kind == columns) fields.push_back("1");
      if (kind > columns) fields.pop_back();
      planted_.bad.push_back({line_, 0});
    }
    add_line(join(fields));
  }

  std::mt19937 random_;
  std::string delimiter_;
  bool with_times_;
  std::int64_t line_ = 0;
  Planted planted_;
};

struct Format {
  std::string delimiter;
  bool with_times;
};

class ChunkedParser : public ::testing::TestWithParam<int> {
 protected:
  ~ChunkedParser() override { use_threads(2); }

  Format format() const {
    static const std::vector<std::string> delimiters = {",", "::", ";", "|", "<=>"};
    const auto seed = static_cast<std::size_t>(GetParam());
    return {delimiters[seed % delimiters.size()], seed % 2 == 0};
  }
  Planted planted() const {
    return Planter(static_cast<unsigned>(GetParam()), format().delimiter, format().with_times)
        .plant(97 + 13 * GetParam());
  }
  ReadOptions options() const {
    ReadOptions options;
    options.delimiter = format().delimiter;
    options.ids = IdKind::integer;
    options.columns = {"1", "2", "3"};
    if (format().with_times) options.columns.push_back("4");
    return options;
  }
};

TEST_P(ChunkedParser, FindsEveryRowLineAndBadLineThatWasPlanted) {
  const Planted truth = planted();
  const ExactBlock block(truth.text);
  ReadOptions reading = options();
  reading.on_bad_line = OnBadLine::skip;
  for (const std::int64_t chunk_bytes : chunk_sizes) {
    reading.chunk_bytes = chunk_bytes;
    use_threads(1 + static_cast<int>(chunk_bytes % 3));
    const RawRatings ratings = read_ratings_text(block.text(), "t", reading);
    ASSERT_EQ(rows_of(ratings), truth.rows) << "chunks of " << chunk_bytes;
    EXPECT_EQ(ratings.account.blank, truth.blank);
    EXPECT_TRUE(ratings.account.balanced());
    std::vector<Place> rejected;
    for (const RejectedLine& line : ratings.rejected_lines) {
      rejected.push_back({line.line, line.column});
    }
    EXPECT_EQ(rejected, truth.bad) << "chunks of " << chunk_bytes;
  }
}

TEST_P(ChunkedParser, StopsAtTheFirstBadLineThatWasPlanted) {
  const Planted truth = planted();
  const ExactBlock block(truth.text);
  ReadOptions reading = options();
  for (const std::int64_t chunk_bytes : chunk_sizes) {
    reading.chunk_bytes = chunk_bytes;
    use_threads(1 + static_cast<int>(chunk_bytes % 3));
    const auto error = error_of([&] { read_ratings_text(block.text(), "t", reading); });
    ASSERT_EQ(error.has_value(), !truth.bad.empty());
    if (!error) continue;
    const Place& first = truth.bad.front();
    std::string place = "t:" + std::to_string(first.line);
    if (first.column > 0) place += ":" + std::to_string(first.column);
    EXPECT_EQ(error->place(), place) << "chunks of " << chunk_bytes;
  }
}

TEST_P(ChunkedParser, GivesTheSameNamesInTheSameOrderForAnyChunks) {
  const Planted truth = planted();
  const ExactBlock block(truth.text);
  ReadOptions reading = options();
  reading.on_bad_line = OnBadLine::skip;
  reading.ids = IdKind::string;
  const RawRatings whole = read_ratings_text(block.text(), "t", reading);
  for (const std::int64_t chunk_bytes : chunk_sizes) {
    reading.chunk_bytes = chunk_bytes;
    use_threads(1 + static_cast<int>(chunk_bytes % 2));
    const RawRatings ratings = read_ratings_text(block.text(), "t", reading);
    EXPECT_EQ(ratings.users.values, whole.users.values);
    EXPECT_EQ(ratings.users.names.bytes, whole.users.names.bytes);
    EXPECT_EQ(ratings.items.names.offsets, whole.items.names.offsets);
    EXPECT_EQ(rows_of(ratings), rows_of(whole));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ChunkedParser, ::testing::Range(0, 24));

TEST(ReadRatingsText, FindsIdsBeyond32BitsOnEitherSideWhereverTheyAre) {
  constexpr int rows = 40;
  const std::string wide_user = "-2147483649";
  const std::string wide_item = "2147483648";
  for (const int user_row : {-1, 0, 17, rows - 1}) {
    for (const int item_row : {-1, 0, 17, rows - 1}) {
      std::string text;
      std::vector<ReadRow> truth;
      for (int row = 0; row < rows; ++row) {
        // The first and last id that fit are on every other line.
        const std::string user = row == user_row ? wide_user : row % 2 == 0 ? "-2147483648" : "3";
        const std::string item = row == item_row ? wide_item : row % 2 == 0 ? "2147483647" : "4";
        text += user + "," + item + ",2.5,7\n";
        truth.push_back({user, item, 2.5F, 7, row + 1});
      }
      for (const std::int64_t chunk_bytes : chunk_sizes) {
        ReadOptions reading;
        reading.chunk_bytes = chunk_bytes;
        const RawRatings ratings = read_ratings_text(text, "t", reading);
        EXPECT_EQ(rows_of(ratings), truth);
        EXPECT_EQ(ratings.users.values.is_wide(), user_row >= 0);
        EXPECT_EQ(ratings.items.values.is_wide(), item_row >= 0);
        EXPECT_TRUE(ratings.account.balanced());
        EXPECT_EQ(ratings.account.used, rows);
      }
    }
  }
}

TEST(ReadRatingsText, NamesTheFirstBadLineOfAFileWithIdsBeyond32Bits) {
  for (const std::int64_t chunk_bytes : chunk_sizes) {
    ReadOptions reading;
    reading.chunk_bytes = chunk_bytes;
    const auto error = error_of(
        [&] { read_ratings_text("1,2,3\n1,99999999999,3\n1,4,bad\n1,5,worse\n", "t", reading); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->place(), "t:3:5") << "chunks of " << chunk_bytes;
  }
}

/// What reading a text came to, in one comparable string.
std::string outcome_of(std::string_view text, const ReadOptions& options) {
  try {
    const RawRatings ratings = read_ratings_text(text, "t", options);
    std::string outcome = ratings.layout + "\n";
    for (const ReadRow& row : rows_of(ratings)) {
      outcome += row.user + " " + row.item + " " + std::to_string(row.rating) + " " +
                 std::to_string(row.time) + " " + std::to_string(row.line) + "\n";
    }
    return ratings.account.balanced() ? outcome : "not balanced";
  } catch (const Error& error) {
    return error.place() + ": " + error.what() + " / " + error.help();
  }
}

/// The files of data/tiny and data/malformed, as seeds for mutation.
std::vector<std::string> corpus() {
  std::vector<std::string> texts;
  for (const char* folder : {"tiny", "malformed"}) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(
             std::filesystem::path(ALSATIAN_SOURCE_DIR) / "data" / folder)) {
      files.push_back(entry.path());
    }
    std::ranges::sort(files);
    for (const auto& file : files) texts.push_back(read_bytes(file.string()));
  }
  return texts;
}

/// One to four bytes replaced, removed or doubled.
std::string mutated(std::string text, std::mt19937& random) {
  static constexpr std::string_view letters("\n\r\t ,;:|\"#%.-+eE0179xn\0\xff", 24);
  for (unsigned change = random() % 4 + 1; change > 0 && !text.empty(); --change) {
    const std::size_t at = random() % text.size();
    const char letter = letters[random() % letters.size()];
    switch (random() % 4) {
      case 0:
        text[at] = letter;
        break;
      case 1:
        text.insert(at, 1, letter);
        break;
      case 2:
        text.erase(at, 1 + random() % 5);
        break;
      default:
        text.insert(at, text.substr(random() % text.size(), random() % 20));
    }
  }
  return text;
}

TEST(MutatedText, IsReadOrRefusedTheSameWayForAnyChunks) {
  // Thousands of tiny texts: starting threads would take longer than reading.
  use_threads(1);
  std::mt19937 random(20);
  for (const std::string& seed : corpus()) {
    for (int round = 0; round < 15; ++round) {
      const ExactBlock block(mutated(seed, random));
      ReadOptions options;
      options.on_bad_line = round % 3 == 0 ? OnBadLine::skip : OnBadLine::error;
      options.rating_optional = round % 5 == 0;
      const std::string whole = outcome_of(block.text(), options);
      EXPECT_NE(whole, "not balanced");
      for (const std::int64_t chunk_bytes : {1, 9, 64}) {
        options.chunk_bytes = chunk_bytes;
        ASSERT_EQ(outcome_of(block.text(), options), whole) << block.text();
      }
    }
  }
  use_threads(2);
}

}  // namespace
}  // namespace alsatian
