// Which files a run reads, what it calls them, and that no output ever overwrites one of them.
// Standard input is an input like any other: it has one name, and it can be read once.
#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;

const ProblemFolder& problem() { return ProblemFolder::shared(); }

/// Standard input is this file, as after `<`.
RunOptions reading_from(const std::string& path) {
  RunOptions options;
  options.in_child = [path] {
    const int descriptor = ::open(path.c_str(), O_RDONLY);
    ::dup2(descriptor, 0);
  };
  return options;
}

TEST(Outputs, ThatAreTheConfigFileAreRefusedByAnyName) {
  const TemporaryFolder folder;
  const std::string config = folder.file("alsatian.toml");
  write_bytes(config, "k = 2\n");
  std::filesystem::create_symlink(config, folder.file("symbolic"));
  std::filesystem::create_hard_link(config, folder.file("hard"));
  for (const std::string& out : {config, folder.file("symbolic"), folder.file("hard"),
                                 folder.path().string() + "/./alsatian.toml"}) {
    for (const std::string option : {"--out", "--log", "--rejects"}) {
      expect_refusal(run({"train", "--data", problem().ratings(), "--config", config, option, out}),
                     64, out + ": output would overwrite the input \"" + config + "\"",
                     "choose another output");
    }
  }
  EXPECT_EQ(read_bytes(config), "k = 2\n");
  EXPECT_EQ(folder.entries(), 3U);
}

TEST(Outputs, ThatAreTheFileBehindStandardInputAreRefused) {
  const TemporaryFolder folder;
  const std::string data = folder.file("ratings.csv");
  const std::string before = read_bytes(problem().ratings());
  write_bytes(data, before);
  const std::string refusal = data + ": output would overwrite the input \"stdin\"";
  const std::string help = "choose another output";
  const RunOptions options = reading_from(data);
  for (const std::string option : {"--out", "--log", "--rejects"}) {
    expect_refusal(run({"train", "--data", "-", option, data}, options), 64, refusal, help);
    expect_refusal(
        run({"train", "--data", problem().ratings(), "--test", "-", option, data}, options), 64,
        refusal, help);
  }
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"predict", problem().model(), "--pairs", "-"},
        {"evaluate", problem().model(), "--test", "-"},
        {"compare", problem().model(), problem().model(), "--test", "-"},
        {"recommend", problem().model(), "--users", "1", "--data", "-"}}) {
    expect_refusal(run(with(words, {"--rejects", data}), options), 64, refusal, help);
  }
  EXPECT_EQ(read_bytes(data), before);
  EXPECT_EQ(folder.entries(), 1U);
}

TEST(PackedRatings, ThatDoNotFitTheMemoryAre71) {
  const TemporaryFolder folder;
  const std::string data = folder.file("ratings.csv.gz");
  ASSERT_EQ(run({"generate", "--users", "2000", "--items", "900", "--ratings", "200000", "--out",
                 data, "--quiet"})
                .code,
            0);
  const std::vector<std::string> train{"train", "--data", data, "--k", "2", "--dry-run", "--quiet"};
  EXPECT_EQ(run(with(train, {"--max-memory", "64M"})).code, 0);
  expect_refusal(run(with(train, {"--max-memory", "8M"})), 71,
                 data + ": takes more than 4194304 bytes of memory, half of what is free",
                 "pass it as a plain file, which takes none, or free memory");
}

TEST(StandardInput, IsRefusedASecondTime) {
  const std::string help = "save it to a file and name that";
  expect_refusal(run({"train", "--data", "-", "--test", "-"}), 64,
                 "--test -: standard input is read by --data already", help);
  expect_refusal(run({"train", "--data", "r.csv", "--test", "-", "--test", "-"}), 64,
                 "--test -: standard input is read by --test already", help);
  expect_refusal(run({"evaluate", problem().model(), "--data", "-", "--test", "-"}), 64,
                 "--test -: standard input is read by --data already", help);
  expect_refusal(
      run({"recommend", problem().model(), "--users", "1", "--data", "-", "--movies", "-"}), 64,
      "--movies -: standard input is read by --data already", help);
}

TEST(StandardInput, IsCalledStdinInEveryMessageAndResult) {
  const auto expect_place = [](const std::vector<std::string>& arguments, const std::string& input,
                               const std::string& first_line) {
    RunOptions options;
    options.input = input;
    const RunResult result = run(with(arguments, {"--quiet"}), options);
    EXPECT_EQ(result.code, 65);
    EXPECT_THAT(lines_of(result.error).front(), ::testing::StartsWith(first_line));
  };
  const std::string unknown = "nobody,nothing,3\nnoone,nought,4\n";
  const std::string start = "alsatian: error: stdin: ";
  expect_place({"train", "--data", "-"}, "1,2,3\n1,3,x\n", "alsatian: error: stdin:2:5: rating");
  expect_place({"predict", problem().model(), "--pairs", "-"}, unknown,
               start + "no id of \"stdin\" is in the model");
  expect_place({"evaluate", problem().model(), "--test", "-"}, unknown,
               start + "no id of stdin is");
  expect_place({"evaluate", problem().model(), "--data", "-"}, unknown,
               start + "is not the data that the model was trained on");

  RunOptions options;
  options.input = small_ratings(5, 5);
  const RunResult trained =
      run({"train", "--data", problem().ratings(), "--test", "-", "--k", "2"}, options);
  EXPECT_THAT(trained.error, HasSubstr("ratings  stdin: comma-separated"));
  EXPECT_THAT(trained.error, HasSubstr("25 for testing (stdin)"));
  EXPECT_THAT(trained.error, HasSubstr("ratings of stdin are for pairs that are trained on too"));
  EXPECT_THAT(trained.output, HasSubstr("als\tstdin\t25"));
  RunOptions closed;
  closed.in_child = [] { ::close(0); };
  EXPECT_THAT(run({"train", "--data", "-"}, closed).error, HasSubstr("alsatian: error: stdin: "));
}

TEST(Ratings, TooSmallForFloatAreZeroWithAWarningAlsoWhenQuiet) {
  const TemporaryFolder folder;
  const std::string data = folder.file("ratings.csv");
  write_bytes(data, small_ratings(20, 20) + "21,1,1e-46\n21,2,-1e-300\n");
  const RunResult result = run({"train", "--data", data, "--k", "2", "--quiet"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.error, "alsatian: warning: " + data +
                              ": 2 ratings are too small for float32 and count as 0, the first on "
                              "line 401\n");
  write_bytes(data, small_ratings(20, 20) + "21,1,1e39\n");
  expect_refusal(run({"train", "--data", data, "--quiet"}), 65,
                 data + ":401:6: rating \"1e39\" does not fit float32 (at most 3.4e38)",
                 "divide all ratings by the same number");
}

TEST(Pairs, MayHaveAnythingInOtherColumns) {
  RunOptions options;
  const auto predictions = [&](const std::string& pairs) {
    options.input = pairs;
    const RunResult result = run({"predict", problem().model(), "--pairs", "-"}, options);
    EXPECT_EQ(result.code, 0) << result.error;
    return result.output;
  };
  const std::string plain = predictions("1,2\n2,1\n");
  EXPECT_EQ(lines_of(plain).size(), 3U);
  EXPECT_EQ(predictions("1,2,good\n2,1,bad\n"), plain);
  EXPECT_EQ(predictions("1,2,\n2,1,\n"), plain);
  EXPECT_EQ(predictions("userId,movieId,rating,timestamp\n1,2,?,yesterday\n2,1,?,today\n"), plain);
}

TEST(Pairs, OfStringIdsAreAllPredictedAlsoWhereNumbersFollow) {
  const TemporaryFolder folder;
  const std::string data = folder.file("ratings.csv");
  const std::string model = folder.file("model");
  write_bytes(data, "user,item,rating\nalice,matrix,4\nbob,7,3\n5,matrix,2\n5,7,1\n9,8,2\n");
  ASSERT_EQ(run({"train", "--data", data, "--ids", "string", "--k", "1", "--out", model}).code, 0);
  const std::vector<std::string> predict{"predict", model, "--pairs", "-", "--quiet"};
  for (const std::string first : {"alice,matrix", "alice,unheard", "nobody,nothing"}) {
    for (const std::vector<std::string>& more :
         {std::vector<std::string>{}, {"--ids", "string"}, {"--columns", "1,2"}}) {
      RunOptions options;
      options.input = first + "\n5,7\n9,8\n";
      const RunResult result = run(with(predict, more), options);
      ASSERT_EQ(result.code, 0) << result.error;
      const Tsv rows(result.output);
      ASSERT_EQ(rows.rows(), 3U) << first;
      EXPECT_EQ(rows.at(0, "user") + "," + rows.at(0, "item"), first);
    }
  }
  RunOptions options;
  options.input = "user,item\n5,7\n9,8\n";
  EXPECT_EQ(Tsv(run(predict, options).output).rows(), 2U);
  // Numbers are ids as they are written, and the integers of a matrix are their text.
  options.input = "05,7\n5,7\n9,8\n";
  const Tsv rows(run(predict, options).output);
  ASSERT_EQ(rows.rows(), 3U);
  EXPECT_NE(rows.at(0, "prediction"), rows.at(1, "prediction"));
  options.input = "%%MatrixMarket matrix coordinate pattern general\n9 9 2\n5 7\n9 8\n";
  const Tsv matrix(run(predict, options).output);
  ASSERT_EQ(matrix.rows(), 2U);
  EXPECT_EQ(matrix.at(0, "prediction"), rows.at(1, "prediction"));
}

TEST(Quiet, LeavesNothingButResultsOfEveryCommand) {
  const TemporaryFolder folder;
  const std::string model = problem().model();
  const std::string data = problem().ratings();
  const std::vector<std::vector<std::string>> commands{
      {"train", "--data", data, "--k", "2", "--quiet"},
      {"evaluate", model, "--data", data, "--quiet"},
      {"compare", model, model, "--data", data, "--quiet"},
      {"predict", model, "--pairs", data, "--quiet"},
      {"recommend", model, "--users", "1", "--data", data, "--top", "1000", "--quiet"},
      {"generate", "--out", folder.file("made.csv"), "--quiet"},
      // These two say nothing that could be silenced.
      {"similar", model, "--user", "1", "--movies", problem().movies()},
      {"inspect", model}};
  for (const auto& words : commands) {
    const RunResult result = run(words);
    EXPECT_EQ(result.code, 0) << words[0];
    EXPECT_EQ(result.error, "") << words[0];
  }
}

TEST(Rejects, HoldTheRejectedLinesOfEveryInputWithItsName) {
  const TemporaryFolder folder;
  const std::string rejects = folder.file("rejects.tsv");
  write_bytes(folder.file("train.csv"), small_ratings(20, 20) + "1,oops\n");
  write_bytes(folder.file("one.csv"), "1,2,3\n2,3,nan\n3,4,5\n");
  write_bytes(folder.file("two.csv"), "1,2,3\n2,3,4\n3,4,five\n");
  const std::vector<std::string> reading{"--test",        folder.file("one.csv"),
                                         "--test",        folder.file("two.csv"),
                                         "--on-bad-line", "skip",
                                         "--rejects",     rejects};
  const auto expect_rows = [&](const std::vector<std::vector<std::string>>& expected) {
    const Tsv rows(read_bytes(rejects));
    ASSERT_EQ(rows.rows(), expected.size());
    for (std::size_t row = 0; row < expected.size(); ++row) {
      EXPECT_EQ(rows.at(row, "file"), folder.file(expected[row][0]));
      EXPECT_EQ(rows.at(row, "line"), expected[row][1]);
      EXPECT_EQ(rows.at(row, "text"), expected[row][2]);
    }
  };
  const RunResult trained = run(
      with({"train", "--data", folder.file("train.csv"), "--k", "2", "--out", folder.file("model")},
           reading));
  ASSERT_EQ(trained.code, 0) << trained.error;
  expect_rows(
      {{"train.csv", "401", "1,oops"}, {"one.csv", "2", "2,3,nan"}, {"two.csv", "3", "3,4,five"}});
  const RunResult evaluated = run(with({"evaluate", folder.file("model")}, reading));
  ASSERT_EQ(evaluated.code, 0) << evaluated.error;
  expect_rows({{"one.csv", "2", "2,3,nan"}, {"two.csv", "3", "3,4,five"}});
}

TEST(Rejects, AreWrittenAlsoWhereTheRunFails) {
  const TemporaryFolder folder;
  const std::string data = folder.file("ratings.csv");
  const std::string rejects = folder.file("rejects.tsv");
  const auto rejected_lines = [&](const std::string& text, const std::string& rule,
                                  const std::string& first_line) {
    write_bytes(data, text);
    std::filesystem::remove(rejects);
    const RunResult result = run({"train", "--data", data, "--k", "1", "--on-bad-line", rule,
                                  "--rejects", rejects, "--quiet"});
    EXPECT_EQ(result.code, 65);
    EXPECT_THAT(result.error, HasSubstr("alsatian: error: " + data + first_line));
    const Tsv rows(read_bytes(rejects));
    std::vector<std::string> lines;
    for (std::size_t row = 0; row < rows.rows(); ++row) lines.push_back(rows.at(row, "line"));
    return lines;
  };
  EXPECT_THAT(rejected_lines("1,2,3\n1,x,4\n2,2,?\n2,3,1\n", "skip:1", ":2:3: more than 1 bad"),
              ::testing::ElementsAre("2", "3"));
  EXPECT_THAT(rejected_lines("1,2,?\n1,3,!\n", "skip", ": has no good line"),
              ::testing::ElementsAre("1", "2"));
}

TEST(Rejects, AreRefusedWhereNoLineIsSkipped) {
  const std::string help = "give --on-bad-line skip too, or leave out --rejects";
  const std::string refusal =
      "--rejects: lists skipped lines, and none is skipped without --on-bad-line skip";
  const TemporaryFolder folder;
  const std::string data = problem().ratings();
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"train", "--data", data},
        {"evaluate", problem().model(), "--test", data},
        {"compare", problem().model(), problem().model(), "--test", data},
        {"predict", problem().model(), "--pairs", data},
        {"recommend", problem().model(), "--users", "1", "--data", data}}) {
    expect_refusal(run(with(words, {"--rejects", folder.file("rejects")})), 64, refusal, help);
  }
  EXPECT_EQ(folder.entries(), 0U);
}

TEST(TestFiles, GivenASecondTimeByAnyNameAreRefused) {
  const TemporaryFolder folder;
  const std::string test = folder.file("test.csv");
  write_bytes(test, small_ratings(3, 3));
  std::filesystem::create_symlink(test, folder.file("link.csv"));
  for (const std::string& again :
       {test, folder.file("link.csv"), folder.path().string() + "/./test.csv"}) {
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"train", "--data", problem().ratings()},
          {"evaluate", problem().model()}}) {
      expect_refusal(run(with(words, {"--test", test, "--test", again})), 64,
                     "--test " + again + ": is the file of --test " + test + " again",
                     "give every test file once");
    }
  }
}

TEST(RatingRange, IsOfTheTestFilesTooInTrainAndEvaluate) {
  const TemporaryFolder folder;
  const std::string test = folder.file("test.csv");
  const std::string model = folder.file("model");
  write_bytes(test, "1,2,3\n1,3,99\n2,2,4\n3,3,0\n");
  const RunResult trained = run({"train", "--data", problem().ratings(), "--test", test, "--k", "2",
                                 "--rating-range", "0.5:5", "--out", model});
  ASSERT_EQ(trained.code, 0) << trained.error;
  const std::string note =
      "2 ratings out of the range 0.5 to 5 left out, the first at " + test + ":2 (99)";
  EXPECT_THAT(trained.error, HasSubstr(note));
  EXPECT_THAT(trained.output, HasSubstr("als\ttest.csv\t2\t"));
  const RunResult evaluated = run({"evaluate", model, "--test", test});
  EXPECT_THAT(evaluated.error, HasSubstr(note));
  EXPECT_THAT(evaluated.error, HasSubstr("lines    4 = ratings 2 + duplicates 0 + rejected 0 + "
                                         "filtered 2"));
  EXPECT_THAT(evaluated.output, HasSubstr("test.csv\tall\t2\t"));
}

}  // namespace
}  // namespace alsatian::testing
