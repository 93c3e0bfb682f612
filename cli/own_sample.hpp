// What the first lines of somebody's own table hold under each name of its header.
// Names alone do not tell: Stars are those of a film, or the actors in it.
#pragma once

#include "host/ratings/records.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

namespace alsatian {

class OwnSample {
 public:
  /// text: behind the header, of which up to 1000 records are looked at. fields: of the header;
  /// what has fewer counts for nothing. highest: of the model's scale.
  OwnSample(std::string_view text, const RecordRules& rules, std::size_t fields, double highest);

  /// Whether more of a column's fields are numbers, or otherwise written like ratings, than words.
  bool holds_ratings(std::size_t column) const;
  /// Whether more are words. Neither of a column that is blank throughout.
  bool holds_words(std::size_t column) const;
  /// Whether a number of the column is above the model's scale.
  bool exceeds_scale(std::size_t column) const;

 private:
  struct Counts {
    std::size_t ratings = 0;
    std::size_t words = 0;
    bool exceeds_scale = false;
  };
  std::vector<Counts> counts_;
};

}  // namespace alsatian
