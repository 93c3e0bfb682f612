// Implements feature_layout.hpp.
// Words such as user, book and ID are names of columns and values as well: what stands below tells.
#include "host/ratings/feature_layout.hpp"

#include "host/error.hpp"
#include "host/ratings/columns.hpp"
#include "host/ratings/feature_values.hpp"
#include "host/ratings/file_kind.hpp"
#include "host/ratings/name_list.hpp"
#include "host/ratings/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace alsatian {
namespace {

constexpr std::size_t lines_looked_at = 100;

/// Fields of the first records that are not blank, as UTF-8.
using Records = std::vector<std::vector<std::string>>;

/// Columns of the files of MovieLens that have no header.
struct KnownFile {
  std::string_view name;
  FeatureSide side;
  std::string_view delimiter;
  std::vector<std::string> columns;
};

const std::vector<KnownFile>& known_files() {
  static const std::vector<KnownFile> files{
      {"users.dat", FeatureSide::users, "::", {"gender", "age", "occupation", "zip"}},
      {"movies.dat", FeatureSide::items, "::", {"title", "genres"}},
      {"u.user", FeatureSide::users, "|", {"age", "gender", "occupation", "zip"}},
      {"u.item",
       FeatureSide::items,
       "|",
       {"title",     "release_date", "video_date", "url",    "unknown", "Action",
        "Adventure", "Animation",    "Children's", "Comedy", "Crime",   "Documentary",
        "Drama",     "Fantasy",      "Film-Noir",  "Horror", "Musical", "Mystery",
        "Romance",   "Sci-Fi",       "Thriller",   "War",    "Western"}}};
  return files;
}

std::string_view option_of(FeatureSide side) {
  return side == FeatureSide::users ? "--user-features" : "--item-features";
}

std::string_view noun_of(FeatureSide side) {
  return side == FeatureSide::users ? "users" : "items";
}

FeatureSide other_than(FeatureSide side) {
  return side == FeatureSide::users ? FeatureSide::items : FeatureSide::users;
}

/// The file describes the other side.
[[noreturn]] void throw_other_side(const std::string& place, const std::string& what,
                                   FeatureSide side) {
  throw Error(ExitCode::bad_data, place,
              fmt::format("{}, and {} takes features of {}", what, option_of(side), noun_of(side)),
              fmt::format("give it with {}", option_of(other_than(side))));
}

Records first_records(std::string_view text, const FeatureLayout& layout) {
  Records records;
  Record record;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end && records.size() < lines_looked_at) {
    at = read_record(at, end, layout.rules, record);
    if (record.is_blank || record.flaw != RecordFlaw::none) continue;
    std::vector<std::string>& fields = records.emplace_back();
    for (const Field& field : record.fields) fields.push_back(text_of(field, layout));
  }
  return records;
}

/// Sets the first delimiter that cuts the first line, and most of those behind it as well; the
/// records that it cuts.
Records find_rules(std::string_view text, const std::string& place, FeatureLayout& layout) {
  for (const std::string_view delimiter : {"::", "\t", ",", ";", "|"}) {
    const bool quotes = delimiter != "::" && delimiter != "|";  // titles may begin with one
    layout.rules = {.delimiter = {std::string(delimiter)}, .quotes = quotes};
    Records records = first_records(text, layout);
    if (records.empty() || records.front().size() < 2) continue;
    // As in 1;3,50: that comma is a decimal one.
    if (delimiter == "," && records.front().front().find(';') != std::string::npos) continue;
    const auto alike = std::ranges::count_if(
        records, [&](const auto& fields) { return fields.size() == records.front().size(); });
    if (2 * static_cast<std::size_t>(alike) > records.size()) return records;
  }
  throw Error(ExitCode::bad_data, place,
              "has no columns: no line is cut by ::, a tab, comma, ; or |",
              std::string(features_contents.remedy));
}

bool is_word(const std::string& text) {
  return !is_missing_value(text) && !is_number(text) && parse_number(text).form == NumberForm::none;
}

/// What a column has in the first record and below it.
struct ColumnGlance {
  bool word_above_numbers = false;
  bool number_above_numbers = false;
  bool names_ids = false;  // by a name that is not one of many values
};

bool is_name_of_ids(std::string_view name) {
  const Role role = role_of_name(name);
  return role == Role::user || role == Role::item || name == "id" || name == "ID" || name == "Id";
}

ColumnGlance glance_at(const Records& records, std::size_t column) {
  const std::string& first = records.front()[column];
  std::set<std::string_view> different;
  std::size_t below = 0;
  std::size_t numbers = 0;
  for (std::size_t record = 1; record < records.size(); ++record) {
    if (column >= records[record].size() || is_missing_value(records[record][column])) continue;
    ++below;
    if (is_number(records[record][column])) ++numbers;
    different.insert(records[record][column]);
  }
  const bool above_numbers = 2 * numbers > below;  // a few may be slips
  const bool is_one_of_many = different.contains(first) || 2 * different.size() < below;
  return {.word_above_numbers = above_numbers && is_word(first),
          .number_above_numbers = above_numbers && is_number(first),
          .names_ids = is_name_of_ids(first) && !is_one_of_many};
}

/// What may be an id as well, as ID (Idaho) and book.
bool is_doubtful_name(const std::string& name) {
  return name == "ID" ||
         (name != "id" && !name.ends_with("id") && !name.ends_with("Id") && !name.ends_with("ID"));
}

std::string header_warning(const Records& records, const std::string& place,
                           const std::string& name, bool is_header) {
  return fmt::format("{}: its first line ({}) is taken for {}: if it is {}", place,
                     listed(records.front(), quoted),
                     is_header ? fmt::format("a header, since {} is a name of ids", quoted(name))
                               : std::string("data, since it has numbers above numbers"),
                     is_header ? "none, write names of the columns in a line above it"
                               : "a header, give the columns names that are no numbers");
}

/// Whether the first record names the columns, by the rule of feature_layout.hpp.
bool is_header(const Records& records, const std::string& place,
               std::vector<std::string>& warnings) {
  bool has_word_above = false;
  bool has_number_above = false;
  const std::string* name_of_ids = nullptr;
  for (std::size_t column = 0; column < records.front().size(); ++column) {
    const ColumnGlance glance = glance_at(records, column);
    if (glance.word_above_numbers && (column == 0 || glance.names_ids)) return true;
    has_word_above |= glance.word_above_numbers;
    has_number_above |= glance.number_above_numbers;
    if (glance.names_ids && name_of_ids == nullptr) name_of_ids = &records.front()[column];
  }
  if (is_number(records.front().front())) return false;
  if (has_number_above) {
    if (name_of_ids != nullptr) {
      warnings.push_back(header_warning(records, place, *name_of_ids, false));
    }
    return false;
  }
  if (has_word_above || name_of_ids == nullptr) return has_word_above;
  if (records.size() > 1 && is_doubtful_name(*name_of_ids)) {
    warnings.push_back(header_warning(records, place, *name_of_ids, true));
  }
  return true;
}

/// The column of ids that a header names; the first where it names none.
std::size_t id_column(const std::vector<std::string>& names, FeatureSide side,
                      const std::string& place) {
  const Role wanted = side == FeatureSide::users ? Role::user : Role::item;
  const Role other = side == FeatureSide::users ? Role::item : Role::user;
  std::optional<std::size_t> foreign;
  for (std::size_t column = 0; column < names.size(); ++column) {
    const Role role = role_of_name(names[column]);
    if (role == wanted) return column;
    if (role == other && !foreign) foreign = column;
  }
  if (!foreign) return 0;
  throw_other_side(place, fmt::format("has a column {}", quoted(names[*foreign])), side);
}

void refuse_doubled(const std::vector<std::string>& names, const std::string& place) {
  std::set<std::string_view> known;
  for (const std::string& name : names) {
    if (known.insert(name).second) continue;
    throw Error(ExitCode::bad_data, place, fmt::format("has two columns called {}", quoted(name)),
                "rename one of them");
  }
}

std::string name_by_position(std::size_t column) { return fmt::format("column {}", column + 1); }

void take_header(const Records& records, FeatureSide side, const std::string& place,
                 FeatureLayout& layout) {
  layout.has_header = true;
  layout.names = records.front();
  layout.id = id_column(layout.names, side, place);
  for (std::size_t column = 0; column < layout.names.size(); ++column) {
    if (layout.names[column].empty()) layout.names[column] = name_by_position(column);
  }
  refuse_doubled(layout.names, place);
  layout.description =
      fmt::format("{}, header {}", layout.rules.delimiter.name(), listed(layout.names, quoted));
  if (layout.id > 0) {
    layout.description += fmt::format(", ids in {}", quoted(layout.names[layout.id]));
  }
}

/// The file of MovieLens of that name, packed or not, and shape.
const KnownFile* known_file(std::string_view name, const FeatureLayout& layout,
                            std::size_t columns) {
  if (name.ends_with(".gz")) name.remove_suffix(3);
  const auto found = std::ranges::find_if(known_files(), [&](const KnownFile& file) {
    return name == file.name && layout.rules.delimiter.text == file.delimiter &&
           columns == file.columns.size() + 1;
  });
  return found == known_files().end() ? nullptr : &*found;
}

void take_positions(std::size_t columns, FeatureSide side, const std::string& place,
                    std::string_view name, FeatureLayout& layout) {
  layout.description = layout.rules.delimiter.name() + ", no header";
  layout.names.emplace_back("id");
  if (const KnownFile* known = known_file(name, layout, columns)) {
    if (known->side != side) {
      throw_other_side(
          place,
          fmt::format("has features of {}, as MovieLens' {}", noun_of(known->side), known->name),
          side);
    }
    layout.description += fmt::format(", columns of MovieLens' {}", known->name);
    layout.names.insert(layout.names.end(), known->columns.begin(), known->columns.end());
    return;
  }
  for (std::size_t column = 1; column < columns; ++column) {
    layout.names.push_back(name_by_position(column));
  }
}

}  // namespace

std::string text_of(const Field& field, const FeatureLayout& layout) {
  return layout.is_latin1 ? latin1_to_utf8(unquoted(field)) : unquoted(field);
}

FeatureLayout find_feature_layout(std::string_view text, FeatureSide side, const std::string& place,
                                  std::string_view name) {
  FeatureLayout layout;
  layout.is_latin1 = !is_utf8(text);
  const Records records = find_rules(text, place, layout);
  if (is_header(records, place, layout.warnings)) {
    take_header(records, side, place, layout);
  } else {
    take_positions(records.front().size(), side, place, name, layout);
  }
  return layout;
}

}  // namespace alsatian
