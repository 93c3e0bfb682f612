// Reads feature files into columns of text, in two passes: lines and ids, then values in the order
// of rows. What they mean is decided in feature_encoding.cpp.
#include "host/ratings/feature_file.hpp"

#include "host/error.hpp"
#include "host/ratings/bad_line.hpp"
#include "host/ratings/feature_layout.hpp"
#include "host/ratings/feature_values.hpp"
#include "host/ratings/file_kind.hpp"
#include "host/ratings/input_source.hpp"
#include "host/ratings/name_table.hpp"
#include "host/ratings/records.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <utility>

namespace alsatian {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::int64_t largest_features = std::int64_t{4} << 30;
constexpr auto item_files = std::to_array<std::string_view>({"movies.csv", "movies.dat", "u.item"});
constexpr auto user_files = std::to_array<std::string_view>({"users.dat", "u.user"});

[[noreturn]] void throw_flawed(const BadLine& bad, const std::string& place) {
  Complaint complaint = complaint_about(bad);
  if (bad.reason == BadLineReason::nul_byte) complaint.help = "download or copy the file again";
  if (bad.reason == BadLineReason::too_long) {
    complaint.help = "is it a text with an id and its features in each line?";
  }
  throw Error(ExitCode::bad_data, place_of(bad, place), complaint.what, complaint.help);
}

/// What reading a text may take at its peak, beside the text.
std::int64_t reading_bytes(std::string_view text, const FeatureLayout& layout) {
  // Of each row: its id in a table of names and twice as text, where it stands, and what the column
  // at hand is looked at in.
  constexpr std::int64_t row_bytes = 400;
  constexpr std::int64_t field_bytes = 8 + 8;    // where its text ends, and its features
  constexpr std::int64_t feature_bytes = 2 * 8;  // by column, then by row
  const auto size = std::ssize(text);
  const std::int64_t rows = std::ranges::count(text, '\n') + 1;
  // A field takes a byte of the text at least.
  const std::int64_t fields = std::min(rows * std::ssize(layout.names), size + rows);
  const std::int64_t features = fields + std::ranges::count(text, '|');
  const std::int64_t text_bytes = 2 * size * (layout.is_latin1 ? 2 : 1);  // vectors grow twofold
  return text_bytes + rows * row_bytes + fields * field_bytes + features * feature_bytes;
}

/// Packed input is in memory already.
void check_memory(const Input& input, std::string_view text, const FeatureLayout& layout,
                  std::int64_t free_bytes) {
  const std::int64_t held = input.packing().empty() ? 0 : std::ssize(text);
  const std::int64_t needed = held + reading_bytes(text, layout);
  if (needed <= free_bytes) return;
  throw Error(ExitCode::out_of_memory, input.place(),
              fmt::format("may take {} of memory, {} are free", human_bytes(needed),
                          human_bytes(free_bytes)),
              "leave out columns or lines that are not needed, free memory, or raise --max-memory "
              "where it is given");
}

/// Records as they come; of repeated ids the last counts.
class TableReader {
 public:
  TableReader(std::string_view text, const FeatureLayout& layout, const std::string& place)
      : text_(text), layout_(layout), place_(place) {}

  FeatureText read() {
    find_rows();
    FeatureText table;
    for (std::int64_t row = 0; row < known_.size(); ++row) table.ids.push_back(known_[row]);
    for (std::size_t column = 0; column < layout_.names.size(); ++column) {
      if (column != layout_.id) table.names.push_back(layout_.names[column]);
    }
    read_values(table);
    return table;
  }

  void warn(std::vector<std::string>& warnings) const {
    if (repeated_ == 0) return;
    warnings.push_back(fmt::format(
        "{} describes ids again {} {}, and the last line counts; the "
        "first time {} in line {}",
        place_, repeated_, repeated_ == 1 ? "time" : "times", quoted(example_), example_line_));
  }

 private:
  struct Row {
    const char* begin;  // of the record that counts
    std::int64_t line;
  };

  const char* end() const { return text_.data() + text_.size(); }

  void find_rows() {
    Record record;
    bool header_left = layout_.has_header;
    const char* at = text_.data();
    for (std::int64_t line = 1; at < end(); line += record.lines) {
      const char* const begin = at;
      at = read_record(at, end(), layout_.rules, record);
      if (record.is_blank) continue;
      if (record.flaw != RecordFlaw::none) throw_flawed(flawed_line(record, line), place_);
      check_fields(record, line);
      if (header_left) {
        header_left = false;
        continue;
      }
      take(record, {begin, line});
    }
    if (rows_.empty()) {
      throw Error(ExitCode::bad_data, place_,
                  layout_.has_header ? "has a header but no features" : "has no features",
                  std::string(features_contents.remedy));
    }
  }

  void check_fields(const Record& record, std::int64_t line) const {
    if (record.fields.size() == layout_.names.size()) return;
    throw Error(ExitCode::bad_data, fmt::format("{}:{}", place_, line),
                fmt::format("{} columns, expected {} as in the first line", record.fields.size(),
                            layout_.names.size()),
                "write the same columns in every line, and quote what holds the delimiter");
  }

  void take(const Record& record, const Row& row) {
    const std::string id = text_of(record.fields[layout_.id], layout_);
    if (id.empty()) {
      throw Error(ExitCode::bad_data, fmt::format("{}:{}", place_, row.line), "has no id",
                  "write the id of a user or item in every line");
    }
    const std::int64_t known = known_.find(id);
    if (known < 0) {
      known_.add_copy(id);
      rows_.push_back(row);
      return;
    }
    if (repeated_++ == 0) {
      example_ = id;
      example_line_ = row.line;
    }
    rows_[static_cast<std::size_t>(known)] = row;
  }

  void read_values(FeatureText& table) const {
    table.values.resize(table.names.size());
    Record record;
    for (const Row& row : rows_) {
      table.lines.push_back(row.line);
      read_record(row.begin, end(), layout_.rules, record);
      auto values = table.values.begin();
      for (std::size_t column = 0; column < record.fields.size(); ++column) {
        if (column == layout_.id) continue;
        const std::string value = text_of(record.fields[column], layout_);
        values++->push_back(is_missing_value(value) ? std::string_view() : value);
      }
    }
  }

  std::string_view text_;
  const FeatureLayout& layout_;
  const std::string& place_;
  NameTable known_;  // ids, in the order of rows
  std::vector<Row> rows_;
  std::int64_t repeated_ = 0;
  std::string example_;
  std::int64_t example_line_ = 0;
};

void refuse_other_than_features(std::string_view bytes, const std::string& place) {
  refuse_other_kinds(bytes, place, features_contents);
}

std::span<const std::string_view> usual_names(FeatureSide side) {
  if (side == FeatureSide::users) return user_files;
  return item_files;
}

FeatureFile features_of(const Input& input, FeatureSide side, std::int64_t free_bytes) {
  refuse_other_than_features(input.text(), input.place());
  const std::string name = std::filesystem::path(input.path()).filename().string();
  FeatureFile file;
  file.source = printable(name);
  file.place = input.place();
  std::string_view text = input.text();
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  refuse_carriage_returns(text, file.place, features_contents);
  const FeatureLayout layout = find_feature_layout(text, side, file.place, name);
  check_memory(input, text, layout, free_bytes);
  file.layout = layout.description;
  file.warnings = layout.warnings;
  TableReader reader(text, layout, file.place);
  const FeatureText table = reader.read();
  input.check_unchanged();
  reader.warn(file.warnings);
  encode_features(table, file);
  return file;
}

}  // namespace

FeatureFile read_features(const std::string& path, FeatureSide side, std::int64_t free_bytes) {
  const Input input = open_input(path, {usual_names(side),
                                        "",
                                        {largest_features, free_bytes, refuse_other_than_features},
                                        MemberChoosing::by_unpacking});
  try {
    return features_of(input, side, free_bytes);
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
