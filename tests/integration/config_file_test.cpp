// Config files: what a line may say, and that every line that says something else is named.
// The table is the specification: text of the file, first line of the error, remedy.
#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <linux/capability.h>
#include <ostream>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;

RunResult train_with(const std::string& config, const std::vector<std::string>& more = {}) {
  return run(
      with({"train", "--data", ProblemFolder::shared().ratings(), "--config", config}, more));
}

struct BadConfig {
  std::string text;
  int line;
  std::string what;
  std::string help;
};

void PrintTo(const BadConfig& bad, std::ostream* stream) { *stream << bad.text; }

class BadConfigFile : public ::testing::TestWithParam<BadConfig> {};

TEST_P(BadConfigFile, IsExit64WithFileLineRuleAndRemedy) {
  const TemporaryFolder folder;
  const std::string config = folder.file("alsatian.toml");
  write_bytes(config, GetParam().text);
  expect_refusal(train_with(config), 64,
                 config + ":" + std::to_string(GetParam().line) + ": " + GetParam().what,
                 GetParam().help);
}

INSTANTIATE_TEST_SUITE_P(
    Lines, BadConfigFile,
    ::testing::Values(
        BadConfig{"k = 3\n\nepochz = 3\n", 3, "\"epochz\" is not an option of alsatian train",
                  "did you mean epochs?"},
        BadConfig{"# k\n--k = 3\n", 2, "\"--k\" is not an option of alsatian train",
                  "did you mean k?"},
        BadConfig{"test.x = 3\n", 1, "\"test.x\" is not an option of alsatian train",
                  "did you mean test?"},
        BadConfig{"zzzzzz = 3\n", 1, "\"zzzzzz\" is not an option of alsatian train",
                  "alsatian train --help lists the options"},
        BadConfig{"\r\nlambda = x\r\n", 2, "reg x: must be auto, or a number between 0 and 1e+12",
                  "try --reg 1.2 or --reg auto"},
        BadConfig{"k = 3 4\n", 1, "k \"3 4\": must be a whole number between 0 and 1024",
                  "try --k 64"},
        BadConfig{"rating-range = 5:1\n", 1,
                  "rating-range: \"5:1\" must be LOWEST:HIGHEST with LOWEST not above HIGHEST",
                  "try --rating-range 0.5:5"},
        BadConfig{"\n\nquiet = banana\n", 3, "quiet banana: must be true or false",
                  "write quiet = true"},
        BadConfig{"out =\n", 1, "out \"\": must not be empty",
                  "give it as in: alsatian train --out FILE"},
        BadConfig{"out = # none\n", 1, "out \"\": must not be empty",
                  "give it as in: alsatian train --out FILE"},
        BadConfig{"k = 3\nfactors = 4\n", 2, "k: is given more than once, first on line 1",
                  "give it once"},
        BadConfig{"quiet = true\nquiet = true\n", 2,
                  "quiet: is given more than once, first on line 1", "give it once"},
        BadConfig{"epochs = [2, 3]\n", 1, "epochs: is given more than once (\"2\" and \"3\")",
                  "give it once"}));

INSTANTIATE_TEST_SUITE_P(
    Syntax, BadConfigFile,
    ::testing::Values(
        BadConfig{"k = 3\n[train]\nepochs = 2\n[train]\n", 2,
                  "\"[train]\" starts a section, and options stand in none", "leave the line out"},
        BadConfig{"k\n", 1, "\"k\" is not name = value", "write one option a line, as in k = 64"},
        BadConfig{"k : 3\n", 1, "\"k : 3\" is not name = value",
                  "write one option a line, as in k = 64"},
        BadConfig{" = 3\n", 1, "\"= 3\" is not name = value",
                  "write one option a line, as in k = 64"},
        BadConfig{"config = \"other.toml\"\n", 1, "\"config\" cannot be set in a config file",
                  "leave the line out"},
        BadConfig{"help = true\n", 1, "\"help\" cannot be set in a config file",
                  "leave the line out"},
        BadConfig{"out = \"model\n", 1, "the quote of \"\\\"model\" is not closed on its line",
                  "close it"},
        BadConfig{"out = 'model\n", 1, "the quote of \"'model\" is not closed on its line",
                  "close it"},
        BadConfig{"out = \"model\" x\n", 1, "\"x\" stands behind the value",
                  "put the whole value in quotes"},
        BadConfig{"out = \"C:\\models\"\n", 1, "\"\\\\m\" is no escape in a string",
                  "write a backslash twice, or put the value in 'single quotes'"},
        BadConfig{"test = [\"a\",\n\"b\"]\n", 1, "the list is not closed on its line",
                  "end the line with ]"},
        BadConfig{"test = []\n", 1, "the list is empty", "leave the line out, or give it a value"},
        BadConfig{std::string("k = 3\n\x7f"
                              "ELF\x02\x01\0\0",
                              14),
                  2, "the line has bytes that are no text: is it a config file?",
                  "name a text file after --config"}));

TEST(ConfigFile, TakesStringsListsCommentsAndAByteOrderMark) {
  const TemporaryFolder folder;
  const std::string config = folder.file("alsatian.ini");
  for (const std::string name : {"first #1.csv", "second 'b'.csv", "plain words.csv"}) {
    write_bytes(folder.file(name), small_ratings(10, 10));
  }
  write_bytes(config,
              "\xef\xbb\xbf; INI\n# TOML\n\"k\" = 2 # few\nepochs=1\ndelimiter = ','\n"
              "columns = 1,2,3\ndry-run = false\ntest = ['first #1.csv', \"second 'b'.csv\",]\n"
              "data = plain words.csv\nlog = \"\\\\a\\tb\"");
  RunOptions options;
  options.folder = folder.path().string();
  const RunResult result = run({"train", "--config", config}, options);
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("k 2, 1 epoch,"));
  EXPECT_THAT(result.error, HasSubstr("100 for testing (first #1.csv)"));
  EXPECT_THAT(result.error, HasSubstr("100 for testing (second 'b'.csv)"));
  EXPECT_TRUE(std::filesystem::exists(folder.file("\\a\tb")));
}

TEST(ConfigFile, ThatIsMissingOrAFolderOrADeviceIs66AndOneOfAnySizeIs64) {
  const TemporaryFolder folder;
  const std::string path = folder.path().string();
  expect_refusal(train_with(folder.file("none")), 66, folder.file("none") + ": no such file",
                 "check the path after --config");
  expect_refusal(train_with(path), 66, path + ": is a folder", "name a file after --config");
  expect_refusal(train_with("/dev/zero"), 66, "/dev/zero: is a device, not a file",
                 "name a file after --config");
  const std::string config = folder.file("alsatian.toml");
  write_bytes(config, std::string((1 << 20) + 1, '\n'));
  expect_refusal(train_with(config), 64, config + ": is longer than 1 MiB: is it a config file?",
                 "write one `name = value` a line");
}

TEST(ConfigFile, ThatMayNotBeReadIs77) {
  const TemporaryFolder folder;
  const std::string config = folder.file("alsatian.toml");
  write_bytes(config, "k = 3\n");
  ::chmod(config.c_str(), 0);
  RunOptions options;
  // Root may read every file but for these two; another user might not reach the program.
  options.in_child = [] {
    for (const int capability : {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH}) {
      if (::getuid() == 0 && ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) ::_exit(125);
    }
  };
  expect_refusal(run({"train", "--data", "ratings.csv", "--config", config}, options), 77,
                 config + ": cannot be read: Permission denied",
                 "check the path after --config and its permissions");
}

TEST(ConfigFile, GivenTwiceIsRefused) {
  expect_refusal(train_with("a", {"--config", "b"}), 64,
                 "--config: is given more than once (\"a\" and \"b\")", "give it once");
}

}  // namespace
}  // namespace alsatian::testing
