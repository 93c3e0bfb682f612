// Test files of other data: what is said where a model predicts them worse than their mean does,
// and that nothing is said of those that it was made for.
#include "tests/integration/problem_folder.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

namespace alsatian::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* warned = "predicts them better than the model";

/// A line of ratings.
struct Line {
  int user = 0;
  int item = 0;
  double rating = 0;
};

class OtherData : public ::testing::Test {
 protected:
  /// Every eighth rating is for testing, the others for training.
  OtherData() {
    const auto lines = lines_of(read_bytes(ProblemFolder::shared().ratings()));
    std::string training = lines.front() + "\n";
    for (std::size_t at = 1; at < lines.size(); ++at) {
      const auto fields = fields_of(lines[at], ',');
      if (at % 8 != 0) {
        training += lines[at] + "\n";
      } else {
        test_.push_back({std::stoi(fields[0]), std::stoi(fields[1]), std::stod(fields[2])});
      }
    }
    write_bytes(folder_.file("training.csv"), training);
  }

  static std::string text_of(const std::vector<Line>& lines) {
    std::string text = "userId,movieId,rating\n";
    for (const Line& line : lines) {
      text += fmt::format("{},{},{}\n", line.user, line.item, line.rating);
    }
    return text;
  }

  /// A test file of what `change` makes of the ratings kept for testing.
  template <typename Change>
  std::string file(const std::string& name, Change change) const {
    std::vector<Line> lines = test_;
    for (Line& line : lines) change(line);
    write_bytes(folder_.file(name), text_of(lines));
    return folder_.file(name);
  }

  std::string same() const {
    return file("same.csv", [](Line&) {});
  }

  RunResult train(const std::vector<std::string>& more, const std::string& rank = "8") const {
    return run(with({"train", "--data", folder_.file("training.csv"), "--k", rank, "--out",
                     folder_.file("model"), "--quiet"},
                    more));
  }

  RunResult evaluate(const std::string& test) const {
    const RunResult result = run({"evaluate", folder_.file("model"), "--test", test, "--quiet"});
    EXPECT_EQ(result.code, 0) << result.error;
    return result;
  }

  TemporaryFolder folder_;
  std::vector<Line> test_;
};

TEST_F(OtherData, OnAnotherScaleIsNamedWithBoth) {
  ASSERT_EQ(train({}).code, 0);
  const std::string percent = file("percent.csv", [](Line& line) { line.rating *= 20; });
  const RunResult result = evaluate(percent);
  EXPECT_THAT(result.error, HasSubstr("warning: percent.csv: R² is -"));
  EXPECT_THAT(result.error, HasSubstr(warned));
  EXPECT_THAT(result.error, HasSubstr("are they on another scale, or of other data?"));
  // Of train as well, of the file alone that is to blame.
  const RunResult trained = train({"--test", same(), "--test", percent});
  ASSERT_EQ(trained.code, 0) << trained.error;
  EXPECT_THAT(trained.error, HasSubstr("warning: percent.csv: R² is -"));
  EXPECT_THAT(trained.error, Not(HasSubstr("same.csv: R²")));
}

TEST_F(OtherData, OfOneValueOnAnotherScaleIsNamedWithoutAnRSquared) {
  ASSERT_EQ(train({}).code, 0);
  const RunResult result = evaluate(file("full.csv", [](Line& line) { line.rating = 100; }));
  EXPECT_THAT(result.error, HasSubstr("warning: full.csv: R² is not defined"));
  EXPECT_THAT(result.error, HasSubstr("100 % of them lie outside "));
  // Of one value on the scale there is nothing to say.
  const RunResult inside = evaluate(file("fives.csv", [](Line& line) { line.rating = 4; }));
  EXPECT_THAT(inside.error, Not(HasSubstr("fives.csv: R²")));
}

TEST_F(OtherData, OnTheScaleMayBeChosenByItsRatings) {
  ASSERT_EQ(train({}).code, 0);
  std::vector<double> ratings;
  for (const Line& line : test_) ratings.push_back(line.rating);
  std::ranges::sort(ratings);
  const auto kept = [&](const std::string& name, auto keep) {
    std::vector<Line> lines;
    std::ranges::copy_if(test_, std::back_inserter(lines),
                         [&](const Line& line) { return keep(line.rating); });
    EXPECT_GT(lines.size(), 30U);
    write_bytes(folder_.file(name), text_of(lines));
    return evaluate(folder_.file(name)).error;
  };
  // Of the median and the next value: less than a deviation above the mean of all.
  const double from = ratings[ratings.size() / 2];
  const double to = *std::ranges::upper_bound(ratings, from);
  const std::string good =
      kept("good.csv", [&](double rating) { return rating >= from && rating <= to; });
  EXPECT_THAT(good, HasSubstr("warning: good.csv: R² is -"));
  EXPECT_THAT(good, HasSubstr("ids that look alike, or are they chosen by their rating, or"));
  // The worst: further below than that, and yet none of them is outside the scale.
  const double tenth = ratings[ratings.size() / 10];
  const std::string worst = kept("worst.csv", [&](double rating) { return rating <= tenth; });
  EXPECT_THAT(worst, HasSubstr("warning: worst.csv: R² is -"));
  EXPECT_THAT(worst, HasSubstr("their mean is "));
  EXPECT_THAT(worst, HasSubstr("are they of users who rate otherwise or chosen by their rating, "
                               "or are they on another scale?"));
}

TEST_F(OtherData, IsNamedOnceForAllModelsThatAreComparedWithTheFiguresOfEach) {
  ASSERT_EQ(train({}).code, 0);
  const auto compare = [&](const std::string& test) {
    return run({"compare", folder_.file("model"), folder_.file("model"), "--test", test, "--quiet"})
        .error;
  };
  const std::string error = compare(file("percent.csv", [](Line& line) { line.rating *= 20; }));
  EXPECT_THAT(error, HasSubstr("warning: percent.csv: R² of model and model (2) is -"));
  EXPECT_EQ(error.find("warning: "), error.rfind("warning: ")) << error;
  EXPECT_THAT(compare(same()), Not(HasSubstr("R²")));
  // Both say the same of the same model, to every digit that they print.
  const std::string evaluated = evaluate(folder_.file("percent.csv")).error;
  const std::string figure = evaluated.substr(evaluated.find("is -"), 8);
  EXPECT_THAT(error, HasSubstr(figure));
}

TEST_F(OtherData, IsNamedApartForModelsThatFindAnotherDifference) {
  ASSERT_EQ(train({}).code, 0);
  const std::string copy = folder_.file("copy");
  write_bytes(copy, read_bytes(folder_.file("model")));
  ASSERT_EQ(train({}, "3").code, 0);
  // Of another scale, on which these ratings lie.
  const std::string wide = folder_.file("wide");
  const std::string percent = file("percent.csv", [](Line& line) { line.rating *= 20; });
  write_bytes(folder_.file("wide.csv"),
              read_bytes(folder_.file("training.csv")) + "1,100001,100,0\n");
  ASSERT_EQ(
      run({"train", "--data", folder_.file("wide.csv"), "--k", "8", "--out", wide, "--quiet"}).code,
      0);
  const std::string error =
      run({"compare", folder_.file("model"), wide, copy, "--test", percent, "--quiet"}).error;
  EXPECT_THAT(error, HasSubstr("warning: percent.csv: R² of model and copy is -"));
  EXPECT_THAT(error, HasSubstr(" better than the models; 100 % of them lie outside "));
  EXPECT_THAT(error, HasSubstr("warning: percent.csv: R² of wide is -"));
  EXPECT_THAT(error, HasSubstr(" better than the model; their mean is "));
}

TEST_F(OtherData, WithOtherIdsIsNamedWithHowManyAreKnown) {
  ASSERT_EQ(train({}).code, 0);
  // Half a star lower and of strangers, but for one: a mean of training is of no use there.
  const std::string strangers = file("strangers.csv", [](Line& line) {
    line.user += 100000;
    line.rating = std::max(0.5, line.rating - 0.5);
  });
  write_bytes(strangers, read_bytes(strangers) + "1,1,3\n");
  const RunResult result = evaluate(strangers);
  EXPECT_THAT(result.error, HasSubstr("the model knows user and item of "));
  EXPECT_THAT(result.error, HasSubstr("do their ids name others than in training?"));
}

TEST_F(OtherData, WithIdsOfOthersIsNamedWhereNothingElseDiffers) {
  ASSERT_EQ(train({}).code, 0);
  // Each rating with the user and the item of another.
  std::vector<Line> renamed = test_;
  for (std::size_t at = 0; at < test_.size(); ++at) {
    renamed[at].rating = test_[(at + test_.size() / 2) % test_.size()].rating;
  }
  write_bytes(folder_.file("renamed.csv"), text_of(renamed));
  const RunResult result = evaluate(folder_.file("renamed.csv"));
  EXPECT_THAT(result.error, HasSubstr("other data with ids that look alike"));
  EXPECT_THAT(result.error, HasSubstr("training RMSE 0."));
  // Each of several models has its own.
  const std::string other = folder_.file("other");
  write_bytes(other, read_bytes(folder_.file("model")));
  ASSERT_EQ(train({}, "2").code, 0);
  const RunResult compared = run(
      {"compare", folder_.file("model"), other, "--test", folder_.file("renamed.csv"), "--quiet"});
  EXPECT_THAT(compared.error,
              ContainsRegex("R² of model and other is -0\\.[0-9]+ and -0\\.[0-9]+: the mean of"));
  EXPECT_THAT(compared.error, ContainsRegex("do they only repeat what they were trained on "
                                            "\\(training RMSE 0\\.[0-9]+ and 0\\.[0-9]+; "));
}

TEST_F(OtherData, IsNoWordForTheRatingsThatAModelWasMadeFor) {
  for (const std::string model : {"als", "mle", "ls", "bayes"}) {
    for (const std::string rank : {"0", "8"}) {
      std::vector<std::string> more{"--model", model, "--test", same()};
      if (model == "bayes") more.insert(more.end(), {"--epochs", "30"});
      const RunResult trained = train(more, rank);
      ASSERT_EQ(trained.code, 0) << trained.error;
      EXPECT_THAT(trained.error, Not(HasSubstr(warned))) << model << " " << rank;
      EXPECT_THAT(evaluate(same()).error, Not(HasSubstr(warned))) << model << " " << rank;
    }
  }
}

TEST_F(OtherData, IsNoWordForAFewRatings) {
  ASSERT_EQ(train({}).code, 0);
  std::vector<Line> few(test_.begin(), test_.begin() + 29);
  for (Line& line : few) line.rating = 5.5 - line.rating;
  write_bytes(folder_.file("few.csv"), text_of(few));
  EXPECT_THAT(evaluate(folder_.file("few.csv")).error, Not(HasSubstr(warned)));
}

}  // namespace
}  // namespace alsatian::testing
