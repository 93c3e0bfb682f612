// What a reader gave, as rows that tests can compare and print.
// Ids as text, whatever kind the reader made of them.
#pragma once

#include "host/ratings/reader.hpp"

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace alsatian::testing {

struct ReadRow {
  std::string user;
  std::string item;
  float rating = 0;
  std::int64_t time = 0;  // 0 without times
  std::int64_t line = 0;

  bool operator==(const ReadRow&) const = default;
  friend std::ostream& operator<<(std::ostream& stream, const ReadRow& row) {
    return stream << row.user << " " << row.item << " " << row.rating << " " << row.time
                  << " on line " << row.line;
  }
};

inline std::string id_text(const RawIds& ids, std::size_t row) {
  return ids.kind == IdKind::integer ? std::to_string(ids.values[row])
                                     : std::string(ids.names[ids.values[row]]);
}

inline std::vector<ReadRow> rows_of(const RawRatings& ratings) {
  std::vector<ReadRow> rows;
  for (std::size_t row = 0; row < ratings.ratings.size(); ++row) {
    rows.push_back({id_text(ratings.users, row), id_text(ratings.items, row), ratings.ratings[row],
                    ratings.has_times ? ratings.times[row] : 0,
                    ratings.lines.line_of(static_cast<std::int64_t>(row))});
  }
  return rows;
}

/// The same without line numbers, for files that differ in their lines alone.
inline std::vector<ReadRow> rows_without_lines(const RawRatings& ratings) {
  std::vector<ReadRow> rows = rows_of(ratings);
  for (ReadRow& row : rows) row.line = 0;
  return rows;
}

}  // namespace alsatian::testing
