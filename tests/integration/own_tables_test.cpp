// Tables of own ratings that hold more than one's own: ids of others, ratings of others, comments.
// What is not the film or the rating that somebody gave must not become one in silence.
#include "tests/integration/films_model.hpp"
#include "tests/integration/run_program.hpp"

#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class OwnTables : public FilmsModel {
 protected:
  OwnTables()
      : FilmsModel(9,
                   "1,Toy Story (1995)\n2,Parasite (1982)\n3,Psycho (1960)\n4,Psycho (1998)\n"
                   "5,\"Misérables, Les (2012)\"\n6,#Alive (2020)\n"
                   "7,1984 (Nineteen Eighty-Four) (1984)\n8,Heat (1995)\n9,WALL·E (2008)\n") {}

  /// Both files are the same ratings to the program.
  RunResult expect_same(const std::string& ratings, const std::string& plain) const {
    RunResult result = recommend(ratings);
    EXPECT_EQ(result.code, 0) << ratings << result.error;
    EXPECT_EQ(result.output, recommend(plain).output) << ratings;
    return result;
  }
};

TEST_F(OwnTables, WithNumbersOfTheirOwnBesideTitlesAreReadByTheTitles) {
  const std::string plain = "title,rating\nHeat,5\nWALL·E,1\nPsycho (1998),2\n";
  for (const std::string header :
       {"id;title;rating", "ID;Movie Title;Rating", "item;movie;rating"}) {
    const RunResult result =
        expect_same(header + "\n1;Heat;5\n2;wall-e;1\n3;Psycho (1998);2\n", plain);
    EXPECT_THAT(
        result.error,
        HasSubstr("warning: stdin: ids are not the model's, so that titles count: line 2 has "
                  "id 1, that of \"Toy Story (1995)\", and the title \"Heat\" (3 of 3 lines "
                  "contradict their id)\n"));
  }
  // Numbers that the model does not have, as those of another site.
  expect_same("id;title;rating\n949;Heat;5\n10681;WALL·E;1\n11252;Psycho (1998);2\n", plain);
  expect_same("id,title,rating\ntt0113277,Heat,5\ntt1,WALL·E,1\ntt2,Psycho 1998,2\n", plain);
}

TEST_F(OwnTables, OfIdsWithTheirTitlesAreReadByTheIds) {
  const std::string plain = "item,rating\n7,5\n5,1\n4,2\n";
  for (const std::string header :
       {"movieId,title,rating", "itemId,title,rating", "id,movie,score"}) {
    const RunResult result = expect_same(
        header + "\n7,Nineteen Eighty-Four,5\n5,Les Miserables (2013),1\n4,Psycho,2\n", plain);
    EXPECT_THAT(result.error, Not(HasSubstr("warning")));
  }
  expect_same("id,title,year,rating\n7,,1984,5\n5,Misérables,,1\n4,psycho,1999,2\n", plain);
}

TEST_F(OwnTables, OfIdsWithSeveralTitlesAreThoseFilmsWhoseTitleIsAnyOfThem) {
  const std::string plain = "item,rating\n8,5\n9,1\n4,2\n";
  for (const std::string header :
       {"id,Title,Original Title,rating", "id,Movie Title,Original Title,rating",
        "movieId,Film,item,rating", "item id,Movie,Review Title,rating"}) {
    const RunResult result =
        expect_same(header + "\n8,Hitze,Heat,5\n9,WALL·E,,1\n4,Psycho,Psicosis,2\n", plain);
    EXPECT_THAT(result.error, Not(HasSubstr("warning"))) << header;
    expect_refused(header + "\n8,Hitze,Heat,5\n9,wall-e,,1\n4,Hitze,Psicosis,2\n",
                   ":4: has id 4, that of \"Psycho (1998)\", and the titles \"Hitze\" and "
                   "\"Psicosis\"\n",
                   "correct the one that is wrong");
  }
  const std::string numbered = "\n1,Heat,Hitze,5\n2,WALL·E,,1\n3,Psycho (1998),Psicosis,2\n";
  expect_same("id,Title,Original Title,rating" + numbered, plain);
  expect_refused("id,Movie Title,Original Title,rating" + numbered,
                 ":1: is a header with several columns of titles: \"Movie Title\", \"Original "
                 "Title\"; its ids are not the model's, so that titles count: line 2 has id 1",
                 "call the one that counts title alone\n");
}

TEST_F(OwnTables, WithSeveralColumnsOfIdsAreReadByTheOneThatSaysOfWhat) {
  const std::string plain = "item,rating\n8,5\n9,1\n";
  for (const std::string header :
       {"id,movieId,rating", "id,Item ID,rating", "item,movie_id,rating"}) {
    const RunResult result = expect_same(header + "\n1,8,5\n2,9,1\n", plain);
    EXPECT_THAT(result.error, HasSubstr("ids are those of column \"")) << header;
  }
  for (const std::string header : {"item,id", "movieId,itemId"}) {
    expect_refused(header + ",rating\n1,8,5\n2,9,1\n",
                   ":1: is a header with several columns of ids: \"",
                   "leave out all but that of the model's ids\n");
  }
  // Items of words are titles.
  expect_same("item,id,rating\nHeat,8,5\nWALL·E,9,1\n", plain);
  expect_refused("item,id,rating\nHeat,8,5\nPsycho,9,1\nPsycho,4,1\n",
                 ":3: has id 9, that of \"WALL·E (2008)\", and the title \"Psycho\"\n",
                 "correct the one");
}

TEST_F(OwnTables, NameLinesWhoseIdAloneIsAnotherFilms) {
  expect_refused("movieId,title,rating\n1,Toy Story,4\n8,Psycho (1960),3\n9,WALL·E,5\n",
                 ":3: has id 8, that of \"Heat (1995)\", and the title \"Psycho (1960)\"\n",
                 "correct the one that is wrong, or leave out its column");
  expect_refused("movieId,title,year,rating\n1,Toy Story,1995,4\n3,Psycho,1998,3\n",
                 ":3: has id 3, that of \"Psycho (1960)\", and the title \"Psycho\" of 1998\n",
                 "correct the one");
}

TEST_F(OwnTables, OfRatingsOfOthersAloneAreRefused) {
  for (const std::string name : {"Average_rating",    "avg rating",
                                 "IMDb Rating",       "Critic Score",
                                 "Metascore",         "averageRating",
                                 "Rotten Tomatoes",   "TMDb Rating",
                                 "TMDB_score",        "Metacritic",
                                 "vote_average",      "age rating",
                                 "content rating",    "MPAA rating",
                                 "Audience Score",    "imdb_score",
                                 "Critics' Stars",    "Your Friends' Average Rating",
                                 "My Friends Rating", "Your Predicted Rating",
                                 "My Critic Score",   "Trakt Rating",
                                 "Letterboxd Rating", "Overall Rating"}) {
    expect_refused(
        "title," + name + "\nHeat,4\n",
        ":1: is a header without ratings of one's own, but those of others: \"" + name + "\"\n",
        "call the column rating if they are yours\n");
  }
  expect_refused("title,runtime\nHeat,4\n", ":1: is a header without a column of ratings",
                 "name it rating\n");
}

TEST_F(OwnTables, AreReadByTheColumnOfOnesOwnRatings) {
  const std::string plain = "title,rating\nHeat,2\n";
  for (const std::string name : {"my vote", "My Score", "my_rating", "Your Rating", "You rated",
                                 "I rated", "Rated", "Stars", "my-stars"}) {
    for (const std::string other : {"IMDb Rating", "Metascore", "User Rating", "Notes"}) {
      expect_same("title," + other + "," + name + "\nHeat,5,2\n", plain);
    }
  }
  for (const std::string name : {"My Score", "your_rating", "You rated", "my stars"}) {
    expect_same("title,Rating," + name + "\nHeat,5,2\n", plain);
  }
  for (const std::string other : {"IMDb Rating", "vote_average", "Content Rating"}) {
    const RunResult result = expect_same("title," + other + ",Rating\nHeat,5,2\n", plain);
    EXPECT_THAT(result.error,
                HasSubstr("ratings are those of column \"Rating\", not of any other"));
  }
  expect_same("title,User Rating\nHeat,2\n", plain);
}

TEST_F(OwnTables, WithAUserBesideTheirUserRatingAreOfThatUserAlone) {
  expect_same("title,user,user rating\nHeat,Ann,2\nPsycho (1998),Ann,4\n",
              "title,rating\nHeat,2\nPsycho (1998),4\n");
  // What all users of a site gave is no name of one: nobody would look for several people there.
  expect_refused(
      "title,user rating,user\nHeat,2,8.1\nPsycho (1998),4,6.4\n",
      ":3: is of user \"6.4\", the lines before of \"8.1\"\n",
      "give the ratings of one person, or leave out column 3 if it names none; for users "
      "of the model use --users\n");
}

TEST_F(OwnTables, MayNameTheScaleOfTheirRatingsInBrackets) {
  const std::string plain = "title,rating\nHeat,2\n";
  for (const std::string name : {"My Votes", "Mine", "My Score", "My Rating (1-5)", "mine [1–5]",
                                 "My Stars (0.5 to 5 stars)", "Your rating (/5)", "Score (5)"}) {
    for (const std::string other : {"IMDb Rating", "IMDb Rating (1-10)", "Notes"}) {
      const RunResult result = expect_same("title," + other + "," + name + "\nHeat,5,2\n", plain);
      EXPECT_THAT(result.error, Not(HasSubstr("warning")));
    }
  }
  const RunResult near = expect_same("title,My Rating (1-6)\nHeat,2\n", plain);
  EXPECT_THAT(near.error,
              HasSubstr("warning: stdin:1: \"My Rating (1-6)\" has a scale up to 6, the "
                        "model's is 1 to 5: ratings count as they are\n"));
  expect_refused("title,Votes (2019)\nHeat,5\n", ":1: is a header without a column of ratings",
                 "name it rating\n");
}

TEST_F(OwnTables, WhoseNamedScaleIsAnotherAreRefusedWithTheWayToConvertThem) {
  const std::string already = "where they are on it already, call the column rating\n";
  for (const std::string ratings : {"\nHeat,2\n", "\nHeat,8\n"}) {
    expect_refused("title,My Rating (out of 10)" + ratings,
                   ":1: \"My Rating (out of 10)\" has a scale up to 10, the model's is 1 to 5\n",
                   "divide each by 2, and write 1 for what is less, to bring them to the model's, "
                   "1 to 5; " +
                       already);
    expect_refused("title,Mine (0-2)" + ratings,
                   ":1: \"Mine (0-2)\" has a scale up to 2, the model's is 1 to 5\n",
                   "multiply each by 2.5 to bring them to the model's, 1 to 5; " + already);
  }
}

TEST_F(OwnTables, OnAnotherScaleAreRefusedAlsoWhereBadLinesAreLeftOut) {
  const auto expect_other_scale = [&](const std::string& ratings, const std::string& what,
                                      const std::string& help) {
    expect_refused(ratings, what, help);
    const RunResult skipping = recommend(ratings, {"--on-bad-line", "skip"});
    EXPECT_EQ(skipping.code, 65) << skipping.error;
    EXPECT_THAT(skipping.error, HasSubstr("stdin" + what));
    EXPECT_THAT(skipping.error, Not(HasSubstr("--on-bad-line")));
  };
  // Most of them above: as IMDb has them, 4 among them, which is no 4 of 5.
  expect_other_scale("title,rating\nHeat,4\nWALL·E,9\nPsycho (1998),7\n",
                     ":3: is the first of 2 ratings, of 3, above the model's scale, 1 to 5: the "
                     "file is on another scale, up to 10\n",
                     "divide each by 2 to bring them to the model's, 1 to 5\n");
  expect_other_scale("title,rating\nHeat,1\nWALL·E,90\nPsycho (1998),75\n",
                     ":3: is the first of 2 ratings, of 3, above the model's scale, 1 to 5: the "
                     "file is on another scale, up to 100\n",
                     "divide each by 20, and write 1 for what is less, to bring them");
  expect_other_scale("title,rating\nHeat,1000\nWALL·E,2000\n", ":2: is the first of 2 ratings",
                     "convert them to the model's, 1 to 5\n");
  // Few above, but up to twice the scale's end.
  expect_other_scale("title,rating\nHeat,4\nWALL·E,10\nHeat,3\nHeat,2\nHeat,2\nPsycho (1998),6\n",
                     ":3: is the first of 2 ratings, of 6, above", "divide each by 2 to bring");
}

TEST_F(OwnTables, WithSlipsAboveTheScaleHaveBadLines) {
  const std::string slip = ":3: \"10\" is not on the model's scale, 1 to 5\n";
  expect_refused("title,rating\nHeat,4\nWALL·E,10\n", slip, "rate as in the ratings that");
  std::string many = "title,rating\nHeat,4\nWALL·E,10\nWALL·E,10\n";
  for (int line = 0; line < 40; ++line) many += "Heat,3\n";  // two of 43: less than a twentieth
  const RunResult refused = recommend(many);
  EXPECT_EQ(refused.code, 65);
  EXPECT_THAT(refused.error,
              HasSubstr("stdin:3: is the first of 2 bad lines:\n    line 3: \"10\" is"));
  EXPECT_EQ(recommend(many, {"--on-bad-line", "skip"}).code, 0);
}

TEST_F(OwnTables, OfIdsOfOtherSitesAloneAreToldWhoseTheyAre) {
  for (const auto& [name, site] : std::vector<std::pair<std::string, std::string>>{
           {"tmdbId", "TMDB"}, {"TMDB ID", "TMDB"}, {"imdbId", "IMDb"}, {"Const", "IMDb"}}) {
    expect_refused(name + ",rating\n862,4\n",
                   ":1: is a header without titles: \"" + name + "\" has ids of " + site +
                       ", which are not MovieLens'\n",
                   "add a column of titles, or of movieId (MovieLens' links.csv has it beside "
                   "imdbId and tmdbId); name it item if the model was trained on such ids\n");
    expect_same(name + ",title,rating\n862,Heat,4\n", "title,rating\nHeat,4\n");
  }
}

TEST_F(OwnTables, AreReadByTheirRatingBesideActorsAndCertificates) {
  const std::string plain = "title,rating\nHeat,2\nPsycho (1998),4\n";
  for (const std::string name : {"Rating", "Score", "Film Rating"}) {
    for (const std::string table :
         {"Stars\nHeat,2,\"Al Pacino, Robert De Niro\"\nPsycho (1998),4,Vince Vaughn\n",
          "Rated\nHeat,2,R\nPsycho (1998),4,PG-13\n", "rated\nHeat,2,12A\nPsycho (1998),4,\n"}) {
      expect_same("title," + name + "," + table, plain);
    }
  }
  expect_same("title,Score,Rating\nHeat,2,R\nPsycho (1998),4,PG\n", plain);
  EXPECT_THAT(expect_same("title,Rated,Rating\nHeat,16,2\nPsycho (1998),0,4\n", plain).error,
              HasSubstr("ratings are those of column \"Rating\", not of any other of \"Rated\""));
  // Also the other way round, and where words are the only other ones.
  expect_same("title,Stars,Rating\nHeat,2,R\nPsycho (1998),4,PG\n", plain);
  expect_refused("title,My Rating,Rating\nHeat,great,2\n",
                 ":1: has no ratings, but words under \"My Rating\"\n",
                 "call the column of your ratings `My rating`\n");
  expect_refused("title,Stars\nHeat,Al Pacino\n", ":1: is a header without a column of ratings",
                 "name it rating\n");
}

TEST_F(OwnTables, WithStarsBesideARatingAreRefusedWhereBothMayBeOnesOwn) {
  for (const std::string stars : {"2", "★★", "4/10", "2 stars", "40%"}) {
    expect_refused("title,Rating,Stars\nHeat,5," + stars + "\n",
                   ":1: is a header with several columns of ratings: \"Rating\", \"Stars\"\n",
                   "call yours `My rating`, or leave out the other\n");
  }
  expect_refused("title,Rated,Score\nHeat,5,2\n",
                 ":1: is a header with several columns of ratings: \"Rated\", \"Score\"\n",
                 "call yours `My rating`, or leave out the other\n");
}

TEST_F(OwnTables, WithARatingThatMayBeAnybodysBesideOthersAreRefused) {
  for (const std::string other : {"Critic Score", "IMDb Rating", "Rating", "Film Rating"}) {
    expect_refused(
        "title,User Rating," + other + "\nHeat,4,5\n",
        ":1: is a header with several columns of ratings: \"User Rating\", \"" + other + "\"\n",
        "call the one that counts rating alone, or yours `My rating`\n");
  }
}

TEST_F(OwnTables, MayHaveTitlesThatBeginLikeAComment) {
  const std::string plain = "item,rating\n6,1\n8,5\n";
  const RunResult result =
      expect_same("title,year,rating\n#Alive,2020,1\n# seen in 2020\nHeat,,5\n", plain);
  EXPECT_THAT(result.error, HasSubstr("2 ratings; 1 comment with # in front\n"));
  expect_same("#,title,rating\n1,#Alive,1\n2,Heat,5\n", plain);
  const RunResult without = expect_same("# \"mine,\", \"\n8,5\n#Alive,4\n6,1\n", plain);
  EXPECT_THAT(without.error, HasSubstr("2 ratings; 2 comments with # in front\n"));
}

TEST_F(OwnTables, MayHaveYearsWithBlanksOrNoneAndDatesInWords) {
  for (const std::string year :
       {"\"1998 \"", "\" 1998\"", "\"December 4, 1998\"", "December 4 1998", "Dec 1998",
        "Dec. 4 1998", "1998.00", "19981204", "1998-12-04", "[1998]", "( 1998 )", "[1998.0]"}) {
    expect_taken("title,year,rating\nPsycho," + year + ",4\n", "\"Psycho\" is Psycho (1998)");
  }
  for (const std::string none :
       {"", "\" \"", "-", "N/A", "n/a", "NaN", "NULL", "TBA", "tbd", "(n/a)", "[]", "????"}) {
    expect_taken("title,year,rating\nHeat," + none + ",4\n", "\"Heat\" is Heat (1995)");
  }
  // Digits that are plainly no day, and a year that is not known for sure, may be of another film.
  for (const std::string wrong :
       {"Smarch 1995", "19951304", "19950132", "19950000", "1995.5", "199", "19953", "ca. 1995"}) {
    expect_refused("title,year,rating\nHeat," + wrong + ",4\n",
                   ":2: \"" + wrong + "\" is no year\n", "write the year of the film");
  }
}

TEST_F(OwnTables, OfExcelAreCutAsTheirFirstLineSays) {
  expect_same("sep=;\r\ntitle;note;rating\r\nHeat;a, b, c, d;4,5\r\n", "title,rating\nHeat,4.5\n");
  expect_same("SEP=,\nHeat,4.5\n", "title,rating\nHeat,4.5\n");
  expect_refused("sep=;\ntitle;rating\nHeat;great\n", ":3: \"great\" is no rating\n", "");
}

TEST_F(OwnTables, SayWhichLinesAQuoteHasSwallowed) {
  // Each of these lines is one of its own but for the quote.
  expect_refused("title,rating\n\"Heat,5\nToy Story,4\nParasite\",2\n",
                 ":2: has a quote that is not closed; the quote in line 2, column 1 takes in lines "
                 "3 to 4\n",
                 "close the quote of line 2, or write a quote inside a quoted field twice");
  expect_refused("title,note,rating\nHeat,\"good,5\nToy Story,bad\",4\nParasite,,3\n",
                 ":2: has a quote that is not closed; the quote in line 2, column 6 takes in line "
                 "3\n",
                 "close the quote of line 2, or ");
  // Of others it is said beside what is wrong with the whole.
  expect_refused("title,rating\n\"Heat,5\n\n# Toy Story\nParasite\",2\n",
                 ":2: \"Heat,5\\n\\n# Toy Story\\nParasite\" is in no title; the quote in line 2, "
                 "column 1 takes in lines 3 to 5\n",
                 "give its title otherwise");
  expect_refused(
      "title,note,rating\nHeat,\"so\ngood\",\"5\" stars\n",
      ":2: is not a record of text: the quote in line 3, column 7 closes in line 3, with "
      "more text behind it; the record takes in line 3\n",
      "write a quote inside");
  expect_refused(
      "title,rating\n\"Heat,5\nToy Story,4\n\"Parasite\",2\nNo Such Film,4\n",
      ":2: is the first of 4 bad lines:\n    line 2: is not a record of text: the quote "
      "in line 2, column 1 closes in line 4, with more text behind it; the record takes in "
      "lines 3 to 4\n    line 5: \"No Such Film\" is in",
      "correct them: ");
}

TEST_F(OwnTables, CountLinesThatAQuoteHasSwallowedAmongThoseLeftOut) {
  const std::string ratings =
      "title,rating\n\"Heat,5\nToy Story,4\nParasite\",2\nPsycho (1998),3\n";
  const RunResult skipped = recommend(ratings, {"--on-bad-line", "skip:3"});
  EXPECT_EQ(skipped.code, 0) << skipped.error;
  EXPECT_EQ(skipped.output, recommend("title,rating\nPsycho (1998),3\n").output);
  EXPECT_THAT(
      skipped.error,
      HasSubstr(
          "warning: stdin: 3 lines left out (--rejects FILE lists all):\n    line 2: has a quote "
          "that is not closed; the quote in line 2, column 1 takes in "
          "lines 3 to 4\n"));
  EXPECT_THAT(skipped.error, HasSubstr("1 rating; 3 lines left out\n"));
  EXPECT_THAT(skipped.error, Not(HasSubstr("more\n")));
  EXPECT_EQ(recommend(ratings, {"--on-bad-line", "skip:2"}).code, 65);
  // What somebody wrote in several lines is no such quote.
  expect_same("title,rating,note\nHeat,5,\"so good, 4\nor more, or 5\n\"\n",
              "title,rating\nHeat,5\n");
}

TEST_F(OwnTables, MayEndTheirLinesAsAnySystemDoesAlsoMixed) {
  const std::string plain = "title,rating\nHeat,4\nToy Story,5\n";
  for (const std::string text :
       {"title,rating\rHeat,4\rToy Story,5\r", "title,rating\rHeat,4\rToy Story,5",
        "title,rating\rHeat,4\rToy Story,5\n", "title,rating\r\nHeat,4\rToy Story,5\r\n",
        "title,rating\nHeat,4\r\nToy Story,5\r\r\n", "sep=,\rtitle,rating\rHeat,4\rToy Story,5",
        "# mine\r# too\rHeat,4\rToy Story,5\r"}) {
    expect_same(text, plain);
  }
  expect_refused("title,rating\rHeat,4\r\rToy Stroy,5\r", ":4: \"Toy Stroy\" is in no title\n",
                 "did you mean");
  expect_refused("title,rating\r\r\nHeat,great\r\r\n", ":2: \"great\" is no rating\n", "");
  expect_refused("title,rating\rHeat,4\rMis\xe9rables,4\r",
                 ":3: is not UTF-8 (in Latin-1 it is \"Misérables,4\")\n", "convert the file");
}

}  // namespace
}  // namespace alsatian::testing
