// Implements title_match.hpp.
// A question looks through all titles for its longest word, and takes apart those that have it:
// an index of words would cost more to make than the few questions of a run.
#include "cli/title_match.hpp"

#include "cli/suggestion.hpp"
#include "host/ratings/values.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <memory>
#include <new>
#include <utf8proc.h>
#include <utility>

namespace alsatian {
namespace {

/// What utf8proc makes of plain ASCII, without its tables: nearly all titles are that.
bool fold_ascii(std::string_view text, std::string& folded) {
  folded.resize(text.size());
  unsigned char all = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char letter = text[at];
    all |= static_cast<unsigned char>(letter);
    folded[at] = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
  }
  return all < 0x80;
}

/// Text as it is compared: letters of every script without case and accents. What is no UTF-8 stays
/// as it is. Throws std::bad_alloc where memory runs out.
std::string fold(std::string_view text) {
  std::string ascii;
  if (fold_ascii(text, ascii)) return ascii;
  constexpr auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE |
                                                          UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK);
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &mapped, options);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  if (length == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
  if (length < 0) return std::string(text);
  return {reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(length)};
}

bool is_of_a_word(char byte) {
  const auto value = static_cast<unsigned char>(byte);
  return value >= 0x80 || std::isalnum(value) != 0;
}

/// The words of a folded text in alphabetical order, so that "Matrix, The" is "the matrix".
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = static_cast<std::size_t>(
        std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), is_of_a_word) -
        text.begin());
    if (end > at) words.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  std::ranges::sort(words);
  return words;
}

/// " (1995)" at the end of a folded title, as MovieLens writes years; "" where there is none.
std::string_view year_of(std::string_view title) {
  constexpr std::size_t length = 7;
  if (title.size() <= length) return "";
  const std::string_view end = title.substr(title.size() - length);
  const bool is_year = end.starts_with(" (") && end.ends_with(')') &&
                       std::ranges::all_of(end.substr(2, 4),
                                           [](char digit) { return digit >= '0' && digit <= '9'; });
  return is_year ? end : "";
}

/// A folded title without year, and without the article that people write in front of it and
/// MovieLens behind it. In front English ones alone: "Die Hard" has none.
std::string_view without_article(std::string_view title) {
  constexpr auto in_front = std::to_array<std::string_view>({"the ", "a ", "an "});
  constexpr auto behind = std::to_array<std::string_view>(
      {", the", ", a",   ", an",  ", le",   ", la", ", les", ", l'",  ", un", ", une", ", der",
       ", die", ", das", ", ein", ", eine", ", el", ", los", ", las", ", il", ", lo",  ", i"});
  for (const std::string_view article : behind) {
    if (title.size() > article.size() && title.ends_with(article)) {
      return title.substr(0, title.size() - article.size());
    }
  }
  for (const std::string_view article : in_front) {
    if (title.size() > article.size() && title.starts_with(article)) {
      return title.substr(article.size());
    }
  }
  return title;
}

/// A folded title, taken apart.
struct TakenApart {
  std::string_view text;
  std::string_view year;
  std::vector<std::string> words;
  std::vector<std::string> without_year;
  std::vector<std::string> without_article;

  bool says_article_or_year() const {
    return !year.empty() || without_article.size() < without_year.size();
  }

  explicit TakenApart(std::string_view folded)
      : text(folded), year(year_of(folded)), words(words_of(folded)) {
    const std::string_view rest = folded.substr(0, folded.size() - year.size());
    without_year = words_of(rest);
    without_article = words_of(alsatian::without_article(rest));
  }
};

TitleFit fit_of(const TakenApart& title, const TakenApart& wanted) {
  if (title.words == wanted.words) {
    return (title.text == wanted.text || !title.words.empty()) ? TitleFit::whole : TitleFit::none;
  }
  if (!wanted.words.empty()) {
    if (title.without_year == wanted.words) return TitleFit::without_year;
    if (!wanted.without_article.empty() && title.without_article == wanted.without_article &&
        (wanted.year.empty() || wanted.year == title.year) && wanted.says_article_or_year()) {
      return TitleFit::without_article;
    }
    if (std::ranges::includes(title.words, wanted.words)) return TitleFit::words;
  }
  return title.text.find(wanted.text) == std::string_view::npos ? TitleFit::none : TitleFit::part;
}

/// What every title has that fits at all: a longest word of those that count in every fit.
std::string_view needle_of(const TakenApart& wanted) {
  const auto& words = wanted.without_article.empty() ? wanted.words : wanted.without_article;
  if (words.empty()) return wanted.text;
  return *std::ranges::max_element(words, {}, &std::string::size);
}

/// What spelling is compared by: the name in front of other names in brackets.
std::string_view plain_name(std::string_view folded) {
  const std::string_view name = folded.substr(0, folded.find(" ("));
  return without_article(name);
}

}  // namespace

TitleMatcher::TitleMatcher(const StringTable& titles) {
  for (std::int64_t title = 0; title < titles.size(); ++title) {
    folded_.push_back(fold(titles[title]));
  }
}

TitleMatcher::Found TitleMatcher::find(std::string_view text) const {
  const std::string folded = fold(text);
  const TakenApart wanted(folded);
  const std::string_view needle = needle_of(wanted);
  Found found;
  if (needle.empty()) return found;
  const bool whole_only = is_number(text);
  // Most titles have its digits, in their year: no longer one than with a year can be it.
  const std::size_t longest = whole_only ? folded.size() + 16 : std::string::npos;
  TitleFit best = whole_only ? TitleFit::without_year : TitleFit::part;
  for (std::int64_t title = 0; title < folded_.size(); ++title) {
    const std::string_view candidate = folded_[title];
    if (candidate.size() > longest || candidate.find(needle) == std::string_view::npos) continue;
    const TitleFit fit = fit_of(TakenApart(candidate), wanted);
    if (fit > best) continue;
    if (fit < best) found.titles.clear();
    found.fit = best = fit;
    found.titles.push_back(static_cast<std::int32_t>(title));
  }
  return found;
}

std::vector<std::int32_t> TitleMatcher::nearest(std::string_view text, std::size_t count) const {
  const std::string folded = fold(text);
  const std::string_view wanted = plain_name(folded);
  const std::size_t most = 1 + wanted.size() / 10;
  std::vector<std::pair<int, std::int32_t>> near;
  for (std::int64_t title = 0; wanted.size() > 2 && title < folded_.size(); ++title) {
    const std::string_view name = plain_name(folded_[title]);
    if (name.size() > wanted.size() + most || wanted.size() > name.size() + most) continue;
    const int distance = edit_distance(wanted, name);
    if (distance > static_cast<int>(most)) continue;
    near.emplace_back(distance, static_cast<std::int32_t>(title));
  }
  std::ranges::sort(near);
  std::vector<std::int32_t> titles;
  for (const auto& [distance, title] : near) {
    if (titles.size() < count) titles.push_back(title);
  }
  return titles;
}

}  // namespace alsatian
