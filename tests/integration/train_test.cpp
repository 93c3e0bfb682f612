// The main job on generated ratings: all models, splits, logs, warm starts, the same bytes.
// Figures are compared with baselines, with each other, and with what other commands print.
#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class EveryModel : public ::testing::TestWithParam<std::string> {};

/// Standard errors of an RMSE over so many ratings, relative to it, where errors are normal:
/// 1/√(2n). A smaller difference could be one of the ratings that were drawn.
double relative_standard_error(double ratings) { return 1 / std::sqrt(2 * ratings); }

TEST_P(EveryModel, BeatsBiasesAloneAndTheMeanOnAPlantedMatrix) {
  const RunResult result = run(train_arguments({"--model", GetParam()}));
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv summary(result.output);
  const double model = summary.number(summary.find("predictor", GetParam()), "rmse");
  const double biases = summary.number(summary.find("predictor", "biases only"), "rmse");
  const double mean = summary.number(summary.find("predictor", "global mean"), "rmse");
  // Three standard errors of the difference of two such figures.
  const double ratings = summary.number(summary.find("predictor", GetParam()), "ratings");
  EXPECT_LT(model, (1 - 3 * std::sqrt(2.0) * relative_standard_error(ratings)) * biases);
  EXPECT_LT(biases, mean);
  // Noise 0.3 and rounding to half stars (0.5/√12) are what no model can predict.
  EXPECT_GT(model, std::hypot(0.3, 0.5 / std::sqrt(12.0)));
}

TEST_P(EveryModel, GivesTheSameBytesForAnyNumberOfThreads) {
  const TemporaryFolder folder;
  std::vector<std::string> files;
  for (const std::string threads : {"1", "2", "3"}) {
    const std::string out = folder.file(threads);
    const RunResult result = run(train_arguments(
        {"--model", GetParam(), "--epochs", "4", "--threads", threads, "--out", out}));
    ASSERT_EQ(result.code, 0) << result.error;
    files.push_back(read_bytes(out));
  }
  EXPECT_GT(files[0].size(), 1000U);
  EXPECT_TRUE(files[0] == files[1]);
  EXPECT_TRUE(files[0] == files[2]);
}

TEST_P(EveryModel, HoldoutIsRebuiltByEvaluateWithTheFiguresThatTrainPrinted) {
  const TemporaryFolder folder;
  const std::string out = folder.file("model");
  const RunResult trained = run(train_arguments({"--model", GetParam(), "--out", out}));
  ASSERT_EQ(trained.code, 0) << trained.error;
  const RunResult evaluated =
      run({"evaluate", out, "--data", ProblemFolder::shared().ratings(), "--quiet"});
  ASSERT_EQ(evaluated.code, 0) << evaluated.error;
  const Tsv summary(trained.output);
  const Tsv figures(evaluated.output);
  const std::size_t row = summary.find("predictor", GetParam());
  for (const std::string figure : {"ratings", "rmse", "mae", "nll", "r_squared"}) {
    EXPECT_EQ(figures.at(figures.find("group", "all"), figure), summary.at(row, figure));
  }
}

TEST_P(EveryModel, WarmStartGoesOnFromWhereTheModelWas) {
  const TemporaryFolder folder;
  const std::string first = folder.file("first");
  ASSERT_EQ(run(train_arguments({"--model", GetParam(), "--out", first})).code, 0);
  const std::string cold_log = folder.file("cold.jsonl");
  const std::string warm_log = folder.file("warm.jsonl");
  ASSERT_EQ(run(train_arguments({"--model", GetParam(), "--epochs", "1", "--log", cold_log})).code,
            0);
  const RunResult warm = run(train_arguments(
      {"--model", GetParam(), "--epochs", "1", "--init", first, "--log", warm_log}));
  ASSERT_EQ(warm.code, 0) << warm.error;
  const auto objective = [](const std::string& path) {
    return nlohmann::json::parse(lines_of(read_bytes(path)).front()).at("objective").get<double>();
  };
  EXPECT_LT(objective(warm_log), 0.9 * objective(cold_log));
}

TEST_P(EveryModel, TakesBiasesAlone) {
  const RunResult result = run({"train", "--data", ProblemFolder::shared().ratings(), "--k", "0",
                                "--holdout", "0.1", "--model", GetParam()});
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv summary(result.output);
  const double model = summary.number(summary.find("predictor", GetParam()), "rmse");
  const Tsv shared(ProblemFolder::shared().training().output);
  const std::size_t row = shared.find("predictor", "biases only");
  // One minimum for all: how far a model stops from it must not show in these ratings.
  const double biases = shared.number(row, "rmse");
  EXPECT_NEAR(model, biases, biases * relative_standard_error(shared.number(row, "ratings")));
}

INSTANTIATE_TEST_SUITE_P(Models, EveryModel, ::testing::Values("als", "mle", "ls"),
                         [](const auto& model) { return model.param; });

TEST(Train, AccountsForEveryLineAndSaysWhatItDoes) {
  const std::string& error = ProblemFolder::shared().training().error;
  EXPECT_THAT(error, HasSubstr("comma-separated, header"));
  EXPECT_THAT(error, HasSubstr("9002 = ratings 9001 + duplicates 0 + rejected 0 + filtered 0 + "
                               "blank or comment 0 + header 1"));
  EXPECT_THAT(error, HasSubstr("211 users, 157 items"));
  EXPECT_THAT(error, HasSubstr("holdout 0.1 by hash, seed 42"));
  EXPECT_THAT(error, HasSubstr("λ·s(n) is"));
  EXPECT_THAT(error, HasSubstr("device   cpu"));
  EXPECT_THAT(error, HasSubstr("15/15  objective "));
  EXPECT_THAT(error, Not(HasSubstr("\x1b")));
}

TEST(Train, DrawsABarOnATerminalAndAlignsTheSummary) {
  if (!terminals_available()) GTEST_SKIP() << "/dev/pts is not mounted: there are no terminals";
  RunOptions options;
  options.on_terminal = true;
  options.environment = {"TERM=xterm"};
  const RunResult result = run(train_arguments({"--epochs", "4"}), options);
  ASSERT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("[####################                    ]  2/4  "));
  EXPECT_THAT(result.output, HasSubstr(" s left\r\x1b[K"));
  EXPECT_THAT(result.output, HasSubstr("predictor    part         ratings    rmse"));
  EXPECT_THAT(result.output, Not(HasSubstr("\t")));
  options.environment = {"NO_COLOR=1"};
  EXPECT_THAT(run(train_arguments({"--quiet"}), options).output, Not(HasSubstr("\x1b")));
}

TEST(Train, QuietSaysNothingButPrintsResults) {
  const RunResult result = run(train_arguments({"--quiet"}));
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(lines_of(result.output).size(), 5U);
}

TEST(Train, JsonLinesHoldTheFiguresOfTheTsv) {
  const RunResult result = run(train_arguments({"--format", "jsonl", "--quiet"}));
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv summary(ProblemFolder::shared().training().output);
  const auto lines = lines_of(result.output);
  ASSERT_EQ(lines.size(), summary.rows());
  for (std::size_t row = 0; row < lines.size(); ++row) {
    const auto object = nlohmann::json::parse(lines[row]);
    EXPECT_EQ(object.at("predictor").get<std::string>(), summary.at(row, "predictor"));
    EXPECT_EQ(object.at("rmse").get<double>(), summary.number(row, "rmse"));
  }
}

TEST(Train, LogHasOneObjectAnEpochWithUnitsInItsNames) {
  const TemporaryFolder folder;
  const std::string path = folder.file("log.jsonl");
  const RunResult result =
      run(train_arguments({"--log", path, "--epochs", "5", "--evaluate-every", "2"}));
  ASSERT_EQ(result.code, 0) << result.error;
  const auto lines = lines_of(read_bytes(path));
  ASSERT_EQ(lines.size(), 5U);
  for (std::size_t line = 0; line < lines.size(); ++line) {
    const auto object = nlohmann::json::parse(lines[line]);
    EXPECT_EQ(object.at("epoch").get<int>(), static_cast<int>(line) + 1);
    EXPECT_GT(object.at("training_seconds").get<double>(), 0);
    EXPECT_TRUE(object.contains("evaluation_seconds"));
    EXPECT_TRUE(object.contains("ratings_per_second"));
    const bool evaluated = (line + 1) % 2 == 0 || line == 4;
    EXPECT_EQ(object.contains("test_rmse"), evaluated);
    EXPECT_EQ(object.contains("train_rmse"), evaluated);
    EXPECT_EQ(object.contains("objective"), evaluated);
  }
  const Tsv summary(result.output);
  EXPECT_NEAR(nlohmann::json::parse(lines.back()).at("test_rmse").get<double>(),
              summary.number(summary.find("predictor", "als"), "rmse"), 1e-6);
}

TEST(Train, SecondsOfTrainingAreThoseOfTheEpochsWithoutTheirFigures) {
  const TemporaryFolder folder;
  for (const std::string model : {"als", "mle", "bayes"}) {
    const std::string path = folder.file(model);
    const RunResult result = run(train_arguments({"--model", model, "--log", path, "--epochs", "6",
                                                  "--figures", folder.file(model + "_figures")}));
    ASSERT_EQ(result.code, 0) << result.error;
    double training = 0;
    double total = 0;
    for (const std::string& line : lines_of(read_bytes(path))) {
      const auto epoch = nlohmann::json::parse(line);
      training += epoch.at("training_seconds").get<double>();
      total = epoch.at("total_seconds").get<double>();
    }
    EXPECT_LT(training, total);
    // Sums of a handful of doubles, in whatever order.
    constexpr double rounding = 1e-12;
    const Tsv summary(result.output);
    for (std::size_t row = 0; row < summary.rows(); ++row) {
      if (!summary.at(row, "predictor").starts_with(model)) continue;
      EXPECT_NEAR(summary.number(row, "training_seconds"), training, rounding * training);
    }
    const Tsv stages(read_bytes(folder.file(model + "_figures/time_by_stage.tsv")));
    EXPECT_NEAR(stages.number(stages.find("stage", "training"), "seconds"), training,
                rounding * training);
  }
}

TEST(Train, SeveralTestSetsAreReportedByName) {
  const TemporaryFolder folder;
  write_bytes(folder.file("train.csv"), small_ratings(30, 20));
  write_bytes(folder.file("one.csv"), "1,1,3\n2,5,4\n");
  write_bytes(folder.file("two.csv"), "3,1,3\n999,5,4\n4,777,1\n");
  const RunResult result =
      run({"train", "--data", folder.file("train.csv"), "--test", folder.file("one.csv"), "--test",
           folder.file("two.csv"), "--k", "2", "--log", folder.file("log")});
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv summary(result.output);
  EXPECT_EQ(summary.number(summary.find("part", "two.csv"), "ratings"), 3);
  EXPECT_NE(summary.at(summary.find("part", "two.csv"), "rmse"),
            summary.at(summary.find("part", "two.csv"), "rmse_known"));
  EXPECT_THAT(result.error, HasSubstr("warning: 2 of 2 ratings of "));
  const auto last = nlohmann::json::parse(lines_of(read_bytes(folder.file("log"))).back());
  EXPECT_TRUE(last.at("test_rmse_by_set").contains("one.csv"));
  EXPECT_TRUE(last.at("test_rmse_by_set").contains("two.csv"));
}

}  // namespace
}  // namespace alsatian::testing
