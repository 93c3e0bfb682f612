// Implements own_columns.hpp.
// A name that fits exactly comes first, then a column whose name ends in such a word.
#include "cli/own_columns.hpp"

#include "cli/log.hpp"
#include "cli/own_rating_names.hpp"
#include "host/error.hpp"
#include "host/ratings/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

namespace alsatian {
namespace {

using Names = std::initializer_list<std::string_view>;
constexpr auto title_names =
    std::to_array<std::string_view>({"title", "film", "name", "movie name", "film name"});

/// Columns of ids that other sites give films, and the sites.
constexpr auto ids_of_sites =
    std::to_array<std::pair<std::string_view, std::string_view>>({{"tmdbid", "TMDB"},
                                                                  {"tmdb id", "TMDB"},
                                                                  {"tmdb", "TMDB"},
                                                                  {"imdbid", "IMDb"},
                                                                  {"imdb id", "IMDb"},
                                                                  {"imdb", "IMDb"},
                                                                  {"const", "IMDb"}});

/// As names of columns are compared: in small letters, words apart by single spaces.
std::string column_name(const Field& field) {
  std::string name;
  for (const char letter : unquoted(field)) {
    const bool is_blank = letter == '_' || letter == '-' || letter == ' ' || letter == '\t';
    if (!is_blank) {
      name += letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
    } else if (!name.empty() && !name.ends_with(' ')) {
      name += ' ';
    }
  }
  if (name.ends_with(' ')) name.pop_back();
  return name;
}

class OwnHeader {
 public:
  OwnHeader(const Record& record, const OwnSample& sample, const std::string& place)
      : record_(record), sample_(sample), place_(place) {
    for (const Field& field : record.fields) {
      const std::string name = column_name(field);
      const ScaledName scaled = cut_scale(name);
      names_.emplace_back(scaled.name);
      highest_.push_back(scaled.highest);
    }
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

  /// The column of somebody's own ratings: of several the one that is said to be their own, or else
  /// the one that is called so; a note says which it is. Nothing where there is none: under stars
  /// and rated there are the actors and the certificate of a film where there are words. Throws
  /// Error 65 where none of several is, where all are those of others, and where it holds words.
  std::optional<std::size_t> rating(std::string& note) const {
    std::vector<std::size_t> stars = columns_of({RatingsOf::oneself_or_film});
    std::erase_if(stars, [this](std::size_t column) { return sample_.holds_words(column); });
    const std::vector<std::size_t> own = with(columns_of({RatingsOf::oneself}), stars);
    const std::vector<std::size_t> plain = columns_of({RatingsOf::whoever});
    const std::vector<std::size_t> all =
        with(own, columns_of({RatingsOf::whoever, RatingsOf::others}));
    if (all.empty()) return std::nullopt;
    if (own.empty() && plain.empty()) {
      fail(fmt::format("is a header without ratings of one's own, but those of others: {}",
                       listed(all)),
           "call the column rating if they are yours");
    }
    const std::size_t chosen = own.empty() ? plain_of(plain, all) : own_of(own, all);
    if (all.size() > 1) refuse_words(chosen);
    if (all.size() > 1) say_which(chosen, all, "rating", note);
    return chosen;
  }

  /// The highest rating of the scale that a column's name says.
  std::optional<double> highest(std::size_t column) const { return highest_[column]; }

  /// The column of ids: of several the one that says of what it has them; a note says so. One of
  /// items that holds words has titles beside ids. Throws Error 65 where none or two of them say.
  std::optional<std::size_t> id(std::string& note) const {
    const auto item = named({"item"});
    const auto plain = named({"id"});
    std::vector<std::size_t> sure;
    for (const std::string_view name : {"movieid", "movie id", "itemid", "item id"}) {
      if (const auto column = named({name})) sure.push_back(*column);
    }
    std::vector<std::size_t> all = sure;
    if (plain) all = with(all, {*plain});
    if (item && (all.empty() || !sample_.holds_words(*item))) all = with(all, {*item});
    if (all.size() < 2) return all.empty() ? std::nullopt : std::optional(all.front());
    if (sure.size() != 1) {
      fail(fmt::format("is a header with several columns of ids: {}", listed(all)),
           "leave out all but that of the model's ids");
    }
    say_which(sure.front(), all, "id", note);
    return sure.front();
  }

  /// The columns of titles beside those of ids, in the order of their names: what is called so
  /// alone first.
  void put_titles_beside(std::size_t id, OwnColumns& columns) const {
    const auto add = [&](std::optional<std::size_t> column) {
      const bool is_there = !column || *column == id ||
                            std::ranges::find(columns.titles, *column) != columns.titles.end();
      if (!is_there) columns.titles.push_back(*column);
    };
    const auto add_words = [&](std::optional<std::size_t> column) {
      if (column && sample_.holds_words(*column)) add(column);
    };
    for (const std::string_view name : title_names) add(named({name}));
    add_words(named({"movie"}));
    add(only_title());
    const bool has_first = !columns.titles.empty();
    for (const std::size_t column : columns_ending_in_title()) add(column);
    add(named({"movie"}));
    add_words(named({"item"}));
    if (!has_first && columns.titles.size() > 1) columns.several_titles = listed(columns.titles);
  }

  std::optional<std::size_t> exact_title() const {
    for (const std::string_view name : title_names) {
      if (const auto column = named({name})) return column;
    }
    return std::nullopt;
  }

  /// The one column whose name ends in title, as "Movie Title".
  std::optional<std::size_t> only_title() const {
    const std::vector<std::size_t> all = columns_ending_in_title();
    return all.size() == 1 ? std::optional(all.front()) : std::nullopt;
  }

  /// The same. Throws Error 65 where there are several.
  std::optional<std::size_t> title() const {
    const std::vector<std::size_t> all = columns_ending_in_title();
    if (all.size() > 1) refuse_several(all, "title");
    return only_title();
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

  /// Ids of other sites look like the model's, and are those of other films there.
  [[noreturn]] void refuse_without_items() const {
    for (const auto& [name, site] : ids_of_sites) {
      const auto column = named({name});
      if (!column) continue;
      fail(fmt::format("is a header without titles: {} has ids of {}, which are not MovieLens'",
                       quoted(unquoted(record_.fields[*column])), site),
           "add a column of titles, or of movieId (MovieLens' links.csv has it beside imdbId and "
           "tmdbId); name it item if the model was trained on such ids");
    }
    fail("is a header without a column of items", "name it item or title");
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

  /// Both, in the order of the header.
  static std::vector<std::size_t> with(std::vector<std::size_t> columns,
                                       const std::vector<std::size_t>& others) {
    columns.insert(columns.end(), others.begin(), others.end());
    std::ranges::sort(columns);
    return columns;
  }

  /// Of those that are said to be one's own. Stars beside a rating may be either's; numbers under
  /// rated that are above the model's scale are ages.
  std::size_t own_of(const std::vector<std::size_t>& own,
                     const std::vector<std::size_t>& all) const {
    refuse_doubles(own);
    std::vector<std::size_t> mine;
    std::ranges::copy_if(own, std::back_inserter(mine),
                         [this](std::size_t column) { return names_oneself(names_[column]); });
    if (mine.size() == 1) return mine.front();
    if (own.size() > 1) refuse_several(all, "rating");
    const auto plain = named({"rating", "score"});
    const bool is_sure = ratings_under(names_[own.front()]) == RatingsOf::oneself;
    if (!is_sure && plain && sample_.holds_ratings(*plain)) {
      const bool is_age = names_[own.front()] == "rated" && sample_.exceeds_scale(own.front());
      if (is_age && !sample_.exceeds_scale(*plain)) return *plain;
      fail(fmt::format("is a header with several columns of ratings: {}",
                       listed(with(own, {*plain}))),
           "call yours `My rating`, or leave out the other");
    }
    return own.front();
  }

  /// Of those that do not say whose they are: what is called so and no more, or the only one. A
  /// user's rating may be all users', and what holds words is none where another holds numbers.
  std::size_t plain_of(std::vector<std::size_t> plain, const std::vector<std::size_t>& all) const {
    refuse_doubles(plain);
    const auto holds_ratings = [this](std::size_t column) { return sample_.holds_ratings(column); };
    if (std::ranges::any_of(plain, holds_ratings)) {
      std::erase_if(plain, std::not_fn(holds_ratings));
    }
    const bool has_users = std::ranges::any_of(
        plain, [this](std::size_t column) { return names_[column].starts_with("user "); });
    for (const std::string_view name : {"rating", "score"}) {
      const auto exact = std::ranges::find(
          plain, name, [this](std::size_t column) { return std::string_view(names_[column]); });
      if (exact != plain.end() && !has_users) return *exact;
    }
    if (all.size() > 1) refuse_several(all, "rating");
    return plain.front();
  }

  void refuse_words(std::size_t column) const {
    if (!sample_.holds_words(column)) return;
    fail(
        fmt::format("has no ratings, but words under {}", quoted(unquoted(record_.fields[column]))),
        "call the column of your ratings `My rating`");
  }

  void refuse_doubles(const std::vector<std::size_t>& columns) const {
    for (const std::size_t column : columns) {
      const auto same = std::ranges::find_if(columns, [&](std::size_t other) {
        return other > column && names_[other] == names_[column];
      });
      if (same != columns.end()) refuse_two(column, *same);
    }
  }

  [[noreturn]] void refuse_several(const std::vector<std::size_t>& all,
                                   std::string_view role) const {
    fail(fmt::format("is a header with several columns of {}s: {}", role, listed(all)),
         fmt::format("call the one that counts {} alone, or yours `My {}`", role, role));
  }

  [[noreturn]] void refuse_two(std::size_t first, std::size_t second) const {
    fail(fmt::format("is a header with two columns of one name, {} (column {}) and {} (column {})",
                     quoted(unquoted(record_.fields[first])), first + 1,
                     quoted(unquoted(record_.fields[second])), second + 1),
         "leave out one of them, or call it otherwise");
  }

  std::vector<std::size_t> columns_ending_in_title() const {
    std::vector<std::size_t> all;
    for (std::size_t column = 0; column < names_.size(); ++column) {
      if (names_[column] == "title" || names_[column].ends_with(" title")) all.push_back(column);
    }
    return all;
  }

  std::vector<std::size_t> columns_of(std::initializer_list<RatingsOf> whose) const {
    std::vector<std::size_t> all;
    for (std::size_t column = 0; column < names_.size(); ++column) {
      if (std::ranges::find(whose, ratings_under(names_[column])) != whose.end()) {
        all.push_back(column);
      }
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
  const OwnSample& sample_;
  const std::string& place_;
  std::vector<std::string> names_;  // without scales
  std::vector<std::optional<double>> highest_;
};

bool is_id(const Field& field, const Model& model) {
  const std::string text = unquoted(field);
  return parse_id(text).form == IdForm::integer || model.items.find(text).has_value();
}

}  // namespace

std::optional<OwnColumns> own_columns_by_header(const Record& first, const OwnSample& sample,
                                                const std::string& place) {
  const OwnHeader header(first, sample, place);
  OwnColumns columns{.fields = first.fields.size()};
  const auto id = header.id(columns.note);
  auto title = header.exact_title();
  const auto movie = header.named({"movie"});
  const bool has_items = id || title || movie || header.only_title();
  if (!has_items && header.has_numbers()) return std::nullopt;  // a film, "Stars", and its rating
  const auto rating = header.rating(columns.note);
  if (!title && !id) title = header.title();
  if (!rating) {
    if ((!id && !title && !movie) || header.has_numbers()) return std::nullopt;
    header.fail(fmt::format("is a header without a column of ratings: {}", header.text()),
                "name it rating");
  }
  columns.user = header.named({"userid", "user id", "user"});
  columns.rating = *rating;
  columns.highest_rating = header.highest(*rating);
  columns.year = header.year(columns.note);
  if (id) {
    columns.item = *id;
    columns.says_id = true;
    header.put_titles_beside(*id, columns);
  } else if (title) {
    columns.item = *title;
    columns.by = NamedBy::title;
  } else if (movie) {
    columns.item = *movie;
  } else {
    header.refuse_without_items();
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
