// Titles from every layout that MovieLens has used come out as the same UTF-8.
// Found beside the ratings in folders and archives, never guessed from anything else.
#include "host/ratings/reader.hpp"
#include "tests/support/data.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/unit/ratings/packed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace alsatian {
namespace {

using testing::fails_with;
using testing::read_bytes;
using testing::TemporaryFolder;
using testing::write_bytes;

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string tiny(const std::string& name) {
  return (std::filesystem::path(ALSATIAN_SOURCE_DIR) / "data" / "tiny" / name).string();
}

Pairs pairs_of(const Titles& titles) {
  EXPECT_EQ(titles.ids.size(), titles.titles.size());
  Pairs pairs;
  for (std::int64_t index = 0; index < titles.ids.size(); ++index) {
    pairs.emplace_back(titles.ids[index], titles.titles[index]);
  }
  return pairs;
}

const Pairs four_titles = {{"10", "Monsters, Inc. (2001)"},
                           {"20", "\"Great\" Expectations (1998)"},
                           {"300", "Am\xc3\xa9lie (2001)"},
                           {"4000", "Plain (1990)"}};

TEST(ReaderTitles, EveryMovieLensLayoutGivesTheSameUtf8) {
  EXPECT_EQ(pairs_of(read_titles(tiny("movies.csv"))), four_titles);
  EXPECT_EQ(pairs_of(read_titles(tiny("movies.dat"))), four_titles);
  EXPECT_EQ(pairs_of(read_titles(tiny("u.item"))), four_titles);
}

TEST(ReaderTitles, AnyTableWithNamedColumnsIsTaken) {
  const TemporaryFolder folder;
  const Pairs expected = {{"7", "A; B"}, {"x", "C"}};
  write_bytes(folder.file("items.tsv"), "year\ttitle\titem_id\n1990\tA; B\t7\n1991\tC\tx\n");
  EXPECT_EQ(pairs_of(read_titles(folder.file("items.tsv"))), expected);
  write_bytes(folder.file("plain.csv"), "7,A; B\nx,C\n");
  EXPECT_EQ(pairs_of(read_titles(folder.file("plain.csv"))), expected);
}

TEST(ReaderTitles, AreFoundBesideRatingsThatAreCalledAsTheirDataSetCallsThem) {
  const TemporaryFolder folder;
  for (const auto& [ratings, titles] :
       {std::pair("ratings.csv", "movies.csv"), std::pair("ratings.dat", "movies.dat"),
        std::pair("u.data", "u.item"), std::pair("u1.base", "u.item"),
        std::pair("ub.test", "u.item")}) {
    write_bytes(folder.file(ratings), "1\t2\t3\n");
    std::filesystem::remove(folder.file(titles));
    EXPECT_EQ(find_titles(folder.file(ratings)).ids.size(), 0) << ratings;
    write_bytes(folder.file(titles), read_bytes(tiny(titles)));
    EXPECT_EQ(pairs_of(find_titles(folder.file(ratings))), four_titles) << ratings;
  }
  write_bytes(folder.file("other.csv"), "1,2,3\n");
  EXPECT_EQ(find_titles(folder.file("other.csv")).ids.size(), 0);
}

TEST(ReaderTitles, AreFoundInFoldersAndArchives) {
  const TemporaryFolder folder;
  EXPECT_EQ(find_titles(folder.path().string()).ids.size(), 0);
  write_bytes(folder.file("u.item"), read_bytes(tiny("u.item")));
  EXPECT_EQ(pairs_of(find_titles(folder.path().string())), four_titles);
  testing::write_zip(folder.file("ml.zip"), {{"ml/ratings.csv", "1,2,3\n"},
                                             {"ml/movies.csv", read_bytes(tiny("movies.csv"))}});
  EXPECT_EQ(pairs_of(find_titles(folder.file("ml.zip"))), four_titles);
  testing::write_zip(folder.file("bare.zip"), {{"ratings.csv", "1,2,3\n"}});
  EXPECT_EQ(find_titles(folder.file("bare.zip")).ids.size(), 0);
  EXPECT_EQ(find_titles(tiny("comma.csv")).ids.size(), 0);
  EXPECT_EQ(find_titles("-").ids.size(), 0);
  EXPECT_EQ(find_titles(folder.file("nothing")).ids.size(), 0);
}

TEST(ReaderTitles, DamagedFilesAreNamedByLine) {
  const TemporaryFolder folder;
  const auto reading = [&](const std::string& text) {
    write_bytes(folder.file("movies.csv"), text);
    return [&] { read_titles(folder.file("movies.csv")); };
  };
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "movies.csv:3: \"11\" has no title",
                         reading("movieId,title\n10,X\n11\n")));
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "movies.csv:2:4: the quote that opens here",
                         reading("movieId,title\n10,\"X\n11,Y\n")));
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "no titles that can be found", reading("10\n11\n")));
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "is empty", reading("")));
  EXPECT_TRUE(fails_with(ExitCode::missing_input, "did you mean movies.csv?",
                         [&] { read_titles(folder.file("movie.csv")); }));
}

TEST(ReaderTitles, FilesOfRatingsAreRefusedInEveryLayout) {
  const TemporaryFolder folder;
  const auto reading = [&](const std::string& text) {
    write_bytes(folder.file("given"), text);
    return [&] { read_titles(folder.file("given")); };
  };
  const std::string users = "given: has a column of users (\"userId\") and none of titles";
  EXPECT_TRUE(fails_with(ExitCode::bad_data, users,
                         reading("userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n")));
  EXPECT_TRUE(fails_with(ExitCode::bad_data, users,
                         reading("userId,movieId,tag,timestamp\n2,60756,funny,1445714994\n")));
  const std::string numbers = "given: has numbers where titles should stand, as ratings have (";
  EXPECT_TRUE(fails_with(ExitCode::bad_data, numbers + "\"1,31,2.5\")", reading("1,31,2.5\n")));
  EXPECT_TRUE(fails_with(ExitCode::bad_data, numbers, reading("1::1193::5::978300760\n")));
  EXPECT_TRUE(fails_with(ExitCode::bad_data, numbers, reading("196\t242\t3\t881250949\n")));
  EXPECT_TRUE(fails_with(ExitCode::bad_data, numbers, reading("1|31|2.5\n2|31|3\n")));
  EXPECT_TRUE(fails_with(ExitCode::bad_data, numbers,
                         reading("movieId,imdbId,tmdbId\n1,0114709,862\n2,0113497,8844\n")));
  std::string pairs;
  for (int line = 0; line < 10; ++line) pairs += std::to_string(line) + ",31\n";
  EXPECT_TRUE(fails_with(ExitCode::bad_data, numbers, reading(pairs)));
  std::string people;
  for (int line = 0; line < 10; ++line) people += std::to_string(line) + "|24|M|technician|85711\n";
  EXPECT_TRUE(fails_with(ExitCode::bad_data, numbers, reading(people)));
}

TEST(ReaderTitles, SaidTwiceAreTheLastOnesAndWarnedOfWhereTheyDiffer) {
  const TemporaryFolder folder;
  const std::string path = folder.file("movies.csv");
  write_bytes(path, "movieId,title\n7,A\n8,B\n7,A\n");
  EXPECT_TRUE(read_titles(path).warnings.empty());
  write_bytes(path, "movieId,title\n7,A\n8,B\n7,C\n8,D\n");
  const Titles titles = read_titles(path);
  ASSERT_EQ(titles.warnings.size(), 1U);
  EXPECT_EQ(titles.warnings[0], path +
                                    " gives items another title 2 times, of which the last counts; "
                                    "the first time item \"7\" is \"A\" and then \"C\"");
}

TEST(ReaderTitles, ErrorsOfThemDoNotSpeakOfRatings) {
  const TemporaryFolder folder;
  const std::string path = folder.file("movies.csv");
  const std::string titles =
      "pass movies.csv, movies.dat or u.item, or a CSV with a header: movieId,title";
  for (const auto& [text, what, help] :
       {std::tuple(std::string(), "is empty", titles),
        std::tuple(std::string("10\n11\n"), "has no titles that can be found", titles),
        std::tuple(std::string("movieId,title\n10,X\0\n", 20), "NUL byte",
                   std::string("download or copy the file again")),
        std::tuple("movieId,title\n10," + std::string(2 << 20, 'x') + "\n", "longer than 1 MiB",
                   std::string("is it a text with one item and title per line?")),
        std::tuple(std::string("%PDF-1.4"), "is a PDF, not a text file of titles",
                   std::string("pass the data that the PDF describes, as CSV"))}) {
    write_bytes(path, text);
    const auto error = testing::error_of([&] { read_titles(path); });
    ASSERT_TRUE(error) << what;
    EXPECT_THAT(error->what(), ::testing::HasSubstr(what));
    EXPECT_EQ(error->help(), help);
  }
}

TEST(ReaderTitles, ThatAreNumbersAmongOthersAreTitles) {
  const TemporaryFolder folder;
  const Pairs expected = {{"1", "1984"}, {"2", "300"}, {"3", "Brazil"}};
  for (const std::string text :
       {"1,1984\n2,300\n3,Brazil\n", "1,1984,1984\n2,300,2006\n3,Brazil,1985\n",
        "movieId,title,year\n1,1984,1984\n2,300,2006\n3,Brazil,1985\n",
        "1::1984::Drama\n2::300::War\n3::Brazil::Comedy\n"}) {
    write_bytes(folder.file("given"), text);
    EXPECT_EQ(pairs_of(read_titles(folder.file("given"))), expected) << text;
  }
  write_bytes(folder.file("given"), "1,1984\n2,300\n");
  EXPECT_EQ(read_titles(folder.file("given")).ids.size(), 2) << "two films may both be numbers";
}

TEST(ReaderTitles, OfMovieLens100kAndLatestSmallAndOneMillionAreComplete) {
  ALSATIAN_REQUIRE_DATA(oldest, "ml-100k/u.item");
  ALSATIAN_REQUIRE_DATA(latest, "ml-latest-small");
  ALSATIAN_REQUIRE_DATA(million, "ml-1m/movies.dat");
  const Titles first = read_titles(oldest->string());
  EXPECT_EQ(first.ids.size(), 1682);
  EXPECT_EQ(first.titles[0], "Toy Story (1995)");
  const Titles second = find_titles(latest->string());
  EXPECT_EQ(second.ids.size(), 9742);
  EXPECT_EQ(second.titles[10], "American President, The (1995)");
  const Titles third = read_titles(million->string());
  EXPECT_EQ(third.ids.size(), 3883);
}

/// Genres, one entry a title, between semicolons.
std::string genres_in(const Titles& titles) {
  EXPECT_EQ(titles.genres.size(), titles.titles.size());
  std::string all;
  for (std::int64_t entry = 0; entry < titles.genres.size(); ++entry) {
    all += std::string(titles.genres[entry]) + ";";
  }
  return all;
}

TEST(ReaderTitles, HaveTheGenresOfEveryMovieLensLayout) {
  const TemporaryFolder folder;
  write_bytes(folder.file("movies.csv"),
              "movieId,title,genres\n1,One,Comedy|War\n2,Two,(no genres listed)\n");
  write_bytes(folder.file("movies.dat"), "1::One (1995)::Comedy|War\n2::Two (1996)::\n");
  write_bytes(folder.file("u.item"),
              "1|One (1995)|||u|0|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0|0|1|0\n"
              "2|Two (1996)|||u|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n");
  for (const char* name : {"movies.csv", "movies.dat", "u.item"}) {
    EXPECT_EQ(genres_in(read_titles(folder.file(name))), "Comedy|War;;") << name;
  }
}

TEST(ReaderTitles, HaveNoGenresWhereTheFileHasNone) {
  const TemporaryFolder folder;
  write_bytes(folder.file("plain.csv"), "movieId,title\n1,One\n2,Two\n");
  EXPECT_EQ(genres_in(read_titles(folder.file("plain.csv"))), ";;");
}

}  // namespace
}  // namespace alsatian
