// `--clip`: every figure that a command prints is of predictions within the training range.
// The oracle computes the figures from what `predict --clip` writes, by nothing of the program's.
#include "tests/integration/problem_folder.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <numbers>
#include <vector>

namespace alsatian::testing {
namespace {

struct Figures {
  double rmse = 0;
  double mae = 0;
  double nll = 0;
  double r_squared = 0;
};

/// A generated file of ratings cut in two, and a model trained on one of them by --clip.
class Clip : public ::testing::Test {
 protected:
  Clip() {
    const auto lines = lines_of(read_bytes(ProblemFolder::shared().ratings()));
    std::string train = lines[0] + "\n";
    std::string test = train;
    for (std::size_t line = 1; line < lines.size(); ++line) {
      (line % 5 == 0 ? test : train) += lines[line] + "\n";
    }
    write_bytes(train_, train);
    write_bytes(test_, test);
    // Little regularization, so that many predictions leave the range.
    trained_ = run({"train", "--data", train_, "--test", test_, "--k", "8", "--reg", "0.1",
                    "--clip", "--out", model_});
  }

  Figures by_hand(const std::string& ratings) const {
    const auto lines = lines_of(read_bytes(ratings));
    const RunResult predicted = run({"predict", model_, "--pairs", ratings, "--clip"});
    const Tsv rows(predicted.output);
    EXPECT_EQ(rows.rows(), lines.size() - 1);
    const double count = static_cast<double>(rows.rows());
    double squares = 0, absolute = 0, sum = 0, sum_of_squares = 0;
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      const double rating = std::stod(fields_of(lines[row + 1], ',')[2]);
      const double error = rating - rows.number(row, "prediction");
      squares += error * error;
      absolute += std::abs(error);
      sum += rating;
      sum_of_squares += rating * rating;
    }
    const auto facts = nlohmann::json::parse(run({"inspect", model_, "--format", "jsonl"}).output);
    const double deviation = facts.at("deviation").get<double>();
    const double variance = facts.at("dispersion").get<double>() * deviation * deviation;
    return {std::sqrt(squares / count), absolute / count,
            squares / count / (2 * variance) + std::log(2 * std::numbers::pi * variance) / 2,
            1 - squares / (sum_of_squares - sum * sum / count)};
  }

  const TemporaryFolder folder_;
  const std::string train_ = folder_.file("train.csv");
  const std::string test_ = folder_.file("test.csv");
  const std::string model_ = folder_.file("model");
  RunResult trained_;
};

// Predictions are written as float: errors of 3e-7 each, beside errors of about 1.
constexpr double rounding = 1e-5;

TEST_F(Clip, OfTrainIsInEveryFigureOfTheSummary) {
  ASSERT_EQ(trained_.code, 0) << trained_.error;
  const Tsv summary(trained_.output);
  const std::size_t test = summary.find("part", "test.csv") + 2;  // behind the baselines
  ASSERT_EQ(summary.at(test, "predictor"), "als");
  const Figures expected = by_hand(test_);
  EXPECT_NEAR(summary.number(test, "rmse"), expected.rmse, rounding);
  EXPECT_NEAR(summary.number(test, "mae"), expected.mae, rounding);
  EXPECT_NEAR(summary.number(test, "nll"), expected.nll, rounding);
  EXPECT_NEAR(summary.number(test, "r_squared"), expected.r_squared, rounding);
  EXPECT_EQ(summary.at(test, "rmse"), summary.at(test, "rmse_clipped"));
  const Figures of_training = by_hand(train_);
  const std::size_t train = summary.find("part", "train");
  EXPECT_NEAR(summary.number(train, "rmse"), of_training.rmse, rounding);
  EXPECT_NEAR(summary.number(train, "nll"), of_training.nll, rounding);
}

TEST_F(Clip, OfEvaluateIsInEveryFigureAndChangesThem) {
  const auto evaluate = [&](const std::vector<std::string>& more) {
    return run(with({"evaluate", model_, "--test", test_}, more)).output;
  };
  const std::string output = evaluate({"--clip"});
  const Tsv groups(output.substr(0, output.find("\n\n") + 1));
  const Tsv figures(output.substr(output.find("\n\n") + 2));
  const Tsv free(evaluate({}));
  const Figures expected = by_hand(test_);
  const std::size_t all = groups.find("group", "all");
  for (const auto& [name, value] :
       {std::pair("rmse", expected.rmse), std::pair("mae", expected.mae),
        std::pair("nll", expected.nll), std::pair("r_squared", expected.r_squared)}) {
    EXPECT_NEAR(groups.number(all, name), value, rounding) << name;
    EXPECT_EQ(figures.at(figures.find("figure", name), "value"), groups.at(all, name)) << name;
    EXPECT_GT(std::abs(free.number(all, name) - value), 10 * rounding) << name;
  }
}

}  // namespace
}  // namespace alsatian::testing
