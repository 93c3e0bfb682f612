// A small training problem for any spec, as backends take it: what tests of backends start from.
// Rows without ratings are always in it, since every backend meets them.
#pragma once

#include "host/train/backend.hpp"
#include "tests/support/problems.hpp"

#include <cstdint>
#include <variant>

namespace alsatian::testing {

inline constexpr std::int32_t users = 61;
inline constexpr std::int32_t items = 47;

inline CompressedMatrix to_matrix(const Compressed<float>& ratings) {
  return {ratings.offsets, ratings.columns, ratings.values};
}

inline ModelSpec spec_of(const Algorithm& algorithm, std::int32_t rank = 5,
                         const Likelihood& likelihood = Gaussian{}) {
  ModelSpec spec;
  spec.algorithm = algorithm;
  spec.likelihood = likelihood;
  spec.rank = rank;
  spec.regularization = {0.9, 0.6, 0.5};
  return spec;
}

/// Two users and an item without ratings; some held-out ratings of unknown rows.
inline TrainingProblem problem_of(const ModelSpec& spec) {
  const auto planted = planted_problem({.users = users,
                                        .items = items,
                                        .mean = 0.25,
                                        .signal = 0.4,
                                        .likelihood = spec.likelihood,
                                        .heavy_users = 1,
                                        .single_items = 2,
                                        .empty_users = 2,
                                        .empty_items = 1});
  TrainingProblem problem;
  problem.spec = spec;
  problem.scale.score_mean = is_standardised(spec.likelihood) ? 0.0 : 0.25;
  problem.by_user = to_matrix(planted.by_user_float);
  problem.by_item = to_matrix(planted.by_item_float);
  if (std::holds_alternative<Mle>(spec.algorithm)) {
    problem.schedule = make_sgd_schedule(problem.by_user, items, spec.seed);
  }
  problem.held_out = {{{0, 3, -1, 7, -1}, {5, -1, 2, 44, -1}, {1, 0, 1, 1, 0}}, {}};
  problem.start = start_factors(users, items, spec.rank, 0.1, spec.seed);
  return problem;
}

}  // namespace alsatian::testing
