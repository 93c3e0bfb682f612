// The header of Matrix Market coordinate files: banner, comments, sizes.
// Its entries are blank-separated records like any others, so the common parser reads them.
#include "host/error.hpp"
#include "host/ratings/columns.hpp"
#include "host/ratings/layout.hpp"
#include "host/ratings/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

namespace alsatian {
namespace {

constexpr std::string_view banner = "%%matrixmarket";

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& letter : lower) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return lower;
}

struct Banner {
  std::string field;  // real, integer or pattern
  std::string text;
};

Banner checked_banner(const Record& record, const std::string& place) {
  std::vector<std::string> words;
  for (const std::string_view rest = trimmed(record.text); words.empty();) {
    std::size_t at = 0;
    while (at < rest.size()) {
      const std::size_t end = std::min(rest.find_first_of(" \t", at), rest.size());
      if (end > at) words.push_back(lower_case(rest.substr(at, end - at)));
      at = end + 1;
    }
  }
  constexpr auto fields = std::to_array<std::string_view>({"real", "double", "integer", "pattern"});
  const bool fits = words.size() == 5 && words[1] == "matrix" && words[2] == "coordinate" &&
                    std::ranges::find(fields, words[3]) != fields.end() && words[4] == "general";
  if (!fits) {
    throw Error(ExitCode::bad_data, place + ":1",
                fmt::format("{} cannot be read, only coordinate real, integer or pattern, general",
                            quoted(record.text)),
                "write it as: %%MatrixMarket matrix coordinate real general");
  }
  return {words[3], fmt::format("coordinate {} general", words[3])};
}

MatrixSize checked_size(const Record& record, std::int64_t line, const std::string& place) {
  std::array<std::int64_t, 3> sizes{};
  bool fits = record.flaw == RecordFlaw::none && record.fields.size() == sizes.size();
  for (std::size_t index = 0; fits && index < sizes.size(); ++index) {
    const ParsedId size = parse_id(record.fields[index].text);
    fits = size.form == IdForm::integer && size.value >= 0;
    sizes[index] = size.value;
  }
  if (!fits) {
    throw Error(
        ExitCode::bad_data, fmt::format("{}:{}", place, line),
        fmt::format("{} is not a size line: rows, columns and entries", quoted(record.text)),
        "the first line behind the % comments holds three whole numbers");
  }
  return {sizes[0], sizes[1], sizes[2], line};
}

/// The format fixes what these options ask for.
void check_matrix_options(const ReadOptions& options, const std::string& place) {
  if (options.ids == IdKind::string) {
    throw Error(ExitCode::usage, "--ids string", "the indices of a Matrix Market file are integers",
                "leave out --ids");
  }
  const bool automatic = options.delimiter.empty() || options.delimiter == "auto";
  if (!automatic && !parse_delimiter(options.delimiter).text.empty()) {
    throw Error(ExitCode::usage, "--delimiter " + printable(options.delimiter),
                fmt::format("{} is a Matrix Market file, which blanks separate", place),
                "leave out --delimiter");
  }
  if (options.decimal != '.') {
    throw Error(ExitCode::usage, fmt::format("--decimal {}", options.decimal),
                fmt::format("{} is a Matrix Market file, whose numbers have a point", place),
                "leave out --decimal");
  }
}

ColumnRoles matrix_roles(bool has_values, const std::string& place, const ReadOptions& options) {
  const int columns = has_values ? 3 : 2;
  if (!has_values && !options.rating_optional) {
    throw_no_rating_column(place + ":1", "a pattern matrix has no ratings");
  }
  if (!options.columns.empty()) return columns_by_number(options, columns, place);
  return {0, 1, has_values ? 2 : -1, -1};
}

}  // namespace

bool is_matrix_market(std::string_view text) {
  return lower_case(text.substr(0, banner.size())) == banner;
}

Layout matrix_market_layout(std::string_view text, const std::string& place,
                            const ReadOptions& options) {
  check_matrix_options(options, place);
  Layout layout;
  layout.rules = {.delimiter = {}, .quotes = false, .comment = '%'};
  const char* at = text.data();
  const char* end = at + text.size();
  Record record;
  at = read_record(at, end, layout.rules, record);
  const Banner kind = checked_banner(record, place);
  std::int64_t line = 1;
  do {
    if (at == end) {
      throw Error(ExitCode::bad_data, place, "is a Matrix Market file without a size line",
                  "the first line behind the % comments holds rows, columns and entries");
    }
    at = read_record(at, end, layout.rules, record);
    ++line;
  } while (record.is_blank);
  layout.matrix = checked_size(record, line, place);
  const bool has_values = kind.field != "pattern";
  layout.columns = has_values ? 3 : 2;
  layout.roles = matrix_roles(has_values, place, options);
  if (!options.keep_ratings) layout.roles.rating = -1;
  layout.body = text.substr(static_cast<std::size_t>(at - text.data()));
  layout.body_line = line + 1;
  layout.header_lines = 2;
  layout.blank_lines = line - 2;
  layout.description =
      fmt::format("Matrix Market {}, {} rows, {} columns, {} entries, integer ids", kind.text,
                  layout.matrix->rows, layout.matrix->columns, layout.matrix->entries);
  return layout;
}

}  // namespace alsatian
