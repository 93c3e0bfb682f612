// Row solves with a prior against dense equations solved by Eigen in double.
// The oracle writes P, s(n)λ and m out in full; the kernels never form Λ.
#include "kernels/cpu/als.hpp"
#include "tests/support/cpu_tables.hpp"
#include "tests/support/reference_problems.hpp"

#include <Eigen/Dense>
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace alsatian::cpu {
namespace {

using ::alsatian::testing::available_isas;
using ::alsatian::testing::planted_problem;
using ::alsatian::testing::PlantedProblem;
using ::alsatian::testing::random_table;
using ::alsatian::testing::to_parameters;
using ::alsatian::testing::to_table;

constexpr double epsilon = std::numeric_limits<float>::epsilon();

/// Symmetric, positive definite, far from diagonal; floats, so that no rounding is the kernels'.
Eigen::MatrixXd dense_precision(std::int32_t order) {
  const auto table = random_table(order, order, 1.0, 0, 5, RandomStream::user_start);
  const Eigen::Map<const Eigen::MatrixXd> root(table.factors.data(), order, order);
  const Eigen::MatrixXd product =
      root * root.transpose() + 2.0 * Eigen::MatrixXd::Identity(order, order);
  return product.cast<float>().cast<double>();
}

/// Items to solve users against, a prior of the users, and the rows that come out.
struct Solve {
  PlantedProblem planted;
  bool biases;
  FactorTable items;
  FactorTable users;
  FactorTable means;
  Eigen::MatrixXd precision;

  Solve(std::int32_t rank, bool with_biases)
      : planted(planted_problem({.users = 13,
                                 .items = 157,
                                 .rank = rank,
                                 .density = 0.3,
                                 .heavy_users = 2,
                                 .single_users = 2,
                                 .empty_users = 2})),
        biases(with_biases),
        items(to_table(to_parameters(planted.items))),
        users(13, rank),
        means(
            to_table(to_parameters(random_table(13, rank, 0.5, 0.5, 8, RandomStream::user_start)))),
        precision(dense_precision(rank + (biases ? 1 : 0))) {}

  std::span<const double> precision_entries() const {
    return {precision.data(), static_cast<std::size_t>(precision.size())};
  }

  AlsTask task(const AlsPrior& prior) {
    return {.ratings = planted.by_user_float.view(),
            .opposite = std::as_const(items).view(),
            .solved = users.view(),
            .regularization = {.factors = 0.7, .biases = 0.2, .scaling = 0.5},
            .biases = biases,
            .prior = &prior};
  }

  Eigen::VectorXd row_of(const FactorTable& table, std::int64_t row) const {
    const SideView<const float> side = table.view();
    Eigen::VectorXd values(precision.rows());
    for (std::int32_t q = 0; q < side.rank; ++q) values(q) = side.row(row)[q];
    if (biases) values(side.rank) = side.biases[row];
    return values;
  }
};

struct RowOracle {
  Eigen::MatrixXd matrix;
  Eigen::VectorXd solution;
};

/// (Σ z zᵀ + Λ) w = Σ z (r − c) + Λ m.
RowOracle solve_in_double(const Solve& solve, std::int64_t row) {
  const Eigen::Index order = solve.precision.rows();
  const SideView<const float> items = solve.items.view();
  const CsrView<float> ratings = solve.planted.by_user_float.view();
  const std::int64_t count = ratings.row_size(row);
  Eigen::MatrixXd precision = solve.precision;
  const double scale = std::sqrt(static_cast<double>(count));
  precision.diagonal().head(items.rank).array() += scale * 0.7;
  if (solve.biases) precision(items.rank, items.rank) += scale * 0.2;
  RowOracle oracle{precision, precision * solve.row_of(solve.means, row)};
  for (std::int64_t o = 0; o < count; ++o) {
    const std::int32_t item = ratings.row_columns(row)[o];
    Eigen::VectorXd z = Eigen::VectorXd::Ones(order);
    for (std::int32_t q = 0; q < items.rank; ++q) z(q) = items.row(item)[q];
    const double known = solve.biases ? items.biases[item] : 0.0;
    oracle.matrix += z * z.transpose();
    oracle.solution += (ratings.row_values(row)[o] - known) * z;
  }
  oracle.solution = Eigen::VectorXd(oracle.matrix.ldlt().solve(oracle.solution));
  return oracle;
}

/// As in als_test.cpp; products with Λ are sums of `order` terms more, and m has a size of its own.
double forward_error_bound(const RowOracle& oracle, std::int64_t ratings, double mean_norm) {
  const Eigen::VectorXd values = oracle.matrix.selfadjointView<Eigen::Lower>().eigenvalues();
  const double condition = values.maxCoeff() / values.minCoeff();
  const double terms = static_cast<double>(2 * oracle.matrix.rows() + 64 + ratings / 64);
  return 8 * epsilon * std::sqrt(terms) * condition * (oracle.solution.norm() + mean_norm);
}

void expect_rows_match_oracle(const Solve& solve) {
  for (std::int64_t row = 0; row < 13; ++row) {
    const std::int64_t count = solve.planted.by_user_float.view().row_size(row);
    const Eigen::VectorXd mean = solve.row_of(solve.means, row);
    if (count == 0) {
      EXPECT_EQ(solve.row_of(solve.users, row), mean) << "row " << row;
      continue;
    }
    const RowOracle oracle = solve_in_double(solve, row);
    EXPECT_LE((solve.row_of(solve.users, row) - oracle.solution).norm(),
              forward_error_bound(oracle, count, mean.norm()))
        << "row " << row << " with " << count << " ratings";
  }
  EXPECT_TRUE(testing::padding_is_zero(solve.users));
}

class AlsPriorOf : public ::testing::TestWithParam<std::tuple<Isa, int, bool>> {};

TEST_P(AlsPriorOf, MovesEveryRowToTheSolutionOfItsEquationsInDouble) {
  const auto [isa, rank, biases] = GetParam();
  Solve solve(rank, biases);
  const PaddedPrior prior(rank, biases, solve.precision_entries(),
                          std::as_const(solve.means).view());
  const AlsPrior shown = prior.view();
  const AlsTask task = solve.task(shown);
  EXPECT_EQ(als_half_sweep(kernels(isa), task, longest_first(task.ratings)), 0);
  expect_rows_match_oracle(solve);
}

TEST_P(AlsPriorOf, IsTheSameForConjugateGradients) {
  const auto [isa, rank, biases] = GetParam();
  Solve solve(rank, biases);
  const PaddedPrior prior(rank, biases, solve.precision_entries(),
                          std::as_const(solve.means).view());
  const AlsPrior shown = prior.view();
  AlsTask task = solve.task(shown);
  task.solver_steps = 2 * (rank + 1) + 4;
  als_half_sweep(kernels(isa), task, longest_first(task.ratings));
  expect_rows_match_oracle(solve);
}

TEST_P(AlsPriorOf, WithoutPrecisionPullsRowsToTheirMeansByTheRidgeAlone) {
  const auto [isa, rank, biases] = GetParam();
  Solve solve(rank, biases);
  solve.precision.setZero();
  const PaddedPrior prior(rank, biases, {}, std::as_const(solve.means).view());
  const AlsPrior shown = prior.view();
  const AlsTask task = solve.task(shown);
  als_half_sweep(kernels(isa), task, longest_first(task.ratings));
  expect_rows_match_oracle(solve);
}

TEST_P(AlsPriorOf, WithoutMeansPullsRowsToZero) {
  const auto [isa, rank, biases] = GetParam();
  Solve solve(rank, biases);
  solve.means = FactorTable(13, rank);
  const PaddedPrior prior(rank, biases, solve.precision_entries(), {});
  const AlsPrior shown = prior.view();
  const AlsTask task = solve.task(shown);
  als_half_sweep(kernels(isa), task, longest_first(task.ratings));
  expect_rows_match_oracle(solve);
}

/// Of a change x of a row: Σ d² and Σ (r − η) d over its ratings, and Σ |r − c| |d| + |η| |d|.
struct ChangeOracle {
  double squares = 0;
  double products = 0;
  double size = 0;
};

ChangeOracle change_in_double(const Solve& solve, const Eigen::VectorXd& change, std::int64_t row) {
  const SideView<const float> items = solve.items.view();
  const CsrView<float> ratings = solve.planted.by_user_float.view();
  const Eigen::VectorXd own = solve.row_of(solve.users, row);
  ChangeOracle sums;
  for (std::int64_t o = 0; o < ratings.row_size(row); ++o) {
    const std::int32_t item = ratings.row_columns(row)[o];
    Eigen::VectorXd z = Eigen::VectorXd::Ones(own.size());
    for (std::int32_t q = 0; q < items.rank; ++q) z(q) = items.row(item)[q];
    const double known = solve.biases ? items.biases[item] : 0.0;
    const double target = ratings.row_values(row)[o] - known;
    const double along = change.dot(z);
    sums.squares += along * along;
    sums.products += (target - own.dot(z)) * along;
    sums.size +=
        (std::abs(target) + own.cwiseAbs().dot(z.cwiseAbs())) * change.cwiseAbs().dot(z.cwiseAbs());
  }
  return sums;
}

// However large the prior is: sums of the ratings are not what is left of it.
TEST_P(AlsPriorOf, SumsWhatScoresOfTheNewRowsChangeBy) {
  const auto [isa, rank, biases] = GetParam();
  for (const double size : {1.0, 1e6}) {
    Solve solve(rank, biases);
    solve.precision *= size;
    const FactorTable changes =
        to_table(to_parameters(random_table(13, rank, 0.3, 0.3, 9, RandomStream::item_start)));
    const PaddedPrior prior(rank, biases, solve.precision_entries(),
                            std::as_const(solve.means).view());
    std::vector<float> squares(13, 9);
    std::vector<float> products(13, 9);
    AlsPrior shown = prior.view();
    shown.changes = changes.view();
    shown.noise = std::as_const(solve.means).view();  // also of rows that are drawn
    shown.change_squares = squares.data();
    shown.change_products = products.data();
    const AlsTask task = solve.task(shown);
    als_half_sweep(kernels(isa), task, longest_first(task.ratings));
    for (std::int64_t row = 0; row < 13; ++row) {
      const auto at = static_cast<std::size_t>(row);
      const ChangeOracle sums = change_in_double(solve, solve.row_of(changes, row), row);
      // Three products of the order, of sums over all ratings, whose roundings mostly cancel.
      const double terms = 3.0 * (rank + 1) + static_cast<double>(task.ratings.row_size(row));
      const double allowed = 2 * epsilon * std::sqrt(terms) * sums.size;
      EXPECT_NEAR(squares[at], sums.squares, allowed) << "row " << row;
      EXPECT_NEAR(products[at], sums.products, allowed) << "row " << row;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryInstructionSetAndRank, AlsPriorOf,
                         ::testing::Combine(::testing::ValuesIn(available_isas()),
                                            ::testing::Values(1, 5, 16, 17, 33, 64),
                                            ::testing::Bool()),
                         [](const auto& parameters) {
                           return std::string(isa_name(std::get<0>(parameters.param))) + "_rank_" +
                                  std::to_string(std::get<1>(parameters.param)) +
                                  (std::get<2>(parameters.param) ? "" : "_without_biases");
                         });

TEST(AlsPrior, OfRankZeroIsThatOfTheBias) {
  Solve solve(0, true);
  const PaddedPrior prior(0, true, solve.precision_entries(), std::as_const(solve.means).view());
  const AlsPrior shown = prior.view();
  const AlsTask task = solve.task(shown);
  als_half_sweep(kernels(best_isa()), task, longest_first(task.ratings));
  expect_rows_match_oracle(solve);
}

TEST(PaddedPrior, ReadsTheUpperTriangleOnly) {
  const std::vector<double> entries{4, 1, 2, 99, 5, 3, 99, 99, 6};
  const PaddedPrior prior(2, true, entries, {});
  const AlsPrior shown = prior.view();
  EXPECT_EQ(shown.precision.row(0)[1], 1);
  EXPECT_EQ(shown.precision.row(1)[0], 1);
  EXPECT_EQ(shown.precision.row(1)[1], 5);
  EXPECT_EQ(shown.precision.biases[0], 2);
  EXPECT_EQ(shown.precision.biases[1], 3);
  EXPECT_EQ(shown.bias_precision, 6);
}

TEST(PaddedPrior, OfAnotherSizeIsRefused) {
  const std::vector<double> entries(9);
  EXPECT_THROW(PaddedPrior(2, false, entries, {}), std::invalid_argument);
  EXPECT_THROW(PaddedPrior(3, true, entries, {}), std::invalid_argument);
  const FactorTable means(4, 3);
  EXPECT_THROW(PaddedPrior(2, true, entries, means.view()), std::invalid_argument);
}

}  // namespace
}  // namespace alsatian::cpu
