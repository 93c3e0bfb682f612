// Implements titles.hpp.
// Errors about titles say what was meant as far as that can be guessed, and never guess an answer.
#include "cli/titles.hpp"

#include "cli/memory_plan.hpp"
#include "host/error.hpp"
#include "host/ratings/file_kind.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

namespace alsatian {
namespace {

/// How many items have an id that titles have.
std::int64_t items_with_title(const Titles& titles, const IdIndex& items) {
  std::vector<bool> has_title(static_cast<std::size_t>(items.size()));
  for (std::int64_t entry = 0; entry < titles.ids.size(); ++entry) {
    const auto item = items.find(titles.ids[entry]);
    if (item) has_title[static_cast<std::size_t>(*item)] = true;
  }
  return std::ranges::count(has_title, true);
}

/// The titles of a file that the user named: it must know an item.
StringTable given_titles(const Model& model, const std::string& path, const Log& log) {
  const Titles titles = read_titles(path, available_memory());
  for (const std::string& warning : titles.warnings) log.warning(warning);
  check_titles_fit(titles, {model.items}, path, log);
  return titles_by_index(titles, model.items);
}

/// `"a"; "b"; ...` with ids where they are wanted.
std::string listed_titles(const Model& model, const TitleLookup& titles,
                          const std::vector<std::int32_t>& items, const char* between) {
  constexpr std::size_t most = 10;
  std::string text;
  for (std::size_t n = 0; n < std::min(items.size(), most); ++n) {
    text += fmt::format("{}{} {}", n == 0 ? "" : between, model.items.text(items[n]),
                        quoted(titles.title(items[n])));
  }
  return items.size() > most ? text + "; ..." : text;
}

[[noreturn]] void throw_in_no_title(const Model& model, const TitleLookup& titles,
                                    const std::string& text, const ItemPlace& place) {
  constexpr std::size_t suggestions = 3;
  const bool may_be_id = place.by == NamedBy::id_or_title;
  const std::vector<std::int32_t> near = titles.matcher().nearest(text, suggestions);
  std::string help = may_be_id ? std::string("give the item's id or a part of its title")
                               : fmt::format("give a part of its title, or {}", place.by_id);
  if (!near.empty()) {
    help =
        fmt::format("did you mean {}? Else {}", listed_titles(model, titles, near, " or "), help);
  }
  throw Error(place.code, place.text,
              fmt::format("{} is {}in no title", quoted(text), may_be_id ? "no item id and " : ""),
              help);
}

}  // namespace

void check_titles_fit(const Titles& titles, const TitledItems& items, const std::string& path,
                      const Log& log) {
  if (items.ids.size() == 0) return;
  if (titles.ids.size() == 0) {
    throw Error(ExitCode::bad_data, printable(path), "has no titles",
                std::string(titles_contents.remedy));
  }
  const std::int64_t found = items_with_title(titles, items.ids);
  if (found == 0) {
    throw Error(ExitCode::bad_data, printable(path),
                fmt::format("no id of it is an item of {}: its first is {}, {}'s {}", items.owner,
                            quoted(titles.ids[0]), items.owner, quoted(items.ids.text(0))),
                std::string(items.remedy));
  }
  if (2 * found >= items.ids.size()) return;
  log.warning(fmt::format("{} has titles of only {} of the {} items of {}: is it of other data?",
                          printable(path), found, items.ids.size(), items.owner));
}

Titles titles_for_report(const std::string& movies_path, const std::string& data_path,
                         const TitledItems& items, const Log& log) {
  Titles titles;
  if (!movies_path.empty()) {
    titles = read_titles(movies_path, available_memory());
    check_titles_fit(titles, items, movies_path, log);
  } else if (!data_path.empty() && data_path != "-") {
    try {
      titles = find_titles(data_path, available_memory());
    } catch (const Error& error) {  // nobody named them: no reason to stop
      log.warning(fmt::format("no titles: {}: {}", error.place(), error.what()));
    }
    if (titles.ids.size() > 0 && items_with_title(titles, items.ids) == 0) {
      log.warning("the titles beside the ratings are of other items: none is shown");
      titles = {};
    }
  }
  for (const std::string& warning : titles.warnings) log.warning(warning);
  return titles;
}

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

const TitleMatcher& TitleLookup::matcher() const {
  if (!matcher_) matcher_.emplace(titles_);
  return *matcher_;
}

bool TitleLookup::is_title(std::string_view text) const {
  return present() && matcher().find(text).fit <= TitleFit::without_article;
}

std::int32_t find_item(const Model& model, const TitleLookup& titles, const std::string& text,
                       const ItemPlace& place) {
  if (text.find_first_not_of(" \t") == std::string::npos) {
    throw Error(place.code, place.text,
                place.by == NamedBy::title ? "has an empty title" : "has an empty id or title",
                "give the item's id or a part of its title");
  }
  if (place.by == NamedBy::id_or_title) {
    if (const auto item = model.items.find(text)) return *item;
  }
  if (!titles.present()) {
    throw Error(place.code, place.text,
                fmt::format("{} is {}, and there are no titles to look it up in", quoted(text),
                            place.by == NamedBy::title ? "a title" : "no item id"),
                "give the item's id, or --movies movies.csv");
  }
  const std::vector<std::int32_t> items = titles.matcher().find(text).titles;
  if (items.size() == 1) return items.front();
  if (items.empty()) throw_in_no_title(model, titles, text, place);
  throw Error(place.code, place.text,
              fmt::format("{} is in {} titles: {}", quoted(text), items.size(),
                          listed_titles(model, titles, items, "; ")),
              fmt::format("give more of the title, or {}", place.by_id));
}

}  // namespace alsatian
