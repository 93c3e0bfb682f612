// `compare`: models beside each other, the test ratings they share, and everything it refuses.
// Intervals are held to the normal approximation in tests/unit/evaluate; here to what is printed.
#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// The shared folder's model, and others of the same ratings and split.
class Compare : public ::testing::Test {
 protected:
  static std::string als() { return ProblemFolder::shared().model(); }
  static std::string ratings() { return ProblemFolder::shared().ratings(); }

  std::string trained(const std::string& name, const std::vector<std::string>& more) const {
    const std::string path = folder_.file(name);
    const RunResult result = run(
        with({"train", "--data", ratings(), "--holdout", "0.1", "--out", path, "--quiet"}, more));
    EXPECT_EQ(result.code, 0) << result.error;
    return path;
  }
  std::string mle() const { return trained("mle.safetensors", {"--model", "mle", "--k", "8"}); }
  /// Biases alone, which these ratings are not explained by.
  std::string biases() const { return trained("biases.safetensors", {"--k", "0"}); }

  TemporaryFolder folder_;
};

/// Tables of TSV, between blank lines.
std::vector<Tsv> tables_of(const std::string& text) {
  std::vector<Tsv> tables;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find("\n\n", begin), text.size());
    tables.emplace_back(text.substr(begin, end + 1 - begin));
    begin = end + 2;
  }
  return tables;
}

std::size_t row_of(const Tsv& figures, const std::string& figure, const std::string& model,
                   const std::string& over = "all") {
  for (std::size_t row = 0; row < figures.rows(); ++row) {
    if (figures.at(row, "figure") == figure && figures.at(row, "model") == model &&
        figures.at(row, "over") == over) {
      return row;
    }
  }
  throw std::runtime_error("no figure " + figure + " of " + model);
}

/// Figures that evaluate has too, and what they are over here.
const std::vector<std::pair<std::string, std::string>> evaluated_figures{
    {"rmse", "all"},
    {"mae", "all"},
    {"nll", "all"},
    {"precision", "ranked users"},
    {"recall", "ranked users"},
    {"capped_recall", "ranked users"},
    {"ndcg", "ranked users"},
    {"map", "ranked users"},
    {"hit_rate", "ranked users"},
    {"catalogue_coverage", "ranked users"}};

TEST_F(Compare, GivesTheFiguresOfEvaluateAndJudgesTheDifferences) {
  const std::string other = biases();
  const RunResult result =
      run({"compare", als(), other, "--data", ratings(), "--top", "5", "--quiet"});
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_EQ(result.error, "");
  const auto tables = tables_of(result.output);
  ASSERT_EQ(tables.size(), 3U);
  for (const auto& [name, path] :
       {std::pair{std::string("als"), als()}, {std::string("biases"), other}}) {
    const RunResult evaluated =
        run({"evaluate", path, "--data", ratings(), "--top", "5", "--quiet"});
    const Tsv expected = tables_of(evaluated.output).at(1);
    for (const auto& [figure, over] : evaluated_figures) {
      const std::size_t row = row_of(tables[1], figure, name, over);
      const double value = expected.number(expected.find("figure", figure), "value");
      EXPECT_NEAR(tables[1].number(row, "value"), value, 1e-11 * (1 + std::abs(value))) << figure;
      if (figure == "catalogue_coverage") continue;
      EXPECT_LE(tables[1].number(row, "lower"), value) << figure;
      EXPECT_GE(tables[1].number(row, "upper"), value) << figure;
      EXPECT_NE(tables[2].at(tables[2].find("figure", figure), "definition"), "") << figure;
    }
  }
  const std::size_t rmse = row_of(tables[1], "rmse", "biases");
  EXPECT_GT(tables[1].number(rmse, "difference_lower"), 0);
  EXPECT_EQ(tables[1].at(rmse, "verdict"), "worse");
  EXPECT_EQ(tables[1].at(row_of(tables[1], "ndcg", "biases", "ranked users"), "verdict"), "worse");
  EXPECT_EQ(tables[1].at(row_of(tables[1], "rmse", "als"), "verdict"), "");
}

TEST_F(Compare, TakesTheModelsInTheOrderGivenAndDifferencesFromTheFirst) {
  const std::string other = biases();
  const auto figures = [&](const std::vector<std::string>& models,
                           const std::vector<std::string>& more = {}) {
    const RunResult result =
        run(with(with({"compare"}, models), with({"--data", ratings(), "--quiet"}, more)));
    EXPECT_EQ(result.code, 0) << result.error;
    return tables_of(result.output).at(1);
  };
  const Tsv forward = figures({als(), other});
  const Tsv backward = figures({other, als()});
  EXPECT_EQ(forward.at(0, "model"), "als");
  EXPECT_EQ(backward.at(0, "model"), "biases");
  const std::size_t there = row_of(forward, "rmse", "biases");
  const std::size_t back = row_of(backward, "rmse", "als");
  EXPECT_EQ(forward.number(there, "difference"), -backward.number(back, "difference"));
  // The same users are drawn: the interval is the other's, mirrored.
  EXPECT_NEAR(forward.number(there, "difference_lower"), -backward.number(back, "difference_upper"),
              1e-12);
  EXPECT_EQ(backward.at(back, "verdict"), "better");
  EXPECT_EQ(forward.at(there, "value"), backward.at(row_of(backward, "rmse", "biases"), "value"));
  const Tsv best = figures({other, als()}, {"--against", "best"});
  EXPECT_EQ(best.at(row_of(best, "rmse", "als"), "difference"), "");
  EXPECT_EQ(best.at(row_of(best, "rmse", "biases"), "verdict"), "worse");
}

TEST_F(Compare, OfOneFileTwiceFindsNoDifference) {
  const RunResult result = run({"compare", als(), als(), "--data", ratings(), "--top", "3"});
  ASSERT_EQ(result.code, 0) << result.error;
  const auto tables = tables_of(result.output);
  EXPECT_EQ(tables[0].at(1, "model"), "als (2)");
  for (std::size_t row = 0; row < tables[1].rows(); ++row) {
    if (tables[1].at(row, "model") != "als (2)") continue;
    EXPECT_EQ(tables[1].number(row, "difference"), 0) << tables[1].at(row, "figure");
    if (tables[1].at(row, "figure") == "catalogue_coverage") continue;
    EXPECT_EQ(tables[1].number(row, "difference_lower"), 0);
    EXPECT_EQ(tables[1].number(row, "difference_upper"), 0);
    EXPECT_EQ(tables[1].at(row, "verdict"), "undecided");
  }
}

TEST_F(Compare, PrintsTheSameBytesOnAnyNumberOfThreadsAndOthersBySeed) {
  const std::string other = mle();
  const auto output = [&](const std::vector<std::string>& more) {
    return run(with({"compare", als(), other, "--data", ratings(), "--top", "4", "--resamples",
                     "300", "--quiet"},
                    more))
        .output;
  };
  const std::string one = output({"--threads", "1"});
  EXPECT_EQ(one, output({"--threads", "3"}));
  EXPECT_EQ(one, output({"--seed", "42"}));
  const std::string reseeded = output({"--seed", "43"});
  EXPECT_NE(one, reseeded);
  EXPECT_EQ(tables_of(one).at(1).at(0, "value"), tables_of(reseeded).at(1).at(0, "value"));
}

TEST_F(Compare, PrintsEachModelWithHowItWasTrained) {
  const std::string other = mle();
  const RunResult result =
      run({"compare", als(), other, "--data", ratings(), "--format", "jsonl", "--quiet"});
  ASSERT_EQ(result.code, 0) << result.error;
  std::vector<nlohmann::json> models;
  std::size_t values = 0;
  std::size_t definitions = 0;
  for (const std::string& line : lines_of(result.output)) {
    const auto object = nlohmann::json::parse(line);
    if (object.contains("algorithm")) models.push_back(object);
    values += object.contains("value");
    definitions += object.contains("definition");
  }
  ASSERT_EQ(models.size(), 2U);
  EXPECT_EQ(models[1].at("algorithm"), "mle");
  EXPECT_EQ(models[1].at("k"), 8);
  EXPECT_EQ(models[1].at("bytes").get<std::uintmax_t>(), std::filesystem::file_size(other));
  EXPECT_EQ(models[1].at("trained_on"), 0);
  const auto facts = nlohmann::json::parse(run({"inspect", other, "--format", "jsonl"}).output);
  for (const char* fact :
       {"users", "items", "training_ratings", "train_rmse", "reg", "reg_bias", "likelihood"}) {
    EXPECT_EQ(models[1].at(fact), facts.at(fact)) << fact;
  }
  EXPECT_GE(values, 6U);
  EXPECT_GE(definitions, 5U);
}

TEST_F(Compare, TakesTheMeanOverDrawsOfBayes) {
  const std::string bayes =
      trained("bayes.safetensors",
              {"--model", "bayes", "--k", "4", "--epochs", "30", "--burn-in", "10", "--keep", "8"});
  const RunResult result = run({"compare", als(), bayes, "--data", ratings(), "--quiet"});
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv figures = tables_of(result.output).at(1);
  const Tsv expected =
      tables_of(run({"evaluate", bayes, "--data", ratings(), "--quiet"}).output).at(1);
  EXPECT_NEAR(figures.number(row_of(figures, "rmse", "bayes"), "value"),
              expected.number(expected.find("figure", "rmse"), "value"), 1e-11);
}

TEST_F(Compare, CountsWhatModelsOfOtherIdsDoNotKnow) {
  // Users 1 to 4 and items 1 to 5, of which each model knows some.
  write_bytes(folder_.file("a.csv"), small_ratings(4, 3));
  write_bytes(folder_.file("b.csv"), small_ratings(3, 5));
  write_bytes(folder_.file("test.csv"), small_ratings(4, 5));
  for (const char* name : {"a", "b"}) {
    const RunResult result =
        run({"train", "--data", folder_.file(std::string(name) + ".csv"), "--k", "1", "--epochs",
             "2", "--out", folder_.file(std::string(name) + ".safetensors"), "--quiet"});
    ASSERT_EQ(result.code, 0) << result.error;
  }
  const RunResult result = run({"compare", folder_.file("a.safetensors"),
                                folder_.file("b.safetensors"), "--test", folder_.file("test.csv")});
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("20 ratings of 4 users, 9 of users and items that every"));
  EXPECT_THAT(result.error, HasSubstr("the test ratings are of 4 users"));
  const auto tables = tables_of(result.output);
  EXPECT_EQ(tables[0].at(0, "unknown_users"), "0");
  EXPECT_EQ(tables[0].at(0, "unknown_items"), "8");
  EXPECT_EQ(tables[0].at(1, "unknown_users"), "5");
  EXPECT_EQ(tables[0].at(1, "unknown_items"), "0");
  EXPECT_EQ(tables[0].at(1, "trained_on"), "");
  EXPECT_NO_THROW(row_of(tables[1], "rmse", "b", "known to all"));
  const Tsv& definitions = tables[2];
  EXPECT_EQ(definitions.at(3, "over"), "known to all");
  EXPECT_EQ(definitions.at(3, "count"), "9");
}

TEST_F(Compare, WarnsOfModelsThatWereTrainedOnTestRatings) {
  const std::string seen = trained("seen.safetensors", {"--k", "8", "--seed", "5"});
  const RunResult result = run({"compare", als(), seen, "--data", ratings(), "--figures",
                                folder_.file("figures"), "--quiet"});
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("are among those that seen was trained on: its figures are "
                                      "too good"));
  EXPECT_THAT(result.error, Not(HasSubstr("that als was trained on")));
  const Tsv models = tables_of(result.output).at(0);
  EXPECT_EQ(models.at(0, "trained_on"), "0");
  // The test part of another seed holds a tenth of this one's.
  EXPECT_GT(models.number(1, "trained_on"), 0.8 * 900);
  // Of a test file too, where --data says what they were trained on.
  const RunResult file =
      run({"compare", als(), seen, "--data", ratings(), "--test", ratings(), "--quiet"});
  ASSERT_EQ(file.code, 0) << file.error;
  EXPECT_THAT(file.error, HasSubstr("that als was trained on"));
}

TEST_F(Compare, RefusesWhatCannotBeCompared) {
  expect_refusal(run({"compare", als(), "--data", ratings()}), 64,
                 "MODEL: is one model: there is nothing to compare it with",
                 "give two or more, or use alsatian evaluate");
  EXPECT_EQ(run({"compare"}).code, 64);
  EXPECT_EQ(run({"compare", als(), als()}).code, 64);
  EXPECT_EQ(run({"compare", als(), als(), "--test", ratings(), "--top", "3"}).code, 64);
  EXPECT_EQ(run({"compare", als(), als(), "--data", ratings(), "--relevant", "3"}).code, 64);
  EXPECT_EQ(run({"compare", als(), als(), "--data", "-", "--test", "-"}).code, 64);
  EXPECT_EQ(run({"compare", als(), als(), "--data", ratings(), "--resamples", "99"}).code, 64);

  write_bytes(folder_.file("other.csv"), small_ratings(5, 6));
  const std::string other = folder_.file("other.safetensors");
  ASSERT_EQ(run({"train", "--data", folder_.file("other.csv"), "--k", "1", "--epochs", "1", "--out",
                 other, "--quiet"})
                .code,
            0);
  const RunResult data = run({"compare", als(), other, "--data", ratings()});
  EXPECT_EQ(data.code, 65);
  EXPECT_THAT(data.error, HasSubstr("was trained on other ratings than "));
  EXPECT_TRUE(is_error_text(data.error));
  const RunResult untested = run({"compare", other, other, "--data", folder_.file("other.csv")});
  EXPECT_EQ(untested.code, 64);
  EXPECT_THAT(untested.error, HasSubstr("there is no test part to rebuild"));
  const RunResult wrong_data = run({"compare", als(), als(), "--data", folder_.file("other.csv")});
  EXPECT_EQ(wrong_data.code, 65);
  EXPECT_THAT(wrong_data.error, HasSubstr("is not the data that the model was trained on"));
  write_bytes(folder_.file("strangers.csv"), "x,y,3\nx,z,4\n");
  const RunResult strangers =
      run({"compare", als(), als(), "--test", folder_.file("strangers.csv")});
  EXPECT_EQ(strangers.code, 65);
  EXPECT_THAT(strangers.error, HasSubstr("no id of strangers.csv is in the training data"));

  const std::string cut = folder_.file("cut.safetensors");
  ASSERT_EQ(run({"train", "--data", ratings(), "--model", "mle", "--likelihood", "bernoulli",
                 "--positive", "4", "--k", "1", "--epochs", "1", "--out", cut, "--quiet"})
                .code,
            0);
  const RunResult rules = run({"compare", als(), cut, "--test", ratings()});
  EXPECT_EQ(rules.code, 64);
  EXPECT_THAT(rules.error, HasSubstr("was trained with --positive 4, "));
}

TEST_F(Compare, ReadsTheTestRatingsFromStandardInputToo) {
  RunOptions options;
  options.input = read_bytes(ratings());
  const RunResult piped = run({"compare", als(), als(), "--test", "-", "--quiet"}, options);
  ASSERT_EQ(piped.code, 0) << piped.error;
  const RunResult file = run({"compare", als(), als(), "--test", ratings(), "--quiet"});
  EXPECT_EQ(tables_of(piped.output).at(1).at(0, "value"),
            tables_of(file.output).at(1).at(0, "value"));
}

#ifdef ALSATIAN_HAVE_REPORTS
TEST_F(Compare, SaysInItsReportWhichDirectionIsBetterAndWhatModelsSaw) {
  const RunResult result = run({"compare", als(), mle(), "--data", ratings(), "--top", "3",
                                "--report", folder_.file("compare.html"), "--quiet"});
  ASSERT_EQ(result.code, 0) << result.error;
  const std::string html = read_bytes(folder_.file("compare.html"));
  const auto figure = [&](const std::string& name) {
    const std::size_t begin = html.find("<figure id=\"" + name + "\"");
    EXPECT_NE(begin, std::string::npos) << name;
    return html.substr(begin, html.find("</figure>", begin) - begin);
  };
  for (const std::string name : {"error_differences", "nll_differences"}) {
    EXPECT_THAT(figure(name), HasSubstr("Lower is better: below 0 the model is better than als"));
  }
  EXPECT_THAT(figure("ranking_differences"),
              HasSubstr("Higher is better: above 0 the model is better than als"));
  for (const std::string name : {"rmse_by_user_activity", "rmse_by_item_popularity"}) {
    EXPECT_THAT(figure(name), HasSubstr("Lower is better."));
  }
  EXPECT_THAT(figure("residual_quantiles"), HasSubstr("The nearer to 0 the better"));
  EXPECT_THAT(figure("residual_quantiles"), HasSubstr("<th>als</th><th>mle</th>"));
  EXPECT_THAT(figure("models_data"), HasSubstr("trained on: those that the model was trained on"));
  EXPECT_THAT(html, HasSubstr("difference to als (lower is better)"));
  EXPECT_THAT(html, HasSubstr("difference to als (higher is better)"));
  const Tsv definitions = tables_of(result.output).at(2);
  EXPECT_THAT(definitions.at(definitions.find("figure", "trained_on"), "definition"),
              HasSubstr("test ratings that the model was trained on"));
}
#endif

TEST_F(Compare, WritesTheFiguresThatItPrints) {
  const std::string other = biases();
  const RunResult result = run({"compare", als(), other, "--data", ratings(), "--top", "3",
                                "--figures", folder_.file("figures"), "--quiet"});
  ASSERT_EQ(result.code, 0) << result.error;
  const auto tables = tables_of(result.output);
  const Tsv figures(read_bytes(folder_.file("figures/figures.tsv")));
  ASSERT_EQ(figures.rows(), tables[1].rows());
  for (std::size_t row = 0; row < figures.rows(); ++row) {
    for (const char* column : {"figure", "model", "value", "difference_upper", "verdict"}) {
      EXPECT_EQ(figures.at(row, column), tables[1].at(row, column));
    }
  }
  const Tsv forest(read_bytes(folder_.file("figures/error_differences.tsv")));
  EXPECT_EQ(forest.at(0, "row"), "biases: rmse");
  EXPECT_EQ(forest.at(0, "lower"),
            tables[1].at(row_of(tables[1], "rmse", "biases"), "difference_lower"));
  for (const char* name :
       {"ranking_differences", "rmse_by_user_activity", "rmse_by_item_popularity",
        "residual_quantiles", "models", "definitions"}) {
    EXPECT_GT(Tsv(read_bytes(folder_.file(std::string("figures/") + name + ".tsv"))).rows(), 0U)
        << name;
  }
}

TEST_F(Compare, NamesTheModelsOverTheirColumns) {
  // The second has the name of a column.
  const std::string other = trained("ratings.safetensors", {"--k", "0"});
  const std::string third = trained("als_k_2.safetensors", {"--k", "2"});
  const RunResult result = run({"compare", als(), other, third, als(), "--data", ratings(),
                                "--figures", folder_.file("figures"), "--quiet"});
  ASSERT_EQ(result.code, 0) << result.error;
  const auto head = [&](const std::string& name) {
    return lines_of(read_bytes(folder_.file("figures/" + name + ".tsv"))).front();
  };
  for (const char* name : {"rmse_by_user_activity", "rmse_by_item_popularity"}) {
    EXPECT_EQ(head(name), "group\tratings\tals\tratings (model)\tals_k_2\tals (2)");
  }
  EXPECT_EQ(head("residual_quantiles"), "share\tals\tratings\tals_k_2\tals (2)");
}

}  // namespace
}  // namespace alsatian::testing
