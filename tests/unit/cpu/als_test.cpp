// Half-sweeps of alternating least squares against normal equations solved by Eigen in double.
// Every instruction set that this machine has is tested; the oracle shares no code with them.
#include "kernels/cpu/als.hpp"

#include "kernels/cpu/aligned.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/reference/als.hpp"
#include "tests/support/cpu_tables.hpp"
#include "tests/support/problems.hpp"
#include "tests/support/reference_problems.hpp"

#include <Eigen/Dense>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace alsatian::cpu {
namespace {

using ::alsatian::testing::planted_problem;
using ::alsatian::testing::PlantedProblem;
using ::alsatian::testing::Table;

constexpr double epsilon = std::numeric_limits<float>::epsilon();

/// A padded table of one side, aligned for the kernels.
struct PaddedTable {
  std::int32_t rank;
  AlignedFloats factors;
  AlignedFloats biases;

  PaddedTable(std::int64_t rows, std::int32_t factor_rank)
      : rank(factor_rank),
        factors(static_cast<std::size_t>(rows * padded(factor_rank))),
        biases(static_cast<std::size_t>(rows)) {}
  explicit PaddedTable(const Table& table) : PaddedTable(table.rows, table.rank) {
    for (std::int64_t row = 0; row < table.rows; ++row) {
      biases[static_cast<std::size_t>(row)] =
          static_cast<float>(table.biases[static_cast<std::size_t>(row)]);
      for (std::int32_t j = 0; j < rank; ++j) {
        view().row(row)[j] = static_cast<float>(table.row(row)[j]);
      }
    }
  }

  SideView<float> view() {
    return {factors.data(), biases.data(), static_cast<std::int64_t>(biases.size()), rank,
            padded(rank)};
  }
  SideView<const float> view() const {
    return {factors.data(), biases.data(), static_cast<std::int64_t>(biases.size()), rank,
            padded(rank)};
  }
};

struct RowOracle {
  Eigen::MatrixXd matrix;
  Eigen::VectorXd solution;  // factors, then the bias where there is one
};

/// The row's regularised normal equations in double.
RowOracle solve_in_double(const AlsTask& task, std::int64_t row) {
  const Eigen::Index rank = task.opposite.rank;
  const Eigen::Index order = rank + (task.biases ? 1 : 0);
  const auto columns = task.ratings.row_columns(row);
  const auto ratings = task.ratings.row_values(row);
  Eigen::MatrixXd panel(columns.size(), order);
  Eigen::VectorXd target(columns.size());
  for (std::int64_t j = 0; j < columns.size(); ++j) {
    for (Eigen::Index q = 0; q < rank; ++q) panel(j, q) = task.opposite.row(columns[j])[q];
    if (task.biases) panel(j, rank) = 1;
    target(j) = ratings[j] - (task.biases ? task.opposite.biases[columns[j]] : 0.0F);
  }
  const double scale = std::pow(static_cast<double>(columns.size()), task.regularization.scaling);
  RowOracle oracle;
  oracle.matrix = panel.transpose() * panel;
  oracle.matrix.diagonal().head(rank).array() += scale * task.regularization.factors;
  if (task.biases) oracle.matrix(rank, rank) += scale * task.regularization.biases;
  oracle.solution = oracle.matrix.ldlt().solve(panel.transpose() * target);
  return oracle;
}

Eigen::VectorXd solved_row(const AlsTask& task, std::int64_t row) {
  const Eigen::Index rank = task.solved.rank;
  Eigen::VectorXd solution(rank + (task.biases ? 1 : 0));
  for (Eigen::Index q = 0; q < rank; ++q) solution(q) = task.solved.row(row)[q];
  if (task.biases) solution(rank) = task.solved.biases[row];
  return solution;
}

/// Forward error bound of solving with a Gram matrix and a Cholesky factor in float: unit roundoff
/// times the order of the sums (order of the matrix, ratings of one panel, number of panels) times
/// the condition number (Higham, Accuracy and Stability, theorems 10.3 and 10.4), where random
/// rounding errors add up like a square root; 8 for the constants.
double forward_error_bound(const RowOracle& oracle, std::int64_t ratings) {
  const Eigen::VectorXd values = oracle.matrix.selfadjointView<Eigen::Lower>().eigenvalues();
  const double condition = values.maxCoeff() / values.minCoeff();
  const double terms = static_cast<double>(oracle.matrix.rows() + 64 + ratings / 64);
  return 8 * epsilon * std::sqrt(terms) * condition;
}

AlsTask make_task(const PlantedProblem& problem, const PaddedTable& items, PaddedTable& users) {
  AlsTask task;
  task.ratings = problem.by_user_float.view();
  task.opposite = items.view();
  task.solved = users.view();
  task.regularization = {.factors = 0.7, .biases = 0.2, .scaling = 0.5};
  return task;
}

std::vector<Isa> available_isas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
    if (isa_available(isa)) isas.push_back(isa);
  }
  return isas;
}

class AlsHalfSweep : public ::testing::TestWithParam<std::tuple<Isa, int>> {};

void expect_rows_match_oracle(const AlsTask& task) {
  for (std::int64_t row = 0; row < task.solved.rows; ++row) {
    const std::int64_t count = task.ratings.row_size(row);
    if (count == 0) {
      EXPECT_EQ(solved_row(task, row).norm(), 0) << "row " << row;
      continue;
    }
    if (task.solved.rank == 0 && !task.biases) continue;
    const RowOracle oracle = solve_in_double(task, row);
    const double error = (solved_row(task, row) - oracle.solution).norm();
    EXPECT_LE(error, forward_error_bound(oracle, count) * oracle.solution.norm())
        << "row " << row << " with " << count << " ratings";
  }
}

TEST_P(AlsHalfSweep, SolvesEveryRowLikeItsNormalEquationsInDouble) {
  const auto [isa, rank] = GetParam();
  // Rows from empty over shorter than 0.8 of the rank (dual form) to several panels long.
  for (const double density : {0.06, 0.9}) {
    const auto problem = planted_problem({.users = 13,
                                          .items = 257,
                                          .rank = rank,
                                          .density = density,
                                          .heavy_users = 2,
                                          .single_users = 2,
                                          .empty_users = 2});
    const PaddedTable items(problem.items);
    for (const auto& [scaling, biases] :
         {std::pair(0.0, true), std::pair(0.5, false), std::pair(1.0, true)}) {
      PaddedTable users(problem.options.users, rank);
      AlsTask task = make_task(problem, items, users);
      task.regularization.scaling = scaling;
      task.biases = biases;
      EXPECT_EQ(als_half_sweep(kernels(isa), task, longest_first(task.ratings)), 0);
      expect_rows_match_oracle(task);
    }
  }
}

TEST_P(AlsHalfSweep, LeavesThePaddingZero) {
  const auto [isa, rank] = GetParam();
  const auto problem = planted_problem({.users = 19, .items = 83, .rank = rank, .density = 0.5});
  const PaddedTable items(problem.items);
  PaddedTable users(problem.options.users, rank);
  const AlsTask task = make_task(problem, items, users);
  als_half_sweep(kernels(isa), task, longest_first(task.ratings));
  for (std::int64_t row = 0; row < task.solved.rows; ++row) {
    for (std::int32_t q = rank; q < task.solved.stride; ++q) {
      ASSERT_EQ(task.solved.row(row)[q], 0);
    }
  }
}

TEST_P(AlsHalfSweep, ByConjugateGradientsApproachesTheExactRow) {
  const auto [isa, rank] = GetParam();
  const auto problem =
      planted_problem({.users = 23, .items = 151, .rank = rank, .density = 0.5, .empty_users = 1});
  const PaddedTable items(problem.items);
  PaddedTable users(problem.options.users, rank);
  AlsTask task = make_task(problem, items, users);
  // Twice the order: exact in that many steps but for rounding, which a few more make good.
  task.solver_steps = 2 * (rank + 1);
  als_half_sweep(kernels(isa), task, longest_first(task.ratings));
  expect_rows_match_oracle(task);
}

TEST_P(AlsHalfSweep, ByAFewConjugateGradientsIsAsFarAsTheReference) {
  const auto [isa, rank] = GetParam();
  const auto problem = planted_problem({.users = 23,
                                        .items = 151,
                                        .rank = rank,
                                        .density = 0.5,
                                        .heavy_users = 2,
                                        .single_users = 2,
                                        .empty_users = 2});
  const auto start = testing::random_parameters(problem, rank, 0.3, 0.3);
  const FactorTable items = testing::to_table(start.items);
  FactorTable users = testing::to_table(start.users);
  constexpr int steps = 3;
  const AlsTask task{.ratings = problem.by_user_float.view(),
                     .opposite = items.view(),
                     .solved = users.view(),
                     .regularization = {.factors = 0.7, .biases = 0.2, .scaling = 0.5},
                     .biases = true,
                     .solver_steps = steps};
  reference::SideParameters expected = testing::from_table(users);
  reference::half_sweep(problem.by_user.view(), testing::from_table(items),
                        testing::reference_problem(problem, task.regularization),
                        {.solver_steps = steps}, expected);
  als_half_sweep(kernels(isa), task, longest_first(task.ratings));
  const reference::SideParameters solved = testing::from_table(users);
  for (std::int64_t row = 0; row < task.solved.rows; ++row) {
    const std::int64_t count = task.ratings.row_size(row);
    const double size = std::hypot(expected.factors.row(row).norm(), expected.biases[row]);
    const double error = std::hypot((solved.factors.row(row) - expected.factors.row(row)).norm(),
                                    solved.biases[row] - expected.biases[row]);
    // Each step makes at most the error of a whole solve.
    const double allowed =
        count > 0 ? steps * forward_error_bound(solve_in_double(task, row), count) * size : 0.0;
    EXPECT_LE(error, allowed) << "row " << row << " with " << count << " ratings";
  }
  EXPECT_TRUE(testing::padding_is_zero(users));
}

INSTANTIATE_TEST_SUITE_P(EveryInstructionSetAndRank, AlsHalfSweep,
                         ::testing::Combine(::testing::ValuesIn(available_isas()),
                                            ::testing::Values(0, 1, 5, 15, 16, 17, 31, 32, 33, 64,
                                                              100, 129)),
                         [](const auto& parameters) {
                           return std::string(isa_name(std::get<0>(parameters.param))) + "_rank_" +
                                  std::to_string(std::get<1>(parameters.param));
                         });

TEST(AlsHalfSweepBytes, DoNotDependOnTheNumberOfThreads) {
  const auto problem =
      planted_problem({.users = 211, .items = 97, .rank = 17, .density = 0.3, .heavy_users = 1});
  const PaddedTable items(problem.items);
  std::vector<AlignedFloats> results;
  for (const int threads : {1, 2, 3}) {
    use_threads(threads);
    PaddedTable users(problem.options.users, 17);
    const AlsTask task = make_task(problem, items, users);
    als_half_sweep(kernels(best_isa()), task, longest_first(task.ratings));
    results.push_back(users.factors);
  }
  use_threads(0);
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST(AlsHalfSweepWithoutRegularization, RepairsTheRowsThatTheirRatingsDoNotDetermine) {
  const auto problem =
      planted_problem({.users = 9, .items = 61, .rank = 8, .density = 0.8, .single_users = 2});
  const PaddedTable items(problem.items);
  for (const Isa isa : available_isas()) {
    PaddedTable users(problem.options.users, 8);
    AlsTask task = make_task(problem, items, users);
    task.regularization.factors = 0;
    task.regularization.biases = 0;
    const std::int64_t repaired = als_half_sweep(kernels(isa), task, longest_first(task.ratings));
    EXPECT_EQ(repaired, 2);
    for (const float value : users.factors) ASSERT_TRUE(std::isfinite(value));
  }
}

/// ½ Σ (rating − score)² in double.
double loss(const AlsTask& task) {
  double sum = 0;
  for (std::int64_t row = 0; row < task.solved.rows; ++row) {
    const auto columns = task.ratings.row_columns(row);
    const auto ratings = task.ratings.row_values(row);
    for (std::int64_t j = 0; j < columns.size(); ++j) {
      double score = task.solved.biases[row] + task.opposite.biases[columns[j]];
      for (std::int32_t q = 0; q < task.solved.rank; ++q) {
        score += double{task.solved.row(row)[q]} * task.opposite.row(columns[j])[q];
      }
      sum += 0.5 * (ratings[j] - score) * (ratings[j] - score);
    }
  }
  return sum;
}

TEST(AlsHalfSweepWithoutRegularization, NeverRaisesTheLossOnRowsShorterThanTheRank) {
  for (const std::int32_t rank : {8, 16, 32}) {
    const auto problem =
        planted_problem({.users = 101, .items = 83, .rank = rank, .density = 0.15, .noise = 0.5});
    for (const Isa isa : available_isas()) {
      PaddedTable users(problem.options.users, rank);
      PaddedTable items(problem.items);
      AlsTask by_user = make_task(problem, items, users);
      by_user.regularization = {.factors = 0, .biases = 0, .scaling = 0};
      AlsTask by_item = by_user;
      by_item.ratings = problem.by_item_float.view();
      by_item.opposite = users.view();
      by_item.solved = items.view();
      const double start = loss(by_user);
      double last = start;
      for (int sweep = 0; sweep < 10; ++sweep) {
        const AlsTask& task = sweep % 2 == 0 ? by_user : by_item;
        als_half_sweep(kernels(isa), task, longest_first(task.ratings));
        // The small ridge and float's rounding are below a thousandth of where the loss began.
        ASSERT_LE(loss(by_user), last + 1e-3 * start) << "rank " << rank << ", sweep " << sweep;
        last = loss(by_user);
      }
    }
  }
}

TEST(AlsHalfSweepWithoutRegularization, IsWhatARidgeTooSmallForFloatComesTo) {
  const auto problem = planted_problem({.users = 31, .items = 61, .rank = 32, .density = 0.2});
  const PaddedTable items(problem.items);
  for (const Isa isa : available_isas()) {
    const auto sweep = [&](double ridge) {
      PaddedTable users(problem.options.users, 32);
      AlsTask task = make_task(problem, items, users);
      task.regularization.factors = ridge;
      task.regularization.biases = ridge;
      als_half_sweep(kernels(isa), task, longest_first(task.ratings));
      return std::vector<float>(users.factors.begin(), users.factors.end());
    };
    const std::vector<float> tiny = sweep(1e-50);
    for (const float value : tiny) ASSERT_TRUE(std::isfinite(value));
    EXPECT_EQ(tiny, sweep(0));
  }
}

TEST(AlsHalfSweepWithoutRegularization, LeavesZeroWhereAllOppositeRowsAreZero) {
  const auto problem = planted_problem({.users = 9, .items = 61, .rank = 8, .density = 0.8});
  const PaddedTable items(problem.options.items, 8);
  PaddedTable users(problem.options.users, 8);
  AlsTask task = make_task(problem, items, users);
  task.regularization = {.factors = 0, .biases = 0, .scaling = 0};
  task.biases = false;
  EXPECT_EQ(als_half_sweep(kernels(best_isa()), task, longest_first(task.ratings)), 0);
  for (const float value : users.factors) ASSERT_EQ(value, 0);
}

TEST(AlsHalfSweepOfNonFiniteFactors, ReportsValuesThatAreNotNumbersInsteadOfHidingThem) {
  auto problem = planted_problem({.users = 9, .items = 61, .rank = 8, .density = 0.8});
  PaddedTable items(problem.items);
  items.view().row(0)[3] = std::numeric_limits<float>::quiet_NaN();
  for (const Isa isa : available_isas()) {
    PaddedTable users(problem.options.users, 8);
    const AlsTask task = make_task(problem, items, users);
    als_half_sweep(kernels(isa), task, longest_first(task.ratings));
    for (std::int64_t row = 0; row < task.solved.rows; ++row) {
      const auto columns = task.ratings.row_columns(row);
      const bool touched = columns.size() > 0 && columns[0] == 0;
      EXPECT_EQ(std::isfinite(task.solved.row(row)[0]), !touched) << "row " << row;
    }
  }
}

}  // namespace
}  // namespace alsatian::cpu
