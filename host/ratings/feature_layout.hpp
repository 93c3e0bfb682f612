// What a feature file looks like before its values are read: where it is cut, whether the first
// line is a header, which column has the ids, and how the columns are called.
#pragma once

#include "host/ratings/feature_file.hpp"
#include "host/ratings/records.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

struct FeatureLayout {
  RecordRules rules;
  bool is_latin1 = false;
  bool has_header = false;
  std::size_t id = 0;                 // column
  std::vector<std::string> names;     // of all columns, UTF-8, each once
  std::string description;            // for the log
  std::vector<std::string> warnings;  // one line each, of what may have been meant otherwise
};

/// The field as UTF-8, without quotes.
std::string text_of(const Field& field, const FeatureLayout& layout);

/// Decides on the first 100 lines of a text without a mark at its start. The first is a header
/// where it has a word above ids that are numbers; or else where no number stands in it above
/// numbers, nor at its start, and it names the column of ids or has a word above numbers. A column
/// is of numbers by most of its lines, and of ids only where its name and values hardly come again.
/// `name` is that of the file: MovieLens' are known by it. Throws Error 65 for text without columns
/// or of the other side, and for two columns of one name.
FeatureLayout find_feature_layout(std::string_view text, FeatureSide side, const std::string& place,
                                  std::string_view name);

}  // namespace alsatian
