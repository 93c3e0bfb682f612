// Implements own_rating_names.hpp.
// Lists of words, as sites and spreadsheets have them: what is in none is of whoever.
#include "cli/own_rating_names.hpp"

#include "host/ratings/records.hpp"
#include "host/ratings/values.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace alsatian {
namespace {

using Words = std::span<const std::string_view>;

constexpr auto first_of_oneself =
    std::to_array<std::string_view>({"my", "your", "own", "i", "you"});
constexpr auto last_of_oneself = std::to_array<std::string_view>(
    {"rating", "ratings", "score", "scores", "stars", "vote", "votes", "rated", "grade"});
constexpr auto of_oneself = std::to_array<std::string_view>({"myrating", "yourrating", "mine"});
constexpr auto of_oneself_or_film = std::to_array<std::string_view>({"stars", "rated"});
constexpr auto last_of_any = std::to_array<std::string_view>({"rating", "score", "stars"});
// Anywhere in the name, also where words are run together, as in averageRating.
constexpr auto marks_of_others = std::to_array<std::string_view>(
    {"average",   "avg",        "imdb",     "tmdb",     "critic",    "metascore",   "rotten",
     "tomato",    "mpaa",       "audience", "public",   "community", "certificate", "friend",
     "predicted", "expected",   "median",   "weighted", "overall",   "popularity",  "crowd",
     "trakt",     "letterboxd", "douban",   "bbfc"});
// Also behind "my" or "your", where a site has computed them.
constexpr auto never_of_oneself = std::to_array<std::string_view>(
    {"average", "avg", "critic", "friend", "predicted", "expected", "audience"});
constexpr auto words_of_others = std::to_array<std::string_view>(
    {"age", "content", "mean", "global", "users", "parental", "maturity"});
constexpr auto ends_of_others =
    std::to_array<std::string_view>({"rating", "ratings", "score", "stars", "average", "avg",
                                     "mean", "vote", "metacritic", "tomatoes", "tomatometer"});

bool has(Words words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::string_view first_word(std::string_view name) { return name.substr(0, name.find(' ')); }
std::string_view last_word(std::string_view name) { return name.substr(name.rfind(' ') + 1); }

bool has_any(Words marks, std::string_view name) {
  return std::ranges::any_of(
      marks, [&](std::string_view mark) { return name.find(mark) != std::string_view::npos; });
}

bool has_word_of_others(std::string_view name) {
  for (std::string_view rest = name; !rest.empty();) {
    const std::string_view word = first_word(rest);
    if (has(words_of_others, word)) return true;
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
  }
  return has_any(marks_of_others, name);
}

/// Of what stands in brackets: the largest number, where there are but numbers and words of scales.
std::optional<double> highest_of_scale(std::string_view inside) {
  constexpr auto words = std::to_array<std::string_view>(
      {"out", "of", "to", "from", "max", "scale", "star", "stars", "points"});
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789.";
  constexpr double most = 100;  // more are years
  std::optional<double> highest;
  for (std::size_t at = inside.find_first_of(letters); at != std::string_view::npos;
       at = inside.find_first_of(letters, at)) {
    const std::size_t end = std::min(inside.find_first_not_of(letters, at), inside.size());
    const std::string_view word = inside.substr(at, end - at);
    at = end;
    if (has(words, word)) continue;
    const ParsedNumber number = parse_number(word);
    if (number.form != NumberForm::finite || number.value > most) return std::nullopt;
    highest = std::max(highest.value_or(0), number.value);
  }
  return highest;
}

}  // namespace

ScaledName cut_scale(std::string_view name) {
  const bool ends_in_brackets = name.ends_with(')') || name.ends_with(']');
  const std::size_t open = ends_in_brackets ? name.rfind(name.back() == ')' ? '(' : '[') : 0;
  if (open == 0 || open == std::string_view::npos) return {name};
  const auto highest = highest_of_scale(name.substr(open + 1, name.size() - open - 2));
  return highest ? ScaledName{trimmed(name.substr(0, open)), highest} : ScaledName{name};
}

bool names_oneself(std::string_view name) {
  if (name == "mine") return true;
  return name.find(' ') != std::string_view::npos && has(first_of_oneself, first_word(name)) &&
         has(last_of_oneself, last_word(name)) && !has_any(never_of_oneself, name);
}

RatingsOf ratings_under(std::string_view name) {
  if (names_oneself(name) || has(of_oneself, name)) return RatingsOf::oneself;
  if (has(of_oneself_or_film, name)) return RatingsOf::oneself_or_film;
  const bool is_of_others =
      has_word_of_others(name) && std::ranges::any_of(ends_of_others, [&](std::string_view end) {
        return name.ends_with(end);
      });
  if (is_of_others) return RatingsOf::others;
  return has(last_of_any, last_word(name)) ? RatingsOf::whoever : RatingsOf::nothing;
}

}  // namespace alsatian
