// From raw ratings to what training sees: dense indices, no duplicates, a split, a fingerprint.
// Nothing here depends on the order of lines in the file, except which duplicate is the last.
#pragma once

#include "host/ratings/raw_ratings.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

/// Ratings by index, sorted by (user, item), at most one per pair. times empty or [size].
/// In test sets an index of -1 is a user or item that training does not know.
struct Triples {
  std::vector<std::int32_t> users;
  std::vector<std::int32_t> items;
  std::vector<float> ratings;
  std::vector<std::int64_t> times;

  std::int64_t size() const { return static_cast<std::int64_t>(ratings.size()); }
};

enum class DuplicateRule { last, mean, error };

struct CleaningOptions {
  /// Of ratings for the same pair: the latest by time, else the last in the file; their mean; or
  /// an error that names both lines.
  DuplicateRule duplicates = DuplicateRule::last;
  /// Rows with fewer ratings are dropped, repeatedly until none is left.
  std::int64_t min_user_ratings = 0;
  std::int64_t min_item_ratings = 0;
  double lowest_rating = -std::numeric_limits<double>::infinity();
  double highest_rating = std::numeric_limits<double>::infinity();
};

/// Which ratings are held out for testing. The hash rules depend on (seed, user id, item id)
/// alone, so they can be rebuilt from the file in any order.
struct SplitRule {
  enum class Kind { none, file, holdout, holdout_last, time, fold };
  Kind kind = Kind::none;
  double share = 0;        // holdout: P(test)
  std::int64_t count = 0;  // holdout_last: ratings per user, but one always stays
  std::int64_t time = 0;   // time: a rating at or after it is for testing
  std::int32_t fold = 0;   // fold: this of `folds` is for testing
  std::int32_t folds = 0;
  double validation_share = 0;  // of what is not for testing, by hash
  std::uint64_t seed = 42;
};

/// A test set with the name that the log gives it.
struct TestSet {
  std::string name;
  Triples ratings;
};

/// Compressed rows: offsets [rows + 1], columns ascending within a row.
struct CompressedMatrix {
  std::vector<std::int64_t> offsets;
  std::vector<std::int32_t> columns;
  std::vector<float> values;

  std::int64_t rows() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
};

/// What a column of a feature file was taken for: see FeatureFile.
struct FeatureColumn {
  std::string name;
  std::string kind;           // flag, category, set, number or left out
  std::int64_t features = 0;  // that it became
  std::string note;           // such as how many values were too rare; "" for none
  bool operator==(const FeatureColumn&) const = default;
};

/// Where features of one side come from; no columns: it has none.
struct FeatureSource {
  std::string file;  // its name without folders
  std::vector<FeatureColumn> columns;

  bool any() const { return !columns.empty(); }
};

/// Features of one side's rows, by index. [rows, names]; a row that the file lacks is empty, as one
/// may be that it has.
struct SideFeatures {
  CompressedMatrix rows;
  std::vector<std::uint8_t> described;  // [rows] 1 where the file has the row
  std::vector<std::string> names;
  FeatureSource source;

  std::int32_t count() const { return static_cast<std::int32_t>(names.size()); }
};

/// users and items hold the ids with training ratings and no others, so that a split by rule and
/// the same split by files give the same model; and those that feature files describe.
struct Dataset {
  IdIndex users;
  IdIndex items;
  Triples train;
  Triples validation;
  SideFeatures user_features;  // of --user-features
  SideFeatures item_features;
  std::vector<TestSet> tests;  // none where the rule left no rating for testing
  SplitRule split;
  CleaningOptions cleaning;
  LineAccount account;
  std::string source;  // file name without folders
  /// 16 hex digits over the cleaned (user id, item id, rating), whatever their order.
  std::string fingerprint;
  /// One line each, such as the first duplicate with its lines; for the log.
  std::vector<std::string> notes;
  std::vector<std::string> warnings;  // the same, of what is hardly meant
};

/// Cleans, indexes and splits. Throws Error 65 when times are asked for and absent, when nothing
/// is left for training, when duplicates are errors.
Dataset build_dataset(RawRatings ratings, const CleaningOptions& cleaning, const SplitRule& split);

/// Ratings of a file by the indices of a data set: unknown ids become -1.
struct IndexedRatings {
  Triples ratings;
  LineAccount account;
  std::vector<std::string> notes;
  std::vector<std::string> warnings;  // the same, of what is hardly meant
};

/// Duplicates and ratings out of range are dealt with by the data set's rules; users and items with
/// few ratings stay, since how many they have in the file says nothing. Throws Error 65 where no id
/// is known, or no rating in range.
IndexedRatings index_ratings(RawRatings ratings, const IdIndex& users, const IdIndex& items,
                             const CleaningOptions& cleaning);

/// What a file says that users have rated, by the indices of a model.
struct RatedItems {
  Triples ratings;
  /// Of the data set that these ratings would be after the model's cleaning.
  std::string fingerprint;
};

/// As index_ratings, with nothing left out: a rating that cleaning dropped is a rating given, and
/// duplicates are never an error.
RatedItems index_rated_items(RawRatings ratings, const IdIndex& users, const IdIndex& items,
                             const CleaningOptions& cleaning);

/// Number of pairs that are both in train and in test (both sorted).
std::int64_t overlap(const Triples& train, const Triples& test);

/// By user: rows are users, columns items. `ratings` sorted by (user, item), no -1.
CompressedMatrix compress_by_user(const Triples& ratings, std::int32_t users);
/// The same of ratings that nobody needs any more: their columns become the matrix'.
CompressedMatrix compress_by_user(Triples&& ratings, std::int32_t users);
/// The same ratings by item: rows are items, columns users, ascending.
CompressedMatrix transpose(const CompressedMatrix& by_user, std::int32_t items);
/// The given rows in the given order, with their values where the matrix has any.
CompressedMatrix select_rows(const CompressedMatrix& matrix, std::span<const std::int32_t> rows);
/// The same of `count` rows from `first` on.
CompressedMatrix select_rows(const CompressedMatrix& matrix, std::size_t first, std::size_t count);

}  // namespace alsatian
