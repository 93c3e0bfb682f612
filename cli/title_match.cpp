// Implements title_match.hpp.
// A question looks through all titles for its longest word, and takes apart those that have it:
// an index of words would cost more to make than the few questions of a run.
#include "cli/title_match.hpp"

#include "cli/suggestion.hpp"
#include "cli/title_words.hpp"
#include "cli/title_year.hpp"
#include "host/ratings/values.hpp"

#include <algorithm>
#include <utility>

namespace alsatian {
namespace {

/// A folded title, taken apart.
struct TakenApart {
  std::string_view text;
  int year;               // 0 where there is none
  std::string_view rest;  // without year
  std::vector<std::string> words;
  std::vector<std::string> without_year;
  std::vector<std::string> without_article;

  bool says_article_or_year() const {
    return year != 0 || without_article.size() < without_year.size();
  }

  TakenApart(std::string_view folded, const DatedTitle& dated) : text(folded) {
    year = dated.year;
    rest = dated.name;
    words = words_of(folded);
    without_year = words_of(rest);
    without_article = words_of(alsatian::without_article(rest));
  }
};

/// Years that are known of what somebody wrote, 0 for none. Where both are, they do not contradict.
struct WantedYears {
  int year = 0;
  int beside = 0;  // what else says one
};

/// What somebody wrote, and what is known of it.
struct Wanted {
  TakenApart title;
  WantedYears years;
  bool is_number;  // most titles have its digits, in their year
  std::string letters;
  std::string letters_without_article;

  bool may_drop_article() const { return years.year != 0 || title.says_article_or_year(); }

  Wanted(std::string_view folded, WantedYears known)
      : title(folded, cut_year(folded)), years(known), is_number(alsatian::is_number(folded)) {
    letters = letters_of(title.rest);
    letters_without_article = letters_of(without_article(title.rest));
  }
};

/// The names of a title without year, where it has several: the first, and others in brackets
/// behind it.
std::vector<std::string_view> names_of(std::string_view rest) {
  constexpr std::string_view also_known_as = "a.k.a. ";
  std::vector<std::string_view> names;
  std::size_t open = rest.find(" (");
  if (open != std::string_view::npos) names.push_back(rest.substr(0, open));
  while (open != std::string_view::npos) {
    const std::size_t close = std::min(rest.find(')', open), rest.size());
    std::string_view name = rest.substr(open + 2, close - open - 2);
    if (name.starts_with(also_known_as)) name.remove_prefix(also_known_as.size());
    names.push_back(name);
    open = rest.find(" (", close);
  }
  return names;
}

/// How one of the names of a title fits. Without a year a name is as good as a title that has no
/// other: nothing says which of the two films is meant.
TitleFit fit_of_names(const TakenApart& title, const Wanted& wanted) {
  if (wanted.title.without_year.empty()) return TitleFit::none;
  const bool has_year = wanted.years.year != 0;
  TitleFit best = TitleFit::none;
  for (const std::string_view name : names_of(title.rest)) {
    if (words_of(name) == wanted.title.without_year) {
      return has_year ? TitleFit::name : TitleFit::without_year;
    }
    if (wanted.may_drop_article() &&
        words_of(without_article(name)) == wanted.title.without_article) {
      best = has_year ? TitleFit::name : TitleFit::without_article;
    }
  }
  return best;
}

/// Whether the title begins with what was written as a whole word.
bool begins(const TakenApart& title, std::string_view wanted) {
  const std::size_t length = wanted.size();
  if (!title.rest.starts_with(wanted)) return false;
  if (title.rest.size() == length || is_of_a_word(title.rest[length])) {
    return title.rest.size() == length;
  }
  const bool goes_on = (title.rest[length] == ',' || title.rest[length] == '.') &&
                       title.rest.size() > length + 1 && title.rest[length + 1] != ' ';
  return !goes_on;  // 10 does not begin 10,000 BC
}

TitleFit fit_of(const TakenApart& title, const Wanted& wanted) {
  const TakenApart& sought = wanted.title;
  if (title.words == sought.words) {
    if (title.text != sought.text && title.words.empty()) return TitleFit::none;
    return wanted.years.year != 0 ? TitleFit::whole : TitleFit::without_year;
  }
  if (!sought.words.empty()) {
    if (title.without_year == sought.words) return TitleFit::without_year;
    if (!sought.without_year.empty() && title.without_year == sought.without_year) {
      return TitleFit::without_year;
    }
    if (!sought.without_article.empty() && title.without_article == sought.without_article &&
        wanted.may_drop_article()) {
      return TitleFit::without_article;
    }
    if (const TitleFit fit = fit_of_names(title, wanted); fit != TitleFit::none) return fit;
    if (wanted.is_number) return begins(title, sought.text) ? TitleFit::words : TitleFit::none;
    if (std::ranges::includes(title.words, sought.year == 0 ? sought.words : sought.without_year)) {
      return TitleFit::words;
    }
  }
  return title.text.find(sought.rest) == std::string_view::npos ? TitleFit::none : TitleFit::part;
}

/// Whether a title, or a name of it, is what was written but for an article.
bool differs_by_article_alone(const TakenApart& title, const Wanted& wanted) {
  const auto is_wanted = [&](std::string_view name) {
    return words_of(without_article(name)) == wanted.title.without_article;
  };
  return is_wanted(title.rest) || std::ranges::any_of(names_of(title.rest), is_wanted);
}

/// What every title has that fits at all: a longest word of those that count in every fit.
std::string_view needle_of(const TakenApart& wanted) {
  const auto& words = wanted.without_article.empty() ? wanted.words : wanted.without_article;
  if (words.empty()) return wanted.text;
  return *std::ranges::max_element(words, {}, &std::string::size);
}

bool name_fits_by_letters(std::string_view name, const Wanted& wanted) {
  if (has_letters(name, wanted.letters)) return true;
  return wanted.may_drop_article() &&
         has_letters(without_article(name), wanted.letters_without_article);
}

bool fits_by_letters(std::string_view rest, const Wanted& wanted) {
  if (name_fits_by_letters(rest, wanted)) return true;
  return std::ranges::any_of(
      names_of(rest), [&](std::string_view name) { return name_fits_by_letters(name, wanted); });
}

/// Keeps the best of the titles that it is shown.
class BestTitles {
 public:
  explicit BestTitles(WantedYears years) : years_(years) {}

  void take(std::int32_t title, int title_year, TitleFit fit) {
    if (fit == TitleFit::none) return;
    const YearFit of_year = year_fit(title_year);
    if (years_.year != 0 && (!is_the_title(fit) || of_year == YearFit::other)) {
      if (is_the_title(fit)) add_once(of_other_years_, title);
      if (!is_the_title(fit) && of_year == YearFit::same) add_once(with_its_words_, title);
      return;
    }
    const std::pair key(of_year, fit);
    if (key > best_) return;
    if (key < best_) titles_.clear();
    best_ = key;
    titles_.push_back(title);
  }

  bool has_the_title() const { return is_the_title(best_.second); }
  bool has_dropped_article() const { return best_.second == TitleFit::without_article; }
  /// Also where all that are that title are of other years.
  bool knows_the_title() const { return has_the_title() || !of_other_years_.empty(); }

  std::optional<std::int32_t> only_one_with_the_words() const {
    if (best_.second != TitleFit::words || titles_.size() != 1) return std::nullopt;
    return titles_.front();
  }
  /// Whether one of them is what was written, letter by letter.
  bool has_whole(const StringTable& titles, std::string_view text) const {
    return std::ranges::any_of(titles_, [&](std::int32_t title) { return titles[title] == text; });
  }
  /// As good as the best that there is.
  void take_beside(std::int32_t title) { add_once(titles_, title); }
  void sort() { std::ranges::sort(titles_); }
  void take_as_the_title() { best_.second = TitleFit::without_article; }

  TitleMatcher::Found found() && {
    const bool years_disagree = years_.beside != 0 && years_.beside != years_.year;
    std::vector<std::int32_t> near = std::move(of_other_years_);
    for (const std::int32_t title : with_its_words_) add_once(near, title);
    return {.fit = best_.second,
            .titles = std::move(titles_),
            .of_next_year = best_.first == YearFit::next || years_disagree,
            .near = std::move(near)};
  }

 private:
  enum class YearFit { same, next, unknown, other };

  YearFit year_fit(int year) const {
    if (years_.year == 0 || year == years_.year) return YearFit::same;
    if (year == 0) return YearFit::unknown;
    const bool is_next =
        years_.beside != 0 ? year == years_.beside : !contradict(year, years_.year);
    return is_next ? YearFit::next : YearFit::other;
  }

  static void add_once(std::vector<std::int32_t>& titles, std::int32_t title) {
    if (std::ranges::find(titles, title) == titles.end()) titles.push_back(title);
  }

  WantedYears years_;
  std::pair<YearFit, TitleFit> best_{YearFit::other, TitleFit::none};
  std::vector<std::int32_t> titles_;
  std::vector<std::int32_t> of_other_years_;
  std::vector<std::int32_t> with_its_words_;
};

/// Whether the title, or a name of it, has the letters of what was written, whatever its spaces and
/// marks: "Old Boy" and "Oldboy". any_article: also where it has an article and the text none.
bool has_same_letters(std::string_view rest, const Wanted& wanted, bool any_article) {
  const auto has = [](std::string_view name, const std::string& letters) {
    if (name.empty() || letters.empty()) return false;
    // Nearly all titles end here; a character beyond ASCII may be a mark.
    const bool is_ascii = static_cast<unsigned char>(name.front()) < 0x80;
    const bool begins_otherwise =
        is_ascii && is_of_a_word(name.front()) && name.front() != letters.front();
    return !begins_otherwise && has_letters(name, letters);
  };
  const auto has_them = [&](std::string_view name) {
    return has(name, wanted.letters) ||
           (any_article && has(without_article(name), wanted.letters_without_article));
  };
  if (has_them(rest)) return true;
  return rest.ends_with(')') && std::ranges::any_of(names_of(rest), has_them);
}

/// Without a year nothing says which is meant of films whose titles differ by a space or a hyphen:
/// nobody remembers those.
void take_same_letters(const StringTable& titles, const std::vector<TitleCut>& cuts,
                       const Wanted& wanted, BestTitles& best) {
  const bool says_which = wanted.years.year != 0 || best.has_whole(titles, wanted.title.text);
  if (!best.has_the_title() || says_which || wanted.is_number || wanted.letters.empty()) return;
  const bool any_article = wanted.may_drop_article() || best.has_dropped_article();
  for (std::int64_t title = 0; title < titles.size(); ++title) {
    const std::string_view name = cuts[static_cast<std::size_t>(title)].of(titles[title]).name;
    if (name.size() < wanted.letters_without_article.size()) continue;
    if (!has_same_letters(name, wanted, any_article)) continue;
    best.take_beside(static_cast<std::int32_t>(title));
  }
  best.sort();
}

/// The folded titles that fit best what is wanted.
BestTitles best_of(const StringTable& titles, const std::vector<TitleCut>& cuts,
                   const Wanted& wanted) {
  const auto dated = [&](std::int64_t title) {
    return cuts[static_cast<std::size_t>(title)].of(titles[title]);
  };
  BestTitles best(wanted.years);
  const std::string_view needle = needle_of(wanted.title);
  if (needle.empty()) return best;
  for (std::int64_t title = 0; title < titles.size(); ++title) {
    if (titles[title].find(needle) == std::string_view::npos) continue;
    const TakenApart candidate(titles[title], dated(title));
    best.take(static_cast<std::int32_t>(title), candidate.year, fit_of(candidate, wanted));
  }
  const bool by_letters = !best.has_the_title() && !wanted.is_number && !wanted.letters.empty();
  for (std::int64_t title = 0; by_letters && title < titles.size(); ++title) {
    if (!fits_by_letters(dated(title).name, wanted)) continue;
    best.take(static_cast<std::int32_t>(title), dated(title).year, TitleFit::letters);
  }
  if (const auto only = best.only_one_with_the_words()) {
    const bool is_it = differs_by_article_alone({titles[*only], dated(*only)}, wanted);
    if (is_it) best.take_as_the_title();
  }
  take_same_letters(titles, cuts, wanted, best);
  return best;
}

/// What spelling is compared by: letters of the name in front of other names in brackets.
std::string plain_name(std::string_view folded) {
  folded = cut_year(folded).name;
  return letters_of(without_article(folded.substr(0, folded.find(" ("))));
}

/// Of two plain names; nothing where they are not spelt nearly so.
std::optional<int> spelling_distance(const std::string& wanted, const std::string& name) {
  const std::size_t most = 1 + wanted.size() / 10;
  const bool too_long = name.size() > wanted.size() + most || wanted.size() > name.size() + most;
  if (wanted.size() < 3 || too_long) return std::nullopt;
  const int distance = edit_distance(wanted, name);
  return distance > static_cast<int>(most) ? std::nullopt : std::optional(distance);
}

}  // namespace

TitleMatcher::TitleMatcher(const StringTable& titles) {
  for (std::int64_t title = 0; title < titles.size(); ++title) {
    folded_.push_back(fold(titles[title]));
    const DatedTitle dated = cut_year(folded_[title]);
    cuts_.push_back({dated.name.size(), dated.year});
  }
}

TitleMatcher::Found TitleMatcher::find(std::string_view text, std::optional<int> year) const {
  const std::string folded = fold(text);
  const int beside = year.value_or(0);
  const int in_text = cut_year(folded).year;
  if (contradict(in_text, beside)) return {.year_in_text = in_text};
  const WantedYears years =
      in_text == 0 ? WantedYears{beside} : WantedYears{.year = in_text, .beside = beside};
  BestTitles whole = best_of(folded_, cuts_, Wanted(folded, years));
  const std::optional<DatedTitle> bare = cut_bare_year(folded);
  if (!bare || whole.has_the_title()) return std::move(whole).found();
  const bool contradicts = contradict(bare->year, beside);
  BestTitles rest = best_of(
      folded_, cuts_, Wanted(bare->name, {.year = bare->year, .beside = contradicts ? 0 : beside}));
  // Of titles with these digits, of other years, none is meant where one without has that year.
  const bool is_year = whole.knows_the_title() ? rest.has_the_title() : rest.knows_the_title();
  if (contradicts) {
    // Digits are a year where a film is of it, and else of a title that is unknown.
    return rest.has_the_title() ? Found{.year_in_text = bare->year} : std::move(whole).found();
  }
  return is_year ? std::move(rest).found() : std::move(whole).found();
}

bool TitleMatcher::is_called(std::int32_t title, std::string_view text,
                             std::optional<int> year) const {
  const std::string folded = fold(text);
  const DatedTitle dated = cuts_[static_cast<std::size_t>(title)].of(folded_[title]);
  const TakenApart candidate(folded_[title], dated);
  const auto has_name = [&](std::string_view name, int in_text) {
    if (contradict(dated.year, in_text) || contradict(dated.year, year.value_or(0))) return false;
    const Wanted wanted(name, {.year = in_text});
    return is_the_title(fit_of(candidate, wanted)) || fits_by_letters(dated.name, wanted) ||
           differs_by_article_alone(candidate, wanted);
  };
  if (has_name(folded, cut_year(folded).year)) return true;
  const std::optional<DatedTitle> bare = cut_bare_year(folded);
  return bare && has_name(bare->name, bare->year);
}

std::vector<std::int32_t> TitleMatcher::nearest(std::string_view text, std::size_t count) const {
  const std::string folded = fold(text);
  const std::optional<DatedTitle> bare = cut_bare_year(folded);
  const std::string wanted = plain_name(folded);
  const std::string without_year = bare ? plain_name(bare->name) : wanted;
  std::vector<std::pair<int, std::int32_t>> near;
  for (std::int64_t title = 0; title < folded_.size(); ++title) {
    const std::string name = plain_name(folded_[title]);
    std::optional<int> distance = spelling_distance(wanted, name);
    if (!distance && bare) distance = spelling_distance(without_year, name);
    if (distance) near.emplace_back(*distance, static_cast<std::int32_t>(title));
  }
  std::ranges::sort(near);
  std::vector<std::int32_t> titles;
  for (const auto& [distance, title] : near) {
    if (titles.size() < count) titles.push_back(title);
  }
  return titles;
}

}  // namespace alsatian
