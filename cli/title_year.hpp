// The year of a title, at its end or in a column of its own, however it is written.
// A title and its year say more than their words: many titles have the words of another's year.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace alsatian {

/// A title in front of its year, without what stands between.
struct DatedTitle {
  std::string_view name;
  int year = 0;  // 0 where there is none
};

/// With a year in round or square brackets, a blank in front of them or none: "Heat (1995)",
/// "Heat[1995]", "Merlin (2008-2012)", of which the first counts. Else the whole title and 0.
DatedTitle cut_year(std::string_view title);

/// The same without the text.
struct TitleCut {
  std::size_t name_size = 0;
  int year = 0;

  DatedTitle of(std::string_view title) const { return {title.substr(0, name_size), year}; }
};

/// With four digits from 1870 to 2100 as its last word: "Heat 1995", "Heat, 1995". That may be a
/// part of the title as well ("Blade Runner 2049"), which other titles have to tell. Nothing where
/// there are none, where nothing stands in front of them, or where a year in brackets is there too.
std::optional<DatedTitle> cut_bare_year(std::string_view title);

/// Of the text of a column: four digits, also as tables have them that know numbers (1995.0,
/// 1995.00), in round or square brackets, or in a date that begins or ends with them (1995-03-22,
/// 19950322, 22.03.1995, 3/22/1995, 22 Mar 1995) or begins with the name of a month (March 22,
/// 1995), with or without blanks around. Nothing for what is none.
std::optional<int> parse_year(std::string_view text);

/// Whether the text of a column says that there is no year: it is blank, "-", "N/A", "TBA" or the
/// like, also in brackets.
bool says_no_year(std::string_view text);

/// Whether two years, 0 for unknown, are of two films: sources disagree by one.
bool contradict(int year, int other);

}  // namespace alsatian
