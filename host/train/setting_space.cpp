// Implements setting_space.hpp.
// Draws are keyed by (seed, trial, axis), so that the twentieth trial is the same however many
// there are.
#include "host/train/setting_space.hpp"

#include "kernels/math/random.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <set>
#include <utility>

namespace alsatian {
namespace {

/// The value at a share of the way from the lowest to the highest.
double value_at(const ValueRange& range, double share, bool whole) {
  double value = range.lowest + share * (range.highest - range.lowest);
  if (range.spacing == Spacing::logarithmic) {
    value = range.lowest * std::pow(range.highest / range.lowest, share);
  }
  // Rounding must not lead out of what the option allows.
  value = std::clamp(value, range.lowest, range.highest);
  return whole ? std::round(value) : value;
}

bool has_range(const std::vector<SearchAxis>& axes) {
  return std::ranges::any_of(axes, [](const SearchAxis& axis) { return axis.range.has_value(); });
}

Point grid_point(const std::vector<SearchAxis>& axes, std::int64_t index) {
  Point point(axes.size());
  for (std::size_t axis = axes.size(); axis-- > 0;) {
    const auto size = static_cast<std::int64_t>(axes[axis].values.size());
    point[axis] = axes[axis].values[static_cast<std::size_t>(index % size)];
    index /= size;
  }
  return point;
}

/// Some of the points of a grid, in its order.
std::vector<Point> drawn_of_grid(const std::vector<SearchAxis>& axes, std::int64_t count,
                                 std::uint64_t seed) {
  std::vector<std::int64_t> chosen;
  const std::int64_t size = grid_size(axes);
  // Selection sampling (Knuth, volume 2, 3.4.2, algorithm S): one word a point.
  RandomWords words(seed, RandomStream::trial_choice, 0);
  for (std::int64_t index = 0; index < size && std::ssize(chosen) < count; ++index) {
    const auto left = static_cast<double>(size - index);
    const auto wanted = static_cast<double>(count - std::ssize(chosen));
    if (uniform(words()) * left < wanted) chosen.push_back(index);
  }
  std::vector<Point> points;
  for (const std::int64_t index : chosen) points.push_back(grid_point(axes, index));
  return points;
}

double drawn_value(const SearchAxis& axis, double share) {
  if (axis.range) return value_at(*axis.range, share, axis.whole);
  const auto size = static_cast<double>(axis.values.size());
  return axis.values[static_cast<std::size_t>(share * size)];
}

}  // namespace

std::vector<double> spaced_values(const ValueRange& range, int count, bool whole) {
  std::vector<double> values;
  for (int index = 0; index < count; ++index) {
    const double share = static_cast<double>(index) / (count - 1);
    const double value = index == count - 1 ? range.highest : value_at(range, share, whole);
    if (values.empty() || value > values.back()) values.push_back(value);
  }
  return values;
}

std::int64_t grid_size(const std::vector<SearchAxis>& axes) {
  std::int64_t size = 1;
  for (const SearchAxis& axis : axes) {
    if (__builtin_mul_overflow(size, std::ssize(axis.values), &size)) {
      return std::numeric_limits<std::int64_t>::max();
    }
  }
  return size;
}

std::vector<Point> grid_points(const std::vector<SearchAxis>& axes) {
  std::vector<Point> points;
  const std::int64_t size = grid_size(axes);
  for (std::int64_t index = 0; index < size; ++index) points.push_back(grid_point(axes, index));
  return points;
}

std::vector<Point> drawn_points(const std::vector<SearchAxis>& axes, std::int64_t count,
                                std::uint64_t seed) {
  if (!has_range(axes)) return drawn_of_grid(axes, count, seed);
  std::vector<Point> points;
  std::set<Point> known;
  // Whole numbers of a range may be fewer than what is asked for.
  const std::int64_t most_draws = 100 * count;
  for (std::int64_t draw = 0; draw < most_draws && std::ssize(points) < count; ++draw) {
    Point point;
    for (std::size_t axis = 0; axis < axes.size(); ++axis) {
      const Random4 random =
          philox(seed, RandomStream::trial_choice, static_cast<std::uint64_t>(draw) + 1,
                 static_cast<std::uint32_t>(axis));
      point.push_back(drawn_value(axes[axis], uniform(random.word[0])));
    }
    if (known.insert(point).second) points.push_back(std::move(point));
  }
  return points;
}

}  // namespace alsatian
