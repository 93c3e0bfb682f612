// Line numbers of rows, kept as the few places where rows and lines fall out of step.
// A file of 25 million good lines needs one entry.
#include "host/ratings/raw_ratings.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace alsatian {

void check_balanced(const LineAccount& account, const std::string& path) {
  if (account.balanced()) return;
  throw Error(ExitCode::internal, printable(path),
              fmt::format("{} lines were read and {} are accounted for", account.read,
                          account.accounted_for()),
              "please report this");
}

void LineMap::set(std::int64_t row, std::int64_t line) {
  if (!starts_.empty() && starts_.back().row == row) starts_.pop_back();
  if (line_of(row) != line) starts_.push_back({row, line});
}

std::int64_t LineMap::line_of(std::int64_t row) const {
  const auto after =
      std::upper_bound(starts_.begin(), starts_.end(), row,
                       [](std::int64_t value, const Start& start) { return value < start.row; });
  if (after == starts_.begin()) return row + 1;
  return std::prev(after)->line + (row - std::prev(after)->row);
}

}  // namespace alsatian
