// Implements own_layout.hpp.
// The first record decides: a table has its columns in every line.
#include "cli/own_layout.hpp"

#include "host/ratings/bad_line.hpp"
#include "host/ratings/values.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace alsatian {
namespace {

/// The delimiter of Excel's `sep=;`, and nothing for any other line.
std::string_view told_separator(std::string_view line) {
  constexpr std::string_view word = "sep=";
  const bool is_word = line.size() == word.size() + 1 &&
                       std::ranges::equal(line.substr(0, word.size()), word,
                                          [](char a, char b) { return a == b || a + 32 == b; });
  return is_word ? line.substr(word.size()) : std::string_view();
}

/// The first record that is neither blank nor a comment.
Record first_record(std::string_view text, const RecordRules& rules) {
  Record record;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end && record.fields.empty();) {
    at = read_unless_comment(at, end, rules, record);
    if (is_comment(record)) record.fields.clear();
  }
  return record;
}

/// As in `Alien;3,5`, which a comma cuts into as many fields as `;` does.
bool ends_in_a_decimal_comma(const Record& record) {
  const std::string_view last = trimmed(record.fields.back().text);
  return last.find(',') != std::string_view::npos &&
         parse_rating(last, ',').flaw == RatingFlaw::none;
}

constexpr const char* twice = "write a quote inside a quoted field twice (\"\")";

/// Of a record without a flaw: where the quote opens that goes over a line's end.
TextPosition long_quote_of(const Record& record, std::int64_t line) {
  const auto field = std::ranges::find_if(record.fields, [](const Field& candidate) {
    return candidate.text.find('\n') != std::string_view::npos;
  });
  return position_of(record, line, field->text.data() - 1);
}

}  // namespace

bool is_comment(const Record& record) {
  const std::string_view text = trimmed(record.text);
  const bool has_numbers = record.fields.size() > 1 && record.fields.front().text == "#";
  return text.starts_with('#') && !has_numbers;
}

const char* read_unless_comment(const char* begin, const char* end, const RecordRules& rules,
                                Record& record) {
  const char* const next = read_record(begin, end, rules, record);
  if (!is_comment(record)) return next;
  RecordRules without_quotes = rules;
  without_quotes.quotes = false;
  return read_record(begin, end, without_quotes, record);
}

void end_lines_alike(std::string& text) {
  std::size_t kept = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t next = std::min(text.find_first_not_of('\r', at), text.size());
    if (next < text.size() && next > at && text[next] == '\n') at = next;
    text[kept++] = text[at] == '\r' ? '\n' : text[at];
    ++at;
  }
  text.resize(kept);
}

OwnLayout own_layout_of(std::string_view text) {
  OwnLayout layout{.rules = {.delimiter = {","}, .comment = '\0'}};
  const std::string_view line = text.substr(0, text.find('\n'));
  if (const std::string_view separator = told_separator(line); !separator.empty()) {
    layout.rules.delimiter.text = separator;
    layout.begin = std::min(line.size() + 1, text.size());
    layout.first_line = 2;
    return layout;
  }
  std::size_t most = 1;
  for (const char* delimiter : {",", "\t", ";", "::", "|"}) {
    RecordRules rules = layout.rules;
    rules.delimiter.text = delimiter;
    const Record first = first_record(text, rules);
    const std::size_t fields = first.fields.size();
    const bool explains_comma = most > 1 && fields == most && ends_in_a_decimal_comma(first);
    if (fields <= most && !explains_comma) continue;
    most = fields;
    layout.rules = rules;
  }
  return layout;
}

RecordComplaint complaint_of(const Record& record, std::int64_t line, const char* otherwise) {
  if (record.flaw == RecordFlaw::nul_byte) return {"has a byte of 0", otherwise};
  if (record.flaw == RecordFlaw::too_long) return {"is longer than 1 MiB", otherwise};
  const TextPosition open = position_of(record, line, record.quote_at);
  const std::string what = fmt::format("is not a record of text: the quote in line {}, column {} ",
                                       open.line, open.column);
  if (record.flaw == RecordFlaw::unclosed_quote) {
    return {what + "is closed nowhere (within 1 MiB)",
            fmt::format("close the quote of line {}, or {}", open.line, twice)};
  }
  return {what + fmt::format("closes in line {}, with more text behind it",
                             position_of(record, line, record.flaw_at).line),
          fmt::format("{}, or close that of line {} sooner", twice, open.line)};
}

std::string swallowed_lines(const Record& record, std::int64_t line) {
  if (record.lines == 1) return "";
  const bool is_flawed = record.flaw != RecordFlaw::none;
  const TextPosition open = is_flawed ? TextPosition{line, 1} : long_quote_of(record, line);
  const std::int64_t last = line + record.lines - 1;
  const std::string lines = last == open.line + 1
                                ? fmt::format("line {}", last)
                                : fmt::format("lines {} to {}", open.line + 1, last);
  if (is_flawed) return "the record takes in " + lines;
  return fmt::format("the quote in line {}, column {} takes in {}", open.line, open.column, lines);
}

bool holds_whole_lines(const Record& record, const RecordRules& rules, std::size_t fields,
                       std::size_t rating) {
  if (record.lines == 1) return false;
  RecordRules without_quotes = rules;
  without_quotes.quotes = false;
  const char* const end = record.text.data() + record.text.size();
  Record line;
  for (const char* at = record.text.data(); at < end;) {
    at = read_record(at, end, without_quotes, line);
    if (line.fields.size() != fields || !is_number(line.fields[rating].text)) return false;
  }
  return true;
}

std::string remedy_for_swallowed_lines(const Record& record, std::int64_t line) {
  return fmt::format("close the quote of line {}, or {}", long_quote_of(record, line).line, twice);
}

}  // namespace alsatian
