// Implements title_year.hpp.
// Looks from the end alone: titles are cut by the ten thousand for one question.
#include "cli/title_year.hpp"

#include "cli/title_words.hpp"
#include "host/ratings/records.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <string>

namespace alsatian {
namespace {

constexpr std::size_t digits = 4;
constexpr std::string_view blanks = " \t";
/// What may stand between a title and its year. No closing bracket: it is of the title.
constexpr std::string_view between = " \t,;:-_/|([{";

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

std::string_view without_end(std::string_view text, std::string_view letters) {
  return text.substr(0, text.find_last_not_of(letters) + 1);
}

std::string in_small_letters(std::string_view text) {
  std::string letters(text);
  std::ranges::transform(letters, letters.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
  });
  return letters;
}

/// As in "November 22, 1995" and "Nov 1995".
bool begins_with_month(std::string_view text) {
  constexpr auto months = std::to_array<std::string_view>(
      {"january", "february", "march", "april", "may", "june", "july", "august", "september",
       "october", "november", "december"});
  const std::string word = in_small_letters(text.substr(0, text.find_first_of(". ")));
  return word.size() >= 3 && std::ranges::any_of(months, [&](std::string_view month) {
           return month.starts_with(word);
         });
}

/// The number that the first four letters are, 0 where they are no digits.
int four_digits(std::string_view text) {
  if (text.size() < digits || !std::ranges::all_of(text.substr(0, digits), is_digit)) return 0;
  int number = 0;
  for (const char digit : text.substr(0, digits)) number = 10 * number + (digit - '0');
  return number;
}

std::optional<int> year_of_digits(std::string_view text) {
  constexpr int least = 1000;  // less has zeros in front
  const int year = text.size() == digits ? four_digits(text) : 0;
  return year < least ? std::nullopt : std::optional(year);
}

/// Of what stands in brackets: a year, or the first of several.
int bracketed_year(std::string_view inside) {
  inside.remove_prefix(std::min(inside.find_first_not_of(blanks), inside.size()));
  const std::string_view rest = inside.substr(std::min(inside.size(), digits));
  const bool ends = rest.empty() || !is_digit(rest.front());
  const bool has_letters = std::ranges::any_of(
      rest, [](char letter) { return std::isalpha(static_cast<unsigned char>(letter)) != 0; });
  return ends && !has_letters ? four_digits(inside) : 0;
}

/// The text of a field, without blanks and brackets around it.
std::string_view bare(std::string_view text) {
  text = trimmed(text);
  const bool round = text.starts_with('(') && text.ends_with(')');
  const bool square = text.starts_with('[') && text.ends_with(']');
  return text.size() > 1 && (round || square) ? trimmed(text.substr(1, text.size() - 2)) : text;
}

/// As in 1979.0, which tables have that know numbers alone.
bool is_point_and_zeros(std::string_view text) {
  return text.size() > 1 && text.starts_with('.') &&
         text.find_first_not_of('0', 1) == std::string_view::npos;
}

/// Month and day, as behind the year in 19790525.
bool is_day_of_year(std::string_view text) {
  if (text.size() != 4 || !std::ranges::all_of(text, is_digit)) return false;
  const int month = four_digits(text) / 100;
  const int day = four_digits(text) % 100;
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

}  // namespace

DatedTitle cut_year(std::string_view title) {
  const std::string_view text = without_end(title, blanks);
  if (!text.ends_with(')') && !text.ends_with(']')) return {title};
  const std::size_t open = text.rfind(text.back() == ')' ? '(' : '[');
  if (open == std::string_view::npos) return {title};
  const int year = bracketed_year(text.substr(open + 1, text.size() - open - 2));
  const std::string_view name = without_end(text.substr(0, open), blanks);
  return year == 0 || name.empty() ? DatedTitle{title} : DatedTitle{name, year};
}

std::optional<DatedTitle> cut_bare_year(std::string_view title) {
  constexpr int first_films = 1870;
  constexpr int last_year = 2100;
  if (cut_year(title).year != 0) return std::nullopt;
  std::size_t end = title.size();
  while (end > 0 && !is_of_a_word(title[end - 1])) --end;
  if (end <= digits || is_of_a_word(title[end - digits - 1])) return std::nullopt;
  const int year = four_digits(title.substr(end - digits, digits));
  const std::string_view name = without_end(title.substr(0, end - digits), between);
  if (year < first_films || year > last_year || name.empty() || cut_year(name).year != 0) {
    return std::nullopt;
  }
  return DatedTitle{name, year};
}

std::optional<int> parse_year(std::string_view text) {
  constexpr std::string_view in_dates = "-/. ";
  text = bare(text);
  const std::string_view rest = text.substr(std::min(text.size(), digits));
  const bool is_first = rest.empty() || is_point_and_zeros(rest) || is_day_of_year(rest) ||
                        rest.starts_with('-') || rest.starts_with('/') ||
                        (rest.starts_with('.') && rest.size() > digits);
  if (is_first) {
    if (const auto year = year_of_digits(text.substr(0, digits))) return year;
  }
  if (rest.size() < 2) return std::nullopt;  // no room for a day in front
  const std::size_t last = text.size() - digits;
  const bool is_last = (is_digit(text.front()) || begins_with_month(text)) &&
                       in_dates.find(text[last - 1]) != in_dates.npos;
  return is_last ? year_of_digits(text.substr(last)) : std::nullopt;
}

bool says_no_year(std::string_view text) {
  constexpr auto words = std::to_array<std::string_view>(
      {"",     "-",    "--",      "\u2013", "\u2014", "?",   "??",
       "???",  "????", "n/a",     "n.a.",   "na",     "nan", "null",
       "none", "\\n",  "unknown", "tba",    "tbd",    "tbc", "unreleased"});
  return std::ranges::find(words, in_small_letters(bare(text))) != words.end();
}

bool contradict(int year, int other) {
  return year != 0 && other != 0 && std::abs(year - other) > 1;
}

}  // namespace alsatian
