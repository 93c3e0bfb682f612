// Which part each rating belongs to: training, validation or test.
// Hash rules draw from ids alone, so that a split can be rebuilt from the file in any order.
#pragma once

#include "host/ratings/clean.hpp"
#include "host/ratings/dataset.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace alsatian {

enum class Part : std::uint8_t { train, validation, test };

/// The part of each rating [ratings]. The hash rules compare
/// uniform(philox(seed, stream, hash of the user id, low half of the item id's hash).word[0])
/// with the share, each rule with a stream of its own; holdout_last breaks ties of time by item.
/// Throws Error 64 for a rule that makes no sense, 65 at `place` where times are asked for and
/// absent.
std::vector<Part> assign_parts(const CleanRatings& ratings, const SplitRule& rule,
                               const std::string& place);

/// The test set's name in the log: "holdout 0.1", "fold 1 of 5".
std::string test_name(const SplitRule& rule);

/// The ratings of one part by the indices of `ratings`, in their order.
Triples ratings_of_part(const CleanRatings& ratings, const std::vector<Part>& parts, Part part);

/// All ratings, moved out; leaves ids, account and notes.
Triples take_all_ratings(CleanRatings& ratings);

/// The same ratings by other indices: user u becomes users[u], -1 for an unknown one, likewise
/// items. Sorted by (user, item) again, whether or not the mappings ascend; rows that have become
/// equal keep their order.
Triples map_indices(Triples ratings, const std::vector<std::int32_t>& users,
                    const std::vector<std::int32_t>& items);

}  // namespace alsatian
