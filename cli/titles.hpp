// Titles of items: from the model, or from a movies file given beside it.
// A title finds an item where it is the only one that contains the text.
#pragma once

#include "cli/log.hpp"
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
  /// Items whose title contains the text, letters compared without case in every script; one
  /// whose whole title is the text wins over the others.
  std::vector<std::int32_t> containing(std::string_view text) const;

 private:
  StringTable titles_;
};

}  // namespace alsatian
