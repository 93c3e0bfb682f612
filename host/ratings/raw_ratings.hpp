// Ratings as a file holds them, with every line of the file accounted for.
// Produced by the reader (reader.hpp), consumed once by the dataset builder (dataset.hpp).
#pragma once

#include "host/ratings/ids.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace alsatian {

/// What became of the lines of a file: read = used + duplicates + rejected + filtered + blank +
/// header. The reader fills read, header, blank (comments too) and rejected, and counts the rest
/// as used; the dataset builder moves lines from used to duplicates and filtered. A record that a
/// quoted line break spreads over several lines counts once.
struct LineAccount {
  std::int64_t read = 0;
  std::int64_t used = 0;
  std::int64_t duplicates = 0;
  std::int64_t rejected = 0;  // malformed, skipped by --on-bad-line skip
  std::int64_t filtered = 0;  // outside --rating-range, below --min-user-ratings, ...
  std::int64_t blank = 0;     // blank lines and comments
  std::int64_t header = 0;

  std::int64_t accounted_for() const {
    return used + duplicates + rejected + filtered + blank + header;
  }
  bool balanced() const { return read == accounted_for(); }
};

/// Throws Error 70 where a line of the file at `path` is not accounted for, or one twice.
void check_balanced(const LineAccount& account, const std::string& path);

/// Where rows stand in the file: row r of the ratings is at line_of(r), counted from 1.
/// Holds one entry per gap (a blank, rejected or multi-line record), not one per row.
class LineMap {
 public:
  /// From row `row` on, lines run on from `line`. Rows ascending.
  void set(std::int64_t row, std::int64_t line);
  std::int64_t line_of(std::int64_t row) const;

 private:
  struct Start {
    std::int64_t row;
    std::int64_t line;
  };
  std::vector<Start> starts_;
};

/// A line that --on-bad-line skip left out.
struct RejectedLine {
  std::int64_t line = 0;    // from 1
  std::int64_t column = 0;  // byte of the field at fault, from 1; 0 where the whole line is
  std::string reason;
  std::string text;  // the line without its end, cut to 1 KiB
};

/// users, items, ratings [rows]; times [rows], seconds since 1970, empty where the file has none
/// or nobody asked for them. All ratings finite.
struct RawRatings {
  std::string path;    // as the user wrote it, - as stdin; MEMBER of a zip as ZIP/MEMBER
  std::string layout;  // what was detected, in one line for the log
  RawIds users;
  RawIds items;
  std::vector<float> ratings;
  std::vector<std::int64_t> times;
  bool has_times = false;
  bool has_ratings = true;  // false: a list of pairs, every rating 0
  LineMap lines;
  LineAccount account;
  std::vector<RejectedLine> rejected_lines;  // the first 10,000; account.rejected counts all
  std::vector<std::string> notes;            // one line each, for the log
  std::vector<std::string> warnings;         // the same, of what is hardly meant

  std::int64_t size() const { return static_cast<std::int64_t>(ratings.size()); }
};

}  // namespace alsatian
