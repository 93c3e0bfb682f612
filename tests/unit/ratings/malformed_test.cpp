// Every file of data/malformed gives the error that its manifest promises: code, place, what the
// message says and what the remedy is; the same whatever the threads, the chunks and the packing.
#include "tests/support/malformed.hpp"

#include "host/ratings/reader.hpp"
#include "kernels/cpu/parallel.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/unit/ratings/packed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace alsatian {
namespace {

using testing::error_of;
using testing::gzipped;
using ::testing::HasSubstr;
using testing::Malformed;
using testing::malformed_files;
using testing::malformed_folder;
using testing::read_bytes;
using testing::split;
using testing::TemporaryFolder;
using testing::write_bytes;

/// Options as the manifest has them, in the words of the command line.
ReadOptions options_of(const std::string& text) {
  ReadOptions options;
  const std::vector<std::string> words = split(text, ' ');
  for (std::size_t index = 0; index + 1 < words.size(); index += 2) {
    const std::string& value = words[index + 1];
    if (words[index] == "--columns") options.columns = split(value, ',');
    if (words[index] == "--ids") {
      options.ids = value == "integer" ? IdKind::integer : IdKind::string;
    }
    if (words[index] == "--decimal") options.decimal = value[0];
    if (words[index] == "--member") options.member = value;
    if (words[index] == "--on-bad-line") {
      options.on_bad_line = OnBadLine::skip;
      if (value.size() > 5) options.bad_line_limit = std::stoll(value.substr(5));
    }
  }
  return options;
}

class MalformedFile : public ::testing::TestWithParam<Malformed> {
 protected:
  ~MalformedFile() override { use_threads(2); }
};

TEST_P(MalformedFile, GivesTheErrorOfTheManifest) {
  const Malformed& expected = GetParam();
  const std::string path = (malformed_folder() / expected.file).string();
  const auto error = error_of([&] { read_ratings(path, options_of(expected.options)); });
  ASSERT_TRUE(error) << "no error";
  EXPECT_EQ(std::to_string(static_cast<int>(error->code())), expected.code);
  EXPECT_THAT(error->place(), ::testing::StartsWith(path + expected.place));
  EXPECT_THAT(error->what(), HasSubstr(expected.message));
  EXPECT_THAT(error->help(), HasSubstr(expected.help));
  EXPECT_THAT(error->what(), ::testing::Not(HasSubstr("\n")));
}

TEST_P(MalformedFile, GivesTheSameErrorForAnyThreadsAndChunks) {
  const Malformed& expected = GetParam();
  const std::string path = (malformed_folder() / expected.file).string();
  ReadOptions options = options_of(expected.options);
  const auto usual = error_of([&] { read_ratings(path, options); });
  for (const int threads : {1, 3}) {
    for (const std::int64_t chunk_bytes : {1, 5}) {
      use_threads(threads);
      options.chunk_bytes = chunk_bytes;
      const auto error = error_of([&] { read_ratings(path, options); });
      ASSERT_TRUE(usual && error);
      EXPECT_EQ(error->place(), usual->place());
      EXPECT_STREQ(error->what(), usual->what());
    }
  }
}

TEST_P(MalformedFile, GivesTheSameErrorWhenPacked) {
  const Malformed& expected = GetParam();
  const bool is_packed = expected.file.find("gz") != std::string::npos ||
                         expected.file.find(".zip") != std::string::npos ||
                         expected.file.find(".xlsx") != std::string::npos;
  if (is_packed) return;
  const TemporaryFolder temporary;
  const std::string bytes = read_bytes((malformed_folder() / expected.file).string());
  write_bytes(temporary.file("packed.gz"), gzipped(bytes));
  testing::write_zip(temporary.file("packed.zip"), {{"inside", bytes}});
  for (const std::string& path : {temporary.file("packed.gz"), temporary.file("packed.zip")}) {
    const auto error = error_of([&] { read_ratings(path, options_of(expected.options)); });
    ASSERT_TRUE(error) << "no error";
    EXPECT_THAT(error->place(), HasSubstr(expected.place));
    EXPECT_THAT(error->what(), HasSubstr(expected.message));
  }
}

INSTANTIATE_TEST_SUITE_P(Manifest, MalformedFile, ::testing::ValuesIn(malformed_files()),
                         [](const auto& entry) { return testing::name_of(entry.param); });

TEST(MalformedFolder, HasAtLeastFortyFiveFilesAndTheManifestNamesEach) {
  std::set<std::string> listed;
  for (const Malformed& entry : malformed_files()) listed.insert(entry.file);
  std::set<std::string> present;
  for (const auto& entry : std::filesystem::directory_iterator(malformed_folder())) {
    present.insert(entry.path().filename().string());
  }
  present.erase("manifest.tsv");
  EXPECT_EQ(listed, present);
  EXPECT_GE(listed.size(), 45U);
}

TEST(MalformedGenerated, LineOfTwoMebibytesIsNamedAsTooLong) {
  const TemporaryFolder temporary;
  const std::string path = temporary.file("ratings.csv");
  write_bytes(path, std::string(2 << 20, '7'));
  EXPECT_TRUE(testing::fails_with(ExitCode::bad_data, ":1: the line is longer than 1 MiB",
                                  [&] { read_ratings(path, {}); }));
  write_bytes(path, "1,2,3\n" + std::string(2 << 20, '7') + "\n2,3,4\n");
  EXPECT_TRUE(testing::fails_with(ExitCode::bad_data, ":2: the line is longer than 1 MiB",
                                  [&] { read_ratings(path, {}); }));
}

TEST(MalformedGenerated, QuoteThatNeverClosesInALongFileIsNamedWhereItOpens) {
  std::string text = "1,2,3\n1,3,4\n\"2,3,4\n";
  while (text.size() < (3 << 20)) text += "4,5,6\n";
  const TemporaryFolder temporary;
  write_bytes(temporary.file("ratings.csv"), text);
  EXPECT_TRUE(testing::fails_with(ExitCode::bad_data, ":3:1: the quote that opens here",
                                  [&] { read_ratings(temporary.file("ratings.csv"), {}); }));
}

TEST(MalformedGenerated, MillionBadLinesGiveOneShortMessage) {
  std::string text = "1,2,3\n1,3,4\n";
  for (int line = 0; line < 1000000; ++line) text += "x\n";
  const TemporaryFolder temporary;
  write_bytes(temporary.file("ratings.csv"), text);
  ReadOptions options;
  options.on_bad_line = OnBadLine::skip;
  options.bad_line_limit = 100;
  const auto error = error_of([&] { read_ratings(temporary.file("ratings.csv"), options); });
  ASSERT_TRUE(error);
  EXPECT_THAT(error->what(), HasSubstr("more than 100 bad lines, on line 3, 4, 5, 6, 7, ..."));
  EXPECT_LT(std::string(error->what()).size() + error->help().size(), 400U);
}

}  // namespace
}  // namespace alsatian
