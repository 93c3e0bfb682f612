// Names of columns as data sets on the web have them, and the rules around --columns.
// Columns that are asked for and absent are an error with what there is, never a guess.
#include "host/ratings/columns.hpp"

#include "host/error.hpp"
#include "host/ratings/name_list.hpp"
#include "host/ratings/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <span>
#include <system_error>

namespace alsatian {
namespace {

constexpr auto user_names =
    std::to_array<std::string_view>({"user", "userid", "users", "uid", "userno", "usernumber",
                                     "customer", "customerid", "reviewer", "reviewerid"});
constexpr auto item_names = std::to_array<std::string_view>(
    {"item",  "itemid",  "items",    "iid",       "itemno",  "movie",  "movieid",
     "film",  "filmid",  "product",  "productid", "asin",    "book",   "bookid",
     "isbn",  "song",    "songid",   "track",     "trackid", "artist", "artistid",
     "anime", "animeid", "business", "businessid"});
constexpr auto rating_names =
    std::to_array<std::string_view>({"rating", "ratings", "score", "stars", "star", "value",
                                     "overall", "bookrating", "userrating"});
constexpr auto time_names = std::to_array<std::string_view>(
    {"timestamp", "time", "ts", "date", "datetime", "unixtime", "unixreviewtime", "ratedat"});

/// Letters and digits of a name in lower case; RecBole's ":token", ":float" left out.
std::string normalised(std::string_view name) {
  const std::size_t colon = name.rfind(':');
  if (colon != std::string_view::npos) {
    const std::string_view type = name.substr(colon + 1);
    if (type == "token" || type == "float") name = name.substr(0, colon);
  }
  std::string text;
  for (const char letter : name) {
    if (letter >= 'A' && letter <= 'Z') text += static_cast<char>(letter - 'A' + 'a');
    if ((letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9')) text += letter;
  }
  return text;
}

std::string names_of(const std::vector<std::string>& fields) {
  constexpr std::size_t most = 12;
  std::string text;
  for (std::size_t index = 0; index < std::min(fields.size(), most); ++index) {
    text += (index == 0 ? "" : ", ") + quoted(fields[index]);
  }
  return fields.size() > most ? text + ", ..." : text;
}

int& role_column(ColumnRoles& roles, Role role) {
  switch (role) {
    case Role::user:
      return roles.user;
    case Role::item:
      return roles.item;
    case Role::rating:
      return roles.rating;
    default:
      return roles.time;
  }
}

std::string_view role_name(Role role) {
  constexpr auto names = std::to_array<std::string_view>({"user", "item", "rating", "time"});
  return names[static_cast<std::size_t>(role)];
}

constexpr auto all_roles = std::to_array<Role>({Role::user, Role::item, Role::rating, Role::time});

[[noreturn]] void throw_columns_usage(const ReadOptions& options, const std::string& what) {
  throw Error(ExitCode::usage, "--columns " + listed(options.columns), what,
              "for example --columns userId,movieId,rating,timestamp or --columns 1,2,3");
}

void check_columns_option(const ReadOptions& options) {
  const std::size_t fewest = options.rating_optional ? 2 : 3;
  if (options.columns.size() < fewest || options.columns.size() > 4) {
    throw_columns_usage(options,
                        fmt::format("must be {} to 4 columns: user,item,rating[,time]", fewest));
  }
  for (const std::string& column : options.columns) {
    if (std::ranges::count(options.columns, column) > 1) {
      throw_columns_usage(options, fmt::format("{} is there twice", quoted(column)));
    }
  }
}

/// The column that a number from 1 means; nothing where it is no number.
std::optional<int> column_number(std::string_view text) {
  int number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number - 1;
}

int checked_number(int column, int columns, const ReadOptions& options, const std::string& place) {
  if (column < 0) throw_columns_usage(options, "columns are numbered from 1");
  if (column >= columns) {
    throw Error(ExitCode::bad_data, place,
                fmt::format("has {} columns, --columns asks for column {}", columns, column + 1),
                "name columns that are there, or set --delimiter");
  }
  return column;
}

ColumnRoles columns_by_option(const FirstRecords& records, const std::string& place,
                              const ReadOptions& options) {
  ColumnRoles roles;
  for (std::size_t index = 0; index < options.columns.size(); ++index) {
    const std::string& wanted = options.columns[index];
    const auto found = std::ranges::find(records.first, wanted);
    int column = 0;
    if (const auto number = column_number(wanted)) {
      column = checked_number(*number, records.columns, options, place);
    } else if (found != records.first.end()) {
      column = static_cast<int>(found - records.first.begin());
    } else {
      throw Error(
          ExitCode::bad_data, fmt::format("{}:{}", place, records.line),
          fmt::format("there is no column {} in {}", quoted(wanted), names_of(records.first)),
          "name columns of the first line, or give their numbers: --columns 1,2,3");
    }
    for (const Role other : all_roles) {
      if (role_column(roles, other) != column) continue;
      throw_columns_usage(options, fmt::format("{} is there twice", quoted(wanted)));
    }
    role_column(roles, all_roles[index]) = column;
  }
  return roles;
}

/// Roles by the names of a header; throws where two columns have names for one role.
ColumnRoles columns_by_name(const FirstRecords& records, const std::string& place) {
  ColumnRoles roles;
  for (std::size_t index = 0; index < records.first.size(); ++index) {
    const Role role = role_of_name(records.first[index]);
    if (role == Role::none) continue;
    int& column = role_column(roles, role);
    if (column >= 0) {
      throw Error(ExitCode::bad_data, fmt::format("{}:{}", place, records.line),
                  fmt::format("both {} and {} could be the {}",
                              quoted(records.first[static_cast<std::size_t>(column)]),
                              quoted(records.first[index]), role_name(role)),
                  "choose with --columns user,item,rating[,time]");
    }
    column = static_cast<int>(index);
  }
  return roles;
}

int named_roles(const std::vector<std::string>& fields) {
  return static_cast<int>(std::ranges::count_if(
      fields, [](const std::string& field) { return role_of_name(field) != Role::none; }));
}

bool has_number(const std::vector<std::string>& fields) {
  return std::ranges::any_of(fields, [](const std::string& field) { return is_number(field); });
}

/// Whether a text looks like the name of a column: not like a number with its unit, nor like what
/// stands for a missing rating.
bool could_be_name(std::string_view text) {
  if (text.empty()) return false;
  const char first = text.front();
  const bool is_letter =
      (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || (first & 0x80) != 0;
  return (is_letter || first == '_') && parse_rating(text, '.').flaw == RatingFlaw::not_a_number;
}

/// The fields of the first record in the columns of user, item and rating; fewer where it is short.
std::vector<std::string> fields_of_roles(const FirstRecords& records, const ColumnRoles& roles) {
  std::vector<std::string> fields;
  for (const int column : {roles.user, roles.item, roles.rating}) {
    const auto index = static_cast<std::size_t>(column);
    if (column >= 0 && index < records.first.size()) fields.push_back(records.first[index]);
  }
  return fields;
}

[[noreturn]] void throw_unclear_header(const FirstRecords& records, const ColumnRoles& roles,
                                       const std::string& place) {
  const std::vector<std::string> names = fields_of_roles(records, roles);
  throw Error(
      ExitCode::bad_data, fmt::format("{}:{}", place, records.line),
      fmt::format("rating {} is not a number, unless the line is a header", quoted(names.back())),
      fmt::format(
          "if it is one, name its columns: --columns {},{},{}; if not, correct the line, or "
          "say so with --columns {},{},{}",
          printable(names[0]), printable(names[1]), printable(names[2]), roles.user + 1,
          roles.item + 1, roles.rating + 1));
}

bool has_column_name(const ReadOptions& options) {
  return std::ranges::any_of(options.columns,
                             [](const std::string& wanted) { return !column_number(wanted); });
}

/// Whether the first record is a header although no name in it is known: names alone in it, and
/// numbers below them. Among string ids nothing tells names from ids: with a rating below the last
/// of them it is an error, and in a list of pairs no header.
bool is_unknown_header(const FirstRecords& records, const ColumnRoles& roles,
                       const std::string& place, const ReadOptions& options) {
  const std::vector<std::string> names = fields_of_roles(records, roles);
  const std::size_t wanted = roles.rating >= 0 ? 3 : 2;
  if (has_number(records.first) || names.size() < wanted) return false;
  if (!std::ranges::all_of(names, could_be_name)) return false;
  if (options.is_known_pair && options.is_known_pair(names[0], names[1])) return false;
  const bool integer_ids = (options.ids ? options.ids : options.ids_elsewhere) != IdKind::string &&
                           (records.is_numeric(roles.user) || records.is_numeric(roles.item));
  if (roles.rating < 0) return integer_ids && options.columns.empty();
  if (!records.is_numeric(roles.rating)) return false;
  if (!integer_ids && options.columns.empty()) throw_unclear_header(records, roles, place);
  return integer_ids;
}

/// Whether the first record has names of roles. One alone may be an id that is called so, as the
/// item "book": then nothing may stand beside it that is no name.
bool is_known_header(const FirstRecords& records, const ReadOptions& options) {
  const int named = named_roles(records.first);
  if (named == 0 || (named == 1 && has_number(records.first))) return false;
  const auto& first = records.first;
  if (options.is_known_pair && first.size() >= 2 && options.is_known_pair(first[0], first[1])) {
    return false;
  }
  return named > 1 || std::ranges::all_of(first, [](const std::string& field) {
           return field.empty() || could_be_name(field);
         });
}

/// Roles in the usual order: user, item, rating, time.
ColumnRoles columns_by_position(const FirstRecords& records) {
  return {0, 1, records.columns > 2 ? 2 : -1, records.columns > 3 ? 3 : -1};
}

void check_named_roles(const ColumnRoles& roles, const FirstRecords& records,
                       const std::string& place, const ReadOptions& options) {
  const std::string at = fmt::format("{}:{}", place, records.line);
  for (const auto& [column, role] :
       {std::pair(roles.user, "user"), std::pair(roles.item, "item")}) {
    if (column >= 0) continue;
    throw Error(
        ExitCode::bad_data, at,
        fmt::format("there is no {} column in the header {}", role, names_of(records.first)),
        "say which are user, item and rating, by name or number, as in --columns 1,2,3, or pass "
        "the file of ratings");
  }
  if (roles.rating < 0 && !options.rating_optional) {
    throw_no_rating_column(at,
                           "there is no rating column in the header " + names_of(records.first));
  }
}

}  // namespace

Role role_of_name(std::string_view name) {
  const std::string text = normalised(name);
  const auto is_one_of = [&](std::span<const std::string_view> names) {
    return std::ranges::find(names, text) != names.end();
  };
  if (is_one_of(user_names)) return Role::user;
  if (is_one_of(item_names)) return Role::item;
  if (is_one_of(rating_names)) return Role::rating;
  if (is_one_of(time_names)) return Role::time;
  return Role::none;
}

void throw_no_rating_column(const std::string& place, const std::string& what) {
  throw Error(ExitCode::bad_data, place,
              what + "; implicit feedback (no ratings) is not supported yet",
              "name a column with the rating: --columns user,item,rating");
}

ColumnRoles columns_by_number(const ReadOptions& options, int columns, const std::string& place) {
  check_columns_option(options);
  ColumnRoles roles;
  for (std::size_t index = 0; index < options.columns.size(); ++index) {
    const auto number = column_number(options.columns[index]);
    if (!number) throw_columns_usage(options, "the file has no header, so columns are numbers");
    role_column(roles, all_roles[index]) = checked_number(*number, columns, options, place);
  }
  return roles;
}

ColumnChoice choose_columns(const FirstRecords& records, const std::string& place,
                            const ReadOptions& options) {
  const bool is_header = is_known_header(records, options);
  const auto wanted = [&](ColumnRoles roles) {
    if (!options.keep_ratings) roles.rating = -1;
    return roles;
  };
  if (!options.columns.empty()) {
    check_columns_option(options);
    const ColumnRoles roles = wanted(columns_by_option(records, place, options));
    const bool by_name = has_column_name(options);
    return {roles, by_name || is_header || is_unknown_header(records, roles, place, options),
            by_name};
  }
  if (is_header) {
    const ColumnRoles roles = wanted(columns_by_name(records, place));
    check_named_roles(roles, records, place, options);
    return {roles, true, true};
  }
  const ColumnRoles roles = wanted(columns_by_position(records));
  return {roles, is_unknown_header(records, roles, place, options), false};
}

}  // namespace alsatian
