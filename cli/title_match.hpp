// Which titles somebody may mean who writes one from memory.
// Knows texts alone: neither items nor where titles come from.
#pragma once

#include "host/ratings/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

/// How a title fits what was written, best first. Case, accents and the order of words never count.
/// without_article: a year is left out too, unless it was written and is another; but one of both
/// was written, since "lord of the rings" may mean any of four. words: the title has all that were
/// written. part: it contains the text.
enum class TitleFit { whole, without_year, without_article, words, part, none };

class TitleMatcher {
 public:
  /// Empty titles fit nothing. Work O(bytes); keeps no reference.
  explicit TitleMatcher(const StringTable& titles);

  struct Found {
    TitleFit fit = TitleFit::none;
    std::vector<std::int32_t> titles;  // all with this fit, ascending
  };
  /// The titles that fit best. A number is compared with whole titles alone, with or without year:
  /// it is no part of every title of that year.
  Found find(std::string_view text) const;

  /// Titles that are spelt nearly so, nearest first; a tenth of the letters and one may be wrong.
  std::vector<std::int32_t> nearest(std::string_view text, std::size_t count) const;

 private:
  StringTable folded_;
};

}  // namespace alsatian
