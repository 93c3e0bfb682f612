// Models meet other data than they were trained on: warm starts, recommendations, evaluation.
// What follows from the difference is said, or the run is refused; nothing is wrong in silence.
#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const ProblemFolder& problem() { return ProblemFolder::shared(); }

/// The whole of standard error where nothing but an error is said.
std::string error_text(const std::string& first_line, const std::string& help) {
  return "alsatian: error: " + first_line + "\n  help: " + help + "\n";
}

TEST(WarmStart, SaysHowManyRowsItFoundAndWhatIsNew) {
  const TemporaryFolder folder;
  write_bytes(folder.file("old.csv"), small_ratings(20, 15));
  write_bytes(folder.file("new.csv"), small_ratings(23, 19));
  const std::string model = folder.file("model");
  ASSERT_EQ(run({"train", "--data", folder.file("old.csv"), "--k", "3", "--out", model}).code, 0);
  const RunResult same =
      run({"train", "--data", folder.file("old.csv"), "--k", "3", "--init", model});
  EXPECT_THAT(same.error,
              HasSubstr("init     20 of 20 users and 15 of 15 items start from " + model + "\n"));
  const RunResult grown =
      run({"train", "--data", folder.file("new.csv"), "--k", "5", "--init", model});
  ASSERT_EQ(grown.code, 0) << grown.error;
  EXPECT_THAT(grown.error,
              HasSubstr("init     20 of 23 users and 15 of 19 items start from " + model +
                        "; 3 new users and 4 new items at random; its rank 3 is padded to 5\n"));
}

TEST(WarmStart, FromAModelOfOtherIdsIsRefused) {
  const TemporaryFolder folder;
  std::string strangers;
  for (int row = 1; row <= 30; ++row) {
    strangers += std::to_string(70'000 + row % 6) + "," + std::to_string(80'000 + row % 5) + ",3\n";
  }
  write_bytes(folder.file("strangers.csv"), strangers);
  const RunResult result =
      run({"train", "--data", folder.file("strangers.csv"), "--k", "8", "--init", problem().model(),
           "--out", folder.file("model"), "--quiet"});
  EXPECT_EQ(result.code, 65);
  EXPECT_EQ(result.output, "");
  EXPECT_THAT(result.error,
              HasSubstr(error_text("--init: the model knows no user and no item of the ratings: "
                                   "their first user is \"70000\", the model's \"1\"",
                                   "give a model of the same users or items, or --columns where "
                                   "the ratings have them in another order; without --init "
                                   "training starts at random")));
  EXPECT_EQ(folder.entries(), 1U);
}

}  // namespace
}  // namespace alsatian::testing
