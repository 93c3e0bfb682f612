// Rank 0: biases against a dense solve and against their own gradient, both in double.
// Neither oracle knows of the Schur complement that the code solves by.
#include "kernels/cpu/biases.hpp"

#include "kernels/reference/objective.hpp"
#include "tests/support/cpu_tables.hpp"
#include "tests/support/problems.hpp"
#include "tests/support/reference_problems.hpp"

#include <Eigen/Dense>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace alsatian::cpu {
namespace {

using ::alsatian::testing::planted_problem;
using ::alsatian::testing::PlantedOptions;
using ::alsatian::testing::PlantedProblem;
using ::alsatian::testing::reference_problem;
using ::alsatian::testing::ThreadsInScope;

Biases solve(const PlantedProblem& problem, const Regularization& regularization) {
  return solve_biases(problem.by_user_float.view(), problem.by_item_float.view(), regularization);
}

reference::Parameters to_parameters(const Biases& biases) {
  const auto side = [](const std::vector<double>& values) {
    reference::SideParameters parameters(static_cast<std::int64_t>(values.size()), 0);
    std::copy(values.begin(), values.end(), parameters.biases.data());
    return parameters;
  };
  return {side(biases.users), side(biases.items)};
}

double norm(const reference::Parameters& gradient) {
  return std::sqrt(gradient.users.biases.squaredNorm() + gradient.items.biases.squaredNorm());
}

struct Case {
  const char* name;
  PlantedOptions options;
  Regularization regularization;
};

class BiasesOf : public ::testing::TestWithParam<Case> {};

TEST_P(BiasesOf, LeaveATrillionthOfTheFirstGradient) {
  const PlantedProblem planted = planted_problem(GetParam().options);
  const reference::Problem problem = reference_problem(planted, GetParam().regularization);
  const Biases solution = solve(planted, GetParam().regularization);
  Biases zero = solution;
  std::fill(zero.users.begin(), zero.users.end(), 0.0);
  std::fill(zero.items.begin(), zero.items.end(), 0.0);
  const double first = norm(reference::gradient(problem, to_parameters(zero)));
  const double last = norm(reference::gradient(problem, to_parameters(solution)));
  EXPECT_LE(solution.gradient_ratio, 1e-12);
  // The oracle sums in another order: its own rounding comes on top.
  EXPECT_LE(last, 1.5e-12 * first);
}

TEST_P(BiasesOf, OfRowsWithoutRatingsAreZero) {
  const PlantedProblem planted = planted_problem(GetParam().options);
  const Biases solution = solve(planted, GetParam().regularization);
  for (std::int64_t user = 0; user < planted.options.users; ++user) {
    if (planted.by_user.view().row_size(user) > 0) continue;
    EXPECT_EQ(solution.users[static_cast<std::size_t>(user)], 0);
  }
  for (std::int64_t item = 0; item < planted.options.items; ++item) {
    if (planted.by_item.view().row_size(item) > 0) continue;
    EXPECT_EQ(solution.items[static_cast<std::size_t>(item)], 0);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Problems, BiasesOf,
    ::testing::Values(
        Case{"MoreUsers", {.users = 87, .items = 23, .empty_users = 3}, {0, 0.9, 0.5}},
        Case{"MoreItems", {.users = 21, .items = 95, .empty_items = 2}, {0, 0.9, 0.5}},
        Case{"SingleRatings",
             {.users = 61, .items = 43, .single_users = 9, .single_items = 7},
             {0, 0.01, 1}},
        Case{"PlainRidge", {.users = 61, .items = 43, .heavy_items = 3}, {0, 20, 0}},
        Case{"NoRidge", {.users = 61, .items = 43, .single_users = 4, .empty_items = 1}, {0, 0, 0}},
        Case{"SparseWithoutRidge", {.users = 61, .items = 59, .density = 0.03}, {0, 0, 0.5}}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Biases, AreThoseOfADenseSolve) {
  const PlantedProblem planted = planted_problem({.users = 31, .items = 47, .heavy_users = 2});
  const Regularization regularization{0, 0.9, 0.5};
  const Eigen::Index users = 31;
  const Eigen::Index items = 47;
  Eigen::MatrixXd matrix = Eigen::MatrixXd::Zero(users + items, users + items);
  Eigen::VectorXd right = Eigen::VectorXd::Zero(users + items);
  for (Eigen::Index user = 0; user < users; ++user) {
    for (std::int64_t o = 0; o < planted.by_user.view().row_size(user); ++o) {
      const Eigen::Index item = users + planted.by_user.view().row_columns(user)[o];
      const double rating = planted.by_user.view().row_values(user)[o];
      matrix(user, user) += 1;
      matrix(item, item) += 1;
      matrix(user, item) += 1;
      matrix(item, user) += 1;
      right[user] += rating;
      right[item] += rating;
    }
  }
  for (Eigen::Index row = 0; row < users + items; ++row) {
    matrix(row, row) += 0.9 * std::sqrt(matrix(row, row));
  }
  const Eigen::VectorXd expected = matrix.ldlt().solve(right);
  const Biases solution = solve(planted, regularization);
  // ‖x − x*‖ ≤ ‖A⁻¹‖·1e-12·‖g₀‖; the smallest eigenvalue is at least the smallest ridge, 0.9.
  const double allowed = 2e-12 * right.norm() / 0.9;
  for (Eigen::Index user = 0; user < users; ++user) {
    EXPECT_NEAR(solution.users[static_cast<std::size_t>(user)], expected[user], allowed);
  }
  for (Eigen::Index item = 0; item < items; ++item) {
    EXPECT_NEAR(solution.items[static_cast<std::size_t>(item)], expected[users + item], allowed);
  }
}

TEST(Biases, AreTheSameForAnyNumberOfThreads) {
  const PlantedProblem planted = planted_problem({.users = 3001, .items = 211, .density = 0.05});
  std::vector<Biases> solutions;
  for (const int threads : {1, 2, 3}) {
    const ThreadsInScope scope(threads);
    solutions.push_back(solve(planted, {0, 0.9, 0.5}));
  }
  for (const Biases& other : solutions) {
    EXPECT_EQ(other.users, solutions[0].users);
    EXPECT_EQ(other.items, solutions[0].items);
  }
}

TEST(Biases, OfNoRatingsAreZero) {
  const std::vector<std::int64_t> user_offsets(4, 0);
  const std::vector<std::int64_t> item_offsets(3, 0);
  const Biases solution = solve_biases({user_offsets, {}, {}}, {item_offsets, {}, {}}, {});
  EXPECT_EQ(solution.users, std::vector<double>(3, 0.0));
  EXPECT_EQ(solution.items, std::vector<double>(2, 0.0));
  EXPECT_EQ(solution.gradient_ratio, 0);
}

}  // namespace
}  // namespace alsatian::cpu
