// Lines that cannot be used: what is wrong, where, and the words for it.
// The parser only notes them; words are made for the few that anybody will read.
#pragma once

#include "host/ratings/records.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace alsatian {

/// Bad lines kept per chunk and in all; the others are only counted.
inline constexpr std::int64_t most_bad_lines_kept = 10000;
/// Bytes of a bad line that are listed.
inline constexpr std::size_t longest_rejected_text = 1024;

enum class BadLineReason {
  too_long,
  nul_byte,
  unclosed_quote,
  text_after_quote,
  column_count,
  id_empty,
  id_text,
  id_number,
  id_leading_zeros,
  id_beyond_64_bits,
  id_not_utf8,
  id_outside_matrix,
  rating_empty,
  rating_missing,
  rating_decimal_comma,
  rating_decimal_comma_between_commas,  // which separate the columns
  rating_decimal_point,
  rating_not_a_number,
  rating_not_finite,
  rating_beyond_float,
  time_unreadable,
};

/// A line at fault. Views are of the text that was read.
struct BadLine {
  BadLineReason reason = BadLineReason::column_count;
  std::int64_t line = 0;         // from 1
  std::int64_t column = 0;       // byte of the field, from 1; 0 where the whole line is at fault
  std::string_view what;         // "user" or "item" for ids
  std::string_view value;        // of the field
  std::string_view text;         // of the record
  int columns = 0;               // that it has
  int expected_columns = 0;      // that it should have
  std::int64_t rows_before = 0;  // ratings read before it
};

struct Complaint {
  std::string what;
  std::string help;
};

/// What is wrong with the line, and what to do.
Complaint complaint_about(const BadLine& bad);

/// A record that could not be cut, which starts on `line`.
BadLine flawed_line(const Record& record, std::int64_t line);

/// Where a part of a record stands: line and byte column.
struct TextPosition {
  std::int64_t line;
  std::int64_t column;
};
TextPosition position_of(const Record& record, std::int64_t line, const char* part);

/// PLACE:LINE[:COLUMN].
std::string place_of(const BadLine& bad, const std::string& place);

[[noreturn]] void throw_bad_line(const BadLine& bad, const std::string& place);

}  // namespace alsatian
