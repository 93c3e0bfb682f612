// What a column of a feature file is, and the numbers that it becomes.
// Decided on all of its values, never on the first few, so that no later line contradicts it.
#include "host/error.hpp"
#include "host/ratings/feature_file.hpp"
#include "host/ratings/feature_values.hpp"
#include "host/ratings/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>

namespace alsatian {
namespace {

constexpr std::size_t most_codes = 24;  // different whole numbers that are categories

/// Values of one column as features, row after row.
struct Entries {
  struct Entry {
    std::int32_t feature;
    float value;
  };
  std::vector<Entry> entries;
  std::vector<std::size_t> ends;  // [rows]

  explicit Entries(std::int64_t rows) { ends.reserve(static_cast<std::size_t>(rows)); }

  void add(std::int32_t feature, float value) { entries.push_back({feature, value}); }
  void end_row() { ends.push_back(entries.size()); }
  std::span<const Entry> row(std::size_t index) const {
    const std::size_t first = index == 0 ? 0 : ends[index - 1];
    return std::span(entries).subspan(first, ends[index] - first);
  }
};

struct EncodedColumn {
  FeatureColumn column;
  std::vector<std::string> names;  // none: it is left out
  Entries entries;
};

EncodedColumn left_out(const std::string& name, std::string why) {
  return {{name, "left out", 0, std::move(why)}, {}, Entries(0)};
}

/// Mean and deviation of the numbers that are there, in units of 2^exponent, in which none is
/// larger than 1: squares of numbers that a double just holds would overflow.
struct Spread {
  int exponent = 0;
  double mean = 0;
  double deviation = 0;
  std::int64_t count = 0;
};

Spread spread_of(const std::vector<double>& numbers) {
  Spread spread;
  double largest = 0;
  for (const double number : numbers) {
    if (std::isnan(number)) continue;
    ++spread.count;
    largest = std::max(largest, std::abs(number));
  }
  std::frexp(largest, &spread.exponent);
  const auto over_numbers = [&](const auto& term) {
    double sum = 0;
    for (const double number : numbers) {
      if (!std::isnan(number)) sum += term(std::ldexp(number, -spread.exponent));
    }
    return sum / static_cast<double>(spread.count);
  };
  spread.mean = over_numbers([](double number) { return number; });
  spread.deviation = std::sqrt(
      over_numbers([&](double number) { return (number - spread.mean) * (number - spread.mean); }));
  return spread;
}

/// z-scores; 0 where missing.
EncodedColumn encode_numbers(const std::string& name, const std::vector<double>& numbers) {
  const Spread spread = spread_of(numbers);
  EncodedColumn encoded{{name, "number", 1, ""}, {name}, Entries(std::ssize(numbers))};
  for (const double number : numbers) {
    const double distance = std::ldexp(number, -spread.exponent) - spread.mean;
    const double value = std::isnan(number) ? 0.0 : distance / spread.deviation;
    encoded.entries.add(0, static_cast<float>(value));
    encoded.entries.end_row();
  }
  if (spread.count < std::ssize(numbers)) {
    encoded.column.note =
        fmt::format("{} missing, which are taken for the mean, {:.4g}",
                    std::ssize(numbers) - spread.count, std::ldexp(spread.mean, spread.exponent));
  }
  return encoded;
}

EncodedColumn encode_flag(const std::string& name, const std::vector<double>& numbers) {
  EncodedColumn encoded{{name, "flag", 1, ""}, {name}, Entries(std::ssize(numbers))};
  for (const double number : numbers) {
    if (number == 1.0) encoded.entries.add(0, 1.0F);
    encoded.entries.end_row();
  }
  return encoded;
}

/// Calls use with each value of a field: one, or the different ones of a set; "" where missing.
template <typename Use>
void for_each_value(std::string_view text, bool is_set, const Use& use) {
  if (!is_set) return use(text);
  std::set<std::string_view> parts;
  for (std::size_t first = 0; first <= text.size();) {
    const std::size_t bar = std::min(text.find('|', first), text.size());
    if (bar > first) parts.insert(text.substr(first, bar - first));
    first = bar + 1;
  }
  if (parts.empty()) return use(std::string_view());
  for (const std::string_view part : parts) use(part);
}

/// Values by how many rows have them.
using Counts = std::map<std::string_view, std::int64_t>;

Counts count_values(const StringTable& values, bool is_set) {
  Counts counts;
  for (std::int64_t row = 0; row < values.size(); ++row) {
    for_each_value(values[row], is_set, [&](std::string_view value) { ++counts[value]; });
  }
  return counts;
}

/// Adds a row whose features are `features`.
void add_set(std::vector<std::int32_t>& features, Entries& entries) {
  std::ranges::sort(features);
  const float value = 1 / std::sqrt(static_cast<float>(std::max<std::size_t>(features.size(), 1)));
  for (const std::int32_t feature : features) entries.add(feature, value);
  entries.end_row();
  features.clear();
}

EncodedColumn encode_categories(const std::string& name, const StringTable& values, bool is_set) {
  const Counts counts = count_values(values, is_set);
  EncodedColumn encoded{{name, is_set ? "set" : "category", 0, ""}, {}, Entries(values.size())};
  std::map<std::string_view, std::int32_t> feature_of;
  for (const auto& [value, count] : counts) {
    if (count < fewest_rows) continue;
    feature_of[value] = static_cast<std::int32_t>(encoded.names.size());
    encoded.names.push_back(fmt::format("{}={}", name, value.empty() ? "(missing)" : value));
  }
  std::int64_t described = 0;
  std::vector<std::int32_t> features;
  for (std::int64_t row = 0; row < values.size(); ++row) {
    for_each_value(values[row], is_set, [&](std::string_view value) {
      const auto found = feature_of.find(value);
      if (found != feature_of.end()) features.push_back(found->second);
    });
    described += features.empty() ? 0 : 1;
    add_set(features, encoded.entries);
  }
  const std::size_t rare = counts.size() - feature_of.size();
  if (rare == 0 && feature_of.size() < 2) return left_out(name, "the same in all rows");
  if (2 * described < values.size()) {
    return left_out(name, fmt::format("most rows have a value that fewer than {} have, of {}",
                                      fewest_rows, counts.size()));
  }
  encoded.column.features = std::ssize(encoded.names);
  if (rare > 0) {
    encoded.column.note =
        fmt::format("{} more that fewer than {} rows have get none", rare, fewest_rows);
  }
  return encoded;
}

/// The year in brackets at the end of a title; NaN where there is none.
double year_of(std::string_view title) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  while (title.ends_with(' ')) title.remove_suffix(1);
  if (title.size() < 6 || !title.ends_with(')') || title[title.size() - 6] != '(') return none;
  const std::string_view year = title.substr(title.size() - 5, 4);
  if (!std::ranges::all_of(year, [](char digit) { return digit >= '0' && digit <= '9'; })) {
    return none;
  }
  const ParsedNumber number = parse_number(year);
  return number.form == NumberForm::finite ? number.value : none;
}

/// Years of titles, where most have one and they are not all the same.
std::optional<EncodedColumn> encode_years(const std::string& name, const StringTable& values) {
  std::vector<double> years;
  std::set<double> different;
  std::int64_t found = 0;
  for (std::int64_t row = 0; row < values.size(); ++row) {
    years.push_back(year_of(values[row]));
    if (std::isnan(years.back())) continue;
    ++found;
    different.insert(years.back());
  }
  if (2 * found <= values.size() || different.size() < 2) return std::nullopt;
  return encode_numbers("year of " + name, years);
}

/// A column of numbers alone; nothing where they are codes.
std::optional<EncodedColumn> encode_if_numbers(const std::string& name,
                                               const std::vector<double>& numbers) {
  std::set<double> different;  // no more than it takes
  bool all_whole = true;
  for (const double number : numbers) {
    if (std::isnan(number)) continue;
    if (different.size() <= most_codes) different.insert(number);
    all_whole = all_whole && number == std::floor(number);
  }
  if (different.empty()) return left_out(name, "empty");
  if (different.size() == 1) return left_out(name, "the same in all rows");
  if (different == std::set<double>{0, 1}) return encode_flag(name, numbers);
  const bool is_code = all_whole && different.size() > 2 && different.size() <= most_codes;
  if (is_code) return std::nullopt;
  return encode_numbers(name, numbers);
}

/// Text, and the years that it ends with where it is left out otherwise.
std::vector<EncodedColumn> encode_text(const std::string& name, const StringTable& values,
                                       bool takes_years) {
  const bool is_set = std::ranges::find(values.bytes, '|') != values.bytes.end();
  std::vector<EncodedColumn> columns{encode_categories(name, values, is_set)};
  if (!columns.front().names.empty() || !takes_years) return columns;
  if (auto years = encode_years(name, values)) columns.push_back(std::move(*years));
  return columns;
}

/// Adds which values made a column of words of one of numbers: to its note, and as a warning where
/// they may be slips.
void say_words(const ColumnNumbers& numbers, FeatureColumn& column, FeatureFile& file) {
  if (numbers.words_among_them.empty()) return;
  column.note = column.note.empty()
                    ? numbers.words_among_them
                    : fmt::format("{}; as words: {}", numbers.words_among_them, column.note);
  if (!numbers.may_be_slips) return;
  file.warnings.push_back(fmt::format(
      "{}: column {} is {}, since {}", file.place, quoted(column.name),
      column.features == 0 ? "left out" : "taken for categories", numbers.words_among_them));
}

std::vector<EncodedColumn> encode_column(const FeatureText& text, std::size_t index,
                                         bool takes_years, FeatureFile& file) {
  const std::string& name = text.names[index];
  const StringTable& values = text.values[index];
  const ColumnNumbers numbers = numbers_of({name, values, text.lines, file.place});
  if (numbers.are_all) {
    if (auto encoded = encode_if_numbers(name, numbers.numbers)) return {std::move(*encoded)};
  }
  std::vector<EncodedColumn> columns = encode_text(name, values, takes_years);
  say_words(numbers, columns.front().column, file);
  return columns;
}

/// Names and columns of the features; the first feature of each column.
std::vector<std::int32_t> name_features(const std::vector<EncodedColumn>& encoded,
                                        FeatureFile& file) {
  std::vector<std::int32_t> first;
  for (const EncodedColumn& column : encoded) {
    first.push_back(static_cast<std::int32_t>(file.names.size()));
    file.names.insert(file.names.end(), column.names.begin(), column.names.end());
    file.columns.push_back(column.column);
  }
  return first;
}

void check_count(const FeatureFile& file) {
  const auto count = static_cast<std::int64_t>(file.names.size());
  if (count == 0) {
    throw Error(ExitCode::bad_data, file.place, "has no column that says something of its rows",
                "give numbers, or categories that at least 5 rows share");
  }
  if (count > most_features) {
    throw Error(ExitCode::bad_data, file.place,
                fmt::format("gives {} features, at most {} can be taken", count, most_features),
                "leave out columns with many categories, or put rare ones together");
  }
}

/// The features of all columns, row after row.
CompressedMatrix join_columns(const std::vector<EncodedColumn>& encoded,
                              const std::vector<std::int32_t>& first, std::size_t rows) {
  CompressedMatrix joined{.offsets = {0}, .columns = {}, .values = {}};
  std::size_t total = 0;
  for (const EncodedColumn& column : encoded) total += column.entries.entries.size();
  joined.columns.reserve(total);
  joined.values.reserve(total);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < encoded.size(); ++column) {
      if (encoded[column].names.empty()) continue;
      for (const auto& [feature, value] : encoded[column].entries.row(row)) {
        joined.columns.push_back(first[column] + feature);
        joined.values.push_back(value);
      }
    }
    joined.offsets.push_back(std::ssize(joined.columns));
  }
  return joined;
}

}  // namespace

void encode_features(const FeatureText& text, FeatureFile& file) {
  std::vector<EncodedColumn> encoded;
  bool takes_years = true;  // of one column: others say the same
  for (std::size_t column = 0; column < text.names.size(); ++column) {
    auto own = encode_column(text, column, takes_years, file);
    if (own.size() > 1) takes_years = false;
    std::ranges::move(own, std::back_inserter(encoded));
  }
  file.ids = text.ids;
  const std::vector<std::int32_t> first = name_features(encoded, file);
  check_count(file);
  file.rows = join_columns(encoded, first, static_cast<std::size_t>(text.ids.size()));
}

}  // namespace alsatian
