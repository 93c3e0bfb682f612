// Rows of one side that point the same way: cosine of factors.
// Factors alone: biases say how well liked a row is, not what it is like.
#pragma once

#include "host/evaluate/scorer.hpp"

#include <cstdint>
#include <vector>

namespace alsatian {

/// The `count` rows with the largest cosine with `row`, best first, ties to the smaller index;
/// without the row itself, rows without training ratings, and rows of zero factors. counts [rows].
/// Nothing where the row itself has zero factors. Cosines are computed in double.
std::vector<ScoredItem> most_similar(const SideFactors& side,
                                     const std::vector<std::int32_t>& counts, std::int32_t row,
                                     std::int32_t count);

}  // namespace alsatian
