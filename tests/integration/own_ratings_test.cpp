// Files of own ratings as sites export them and people write them: whose lines are other films,
// films the model does not know, or no rating. None may become another film in silence.
#include "tests/integration/films_model.hpp"
#include "tests/integration/run_program.hpp"
#include "tests/support/temporary_folder.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <sys/resource.h>
#include <vector>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class OwnRatings : public FilmsModel {
 protected:
  OwnRatings()
      : FilmsModel(18,
                   "1,Toy Story (1995)\n2,Parasite (1982)\n3,Psycho (1960)\n"
                   "4,Psycho (1998)\n5,\"Misérables, Les (1998)\"\n6,\"Misérables, Les (2012)\"\n"
                   "7,1984 (Nineteen Eighty-Four) (1984)\n8,2001: A Space Odyssey (1968)\n"
                   "9,12 Angry Men (1957)\n10,12 Years a Slave (2013)\n11,WALL·E (2008)\n"
                   "12,Toy Story 3 (2010)\n13,Cosmos\n14,It Comes at Night (2017)\n"
                   "15,\"10,000 BC (2008)\"\n16,Blade Runner (1982)\n"
                   "17,Blade Runner 2049 (2017)\n18,Death Race 2000 (1975)\n") {}

  using FilmsModel::expect_taken;
  /// The one line of a file with this header.
  void expect_taken(const std::string& header, const std::string& line,
                    const std::string& said) const {
    expect_taken(header + "\n" + line + "\n", said);
  }
};

constexpr const char* letterboxd = "Date,Name,Year,Letterboxd URI,Rating";

TEST_F(OwnRatings, AreOfTheFilmOfTheirYear) {
  expect_taken(letterboxd, "2020-01-01,Psycho,1998,u,4", "\"Psycho\" is Psycho (1998)");
  expect_taken(letterboxd, "2020-01-01,Psycho,1960,u,4", "\"Psycho\" is Psycho (1960)");
  expect_taken(letterboxd, "2020-01-01,Les Misérables,2012,u,4",
               "\"Les Misérables\" is Misérables, Les (2012)");
  expect_taken(letterboxd, "2020-01-01,Nineteen Eighty-Four,1984,u,4",
               "\"Nineteen Eighty-Four\" is 1984 (Nineteen Eighty-Four) (1984)");
  expect_taken("title,year,rating", "Psycho,1999,4", "\"Psycho\" is Psycho (1998), a year apart");
  expect_taken("title,year,rating", "Cosmos,1980,4", "\"Cosmos\" is Cosmos");  // of no year
  expect_taken("title,year,rating", "Toy Story,,4", "\"Toy Story\" is Toy Story (1995)");
}

TEST_F(OwnRatings, HaveTheirYearAlsoAsANumberWithAPointADateOrInBrackets) {
  for (const char* year : {"1960.0", "1960-09-08", "(1960)"}) {
    expect_taken("title,year,rating", std::string("Psycho,") + year + ",4",
                 "\"Psycho\" is Psycho (1960)");
  }
  expect_refused("title,year,rating\nParasite,2019.0,4\n",
                 ":2: \"Parasite\" of 2019 is in no title", "did you mean");
}

TEST_F(OwnRatings, AreRefusedWhereTheirYearIsNone) {
  for (const std::string year : {"19", "abcd", "ca. 2013", "20190"}) {
    expect_refused("title,year,rating\nPsycho," + year + ",4\n", ":2: \"" + year + "\" is no year",
                   "write the year of the film");
  }
}

TEST_F(OwnRatings, AreOfNoFilmWhereItsYearIsOfNone) {
  expect_refused(std::string(letterboxd) + "\n2020-01-01,Parasite,2019,u,4\n",
                 ":2: \"Parasite\" of 2019 is in no title\n",
                 "did you mean 2 \"Parasite (1982)\"?");
  // A film of the year that has its words is another one.
  expect_refused("title,year,rating\nIt,2017,4\n", ":2: \"It\" of 2017 is in no title\n",
                 "did you mean 14 \"It Comes at Night (2017)\"?");
  expect_refused("title,rating\nToy Story (2010),4\n", ":2: \"Toy Story (2010)\" is in no title\n",
                 "did you mean 1 \"Toy Story (1995)\" or 12 \"Toy Story 3 (2010)\"?");
}

TEST_F(OwnRatings, HaveTheirYearUnderManyNames) {
  for (const std::string name : {"Movie Year", "Release Date", "Release Year", "Film Year",
                                 "release_year", "Year of Release"}) {
    expect_taken("title," + name + ",rating", "Psycho,1998,4", "\"Psycho\" is Psycho (1998)");
    expect_refused("title,rating," + name + "\nParasite,4,2019\n",
                   ":2: \"Parasite\" of 2019 is in no title\n", "did you mean");
  }
  for (const std::string day : {"1998-12-04", "1998/12/04", "04.12.1998", "12/4/1998", "4 Dec 1998",
                                "04-Dec-1998", "1998.12.04"}) {
    expect_taken("title,Release Date,rating", "Psycho," + day + ",4",
                 "\"Psycho\" is Psycho (1998)");
  }
  // When somebody saw the film is not when it was made.
  for (const std::string name : {"Date", "Watched Date", "Date Rated", "Year Watched"}) {
    expect_taken("title," + name + ",rating", "Parasite,2019,4", "\"Parasite\" is Parasite (1982)");
  }
}

TEST_F(OwnRatings, WithSeveralColumnsOfYearsHaveThatOfTheOneCalledSo) {
  const std::string imdb =
      "Const,Your Rating,Date Rated,Title,IMDb Rating,Year,Release Date\n"
      "tt1,4,2024-01-01,Psycho,7,1998,1960-09-08\n";
  const RunResult result = recommend(imdb);
  EXPECT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("\"Psycho\" is Psycho (1998)\n"));
  EXPECT_THAT(result.error, HasSubstr("ratings are those of column \"Your Rating\", not of any "
                                      "other of \"Your Rating\", \"IMDb Rating\"; years are those "
                                      "of column \"Year\", not of any other of \"Year\", "
                                      "\"Release Date\"\n"));
  expect_refused("title,rating,Film Year,Release Date\nPsycho,4,1998,1960-09-08\n",
                 ":1: is a header with several columns of years: \"Film Year\", \"Release Date\"\n",
                 "call the one that counts year alone\n");
  expect_refused("title,rating,Film Year,film_year\nPsycho,4,1998,1960\n",
                 ":1: is a header with two columns of one name, \"Film Year\" (column 3)",
                 "leave out one of them, or call it otherwise\n");
}

TEST_F(OwnRatings, HaveTheYearBehindTheirTitleHoweverItIsWritten) {
  for (const std::string year : {"(1996)", " (1996)", "[1996]", " [1996]", " ( 1996 )", " 1996",
                                 " - 1996", ": 1996", "_1996"}) {
    expect_taken("title,rating", "Toy Story" + year + ",4",
                 "\"Toy Story" + year + "\" is Toy Story (1995), a year apart");
  }
  expect_taken("title,rating", "\"Les Misérables, 2012\",4",
               "\"Les Misérables, 2012\" is Misérables, Les (2012)");
  expect_taken("title,rating", "wall-e 2008,4", "\"wall-e 2008\" is WALL·E (2008)");
  for (const std::string year : {"(1995)", " [1995]", " 1995"}) {
    expect_refused("title,rating\nToy Stroy" + year + ",4\n",
                   ":2: \"Toy Stroy" + year + "\" is in no title\n",
                   "did you mean 1 \"Toy Story (1995)\"?");
  }
  // Toy Story 3 is of that year and has these words.
  for (const std::string year : {"(2010)", "[2010]", " [2010]", " 2010", " - 2010"}) {
    expect_refused("title,rating\nToy Story" + year + ",4\n",
                   ":2: \"Toy Story" + year + "\" is in no title\n",
                   "did you mean 1 \"Toy Story (1995)\" or 12 \"Toy Story 3 (2010)\"?");
  }
}

TEST_F(OwnRatings, HaveNoYearInDigitsThatAreOfTheirTitle) {
  expect_taken("title,rating", "Blade Runner 2049,4",
               "\"Blade Runner 2049\" is Blade Runner 2049 (2017)");
  expect_taken("title,rating", "Blade Runner 2049 2017,4",
               "\"Blade Runner 2049 2017\" is Blade Runner 2049 (2017)");
  expect_taken("title,year,rating", "Blade Runner 2049,2018,4",
               "\"Blade Runner 2049\" is Blade Runner 2049 (2017), a year apart");
  expect_taken("title,rating", "Death Race 2000,4",
               "\"Death Race 2000\" is Death Race 2000 (1975)");
  expect_taken("title,rating", "1984 1984,4",
               "\"1984 1984\" is 1984 (Nineteen Eighty-Four) (1984)");
  // A title that has the digits is of another year: no reason to cut it.
  expect_refused("title,year,rating\nBlade Runner 2049,1982,4\n",
                 ":2: \"Blade Runner 2049\" of 1982 is in no title\n",
                 "did you mean 17 \"Blade Runner 2049 (2017)\"");
  expect_refused("title,rating\nBlade Runner 2048,4\n", ":2: \"Blade Runner 2048\" is in no title",
                 "did you mean 16 \"Blade Runner (1982)\"");
}

TEST_F(OwnRatings, AreRefusedWhereTheirTwoYearsContradict) {
  for (const std::string title : {"Parasite (1982)", "Parasite[1982]", "Parasite 1982"}) {
    expect_refused("title,year,rating\n" + title + ",2019,4\n",
                   ":2: \"" + title + "\" is of 1982 by its title and of 2019 by its year\n",
                   "leave out the year that is wrong");
  }
  expect_taken("title,year,rating", "Parasite (1982),1982,4",
               "\"Parasite (1982)\" is Parasite (1982)");
  // Sources disagree by one: it is of one of the two, and not of a year before or behind both.
  expect_taken("title,year,rating", "Parasite (1982),1983,4",
               "\"Parasite (1982)\" is Parasite (1982), a year apart");
  expect_taken("title,year,rating", "Parasite 1983,1982,4",
               "\"Parasite 1983\" is Parasite (1982), a year apart");
  expect_refused("title,year,rating\nParasite (1983),1984,4\n",
                 ":2: \"Parasite (1983)\" of 1984 is in no title\n",
                 "did you mean 2 \"Parasite (1982)\"");
}

TEST_F(OwnRatings, OfTitlesThatAreNumbersAreFound) {
  expect_taken("title,rating", "1984,4", "\"1984\" is 1984 (Nineteen Eighty-Four) (1984)");
  // A title that begins with it may be another film: 300 is not "300: Rise of an Empire".
  expect_refused("title,rating\n2001,4\n", ":2: \"2001\" is no whole title\n",
                 "did you mean 8 \"2001: A Space Odyssey (1968)\"?");
  expect_refused("title,rating\n12,4\n",
                 ":2: \"12\" is in 2 titles: 9 \"12 Angry Men (1957)\"; 10 \"12 Years",
                 "give more of the title");
  // Neither the start of another number nor the year of a film.
  expect_refused("title,rating\n10,4\n", ":2: \"10\" is in no title", "give its title otherwise");
  expect_refused("title,rating\n1960,4\n", ":2: \"1960\" is in no title",
                 "give its title otherwise");
}

TEST_F(OwnRatings, OfTitlesWithoutTheirMarksAndSpacesAreFound) {
  for (const std::string title : {"wall-e", "walle", "WALL E", "WALL·E", "Wall.E"}) {
    expect_taken("title,rating", title + ",4", "\"" + title + "\" is WALL·E (2008)");
  }
  expect_taken("title,year,rating", "wall-e,2008,4", "\"wall-e\" is WALL·E (2008)");
  expect_taken("title,rating", "toystory 3,4", "\"toystory 3\" is Toy Story 3 (2010)");
  expect_refused("title,rating\nwal-e,4\n", ":2: \"wal-e\" is in no title",
                 "did you mean 11 \"WALL·E (2008)\"?");
}

/// Seconds of CPU time that children have used.
double seconds_of_children() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec);
}

TEST(OwnRatingsOfManyFilms, AreLookedUpOnceForAllLinesOfATitle) {
  const TemporaryFolder folder;
  ASSERT_EQ(run({"generate", "--users", "50", "--items", "5000", "--ratings", "20000", "--out",
                 folder.file("r.csv"), "--movies", folder.file("films.csv"), "--quiet"})
                .code,
            0);
  ASSERT_EQ(run({"train", "--data", folder.file("r.csv"), "--k", "0", "--quiet", "--out",
                 folder.file("model")})
                .code,
            0);
  const auto seconds_for = [&](int lines) {
    RunOptions options;
    options.input = "item,rating\n1,3\n";
    for (int line = 0; line < lines; ++line) {
      options.input += "No Such Film " + std::to_string(100000 + line % 200) + ",3\n";
    }
    const double before = seconds_of_children();
    const RunResult result = run({"recommend", folder.file("model"), "--ratings", "-", "--movies",
                                  folder.file("films.csv"), "--on-bad-line", "skip"},
                                 options);
    EXPECT_THAT(result.error, HasSubstr(fmt::format("; {} lines left out\n", lines)));
    return seconds_of_children() - before;
  };
  // Twenty times as many lines of the same titles take about as long, since 200 questions are all
  // that takes long. If each line asked, starting and the 20 lines with suggestions would not count
  // again, all else twenty times: eight times as long on the machine where this was written.
  const double once = seconds_for(200);
  EXPECT_LT(seconds_for(4000), 3 * once);
}

constexpr const char* four_bad =
    "title,rating\nToy Story,4\nNo Such Film,3\n12,4\nPsycho (1998),5\nHeat,4\nCosmos,great\n";

TEST_F(OwnRatings, NameAllTheirBadLinesAtOnce) {
  const RunResult result = recommend(four_bad);
  EXPECT_EQ(result.code, 65);
  EXPECT_EQ(result.output, "");
  EXPECT_TRUE(is_error_text(result.error)) << result.error;
  EXPECT_THAT(result.error,
              HasSubstr("alsatian: error: stdin:3: is the first of 4 bad lines:\n"
                        "    line 3: \"No Such Film\" is in no title\n"
                        "    line 4: \"12\" is in 2 titles: 9 \"12 Angry Men (1957)\"; "));
  EXPECT_THAT(result.error, HasSubstr("\n    line 6: \"Heat\" is in no title"));
  EXPECT_THAT(result.error,
              HasSubstr("\n    line 7: \"great\" is no rating\n  help: correct them"));
  EXPECT_THAT(result.error, HasSubstr(", or leave such lines out: --on-bad-line skip\n"));
  std::string many = "title,rating\n";
  for (int line = 0; line < 33; ++line) many += "No Such Film,3\n";
  EXPECT_THAT(recommend(many).error, HasSubstr("\n    line 21: \"No Such Film\" is in no title\n"
                                               "    and 13 more\n  help: "));
  for (int line = 0; line < 1000; ++line) many += "No Such Film,3\n";
  EXPECT_THAT(recommend(many).error, HasSubstr(":2: is the first of 1000 or more bad lines:"));
}

TEST_F(OwnRatings, LeaveBadLinesOutWhereTheyMay) {
  const RunResult without = recommend("title,rating\nToy Story,4\nPsycho (1998),5\n");
  const RunResult result = recommend(four_bad, {"--on-bad-line", "skip"});
  EXPECT_EQ(result.code, 0) << result.error;
  EXPECT_EQ(result.output, without.output);
  EXPECT_THAT(result.error, HasSubstr("alsatian: warning: stdin: 4 lines left out (--rejects FILE "
                                      "lists all):\n    line 3: "
                                      "\"No Such Film\" is in no title\n    line 4: "));
  EXPECT_THAT(result.error, HasSubstr("2 ratings; 4 lines left out\n"));
  EXPECT_EQ(recommend(four_bad, {"--on-bad-line", "skip:4"}).output, without.output);
  const RunResult too_many = recommend(four_bad, {"--on-bad-line", "skip:3"});
  EXPECT_EQ(too_many.code, 65);
  EXPECT_THAT(too_many.error, HasSubstr(":3: is the first of 4 bad lines, more than "
                                        "--on-bad-line skip:3:\n"));
  const RunResult none = recommend("title,rating\nHeat,4\n", {"--on-bad-line", "skip"});
  EXPECT_EQ(none.code, 65);
  EXPECT_THAT(none.error, HasSubstr(":2: \"Heat\" is in no title, and no rating is left\n"));
}

TEST_F(OwnRatings, ListAllThatIsLeftOutWhereItIsAskedFor) {
  const TemporaryFolder folder;
  const std::string rejects = folder.file("rejects.tsv");
  const std::vector<std::string> reading{"--on-bad-line", "skip", "--rejects", rejects};
  std::string many = four_bad;
  for (int line = 0; line < 40; ++line) many += "\"No Such, Film\",3\n";
  const auto expect_rows = [&](const std::vector<std::vector<std::string>>& first) {
    const Tsv rows(read_bytes(rejects));
    ASSERT_EQ(rows.rows(), 44U);
    for (std::size_t row = 0; row < first.size(); ++row) {
      EXPECT_EQ(rows.at(row, "file"), "stdin");
      EXPECT_EQ(rows.at(row, "column"), "0");
      EXPECT_EQ(rows.at(row, "line"), first[row][0]);
      EXPECT_THAT(rows.at(row, "reason"), HasSubstr(first[row][1]));
      EXPECT_EQ(rows.at(row, "text"), first[row][2]);
    }
    EXPECT_EQ(rows.at(43, "line"), "47");
    EXPECT_EQ(rows.at(43, "text"), "\"No Such, Film\",3");
    std::filesystem::remove(rejects);
  };
  const std::vector<std::vector<std::string>> first{
      {"3", "\"No Such Film\" is in no title", "No Such Film,3"},
      {"4", "\"12\" is in 2 titles: ", "12,4"},
      {"6", "\"Heat\" is in no title", "Heat,4"},
      {"7", "\"great\" is no rating", "Cosmos,great"}};
  const RunResult recommended = recommend(many, reading);
  EXPECT_EQ(recommended.code, 0) << recommended.error;
  EXPECT_THAT(recommended.error, HasSubstr("stdin: 44 lines left out:\n"));
  EXPECT_THAT(recommend(many, {"--on-bad-line", "skip"}).error,
              HasSubstr("stdin: 44 lines left out (--rejects FILE lists all):\n"));
  expect_rows(first);
  EXPECT_EQ(explain_item(many, "Cosmos", reading).code, 0);
  expect_rows(first);
  // Also where the run fails.
  EXPECT_EQ(recommend(many, {"--on-bad-line", "skip:3", "--rejects", rejects}).code, 65);
  expect_rows(first);
  const RunResult not_skipped = recommend(many, {"--rejects", rejects});
  EXPECT_EQ(not_skipped.code, 64);
  EXPECT_THAT(not_skipped.error, HasSubstr("--rejects: lists skipped lines, and none is skipped"));
  EXPECT_EQ(folder.entries(), 0U);
}

std::size_t times(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST_F(OwnRatings, ListTheFirstOfManyBadLinesOfEveryKind) {
  const std::string good = "Psycho (1998),,5\n";
  for (const std::string bad : {"No Such Film,,3", "Psycho,,3", ",,3", "Cosmos,,great", "Cosmos,,0",
                                "Cosmos", "Cosmos,,3,3", "Cosmos,soon,3", "Psycho (1998),1960,3",
                                "Parasite,2019,3", "\"Cosmos\" x,,3"}) {
    std::string ratings = "title,year,rating\n" + good;
    for (int line = 0; line < 1030; ++line) ratings += bad + "\n";
    const RunResult refused = recommend(ratings);
    EXPECT_EQ(refused.code, 65) << bad;
    EXPECT_THAT(refused.error,
                HasSubstr(":3: is the first of 1000 or more bad lines:\n    line 3: "));
    EXPECT_THAT(refused.error, HasSubstr("\n    and 980 more\n  help: ")) << bad;
    EXPECT_EQ(times(refused.error, "\n    line "), 20U) << bad;
    const RunResult skipped = recommend(ratings, {"--on-bad-line", "skip"});
    EXPECT_EQ(skipped.code, 0) << bad << skipped.error;
    EXPECT_EQ(skipped.output, recommend("title,year,rating\n" + good).output) << bad;
    EXPECT_THAT(skipped.error,
                HasSubstr("stdin: 1030 lines left out (--rejects FILE lists all):\n    line 3: "))
        << bad;
    EXPECT_THAT(skipped.error, HasSubstr("\n    and 1025 more\n")) << bad;
    EXPECT_EQ(times(skipped.error, "\n    line "), 5U) << bad;
    EXPECT_THAT(skipped.error, HasSubstr("1 rating; 1030 lines left out\n")) << bad;
  }
}

TEST_F(OwnRatings, ListTheFirstOfManyNumbersThatAreNoItem) {
  std::string ratings = "1,5\n";
  for (int line = 0; line < 1030; ++line) ratings += "98765,3\n";
  const RunResult result = recommend(ratings);
  EXPECT_EQ(result.code, 0) << result.error;
  EXPECT_EQ(times(result.error, "\"98765\" is no item of the model\n"), 20U);
  EXPECT_THAT(result.error, HasSubstr("1 rating; 1030 items not in the model\n"));
}

TEST_F(OwnRatings, WithTwoColumnsOfOneNameAreRefused) {
  expect_refused("title,rating,Rating\nPsycho,1,4\n",
                 ":1: is a header with two columns of one name, \"rating\" (column 2) and "
                 "\"Rating\" (column 3)\n",
                 "leave out one of them, or call it otherwise\n");
  expect_refused("title,title,rating\nPsycho,Heat,4\n",
                 ":1: is a header with two columns of one name, \"title\" (column 1) and \"title\" "
                 "(column 2)\n",
                 "leave out one of them, or call it otherwise\n");
}

TEST_F(OwnRatings, AreThoseUnderTheColumnThatIsSaidToBeOnesOwn) {
  const std::string expected = recommend("title,rating\nToy Story,2\n").output;
  for (const std::string header : {"Critic Score,My Stars", "Rating,My Rating"}) {
    const RunResult result = recommend("title," + header + "\nToy Story,5,2\n");
    EXPECT_EQ(result.code, 0) << result.error;
    EXPECT_EQ(result.output, expected) << header;
    EXPECT_THAT(result.error, HasSubstr("ratings are those of column \"My "));
  }
  EXPECT_THAT(recommend("title,rating\nToy Story,2\n").error, Not(HasSubstr("of column")));
  expect_refused("title,Critic Score,Film Stars\nToy Story,5,2\n",
                 ":1: is a header with several columns of ratings: \"Critic Score\", \"Film "
                 "Stars\"\n",
                 "call the one that counts rating alone, or yours `My rating`\n");
}

TEST_F(OwnRatings, WithADecimalCommaBetweenCommasAreAskedForAPoint) {
  expect_refused("title,rating\nToy Story,\"4,5\"\n", ":2: \"4,5\" is no rating\n",
                 "write a decimal point: 4.5, or leave ");
}

TEST_F(OwnRatings, WithAQuoteThatIsNotClosedSayWhereItOpens) {
  expect_refused("title,rating\nToy Story,4\n\"Cosmos,5\nPsycho (1998),5\n",
                 ":3: is not a record of text: the quote in line 3, column 1 is closed nowhere "
                 "(within 1 MiB)\n",
                 "close the quote of line 3, or write a quote inside a quoted field twice (\"\"), "
                 "or leave ");
  // The record begins a line before the quote, which is a record of its own then.
  expect_refused("title,note,rating\nCosmos,\"seen\ntwice\", \"4\nToy Story,,4\n",
                 ":2: is the first of 2 bad lines:\n    line 2: is not a record of text: the quote "
                 "in line 3, column 9 is closed nowhere",
                 "correct them: close the quote of line 3, or ");
  // Closed by the first quote of another line.
  expect_refused(
      "title,rating\n\"Cosmos,5\nToy Story,4\n\"Psycho (1998)\",5\n",
      ":2: is not a record of text: the quote in line 2, column 1 closes in line 4, with "
      "more text behind it; the record takes in lines 3 to 4\n",
      "write a quote inside a quoted field twice (\"\"), or close that of line 2 sooner, "
      "or leave ");
  expect_refused("\"title,rating\nToy Story,4\n", ":1: is not a record of text",
                 "close the quote of line 1, or ");
}

TEST_F(OwnRatings, InAnotherEncodingAreNamedWithTheWayToConvertThem) {
  expect_refused("title,rating\nToy Story,4\nMis\xe9rables,4\n",
                 ":3: is not UTF-8 (in Latin-1 it is \"Misérables,4\")\n",
                 "convert the file: iconv -f LATIN1 -t UTF-8 FILE > utf8.csv\n");
  const std::string text = "title,rating\nToy Story,4\n";
  std::string utf16;
  for (const char letter : text) utf16 += {letter, '\0'};
  expect_refused("\xff\xfe" + utf16, ": is UTF-16, not UTF-8\n",
                 "convert the file: iconv -f UTF-16 -t UTF-8 FILE > utf8.csv\n");
  expect_refused(utf16, ": is UTF-16LE without a byte order mark, not UTF-8\n",
                 "convert the file: iconv -f UTF-16LE -t UTF-8 FILE > utf8.csv\n");
  expect_refused(std::string(1, '\0') + utf16.substr(0, utf16.size() - 1),
                 ": is UTF-16BE without a byte order mark, not UTF-8\n",
                 "convert the file: iconv -f UTF-16BE -t UTF-8 FILE > utf8.csv\n");
  // Zeros in odd and in even places.
  expect_refused(text + std::string(3, '\0'), ": has bytes of 0: it is no text\n",
                 "save it as CSV in UTF-8\n");
  // Of Latin-1 these bytes are control characters; Windows has quotes, a dash and the euro there.
  expect_refused("title,rating\nMis\xe9rables,4\nIt\x92s \x80\n",
                 ":2: is not UTF-8 (in Windows-1252 it is \"Misérables,4\")\n",
                 "convert the file: iconv -f CP1252 -t UTF-8 FILE > utf8.csv\n");
  expect_refused("title,rating\nIt\x92s \x80 \x96 \x8a,4\n",
                 ":2: is not UTF-8 (in Windows-1252 it is \"It’s € – Š,4\")\n", "convert the file");
  expect_refused("\x1f\x8b\x08", ": is packed\n", "unpack it first: gunzip");
}

}  // namespace
}  // namespace alsatian::testing
