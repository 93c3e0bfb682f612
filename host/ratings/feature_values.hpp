// What single values of feature files are: missing, numbers, or words; and what is said of a column
// of numbers that some value makes one of words.
#pragma once

#include "host/ratings/ids.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

/// Whether a value stands for none: empty, a word that pandas' read_csv takes for missing, ?, -,
/// \N, or MovieLens' (no genres listed).
bool is_missing_value(std::string_view text);

/// Values of a column as numbers.
struct ColumnNumbers {
  bool are_all = true;          // whether every value that is there is one
  std::vector<double> numbers;  // [rows] NaN where missing or none
  /// Of words among more numbers: "1 of its 100 values is no number, "tall" in line 8".
  std::string words_among_them;
  bool may_be_slips = false;  // few of them
};

/// A column without its missing values, which are "". lines [rows]: of the file called `place`.
struct ColumnOfText {
  std::string_view name;
  const StringTable& values;
  const std::vector<std::int64_t>& lines;
  const std::string& place;
};

/// Digits with a zero in front, as 02460, are a code and no number. Throws Error 65 naming the line
/// and value where all values are numbers and one is not finite or has a decimal comma.
ColumnNumbers numbers_of(const ColumnOfText& column);

}  // namespace alsatian
