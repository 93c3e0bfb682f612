// Checks that the reference backend does what Backend promises, on top of kernels/reference.
// The other backends are compared with it, so its plumbing must not be what differs.
#include "host/error.hpp"
#include "host/train/backend.hpp"
#include "kernels/reference/als.hpp"
#include "kernels/reference/least_squares.hpp"
#include "kernels/reference/objective.hpp"
#include "kernels/reference/sgd.hpp"
#include "tests/support/reference_problems.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <utility>

namespace alsatian {
namespace {

using testing::Compressed;
using testing::planted_problem;
using testing::planted_schedule;
using testing::PlantedProblem;
using testing::PlantedSchedule;
using testing::start_parameters;

PlantedProblem planted_with_empty_rows() {
  return planted_problem({.mean = 0.25, .noise = 0.4, .empty_users = 1, .empty_items = 1});
}

CompressedMatrix compressed(const Compressed<float>& from) {
  return {from.offsets, from.columns, from.values};
}

SideFactors to_factors(const reference::SideParameters& side) {
  SideFactors factors(side.rows(), static_cast<std::int32_t>(side.rank()));
  for (std::int64_t row = 0; row < side.rows(); ++row) {
    for (std::int64_t j = 0; j < side.rank(); ++j) {
      factors.row(row)[j] = static_cast<float>(side.factors(row, j));
    }
    factors.biases[static_cast<std::size_t>(row)] = static_cast<float>(side.biases[row]);
  }
  return factors;
}

/// The same as doubles: what a backend computes with when it is given these floats.
reference::SideParameters to_parameters(const SideFactors& factors) {
  reference::SideParameters side(factors.rows, factors.rank);
  for (std::int64_t row = 0; row < factors.rows; ++row) {
    for (std::int32_t j = 0; j < factors.rank; ++j) {
      side.factors(row, j) = double{factors.row(row)[j]};
    }
    side.biases[row] = double{factors.biases[static_cast<std::size_t>(row)]};
  }
  return side;
}

/// A training problem, and the same problem as the reference takes it. Empty rows start at 0.
struct Fixture {
  PlantedProblem planted = planted_with_empty_rows();
  TrainingProblem training;
  reference::Problem problem;
  reference::Parameters parameters;

  explicit Fixture(const Algorithm& algorithm)
      : problem(testing::reference_problem(planted, {})), parameters(start_parameters(planted, 5)) {
    training.spec.algorithm = algorithm;
    training.spec.rank = 5;
    training.scale.score_mean = 0.25;
    training.by_user = compressed(planted.by_user_float);
    training.by_item = compressed(planted.by_item_float);
    const PlantedSchedule schedule = planted_schedule(planted, 3);
    training.schedule = {schedule.grid, schedule.block_offsets, schedule.users, schedule.items,
                         schedule.ratings};
    training.start = {to_factors(parameters.users), to_factors(parameters.items)};
    parameters = {to_parameters(training.start.users), to_parameters(training.start.items)};
    parameters.users.factors.row(36).setZero();
    parameters.items.factors.row(28).setZero();
  }
};

void expect_equal(const Factors& factors, const reference::Parameters& parameters) {
  EXPECT_EQ(factors.users.factors, to_factors(parameters.users).factors);
  EXPECT_EQ(factors.users.biases, to_factors(parameters.users).biases);
  EXPECT_EQ(factors.items.factors, to_factors(parameters.items).factors);
  EXPECT_EQ(factors.items.biases, to_factors(parameters.items).biases);
}

TEST(ReferenceBackend, SaysWhatItIs) {
  EXPECT_EQ(make_reference_backend(Fixture(Als{}).training)->description(),
            "reference (Eigen, double, 1 thread)");
}

TEST(ReferenceBackend, StartsFromTheGivenFactorsWithEmptyRowsZero) {
  const Fixture fixture(Als{});
  expect_equal(make_reference_backend(fixture.training)->factors(), fixture.parameters);
}

TEST(ReferenceBackend, RunsExactHalfSweeps) {
  Fixture fixture(Als{});
  const auto backend = make_reference_backend(fixture.training);
  reference::Parameters& parameters = fixture.parameters;
  for (int epoch = 0; epoch < 2; ++epoch) {
    EXPECT_EQ(backend->als_half_sweep(Side::users).repaired_pivots, 0);
    EXPECT_EQ(backend->als_half_sweep(Side::items).repaired_pivots, 0);
    half_sweep(fixture.problem.by_user, parameters.items, fixture.problem, {}, parameters.users);
    half_sweep(fixture.problem.by_item, parameters.users, fixture.problem, {}, parameters.items);
  }
  expect_equal(backend->factors(), parameters);
}

TEST(ReferenceBackend, RunsHalfSweepsByConjugateGradientsWhereAskedTo) {
  Fixture fixture(Als{.solver = Solver::conjugate_gradient, .solver_steps = 2});
  const auto backend = make_reference_backend(fixture.training);
  reference::Parameters& parameters = fixture.parameters;
  backend->als_half_sweep(Side::users);
  half_sweep(fixture.problem.by_user, parameters.items, fixture.problem, {.solver_steps = 2},
             parameters.users);
  expect_equal(backend->factors(), parameters);
}

TEST(ReferenceBackend, KeepsAdaGradSumsOverEpochs) {
  Fixture fixture(Mle{});
  const auto backend = make_reference_backend(fixture.training);
  std::optional<reference::AdaGradSums> sums(std::in_place, 37, 29);
  for (int epoch = 0; epoch < 3; ++epoch) {
    backend->sgd_epoch(0.1, epoch);
    sgd_epoch(fixture.problem, fixture.training.schedule.view(),
              stage_order(3, epoch, fixture.training.spec.seed), 0.1, sums, fixture.parameters);
  }
  expect_equal(backend->factors(), fixture.parameters);
}

TEST(ReferenceBackend, RunsPlainGradientDescentWhereAskedTo) {
  Fixture fixture(Mle{.optimizer = Optimizer::sgd});
  const auto backend = make_reference_backend(fixture.training);
  std::optional<reference::AdaGradSums> none;
  backend->sgd_epoch(0.05, 0);
  sgd_epoch(fixture.problem, fixture.training.schedule.view(),
            stage_order(3, 0, fixture.training.spec.seed), 0.05, none, fixture.parameters);
  expect_equal(backend->factors(), fixture.parameters);
}

TEST(ReferenceBackend, KeepsTheDampingOverLeastSquaresSteps) {
  Fixture fixture(LeastSquares{});
  const auto backend = make_reference_backend(fixture.training);
  reference::DampingState state;
  for (int step = 0; step < 3; ++step) {
    const LeastSquaresReport report = backend->least_squares_step();
    const reference::LeastSquaresOutcome outcome =
        least_squares_step(fixture.problem, {.inner_steps = 50}, state, fixture.parameters);
    EXPECT_TRUE(report.accepted);
    EXPECT_EQ(report.objective, outcome.objective);
    EXPECT_EQ(report.damping, outcome.damping);
  }
  expect_equal(backend->factors(), fixture.parameters);
}

TEST(ReferenceBackend, ReportsTheObjectiveAndTheTrainingErrors) {
  const Fixture fixture(Als{});
  const Objective reported = make_reference_backend(fixture.training)->objective();
  const reference::LossSums sums = loss_sums(fixture.problem, fixture.parameters);
  EXPECT_EQ(reported.value, objective(fixture.problem, fixture.parameters));
  EXPECT_EQ(reported.train.count, fixture.planted.observations());
  EXPECT_EQ(reported.train.squared_error, sums.squared_error);
  EXPECT_EQ(reported.train.absolute_error, sums.absolute_error);
  EXPECT_EQ(reported.train.loss, sums.loss);
}

TEST(ReferenceBackend, ScoresUnknownUsersAndItemsByWhatIsKnown) {
  Fixture fixture(Als{});
  fixture.training.start.users.biases[3] = 0.5F;
  fixture.training.start.items.biases[4] = -1.0F;
  fixture.training.held_out.push_back(
      {.users = {3, -1, -1}, .items = {-1, 4, -1}, .ratings = {0, 0, 0}});
  const ErrorSums errors = make_reference_backend(fixture.training)->held_out_errors(0);
  // Scores 0.25 + 0.5, 0.25 − 1 and 0.25.
  EXPECT_EQ(errors.count, 3);
  EXPECT_EQ(errors.absolute_error, 0.75 + 0.75 + 0.25);
  EXPECT_EQ(errors.squared_error, 0.5625 + 0.5625 + 0.0625);
  EXPECT_EQ(errors.loss, 0.5 * errors.squared_error);
}

TEST(ReferenceBackend, NamesTheFirstRowThatIsNotFinite) {
  Fixture fixture(Als{});
  EXPECT_FALSE(make_reference_backend(fixture.training)->first_non_finite_row().has_value());
  fixture.training.start.items.biases[7] = std::numeric_limits<float>::infinity();
  const auto item = make_reference_backend(fixture.training)->first_non_finite_row();
  ASSERT_TRUE(item.has_value());
  EXPECT_EQ(item->side, Side::items);
  EXPECT_EQ(item->row, 7);
  fixture.training.start.users.row(12)[1] = std::numeric_limits<float>::quiet_NaN();
  const auto user = make_reference_backend(fixture.training)->first_non_finite_row();
  ASSERT_TRUE(user.has_value());
  EXPECT_EQ(user->side, Side::users);
  EXPECT_EQ(user->row, 12);
}

TEST(ReferenceBackend, FoldsInRowsAsAHalfSweepWouldSolveThem) {
  const Fixture fixture(Als{.solver = Solver::conjugate_gradient, .solver_steps = 1});
  const auto backend = make_reference_backend(fixture.training);
  const SideFactors users = backend->solve_rows(Side::users, fixture.training.by_user);
  const SideFactors items = backend->solve_rows(Side::items, fixture.training.by_item);
  reference::Parameters solved = fixture.parameters;
  half_sweep(fixture.problem.by_user, fixture.parameters.items, fixture.problem, {}, solved.users);
  half_sweep(fixture.problem.by_item, fixture.parameters.users, fixture.problem, {}, solved.items);
  EXPECT_EQ(users.factors, to_factors(solved.users).factors);
  EXPECT_EQ(users.biases, to_factors(solved.users).biases);
  EXPECT_EQ(items.factors, to_factors(solved.items).factors);
  EXPECT_EQ(items.biases, to_factors(solved.items).biases);
  expect_equal(backend->factors(), fixture.parameters);
}

TEST(ReferenceBackend, UsesTheRegularizationThatWasSetLast) {
  Fixture fixture(Als{});
  const auto backend = make_reference_backend(fixture.training);
  backend->set_regularization({.factors = 7, .biases = 3, .scaling = 0});
  fixture.problem.regularization = {.factors = 7, .biases = 3, .scaling = 0};
  EXPECT_EQ(backend->objective().value, objective(fixture.problem, fixture.parameters));
}

TEST(ReferenceBackend, TakesFactorsOfItsOwnShapeOnly) {
  Fixture fixture(Als{});
  const auto backend = make_reference_backend(fixture.training);
  Factors other = backend->factors();
  other.users.row(3)[2] = 42;
  backend->set_factors(other);
  EXPECT_EQ(backend->factors().users.factors, other.users.factors);
  other.items = SideFactors(29, 4);
  EXPECT_THROW(backend->set_factors(other), Error);
}

}  // namespace
}  // namespace alsatian
