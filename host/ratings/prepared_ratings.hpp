// Ratings cleaned and indexed once, for any number of splits.
// Cross-validation makes a data set per fold; what all of them share is here.
#pragma once

#include "host/ratings/clean.hpp"
#include "host/ratings/dataset.hpp"

#include <cstdint>
#include <string>

namespace alsatian {

/// Cleaned ratings of one file, with their fingerprint.
class PreparedRatings {
 public:
  /// Throws as clean_ratings does.
  PreparedRatings(RawRatings ratings, const CleaningOptions& cleaning);

  /// Of the cleaned ratings, before any split.
  const std::string& fingerprint() const { return fingerprint_; }
  std::int64_t size() const { return ratings_.size(); }
  const IdIndex& users() const { return ratings_.users; }
  const IdIndex& items() const { return ratings_.items; }

  /// The data set of one split. The second form moves what it can out of the ratings. Throws Error
  /// 65 when times are asked for and absent or nothing is left for training, 64 for a rule that
  /// makes no sense.
  Dataset split(const SplitRule& rule) const&;
  Dataset split(const SplitRule& rule) &&;

 private:
  /// Numbers the ids of the parts in `dataset` anew and adds what is the same for every split.
  Dataset finish(const SplitRule& rule, Dataset dataset) const;

  std::string path_;
  CleaningOptions cleaning_;
  CleanRatings ratings_;
  std::string fingerprint_;
};

}  // namespace alsatian
