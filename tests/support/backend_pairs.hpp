// A backend beside the reference backend on the same problem, verb by verb: what tests of any fast
// backend compare, and how far the two may be apart.
#pragma once

#include "host/train/backend.hpp"
#include "tests/support/tolerance.hpp"
#include "tests/support/training_problems.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>

namespace alsatian::testing {

inline double largest_difference(const SideFactors& left, const SideFactors& right) {
  double largest = 0;
  for (std::size_t j = 0; j < left.factors.size(); ++j) {
    largest = std::max(largest, std::abs(static_cast<double>(left.factors[j]) - right.factors[j]));
  }
  for (std::size_t j = 0; j < left.biases.size(); ++j) {
    largest = std::max(largest, std::abs(static_cast<double>(left.biases[j]) - right.biases[j]));
  }
  return largest;
}

/// The largest ‖row‖² of one side, bias included.
inline double largest_square(const SideFactors& side) {
  double largest = 0;
  for (std::int64_t row = 0; row < side.rows; ++row) {
    double square = std::pow(double{side.biases[static_cast<std::size_t>(row)]}, 2);
    for (std::int32_t j = 0; j < side.rank; ++j) square += std::pow(double{side.row(row)[j]}, 2);
    largest = std::max(largest, square);
  }
  return largest;
}

/// What a row solved from at most `ratings` ratings may be wrong by. The largest eigenvalue of its
/// matrix is at most the sum of ‖z‖² ≤ ‖q‖² + 1 and the ridge, the smallest at least the smallest
/// ridge, 0.6·√n.
inline double solve_error(const SideFactors& opposite, const SideFactors& solved,
                          std::int32_t ratings) {
  const double condition = 1.5 + std::sqrt(ratings) * (largest_square(opposite) + 1) / 0.6;
  return tolerance::solve<float>(solved.rank + 1, condition) * std::sqrt(largest_square(solved));
}

/// A fast and a reference backend that start from the same problem.
struct BackendPair {
  std::unique_ptr<Backend> fast;
  std::unique_ptr<Backend> exact;

  template <typename MakeFast>
  BackendPair(const TrainingProblem& problem, MakeFast&& make_fast)
      : fast(make_fast(problem)), exact(make_reference_backend(problem)) {}
};

/// Both solve one side from the same factors, so that only this half-sweep's rounding differs.
/// With conjugate gradients each of `steps` steps makes at most the error of a whole solve.
inline void expect_equal_half_sweeps(BackendPair& pair, Side side, int steps = 1,
                                     std::int32_t most_ratings = std::max(users, items)) {
  pair.exact->set_factors(pair.fast->factors());
  pair.fast->als_half_sweep(side);
  pair.exact->als_half_sweep(side);
  const Factors fast = pair.fast->factors();
  const Factors exact = pair.exact->factors();
  const bool is_user = side == Side::users;
  const SideFactors& solved = is_user ? exact.users : exact.items;
  const SideFactors& opposite = is_user ? exact.items : exact.users;
  EXPECT_LE(largest_difference(is_user ? fast.users : fast.items, solved),
            steps * solve_error(opposite, solved, most_ratings));
}

/// Figures of the same factors, so that only the rounding of the figures differs.
inline void expect_equal_figures(BackendPair& pair) {
  pair.exact->set_factors(pair.fast->factors());
  const std::int32_t rank = pair.fast->factors().users.rank;
  const Objective of_fast = pair.fast->objective();
  const Objective of_exact = pair.exact->objective();
  const double allowed = tolerance::figures<float>(rank, of_exact.train.count);
  EXPECT_NEAR(of_fast.value, of_exact.value, allowed);
  EXPECT_EQ(of_fast.train.count, of_exact.train.count);
  EXPECT_NEAR(of_fast.train.squared_error, of_exact.train.squared_error, allowed);
  const ErrorSums held_out = pair.fast->held_out_errors(0);
  const ErrorSums expected = pair.exact->held_out_errors(0);
  EXPECT_EQ(held_out.count, 5);
  EXPECT_NEAR(held_out.squared_error, expected.squared_error, tolerance::figures<float>(rank, 5));
  EXPECT_NEAR(held_out.loss, expected.loss, tolerance::figures<float>(rank, 5));
  EXPECT_EQ(pair.fast->held_out_errors(1).count, 0);
}

inline void expect_equal_factors(BackendPair& pair, double allowed) {
  const Factors fast = pair.fast->factors();
  const Factors exact = pair.exact->factors();
  EXPECT_LE(largest_difference(fast.users, exact.users), allowed);
  EXPECT_LE(largest_difference(fast.items, exact.items), allowed);
}

}  // namespace alsatian::testing
