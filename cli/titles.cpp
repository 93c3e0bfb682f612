// Implements titles.hpp.
// Linear in the number of titles, which are folded once however many questions there are.
#include "cli/titles.hpp"

#include "cli/memory_plan.hpp"
#include "host/error.hpp"
#include "host/ratings/file_kind.hpp"
#include "host/ratings/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <new>
#include <utf8proc.h>
#include <utility>

namespace alsatian {
namespace {

/// Text as it is compared: letters of every script without case and accents. What is no UTF-8 stays
/// as it is. Throws std::bad_alloc where memory runs out.
std::string folded(std::string_view text) {
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

/// A folded title without the year that MovieLens writes behind it: "toy story (1995)".
std::string_view without_year(std::string_view title) {
  constexpr std::size_t length = 7;  // " (1995)"
  if (title.size() <= length) return title;
  const std::string_view end = title.substr(title.size() - length);
  const bool is_year = end.starts_with(" (") && end.ends_with(')') &&
                       std::ranges::all_of(end.substr(2, 4),
                                           [](char digit) { return digit >= '0' && digit <= '9'; });
  return is_year ? title.substr(0, title.size() - length) : title;
}

/// The titles of a file that the user named: it must know an item.
StringTable given_titles(const Model& model, const std::string& path, const Log& log) {
  const Titles titles = read_titles(path, available_memory());
  for (const std::string& warning : titles.warnings) log.warning(warning);
  StringTable by_index = titles_by_index(titles, model.items);
  if (by_index.size() > 0 || model.items.size() == 0) return by_index;
  throw Error(ExitCode::bad_data, printable(path),
              titles.ids.size() == 0
                  ? std::string("has no titles")
                  : fmt::format("no id of it is an item of the model: its first is {}, the model's "
                                "{}",
                                quoted(titles.ids[0]), quoted(model.items.text(0))),
              titles.ids.size() == 0
                  ? std::string(titles_contents.remedy)
                  : "give the titles of the items that the model was trained on");
}

}  // namespace

StringTable titles_by_index(const Titles& titles, const IdIndex& items) {
  std::vector<std::int64_t> title_of(static_cast<std::size_t>(items.size()), -1);
  bool found = false;
  for (std::int64_t entry = 0; entry < titles.ids.size(); ++entry) {
    const auto item = items.find(titles.ids[entry]);
    if (!item) continue;
    title_of[static_cast<std::size_t>(*item)] = entry;
    found = true;
  }
  StringTable result;
  if (!found) return result;
  for (const std::int64_t entry : title_of) {
    result.push_back(entry < 0 ? std::string_view() : titles.titles[entry]);
  }
  return result;
}

TitleLookup::TitleLookup(const Model& model, const std::string& movies_path, const Log& log)
    : titles_(movies_path.empty() ? model.titles : given_titles(model, movies_path, log)) {}

std::string_view TitleLookup::title(std::int32_t item) const {
  return present() ? titles_[item] : std::string_view();
}

enum class TitleLookup::Fit { whole, without_year, words, part, none };

TitleLookup::Folded TitleLookup::fold(std::string_view title) {
  std::string text = folded(title);
  std::vector<std::string> words = words_of(text);
  std::vector<std::string> rest = words_of(without_year(text));
  return {std::move(text), std::move(words), std::move(rest)};
}

TitleLookup::Fit TitleLookup::fit_of(const Folded& title, const Folded& text) {
  if (title.words == text.words) {
    return (title.text == text.text || !title.words.empty()) ? Fit::whole : Fit::none;
  }
  if (!text.words.empty()) {
    if (title.words_without_year == text.words) return Fit::without_year;
    if (std::ranges::includes(title.words, text.words)) return Fit::words;
  }
  return title.text.find(text.text) == std::string::npos ? Fit::none : Fit::part;
}

std::vector<std::int32_t> TitleLookup::matching(std::string_view text) {
  for (std::int64_t item = std::ssize(folded_); item < titles_.size(); ++item) {
    folded_.push_back(fold(titles_[item]));
  }
  const Folded wanted = fold(text);
  std::vector<std::int32_t> items;
  // A number is an id or a whole title, as 300; not a part of every title with a year.
  Fit best = is_number(text) ? Fit::without_year : Fit::part;
  for (std::int64_t item = 0; item < titles_.size(); ++item) {
    if (titles_[item].empty()) continue;
    const Fit fit = fit_of(folded_[static_cast<std::size_t>(item)], wanted);
    if (fit > best) continue;
    if (fit < best) items.clear();
    best = fit;
    items.push_back(static_cast<std::int32_t>(item));
  }
  return items;
}

std::int32_t find_item(const Model& model, TitleLookup& titles, const std::string& text,
                       const ItemPlace& place) {
  if (const auto item = model.items.find(text)) return *item;
  if (!titles.present()) {
    throw Error(
        place.code, place.text,
        fmt::format("{} is no item id, and there are no titles to look it up in", quoted(text)),
        "give the item's id, or --movies movies.csv");
  }
  const std::vector<std::int32_t> items = titles.matching(text);
  if (items.size() == 1) return items.front();
  if (items.empty()) {
    throw Error(place.code, place.text,
                fmt::format("{} is no item id and in no title", quoted(text)),
                "give the item's id or a part of its title");
  }
  constexpr std::size_t candidates_shown = 10;
  std::string listed;
  for (std::size_t n = 0; n < std::min(items.size(), candidates_shown); ++n) {
    listed += fmt::format("{}{} {}", n == 0 ? "" : "; ", model.items.text(items[n]),
                          quoted(titles.title(items[n])));
  }
  throw Error(place.code, place.text,
              fmt::format("{} is in {} titles: {}{}", quoted(text), items.size(), listed,
                          items.size() > candidates_shown ? "; ..." : ""),
              fmt::format("give more of the title, or the id: {}{}", place.id_option,
                          model.items.text(items.front())));
}

}  // namespace alsatian
