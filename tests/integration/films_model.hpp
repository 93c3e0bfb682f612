// A small model of films whose titles a test chooses, and somebody's own ratings of them.
// Tests of how titles are found share it: they differ in the films alone.
#pragma once

#include "tests/integration/problem_folder.hpp"
#include "tests/integration/run_program.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace alsatian::testing {

class FilmsModel : public ::testing::Test {
 protected:
  /// films: lines `id,title`, the ids 1 to count.
  FilmsModel(int count, std::string films) : count_(count), films_(std::move(films)) {}

  void SetUp() override {
    write_bytes(folder_.file("r.csv"), small_ratings(12, count_));
    ASSERT_EQ(run({"train", "--data", folder_.file("r.csv"), "--k", "2", "--out", model_}).code, 0);
    write_bytes(movies_, "movieId,title\n" + films_);
  }

  /// What the program recommends to whoever has these ratings.
  RunResult recommend(const std::string& ratings, const std::vector<std::string>& more = {}) const {
    RunOptions options;
    options.input = ratings;
    return run(with({"recommend", model_, "--ratings", "-", "--movies", movies_}, more), options);
  }

  /// What the program explains of an item to whoever has these ratings.
  RunResult explain_item(const std::string& ratings, const std::string& item,
                         const std::vector<std::string>& more = {}) const {
    RunOptions options;
    options.input = ratings;
    return run(
        with({"explain", model_, "--ratings", "-", "--movies", movies_, "--item", item}, more),
        options);
  }

  /// The second line of the file, as the program says that it took it.
  void expect_taken(const std::string& ratings, const std::string& said) const {
    const RunResult result = recommend(ratings);
    EXPECT_EQ(result.code, 0) << result.error;
    EXPECT_THAT(result.error, ::testing::HasSubstr("line 2: " + said + "\n"));
  }

  /// place: behind the file's name, with what is wrong there.
  void expect_refused(const std::string& ratings, const std::string& place_and_what,
                      const std::string& help) const {
    const RunResult result = recommend(ratings);
    EXPECT_EQ(result.code, 65) << ratings << result.error;
    EXPECT_EQ(result.output, "");
    EXPECT_TRUE(is_error_text(result.error)) << result.error;
    EXPECT_THAT(result.error, ::testing::HasSubstr("stdin" + place_and_what));
    EXPECT_THAT(result.error, ::testing::HasSubstr("\n  help: " + help));
  }

 private:
  int count_;
  std::string films_;
  TemporaryFolder folder_;
  std::string movies_ = folder_.file("films.csv");
  std::string model_ = folder_.file("model");
};

}  // namespace alsatian::testing
