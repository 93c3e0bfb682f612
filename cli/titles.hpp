// Titles of items: from the model, or from a movies file given beside it.
// People write titles from memory: a title finds its item where no other fits as well.
#pragma once

#include "cli/log.hpp"
#include "cli/title_match.hpp"
#include "host/error.hpp"
#include "host/model/model.hpp"
#include "host/ratings/reader.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace alsatian {

/// titles [items], "" for an item without one; empty where no item has one.
StringTable titles_by_index(const Titles& titles, const IdIndex& items);

/// Whose items titles are looked up for, in errors.
struct TitledItems {
  const IdIndex& ids;
  std::string_view owner = "the model";
  std::string_view remedy = "give the titles of the items that the model was trained on";
};

/// Throws Error 65 at the file of --movies where it has no title of an item, and warns where it has
/// those of fewer than half: it is of other data then.
void check_titles_fit(const Titles& titles, const TitledItems& items, const std::string& path,
                      const Log& log);

/// For a report: those of --movies, checked, or else those beside the ratings as far as they can be
/// read and are of the items, with a warning where not. data_path may be "" or "-".
Titles titles_for_report(const std::string& movies_path, const std::string& data_path,
                         const TitledItems& items, const Log& log);

class TitleLookup {
 public:
  /// The titles of `movies_path` where it is not "", else the model's own. Throws as
  /// check_titles_fit.
  TitleLookup(const Model& model, const std::string& movies_path, const Log& log);

  /// Whether there are any titles.
  bool present() const { return titles_.size() > 0; }
  /// "" where the item has none.
  std::string_view title(std::int32_t item) const;
  /// What titles are looked up in, which are folded with the first question.
  const TitleMatcher& matcher() const;
  /// What fits what somebody wrote, as TitleMatcher::find; valid until the next question. What was
  /// asked before costs nothing: each question goes through all titles, and files repeat theirs.
  const TitleMatcher::Found& find(std::string_view text,
                                  std::optional<int> year = std::nullopt) const;
  /// Whether the text is a title and not only in one (is_the_title).
  bool is_title(std::string_view text) const;

 private:
  StringTable titles_;
  mutable std::optional<TitleMatcher> matcher_;
  mutable std::unordered_map<std::string, TitleMatcher::Found> found_;  // by text and year
  mutable std::size_t found_bytes_ = 0;
};

/// What an item may be named by.
enum class NamedBy { id_or_title, title };

/// Where somebody named an item, for errors.
struct ItemPlace {
  std::string text;  // "--item", or file and line
  ExitCode code;
  std::string by_id;  // how an id is given there: "the id of the one you mean: --item ID"
  NamedBy by = NamedBy::id_or_title;
  bool suggests = true;  // titles that are spelt nearly so, which takes longer than all else
};

/// What came of looking an item up: the item, or what is wrong and what may help.
struct ItemAnswer {
  std::optional<std::int32_t> item;
  bool of_next_year = false;  // than was wanted
  std::string what;
  std::string hint;  // "did you mean 3 "Heat (1995)"?", or ""
  std::string help;
};

/// The item by its id where ids count, or by the title that fits best where that is one and not
/// only has the words, of the year where one is known. Without an item the answer has the
/// candidates where there are any, and titles that are spelt nearly so or of another year where
/// there is none.
ItemAnswer look_up_item(const Model& model, const TitleLookup& titles, const std::string& text,
                        const ItemPlace& place, std::optional<int> year = std::nullopt);

/// The same, but throws Error at `place` where there is no item. Says which it is where the text is
/// neither its id nor its title, letter by letter, and warns where it is the id of one and the
/// title of another.
std::int32_t find_item(const Model& model, const TitleLookup& titles, const std::string& text,
                       const ItemPlace& place, const Log& log);

}  // namespace alsatian
