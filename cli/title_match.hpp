// Which titles somebody may mean who writes one from memory.
// Knows texts alone: neither items nor where titles come from.
#pragma once

#include "cli/title_year.hpp"
#include "host/ratings/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

/// How a title fits what was written, best first. Case, accents and the order of words never count.
/// without_article: a year is left out too; but one of both was written, since "lord of the rings"
/// may mean any of four, or no other title has the words. name: one of several that the title has,
/// "1984" of "1984 (Nineteen Eighty-Four) (1984)". Where no year was wanted whole and name are
/// without_year: nothing says which is meant of the films that are called so, nor of those whose
/// titles have the same letters and other spaces ("Oldboy" and "Old Boy"), which count as good
/// there. letters: letters and digits alone are the same, "wall-e" and "WALL·E". words: the title
/// has all that were written. part: it contains the text.
enum class TitleFit { whole, without_year, without_article, name, letters, words, part, none };

/// Whether it is that title and not only one with its words.
inline bool is_the_title(TitleFit fit) { return fit <= TitleFit::letters; }

class TitleMatcher {
 public:
  /// Empty titles fit nothing. Work O(bytes); keeps no reference.
  explicit TitleMatcher(const StringTable& titles);

  struct Found {
    TitleFit fit = TitleFit::none;
    std::vector<std::int32_t> titles = {};  // all with this fit, ascending
    bool of_next_year = false;  // than was wanted, before or after, or the two wanted differ
    /// Where a year was wanted: this title of other years, then titles of the year with its words.
    std::vector<std::int32_t> near = {};
    /// Of the text where it contradicts the year beside it: then there are no titles.
    std::optional<int> year_in_text = std::nullopt;
  };
  /// The titles that fit best. `year`: where it is known beside the text, which may say one at its
  /// end (title_year.hpp): in brackets, or bare where the whole text is no title and what stands in
  /// front is one, of whatever year. With a year no other film is taken for the one that is meant:
  /// the title has that year, or else the next, or else none, and is_the_title. Two years may be
  /// one apart: the title has one of them. A number finds no title of that year: it is a title, or
  /// begins one (words). One title of words or part alone is no answer, but what may be meant.
  Found find(std::string_view text, std::optional<int> year = std::nullopt) const;

  /// Whether the title is called so, by any of its names, with or without an article, and its year
  /// contradicts none that the text or `year` says.
  bool is_called(std::int32_t title, std::string_view text, std::optional<int> year) const;

  /// Titles that are spelt nearly so, nearest first; a tenth of the letters and one may be wrong.
  std::vector<std::int32_t> nearest(std::string_view text, std::size_t count) const;

 private:
  StringTable folded_;
  std::vector<TitleCut> cuts_;  // of folded_: every question that finds no title asks for all
};

}  // namespace alsatian
