// Implements own_ids.hpp.
// A title agrees with an id where it is any of the names of its item, of a year next to its own.
#include "cli/own_ids.hpp"

#include "host/ratings/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

namespace alsatian {
namespace {

/// Whether both are known, so that they may agree.
bool are_comparable(const OwnFilm& film, std::optional<std::int32_t> item,
                    const TitleLookup& titles) {
  return item && !film.titles.empty() && titles.present() && !titles.title(*item).empty();
}

/// `the title "Heat"`, or `the titles "Heat" and "Fever"`.
std::string titles_of(const OwnFilm& film) {
  std::string text = film.titles.size() == 1 ? "the title " : "the titles ";
  for (std::size_t n = 0; n < film.titles.size(); ++n) {
    text += (n == 0 ? "" : " and ") + quoted(film.titles[n]);
  }
  return text;
}

}  // namespace

std::optional<std::string> contradiction_of(const OwnFilm& film, const Model& model,
                                            const TitleLookup& titles) {
  const std::optional<std::int32_t> item = model.items.find(film.id);
  if (!are_comparable(film, item, titles)) return std::nullopt;
  const bool is_called_so = std::ranges::any_of(film.titles, [&](const std::string& title) {
    return titles.matcher().is_called(*item, title, film.year);
  });
  if (is_called_so) return std::nullopt;
  return fmt::format("has id {}, that of {}, and {}{}", printable(film.id),
                     quoted(titles.title(*item)), titles_of(film),
                     film.year ? fmt::format(" of {}", *film.year) : "");
}

void IdsBesideTitles::take(const OwnFilm& film, std::int64_t line) {
  constexpr int most_asked = 50;
  const std::optional<std::int32_t> item = model_.items.find(film.id);
  if (are_comparable(film, item, titles_)) {
    const std::optional<std::string> what = contradiction_of(film, model_, titles_);
    if (what) contradicts(line, *what);
    if (!what) ++agreeing_;
  } else if (!item && titles_.present() && asked_ < most_asked) {
    ++asked_;
    const auto is_known = [&](const std::string& title) {
      const TitleMatcher::Found& found = titles_.find(title, film.year);
      return !found.titles.empty() && is_the_title(found.fit);
    };
    if (std::ranges::none_of(film.titles, is_known)) return;
    contradicts(line, fmt::format("has id {}, which the model does not have, and {}",
                                  printable(film.id), titles_of(film)));
  }
}

void IdsBesideTitles::contradicts(std::int64_t line, const std::string& what) {
  if (++contradicting_ == 1) example_ = fmt::format("line {} {}", line, what);
}

std::optional<std::string> IdsBesideTitles::why_titles_count() const {
  if (contradicting_ <= agreeing_) return std::nullopt;
  return fmt::format(
      "ids are not the model's, so that titles count: {} ({} of {} lines contradict "
      "their id)",
      example_, contradicting_, contradicting_ + agreeing_);
}

}  // namespace alsatian
