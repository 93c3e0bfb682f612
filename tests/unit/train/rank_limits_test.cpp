// The largest ranks train to what the double reference finds: 1023 is padded, 1024 fills its rows.
// A rank beyond what a kernel was made for must not give a model that merely looks like one.
#include "host/train/backend.hpp"
#include "kernels/reference/als.hpp"
#include "kernels/reference/objective.hpp"
#include "tests/support/cpu_tables.hpp"
#include "tests/support/reference_problems.hpp"
#include "tests/support/tolerance.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <tuple>

namespace alsatian {
namespace {

namespace tolerance = testing::tolerance;
using testing::planted_problem;
using testing::PlantedProblem;

constexpr Regularization regularization{.factors = 0.3, .biases = 0.2, .scaling = 0.5};

/// Rows with more ratings than 0.8 of the rank, one, none, and few.
PlantedProblem long_rows() {
  return planted_problem({.users = 5,
                          .items = 907,
                          .density = 0.5,
                          .signal = 0.4,
                          .heavy_users = 1,
                          .single_users = 1,
                          .empty_users = 1});
}

PlantedProblem short_rows() {
  return planted_problem(
      {.users = 11, .items = 7, .density = 0.5, .signal = 0.4, .heavy_users = 1, .empty_users = 1});
}

TrainingProblem problem_of(const PlantedProblem& planted, const Algorithm& algorithm,
                           std::int32_t rank) {
  const auto matrix = [](const testing::Compressed<float>& ratings) {
    return CompressedMatrix{ratings.offsets, ratings.columns, ratings.values};
  };
  TrainingProblem problem;
  problem.spec.algorithm = algorithm;
  problem.spec.rank = rank;
  problem.spec.regularization = regularization;
  problem.by_user = matrix(planted.by_user_float);
  problem.by_item = matrix(planted.by_item_float);
  if (std::holds_alternative<Mle>(algorithm)) {
    problem.schedule = make_sgd_schedule(problem.by_user, planted.options.items, problem.spec.seed);
  }
  problem.start =
      start_factors(planted.options.users, planted.options.items, rank, 0.1, problem.spec.seed);
  return problem;
}

/// The same numbers in double.
reference::SideParameters to_parameters(const SideFactors& side) {
  reference::SideParameters parameters(side.rows, side.rank);
  for (std::int64_t row = 0; row < side.rows; ++row) {
    parameters.biases[row] = double{side.biases[static_cast<std::size_t>(row)]};
    for (std::int32_t j = 0; j < side.rank; ++j) {
      parameters.factors(row, j) = double{side.row(row)[j]};
    }
  }
  return parameters;
}

reference::Parameters to_parameters(const Factors& factors) {
  return {to_parameters(factors.users), to_parameters(factors.items)};
}

/// Σ z zᵀ of one row in double, applied to a vector over and over: its largest eigenvalue.
double gram_norm(const CsrView<double>& ratings, std::int64_t row,
                 const reference::SideParameters& fixed) {
  const auto columns = ratings.row_columns(row);
  reference::Matrix panel(columns.size(), fixed.rank() + 1);
  for (std::int64_t j = 0; j < columns.size(); ++j) {
    panel.row(j) << fixed.factors.row(columns[j]), 1;
  }
  reference::Vector direction = panel.colwise().sum();
  double norm = 0;
  for (int step = 0; step < 20; ++step) {
    direction /= direction.norm();
    direction = panel.transpose() * (panel * direction);
    norm = direction.norm();
  }
  return norm;
}

/// The gradient of every row of `solved` vanishes but for the rounding of its solve.
void expect_zero_gradient(const PlantedProblem& planted, Side side, const Factors& factors) {
  const bool is_user = side == Side::users;
  const reference::Problem problem = testing::reference_problem(planted, regularization);
  const CsrView<double>& ratings = is_user ? problem.by_user : problem.by_item;
  const reference::Parameters at = to_parameters(factors);
  reference::Parameters unsolved = at;
  (is_user ? unsolved.users : unsolved.items) =
      reference::SideParameters((is_user ? at.users : at.items).rows(), at.rank());
  const reference::Parameters of_solved = reference::gradient(problem, at);
  const reference::Parameters of_zero = reference::gradient(problem, unsolved);  // −right sides
  const auto norm = [&](const reference::Parameters& parameters, std::int64_t row) {
    const auto& own = is_user ? parameters.users : parameters.items;
    return std::hypot(own.factors.row(row).norm(), own.biases[row]);
  };
  for (std::int64_t row = 0; row < (is_user ? at.users : at.items).rows(); ++row) {
    const std::int64_t count = ratings.row_size(row);
    SCOPED_TRACE("row " + std::to_string(row) + " with " + std::to_string(count) + " ratings");
    if (count == 0) {
      EXPECT_EQ(norm(at, row), 0);
      continue;
    }
    const double matrix = gram_norm(ratings, row, is_user ? at.items : at.users) +
                          0.3 * std::sqrt(static_cast<double>(count));
    EXPECT_LE(norm(of_solved, row), tolerance::residual<float>(at.rank() + 1, count, matrix,
                                                               norm(at, row), norm(of_zero, row)));
    EXPECT_LE(norm(of_solved, row), 0.01 * norm(of_zero, row));  // and the bound says something
  }
}

class RankLimits : public ::testing::TestWithParam<std::tuple<Isa, int>> {
 protected:
  std::int32_t rank() const { return std::get<1>(GetParam()); }
  std::unique_ptr<Backend> cpu(const PlantedProblem& planted, const Algorithm& algorithm) const {
    return make_cpu_backend(problem_of(planted, algorithm, rank()),
                            {DeviceOptions::Kind::cpu, std::get<0>(GetParam())});
  }
};

TEST_P(RankLimits, AlsLeavesZeroGradientAtEverySolvedRow) {
  const PlantedProblem planted = long_rows();
  // The largest eigenvalue of the longest row's matrix is about 907 and the smallest at least
  // 0.2·√907 ≈ 6: with a condition of 150 conjugate gradients gain a digit in 14 steps.
  for (const Als& solver : {Als{}, Als{.solver = Solver::conjugate_gradient, .solver_steps = 80}}) {
    const auto backend = cpu(planted, solver);
    for (const Side side : {Side::users, Side::items}) {
      EXPECT_EQ(backend->als_half_sweep(side).repaired_pivots, 0);
      expect_zero_gradient(planted, side, backend->factors());
    }
  }
}

TEST_P(RankLimits, MleDescendsToWhereTheReferenceDoes) {
  const PlantedProblem planted = short_rows();
  const auto backend = cpu(planted, Mle{});
  const auto exact = make_reference_backend(problem_of(planted, Mle{}, rank()));
  backend->sgd_epoch(0.1, 0);
  exact->sgd_epoch(0.1, 0);
  const reference::Parameters found = to_parameters(backend->factors());
  const reference::Parameters expected = to_parameters(exact->factors());
  const double allowed = tolerance::descent<float>(11, 0.1, rank());
  EXPECT_LE(testing::largest_difference(found.users, expected.users), allowed);
  EXPECT_LE(testing::largest_difference(found.items, expected.items), allowed);
}

TEST_P(RankLimits, LeastSquaresEndsWhereAlsDoes) {
  const PlantedProblem planted = short_rows();
  const reference::Problem problem = testing::reference_problem(planted, regularization);
  const auto backend = cpu(planted, LeastSquares{});
  double reported = 0;
  for (int step = 0; step < 30; ++step) reported = backend->least_squares_step().objective;
  const double reached = reference::objective(problem, to_parameters(backend->factors()));
  EXPECT_NEAR(reported, reached, tolerance::figures<float>(rank(), planted.observations()));
  const auto als = cpu(planted, Als{});
  for (int epoch = 0; epoch < 30; ++epoch) {
    als->als_half_sweep(Side::users);
    als->als_half_sweep(Side::items);
  }
  EXPECT_GT(to_parameters(als->factors()).users.factors.norm(), 0.5);  // not biases alone
  const double by_als = reference::objective(problem, to_parameters(als->factors()));
  EXPECT_NEAR(reached, by_als, 0.01 * by_als);  // two ways into the same valley
}

INSTANTIATE_TEST_SUITE_P(EveryInstructionSet, RankLimits,
                         ::testing::Combine(::testing::ValuesIn(testing::available_isas()),
                                            ::testing::Values(1023, 1024)),
                         [](const auto& parameters) {
                           return std::string(isa_name(std::get<0>(parameters.param))) + "_rank_" +
                                  std::to_string(std::get<1>(parameters.param));
                         });

}  // namespace
}  // namespace alsatian
