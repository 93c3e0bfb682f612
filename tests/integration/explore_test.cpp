// `alsatian explore` as a user meets it: what it prints, writes, and refuses.
// Its figures are computed a second time by tests/reports/check_figures.py.
#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <regex>
#include <string>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;

class Explore : public ::testing::Test {
 protected:
  void SetUp() override {
    write_bytes(data(),
                "userId,movieId,rating,timestamp\n1,10,4,946684800\n1,20,2,949363200\n"
                "2,10,5,949363201\n2,10,3,949363202\nx y\n3,20,1,978307200\n");
    write_bytes(movies(), "movieId,title,genres\n10,<b>One</b>,Drama|War\n20,Two,Drama\n");
  }

  std::string data() const { return folder_.file("ratings.csv"); }
  std::string movies() const { return folder_.file("movies.csv"); }
  std::string file(const std::string& name) const { return folder_.file(name); }

  RunResult explore(const std::vector<std::string>& more) const {
    std::vector<std::string> words{"explore", "--data", data(), "--on-bad-line", "skip", "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(Explore, PrintsTheSizesOfWhatIsLeftAfterCleaning) {
  const RunResult result = explore({});
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv table(result.output);
  EXPECT_EQ(table.at(table.find("name", "ratings"), "value"), "4");
  EXPECT_EQ(table.at(table.find("name", "users"), "value"), "3");
  EXPECT_EQ(table.at(table.find("name", "items"), "value"), "2");
  EXPECT_EQ(table.at(table.find("name", "mean rating"), "value"), "2.5000");
}

TEST_F(Explore, WritesWhatBecameOfEveryLineAndTheFirstRejectedOnes) {
  ASSERT_EQ(explore({"--figures", file("figures")}).code, 0);
  const Tsv lines(read_bytes(file("figures/lines.tsv")));
  const auto count = [&](const std::string& name) {
    return lines.at(lines.find("lines", name), "count");
  };
  EXPECT_EQ(count("read"), "7");
  EXPECT_EQ(count("used"), "4");
  EXPECT_EQ(count("duplicates"), "1");
  EXPECT_EQ(count("rejected"), "1");
  EXPECT_EQ(count("header"), "1");
  const Tsv rejected(read_bytes(file("figures/rejected_lines.tsv")));
  EXPECT_EQ(rejected.at(0, "line"), "6");
  EXPECT_EQ(rejected.at(0, "text"), "x y");
}

#ifdef ALSATIAN_HAVE_REPORTS
TEST_F(Explore, SaysWhatColumnsAreShrunkToAndByHowMuch) {
  const std::string ratings = ProblemFolder::shared().ratings();
  const RunResult result = run({"explore", "--data", ratings, "--quiet", "--report",
                                file("explore.html"), "--figures", file("figures")});
  ASSERT_EQ(result.code, 0) << result.error;
  const std::string html = read_bytes(file("explore.html"));
  std::smatch mean;
  ASSERT_TRUE(std::regex_search(
      html, mean,
      std::regex("shrunk_mean = \\(sum of the item&#39;s ratings \\+ ([0-9.]+) · ([0-9.]+)\\) / "
                 "\\(number of its ratings \\+ \\1\\)")));
  const double weight = std::stod(mean[1]);
  const Tsv best(read_bytes(file("figures/best_rated.tsv")));
  for (std::size_t row = 0; row < best.rows(); ++row) {
    const double count = best.number(row, "ratings");
    const double shrunk =
        (count * best.number(row, "mean") + weight * std::stod(mean[2])) / (count + weight);
    // Four digits of the weight move it by less than that share of a rating's five stars.
    EXPECT_NEAR(best.number(row, "shrunk_mean"), shrunk, 5 * 5e-4);
  }
  std::smatch spread;
  ASSERT_TRUE(std::regex_search(
      html, spread,
      std::regex("shrunk_deviation = √\\(\\(sum of squared deviations of the item&#39;s ratings "
                 "from their mean \\+ ([0-9.]+) · ([0-9.]+)²\\) / \\(number of its ratings \\+ "
                 "\\1\\)\\)")));
  const double more = std::stod(spread[1]);
  const Tsv polarizing(read_bytes(file("figures/most_polarizing.tsv")));
  for (std::size_t row = 0; row < polarizing.rows(); ++row) {
    const double count = polarizing.number(row, "ratings");
    const double own = polarizing.number(row, "deviation");
    const double usual = std::stod(spread[2]);
    EXPECT_NEAR(polarizing.number(row, "shrunk_deviation"),
                std::sqrt((count * own * own + more * usual * usual) / (count + more)), 1e-4);
  }
}

TEST_F(Explore, WritesHugeRatingsSoThatTheyCanBeRead) {
  std::string text = "userId,movieId,rating\n";
  for (const std::string& line : lines_of(small_ratings(12, 9))) text += line + "e30\n";
  write_bytes(data(), text);
  const RunResult result = explore({"--report", file("explore.html")});
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.output, HasSubstr("e+30"));
  EXPECT_THAT(result.output, ::testing::Not(::testing::ContainsRegex("[0-9]{13}")));
  const std::string html = read_bytes(file("explore.html"));
  const std::string body = html.substr(0, html.find("<details class=\"license\">"));
  EXPECT_THAT(body, ::testing::Not(::testing::ContainsRegex("[0-9]{13}")));
}
#endif

TEST_F(Explore, FillsMonthsWithoutRatings) {
  ASSERT_EQ(explore({"--figures", file("figures")}).code, 0);
  const Tsv months(read_bytes(file("figures/ratings_by_time.tsv")));
  ASSERT_EQ(months.rows(), 13U);  // January 2000 to January 2001
  EXPECT_EQ(months.at(1, "month"), "2000-02");
  EXPECT_EQ(months.at(1, "ratings"), "2");
  EXPECT_EQ(months.at(2, "ratings"), "0");
  EXPECT_EQ(months.at(2, "mean_rating"), "");
}

TEST_F(Explore, CountsAnItemForEachOfItsGenres) {
  ASSERT_EQ(explore({"--movies", movies(), "--figures", file("figures")}).code, 0);
  const Tsv genres(read_bytes(file("figures/genres.tsv")));
  ASSERT_EQ(genres.rows(), 2U);
  EXPECT_EQ(genres.at(0, "genre"), "Drama");
  EXPECT_EQ(genres.at(0, "ratings"), "4");
  EXPECT_EQ(genres.at(1, "genre"), "War");
  EXPECT_EQ(genres.at(1, "ratings"), "2");
}

TEST_F(Explore, LeavesOutFiguresOfTimesAndGenresThatThereAreNot) {
  write_bytes(data(), "1,10,4\n1,20,2\n2,10,3\n");
  std::filesystem::remove(movies());  // which would be found beside the ratings
  ASSERT_EQ(explore({"--figures", file("figures")}).code, 0);
  EXPECT_FALSE(std::filesystem::exists(file("figures/ratings_by_time.tsv")));
  EXPECT_FALSE(std::filesystem::exists(file("figures/genres.tsv")));
  EXPECT_TRUE(std::filesystem::exists(file("figures/rating_histogram.tsv")));
}

TEST_F(Explore, TakesTimesThatAreNoSecondsOfOurCenturiesForNone) {
  write_bytes(data(), "1,10,4,9223372036854775807\n1,20,2,-9223372036854775807\n2,10,3,0\n");
  const RunResult result = explore({"--figures", file("figures")});
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_EQ(Tsv(read_bytes(file("figures/ratings_by_time.tsv"))).rows(), 1U);
}

TEST_F(Explore, RefusesDataOfWhichCleaningLeavesNothing) {
  const RunResult result = explore({"--rating-range", "6:7", "--figures", file("figures")});
  EXPECT_EQ(result.code, 65);
  EXPECT_THAT(result.error, HasSubstr("no rating is left after cleaning"));
  EXPECT_FALSE(std::filesystem::exists(file("figures")));
}

#ifdef ALSATIAN_HAVE_REPORTS
TEST_F(Explore, WritesTheSameReportWhateverTheThreadsWithoutAPath) {
  ASSERT_EQ(explore({"--report", file("one.html"), "--threads", "1"}).code, 0);
  ASSERT_EQ(explore({"--report", file("two.html"), "--threads", "2"}).code, 0);
  const std::string report = read_bytes(file("one.html"));
  EXPECT_TRUE(report == read_bytes(file("two.html")));
  const auto says = [&](const std::string& text) { return report.find(text) != std::string::npos; };
  EXPECT_TRUE(says("<title>Ratings of ratings.csv</title>"));
  EXPECT_FALSE(says(std::filesystem::path(data()).parent_path().string()));
  EXPECT_TRUE(says("Permission is hereby granted"));
}

TEST_F(Explore, ReplacesItsReportInTheFolderOfTheDataButNothingElseThere) {
  const std::string folder = std::filesystem::path(data()).parent_path().string();
  const auto explore_folder = [&](const std::string& report) {
    return run({"explore", "--data", folder, "--on-bad-line", "skip", "--quiet", "--report",
                report})
        .code;
  };
  EXPECT_EQ(explore_folder(file("eda.html")), 0);
  EXPECT_EQ(explore_folder(file("eda.html")), 0);
  EXPECT_EQ(explore_folder(movies()), 64);
  EXPECT_EQ(explore_folder(data()), 64);
}

TEST_F(Explore, RefusesAReportOverAnInputOrInAFolderThatIsNotThere) {
  const std::string before = read_bytes(data());
  EXPECT_EQ(explore({"--report", data()}).code, 64);
  EXPECT_EQ(explore({"--movies", movies(), "--report", movies()}).code, 64);
  EXPECT_EQ(explore({"--report", file("missing/a.html")}).code, 73);
  EXPECT_EQ(read_bytes(data()), before);
}
#else
TEST_F(Explore, SaysWhatToInstallWhereItWasBuiltWithoutReports) {
  const RunResult result = explore({"--report", file("one.html")});
  EXPECT_EQ(result.code, 64);
  EXPECT_THAT(result.error, HasSubstr("libjs-chart.js"));
}
#endif

}  // namespace
}  // namespace alsatian::testing
