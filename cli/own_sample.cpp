// Implements own_sample.hpp.
// Ratings that the program does not read, such as ★★★½ and 4/5, are no words all the same.
#include "cli/own_sample.hpp"

#include "host/ratings/values.hpp"

#include <algorithm>
#include <string>

namespace alsatian {
namespace {

/// A number, a number of a scale or of stars, or stars themselves; not 12A or PG-13.
bool is_like_a_rating(std::string_view text) {
  if (is_number(text)) return true;
  for (const std::string_view star : {"*", "\u2605", "\u2606", "\u00bd"}) {
    if (text.starts_with(star)) return true;
  }
  const std::size_t digits = std::min(text.find_first_not_of("0123456789.,"), text.size());
  if (digits == 0) return false;
  const std::string_view rest = trimmed(text.substr(digits));
  for (const std::string_view scale : {"/", "%", "*", "\u2605", "\u00bd", "star", "out of "}) {
    if (rest.starts_with(scale)) return true;
  }
  return false;
}

}  // namespace

OwnSample::OwnSample(std::string_view text, const RecordRules& rules, std::size_t fields,
                     double highest)
    : counts_(fields) {
  constexpr int most = 1000;
  const char* const end = text.data() + text.size();
  const char* at = text.data();
  Record record;
  for (int records = 0; records < most && at < end; ++records) {
    at = read_record(at, end, rules, record);
    if (record.fields.size() < fields) continue;
    for (std::size_t column = 0; column < fields; ++column) {
      const std::string field = unquoted(record.fields[column]);
      const std::string_view value = trimmed(field);
      if (value.empty()) continue;
      Counts& counts = counts_[column];
      ++(is_like_a_rating(value) ? counts.ratings : counts.words);
      const ParsedNumber number = parse_number(value);
      if (number.form == NumberForm::finite && number.value > highest) counts.exceeds_scale = true;
    }
  }
}

bool OwnSample::holds_ratings(std::size_t column) const {
  return counts_[column].ratings > counts_[column].words;
}

bool OwnSample::exceeds_scale(std::size_t column) const { return counts_[column].exceeds_scale; }

bool OwnSample::holds_words(std::size_t column) const {
  return counts_[column].words > counts_[column].ratings;
}

}  // namespace alsatian
