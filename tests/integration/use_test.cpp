// A saved model in use: evaluate, predict, recommend, similar, inspect.
// Predictions are computed a second time from the file's bytes, by nothing of the program's.
#include "tests/integration/problem_folder.hpp"
#include "tests/integration/safetensors_oracle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>

namespace alsatian::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// Predictions are rounded to float once: half a unit in the last place of a number below 8, and
/// the oracle's sum in another order in double, which is nothing beside it.
constexpr double float_rounding = 8 * 6e-8;

const ProblemFolder& problem() { return ProblemFolder::shared(); }

std::int64_t whole(const std::string& text) { return std::stoll(text); }

/// Items that each user rated, from the generated file.
std::map<std::int64_t, std::set<std::int64_t>> rated_items() {
  std::map<std::int64_t, std::set<std::int64_t>> rated;
  const auto lines = lines_of(read_bytes(problem().ratings()));
  for (std::size_t line = 1; line < lines.size(); ++line) {
    const auto fields = fields_of(lines[line], ',');
    rated[whole(fields[0])].insert(whole(fields[1]));
  }
  return rated;
}

TEST(Predict, GivesWhatTheFilesBytesSayInTheOrderOfTheFile) {
  const SafetensorsOracle oracle(problem().model());
  const auto lines = lines_of(read_bytes(problem().ratings()));
  std::string pairs;
  for (std::size_t line = lines.size() - 1; line > 0; line -= 17) {
    const auto fields = fields_of(lines[line], ',');
    pairs += fields[0] + "\t" + fields[1] + "\n";
    if (line < 18) break;
  }
  RunOptions options;
  options.input = pairs;
  const RunResult result = run({"predict", problem().model(), "--pairs", "-"}, options);
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv predictions(result.output);
  const auto asked = lines_of(pairs);
  ASSERT_EQ(predictions.rows(), asked.size());
  for (std::size_t row = 0; row < asked.size(); ++row) {
    EXPECT_EQ(predictions.at(row, "user") + "\t" + predictions.at(row, "item"), asked[row]);
    const double expected = oracle.predict(oracle.user(whole(predictions.at(row, "user"))),
                                           oracle.item(whole(predictions.at(row, "item"))));
    EXPECT_NEAR(predictions.number(row, "prediction"), expected, float_rounding);
  }
}

TEST(Predict, TreatsUnknownPairsAsToldAndCountsThem) {
  const SafetensorsOracle oracle(problem().model());
  const std::int64_t item = oracle.item_ids().front();
  RunOptions options;
  options.input = "1," + std::to_string(item) + "\n999999," + std::to_string(item) + "\n";
  const auto predict = [&](const std::string& unknown) {
    return run({"predict", problem().model(), "--pairs", "-", "--unknown", unknown}, options);
  };
  const RunResult mean = predict("mean");
  EXPECT_NEAR(Tsv(mean.output).number(1, "prediction"), oracle.predict(-1, oracle.item(item)),
              float_rounding);
  EXPECT_THAT(mean.error, HasSubstr("1 pair with an unknown user, 0 with an unknown item"));
  EXPECT_EQ(Tsv(predict("skip").output).rows(), 1U);
  EXPECT_EQ(Tsv(predict("nan").output).at(1, "prediction"), "nan");
  const RunResult refused = predict("error");
  EXPECT_EQ(refused.code, 65);
  EXPECT_EQ(refused.output, "");
  EXPECT_TRUE(is_error_text(refused.error)) << refused.error;
  EXPECT_THAT(refused.error, HasSubstr(":2: user \"999999\" is not in the model"));
}

TEST(Predict, PairsOfOtherDataAreRefused) {
  RunOptions options;
  options.input = "990001,990001\n990002,990002\n";
  const RunResult result = run({"predict", problem().model(), "--pairs", "-"}, options);
  EXPECT_EQ(result.code, 65);
  EXPECT_EQ(result.output, "");
  EXPECT_THAT(result.error, HasSubstr("is in the model (0 of 2 pairs)"));
}

TEST(Predict, ClipLimitsToTheTrainingRange) {
  const RunResult plain = run({"predict", problem().model(), "--pairs", problem().ratings()});
  const RunResult clipped =
      run({"predict", problem().model(), "--pairs", problem().ratings(), "--clip"});
  ASSERT_EQ(clipped.code, 0) << clipped.error;
  const Tsv plain_rows(plain.output);
  const Tsv clipped_rows(clipped.output);
  for (std::size_t row = 0; row < plain_rows.rows(); ++row) {
    const double value = plain_rows.number(row, "prediction");
    EXPECT_EQ(clipped_rows.number(row, "prediction"), std::min(5.0, std::max(0.5, value)));
  }
}

TEST(Recommend, GivesTheBestUnseenItemsOfEveryUserAsTheBytesSay) {
  const SafetensorsOracle oracle(problem().model());
  const auto rated = rated_items();
  const RunResult result = run(
      {"recommend", problem().model(), "--all-users", "--top", "5", "--data", problem().ratings()});
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv rows(result.output);
  ASSERT_EQ(rows.rows(), 211U * 5U);
  for (std::size_t row = 0; row < rows.rows(); row += 5) {
    const std::int64_t user = whole(rows.at(row, "user"));
    std::vector<double> scores;
    for (const std::int64_t item : oracle.item_ids()) {
      if (rated.at(user).contains(item)) continue;
      scores.push_back(oracle.predict(oracle.user(user), oracle.item(item)));
    }
    std::sort(scores.rbegin(), scores.rend());
    for (std::size_t rank = 0; rank < 5; ++rank) {
      EXPECT_EQ(rows.at(row + rank, "rank"), std::to_string(rank + 1));
      EXPECT_FALSE(rated.at(user).contains(whole(rows.at(row + rank, "item"))));
      EXPECT_NEAR(rows.number(row + rank, "prediction"), scores[rank], 10 * float_rounding);
    }
  }
}

TEST(Recommend, KeepsToTheAllowListAndMayIncludeSeenItems) {
  const SafetensorsOracle oracle(problem().model());
  const TemporaryFolder folder;
  const auto& ids = oracle.item_ids();
  write_bytes(folder.file("items"), "# two items\n" + std::to_string(ids[3]) + "\n\n" +
                                        std::to_string(ids[9]) + "\n999999\n");
  const RunResult result = run({"recommend", problem().model(), "--users", "1", "--include-seen",
                                "--items", folder.file("items")});
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv rows(result.output);
  ASSERT_EQ(rows.rows(), 2U);
  EXPECT_EQ(std::set<std::int64_t>({whole(rows.at(0, "item")), whole(rows.at(1, "item"))}),
            std::set<std::int64_t>({ids[3], ids[9]}));
  EXPECT_GE(rows.number(0, "prediction"), rows.number(1, "prediction"));
  EXPECT_THAT(result.error, HasSubstr("1 id of "));
  EXPECT_THAT(result.error, HasSubstr("1 user got fewer than 10 items"));
  write_bytes(folder.file("items"), "999999\n");
  EXPECT_EQ(run({"recommend", problem().model(), "--users", "1", "--include-seen", "--items",
                 folder.file("items")})
                .code,
            65);
  EXPECT_EQ(run({"recommend", problem().model(), "--users", "1", "--include-seen", "--items",
                 "/nonexistent"})
                .code,
            66);
}

TEST(Recommend, AllowListIsAFileOfABoundedSize) {
  const TemporaryFolder folder;
  const std::string items = folder.file("items");
  const std::vector<std::string> recommend{"recommend",      problem().model(), "--users", "1",
                                           "--include-seen", "--quiet",         "--items"};
  write_bytes(
      items,
      "\xef\xbb\xbf" + std::to_string(SafetensorsOracle(problem().model()).item_ids()[3]) + "\r\n");
  const RunResult marked = run(with(recommend, {items}));
  EXPECT_EQ(Tsv(marked.output).rows(), 1U) << marked.error;
  expect_refusal(run(with(recommend, {folder.file("none")})), 66,
                 folder.file("none") + ": no such file", "check the path after --items");
  expect_refusal(run(with(recommend, {folder.path().string()})), 66,
                 folder.path().string() + ": is a folder", "name a file after --items");
  expect_refusal(run(with(recommend, {"/dev/zero"})), 66, "/dev/zero: is a device, not a file",
                 "name a file after --items");
  // Of zeros that take no space on disk.
  std::filesystem::resize_file(items, (std::uintmax_t{256} << 20) + 1);
  expect_refusal(run(with(recommend, {items})), 65,
                 items + ": is longer than 256 MiB: is it a list of ids?",
                 "write one item id a line, as in the ratings");
}

TEST(Recommend, IdsWithCommasAndQuotesAreNamedAsInCsv) {
  const TemporaryFolder folder;
  const std::string data = folder.file("ratings.csv");
  write_bytes(data, "user,item,rating\n\"a,b\",x,1\n\"a \"\"c\"\"\",y,2\nd,x,3\nd,y,4\n");
  ASSERT_EQ(run({"train", "--data", data, "--k", "0", "--out", folder.file("model")}).code, 0);
  const auto users_of = [&](const std::vector<std::string>& users) {
    const RunResult result = run(with(
        {"recommend", folder.file("model"), "--include-seen", "--quiet", "--top", "1"}, users));
    EXPECT_EQ(result.code, 0) << result.error;
    const Tsv rows(result.output);
    std::vector<std::string> found;
    for (std::size_t row = 0; row < rows.rows(); ++row) found.push_back(rows.at(row, "user"));
    return found;
  };
  const std::vector<std::string> all{"a,b", "d", "a \"c\""};
  EXPECT_EQ(users_of({"--users", "\"a,b\",d,\"a \"\"c\"\"\""}), all);
  EXPECT_EQ(users_of({"--users", "\"a,b\"", "--users", "\"d\",\"a \"\"c\"\"\""}), all);
  // An id that only holds a quote needs none around it.
  expect_refusal(run({"recommend", folder.file("model"), "--include-seen", "--users", "a \"c\",b"}),
                 64, "--users: user \"b\" is not in the model",
                 "give the id of a user with training ratings");
}

TEST(Predict, IsFiniteForRatingsNearTheLargestFloat) {
  const TemporaryFolder folder;
  std::string ratings;
  for (int user = 1; user <= 9; ++user) {
    for (int item = 1; item <= 7; ++item) {
      if ((user * item) % 5 == 0) continue;
      const char* rating = user > 4 && item > 3   ? "3.4e38"
                           : user > 4 || item > 3 ? "2e38"
                                                  : "-3.4e38";
      ratings += std::to_string(user) + "," + std::to_string(item) + "," + rating + "\n";
    }
  }
  write_bytes(folder.file("ratings.csv"), ratings);
  write_bytes(folder.file("pairs.csv"), "user,item\n5,4\n5,5\n9,7\n1,1\n5,99\n");
  for (const std::string model : {"als", "mle", "ls"}) {
    const std::string out = folder.file(model);
    const RunResult trained =
        run({"train", "--data", folder.file("ratings.csv"), "--model", model, "--k", "2", "--reg",
             "0.001", "--reg-bias", "0.001", "--out", out});
    ASSERT_EQ(trained.code, 0) << trained.error;
    const RunResult predicted = run({"predict", out, "--pairs", folder.file("pairs.csv")});
    ASSERT_EQ(predicted.code, 0) << predicted.error;
    EXPECT_THAT(predicted.output, Not(AnyOf(HasSubstr("inf"), HasSubstr("nan"))));
    const RunResult recommended =
        run({"recommend", out, "--all-users", "--include-seen", "--quiet"});
    EXPECT_THAT(recommended.output, Not(AnyOf(HasSubstr("inf"), HasSubstr("nan"))));
  }
}

TEST(Train, SaysThatABiasIsBeyondTheLargestFloat) {
  const TemporaryFolder folder;
  std::string ratings;
  for (int user = 1; user <= 9; ++user) {
    for (int item = 1; item <= 7; ++item) {
      ratings += std::to_string(user) + "," + std::to_string(item) +
                 (user == 9 ? ",3.4e38\n" : ",-3.4e38\n");
    }
  }
  write_bytes(folder.file("ratings.csv"), ratings);
  const std::string out = folder.file("model");
  expect_refusal(
      run({"train", "--data", folder.file("ratings.csv"), "--k", "0", "--out", out, "--quiet"}), 80,
      out + ": the model has 1 values that are not finite, first in user_biases row 8",
      "divide the ratings by a constant: they are near the largest float, 3.4e38");
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST(Recommend, UserWhoRatedEverythingGetsNothing) {
  const SafetensorsOracle oracle(problem().model());
  const TemporaryFolder folder;
  std::string all = "user,item\n";
  for (const std::int64_t item : oracle.item_ids()) all += "1," + std::to_string(item) + "\n";
  write_bytes(folder.file("seen.csv"), all);
  const RunResult result =
      run({"recommend", problem().model(), "--users", "1", "--data", folder.file("seen.csv")});
  EXPECT_EQ(result.code, 0) << result.error;
  EXPECT_EQ(Tsv(result.output).rows(), 0U);
  EXPECT_THAT(result.error, HasSubstr("no more were left"));
}

TEST(Recommend, TitlesComeFromTheMoviesFile) {
  std::map<std::string, std::string> titles;
  for (const std::string& line : lines_of(read_bytes(problem().movies()))) {
    const std::size_t comma = line.find(',');
    titles[line.substr(0, comma)] = line.substr(comma + 1);
  }
  const RunResult result = run({"recommend", problem().model(), "--users", "1", "--include-seen",
                                "--movies", problem().movies()});
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv rows(result.output);
  ASSERT_EQ(rows.rows(), 10U);
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    EXPECT_NE(rows.at(row, "title"), "");
    EXPECT_THAT(titles.at(rows.at(row, "item")), HasSubstr(rows.at(row, "title")));
  }
}

TEST(Recommend, TitlesOfAMovieLensFolderAreInTheModel) {
  const TemporaryFolder folder;
  write_bytes(folder.file("ratings.csv"), read_bytes(problem().ratings()));
  write_bytes(folder.file("movies.csv"), read_bytes(problem().movies()));
  const std::string model = folder.file("model.safetensors");
  // Twice: what the first run wrote into the folder is no input of the second.
  for (int time = 0; time < 2; ++time) {
    const RunResult trained = run({"train", "--data", folder.path().string(), "--k", "8",
                                   "--holdout", "0.1", "--out", model});
    ASSERT_EQ(trained.code, 0) << trained.error;
  }
  const RunResult overwriting =
      run({"train", "--data", folder.path().string(), "--out", folder.file("movies.csv")});
  EXPECT_EQ(overwriting.code, 64);
  const RunResult from_model = run({"recommend", model, "--users", "1", "--include-seen"});
  const RunResult from_file = run({"recommend", problem().model(), "--users", "1", "--include-seen",
                                   "--movies", problem().movies()});
  EXPECT_EQ(from_model.output, from_file.output);
}

TEST(Similar, ItemsAreOrderedByTheCosineThatTheBytesGive) {
  const SafetensorsOracle oracle(problem().model());
  const std::int64_t id = oracle.item_ids()[5];
  const RunResult result =
      run({"similar", problem().model(), "--item", std::to_string(id), "--top", "7"});
  ASSERT_EQ(result.code, 0) << result.error;
  std::vector<double> cosines;
  for (int other = 0; other < static_cast<int>(oracle.item_ids().size()); ++other) {
    if (other != 5) cosines.push_back(oracle.cosine(5, other));
  }
  std::sort(cosines.rbegin(), cosines.rend());
  const Tsv rows(result.output);
  ASSERT_EQ(rows.rows(), 7U);
  for (std::size_t row = 0; row < 7; ++row) {
    EXPECT_NE(rows.at(row, "item"), std::to_string(id));
    // A sum of eight products in float.
    EXPECT_NEAR(rows.number(row, "similarity"), cosines[row], 1e-6);
  }
}

TEST(Similar, FindsATitleWhateverItsCase) {
  const auto lines = lines_of(read_bytes(problem().movies()));
  const auto fields = fields_of(lines[1], ',');
  std::string title = fields[1];
  for (char& letter : title) letter = static_cast<char>(std::tolower(letter));
  const RunResult by_title = run({"similar", problem().model(), "--item", title, "--movies",
                                  problem().movies(), "--top", "3"});
  const RunResult by_id = run({"similar", problem().model(), "--item", fields[0], "--movies",
                               problem().movies(), "--top", "3"});
  ASSERT_EQ(by_title.code, 0) << by_title.error;
  EXPECT_EQ(by_title.output, by_id.output);
}

TEST(Similar, FindsTitlesOfEveryScriptWhateverCaseAccentsAndLocaleTheUserHas) {
  const TemporaryFolder folder;
  const std::string movies = folder.file("movies.csv");
  const auto first = fields_of(lines_of(read_bytes(problem().movies()))[1], ',');
  // An e with its accent in one character, capital Greek and Cyrillic, a German sharp s.
  write_bytes(movies,
              "movieId,title\n" + first[0] + ",\u00c9t\u00e9 \u03a9\u03a3 \u0416 Stra\u00dfe\n");
  RunOptions options;
  options.environment = {"LC_ALL=C", "LOCPATH=/nonexistent"};
  const auto similar = [&](const std::string& title) {
    return run({"similar", problem().model(), "--item", title, "--movies", movies}, options);
  };
  const RunResult by_id = similar(first[0]);
  ASSERT_EQ(by_id.code, 0) << by_id.error;
  for (const char* title : {"\u00e9T\u00c9 \u03c9\u03c3 \u0436 STRASSE",
                            "E\u0301te\u0301 \u03a9\u03c3 \u0416 strasse"}) {
    const RunResult by_title = similar(title);
    EXPECT_EQ(by_title.code, 0) << title << by_title.error;
    EXPECT_EQ(by_title.output, by_id.output) << title;
  }
  for (const char* part : {"\u00e9T\u00c9", "\u03c9\u03c3", "\u0436", "STRASSE"}) {
    const RunResult by_part = similar(part);
    EXPECT_EQ(by_part.code, 64) << part;
    EXPECT_THAT(by_part.error, HasSubstr("did you mean " + first[0] + " \"\u00c9t\u00e9 ")) << part;
  }
  const RunResult without_meaning = similar("\xff");
  EXPECT_EQ(without_meaning.code, 64);
  EXPECT_TRUE(is_error_text(without_meaning.error)) << without_meaning.error;
}

TEST(Similar, AmbiguousTitlesAreListed) {
  const RunResult result =
      run({"similar", problem().model(), "--item", "amber", "--movies", problem().movies()});
  EXPECT_EQ(result.code, 64);
  EXPECT_TRUE(is_error_text(result.error)) << result.error;
  EXPECT_THAT(result.error, HasSubstr("titles: "));
  EXPECT_THAT(result.error, HasSubstr("Amber"));
  EXPECT_EQ(
      run({"similar", problem().model(), "--item", "no such title", "--movies", problem().movies()})
          .code,
      64);
}

TEST(Similar, UsersAndFormats) {
  const RunResult result =
      run({"similar", problem().model(), "--user", "1", "--top", "4", "--format", "jsonl"});
  ASSERT_EQ(result.code, 0) << result.error;
  double last = 1;
  for (const std::string& line : lines_of(result.output)) {
    const auto object = nlohmann::json::parse(line);
    EXPECT_LE(object.at("similarity").get<double>(), last);
    EXPECT_NE(object.at("user").get<int>(), 1);
    last = object.at("similarity").get<double>();
  }
  const RunResult text =
      run({"similar", problem().model(), "--user", "1", "--top", "4", "--format", "text"});
  EXPECT_EQ(lines_of(text.output).size(), 5U);
  EXPECT_EQ(run({"similar", problem().model(), "--user", "999999"}).code, 64);
}

TEST(Inspect, SaysWhatTrainWasTold) {
  const RunResult result = run({"inspect", problem().model(), "--format", "jsonl"});
  ASSERT_EQ(result.code, 0) << result.error;
  const auto facts = nlohmann::json::parse(result.output);
  EXPECT_EQ(facts.at("model").get<std::string>(), "als");
  EXPECT_EQ(facts.at("k").get<int>(), 8);
  EXPECT_EQ(facts.at("users").get<int>(), 211);
  EXPECT_EQ(facts.at("lines_read").get<int>(), 9002);
  EXPECT_EQ(facts.at("lines_used").get<int>() + facts.at("lines_header").get<int>(), 9002);
  EXPECT_EQ(facts.at("seed").get<int>(), 42);
  const Tsv lines(run({"inspect", problem().model()}).output);
  EXPECT_EQ(lines.rows(), facts.size());
}

TEST(Evaluate, PrintsRankingFiguresWithDefinitions) {
  const RunResult result = run({"evaluate", problem().model(), "--data", problem().ratings(),
                                "--top", "5", "--relevant", "4", "--format", "jsonl"});
  ASSERT_EQ(result.code, 0) << result.error;
  std::map<std::string, nlohmann::json> figures;
  for (const std::string& line : lines_of(result.output)) {
    const auto object = nlohmann::json::parse(line);
    if (object.contains("figure")) figures[object.at("figure").get<std::string>()] = object;
  }
  for (const std::string name : {"precision", "recall", "ndcg", "map", "hit_rate"}) {
    ASSERT_TRUE(figures.contains(name)) << name;
    const double value = figures.at(name).at("value").get<double>();
    EXPECT_GT(value, 0) << name;
    EXPECT_LE(value, 1) << name;
    EXPECT_NE(figures.at(name).at("definition").get<std::string>(), "");
  }
  EXPECT_THAT(figures.at("users").at("definition").get<std::string>(),
              HasSubstr("but those the user rated in training"));
}

TEST(Evaluate, TakesARatingOf1AsRelevantWhereAllAre0Or1) {
  const TemporaryFolder folder;
  const std::string model = folder.file("model");
  ASSERT_EQ(
      run({"train", "--data", problem().ratings(), "--model", "mle", "--likelihood", "bernoulli",
           "--positive", "4", "--k", "2", "--epochs", "2", "--holdout", "0.2", "--out", model})
          .code,
      0);
  const RunResult result = run({"evaluate", model, "--data", problem().ratings(), "--top", "5"});
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.output, HasSubstr("(rating ≥ 1)"));
  EXPECT_EQ(result.output.find("\tusers\t0\t"), std::string::npos);
}

TEST(Evaluate, LeavesRankingFiguresEmptyWhereNoUserHasARelevantItem) {
  const RunResult result = run({"evaluate", problem().model(), "--data", problem().ratings(),
                                "--top", "5", "--relevant", "1000"});
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.output, HasSubstr("\tprecision\t\thits / 5\n"));
  EXPECT_EQ(result.output.find("nan"), std::string::npos);
}

TEST(Evaluate, RefusesOtherDataAndModelsWithoutATestPart) {
  const TemporaryFolder folder;
  const std::string text = read_bytes(problem().ratings());
  write_bytes(folder.file("other.csv"), text.substr(0, text.rfind('\n', text.size() - 2) + 1));
  const RunResult other = run({"evaluate", problem().model(), "--data", folder.file("other.csv")});
  EXPECT_EQ(other.code, 65);
  EXPECT_EQ(other.output, "");
  EXPECT_THAT(other.error, HasSubstr("is not the data that the model was trained on"));

  const std::string untested = folder.file("untested");
  ASSERT_EQ(
      run({"train", "--data", problem().ratings(), "--k", "2", "--epochs", "1", "--out", untested})
          .code,
      0);
  EXPECT_EQ(run({"evaluate", untested, "--data", problem().ratings()}).code, 64);

  const std::string tested = folder.file("tested");
  ASSERT_EQ(run({"train", "--data", problem().ratings(), "--test", folder.file("other.csv"), "--k",
                 "2", "--epochs", "1", "--out", tested})
                .code,
            0);
  const RunResult by_file = run({"evaluate", tested, "--data", problem().ratings()});
  EXPECT_EQ(by_file.code, 64);
  EXPECT_THAT(by_file.error, HasSubstr("was trained with --test"));
  EXPECT_THAT(by_file.error, HasSubstr("give --test FILE too"));
  const RunResult both = run({"evaluate", tested, "--data", problem().ratings(), "--test",
                              folder.file("other.csv"), "--top", "3"});
  EXPECT_EQ(both.code, 0) << both.error;
}

TEST(Evaluate, ShuffledLinesRebuildTheSameHoldout) {
  const TemporaryFolder folder;
  auto lines = lines_of(read_bytes(problem().ratings()));
  std::reverse(lines.begin() + 1, lines.end());
  std::string reversed;
  for (const std::string& line : lines) reversed += line + "\n";
  write_bytes(folder.file("reversed.csv"), reversed);
  const RunResult given = run({"evaluate", problem().model(), "--data", problem().ratings()});
  const RunResult other =
      run({"evaluate", problem().model(), "--data", folder.file("reversed.csv")});
  ASSERT_EQ(other.code, 0) << other.error;
  EXPECT_EQ(given.output, other.output);
}

TEST(Model, DamagedMissingOrForeignFilesAreRefusedByEveryCommand) {
  const TemporaryFolder folder;
  std::string bytes = read_bytes(problem().model());
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_bytes(folder.file("damaged"), bytes);
  write_bytes(folder.file("empty"), "");
  const std::vector<std::pair<std::string, int>> files{{folder.file("damaged"), 65},
                                                       {folder.file("empty"), 65},
                                                       {problem().ratings(), 65},
                                                       {folder.file("missing"), 66}};
  for (const auto& [file, code] : files) {
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"inspect", file},
          {"predict", file, "--pairs", problem().ratings()},
          {"recommend", file, "--users", "1", "--include-seen"},
          {"similar", file, "--item", "1"},
          {"evaluate", file, "--test", problem().ratings()},
          {"compare", problem().model(), file, "--test", problem().ratings()},
          {"compare", file, problem().model(), "--test", problem().ratings()},
          {"train", "--data", problem().ratings(), "--init", file}}) {
      const RunResult result = run(command);
      EXPECT_EQ(result.code, code) << command[0] << result.error;
      EXPECT_EQ(result.output, "") << command[0];
      EXPECT_TRUE(is_error_text(result.error)) << result.error;
    }
  }
}

TEST(Ids, MayBeStrings) {
  const TemporaryFolder folder;
  std::string text;
  for (int user = 0; user < 20; ++user) {
    for (int item = 0; item < 15; ++item) {
      text += "user" + std::to_string(user) + "\titem" + std::to_string(item) + "\t" +
              std::to_string(1 + (user * item) % 5) + "\n";
    }
  }
  write_bytes(folder.file("ratings.tsv"), text);
  const std::string model = folder.file("model");
  const RunResult trained =
      run({"train", "--data", folder.file("ratings.tsv"), "--k", "2", "--out", model});
  ASSERT_EQ(trained.code, 0) << trained.error;
  RunOptions options;
  options.input = "user3\titem4\nuser5\tnobody\n";
  const RunResult predicted = run({"predict", model, "--pairs", "-"}, options);
  ASSERT_EQ(predicted.code, 0) << predicted.error;
  EXPECT_EQ(Tsv(predicted.output).at(0, "user"), "user3");
  const RunResult recommended =
      run({"recommend", model, "--users", "user3", "--include-seen", "--format", "jsonl"});
  EXPECT_EQ(nlohmann::json::parse(lines_of(recommended.output).front()).at("user"), "user3");
}

TEST(Recommend, PrintsTheSameBytesInEveryFormatWhateverTheThreads) {
  for (const char* format : {"tsv", "jsonl", "text"}) {
    const auto output = [&](const char* threads) {
      const RunResult result =
          run({"recommend", problem().model(), "--data", problem().ratings(), "--all-users",
               "--top", "3", "--format", format, "--threads", threads});
      EXPECT_EQ(result.code, 0) << result.error;
      return result.output;
    };
    const std::string alone = output("1");
    EXPECT_GT(std::ranges::count(alone, '\n'), 50)
        << "more entries than one thread takes at a time";
    EXPECT_EQ(output("3"), alone) << format;
  }
}

}  // namespace
}  // namespace alsatian::testing
