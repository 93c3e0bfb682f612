// The posterior's mean through every command: a model of draws is used like any other.
// How good it is on real ratings is in real_data_test.cpp, beside the other models.
#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> sampling_arguments(int epochs, const std::vector<std::string>& more) {
  return with({"train", "--data", ProblemFolder::shared().ratings(), "--holdout", "0.1", "--model",
               "bayes", "--k", "4", "--epochs", std::to_string(epochs)},
              more);
}

TEST(Bayes, PredictsBetterThanAlsOnAPlantedMatrix) {
  const RunResult result = run(sampling_arguments(60, {"--keep", "10"}));
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv summary(result.output);
  const double every_draw = summary.number(summary.find("predictor", "bayes, every draw"), "rmse");
  const double kept = summary.number(summary.find("predictor", "bayes"), "rmse");
  const RunResult als = run(train_arguments({}));
  const Tsv other(als.output);
  EXPECT_LT(every_draw, other.number(other.find("predictor", "als"), "rmse"));
  EXPECT_LT(kept, other.number(other.find("predictor", "als"), "rmse"));
  EXPECT_THAT(result.error, HasSubstr("the model keeps 10 of 50 draws"));
  EXPECT_THAT(result.error, HasSubstr("  train RMSE of the draw "));
  EXPECT_THAT(result.error, HasSubstr("  test RMSE 0."));
  EXPECT_THAT(result.error, HasSubstr("central 90 % intervals hold "));
}

TEST(Bayes, GivesTheSameBytesForAnyNumberOfThreads) {
  const TemporaryFolder folder;
  std::vector<std::string> files;
  for (const std::string threads : {"1", "2", "3"}) {
    const std::string out = folder.file(threads);
    const RunResult result =
        run(sampling_arguments(6, {"--keep", "3", "--threads", threads, "--out", out}));
    ASSERT_EQ(result.code, 0) << result.error;
    files.push_back(read_bytes(out));
  }
  EXPECT_TRUE(files[0] == files[1]);
  EXPECT_TRUE(files[0] == files[2]);
}

TEST(Bayes, ModelAnswersEveryCommand) {
  const TemporaryFolder folder;
  const std::string out = folder.file("model");
  const std::string ratings = ProblemFolder::shared().ratings();
  const RunResult trained = run(sampling_arguments(60, {"--keep", "10", "--out", out}));
  ASSERT_EQ(trained.code, 0) << trained.error;
  const RunResult evaluated = run({"evaluate", out, "--data", ratings, "--top", "5"});
  ASSERT_EQ(evaluated.code, 0) << evaluated.error;
  const Tsv summary(trained.output);
  const Tsv figures(evaluated.output);
  for (const std::string figure : {"ratings", "rmse", "mae", "nll", "r_squared"}) {
    EXPECT_EQ(figures.at(figures.find("group", "all"), figure),
              summary.at(summary.find("predictor", "bayes"), figure));
  }
  const Tsv recommended(
      run({"recommend", out, "--users", "1", "--top", "3", "--data", ratings}).output);
  ASSERT_EQ(recommended.rows(), 3U);
  write_bytes(folder.file("pairs.csv"),
              "user,item\n1," + recommended.at(0, "item") + "\n1,999999\n");
  const Tsv predicted(run({"predict", out, "--pairs", folder.file("pairs.csv")}).output);
  EXPECT_EQ(predicted.at(0, "prediction"), recommended.at(0, "prediction"));
  EXPECT_NE(predicted.at(1, "prediction"), predicted.at(0, "prediction"));
  EXPECT_EQ(Tsv(run({"similar", out, "--item", recommended.at(0, "item")}).output).rows(), 10U);
  const auto facts = nlohmann::json::parse(run({"inspect", out, "--format", "jsonl"}).output);
  EXPECT_EQ(facts.at("model"), "bayes");
  EXPECT_EQ(facts.at("draws"), 10);
  EXPECT_EQ(facts.at("burn_in"), 10);
  EXPECT_EQ(facts.at("features"), "implicit");
}

TEST(Bayes, IntervalsHoldTheShareOfRatingsThatEvaluateCounts) {
  const TemporaryFolder folder;
  const std::string out = folder.file("model");
  const std::string ratings = ProblemFolder::shared().ratings();
  ASSERT_EQ(run(sampling_arguments(60, {"--keep", "10", "--out", out})).code, 0);
  const Tsv pairs(run({"predict", out, "--pairs", ratings, "--interval", "0.9"}).output);
  const Tsv clipped(
      run({"predict", out, "--pairs", ratings, "--interval", "0.9", "--clip"}).output);
  const auto rated = lines_of(read_bytes(ratings));
  double covered = 0;
  for (std::size_t pair = 0; pair < pairs.rows(); ++pair) {
    const double rating = std::stod(fields_of(rated[pair + 1], ',')[2]);
    const double prediction = pairs.number(pair, "prediction");
    EXPECT_LT(pairs.number(pair, "lower"), prediction);
    EXPECT_GT(pairs.number(pair, "upper"), prediction);
    EXPECT_EQ(clipped.number(pair, "upper"), std::min(5.0, pairs.number(pair, "upper")));
    covered += pairs.number(pair, "lower") <= rating && rating <= pairs.number(pair, "upper");
  }
  const std::string tables = run({"evaluate", out, "--test", ratings}).output;
  const Tsv figures(tables.substr(tables.find("\n\n") + 2));
  // Bounds are printed as floats: a rating on one may fall on either side.
  EXPECT_NEAR(figures.number(figures.find("figure", "covered_90"), "value"),
              covered / static_cast<double>(pairs.rows()), 1e-3);
}

TEST(Bayes, IntervalsOfAnotherModelAreRefused) {
  const RunResult result = run({"predict", ProblemFolder::shared().model(), "--pairs",
                                ProblemFolder::shared().ratings(), "--interval", "0.9"});
  EXPECT_EQ(result.code, 64);
  EXPECT_THAT(result.error, HasSubstr("--interval 0.9: the model is of --model als"));
  EXPECT_THAT(result.error, HasSubstr("  help: train with --model bayes"));
}

TEST(Bayes, RanksByWhatDrawsPredictBesideTheirMean) {
  const TemporaryFolder folder;
  const std::string out = folder.file("model");
  const std::string ratings = ProblemFolder::shared().ratings();
  ASSERT_EQ(run(sampling_arguments(30, {"--keep", "10", "--out", out})).code, 0);
  const auto recommend = [&](const std::vector<std::string>& more) {
    return run(with({"recommend", out, "--all-users", "--top", "1000", "--data", ratings}, more));
  };
  const Tsv by_mean(recommend({}).output);
  std::map<std::pair<std::string, std::string>, double> lower;
  std::map<std::pair<std::string, std::string>, std::string> predictions;
  for (std::size_t row = 0; row < by_mean.rows(); ++row) {
    predictions[{by_mean.at(row, "user"), by_mean.at(row, "item")}] = by_mean.at(row, "prediction");
  }
  for (const std::string by : {"lower", "upper", "sample"}) {
    std::vector<std::string> ranking{"--rank-by", by};
    if (by != "sample") ranking = with(ranking, {"--interval", "0.999"});
    const Tsv rows(recommend(ranking).output);
    ASSERT_EQ(rows.rows(), by_mean.rows());
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      if (row > 0 && rows.at(row, "user") == rows.at(row - 1, "user")) {
        EXPECT_LE(rows.number(row, by), rows.number(row - 1, by));
      }
      const std::pair pair{rows.at(row, "user"), rows.at(row, "item")};
      EXPECT_EQ(rows.at(row, "prediction"), predictions.at(pair));
      if (by == "lower") lower[pair] = rows.number(row, by);
      if (by != "upper") continue;
      // Of ten numbers the mean is at least nine tenths of the way from the least to the next, the
      // end of this interval less than a hundredth.
      EXPECT_LT(lower.at(pair), rows.number(row, "prediction"));
      EXPECT_GT(rows.number(row, by), rows.number(row, "prediction"));
    }
  }
  const std::string sampled = recommend({"--rank-by", "sample"}).output;
  EXPECT_EQ(recommend({"--rank-by", "sample", "--seed", "42", "--threads", "1"}).output, sampled);
  EXPECT_NE(recommend({"--rank-by", "sample", "--seed", "43"}).output, sampled);
  const Tsv narrow(recommend({"--rank-by", "upper", "--interval", "0.5"}).output);
  const Tsv wide(recommend({"--rank-by", "upper", "--interval", "0.99"}).output);
  EXPECT_LT(narrow.number(0, "upper"), wide.number(0, "upper"));
  const Tsv clipped(recommend({"--rank-by", "upper", "--clip"}).output);
  EXPECT_LE(clipped.number(0, "upper"), 5);
}

TEST(Bayes, AnswersSomebodyWhoIsNoUserOfTheModel) {
  const TemporaryFolder folder;
  const std::string out = folder.file("model");
  const std::string ratings = ProblemFolder::shared().ratings();
  ASSERT_EQ(run(sampling_arguments(60, {"--keep", "20", "--out", out})).code, 0);
  std::string mine = "item,rating\n";
  for (const std::string& line : lines_of(read_bytes(ratings))) {
    const auto fields = fields_of(line, ',');
    if (fields[0] == "1") mine += fields[1] + "," + fields[2] + "\n";
  }
  write_bytes(folder.file("mine.csv"), mine);
  const auto answer = [&](const std::vector<std::string>& more) {
    return run(
        with({"recommend", out, "--ratings", folder.file("mine.csv"), "--top", "1000"}, more));
  };
  const RunResult result = answer({});
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv newcomer(result.output);
  const Tsv user(
      run({"recommend", out, "--users", "1", "--top", "1000", "--data", ratings}).output);
  ASSERT_EQ(newcomer.rows(), user.rows());
  // The same ratings, but for the holdout part that they now hold too: about the same predictions.
  double difference = 0;
  for (std::size_t row = 0; row < user.rows(); ++row) {
    const std::size_t same = newcomer.find("item", user.at(row, "item"));
    difference += std::abs(newcomer.number(same, "prediction") - user.number(row, "prediction")) /
                  static_cast<double>(user.rows());
  }
  EXPECT_LT(difference, 0.15);
  for (const std::string by : {"lower", "upper", "sample"}) {
    const Tsv rows(answer({"--rank-by", by}).output);
    ASSERT_EQ(rows.rows(), newcomer.rows());
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      EXPECT_EQ(rows.at(row, "prediction"),
                newcomer.at(newcomer.find("item", rows.at(row, "item")), "prediction"));
    }
  }
  const Tsv lower(answer({"--rank-by", "lower"}).output);
  for (std::size_t row = 1; row < lower.rows(); ++row) {
    EXPECT_LE(lower.number(row, "lower"), lower.number(row - 1, "lower"));
  }
  EXPECT_NE(answer({"--rank-by", "sample"}).output,
            answer({"--rank-by", "sample", "--seed", "43"}).output);
  const Tsv explained(run({"explain", out, "--ratings", folder.file("mine.csv"), "--item",
                           newcomer.at(0, "item"), "--reasons", "1000"})
                          .output);
  double sum = explained.number(0, "base");
  for (std::size_t row = 0; row < explained.rows(); ++row) {
    sum += explained.number(row, "contribution");
  }
  EXPECT_NEAR(sum, newcomer.number(0, "prediction"), 1e-4);
}

TEST(Bayes, RankingByDrawsIsRefusedWhereThereAreNone) {
  const auto refused = [](const std::vector<std::string>& more, const std::string& said) {
    const RunResult result = run(with(
        {"recommend", ProblemFolder::shared().model(), "--users", "1", "--include-seen"}, more));
    EXPECT_EQ(result.code, 64) << said;
    EXPECT_THAT(result.error, HasSubstr(said));
    EXPECT_TRUE(is_error_text(result.error)) << result.error;
  };
  refused({"--rank-by", "lower"}, "--rank-by lower: the model is of --model als");
  refused({"--rank-by", "sample"}, "--rank-by sample: the model is of --model als");
  refused({"--interval", "0.5"}, "--interval: applies to --rank-by lower and upper alone");
  refused({"--rank-by", "sample", "--interval", "0.5"},
          "--interval: applies to --rank-by lower and upper alone");
  refused({"--seed", "1"}, "--seed: applies to --rank-by sample alone");
  refused({"--rank-by", "upper", "--device", "cuda"},
          "--device cuda: ranks by the mean alone, not by --rank-by upper");
  refused({"--rank-by", "best"}, "--rank-by best: ");
}

TEST(Bayes, LogHasTheTracesOfEverySweep) {
  const TemporaryFolder folder;
  const std::string log = folder.file("log");
  ASSERT_EQ(run(sampling_arguments(6, {"--burn-in", "2", "--keep", "1", "--log", log})).code, 0);
  const auto lines = lines_of(read_bytes(log));
  ASSERT_EQ(lines.size(), 6U);
  for (std::size_t line = 0; line < lines.size(); ++line) {
    const auto object = nlohmann::json::parse(lines[line]);
    for (const char* trace : {"sigma", "user_weight_precision", "item_weight_precision",
                              "user_weight_steps", "item_weight_steps"}) {
      EXPECT_GT(object.at(trace).get<double>(), 0);
    }
    EXPECT_EQ(object.at("draws").get<int>(), line < 2 ? 0 : static_cast<int>(line) - 1);
    EXPECT_EQ(object.contains("test_covered_90"), line >= 2);
  }
}

TEST(Bayes, SeveralChainsAreMeasuredPrintedLoggedAndKept) {
  const TemporaryFolder folder;
  const std::string out = folder.file("model");
  const std::string log = folder.file("log");
  const RunResult result = run(sampling_arguments(
      24, {"--burn-in", "4", "--keep", "6", "--chains", "3", "--out", out, "--log", log}));
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("the model keeps 6 of 60 draws"));
  EXPECT_THAT(result.error, HasSubstr("sigma: mean "));
  const auto lines = lines_of(read_bytes(log));
  ASSERT_EQ(lines.size(), 24U);
  const auto last = nlohmann::json::parse(lines.back());
  ASSERT_EQ(last.at("traces").size(), 4U);
  ASSERT_EQ(last.at("chains").size(), 3U);
  EXPECT_FALSE(nlohmann::json::parse(lines[3]).at("chains")[0].contains("test_rmse"));
  EXPECT_FALSE(nlohmann::json::parse(lines[22]).contains("traces"));
  const auto facts = nlohmann::json::parse(run({"inspect", out, "--format", "jsonl"}).output);
  EXPECT_EQ(facts.at("chains"), 3);
  EXPECT_EQ(facts.at("draws"), 6);
  bool warned = false;
  for (const auto& trace : last.at("traces")) {
    const std::string name = trace.at("name");
    EXPECT_EQ(facts.at("r_hat_" + name), trace.at("r_hat"));
    EXPECT_EQ(facts.at("effective_draws_" + name), trace.at("effective_draws"));
    warned |= trace.at("r_hat") > 1.05;
  }
  EXPECT_EQ(warned,
            result.error.find("the chains have not met after 24 sweeps") != std::string::npos);
}

TEST(Bayes, ChainsThatStartApartAndStopAtOnceAreWarnedOf) {
  // From random starts, without sweeps to forget them by.
  const RunResult result =
      run(sampling_arguments(9, {"--burn-in", "0", "--chains", "2", "--quiet"}));
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("alsatian: warning: the chains have not met after 9 sweeps: "
                                      "R-hat of "));
}

TEST(Bayes, OptionsThatDoNotApplyAreRefused) {
  const auto refused = [](const std::vector<std::string>& more, const std::string& said) {
    const RunResult result = run(train_arguments(more));
    EXPECT_EQ(result.code, 64) << said;
    EXPECT_THAT(result.error, HasSubstr(said));
    EXPECT_THAT(result.error, HasSubstr("  help: "));
  };
  refused({"--burn-in", "5"}, "--burn-in: applies to --model bayes alone");
  refused({"--keep", "5"}, "--keep: applies to --model bayes alone");
  refused({"--chains", "2"}, "--chains: applies to --model bayes alone");
  refused({"--model", "bayes", "--chains", "0"}, "--chains 0: must be a whole number between 1");
  refused({"--model", "bayes", "--chains", "4", "--keep", "3"},
          "--keep 3: must be at least the 4 of --chains");
  refused({"--features", "none"}, "--features: applies to --model bayes alone");
  refused({"--model", "bayes", "--epochs", "20", "--burn-in", "20"},
          "--burn-in 20: must be less than the 20 sweeps of --epochs");
  refused({"--model", "bayes", "--likelihood", "laplace"},
          "--model bayes has the gaussian likelihood alone");
  refused({"--model", "bayes", "--solver", "cg"}, "--solver: applies to --model als alone");
}

TEST(Bayes, BeyondTheKernelsOfAGpuIsRefusedRatherThanReplaced) {
  const RunResult result = run({"train", "--data", ProblemFolder::shared().ratings(), "--model",
                                "bayes", "--k", "257", "--epochs", "6", "--device", "cuda"});
  // 69 where there is no GPU to ask, 64 where there is one without kernels for it.
  EXPECT_TRUE(result.code == 69 || result.code == 64) << result.code;
  EXPECT_EQ(result.output, "");
  EXPECT_THAT(result.error, HasSubstr("alsatian: error: "));
}

TEST(Bayes, RunsOnTheReference) {
  const RunResult result =
      run(sampling_arguments(4, {"--burn-in", "1", "--keep", "2", "--device", "reference"}));
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("reference (Eigen, double, 1 thread)"));
}

TEST(Bayes, PlansItsMemoryAndRefusesWhatDoesNotFit) {
  const RunResult plan = run(sampling_arguments(6, {"--dry-run"}));
  ASSERT_EQ(plan.code, 0) << plan.error;
  for (const char* part : {"kept_draws_bytes", "feature_weights_bytes", "draw_of_rows_bytes"}) {
    EXPECT_THAT(plan.output, HasSubstr(part));
  }
  const RunResult result = run(sampling_arguments(6, {"--max-memory", "600000"}));
  EXPECT_EQ(result.code, 71);
  EXPECT_THAT(result.error, HasSubstr("--max-memory allows"));
}

TEST(Bayes, StoppedOnRequestSavesTheDrawsThatItHas) {
  const TemporaryFolder folder;
  const std::string out = folder.file("model");
  RunOptions options;
  options.signal = SIGTERM;
  options.signal_after = "epoch    ";
  const RunResult result =
      run(sampling_arguments(1'000'000, {"--evaluate-every", "1000", "--out", out}), options);
  ASSERT_FALSE(result.timed_out) << result.error.substr(0, 2000);
  EXPECT_EQ(result.signal, SIGTERM);
  EXPECT_THAT(result.error, HasSubstr("is the mean of 1 draw"));
  EXPECT_THAT(result.error, Not(HasSubstr("--init")));
  const auto facts = nlohmann::json::parse(run({"inspect", out, "--format", "jsonl"}).output);
  EXPECT_EQ(facts.at("draws"), 1);
}

TEST(Bayes, WithoutFeaturesHasNoWeights) {
  const RunResult result = run(sampling_arguments(6, {"--features", "none"}));
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, Not(HasSubstr("weight precision")));
}

}  // namespace
}  // namespace alsatian::testing
