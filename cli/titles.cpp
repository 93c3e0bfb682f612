// Implements titles.hpp.
// Linear in the number of titles: one question a run.
#include "cli/titles.hpp"

#include "cli/memory_plan.hpp"
#include "host/error.hpp"
#include "host/ratings/file_kind.hpp"

#include <fmt/format.h>

#include <clocale>
#include <cwctype>

namespace alsatian {
namespace {

std::size_t code_point_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1;
  return length <= text.size() && is_utf8(text.substr(0, length)) ? length : 1;
}

wint_t decoded(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return lead;
  wint_t point = lead & (0xFFU >> (character.size() + 1));
  for (const char byte : character.substr(1)) {
    point = point << 6U | (static_cast<unsigned char>(byte) & 0x3FU);
  }
  return point;
}

std::string encoded(wint_t point) {
  const auto byte = [](wint_t bits) { return static_cast<char>(bits); };
  const auto tail = [&](unsigned shift) { return byte(0x80U | (point >> shift & 0x3FU)); };
  if (point < 0x80) return {byte(point)};
  if (point < 0x800) return {byte(0xC0U | point >> 6U), tail(0)};
  if (point < 0x10000) return {byte(0xE0U | point >> 12U), tail(6), tail(0)};
  return {byte(0xF0U | point >> 18U), tail(12), tail(6), tail(0)};
}

/// Letters of every script in lower case, one by one, whatever the locale of the user; ASCII alone
/// where the C library has no C.UTF-8. What is no UTF-8 stays as it is.
class LowerCase {
 public:
  LowerCase() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {}
  ~LowerCase() {
    if (locale_ != nullptr) ::freelocale(locale_);
  }
  LowerCase(const LowerCase&) = delete;
  LowerCase& operator=(const LowerCase&) = delete;

  std::string operator()(std::string_view text) const {
    std::string result;
    while (!text.empty()) {
      const std::string_view character = text.substr(0, code_point_length(text));
      result += lower(character);
      text.remove_prefix(character.size());
    }
    return result;
  }

 private:
  std::string lower(std::string_view character) const {
    const wint_t point = decoded(character);
    if (point >= 'A' && point <= 'Z') return encoded(point + 32);
    if (character.size() == 1 || locale_ == nullptr) return std::string(character);
    return encoded(::towlower_l(point, locale_));
  }

  locale_t locale_;
};

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
  const LowerCase lower_case;
  const std::string wanted = lower_case(text);
  std::vector<std::int32_t> items;
  std::vector<std::int32_t> whole;
  for (std::int64_t item = 0; item < titles_.size(); ++item) {
    const std::string title = lower_case(titles_[item]);
    if (title.find(wanted) == std::string::npos) continue;
    items.push_back(static_cast<std::int32_t>(item));
    if (title == wanted) whole.push_back(static_cast<std::int32_t>(item));
  }
  return whole.size() == 1 ? whole : items;
}

}  // namespace alsatian
