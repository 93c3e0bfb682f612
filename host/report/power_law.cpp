// Implements power_law.hpp.
// A count x stands for the interval from x − ½ to x + ½ of the continuous law.
#include "host/report/power_law.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace alsatian {
namespace {

constexpr std::size_t most_starts = 100;

/// P(count ≥ x | count ≥ from).
double survival(double x, double from, double exponent) {
  return std::pow((x - 0.5) / (from - 0.5), 1 - exponent);
}

double largest_distance(std::span<const std::int64_t> tail, double from, double exponent) {
  double largest = 0;
  const auto size = static_cast<double>(tail.size());
  for (std::size_t at = 0; at < tail.size();) {
    const auto x = static_cast<double>(tail[at]);
    const double measured = (size - static_cast<double>(at)) / size;
    largest = std::max(largest, std::abs(measured - survival(x, from, exponent)));
    at = static_cast<std::size_t>(
        std::upper_bound(tail.begin() + static_cast<std::ptrdiff_t>(at), tail.end(), tail[at]) -
        tail.begin());
  }
  return largest;
}

/// Where each distinct count begins.
std::vector<std::size_t> starts_of(std::span<const std::int64_t> ascending) {
  const std::size_t fewest = std::max<std::size_t>(50, ascending.size() / 10);
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at + fewest <= ascending.size(); ++at) {
    if (at == 0 || ascending[at] != ascending[at - 1]) starts.push_back(at);
  }
  if (starts.size() <= most_starts) return starts;
  std::vector<std::size_t> some;
  for (std::size_t i = 0; i < most_starts; ++i) {
    some.push_back(starts[i * (starts.size() - 1) / (most_starts - 1)]);
  }
  return some;
}

}  // namespace

double PowerLaw::expected(double x) const {
  const auto first = static_cast<double>(from);
  return static_cast<double>(tail) *
         (survival(x, first, exponent) - survival(x + 1, first, exponent));
}

std::optional<PowerLaw> fit_power_law(std::span<const std::int64_t> ascending) {
  // Sums of logarithms from each position on, so that every start costs no second sum.
  std::vector<double> logarithms(ascending.size() + 1, 0.0);
  for (std::size_t at = ascending.size(); at-- > 0;) {
    logarithms[at] = logarithms[at + 1] + std::log(static_cast<double>(ascending[at]));
  }
  std::optional<PowerLaw> best;
  for (const std::size_t start : starts_of(ascending)) {
    const auto tail = ascending.subspan(start);
    if (tail.front() == tail.back()) continue;
    const auto from = static_cast<double>(tail.front());
    const auto size = static_cast<double>(tail.size());
    const double exponent = 1 + size / (logarithms[start] - size * std::log(from - 0.5));
    const double distance = largest_distance(tail, from, exponent);
    if (best && best->distance <= distance) continue;
    best = PowerLaw{exponent, tail.front(), static_cast<std::int64_t>(tail.size()), distance};
  }
  return best;
}

}  // namespace alsatian
