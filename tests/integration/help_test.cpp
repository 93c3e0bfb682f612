// What --help says of every option of every command is what the program does.
// The options are read from --help itself, so that a new one is checked without a new test.
#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <regex>

namespace alsatian::testing {
namespace {

const std::vector<std::string> commands{"train",   "evaluate", "compare",  "predict", "recommend",
                                        "similar", "inspect",  "generate", "explore", "tune"};

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

/// The text in the last [brackets].
std::string brackets_of(const std::string& text) {
  const std::size_t first = text.rfind('[');
  const std::size_t last = text.rfind(']');
  return first == std::string::npos || last < first ? "" : text.substr(first + 1, last - first - 1);
}

TEST(Help, ShowsTheDefaultOfEveryValueOrThatThereIsNone) {
  for (const HelpOption& option : all_valued_options()) {
    const std::string brackets = brackets_of(option.text);
    EXPECT_TRUE(brackets == "required" || brackets.find("default ") != std::string::npos)
        << option.command << " " << option.name << ": " << option.text;
  }
}

/// What a help text says that an option takes, and what is just beyond it.
struct Range {
  std::vector<std::string> inside;
  std::vector<std::string> outside;
};

std::string one_below(const std::string& whole) { return std::to_string(std::stoll(whole) - 1); }

std::string one_above(const std::string& whole) {
  return std::to_string(static_cast<std::uint64_t>(std::stoll(whole)) + 1);
}

std::string next_real(const std::string& text, double towards) {
  std::array<char, 32> digits{};
  const double neighbour = std::nextafter(std::stod(text), towards);
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), neighbour).ptr;
  return {digits.data(), end};
}

/// Of "A to B", "above A, below B", "above A, at most B" or "any finite number".
std::optional<Range> range_of(const std::string& text, bool whole) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  static const std::regex grammar(
      "(?:([0-9.e]+) to ([0-9.e]+)|above ([0-9.e]+), (below|at most) ([0-9.e]+))(?:,.*)?");
  if (text.starts_with("any finite number")) {
    return Range{{"-1e308", "0", "1e308"}, {"inf", "-inf", "nan", "1e309"}};
  }
  std::smatch found;
  if (!std::regex_match(text, found, grammar)) return std::nullopt;
  if (found[1].matched) {
    const std::string low = found[1];
    const std::string high = found[2];
    return Range{{low, high},
                 {whole ? one_below(low) : next_real(low, -infinity),
                  whole ? one_above(high) : next_real(high, infinity)}};
  }
  const std::string low = found[3];
  const std::string high = found[5];
  if (found[4] == "below") {
    return Range{{next_real(low, infinity), next_real(high, 0)}, {low, high}};
  }
  return Range{{next_real(low, infinity), high}, {low, next_real(high, infinity)}};
}

/// Arguments with which all that is left to refuse is the option's own value.
std::vector<std::string> surroundings(const HelpOption& option, const std::string& schedule) {
  if (schedule.empty()) return {option.command};
  return {option.command, "--data", "/nonexistent.csv", "--model", "mle", "--schedule", schedule};
}

void expect_range(const HelpOption& option, const std::string& schedule, const Range& range) {
  const auto first_line = [&](const std::string& value) {
    const RunResult result = run(with(surroundings(option, schedule), {option.name, value}));
    EXPECT_NE(result.code, 0) << "the rest of the command line is not there";
    return std::to_string(result.code) + " " + lines_of(result.error).front();
  };
  const auto refusal = [&](const std::string& value) {
    return "64 alsatian: error: " + option.name + " " + value + ": must be ";
  };
  for (const std::string& value : range.outside) {
    EXPECT_THAT(first_line(value), ::testing::StartsWith(refusal(value)));
  }
  for (const std::string& value : range.inside) {
    EXPECT_THAT(first_line(value), ::testing::Not(::testing::StartsWith(refusal(value))));
  }
}

TEST(Help, ShowsTheRangeOfEveryNumberAndItIsTheOneEnforced) {
  for (const HelpOption& option : all_valued_options()) {
    const bool real = option.type == "X";
    if (!real && option.type != "N" && option.type != "BYTES") continue;
    SCOPED_TRACE(option.command + " " + option.name + ": " + option.text);
    int ranges = 0;
    // "exponential: above 0, at most 1, default 0.95; inverse-time: 0 to 1e6, default 0.1"
    for (std::string clause : fields_of(brackets_of(option.text), ';')) {
      clause.erase(0, clause.find_first_not_of(' '));
      const std::size_t colon = clause.find(": ");
      const std::string schedule = colon == std::string::npos ? "" : clause.substr(0, colon);
      if (colon != std::string::npos) clause.erase(0, colon + 2);
      if (const auto range = range_of(clause, !real)) {
        expect_range(option, schedule, *range);
        ++ranges;
      }
    }
    EXPECT_GE(ranges, 1);
  }
}

}  // namespace
}  // namespace alsatian::testing
