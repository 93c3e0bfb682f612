// The rules of training: splits, stopping, defaults, warnings, memory, what is refused in the data.
// Each claim is checked on what the program prints and saves.
#include "tests/integration/problem_folder.hpp"
#include "tests/support/tolerance.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Train, TestFileOfOtherDataIsRefused) {
  const TemporaryFolder folder;
  write_bytes(folder.file("train.csv"), small_ratings(30, 20));
  write_bytes(folder.file("test.csv"), "9001,9001,3\n9002,9005,4\n");
  const RunResult result = run({"train", "--data", folder.file("train.csv"), "--test",
                                folder.file("test.csv"), "--out", folder.file("model")});
  EXPECT_EQ(result.code, 65);
  EXPECT_TRUE(is_error_text(result.error)) << result.error;
  EXPECT_THAT(result.error, HasSubstr("no id of test.csv is in the training data"));
}

TEST(Train, MissingTestFileIs66BeforeTraining) {
  const RunResult result = run(
      {"train", "--data", ProblemFolder::shared().ratings(), "--test", "/nonexistent/test.csv"});
  EXPECT_EQ(result.code, 66);
  EXPECT_THAT(result.error, Not(HasSubstr("epoch ")));
}

TEST(Train, SaysThatThereIsNoTestErrorWithoutATestPart) {
  const RunResult result =
      run({"train", "--data", ProblemFolder::shared().ratings(), "--k", "2", "--epochs", "2"});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.error, HasSubstr("there is no test error"));
  EXPECT_EQ(Tsv(result.output).rows(), 1U);
}

TEST(Train, WarnsOfEqualRatingsAndOfTooLargeARank) {
  const TemporaryFolder folder;
  write_bytes(folder.file("equal.csv"), "1,1,3\n1,2,3\n2,1,3\n3,3,3\n");
  const RunResult result = run({"train", "--data", folder.file("equal.csv"), "--quiet"});
  EXPECT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("warning: all training ratings are 3"));
  EXPECT_THAT(result.error, HasSubstr("implicit feedback is not supported yet"));
  EXPECT_THAT(result.error, HasSubstr("warning: rank 64 > 3"));
  const Tsv summary(result.output);
  EXPECT_LT(summary.number(0, "rmse"), 1e-6);
}

TEST(Train, TimesThatAreAskedForAndAbsentAreBadData) {
  const TemporaryFolder folder;
  write_bytes(folder.file("ratings.csv"), small_ratings(10, 10));
  for (const std::vector<std::string>& rule :
       {std::vector<std::string>{"--holdout-last", "1"}, {"--split-time", "2015-01-01"}}) {
    const RunResult result = run(with({"train", "--data", folder.file("ratings.csv")}, rule));
    EXPECT_EQ(result.code, 65) << result.error;
    EXPECT_TRUE(is_error_text(result.error)) << result.error;
  }
}

TEST(Train, SplitsByTimeTestOnTheLaterRatings) {
  const std::string data = ProblemFolder::shared().ratings();
  const RunResult last = run({"train", "--data", data, "--holdout-last", "2", "--k", "2"});
  ASSERT_EQ(last.code, 0) << last.error;
  const Tsv summary(last.output);
  EXPECT_EQ(summary.number(summary.find("part", "train"), "ratings"), 9001 - 2 * 211);
  const RunResult never = run({"train", "--data", data, "--split-time", "1970-01-02", "--k", "2"});
  EXPECT_EQ(never.code, 65) << "everything would be for testing";
}

TEST(Train, CrossValidationPrintsMeanAndDeviationOfItsFolds) {
  const TemporaryFolder folder;
  const std::string out = folder.file("model");
  const std::string log = folder.file("log");
  const RunResult result = run({"train", "--data", ProblemFolder::shared().ratings(), "--folds",
                                "3", "--k", "4", "--epochs", "3", "--out", out, "--log", log});
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv summary(result.output);
  std::vector<double> folds;
  double tested = 0;
  double mean = 0;
  double deviation = 0;
  for (std::size_t row = 0; row < summary.rows(); ++row) {
    if (summary.at(row, "predictor") != "als") continue;
    const std::string part = summary.at(row, "part");
    if (part == "mean") mean = summary.number(row, "rmse");
    if (part == "sd") deviation = summary.number(row, "rmse");
    if (!part.starts_with("fold")) continue;
    folds.push_back(summary.number(row, "rmse"));
    tested += summary.number(row, "ratings");
  }
  ASSERT_EQ(folds.size(), 3U);
  EXPECT_EQ(tested, 9001);
  const double average = (folds[0] + folds[1] + folds[2]) / 3;
  EXPECT_NEAR(mean, average, 1e-12);
  EXPECT_NEAR(deviation,
              std::sqrt((std::pow(folds[0] - average, 2) + std::pow(folds[1] - average, 2) +
                         std::pow(folds[2] - average, 2)) /
                        2),
              1e-12);
  EXPECT_EQ(lines_of(read_bytes(log)).size(), 9U);
  const auto inspected = nlohmann::json::parse(run({"inspect", out, "--format", "jsonl"}).output);
  EXPECT_EQ(inspected.at("training_ratings").get<int>(), 9001);
  EXPECT_EQ(inspected.at("split").get<std::string>(), "no test part");
}

TEST(Train, EarlyStoppingKeepsTheBestEpochByValidation) {
  const TemporaryFolder folder;
  const std::string log = folder.file("log");
  const RunResult result = run(train_arguments({"--model", "mle", "--validation", "0.1", "--epochs",
                                                "200", "--lr", "0.5", "--reg", "0.01", "--decay",
                                                "1", "--log", log, "--out", folder.file("model")}));
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("no better validation loss since epoch "));
  const auto epochs = lines_of(read_bytes(log));
  EXPECT_LT(epochs.size(), 200U);
  double best = 1e9;
  for (const std::string& line : epochs) {
    best = std::min(best, nlohmann::json::parse(line).at("validation_rmse").get<double>());
  }
  const auto inspected =
      nlohmann::json::parse(run({"inspect", folder.file("model"), "--format", "jsonl"}).output);
  EXPECT_NEAR(inspected.at("validation_rmse").get<double>(), best, 1e-9);
  EXPECT_EQ(inspected.at("dispersion_from").get<std::string>(), "validation");
}

TEST(Train, EveryLikelihoodTrainsOnRatingsOfItsDomain) {
  const TemporaryFolder folder;
  write_bytes(folder.file("counts.csv"), small_ratings(40, 30));
  for (const std::string likelihood : {"gaussian", "laplace", "poisson", "bernoulli"}) {
    std::vector<std::string> arguments{"train",
                                       "--data",
                                       folder.file("counts.csv"),
                                       "--model",
                                       "mle",
                                       "--k",
                                       "2",
                                       "--holdout",
                                       "0.2",
                                       "--likelihood",
                                       likelihood,
                                       "--quiet"};
    if (likelihood == "bernoulli") arguments.insert(arguments.end(), {"--positive", "4"});
    const RunResult result = run(arguments);
    ASSERT_EQ(result.code, 0) << likelihood << result.error;
    const RunResult reference = run(with(arguments, {"--device", "reference"}));
    ASSERT_EQ(reference.code, 0) << likelihood << reference.error;
    const Tsv summary(result.output);
    const Tsv expected(reference.output);
    for (const std::string predictor : {"global mean", "biases only", "mle"}) {
      const std::size_t row = summary.find("predictor", predictor);
      for (const std::string figure : {"rmse", "mae", "nll"}) {
        // A row takes 30 steps in each of 20 epochs, the first at a rate of 0.1.
        EXPECT_NEAR(summary.number(row, figure), expected.number(row, figure),
                    8 * tolerance::descent<float>(30 * 20, 0.1, 2))
            << likelihood << ", " << predictor << ", " << figure;
      }
    }
  }
  const RunResult outside = run({"train", "--data", folder.file("counts.csv"), "--model", "mle",
                                 "--likelihood", "bernoulli"});
  EXPECT_EQ(outside.code, 65);
  EXPECT_TRUE(is_error_text(outside.error)) << outside.error;
}

TEST(Train, DivergenceIsExit80AndSavesNothing) {
  const TemporaryFolder folder;
  const RunResult result = run(train_arguments(
      {"--model", "mle", "--optimizer", "sgd", "--lr", "1000", "--out", folder.file("model")}));
  EXPECT_EQ(result.code, 80) << result.error;
  EXPECT_TRUE(is_error_text(result.error)) << result.error;
  EXPECT_EQ(folder.entries(), 0U);
}

TEST(Train, DefaultsFollowFromWhatIsGivenAndTheLogSaysSo) {
  const auto reg_of = [](const std::vector<std::string>& flags) {
    const TemporaryFolder folder;
    const RunResult result = run(with({"train", "--data", ProblemFolder::shared().ratings(), "--k",
                                       "1", "--epochs", "1", "--out", folder.file("model")},
                                      flags));
    EXPECT_EQ(result.code, 0) << result.error;
    auto facts =
        nlohmann::json::parse(run({"inspect", folder.file("model"), "--format", "jsonl"}).output);
    facts["log"] = result.error;
    return facts;
  };
  const auto plain = reg_of({});
  EXPECT_EQ(plain.at("reg").get<double>(), 1.2);
  EXPECT_EQ(plain.at("reg_bias").get<double>(), 0.9);
  EXPECT_NEAR(plain.at("reg_in_rating_units").get<double>(),
              1.2 * plain.at("deviation").get<double>(), 1e-12);
  EXPECT_EQ(reg_of({"--reg", "2"}).at("reg_bias").get<double>(), 1.5);
  const auto scaled = reg_of({"--reg-scaling", "1"});
  EXPECT_NEAR(scaled.at("reg").get<double>(), 0.1, 1e-12);
  EXPECT_NEAR(scaled.at("reg_bias").get<double>(), 0.075, 1e-12);
  EXPECT_THAT(scaled.at("log").get<std::string>(), HasSubstr("follows from reg-scaling 1"));
}

TEST(Train, DryRunPrintsThePlanAndTrainsNothing) {
  const TemporaryFolder folder;
  const RunResult result = run(
      train_arguments({"--dry-run", "--out", folder.file("model"), "--log", folder.file("log")}));
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv plan(result.output);
  EXPECT_THAT(plan.at(plan.find("name", "layout"), "value"), HasSubstr("comma-separated"));
  // Offsets of 8 bytes, columns and values of 4 each.
  const double train = plan.number(plan.find("name", "training_ratings"), "value");
  EXPECT_EQ(plan.number(plan.find("name", "ratings_by_user_bytes"), "value"), train * 8 + 212 * 8);
  double total = 0;
  for (std::size_t row = 0; row < plan.rows(); ++row) {
    const std::string name = plan.at(row, "name");
    if (!name.ends_with("_bytes") || name == "available_bytes" || name == "total_bytes" ||
        name.starts_with("device_")) {
      continue;
    }
    total += plan.number(row, "value");
  }
  EXPECT_EQ(plan.number(plan.find("name", "total_bytes"), "value"), total);
  EXPECT_EQ(folder.entries(), 0U);
}

TEST(Train, PlansTheRowsOfTheBackendInFloatAsItPadsThem) {
  const auto planned = [](const std::string& rank, const std::string& device) {
    const RunResult result = run({"train", "--data", ProblemFolder::shared().ratings(), "--dry-run",
                                  "--model", "ls", "--k", rank, "--device", device});
    EXPECT_EQ(result.code, 0) << result.error;
    const Tsv plan(result.output);
    return plan.number(plan.find("name", "factors_of_backend_bytes"), "value") +
           plan.number(plan.find("name", "conjugate_gradient_vectors_bytes"), "value");
  };
  EXPECT_EQ(planned("1", "cpu"), planned("16", "cpu"));
  EXPECT_EQ(planned("1", "cpu") * 33, planned("17", "cpu") * 17);
  EXPECT_EQ(planned("1", "reference") * 17, planned("16", "reference") * 2);
}

TEST(Train, NamesTheOptionThatLimitsMemoryWhereNoRankFits) {
  const RunResult result =
      run({"train", "--data", ProblemFolder::shared().ratings(), "--max-memory", "1K"});
  EXPECT_EQ(result.code, 71);
  EXPECT_THAT(result.error, HasSubstr("\n  help: raise --max-memory\n"));
}

TEST(Train, PlanCountsTheScratchOfEveryThread) {
  const auto planned = [](const std::string& threads, const std::vector<std::string>& more) {
    const RunResult result = run(with({"train", "--data", ProblemFolder::shared().ratings(),
                                       "--dry-run", "--quiet", "--threads", threads},
                                      more));
    EXPECT_EQ(result.code, 0) << result.error;
    return Tsv(result.output);
  };
  const auto part = [](const Tsv& plan, const std::string& name) {
    return plan.number(plan.find("name", name), "value");
  };
  const Tsv one = planned("1", {"--k", "300"});
  const Tsv three = planned("3", {"--k", "300"});
  const double scratch = part(one, "scratch_of_threads_bytes");
  // The normal equations of a row, at least, and what it is given of up to `order` rows beside it.
  EXPECT_GE(scratch, 2 * 300 * 300 * 4);
  EXPECT_LE(scratch, 3 * 320 * 320 * 4);
  EXPECT_EQ(part(three, "scratch_of_threads_bytes"), 3 * scratch);
  EXPECT_EQ(part(three, "total_bytes"), part(one, "total_bytes") + 2 * scratch);
  EXPECT_GE(part(planned("1", {"--k", "300", "--device", "reference"}), "scratch_of_threads_bytes"),
            2 * 301 * 301 * 8);
}

TEST(Train, PlanThatDoesNotFitIsExit71WithTheLargestRankThatDoes) {
  const RunResult refused = run({"train", "--data", ProblemFolder::shared().ratings(), "--k", "512",
                                 "--max-memory", "600K", "--threads", "2"});
  EXPECT_EQ(refused.code, 71);
  EXPECT_TRUE(is_error_text(refused.error)) << refused.error;
  const std::size_t at = refused.error.find("try --k ");
  ASSERT_NE(at, std::string::npos) << refused.error;
  const std::string rank = fields_of(refused.error.substr(at + 8), ',').front();
  EXPECT_EQ(run({"train", "--data", ProblemFolder::shared().ratings(), "--k", rank, "--epochs", "1",
                 "--max-memory", "600K", "--threads", "2"})
                .code,
            0);
  EXPECT_EQ(run({"train", "--data", ProblemFolder::shared().ratings(), "--k",
                 std::to_string(std::stoi(rank) + 1), "--epochs", "1", "--max-memory", "600K",
                 "--threads", "2"})
                .code,
            71);
}

TEST(Train, ReadsStandardInput) {
  RunOptions options;
  options.input = read_bytes(ProblemFolder::shared().ratings());
  const TemporaryFolder folder;
  const RunResult result =
      run({"train", "--data", "-", "--k", "8", "--holdout", "0.1", "--out", folder.file("model")},
          options);
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_EQ(read_bytes(folder.file("model")), read_bytes(ProblemFolder::shared().model()));
}

TEST(Train, SkipsBadLinesWhereAskedAndListsThem) {
  const TemporaryFolder folder;
  write_bytes(folder.file("ratings.csv"), small_ratings(20, 20) + "1,oops\n2,3,nan\n");
  const std::string data = folder.file("ratings.csv");
  const RunResult refused = run({"train", "--data", data});
  EXPECT_EQ(refused.code, 65);
  EXPECT_THAT(refused.error, HasSubstr(data + ":401"));
  const RunResult result = run({"train", "--data", data, "--on-bad-line", "skip", "--rejects",
                                folder.file("rejects.tsv"), "--k", "2"});
  EXPECT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("402 = ratings 400 + duplicates 0 + rejected 2"));
  const Tsv rejects(read_bytes(folder.file("rejects.tsv")));
  ASSERT_EQ(rejects.rows(), 2U);
  EXPECT_EQ(rejects.at(0, "line"), "401");
  EXPECT_EQ(rejects.at(1, "text"), "2,3,nan");
  EXPECT_EQ(run({"train", "--data", data, "--on-bad-line", "skip:1", "--k", "2"}).code, 65);
}

}  // namespace
}  // namespace alsatian::testing
