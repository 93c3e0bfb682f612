// Feature files through the program: what is said of them, who gets predictions, what is refused.
// Ratings follow from the features alone, so that it can be seen who is known by them.
#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int users = 60;
constexpr int items = 40;
constexpr int new_items = 4;  // the last ones: in the file of features and in no training rating

/// Users of even ids like items of even kinds, and the others the others.
int rating(int user, int item) { return (user % 2 == item % 2 ? 4 : 2) + (user * item % 7 == 0); }

/// Ratings, a test of new items, and features of users and items.
class FeatureFolder {
 public:
  FeatureFolder() {
    std::string train = "user,item,rating\n";
    std::string test = train;
    std::string of_users = "userId,group\n";
    std::string of_items = "movieId,title,genres\n";
    for (int user = 1; user <= users; ++user) {
      of_users += std::to_string(user) + (user % 2 == 0 ? ",even\n" : ",odd\n");
      for (int item = 1; item <= items + new_items; ++item) {
        const std::string line = std::to_string(user) + "," + std::to_string(item) + "," +
                                 std::to_string(rating(user, item)) + "\n";
        if (item > items) {
          test += line;
        } else if ((user + item) % 3 != 0) {
          train += line;
        }
      }
    }
    for (int item = 1; item <= items + new_items; ++item) {
      of_items += std::to_string(item) + ",\"Film, number " + std::to_string(item) + " (19" +
                  std::to_string(50 + item % 5) + ")\"," + (item % 2 == 0 ? "A|B" : "C") + "\n";
    }
    write_bytes(ratings(), train);
    write_bytes(test_file(), test);
    write_bytes(user_features(), of_users);
    write_bytes(item_features(), of_items);
  }

  std::string file(const std::string& name) const { return folder_.file(name); }
  std::string ratings() const { return file("ratings.csv"); }
  std::string test_file() const { return file("test.csv"); }
  std::string user_features() const { return file("users.csv"); }
  std::string item_features() const { return file("movies.csv"); }

  RunResult train(const std::vector<std::string>& more) const {
    return run(with({"train", "--data", ratings(), "--model", "bayes", "--k", "4", "--epochs", "60",
                     "--item-features", item_features(), "--user-features", user_features()},
                    more));
  }
  /// With features of items alone, and as short as can be.
  RunResult train_briefly(const std::string& of_items, const std::vector<std::string>& more) const {
    return run(with({"train", "--data", ratings(), "--model", "bayes", "--k", "4", "--epochs", "5",
                     "--item-features", of_items},
                    more));
  }

 private:
  TemporaryFolder folder_;
};

TEST(FeatureFiles, GiveNewItemsPredictionsThatFollowFromTheirGenres) {
  const FeatureFolder folder;
  const std::string out = folder.file("model");
  const RunResult trained = folder.train({"--test", folder.test_file(), "--out", out});
  ASSERT_EQ(trained.code, 0) << trained.error;
  EXPECT_THAT(trained.error, HasSubstr("features item title: left out"));
  EXPECT_THAT(trained.error, HasSubstr("features item genres: set, 3 features"));
  EXPECT_THAT(trained.error, HasSubstr("movies.csv describes 40 of the 40 items with ratings, and "
                                       "4 without"));
  const Tsv summary(trained.output);
  const std::size_t cold = summary.find("part", "test.csv, without ratings");
  EXPECT_EQ(summary.at(cold, "predictor"), "global mean");
  // Rows of bayes come last of the three predictors.
  std::vector<double> errors;
  for (std::size_t row = 0; row < summary.rows(); ++row) {
    if (summary.at(row, "part") == "test.csv, without ratings") {
      errors.push_back(summary.number(row, "rmse"));
    }
  }
  ASSERT_EQ(errors.size(), 3U);
  EXPECT_LT(errors[2], 0.6);  // of ratings 2 apart: those of both kinds by a mean are 1 off
  EXPECT_GT(errors[1], 0.9);

  const RunResult evaluated = run({"evaluate", out, "--test", folder.test_file()});
  ASSERT_EQ(evaluated.code, 0) << evaluated.error;
  const Tsv groups(evaluated.output);
  EXPECT_EQ(groups.at(groups.find("group", "without ratings, with features"), "ratings"),
            std::to_string(users * new_items));
  EXPECT_EQ(groups.at(groups.find("group", "unknown users or items"), "ratings"), "0");

  write_bytes(folder.file("pairs.csv"), "user,item\n2,42\n2,43\n");
  const Tsv predicted(run({"predict", out, "--pairs", folder.file("pairs.csv")}).output);
  EXPECT_GT(predicted.number(0, "prediction"), predicted.number(1, "prediction") + 1);
}

TEST(FeatureFiles, SayTheSameByAFlagAsByTwoCategories) {
  const FeatureFolder folder;
  const auto error_with = [&](const char* even, const char* odd) {
    std::string text = "movieId,kind\n";
    for (int item = 1; item <= items + new_items; ++item) {
      text += std::to_string(item) + "," + (item % 2 == 0 ? even : odd) + "\n";
    }
    write_bytes(folder.item_features(), text);
    const RunResult trained = folder.train({"--test", folder.test_file()});
    EXPECT_EQ(trained.code, 0) << trained.error;
    const Tsv summary(trained.output);
    double last = 0;  // of the three predictors, bayes'
    for (std::size_t row = 0; row < summary.rows(); ++row) {
      if (summary.at(row, "part") == "test.csv, without ratings")
        last = summary.number(row, "rmse");
    }
    return last;
  };
  const double by_categories = error_with("a", "b");
  EXPECT_LT(by_categories, 0.6);
  EXPECT_LT(error_with("1", "0"), 0.6);
  EXPECT_LT(error_with("0", "1"), 0.6);
}

TEST(FeatureFiles, LetNewItemsBeRecommended) {
  const FeatureFolder folder;
  const std::string out = folder.file("model");
  ASSERT_EQ(folder.train({"--out", out}).code, 0);
  const Tsv recommended(
      run({"recommend", out, "--users", "2", "--top", "44", "--include-seen"}).output);
  EXPECT_EQ(recommended.rows(), static_cast<std::size_t>(items + new_items));
  const Tsv unseen(
      run({"recommend", out, "--users", "2", "--top", "44", "--data", folder.ratings()}).output);
  EXPECT_LT(unseen.rows(), 44U);
  EXPECT_NO_THROW(unseen.find("item", "42"));
}

TEST(FeatureFiles, LetATestPartBeRebuilt) {
  const FeatureFolder folder;
  const std::string out = folder.file("model");
  const RunResult trained = folder.train({"--holdout", "0.2", "--out", out});
  ASSERT_EQ(trained.code, 0) << trained.error;
  const RunResult evaluated =
      run({"evaluate", out, "--data", folder.ratings(), "--top", "3", "--relevant", "4"});
  ASSERT_EQ(evaluated.code, 0) << evaluated.error;
  const Tsv summary(trained.output);
  const Tsv figures(evaluated.output);
  EXPECT_EQ(figures.at(figures.find("group", "all"), "rmse"),
            summary.at(summary.find("predictor", "bayes"), "rmse"));
  EXPECT_EQ(run({"recommend", out, "--users", "3", "--data", folder.ratings()}).code, 0);
}

TEST(FeatureFiles, GiveTheSameBytesForAnyNumberOfThreads) {
  const FeatureFolder folder;
  std::vector<std::string> files;
  for (const std::string threads : {"1", "2", "3"}) {
    const std::string out = folder.file(threads);
    const RunResult result = folder.train({"--threads", threads, "--chains", "2", "--out", out});
    ASSERT_EQ(result.code, 0) << result.error;
    files.push_back(read_bytes(out));
  }
  EXPECT_TRUE(files[0] == files[1]);
  EXPECT_TRUE(files[0] == files[2]);
}

TEST(FeatureFiles, AreInTheMemoryPlanAndInWhatAModelSaysOfItself) {
  const FeatureFolder folder;
  const RunResult plan = folder.train({"--dry-run"});
  ASSERT_EQ(plan.code, 0) << plan.error;
  const Tsv rows(plan.output);
  EXPECT_GT(rows.number(rows.find("name", "given_features_bytes"), "value"), 0);
  EXPECT_EQ(rows.at(rows.find("name", "items"), "value"), std::to_string(items + new_items));
  const std::string out = folder.file("model");
  ASSERT_EQ(folder.train({"--out", out}).code, 0);
  const auto facts = nlohmann::json::parse(run({"inspect", out, "--format", "jsonl"}).output);
  EXPECT_THAT(facts["item_features"].get<std::string>(),
              HasSubstr("movies.csv: title left out; year of title as"));
}

TEST(FeatureFiles, OfCrossValidationAreThoseOfEveryFold) {
  const FeatureFolder folder;
  const RunResult result = folder.train({"--folds", "3"});
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv summary(result.output);
  EXPECT_NO_THROW(summary.find("part", "mean"));
  EXPECT_THAT(result.output, Not(HasSubstr("without ratings")));
}

/// Exit code and text of a training with files that cannot be.
void expect_refused(const RunResult& result, int code, const std::string& text) {
  EXPECT_EQ(result.code, code) << result.error;
  EXPECT_TRUE(is_error_text(result.error)) << result.error;
  EXPECT_THAT(result.error, HasSubstr(text));
}

TEST(FeatureFiles, AreRefusedWhereTheyMakeNoSense) {
  const FeatureFolder folder;
  const auto train_with = [&](const std::vector<std::string>& more) {
    return run(with({"train", "--data", folder.ratings(), "--epochs", "5", "--quiet"}, more));
  };
  for (const std::string model : {"als", "mle", "ls"}) {
    expect_refused(train_with({"--model", model, "--item-features", folder.item_features()}), 64,
                   "--item-features: applies to --model bayes alone");
  }
  expect_refused(train_with({"--model", "bayes", "--user-features", "-"}), 64,
                 "--user-features -: is not read from standard input");
  expect_refused(train_with({"--model", "bayes", "--user-features", folder.file("none.csv")}), 66,
                 "none.csv");
  expect_refused(train_with({"--model", "bayes", "--user-features", folder.item_features()}), 65,
                 "has a column \"movieId\", and --user-features takes features of users");
  write_bytes(folder.file("other.csv"), "id,kind\na,1\nb,2\nc,1\nd,1\ne,1\nf,1\n");
  expect_refused(train_with({"--model", "bayes", "--item-features", folder.file("other.csv")}), 65,
                 "describes no item of the ratings");
  expect_refused(train_with({"--model", "bayes", "--item-features", folder.item_features(), "--out",
                             folder.item_features()}),
                 64, "overwrite");
}

TEST(FeatureFiles, AreRefusedBeforeAnythingIsReadOrLookedFor) {
  const FeatureFolder folder;
  const auto train_with = [&](const std::vector<std::string>& more) {
    return run(with({"train", "--data", folder.file("none.csv"), "--model", "bayes"}, more));
  };
  expect_refused(train_with({"--item-features", folder.item_features(), "--device", "cuda"}), 64,
                 "--device cuda: there are no kernels for --user-features and --item-features");
}

TEST(Init, ThatCannotBeIsRefusedBeforeTheDataAreRead) {
  const FeatureFolder folder;
  const std::string drawn = folder.file("drawn");
  const std::string als = folder.file("als");
  ASSERT_EQ(folder.train_briefly(folder.item_features(), {"--out", drawn}).code, 0);
  ASSERT_EQ(
      run({"train", "--data", folder.ratings(), "--k", "4", "--epochs", "2", "--out", als}).code,
      0);
  const auto start_from = [&](const std::string& model, const std::vector<std::string>& more) {
    return run(with({"train", "--data", folder.file("none.csv"), "--init", model}, more));
  };
  expect_refused(start_from(drawn, {"--k", "4"}), 64, "--init: the model is of --model bayes");
  expect_refused(start_from(als, {"--k", "3"}), 64,
                 "--init: the model has rank 4, more than the 3");
  expect_refused(start_from(als, {"--k", "4", "--model", "mle", "--likelihood", "poisson"}), 64,
                 "--init: the model's likelihood is gaussian, not poisson");
}

TEST(FeatureFiles, WithNamesInLatin1AreSavedInUtf8) {
  const FeatureFolder folder;
  std::string bytes =
      "itemId,Ann\xe9"
      "e\n";
  for (int item = 1; item <= items; ++item) {
    bytes += std::to_string(item) + "," + std::to_string(item) + ".5\n";
  }
  const std::string path = folder.file("caf\xe9.csv");
  write_bytes(path, bytes);
  const std::string out = folder.file("model");
  const RunResult result = folder.train_briefly(path, {"--out", out});
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("caf\\xe9.csv: comma-separated, header \"itemId\", "
                                      "\"Ann\u00e9"
                                      "e\""));
  const auto facts = nlohmann::json::parse(run({"inspect", out, "--format", "jsonl"}).output);
  EXPECT_EQ(facts["item_features"].get<std::string>(),
            "caf\\xe9.csv: Ann\u00e9"
            "e as number (1)");
}

TEST(FeatureFiles, DoNotBringBackWhatHasTooFewRatings) {
  const FeatureFolder folder;
  std::string ratings = read_bytes(folder.ratings());
  ratings += "1,43,3\n2,43,4\n";  // two ratings of an item that the file of features has too
  write_bytes(folder.ratings(), ratings);
  const RunResult result = folder.train({"--min-item-ratings", "3", "--dry-run"});
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("movies.csv describes 40 of the 40 items with ratings, and 3 "
                                      "without; 1 that --min-item-ratings leaves out stays out"));
  const Tsv rows(result.output);
  EXPECT_EQ(rows.at(rows.find("name", "items"), "value"), "43");
  std::string others = "itemId,new\n43,0\n";
  for (int item = 101; item < 120; ++item) others += std::to_string(item) + ",1\n";
  write_bytes(folder.item_features(), others);
  expect_refused(folder.train({"--min-item-ratings", "3"}), 65,
                 "describes no item that --min-item-ratings leaves");
  expect_refused(folder.train({"--rating-range", "90:100"}), 65,
                 "has no ratings left after cleaning");
}

TEST(FeatureFiles, DoNotChangeWhatTheMedianUserHas) {
  const FeatureFolder folder;
  std::string of_users = read_bytes(folder.user_features());
  for (int user = users + 1; user <= 3 * users; ++user) {
    of_users += std::to_string(user) + (user % 2 == 0 ? ",even\n" : ",odd\n");
  }
  write_bytes(folder.user_features(), of_users);
  const RunResult result = folder.train({"--dry-run"});
  ASSERT_EQ(result.code, 0) << result.error;
  // Of 40 items each user leaves out those with (user + item) % 3 == 0: 13 or 14.
  EXPECT_THAT(result.error, HasSubstr("for the median user with 27 ratings"));
}

TEST(FeatureFiles, WithLongNamesOfColumnsAreSaidInShort) {
  const FeatureFolder folder;
  const std::string name(5000, 'n');
  std::string bytes = "itemId," + name + "\n";
  for (int item = 1; item <= items; ++item) {
    bytes += std::to_string(item) + "," + std::to_string(item) + ".5\n";
  }
  write_bytes(folder.item_features(), bytes);
  const RunResult result =
      folder.train_briefly(folder.item_features(), {"--out", folder.file("model")});
  ASSERT_EQ(result.code, 0) << result.error;
  const std::string shown = std::string(60, 'n') + "...";
  EXPECT_THAT(result.error, HasSubstr("item " + shown + ": number"));
  EXPECT_THAT(result.error, Not(HasSubstr(std::string(61, 'n'))));
  const RunResult inspected = run({"inspect", folder.file("model")});
  EXPECT_THAT(inspected.output, HasSubstr(shown + " as number"));
  EXPECT_THAT(inspected.output, Not(HasSubstr(std::string(61, 'n'))));
}

TEST(FeatureFiles, BeyondTheMemoryAreRefused) {
  const FeatureFolder folder;
  std::string bytes = "itemId,kind\n";
  for (int item = 1; item <= 50000; ++item) {
    bytes += std::to_string(item) + (item % 2 == 0 ? ",a\n" : ",b\n");
  }
  write_bytes(folder.item_features(), bytes);
  expect_refused(folder.train({"--max-memory", "1M"}), 71, "1.0 MiB are free");
}

TEST(FeatureFiles, WithIdsThatAreNoIntegersAreCounted) {
  const FeatureFolder folder;
  write_bytes(folder.file("some.csv"),
              "itemId,kind\nx,a\n1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n7,a\n8,b\n"
              "9,a\n10,b\n");
  const RunResult result = folder.train_briefly(folder.file("some.csv"), {});
  EXPECT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("1 id is no integer as those of the ratings are"));
}

}  // namespace
}  // namespace alsatian::testing
