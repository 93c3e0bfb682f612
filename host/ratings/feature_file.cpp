// Reads feature files into columns of text: layout, header and ids. What they mean is decided in
// feature_encoding.cpp.
#include "host/ratings/feature_file.hpp"

#include "host/error.hpp"
#include "host/ratings/bad_line.hpp"
#include "host/ratings/columns.hpp"
#include "host/ratings/file_kind.hpp"
#include "host/ratings/input_source.hpp"
#include "host/ratings/name_table.hpp"
#include "host/ratings/records.hpp"
#include "host/ratings/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <utility>

namespace alsatian {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::int64_t largest_features = std::int64_t{4} << 30;
constexpr std::size_t lines_looked_at = 100;
constexpr auto item_files = std::to_array<std::string_view>({"movies.csv", "movies.dat", "u.item"});
constexpr auto user_files = std::to_array<std::string_view>({"users.dat", "u.user"});

/// Columns of the files of MovieLens that have no header.
struct KnownFile {
  std::string_view name;
  std::string_view delimiter;
  std::vector<std::string> columns;
};

const std::vector<KnownFile>& known_files() {
  static const std::vector<KnownFile> files{
      {"users.dat", "::", {"gender", "age", "occupation", "zip"}},
      {"movies.dat", "::", {"title", "genres"}},
      {"u.user", "|", {"age", "gender", "occupation", "zip"}},
      {"u.item", "|", {"title",    "release_date", "video_date", "url",        "unknown",
                       "Action",   "Adventure",    "Animation",  "Children's", "Comedy",
                       "Crime",    "Documentary",  "Drama",      "Fantasy",    "Film-Noir",
                       "Horror",   "Musical",      "Mystery",    "Romance",    "Sci-Fi",
                       "Thriller", "War",          "Western"}}};
  return files;
}

std::string_view option_of(FeatureSide side) {
  return side == FeatureSide::users ? "--user-features" : "--item-features";
}

struct TableLayout {
  RecordRules rules;
  bool has_header = false;
  std::size_t id = 0;
  std::vector<std::string> names;  // of all columns
};

/// The fields of the first records that are not blank.
std::vector<std::vector<std::string>> first_records(std::string_view text,
                                                    const RecordRules& rules) {
  std::vector<std::vector<std::string>> records;
  Record record;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end && records.size() < lines_looked_at) {
    at = read_record(at, end, rules, record);
    if (record.is_blank || record.flaw != RecordFlaw::none) continue;
    std::vector<std::string> fields;
    for (const Field& field : record.fields) fields.push_back(unquoted(field));
    records.push_back(std::move(fields));
  }
  return records;
}

/// The first delimiter that cuts the first line, and most of those behind it as well.
RecordRules find_rules(std::string_view text, const std::string& place) {
  for (const std::string_view delimiter : {"::", "\t", ",", ";", "|"}) {
    const bool quotes = delimiter != "::" && delimiter != "|";  // titles may begin with one
    const RecordRules rules{.delimiter = {std::string(delimiter)}, .quotes = quotes};
    const auto records = first_records(text, rules);
    if (records.empty() || records.front().size() < 2) continue;
    const auto alike = std::ranges::count_if(
        records, [&](const auto& fields) { return fields.size() == records.front().size(); });
    if (2 * static_cast<std::size_t>(alike) > records.size()) return rules;
  }
  throw Error(ExitCode::bad_data, place,
              "has no columns: no line is cut by ::, a tab, comma, ; or |",
              std::string(features_contents.remedy));
}

/// Whether the first record names columns: its id does, or is text where the next one is a number,
/// or something else in it is text where all others have numbers.
bool is_header(const std::vector<std::vector<std::string>>& records) {
  const std::vector<std::string>& first = records.front();
  if (std::ranges::any_of(first, [](const std::string& name) {
        const Role role = role_of_name(name);
        return role == Role::user || role == Role::item || name == "id" || name == "ID";
      })) {
    return true;
  }
  if (records.size() < 2 || is_number(first[0])) return false;
  if (is_number(records[1][0])) return true;
  for (std::size_t column = 1; column < first.size(); ++column) {
    if (first[column].empty() || is_number(first[column])) continue;
    const bool all_numbers = std::all_of(
        records.begin() + 1, records.end(), [&](const std::vector<std::string>& fields) {
          return column < fields.size() && (fields[column].empty() || is_number(fields[column]));
        });
    if (all_numbers) return true;
  }
  return false;
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
  throw Error(
      ExitCode::bad_data, place,
      fmt::format("has a column {}, and {} takes features of {}", quoted(names[*foreign]),
                  option_of(side), side == FeatureSide::users ? "users" : "items"),
      fmt::format("give it with {}",
                  option_of(side == FeatureSide::users ? FeatureSide::items : FeatureSide::users)));
}

TableLayout find_layout(std::string_view text, FeatureSide side, const std::string& place,
                        const std::string& source) {
  TableLayout layout{.rules = find_rules(text, place), .names = {}};
  const auto records = first_records(text, layout.rules);
  layout.has_header = is_header(records);
  if (layout.has_header) {
    layout.names = records.front();
    layout.id = id_column(layout.names, side, place);
    return layout;
  }
  const std::size_t columns = records.front().size();
  layout.names.emplace_back("id");
  for (const KnownFile& file : known_files()) {
    if (source == file.name && layout.rules.delimiter.text == file.delimiter &&
        columns == file.columns.size() + 1) {
      layout.names.insert(layout.names.end(), file.columns.begin(), file.columns.end());
      return layout;
    }
  }
  for (std::size_t column = 2; column <= columns; ++column) {
    layout.names.push_back(fmt::format("column {}", column));
  }
  return layout;
}

[[noreturn]] void throw_flawed(const BadLine& bad, const std::string& place) {
  Complaint complaint = complaint_about(bad);
  if (bad.reason == BadLineReason::nul_byte) complaint.help = "download or copy the file again";
  if (bad.reason == BadLineReason::too_long) {
    complaint.help = "is it a text with an id and its features in each line?";
  }
  throw Error(ExitCode::bad_data, place_of(bad, place), complaint.what, complaint.help);
}

bool is_missing(std::string_view value) {
  return value.empty() || value == "NA" || value == "NULL" || value == "\\N" || value == "nan" ||
         value == "NaN" || value == "(no genres listed)";
}

/// Records as they come; of repeated ids the last counts.
class TableReader {
 public:
  TableReader(TableLayout layout, std::string place, bool is_latin1)
      : layout_(std::move(layout)), place_(std::move(place)), is_latin1_(is_latin1) {}

  void read(std::string_view text) {
    Record record;
    bool header_left = layout_.has_header;
    const char* at = text.data();
    const char* const end = at + text.size();
    for (std::int64_t line = 1; at < end; line += record.lines) {
      at = read_record(at, end, layout_.rules, record);
      if (record.is_blank) continue;
      if (record.flaw != RecordFlaw::none) throw_flawed(flawed_line(record, line), place_);
      check_fields(record, line);
      if (std::exchange(header_left, false)) continue;
      take(record, line);
    }
    if (records_.empty()) {
      throw Error(ExitCode::bad_data, place_,
                  layout_.has_header ? "has a header but no features" : "has no features",
                  std::string(features_contents.remedy));
    }
  }

  FeatureText table() const {
    FeatureText text;
    for (std::size_t row = 0; row < records_.size(); ++row) {
      text.ids.push_back(ids_[static_cast<std::int64_t>(row)]);
    }
    for (std::size_t column = 0; column < layout_.names.size(); ++column) {
      if (column == layout_.id) continue;
      text.names.push_back(layout_.names[column]);
      StringTable& values = text.values.emplace_back();
      for (const std::vector<std::string>& record : records_) {
        values.push_back(is_missing(record[column]) ? "" : record[column]);
      }
    }
    return text;
  }

  void warn(std::vector<std::string>& warnings) const {
    if (repeated_ == 0) return;
    warnings.push_back(fmt::format(
        "{} describes ids again {} {}, and the last line counts; the "
        "first time {} in line {}",
        place_, repeated_, repeated_ == 1 ? "time" : "times", quoted(example_), example_line_));
  }

 private:
  void check_fields(const Record& record, std::int64_t line) const {
    if (record.fields.size() == layout_.names.size()) return;
    throw Error(ExitCode::bad_data, fmt::format("{}:{}", place_, line),
                fmt::format("{} columns, expected {} as in the first line", record.fields.size(),
                            layout_.names.size()),
                "write the same columns in every line, and quote what holds the delimiter");
  }

  void take(const Record& record, std::int64_t line) {
    std::vector<std::string> fields;
    for (const Field& field : record.fields) {
      fields.push_back(is_latin1_ ? latin1_to_utf8(unquoted(field)) : unquoted(field));
    }
    const std::string id = fields[layout_.id];
    if (id.empty()) {
      throw Error(ExitCode::bad_data, fmt::format("{}:{}", place_, line), "has no id",
                  "write the id of a user or item in every line");
    }
    const auto row = static_cast<std::size_t>(known_.add(id));
    if (row == records_.size()) {
      ids_.push_back(id);
      records_.push_back(std::move(fields));
      return;
    }
    if (repeated_++ == 0) {
      example_ = id;
      example_line_ = line;
    }
    records_[row] = std::move(fields);
  }

  TableLayout layout_;
  std::string place_;
  bool is_latin1_;
  NameTable known_;
  StringTable ids_;
  std::vector<std::vector<std::string>> records_;
  std::int64_t repeated_ = 0;
  std::string example_;
  std::int64_t example_line_ = 0;
};

void refuse_other_than_features(std::string_view bytes, const std::string& place) {
  refuse_other_kinds(bytes, place, features_contents);
}

}  // namespace

FeatureFile read_features(const std::string& path, FeatureSide side, std::int64_t free_bytes) {
  const std::span<const std::string_view> names =
      side == FeatureSide::users ? std::span<const std::string_view>(user_files)
                                 : std::span<const std::string_view>(item_files);
  const Input input =
      open_input(path, {names, "", {largest_features, free_bytes, refuse_other_than_features}});
  try {
    refuse_other_than_features(input.text(), input.place());
    FeatureFile file;
    file.source = std::filesystem::path(input.path()).filename().string();
    file.place = input.place();
    std::string_view text = input.text();
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    TableReader reader(find_layout(text, side, file.place, file.source), file.place,
                       !is_utf8(text));
    reader.read(text);
    input.check_unchanged();
    reader.warn(file.warnings);
    const FeatureText table = reader.table();
    encode_features(table, file);
    return file;
  } catch (const Error&) {
    input.check_unchanged();
    throw;
  }
}

SideFeatures features_by_index(const FeatureFile& file, const IdIndex& ids) {
  std::vector<std::int64_t> row_of(static_cast<std::size_t>(ids.size()), -1);
  for (std::int64_t row = 0; row < file.ids.size(); ++row) {
    if (const auto index = ids.find(file.ids[row])) row_of[static_cast<std::size_t>(*index)] = row;
  }
  SideFeatures features{.rows = {{0}, {}, {}},
                        .described = {},
                        .names = file.names,
                        .source = {file.source, file.columns}};
  for (const std::int64_t row : row_of) {
    features.described.push_back(row >= 0 ? 1 : 0);
    if (row >= 0) {
      const auto first = file.rows.offsets[static_cast<std::size_t>(row)];
      const auto last = file.rows.offsets[static_cast<std::size_t>(row) + 1];
      features.rows.columns.insert(features.rows.columns.end(), file.rows.columns.begin() + first,
                                   file.rows.columns.begin() + last);
      features.rows.values.insert(features.rows.values.end(), file.rows.values.begin() + first,
                                  file.rows.values.begin() + last);
    }
    features.rows.offsets.push_back(static_cast<std::int64_t>(features.rows.columns.size()));
  }
  return features;
}

}  // namespace alsatian
