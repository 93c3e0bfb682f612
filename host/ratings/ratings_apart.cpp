// Implements ratings_apart.hpp.
// Each end is cut by halves, which finds every gap as wide as that: no rating is sorted.
#include "host/ratings/ratings_apart.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace alsatian {
namespace {

/// Where ratings may end at one side, and what lies beyond.
struct End {
  double edge;     // the outermost of those within
  double nearest;  // of those beyond
  std::int64_t beyond = 0;
};

/// Ratings in range, those of the lower end mirrored so that both ends are upper ones.
class Side {
 public:
  Side(std::span<const float> ratings, double lowest, double highest, double sign)
      : ratings_(ratings), lowest_(lowest), highest_(highest), sign_(sign) {}

  /// Until `take` says false.
  template <typename Take>
  void each(const Take& take) const {
    for (const float rating : ratings_) {
      const auto value = static_cast<double>(rating);
      if (value >= lowest_ && value <= highest_ && !take(sign_ * value)) return;
    }
  }

  /// Without a cut, and every cut with no more than `most` beyond it and a gap that is wider than
  /// the way from `inner`, which lies within, to the edge. outermost: the rating that is.
  std::vector<End> ends(double inner, double outermost, std::int64_t most) const {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    End end{.edge = outermost, .nearest = infinity};
    std::vector<End> ends{end};
    while (end.edge > inner) {
      // A gap that wide in front of the outermost has this in it.
      const double middle = inner + (end.edge - inner) / 2;
      end = {.edge = -infinity, .nearest = infinity};
      each([&](double value) {
        const bool is_beyond = value > middle;
        end.beyond += is_beyond ? 1 : 0;
        if (is_beyond) end.nearest = std::min(end.nearest, value);
        if (!is_beyond) end.edge = std::max(end.edge, value);
        return end.beyond <= most;  // of most data the first few say that there are many
      });
      if (end.beyond > most) break;
      if (end.nearest - end.edge > end.edge - inner) ends.push_back(end);
    }
    return ends;
  }

 private:
  std::span<const float> ratings_;
  double lowest_;
  double highest_;
  double sign_;
};

/// A rating that is surely none of a few: the median of some, all over the file.
float middle_of(std::span<const float> ratings, double lowest, double highest) {
  constexpr std::size_t most = 4096;
  const std::size_t step = ratings.size() / most + 1;
  std::vector<float> some;
  for (std::size_t row = 0; row < ratings.size(); row += step) {
    const auto value = static_cast<double>(ratings[row]);
    if (value >= lowest && value <= highest) some.push_back(ratings[row]);
  }
  if (some.empty()) return 0;
  const auto middle = some.begin() + static_cast<std::ptrdiff_t>(some.size() / 2);
  std::nth_element(some.begin(), middle, some.end());
  return *middle;
}

/// Whether the ratings from `lowest` to `highest` (upper's values) are a scale that ends with many
/// at the upper end, or at the lower one, where ratings lie beyond that.
bool are_a_scale(const Side& upper, double lowest, double highest, bool ends_above,
                 bool ends_below) {
  const double tenth = (highest - lowest) / 10;
  std::int64_t all = 0;
  std::int64_t high = 0;
  std::int64_t low = 0;
  bool has_third_value = false;
  upper.each([&](double value) {
    if (value < lowest || value > highest) return true;
    ++all;
    high += value >= highest - tenth ? 1 : 0;
    low += value <= lowest + tenth ? 1 : 0;
    has_third_value |= value != lowest && value != highest;
    return true;
  });
  const auto are_many = [&](std::int64_t count) { return count >= 10 && 100 * count >= all; };
  return has_third_value && (!ends_above || are_many(high)) && (!ends_below || are_many(low));
}

}  // namespace

std::optional<RatingsApart> ratings_apart(std::span<const float> ratings, double lowest,
                                          double highest) {
  const Side upper(ratings, lowest, highest, 1);
  const Side lower(ratings, lowest, highest, -1);
  std::int64_t size = 0;
  double least = std::numeric_limits<double>::infinity();
  double greatest = -least;
  upper.each([&](double value) {
    ++size;
    least = std::min(least, value);
    greatest = std::max(greatest, value);
    return true;
  });
  const std::int64_t most = std::max<std::int64_t>(1, size / 1000);
  if (size < 2) return std::nullopt;
  const auto inner = static_cast<double>(middle_of(ratings, lowest, highest));
  const std::vector<End> below = lower.ends(-inner, -least, most);
  for (const End& high : upper.ends(inner, greatest, most)) {
    for (const End& low : below) {
      const std::int64_t count = high.beyond + low.beyond;
      const double range = high.edge + low.edge;
      const auto is_wide = [&](const End& end) {
        return end.beyond == 0 || end.nearest - end.edge > range;
      };
      if (count == 0 || count > most || !is_wide(high) || !is_wide(low)) continue;
      if (!are_a_scale(upper, -low.edge, high.edge, high.beyond > 0, low.beyond > 0)) continue;
      return RatingsApart{static_cast<float>(-low.edge), static_cast<float>(high.edge), count};
    }
  }
  return std::nullopt;
}

}  // namespace alsatian
