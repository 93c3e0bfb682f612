// Cleaning: from rows of a file to at most one rating per pair, grouped by user.
// Every row that is left out is counted in the account and explained in a note.
#pragma once

#include "host/error.hpp"
#include "host/ratings/dataset.hpp"
#include "host/ratings/raw_ratings.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace alsatian {

/// Ratings after cleaning, in rows by user: items ascending within a row, at most one per pair.
/// users and items may hold ids without ratings. offsets [users + 1]; item_indices and ratings
/// [ratings]; times [ratings] or empty; user_indices [ratings], or empty: offsets say the same.
struct CleanRatings {
  IdIndex users;
  IdIndex items;
  std::vector<std::int64_t> offsets;
  std::vector<std::int32_t> user_indices;
  std::vector<std::int32_t> item_indices;
  std::vector<float> ratings;
  std::vector<std::int64_t> times;
  /// [users], [items]: which ones drop_rare_rows left out; or empty.
  std::vector<bool> dropped_users;
  std::vector<bool> dropped_items;
  LineAccount account;
  std::vector<std::string> notes;
  std::vector<std::string> warnings;  // of what is hardly meant

  std::int64_t size() const { return static_cast<std::int64_t>(ratings.size()); }
};

/// In this order: drops ratings out of range, resolves duplicates, drops users and items with too
/// few ratings until none is left. Frees the raw columns as it goes. Throws Error 65 where
/// duplicates are errors, 70 where the account that comes out does not balance.
CleanRatings clean_ratings(RawRatings raw, const CleaningOptions& options);

/// Of a test file: whatever the rules say of rare rows, since how many ratings a row has in it says
/// nothing. Throws Error 65 where no rating is in range.
CleanRatings clean_test_ratings(RawRatings ratings, const CleaningOptions& cleaning);

/// The rule for ratings that are only compared or looked up: `error` was for training alone.
inline DuplicateRule tolerant(DuplicateRule rule) {
  return rule == DuplicateRule::error ? DuplicateRule::last : rule;
}

/// That no id of the test file at `path` is among those trained on.
Error unknown_ids(const std::string& path, const IdIndex& test_users, const IdIndex& users);

/// Drops users and items below the minimum, repeatedly until every one left has enough, and notes
/// which. Work is linear in the ratings however long the chain of removals is.
void drop_rare_rows(CleanRatings& ratings, std::int64_t min_user_ratings,
                    std::int64_t min_item_ratings);

/// Order-independent fingerprint, 16 hex digits: the sum modulo 2^64 of a hash of each (user id,
/// item id, rating). Ids and ratings of equal value are equal however they were written.
std::string fingerprint(const CleanRatings& ratings);

}  // namespace alsatian
