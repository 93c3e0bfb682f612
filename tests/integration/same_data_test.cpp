// Models meet other data than they were trained on: warm starts, recommendations, evaluation.
// What follows from the difference is said, or the run is refused; nothing is wrong in silence.
#include "tests/integration/problem_folder.hpp"
#include "tests/integration/safetensors_oracle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

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

TEST(WarmStart, FromAModelThatHasSeenTheTestPartIsWarnedOf) {
  const TemporaryFolder folder;
  write_bytes(folder.file("ratings.csv"), small_ratings(20, 15));
  const auto train = [&](const std::vector<std::string>& more) {
    return run(with(
        {"train", "--data", folder.file("ratings.csv"), "--k", "2", "--epochs", "1", "--quiet"},
        more));
  };
  const std::string all = folder.file("all");
  const std::string part = folder.file("part");
  ASSERT_EQ(train({"--out", all}).code, 0);
  ASSERT_EQ(train({"--holdout", "0.2", "--out", part}).code, 0);
  const auto warning = [](const std::string& split) {
    return "alsatian: warning: the model of --init was trained on ratings of the test part (its "
           "split: " +
           split + "): the test error is too good\n";
  };
  const std::vector<std::string> holdout{"--holdout", "0.2", "--init"};
  EXPECT_EQ(train(with(holdout, {all})).error, warning("no test part"));
  EXPECT_EQ(train({"--folds", "3", "--init", all}).error, warning("no test part"));
  EXPECT_EQ(train(with(holdout, {part, "--seed", "7"})).error,
            warning("holdout 0.2 by hash, seed 42"));
  EXPECT_EQ(train(with(holdout, {part})).error, "");
  EXPECT_EQ(train(with(holdout, {part, "--validation", "0.2"})).error,
            "alsatian: warning: the model of --init may have been trained on ratings of the "
            "validation part (its split: holdout 0.2 by hash, seed 42): the validation error may "
            "be too good\n");
  EXPECT_EQ(train({"--init", part}).error, "");
}

TEST(Splits, ThatLeaveAnAskedForPartEmptyAreWarnedOf) {
  const TemporaryFolder folder;
  write_bytes(folder.file("few.csv"), "1,1,3,10\n1,2,4,20\n2,1,5,30\n");
  const auto warnings = [&](const std::vector<std::string>& split) {
    const RunResult result = run(
        with({"train", "--data", folder.file("few.csv"), "--k", "1", "--epochs", "1", "--quiet"},
             split));
    EXPECT_EQ(result.code, 0) << result.error;
    return result.error;
  };
  EXPECT_EQ(warnings({"--split-time", "2099-01-01"}),
            "alsatian: warning: the split \"from time 4070908800\" left no rating for testing: "
            "there is no test error\n");
  EXPECT_EQ(warnings({"--validation", "0.000001"}),
            "alsatian: warning: --validation 1e-06 left no rating for validation: there is no "
            "validation error\n");
  EXPECT_THAT(
      warnings({"--folds", "1000"}),
      HasSubstr("alsatian: warning: 997 of 1000 folds got no rating to test on and are left "
                "out: mean and sd are over the others; pass fewer --folds\n"));
}

std::string fingerprint_of(const std::string& model) {
  const Tsv facts(run({"inspect", model}).output);
  return facts.at(facts.find("name", "fingerprint"), "value");
}

/// The lines of the shared ratings that `keep` wants, header first.
template <typename Keep>
std::string ratings_where(Keep&& keep) {
  const auto lines = lines_of(read_bytes(problem().ratings()));
  std::string text = lines[0] + "\n";
  for (std::size_t line = 1; line < lines.size(); ++line) {
    if (keep(fields_of(lines[line], ','))) text += lines[line] + "\n";
  }
  return text;
}

RunResult recommend(const std::string& users, const std::string& data) {
  return run({"recommend", problem().model(), "--users", users, "--data", data});
}

TEST(RecommendData, OfTheTrainingIsTakenWithoutAWord) {
  const RunResult result = recommend("1,2", problem().ratings());
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, Not(HasSubstr("warning")));
  EXPECT_THAT(result.error, Not(HasSubstr("fingerprint")));
}

TEST(RecommendData, WithNewerRatingsIsNotedAndTheirItemsAreLeftOut) {
  const TemporaryFolder folder;
  const RunResult before = recommend("1", problem().ratings());
  const std::string newest = Tsv(before.output).at(0, "item");
  const std::string data = folder.file("newer.csv");
  write_bytes(data, read_bytes(problem().ratings()) + "1," + newest + ",5,1800000000\n");
  const RunResult result = recommend("1", data);
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_EQ(Tsv(result.output).at(0, "item"), Tsv(before.output).at(1, "item"));
  EXPECT_THAT(result.error,
              HasSubstr("note     " + data + " is not the file that the model was trained on"));
  EXPECT_THAT(result.error, HasSubstr("every user and item has at least as many ratings in it"));
  EXPECT_THAT(result.error, Not(HasSubstr("warning")));
}

TEST(RecommendData, ThatLacksTrainingRatingsIsWarnedOf) {
  const TemporaryFolder folder;
  const std::string data = folder.file("part.csv");
  const SafetensorsOracle oracle(problem().model());
  int kept = 0;
  write_bytes(data, ratings_where([&](const std::vector<std::string>& fields) {
                return fields[0] != "5" || ++kept <= 3;
              }));
  const RunResult result =
      run({"recommend", problem().model(), "--users", "1", "--data", data, "--quiet"});
  ASSERT_EQ(result.code, 0) << result.error;
  const std::size_t trained = oracle.count(oracle.user(5));
  EXPECT_THAT(result.error,
              StartsWith("alsatian: warning: " + data +
                         " lacks ratings that the model was trained on: 1 users and "));
  EXPECT_THAT(result.error,
              HasSubstr(" items have fewer than in training, the first is user \"5\" (3 "
                        "of " +
                        std::to_string(trained) +
                        "); items that a user rated in training may be recommended\n"));
}

TEST(RecommendData, WithoutAUserWhoIsAskedForNamesTheUser) {
  const TemporaryFolder folder;
  const std::string data = folder.file("without.csv");
  const auto ids = SafetensorsOracle(problem().model()).user_ids();
  const std::string first = std::to_string(ids[6]);
  const std::string second = std::to_string(ids[8]);
  write_bytes(data, ratings_where([&](const std::vector<std::string>& fields) {
                return fields[0] != first && fields[0] != second;
              }));
  const std::string both = "(\"" + first + "\", \"" + second + "\")";
  const RunResult some = recommend("1," + first + "," + second, data);
  EXPECT_EQ(some.code, 0);
  EXPECT_EQ(Tsv(some.output).rows(), 30U);
  EXPECT_THAT(some.error,
              HasSubstr("alsatian: warning: " + data +
                        " has no rating of an item of the model by 2 of 3 users asked for " + both +
                        ": nothing is left out for them\n"));
  const RunResult none = run(
      {"recommend", problem().model(), "--users", first + "," + second, "--data", data, "--quiet"});
  EXPECT_EQ(none.code, 65);
  EXPECT_EQ(none.output, "");
  EXPECT_EQ(none.error,
            error_text(data + ": has no rating of an item of the model by any user asked for " +
                           both + ": what they have seen is not known",
                       "give the ratings that the model was trained on, or newer ones that include "
                       "them, with the same --columns; --include-seen leaves nothing out"));
}

TEST(RecommendData, IsComparedAsTrainingCleanedItAndStillHidesWhatCleaningDropped) {
  const TemporaryFolder folder;
  const std::string model = folder.file("model");
  ASSERT_EQ(run({"train", "--data", problem().ratings(), "--k", "2", "--epochs", "2",
                 "--rating-range", "3:5", "--duplicates", "error", "--out", model})
                .code,
            0);
  const RunResult result =
      run({"recommend", model, "--users", "1", "--top", "1000", "--data", problem().ratings()});
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, Not(HasSubstr("fingerprint")));
  std::set<std::string> rated;
  ratings_where([&](const std::vector<std::string>& fields) {
    if (fields[0] == "1") rated.insert(fields[1]);
    return false;
  });
  const Tsv rows(result.output);
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    EXPECT_FALSE(rated.contains(rows.at(row, "item"))) << rows.at(row, "item");
  }
  // A rating twice is no error here: duplicates were refused for training alone.
  const std::string twice = folder.file("twice.csv");
  const std::string text = read_bytes(problem().ratings());
  write_bytes(twice, text + lines_of(text)[1] + "\n");
  EXPECT_EQ(run({"recommend", model, "--users", "1", "--data", twice}).output,
            run({"recommend", model, "--users", "1", "--data", problem().ratings()}).output);
}

/// Trains on `text` with more arguments and returns the model's path.
std::string trained_on(const TemporaryFolder& folder, const std::string& name,
                       const std::string& text, const std::vector<std::string>& more) {
  write_bytes(folder.file(name + ".csv"), text);
  const std::string model = folder.file(name + ".model");
  const RunResult result = run(with(
      {"train", "--data", folder.file(name + ".csv"), "--k", "2", "--epochs", "1", "--out", model},
      more));
  EXPECT_EQ(result.code, 0) << result.error;
  return model;
}

std::string other_data_error(const std::string& path, const std::string& fingerprint,
                             const std::string& recorded) {
  return error_text(path + ": is not the data that the model was trained on: fingerprint \"" +
                        fingerprint + "\", the model has \"" + recorded + "\"",
                    "give the file that train had as --data, read with the same options; alsatian "
                    "inspect shows the model's");
}

/// small_ratings with a time for every rating: `first` and on, or falling from it.
std::string timed_ratings(std::int64_t first, std::int64_t step) {
  std::string text;
  for (const std::string& line : lines_of(small_ratings(12, 9))) {
    text += line + "," + std::to_string(first += step) + "\n";
  }
  return text;
}

TEST(EvaluateData, OfAnotherTrainingIsThatBeforeItsDuplicatesAreAnError) {
  const TemporaryFolder folder;
  const std::string model = trained_on(folder, "given", small_ratings(12, 9),
                                       {"--holdout", "0.2", "--duplicates", "error"});
  const std::string text = small_ratings(12, 8) + "1,1,5\n";
  const std::string other = trained_on(folder, "other", text, {});
  const RunResult result = run({"evaluate", model, "--data", folder.file("other.csv"), "--quiet"});
  EXPECT_EQ(result.code, 65);
  EXPECT_EQ(result.error, other_data_error(folder.file("other.csv"), fingerprint_of(other),
                                           fingerprint_of(model)));
}

TEST(EvaluateData, OfAnotherTrainingIsThatBeforeItsTimesAreMissing) {
  const TemporaryFolder folder;
  const std::string model =
      trained_on(folder, "given", timed_ratings(1000, 1), {"--holdout-last", "1"});
  const std::string other = trained_on(folder, "other", small_ratings(12, 8), {});
  const RunResult result = run({"evaluate", model, "--data", folder.file("other.csv"), "--quiet"});
  EXPECT_EQ(result.code, 65);
  EXPECT_EQ(result.error, other_data_error(folder.file("other.csv"), fingerprint_of(other),
                                           fingerprint_of(model)));
}

TEST(EvaluateData, WithOtherTimesIsRefusedSinceItSplitsOtherwise) {
  const TemporaryFolder folder;
  const std::string model =
      trained_on(folder, "given", timed_ratings(1000, 1), {"--holdout-last", "1"});
  EXPECT_EQ(run({"evaluate", model, "--data", folder.file("given.csv")}).code, 0);
  const std::string other = folder.file("other.csv");
  write_bytes(other, timed_ratings(9000, -1));
  const RunResult result = run({"evaluate", model, "--data", other, "--quiet"});
  EXPECT_EQ(result.code, 65);
  EXPECT_EQ(result.error,
            error_text(other + ": has the ratings that the model was trained on, but the recorded "
                               "split (last 1 of each user by time) takes others of them for "
                               "training",
                       "give the file with the times that train had, in the same column of times"));
}

TEST(EvaluateData, OfAModelWithAValidationShareAloneIsNotCalledAllTrainedOn) {
  const TemporaryFolder folder;
  const std::string model =
      trained_on(folder, "given", small_ratings(12, 9), {"--validation", "0.2"});
  const RunResult result = run({"evaluate", model, "--data", folder.file("given.csv"), "--quiet"});
  EXPECT_EQ(result.code, 64);
  EXPECT_EQ(result.error,
            error_text("--data: the model was trained on all of it but the share of 0.2 for "
                       "validation, which chose its epoch or dispersion: there is no test part to "
                       "rebuild",
                       "give --test FILE, or train with --holdout 0.1"));
}

TEST(EvaluateData, WithoutTheTimesOfARecordedSplitIsToldToBringThem) {
  const TemporaryFolder folder;
  const std::string data = folder.file("timed.csv");
  std::string timed;
  std::string untimed;
  std::string later;
  int time = 1000;
  for (const std::string& line : lines_of(small_ratings(12, 9))) {
    timed += line + "," + std::to_string(++time) + "\n";
    later += line + ",9999\n";
    untimed += line + "\n";
  }
  const std::string help =
      "give the file with the times that train had, in the same column of times";
  for (const std::vector<std::string>& split :
       {std::vector<std::string>{"--split-time", "1090"}, {"--holdout-last", "2"}}) {
    const std::string model = trained_on(folder, "timed", timed, split);
    write_bytes(data, untimed);
    expect_refusal(run({"evaluate", model, "--data", data, "--quiet"}), 65,
                   data + ": has no times, which " + split[0] + " needs", help);
  }
  const std::string model = trained_on(folder, "timed", timed, {"--split-time", "1090"});
  write_bytes(data, later);
  expect_refusal(run({"evaluate", model, "--data", data, "--quiet"}), 65,
                 data + ": has no ratings left for training: 108 are held out", help);
}

TEST(MoviesOption, OfRatingsOrOfOtherItemsIsRefused) {
  const TemporaryFolder folder;
  const std::string other = folder.file("other.csv");
  write_bytes(other, "movieId,title\n800001,Nothing\n");
  const std::string first_item = std::to_string(SafetensorsOracle(problem().model()).item_ids()[0]);
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"recommend", problem().model(), "--users", "1", "--include-seen",
                                 "--quiet"},
        {"similar", problem().model(), "--item", first_item}}) {
    const RunResult ratings = run(with(command, {"--movies", problem().ratings()}));
    EXPECT_EQ(ratings.code, 65);
    EXPECT_EQ(ratings.output, "");
    EXPECT_EQ(ratings.error,
              error_text(problem().ratings() +
                             ": has a column of users (\"userId\") and none of titles, as ratings "
                             "have",
                         "pass movies.csv, movies.dat or u.item, or a CSV with a header: "
                         "movieId,title"));
    const RunResult strangers = run(with(command, {"--movies", other}));
    EXPECT_EQ(strangers.code, 65);
    EXPECT_EQ(strangers.output, "");
    EXPECT_EQ(strangers.error,
              error_text(other +
                             ": no id of it is an item of the model: its first is \"800001\", "
                             "the model's \"" +
                             first_item + "\"",
                         "give the titles of the items that the model was trained on"));
  }
}

TEST(TitlesOfOtherData, EndEveryCommandThatTakesThemAndFewAreWarnedOf) {
  const TemporaryFolder folder;
  const std::string ratings = folder.file("r.csv");
  const std::string model = folder.file("als.safetensors");
  write_bytes(ratings, small_ratings(12, 9));
  ASSERT_EQ(run({"train", "--data", ratings, "--k", "2", "--holdout", "0.1", "--out", model}).code,
            0);
  const std::string movies = folder.file("films.csv");
  const std::vector<std::vector<std::string>> commands{
      {"explore", "--data", ratings},
      {"evaluate", model, "--data", ratings, "--figures", folder.file("figures")},
      {"recommend", model, "--users", "1", "--include-seen"},
      {"similar", model, "--item", "1"},
      {"explain", model, "--user", "1", "--data", ratings}};
  for (const auto& command : commands) {
    write_bytes(movies, "movieId,title\n800001,Nothing\n");
    const RunResult other = run(with(command, {"--movies", movies}));
    EXPECT_EQ(other.code, 65) << command[0] << other.error;
    EXPECT_THAT(other.error, HasSubstr("films.csv: no id of it is an item of the ")) << command[0];
    write_bytes(movies, "movieId,title\n1,X\n2,Y\n");
    const RunResult few = run(with(command, {"--movies", movies}));
    EXPECT_EQ(few.code, 0) << command[0] << few.error;
    EXPECT_THAT(few.error,
                HasSubstr("warning: " + movies + " has titles of only 2 of the 9 items of the "))
        << command[0];
  }
}

TEST(TitlesBesideRatings, AreReadBeforeTrainingAndWarnedOfWhereTheyFitNoItem) {
  const TemporaryFolder folder;
  write_bytes(folder.file("ratings.csv"), small_ratings(12, 9));
  write_bytes(folder.file("movies.csv"), "movieId,title\n10,X\n11\n");
  const std::vector<std::string> arguments{"train", "--data", folder.path().string(), "--k", "2"};
  const std::string warning = "alsatian: warning: " + folder.file("movies.csv");
  for (const auto& [titles, what] :
       {std::pair("movieId,title\n10,X\n11\n",
                  ":3: \"11\" has no title: the model gets no titles; write an id"),
        std::pair("", ": is empty: the model gets no titles; pass movies.csv"),
        std::pair("<html>", ": is HTML (a saved error page?), not a text file of titles")}) {
    write_bytes(folder.file("movies.csv"), titles);
    const RunResult damaged = run(with(arguments, {"--out", folder.file("als.safetensors")}));
    EXPECT_EQ(damaged.code, 0) << damaged.error;
    const auto at = damaged.error.find(warning + what);
    EXPECT_LT(at, damaged.error.find("objective")) << damaged.error;
  }
  write_bytes(folder.file("movies.csv"), "movieId,title\n1,X\n2,Y\n1,Z\n");
  const RunResult repeated =
      run(with(arguments, {"--out", folder.file("als.safetensors"), "--quiet"}));
  EXPECT_EQ(repeated.error, warning +
                                " gives items another title 1 time, of which the last counts; the "
                                "first time item \"1\" is \"X\" and then \"Z\"\n");
  EXPECT_THAT(
      run({"recommend", folder.file("als.safetensors"), "--users", "1", "--include-seen"}).output,
      HasSubstr("\tZ\t"));
  write_bytes(folder.file("movies.csv"), "movieId,title\n1,X\n2,Y\n");
  const RunResult by_file = run({"train", "--data", folder.file("ratings.csv"), "--k", "2", "--out",
                                 folder.file("als.safetensors")});
  EXPECT_THAT(by_file.error, HasSubstr("als.safetensors, with titles")) << "titles beside a file";
  write_bytes(folder.file("movies.csv"), "movieId,title\n800001,Nothing\n");
  const RunResult strangers = run(with(arguments, {"--quiet"}));
  EXPECT_EQ(strangers.code, 0);
  EXPECT_THAT(strangers.error,
              HasSubstr("alsatian: warning: the titles beside the ratings are of other items: the "
                        "model gets no titles\n"));
}

}  // namespace
}  // namespace alsatian::testing
