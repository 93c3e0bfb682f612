// Which columns of a table of somebody's own ratings hold what, by its header or by its first line.
// People and sites call columns what they like: names are guessed, but never between two.
#pragma once

#include "cli/own_sample.hpp"
#include "cli/titles.hpp"
#include "host/model/model.hpp"
#include "host/ratings/records.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace alsatian {

inline constexpr const char* remedy_for_own_headers =
    "write `item,rating` in a line, or begin with a header that calls one column title (or item) "
    "and one rating";
inline constexpr const char* remedy_for_own_commas =
    "put a title with a comma in quotes, as in \"Shawshank Redemption, The (1994)\",5, and write a "
    "decimal point: 2.5";

/// Where the fields are in a record, and what the items are named by.
struct OwnColumns {
  std::size_t fields = 2;
  std::optional<std::size_t> user = std::nullopt;
  std::size_t item = 0;
  std::size_t rating = 1;
  std::optional<double> highest_rating = std::nullopt;  // of the scale that its name says
  // Beside ids: the film has one of them. The first counts where the ids are not the model's,
  // unless there are names of several here, none of which is called title alone.
  std::vector<std::size_t> titles = {};
  std::string several_titles = "";
  std::optional<std::size_t> year = std::nullopt;  // of the title, or the day of its release
  NamedBy by = NamedBy::id_or_title;
  bool says_id = false;   // header or layout do: a number is no title
  std::string note = "";  // of choices that were made between columns
};

/// By a header and by what is under it; nothing where the record is none. place: file and line.
/// Throws Error 65 for a header without ratings or items, with ratings of others alone, with two
/// columns of one name, and where several may be meant.
std::optional<OwnColumns> own_columns_by_header(const Record& first, const OwnSample& sample,
                                                const std::string& place);

/// Without a header: item and rating, or as in u.data user, item, rating and perhaps a time.
/// Those are ids, so that nothing that a title was cut into counts as one. Throws Error 65 for
/// other records.
OwnColumns own_columns_of(const Record& first, const std::string& place, const Model& model,
                          const TitleLookup& titles);

}  // namespace alsatian
