// Planted problems as the Eigen reference takes them.
// Apart from problems.hpp, so that tests without Eigen can use that one.
#pragma once

#include "kernels/reference/parameters.hpp"
#include "tests/support/problems.hpp"

#include <algorithm>

namespace alsatian::testing {

/// Views of `planted`, which outlives the result; its likelihood and its mean.
inline reference::Problem reference_problem(const PlantedProblem& planted,
                                            const Regularization& regularization,
                                            bool biases = true) {
  return {planted.by_user.view(),     planted.by_item.view(), regularization,
          planted.options.likelihood, planted.options.mean,   biases};
}

inline reference::SideParameters to_parameters(const Table& table) {
  reference::SideParameters side(table.rows, table.rank);
  std::copy(table.factors.begin(), table.factors.end(), side.factors.data());
  std::copy(table.biases.begin(), table.biases.end(), side.biases.data());
  return side;
}

/// The parameters that the ratings were drawn from.
inline reference::Parameters planted_parameters(const PlantedProblem& planted) {
  return {to_parameters(planted.users), to_parameters(planted.items)};
}

/// Random parameters of any rank, independent of the planted ones.
inline reference::Parameters random_parameters(const PlantedProblem& planted, std::int32_t rank,
                                               double factor_deviation, double bias_deviation) {
  const PlantedOptions& options = planted.options;
  const std::uint64_t seed = options.seed + 1000;
  return {to_parameters(random_table(options.users, rank, factor_deviation, bias_deviation, seed,
                                     RandomStream::user_start)),
          to_parameters(random_table(options.items, rank, factor_deviation, bias_deviation, seed,
                                     RandomStream::item_start))};
}

/// Where training starts: factors N(0, 0.1), biases 0.
inline reference::Parameters start_parameters(const PlantedProblem& planted, std::int32_t rank) {
  return random_parameters(planted, rank, 0.1, 0.0);
}

}  // namespace alsatian::testing
