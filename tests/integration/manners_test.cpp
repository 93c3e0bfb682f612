// What people and scripts meet on the way: lists of ids, words of commands, terminals, names.
// Nothing here changes a number; each was a surprise to somebody.
#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const ProblemFolder& problem() { return ProblemFolder::shared(); }

RunResult recommend(const std::string& users, const std::vector<std::string>& more = {}) {
  return run(
      with({"recommend", problem().model(), "--users", users, "--include-seen", "--quiet"}, more));
}

TEST(ListOfUsers, AnswersEachOnceAndTakesBlanksBesideCommas) {
  const RunResult both = recommend("1,2");
  ASSERT_EQ(both.code, 0) << both.error;
  EXPECT_EQ(recommend("1,1,2,1").output, both.output);
  EXPECT_EQ(recommend(" 1 , 2 ").output, both.output);
  EXPECT_EQ(recommend("\"1\" , \"2\"").output, both.output);
  EXPECT_EQ(recommend("\"1\" \"2\"").code, 64);
  EXPECT_EQ(recommend("1, ,2").code, 64);
}

TEST(ReadingOptions, WithoutRatingsToReadAreRefused) {
  expect_refusal(recommend("1", {"--delimiter", ";"}), 64,
                 "--delimiter: says how to read ratings, and none are read",
                 "leave out --delimiter, or give --data instead of --include-seen");
}

TEST(Predict, SpeaksOfPairs) {
  const RunResult result = run({"predict", problem().model(), "--pairs", problem().ratings()});
  EXPECT_THAT(result.error, HasSubstr("pairs    " + problem().ratings()));
  EXPECT_THAT(result.error, HasSubstr("9002 = pairs 9001 + "));
}

TEST(Evaluate, SeparatesItsTablesByOneBlankLine) {
  const TemporaryFolder folder;
  write_bytes(folder.file("a"), "1,1,3\n");
  write_bytes(folder.file("b"), "1,2,3\n");
  const RunResult result = run({"evaluate", problem().model(), "--quiet", "--test",
                                folder.file("a"), "--test", folder.file("b")});
  ASSERT_EQ(result.code, 0) << result.error;
  std::vector<std::string> headers;
  std::string before;
  for (const std::string& line : lines_of(result.output)) {
    if (before.empty()) headers.push_back(fields_of(line)[1]);
    before = line;
  }
  EXPECT_EQ(headers, (std::vector<std::string>{"group", "figure", "group", "figure"}));
}

TEST(Titles, BringNoControlCharacters) {
  const TemporaryFolder folder;
  write_bytes(folder.file("movies.csv"),
              "movieId,title,genres\n1,\x1b[31mRed\x07\\,x\n" + std::string(99, 'a') + ",2,x\n");
  for (const char* format : {"tsv", "text", "jsonl"}) {
    const RunResult result = recommend(
        "1", {"--movies", folder.file("movies.csv"), "--top", "1000", "--format", format});
    ASSERT_EQ(result.code, 0) << result.error;
    EXPECT_THAT(result.output, HasSubstr("Red")) << format;
    EXPECT_THAT(result.output, Not(HasSubstr("\x1b"))) << format;
    EXPECT_THAT(result.output, Not(HasSubstr("\x07"))) << format;
    if (std::string_view(format) == "tsv") {
      EXPECT_THAT(result.output, HasSubstr("\\x1b[31mRed\\x07\\\\"));
    }
  }
}

TEST(Titles, AreFoundWhateverTheCaseOfTheirLetters) {
  const TemporaryFolder folder;
  write_bytes(folder.file("movies.csv"),
              "movieId,title,genres\n1,\xc3\x89t\xc3\xa9 \xd0\x9b\xd0\x95\xd0\xa2\xd0\x9e,x\n");
  const std::vector<std::string> similar{"similar", problem().model(), "--movies",
                                         folder.file("movies.csv"), "--item"};
  const RunResult by_id = run(with(similar, {"1"}));
  ASSERT_EQ(by_id.code, 0) << by_id.error;
  // été лето, in lower case, in the C locale too.
  RunOptions options;
  options.environment = {"LC_ALL=C"};
  const RunResult by_title =
      run(with(similar, {"\xc3\xa9t\xc3\xa9 \xd0\xbb\xd0\xb5\xd1\x82\xd0\xbe"}), options);
  EXPECT_EQ(by_title.output, by_id.output) << by_title.error;
}

TEST(Terminal, ThatIsDumbIsSentNoCommands) {
  if (!terminals_available()) GTEST_SKIP() << "/dev/pts is not mounted: there are no terminals";
  RunOptions options;
  options.on_terminal = true;
  options.environment = {"TERM=dumb"};
  const RunResult result = run(train_arguments({"--epochs", "4"}), options);
  ASSERT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, Not(HasSubstr("\x1b")));
  EXPECT_THAT(result.output, Not(HasSubstr("left")));
  EXPECT_THAT(result.output, HasSubstr("predictor    part         ratings    rmse"));
}

TEST(Quiet, IsTakenByEveryCommandThatReadsAModel) {
  EXPECT_EQ(run({"inspect", problem().model(), "--quiet"}).code, 0);
  EXPECT_EQ(run({"similar", problem().model(), "--user", "1", "--quiet"}).code, 0);
}

TEST(Words, AfterHelpNameACommandAndAfterVersionAreRefused) {
  const RunResult help = run({"help", "train"});
  ASSERT_EQ(help.code, 0) << help.error;
  EXPECT_EQ(run({"--help", "train"}).output, help.output);
  expect_refusal(run({"--version", "extra"}), 64, "--version: does not take \"extra\"",
                 "leave it out");
  EXPECT_EQ(run({"help", "train", "extra"}).code, 64);
}

TEST(Counts, OfOneAreSingular) {
  const TemporaryFolder folder;
  write_bytes(folder.file("ratings"), "1,1,3\n1,2,4\n");
  const RunResult result =
      run({"train", "--data", folder.file("ratings"), "--k", "1", "--epochs", "1"});
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("1 user, 2 items, 2 training ratings"));
  EXPECT_THAT(result.error, HasSubstr(", 1 epoch, "));
}

TEST(TestFile, NamedTrainIsNotTakenForTheTrainingPart) {
  const TemporaryFolder folder;
  write_bytes(folder.file("train"), "1,1,3\n");
  const RunResult result = run({"train", "--data", problem().ratings(), "--test",
                                folder.file("train"), "--k", "2", "--epochs", "1", "--quiet"});
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv summary(result.output);
  EXPECT_EQ(summary.number(summary.find("part", folder.file("train")), "ratings"), 1);
  EXPECT_EQ(summary.number(summary.find("part", "train"), "ratings"), 9001);
}

}  // namespace
}  // namespace alsatian::testing
