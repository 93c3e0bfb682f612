// Every file of data/malformed through the program: the exit code and the two lines that its
// manifest promises, nothing on standard output, and no file written, also over an older model.
#include "tests/support/malformed.hpp"

#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class MalformedRatings : public ::testing::TestWithParam<Malformed> {
 protected:
  std::string path() const { return (malformed_folder() / GetParam().file).string(); }

  /// The arguments with the options of the manifest.
  RunResult run_with_options(std::vector<std::string> arguments) const {
    for (const std::string& word : split(GetParam().options, ' ')) {
      if (!word.empty()) arguments.push_back(word);
    }
    return run(arguments);
  }

  /// The lines of the manifest, behind `before` lines about files that were read well.
  void expect_error(const RunResult& result, std::size_t before) const {
    const Malformed& expected = GetParam();
    EXPECT_EQ(std::to_string(result.code), expected.code) << result.error;
    EXPECT_EQ(result.output, "");
    const std::vector<std::string> lines = lines_of(result.error);
    ASSERT_EQ(lines.size(), before + 2) << result.error;
    EXPECT_THAT(lines[before], StartsWith("alsatian: error: " + path() + expected.place));
    EXPECT_THAT(lines[before], HasSubstr(expected.message));
    EXPECT_THAT(lines[before + 1], StartsWith("  help: "));
    EXPECT_THAT(lines[before + 1], HasSubstr(expected.help));
  }
};

TEST_P(MalformedRatings, EndTrainingWithTheErrorOfTheManifestAndNoFile) {
  const TemporaryFolder folder;
  expect_error(run_with_options({"train", "--data", path(), "--k", "2", "--out",
                                 folder.file("model"), "--log", folder.file("log.jsonl")}),
               0);
  EXPECT_EQ(folder.entries(), 0U);
}

TEST_P(MalformedRatings, AsTestFileEndTrainingBeforeItBegins) {
  // What is said of columns and members would be said of the training file first.
  if (!GetParam().options.empty()) return;
  const TemporaryFolder folder;
  const std::string data = folder.file("ratings.csv");
  const std::string model = folder.file("model");
  write_bytes(data, small_ratings(3, 3));
  write_bytes(model, "an older model");
  // One line is said of the training file.
  expect_error(run({"train", "--data", data, "--test", path(), "--k", "2", "--out", model}), 1);
  EXPECT_EQ(read_bytes(model), "an older model");
  EXPECT_EQ(folder.entries(), 2U);
}

INSTANTIATE_TEST_SUITE_P(Manifest, MalformedRatings, ::testing::ValuesIn(malformed_files()),
                         [](const auto& entry) { return name_of(entry.param); });

}  // namespace
}  // namespace alsatian::testing
