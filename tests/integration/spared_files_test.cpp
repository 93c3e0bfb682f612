// Files that no report, log or table of figures may take the place of: models, and what is read.
// A path is one word away from another's, and nothing brings back what was there.
#include "tests/integration/problem_folder.hpp"
#include "tests/integration/run_program.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;
using Words = std::vector<std::string>;

class SparedFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    write_bytes(data_, small_ratings(15, 11));
    write_bytes(folder_.file("movies.csv"), "movieId,title\n1,Heat (1995)\n");
    for (const std::string& path : {model_, other_}) {
      ASSERT_EQ(run({"train", "--data", data_, "--k", "2", "--quiet", "--out", path}).code, 0);
    }
  }

  /// The command is refused for the file, which stays as it is.
  void expect_spared(const std::string& path, const Words& command, const std::string& what) const {
    const std::string before = read_bytes(path);
    const RunResult result = run(command);
    EXPECT_EQ(result.code, 64) << command.front() << result.error;
    EXPECT_TRUE(is_error_text(result.error)) << result.error;
    EXPECT_THAT(result.error, HasSubstr(path + ": " + what));
    EXPECT_TRUE(read_bytes(path) == before) << command.front();
  }

  TemporaryFolder folder_;
  const std::string data_ = folder_.file("ratings.csv");
  const std::string model_ = folder_.file("model.safetensors");
  const std::string other_ = folder_.file("renamed");
};

TEST_F(SparedFiles, AreModelsWhereALogOrATableIsWritten) {
  expect_spared(model_, {"train", "--data", data_, "--k", "2", "--log", model_},
                "is a model, which --log would overwrite\n  help: choose another --log, or remove");
  expect_spared(other_, {"tune", "--data", data_, "--validation", "0.2", "--log", other_},
                "is a model, which --log would overwrite\n");
  for (const Words& command :
       {Words{"train", "--k", "2"}, Words{"explore"}, Words{"evaluate", other_}}) {
    expect_spared(model_,
                  with(command, {"--data", data_, "--on-bad-line", "skip", "--rejects", model_}),
                  "is a model, which --rejects would overwrite\n");
  }
  expect_spared(model_, {"generate", "--users", "9", "--items", "9", "--out", model_},
                "is a model, which --out would overwrite\n");
  EXPECT_EQ(run({"train", "--data", data_, "--k", "3", "--quiet", "--out", model_}).code, 0);
}

#ifdef ALSATIAN_HAVE_REPORTS
TEST_F(SparedFiles, AreModelsAndInputsWhereAReportIsWritten) {
  const std::vector<Words> commands{
      {"explore"}, {"train", "--k", "2"}, {"evaluate", other_}, {"compare", other_, other_}};
  for (const Words& command : commands) {
    const Words whole = with(command, {"--data", data_, "--report"});
    expect_spared(model_, with(whole, {model_}),
                  "is a model, which --report would overwrite\n  help: choose another --report");
    expect_spared(data_, with(whole, {data_}), "output would overwrite the input");
  }
  // Titles that are found beside the ratings.
  expect_spared(folder_.file("movies.csv"),
                {"explore", "--data", data_, "--report", folder_.file("movies.csv")},
                "output would overwrite the input");
}

TEST_F(SparedFiles, AreModelsAndInputsWhereFiguresAreWritten) {
  const std::string figures = folder_.file("figures");
  const Words explore{"explore", "--data", data_, "--quiet", "--figures", figures};
  ASSERT_EQ(run(explore).code, 0);
  ASSERT_EQ(run(explore).code, 0);
  const std::string first = figures + "/lines.tsv";
  const std::string last = figures + "/suggestions.tsv";
  std::filesystem::rename(other_, last);
  write_bytes(first, "mine");
  expect_spared(last, explore, "is a model, which --figures would overwrite\n");
  EXPECT_EQ(read_bytes(first), "mine");  // none is written where one may not be
  std::filesystem::rename(data_, last);
  expect_spared(last, {"explore", "--data", last, "--figures", figures},
                "output would overwrite the input");
  EXPECT_EQ(read_bytes(first), "mine");
}
#endif

}  // namespace
}  // namespace alsatian::testing
