// Errors, losses and penalties against plain loops in double, for every instruction set.
// The loops know neither chunks nor threads nor vectors.
#include "kernels/cpu/errors.hpp"

#include "tests/support/cpu_tables.hpp"
#include "tests/support/problems.hpp"
#include "tests/support/reference_problems.hpp"
#include "tests/support/tolerance.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace alsatian::cpu {
namespace {

using ::alsatian::testing::available_isas;
using ::alsatian::testing::from_table;
using ::alsatian::testing::planted_problem;
using ::alsatian::testing::PlantedOptions;
using ::alsatian::testing::PlantedProblem;
using ::alsatian::testing::random_parameters;
using ::alsatian::testing::ThreadsInScope;
using ::alsatian::testing::to_table;
namespace tolerance = ::alsatian::testing::tolerance;

/// More ratings than one chunk of a sum, with heavy, single and empty rows.
PlantedProblem problem_of(const Likelihood& likelihood, double mean = 0) {
  return planted_problem({.users = 97,
                          .items = 61,
                          .density = 0.5,
                          .mean = mean,
                          .likelihood = likelihood,
                          .heavy_users = 2,
                          .single_users = 3,
                          .empty_users = 2,
                          .empty_items = 1});
}

struct Tables {
  FactorTable users;
  FactorTable items;

  Tables(const PlantedProblem& problem, std::int32_t rank) {
    // Dot products with a standard deviation of 0.3, whatever the rank.
    const double deviation = std::sqrt(0.3 / std::sqrt(std::max(rank, 1)));
    const auto parameters = random_parameters(problem, rank, deviation, 0.2);
    users = to_table(parameters.users);
    items = to_table(parameters.items);
  }
  ScoreTask task(double mean, const Likelihood& likelihood) const {
    return {users.view(), items.view(), mean, likelihood};
  }
  reference::Parameters parameters() const { return {from_table(users), from_table(items)}; }
};

struct ListedRatings {
  std::vector<std::int32_t> users;
  std::vector<std::int32_t> items;
  std::vector<float> ratings;
};

ListedRatings list_of(const PlantedProblem& problem) {
  ListedRatings list;
  for (std::int32_t user = 0; user < problem.options.users; ++user) {
    const CsrView<float> ratings = problem.by_user_float.view();
    for (std::int64_t o = ratings.offsets[user]; o < ratings.offsets[user + 1]; ++o) {
      list.users.push_back(user);
      list.items.push_back(ratings.columns[o]);
      list.ratings.push_back(ratings.values[o]);
    }
  }
  return list;
}

/// The sums by one loop, each score in double.
ErrorSums expected_errors(const PlantedProblem& problem, const Tables& tables,
                          const ListedRatings& list) {
  const reference::Parameters parameters = tables.parameters();
  ErrorSums sums;
  for (std::size_t o = 0; o < list.ratings.size(); ++o) {
    double eta = problem.options.mean;
    if (list.users[o] >= 0) eta += parameters.users.biases[list.users[o]];
    if (list.items[o] >= 0) eta += parameters.items.biases[list.items[o]];
    if (list.users[o] >= 0 && list.items[o] >= 0) {
      eta += parameters.users.factors.row(list.users[o])
                 .dot(parameters.items.factors.row(list.items[o]));
    }
    const double rating = list.ratings[o];
    std::visit(
        [&](const auto& likelihood) {
          const double error = likelihood.mean(eta) - rating;
          sums += {1, error * error, std::abs(error), likelihood.loss_and_slope(eta, rating).loss};
        },
        problem.options.likelihood);
  }
  return sums;
}

void expect_near(const ErrorSums& sums, const ErrorSums& expected, std::int32_t rank) {
  const double allowed = tolerance::figures<float>(rank, expected.count);
  EXPECT_EQ(sums.count, expected.count);
  EXPECT_NEAR(sums.squared_error, expected.squared_error, allowed);
  EXPECT_NEAR(sums.absolute_error, expected.absolute_error, allowed);
  EXPECT_NEAR(sums.loss, expected.loss, allowed);
}

class Errors : public ::testing::TestWithParam<Likelihood> {};

std::string likelihood_of(const ::testing::TestParamInfo<Likelihood>& test) {
  return std::visit([](const auto& likelihood) { return std::string(likelihood.name); },
                    test.param);
}

TEST_P(Errors, OfTrainingRatingsAreThoseOfPlainLoops) {
  const PlantedProblem problem = problem_of(GetParam(), 0.25);
  for (const std::int32_t rank : {0, 1, 15, 16, 17, 31, 32, 33, 64, 100}) {
    const Tables tables(problem, rank);
    const ErrorSums expected = expected_errors(problem, tables, list_of(problem));
    for (const Isa isa : available_isas()) {
      SCOPED_TRACE(std::string(isa_name(isa)) + " rank " + std::to_string(rank));
      expect_near(training_errors(kernels(isa), tables.task(0.25, GetParam()),
                                  problem.by_user_float.view()),
                  expected, rank);
    }
  }
}

TEST_P(Errors, OfListedRatingsLeaveOutWhatIsUnknown) {
  const PlantedProblem problem = problem_of(GetParam(), 0.25);
  const Tables tables(problem, 9);
  ListedRatings list = list_of(problem);
  for (std::size_t o = 0; o < list.ratings.size(); ++o) {
    if (o % 3 == 0) list.users[o] = -1;
    if (o % 5 == 0) list.items[o] = -1;
  }
  const ErrorSums expected = expected_errors(problem, tables, list);
  for (const Isa isa : available_isas()) {
    SCOPED_TRACE(isa_name(isa));
    expect_near(listed_errors(kernels(isa), tables.task(0.25, GetParam()), list.users, list.items,
                              list.ratings),
                expected, 9);
  }
}

INSTANTIATE_TEST_SUITE_P(Likelihoods, Errors,
                         ::testing::Values(Gaussian{}, Laplace{}, Poisson{}, Bernoulli{}),
                         likelihood_of);

TEST(ErrorSums, AreTheSameForAnyNumberOfThreads) {
  const PlantedProblem problem = problem_of(Gaussian{});
  const Tables tables(problem, 33);
  std::vector<ErrorSums> sums;
  for (const int threads : {1, 2, 3}) {
    const ThreadsInScope scope(threads);
    sums.push_back(training_errors(kernels(best_isa()), tables.task(0, Gaussian{}),
                                   problem.by_user_float.view()));
  }
  for (const ErrorSums& other : sums) {
    EXPECT_EQ(other.squared_error, sums[0].squared_error);
    EXPECT_EQ(other.absolute_error, sums[0].absolute_error);
    EXPECT_EQ(other.loss, sums[0].loss);
  }
}

TEST(ErrorSums, OfNoRatingsAreZero) {
  const PlantedProblem problem = problem_of(Gaussian{});
  const Tables tables(problem, 3);
  const ErrorSums sums = listed_errors(kernels(best_isa()), tables.task(0, Gaussian{}), {}, {}, {});
  EXPECT_EQ(sums.count, 0);
  EXPECT_EQ(sums.loss, 0);
}

TEST(ErrorSums, NeedAsManyUsersAsRatings) {
  const PlantedProblem problem = problem_of(Gaussian{});
  const Tables tables(problem, 3);
  const ListedRatings list = list_of(problem);
  const View<const std::int32_t> fewer(list.users.data(), 5);
  EXPECT_THROW(listed_errors(kernels(best_isa()), tables.task(0, Gaussian{}), fewer, list.items,
                             list.ratings),
               std::invalid_argument);
}

TEST(Penalty, IsThatOfPlainLoops) {
  const PlantedProblem problem = problem_of(Gaussian{});
  for (const std::int32_t rank : {0, 1, 17, 100}) {
    const Tables tables(problem, rank);
    const reference::SideParameters side = from_table(tables.users);
    const Regularization regularization{1.3, 0.7, 0.6};
    double expected = 0;
    for (std::int64_t row = 0; row < side.rows(); ++row) {
      const auto count = static_cast<double>(problem.by_user.view().row_size(row));
      if (count == 0) continue;
      expected +=
          0.5 * std::pow(count, 0.6) *
          (1.3 * side.factors.row(row).squaredNorm() + 0.7 * side.biases[row] * side.biases[row]);
    }
    // All terms are positive, so that the relative error is that of the longest chain of sums.
    const double allowed = tolerance::sum<double>(97 + rank, expected);
    EXPECT_NEAR(penalty(tables.users.view(), problem.by_user.offsets, regularization), expected,
                allowed);
  }
}

TEST(FirstNonFiniteRow, IsTheFirstOfThem) {
  FactorTable table(5003, 3);
  EXPECT_EQ(first_non_finite_row(std::as_const(table).view()), std::nullopt);
  table.view().row(4999)[2] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(first_non_finite_row(std::as_const(table).view()), 4999);
  table.view().biases[4001] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(first_non_finite_row(std::as_const(table).view()), 4001);
  table.view().row(2)[0] = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(first_non_finite_row(std::as_const(table).view()), 2);
}

TEST(FirstNonFiniteRow, IsThatOfABiasWhereThereAreNoFactors) {
  FactorTable table(7, 0);
  table.view().biases[5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(first_non_finite_row(std::as_const(table).view()), 5);
}

class SquaredErrorOf : public ::testing::TestWithParam<int> {};

TEST_P(SquaredErrorOf, IsTheSumOverAllRatingsInDouble) {
  const PlantedProblem problem = problem_of(Gaussian{}, 0);
  Tables tables(problem, GetParam());
  const double expected = expected_errors(problem, tables, list_of(problem)).squared_error;
  for (const Isa isa : available_isas()) {
    const double found =
        squared_error(kernels(isa), {.ratings = problem.by_user_float.view(),
                                     .own = std::as_const(tables.users).view(),
                                     .opposite = std::as_const(tables.items).view()});
    // Errors are off by some 1e-7 of scores of about 1, either way in 3,000 ratings.
    EXPECT_NEAR(found, expected, 1e-6 * expected) << isa_name(isa);
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, SquaredErrorOf, ::testing::Values(0, 1, 7, 16, 33));

}  // namespace
}  // namespace alsatian::cpu
