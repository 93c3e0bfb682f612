// What a column of a feature file is, and the numbers that it becomes.
// Decided on all of its values, never on the first few, so that no later line contradicts it.
#include "host/error.hpp"
#include "host/ratings/feature_file.hpp"
#include "host/ratings/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace alsatian {
namespace {

constexpr std::size_t most_codes = 24;  // different whole numbers that are categories

/// Values of one column by row, as features: (feature, value).
using Entries = std::vector<std::vector<std::pair<std::int32_t, float>>>;

struct EncodedColumn {
  FeatureColumn column;
  std::vector<std::string> names;
  Entries entries;  // [rows]
};

/// Nothing for 02460 either: a code that is written in digits.
std::optional<double> number_in(std::string_view text) {
  if (text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9') return std::nullopt;
  const ParsedRating parsed = parse_rating(text, '.');
  if (parsed.flaw != RatingFlaw::none) return std::nullopt;
  return parsed.value;
}

/// The numbers of a column, nothing where missing; nothing at all where some value is none.
std::optional<std::vector<std::optional<double>>> numbers_of(const StringTable& values) {
  std::vector<std::optional<double>> numbers;
  for (std::int64_t row = 0; row < values.size(); ++row) {
    if (values[row].empty()) {
      numbers.emplace_back();
      continue;
    }
    const auto number = number_in(values[row]);
    if (!number) return std::nullopt;
    numbers.push_back(number);
  }
  return numbers;
}

/// z-scores; 0 where missing.
EncodedColumn encode_numbers(const std::string& name,
                             const std::vector<std::optional<double>>& numbers) {
  double sum = 0;
  double count = 0;
  for (const auto& number : numbers) {
    if (!number) continue;
    sum += *number;
    ++count;
  }
  const double mean = sum / count;
  double squares = 0;
  for (const auto& number : numbers) {
    if (number) squares += (*number - mean) * (*number - mean);
  }
  const double deviation = std::sqrt(squares / count);
  EncodedColumn encoded{{name, "number", 1, ""}, {name}, Entries(numbers.size())};
  for (std::size_t row = 0; row < numbers.size(); ++row) {
    const double value = numbers[row] ? (*numbers[row] - mean) / deviation : 0.0;
    encoded.entries[row].emplace_back(0, static_cast<float>(value));
  }
  if (count < static_cast<double>(numbers.size())) {
    encoded.column.note = fmt::format(
        "{} missing, which are taken for the mean, {:.4g}",
        static_cast<std::int64_t>(numbers.size()) - static_cast<std::int64_t>(count), mean);
  }
  return encoded;
}

EncodedColumn encode_flag(const std::string& name,
                          const std::vector<std::optional<double>>& numbers) {
  EncodedColumn encoded{{name, "flag", 1, ""}, {name}, Entries(numbers.size())};
  for (std::size_t row = 0; row < numbers.size(); ++row) {
    if (numbers[row] == 1.0) encoded.entries[row].emplace_back(0, 1.0F);
  }
  return encoded;
}

std::vector<std::string> split_at_bars(std::string_view text) {
  std::set<std::string> parts;  // one that is there twice counts once
  for (std::size_t first = 0; first <= text.size();) {
    const std::size_t bar = std::min(text.find('|', first), text.size());
    if (bar > first) parts.emplace(text.substr(first, bar - first));
    first = bar + 1;
  }
  return {parts.begin(), parts.end()};
}

/// Values of each row: one, several of a set, or "" where missing.
std::vector<std::vector<std::string>> values_of_rows(const StringTable& values, bool is_set) {
  std::vector<std::vector<std::string>> rows;
  for (std::int64_t row = 0; row < values.size(); ++row) {
    rows.push_back(is_set ? split_at_bars(values[row])
                          : std::vector<std::string>{std::string(values[row])});
    if (rows.back().empty()) rows.back().emplace_back();
  }
  return rows;
}

EncodedColumn encode_categories(const std::string& name, const StringTable& values, bool is_set) {
  const auto rows = values_of_rows(values, is_set);
  std::map<std::string, std::int32_t> counts;
  for (const auto& row : rows) {
    for (const std::string& value : row) ++counts[value];
  }
  EncodedColumn encoded{{name, is_set ? "set" : "category", 0, ""}, {}, Entries(rows.size())};
  std::map<std::string, std::int32_t> feature_of;
  std::int64_t rare = 0;
  for (const auto& [value, count] : counts) {
    if (count < fewest_rows) {
      ++rare;
      continue;
    }
    feature_of[value] = static_cast<std::int32_t>(encoded.names.size());
    encoded.names.push_back(fmt::format("{}={}", name, value.empty() ? "(missing)" : value));
  }
  std::int64_t described = 0;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (const std::string& value : rows[row]) {
      const auto found = feature_of.find(value);
      if (found != feature_of.end()) encoded.entries[row].emplace_back(found->second, 1.0F);
    }
    auto& entries = encoded.entries[row];
    std::ranges::sort(entries);
    const auto count = static_cast<float>(std::max<std::size_t>(entries.size(), 1));
    for (auto& [feature, value] : entries) value = 1 / std::sqrt(count);
    described += entries.empty() ? 0 : 1;
  }
  encoded.column.features = static_cast<std::int64_t>(encoded.names.size());
  if (rare > 0) {
    encoded.column.note =
        fmt::format("{} more that fewer than {} rows have get none", rare, fewest_rows);
  }
  const bool is_constant = encoded.names.size() < 2 && rare == 0;
  if (2 * described < static_cast<std::int64_t>(rows.size()) || is_constant) {
    std::string why = is_constant
                          ? std::string("the same in all rows")
                          : fmt::format("most rows have a value that fewer than {} have, of {}",
                                        fewest_rows, counts.size());
    return {{name, "left out", 0, std::move(why)}, {}, Entries(rows.size())};
  }
  return encoded;
}

/// The year in brackets at the end of a title.
std::optional<double> year_of(std::string_view title) {
  while (title.ends_with(' ')) title.remove_suffix(1);
  if (title.size() < 6 || !title.ends_with(')')) return std::nullopt;
  const std::string_view year = title.substr(title.size() - 5, 4);
  if (title[title.size() - 6] != '(') return std::nullopt;
  if (!std::ranges::all_of(year, [](char digit) { return digit >= '0' && digit <= '9'; })) {
    return std::nullopt;
  }
  return number_in(year);
}

/// Years of titles, where most have one and they are not all the same.
std::optional<EncodedColumn> encode_years(const std::string& name, const StringTable& values) {
  std::vector<std::optional<double>> years;
  std::set<double> different;
  std::int64_t found = 0;
  for (std::int64_t row = 0; row < values.size(); ++row) {
    years.push_back(year_of(values[row]));
    if (!years.back()) continue;
    ++found;
    different.insert(*years.back());
  }
  if (2 * found <= values.size() || different.size() < 2) return std::nullopt;
  return encode_numbers("year of " + name, years);
}

std::vector<EncodedColumn> encode_column(const std::string& name, const StringTable& values,
                                         bool takes_years) {
  if (const auto numbers = numbers_of(values)) {
    std::set<double> different;
    bool all_whole = true;
    for (const auto& number : *numbers) {
      if (!number) continue;
      different.insert(*number);
      all_whole = all_whole && *number == std::floor(*number);
    }
    if (different == std::set<double>{0, 1}) return {encode_flag(name, *numbers)};
    const bool is_code = all_whole && different.size() > 2 && different.size() <= most_codes;
    if (!is_code && different.size() >= 2) return {encode_numbers(name, *numbers)};
    if (different.size() < 2) {
      const char* why = different.empty() ? "empty" : "the same in all rows";
      return {{{name, "left out", 0, why}, {}, Entries(numbers->size())}};
    }
  }
  bool is_set = false;
  for (std::int64_t row = 0; row < values.size(); ++row) {
    is_set = is_set || values[row].find('|') != std::string_view::npos;
  }
  std::vector<EncodedColumn> columns{encode_categories(name, values, is_set)};
  if (columns.front().column.kind != "left out" || !takes_years) return columns;
  if (auto years = encode_years(name, values)) columns.push_back(std::move(*years));
  return columns;
}

}  // namespace

void encode_features(const FeatureText& text, FeatureFile& file) {
  std::vector<EncodedColumn> encoded;
  bool takes_years = true;  // of one column: others say the same
  for (std::size_t column = 0; column < text.names.size(); ++column) {
    auto own = encode_column(text.names[column], text.values[column], takes_years);
    if (own.size() > 1) takes_years = false;
    std::ranges::move(own, std::back_inserter(encoded));
  }
  file.ids = text.ids;
  std::vector<std::int32_t> first;  // feature of each column
  for (const EncodedColumn& column : encoded) {
    first.push_back(static_cast<std::int32_t>(file.names.size()));
    file.names.insert(file.names.end(), column.names.begin(), column.names.end());
    file.columns.push_back(column.column);
  }
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
  file.rows.offsets = {0};
  for (std::size_t row = 0; row < static_cast<std::size_t>(text.ids.size()); ++row) {
    for (std::size_t column = 0; column < encoded.size(); ++column) {
      for (const auto& [feature, value] : encoded[column].entries[row]) {
        file.rows.columns.push_back(first[column] + feature);
        file.rows.values.push_back(value);
      }
    }
    file.rows.offsets.push_back(static_cast<std::int64_t>(file.rows.columns.size()));
  }
}

}  // namespace alsatian
