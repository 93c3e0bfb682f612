// Row solves of alternating least squares by conjugate gradients, as the device runs them, against
// the normal equations in double. How far few steps lead is compared in
// tests/gpu/backend_cases.cpp.
#include "kernels/cuda/als_iterative.hpp"

#include "kernels/cuda/als_iterative_rows.hpp"
#include "kernels/reference/als.hpp"
#include "tests/simt/device_data.hpp"
#include "tests/simt/schedules.hpp"
#include "tests/support/reference_problems.hpp"
#include "tests/support/row_problems.hpp"
#include "tests/support/tolerance.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace alsatian::cuda {
namespace {

using testing::awkward_problem;
using testing::beyond_32_bits;
using testing::from_device;
using testing::PlantedProblem;
using testing::RatingsOnDevice;
using testing::rounded_to_float;
using testing::SparseMemory;
using testing::TableOnDevice;
using testing::to_device;

/// The ridge keeps the condition low, so that few steps more than the order reach float's end.
constexpr Regularization usual{1.0, 0.7, 0.5};
constexpr std::int32_t short_part = 13;  // so that ordinary rows are cut too

/// The users after one half-sweep from `start`.
reference::SideParameters swept(const PlantedProblem& planted, const reference::Parameters& start,
                                const IterativeOptions& options,
                                const Regularization& regularization = usual) {
  const Context context(0);
  const RatingsOnDevice ratings(context, planted.by_user_float);
  TableOnDevice users(context, start.users);
  const TableOnDevice items(context, start.items);
  std::vector<RowRidge> ridges;
  for (std::int64_t row = 0; row < start.users.rows(); ++row) {
    ridges.push_back(row_ridge<float>(static_cast<double>(planted.by_user.view().row_size(row)),
                                      regularization));
  }
  const auto ridge = to_device(context, ridges);
  DeviceBuffer<unsigned long long> repaired(1);
  const AlsTask task{.offsets = ratings.ratings().offsets,
                     .columns = ratings.ratings().columns,
                     .ratings = ratings.ratings().values,
                     .opposite = items.table().factors,
                     .opposite_biases = items.table().biases,
                     .ridges = ridge.span(),
                     .solved = users.table().factors,
                     .solved_biases = users.table().biases,
                     .repaired = repaired.span(),
                     .rank = users.rank,
                     .biases = true};
  AlsIterativeSide side(context, planted.by_user.offsets, users.rank, options);
  side.half_sweep(task);
  context.compute().synchronize();
  return from_device(context, std::as_const(users).table());
}

reference::Parameters start_of(const PlantedProblem& planted, std::int32_t rank) {
  reference::Parameters start =
      rounded_to_float(testing::random_parameters(planted, rank, 0.2, 0.2));
  for (std::int64_t user = 0; user < start.users.rows(); ++user) {
    if (planted.by_user.view().row_size(user) > 0) continue;
    start.users.factors.row(user).setZero();
    start.users.biases[user] = 0;
  }
  return start;
}

/// Every row's residual in double is one that float roundings explain, and every empty row is 0.
void expect_solves(const PlantedProblem& planted, const reference::Parameters& start,
                   const reference::SideParameters& solved, const Regularization& regularization) {
  for (std::int64_t row = 0; row < solved.rows(); ++row) {
    const std::int64_t count = planted.by_user.view().row_size(row);
    const reference::RowEquations equations = reference::row_equations(
        planted.by_user.view(), row, start.items, {regularization, 0, true});
    reference::Vector found(solved.rank() + 1);
    found << solved.factors.row(row).transpose(), solved.biases[row];
    if (count == 0) {
      EXPECT_EQ(found.norm(), 0) << "row " << row;
      continue;
    }
    const double residual = (equations.matrix * found - equations.right_side).norm();
    EXPECT_LE(residual,
              testing::tolerance::residual<float>(found.size(), count, equations.matrix.norm(),
                                                  found.norm(), equations.right_side.norm()))
        << "row " << row << " of " << count << " ratings";
  }
}

class Runtime : public ::testing::Test {
 protected:
  Runtime() { simt::reset_device(); }
  ~Runtime() override {
    EXPECT_EQ(simt::leaks(), "");
    simt::set_schedule({});
  }
};

class AlsIterative : public Runtime, public ::testing::WithParamInterface<std::int32_t> {};

TEST_P(AlsIterative, SolvesTheNormalEquationsInManySteps) {
  const PlantedProblem planted = awkward_problem();
  const reference::Parameters start = start_of(planted, GetParam());
  // A row's matrix has at most 37 eigenvalues beside the ridge; rounding costs some steps more.
  const IterativeOptions options{.steps = 60, .part_ratings = short_part};
  expect_solves(planted, start, swept(planted, start, options), usual);
}

INSTANTIATE_TEST_SUITE_P(Ranks, AlsIterative,
                         ::testing::Values(1, 7, 31, 32, 33, 64, 100, 128, 190, 300, 1000),
                         [](const auto& rank) { return std::to_string(rank.param); });

class AlsIterativeAnyhow : public Runtime {};

TEST_F(AlsIterativeAnyhow, StaysAtTheSolutionHoweverManyStepsFollow) {
  const PlantedProblem planted = awkward_problem();
  const reference::Parameters start = start_of(planted, 9);
  const reference::SideParameters soon = swept(planted, start, {.steps = 60});
  const reference::SideParameters late = swept(planted, start, {.steps = 200});
  EXPECT_EQ(soon.factors, late.factors);
  EXPECT_EQ(soon.biases, late.biases);
}

TEST_F(AlsIterativeAnyhow, LeavesWhatNoRatingTouchesWhereLambdaIsZero) {
  const PlantedProblem planted = awkward_problem();
  reference::Parameters start = start_of(planted, 4);
  start.items.factors.col(2).setZero();
  const Regularization none{0, 0, 0};
  const reference::SideParameters solved = swept(planted, start, {.steps = 40}, none);
  EXPECT_EQ(solved.factors.col(2), start.users.factors.col(2));
  EXPECT_TRUE(solved.factors.allFinite());
}

TEST_F(AlsIterativeAnyhow, GivesTheSameBytesUnderEverySchedule) {
  const PlantedProblem planted = awkward_problem();
  const reference::Parameters start = start_of(planted, 33);
  const IterativeOptions options{.steps = 3, .part_ratings = short_part};
  const reference::SideParameters expected = swept(planted, start, options);
  for (const simt::Schedule& schedule : simt::schedules()) {
    simt::set_schedule(schedule);
    const reference::SideParameters found = swept(planted, start, options);
    EXPECT_EQ(found.factors, expected.factors);
    EXPECT_EQ(found.biases, expected.biases);
  }
}

TEST_F(AlsIterativeAnyhow, ReachesRowsBeyond32BitOffsets) {
  constexpr std::int32_t stride = 16;
  constexpr std::int64_t rows = beyond_32_bits / stride + 2;
  constexpr std::int64_t far_row = rows - 1;
  SparseMemory<float> solved(rows * stride);
  SparseMemory<float> residual(rows * stride);
  SparseMemory<float> inverse(rows * stride);
  SparseMemory<float> direction(rows * stride);
  SparseMemory<float> product(rows * stride);
  SparseMemory<float> biases(rows);
  SparseMemory<alsatian::RowRidge<float>> ridges(rows);
  SparseMemory<double> curvatures(rows);
  SparseMemory<double> norms(rows);
  SparseMemory<double> enough(rows);
  const auto table = [&](SparseMemory<float>& factors) {
    return DeviceTable<float>{factors.span(), biases.span(), 1, stride};
  };
  residual[far_row * stride] = -6;  // the gradient
  inverse[far_row * stride] = 2;    // the diagonal
  ridges[far_row] = {1, 1};
  const IterativeRows task{.solved = table(solved),
                           .residual = table(residual),
                           .inverse = table(inverse),
                           .direction = table(direction),
                           .product = table(product),
                           .ridges = ridges.span(),
                           .curvatures = curvatures.span(),
                           .norms = norms.span(),
                           .enough = enough.span(),
                           .biases = false};
  const Context context(0);
  simt::set_schedule({.first_block = far_row / iterative_rows});
  const LaunchShape shape{rows / iterative_rows + 1, iterative_threads};
  launch(context.compute(), &start_rows<iterative_threads>, shape, task);
  context.compute().synchronize();
  EXPECT_EQ(residual[far_row * stride], 6);
  EXPECT_EQ(direction[far_row * stride], 2);  // 6 / (2 + 1)
  EXPECT_EQ(norms[far_row], 12);
  curvatures[far_row] = 24;
  product[far_row * stride] = 8;
  launch(context.compute(), &advance_rows<iterative_threads>, shape, task);
  context.compute().synchronize();
  EXPECT_EQ(solved[far_row * stride], 1);    // half of the direction
  EXPECT_EQ(residual[far_row * stride], 2);  // 6 − 8 / 2
}

}  // namespace
}  // namespace alsatian::cuda
