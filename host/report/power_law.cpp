// Implements power_law.hpp.
// Hurwitz's ζ is that times q^s, so that no exponent makes it vanish.
#include "host/report/power_law.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

namespace alsatian {
namespace {

constexpr std::size_t most_starts = 100;

/// q^s·ζ(s, q) = Σ (q/(q + k))^s over k ≥ 0, for s > 1 and q ≥ 1: term by term, and by Euler and
/// Maclaurin from where their series falls by 40 with each of its terms.
double scaled_zeta(double s, double q) {
  constexpr double negligible = 1e-18;
  double sum = 0;
  double at = q;
  for (; at < std::max(10.0, s); ++at) {
    const double term = std::pow(q / at, s);
    sum += term;
    if (term < negligible) return sum;
  }
  const double first = std::pow(q / at, s);
  sum += first * (at / (s - 1) + 0.5);
  // B₂ⱼ/(2j)!
  constexpr std::array bernoulli{1.0 / 12,         -1.0 / 720,       1.0 / 30'240,
                                 -1.0 / 1'209'600, 1.0 / 47'900'160, -691.0 / 1'307'674'368'000};
  double factor = first * s / at;
  for (std::size_t j = 0; j < bernoulli.size(); ++j) {
    sum += bernoulli[j] * factor;
    const auto next = s + 2 * static_cast<double>(j) + 1;
    factor *= next / at * ((next + 1) / at);
  }
  return sum;
}

/// The exponent of the largest likelihood: minimises ln ζ(s, from) + s·mean ln x, which is convex
/// in s, by golden section over ln(s − 1). mean_logarithm: of x/from, above 0.
double likeliest_exponent(double mean_logarithm, double from) {
  const auto cost = [&](double logarithm) {
    const double s = 1 + std::exp(logarithm);
    return std::log(scaled_zeta(s, from)) + s * mean_logarithm;
  };
  const double ratio = std::numbers::phi - 1;
  double low = std::log(1e-4);
  double high = std::log(1e8);
  double left = high - ratio * (high - low);
  double right = low + ratio * (high - low);
  double cost_left = cost(left);
  double cost_right = cost(right);
  // Costs so near their least say no more of the exponent.
  while (high - low > 1e-9) {
    if (cost_left < cost_right) {
      high = right;
      right = left;
      cost_right = cost_left;
      left = high - ratio * (high - low);
      cost_left = cost(left);
    } else {
      low = left;
      left = right;
      cost_left = cost_right;
      right = low + ratio * (high - low);
      cost_right = cost(right);
    }
  }
  return 1 + std::exp((low + high) / 2);
}

/// Both distribution functions are steps: between two counts that occur, the measured one stands
/// still while that of the law falls, so that each end of the gap may be where they differ most.
double largest_distance(std::span<const std::int64_t> tail, double from, double exponent) {
  const double all = scaled_zeta(exponent, from);
  // P(count ≥ x | count ≥ from).
  const auto survival = [&](double x) {
    return std::pow(from / x, exponent) * scaled_zeta(exponent, x) / all;
  };
  double largest = 0;
  const auto size = static_cast<double>(tail.size());
  for (std::size_t at = 0; at < tail.size();) {
    const auto x = static_cast<double>(tail[at]);
    const double measured = (size - static_cast<double>(at)) / size;
    largest = std::max(largest, std::abs(measured - survival(x)));
    at = static_cast<std::size_t>(
        std::upper_bound(tail.begin() + static_cast<std::ptrdiff_t>(at), tail.end(), tail[at]) -
        tail.begin());
    const double above = (size - static_cast<double>(at)) / size;
    largest = std::max(largest, std::abs(above - survival(x + 1)));
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
  return static_cast<double>(tail) * std::pow(first / x, exponent) / scaled_zeta(exponent, first);
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
    const double exponent = likeliest_exponent(logarithms[start] / size - std::log(from), from);
    const double distance = largest_distance(tail, from, exponent);
    if (best && best->distance <= distance) continue;
    best = PowerLaw{exponent, tail.front(), static_cast<std::int64_t>(tail.size()), distance};
  }
  return best;
}

}  // namespace alsatian
