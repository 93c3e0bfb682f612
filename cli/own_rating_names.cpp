// Implements own_rating_names.hpp.
// Lists of words, as sites and spreadsheets have them: what is in none is of whoever.
#include "cli/own_rating_names.hpp"

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
    {"rating", "ratings", "score", "stars", "vote", "rated", "grade"});
constexpr auto of_oneself = std::to_array<std::string_view>({"myrating", "yourrating"});
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

}  // namespace

bool names_oneself(std::string_view name) {
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
