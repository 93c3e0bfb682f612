// What is searched: the settings that are varied, the values of each, and the points between them.
// Points are numbers alone; what they mean for a spec is for the caller to say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace alsatian {

enum class Spacing { linear, logarithmic };

/// Values between two ends, of which a draw takes any.
struct ValueRange {
  double lowest = 0;
  double highest = 0;
  Spacing spacing = Spacing::linear;
};

/// A setting that is varied: listed values, ascending and distinct, or a range to draw from.
struct SearchAxis {
  std::string name;  // that of the option without dashes
  std::vector<double> values = {};
  std::optional<ValueRange> range = {};
  bool whole = false;          // takes whole numbers alone
  std::int64_t asked_for = 0;  // so many values before those that round to the same were left out
};

/// A value for each axis.
using Point = std::vector<double>;

/// `count` values from lowest to highest, both among them, at equal distances or ratios; for whole
/// numbers rounded, each once. count at least 2; lowest < highest, and above 0 where logarithmic.
std::vector<double> spaced_values(const ValueRange& range, int count, bool whole);

/// How many points a grid over listed axes has; saturates.
std::int64_t grid_size(const std::vector<SearchAxis>& axes);

/// Every combination of listed values, the last axis varying fastest.
std::vector<Point> grid_points(const std::vector<SearchAxis>& axes);

/// `count` distinct points at random, or fewer where there are no more: of listed axes alone in the
/// order of the grid, each combination as likely; with ranges in the order drawn, every value
/// uniform over its list or range (of a logarithmic one its logarithm). Depends on (seed, axes)
/// alone, and the first points do not depend on count where there is a range.
std::vector<Point> drawn_points(const std::vector<SearchAxis>& axes, std::int64_t count,
                                std::uint64_t seed);

}  // namespace alsatian
