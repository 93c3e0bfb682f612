// The plain path for rows of digits, the careful one for everything else.
// Both give the same values; the careful one alone decides what is an error.
#include "host/ratings/chunk_parser.hpp"

#include "host/ratings/file_kind.hpp"
#include "host/ratings/plain_row.hpp"
#include "host/ratings/short_row.hpp"
#include "host/ratings/values.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <tuple>

namespace alsatian {
namespace {

using PlainParser = const char* (*)(const char* at, const char* delimiter, PlainRow& row);

/// The plain parser of a layout; nullptr where it has none.
PlainParser plain_parser(const ParseRules& rules) {
  const Layout& layout = rules.layout;
  const ColumnRoles& roles = layout.roles;
  const bool in_order = roles.user == 0 && roles.item == 1 && roles.rating == 2;
  const bool integers = layout.user_ids == IdKind::integer && layout.item_ids == IdKind::integer;
  const bool has_time = layout.columns == 4 && roles.time == 3;
  if (!in_order || !integers || layout.matrix || rules.decimal != '.') return nullptr;
  if (layout.columns != 3 && !has_time) return nullptr;
  const std::size_t size = layout.rules.delimiter.text.size();
  if (size == 2) return has_time ? parse_plain_row<2, true> : parse_plain_row<2, false>;
  if (size < 2) return has_time ? parse_plain_row<1, true> : parse_plain_row<1, false>;
  return nullptr;
}

/// The parser of short rows for a layout that has a plain one; nullptr where it has none.
ShortRowParser short_row_parser(const ParseRules& rules) {
  const Layout& layout = rules.layout;
  if (layout.rules.delimiter.text.size() > 1) return nullptr;
  if (layout.roles.time < 0) return short_row_parser(TimeField::none);
  return short_row_parser(rules.keep_times ? TimeField::read : TimeField::checked);
}

/// Reads rows of digits: short ones at once, while there are some, others field by field.
class PlainRows {
 public:
  PlainRows(const Chunk& chunk, const ParseRules& rules)
      : plain_(plain_parser(rules)),
        short_(plain_ == nullptr ? nullptr : short_row_parser(rules)),
        delimiter_(rules.layout.rules.delimiter.text.empty()
                       ? " "
                       : rules.layout.rules.delimiter.text.data()),
        begin_(chunk.text.data()),
        end_(chunk.readable_end) {}

  /// The start of the next line, or nullptr where the row needs the careful parser.
  const char* read(const char* at, PlainRow& row) {
    if (plain_ == nullptr || end_ - at < plain_row_reach) return nullptr;
    if (short_ != nullptr && at - begin_ >= short_row_reach_back) {
      if (const char* next = short_(at, delimiter_, row)) return next;
      if (--patience_ == 0) short_ = nullptr;
    }
    return plain_(at, delimiter_, row);
  }

 private:
  PlainParser plain_;
  ShortRowParser short_;
  const char* delimiter_;
  const char* begin_;  // of what may be looked at
  const char* end_;
  int patience_ = 1000;  // rows that are not short, until none is tried any more
};

BadLineReason reason_of(IdForm form) {
  switch (form) {
    case IdForm::empty:
      return BadLineReason::id_empty;
    case IdForm::leading_zeros:
      return BadLineReason::id_leading_zeros;
    case IdForm::beyond_64_bits:
      return BadLineReason::id_beyond_64_bits;
    case IdForm::other_number:
      return BadLineReason::id_number;
    default:
      return BadLineReason::id_text;
  }
}

BadLineReason reason_of(RatingFlaw flaw) {
  switch (flaw) {
    case RatingFlaw::empty:
      return BadLineReason::rating_empty;
    case RatingFlaw::missing:
      return BadLineReason::rating_missing;
    case RatingFlaw::decimal_comma:
      return BadLineReason::rating_decimal_comma;
    case RatingFlaw::decimal_point:
      return BadLineReason::rating_decimal_point;
    case RatingFlaw::not_finite:
      return BadLineReason::rating_not_finite;
    case RatingFlaw::beyond_float:
      return BadLineReason::rating_beyond_float;
    default:
      return BadLineReason::rating_not_a_number;
  }
}

class ChunkParser {
 public:
  ChunkParser(Chunk& chunk, const ParseRules& rules, const RowTarget& target)
      : chunk_(chunk),
        rules_(rules),
        layout_(rules.layout),
        target_(target),
        line_(chunk.first_line) {}

  void parse() {
    PlainRows rows(chunk_, rules_);
    const char* at = chunk_.text.data();
    const char* end = at + chunk_.text.size();
    PlainRow row{};
    while (at < end && !stopped_) {
      if (const char* next = rows.read(at, row)) {
        store(row);
        ++line_;
        at = next;
        continue;
      }
      at = read_record(at, end, layout_.rules, record_);
      parse_record();
      line_ += record_.lines;
    }
  }

 private:
  void store(const PlainRow& row) {
    const std::int64_t index = chunk_.rows++;
    // Rows and lines fall out of step behind a blank, rejected or long record.
    if (line_ - index != step_) {
      step_ = line_ - index;
      chunk_.starts.push_back({index, line_});
    }
    const bool user_fits = target_.users.store(index, row.user);
    const bool item_fits = target_.items.store(index, row.item);
    if (!(user_fits & item_fits)) [[unlikely]]
      stop_at_wide_id(index, row);
    target_.ratings[index] =
        rules_.positive ? (row.rating >= *rules_.positive ? 1.0F : 0.0F) : row.rating;
    if (target_.times != nullptr) target_.times[index] = row.time;
  }

  void stop_at_wide_id(std::int64_t index, const PlainRow& row) {
    chunk_.has_wide_user = !target_.users.store(index, row.user);
    chunk_.has_wide_item = !target_.items.store(index, row.item);
    stopped_ = true;
  }

  void parse_record() {
    if (record_.is_blank) {
      ++chunk_.blank;
    } else if (record_.flaw != RecordFlaw::none) {
      reject(flawed_line(record_, line_));
    } else if (static_cast<int>(record_.fields.size()) != layout_.columns) {
      BadLine bad;
      bad.reason = BadLineReason::column_count;
      bad.line = line_;
      bad.text = record_.text;
      bad.columns = static_cast<int>(record_.fields.size());
      bad.expected_columns = layout_.columns;
      reject(bad);
    } else {
      parse_fields();
    }
  }

  /// Fields in the order of their columns, so that the first one at fault is named.
  void parse_fields() {
    PlainRow row{};
    const ColumnRoles& roles = layout_.roles;
    const int last = std::max({roles.user, roles.item, roles.rating, roles.time});
    for (int column = 0; column <= last; ++column) {
      const Field& field = record_.fields[static_cast<std::size_t>(column)];
      std::optional<BadLineReason> reason;
      if (column == roles.user) {
        reason = parse_id_field(field, layout_.user_ids, chunk_.users, row.user);
      } else if (column == roles.item) {
        reason = parse_id_field(field, layout_.item_ids, chunk_.items, row.item);
      } else if (column == roles.rating) {
        reason = parse_rating_field(field, row.rating);
      } else if (column == roles.time && rules_.keep_times) {
        reason = parse_time_field(field, row.time);
      }
      if (!reason) continue;
      reject(bad_field(*reason, field, column == roles.user ? "user" : "item"));
      return;
    }
    if (layout_.matrix && !check_matrix(row)) return;
    add_name(roles.user, layout_.user_ids, chunk_.users, row.user);
    add_name(roles.item, layout_.item_ids, chunk_.items, row.item);
    store(row);
  }

  std::optional<BadLineReason> parse_id_field(const Field& field, IdKind kind,
                                              const NameTable& names, std::int64_t& value) {
    if (kind == IdKind::integer) {
      const ParsedId id = parse_id(trimmed(field.text));
      value = id.value;
      if (id.form == IdForm::integer) return std::nullopt;
      return reason_of(id.form);
    }
    if (field.text.empty()) return BadLineReason::id_empty;
    value = field.has_doubled_quotes ? names.find(unquoted(field)) : names.find(field.text);
    if (value < 0 && !is_utf8(field.text)) return BadLineReason::id_not_utf8;
    return std::nullopt;
  }

  /// Adds a new name once all of its row is known to be good.
  void add_name(int column, IdKind kind, NameTable& names, std::int64_t& value) {
    if (kind == IdKind::integer || value >= 0) return;
    const Field& field = record_.fields[static_cast<std::size_t>(column)];
    value = field.has_doubled_quotes ? names.add_copy(unquoted(field)) : names.add(field.text);
  }

  std::optional<BadLineReason> parse_rating_field(const Field& field, float& value) {
    const ParsedRating rating = parse_rating(trimmed(field.text), rules_.decimal);
    value = rating.value;
    if (rating.underflows && chunk_.underflows++ == 0) chunk_.first_underflow_line = line_;
    if (rating.flaw == RatingFlaw::none) return std::nullopt;
    const bool between_commas =
        rating.flaw == RatingFlaw::decimal_comma && layout_.rules.delimiter.text == ",";
    return between_commas ? BadLineReason::rating_decimal_comma_between_commas
                          : reason_of(rating.flaw);
  }

  static std::optional<BadLineReason> parse_time_field(const Field& field, std::int64_t& value) {
    const auto time = parse_time(trimmed(field.text));
    value = time.value_or(0);
    if (time) return std::nullopt;
    return BadLineReason::time_unreadable;
  }

  /// Rejects entries outside the declared size.
  bool check_matrix(const PlainRow& row) {
    const auto bound_of = [&](int column) {
      return column == 0 ? layout_.matrix->rows : layout_.matrix->columns;
    };
    for (const auto& [id, column, name] : {std::tuple(row.user, layout_.roles.user, "user"),
                                           std::tuple(row.item, layout_.roles.item, "item")}) {
      if (id >= 1 && id <= bound_of(column)) continue;
      reject(bad_field(BadLineReason::id_outside_matrix,
                       record_.fields[static_cast<std::size_t>(column)], name));
      return false;
    }
    return true;
  }

  BadLine bad_field(BadLineReason reason, const Field& field, std::string_view name) const {
    BadLine bad;
    bad.reason = reason;
    const TextPosition at = position_of(record_, line_, field.text.data());
    bad.line = at.line;
    bad.column = at.column;
    bad.what = name;
    bad.value = field.text;
    bad.text = record_.text;
    return bad;
  }

  void reject(BadLine bad) {
    ++chunk_.rejected;
    stopped_ = rules_.on_bad_line == OnBadLine::error;
    if (static_cast<std::int64_t>(chunk_.bad.size()) >= most_bad_lines_kept) return;
    bad.rows_before = chunk_.rows;
    chunk_.bad.push_back(bad);
  }

  Chunk& chunk_;
  const ParseRules& rules_;
  const Layout& layout_;
  const RowTarget& target_;
  Record record_;
  std::int64_t line_;
  std::int64_t step_ = std::numeric_limits<std::int64_t>::min();
  bool stopped_ = false;
};

}  // namespace

std::int64_t row_capacity(const Chunk& chunk) {
  // The shortest row is "1 2" and a line end.
  const auto bytes = static_cast<std::int64_t>(chunk.text.size());
  return std::min(chunk.line_count, bytes / 4 + 1);
}

void parse_chunk(Chunk& chunk, const ParseRules& rules, const RowTarget& target) {
  ChunkParser(chunk, rules, target).parse();
}

}  // namespace alsatian
