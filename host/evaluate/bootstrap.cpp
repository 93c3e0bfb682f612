// Implements bootstrap.hpp.
// The percentile interval needs no formula of a figure's variance, and is the same for all figures.
#include "host/evaluate/bootstrap.hpp"

#include "host/evaluate/quantile.hpp"
#include "kernels/math/random.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace alsatian {

void draw_counts(std::uint64_t seed, std::int64_t resample, std::span<std::uint32_t> counts) {
  std::ranges::fill(counts, 0U);
  RandomWords words(seed, RandomStream::bootstrap, static_cast<std::uint64_t>(resample));
  const auto size = static_cast<std::uint32_t>(counts.size());
  for (std::uint32_t draw = 0; draw < size; ++draw) ++counts[uniform_below(words(), size)];
}

Interval percentile_interval(std::vector<double> values, double confidence) {
  if (std::ranges::any_of(values, [](double value) { return std::isnan(value); })) {
    constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
    return {undefined, undefined};
  }
  std::ranges::sort(values);
  return {quantile(values, (1 - confidence) / 2), quantile(values, (1 + confidence) / 2)};
}

}  // namespace alsatian
