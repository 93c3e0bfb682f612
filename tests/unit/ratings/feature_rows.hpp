// Feature files made of text, and what was read of them in a form that tests can compare.
// Shared by the tests of files, layouts and values.
#pragma once

#include "host/ratings/feature_file.hpp"
#include "tests/support/temporary_folder.hpp"

#include <cstddef>
#include <map>
#include <string>

namespace alsatian::testing {

/// What is read of a file with these bytes.
inline FeatureFile features_of(const std::string& bytes, const std::string& name = "table.csv",
                               FeatureSide side = FeatureSide::items) {
  const TemporaryFolder folder;
  write_bytes(folder.file(name), bytes);
  return read_features(folder.file(name), side);
}

/// The features of a row by their names.
inline std::map<std::string, float> row_of(const FeatureFile& file, const std::string& id) {
  std::map<std::string, float> found;
  for (std::int64_t row = 0; row < file.ids.size(); ++row) {
    if (file.ids[row] != id) continue;
    for (auto o = file.rows.offsets[static_cast<std::size_t>(row)];
         o < file.rows.offsets[static_cast<std::size_t>(row) + 1]; ++o) {
      const auto at = static_cast<std::size_t>(o);
      found[file.names[static_cast<std::size_t>(file.rows.columns[at])]] = file.rows.values[at];
    }
  }
  return found;
}

/// What each column was taken for.
inline std::map<std::string, std::string> kinds_of(const FeatureFile& file) {
  std::map<std::string, std::string> kinds;
  for (const FeatureColumn& column : file.columns) kinds[column.name] = column.kind;
  return kinds;
}

/// Lines of `count` ids from 1, each followed by what `rest` gives for it.
template <typename Rest>
std::string lines(int count, const Rest& rest) {
  std::string text;
  for (int id = 1; id <= count; ++id) text += std::to_string(id) + rest(id) + "\n";
  return text;
}

}  // namespace alsatian::testing
