// Implements suggestion.hpp.
// Names are short, so the whole table of distances is kept.
#include "cli/suggestion.hpp"

#include <algorithm>

namespace alsatian {
namespace {

std::string_view without_dashes(std::string_view name) {
  return name.substr(std::min(name.find_first_not_of('-'), name.size()));
}

}  // namespace

int edit_distance(std::string_view left, std::string_view right) {
  const std::size_t rows = left.size() + 1;
  const std::size_t columns = right.size() + 1;
  std::vector<int> distance(rows * columns);
  const auto at = [&](std::size_t row, std::size_t column) -> int& {
    return distance[row * columns + column];
  };
  for (std::size_t row = 0; row < rows; ++row) at(row, 0) = static_cast<int>(row);
  for (std::size_t column = 0; column < columns; ++column) at(0, column) = static_cast<int>(column);
  for (std::size_t row = 1; row < rows; ++row) {
    for (std::size_t column = 1; column < columns; ++column) {
      const int replaced = at(row - 1, column - 1) + (left[row - 1] == right[column - 1] ? 0 : 1);
      int best = std::min({at(row - 1, column) + 1, at(row, column - 1) + 1, replaced});
      const bool swapped = row > 1 && column > 1 && left[row - 1] == right[column - 2] &&
                           left[row - 2] == right[column - 1];
      if (swapped) best = std::min(best, at(row - 2, column - 2) + 1);
      at(row, column) = best;
    }
  }
  return at(rows - 1, columns - 1);
}

std::optional<std::string> nearest_name(std::string_view typed,
                                        const std::vector<std::string>& names) {
  const std::string_view word = without_dashes(typed);
  // A longer name may be misspelt in more places; beyond a third it is another word.
  int smallest = std::max(1, static_cast<int>(word.size()) / 3) + 1;
  std::optional<std::string> nearest;
  for (const std::string& name : names) {
    const int distance = edit_distance(word, without_dashes(name));
    if (distance >= smallest || distance >= static_cast<int>(word.size())) continue;
    smallest = distance;
    nearest = name;
  }
  return nearest;
}

}  // namespace alsatian
