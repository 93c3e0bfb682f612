// Full-batch least squares: products and gradients row by row, and where its steps lead.
// Oracles in double: differences of scores, the reference's gradient and alternating solves.
#include "kernels/cpu/least_squares.hpp"

#include "kernels/reference/als.hpp"
#include "kernels/reference/objective.hpp"
#include "tests/support/cpu_tables.hpp"
#include "tests/support/problems.hpp"
#include "tests/support/reference_problems.hpp"
#include "tests/support/row_problems.hpp"
#include "tests/support/tolerance.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace alsatian::cpu {
namespace {

using ::alsatian::testing::available_isas;
using ::alsatian::testing::awkward_problem;
using ::alsatian::testing::from_table;
using ::alsatian::testing::largest_difference;
using ::alsatian::testing::padding_is_zero;
using ::alsatian::testing::planted_problem;
using ::alsatian::testing::PlantedProblem;
using ::alsatian::testing::random_parameters;
using ::alsatian::testing::reference_problem;
using ::alsatian::testing::same_bytes;
using ::alsatian::testing::start_parameters;
using ::alsatian::testing::ThreadsInScope;
using ::alsatian::testing::to_table;
namespace tolerance = ::alsatian::testing::tolerance;

constexpr std::int32_t ranks[] = {0, 1, 15, 16, 17, 31, 32, 33, 64, 100};

/// Parameters, or a direction, in float tables; and the same floats in double.
struct Tables {
  FactorTable users;
  FactorTable items;

  explicit Tables(const reference::Parameters& parameters)
      : users(to_table(parameters.users)), items(to_table(parameters.items)) {}
  reference::Parameters parameters() const { return {from_table(users), from_table(items)}; }
};

reference::Parameters sum_of(const reference::Parameters& left, double factor,
                             const reference::Parameters& right) {
  reference::Parameters sum = left;
  sum.users.factors += factor * right.users.factors;
  sum.users.biases += factor * right.users.biases;
  sum.items.factors += factor * right.items.factors;
  sum.items.biases += factor * right.items.biases;
  return sum;
}

/// JᵀJ·v for the users. A score is a quadratic function of the parameters, so the central
/// difference with step 1 is the exact directional derivative.
reference::SideParameters expected_product(const PlantedProblem& planted,
                                           const reference::Parameters& at,
                                           const reference::Parameters& direction) {
  const reference::Parameters ahead = sum_of(at, 1, direction);
  const reference::Parameters behind = sum_of(at, -1, direction);
  reference::SideParameters product(at.users.rows(), at.rank());
  for (std::int64_t user = 0; user < product.rows(); ++user) {
    for (const std::int32_t item : planted.by_user.view().row_columns(user)) {
      const double slope =
          (reference::score_of(ahead, 0, user, item) - reference::score_of(behind, 0, user, item)) /
          2;
      product.factors.row(user) += slope * at.items.factors.row(item);
      product.biases[user] += slope;
    }
  }
  return product;
}

/// An element is a sum over at most 41 ratings, each with two dot products of `rank` products:
/// roundings of random sign grow by the root of their number. The terms of a sum are no larger than
/// 1, or than the sum of largest magnitude.
double allowed_difference(const reference::SideParameters& expected) {
  const double largest =
      std::max({1.0, expected.biases.cwiseAbs().maxCoeff(),
                expected.rank() > 0 ? expected.factors.cwiseAbs().maxCoeff() : 0.0});
  return std::sqrt(41.0 + 2.0 * static_cast<double>(expected.rank())) * tolerance::eps<float> *
         largest;
}

TEST(JacobianRow, IsThatOfDifferencesOfScores) {
  const PlantedProblem planted = awkward_problem();
  for (const std::int32_t rank : ranks) {
    const Tables at(random_parameters(planted, rank, 0.2, 0.2));
    Tables direction(random_parameters(planted, rank, 0.2, 0.2));
    for (float& value : direction.users.flat()) value = -0.7F * value;  // not the parameters
    const auto expected = expected_product(planted, at.parameters(), direction.parameters());
    for (const Isa isa : available_isas()) {
      SCOPED_TRACE(std::string(isa_name(isa)) + " rank " + std::to_string(rank));
      FactorTable product(41, rank);
      const JacobianTask task{.ratings = planted.by_user_float.view(),
                              .own = at.users.view(),
                              .opposite = at.items.view(),
                              .own_direction = direction.users.view(),
                              .opposite_direction = direction.items.view(),
                              .product = product.view()};
      for (std::int64_t row = 0; row < 41; ++row) kernels(isa).jacobian_row(task, row);
      EXPECT_LE(largest_difference(from_table(product), expected), allowed_difference(expected));
      EXPECT_TRUE(padding_is_zero(product));
    }
  }
}

TEST(GradientRow, IsTheReferencesGradientWithoutPenalty) {
  const PlantedProblem planted = awkward_problem();
  for (const std::int32_t rank : ranks) {
    const Tables at(random_parameters(planted, rank, 0.2, 0.2));
    const auto expected =
        reference::gradient(reference_problem(planted, {0, 0, 0}), at.parameters()).items;
    for (const Isa isa : available_isas()) {
      SCOPED_TRACE(std::string(isa_name(isa)) + " rank " + std::to_string(rank));
      FactorTable gradient(37, rank);
      FactorTable diagonal(37, rank);
      const GradientTask task{.ratings = planted.by_item_float.view(),
                              .own = at.items.view(),
                              .opposite = at.users.view(),
                              .gradient = gradient.view(),
                              .diagonal = diagonal.view()};
      for (std::int64_t row = 0; row < 37; ++row) kernels(isa).gradient_row(task, row);
      EXPECT_LE(largest_difference(from_table(gradient), expected), allowed_difference(expected));
      EXPECT_TRUE(padding_is_zero(gradient));
      EXPECT_TRUE(padding_is_zero(diagonal));
    }
  }
}

TEST(GradientRow, GivesTheDiagonalOfTheGaussNewtonMatrix) {
  const PlantedProblem planted = awkward_problem();
  for (const std::int32_t rank : ranks) {
    const Tables at(random_parameters(planted, rank, 0.2, 0.2));
    reference::SideParameters expected(41, rank);
    const auto items = from_table(at.items);
    for (std::int64_t user = 0; user < 41; ++user) {
      for (const std::int32_t item : planted.by_user.view().row_columns(user)) {
        expected.factors.row(user) += items.factors.row(item).cwiseAbs2();
        expected.biases[user] += 1;
      }
    }
    for (const Isa isa : available_isas()) {
      FactorTable gradient(41, rank);
      FactorTable diagonal(41, rank);
      const GradientTask task{.ratings = planted.by_user_float.view(),
                              .own = at.users.view(),
                              .opposite = at.items.view(),
                              .gradient = gradient.view(),
                              .diagonal = diagonal.view()};
      for (std::int64_t row = 0; row < 41; ++row) kernels(isa).gradient_row(task, row);
      EXPECT_LE(largest_difference(from_table(diagonal), expected), allowed_difference(expected));
    }
  }
}

TEST(Rows, WithoutBiasesHaveNoneInTheirProducts) {
  const PlantedProblem planted = awkward_problem();
  Tables at(random_parameters(planted, 5, 0.2, 0.2));
  FactorTable product(41, 5);
  const JacobianTask task{.ratings = planted.by_user_float.view(),
                          .own = at.users.view(),
                          .opposite = at.items.view(),
                          .own_direction = at.users.view(),
                          .opposite_direction = at.items.view(),
                          .product = product.view(),
                          .biases = false};
  Tables without = at;
  std::fill_n(without.users.view().biases, 41, 0.0F);
  std::fill_n(without.items.view().biases, 37, 0.0F);
  auto expected = expected_product(planted, without.parameters(), without.parameters());
  expected.biases.setZero();
  for (const Isa isa : available_isas()) {
    for (std::int64_t row = 0; row < 41; ++row) kernels(isa).jacobian_row(task, row);
    EXPECT_LE(largest_difference(from_table(product), expected), allowed_difference(expected));
  }
}

double norm(const reference::Parameters& gradient) {
  return std::sqrt(gradient.users.factors.squaredNorm() + gradient.users.biases.squaredNorm() +
                   gradient.items.factors.squaredNorm() + gradient.items.biases.squaredNorm());
}

LeastSquares solver_of(const PlantedProblem& planted, const Regularization& regularization,
                       std::int32_t rank, Isa isa = best_isa(), bool biases = true) {
  return {kernels(isa),
          planted.by_user_float.view(),
          planted.by_item_float.view(),
          rank,
          {.regularization = regularization, .biases = biases, .inner_steps = 50}};
}

constexpr Regularization usual{1.0, 0.7, 0.5};

// Steps over a few dozen rows are not worth waking a second thread: most tests below use one.

TEST(LeastSquaresStep, LowersTheObjectiveThatItReports) {
  const ThreadsInScope one_thread(1);
  const PlantedProblem planted = awkward_problem();
  const reference::Problem problem = reference_problem(planted, usual);
  for (const Isa isa : available_isas()) {
    for (const std::int32_t rank : {1, 5, 17, 31, 32, 33, 64, 100}) {
      SCOPED_TRACE(std::string(isa_name(isa)) + " rank " + std::to_string(rank));
      Tables tables(start_parameters(planted, rank));
      LeastSquares solver = solver_of(planted, usual, rank, isa);
      double before = reference::objective(problem, tables.parameters());
      for (int step = 0; step < 8; ++step) {
        const LeastSquaresStep report = solver.step(tables.users, tables.items);
        ASSERT_TRUE(report.accepted);
        EXPECT_LT(report.objective, before);
        EXPECT_GT(report.inner_steps, 0);
        before = reference::objective(problem, tables.parameters());
        // Scores of size about 1 with `rank` roundings each, squared residuals summed.
        EXPECT_NEAR(report.objective, before, tolerance::sum<float>(rank + 4, before));
      }
    }
  }
}

TEST(LeastSquaresStep, LeadsToAStationaryPoint) {
  const ThreadsInScope one_thread(1);
  const PlantedProblem planted = awkward_problem();
  const reference::Problem problem = reference_problem(planted, usual);
  for (const std::int32_t rank : {1, 5, 17, 33, 100}) {
    SCOPED_TRACE(rank);
    Tables tables(start_parameters(planted, rank));
    // Rows without ratings are no part of the problem; the start leaves them at random.
    const double first = norm(reference::gradient(problem, tables.parameters()));
    LeastSquares solver = solver_of(planted, usual, rank);
    for (int step = 0; step < 400 && solver.step(tables.users, tables.items).accepted; ++step) {
    }
    // F is seen to float accuracy, and near its minimum changes by the square of the gradient.
    EXPECT_LE(norm(reference::gradient(problem, tables.parameters())),
              std::sqrt(tolerance::eps<float>) * first);
  }
}

TEST(LeastSquaresStep, ReachesTheObjectiveOfAlternatingLeastSquares) {
  const ThreadsInScope one_thread(1);
  const PlantedProblem planted = planted_problem({.users = 53, .items = 41, .noise = 0.5});
  const reference::Problem problem = reference_problem(planted, usual);
  reference::Parameters exact = start_parameters(planted, 5);
  for (int sweep = 0; sweep < 30; ++sweep) {
    reference::half_sweep(problem.by_user, exact.items, problem, {}, exact.users);
    reference::half_sweep(problem.by_item, exact.users, problem, {}, exact.items);
  }
  Tables tables(start_parameters(planted, 5));
  LeastSquares solver = solver_of(planted, usual, 5);
  double reached = 0;
  for (int step = 0; step < 30; ++step) {
    reached = solver.step(tables.users, tables.items).objective;
  }
  const double lowest = reference::objective(problem, exact);
  EXPECT_NEAR(reached, lowest, 0.01 * lowest);
}

TEST(LeastSquaresStep, RecoversAPlantedMatrixWithoutNoise) {
  const ThreadsInScope one_thread(1);
  const PlantedProblem planted = planted_problem(
      {.users = 93, .items = 71, .rank = 4, .density = 0.5, .bias_deviation = 0, .noise = 0});
  Tables tables(start_parameters(planted, 4));
  LeastSquares solver = solver_of(planted, {0, 0, 0}, 4);
  for (int step = 0; step < 50 && solver.step(tables.users, tables.items).accepted; ++step) {
  }
  const reference::Parameters reached = tables.parameters();
  double error = 0;
  double size = 0;
  for (std::int64_t user = 0; user < 93; ++user) {
    for (std::int64_t item = 0; item < 71; ++item) {
      const double planted_score = planted.planted_score(user, item);
      const double difference = reference::score_of(reached, 0, user, item) - planted_score;
      error += difference * difference;
      size += planted_score * planted_score;
    }
  }
  EXPECT_LT(std::sqrt(error / size), 1e-5);
}

TEST(LeastSquaresStep, IsTheSameForAnyNumberOfThreads) {
  const PlantedProblem planted =
      planted_problem({.users = 303, .items = 211, .density = 0.1, .heavy_users = 2});
  std::vector<Tables> results;
  for (const int threads : {1, 2, 3}) {
    const ThreadsInScope scope(threads);
    results.emplace_back(start_parameters(planted, 19));
    LeastSquares solver = solver_of(planted, usual, 19);
    for (int step = 0; step < 5; ++step) {
      solver.step(results.back().users, results.back().items);
    }
  }
  for (const Tables& result : results) {
    EXPECT_TRUE(same_bytes(result.users, results[0].users));
    EXPECT_TRUE(same_bytes(result.items, results[0].items));
  }
}

TEST(LeastSquaresStep, ThatCannotLowerTheObjectiveChangesNothing) {
  const ThreadsInScope one_thread(1);
  const PlantedProblem planted = awkward_problem();
  // Without biases the point 0 is a saddle: the gradient is 0 there.
  Tables tables(reference::Parameters{{41, 3}, {37, 3}});
  LeastSquares solver = solver_of(planted, usual, 3, best_isa(), false);
  const LeastSquaresStep report = solver.step(tables.users, tables.items);
  EXPECT_FALSE(report.accepted);
  EXPECT_NEAR(report.objective,
              reference::objective(reference_problem(planted, usual), tables.parameters()),
              1e-9 * report.objective);
  for (const float value : tables.users.flat()) EXPECT_EQ(value, 0);
}

TEST(LeastSquaresStep, OfParametersThatAreNotFiniteIsNotAccepted) {
  const PlantedProblem planted = awkward_problem();
  Tables tables(start_parameters(planted, 3));
  tables.users.view().row(0)[1] = std::numeric_limits<float>::quiet_NaN();
  LeastSquares solver = solver_of(planted, usual, 3);
  EXPECT_FALSE(solver.step(tables.users, tables.items).accepted);
}

TEST(LeastSquaresStep, WithoutBiasesKeepsThemZero) {
  const ThreadsInScope one_thread(1);
  const PlantedProblem planted = awkward_problem();
  Tables tables(start_parameters(planted, 4));
  LeastSquares solver = solver_of(planted, usual, 4, best_isa(), false);
  for (int step = 0; step < 5; ++step)
    EXPECT_TRUE(solver.step(tables.users, tables.items).accepted);
  EXPECT_EQ(from_table(tables.users).biases.norm(), 0);
  EXPECT_EQ(from_table(tables.items).biases.norm(), 0);
}

TEST(LeastSquaresStep, FollowsANewRegularization) {
  const ThreadsInScope one_thread(1);
  const PlantedProblem planted = awkward_problem();
  Tables tables(start_parameters(planted, 4));
  LeastSquares solver = solver_of(planted, usual, 4);
  solver.step(tables.users, tables.items);
  const Regularization stronger{9.0, 5.0, 0.2};
  solver.set_regularization(stronger);
  const LeastSquaresStep report = solver.step(tables.users, tables.items);
  const double expected =
      reference::objective(reference_problem(planted, stronger), tables.parameters());
  EXPECT_NEAR(report.objective, expected, tolerance::sum<float>(8, expected));
}

TEST(LeastSquaresStep, OfRankZeroIsTheLast) {
  const ThreadsInScope one_thread(1);
  const PlantedProblem planted = awkward_problem();
  const reference::Problem problem = reference_problem(planted, usual);
  Tables tables(start_parameters(planted, 0));
  const double first = norm(reference::gradient(problem, tables.parameters()));
  LeastSquares solver = solver_of(planted, usual, 0);
  EXPECT_TRUE(solver.step(tables.users, tables.items).accepted);
  // The exact solution, rounded to float: 41 ratings of a row see a change of half an ulp each.
  EXPECT_LE(norm(reference::gradient(problem, tables.parameters())),
            41 * tolerance::eps<float> * first);
  EXPECT_FALSE(solver.step(tables.users, tables.items).accepted);
}

TEST(LeastSquaresStep, OfRankZeroWithoutBiasesHasNothingToDo) {
  const PlantedProblem planted = awkward_problem();
  Tables tables(start_parameters(planted, 0));
  LeastSquares solver = solver_of(planted, usual, 0, best_isa(), false);
  EXPECT_FALSE(solver.step(tables.users, tables.items).accepted);
}

}  // namespace
}  // namespace alsatian::cpu
