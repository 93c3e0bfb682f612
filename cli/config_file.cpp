// Implements config_file.hpp.
// Sections, lists over several lines and the like are refused by line, never skipped.
#include "cli/config_file.hpp"

#include "cli/small_file.hpp"
#include "host/error.hpp"
#include "host/ratings/records.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace alsatian {
namespace {

constexpr std::string_view blanks = " \t\r";
constexpr SmallFile config_file{.option = "--config",
                                .kind = "a config file",
                                .largest_mib = 1,
                                .code_of_too_long = ExitCode::usage,
                                .one_entry = "write one `name = value` a line"};

/// Reads the values of one line from left to right.
class ValueReader {
 public:
  ValueReader(std::string_view text, std::string place) : rest_(text), place_(std::move(place)) {}

  std::vector<std::string> values() {
    skip_blanks();
    std::vector<std::string> values;
    if (!rest_.starts_with('[')) {
      values.push_back(one_value(""));
    } else {
      take_list(values);
    }
    skip_blanks();
    if (!rest_.empty() && rest_.front() != '#') {
      refuse(fmt::format("{} stands behind the value", quoted(rest_)),
             "put the whole value in quotes");
    }
    return values;
  }

 private:
  void take_list(std::vector<std::string>& values) {
    rest_.remove_prefix(1);
    for (skip_blanks(); !rest_.starts_with(']'); skip_blanks()) {
      if (rest_.empty()) refuse("the list is not closed on its line", "end the line with ]");
      values.push_back(one_value(",]"));
      skip_blanks();
      if (rest_.starts_with(',')) rest_.remove_prefix(1);
    }
    rest_.remove_prefix(1);
    if (values.empty()) refuse("the list is empty", "leave the line out, or give it a value");
  }

  /// ends: characters that end a plain word.
  std::string one_value(std::string_view ends) {
    if (rest_.starts_with('"')) return escaped_string();
    if (rest_.starts_with('\'')) return literal_string();
    std::size_t end = 0;
    while (end < rest_.size() && ends.find(rest_[end]) == std::string_view::npos &&
           !is_comment(end)) {
      ++end;
    }
    const std::string word(trimmed(rest_.substr(0, end)));
    rest_.remove_prefix(end);
    return word;
  }

  bool is_comment(std::size_t at) const {
    return rest_[at] == '#' && (at == 0 || blanks.find(rest_[at - 1]) != std::string_view::npos);
  }

  std::string literal_string() {
    const std::size_t end = rest_.find('\'', 1);
    if (end == std::string_view::npos) refuse_open_quote();
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }

  std::string escaped_string() {
    std::string text;
    for (std::size_t at = 1; at < rest_.size(); ++at) {
      if (rest_[at] == '"') {
        rest_.remove_prefix(at + 1);
        return text;
      }
      text += rest_[at] == '\\' ? escape(++at) : rest_[at];
    }
    refuse_open_quote();
  }

  char escape(std::size_t at) const {
    constexpr std::string_view letters = "\"\\tnr";
    constexpr std::string_view meanings = "\"\\\t\n\r";
    const std::size_t known = at < rest_.size() ? letters.find(rest_[at]) : std::string_view::npos;
    if (known != std::string_view::npos) return meanings[known];
    refuse(fmt::format("{} is no escape in a string", quoted(rest_.substr(at - 1, 2))),
           "write a backslash twice, or put the value in 'single quotes'");
  }

  void skip_blanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(blanks), rest_.size()));
  }

  [[noreturn]] void refuse_open_quote() const {
    refuse(fmt::format("the quote of {} is not closed on its line", quoted(rest_)), "close it");
  }
  [[noreturn]] void refuse(const std::string& what, const std::string& help) const {
    throw Error(ExitCode::usage, place_, what, help);
  }

  std::string_view rest_;
  std::string place_;
};

std::string unquoted(std::string_view name) {
  const bool quotes = name.size() > 1 && (name.front() == '"' || name.front() == '\'') &&
                      name.back() == name.front();
  return std::string(quotes ? name.substr(1, name.size() - 2) : name);
}

ConfigEntry parse_line(std::string_view text, const std::string& path, int line) {
  const std::string place = config_place(path, line);
  if (std::any_of(text.begin(), text.end(), [](unsigned char letter) {
        return letter < 0x20 && letter != '\t' && letter != '\r';
      })) {
    throw Error(ExitCode::usage, place, "the line has bytes that are no text: is it a config file?",
                "name a text file after --config");
  }
  if (text.starts_with('[')) {
    throw Error(ExitCode::usage, place,
                fmt::format("{} starts a section, and options stand in none", quoted(text)),
                "leave the line out");
  }
  const std::size_t equals = text.find('=');
  const std::string name = unquoted(trimmed(text.substr(0, equals)));
  if (equals == std::string_view::npos || name.empty()) {
    throw Error(ExitCode::usage, place, fmt::format("{} is not name = value", quoted(text)),
                "write one option a line, as in k = 64");
  }
  return {name, ValueReader(text.substr(equals + 1), place).values(), line};
}

}  // namespace

std::vector<ConfigEntry> read_config_file(const std::string& path) {
  const std::string text = read_small_file(path, config_file);
  std::vector<ConfigEntry> entries;
  std::string_view rest = text;
  for (int line = 1; !rest.empty(); ++line) {
    const std::string_view content = take_line(rest);
    if (content.empty() || content.front() == '#' || content.front() == ';') continue;
    entries.push_back(parse_line(content, path, line));
  }
  return entries;
}

std::string config_place(const std::string& path, int line) {
  return fmt::format("{}:{}", printable(path), line);
}

}  // namespace alsatian
