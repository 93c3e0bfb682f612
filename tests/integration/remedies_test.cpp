// Failures and warnings whose remedy has to be the right one, and what must not be warned about.
// A remedy that does not help costs more than none: it is followed.
#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sys/resource.h>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const ProblemFolder& problem() { return ProblemFolder::shared(); }

/// A short training unless `more` says otherwise.
RunResult train(const std::vector<std::string>& more, const RunOptions& options = {}) {
  std::vector<std::string> arguments{"train", "--data", problem().ratings(), "--quiet"};
  for (const char* option : {"--k", "--epochs"}) {
    if (std::ranges::find(more, option) == more.end()) arguments = with(arguments, {option, "2"});
  }
  return run(with(arguments, more), options);
}

TEST(Remedy, OfDivergenceUnderALargePenaltyIsASmallerOne) {
  const RunResult result = train({"--model", "mle", "--reg", "1e6", "--reg-bias", "1e6"});
  ASSERT_EQ(result.code, 80) << result.error;
  EXPECT_THAT(result.error, HasSubstr("  help: lower --lr; where --reg or --reg-bias is large, "
                                      "lower that too\n"));
  const RunResult plain = train({"--model", "mle", "--optimizer", "sgd", "--lr", "1000"});
  ASSERT_EQ(plain.code, 80) << plain.error;
  EXPECT_THAT(plain.error, HasSubstr("or use --optimizer adagrad\n"));
}

TEST(Remedy, OfTheBeginningOfAWordIsTheWord) {
  EXPECT_THAT(train({"--model", "mle", "--schedule", "inverse"}).error,
              HasSubstr("  help: did you mean --schedule inverse-time?\n"));
  EXPECT_THAT(train({"--model", "mle", "--schedule", "x"}).error,
              HasSubstr("  help: try --schedule exponential\n"));
}

TEST(Remedy, OfAFileSizeLimitIsTheLimit) {
  const TemporaryFolder folder;
  RunOptions options;
  options.in_child = [] {
    const rlimit value{512, 512};
    ::setrlimit(RLIMIT_FSIZE, &value);
  };
  options.environment = {"GCOV_PREFIX=" + folder.file("counters")};
  const RunResult model = train({"--out", folder.file("model")}, options);
  EXPECT_EQ(model.code, 74) << model.error;
  EXPECT_THAT(model.error, HasSubstr("  help: raise the limit of a file's size (ulimit -f)\n"));
  const RunResult log = train({"--log", folder.file("log"), "--epochs", "9"}, options);
  EXPECT_EQ(log.code, 74) << log.error;
  EXPECT_THAT(log.error, HasSubstr("  help: raise the limit of a file's size (ulimit -f)"));
}

TEST(Remedy, OfTheMemoryThatTheUserAllowsIsToAllowMore) {
  const RunResult result = train({"--k", "512", "--max-memory", "1M"});
  EXPECT_EQ(result.code, 71);
  EXPECT_THAT(result.error,
              HasSubstr(", --max-memory allows 1.0 MiB; the largest k that fits is "));
  EXPECT_THAT(result.error, HasSubstr(", or raise --max-memory\n"));
}

TEST(Remedy, OfAListWithoutIdsIsToWriteSome) {
  const TemporaryFolder folder;
  for (const char* text : {"", "\n\n", "# none\n"}) {
    write_bytes(folder.file("items"), text);
    expect_refusal(run({"recommend", problem().model(), "--users", "1", "--include-seen", "--items",
                        folder.file("items")}),
                   65, folder.file("items") + ": has no ids",
                   "write one item id a line, or leave out --items to recommend from all items");
  }
}

TEST(Warning, OfBiasesThatAreDroppedIsGiven) {
  const std::string text = "has biases, which --no-biases drops";
  EXPECT_THAT(train({"--init", problem().model(), "--k", "8", "--no-biases"}).error,
              HasSubstr(text));
  EXPECT_THAT(train({"--init", problem().model(), "--k", "8"}).error, Not(HasSubstr(text)));
}

TEST(Warning, OfAStartThatKnowsTheValidationPartIsGiven) {
  const TemporaryFolder folder;
  const std::string text = "may have been trained on ratings of the validation part";
  const std::vector<std::string> split{"--holdout", "0.1", "--validation", "0.1"};
  ASSERT_EQ(train(with(split, {"--out", folder.file("same")})).code, 0);
  EXPECT_THAT(train(with(split, {"--init", folder.file("same")})).error, Not(HasSubstr(text)));
  EXPECT_THAT(train(with(split, {"--k", "8", "--init", problem().model()})).error, HasSubstr(text));
}

TEST(Warning, OfAnEmptyValidationPartSaysWhatIsLostByIt) {
  const std::vector<std::string> tiny{"--validation", "1e-9"};
  EXPECT_THAT(train(with(tiny, {"--model", "mle"})).error,
              HasSubstr("nothing stops training early"));
  for (const char* model : {"als", "ls"}) {
    const RunResult result = train(with(tiny, {"--model", model}));
    EXPECT_THAT(result.error, HasSubstr("there is no validation error")) << model;
    EXPECT_THAT(result.error, Not(HasSubstr("stops"))) << model;
  }
}

}  // namespace
}  // namespace alsatian::testing
