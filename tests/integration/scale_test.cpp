// Flags mean the same whatever the scale of the ratings: errors scale with them, nothing else
// moves. With a validation share and clipping, which must both have something to do.
#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <functional>

namespace alsatian::testing {
namespace {

/// The shared ratings after a transform of each.
std::string transformed_ratings(const std::function<double(double)>& transform) {
  const auto lines = lines_of(read_bytes(ProblemFolder::shared().ratings()));
  std::string text = lines.front() + "\n";
  for (std::size_t line = 1; line < lines.size(); ++line) {
    const auto fields = fields_of(lines[line], ',');
    const std::string rating = std::to_string(transform(std::stod(fields[2])));
    text += fields[0] + "," + fields[1] + "," + rating + "," + fields[3] + "\n";
  }
  return text;
}

struct Figures {
  double rmse;  // by `train --clip`
  double rmse_clipped;
  double rmse_free;
  double validation_rmse;
  double training_ratings;
  double epochs_run;
  double clipped_predictions;  // of `predict --clip`, the share that the limit moved
};

Figures figures_of(const std::string& model, const std::function<double(double)>& transform) {
  const TemporaryFolder folder;
  const std::string data = folder.file("ratings.csv");
  const std::string out = folder.file("model");
  write_bytes(data, transformed_ratings(transform));
  const RunResult trained =
      run(with(ProblemFolder::training_arguments(data),
               {"--model", model, "--validation", "0.1", "--clip", "--reg", "0.3", "--out", out}));
  EXPECT_EQ(trained.code, 0) << trained.error;
  const Tsv summary(trained.output);
  const std::size_t row = summary.find("predictor", model);
  const auto facts = nlohmann::json::parse(run({"inspect", out, "--format", "jsonl"}).output);
  const Tsv unclipped(run({"evaluate", out, "--data", data}).output);
  const Tsv free(run({"predict", out, "--pairs", data}).output);
  const Tsv limited(run({"predict", out, "--pairs", data, "--clip"}).output);
  double moved = 0;
  for (std::size_t pair = 0; pair < free.rows(); ++pair) {
    moved += free.at(pair, "prediction") != limited.at(pair, "prediction") ? 1 : 0;
  }
  return {summary.number(row, "rmse"),
          summary.number(row, "rmse_clipped"),
          unclipped.number(unclipped.find("group", "all"), "rmse"),
          facts.at("validation_rmse").get<double>(),
          facts.at("training_ratings").get<double>(),
          facts.at("epochs_run").get<double>(),
          moved / static_cast<double>(free.rows())};
}

class EveryModelsErrors : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryModelsErrors, ScaleWithTheRatingsAlsoWithValidationAndClipping) {
  const Figures plain = figures_of(GetParam(), [](double rating) { return rating; });
  // A tenth of all is for testing, a tenth for validation; and the range limits some predictions.
  EXPECT_NEAR(plain.training_ratings, 0.8 * 9001, 0.03 * 9001);
  EXPECT_GT(plain.clipped_predictions, 0.001);
  EXPECT_LT(plain.rmse, plain.rmse_free);
  EXPECT_EQ(plain.rmse, plain.rmse_clipped);
  EXPECT_NE(plain.validation_rmse, plain.rmse);
  const auto expect_scaled = [&](const Figures& figures, double factor) {
    const double relative = 1e-4;  // what is promised
    EXPECT_NEAR(figures.rmse / (factor * plain.rmse), 1, relative);
    EXPECT_NEAR(figures.rmse_free / (factor * plain.rmse_free), 1, relative);
    EXPECT_NEAR(figures.validation_rmse / (factor * plain.validation_rmse), 1, relative);
    EXPECT_EQ(figures.training_ratings, plain.training_ratings);
    EXPECT_EQ(figures.epochs_run, plain.epochs_run);
    // A prediction within rounding of the limit may fall on either side of it.
    EXPECT_NEAR(figures.clipped_predictions, plain.clipped_predictions, 1e-3);
  };
  expect_scaled(figures_of(GetParam(), [](double rating) { return 20 * rating; }), 20);
  expect_scaled(figures_of(GetParam(), [](double rating) { return 16 * rating - 7; }), 16);
}

INSTANTIATE_TEST_SUITE_P(Models, EveryModelsErrors, ::testing::Values("als", "mle", "ls"),
                         [](const auto& model) { return model.param; });

}  // namespace
}  // namespace alsatian::testing
