// Ratings that are valid but odd: one of them, all equal, huge, one user, the same file twice.
// What comes out is a model whose figures are known beforehand, or an error with a remedy.
#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;

class EveryModelOf : public ::testing::TestWithParam<std::string> {
 protected:
  /// Trains on the text and saves to model(); `more` goes to the command line.
  RunResult train(const std::string& text, const std::vector<std::string>& more) const {
    write_bytes(data(), text);
    return run(with({"train", "--data", data(), "--model", GetParam(), "--out", model()}, more));
  }
  std::string data() const { return folder_.file("ratings.csv"); }
  std::string model() const { return folder_.file("model"); }
  /// Of every pair in the data, in its order.
  std::vector<double> predictions() const {
    const RunResult result = run({"predict", model(), "--pairs", data()});
    EXPECT_EQ(result.code, 0) << result.error;
    const Tsv table(result.output);
    std::vector<double> values;
    for (std::size_t row = 0; row < table.rows(); ++row) {
      values.push_back(table.number(row, "prediction"));
    }
    return values;
  }

 private:
  const TemporaryFolder folder_;
};

TEST_P(EveryModelOf, OneRatingPredictsIt) {
  const RunResult result = train("7,9,3.5\n", {"--k", "2"});
  ASSERT_EQ(result.code, 0) << result.error;
  ASSERT_EQ(predictions().size(), 1U);
  // Training starts at the mean, but for a product of factors of size 0.1, and shrinks that.
  EXPECT_NEAR(predictions()[0], 3.5, 2 * 0.1 * 0.1);
}

TEST_P(EveryModelOf, RatingsThatAreAllZeroPredictsZero) {
  const RunResult result = train("1,1,0\n1,2,0\n2,1,0\n3,3,0\n", {"--k", "2"});
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("warning: all training ratings are 0"));
  for (const double prediction : predictions()) EXPECT_NEAR(prediction, 0, 2 * 0.1 * 0.1);
}

TEST_P(EveryModelOf, OneUserOrOneItemFits) {
  std::string of_user;
  std::string of_item;
  for (int row = 1; row <= 31; ++row) {
    const std::string rating = std::to_string(1 + row * 7 % 5);
    of_user += "1," + std::to_string(row) + "," + rating + "\n";
    of_item += std::to_string(row) + ",1," + rating + "\n";
  }
  for (const std::string& text : {of_user, of_item}) {
    const RunResult result = train(text, {"--k", "2"});
    ASSERT_EQ(result.code, 0) << result.error;
    const auto facts = nlohmann::json::parse(run({"inspect", model(), "--format", "jsonl"}).output);
    // Ratings 1 to 5 about equally often deviate by √2 from their mean; biases explain most of it.
    EXPECT_LT(facts.at("train_rmse").get<double>(), std::sqrt(2.0));
    for (const double prediction : predictions()) {
      EXPECT_GT(prediction, 1);
      EXPECT_LT(prediction, 5);
    }
  }
}

TEST_P(EveryModelOf, HugeRatingsHasErrorsAsManyTimesAsLarge) {
  const auto rmse = [&](const std::string& behind_rating) {
    std::string text;
    for (const std::string& line : lines_of(small_ratings(30, 20)))
      text += line + behind_rating + "\n";
    const RunResult result = train(text, {"--k", "2", "--holdout", "0.2"});
    EXPECT_EQ(result.code, 0) << result.error;
    const Tsv summary(result.output);
    return summary.number(summary.find("predictor", GetParam()), "rmse");
  };
  EXPECT_NEAR(rmse("e18") / 1e18 / rmse(""), 1, 1e-4);  // as for any other scale
}

TEST_P(EveryModelOf, RatingsThatDoNotDetermineItFitsThemWithoutRegularization) {
  // Fewer ratings than factors: every system is singular.
  const RunResult result =
      train("1,1,3\n1,2,4\n2,1,2\n2,2,5\n3,1,1\n", {"--k", "3", "--reg", "0", "--reg-bias", "0"});
  ASSERT_EQ(result.code, 0) << result.error;
  if (GetParam() == "als") {
    EXPECT_THAT(result.error, HasSubstr("not positive: jitter was added"));
  }
  const auto facts = nlohmann::json::parse(run({"inspect", model(), "--format", "jsonl"}).output);
  // The ratings deviate by √2. Jitter is a small ridge; SGD's rate falls before it is there.
  EXPECT_LT(facts.at("train_rmse").get<double>(), GetParam() == "mle" ? 1.0 : 0.1);
  for (const double prediction : predictions()) EXPECT_TRUE(std::isfinite(prediction));
}

INSTANTIATE_TEST_SUITE_P(Models, EveryModelOf, ::testing::Values("als", "mle", "ls"),
                         [](const auto& model) { return model.param; });

/// How often a part is in a text.
std::size_t count_of(const std::string& part, const std::string& text) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Nll, IsLeftOutEverywhereAndSaidOnceWhereTheDispersionIsZero) {
  const TemporaryFolder folder;
  const std::string data = folder.file("ratings.csv");
  const std::string log = folder.file("log.jsonl");
  const std::string model = folder.file("model");
  std::string threes;
  for (std::string line : lines_of(small_ratings(7, 5))) {
    line.back() = '3';
    threes += line + "\n";
  }
  write_bytes(data, threes);
  const std::vector<std::string> train{"train", "--data",   data,    "--k", "2",
                                       "--log", log,        "--out", model, "--validation",
                                       "0.2",   "--format", "jsonl"};
  for (const std::vector<std::string>& split :
       {std::vector<std::string>{"--holdout", "0.3"}, {"--folds", "3"}}) {
    const RunResult trained = run(with(train, split));
    ASSERT_EQ(trained.code, 0) << trained.error;
    EXPECT_EQ(count_of("nan", trained.output + trained.error + read_bytes(log)), 0U);
    EXPECT_EQ(count_of("NLL", trained.error), 1U) << trained.error;
    EXPECT_THAT(trained.error, HasSubstr("note     NLL is not defined: the dispersion is 0"));
    for (const std::string& row : lines_of(trained.output)) {
      EXPECT_TRUE(nlohmann::json::parse(row).at("nll").is_null()) << row;
    }
    for (const std::string& epoch : lines_of(read_bytes(log))) {
      EXPECT_EQ(count_of("nll", epoch), 0U) << epoch;
      EXPECT_TRUE(nlohmann::json::parse(epoch).contains("train_rmse"));
    }
  }
  const RunResult tsv = run({"evaluate", model, "--test", data});
  EXPECT_EQ(count_of("nan", tsv.output + tsv.error), 0U);
  EXPECT_EQ(count_of("NLL is not defined", tsv.error), 1U);
  EXPECT_THAT(tsv.output, HasSubstr("ratings.csv\tnll\t\tmean of"));
  for (const std::string& row :
       lines_of(run({"evaluate", model, "--test", data, "--format", "jsonl"}).output)) {
    const auto figure = nlohmann::json::parse(row);
    const bool is_nll = figure.contains("nll") || figure.value("figure", "") == "nll";
    const auto value = figure.contains("nll") ? figure.at("nll") : figure.at("value");
    EXPECT_EQ(value.is_null(), is_nll || figure.value("figure", "") == "r_squared") << row;
  }
}

TEST(TestSet, ThatIsTrainedOnTooIsWarnedOfWithTheNumberOfPairs) {
  const std::string data = ProblemFolder::shared().ratings();
  const RunResult result =
      run({"train", "--data", data, "--test", data, "--k", "2", "--epochs", "1"});
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("alsatian: warning: 9001 of 9001 ratings of " + data +
                                      " are for pairs that are trained on too"));
}

struct Refused {
  std::vector<std::string> arguments;
  std::string first_line;
  std::string help;
};

TEST(SwappedOrEmptyFiles, AreNamedForWhatTheyAre) {
  const TemporaryFolder folder;
  const std::string empty = folder.file("empty.csv");
  write_bytes(empty, "");
  const std::string data = ProblemFolder::shared().ratings();
  const std::string model = ProblemFolder::shared().model();
  const std::string not_ratings = "is a model file, not a text file of ratings";
  const std::string not_a_model = "is not an alsatian model (it looks like a ratings file)";
  for (const Refused& refused :
       {Refused{{"train", "--data", data, "--test", empty}, empty + ": is empty", "one rating"},
        Refused{{"evaluate", model, "--test", empty}, empty + ": is empty", "one rating"},
        Refused{{"train", "--data", model}, model + ": " + not_ratings, "swapped"},
        Refused{{"predict", model, "--pairs", model},
                model + ": is a model file, not a text file of pairs",
                "swapped"},
        Refused{{"evaluate", model, "--test", model}, model + ": " + not_ratings, "swapped"},
        Refused{{"evaluate", data, "--test", model}, data + ": " + not_a_model, "swapped"},
        Refused{
            {"predict", data, "--pairs", model},
            data + ": " + not_a_model,
            "  help: pass a file that alsatian train --out wrote; are two arguments swapped?\n"},
        Refused{{"inspect", data}, data + ": " + not_a_model, "swapped"}}) {
    const RunResult result = run(refused.arguments);
    EXPECT_EQ(result.code, 65) << result.error;
    // What is told of files that were read well may come before.
    EXPECT_THAT(result.error, HasSubstr("alsatian: error: " + refused.first_line + "\n  help: "));
    EXPECT_THAT(result.error, HasSubstr(refused.help));
    EXPECT_EQ(result.output, "");
  }
}

TEST(Recommend, MoreThanThereAreGivesAllOnce) {
  const RunResult result = run({"recommend", ProblemFolder::shared().model(), "--users", "1",
                                "--include-seen", "--top", "1000"});
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv table(result.output);
  std::vector<std::string> items;
  for (std::size_t row = 0; row < table.rows(); ++row) items.push_back(table.at(row, "item"));
  EXPECT_GT(items.size(), 150U);
  EXPECT_LE(items.size(), 157U);
  std::sort(items.begin(), items.end());
  EXPECT_EQ(std::adjacent_find(items.begin(), items.end()), items.end());
}

TEST(Surroundings, FewDescriptorsAndASmallStackChangeNoByte) {
  const TemporaryFolder folder;
  RunOptions options;
  options.in_child = [] {
    const rlimit descriptors{32, 32};
    const rlimit stack{1 << 20, 1 << 20};
    ::setrlimit(RLIMIT_NOFILE, &descriptors);
    ::setrlimit(RLIMIT_STACK, &stack);
  };
  const RunResult result = run(train_arguments({"--out", folder.file("model")}), options);
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_EQ(read_bytes(folder.file("model")), read_bytes(ProblemFolder::shared().model()));
}

TEST(Save, ReaderSeesTheOldOrTheNewModelWhole) {
  const TemporaryFolder folder;
  const std::string out = folder.file("model");
  const std::string old_model = read_bytes(ProblemFolder::shared().model());
  write_bytes(out, old_model);
  const auto writer = ::fork();
  ASSERT_GE(writer, 0);
  if (writer == 0) {
    for (int round = 0; round < 5; ++round) {
      if (run(train_arguments({"--seed", std::to_string(round), "--quiet", "--out", out})).code !=
          0) {
        ::_exit(1);
      }
    }
    ::_exit(0);
  }
  int status = 0;
  int reads = 0;
  while (::waitpid(writer, &status, WNOHANG) == 0) {
    const RunResult read = run({"inspect", out});
    EXPECT_EQ(read.code, 0) << read.error;
    ++reads;
  }
  EXPECT_EQ(status, 0);
  EXPECT_GT(reads, 0);
  EXPECT_NE(read_bytes(out), old_model);
}

/// A point that was forgotten makes a film the best and the worst, and a model's scale go up to 45.
TEST(OddData, WithAFewRatingsFarFromAllOthersIsWarnedOf) {
  const TemporaryFolder folder;
  std::string ratings = small_ratings(20, 20);
  const std::string plain = folder.file("plain.csv");
  const std::string slip = folder.file("slip.csv");
  write_bytes(plain, ratings);
  write_bytes(slip, ratings.replace(ratings.find("1,2,4\n"), 6, "1,2,45\n"));
  const std::string warning =
      "alsatian: warning: " + slip +
      ": 1 rating is far from all others, which are 1 to 5: 45 in line 2; correct the file where "
      "it is wrong, or leave them out with --rating-range 1:5 (explore, train, tune)\n";
  const std::string model = folder.file("model");
  const std::vector<std::string> train{"train", "--k", "2", "--quiet", "--data"};
  ASSERT_EQ(run(with(train, {plain, "--out", model})).error, "");
  const std::vector<std::vector<std::string>> commands{
      with(train, {slip}),
      with(train, {slip, "--folds", "3"}),
      with(train, {plain, "--test", slip}),
      {"explore", "--quiet", "--data", slip},
      {"tune", "--quiet", "--validation", "0.2", "--data", slip},
      {"evaluate", model, "--quiet", "--test", slip},
      {"compare", model, model, "--quiet", "--test", slip}};
  for (const auto& command : commands) {
    const RunResult result = run(command);
    EXPECT_EQ(result.code, 0) << command.front() << result.error;
    const std::size_t at = result.error.find(warning);
    ASSERT_NE(at, std::string::npos) << command.front() << result.error;
    EXPECT_EQ(result.error.find(warning, at + 1), std::string::npos) << command.front();
  }
  EXPECT_EQ(run(with(train, {slip, "--rating-range", "1:5"})).error, "");
}

}  // namespace
}  // namespace alsatian::testing
