// A few ratings that lie far from all others: 45 among 0.5 to 5, where a point was forgotten.
// One of them makes a film both the best and the worst, and the scale of a model ten times as wide.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>

namespace alsatian {

/// The range of all other ratings, and how many lie beyond it.
struct RatingsApart {
  float lowest;
  float highest;
  std::int64_t count;

  bool has(float rating) const { return rating < lowest || rating > highest; }
};

/// Of the ratings that are from `lowest` to `highest`, those that lie apart from the others: one
/// alone, or at most one in a thousand, each further beyond the others than these are apart among
/// themselves, where the others are a scale: of three values or more, with at least a hundredth of
/// them, and ten, in the tenth of their range that is next to the gap. Nothing where there are
/// none. What thins out as it grows (counts, prices, incomes) has no such end: with a hundredth of
/// it in a tenth of its range, and none in the whole range beyond, the chance of more behind that
/// is below e^-10, since of ten ratings or more in that tenth as many would be expected in the gap.
/// Work O(ratings), a few times over.
std::optional<RatingsApart> ratings_apart(std::span<const float> ratings,
                                          double lowest = -std::numeric_limits<double>::infinity(),
                                          double highest = std::numeric_limits<double>::infinity());

}  // namespace alsatian
