// Features of users or items from a file: any delimited table with an id in each line.
// What each column was taken for is kept beside the features, so that it can be said.
#pragma once

#include "host/ratings/dataset.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

/// Of the rows that a file describes.
enum class FeatureSide { users, items };

/// Most features of one side: their equations are solved exactly in every sweep.
inline constexpr std::int32_t most_features = 1024;
/// A category that fewer rows have gets no feature.
inline constexpr std::int32_t fewest_rows = 5;

/// A feature file as features. Columns become, in this order of preference,
///   flag      two values, 0 and 1: a feature, 1 where it is 1
///   category  3 to 24 different whole numbers, or text: a feature for each value that at least
///             fewest_rows rows have, 1 there; a missing value is one of them
///   set       text with values between |: as a category, 1/√n for each of a row's n values
///   number    any other numbers, none of them with zeros in front: a feature, less its mean and
///             divided by its deviation; 0 where missing
///   left out  text whose frequent values are had by less than half of the rows, as titles and zip
///             codes, and columns that are the same in all rows. Of the first such text that ends
///             with a year in brackets, as titles of films do, the year is a number.
/// All text is UTF-8.
struct FeatureFile {
  std::string source;              // file name without folders, printable
  std::string place;               // as in errors
  std::string layout;              // such as: comma-separated, header "itemId", "price"
  StringTable ids;                 // distinct
  CompressedMatrix rows;           // [ids, features]
  std::vector<std::string> names;  // [features], such as "genres=Comedy"
  std::vector<FeatureColumn> columns;
  std::vector<std::string> warnings;  // one line each
};

/// Reads a table: the layouts of MovieLens' movies.csv, movies.dat, u.item, users.dat and u.user,
/// or any with one record a line, cut at ::, a tab, comma, semicolon or |, the id in the first
/// column or the one whose name says so. Latin-1 or UTF-8, packed or not. Of an id that is there
/// several times the last line counts, and a warning says so. Throws Error 65 with file and line
/// for content, 71 where it may take more than free_bytes, and otherwise as read_titles.
FeatureFile read_features(const std::string& path, FeatureSide side,
                          std::int64_t free_bytes = std::numeric_limits<std::int64_t>::max());

/// A feature file's features by the indices of `ids`: what the file lacks has none.
SideFeatures features_by_index(const FeatureFile& file, const IdIndex& ids);

/// A table as text: what read_features reads before it looks for what columns mean.
struct FeatureText {
  StringTable ids;                  // distinct
  std::vector<std::int64_t> lines;  // [ids]
  std::vector<std::string> names;   // of the columns but the id
  std::vector<StringTable> values;  // of each column, [ids]; "" is missing
};

/// The features of a table, into `file`. Throws Error 65 where nothing is left or too much, or a
/// column of numbers has one that is not finite or has a decimal comma.
void encode_features(const FeatureText& text, FeatureFile& file);

}  // namespace alsatian
