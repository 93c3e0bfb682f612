// Reads rating files of any MovieLens layout, any delimiter, Matrix Market, .gz, .zip, folders.
// Parses in parallel from a memory map; what it cannot read it names by file, line and column.
#pragma once

#include "host/ratings/raw_ratings.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

enum class OnBadLine { error, skip };

struct ReadOptions {
  /// `--columns`: user, item, rating[, time], each a name in the header or a number from 1.
  /// Empty: by header names, else in the order of the layout.
  std::vector<std::string> columns;
  /// `--delimiter`: "" or "auto", ",", "::", "\t" (also the words tab, space, comma, ...).
  std::string delimiter;
  /// `--decimal`: '.' or ','.
  char decimal = '.';
  /// `--ids`: nothing means decided on the first MiB, a later contradiction is an error.
  std::optional<IdKind> ids;
  /// Where ids is nothing: the kind of the ids that these are compared with. Decided on the first
  /// MiB where this is nothing too; a matrix has integers whatever it is.
  std::optional<IdKind> ids_elsewhere;
  OnBadLine on_bad_line = OnBadLine::error;
  /// `--on-bad-line skip:N`: more than N bad lines are an error after all.
  std::optional<std::int64_t> bad_line_limit;
  /// Where lines are skipped: takes those that are listed, with the place of the file, before
  /// anything is thrown for what is left.
  std::function<void(const std::string& place, const std::vector<RejectedLine>& lines)> on_rejected;
  /// `--member`: which member of a .zip, by its whole name or what is behind the last slash;
  /// "" finds ratings.csv, ratings.dat or u.data, or the only member.
  std::string member;
  /// Whether times are kept where the file has them.
  bool keep_times = true;
  /// Whether ratings are read where the file has them; if not, no field is looked at but the ids
  /// (and times), and RawRatings::has_ratings is false.
  bool keep_ratings = true;
  /// `--max-input`: no input expands to more bytes than this.
  std::int64_t max_input_bytes = std::int64_t{64} << 30;
  /// Memory that is free: packed and piped text may take half of it.
  std::int64_t free_bytes = std::numeric_limits<std::int64_t>::max();
  /// `--positive`: where set, a rating at or above it becomes 1 and any other 0.
  std::optional<double> positive;
  /// Whether one of these is the id of a user or an item, where that is known beforehand: then a
  /// first line with them is no header. Nothing: not known.
  std::function<bool(std::string_view user, std::string_view item)> is_known_pair;
  /// For test pairs: a file without a rating column is read too, see RawRatings::has_ratings.
  bool rating_optional = false;
  /// Smallest number of bytes a thread parses at a time; tests make it tiny.
  std::int64_t chunk_bytes = std::int64_t{4} << 20;
};

/// Ratings of a file, a folder of a MovieLens distribution, a .zip of one, or "-" (stdin).
/// Throws Error: 65 with file:line:column for content, 66 missing, 71 too large for the memory, 74
/// failed or changed while read, 77 not permitted. The result does not depend on the number of
/// threads.
RawRatings read_ratings(const std::string& path, const ReadOptions& options);

/// Titles of items by id as written, from movies.csv, movies.dat or u.item (Latin-1 or UTF-8,
/// returned as UTF-8), with their genres where the file has them. An item may be there several
/// times: the last title counts, and a warning says so where they differ. free_bytes as in
/// ReadOptions.
struct Titles {
  StringTable ids;
  StringTable titles;
  StringTable genres;                 // [titles], as "Comedy|Drama", "" for none
  std::vector<std::string> warnings;  // one line each
};
Titles read_titles(const std::string& path,
                   std::int64_t free_bytes = std::numeric_limits<std::int64_t>::max());

/// The titles in the MovieLens folder or .zip that `data_path` is, or beside the file that it is
/// (see titles_beside.hpp); empty where there are none.
Titles find_titles(const std::string& data_path,
                   std::int64_t free_bytes = std::numeric_limits<std::int64_t>::max());

}  // namespace alsatian
