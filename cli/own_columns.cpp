// Implements own_columns.hpp.
// A name that fits exactly comes first, then a column whose name ends in such a word.
#include "cli/own_columns.hpp"

#include "cli/log.hpp"
#include "host/error.hpp"
#include "host/ratings/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace alsatian {
namespace {

using Names = std::initializer_list<std::string_view>;

/// As names of columns are compared: in small letters, words apart by spaces.
std::string column_name(const Field& field) {
  std::string name = unquoted(field);
  std::ranges::transform(name, name.begin(), [](char letter) {
    if (letter == '_' || letter == '-') return ' ';
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
  });
  return name;
}

class OwnHeader {
 public:
  OwnHeader(const Record& record, const std::string& place) : record_(record), place_(place) {
    for (const Field& field : record.fields) names_.push_back(column_name(field));
  }

  /// The column that has the first of these names, of those that there are. Throws Error 65 where
  /// two have it.
  std::optional<std::size_t> named(Names names) const {
    for (const std::string_view name : names) {
      const auto first = std::ranges::find(names_, name);
      if (first == names_.end()) continue;
      const auto second = std::find(first + 1, names_.end(), name);
      if (second != names_.end()) refuse_two(index(first), index(second));
      return index(first);
    }
    return std::nullopt;
  }

  /// The column whose name ends in such a word, as "My stars", unless one has a name that is such.
  /// Of several the one that is said to be somebody's own; a note says which it is. Throws Error 65
  /// where none of several is, or more than one.
  std::optional<std::size_t> ending_in(Names words, std::string_view role, std::string& note,
                                       std::optional<std::size_t> exact = std::nullopt) const {
    const std::vector<std::size_t> all = columns_ending_in(words);
    if (all.empty()) return exact;
    if (all.size() == 1) return exact ? exact : all.front();
    const std::size_t chosen = exact ? *exact : own_of(all, role);
    say_which(chosen, all, role, note);
    return chosen;
  }

  /// The column of the films' years or days of release. Of several the one that is called year; a
  /// note says so. Throws Error 65 where none is.
  std::optional<std::size_t> year(std::string& note) const {
    const Names names = {"year",       "release year", "year of release",
                         "movie year", "film year",    "release date"};
    std::vector<std::size_t> all;
    for (std::size_t column = 0; column < names_.size(); ++column) {
      if (std::ranges::find(names, names_[column]) != names.end()) all.push_back(column);
    }
    const std::optional<std::size_t> first = named(names);
    if (all.size() < 2) return first;
    if (names_[*first] != "year") {
      fail(fmt::format("is a header with several columns of years: {}", listed(all)),
           "call the one that counts year alone");
    }
    say_which(*first, all, "year", note);
    return first;
  }

  bool has_numbers() const {
    return std::ranges::any_of(record_.fields,
                               [](const Field& field) { return is_number(unquoted(field)); });
  }

  [[noreturn]] void fail(const std::string& what, const std::string& help) const {
    throw Error(ExitCode::bad_data, place_, what, help);
  }
  std::string text() const { return quoted(record_.text); }

 private:
  std::size_t index(std::vector<std::string>::const_iterator at) const {
    return static_cast<std::size_t>(at - names_.begin());
  }

  void say_which(std::size_t chosen, const std::vector<std::size_t>& all, std::string_view role,
                 std::string& note) const {
    if (!note.empty()) note += "; ";
    note += fmt::format("{}s are those of column {}, not of any other of {}", role,
                        quoted(unquoted(record_.fields[chosen])), listed(all));
  }

  std::size_t own_of(const std::vector<std::size_t>& all, std::string_view role) const {
    std::vector<std::size_t> own;
    std::ranges::copy_if(all, std::back_inserter(own), [this](std::size_t column) {
      return names_[column].starts_with("my ") || names_[column].starts_with("your ");
    });
    if (own.size() == 1) return own.front();
    fail(fmt::format("is a header with several columns of {}s: {}", role, listed(all)),
         fmt::format("call the one that counts {} alone, or yours `My {}`", role, role));
  }

  [[noreturn]] void refuse_two(std::size_t first, std::size_t second) const {
    fail(fmt::format("is a header with two columns of one name, {} (column {}) and {} (column {})",
                     quoted(unquoted(record_.fields[first])), first + 1,
                     quoted(unquoted(record_.fields[second])), second + 1),
         "leave out one of them, or call it otherwise");
  }

  std::vector<std::size_t> columns_ending_in(Names words) const {
    std::vector<std::size_t> all;
    for (std::size_t column = 0; column < names_.size(); ++column) {
      const std::string last = names_[column].substr(names_[column].rfind(' ') + 1);
      if (std::ranges::find(words, last) != words.end()) all.push_back(column);
    }
    return all;
  }

  std::string listed(const std::vector<std::size_t>& columns) const {
    std::string text;
    for (const std::size_t column : columns) {
      text += (text.empty() ? "" : ", ") + quoted(unquoted(record_.fields[column]));
    }
    return text;
  }

  const Record& record_;
  const std::string& place_;
  std::vector<std::string> names_;
};

bool is_id(const Field& field, const Model& model) {
  const std::string text = unquoted(field);
  return parse_id(text).form == IdForm::integer || model.items.find(text).has_value();
}

}  // namespace

std::optional<OwnColumns> own_columns_by_header(const Record& first, const std::string& place) {
  const OwnHeader header(first, place);
  OwnColumns columns{.fields = first.fields.size()};
  const auto rating =
      header.ending_in({"rating", "score", "stars"}, "rating", columns.note,
                       header.named({"my rating", "your rating", "rating", "score", "stars"}));
  const auto id = header.named({"movieid", "movie id", "itemid", "item id", "id", "item"});
  auto title = header.named({"title", "film", "name", "movie name", "film name"});
  if (!id && !title) title = header.ending_in({"title"}, "title", columns.note);
  const auto movie = header.named({"movie"});
  if (!rating) {
    if ((!id && !title && !movie) || header.has_numbers()) return std::nullopt;
    header.fail(fmt::format("is a header without a column of ratings: {}", header.text()),
                "name it rating");
  }
  columns.user = header.named({"userid", "user id", "user"});
  columns.rating = *rating;
  columns.year = header.year(columns.note);
  if (id) {
    columns.item = *id;
    columns.says_id = true;
  } else if (title) {
    columns.item = *title;
    columns.by = NamedBy::title;
  } else if (movie) {
    columns.item = *movie;
  } else {
    header.fail("is a header without a column of items", "name it item or title");
  }
  return columns;
}

OwnColumns own_columns_of(const Record& first, const std::string& place, const Model& model,
                          const TitleLookup& titles) {
  const std::size_t fields = first.fields.size();
  if (fields == 2) return {};
  const bool as_in_data = (fields == 3 || fields == 4) && is_number(first.fields[2].text) &&
                          is_id(first.fields[1], model) &&
                          !titles.is_title(unquoted(first.fields[0]));
  if (as_in_data) {
    OwnColumns columns;
    columns.fields = fields;
    columns.user = 0;
    columns.item = 1;
    columns.rating = 2;
    columns.says_id = true;
    return columns;
  }
  throw Error(ExitCode::bad_data, place,
              fmt::format("has {} and no header that says which: {}",
                          counted(static_cast<std::int64_t>(fields), "field"), quoted(first.text)),
              fmt::format("{}; {}", remedy_for_own_headers, remedy_for_own_commas));
}

}  // namespace alsatian
