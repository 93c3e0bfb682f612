// The main job on real data, where it is present: test errors below stated figures.
// The figures leave a little room above what the defaults reach; single-digit regressions fail.
#include "tests/integration/run_program.hpp"
#include "tests/support/data.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RealData : public ::testing::TestWithParam<std::string> {};

/// A fifth of the sweeps that bayes has by default is below the figures too, and soon enough.
std::vector<std::string> train_model(const std::string& model,
                                     const std::vector<std::string>& more) {
  std::vector<std::string> arguments{"train", "--model", model};
  if (model == "bayes") arguments.insert(arguments.end(), {"--epochs", "60"});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST_P(RealData, FirstSplitOfMl100kIsBelow0Point925) {
  ALSATIAN_REQUIRE_DATA(data, "ml-100k");
  const RunResult result = run(train_model(GetParam(), {"--data", (*data / "u1.base").string(),
                                                        "--test", (*data / "u1.test").string()}));
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv summary(result.output);
  EXPECT_LT(summary.number(summary.find("predictor", GetParam()), "rmse"), 0.925);
  EXPECT_EQ(summary.number(summary.find("part", "u1.test"), "ratings"), 20000);
  // Known of the data: the deviation of its test ratings, and biases alone in the literature.
  EXPECT_NEAR(summary.number(summary.find("predictor", "global mean"), "rmse"), 1.154, 0.001);
  EXPECT_NEAR(summary.number(summary.find("predictor", "biases only"), "rmse"), 0.96, 0.01);
}

TEST_P(RealData, HoldoutOfMlLatestSmallIsBelow0Point86AndRebuilt) {
  ALSATIAN_REQUIRE_DATA(data, "ml-latest-small");
  const TemporaryFolder folder;
  const std::string out = folder.file("model");
  const RunResult result =
      run(train_model(GetParam(), {"--data", data->string(), "--holdout", "0.1", "--out", out}));
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error,
              HasSubstr("100837 = ratings 100836 + duplicates 0 + rejected 0 + filtered 0 + blank "
                        "or comment 0 + header 1"));
  const Tsv summary(result.output);
  const std::size_t row = summary.find("predictor", GetParam());
  EXPECT_LT(summary.number(row, "rmse"), 0.86);
  const RunResult evaluated = run({"evaluate", out, "--data", data->string()});
  ASSERT_EQ(evaluated.code, 0) << evaluated.error;
  const Tsv figures(evaluated.output);
  EXPECT_EQ(figures.at(figures.find("group", "all"), "rmse"), summary.at(row, "rmse"));
  const RunResult recommended = run({"recommend", out, "--users", "1", "--data", data->string()});
  ASSERT_EQ(recommended.code, 0) << recommended.error;
  EXPECT_EQ(Tsv(recommended.output).rows(), 10U);
  EXPECT_NE(Tsv(recommended.output).at(0, "title"), "");
}

INSTANTIATE_TEST_SUITE_P(Models, RealData, ::testing::Values("als", "mle", "ls", "bayes"),
                         [](const auto& model) { return model.param; });

TEST(RealTitles, FindSimilarFilms) {
  ALSATIAN_REQUIRE_DATA(data, "ml-latest-small");
  const TemporaryFolder folder;
  const std::string out = folder.file("model");
  ASSERT_EQ(run({"train", "--data", data->string(), "--out", out, "--quiet"}).code, 0);
  const RunResult similar = run({"similar", out, "--item", "toy story (1995)"});
  ASSERT_EQ(similar.code, 0) << similar.error;
  EXPECT_THAT(similar.output, HasSubstr("Toy Story 3 (2010)"));
  for (const char* title : {"toy story", "Story, Toy", "TOY  STORY!"}) {
    EXPECT_EQ(run({"similar", out, "--item", title}).output, similar.output) << title;
  }
  const RunResult several = run({"similar", out, "--item", "lord of the rings"});
  EXPECT_EQ(several.code, 64);
  EXPECT_THAT(several.error, HasSubstr("Fellowship of the Ring"));
  EXPECT_THAT(run({"similar", out, "--item", "Amelie"}).error, Not(HasSubstr("in no title")));
}

}  // namespace
}  // namespace alsatian::testing
