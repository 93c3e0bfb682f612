// Implements convergence.hpp as the paper has it: R̂ first splits, then ranks, then compares.
// Traces are short, so that sums are plain.
#include "host/train/convergence.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>

namespace alsatian {
namespace {

using Chains = std::vector<std::vector<double>>;

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// With one less than their number below the sum of squares.
double variance_of(const std::vector<double>& values) {
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return squares / static_cast<double>(values.size() - 1);
}

std::vector<double> all_of(const Chains& chains) {
  std::vector<double> all;
  for (const auto& chain : chains) all.insert(all.end(), chain.begin(), chain.end());
  return all;
}

/// First and second half of each chain; the middle one of an odd number is left out.
Chains halves_of(const Chains& chains) {
  Chains halves;
  for (const auto& chain : chains) {
    const auto half = static_cast<std::ptrdiff_t>(chain.size() / 2);
    halves.emplace_back(chain.begin(), chain.begin() + half);
    halves.emplace_back(chain.end() - half, chain.end());
  }
  return halves;
}

/// Φ⁻¹ by bisection of Φ.
double normal_quantile(double share) {
  double below = -40;
  double above = 40;
  for (int halving = 0; halving < 60; ++halving) {
    const double middle = 0.5 * (below + above);
    (0.5 * std::erfc(-middle / std::numbers::sqrt2) < share ? below : above) = middle;
  }
  return 0.5 * (below + above);
}

/// Replaces values by their normal scores over all chains.
Chains normal_scores(Chains chains) {
  std::vector<double*> values;
  for (auto& chain : chains) {
    for (double& value : chain) values.push_back(&value);
  }
  std::ranges::sort(values, {}, [](const double* value) { return *value; });
  const double size = static_cast<double>(values.size());
  for (std::size_t first = 0; first < values.size();) {
    std::size_t last = first;
    while (last < values.size() && *values[last] == *values[first]) ++last;
    const double rank = 0.5 * static_cast<double>(first + 1 + last);
    const double score = normal_quantile((rank - 0.375) / (size + 0.25));
    for (; first < last; ++first) *values[first] = score;
  }
  return chains;
}

/// Distances from the median of all.
Chains folded(Chains chains) {
  std::vector<double> all = all_of(chains);
  std::ranges::sort(all);
  const std::size_t middle = all.size() / 2;
  const double median = all.size() % 2 == 1 ? all[middle] : 0.5 * (all[middle - 1] + all[middle]);
  for (auto& chain : chains) {
    for (double& value : chain) value = std::abs(value - median);
  }
  return chains;
}

/// Of chains of n values: W, the mean of their variances, and (n − 1)/n·W + the variance of their
/// means. Gelman et al. (2013), section 11.4.
struct Variances {
  double within = 0;
  double total = 0;
};
Variances variances_of(const Chains& chains) {
  std::vector<double> means;
  std::vector<double> variances;
  for (const auto& chain : chains) {
    means.push_back(mean_of(chain));
    variances.push_back(variance_of(chain));
  }
  const auto length = static_cast<double>(chains.front().size());
  const double within = mean_of(variances);
  return {within, (length - 1) / length * within + variance_of(means)};
}

double r_hat_of(const Chains& chains) {
  const auto [within, total] = variances_of(chains);
  // Chains that stand still in places of their own are as far from one as can be; those that all
  // stand in one place, as may be where distances from the median are all the same, are one.
  if (within == 0) return total == 0 ? 1 : std::numeric_limits<double>::max();
  return std::sqrt(total / within);
}

/// Mean over chains of Σ (x_j − x̄)(x_{j+lag} − x̄)/n.
double autocovariance(const Chains& chains, const std::vector<double>& means, std::size_t lag) {
  double sum = 0;
  for (std::size_t chain = 0; chain < chains.size(); ++chain) {
    const std::vector<double>& values = chains[chain];
    for (std::size_t j = 0; j + lag < values.size(); ++j) {
      sum += (values[j] - means[chain]) * (values[j + lag] - means[chain]);
    }
  }
  return sum / static_cast<double>(chains.size() * chains.front().size());
}

double effective_draws_of(const Chains& chains) {
  const std::size_t length = chains.front().size();
  const auto size = static_cast<double>(chains.size() * length);
  const auto [within, total] = variances_of(chains);
  std::vector<double> means;
  for (const auto& chain : chains) means.push_back(mean_of(chain));
  const auto correlation = [&](std::size_t lag) {
    if (lag == 0) return 1.0;
    const double scaled = static_cast<double>(length) / static_cast<double>(length - 1);
    return 1 - (within - scaled * autocovariance(chains, means, lag)) / total;
  };
  double sum = 0;
  double last = std::numeric_limits<double>::infinity();
  for (std::size_t lag = 0; lag + 1 < length; lag += 2) {
    const double pair = std::min(last, correlation(lag) + correlation(lag + 1));
    if (!(pair > 0)) break;
    sum += pair;
    last = pair;
  }
  return size / std::max(2 * sum - 1, 1 / std::log10(size));
}

}  // namespace

std::optional<TraceStatistics> summarise_trace(std::string name, const Chains& chains) {
  if (chains.empty() || chains.front().size() < fewest_draws) return std::nullopt;
  const std::vector<double> all = all_of(chains);
  const auto [least, most] = std::ranges::minmax(all);
  const bool finite = std::ranges::all_of(all, [](double value) { return std::isfinite(value); });
  if (!finite || least == most) return std::nullopt;
  const Chains halves = halves_of(chains);
  const Chains scores = normal_scores(halves);
  return TraceStatistics{
      .name = std::move(name),
      .mean = mean_of(all),
      .deviation = std::sqrt(variance_of(all)),
      .r_hat = std::max(r_hat_of(scores), r_hat_of(normal_scores(folded(halves)))),
      .effective_draws = effective_draws_of(scores)};
}

void Traces::add(std::string_view name, std::size_t chain, double value) {
  auto found = std::ranges::find(traces_, name, &Trace::name);
  if (found == traces_.end()) found = traces_.insert(found, {std::string(name), {}});
  if (found->chains.size() <= chain) found->chains.resize(chain + 1);
  found->chains[chain].push_back(value);
}

std::vector<TraceStatistics> Traces::summary() const {
  std::vector<TraceStatistics> all;
  for (const Trace& trace : traces_) {
    if (auto statistics = summarise_trace(trace.name, trace.chains)) {
      all.push_back(*std::move(statistics));
    }
  }
  return all;
}

}  // namespace alsatian
