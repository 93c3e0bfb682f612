// Implements titles.hpp.
// Errors about titles say what was meant as far as that can be guessed, and never guess an answer.
#include "cli/titles.hpp"

#include "cli/memory_plan.hpp"
#include "host/error.hpp"
#include "host/ratings/file_kind.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

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

/// Titles that may have been meant by a text that none has: of another year, or spelt nearly so.
std::vector<std::int32_t> titles_near(const TitleLookup& titles, const std::string& text,
                                      std::vector<std::int32_t> near) {
  constexpr std::size_t suggestions = 3;
  for (const std::int32_t title : titles.matcher().nearest(text, suggestions)) {
    if (std::ranges::find(near, title) == near.end()) near.push_back(title);
  }
  near.resize(std::min(near.size(), suggestions));
  return near;
}

/// `"Heat"`, or `"Heat" of 1995` where the year was told beside it.
std::string wanted_title(const std::string& text, std::optional<int> year) {
  return year ? fmt::format("{} of {}", quoted(text), *year) : quoted(text);
}

ItemAnswer in_no_title(const Model& model, const TitleLookup& titles, const std::string& text,
                       const ItemPlace& place, std::optional<int> year,
                       const std::vector<std::int32_t>& of_other_years) {
  const bool may_be_id = place.by == NamedBy::id_or_title;
  std::vector<std::int32_t> near;
  if (place.suggests) near = titles_near(titles, text, of_other_years);
  ItemAnswer answer;
  answer.what = fmt::format("{} is {}in no title", wanted_title(text, year),
                            may_be_id ? "no item id and " : "");
  if (!near.empty()) {
    answer.hint = fmt::format("did you mean {}?", listed_titles(model, titles, near, " or "));
  }
  answer.help = may_be_id ? std::string("give the item's id or its title")
                          : fmt::format("give its title otherwise, or {}", place.by_id);
  return answer;
}

/// Of a text that stands in one title alone: which other film it may mean, the titles do not tell.
ItemAnswer in_one_title(const Model& model, const TitleLookup& titles, const std::string& text,
                        const ItemPlace& place, std::int32_t candidate) {
  const bool may_be_id = place.by == NamedBy::id_or_title;
  ItemAnswer answer;
  answer.what =
      fmt::format("{} is {}no whole title", quoted(text), may_be_id ? "no item id and " : "");
  answer.hint = fmt::format("did you mean {}?", listed_titles(model, titles, {candidate}, ""));
  answer.help = fmt::format("give the whole title, or {}", place.by_id);
  return answer;
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

const TitleMatcher::Found& TitleLookup::find(std::string_view text, std::optional<int> year) const {
  constexpr std::size_t most_bytes = std::size_t{64} << 20;
  const std::string question = fmt::format("{}\n{}", text, year.value_or(0));
  if (const auto known = found_.find(question); known != found_.end()) return known->second;
  if (found_bytes_ > most_bytes) {
    found_.clear();
    found_bytes_ = 0;
  }
  TitleMatcher::Found found = matcher().find(text, year);
  found_bytes_ += sizeof(found) + question.size() +
                  sizeof(std::int32_t) * (found.titles.size() + found.near.size());
  return found_.emplace(question, std::move(found)).first->second;
}

bool TitleLookup::is_title(std::string_view text) const {
  return present() && is_the_title(find(text).fit);
}

ItemAnswer look_up_item(const Model& model, const TitleLookup& titles, const std::string& text,
                        const ItemPlace& place, std::optional<int> year) {
  ItemAnswer answer;
  if (text.find_first_not_of(" \t") == std::string::npos) {
    answer.what = place.by == NamedBy::title ? "has an empty title" : "has an empty id or title";
    answer.help = "give the item's id or its title";
    return answer;
  }
  if (place.by == NamedBy::id_or_title) answer.item = model.items.find(text);
  if (answer.item) return answer;
  if (!titles.present()) {
    answer.what = fmt::format("{} is {}, and there are no titles to look it up in", quoted(text),
                              place.by == NamedBy::title ? "a title" : "no item id");
    answer.help = "give the item's id, or --movies movies.csv";
    return answer;
  }
  const TitleMatcher::Found& found = titles.find(text, year);
  if (found.year_in_text) {
    answer.what = fmt::format("{} is of {} by its title and of {} by its year", quoted(text),
                              *found.year_in_text, year.value_or(0));
    answer.help = "leave out the year that is wrong";
    return answer;
  }
  if (found.titles.empty()) return in_no_title(model, titles, text, place, year, found.near);
  if (found.titles.size() == 1 && !is_the_title(found.fit)) {
    return in_one_title(model, titles, text, place, found.titles.front());
  }
  if (found.titles.size() == 1) {
    answer.item = found.titles.front();
    answer.of_next_year = found.of_next_year;
    return answer;
  }
  answer.what = fmt::format("{} is in {} titles: {}", wanted_title(text, year), found.titles.size(),
                            listed_titles(model, titles, found.titles, "; "));
  answer.help = fmt::format("give more of the title or its year, or {}", place.by_id);
  return answer;
}

std::int32_t find_item(const Model& model, const TitleLookup& titles, const std::string& text,
                       const ItemPlace& place, const Log& log) {
  const ItemAnswer answer = look_up_item(model, titles, text, place);
  if (!answer.item) {
    throw Error(
        place.code, place.text, answer.what,
        answer.hint.empty() ? answer.help : fmt::format("{} Else {}", answer.hint, answer.help));
  }
  const std::string_view title = titles.title(*answer.item);
  const bool is_id = model.items.find(text) == answer.item;
  if (!is_id && title != text) {
    log.line(fmt::format("{} {} is {} {}{}", place.text, quoted(text),
                         model.items.text(*answer.item), printable(std::string(title)),
                         answer.of_next_year ? ", a year apart" : ""));
  }
  if (!is_id || !titles.is_title(text)) return *answer.item;
  const std::vector<std::int32_t>& others = titles.find(text).titles;
  if (others.front() != *answer.item) {
    log.warning(fmt::format("{} {} is taken for an id, that of {}, and is a title too: of {}",
                            place.text, quoted(text),
                            title.empty() ? "an item without a title" : quoted(title),
                            listed_titles(model, titles, others, "; ")));
  }
  return *answer.item;
}

}  // namespace alsatian
