// One sentence and one remedy per rule.
// Tests match these words, and people search the web for them: change them with care.
#include "host/ratings/bad_line.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <string>

namespace alsatian {
namespace {

constexpr const char* skip_help = "correct the line, or leave such lines out: --on-bad-line skip";
constexpr const char* string_help =
    "if these are names rather than numbers pass --ids string; else correct the line, or "
    "--on-bad-line skip";

std::string with_commas(std::int64_t count) {
  const std::string digits = std::to_string(count);
  std::string text;
  for (std::size_t index = 0; index < digits.size(); ++index) {
    if (index > 0 && (digits.size() - index) % 3 == 0) text += ',';
    text += digits[index];
  }
  return text;
}

Complaint about_record(const BadLine& bad) {
  switch (bad.reason) {
    case BadLineReason::too_long:
      return {"the line is longer than 1 MiB", "is it a text with one rating per line?"};
    case BadLineReason::nul_byte:
      return {"the line has a NUL byte: is the file damaged?",
              "download or copy the file again, or leave such lines out: --on-bad-line skip"};
    case BadLineReason::unclosed_quote:
      return {"the quote that opens here is never closed (or not within 1 MiB)",
              "close it, or write a quote inside a quoted field twice"};
    case BadLineReason::text_after_quote:
      return {"there is text behind the closing quote",
              "write a quote inside a quoted field twice"};
    default:
      return {fmt::format("{} {}, expected {}", bad.columns,
                          bad.columns == 1 ? "column" : "columns", bad.expected_columns),
              skip_help};
  }
}

Complaint about_id(const BadLine& bad) {
  const std::string value = fmt::format("{} {}", bad.what, quoted(bad.value));
  switch (bad.reason) {
    case BadLineReason::id_empty:
      return {fmt::format("{} is empty", bad.what), skip_help};
    case BadLineReason::id_leading_zeros:
      return {value + " has leading zeros: two ways to write one integer", string_help};
    case BadLineReason::id_beyond_64_bits:
      return {value + " is beyond 64 bits", string_help};
    case BadLineReason::id_not_utf8:
      return {value + " is not UTF-8", "convert it: iconv -f LATIN1 -t UTF-8 FILE > utf8.csv"};
    case BadLineReason::id_outside_matrix:
      return {value + " is outside the matrix that the size line declares",
              "correct the size line or the entry; indices count from 1"};
    default:
      return {bad.rows_before == 0 ? value + " is not an integer"
                                   : fmt::format("{} is not an integer (the {} before are)", value,
                                                 with_commas(bad.rows_before)),
              string_help};
  }
}

Complaint about_rating(const BadLine& bad) {
  const std::string value = fmt::format("rating {}", quoted(bad.value));
  switch (bad.reason) {
    case BadLineReason::rating_empty:
      return {"rating is empty", skip_help};
    case BadLineReason::rating_missing:
      return {value + " stands for no rating", skip_help};
    case BadLineReason::rating_decimal_comma:
      return {value + " looks like a decimal comma", "write a decimal point, or pass --decimal ,"};
    case BadLineReason::rating_decimal_comma_between_commas:
      return {value + " looks like a decimal comma",
              "write a decimal point; --decimal , needs columns separated by something else"};
    case BadLineReason::rating_decimal_point:
      return {value + " has a decimal point, --decimal says comma", "leave out --decimal ,"};
    case BadLineReason::rating_not_finite:
      return {value + " is not finite", skip_help};
    case BadLineReason::rating_beyond_float:
      return {value + " does not fit float32 (at most 3.4e38)",
              "divide all ratings by the same number"};
    default:
      return {value + " is not a number", skip_help};
  }
}

BadLineReason reason_of(RecordFlaw flaw) {
  switch (flaw) {
    case RecordFlaw::too_long:
      return BadLineReason::too_long;
    case RecordFlaw::nul_byte:
      return BadLineReason::nul_byte;
    case RecordFlaw::text_after_quote:
      return BadLineReason::text_after_quote;
    default:
      return BadLineReason::unclosed_quote;
  }
}

}  // namespace

Complaint complaint_about(const BadLine& bad) {
  if (bad.reason <= BadLineReason::column_count) return about_record(bad);
  if (bad.reason <= BadLineReason::id_outside_matrix) return about_id(bad);
  if (bad.reason <= BadLineReason::rating_beyond_float) return about_rating(bad);
  return {fmt::format("time {} is neither seconds since 1970 nor a date", quoted(bad.value)),
          "write whole seconds or 2005-09-06, or name the columns without it: "
          "--columns user,item,rating"};
}

BadLine flawed_line(const Record& record, std::int64_t line) {
  BadLine bad;
  bad.reason = reason_of(record.flaw);
  bad.line = line;
  bad.text = record.text;
  if (record.flaw == RecordFlaw::unclosed_quote || record.flaw == RecordFlaw::text_after_quote) {
    // In a record of several lines the quote may be on a later one.
    const char* start = record.text.data();
    const TextPosition at = position_of(record, line, record.flaw_at);
    bad.line = at.line;
    bad.column = at.column;
    bad.value = std::string_view(start, record.text.size());
  }
  return bad;
}

TextPosition position_of(const Record& record, std::int64_t line, const char* part) {
  TextPosition position{line, 1};
  for (const char* at = record.text.data(); at < part; ++at) {
    ++position.column;
    if (*at != '\n') continue;
    ++position.line;
    position.column = 1;
  }
  return position;
}

std::string place_of(const BadLine& bad, const std::string& place) {
  return bad.column > 0 ? fmt::format("{}:{}:{}", place, bad.line, bad.column)
                        : fmt::format("{}:{}", place, bad.line);
}

void throw_bad_line(const BadLine& bad, const std::string& place) {
  Complaint complaint = complaint_about(bad);
  throw Error(ExitCode::bad_data, place_of(bad, place), complaint.what, std::move(complaint.help));
}

}  // namespace alsatian
