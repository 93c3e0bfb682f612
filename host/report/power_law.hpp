// A power law fitted to counts: how steep the tail of "few have many" is, and where it begins.
// Clauset, Shalizi and Newman (2009), equation 3.5 and section 3.3: the law of whole numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace alsatian {

/// P(count = x) = x^−exponent/ζ(exponent, from) from `from` on, to which `tail` of the counts
/// belong. distance: the largest difference of the distribution functions there (Kolmogorov and
/// Smirnov).
struct PowerLaw {
  double exponent = 0;
  std::int64_t from = 0;
  std::int64_t tail = 0;
  double distance = 0;

  /// How many of the tail have exactly x, by the fit; x may lie between whole numbers.
  double expected(double x) const;
};

/// ascending: counts of at least 1. The exponent is that of the largest likelihood; the start is
/// that of the smallest distance among the distinct counts that leave a tenth of the counts, and
/// 50, in the tail; of more than 100 of them, 100 evenly spaced by place. Nothing where there is
/// none, or all counts of the tail are one.
std::optional<PowerLaw> fit_power_law(std::span<const std::int64_t> ascending);

}  // namespace alsatian
