// Titles of items: from the model, or from a movies file given beside it.
// People write titles from memory: a title finds its item where no other fits as well.
#pragma once

#include "cli/log.hpp"
#include "host/error.hpp"
#include "host/model/model.hpp"
#include "host/ratings/reader.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

/// titles [items], "" for an item without one; empty where no item has one.
StringTable titles_by_index(const Titles& titles, const IdIndex& items);

class TitleLookup {
 public:
  /// The titles of `movies_path` where it is not "", else the model's own. Throws Error 65 where
  /// the file has no title of an item of the model.
  TitleLookup(const Model& model, const std::string& movies_path, const Log& log);

  /// Whether there are any titles.
  bool present() const { return titles_.size() > 0; }
  /// "" where the item has none.
  std::string_view title(std::int32_t item) const;
  /// Items whose title is what somebody wrote, or else whose title without its year is, or has all
  /// of its words, or contains it: those of the first kind that there are. Case, accents and the
  /// order of words do not count; a number is compared with whole titles alone.
  std::vector<std::int32_t> matching(std::string_view text);

 private:
  /// As titles are compared.
  struct Folded {
    std::string text;
    std::vector<std::string> words;
    std::vector<std::string> words_without_year;
  };
  enum class Fit;  // best first
  static Fit fit_of(const Folded& title, const Folded& text);
  static Folded fold(std::string_view title);

  StringTable titles_;
  std::vector<Folded> folded_;  // [titles], from the first question on
};

/// Where somebody named an item, for errors.
struct ItemPlace {
  std::string text;  // "--item", or file and line
  ExitCode code;
  std::string id_option;  // what stands before an id there: "--item "
};

/// The item by its id, or by what `matching` finds where that is one. Throws Error at `place`,
/// with the candidates where there are several.
std::int32_t find_item(const Model& model, TitleLookup& titles, const std::string& text,
                       const ItemPlace& place);

}  // namespace alsatian
