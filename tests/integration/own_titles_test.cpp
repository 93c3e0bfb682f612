// Titles that several films are called, that are parts of one, or end with a number of their own.
// Which film is meant decides what is recommended: what the text leaves open is asked, not guessed.
#include "tests/integration/films_model.hpp"
#include "tests/integration/run_program.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class OwnTitles : public FilmsModel {
 protected:
  OwnTitles()
      : FilmsModel(
            24,
            "1,Ghostbusters (a.k.a. Ghost Busters) (1984)\n2,Ghostbusters (2016)\n"
            "3,\"Host, The (Gwoemul) (2006)\"\n4,\"Host, The (2013)\"\n"
            "5,Ocean's Eleven (a.k.a. Ocean's 11) (1960)\n6,Ocean's Eleven (2001)\n"
            "7,\"Professional, The (Le professionnel) (1981)\"\n"
            "8,Léon: The Professional (a.k.a. The Professional) (Léon) (1994)\n"
            "9,Batman Beyond: Return of the Joker (2000)\n"
            "10,Harry Potter and the Deathly Hallows: Part 1 (2010)\n"
            "11,\"Shawshank Redemption, The (1994)\"\n12,Wonder Woman (2017)\n"
            "13,Solaris (Solyaris) (1972)\n14,Stalker (1979)\n15,300: Rise of an Empire (2014)\n"
            "16,\"Red Balloon, The (Ballon rouge, Le) (1956)\"\n17,Cosmos\n18,14 (2012)\n"
            "19,Oldboy (2013)\n20,Old Boy (2003)\n21,\"Wolfman, The (2010)\"\n"
            "22,\"Wolf Man, The (1941)\"\n23,Nightwatch (1997)\n"
            "24,Night-Watch (Nochnoy dozor) (2004)\n") {}
};

constexpr const char* both_ghostbusters =
    "is in 2 titles: 1 \"Ghostbusters (a.k.a. Ghost Busters) (1984)\"; 2 \"Ghostbusters (2016)\"\n";

TEST_F(OwnTitles, ThatTwoFilmsHaveAreRefusedWithBothAlsoWhereOneHasFurtherNames) {
  const std::string help = "give more of the title or its year, or ";
  expect_refused("title,rating\nGhostbusters,5\n",
                 std::string(":2: \"Ghostbusters\" ") + both_ghostbusters, help);
  for (const std::string title : {"The Host", "Host, The", "host"}) {
    expect_refused(
        "title;rating\n" + title + ";5\n",
        ":2: \"" + title +
            "\" is in 2 titles: 3 \"Host, The (Gwoemul) (2006)\"; 4 \"Host, The (2013)\"\n",
        help);
  }
  for (const std::string title : {"Ocean's Eleven", "Oceans Eleven", "OCEANSELEVEN"}) {
    expect_refused("title,rating\n" + title + ",5\n",
                   ":2: \"" + title +
                       "\" is in 2 titles: 5 \"Ocean's Eleven (a.k.a. Ocean's 11) (1960)\"; 6 "
                       "\"Ocean's Eleven (2001)\"\n",
                   help);
  }
  // Also where it is another name of one.
  expect_refused(
      "title,rating\nThe Professional,5\n",
      ":2: \"The Professional\" is in 2 titles: 7 \"Professional, The (Le professionnel) "
      "(1981)\"; 8 \"Léon",
      help);
}

TEST_F(OwnTitles, ThatDifferBySpacesOrHyphensAloneAreAskedAboutWithoutAYear) {
  const std::string help = "give more of the title or its year, or ";
  const auto expect_asked = [&](const std::vector<std::string>& titles, const std::string& both) {
    for (const std::string& title : titles) {
      expect_refused("title,rating\n" + title + ",5\n",
                     ":2: \"" + title + "\" is in 2 titles: " + both, help);
    }
  };
  expect_asked({"Oldboy", "old boy", "Old-Boy"}, "19 \"Oldboy (2013)\"; 20 \"Old Boy (2003)\"\n");
  expect_asked({"Wolfman", "The Wolfman", "Wolf Man", "the wolf man"},
               "21 \"Wolfman, The (2010)\"; 22 \"Wolf Man, The (1941)\"\n");
  expect_asked({"Nightwatch", "Night Watch"},
               "23 \"Nightwatch (1997)\"; 24 \"Night-Watch (Nochnoy dozor) (2004)\"\n");
  // A year decides, whatever the spaces.
  expect_taken("title,rating\nOldboy (2013),5", "\"Oldboy (2013)\" is Oldboy (2013)");
  expect_taken("title,rating\nOldboy (2003),5", "\"Oldboy (2003)\" is Old Boy (2003)");
  expect_taken("title,year,rating\nWolf Man,2010,5", "\"Wolf Man\" is Wolfman, The (2010)");
}

TEST_F(OwnTitles, WithAYearAreOfItsFilmHoweverManyHaveTheName) {
  expect_taken("title,rating\nGhostbusters (1984),5\n",
               "\"Ghostbusters (1984)\" is Ghostbusters (a.k.a. Ghost Busters) (1984)");
  expect_taken("title,year,rating\nGhostbusters,2016,5\n",
               "\"Ghostbusters\" is Ghostbusters (2016)");
  expect_taken("title,rating\nOceans Eleven 1960,5\n",
               "\"Oceans Eleven 1960\" is Ocean's Eleven (a.k.a. Ocean's 11) (1960)");
  expect_taken("title,year,rating\nThe Host,2006,5\n",
               "\"The Host\" is Host, The (Gwoemul) (2006)");
}

TEST_F(OwnTitles, OfOneFilmAloneAreFoundByEachOfItsNamesAndWithoutItsArticle) {
  expect_taken("title,rating\nSolaris,5\n", "\"Solaris\" is Solaris (Solyaris) (1972)");
  expect_taken("title,rating\nle ballon rouge,5\n",
               "\"le ballon rouge\" is Red Balloon, The (Ballon rouge, Le) (1956)");
  expect_taken("title,rating\nRed Balloon,5\n",
               "\"Red Balloon\" is Red Balloon, The (Ballon rouge, Le) (1956)");
  expect_taken("title,rating\nShawshank Redemption,5\n",
               "\"Shawshank Redemption\" is Shawshank Redemption, The (1994)");
  expect_taken("title,rating\ncosmos,5\n", "\"cosmos\" is Cosmos");
}

TEST_F(OwnTitles, ThatAreAPartOfOneTitleAreAskedAbout) {
  const std::vector<std::pair<std::string, std::string>> parts{
      {"Joker", "9 \"Batman Beyond: Return of the Joker (2000)\""},
      {"Harry Potter 1", "10 \"Harry Potter and the Deathly Hallows: Part 1 (2010)\""},
      {"300", "15 \"300: Rise of an Empire (2014)\""},
      {"Empi", "15 \"300: Rise of an Empire (2014)\""}};
  for (const auto& [part, candidate] : parts) {
    expect_refused("title,rating\n" + part + ",5\n", ":2: \"" + part + "\" is no whole title\n",
                   "did you mean " + candidate + "? Else give the whole title, or ");
  }
}

TEST_F(OwnTitles, ThatEndWithANumberAreUnknownWhereTheirFilmIs) {
  // Its digits are no year, since no film of what stands in front is of it.
  expect_refused("title,year,rating\nWonder Woman 1984,2020,5\n",
                 ":2: \"Wonder Woman 1984\" of 2020 is in no title\n",
                 "did you mean 12 \"Wonder Woman (2017)\"?");
  expect_refused("title,year,rating\nStalker 1979,2012,5\n",
                 ":2: \"Stalker 1979\" is of 1979 by its title and of 2012 by its year\n",
                 "leave out the year that is wrong");
}

TEST_F(OwnTitles, OfAnItemThatIsAskedAboutAreTakenByTheSameRules) {
  const auto explain = [this](const std::string& item) {
    return explain_item("title,rating\nCosmos,4\n", item);
  };
  EXPECT_EQ(explain("Solaris").code, 0);
  const RunResult part = explain("Joker");
  EXPECT_EQ(part.code, 64);
  EXPECT_THAT(
      part.error,
      HasSubstr("--item: \"Joker\" is no item id and no whole title\n  help: did you mean 9 "
                "\"Batman Beyond: Return of the Joker (2000)\"? Else give the whole title"));
  EXPECT_THAT(explain("Ghostbusters").error, HasSubstr(both_ghostbusters));
}

TEST_F(OwnTitles, OfAnItemThatIsAskedAboutAreSaidWhereTheTextIsNotTheWholeTitle) {
  const auto said = [this](const std::string& item) {
    const RunResult result = explain_item("title,rating\nStalker (1979),4\n", item);
    EXPECT_EQ(result.code, 0) << result.error;
    return result.error;
  };
  EXPECT_THAT(said("solaris"), HasSubstr("--item \"solaris\" is 13 Solaris (Solyaris) (1972)\n"));
  EXPECT_THAT(said("Wonder Woman 2018"),
              HasSubstr("--item \"Wonder Woman 2018\" is 12 Wonder Woman (2017), a year apart\n"));
  for (const std::string item : {"12", "Wonder Woman (2017)", "Cosmos"}) {
    EXPECT_THAT(said(item), Not(HasSubstr("--item"))) << item;
  }
  EXPECT_THAT(
      said("14"),
      HasSubstr("warning: --item \"14\" is taken for an id, that of \"Stalker (1979)\", and is "
                "a title too: of 18 \"14 (2012)\"\n"));
}

}  // namespace
}  // namespace alsatian::testing
