// Ratings cleaned and indexed once, for any number of splits.
// Cross-validation makes a data set per fold; what all of them share is here.
#pragma once

#include "host/ratings/clean.hpp"
#include "host/ratings/dataset.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace alsatian {

/// What became of ids that a feature file describes.
struct KeptIds {
  std::int64_t rated = 0;         // have ratings
  std::int64_t unrated = 0;       // have none, and are kept all the same
  std::int64_t dropped = 0;       // left out by CleaningOptions' minimum, and so they stay
  std::int64_t not_integers = 0;  // left out, where the ratings' ids are integers
  std::int64_t all_rated = 0;     // ids with ratings, described or not
};

/// Cleaned ratings of one file, with their fingerprint.
class PreparedRatings {
 public:
  /// Throws as clean_ratings does.
  PreparedRatings(RawRatings ratings, const CleaningOptions& cleaning);

  /// Of the cleaned ratings, before any split.
  const std::string& fingerprint() const { return fingerprint_; }
  std::int64_t size() const { return ratings_.size(); }
  /// Whether there are no two ratings that differ.
  bool all_equal() const {
    return std::ranges::adjacent_find(ratings_.ratings, std::ranges::not_equal_to()) ==
           ratings_.ratings.end();
  }
  const LineAccount& account() const { return ratings_.account; }
  const IdIndex& users() const { return ratings_.users; }
  const IdIndex& items() const { return ratings_.items; }

  /// Lets every data set hold these ids too, whether or not training knows them: ids that feature
  /// files describe, each once.
  KeptIds keep_users(const StringTable& ids);
  KeptIds keep_items(const StringTable& ids);

  /// The data set of one split. The second form moves what it can out of the ratings. Throws Error
  /// 65 when times are asked for and absent or nothing is left for training, 64 for a rule that
  /// makes no sense.
  Dataset split(const SplitRule& rule) const&;
  Dataset split(const SplitRule& rule) &&;
  /// The test part of a split alone, by users() and items(): with the ids that training lacks.
  Triples test_part(const SplitRule& rule) const;

 private:
  /// Numbers the ids of the parts in `dataset` anew and adds what is the same for every split.
  Dataset finish(const SplitRule& rule, Dataset dataset) const;

  std::string path_;
  CleaningOptions cleaning_;
  CleanRatings ratings_;
  std::string fingerprint_;
  std::vector<bool> kept_users_;  // [users], or none
  std::vector<bool> kept_items_;
};

/// The ratings that a model was trained on, from their file again. Throws Error 65 where the
/// cleaned ratings have another fingerprint than the model recorded; duplicates are no error then.
PreparedRatings rebuild_ratings(RawRatings ratings, const CleaningOptions& cleaning,
                                const std::string& recorded_fingerprint);
/// Their recorded split. Throws Error 65 with a remedy for somebody who has no rule to choose.
Dataset rebuild_split(const PreparedRatings& ratings, const CleaningOptions& cleaning,
                      const SplitRule& split);
Dataset rebuild_split(PreparedRatings&& ratings, const CleaningOptions& cleaning,
                      const SplitRule& split);

}  // namespace alsatian
