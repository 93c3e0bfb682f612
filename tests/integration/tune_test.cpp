// `alsatian tune` as people use it: what it saves is what train gives, a search that was killed
// goes on to the same bytes, and what makes no sense is refused before anything is read.
#include "tests/integration/problem_folder.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <set>

namespace alsatian::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> tune_arguments(const std::vector<std::string>& more) {
  return with({"tune", "--data", ProblemFolder::shared().ratings(), "--device", "cpu"}, more);
}

/// A small grid that is large enough to be interrupted.
std::vector<std::string> grid_arguments(const std::string& model,
                                        const std::vector<std::string>& more) {
  return with(tune_arguments({"--model", model, "--grid", "k=3,6", "--grid", "reg=0.3:3:log4"}),
              more);
}

nlohmann::json without_seconds(const std::string& line) {
  nlohmann::json parsed = nlohmann::json::parse(line);
  parsed.erase("seconds");
  return parsed;
}

/// Lines of a log or of --format jsonl, but for what differs from run to run.
std::vector<nlohmann::json> without_seconds(const std::vector<std::string>& lines) {
  std::vector<nlohmann::json> parsed;
  for (const std::string& line : lines) parsed.push_back(without_seconds(line));
  return parsed;
}

class Tune : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Models, Tune, ::testing::Values("als", "mle", "ls"));

TEST_P(Tune, SavesTheModelThatTrainGivesWithTheBestSettings) {
  const TemporaryFolder folder;
  const RunResult result = run(grid_arguments(
      GetParam(), {"--holdout", "0.1", "--epochs", "6", "--out", folder.file("tuned")}));
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv trials(result.output.substr(0, result.output.find("\n\n") + 1));
  ASSERT_EQ(trials.rows(), 8U);
  std::vector<std::string> train{"train",
                                 "--data",
                                 ProblemFolder::shared().ratings(),
                                 "--device",
                                 "cpu",
                                 "--holdout",
                                 "0.1",
                                 "--quiet",
                                 "--model",
                                 GetParam(),
                                 "--k",
                                 trials.at(0, "k"),
                                 "--reg",
                                 trials.at(0, "reg"),
                                 "--out",
                                 folder.file("trained"),
                                 "--epochs"};
  train.push_back(GetParam() == "mle" ? trials.at(0, "best_epoch") : "6");
  const RunResult trained = run(train);
  ASSERT_EQ(trained.code, 0) << trained.error;
  EXPECT_EQ(read_bytes(folder.file("tuned")), read_bytes(folder.file("trained")));
  // Behind the trials the summary that train prints, but for the times in it.
  const Tsv summary(result.output.substr(result.output.find("\n\n") + 2));
  const Tsv expected(trained.output);
  ASSERT_EQ(summary.rows(), expected.rows());
  for (std::size_t row = 0; row < summary.rows(); ++row) {
    EXPECT_EQ(summary.at(row, "rmse"), expected.at(row, "rmse"));
  }
}

struct KilledSearch {
  std::string name;
  std::vector<std::string> arguments;  // a search of a second, most of it in few trials
};

class TuneKilled : public ::testing::TestWithParam<KilledSearch> {};
INSTANTIATE_TEST_SUITE_P(
    Searches, TuneKilled,
    ::testing::Values(KilledSearch{"als", {"--model", "als", "--epochs", "150", "--no-early-stop"}},
                      KilledSearch{"ls", {"--model", "ls", "--epochs", "60", "--no-early-stop"}},
                      KilledSearch{"mle",
                                   {"--model", "mle", "--epochs", "1500", "--patience", "1500"}}),
    [](const auto& parameters) { return parameters.param.name; });

TEST_P(TuneKilled, GoesOnToTheSameBytes) {
  const TemporaryFolder folder;
  const auto arguments = [&](const std::string& name) {
    return with(tune_arguments({"--grid", "k=3,6", "--grid", "reg=0.3:3:log4", "--format", "jsonl",
                                "--log", folder.file(name + ".jsonl"), "--out", folder.file(name)}),
                GetParam().arguments);
  };
  const RunResult straight = run(arguments("straight"));
  ASSERT_EQ(straight.code, 0) << straight.error;
  RunOptions options;
  options.signal = SIGKILL;
  options.signal_after = "trial    ";
  int kills = 0;
  // Each leaves one trial at least behind it.
  while (kills < 30 && run(arguments("killed"), options).signal == SIGKILL) ++kills;
  EXPECT_GE(kills, 1);
  // What a kill in the middle of a write leaves.
  write_bytes(folder.file("killed.jsonl"),
              read_bytes(folder.file("killed.jsonl")) + "{\"trial\":1,\"ru");
  const RunResult resumed = run(arguments("killed"));
  ASSERT_EQ(resumed.code, 0) << resumed.error;
  EXPECT_THAT(resumed.error, HasSubstr(" read from "));
  EXPECT_EQ(read_bytes(folder.file("killed")), read_bytes(folder.file("straight")));
  EXPECT_EQ(without_seconds(lines_of(read_bytes(folder.file("killed.jsonl")))),
            without_seconds(lines_of(read_bytes(folder.file("straight.jsonl")))));
  const std::size_t trials = 8;
  const auto first = [&](const std::string& output) {
    std::vector<std::string> lines = lines_of(output);
    lines.resize(trials);
    return without_seconds(lines);
  };
  EXPECT_EQ(first(resumed.output), first(straight.output));
}

TEST_P(Tune, GivesTheSameForAnyNumberOfThreads) {
  const TemporaryFolder folder;
  const auto tune = [&](const std::string& threads) {
    const RunResult result = run(grid_arguments(
        GetParam(), {"--epochs", "5", "--threads", threads, "--log",
                     folder.file(threads + ".jsonl"), "--out", folder.file(threads)}));
    EXPECT_EQ(result.code, 0) << result.error;
    return without_seconds(lines_of(read_bytes(folder.file(threads + ".jsonl"))));
  };
  EXPECT_EQ(tune("1"), tune("3"));
  EXPECT_EQ(read_bytes(folder.file("1")), read_bytes(folder.file("3")));
}

TEST_P(Tune, MeasuresInAColdTrialWhatTrainMeasures) {
  const RunResult result =
      run(tune_arguments({"--model", GetParam(), "--search", "grid", "--start", "cold",
                          "--no-early-stop", "--grid", "reg=0.7", "--k", "4", "--epochs", "7"}));
  ASSERT_EQ(result.code, 0) << result.error;
  const TemporaryFolder folder;
  std::vector<std::string> train{"train",
                                 "--data",
                                 ProblemFolder::shared().ratings(),
                                 "--device",
                                 "cpu",
                                 "--model",
                                 GetParam(),
                                 "--reg",
                                 "0.7",
                                 "--k",
                                 "4",
                                 "--epochs",
                                 "7",
                                 "--validation",
                                 "0.1",
                                 "--log",
                                 folder.file("log"),
                                 "--quiet"};
  if (GetParam() == "mle") train = with(train, {"--patience", "7"});
  ASSERT_EQ(run(train).code, 0);
  double counted = 1e9;
  for (const std::string& line : lines_of(read_bytes(folder.file("log")))) {
    const double rmse = nlohmann::json::parse(line).at("validation_rmse").get<double>();
    counted = GetParam() == "mle" ? std::min(counted, rmse) : rmse;
  }
  // Pooled over one part: a square and its root.
  EXPECT_NEAR(Tsv(result.output).number(0, "validation_rmse"), counted, 1e-15);
}

TEST(TuneTable, HasTheBestTrialFirst) {
  const RunResult result = run(grid_arguments("als", {}));
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv trials(result.output);
  ASSERT_EQ(trials.rows(), 8U);
  for (std::size_t row = 1; row < trials.rows(); ++row) {
    EXPECT_LE(trials.number(row - 1, "validation_loss"), trials.number(row, "validation_loss"));
  }
  EXPECT_THAT(result.error, HasSubstr("best     --k " + trials.at(0, "k") + " --reg "));
  EXPECT_THAT(result.error, HasSubstr("no model is saved: there was no --out"));
}

TEST(TuneFolds, AreEachALineOfTheLog) {
  const TemporaryFolder folder;
  const RunResult result =
      run(tune_arguments({"--k", "3", "--grid", "reg=0.5,2", "--folds", "3", "--log",
                          folder.file("log"), "--epochs", "4", "--out", folder.file("model")}));
  ASSERT_EQ(result.code, 0) << result.error;
  const auto lines = lines_of(read_bytes(folder.file("log")));
  ASSERT_EQ(lines.size(), 7U);
  std::int64_t measured = 0;
  for (std::size_t line = 1; line < lines.size(); ++line) {
    measured += nlohmann::json::parse(lines[line]).at("validation_ratings").get<std::int64_t>();
  }
  // Every rating is held out once a trial.
  EXPECT_EQ(measured, 2 * 9001);
  EXPECT_THAT(result.output, HasSubstr("\trmse_sd\t"));
  const RunResult inspected = run({"inspect", folder.file("model"), "--format", "jsonl"});
  EXPECT_THAT(inspected.output, HasSubstr("no test part"));
}

TEST(TuneRandom, TriesAsManyPointsAsAskedForAndTheSameEveryTime) {
  const auto tune = [](const std::string& trials, const std::string& seed) {
    return run(tune_arguments({"--trials", trials, "--seed", seed, "--grid", "k=2:9:lin", "--grid",
                               "reg=0.2:4:log", "--grid", "reg-scaling=0.4,0.6", "--dry-run"}))
        .output;
  };
  const std::vector<std::string> seven = lines_of(tune("7", "1"));
  ASSERT_EQ(seven.size(), 8U);
  std::vector<std::string> nine = lines_of(tune("9", "1"));
  nine.resize(8);
  EXPECT_EQ(nine, seven);
  EXPECT_NE(lines_of(tune("7", "2")), seven);
}

TEST(TuneStop, EndsByTheSignalAndSaysHowToGoOn) {
  const TemporaryFolder folder;
  RunOptions options;
  options.signal = SIGINT;
  options.signal_after = "trial    ";
  const RunResult result = run(
      grid_arguments("als", {"--k", "60", "--log", folder.file("log"), "--out", folder.file("m")}),
      options);
  EXPECT_EQ(result.code, 64) << "k is varied and fixed: " << result.error;
  const RunResult stopped = run(tune_arguments({"--k", "60", "--grid", "reg=0.1:9:log200", "--log",
                                                folder.file("log"), "--out", folder.file("m")}),
                                options);
  EXPECT_EQ(stopped.signal, SIGINT) << stopped.error;
  EXPECT_EQ(stopped.output, "");
  EXPECT_THAT(stopped.error, HasSubstr("the same command goes on"));
  EXPECT_GE(lines_of(read_bytes(folder.file("log"))).size(), 2U);
  EXPECT_FALSE(std::filesystem::exists(folder.file("m")));
}

TEST(TuneLog, OfAnotherSearchIsRefusedWithWhatDiffersAndHowToGoOn) {
  const TemporaryFolder folder;
  const std::string log = folder.file("log");
  ASSERT_EQ(run(grid_arguments("als", {"--epochs", "3", "--log", log})).code, 0);
  const std::string before = read_bytes(log);
  expect_refusal(
      run(grid_arguments("als", {"--epochs", "4", "--log", log, "--quiet"})), 64,
      log + ": is the log of another search: it differs in rungs, trials",
      "to go on with that one give its options again; for this one choose another --log");
  const RunResult seed = run(grid_arguments("als", {"--epochs", "3", "--seed", "5", "--log", log}));
  EXPECT_THAT(seed.error, HasSubstr("differs in split, trials"));
  const RunResult isa =
      run(grid_arguments("als", {"--epochs", "3", "--device", "reference", "--log", log}));
  EXPECT_EQ(isa.code, 64);
  EXPECT_EQ(read_bytes(log), before);
  write_bytes(log, "{\"epoch\":1}\n");
  EXPECT_EQ(run(grid_arguments("als", {"--log", log})).code, 65);
  EXPECT_EQ(read_bytes(log), "{\"epoch\":1}\n");
}

TEST(TuneTests, AreReadBeforeTheSearch) {
  const TemporaryFolder folder;
  write_bytes(folder.file("bad.csv"), "1,1,3\n1,2,x\n");
  const RunResult result = run(grid_arguments("als", {"--test", folder.file("bad.csv")}));
  EXPECT_EQ(result.code, 65);
  EXPECT_THAT(result.error, Not(HasSubstr("trial ")));
}

TEST(TuneTests, OfAFileAreNotMissedInTheSearch) {
  const TemporaryFolder folder;
  write_bytes(folder.file("test.csv"), "userId,movieId,rating,timestamp\n1,1,3,7\n");
  const RunResult result =
      run(grid_arguments("als", {"--epochs", "2", "--test", folder.file("test.csv")}));
  EXPECT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, Not(HasSubstr("there is no test error")));
}

struct Refusal {
  std::vector<std::string> arguments;
  std::string text;
};

TEST(TuneOptions, ThatMakeNoSenseAreRefusedBeforeAnythingIsRead) {
  const std::vector<Refusal> refusals{
      {{"--grid", "reg"}, "--grid reg: must be reg=A,B,..."},
      {{"--grid", "x=1"}, "must be NAME=VALUES with a NAME of k, reg, reg-bias, reg-scaling"},
      {{"--grid", "k=1.5"},
       "--grid \"k=1.5\": must be k=VALUES, every value a whole number between 0 and 1024, and "
       "\"1.5\" "
       "is "
       "not"},
      {{"--grid", "k=16,2000"}, "every value a whole number between 0 and 1024"},
      {{"--grid", "reg=1,,2"},
       "--grid \"reg=1,,2\": must be of values without an empty one between commas"},
      {{"--grid", "reg=,"}, "--grid \"reg=,\": must be reg=A,B,..."},
      {{"--grid", "reg=1,2,1.0"}, "must be of different values, 1 is there twice"},
      {{"--grid", "k=8,8"}, "--grid \"k=8,8\": must be of different values, 8 is there twice"},
      {{"--grid", "reg=1e-400,1"}, "must be of values each of which is 0 or a number that is not"},
      {{"--grid", "reg=1e-999:1:log3"}, "must be of values each of which is 0 or a number that"},
      {{"--reg", "0.1e400"}, "--reg 0.1e400: must be a number between 0 and 1e+12"},
      {{"--reg-bias", "1e-400"}, "--reg-bias 1e-400: must be 0 or a number that is not rounded"},
      {{"--grid", "reg=-1,2"}, "every value a number between 0 and 1e+12"},
      {{"--grid", "reg=1:2"}, "how N values are spaced is not there"},
      {{"--grid", "reg=:2:log8"},
       "--grid: \"reg=:2:log8\" must be reg=LOW:HIGH:logN or :linN with a LOW that is not empty"},
      {{"--grid", "reg=1::log8"}, "with a HIGH that is not empty"},
      {{"--grid", "reg=2:1:log3"},
       "\"reg=2:1:log3\" must be a range whose LOW is below its HIGH, and LOW is 2, HIGH 1"},
      {{"--grid", "k=4:4:lin2"}, "whose LOW is below its HIGH, and both are 4"},
      {{"--grid", "reg=1:2:cube3"}, "and \"cube3\" is neither log nor lin"},
      {{"--grid", "reg=1:2:log1"}, "of N values behind log, N from 2 to 1000, and N is \"1\""},
      {{"--grid", "reg=1:2:logx"}, "N from 2 to 1000, and N is \"x\""},
      {{"--grid", "reg=1:2:log3,5"}, "N from 2 to 1000, and N is \"3,5\""},
      {{"--grid", "reg=0:2:log3"}, "must be a range above 0 where it is logarithmic, and LOW is 0"},
      {{"--grid", "reg=1:2:log"}, "is a range to draw from, and nothing is drawn"},
      {{"--grid", "reg=1", "--grid", "lambda=2"}, "--grid reg: is given twice"},
      {{"--grid", "reg=1", "--reg", "2"}, "--grid reg: contradicts --reg, which fixes it"},
      {{"--grid", "lr=0.1"}, "--grid lr: applies to --model mle alone"},
      {{"--grid", "reg=1:2:lin1000", "--grid", "k=0:1000:lin1000"}, "asks for 1000000 trials"},
      {{"--model", "bayes"},
       "--model bayes: draws its penalties, and tune does not search its --k"},
      {{"--model", "mle", "--updates", "hogwild"}, "gives another result every time"},
      {{"--folds", "3", "--validation", "0.1"}, "--validation: contradicts --folds"},
      {{"--search", "halving", "--start", "warm"}, "--start warm: applies to --search grid alone"},
      {{"--model", "mle", "--no-early-stop"}, "--no-early-stop: applies to --search grid alone"},
      {{"--no-biases", "--grid", "reg-bias=1"}, "--reg-bias: contradicts --no-biases"},
  };
  for (const Refusal& refusal : refusals) {
    const RunResult result = run(with({"tune", "--data", "/nonexistent.csv"}, refusal.arguments));
    EXPECT_EQ(result.code, 64) << result.error;
    EXPECT_EQ(result.output, "");
    EXPECT_TRUE(is_error_text(result.error)) << result.error;
    EXPECT_THAT(lines_of(result.error).front(), HasSubstr(refusal.text));
  }
}

TEST(TuneOptions, OfAGridAreRefusedWithOnesThatCanBeGiven) {
  const std::vector<std::pair<std::string, std::string>> remedies{
      {"reg=1,,2", "try --grid reg=1,2"},
      {"k= ,16,32", "try --grid k=16,32"},
      {"reg=2:1:log3", "try --grid reg=1:2:log3"},
      {"k=4:4:lin2", "try --grid k=4"},
      {"reg=1,1", "try --grid reg=1"},
      {"reg=3,1,3.0,2", "try --grid reg=3,1,2"},
      {"reg=2:0:log3", "try --grid reg=0:2:lin3"},
      {"reg=0:2:log3", "try --grid reg=0:2:lin3"},
      {"reg=0.5:2", "try --grid reg=0.5:2:log8"},
      {"k=0:9:foo", "try --grid k=0:9:lin8"},
      {"k=4:2:foo", "try --grid k=16,32,64"},
      {"k=2:9:lin1", "try --grid k=2:9:lin8"},
      {"k", "try --grid k=16,32,64"},
      {"reg=", "try --grid reg=0.3:3:log8"},
      {"reg-bias=-1", "try --grid reg-bias=0.3:3:log8"},
      {"reg-scaling=2", "try --grid reg-scaling=0,0.5,1"},
      {"lr=0", "try --grid lr=0.05,0.1,0.2"},
      {"decay=x", "try --grid decay=0.9,0.95,1"},
      {"x=1", "try --grid reg=0.3:3:log8"},
      {"reg=1e-400,1", "try --grid reg=0.3:3:log8"}};
  for (const auto& [grid, help] : remedies) {
    const RunResult result = run({"tune", "--data", "/nonexistent.csv", "--grid", grid});
    EXPECT_EQ(result.code, 64) << grid;
    EXPECT_THAT(result.error, HasSubstr("  help: " + help + "\n"));
    const std::string instead = help.substr(std::string("try --grid ").size());
    EXPECT_EQ(run(tune_arguments({"--model", "mle", "--grid", instead, "--dry-run"})).code, 0)
        << instead;
  }
}

TEST(TuneOptions, OfARangeToDrawFromAreRefusedWithOneThatSaysNoCount) {
  const std::vector<std::pair<std::string, std::string>> remedies{
      {"k=4:40", "k=4:40:log"},
      {"k=0:40", "k=0:40:lin"},
      {"reg=0.5:2:foo", "reg=0.5:2:log"},
      {"reg=2:0.5:log", "reg=0.5:2:log"},
      {"reg=2:0.5:log3", "reg=0.5:2:log3"}};
  for (const auto& [grid, instead] : remedies) {
    // Wherever --trials stands, before the range or behind it.
    for (const auto& arguments : {std::vector<std::string>{"--trials", "3", "--grid", grid},
                                  {"--grid", grid, "--trials", "3"}}) {
      const RunResult result = run(with({"tune", "--data", "/nonexistent.csv"}, arguments));
      EXPECT_EQ(result.code, 64) << grid;
      EXPECT_THAT(result.error, HasSubstr("  help: try --grid " + instead + "\n"));
    }
    EXPECT_EQ(run(tune_arguments({"--trials", "3", "--grid", instead, "--dry-run"})).code, 0);
  }
}

TEST(TuneOptions, SayWhereFewerAreTriedThanAskedFor) {
  const RunResult range = run(tune_arguments({"--grid", "k=2:4:lin9", "--dry-run"}));
  ASSERT_EQ(range.code, 0) << range.error;
  EXPECT_EQ(Tsv(range.output).rows(), 3U);
  EXPECT_THAT(range.error, HasSubstr("6 of the 9 values of --grid k are the same whole number as "
                                     "another: 3 are tried"));
  const RunResult drawn =
      run(tune_arguments({"--grid", "k=2:4:lin", "--trials", "20", "--dry-run"}));
  EXPECT_EQ(Tsv(drawn.output).rows(), 3U);
  EXPECT_THAT(drawn.error, HasSubstr("--trials asks for 20, there are 3 different ones"));
  // As many as asked for, and 0 however it is written.
  for (const std::string grid : {"k=2:9:lin8", "reg=0.0e-400,1"}) {
    const RunResult all = run(tune_arguments({"--grid", grid, "--dry-run"}));
    EXPECT_EQ(all.code, 0) << grid;
    EXPECT_EQ(all.error, "") << grid;
  }
}

TEST(TuneData, OfOneRatingIsRefusedWithWhatIsMissing) {
  const TemporaryFolder folder;
  const std::string data = folder.file("one.csv");
  write_bytes(data, "userId,movieId,rating\n1,1,3\n");
  for (const std::vector<std::string>& how :
       {std::vector<std::string>{"--folds", "2"}, {"--folds", "9"}, {"--validation", "0.5"}}) {
    expect_refusal(run(with({"tune", "--data", data, "--quiet"}, how)), 65,
                   data + ": has 1 rating, which cannot be both trained on and measured by",
                   "give more ratings: a search is by the error on those that are held out");
  }
  write_bytes(data, "userId,movieId,rating\n1,1,3\n1,2,4\n");
  const RunResult two = run({"tune", "--data", data, "--folds", "9", "--quiet"});
  EXPECT_EQ(two.code, 65);
  EXPECT_THAT(two.error, HasSubstr(" of 9: has no ratings to measure trials by\n  help: pass fewer "
                                   "--folds"));
}

TEST(TuneTies, AreSaidWhereNoTrialIsBetterThanAnother) {
  const TemporaryFolder folder;
  std::string ratings = "userId,movieId,rating\n";
  for (int user = 1; user <= 30; ++user) {
    for (int item = 1; item <= 20; item += 1 + user % 3) {
      ratings += std::to_string(user) + "," + std::to_string(item) + ",4\n";
    }
  }
  write_bytes(folder.file("equal.csv"), ratings);
  for (const std::string model : {"als", "ls", "mle"}) {
    const RunResult result = run({"tune", "--data", folder.file("equal.csv"), "--model", model,
                                  "--k", "3", "--grid", "reg=0.3,1,3"});
    ASSERT_EQ(result.code, 0) << result.error;
    EXPECT_THAT(result.error, HasSubstr("validation RMSE 0.0000): all ratings are equal, so that "
                                        "all 3 trials are equally good, of which this is one"));
    EXPECT_THAT(result.error, Not(HasSubstr("best ")));
    EXPECT_THAT(result.error, Not(HasSubstr("a wider range may be better")));
  }
  const RunResult other = run(grid_arguments("als", {}));
  EXPECT_THAT(other.error, HasSubstr("\nbest "));
  EXPECT_THAT(other.error, Not(HasSubstr("equally good")));
}

TEST(TuneLog, WithAlteredLinesIsRefusedAtThem) {
  const TemporaryFolder folder;
  const std::string log = folder.file("log");
  const auto search = [&] {
    return run(tune_arguments(
        {"--k", "3", "--grid", "reg=0.3,1,3", "--epochs", "4", "--log", log, "--quiet"}));
  };
  ASSERT_EQ(search().code, 0);
  const std::string whole = read_bytes(log);
  const auto changed = [](std::string text, const std::string& from, const std::string& to) {
    return text.replace(text.find(from), from.size(), to);
  };
  write_bytes(log, changed(whole, "\"k\":3,\"reg\":0.3,", "\"k\":3,\"reg\":0.4,"));
  expect_refusal(search(), 65, log + ":2: reg is \"0.4\", trial 1 of this search has 0.3",
                 "it is damaged or of another command: choose another --log, or remove the file");
  // An error that is no longer that of the loss.
  const std::string two = whole.substr(0, whole.rfind('\n', whole.size() - 2) + 1);
  const std::size_t last = two.rfind("\"validation_rmse\":") + 18;
  write_bytes(log, two.substr(0, last) + "9" + two.substr(two.find(',', last)));
  const RunResult figures = search();
  EXPECT_EQ(figures.code, 65);
  EXPECT_THAT(figures.error, HasSubstr(log + ":3: validation_rmse 9 and validation_loss "));
  // Of other many ratings than the line before, or than there are.
  const auto with_nine_ratings = [](const std::string& text) {
    const std::size_t ratings = text.rfind("\"validation_ratings\":") + 21;
    return text.substr(0, ratings) + "9" + text.substr(text.find(',', ratings));
  };
  write_bytes(log, with_nine_ratings(two));
  const RunResult count = search();
  EXPECT_EQ(count.code, 65);
  EXPECT_THAT(count.error, HasSubstr(log + ":3: validation_ratings is 9, and "));
  write_bytes(log, with_nine_ratings(two.substr(0, two.rfind('\n', two.size() - 2) + 1)));
  const RunResult only = search();
  EXPECT_EQ(only.code, 65);
  EXPECT_THAT(only.error, HasSubstr(log + ":2: trial 1 was measured on 9 ratings, and there are "));
  // The last trial is made again from the one before, which cannot have ended so soon.
  const std::size_t epochs = two.rfind("\"best_epoch\":");
  write_bytes(log, two.substr(0, epochs) + "\"best_epoch\":1,\"epochs\":1" +
                       two.substr(two.find(",\"seconds\"", epochs)));
  const RunResult again = search();
  EXPECT_EQ(again.code, 65);
  EXPECT_THAT(again.error, HasSubstr(log + ":3: trial 2 gives other figures than are written"));
}

TEST(TuneLog, IsNotOverwrittenByATraining) {
  const TemporaryFolder folder;
  const std::string log = folder.file("log");
  ASSERT_EQ(run(grid_arguments("als", {"--epochs", "2", "--log", log})).code, 0);
  const std::string before = read_bytes(log);
  expect_refusal(run(train_arguments({"--epochs", "2", "--log", log, "--quiet"})), 64,
                 log + ": is the log of a search by alsatian tune, which training would overwrite",
                 "choose another --log, or remove the file");
  EXPECT_EQ(read_bytes(log), before);
}

TEST(TuneOutputs, ThatCannotBeWrittenEndTheSearchBeforeItBegins) {
  const TemporaryFolder folder;
  for (const char* option : {"--out", "--log"}) {
    const RunResult result =
        run(grid_arguments("als", {option, folder.file("missing/file"), "--quiet"}));
    EXPECT_EQ(result.code, 73) << option << result.error;
  }
}

TEST(TuneMemory, CountsTheRatingsThatRanksShare) {
  const auto needed_kib = [](const std::string& ranks) {
    const RunResult result =
        run(tune_arguments({"--grid", "k=" + ranks, "--grid", "reg=1,2", "--max-memory", "1K"}));
    EXPECT_EQ(result.code, 71) << result.error;
    const std::string needs = "training needs ";
    const std::string text = result.error.substr(result.error.find(needs) + needs.size());
    EXPECT_EQ(text.substr(text.find(' '), 4), " KiB") << text;
    return std::stod(text);
  };
  // Some 8,100 training ratings of 16 bytes: by user, and by item.
  EXPECT_NEAR(needed_kib("8,9") - needed_kib("9"), 8100 * 16 / 1024.0, 2);
}

TEST(TuneMemory, CountsTheTrialsThatHalvingKeeps) {
  const auto tune = [](const std::string& trials) {
    return run(tune_arguments({"--model", "mle", "--k", "64", "--max-memory", "6M", "--trials",
                               trials, "--grid", "reg=0.3:3:log", "--epochs", "3"}));
  };
  EXPECT_EQ(tune("2").code, 0);
  const RunResult many = tune("100");
  EXPECT_EQ(many.code, 71) << many.error;
  EXPECT_THAT(many.error, HasSubstr("--max-memory allows 6.0 MiB"));
}

TEST(TuneDivergence, OfEveryTrialIsAnError) {
  const RunResult result = run(tune_arguments({"--model", "mle", "--optimizer", "sgd", "--grid",
                                               "lr=100000,200000", "--k", "3", "--quiet"}));
  expect_refusal(result, 80, "tune: every trial diverged",
                 "check the ratings for extreme values, or lower --lr of mle");
}

TEST(TuneFigures, AreThoseOfTheTable) {
  const TemporaryFolder folder;
  const RunResult result =
      run(grid_arguments("mle", {"--epochs", "9", "--figures", folder.file("figures")}));
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_EQ(read_bytes(folder.file("figures/trials.tsv")), result.output);
  const Tsv trials(result.output);
  const Tsv by_reg(read_bytes(folder.file("figures/rmse_by_reg.tsv")));
  ASSERT_EQ(by_reg.rows(), 8U);
  for (std::size_t row = 0; row < by_reg.rows(); ++row) {
    // "trial 3", or "trial 3 (stopped early)".
    const std::string trial = fields_of(by_reg.at(row, "trial"), ' ').at(1);
    const std::size_t same = trials.find("trial", trial);
    EXPECT_EQ(by_reg.at(row, "validation_rmse"), trials.at(same, "validation_rmse"));
    EXPECT_EQ(by_reg.at(row, "reg"), trials.at(same, "reg"));
    EXPECT_EQ(by_reg.at(row, "k"), trials.at(same, "k"));
  }
  EXPECT_EQ(Tsv(read_bytes(folder.file("figures/response_surface.tsv"))).rows(), 8U);
  const Tsv cost(read_bytes(folder.file("figures/best_by_seconds.tsv")));
  EXPECT_EQ(cost.at(cost.rows() - 1, "best_validation_rmse"), trials.at(0, "validation_rmse"));
}

TEST(TuneFigures, MarkTrialsThatWereStoppedEarly) {
  const TemporaryFolder folder;
  const RunResult result =
      run(grid_arguments("als", {"--epochs", "30", "--figures", folder.file("figures")}));
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv trials(result.output);
  const Tsv by_reg(read_bytes(folder.file("figures/rmse_by_reg.tsv")));
  EXPECT_TRUE(result.output.starts_with("trial\tvalidation_rmse\t"));
  std::size_t stopped = 0;
  for (std::size_t row = 0; row < by_reg.rows(); ++row) {
    const std::string name = by_reg.at(row, "trial");
    const std::size_t same = trials.find("trial", fields_of(name, ' ').at(1));
    const bool is_early = trials.number(same, "epochs") < 30;
    stopped += is_early;
    EXPECT_EQ(trials.at(same, "stopped_early"), is_early ? "yes" : "no");
    EXPECT_EQ(name.ends_with(" (stopped early)"), is_early) << name;
  }
  EXPECT_GT(stopped, 0U);
  const RunResult all = run(grid_arguments("als", {"--epochs", "3", "--no-early-stop"}));
  EXPECT_THAT(all.output, Not(HasSubstr("stopped_early")));
}

#ifdef ALSATIAN_HAVE_REPORTS
TEST(TuneReport, HasThePictureOfTheResponseSurface) {
  const TemporaryFolder folder;
  const RunResult result =
      run(grid_arguments("als", {"--epochs", "3", "--report", folder.file("tune.html")}));
  ASSERT_EQ(result.code, 0) << result.error;
  const std::string html = read_bytes(folder.file("tune.html"));
  EXPECT_THAT(html, HasSubstr("Response surface: reg by k"));
  EXPECT_THAT(html, HasSubstr("<svg class=\"cells\""));
  const Tsv trials(result.output);
  // Every error is in the picture as people read it.
  for (std::size_t row = 0; row < trials.rows(); ++row) {
    const std::string rmse = fmt::format(">{:.4f}</text>", trials.number(row, "validation_rmse"));
    EXPECT_THAT(html, HasSubstr(rmse));
  }
}

TEST(TuneReport, DrawsManySettingsWithoutTheirNumbers) {
  const TemporaryFolder folder;
  const RunResult result =
      run(tune_arguments({"--grid", "k=0:12:lin13", "--grid", "reg=0.3:3:log13", "--epochs", "1",
                          "--report", folder.file("tune.html"), "--quiet"}));
  ASSERT_EQ(result.code, 0) << result.error;
  const std::string html = read_bytes(folder.file("tune.html"));
  const std::string svg = html.substr(html.find("<svg class=\"cells bare\""));
  // Figures in cells have no class, names of rows and columns have one.
  EXPECT_THAT(svg.substr(0, svg.find("</svg>")), Not(ContainsRegex("class=\"\"[^>]*>0[.]")));
  // Thirteen lines in a plot would not be told apart.
  EXPECT_THAT(html, HasSubstr("A point for each trial"));
  EXPECT_THAT(html, Not(HasSubstr("A line for each")));
}

TEST(TuneReport, SaysWhatEpochsAndSecondsAreSummedOver) {
  const TemporaryFolder folder;
  const auto report = [&](const std::vector<std::string>& more) {
    const RunResult result =
        run(with(tune_arguments({"--k", "3", "--grid", "reg=0.5,1,2", "--epochs", "3", "--report",
                                 folder.file("tune.html"), "--quiet"}),
                 more));
    EXPECT_EQ(result.code, 0) << result.error;
    return read_bytes(folder.file("tune.html"));
  };
  EXPECT_THAT(report({}), Not(HasSubstr("epochs and seconds are")));
  EXPECT_THAT(report({"--folds", "3"}), HasSubstr("epochs and seconds are sums over the 3 folds"));
  EXPECT_THAT(report({"--search", "halving"}),
              HasSubstr("epochs and seconds are those of all rungs up to the trial&#39;s last"));
}

TEST(TuneReport, SaysOfARandomSearchThatItIsOne) {
  const TemporaryFolder folder;
  const RunResult result =
      run(tune_arguments({"--trials", "5", "--grid", "k=1:9:lin", "--grid", "reg=0.3:3:log",
                          "--epochs", "2", "--report", folder.file("tune.html"), "--quiet"}));
  ASSERT_EQ(result.code, 0) << result.error;
  const std::string html = read_bytes(folder.file("tune.html"));
  EXPECT_THAT(html, HasSubstr("<dt>search</dt><dd>random</dd>"));
  EXPECT_THAT(html, HasSubstr("\"shade\":["));
}
#endif

TEST(TuneFigures, HaveASurfaceOfRandomTrialsAndHowFarEachWent) {
  const TemporaryFolder folder;
  const RunResult result =
      run(tune_arguments({"--model", "mle", "--trials", "9", "--grid", "k=1:9:lin", "--grid",
                          "reg=0.3:3:log", "--epochs", "9", "--figures", folder.file("figures")}));
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv trials(result.output);
  for (const char* name : {"response_surface", "rmse_by_k", "rmse_by_reg"}) {
    const Tsv figure(read_bytes(folder.file("figures/" + std::string(name) + ".tsv")));
    ASSERT_EQ(figure.rows(), trials.rows()) << name;
    std::set<std::string> after;
    for (std::size_t row = 0; row < figure.rows(); ++row) {
      const std::string trial = figure.at(row, "trial").substr(6);
      const std::size_t same = trials.find("trial", trial.substr(0, trial.find(',')));
      EXPECT_EQ(figure.at(row, "validation_rmse"), trials.at(same, "validation_rmse"));
      after.insert(trials.at(same, "rung") + ": " + figure.at(row, "after"));
    }
    // A third of the trials goes on, with three times the epochs, but none has fewer than two.
    EXPECT_THAT(after, ElementsAre("1: 2 epochs", "2: 3 epochs", "3: 9 epochs")) << name;
  }
}

}  // namespace
}  // namespace alsatian::testing
