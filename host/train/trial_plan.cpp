// Implements trial_plan.hpp.
// The order is total: trials that are equal in everything else run by their index.
#include "host/train/trial_plan.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

namespace alsatian {
namespace {

constexpr int share_that_goes_on = 3;

/// What decides the order within a rank, but for λ.
std::tuple<double, double, double> other_settings(const ModelSpec& spec) {
  const auto* mle = std::get_if<Mle>(&spec.algorithm);
  return {spec.regularization.scaling, mle != nullptr ? mle->learning_rate : 0,
          mle != nullptr ? mle->decay : 0};
}

bool runs_before(const ModelSpec& left, const ModelSpec& right) {
  if (left.rank != right.rank) return left.rank < right.rank;
  if (other_settings(left) != other_settings(right)) {
    return other_settings(left) < other_settings(right);
  }
  const Regularization& one = left.regularization;
  const Regularization& other = right.regularization;
  return std::tuple(one.factors, one.biases) < std::tuple(other.factors, other.biases);
}

/// 0 for the same λ, up to 1.
double distance(double left, double right) {
  const double larger = std::max(left, right);
  return larger > 0 ? std::abs(left - right) / larger : 0;
}

/// Of the trials from `first` to `last`, all of one rank, the one whose λ is nearest.
std::size_t nearest(const std::vector<ModelSpec>& specs, const std::vector<std::size_t>& order,
                    std::size_t first, std::size_t last, double reg) {
  return *std::min_element(order.begin() + static_cast<std::ptrdiff_t>(first),
                           order.begin() + static_cast<std::ptrdiff_t>(last),
                           [&](std::size_t left, std::size_t right) {
                             return distance(specs[left].regularization.factors, reg) <
                                    distance(specs[right].regularization.factors, reg);
                           });
}

}  // namespace

TrialOrder order_trials(const std::vector<ModelSpec>& specs, TrialStart start) {
  TrialOrder result;
  result.order.resize(specs.size());
  std::iota(result.order.begin(), result.order.end(), std::size_t{0});
  std::ranges::stable_sort(result.order, [&](std::size_t left, std::size_t right) {
    return runs_before(specs[left], specs[right]);
  });
  result.start.resize(specs.size());
  result.last_use.resize(specs.size());
  std::size_t first_of_smaller = 0;
  std::size_t first_of_rank = 0;
  for (std::size_t place = 0; place < specs.size(); ++place) {
    const std::size_t trial = result.order[place];
    result.last_use[trial] = place;
    if (place == 0 || start == TrialStart::cold) continue;
    std::size_t from = result.order[place - 1];
    if (specs[from].rank != specs[trial].rank) {
      first_of_smaller = first_of_rank;
      first_of_rank = place;
      from = nearest(specs, result.order, first_of_smaller, first_of_rank,
                     specs[trial].regularization.factors);
    }
    result.start[trial] = from;
    result.last_use[from] = place;
  }
  return result;
}

std::vector<Rung> halving_rungs(std::int64_t trials, int epochs, int fewest) {
  std::vector<int> lengths{epochs};
  while (lengths.front() > fewest && std::ssize(lengths) < 64) {
    const int shorter = std::max(lengths.front() / share_that_goes_on, fewest);
    lengths.insert(lengths.begin(), shorter);
  }
  std::vector<Rung> rungs;
  for (const int length : lengths) {
    rungs.push_back({trials, length});
    trials = (trials + share_that_goes_on - 1) / share_that_goes_on;
  }
  return rungs;
}

}  // namespace alsatian
