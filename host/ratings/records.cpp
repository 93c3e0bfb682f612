// Lines are found with memchr; only a record with a quote is read letter by letter.
// Where a field may hold line breaks is settled here, and by nobody behind it.
#include "host/ratings/records.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace alsatian {
namespace {

constexpr char quote = '"';

bool is_blank(char letter) { return letter == ' ' || letter == '\t'; }

/// The first `letter` in [begin, end), or end.
const char* find_letter(const char* begin, const char* end, char letter) {
  const void* found =
      begin == end ? nullptr : std::memchr(begin, letter, static_cast<std::size_t>(end - begin));
  return found == nullptr ? end : static_cast<const char*>(found);
}

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

void split_at_blanks(std::string_view text, std::vector<Field>& fields) {
  std::size_t at = 0;
  for (;;) {
    while (at < text.size() && is_blank(text[at])) ++at;
    if (at == text.size()) return;
    const std::size_t begin = at;
    while (at < text.size() && !is_blank(text[at])) ++at;
    fields.push_back({text.substr(begin, at - begin)});
  }
}

void split_at_text(std::string_view text, const std::string& delimiter,
                   std::vector<Field>& fields) {
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end =
        delimiter.size() == 1 ? text.find(delimiter[0], begin) : text.find(delimiter, begin);
    fields.push_back({trimmed(text.substr(begin, end - begin))});
    if (end == std::string_view::npos) return;
    begin = end + delimiter.size();
  }
}

/// Reads a record with quotes, letter by letter.
class QuotedRecordReader {
 public:
  QuotedRecordReader(const char* begin, const char* end, const RecordRules& rules, Record& record)
      : begin_(begin), at_(begin), end_(end), rules_(rules), record_(record) {}

  const char* read() {
    for (;;) {
      skip_blanks();
      const bool more = at_ < end_ && *at_ == quote ? read_quoted() : read_plain();
      if (!more) return finish();
    }
  }

 private:
  /// Spaces and tabs, but not a tab that is the delimiter.
  void skip_blanks() {
    while (at_ < end_ && is_blank(*at_) && !at_delimiter()) ++at_;
  }

  bool at_delimiter() const {
    const std::string& text = rules_.delimiter.text;
    return !text.empty() && between(at_, end_).starts_with(text);
  }

  bool at_line_end() const {
    if (at_ == end_ || *at_ == '\n') return true;
    return *at_ == '\r' && (at_ + 1 == end_ || at_[1] == '\n');
  }

  /// Steps over a delimiter; false at the end of the record.
  bool next_field() {
    if (rules_.delimiter.is_blanks()) {
      while (at_ < end_ && is_blank(*at_)) ++at_;
      return !at_line_end();
    }
    if (!at_delimiter()) return false;
    at_ += rules_.delimiter.text.size();
    return true;
  }

  bool read_plain() {
    const char* first = at_;
    while (!at_line_end() && !at_delimiter() && !(rules_.delimiter.is_blanks() && is_blank(*at_))) {
      ++at_;
    }
    // Blanks before the line's end are no field of their own.
    if (at_ > first || !rules_.delimiter.is_blanks()) {
      record_.fields.push_back({trimmed(between(first, at_))});
    }
    return next_field();
  }

  bool read_quoted() {
    const char* open = at_++;
    record_.quote_at = open;
    const char* limit =
        between(begin_, end_).size() > longest_record ? begin_ + longest_record : end_;
    bool doubled = false;
    for (;;) {
      at_ = find_letter(at_, limit, quote);
      if (at_ == limit) return fail(RecordFlaw::unclosed_quote, open);
      if (at_ + 1 >= limit || at_[1] != quote) break;
      doubled = true;
      at_ += 2;
    }
    record_.fields.push_back({between(open + 1, at_), true, doubled});
    const char* close = at_++;
    skip_blanks();
    if (at_line_end() || at_delimiter()) return next_field();
    if (rules_.delimiter.is_blanks() && at_ > close + 1) return true;
    return fail(RecordFlaw::text_after_quote, at_);
  }

  bool fail(RecordFlaw flaw, const char* at) {
    record_.flaw = flaw;
    record_.flaw_at = at;
    return false;
  }

  const char* finish() {
    const bool trusted = record_.flaw != RecordFlaw::unclosed_quote;
    const char* line_end = find_letter(trusted ? at_ : begin_, end_, '\n');
    record_.text = between(begin_, line_end);
    record_.lines = 1 + std::ranges::count(record_.text, '\n');
    if (record_.text.ends_with('\r')) record_.text.remove_suffix(1);
    if (record_.flaw == RecordFlaw::none && record_.text.size() > longest_record) {
      fail(RecordFlaw::too_long, begin_);
    }
    const char* nul = find_letter(begin_, begin_ + record_.text.size(), '\0');
    if (nul != begin_ + record_.text.size()) fail(RecordFlaw::nul_byte, nul);
    if (record_.flaw != RecordFlaw::none) record_.fields.clear();
    return line_end == end_ ? end_ : line_end + 1;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  const RecordRules& rules_;
  Record& record_;
};

}  // namespace

std::string Delimiter::name() const {
  if (is_blanks()) return "blank-separated";
  if (text == ",") return "comma-separated";
  if (text == ";") return "semicolon-separated";
  if (text == "|") return "pipe-separated";
  if (text == "\t") return "tab-separated";
  return printable(text) + "-separated";
}

Delimiter parse_delimiter(std::string_view text) {
  constexpr auto words = std::to_array<std::pair<std::string_view, std::string_view>>({
      {"tab", "\t"},
      {"\\t", "\t"},
      {"comma", ","},
      {"semicolon", ";"},
      {"pipe", "|"},
      {"space", ""},
      {" ", ""},
      {"blanks", ""},
  });
  for (const auto& [word, meaning] : words) {
    if (text == word) return {std::string(meaning)};
  }
  const bool fits =
      !text.empty() && text.size() <= 8 && std::ranges::none_of(text, [](char letter) {
        const bool in_number = (letter >= '0' && letter <= '9') ||
                               (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
        return in_number ||
               std::string_view("\"\n\r+-.# \0", 9).find(letter) != std::string_view::npos;
      });
  if (!fits) {
    throw Error(ExitCode::usage, "--delimiter",
                fmt::format("{} cannot separate fields", quoted(text)),
                "try --delimiter , or one of the words tab, space, comma, semicolon, pipe");
  }
  return {std::string(text)};
}

std::string unquoted(const Field& field) {
  std::string text(field.text);
  if (!field.has_doubled_quotes) return text;
  std::size_t kept = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    text[kept++] = text[at];
    if (text[at] == quote) ++at;
  }
  text.resize(kept);
  return text;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

const char* read_record(const char* begin, const char* end, const RecordRules& rules,
                        Record& record) {
  record.fields.clear();
  record.lines = 1;
  record.flaw = RecordFlaw::none;
  record.flaw_at = begin;
  record.quote_at = nullptr;
  const char* line_end = find_letter(begin, end, '\n');
  const char* next = line_end == end ? end : line_end + 1;
  if (line_end > begin && line_end[-1] == '\r') --line_end;
  record.text = between(begin, line_end);
  const std::string_view content = trimmed(record.text);
  record.is_blank = content.empty() || content[0] == rules.comment;
  if (record.is_blank) return next;
  if (const char* nul = find_letter(begin, line_end, '\0'); nul != line_end) {
    record.flaw = RecordFlaw::nul_byte;
    return next;
  }
  if (rules.quotes && find_letter(begin, line_end, quote) != line_end) {
    return QuotedRecordReader(begin, end, rules, record).read();
  }
  if (record.text.size() > longest_record) {
    record.flaw = RecordFlaw::too_long;
  } else if (rules.delimiter.is_blanks()) {
    split_at_blanks(record.text, record.fields);
  } else {
    split_at_text(record.text, rules.delimiter.text, record.fields);
  }
  return next;
}

}  // namespace alsatian
