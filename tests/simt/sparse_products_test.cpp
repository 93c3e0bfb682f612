// Gauss-Newton products by cuSPARSE, whose stand-in computes what the real one defines, against one
// loop over the ratings in double, and steps of least squares that are made of them.
#include "kernels/cuda/sparse_products.hpp"

#include "kernels/cuda/least_squares.hpp"
#include "kernels/cuda/require.hpp"
#include "kernels/reference/objective.hpp"
#include "tests/simt/device_data.hpp"
#include "tests/simt/failed_calls.hpp"
#include "tests/simt/gauss_newton_cases.hpp"
#include "tests/simt/schedules.hpp"

#include <gmock/gmock.h>

#include <utility>

namespace alsatian::cuda {
namespace {

using ::alsatian::testing::allowed_difference;
using ::alsatian::testing::awkward_problem;
using ::alsatian::testing::beyond_32_bits;
using ::alsatian::testing::case_of;
using ::alsatian::testing::expected_product;
using ::alsatian::testing::from_device;
using ::alsatian::testing::largest_difference;
using ::alsatian::testing::planted_problem;
using ::alsatian::testing::PlantedProblem;
using ::alsatian::testing::RatingsOnDevice;
using ::alsatian::testing::reference_problem;
using ::alsatian::testing::RowResults;
using ::alsatian::testing::RowsCase;
using ::alsatian::testing::SparseMemory;
using ::alsatian::testing::start_parameters;
using ::alsatian::testing::TableOnDevice;
using ::alsatian::testing::to_device;
using ::alsatian::testing::usual_regularization;
using ::testing::HasSubstr;
namespace tolerance = ::alsatian::testing::tolerance;

class Runtime : public ::testing::Test {
 protected:
  Runtime() { simt::reset_device(); }
  ~Runtime() override {
    EXPECT_EQ(simt::leaks(), "");
    simt::set_schedule({});
    simt::set_vendor_libraries(true);
  }
};

/// One side as the solver keeps it: parameters, a direction and what a product gives.
struct Side {
  RatingsOnDevice ratings;
  TableOnDevice own;
  DeviceBuffer<float> direction_values;
  DeviceBuffer<float> output_values;
  DeviceBuffer<float> diagonal_values;
  DeviceBuffer<alsatian::RowRidge<float>> ridges;
  DeviceBuffer<double> row_products;

  Side(const Context& context, const testing::Compressed<float>& compressed,
       const reference::SideParameters& at, const reference::SideParameters& along)
      : ratings(context, compressed),
        own(context, at),
        direction_values(flat(context, along)),
        output_values(direction_values.size()),
        ridges(to_device(context, ridges_of(compressed))),
        row_products(at.rows()) {
    reference::SideParameters squares(at.rows(), at.rank());
    squares.factors.setConstant(0.5);
    squares.biases.setConstant(2.0);
    diagonal_values = flat(context, squares);
  }

  FlatTable vector(DeviceBuffer<float>& values) {
    const std::int32_t stride = padded_rank(own.rank);
    return {values.span(), own.biases.size(), own.rank, stride};
  }

  static std::vector<alsatian::RowRidge<float>> ridges_of(
      const testing::Compressed<float>& compressed) {
    std::vector<alsatian::RowRidge<float>> made;
    for (std::int64_t row = 0; row < compressed.rows(); ++row) {
      made.push_back(row_ridge<float>(static_cast<double>(compressed.view().row_size(row)),
                                      usual_regularization));
    }
    return made;
  }

  static DeviceBuffer<float> flat(const Context& context, const reference::SideParameters& side) {
    const auto rank = static_cast<std::int32_t>(side.rank());
    const std::int64_t stride = padded_rank(rank);
    std::vector<float> values(static_cast<std::size_t>(FlatTable::size(side.rows(), rank)));
    for (std::int64_t row = 0; row < side.rows(); ++row) {
      for (std::int64_t j = 0; j < rank; ++j) {
        values[static_cast<std::size_t>(row * stride + j)] =
            static_cast<float>(side.factors(row, j));
      }
      values[static_cast<std::size_t>(side.rows() * stride + row)] =
          static_cast<float>(side.biases[row]);
    }
    return to_device(context, values);
  }
};

GaussNewtonTask task_of(Side& side, Side& other, const RowsCase& rows) {
  return {.ratings = side.ratings.ratings(),
          .own = side.own.table(),
          .opposite = other.own.table(),
          .own_direction = side.vector(side.direction_values).table(),
          .opposite_direction = other.vector(other.direction_values).table(),
          .output = side.vector(side.output_values).table(),
          .diagonal = side.vector(side.diagonal_values).table(),
          .ridges = std::as_const(side.ridges).span(),
          .row_products = side.row_products.span(),
          .damping = rows.damping,
          .biases = rows.biases};
}

struct BothSides {
  RowResults users;
  RowResults items;
};

RowResults results_of(const Context& context, Side& side) {
  return {from_device(context, DeviceTable<const float>(side.vector(side.output_values).table())),
          {},
          from_device(context, std::as_const(side.row_products).span())};
}

BothSides device_products(const RowsCase& rows) {
  const Context context(0);
  Side users(context, rows.planted.by_user_float, rows.at.users, rows.direction.users);
  Side items(context, rows.planted.by_item_float, rows.at.items, rows.direction.items);
  VectorSums vectors(context);
  SparseProducts products(context, vectors, users.ratings.ratings(), items.ratings.ratings(),
                          users.own.rank);
  products.multiply(task_of(users, items, rows), task_of(items, users, rows),
                    users.vector(users.direction_values), items.vector(items.direction_values));
  context.compute().synchronize();
  return {results_of(context, users), results_of(context, items)};
}

void expect_equal(const RowResults& found, const RowResults& expected,
                  const reference::SideParameters& direction) {
  const double allowed = allowed_difference(expected.output);
  EXPECT_LE(largest_difference(found.output, expected.output), allowed);
  for (std::size_t row = 0; row < expected.row_products.size(); ++row) {
    const auto index = static_cast<std::int64_t>(row);
    const double size =
        direction.factors.row(index).cwiseAbs().sum() + std::abs(direction.biases[index]);
    EXPECT_NEAR(found.row_products[row], expected.row_products[row], size * allowed) << row;
  }
}

/// The same problem with users and items in each other's place.
PlantedProblem exchanged(const PlantedProblem& planted) {
  PlantedProblem other = planted;
  std::swap(other.by_user, other.by_item);
  std::swap(other.by_user_float, other.by_item_float);
  return other;
}

void expect_products(const RowsCase& rows) {
  const BothSides found = device_products(rows);
  expect_equal(found.users, expected_product(rows), rows.direction.users);
  const PlantedProblem turned = exchanged(rows.planted);
  RowsCase of_items{turned, {rows.at.items, rows.at.users}, {}, rows.biases};
  of_items.direction = {rows.direction.items, rows.direction.users};
  expect_equal(found.items, expected_product(of_items), rows.direction.items);
}

class SparseProductsOf : public Runtime, public ::testing::WithParamInterface<std::int32_t> {};

TEST_P(SparseProductsOf, BothSidesMultiplyByTheGaussNewtonMatrix) {
  const PlantedProblem planted = awkward_problem();
  expect_products(case_of(planted, GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Ranks, SparseProductsOf,
                         ::testing::Values(1, 3, 4, 7, 31, 32, 33, 64, 100, 128, 300),
                         [](const auto& rank) { return std::to_string(rank.param); });

class SparseProductsAnyhow : public Runtime {};

TEST_F(SparseProductsAnyhow, HaveNoBiasesWhereTheModelHasNone) {
  const PlantedProblem planted = awkward_problem();
  RowsCase rows = case_of(planted, 5);
  rows.biases = false;
  for (reference::SideParameters* side : {&rows.direction.users, &rows.direction.items}) {
    side->biases.setZero();
  }
  expect_products(rows);
  EXPECT_EQ(device_products(rows).users.output.biases.norm(), 0);
}

TEST_F(SparseProductsAnyhow, AreTheSameBytesUnderEverySchedule) {
  const PlantedProblem planted = awkward_problem();
  const RowsCase rows = case_of(planted, 33);
  const BothSides expected = device_products(rows);
  for (const simt::Schedule& schedule : simt::schedules()) {
    simt::set_schedule(schedule);
    const BothSides found = device_products(rows);
    EXPECT_EQ(found.users.output.factors, expected.users.output.factors);
    EXPECT_EQ(found.items.row_products, expected.items.row_products);
  }
}

struct Solved {
  LeastSquaresStep report;
  reference::Parameters parameters;
};

Solved step(const PlantedProblem& planted, std::int32_t rank, GaussNewtonProducts products) {
  const Context context(0);
  const RatingsOnDevice by_user(context, planted.by_user_float);
  const RatingsOnDevice by_item(context, planted.by_item_float);
  const reference::Parameters start = start_parameters(planted, rank);
  TableOnDevice users(context, start.users);
  TableOnDevice items(context, start.items);
  const LeastSquaresOptions options{
      .regularization = usual_regularization, .inner_steps = 5, .products = products};
  const std::size_t before = simt::device_bytes_in_use();
  LeastSquares solver(
      context,
      {by_user.ratings(), by_item.ratings(), planted.by_user.offsets, planted.by_item.offsets},
      rank, options);
  const auto planned = static_cast<std::size_t>(
      LeastSquares::bytes(planted.by_user.offsets, planted.by_item.offsets, rank, options));
  constexpr std::size_t library_space = 4 * (2 << 20);  // two products of two sides, a piece each
  const bool by_library = rank > 0 && products == GaussNewtonProducts::library;
  EXPECT_EQ(simt::device_bytes_in_use() - before, planned + (by_library ? library_space : 0));
  const std::int64_t allocations = simt::allocations_made();
  Solved solved{solver.step(users.table(), items.table()), {}};
  EXPECT_EQ(simt::allocations_made(), allocations);
  solved.parameters = {from_device(context, std::as_const(users).table()),
                       from_device(context, std::as_const(items).table())};
  return solved;
}

TEST_F(SparseProductsAnyhow, MakeTheStepsOfTheFusedPass) {
  const PlantedProblem planted = awkward_problem();
  const reference::Problem problem = reference_problem(planted, usual_regularization);
  for (const std::int32_t rank : {1, 19}) {
    const Solved fused = step(planted, rank, GaussNewtonProducts::fused);
    const Solved sparse = step(planted, rank, GaussNewtonProducts::library);
    EXPECT_TRUE(sparse.report.accepted);
    EXPECT_EQ(sparse.report.inner_steps, fused.report.inner_steps);
    const double exact = reference::objective(problem, sparse.parameters);
    EXPECT_NEAR(sparse.report.objective, exact, tolerance::sum<float>(rank + 4, exact));
    // Five steps of conjugate gradients, each of which rounds a product.
    EXPECT_LE(largest_difference(sparse.parameters.users, fused.parameters.users),
              5 * allowed_difference(fused.parameters.users));
  }
}

TEST_F(SparseProductsAnyhow, OfRankZeroAreNotMadeByTheLibrary) {
  const PlantedProblem planted = awkward_problem();
  simt::set_vendor_libraries(false);
  EXPECT_TRUE(step(planted, 0, GaussNewtonProducts::library).report.accepted);
}

TEST_F(SparseProductsAnyhow, NameTheLibraryThatIsMissing) {
  const PlantedProblem planted = awkward_problem();
  simt::set_vendor_libraries(false);
  std::string told;
  try {
    step(planted, 3, GaussNewtonProducts::library);
  } catch (const UnsupportedByDevice& error) {
    told = error.what();
  }
  EXPECT_THAT(told, HasSubstr("libcusparse.so.12"));
}

TEST_F(SparseProductsAnyhow, RefuseMoreRatingsThanTheLibraryCounts) {
  const Context context(0);
  VectorSums vectors(context);
  constexpr std::int64_t too_many = std::int64_t{1} << 31;
  SparseMemory<float> values(too_many);
  const auto offsets = to_device(context, std::vector<std::int64_t>{0, too_many});
  const DeviceRatings ratings{offsets.span(), {}, values.span()};
  EXPECT_THROW(SparseProducts(context, vectors, ratings, ratings, 3), UnsupportedByDevice);
}

TEST_F(SparseProductsAnyhow, TellEveryFailedCallWithItsPlaceAndLeakNothing) {
  const PlantedProblem planted = planted_problem({.users = 12, .items = 9});
  const RowsCase rows = case_of(planted, 4);
  testing::expect_every_failed_call_is_told([&] { device_products(rows); }, 60);
}

TEST_F(SparseProductsAnyhow, ReachElementsBeyond32BitOffsets) {
  constexpr std::int32_t rank = 124;
  constexpr HalvedRows shape{rank};
  constexpr std::int64_t rows = beyond_32_bits / 128 + 4;
  constexpr std::int64_t far_row = rows - 1;
  SparseMemory<float> table(rows * 128);
  SparseMemory<float> flat(rows * 128 + rows);
  SparseMemory<float> biases(rows);
  SparseMemory<float> halves(rows * shape.stride());
  SparseMemory<float> output(rows * 128);
  SparseMemory<float> other_biases(rows);
  SparseMemory<std::int64_t> offsets(rows + 1);
  SparseMemory<alsatian::RowRidge<float>> ridges(rows);
  SparseMemory<double> row_products(rows);
  table[far_row * 128] = 2;
  flat[far_row * 128] = 3;
  flat[rows * 128 + far_row] = 5;
  const Context context(0);
  const FlatTable direction{flat.span(), rows, rank, 128};
  const DeviceTable<const float> own{table.span(), biases.span(), rank, 128};
  const FillHalves fill{own, direction, halves.span(), shape, true, true};
  const std::int64_t first = far_row * shape.stride() / 4;
  launch(context.compute(), &for_each_element<FillHalves>, {1, sum_threads}, fill,
         WarpPieces{first, first + shape.stride() / 4, shape.stride() / 4, 1});
  context.compute().synchronize();
  const std::int64_t row_start = far_row * shape.stride();
  EXPECT_EQ(halves[row_start], 3);
  EXPECT_EQ(halves[row_start + rank], 5);
  EXPECT_EQ(halves[row_start + shape.half()], 2);
  EXPECT_EQ(halves[row_start + shape.half() + rank], 1);
  // The halves' memory as sums, whose last row is then in the middle of it.
  halves[far_row * shape.half()] = 7;
  halves[far_row * shape.half() + rank] = 11;
  const GaussNewtonTask task{.ratings = {offsets.span(), {}, {}},
                             .own = own,
                             .opposite = own,
                             .own_direction = direction.table(),
                             .opposite_direction = own,
                             .output = {output.span(), other_biases.span(), rank, 128},
                             .diagonal = direction.table(),
                             .ridges = ridges.span(),
                             .row_products = row_products.span()};
  simt::set_schedule({.first_block = far_row / gather_warps});
  launch(context.compute(), &finish_summed_rows<GatherShape<32, 1>>,
         {(rows + gather_warps - 1) / gather_warps, gather_threads}, task,
         DeviceSpan<const float>(halves.span()), shape);
  context.compute().synchronize();
  EXPECT_EQ(output[far_row * 128], 7);
  EXPECT_EQ(other_biases[far_row], 11);
  EXPECT_EQ(row_products[far_row], 3 * 7 + 5 * 11);
}

}  // namespace
}  // namespace alsatian::cuda
