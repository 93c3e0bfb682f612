// What ids, ratings and times look like, field by field, and what is wrong with those that do not.
// Never depends on the locale; a field counts only where all of it was understood.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace alsatian {

enum class IdForm {
  integer,        // of 64 bits, written without leading zeros
  leading_zeros,  // as 007, -0: another way to write some integer
  beyond_64_bits,
  other_number,  // as 1.5, 1e3, +5
  text,
  empty,
};

struct ParsedId {
  IdForm form;
  std::int64_t value;  // of an integer
};
ParsedId parse_id(std::string_view text);

enum class RatingFlaw {
  none,
  empty,
  missing,  // NA, NULL, none
  decimal_comma,
  decimal_point,  // where --decimal , is set
  not_a_number,
  not_finite,
  beyond_float,
};

struct ParsedRating {
  float value;
  RatingFlaw flaw;
  bool underflows;  // not 0 as written, 0 as a float
};
/// decimal: '.' or ','.
ParsedRating parse_rating(std::string_view text, char decimal);

enum class NumberForm {
  finite,
  not_finite,     // inf and nan, and what is beyond a double
  decimal_comma,  // a number with a comma for the point
  code,           // digits with a zero in front, as 02460
  none,
};

struct ParsedNumber {
  double value;  // of a finite one
  NumberForm form;
};
/// The whole text as a number with a decimal point.
ParsedNumber parse_number(std::string_view text);

/// Seconds since 1970: an integer, or a date and time of day in UTC as 2005-09-06,
/// 2005-09-06 23:10:00 or 2005-09-06T23:10:00Z.
std::optional<std::int64_t> parse_time(std::string_view text);

/// Whether the whole text is a number of any kind, also one with a decimal comma.
bool is_number(std::string_view text);

}  // namespace alsatian
