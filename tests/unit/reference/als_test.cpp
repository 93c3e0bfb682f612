// Checks half-sweeps by what they must achieve: a zero gradient, a lower objective, symmetry.
// None of the oracles solves normal equations the way the code does.
#include "kernels/reference/als.hpp"

#include "kernels/reference/objective.hpp"
#include "tests/support/reference_problems.hpp"
#include "tests/support/tolerance.hpp"

#include <Eigen/Eigenvalues>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

namespace alsatian::reference {
namespace {

using alsatian::testing::Compressed;
using alsatian::testing::planted_problem;
using alsatian::testing::PlantedOptions;
using alsatian::testing::PlantedProblem;
using alsatian::testing::random_parameters;
using alsatian::testing::reference_problem;
using alsatian::testing::start_parameters;
namespace tolerance = alsatian::testing::tolerance;

const PlantedOptions awkward{.users = 37,
                             .items = 29,
                             .rank = 5,
                             .mean = 0.3,
                             .heavy_users = 2,
                             .heavy_items = 1,
                             .single_users = 3,
                             .single_items = 2,
                             .empty_users = 2,
                             .empty_items = 1};

std::int64_t sweep_users(const Problem& problem, Parameters& parameters, int solver_steps = 0) {
  return half_sweep(problem.by_user, parameters.items, problem, {solver_steps}, parameters.users);
}
std::int64_t sweep_items(const Problem& problem, Parameters& parameters, int solver_steps = 0) {
  return half_sweep(problem.by_item, parameters.users, problem, {solver_steps}, parameters.items);
}

/// What solving may leave of a row's gradient: its residual.
double allowed_gradient(const CsrView<double>& ratings, std::int64_t row,
                        const SideParameters& opposite, const SideParameters& solved,
                        const Problem& problem) {
  if (ratings.row_size(row) == 0) return 0;
  const RowEquations equations =
      row_equations(ratings, row, opposite, {problem.regularization, problem.mean, problem.biases});
  const double norm = std::hypot(solved.factors.row(row).norm(), solved.biases[row]);
  return tolerance::residual<double>(equations.matrix.rows(), ratings.row_size(row),
                                     equations.matrix.norm(), norm, equations.right_side.norm());
}

class AlsHalfSweep : public ::testing::TestWithParam<std::tuple<double, bool>> {
 protected:
  AlsHalfSweep()
      : planted_(planted_problem(awkward)),
        problem_(reference_problem(
            planted_, {.factors = 1.2, .biases = 0.9, .scaling = std::get<0>(GetParam())},
            std::get<1>(GetParam()))),
        parameters_(random_parameters(planted_, 7, 0.6, problem_.biases ? 0.2 : 0.0)) {}

  PlantedProblem planted_;
  Problem problem_;
  Parameters parameters_;
};

TEST_P(AlsHalfSweep, LeavesZeroGradientAtEverySolvedUser) {
  EXPECT_EQ(sweep_users(problem_, parameters_), 0);
  const Parameters slopes = gradient(problem_, parameters_);
  for (std::int64_t user = 0; user < parameters_.users.rows(); ++user) {
    EXPECT_LE(
        std::hypot(slopes.users.factors.row(user).norm(), slopes.users.biases[user]),
        allowed_gradient(problem_.by_user, user, parameters_.items, parameters_.users, problem_));
  }
}

TEST_P(AlsHalfSweep, LeavesZeroGradientAtEverySolvedItem) {
  EXPECT_EQ(sweep_items(problem_, parameters_), 0);
  const Parameters slopes = gradient(problem_, parameters_);
  for (std::int64_t item = 0; item < parameters_.items.rows(); ++item) {
    EXPECT_LE(
        std::hypot(slopes.items.factors.row(item).norm(), slopes.items.biases[item]),
        allowed_gradient(problem_.by_item, item, parameters_.users, parameters_.items, problem_));
  }
}

/// P far from diagonal, and means of about 1 for all users.
RowPrior prior_of(const Problem& problem, std::int64_t users, std::int64_t rank) {
  const std::int64_t order = rank + (problem.biases ? 1 : 0);
  RowPrior prior{Matrix(order, order), SideParameters(users, rank)};
  for (std::int64_t row = 0; row < order; ++row) {
    for (std::int64_t column = 0; column < order; ++column) {
      prior.precision(row, column) = 1.0 / static_cast<double>(1 + std::abs(row - column));
    }
  }
  for (std::int64_t user = 0; user < users; ++user) {
    for (std::int64_t j = 0; j < rank; ++j) {
      prior.means.factors(user, j) = std::cos(static_cast<double>(user + 3 * j));
    }
    prior.means.biases[user] = problem.biases ? std::sin(static_cast<double>(user)) : 0.0;
  }
  return prior;
}

TEST_P(AlsHalfSweep, WithAPriorLeavesZeroGradientOfTheObjectiveAndThePrior) {
  const RowPrior prior = prior_of(problem_, parameters_.users.rows(), 7);
  half_sweep(problem_.by_user, parameters_.items, problem_, {.prior = &prior}, parameters_.users);
  const Parameters slopes = gradient(problem_, parameters_);
  for (std::int64_t user = 0; user < parameters_.users.rows(); ++user) {
    const Regularization& regularization = problem_.regularization;
    const double count = static_cast<double>(problem_.by_user.row_size(user));
    const double scale = row_scale(count, regularization.scaling);
    const std::int64_t order = prior.precision.rows();
    Vector slope = Vector::Zero(order);
    Vector distance = Vector::Zero(order);
    // F pulls to 0 by s(n)λ; the prior moves that pull to the mean, and adds P's.
    slope.head(7) = slopes.users.factors.row(user).transpose() -
                    scale * regularization.factors * prior.means.factors.row(user).transpose();
    distance.head(7) =
        (parameters_.users.factors.row(user) - prior.means.factors.row(user)).transpose();
    if (problem_.biases) {
      slope[7] =
          slopes.users.biases[user] - scale * regularization.biases * prior.means.biases[user];
      distance[7] = parameters_.users.biases[user] - prior.means.biases[user];
    }
    slope += prior.precision * distance;
    const double norms = distance.norm() + prior.means.factors.row(user).norm() + 1;
    EXPECT_LE(slope.norm(), allowed_gradient(problem_.by_user, user, parameters_.items,
                                             parameters_.users, problem_) +
                                tolerance::sum<double>(4 * order, prior.precision.norm() * norms) +
                                tolerance::sum<double>(4, scale * norms))
        << "user " << user;
  }
}

TEST_P(AlsHalfSweep, WithAPriorMakesRowsWithoutRatingsTheirMeans) {
  const RowPrior prior = prior_of(problem_, parameters_.users.rows(), 7);
  half_sweep(problem_.by_user, parameters_.items, problem_, {.prior = &prior}, parameters_.users);
  for (const std::int64_t user : {35, 36}) {
    EXPECT_EQ(parameters_.users.factors.row(user), prior.means.factors.row(user));
    EXPECT_EQ(parameters_.users.biases[user], prior.means.biases[user]);
  }
}

TEST_P(AlsHalfSweep, IsTheOneOfAPriorWithPrecisionOfItsRegularization) {
  if (problem_.regularization.scaling != 0) return;  // s(n) = 1: one precision for all rows
  const std::int64_t order = 7 + (problem_.biases ? 1 : 0);
  RowPrior prior;
  prior.precision = Matrix::Zero(order, order);
  prior.precision.diagonal().setConstant(problem_.regularization.factors);
  if (problem_.biases) prior.precision(7, 7) = problem_.regularization.biases;
  Problem unregularized = problem_;
  unregularized.regularization = {.factors = 0, .biases = 0, .scaling = 0};
  Parameters by_prior = parameters_;
  half_sweep(problem_.by_user, parameters_.items, unregularized, {.prior = &prior}, by_prior.users);
  sweep_users(problem_, parameters_);
  EXPECT_EQ(by_prior.users.factors, parameters_.users.factors);
  EXPECT_EQ(by_prior.users.biases, parameters_.users.biases);
}

TEST_P(AlsHalfSweep, NeverRaisesTheObjective) {
  double before = objective(problem_, parameters_);
  for (int sweep = 0; sweep < 30; ++sweep) {
    sweep % 2 == 0 ? sweep_users(problem_, parameters_) : sweep_items(problem_, parameters_);
    const double after = objective(problem_, parameters_);
    EXPECT_LE(after, before + tolerance::sum<double>(32, before)) << "half-sweep " << sweep;
    before = after;
  }
}

TEST_P(AlsHalfSweep, MakesRowsWithoutRatingsZero) {
  sweep_users(problem_, parameters_);
  for (const std::int64_t user : {35, 36}) {
    EXPECT_EQ(parameters_.users.factors.row(user).norm(), 0);
    EXPECT_EQ(parameters_.users.biases[user], 0);
  }
}

TEST_P(AlsHalfSweep, ByConjugateGradientsOfOrderPlusTwoStepsEqualsCholesky) {
  Parameters iterative = parameters_;
  sweep_users(problem_, parameters_);
  sweep_users(problem_, iterative, 7 + 1 + 2);
  for (std::int64_t user = 0; user < parameters_.users.rows(); ++user) {
    if (problem_.by_user.row_size(user) == 0) continue;
    const RowEquations equations =
        row_equations(problem_.by_user, user, parameters_.items,
                      {problem_.regularization, problem_.mean, problem_.biases});
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> spectrum(equations.matrix);
    const double condition = spectrum.eigenvalues().maxCoeff() / spectrum.eigenvalues().minCoeff();
    const Vector exact = parameters_.users.factors.row(user);
    // The steps' own roundings add up to a residual of about steps·eps beside Cholesky's.
    const double allowed = 2 * tolerance::solve<double>(8 + 10, condition) *
                           (exact.norm() + std::abs(parameters_.users.biases[user]));
    EXPECT_LE((iterative.users.factors.row(user).transpose() - exact).norm(), allowed);
    EXPECT_NEAR(iterative.users.biases[user], parameters_.users.biases[user], allowed);
  }
}

TEST_P(AlsHalfSweep, ByOneStepOfConjugateGradientsNeverRaisesTheObjective) {
  double before = objective(problem_, parameters_);
  for (int sweep = 0; sweep < 30; ++sweep) {
    sweep % 2 == 0 ? sweep_users(problem_, parameters_, 1) : sweep_items(problem_, parameters_, 1);
    const double after = objective(problem_, parameters_);
    // The first sweeps also empty rows, which are no part of F.
    EXPECT_LE(after, before + tolerance::sum<double>(32, before)) << "half-sweep " << sweep;
    before = after;
  }
}

INSTANTIATE_TEST_SUITE_P(ScalingsBiases, AlsHalfSweep,
                         ::testing::Combine(::testing::Values(0.0, 0.5, 1.0), ::testing::Bool()));

TEST(AlsSymmetry, SwappingUsersAndItemsSwapsFactors) {
  const PlantedProblem planted = planted_problem(awkward);
  Problem problem = reference_problem(planted, {});
  Parameters parameters = start_parameters(planted, 5);
  Problem swapped = problem;
  std::swap(swapped.by_user, swapped.by_item);
  Parameters mirrored{parameters.items, parameters.users};
  for (int epoch = 0; epoch < 3; ++epoch) {
    sweep_users(problem, parameters);
    sweep_items(problem, parameters);
    sweep_items(swapped, mirrored);
    sweep_users(swapped, mirrored);
  }
  EXPECT_EQ(parameters.users.factors, mirrored.items.factors);
  EXPECT_EQ(parameters.users.biases, mirrored.items.biases);
  EXPECT_EQ(parameters.items.factors, mirrored.users.factors);
  EXPECT_EQ(parameters.items.biases, mirrored.users.biases);
}

/// The ratings with row r moved to place[r].
Compressed<double> permute_rows(const Compressed<double>& from, const std::vector<int>& place) {
  std::vector<std::size_t> source(place.size());
  for (std::size_t row = 0; row < place.size(); ++row) {
    source[static_cast<std::size_t>(place[row])] = row;
  }
  Compressed<double> to;
  for (const std::size_t row : source) {
    for (auto o = static_cast<std::size_t>(from.offsets[row]);
         o < static_cast<std::size_t>(from.offsets[row + 1]); ++o) {
      to.columns.push_back(from.columns[o]);
      to.values.push_back(from.values[o]);
    }
    to.offsets.push_back(static_cast<std::int64_t>(to.columns.size()));
  }
  return to;
}

TEST(AlsSymmetry, PermutingUsersPermutesFactors) {
  const PlantedProblem planted = planted_problem(awkward);
  const Problem problem = reference_problem(planted, {});
  Parameters parameters = start_parameters(planted, 5);

  std::vector<int> place(37);
  for (int user = 0; user < 37; ++user)
    place[static_cast<std::size_t>(user)] = (user * 11 + 5) % 37;
  const Compressed<double> by_user = permute_rows(planted.by_user, place);
  const Compressed<double> by_item = alsatian::testing::transposed(by_user, 29);
  Problem moved = problem;
  moved.by_user = by_user.view();
  moved.by_item = by_item.view();
  Parameters permuted = parameters;
  for (int epoch = 0; epoch < 3; ++epoch) {
    sweep_users(problem, parameters);
    sweep_items(problem, parameters);
    sweep_users(moved, permuted);
    sweep_items(moved, permuted);
  }
  // Items sum over users in another order: one rounding of a sum of 37 terms, amplified by six
  // half-sweeps whose row systems have conditions below 100.
  const double allowed = 6 * 100 * tolerance::sum<double>(37, 1.0);
  for (int user = 0; user < 37; ++user) {
    const int to = place[static_cast<std::size_t>(user)];
    EXPECT_LE((parameters.users.factors.row(user) - permuted.users.factors.row(to)).norm(),
              allowed);
    EXPECT_NEAR(parameters.users.biases[user], permuted.users.biases[to], allowed);
  }
  EXPECT_LE((parameters.items.factors - permuted.items.factors).norm(), allowed * std::sqrt(29.0));
}

TEST(AlsRankZero, SolvesBiasesInClosedForm) {
  const PlantedProblem planted = planted_problem(awkward);
  const Problem problem = reference_problem(planted, {});
  Parameters parameters = random_parameters(planted, 0, 0.0, 0.4);
  sweep_users(problem, parameters);
  for (std::int64_t user = 0; user < 35; ++user) {
    const auto items = problem.by_user.row_columns(user);
    double sum = 0;
    for (std::int64_t o = 0; o < items.size(); ++o) {
      sum += problem.by_user.row_values(user)[o] - 0.3 - parameters.items.biases[items[o]];
    }
    const auto count = static_cast<double>(items.size());
    EXPECT_NEAR(parameters.users.biases[user], sum / (count + std::sqrt(count) * 0.9),
                tolerance::sum<double>(items.size(), 4));
  }
}

TEST(AlsRankZero, WithoutBiasesChangesNothing) {
  const PlantedProblem planted = planted_problem(awkward);
  const Problem problem = reference_problem(planted, {}, false);
  Parameters parameters(start_parameters(planted, 0));
  EXPECT_EQ(sweep_users(problem, parameters), 0);
  EXPECT_EQ(parameters.users.biases.norm(), 0);
}

TEST(RepairedPivots, OfOneObservationWithoutPenaltyAreCountedAndFitItsRating) {
  const PlantedProblem planted = planted_problem(awkward);
  const Problem problem = reference_problem(planted, {.factors = 0, .biases = 0, .scaling = 0.5});
  Parameters parameters = random_parameters(planted, 5, 0.6, 0.2);
  EXPECT_GT(sweep_users(problem, parameters), 0);
  EXPECT_TRUE(parameters.users.factors.allFinite() && parameters.users.biases.allFinite());
  for (const std::int64_t user : {32, 33, 34}) {
    const std::int64_t item = problem.by_user.row_columns(user)[0];
    // The jitter makes the condition at most order/1e-6.
    EXPECT_NEAR(score_of(parameters, problem.mean, user, item), problem.by_user.row_values(user)[0],
                tolerance::solve<double>(6, 6e6));
  }
}

TEST(RepairedPivots, GetAMillionthOfTheMeanDiagonal) {
  RowEquations equations{Matrix::Zero(3, 3), Vector::Zero(3)};
  equations.matrix.diagonal() << 1, 0, 2;
  equations.right_side << 5, 1e-6, 4;
  const RowSolution solution = solve_by_cholesky(equations);
  EXPECT_EQ(solution.repaired_pivots, 1);
  EXPECT_DOUBLE_EQ(solution.row[0], 5);
  EXPECT_DOUBLE_EQ(solution.row[1], 1);  // 1e-6 ÷ (1e-6·3/3)
  EXPECT_DOUBLE_EQ(solution.row[2], 2);
}

TEST(RepairedPivots, OfAMatrixOfZerosGiveZero) {
  const RowSolution solution = solve_by_cholesky({Matrix::Zero(3, 3), Vector::Zero(3)});
  EXPECT_EQ(solution.repaired_pivots, 3);
  EXPECT_EQ(solution.row.norm(), 0);
}

TEST(ConjugateGradients, FromTheSolutionStayThere) {
  RowEquations equations{Matrix::Identity(3, 3) * 2, Vector::Constant(3, 4)};
  EXPECT_EQ(solve_by_conjugate_gradients(equations, Vector::Constant(3, 2), 5),
            Vector(Vector::Constant(3, 2)));
}

}  // namespace
}  // namespace alsatian::reference
