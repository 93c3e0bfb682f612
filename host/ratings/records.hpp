// Cuts delimited text into records and fields: quotes, blanks, comments, line endings.
// One definition for the detection of the layout, for ratings and for titles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

/// No line of ratings is longer; what is longer is no such file.
inline constexpr std::size_t longest_record = std::size_t{1} << 20;

/// What stands between two fields. An empty text means blanks: any run of spaces and tabs.
struct Delimiter {
  std::string text;

  bool is_blanks() const { return text.empty(); }
  /// As in "tab-separated".
  std::string name() const;
};

/// A delimiter as a person writes it: itself, or one of the words tab, space, blanks, comma,
/// semicolon, pipe. Throws Error 64 where a number, quote or line could contain it.
Delimiter parse_delimiter(std::string_view text);

struct Field {
  /// Without the blanks and quotes around it, otherwise as in the file.
  std::string_view text;
  bool is_quoted = false;
  bool has_doubled_quotes = false;  // "" stands for "
};

/// The text of a field with doubled quotes made single.
std::string unquoted(const Field& field);

enum class RecordFlaw { none, too_long, nul_byte, unclosed_quote, text_after_quote };

/// One record: a line, or several where a quoted field holds line breaks.
struct Record {
  std::string_view text;      // without its line ending
  std::vector<Field> fields;  // empty for a blank or flawed record
  std::int64_t lines = 1;
  bool is_blank = false;  // nothing but blanks, or a comment
  RecordFlaw flaw = RecordFlaw::none;
  const char* flaw_at = nullptr;   // in text
  const char* quote_at = nullptr;  // where the last quoted field opens, of a record that has a flaw
};

/// How to cut. quotes: whether "..." around a field counts (RFC 4180); comment: what starts a line
/// that is skipped.
struct RecordRules {
  Delimiter delimiter;
  bool quotes = true;
  char comment = '#';
};

/// Cuts the record that starts at begin < end, where the text ends at end; returns where the next
/// one starts. A flawed record ends with its first line where its quotes cannot be trusted.
const char* read_record(const char* begin, const char* end, const RecordRules& rules,
                        Record& record);

/// The text without spaces and tabs at both ends.
std::string_view trimmed(std::string_view text);

}  // namespace alsatian
