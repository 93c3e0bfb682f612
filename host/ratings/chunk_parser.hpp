// Parses one chunk of lines into its part of the columns.
// Chunks know nothing of each other, so any number of threads gives the same result.
#pragma once

#include "host/ratings/bad_line.hpp"
#include "host/ratings/layout.hpp"
#include "host/ratings/name_table.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

namespace alsatian {

struct ParseRules {
  Layout layout;
  char decimal = '.';
  std::optional<float> positive;
  bool keep_times = true;
  OnBadLine on_bad_line = OnBadLine::error;
};

/// A row from which on lines run on from `line`.
struct RowLine {
  std::int64_t row;
  std::int64_t line;
};

/// Where the ids of rows go: in 32 bits or, where that is null, in 64.
struct IdTarget {
  std::int32_t* narrow;
  std::int64_t* wide;

  /// Returns whether the id fits.
  bool store(std::int64_t row, std::int64_t id) const {
    if (narrow == nullptr) {
      wide[row] = id;
      return true;
    }
    narrow[row] = static_cast<std::int32_t>(id);
    return narrow[row] == id;
  }
};

/// Where a chunk writes its rows. users, items, ratings [capacity]; times [capacity] or null.
/// For string ids the value is the index in the chunk's own table.
struct RowTarget {
  IdTarget users;
  IdTarget items;
  float* ratings;
  std::int64_t* times;
};

/// Lines to parse, and what became of them.
struct Chunk {
  std::string_view text;        // whole lines
  const char* readable_end;     // up to here bytes may be looked at, behind text too
  std::int64_t first_line = 1;  // of text in the file
  std::int64_t line_count = 0;
  std::int64_t first_row = 0;  // its place in the columns

  std::int64_t rows = 0;
  std::int64_t blank = 0;
  std::int64_t rejected = 0;
  std::int64_t underflows = 0;  // ratings too small for a float
  std::int64_t first_underflow_line = 0;
  std::vector<BadLine> bad;
  std::vector<RowLine> starts;
  NameTable users;
  NameTable items;
  /// An id that does not fit its column ends the parsing.
  bool has_wide_user = false;
  bool has_wide_item = false;

  bool has_wide_id() const { return has_wide_user || has_wide_item; }
};

/// An upper bound of the rows of a chunk, from its lines and bytes.
std::int64_t row_capacity(const Chunk& chunk);

/// Parses the chunk. Under OnBadLine::error it stops at the first bad line, which is then the only
/// one in chunk.bad.
void parse_chunk(Chunk& chunk, const ParseRules& rules, const RowTarget& target);

}  // namespace alsatian
