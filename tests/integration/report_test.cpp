// Reports of training and evaluation: their figures are those printed and logged, and they cost no
// model. Whether a browser draws them is a matter of tests/reports.
#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;

TEST(TrainReport, HasTheFiguresOfTheLog) {
  const TemporaryFolder folder;
  const RunResult result =
      run(train_arguments({"--model", "mle", "--epochs", "5", "--evaluate-every", "2", "--log",
                           folder.file("log.jsonl"), "--figures", folder.file("figures")}));
  ASSERT_EQ(result.code, 0) << result.error;
  const auto log = lines_of(read_bytes(folder.file("log.jsonl")));
  const Tsv rmse(read_bytes(folder.file("figures/rmse_by_epoch.tsv")));
  const Tsv objective(read_bytes(folder.file("figures/objective_by_epoch.tsv")));
  const Tsv rate(read_bytes(folder.file("figures/learning_rate.tsv")));
  ASSERT_EQ(rmse.rows(), 5U);
  ASSERT_EQ(log.size(), 5U);
  std::size_t evaluated = 0;
  for (std::size_t row = 0; row < log.size(); ++row) {
    const auto epoch = nlohmann::json::parse(log[row]);
    EXPECT_EQ(rate.number(row, "learning_rate"), epoch.at("learning_rate"));
    if (!epoch.contains("train_rmse")) {
      EXPECT_EQ(rmse.at(row, "train_rmse"), "");
      continue;
    }
    ++evaluated;
    EXPECT_EQ(rmse.number(row, "train_rmse"), epoch.at("train_rmse"));
    EXPECT_EQ(rmse.number(row, "test_rmse"), epoch.at("test_rmse"));
    EXPECT_EQ(objective.number(row, "objective"), epoch.at("objective"));
  }
  EXPECT_GT(evaluated, 0U);
  EXPECT_LT(evaluated, 5U);
}

TEST(TrainReport, SaysWhereAllOfTheTimeWent) {
  const TemporaryFolder folder;
  const auto begin = std::chrono::steady_clock::now();
  const RunResult result = run(train_arguments(
      {"--out", folder.file("model"), "--log", folder.file("log"), "--figures", folder.file("f")}));
  const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - begin;
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv stages(read_bytes(folder.file("f/time_by_stage.tsv")));
  const std::vector<std::string> expected{"reading", "cleaning",  "splitting",
                                          "set-up",  "training",  "evaluation of epochs",
                                          "saving",  "baselines", "else"};
  ASSERT_EQ(stages.rows(), expected.size());
  double sum = 0;
  for (std::size_t row = 0; row < stages.rows(); ++row) {
    EXPECT_EQ(stages.at(row, "stage"), expected[row]);
    // What no stage takes for itself is not taken twice either.
    EXPECT_GE(stages.number(row, "seconds"), 0) << expected[row];
    sum += stages.number(row, "seconds");
  }
  const auto last = nlohmann::json::parse(lines_of(read_bytes(folder.file("log"))).back());
  EXPECT_GT(sum, last.at("total_seconds").get<double>());
  EXPECT_LT(sum, waited.count());
}

TEST(TrainReport, OfAStoppedTrainingHasTheTimeUntilThen) {
  const TemporaryFolder folder;
  RunOptions options;
  options.signal_after = "epoch ";
  options.signal = SIGINT;
  const RunResult result =
      run(train_arguments({"--model", "bayes", "--epochs", "5000", "--figures", folder.file("f")}),
          options);
  EXPECT_EQ(result.signal, SIGINT) << result.error;
  const Tsv stages(read_bytes(folder.file("f/time_by_stage.tsv")));
  EXPECT_GT(stages.number(stages.find("stage", "training"), "seconds"), 0);
  EXPECT_EQ(stages.at(stages.rows() - 1, "stage"), "else");
}

TEST(TrainReport, IsRefusedWhereThereIsNotOneTraining) {
  const TemporaryFolder folder;
  const std::string figures = folder.file("figures");
  const RunResult folds = run(
      {"train", "--data", ProblemFolder::shared().ratings(), "--folds", "2", "--figures", figures});
  EXPECT_EQ(folds.code, 64);
  EXPECT_THAT(folds.error, HasSubstr("--figures: shows one training, and --folds are many"));
  const RunResult dry = run(train_arguments({"--dry-run", "--figures", figures}));
  EXPECT_EQ(dry.code, 64);
  EXPECT_THAT(dry.error, HasSubstr("--figures: there is nothing to report with --dry-run"));
}

TEST(TrainReport, IsRefusedBeforeTrainingWhereItsFolderCannotBeMade) {
  const TemporaryFolder folder;
  const std::string model = folder.file("model.safetensors");
  const RunResult missing =
      run(train_arguments({"--out", model, "--figures", folder.file("missing/figures")}));
  EXPECT_EQ(missing.code, 73);
  write_bytes(folder.file("file"), "text");
  EXPECT_EQ(run(train_arguments({"--out", model, "--figures", folder.file("file")})).code, 73);
  EXPECT_FALSE(std::filesystem::exists(model));
  EXPECT_EQ(read_bytes(folder.file("file")), "text");
}

TEST(EvaluateReport, HasTheErrorsThatArePrintedForEveryTestSet) {
  const TemporaryFolder folder;
  const std::string ratings = ProblemFolder::shared().ratings();
  write_bytes(folder.file("second.csv"), "userId,movieId,rating\n1,1,3\n1,2,4\n2,1,5\n");
  const RunResult result =
      run({"evaluate", ProblemFolder::shared().model(), "--test", ratings, "--test",
           folder.file("second.csv"), "--figures", folder.file("figures"), "--quiet"});
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv printed(result.output.substr(0, result.output.find("\n\n") + 1));
  const Tsv groups(read_bytes(folder.file("figures/by_user_activity.tsv")));
  ASSERT_GT(groups.rows(), 0U);
  for (std::size_t row = 0; row < groups.rows(); ++row) {
    const std::size_t same = printed.find("group", groups.at(row, "group"));
    EXPECT_EQ(groups.at(row, "rmse"), printed.at(same, "rmse"));
    EXPECT_EQ(groups.at(row, "ratings"), printed.at(same, "ratings"));
  }
  EXPECT_TRUE(std::filesystem::exists(folder.file("figures/residuals_2.tsv")));
  EXPECT_FALSE(std::filesystem::exists(folder.file("figures/recommendations.tsv")));
}

/// The second table that evaluate prints.
Tsv printed_figures(const RunResult& result) {
  return Tsv(result.output.substr(result.output.find("\n\n") + 2));
}

TEST(EvaluateReport, HasEveryFigureThatIsPrintedWithItsDefinition) {
  const TemporaryFolder folder;
  const std::string ratings = ProblemFolder::shared().ratings();
  const RunResult result = run({"evaluate", ProblemFolder::shared().model(), "--data", ratings,
                                "--top", "5", "--figures", folder.file("figures"), "--quiet"});
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv printed = printed_figures(result);
  const Tsv figures(read_bytes(folder.file("figures/figures.tsv")));
  ASSERT_EQ(figures.rows(), printed.rows());
  for (std::size_t row = 0; row < printed.rows(); ++row) {
    for (const char* column : {"figure", "value", "definition"}) {
      EXPECT_EQ(figures.at(row, column), printed.at(row, column));
    }
  }
  const Tsv ranking(read_bytes(folder.file("figures/ranking.tsv")));
  EXPECT_EQ(ranking.rows(), 7U);
  EXPECT_EQ(ranking.at(ranking.find("figure", "ndcg"), "value"),
            printed.at(printed.find("figure", "ndcg"), "value"));
}

TEST(EvaluateReport, DrawsTheNllOfLikelihoodsThatAreNotOfASquaredError) {
  const TemporaryFolder folder;
  const std::string model = folder.file("model.safetensors");
  const std::string ratings = ProblemFolder::shared().ratings();
  ASSERT_EQ(
      run({"train", "--data", ratings, "--likelihood", "bernoulli", "--positive", "4", "--model",
           "mle", "--k", "2", "--epochs", "2", "--holdout", "0.2", "--out", model, "--quiet"})
          .code,
      0);
  const RunResult result =
      run({"evaluate", model, "--data", ratings, "--figures", folder.file("figures"), "--quiet"});
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv groups(read_bytes(folder.file("figures/nll_by_user_activity.tsv")));
  const Tsv printed(result.output.substr(0, result.output.find("\n\n") + 1));
  ASSERT_GT(groups.rows(), 0U);
  for (std::size_t row = 0; row < groups.rows(); ++row) {
    EXPECT_EQ(groups.at(row, "nll"),
              printed.at(printed.find("group", groups.at(row, "group")), "nll"));
  }
}

TEST(EvaluateReport, HasTheSpectrumOfOneDrawOfASampler) {
  const TemporaryFolder folder;
  const std::string model = folder.file("model.safetensors");
  const std::string ratings = ProblemFolder::shared().ratings();
  ASSERT_EQ(run({"train", "--data", ratings, "--model", "bayes", "--k", "3", "--epochs", "12",
                 "--burn-in", "4", "--keep", "5", "--holdout", "0.1", "--out", model, "--quiet"})
                .code,
            0);
  const RunResult result =
      run({"evaluate", model, "--data", ratings, "--figures", folder.file("figures"), "--quiet"});
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_EQ(Tsv(read_bytes(folder.file("figures/factor_spectrum.tsv"))).rows(), 3U);
  EXPECT_GT(Tsv(read_bytes(folder.file("figures/item_map.tsv"))).rows(), 0U);
}

TEST(EvaluateReport, RecommendsNothingThatTheUserRated) {
  // Without a test part, what was rated in training is all that was rated, as recommend has it.
  const TemporaryFolder folder;
  const std::string ratings = ProblemFolder::shared().ratings();
  const std::string model = folder.file("model.safetensors");
  ASSERT_EQ(run({"train", "--data", ratings, "--k", "4", "--out", model, "--quiet"}).code, 0);
  const RunResult result = run({"evaluate", model, "--test", ratings, "--data", ratings,
                                "--figures", folder.file("figures"), "--quiet"});
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv shown(read_bytes(folder.file("figures/recommendations.tsv")));
  const std::string user = shown.at(0, "user");
  const RunResult direct =
      run({"recommend", model, "--users", user, "--top", "8", "--data", ratings, "--quiet"});
  ASSERT_EQ(direct.code, 0) << direct.error;
  const Tsv recommended(direct.output);
  ASSERT_GT(recommended.rows(), 0U);
  for (std::size_t row = 0; row < recommended.rows(); ++row) {
    EXPECT_EQ(shown.at(row, "user"), user);
    EXPECT_EQ(shown.at(row, "recommended"), recommended.at(row, "item"));
  }
}

TEST(EvaluateReport, TakesTitlesOnlyForAReport) {
  const RunResult result =
      run({"evaluate", ProblemFolder::shared().model(), "--data", ProblemFolder::shared().ratings(),
           "--movies", ProblemFolder::shared().movies()});
  EXPECT_EQ(result.code, 64);
  EXPECT_THAT(result.error, HasSubstr("--movies: applies to --report and --figures alone"));
}

#ifdef ALSATIAN_HAVE_REPORTS
TEST(TrainReport, CostsNoModelWhereTheDiskIsFull) {
  const TemporaryFolder folder;
  const std::string model = folder.file("model.safetensors");
  const RunResult result = run(train_arguments({"--out", model, "--report", "/dev/full"}));
  EXPECT_EQ(result.code, 74) << result.error;
  EXPECT_EQ(run({"inspect", model}).code, 0);
}

TEST(TrainReport, OfASamplerSaysWhatDoesNotCountAndWhetherChainsMet) {
  const TemporaryFolder folder;
  const RunResult result = run({"train", "--data", ProblemFolder::shared().ratings(), "--model",
                                "bayes", "--k", "3", "--epochs", "14", "--burn-in", "4", "--chains",
                                "2", "--holdout", "0.1", "--report", folder.file("train.html")});
  ASSERT_EQ(result.code, 0) << result.error;
  const std::string html = read_bytes(folder.file("train.html"));
  EXPECT_THAT(html, HasSubstr("<dt>burn-in</dt><dd>4 sweeps</dd>"));
  EXPECT_THAT(html, HasSubstr("\"stage\":\"burn-in\",\"stageEnd\":4.0"));
  EXPECT_THAT(html, HasSubstr("minimizes nothing"));
  EXPECT_EQ(html.find("<dt>best epoch"), std::string::npos);
  EXPECT_EQ(html.find("<dt>reg<"), std::string::npos);
  // So few sweeps of two chains do not meet, which is said in both places or in none.
  EXPECT_THAT(result.error, HasSubstr("the chains have not met after 14 sweeps"));
  EXPECT_THAT(html, HasSubstr("<strong>Warning:</strong> the chains have not met after 14 sweeps"));
}

TEST(EvaluateReport, ShowsTestErrorsFirst) {
  const TemporaryFolder folder;
  const RunResult result =
      run({"evaluate", ProblemFolder::shared().model(), "--data", ProblemFolder::shared().ratings(),
           "--top", "5", "--report", folder.file("evaluation.html"), "--quiet"});
  ASSERT_EQ(result.code, 0) << result.error;
  const std::string html = read_bytes(folder.file("evaluation.html"));
  for (const char* tile : {"test RMSE", "test NLL", "test R²", "NDCG"}) {
    EXPECT_THAT(html, HasSubstr("<dt>" + std::string(tile) + "</dt><dd>0."));
  }
  EXPECT_EQ(html.find("<dt>train RMSE"), std::string::npos);
}

TEST(TrainReport, NamesNoFolderInWhichAGpuWasLookedFor) {
  const TemporaryFolder folder;
  RunOptions options;
  options.environment = {"ALSATIAN_CUDA_MODULE=" + folder.file("secret/module.so")};
  const RunResult result =
      run(train_arguments({"--device", "auto", "--report", folder.file("train.html")}), options);
  ASSERT_EQ(result.code, 0) << result.error;
  const std::string html = read_bytes(folder.file("train.html"));
  EXPECT_THAT(result.error, HasSubstr("secret/module.so"));
  EXPECT_EQ(html.find("secret"), std::string::npos);
  EXPECT_NE(html.find("<dt>device</dt><dd>cpu ("), std::string::npos);
}

TEST(TrainReport, ReplacesThatOfAnEarlierRunInTheFolderOfTheData) {
  const TemporaryFolder folder;
  std::filesystem::copy(ProblemFolder::shared().ratings(), folder.file("ratings.csv"));
  for (int times = 0; times < 2; ++times) {
    const RunResult result =
        run({"train", "--data", folder.path().string(), "--k", "2", "--epochs", "1", "--quiet",
             "--report", folder.file("train.html"), "--out", folder.file("m.safetensors")});
    EXPECT_EQ(result.code, 0) << result.error;
  }
}

TEST(TrainReport, IsNoInputAndNoOtherOutput) {
  const TemporaryFolder folder;
  const std::string ratings = ProblemFolder::shared().ratings();
  const std::string before = read_bytes(ratings);
  EXPECT_EQ(run(train_arguments({"--report", ratings})).code, 64);
  EXPECT_EQ(read_bytes(ratings), before);
  const std::string file = folder.file("file");
  EXPECT_EQ(run(train_arguments({"--report", file, "--out", file})).code, 64);
  EXPECT_EQ(run(train_arguments({"--report", file, "--log", file})).code, 64);
}
#endif

}  // namespace
}  // namespace alsatian::testing
