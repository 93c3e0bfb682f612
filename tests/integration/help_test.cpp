// What --help says of every option of every command is what the program does.
// The options are read from --help itself, so that a new one is checked without a new test.
#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alsatian::testing {
namespace {

const std::vector<std::string> commands{"train",   "evaluate", "predict", "recommend",
                                        "similar", "inspect",  "generate"};

/// An option as --help shows it.
struct HelpOption {
  std::string command;
  std::string name;  // the first
  std::string type;  // of its value; "" for a flag
  std::string text;  // on one line
};

/// Options that take a value.
std::vector<HelpOption> valued_options(const std::string& command) {
  constexpr std::size_t text_column = 36;
  std::vector<HelpOption> options;
  bool inside = false;
  for (const std::string& line : lines_of(run({command, "--help"}).output)) {
    const std::size_t first = line.find_first_not_of(' ');
    if (first == 2 && line[2] == '-') {
      const std::string head = line.substr(2, line.find("  ", 2) - 2);
      const std::size_t blank = std::min(head.find(' '), head.size());
      const std::string text = line.size() > text_column ? line.substr(text_column) : "";
      options.push_back({command, head.substr(0, std::min(head.find(','), blank)),
                         blank < head.size() ? head.substr(blank + 1) : "",
                         head.size() + 2 < text_column ? text : ""});
      inside = true;
    } else if (inside && first == text_column) {
      std::string& text = options.back().text;
      text += (text.empty() ? "" : " ") + line.substr(text_column);
    } else {
      inside = false;
    }
  }
  std::erase_if(options, [](const HelpOption& option) { return option.type.empty(); });
  return options;
}

std::vector<HelpOption> all_valued_options() {
  std::vector<HelpOption> all;
  for (const std::string& command : commands) {
    const std::vector<HelpOption> own = valued_options(command);
    EXPECT_FALSE(own.empty()) << command;
    all.insert(all.end(), own.begin(), own.end());
  }
  return all;
}

TEST(Help, ShowsTheOptionsThatTheTestsBelowGoThrough) {
  std::vector<std::string> names;
  for (const HelpOption& option : all_valued_options()) {
    names.push_back(option.command + " " + option.name + " " + option.type);
  }
  EXPECT_GT(names.size(), 90U);
  EXPECT_THAT(names, ::testing::IsSupersetOf({"train --k N", "train --out FILE",
                                              "train --schedule exponential|inverse-time",
                                              "similar --item ID|TITLE", "generate --noise X"}));
}

TEST(Options, OfEveryCommandRefuseAnEmptyValueWithPlaceRuleAndRemedy) {
  for (const HelpOption& option : all_valued_options()) {
    SCOPED_TRACE(option.command + " " + option.name);
    const RunResult result = run({option.command, option.name, ""});
    EXPECT_EQ(result.code, 64);
    EXPECT_EQ(result.output, "");
    EXPECT_TRUE(is_error_text(result.error)) << result.error;
    EXPECT_TRUE(
        lines_of(result.error).front().starts_with("alsatian: error: " + option.name + " \"\": "))
        << result.error;
  }
}

TEST(Options, WithoutARuleOfTheirOwnSayThatTheyMustNotBeEmpty) {
  const std::vector<std::vector<std::string>> refused{
      {"train --out", "alsatian train --out FILE"},
      {"train --test", "alsatian train --test FILE"},
      {"train --config", "alsatian train --config FILE"},
      {"evaluate --test", "alsatian evaluate MODEL --test FILE"},
      {"predict --pairs", "alsatian predict MODEL --pairs FILE"},
      {"similar --user", "alsatian similar MODEL --user ID"},
      {"generate --movies", "alsatian generate --movies FILE"}};
  for (const auto& words : refused) {
    const std::vector<std::string> option = fields_of(words[0], ' ');
    const RunResult result = run(with(option, {""}));
    EXPECT_EQ(result.code, 64);
    EXPECT_EQ(result.error, "alsatian: error: " + option[1] +
                                " \"\": must not be empty\n  help: give it as in: " + words[1] +
                                "\n");
  }
  const RunResult model = run({"inspect", ""});
  EXPECT_EQ(model.code, 64);
  EXPECT_EQ(model.error,
            "alsatian: error: MODEL \"\": must not be empty\n"
            "  help: give it as in: alsatian inspect MODEL\n");
}

}  // namespace
}  // namespace alsatian::testing
