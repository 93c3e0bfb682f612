// Quantiles of numbers: the one way in which reports and intervals compute them.
// By linear interpolation between order statistics, as numpy has it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

namespace alsatian {

/// The value below which that share of `ascending` lies; share in [0, 1]. 0 of nothing.
inline double quantile(std::span<const double> ascending, double share) {
  if (ascending.empty()) return 0;
  const double at = share * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, ascending.size() - 1);
  return ascending[below] + (at - std::floor(at)) * (ascending[above] - ascending[below]);
}

}  // namespace alsatian
