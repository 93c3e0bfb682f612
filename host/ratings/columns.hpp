// Decides which column is the user, the item, the rating and the time.
// By option, by the names in a header, or by position; never by a guess that stays unsaid.
#pragma once

#include "host/ratings/layout.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

/// The first records of a text, as far as columns are decided on them.
struct FirstRecords {
  std::vector<std::string> first;     // fields, unquoted
  std::int64_t line = 1;              // of the first
  int columns = 0;                    // that records should have
  std::int64_t others = 0;            // records behind the first that have as many
  std::vector<std::int64_t> numbers;  // [columns] how many of the others have a number there

  /// Whether most of the others have a number in the column.
  bool is_numeric(int column) const {
    return column >= 0 && 2 * numbers[static_cast<std::size_t>(column)] > others;
  }
};

struct ColumnChoice {
  ColumnRoles roles;
  bool has_header = false;
  bool by_name = false;
};

/// Throws Error 65 where columns asked for, or needed, are not there; 64 where options.columns
/// makes no sense, 65 where the first record may be a header as well as a bad line. Implicit
/// feedback (no rating) is refused unless options.rating_optional.
ColumnChoice choose_columns(const FirstRecords& records, const std::string& place,
                            const ReadOptions& options);

/// Roles by options.columns, each a number from 1; a name is an error. For texts without header.
ColumnRoles columns_by_number(const ReadOptions& options, int columns, const std::string& place);

/// Which role a column's name in a header means, whatever its case, underscores and blanks.
enum class Role { user, item, rating, time, none };
Role role_of_name(std::string_view name);

[[noreturn]] void throw_no_rating_column(const std::string& place, const std::string& what);

}  // namespace alsatian
