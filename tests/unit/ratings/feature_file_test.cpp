// Feature files: layouts, headers, what columns are taken for, and what is wrong with a line.
// Expected features are written out by hand from the rules of feature_file.hpp.
#include "host/ratings/feature_file.hpp"

#include "host/ratings/prepared_ratings.hpp"
#include "host/ratings/reader.hpp"
#include "tests/support/data.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/unit/ratings/feature_rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

namespace alsatian {
namespace {

using ::testing::ElementsAre;
using testing::fails_with;
using testing::features_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kinds_of;
using testing::lines;
using testing::row_of;
using testing::TemporaryFolder;
using testing::write_bytes;

TEST(FeatureFile, TakesEachColumnForWhatAllOfItsValuesAre) {
  const FeatureFile file =
      features_of("itemId,price,flag,code,colour,tags,same,serial\n" + lines(60, [](int id) {
                    const std::string colour = id % 2 == 0 ? "red" : "blue";
                    const std::string tags = id % 3 == 0 ? "a|b" : "a";
                    return "," + std::to_string(id) + ".5," + std::to_string(id % 2) + "," +
                           std::to_string(id % 4) + "," + colour + "," + tags + ",x,s" +
                           std::to_string(id);
                  }));
  const std::map<std::string, std::string> expected{
      {"price", "number"}, {"flag", "flag"},     {"code", "category"},  {"colour", "category"},
      {"tags", "set"},     {"same", "left out"}, {"serial", "left out"}};
  EXPECT_EQ(kinds_of(file), expected);
  EXPECT_THAT(file.names, ElementsAre("price", "flag", "code=0", "code=1", "code=2", "code=3",
                                      "colour=blue", "colour=red", "tags=a", "tags=b"));
  const auto row = row_of(file, "3");
  EXPECT_FLOAT_EQ(row.at("flag"), 1);
  EXPECT_FLOAT_EQ(row.at("code=3"), 1);
  EXPECT_FLOAT_EQ(row.at("colour=blue"), 1);
  EXPECT_FLOAT_EQ(row.at("tags=a"), 1 / std::sqrt(2.0F));
  EXPECT_FLOAT_EQ(row.at("tags=b"), 1 / std::sqrt(2.0F));
  // 1.5 … 60.5: mean 31, variance (60² − 1)/12.
  EXPECT_NEAR(row.at("price"), (3.5 - 31) / std::sqrt(3599.0 / 12), 1e-6);
  EXPECT_FALSE(row.contains("code=1"));
}

TEST(FeatureFile, GivesRareCategoriesNothingAndMissingOnesTheirOwn) {
  const FeatureFile file = features_of("id,kind\n" + lines(30, [](int id) {
                                         if (id <= 4) return std::string(",rare");
                                         return std::string(id <= 10 ? ",NA" : ",often");
                                       }));
  EXPECT_THAT(file.names, ElementsAre("kind=(missing)", "kind=often"));
  EXPECT_THAT(row_of(file, "1"), IsEmpty());
  EXPECT_FLOAT_EQ(row_of(file, "7").at("kind=(missing)"), 1);
  EXPECT_THAT(file.columns[0].note, HasSubstr("1 more that fewer than 5 rows have get none"));
}

TEST(FeatureFile, TakesAMissingNumberForTheMean) {
  const FeatureFile file = features_of("id,weight\n" + lines(40, [](int id) {
                                         return "," + (id == 9 ? "" : std::to_string(id) + ".25");
                                       }));
  EXPECT_FLOAT_EQ(row_of(file, "9").at("weight"), 0);
  EXPECT_THAT(file.columns[0].note, HasSubstr("1 missing"));
}

TEST(FeatureFile, UnderstandsTheFilesOfMovieLensByTheirNames) {
  const std::string users = lines(30, [](int id) {
    return std::string(id % 2 == 0 ? "::F" : "::M") + "::" + std::to_string(id % 3 * 25) +
           "::" + std::to_string(id % 4) + "::" + (id == 1 ? "0" : "") + std::to_string(2000 + id);
  });
  const FeatureFile file = features_of(users, "users.dat", FeatureSide::users);
  const std::map<std::string, std::string> expected{
      {"gender", "category"}, {"age", "category"}, {"occupation", "category"}, {"zip", "left out"}};
  EXPECT_EQ(kinds_of(file), expected);
  const FeatureFile movies = features_of(
      lines(12,
            [](int id) {
              return "::Film " + std::to_string(id) + " (" + std::to_string(1960 + id % 3) +
                     ")::" + (id % 2 == 0 ? "Comedy|Drama" : "Drama");
            }) +
          "13::Am\xe9lie (1961)::Comedy\n",
      "movies.dat");
  EXPECT_EQ(kinds_of(movies).at("title"), "left out");
  EXPECT_EQ(kinds_of(movies).at("year of title"), "number");
  EXPECT_EQ(kinds_of(movies).at("genres"), "set");
  EXPECT_EQ(file.ids.size(), 30);
}

TEST(FeatureFile, ReadsQuotedTitlesWithCommasAMarkAndWindowsLines) {
  std::string text = "\xef\xbb\xbfmovieId,title,genres\r\n";
  text += "7,\"Monsters, Inc. (2001)\",Comedy\r\n8,\"Say \"\"hi\"\" (1999)\",Drama\r\n";
  for (int id = 10; id < 20; ++id) {
    text += std::to_string(id) + ",Film (1990)," + (id % 2 == 0 ? "Comedy" : "Drama") + "\r\n";
  }
  const FeatureFile file = features_of(text, "movies.csv");
  EXPECT_EQ(file.ids.size(), 12);
  EXPECT_FLOAT_EQ(row_of(file, "7").at("genres=Comedy"), 1);
  EXPECT_FLOAT_EQ(row_of(file, "8").at("genres=Drama"), 1);
}

TEST(FeatureFile, CountsTheLastLineOfAnIdAndSaysSo) {
  const FeatureFile file = features_of(
      "id,kind\n" + lines(12, [](int id) { return std::string(id % 2 == 0 ? ",a" : ",b"); }) +
      "3,a\n");
  EXPECT_EQ(file.ids.size(), 12);
  EXPECT_TRUE(row_of(file, "3").contains("kind=a"));
  ASSERT_EQ(file.warnings.size(), 1U);
  EXPECT_THAT(file.warnings[0], HasSubstr("\"3\" in line 14"));
}

TEST(FeatureFile, NamesFileLineAndRemedyOfWhatIsWrong) {
  const TemporaryFolder folder;
  const auto fails = [&](const std::string& bytes, const std::string& what,
                         const std::string& place) {
    write_bytes(folder.file("bad.csv"), bytes);
    return fails_with(ExitCode::bad_data, folder.file("bad.csv") + place + ": " + what,
                      [&] { read_features(folder.file("bad.csv"), FeatureSide::items); });
  };
  EXPECT_TRUE(fails("", "is empty", ""));
  EXPECT_TRUE(fails("id,kind\n\n", "has a header but no features", ""));
  EXPECT_TRUE(fails("id,kind\n1,a\n2\n3,b\n", "1 columns, expected 2", ":3"));
  EXPECT_TRUE(fails("id,kind\n1,a\n,b\n3,b\n", "has no id", ":3"));
  EXPECT_TRUE(fails("id,kind\n1,a\n2,\"b\n3,b\n", "", ":3:3"));
  EXPECT_TRUE(fails("1\n2\n3\n", "has no columns", ""));
  EXPECT_TRUE(fails("userId,kind\n1,a\n", "has a column \"userId\"", ""));
  EXPECT_TRUE(fails("id,kind\n1,a\n2,a\n", "has no column that says something", ""));
}

TEST(FeatureFile, ThatGivesTooManyFeaturesIsRefused) {
  std::string text = "id";
  for (int column = 0; column < most_features + 1; ++column) text += ",c" + std::to_string(column);
  text += "\n";
  for (int id = 1; id <= 3; ++id) {
    text += std::to_string(id);
    for (int column = 0; column < most_features + 1; ++column) text += id % 2 == 0 ? ",0" : ",1";
    text += "\n";
  }
  const TemporaryFolder folder;
  write_bytes(folder.file("wide.csv"), text);
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "gives 1025 features, at most 1024",
                         [&] { read_features(folder.file("wide.csv"), FeatureSide::items); }));
}

TEST(FeaturesByIndex, AreThoseOfTheIdAndNoneWhereTheFileLacksIt) {
  const FeatureFile file = features_of(
      "id,kind\n" + lines(12, [](int id) { return std::string(id % 2 == 0 ? ",a" : ",b"); }));
  const SideFeatures features =
      features_by_index(file, IdIndex(std::vector<std::int64_t>{-5, 2, 3, 99}));
  EXPECT_THAT(features.rows.offsets, ElementsAre(0, 0, 1, 2, 2));
  EXPECT_THAT(features.rows.columns, ElementsAre(0, 1));
  EXPECT_THAT(features.described, ElementsAre(0, 1, 1, 0));
  EXPECT_EQ(features.source.columns, file.columns);
}

TEST(FeaturesByIndex, DescribeAlsoARowOfZeros) {
  const FeatureFile file = features_of(
      "id,is_new\n" + lines(12, [](int id) { return std::string(id % 2 == 0 ? ",0" : ",1"); }));
  const SideFeatures features = features_by_index(file, IdIndex(std::vector<std::int64_t>{2, 99}));
  EXPECT_THAT(features.rows.columns, ElementsAre());
  EXPECT_THAT(features.described, ElementsAre(1, 0));
}

TEST(PreparedRatings, HoldIdsThatFeaturesDescribeAndTrainingLacks) {
  const TemporaryFolder folder;
  write_bytes(folder.file("ratings.csv"), "5,10,1\n5,30,2\n7,10,3\n9,30,4\n");
  PreparedRatings prepared(read_ratings(folder.file("ratings.csv"), {}), {});
  const std::string fingerprint = prepared.fingerprint();
  StringTable users;
  for (const char* id : {"6", "9", "1", "x"}) users.push_back(id);
  StringTable items;
  for (const char* id : {"20", "40"}) items.push_back(id);
  const KeptIds of_users = prepared.keep_users(users);
  EXPECT_EQ(of_users.not_integers, 1);
  EXPECT_EQ(of_users.rated, 1);
  EXPECT_EQ(of_users.unrated, 2);
  EXPECT_EQ(of_users.all_rated, 3);
  EXPECT_EQ(prepared.keep_items(items).not_integers, 0);
  const Dataset dataset = prepared.split({});
  EXPECT_THAT(dataset.users.integers(), ElementsAre(1, 5, 6, 7, 9));
  EXPECT_THAT(dataset.items.integers(), ElementsAre(10, 20, 30, 40));
  EXPECT_THAT(dataset.train.users, ElementsAre(1, 1, 3, 4));
  EXPECT_THAT(dataset.train.items, ElementsAre(0, 2, 0, 2));
  EXPECT_THAT(dataset.train.ratings, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(dataset.fingerprint, fingerprint);
}

TEST(PreparedRatings, DoNotHoldIdsAgainThatHaveTooFewRatings) {
  const TemporaryFolder folder;
  // User 7 has one rating, and item 20 one, without which user 8 has one.
  write_bytes(folder.file("ratings.csv"),
              "5,10,1\n5,30,2\n6,10,3\n6,30,4\n7,10,1\n8,20,1\n8,10,2\n");
  PreparedRatings prepared(read_ratings(folder.file("ratings.csv"), {}),
                           {.min_user_ratings = 2, .min_item_ratings = 2});
  StringTable users;
  for (const char* id : {"5", "7", "8", "9"}) users.push_back(id);
  StringTable items;
  for (const char* id : {"10", "20", "40"}) items.push_back(id);
  const KeptIds of_users = prepared.keep_users(users);
  EXPECT_EQ(of_users.rated, 1);
  EXPECT_EQ(of_users.unrated, 1);
  EXPECT_EQ(of_users.dropped, 2);
  EXPECT_EQ(of_users.all_rated, 2);
  const KeptIds of_items = prepared.keep_items(items);
  EXPECT_EQ(of_items.rated, 1);
  EXPECT_EQ(of_items.dropped, 1);
  const Dataset dataset = prepared.split({});
  EXPECT_THAT(dataset.users.integers(), ElementsAre(5, 6, 9));
  EXPECT_THAT(dataset.items.integers(), ElementsAre(10, 30, 40));
}

TEST(FeatureFile, OfTheUsersOfMovieLens1mIsUnderstoodAsItIs) {
  ALSATIAN_REQUIRE_DATA(path, "ml-1m/users.dat");
  const FeatureFile users = read_features(path->string(), FeatureSide::users);
  EXPECT_EQ(users.ids.size(), 6040);
  EXPECT_EQ(users.names.size(), 2U + 7U + 21U);  // as its README lists them
}

}  // namespace
}  // namespace alsatian
