// Implements config_file.hpp.
// Sections, lists over several lines and the like are refused by line, never skipped.
#include "cli/config_file.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace alsatian {
namespace {

constexpr std::size_t largest_file = std::size_t{1} << 20;
constexpr std::string_view blanks = " \t\r";
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

[[noreturn]] void fail(const std::string& path, int error_number) {
  const bool missing = error_number == ENOENT || error_number == ENOTDIR;
  if (missing) {
    throw Error(ExitCode::missing_input, printable(path), "no such file",
                "check the path after --config");
  }
  throw Error(error_number == EACCES ? ExitCode::no_permission : ExitCode::input_output,
              printable(path),
              fmt::format("cannot be read: {}", std::generic_category().message(error_number)),
              "check the path after --config and its permissions");
}

void check_kind(const std::string& path, int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) fail(path, errno);
  if (S_ISREG(status.st_mode) || S_ISFIFO(status.st_mode)) return;
  throw Error(ExitCode::missing_input, printable(path),
              S_ISDIR(status.st_mode) ? "is a folder" : "is a device, not a file",
              "name a file after --config");
}

std::string read_text(const std::string& path, int descriptor) {
  std::string text;
  char block[1 << 14];
  while (true) {
    const ssize_t count = ::read(descriptor, block, sizeof(block));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path, errno);
    if (count == 0) return text;
    text.append(block, static_cast<std::size_t>(count));
    if (text.size() > largest_file) {
      throw Error(ExitCode::usage, printable(path), "is longer than 1 MiB: is it a config file?",
                  "write one `name = value` a line");
    }
  }
}

std::string read_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) fail(path, errno);
  try {
    check_kind(path, descriptor);
    std::string text = read_text(path, descriptor);
    ::close(descriptor);
    return text;
  } catch (...) {
    ::close(descriptor);
    throw;
  }
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

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
  const std::string text = read_file(path);
  std::string_view rest = text;
  if (rest.starts_with(byte_order_mark)) rest.remove_prefix(byte_order_mark.size());
  std::vector<ConfigEntry> entries;
  for (int line = 1; !rest.empty(); ++line) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view content = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (content.empty() || content.front() == '#' || content.front() == ';') continue;
    entries.push_back(parse_line(content, path, line));
  }
  return entries;
}

std::string config_place(const std::string& path, int line) {
  return fmt::format("{}:{}", printable(path), line);
}

}  // namespace alsatian
