// Implements titles.hpp.
// Linear in the number of titles: one question a run.
#include "cli/titles.hpp"

#include "cli/memory_plan.hpp"
#include "host/error.hpp"
#include "host/ratings/file_kind.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <utf8proc.h>

namespace alsatian {
namespace {

/// Text as it is compared: letters of every script without case, accents composed. What is no UTF-8
/// stays as it is. Throws std::bad_alloc where memory runs out.
std::string folded(std::string_view text) {
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t length = utf8proc_map(
      reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
      static_cast<utf8proc_ssize_t>(text.size()), &mapped,
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  if (length == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
  if (length < 0) return std::string(text);
  return {reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(length)};
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

std::vector<std::int32_t> TitleLookup::containing(std::string_view text) const {
  const std::string wanted = folded(text);
  std::vector<std::int32_t> items;
  std::vector<std::int32_t> whole;
  for (std::int64_t item = 0; item < titles_.size(); ++item) {
    const std::string title = folded(titles_[item]);
    if (title.find(wanted) == std::string::npos) continue;
    items.push_back(static_cast<std::int32_t>(item));
    if (title == wanted) whole.push_back(static_cast<std::int32_t>(item));
  }
  return whole.size() == 1 ? whole : items;
}

}  // namespace alsatian
