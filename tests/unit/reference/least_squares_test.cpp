// Checks Levenberg-Marquardt steps against a Jacobian made by differences, and against ALS.
// Rank 0 is checked against the linear system written out.
#include "kernels/reference/least_squares.hpp"

#include "kernels/reference/als.hpp"
#include "kernels/reference/objective.hpp"
#include "tests/support/reference_problems.hpp"
#include "tests/support/tolerance.hpp"

#include <Eigen/QR>
#include <Eigen/SVD>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace alsatian::reference {
namespace {

using alsatian::testing::planted_problem;
using alsatian::testing::PlantedProblem;
using alsatian::testing::random_parameters;
using alsatian::testing::reference_problem;
using alsatian::testing::start_parameters;
namespace tolerance = alsatian::testing::tolerance;

/// Every parameter that the problem has, for tests that change them one at a time.
std::vector<double*> all_entries(Parameters& parameters, bool biases) {
  std::vector<double*> entries;
  for (SideParameters* side : {&parameters.users, &parameters.items}) {
    for (std::int64_t j = 0; j < side->factors.size(); ++j) {
      entries.push_back(side->factors.data() + j);
    }
    for (std::int64_t row = 0; biases && row < side->rows(); ++row) {
      entries.push_back(side->biases.data() + row);
    }
  }
  return entries;
}

Vector values_of(Parameters parameters, bool biases) {
  const std::vector<double*> entries = all_entries(parameters, biases);
  Vector values(static_cast<Eigen::Index>(entries.size()));
  for (std::size_t j = 0; j < entries.size(); ++j) {
    values[static_cast<Eigen::Index>(j)] = *entries[j];
  }
  return values;
}

Vector scores_of(const Problem& problem, const Parameters& parameters) {
  Vector scores(problem.by_user.observations());
  Eigen::Index next = 0;
  for (std::int64_t user = 0; user < problem.by_user.rows(); ++user) {
    for (const std::int32_t item : problem.by_user.row_columns(user)) {
      scores[next++] = score_of(parameters, problem.mean, user, item);
    }
  }
  return scores;
}

/// J by differences of one: scores are linear in each parameter alone, so they are exact.
Matrix jacobian(const Problem& problem, Parameters parameters) {
  const Vector base = scores_of(problem, parameters);
  const std::vector<double*> entries = all_entries(parameters, problem.biases);
  Matrix result(base.size(), static_cast<Eigen::Index>(entries.size()));
  for (std::size_t j = 0; j < entries.size(); ++j) {
    const double kept = *entries[j];
    *entries[j] = kept + 1;
    result.col(static_cast<Eigen::Index>(j)) = scores_of(problem, parameters) - base;
    *entries[j] = kept;
  }
  return result;
}

/// The penalty's second derivatives: F's penalty at 1 in one entry is half of them.
Vector ridge_of(const Problem& problem, const Parameters& shape) {
  Parameters probe{{shape.users.rows(), shape.rank()}, {shape.items.rows(), shape.rank()}};
  const std::vector<double*> entries = all_entries(probe, problem.biases);
  Vector ridge(static_cast<Eigen::Index>(entries.size()));
  for (std::size_t j = 0; j < entries.size(); ++j) {
    *entries[j] = 1;
    ridge[static_cast<Eigen::Index>(j)] = 2 * penalty(problem, probe);
    *entries[j] = 0;
  }
  return ridge;
}

class LeastSquaresStep : public ::testing::TestWithParam<bool> {
 protected:
  LeastSquaresStep()
      : planted_(planted_problem({.users = 17,
                                  .items = 13,
                                  .rank = 3,
                                  .mean = 0.3,
                                  .noise = 0.4,
                                  .heavy_users = 1,
                                  .single_items = 1})),
        problem_(reference_problem(planted_, {}, GetParam())),
        parameters_(random_parameters(planted_, 3, 0.7, GetParam() ? 0.2 : 0.0)) {}

  PlantedProblem planted_;
  Problem problem_;
  Parameters parameters_;
};

TEST_P(LeastSquaresStep, SolvesTheDampedNormalEquations) {
  DampingState state{.damping = 0.5, .growth = 2};
  const Matrix slopes_of_scores = jacobian(problem_, parameters_);
  Matrix matrix = slopes_of_scores.transpose() * slopes_of_scores;
  matrix.diagonal() += 0.5 * Vector(matrix.diagonal()) + ridge_of(problem_, parameters_);
  const Vector slopes = values_of(gradient(problem_, parameters_), problem_.biases);
  const Vector expected = matrix.colPivHouseholderQr().solve(-slopes);

  const Vector before = values_of(parameters_, problem_.biases);
  const LeastSquaresOutcome outcome = least_squares_step(problem_, {}, state, parameters_);
  ASSERT_TRUE(outcome.accepted);
  EXPECT_EQ(outcome.damping, 0.5);
  const Vector step = values_of(parameters_, problem_.biases) - before;
  const Vector singular = matrix.jacobiSvd().singularValues();
  const double condition = singular[0] / singular[singular.size() - 1];
  EXPECT_LE((step - expected).norm(),
            tolerance::solve<double>(matrix.rows(), condition) * expected.norm());
}

TEST_P(LeastSquaresStep, SetsTheNextDampingByTheGainRatio) {
  for (const double damping : {0.001, 0.5, 20.0}) {
    DampingState state{.damping = damping, .growth = 16};
    const Matrix slopes_of_scores = jacobian(problem_, parameters_);
    Matrix model = slopes_of_scores.transpose() * slopes_of_scores;
    model.diagonal() += ridge_of(problem_, parameters_);
    const Vector slopes = values_of(gradient(problem_, parameters_), problem_.biases);
    const Vector before = values_of(parameters_, problem_.biases);
    const double objective_before = objective(problem_, parameters_);
    const LeastSquaresOutcome outcome = least_squares_step(problem_, {}, state, parameters_);
    ASSERT_TRUE(outcome.accepted);
    ASSERT_EQ(outcome.damping, damping);

    const Vector step = values_of(parameters_, problem_.biases) - before;
    const double predicted = -slopes.dot(step) - 0.5 * step.dot(model * step);
    const double gain = (objective_before - outcome.objective) / predicted;
    const double factor = std::max(1.0 / 3.0, 1 - std::pow(2 * gain - 1, 3));
    // Both ratios are wrong by the roundings of F, which fell by more than a thousandth of it.
    EXPECT_NEAR(state.damping, damping * factor, damping * 1e3 * tolerance::sum<double>(100, 6.0));
    EXPECT_EQ(state.growth, 2);
  }
}

TEST_P(LeastSquaresStep, ByConjugateGradientsEqualsTheDenseSolve) {
  Parameters iterative = parameters_;
  DampingState dense_state;
  DampingState iterative_state;
  const LeastSquaresOutcome dense = least_squares_step(problem_, {}, dense_state, parameters_);
  const LeastSquaresOutcome outcome =
      least_squares_step(problem_, {.dense_unknowns = 0}, iterative_state, iterative);
  EXPECT_EQ(dense.inner_steps, 0);
  EXPECT_GT(outcome.inner_steps, 0);
  // A residual of 1e-12‖g‖ with conditions below 1e4.
  const Vector expected = values_of(parameters_, problem_.biases);
  EXPECT_LE((values_of(iterative, problem_.biases) - expected).norm(), 1e-8 * expected.norm());
  EXPECT_NEAR(outcome.objective, dense.objective, 1e-8 * dense.objective);
  EXPECT_NEAR(iterative_state.damping, dense_state.damping, 1e-8);
}

TEST_P(LeastSquaresStep, ReportsTheObjectiveThatItReached) {
  DampingState state;
  const LeastSquaresOutcome outcome = least_squares_step(problem_, {}, state, parameters_);
  EXPECT_EQ(outcome.objective, objective(problem_, parameters_));
}

TEST_P(LeastSquaresStep, LowersTheObjective) {
  DampingState state;
  double before = objective(problem_, parameters_);
  for (int step = 0; step < 20; ++step) {
    const LeastSquaresOutcome outcome = least_squares_step(problem_, {}, state, parameters_);
    EXPECT_TRUE(outcome.accepted);
    EXPECT_LT(outcome.objective, before);
    before = outcome.objective;
  }
}

TEST_P(LeastSquaresStep, GivesUpAtTheMinimumAndLeavesEverythingAlone) {
  for (int epoch = 0; epoch < 200; ++epoch) {
    half_sweep(problem_.by_user, parameters_.items, problem_, {}, parameters_.users);
    half_sweep(problem_.by_item, parameters_.users, problem_, {}, parameters_.items);
  }
  DampingState state{.damping = 0.25, .growth = 2};
  DampingState kept = state;
  Vector before = values_of(parameters_, true);
  int steps = 0;
  while (steps < 100 && least_squares_step(problem_, {}, state, parameters_).accepted) {
    kept = state;
    before = values_of(parameters_, true);
    ++steps;
  }
  EXPECT_LT(steps, 100);
  EXPECT_EQ(values_of(parameters_, true), before);
  EXPECT_EQ(state.damping, kept.damping);
  EXPECT_EQ(state.growth, kept.growth);
  // F is flat to rounding: along a slope g it would still fall by g²/2·curvature, and the largest
  // curvature is below 1000.
  const double slope = values_of(gradient(problem_, parameters_), problem_.biases).norm();
  const double reached = objective(problem_, parameters_);
  EXPECT_LE(slope, std::sqrt(2 * 1000 * tolerance::sum<double>(100, reached)));
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutBiases, LeastSquaresStep, ::testing::Bool());

TEST(LeastSquares, ReachesTheObjectiveOfAlternatingLeastSquaresInSeventeenSteps) {
  const PlantedProblem planted =
      planted_problem({.users = 67, .items = 53, .rank = 3, .noise = 0.5});
  for (const bool biases : {false, true}) {
    const Problem problem = reference_problem(planted, {}, biases);
    Parameters together = start_parameters(planted, 3);
    Parameters alternating = together;
    for (int epoch = 0; epoch < 100; ++epoch) {
      half_sweep(problem.by_user, alternating.items, problem, {}, alternating.users);
      half_sweep(problem.by_item, alternating.users, problem, {}, alternating.items);
    }
    DampingState state;
    for (int step = 0; step < 17; ++step) {
      EXPECT_TRUE(least_squares_step(problem, {.inner_steps = 50}, state, together).accepted);
    }
    const double reached = objective(problem, alternating);
    EXPECT_NEAR(objective(problem, together), reached, 0.01 * reached);
  }
}

TEST(LeastSquaresDamping, GrowsByDoublingFactorsUntilAStepIsAccepted) {
  const PlantedProblem planted = planted_problem({.rank = 5, .noise = 0.1});
  const Problem problem = reference_problem(planted, {});
  // Near the saddle at 0 the undamped step overshoots.
  Parameters parameters = random_parameters(planted, 5, 1e-3, 0.0);
  const LeastSquaresOptions options{.retries = 60};
  DampingState state{.damping = 1e-8, .growth = 2};
  bool grew = false;
  for (int step = 0; step < 10 && !grew; ++step) {
    const double tried = state.damping;
    const LeastSquaresOutcome outcome = least_squares_step(problem, options, state, parameters);
    ASSERT_TRUE(outcome.accepted);
    if (outcome.damping == tried) continue;
    grew = true;
    // After n rejections the factors 2·4·…·2ⁿ give 2^(n(n + 1)/2).
    const double doublings = std::log2(outcome.damping / tried);
    const double rejections = std::round((std::sqrt(8 * doublings + 1) - 1) / 2);
    EXPECT_DOUBLE_EQ(doublings, rejections * (rejections + 1) / 2);
  }
  EXPECT_TRUE(grew);
}

TEST(LeastSquaresRankZero, SolvesTheLinearProblemInOneStep) {
  const PlantedProblem planted =
      planted_problem({.mean = 0.3, .single_users = 2, .empty_items = 1});
  const Problem problem = reference_problem(planted, {});
  Parameters parameters = start_parameters(planted, 0);
  const Matrix design = jacobian(problem, parameters);
  Matrix matrix = design.transpose() * design;
  matrix.diagonal() += ridge_of(problem, parameters);
  const Vector slopes = values_of(gradient(problem, parameters), true);
  const Vector expected = matrix.completeOrthogonalDecomposition().solve(-slopes);

  DampingState state;
  EXPECT_TRUE(least_squares_step(problem, {}, state, parameters).accepted);
  const Vector left = values_of(gradient(problem, parameters), true);
  EXPECT_LE(left.norm(), 1e-12 * slopes.norm());
  // The smallest curvature is the ridge of a row with one rating, 0.9.
  EXPECT_LE((values_of(parameters, true) - expected).norm(), 4e-12 * slopes.norm());
}

TEST(LeastSquaresRankZero, WithoutPenaltyIsSolvedUpToTheFreeConstant) {
  const PlantedProblem planted = planted_problem({.users = 67, .items = 53});
  const Problem problem = reference_problem(planted, {.factors = 0, .biases = 0, .scaling = 0});
  Parameters parameters = start_parameters(planted, 0);
  const double slope = values_of(gradient(problem, parameters), true).norm();
  DampingState state;
  EXPECT_TRUE(least_squares_step(problem, {}, state, parameters).accepted);
  EXPECT_LE(values_of(gradient(problem, parameters), true).norm(), 1e-12 * slope);
}

TEST(LeastSquaresRankZero, WithoutBiasesHasNothingToDo) {
  const PlantedProblem planted = planted_problem({});
  const Problem problem = reference_problem(planted, {}, false);
  Parameters parameters = start_parameters(planted, 0);
  DampingState state;
  EXPECT_FALSE(least_squares_step(problem, {}, state, parameters).accepted);
}

}  // namespace
}  // namespace alsatian::reference
