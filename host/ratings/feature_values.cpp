// Implements feature_values.hpp.
// A value that spoils a column is remembered by its line: nobody finds one among a million.
#include "host/ratings/feature_values.hpp"

#include "host/error.hpp"
#include "host/ratings/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

namespace alsatian {
namespace {

// Those of pandas' read_csv, and those of SQL dumps, statistics packages and MovieLens.
constexpr auto missing_values = std::to_array<std::string_view>({"NA",      "N/A",
                                                                 "n/a",     "#NA",
                                                                 "#N/A",    "#N/A N/A",
                                                                 "<NA>",    "NULL",
                                                                 "null",    "None",
                                                                 "NaN",     "nan",
                                                                 "-NaN",    "-nan",
                                                                 "1.#IND",  "-1.#IND",
                                                                 "1.#QNAN", "-1.#QNAN",
                                                                 "?",       "-",
                                                                 "\\N",     "(no genres listed)"});

/// So many words among a hundred values may be slips; more are meant.
constexpr std::int64_t most_slips = 5;

/// Rows whose values have some form: how many, and the first.
struct Found {
  std::int64_t count = 0;
  std::int64_t first = 0;

  void add(std::int64_t row) {
    if (count++ == 0) first = row;
  }
};

struct FoundForms {
  Found numbers;
  Found not_finite;
  Found commas;
  Found words;  // and codes
};

Found& found_of(NumberForm form, FoundForms& found) {
  switch (form) {
    case NumberForm::finite:
      return found.numbers;
    case NumberForm::not_finite:
      return found.not_finite;
    case NumberForm::decimal_comma:
      return found.commas;
    default:
      return found.words;
  }
}

[[noreturn]] void throw_value(const ColumnOfText& column, std::int64_t row, const char* what,
                              const char* help) {
  throw Error(
      ExitCode::bad_data,
      fmt::format("{}:{}", column.place, column.lines[static_cast<std::size_t>(row)]),
      fmt::format("column {} has {}: {}", quoted(column.name), what, quoted(column.values[row])),
      help);
}

/// Of a column of numbers alone.
void refuse_unusable(const ColumnOfText& column, const FoundForms& found) {
  if (found.words.count > 0) return;
  if (found.commas.count > 0) {
    throw_value(column, found.commas.first, "a decimal comma",
                "write its numbers with a decimal point and no other commas");
  }
  if (found.numbers.count > 0 && found.not_finite.count > 0) {
    throw_value(column, found.not_finite.first, "a number that is not finite",
                "write a number below 1.8e308, or nothing where it is missing");
  }
}

/// Says of a column with more numbers than words which value made words of all of them.
void say_words(const ColumnOfText& column, const FoundForms& found, ColumnNumbers& read) {
  Found others;
  for (const Found& form : {found.words, found.commas, found.not_finite}) {
    if (form.count == 0) continue;
    others.first = others.count == 0 ? form.first : std::min(others.first, form.first);
    others.count += form.count;
  }
  if (others.count >= found.numbers.count) return;
  const std::int64_t all = others.count + found.numbers.count;
  read.may_be_slips = 100 * others.count <= most_slips * all;
  read.words_among_them = fmt::format(
      "{} of its {} values {} {} in line {}", others.count, all,
      others.count == 1 ? "is no number," : "are no numbers, the first",
      quoted(column.values[others.first]), column.lines[static_cast<std::size_t>(others.first)]);
}

}  // namespace

bool is_missing_value(std::string_view text) {
  return text.empty() || std::ranges::find(missing_values, text) != missing_values.end();
}

ColumnNumbers numbers_of(const ColumnOfText& column) {
  ColumnNumbers read;
  read.numbers.assign(static_cast<std::size_t>(column.values.size()),
                      std::numeric_limits<double>::quiet_NaN());
  FoundForms found;
  for (std::int64_t row = 0; row < column.values.size(); ++row) {
    if (column.values[row].empty()) continue;
    const ParsedNumber number = parse_number(column.values[row]);
    found_of(number.form, found).add(row);
    if (number.form == NumberForm::finite) {
      read.numbers[static_cast<std::size_t>(row)] = number.value;
    }
  }
  refuse_unusable(column, found);
  read.are_all = found.words.count + found.not_finite.count == 0;
  if (!read.are_all) say_words(column, found, read);
  return read;
}

}  // namespace alsatian
