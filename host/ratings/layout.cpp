// Detection on the first records and votes over the first MiB.
// Where the evidence contradicts itself, the majority decides and the parser names the others.
#include "host/ratings/layout.hpp"

#include "host/error.hpp"
#include "host/ratings/bad_line.hpp"
#include "host/ratings/columns.hpp"
#include "host/ratings/movielens_tables.hpp"
#include "host/ratings/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

namespace alsatian {
namespace {

constexpr std::size_t sample_size = std::size_t{1} << 20;
constexpr std::int64_t records_compared = 1000;
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

/// MovieLens' "::" comes without quoting, and titles may begin with a quote.
bool allows_quotes(const Delimiter& delimiter) { return delimiter.text != "::"; }

/// Calls visit(record, line) for every record that is neither blank nor flawed, while it returns
/// true.
template <typename Visit>
void visit_records(std::string_view text, const RecordRules& rules, Visit&& visit) {
  const char* at = text.data();
  const char* end = at + text.size();
  Record record;
  for (std::int64_t line = 1; at < end; line += record.lines) {
    at = read_record(at, end, rules, record);
    if (record.is_blank || record.flaw != RecordFlaw::none) continue;
    if (!visit(record, line)) return;
  }
}

/// How well a delimiter cuts the sample.
struct Fit {
  RecordRules rules;
  int columns = 0;          // that records should have
  int first_columns = 0;    // that the first one has
  std::int64_t prefix = 0;  // how many records from the first have as many
  std::int64_t agreeing = 0;
};

Fit fit_of(std::string_view sample, const Delimiter& delimiter, int fewest_columns) {
  Fit fit;
  fit.rules = {.delimiter = delimiter, .quotes = allows_quotes(delimiter)};
  std::map<int, std::int64_t> counts;
  std::int64_t records = 0;
  visit_records(sample, fit.rules, [&](const Record& record, std::int64_t) {
    const int columns = static_cast<int>(record.fields.size());
    if (records == 0) fit.first_columns = columns;
    if (columns == fit.first_columns && fit.prefix == records) ++fit.prefix;
    ++counts[columns];
    return ++records < records_compared;
  });
  fit.columns = fit.first_columns;
  // First records that most others disagree with are the malformed ones, and so are those that are
  // too short for a rating where as many others are not.
  std::int64_t most = counts[fit.first_columns] - (fit.first_columns < fewest_columns ? 1 : 0);
  for (const auto& [columns, count] : counts) {
    if (columns < fewest_columns || count <= most) continue;
    fit.columns = columns;
    most = count;
  }
  fit.agreeing = counts[fit.columns];
  return fit;
}

/// The better of two: the one with enough columns, or more of them; then the one that agrees with
/// the first record for longer, then with more records.
bool is_better(const Fit& left, const Fit& right, int fewest_columns) {
  const auto worth = [&](const Fit& fit) {
    const bool usable = fit.columns >= fewest_columns;
    const bool from_start = usable && fit.first_columns == fit.columns;
    return std::array<std::int64_t, 4>{usable, usable ? 0 : fit.columns,
                                       from_start ? fit.prefix : 0, fit.agreeing};
  };
  return worth(left) > worth(right);
}

std::string help_for_too_few_columns(const std::string& first_text, const ReadOptions& options) {
  if (options.decimal == ',' && first_text.find(',') != std::string::npos) {
    return "with --decimal , a comma separates no columns: separate them by semicolons or tabs, or "
           "write decimal points and leave out --decimal";
  }
  if (!options.columns.empty()) {
    return "--columns asks for columns that are not there, or set --delimiter";
  }
  return fmt::format("separate {} by commas, tabs or blanks, or name the --delimiter",
                     options.rating_optional ? "user and item" : "user, item and rating");
}

[[noreturn]] void throw_too_few_columns(std::string_view sample, const Fit& best, int fewest,
                                        const std::string& place, const ReadOptions& options) {
  std::int64_t first_line = 1;
  std::string first_text;
  visit_records(sample, best.rules, [&](const Record& record, std::int64_t line) {
    first_line = line;
    first_text = record.text;
    return false;
  });
  const std::string at = fmt::format("{}:{}", place, first_line);
  if (best.columns == 2 && options.columns.empty()) {
    throw_no_rating_column(at, fmt::format("{} has 2 columns and no rating", quoted(first_text)));
  }
  throw Error(ExitCode::bad_data, at,
              fmt::format("{} has {} {}, expected at least {}", quoted(first_text), best.columns,
                          best.columns == 1 ? "column" : "columns", fewest),
              help_for_too_few_columns(first_text, options));
}

/// The number of columns that a text must have at least.
int fewest_columns_of(const ReadOptions& options) {
  int fewest = options.rating_optional ? 2 : 3;
  for (const std::string& column : options.columns) {
    const ParsedId number = parse_id(column);
    if (number.form == IdForm::integer && number.value <= 1000) {
      fewest = std::max(fewest, static_cast<int>(number.value));
    }
  }
  return fewest;
}

/// Throws the error of a sample in which no record can be read.
void refuse_without_records(std::string_view sample, const RecordRules& rules,
                            const std::string& place, const Contents& contents) {
  const char* at = sample.data();
  const char* end = at + sample.size();
  Record record;
  for (std::int64_t line = 1; at < end; line += record.lines) {
    at = read_record(at, end, rules, record);
    if (record.flaw != RecordFlaw::none) throw_bad_line(flawed_line(record, line), place);
  }
  throw_only_blanks(place, contents);
}

Fit choose_delimiter(std::string_view sample, const std::string& place,
                     const ReadOptions& options) {
  const int fewest = fewest_columns_of(options);
  std::vector<Delimiter> candidates;
  if (options.delimiter.empty() || options.delimiter == "auto") {
    for (const std::string_view text : {"::", "\t", ";", ",", "|", ""}) {
      if (text != "," || options.decimal != ',') candidates.push_back({std::string(text)});
    }
  } else {
    candidates.push_back(parse_delimiter(options.delimiter));
  }
  Fit best = fit_of(sample, candidates.front(), fewest);
  if (best.agreeing == 0) refuse_without_records(sample, best.rules, place, contents_of(options));
  for (const Delimiter& candidate : candidates) {
    const Fit fit = fit_of(sample, candidate, fewest);
    if (is_better(fit, best, fewest)) best = fit;
  }
  if (best.columns < fewest) throw_too_few_columns(sample, best, fewest, place, options);
  return best;
}

FirstRecords first_records(std::string_view sample, const Fit& fit) {
  FirstRecords records;
  records.columns = fit.columns;
  records.numbers.resize(static_cast<std::size_t>(fit.columns));
  visit_records(sample, fit.rules, [&](const Record& record, std::int64_t line) {
    if (records.first.empty()) {
      records.line = line;
      for (const Field& field : record.fields) records.first.push_back(unquoted(field));
    } else if (record.fields.size() == records.numbers.size()) {
      ++records.others;
      for (std::size_t column = 0; column < record.fields.size(); ++column) {
        records.numbers[column] += is_number(trimmed(record.fields[column].text)) ? 1 : 0;
      }
    }
    return records.others < records_compared;
  });
  return records;
}

/// Names that do not stand above their columns would be taken for the wrong ones.
void check_header_width(const FirstRecords& records, const std::string& place) {
  if (static_cast<int>(records.first.size()) == records.columns) return;
  throw Error(
      ExitCode::bad_data, fmt::format("{}:{}", place, records.line),
      fmt::format("the header has {} column{}, the lines below it have {}", records.first.size(),
                  records.first.size() == 1 ? "" : "s", records.columns),
      "give every column its name (row names need one too)");
}

/// Moves body behind the first record that is not blank.
void skip_header(Layout& layout, std::string_view text) {
  const char* at = text.data();
  const char* end = at + text.size();
  Record record;
  while (at < end && layout.header_lines == 0) {
    at = read_record(at, end, layout.rules, record);
    layout.body_line += record.lines;
    ++(record.is_blank ? layout.blank_lines : layout.header_lines);
  }
  layout.body = text.substr(static_cast<std::size_t>(at - text.data()));
}

/// What the ids of one side look like over the sample.
struct IdVotes {
  std::int64_t numbers = 0;
  std::int64_t others = 0;
  std::string beyond_64_bits;  // the first

  void add(const Field& field) {
    const IdForm form = parse_id(trimmed(field.text)).form;
    if (form == IdForm::beyond_64_bits && beyond_64_bits.empty()) beyond_64_bits = field.text;
    ++(form == IdForm::text || form == IdForm::empty ? others : numbers);
  }
  IdKind kind() const {
    // A few names among numbers are taken for mistakes, which the parser names by line.
    return others >= numbers || !beyond_64_bits.empty() ? IdKind::string : IdKind::integer;
  }
};

struct Votes {
  IdVotes users;
  IdVotes items;
  std::int64_t records = 0;
  std::int64_t times = 0;         // the time column holds one
  std::int64_t time_ratings = 0;  // the rating looks like a time of 1973 to 2286
};

Votes count_votes(const Layout& layout) {
  Votes votes;
  const auto field_of = [](const Record& record, int column) {
    return record.fields[static_cast<std::size_t>(column)];
  };
  visit_records(sample_of(layout.body), layout.rules, [&](const Record& record, std::int64_t) {
    if (static_cast<int>(record.fields.size()) != layout.columns) return true;
    const ColumnRoles& roles = layout.roles;
    ++votes.records;
    votes.users.add(field_of(record, roles.user));
    votes.items.add(field_of(record, roles.item));
    if (roles.time >= 0 && parse_time(field_of(record, roles.time).text)) ++votes.times;
    if (roles.rating >= 0) {
      const auto value = parse_id(field_of(record, roles.rating).text).value;
      if (value >= 100'000'000 && value < 10'000'000'000) ++votes.time_ratings;
    }
    return true;
  });
  return votes;
}

std::string describe_ids(const Layout& layout, const Votes& votes) {
  const auto one_side = [](IdKind kind, const IdVotes& side) {
    std::string text = kind == IdKind::integer ? "integer" : "string";
    if (kind == IdKind::string && !side.beyond_64_bits.empty()) {
      text += fmt::format(" ({} is beyond 64 bits)", quoted(side.beyond_64_bits));
    }
    return text;
  };
  const std::string users = one_side(layout.user_ids, votes.users);
  const std::string items = one_side(layout.item_ids, votes.items);
  if (users == items) return users + " ids";
  return users + " user ids, " + items + " item ids";
}

std::string describe(const Layout& layout, const FirstRecords& records, const ColumnChoice& choice,
                     const Votes& votes) {
  const ColumnRoles& roles = layout.roles;
  std::string columns;
  int chosen = 0;
  for (const auto& [column, role] :
       {std::pair(roles.user, "user"), std::pair(roles.item, "item"),
        std::pair(roles.rating, "rating"), std::pair(roles.time, "time")}) {
    if (column < 0) continue;
    ++chosen;
    columns += choice.by_name ? " " + printable(records.first[static_cast<std::size_t>(column)])
                              : fmt::format(" {}={}", role, column + 1);
  }
  if (chosen < layout.columns) columns += fmt::format(" of {}", layout.columns);
  return fmt::format("{}, {}, columns{}, {}", layout.rules.delimiter.name(),
                     choice.has_header ? "header" : "no header", columns,
                     describe_ids(layout, votes));
}

/// What the votes say about columns that were chosen by position alone.
void check_positions(Layout& layout, const Votes& votes, bool rating_optional,
                     const std::string& place) {
  if (2 * votes.times <= votes.records) layout.roles.time = -1;
  if (layout.columns == 3 && votes.records > 0 && votes.time_ratings == votes.records) {
    if (rating_optional) {
      layout.roles.time = std::exchange(layout.roles.rating, -1);
      return;
    }
    throw_no_rating_column(fmt::format("{}:{}", place, layout.body_line),
                           "the third column looks like times, not ratings");
  }
}

void refuse_long_first_line(std::string_view text, std::string_view sample,
                            const std::string& place) {
  if (sample.size() <= longest_record || text.size() <= longest_record) return;
  throw Error(ExitCode::bad_data, place + ":1", "the line is longer than 1 MiB",
              "is it a text with one rating per line?");
}

}  // namespace

std::string_view sample_of(std::string_view text) {
  if (text.size() <= sample_size) return text;
  const std::size_t last = text.rfind('\n', sample_size - 1);
  if (last != std::string_view::npos) return text.substr(0, last + 1);
  const std::size_t next = text.find('\n');
  return text.substr(0, next == std::string_view::npos ? next : next + 1);
}

const Contents& contents_of(const ReadOptions& options) {
  return options.rating_optional && !options.keep_ratings ? pairs_contents : ratings_contents;
}

Layout detect_layout(std::string_view text, const std::string& place, const ReadOptions& options) {
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  if (is_matrix_market(text)) return matrix_market_layout(text, place, options);
  const std::string_view sample = sample_of(text);
  refuse_carriage_returns(sample, place, contents_of(options));
  refuse_long_first_line(text, sample, place);
  const Fit fit = choose_delimiter(sample, place, options);
  if (options.columns.empty()) refuse_movielens_tables(sample, fit.rules, place);
  const FirstRecords records = first_records(sample, fit);
  const ColumnChoice choice = choose_columns(records, place, options);
  Layout layout;
  layout.rules = fit.rules;
  layout.columns = fit.columns;
  layout.roles = choice.roles;
  layout.body = text;
  if (choice.has_header) {
    check_header_width(records, place);
    skip_header(layout, text);
  }
  const Votes votes = count_votes(layout);
  if (!choice.by_name && options.columns.empty())
    check_positions(layout, votes, options.rating_optional, place);
  const std::optional<IdKind> ids = options.ids ? options.ids : options.ids_elsewhere;
  layout.user_ids = ids.value_or(votes.users.kind());
  layout.item_ids = ids.value_or(votes.items.kind());
  layout.description = describe(layout, records, choice, votes);
  return layout;
}

}  // namespace alsatian
