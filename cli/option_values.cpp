// Implements option_values.hpp on std::from_chars.
// A value counts only when every character of it was used.
#include "cli/option_values.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cmath>

namespace alsatian {
namespace {

template <typename Number>
std::optional<Number> whole_token(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_plain(std::string_view value) {
  return !value.empty() && value.size() <= 40 &&
         std::all_of(value.begin(), value.end(), [](unsigned char character) {
           return std::isalnum(character) != 0 || character == '.' || character == '+' ||
                  character == '-' || character == '_';
         });
}

/// The part of a list before the next comma, which is left.
std::optional<std::string> take_plain(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(','), rest.size());
  std::string part(rest.substr(0, end));
  part.erase(part.find_last_not_of(' ') + 1);
  rest.remove_prefix(end);
  return part;
}

/// The part in quotes that a list begins with; nothing where no comma or end follows it.
std::optional<std::string> take_quoted(std::string_view& rest) {
  std::string part;
  for (std::size_t at = 1; at < rest.size(); ++at) {
    if (rest[at] != '"') {
      part += rest[at];
      continue;
    }
    rest.remove_prefix(at + 1);
    if (!rest.starts_with('"')) {
      rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
      if (rest.empty() || rest.front() == ',') return part;
      return std::nullopt;
    }
    part += '"';
    at = 0;
  }
  return std::nullopt;
}

std::string help_with(std::string_view option, const std::string& example) {
  return example.empty() ? fmt::format("see {} in --help", option)
                         : fmt::format("try {} {}", option, example);
}

}  // namespace

std::string describe(const WholeRule& rule) {
  return fmt::format("a whole number between {} and {}", rule.lowest, rule.highest);
}

std::string describe(const RealRule& rule) {
  const bool below = std::isfinite(rule.lowest);
  const bool above = std::isfinite(rule.highest);
  std::string text = "a finite number";
  if (below && above && !rule.lowest_excluded && !rule.highest_excluded) {
    return fmt::format("a number between {:g} and {:g}", rule.lowest, rule.highest);
  }
  if (below)
    text = fmt::format("a number {} {:g}", rule.lowest_excluded ? "above" : "of at least",
                       rule.lowest);
  if (above)
    text +=
        fmt::format(" {} {:g}", rule.highest_excluded ? "and below" : "and at most", rule.highest);
  return text;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  return whole_token<std::int64_t>(text);
}

void refuse_value(std::string_view option, std::string_view value, const std::string& rule,
                  const std::string& help) {
  // A colon in the place would read as a line number, so such values stand in the text.
  if (value.find(':') != std::string_view::npos) {
    throw Error(ExitCode::usage, std::string(option),
                fmt::format("{} must be {}", quoted(value), rule), help);
  }
  throw Error(ExitCode::usage,
              fmt::format("{} {}", option, is_plain(value) ? std::string(value) : quoted(value)),
              fmt::format("must be {}", rule), help);
}

std::int64_t parse_whole(std::string_view option, std::string_view value, const WholeRule& rule) {
  const auto number = whole_token<std::int64_t>(value);
  if (!number || *number < rule.lowest || *number > rule.highest) {
    refuse_value(option, value, describe(rule), help_with(option, rule.example));
  }
  return *number;
}

bool is_rounded_to_zero(std::string_view text) {
  double number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (end != last || error == std::errc::invalid_argument) return false;
  constexpr std::string_view not_zero = "123456789";
  const std::size_t exponent = std::min(text.find_first_of("eE"), text.size());
  const std::string_view digits = text.substr(0, exponent);
  if (digits.find_first_of(not_zero) == std::string_view::npos) return false;
  // Libraries differ in whether such a number is out of range, as one that is too large is.
  if (error != std::errc::result_out_of_range) return number == 0;
  return exponent < text.size()
             ? text.substr(exponent + 1).starts_with('-')
             : digits.substr(0, digits.find('.')).find_first_of(not_zero) == std::string_view::npos;
}

std::optional<double> real_number(std::string_view text, const RealRule& rule) {
  if (is_rounded_to_zero(text)) return std::nullopt;
  const auto number = whole_token<double>(text);
  const bool inside = number && std::isfinite(*number) &&
                      (rule.lowest_excluded ? *number > rule.lowest : *number >= rule.lowest) &&
                      (rule.highest_excluded ? *number < rule.highest : *number <= rule.highest);
  return inside ? number : std::nullopt;
}

double parse_real(std::string_view option, std::string_view value, const RealRule& rule) {
  const auto number = real_number(value, rule);
  if (!number && is_rounded_to_zero(value)) {
    refuse_value(option, value, std::string(no_underflow), help_with(option, rule.example));
  }
  if (!number) refuse_value(option, value, describe(rule), help_with(option, rule.example));
  return *number;
}

std::int64_t parse_bytes(std::string_view option, std::string_view value) {
  constexpr std::string_view units = "KMGT";
  int shift = 0;
  std::string_view digits = value;
  if (!value.empty()) {
    const std::size_t unit = units.find(value.back());
    if (unit != std::string_view::npos) {
      shift = 10 * static_cast<int>(unit + 1);
      digits.remove_suffix(1);
    }
  }
  const auto number = whole_token<std::int64_t>(digits);
  if (!number || *number < 1 || *number > (std::numeric_limits<std::int64_t>::max() >> shift)) {
    refuse_value(option, value, "a number of bytes of at least 1, or one with K, M, G or T",
                 help_with(option, "8G"));
  }
  return *number << shift;
}

std::int64_t parse_time(std::string_view option, std::string_view value) {
  if (const auto seconds = whole_token<std::int64_t>(value)) return *seconds;
  if (value.size() == 10 && value[4] == '-' && value[7] == '-') {
    const auto year = whole_token<int>(value.substr(0, 4));
    const auto month = whole_token<unsigned>(value.substr(5, 2));
    const auto day = whole_token<unsigned>(value.substr(8, 2));
    if (year && month && day) {
      const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month),
                                             std::chrono::day(*day)};
      if (date.ok()) {
        return std::chrono::duration_cast<std::chrono::seconds>(
                   std::chrono::sys_days(date).time_since_epoch())
            .count();
      }
    }
  }
  refuse_value(option, value, "whole seconds since 1970 or a day as YYYY-MM-DD",
               help_with(option, "2015-01-01"));
}

std::vector<std::string> parse_list(std::string_view option, std::string_view value) {
  std::vector<std::string> parts;
  std::string_view rest = value;
  while (true) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const auto part = rest.starts_with('"') ? take_quoted(rest) : take_plain(rest);
    if (!part) {
      refuse_value(option, value, "a list whose quotes are closed before a comma or the end",
                   "write a \" within quotes twice: '\"a \"\"b\"\"\",c'");
    }
    if (part->empty()) {
      refuse_value(option, value, "a list without empty parts", help_with(option, "1,2,3"));
    }
    parts.push_back(*part);
    if (rest.empty()) return parts;
    rest.remove_prefix(1);
  }
}

}  // namespace alsatian
