// The careful way to read a field; plain_row.hpp is the fast way for the most frequent layout.
// Both read the same values from the same bytes; this one alone can say why it cannot.
#include "host/ratings/values.hpp"

#include "host/ratings/ids.hpp"

#include <fast_float/fast_float.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <string>
#include <system_error>

namespace alsatian {
namespace {

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

std::string_view without_minus(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return text;
}

bool equals_ignoring_case(std::string_view text, std::string_view lower_case) {
  return std::ranges::equal(text, lower_case, [](char found, char wanted) {
    return (found >= 'A' && found <= 'Z' ? found - 'A' + 'a' : found) == wanted;
  });
}

/// The whole of text as a number with this decimal sign; infinity where it is beyond Real.
template <typename Real>
std::optional<Real> parse_real(std::string_view text, char decimal) {
  Real value = 0;
  const char* end = text.data() + text.size();
  const fast_float::parse_options rules(fast_float::chars_format::general, decimal);
  const auto [rest, error] = fast_float::from_chars_advanced(text.data(), end, value, rules);
  const bool understood = error == std::errc() || error == std::errc::result_out_of_range;
  if (!understood || rest != end) return std::nullopt;
  return value;
}

bool names_infinity_or_nan(std::string_view text) { return std::ranges::none_of(text, is_digit); }

/// Whether there is a digit other than 0 before the exponent.
bool is_written_as_nonzero(std::string_view text) {
  const std::string_view mantissa = text.substr(0, text.find_first_of("eE"));
  return std::ranges::any_of(mantissa,
                             [](char letter) { return is_digit(letter) && letter != '0'; });
}

/// Two or more digits at the start of text, removed from it.
std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  int value = 0;
  if (text.size() < count) return std::nullopt;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + count, value);
  if (error != std::errc() || rest != text.data() + count || !is_digit(text[0])) {
    return std::nullopt;
  }
  text.remove_prefix(count);
  return value;
}

bool take_letter(std::string_view& text, std::string_view letters) {
  if (text.empty() || letters.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// Seconds of the day of "hh:mm" or "hh:mm:ss", with an optional Z.
std::optional<int> parse_time_of_day(std::string_view text) {
  const auto hours = take_digits(text, 2);
  if (!hours || !take_letter(text, ":")) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes) return std::nullopt;
  std::optional<int> seconds = 0;
  if (take_letter(text, ":")) seconds = take_digits(text, 2);
  take_letter(text, "Z");
  if (!seconds || !text.empty() || *hours > 23 || *minutes > 59 || *seconds > 60) {
    return std::nullopt;
  }
  return (*hours * 60 + *minutes) * 60 + *seconds;
}

std::optional<std::int64_t> parse_date(std::string_view text) {
  const auto year = take_digits(text, 4);
  if (!year || !take_letter(text, "-")) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take_letter(text, "-")) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const std::chrono::sys_seconds midnight = std::chrono::sys_days(date);
  if (text.empty()) return midnight.time_since_epoch().count();
  if (!take_letter(text, " T")) return std::nullopt;
  const auto seconds = parse_time_of_day(text);
  if (!seconds) return std::nullopt;
  return midnight.time_since_epoch().count() + *seconds;
}

}  // namespace

ParsedId parse_id(std::string_view text) {
  if (text.empty()) return {IdForm::empty, 0};
  const std::string_view digits = without_minus(text);
  if (!digits.empty() && std::ranges::all_of(digits, is_digit)) {
    const bool is_minus_zero = digits == "0" && digits.size() < text.size();
    if ((digits.size() > 1 && digits[0] == '0') || is_minus_zero) return {IdForm::leading_zeros, 0};
    const auto value = parse_integer_id(text);
    return value ? ParsedId{IdForm::integer, *value} : ParsedId{IdForm::beyond_64_bits, 0};
  }
  return {is_number(text) ? IdForm::other_number : IdForm::text, 0};
}

ParsedRating parse_rating(std::string_view text, char decimal) {
  if (text.empty()) return {0, RatingFlaw::empty, false};
  const std::optional<float> value = parse_real<float>(text, decimal);
  if (value && std::isfinite(*value)) {
    return {*value, RatingFlaw::none, *value == 0 && is_written_as_nonzero(text)};
  }
  if (value) {
    const bool named = names_infinity_or_nan(text);
    return {0, named ? RatingFlaw::not_finite : RatingFlaw::beyond_float, false};
  }
  constexpr auto missing = std::to_array<std::string_view>({"na", "n/a", "null", "none", "\\n"});
  for (const std::string_view word : missing) {
    if (equals_ignoring_case(text, word)) return {0, RatingFlaw::missing, false};
  }
  if (decimal == '.' && parse_real<double>(text, ',')) return {0, RatingFlaw::decimal_comma, false};
  if (decimal == ',' && parse_real<double>(text, '.')) return {0, RatingFlaw::decimal_point, false};
  return {0, RatingFlaw::not_a_number, false};
}

ParsedNumber parse_number(std::string_view text) {
  if (text.size() > 1 && text[0] == '0' && is_digit(text[1])) return {0, NumberForm::code};
  if (const auto value = parse_real<double>(text, '.')) {
    return std::isfinite(*value) ? ParsedNumber{*value, NumberForm::finite}
                                 : ParsedNumber{0, NumberForm::not_finite};
  }
  return {0, parse_real<double>(text, ',') ? NumberForm::decimal_comma : NumberForm::none};
}

std::optional<std::int64_t> parse_time(std::string_view text) {
  if (const auto seconds = parse_integer_id(text)) return seconds;
  return parse_date(text);
}

bool is_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const bool has_digit = std::ranges::any_of(text, is_digit);
  return has_digit && (parse_real<double>(text, '.') || parse_real<double>(text, ','));
}

}  // namespace alsatian
