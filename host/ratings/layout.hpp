// Detects how a text of ratings is laid out: delimiter, header, columns, kind of ids.
// Decided once on the first MiB and said in one line; what contradicts it later is an error there.
#pragma once

#include "host/ratings/file_kind.hpp"
#include "host/ratings/reader.hpp"
#include "host/ratings/records.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace alsatian {

/// Which column holds what, counted from 0; -1: none.
struct ColumnRoles {
  int user = -1;
  int item = -1;
  int rating = -1;
  int time = -1;
};

/// The size line of a Matrix Market file.
struct MatrixSize {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t entries = 0;
  std::int64_t line = 0;  // where it stands
};

struct Layout {
  RecordRules rules;
  int columns = 0;  // of every record
  ColumnRoles roles;
  IdKind user_ids = IdKind::integer;
  IdKind item_ids = IdKind::integer;
  std::optional<MatrixSize> matrix;
  std::string_view body;       // the records behind the header
  std::int64_t body_line = 1;  // line on which body starts
  std::int64_t header_lines = 0;
  std::int64_t blank_lines = 0;  // blank lines and comments before body
  std::string description;       // one line for the log
};

/// Detects the layout of text; place names the input in errors. Throws Error 65 where the text is
/// no table of ratings or the columns asked for are not there, 64 for options that make no sense.
Layout detect_layout(std::string_view text, const std::string& place, const ReadOptions& options);

/// What a text read with these options should hold.
const Contents& contents_of(const ReadOptions& options);

/// The first MiB of text, to the end of its last line.
std::string_view sample_of(std::string_view text);

bool is_matrix_market(std::string_view text);

/// The same for a Matrix Market file.
Layout matrix_market_layout(std::string_view text, const std::string& place,
                            const ReadOptions& options);

}  // namespace alsatian
