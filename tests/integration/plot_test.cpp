// `train --plot`: on a terminal in place, elsewhere once, and nowhere that nobody asked for.
// What the lines show is a matter of tests/unit/report.
#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

RunOptions with_environment(const std::vector<std::string>& environment, bool on_terminal) {
  RunOptions options;
  options.environment = environment;
  options.on_terminal = on_terminal;
  return options;
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

/// What a terminal shows in the end, as far as our program moves: lines up, returns, erasures.
std::vector<std::string> shown_by_terminal(const std::string& text) {
  std::vector<std::string> screen(1);
  std::size_t row = 0;
  std::string line;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\x1b') {
      const std::size_t letter = text.find_first_not_of("0123456789;", at + 2);
      const std::string number = text.substr(at + 2, letter - at - 2);
      if (text[letter] == 'A') row -= std::stoul(number);
      if (text[letter] == 'J') screen.resize(row + 1);
      if (text[letter] == 'J' || text[letter] == 'K') screen[row].clear();
      at = letter;
    } else if (text[at] == '\n') {
      if (++row == screen.size()) screen.emplace_back();
    } else if (text[at] != '\r') {
      screen[row] += text[at];
    }
  }
  return screen;
}

TEST(Plot, IsDrawnOnceAtTheEndWhereThereIsNoTerminal) {
  const RunResult result =
      run(train_arguments({"--epochs", "6", "--plot"}), with_environment({"LC_ALL=C"}, false));
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_EQ(count_of(result.error, "  RMSE\n"), 1U) << result.error;
  EXPECT_THAT(result.error, HasSubstr("* train "));
  EXPECT_THAT(result.error, HasSubstr("o test "));
  EXPECT_THAT(result.error, HasSubstr("  1"));
  EXPECT_THAT(result.error, Not(HasSubstr("\x1b")));
  EXPECT_GT(result.error.find("  RMSE\n"), result.error.find("epoch    6/6"));
  const RunResult plain = run(train_arguments({"--epochs", "6"}));
  EXPECT_THAT(plain.error, Not(HasSubstr("  RMSE\n")));
}

TEST(Plot, OfOneEpochEndsThere) {
  const RunResult result =
      run(train_arguments({"--epochs", "1", "--plot"}), with_environment({"LC_ALL=C"}, false));
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(lines_of(result.error), ::testing::Contains(::testing::MatchesRegex(" +1 +epoch")));
}

TEST(Plot, EndsInTheErrorsThatTheLastEpochPrints) {
  const RunResult result =
      run(train_arguments({"--epochs", "6", "--plot"}), with_environment({"LC_ALL=C"}, false));
  const std::size_t last = result.error.find("epoch    6/6");
  const std::size_t at = result.error.find("test RMSE ", last) + 10;
  const double rmse = std::stod(result.error.substr(at));
  const std::size_t label = result.error.find("o test ") + 7;
  EXPECT_NEAR(std::stod(result.error.substr(label)), rmse, 1.1e-4);
}

TEST(Plot, IsAsWideAsColumnsSaysAndInBrailleWhereTheLocaleIsUtf8) {
  for (const char* columns : {"50", "90"}) {
    const RunResult result =
        run(train_arguments({"--epochs", "6", "--plot"}),
            with_environment({"LC_ALL=C.UTF-8", std::string("COLUMNS=") + columns}, false));
    ASSERT_EQ(result.code, 0) << result.error;
    EXPECT_THAT(result.error, HasSubstr("│"));
    std::size_t widest = 0;
    for (const std::string& line : lines_of(result.error)) {
      if (line.find("│") == std::string::npos) continue;
      widest = std::max(widest, static_cast<std::size_t>(std::ranges::count_if(line, [](char c) {
                          return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
                        })));
    }
    EXPECT_LE(widest, std::stoul(columns) - 1);
    EXPECT_GE(widest, std::stoul(columns) - 12);
  }
}

TEST(Plot, IsRedrawnInPlaceOnATerminal) {
  if (!terminals_available()) GTEST_SKIP() << "/dev/pts is not mounted: there are no terminals";
  const RunResult result =
      run(train_arguments({"--epochs", "6", "--plot"}),
          with_environment({"LC_ALL=C.UTF-8", "TERM=xterm", "NO_COLOR=1"}, true));
  ASSERT_EQ(result.code, 0) << result.output;
  EXPECT_GE(count_of(result.output, "  RMSE\r\n"), 5U);
  const std::vector<std::string> screen = shown_by_terminal(result.output);
  EXPECT_EQ(std::ranges::count_if(screen,
                                  [](const std::string& line) { return line.ends_with("  RMSE"); }),
            1);
  EXPECT_EQ(std::ranges::count_if(
                screen, [](const std::string& line) { return line.starts_with("epoch "); }),
            6);
  EXPECT_EQ(
      std::ranges::count_if(screen, [](const std::string& line) { return line.starts_with("["); }),
      0);
}

TEST(Plot, OnADumbTerminalIsDrawnOnceWithoutCommands) {
  if (!terminals_available()) GTEST_SKIP() << "/dev/pts is not mounted: there are no terminals";
  const RunResult result = run(train_arguments({"--epochs", "6", "--plot"}),
                               with_environment({"LC_ALL=C", "TERM=dumb"}, true));
  ASSERT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, Not(HasSubstr("\x1b")));
  EXPECT_EQ(count_of(result.output, "  RMSE\r\n"), 1U);
}

TEST(Plot, NeverReachesStandardOutput) {
  const std::vector<std::string> arguments =
      train_arguments({"--epochs", "4", "--format", "jsonl", "--threads", "1"});
  const RunResult result = run(with(arguments, {"--plot"}), with_environment({"LC_ALL=C"}, false));
  ASSERT_EQ(result.code, 0) << result.error;
  for (const std::string& line : lines_of(result.output)) {
    EXPECT_TRUE(line.starts_with('{') && line.ends_with('}')) << line;
  }
}

TEST(Plot, IsDrawnForEveryFoldAndBesideALogAndAReport) {
  const TemporaryFolder folder;
  const RunResult folds =
      run({"train", "--data", ProblemFolder::shared().ratings(), "--k", "4", "--epochs", "3",
           "--folds", "3", "--plot", "--log", folder.file("log.jsonl")},
          with_environment({"LC_ALL=C"}, false));
  ASSERT_EQ(folds.code, 0) << folds.error;
  EXPECT_EQ(count_of(folds.error, "  RMSE\n"), 3U);
  EXPECT_EQ(lines_of(read_bytes(folder.file("log.jsonl"))).size(), 9U);
  const RunResult reported =
      run(train_arguments({"--epochs", "3", "--plot", "--figures", folder.file("figures")}),
          with_environment({"LC_ALL=C"}, false));
  ASSERT_EQ(reported.code, 0) << reported.error;
  EXPECT_EQ(count_of(reported.error, "  RMSE\n"), 1U);
  EXPECT_EQ(Tsv(read_bytes(folder.file("figures/rmse_by_epoch.tsv"))).rows(), 3U);
  EXPECT_THAT(reported.error, HasSubstr("figures  " + folder.file("figures") + "\n"));
}

TEST(Plot, IsRefusedWhereNobodyWouldSeeIt) {
  const RunResult quiet = run(train_arguments({"--plot", "--quiet"}));
  expect_refusal(quiet, 64, "--plot: is drawn on standard error, where --quiet says nothing",
                 "leave one of them out, or use --report FILE");
  EXPECT_EQ(run(train_arguments({"--plot", "--dry-run"})).code, 64);
}

TEST(Plot, LeavesNoBarInTheWayOfAnError) {
  if (!terminals_available()) GTEST_SKIP() << "/dev/pts is not mounted: there are no terminals";
  const RunResult result = run(train_arguments({"--model", "mle", "--optimizer", "sgd", "--lr",
                                                "1e6", "--plot", "--epochs", "9"}),
                               with_environment({"LC_ALL=C", "NO_COLOR=1"}, true));
  ASSERT_EQ(result.code, 80) << result.output;
  for (const std::string& line : shown_by_terminal(result.output)) {
    EXPECT_FALSE(line.starts_with('[')) << line;
  }
  EXPECT_THAT(shown_by_terminal(result.output),
              ::testing::Contains(::testing::StartsWith("alsatian: error: ")));
}

}  // namespace
}  // namespace alsatian::testing
