// Values of options: whole tokens, ranges, and errors that name option, value, rule and remedy.
// No part of the standard library that reads a prefix or looks at the locale is used here.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

/// Whole numbers from lowest to highest; example is the value that the remedy suggests.
struct WholeRule {
  std::int64_t lowest = 0;
  std::int64_t highest = std::numeric_limits<std::int64_t>::max();
  std::string example;
};

/// Finite numbers from lowest to highest, the ends excluded where said.
struct RealRule {
  double lowest = 0;
  double highest = std::numeric_limits<double>::infinity();
  bool lowest_excluded = false;
  bool highest_excluded = false;
  std::string example;
};

/// "a whole number between 0 and 1024", "a number above 0 and below 1".
std::string describe(const WholeRule& rule);
std::string describe(const RealRule& rule);

/// Throws Error 64: `OPTION VALUE: must be RULE`, the value quoted unless it is one plain token.
[[noreturn]] void refuse_value(std::string_view option, std::string_view value,
                               const std::string& rule, const std::string& help);

/// The whole of `text` as a decimal whole number of at most 64 bits.
std::optional<std::int64_t> whole_number(std::string_view text);

/// The rule of numbers for which is_rounded_to_zero() is true.
inline constexpr std::string_view no_underflow =
    "0 or a number that is not rounded to it (the smallest are of 1e-308)";

/// Whether `text` is a decimal number that is not 0 and that double precision rounds to 0.
bool is_rounded_to_zero(std::string_view text);

/// The whole of `text` as a decimal number that the rule allows; none is rounded to 0.
std::optional<double> real_number(std::string_view text, const RealRule& rule);

/// The whole of `value` as a decimal number within the rule; anything else is refused.
std::int64_t parse_whole(std::string_view option, std::string_view value, const WholeRule& rule);
double parse_real(std::string_view option, std::string_view value, const RealRule& rule);

/// Bytes: a whole number, with K, M, G or T for powers of 1024.
std::int64_t parse_bytes(std::string_view option, std::string_view value);

/// Seconds since 1970 (UTC): a whole number, or a day as YYYY-MM-DD.
std::int64_t parse_time(std::string_view option, std::string_view value);

/// Parts between commas, as in a line of CSV: a part in "quotes" may hold commas, and quotes where
/// they are doubled. Blanks around a part do not count, but within quotes. An empty part is
/// refused, and a quote that is not closed.
std::vector<std::string> parse_list(std::string_view option, std::string_view value);

}  // namespace alsatian
