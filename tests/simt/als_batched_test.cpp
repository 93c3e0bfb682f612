// Row solves of alternating least squares by the vendors' libraries, whose stand-ins compute what
// the real ones define, against the normal equations in double.
#include "kernels/cuda/als_batched.hpp"

#include "kernels/cuda/als_batched_rows.hpp"
#include "kernels/cuda/require.hpp"
#include "kernels/cuda/vendor/libraries.hpp"
#include "kernels/reference/als.hpp"
#include "tests/simt/device_data.hpp"
#include "tests/simt/failed_calls.hpp"
#include "tests/simt/schedules.hpp"
#include "tests/support/reference_problems.hpp"
#include "tests/support/row_problems.hpp"
#include "tests/support/tolerance.hpp"

#include <gmock/gmock.h>

#include <functional>
#include <utility>
#include <vector>

namespace alsatian::cuda {
namespace {

using testing::awkward_problem;
using testing::beyond_32_bits;
using testing::from_device;
using ::testing::HasSubstr;
using testing::planted_problem;
using testing::PlantedProblem;
using testing::RatingsOnDevice;
using testing::rounded_to_float;
using testing::SparseMemory;
using testing::TableOnDevice;
using testing::to_device;

constexpr Regularization usual{1.0, 0.7, 0.5};

/// Chunks shorter than many rows, and several batches whatever the rank.
BatchedOptions small_batches(std::int32_t rank) {
  const std::int64_t columns = batched_columns(rank);
  return {.chunk_ratings = 7, .workspace_floats = 9 * columns * (columns + 7)};
}

struct Swept {
  reference::SideParameters users;
  unsigned long long repaired = 0;
};

struct Sweep {
  const PlantedProblem& planted;
  reference::SideParameters items;
  Regularization regularization = usual;
  bool biases = true;

  Swept run() const {
    const Context context(0);
    const RatingsOnDevice ratings(context, planted.by_user_float);
    TableOnDevice users(context,
                        reference::SideParameters(planted.by_user_float.rows(), items.rank()));
    const TableOnDevice fixed(context, items);
    std::vector<RowRidge> ridges;
    for (std::int64_t row = 0; row < planted.by_user_float.rows(); ++row) {
      ridges.push_back(row_ridge<float>(static_cast<double>(planted.by_user.view().row_size(row)),
                                        regularization));
    }
    const auto ridge = to_device(context, ridges);
    auto repaired = to_device(context, std::vector<unsigned long long>{0});
    const AlsTask task{.offsets = ratings.ratings().offsets,
                       .columns = ratings.ratings().columns,
                       .ratings = ratings.ratings().values,
                       .opposite = fixed.table().factors,
                       .opposite_biases = fixed.table().biases,
                       .ridges = ridge.span(),
                       .solved = users.table().factors,
                       .solved_biases = users.table().biases,
                       .repaired = repaired.span(),
                       .rank = users.rank,
                       .biases = biases};
    AlsBatchedSide side(context, planted.by_user.offsets, users.rank, small_batches(users.rank));
    side.half_sweep(task);
    context.compute().synchronize();
    return {from_device(context, std::as_const(users).table()),
            from_device(context, std::as_const(repaired).span())[0]};
  }
};

reference::SideParameters items_of(const PlantedProblem& planted, std::int32_t rank) {
  return rounded_to_float(testing::random_parameters(planted, rank, 0.2, 0.2)).items;
}

/// Every row's residual in double is one that float roundings explain, and every empty row is 0.
void expect_solves(const Sweep& sweep, const reference::SideParameters& solved) {
  const auto order = solved.rank() + (sweep.biases ? 1 : 0);
  for (std::int64_t row = 0; row < solved.rows(); ++row) {
    const std::int64_t count = sweep.planted.by_user.view().row_size(row);
    const reference::RowEquations equations = reference::row_equations(
        sweep.planted.by_user.view(), row, sweep.items, {sweep.regularization, 0, sweep.biases});
    reference::Vector found(order);
    found.head(solved.rank()) = solved.factors.row(row).transpose();
    if (sweep.biases) {
      found(solved.rank()) = solved.biases[row];
    } else {
      EXPECT_EQ(solved.biases[row], 0);
    }
    if (count == 0) {
      EXPECT_EQ(found.norm(), 0) << "row " << row;
      continue;
    }
    const double residual = (equations.matrix * found - equations.right_side).norm();
    EXPECT_LE(residual,
              testing::tolerance::residual<float>(order, count, equations.matrix.norm(),
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
    simt::set_vendor_libraries(true);
  }
};

class AlsBatched : public Runtime, public ::testing::WithParamInterface<std::int32_t> {};

TEST_P(AlsBatched, SolvesTheNormalEquations) {
  const PlantedProblem planted = awkward_problem();
  for (const bool biases : {true, false}) {
    Sweep sweep{planted, items_of(planted, GetParam()), usual, biases};
    if (!biases) sweep.items.biases.setZero();
    const Swept swept = sweep.run();
    expect_solves(sweep, swept.users);
    EXPECT_EQ(swept.repaired, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, AlsBatched, ::testing::Values(1, 7, 31, 32, 33, 64, 100, 128, 257),
                         [](const auto& rank) { return std::to_string(rank.param); });

class AlsBatchedAnyhow : public Runtime {};

TEST_F(AlsBatchedAnyhow, RepairsAndCountsRowsWithoutARidge) {
  const PlantedProblem planted = awkward_problem();
  // Rank 60 of at most 37 ratings: every row is singular.
  const Sweep sweep{planted, items_of(planted, 60), {0, 0, 0}};
  const Swept swept = sweep.run();
  EXPECT_TRUE(swept.users.factors.allFinite());
  unsigned long long rated = 0;
  for (std::int64_t row = 0; row < swept.users.rows(); ++row) {
    rated += planted.by_user.view().row_size(row) > 0 ? 1 : 0;
  }
  EXPECT_EQ(swept.repaired, rated);
}

TEST_F(AlsBatchedAnyhow, MakesRowsOfZerosZeroAndOfNotANumberNotANumber) {
  const PlantedProblem planted = awkward_problem();
  Sweep sweep{planted, items_of(planted, 5), {0, 0, 0}, false};
  sweep.items.factors.setZero();
  EXPECT_EQ(sweep.run().users.factors.norm(), 0);
  sweep.items.factors.setConstant(std::nan(""));
  const Swept swept = sweep.run();
  for (std::int64_t row = 0; row < swept.users.rows(); ++row) {
    if (planted.by_user.view().row_size(row) == 0) continue;
    EXPECT_TRUE(std::isnan(swept.users.factors(row, 0))) << row;
  }
}

TEST_F(AlsBatchedAnyhow, GivesTheSameBytesUnderEverySchedule) {
  const PlantedProblem planted = awkward_problem();
  const Sweep sweep{planted, items_of(planted, 33)};
  const Swept expected = sweep.run();
  for (const simt::Schedule& schedule : simt::schedules()) {
    simt::set_schedule(schedule);
    const Swept found = sweep.run();
    EXPECT_EQ(found.users.factors, expected.users.factors);
    EXPECT_EQ(found.users.biases, expected.users.biases);
  }
}

TEST_F(AlsBatchedAnyhow, TellsEveryFailedCallWithItsPlaceAndLeaksNothing) {
  const PlantedProblem planted = planted_problem({.users = 12, .items = 9});
  const Sweep sweep{planted, items_of(planted, 4)};
  testing::expect_every_failed_call_is_told([&] { sweep.run(); }, 50);
}

TEST_F(AlsBatchedAnyhow, NamesTheLibraryThatIsMissing) {
  const PlantedProblem planted = awkward_problem();
  const Sweep sweep{planted, items_of(planted, 4)};
  EXPECT_EQ(vendor::missing(), std::nullopt);
  simt::set_vendor_libraries(false);
  EXPECT_THAT(vendor::missing().value_or(""), HasSubstr("libcublas.so.13"));
  EXPECT_THROW(sweep.run(), UnsupportedByDevice);
}

TEST_F(AlsBatchedAnyhow, GathersRatingsAndOppositeRowsBeyond32BitOffsets) {
  constexpr std::int32_t rank = 14;
  constexpr std::int64_t rows = beyond_32_bits / 16 + 3;
  constexpr std::int64_t position = beyond_32_bits + 3;
  SparseMemory<float> opposite(rows * 16);
  SparseMemory<float> biases(rows);
  SparseMemory<std::int32_t> columns(position + 1);
  SparseMemory<float> ratings(position + 1);
  opposite[(rows - 1) * 16 + 13] = 2;
  biases[rows - 1] = 0.5F;
  columns[position] = static_cast<std::int32_t>(rows - 1);
  ratings[position] = 4;
  const Context context(0);
  const auto offsets = to_device(context, std::vector<std::int64_t>{position - 1, position + 1});
  const auto listed = to_device(context, std::vector<std::int64_t>{0});
  AlsTask task{};
  task.offsets = offsets.span();
  task.columns = columns.span();
  task.ratings = ratings.span();
  task.opposite = opposite.span();
  task.opposite_biases = biases.span();
  task.rank = rank;
  DeviceBuffer<float> gathered(2 * batched_columns(rank));
  launch(context.compute(), &gather_ratings<batched_threads>, {1, batched_threads}, task,
         BatchedStrides::of(rank), listed.span(), std::int64_t{1}, 2, gathered.span());
  const std::vector<float> found = from_device(context, std::as_const(gathered).span());
  std::vector<float> expected(32);
  expected[13] = 2;
  expected[14] = 1;
  expected[15] = 3.5F;
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace alsatian::cuda
