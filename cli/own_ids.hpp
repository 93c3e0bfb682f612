// Whether the ids of somebody's own table are the model's, by the titles beside them.
// Tables number their lines, and sites their films: such ids are those of other films here.
#pragma once

#include "cli/titles.hpp"
#include "host/model/model.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace alsatian {

/// What a line says of its film.
struct OwnFilm {
  std::string id;
  std::vector<std::string> titles;  // none of which is empty
  std::optional<int> year;
};

/// `has id 7, that of "Heat (1995)", and the title "Toy Story"` where a line contradicts itself:
/// the item of its id has none of the line's titles. Nothing where either is unknown.
std::optional<std::string> contradiction_of(const OwnFilm& film, const Model& model,
                                            const TitleLookup& titles);

/// Looks at all lines of a table. It asks no more than a few titles of ids that are unknown, each
/// of which goes through all titles.
class IdsBesideTitles {
 public:
  IdsBesideTitles(const Model& model, const TitleLookup& titles) : model_(model), titles_(titles) {}

  void take(const OwnFilm& film, std::int64_t line);

  /// Why titles count instead, with the first example, where most lines contradict their ids: those
  /// of other films, or unknown where the title is not. Else nothing.
  std::optional<std::string> why_titles_count() const;

 private:
  void contradicts(std::int64_t line, const std::string& what);

  const Model& model_;
  const TitleLookup& titles_;
  std::int64_t agreeing_ = 0;
  std::int64_t contradicting_ = 0;
  int asked_ = 0;
  std::string example_;
};

}  // namespace alsatian
