// Titles of items: movies.csv, movies.dat, u.item, or any table with a header that names them.
// MovieLens' older files are Latin-1; what comes out is always UTF-8.
#include "host/error.hpp"
#include "host/ratings/bad_line.hpp"
#include "host/ratings/columns.hpp"
#include "host/ratings/file_kind.hpp"
#include "host/ratings/input_source.hpp"
#include "host/ratings/name_table.hpp"
#include "host/ratings/reader.hpp"
#include "host/ratings/records.hpp"
#include "host/ratings/titles_beside.hpp"
#include "host/ratings/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace alsatian {
namespace {

constexpr auto title_files =
    std::to_array<std::string_view>({"movies.csv", "movies.dat", "u.item"});
constexpr auto title_names = std::to_array<std::string_view>(
    {"title", "name", "movie_title", "movie title", "Title", "Name"});
constexpr auto genre_names =
    std::to_array<std::string_view>({"genres", "genre", "Genres", "Genre"});
constexpr std::string_view no_genres = "(no genres listed)";
// u.item has a 0 or 1 for each of these behind four other columns.
constexpr auto flagged_genres = std::to_array<std::string_view>(
    {"unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
     "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
     "Thriller", "War", "Western"});
constexpr std::size_t first_flag = 5;
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::int64_t largest_titles = std::int64_t{4} << 30;

struct TitlesLayout {
  RecordRules rules;
  std::size_t id = 0;
  std::size_t title = 1;
  bool has_header = false;
  std::optional<std::size_t> genres = std::nullopt;  // column
};

/// The first record that is not blank; without fields where there is none.
Record first_record(std::string_view text, const RecordRules& rules) {
  Record record;
  const char* at = text.data();
  const char* end = at + text.size();
  do {
    at = read_record(at, end, rules, record);
  } while (record.is_blank && at < end);
  return record;
}

/// A layout whose first line names the columns; nothing where it does not.
std::optional<TitlesLayout> layout_by_header(std::string_view text, const RecordRules& rules) {
  TitlesLayout layout{.rules = rules, .has_header = true};
  const Record header = first_record(text, rules);
  std::optional<std::size_t> id;
  std::optional<std::size_t> title;
  for (std::size_t column = 0; column < header.fields.size(); ++column) {
    const std::string name = unquoted(header.fields[column]);
    const bool is_title = std::ranges::find(title_names, name) != title_names.end();
    if (is_title && !title) title = column;
    if (std::ranges::find(genre_names, name) != genre_names.end()) layout.genres = column;
    if (!is_title && !id && role_of_name(name) == Role::item) id = column;
  }
  if (!id || !title) return std::nullopt;
  layout.id = *id;
  layout.title = *title;
  return layout;
}

[[noreturn]] void fail_no_titles(const std::string& place, const std::string& what) {
  throw Error(ExitCode::bad_data, place, what, std::string(titles_contents.remedy));
}

/// Throws where the first line names users, as the header of ratings or tags does.
void refuse_users(std::string_view text, const RecordRules& rules, const std::string& place) {
  const Record header = first_record(text, rules);
  if (header.fields.size() < 2) return;
  for (const Field& field : header.fields) {
    const std::string name = unquoted(field);
    if (role_of_name(name) != Role::user) continue;
    fail_no_titles(place,
                   fmt::format("has a column of users ({}) and none of titles, as ratings have",
                               quoted(name)));
  }
}

/// Throws where numbers stand in the place of titles on every one of the first lines, a header
/// apart. One film may be called 1984: it takes several lines, or numbers behind them as well.
void refuse_numbers(std::string_view text, const TitlesLayout& layout, const std::string& place) {
  constexpr int lines_looked_at = 100;
  constexpr int fewest_numbers = 10;
  const auto is_numeric = [](const Record& record, std::size_t column) {
    return column < record.fields.size() && is_number(record.fields[column].text);
  };
  Record record;
  std::string example;
  int lines = 0;
  int numbers = 0;
  int ratings = 0;  // lines with a number behind the one in the place of the title
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end && lines < lines_looked_at) {
    at = read_record(at, end, layout.rules, record);
    if (record.is_blank) continue;
    if (!is_numeric(record, layout.title)) {
      if (lines++ == 0) continue;
      return;
    }
    ++lines;
    if (numbers++ == 0) example = record.text;
    if (is_numeric(record, layout.title + 1)) ++ratings;
  }
  if (numbers < fewest_numbers && (numbers == 0 || ratings < numbers)) return;
  fail_no_titles(place, fmt::format("has numbers where titles should stand, as ratings have ({})",
                                    quoted(example)));
}

TitlesLayout detect_columns(std::string_view text, const std::string& place) {
  const std::array<RecordRules, 4> with_header{
      RecordRules{.delimiter = {","}}, RecordRules{.delimiter = {"\t"}},
      RecordRules{.delimiter = {";"}}, RecordRules{.delimiter = {"|"}}};
  for (const RecordRules& rules : with_header) {
    if (const auto layout = layout_by_header(text, rules)) return *layout;
  }
  for (const RecordRules& rules : with_header) refuse_users(text, rules, place);
  // Without a header, titles stand behind ids, and may begin with a quote.
  for (const std::string_view delimiter : {"::", "|", "\t"}) {
    const RecordRules rules{.delimiter = {std::string(delimiter)}, .quotes = false};
    const Record record = first_record(text, rules);
    if (record.fields.size() < 2) continue;
    if (delimiter != "|" || parse_id(record.fields[0].text).form == IdForm::integer) {
      TitlesLayout layout{.rules = rules};
      if (delimiter == "::") layout.genres = 2;
      return layout;
    }
  }
  const RecordRules rules{.delimiter = {","}};
  if (first_record(text, rules).fields.size() >= 2) return {.rules = rules};
  fail_no_titles(place, "has no titles that can be found");
}

TitlesLayout detect_titles(std::string_view text, const std::string& place) {
  TitlesLayout layout = detect_columns(text, place);
  if (!layout.has_header) refuse_numbers(text, layout, place);
  return layout;
}

/// Lines of titles are never left out, unlike those of ratings.
[[noreturn]] void throw_flawed_title(const BadLine& bad, const std::string& place) {
  Complaint complaint = complaint_about(bad);
  if (bad.reason == BadLineReason::nul_byte) complaint.help = "download or copy the file again";
  if (bad.reason == BadLineReason::too_long) {
    complaint.help = "is it a text with one item and title per line?";
  }
  throw Error(ExitCode::bad_data, place_of(bad, place), complaint.what, complaint.help);
}

/// Warns of items that have several titles.
void warn_of_repeated(Titles& titles, const std::string& place) {
  NameTable known;
  std::vector<std::int64_t> last;  // entry of each known id
  std::int64_t count = 0;
  std::string example;
  for (std::int64_t entry = 0; entry < titles.ids.size(); ++entry) {
    const auto index = static_cast<std::size_t>(known.add(titles.ids[entry]));
    if (index == last.size()) {
      last.push_back(entry);
      continue;
    }
    const std::string_view before = titles.titles[std::exchange(last[index], entry)];
    if (before == titles.titles[entry]) continue;
    if (count++ > 0) continue;
    example = fmt::format("item {} is {} and then {}", quoted(titles.ids[entry]), quoted(before),
                          quoted(titles.titles[entry]));
  }
  if (count == 0) return;
  titles.warnings.push_back(
      fmt::format("{} gives items another title {} {}, of which the last counts; the first time {}",
                  place, count, count == 1 ? "time" : "times", example));
}

/// As u.item says them: by a 1 in the column of a genre.
std::string genres_by_flags(const Record& record) {
  std::string genres;
  for (std::size_t genre = 0; genre < flagged_genres.size(); ++genre) {
    if (record.fields[first_flag + genre].text != "1") continue;
    if (!genres.empty()) genres += '|';
    genres += flagged_genres[genre];
  }
  return genres;
}

std::string genres_of(const Record& record, const TitlesLayout& layout) {
  if (layout.rules.delimiter.text == "|" &&
      record.fields.size() == first_flag + flagged_genres.size()) {
    return genres_by_flags(record);
  }
  if (!layout.genres || *layout.genres >= record.fields.size()) return "";
  std::string genres = unquoted(record.fields[*layout.genres]);
  return genres == no_genres ? "" : genres;
}

Titles parse_titles(std::string_view text, const std::string& place) {
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  const TitlesLayout layout = detect_titles(text, place);
  const bool is_latin1 = !is_utf8(text);
  const auto as_utf8 = [&](const Field& field) {
    return is_latin1 ? latin1_to_utf8(unquoted(field)) : unquoted(field);
  };
  Titles titles;
  Record record;
  bool header_left = layout.has_header;
  const char* at = text.data();
  const char* end = at + text.size();
  for (std::int64_t line = 1; at < end; line += record.lines) {
    at = read_record(at, end, layout.rules, record);
    if (record.is_blank) continue;
    if (record.flaw != RecordFlaw::none) throw_flawed_title(flawed_line(record, line), place);
    if (record.fields.size() <= std::max(layout.id, layout.title)) {
      throw Error(ExitCode::bad_data, fmt::format("{}:{}", place, line),
                  fmt::format("{} has no title", quoted(record.text)),
                  "write an id and a title on every line");
    }
    if (header_left) {
      header_left = false;
      continue;
    }
    titles.ids.push_back(as_utf8(record.fields[layout.id]));
    titles.titles.push_back(as_utf8(record.fields[layout.title]));
    const std::string genres = genres_of(record, layout);
    titles.genres.push_back(is_latin1 ? latin1_to_utf8(genres) : genres);
  }
  warn_of_repeated(titles, place);
  return titles;
}

/// What a data set with this file of ratings calls its file of titles; "" for any other file.
std::string_view titles_name_for(std::string_view ratings_name) {
  if (ratings_name.ends_with(".gz")) ratings_name.remove_suffix(3);
  if (ratings_name == "ratings.csv") return "movies.csv";
  if (ratings_name == "ratings.dat") return "movies.dat";
  const bool is_split = ratings_name.size() == 7 && ratings_name.starts_with('u') &&
                        (ratings_name.ends_with(".base") || ratings_name.ends_with(".test"));
  return ratings_name == "u.data" || is_split ? "u.item" : "";
}

void refuse_other_than_titles(std::string_view bytes, const std::string& place) {
  refuse_other_kinds(bytes, place, titles_contents);
}

InputOptions titles_input(std::int64_t free_bytes) {
  return {title_files,
          "",
          {largest_titles, free_bytes, refuse_other_than_titles},
          MemberChoosing::by_unpacking};
}

Titles titles_of(const Input& input) {
  try {
    refuse_other_than_titles(input.text(), input.place());
    Titles titles = parse_titles(input.text(), input.place());
    input.check_unchanged();
    return titles;
  } catch (const Error&) {
    input.check_unchanged();
    throw;
  }
}

}  // namespace

Titles read_titles(const std::string& path, std::int64_t free_bytes) {
  return titles_of(open_input(path, titles_input(free_bytes)));
}

std::string titles_file_beside(const std::string& ratings_path) {
  const std::filesystem::path path(ratings_path);
  const std::string_view name = titles_name_for(path.filename().string());
  std::error_code error;
  if (name.empty() || !std::filesystem::is_regular_file(path, error)) return "";
  for (const std::string_view ending : {"", ".gz"}) {
    const std::filesystem::path titles =
        path.parent_path() / (std::string(name) + std::string(ending));
    if (std::filesystem::is_regular_file(titles, error)) return titles.string();
  }
  return "";
}

Titles find_titles(const std::string& data_path, std::int64_t free_bytes) {
  const std::string beside = titles_file_beside(data_path);
  if (!beside.empty()) return read_titles(beside, free_bytes);
  const std::optional<Input> input = find_input(data_path, titles_input(free_bytes));
  return input ? titles_of(*input) : Titles{};
}

}  // namespace alsatian
