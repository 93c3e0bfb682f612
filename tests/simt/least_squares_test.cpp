// Full-batch least squares as the device runs it: rows against sums in double, and where its steps
// lead against the reference.
#include "kernels/cuda/least_squares.hpp"

#include "kernels/cuda/bias_solve.hpp"
#include "kernels/cuda/least_squares_vectors.hpp"
#include "kernels/cuda/row_segments.hpp"
#include "kernels/reference/als.hpp"
#include "kernels/reference/least_squares.hpp"
#include "kernels/reference/objective.hpp"
#include "tests/simt/device_data.hpp"
#include "tests/simt/failed_calls.hpp"
#include "tests/simt/gauss_newton_cases.hpp"
#include "tests/simt/schedules.hpp"
#include "tests/support/reference_problems.hpp"
#include "tests/support/row_problems.hpp"
#include "tests/support/tolerance.hpp"

#include <gmock/gmock.h>

#include <limits>
#include <memory>

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
using ::alsatian::testing::rounded_to_float;
using ::alsatian::testing::RowResults;
using ::alsatian::testing::RowsCase;
using ::alsatian::testing::SparseMemory;
using ::alsatian::testing::start_parameters;
using ::alsatian::testing::TableOnDevice;
using ::alsatian::testing::to_device;
namespace tolerance = ::alsatian::testing::tolerance;

constexpr Regularization usual = ::alsatian::testing::usual_regularization;
constexpr std::int32_t short_part = 13;  // so that ordinary rows are cut too

/// Everything on the device.
struct Data {
  Context context{0};
  RatingsOnDevice by_user;
  RatingsOnDevice by_item;
  TableOnDevice users;
  TableOnDevice items;
  std::unique_ptr<LeastSquares> solver;

  Data(const PlantedProblem& planted, const reference::Parameters& parameters,
       const LeastSquaresOptions& options)
      : by_user(context, planted.by_user_float),
        by_item(context, planted.by_item_float),
        users(context, parameters.users),
        items(context, parameters.items),
        solver(std::make_unique<LeastSquares>(
            context,
            LeastSquaresRatings{by_user.ratings(), by_item.ratings(), planted.by_user.offsets,
                                planted.by_item.offsets},
            users.rank, options)) {}

  LeastSquaresStep step() { return solver->step(users.table(), items.table()); }
  reference::Parameters parameters() const {
    return {from_device(context, users.table()), from_device(context, items.table())};
  }
};

class Runtime : public ::testing::Test {
 protected:
  Runtime() { simt::reset_device(); }
  ~Runtime() override {
    EXPECT_EQ(simt::leaks(), "");
    simt::set_schedule({});
  }
};

// ---- rows ----

template <Gathers what>
RowResults device_rows(const RowsCase& rows) {
  const Context context(0);
  const RatingsOnDevice ratings(context, rows.planted.by_user_float);
  const TableOnDevice users(context, rows.at.users);
  const TableOnDevice items(context, rows.at.items);
  const TableOnDevice user_direction(context, rows.direction.users);
  const TableOnDevice item_direction(context, rows.direction.items);
  const reference::SideParameters shape(rows.at.users.rows(), rows.at.rank());
  TableOnDevice output(context, shape);
  reference::SideParameters squares = shape;
  if constexpr (what == Gathers::product) {  // any diagonal: the product is given one
    squares.factors.leftCols(rows.at.rank()).setConstant(0.5);
    squares.biases.setConstant(rows.biases ? 2.0 : 0.0);
  }
  TableOnDevice diagonal(context, squares);
  std::vector<alsatian::RowRidge<float>> ridge;
  for (std::int64_t row = 0; row < shape.rows(); ++row) {
    ridge.push_back(
        row_ridge<float>(static_cast<double>(rows.planted.by_user.view().row_size(row)), usual));
  }
  const auto ridges = to_device(context, ridge);
  DeviceBuffer<double> row_products(shape.rows());
  const RowSegments made = make_segments(rows.planted.by_user.offsets, rows.part_ratings);
  const auto segments = to_device(context, made.segments);
  const auto cut_rows = to_device(context, made.cut_rows);
  const std::int32_t stride = padded_rank(users.rank);
  DeviceBuffer<float> part_factors(std::int64_t{made.parts} * 2 * stride);
  DeviceBuffer<double> part_biases(made.parts);
  const GaussNewtonTask task{.ratings = ratings.ratings(),
                             .own = users.table(),
                             .opposite = items.table(),
                             .own_direction = user_direction.table(),
                             .opposite_direction = item_direction.table(),
                             .output = output.table(),
                             .diagonal = diagonal.table(),
                             .ridges = ridges.span(),
                             .row_products = row_products.span(),
                             .damping = rows.damping,
                             .biases = rows.biases};
  const PartSums parts{part_factors.span(), part_biases.span()};
  const auto shape_of = [](std::int64_t warps) {
    return LaunchShape{(warps + gather_warps - 1) / gather_warps, gather_threads};
  };
  with_gather_shape(stride, [&](auto gather) {
    using Shape = decltype(gather);
    launch(context.compute(), &gather_rows<Shape, what>, shape_of(segments.size()), task,
           segments.span(), parts);
    launch(context.compute(), &join_rows<Shape, what>, shape_of(cut_rows.size()), task,
           cut_rows.span(), parts);
  });
  return {from_device(context, DeviceTable<const float>(output.table())),
          from_device(context, DeviceTable<const float>(diagonal.table())),
          what == Gathers::product ? from_device(context, std::as_const(row_products).span())
                                   : std::vector<double>()};
}

class GaussNewtonRows : public Runtime, public ::testing::WithParamInterface<std::int32_t> {};

TEST_P(GaussNewtonRows, MultiplyByTheGaussNewtonMatrix) {
  const PlantedProblem planted = awkward_problem();
  RowsCase rows = case_of(planted, GetParam());
  const RowResults expected = expected_product(rows);
  for (const std::int32_t part_ratings : {short_part, 512}) {
    rows.part_ratings = part_ratings;
    const RowResults found = device_rows<Gathers::product>(rows);
    const double allowed = allowed_difference(expected.output);
    EXPECT_LE(largest_difference(found.output, expected.output), allowed);
    for (std::size_t row = 0; row < expected.row_products.size(); ++row) {
      // Σ |v| times the error of an element.
      const auto index = static_cast<std::int64_t>(row);
      const double size = rows.direction.users.factors.row(index).cwiseAbs().sum() +
                          std::abs(rows.direction.users.biases[index]);
      EXPECT_NEAR(found.row_products[row], expected.row_products[row], size * allowed);
    }
  }
}

TEST_P(GaussNewtonRows, GiveTheGradientAndTheDiagonal) {
  const PlantedProblem planted = awkward_problem();
  RowsCase rows = case_of(planted, GetParam());
  const reference::SideParameters expected =
      reference::gradient(reference_problem(planted, usual), rows.at).users;
  reference::SideParameters squares(41, GetParam());
  for (std::int64_t user = 0; user < 41; ++user) {
    for (const std::int32_t item : planted.by_user.view().row_columns(user)) {
      squares.factors.row(user) += rows.at.items.factors.row(item).cwiseAbs2();
      squares.biases[user] += 1;
    }
  }
  for (const std::int32_t part_ratings : {short_part, 512}) {
    rows.part_ratings = part_ratings;
    const RowResults found = device_rows<Gathers::gradient>(rows);
    EXPECT_LE(largest_difference(found.output, expected), allowed_difference(expected));
    EXPECT_LE(largest_difference(found.diagonal, squares), allowed_difference(squares));
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, GaussNewtonRows,
                         ::testing::Values(1, 7, 31, 32, 33, 64, 96, 100, 128, 190, 256, 300, 600,
                                           1000),
                         [](const auto& rank) { return std::to_string(rank.param); });

class GaussNewtonRowsAnyhow : public Runtime {};

TEST_F(GaussNewtonRowsAnyhow, HaveNoBiasesWhereTheModelHasNone) {
  const PlantedProblem planted = awkward_problem();
  RowsCase rows = case_of(planted, 5);
  rows.biases = false;
  rows.direction.users.biases.setZero();
  rows.direction.items.biases.setZero();
  const RowResults expected = expected_product(rows);
  const RowResults found = device_rows<Gathers::product>(rows);
  EXPECT_LE(largest_difference(found.output, expected.output), allowed_difference(expected.output));
  EXPECT_EQ(found.output.biases.norm(), 0);
  const RowResults gradient = device_rows<Gathers::gradient>(rows);
  EXPECT_EQ(gradient.output.biases.norm(), 0);
  EXPECT_EQ(gradient.diagonal.biases.norm(), 0);
}

TEST_F(GaussNewtonRowsAnyhow, ReachElementsBeyond32BitOffsets) {
  constexpr std::int64_t stride = 128;
  constexpr std::int64_t rows = beyond_32_bits / stride + 3;
  constexpr std::int64_t far_row = rows - 1;
  // One rating, at position 2³² + 3, of the last row by the last column.
  constexpr std::int64_t position = beyond_32_bits + 3;
  SparseMemory<std::int64_t> offsets(rows + 1);
  SparseMemory<std::int32_t> columns(position + 1);
  SparseMemory<float> values(position + 1);
  offsets[far_row] = position;
  offsets[rows] = position + 1;
  columns[position] = static_cast<std::int32_t>(far_row);
  values[position] = 1;
  SparseMemory<float> factors(rows * stride);
  SparseMemory<float> biases(rows);
  factors[far_row * stride] = 2;
  SparseMemory<float> output(rows * stride);
  SparseMemory<float> diagonal(rows * stride);
  SparseMemory<float> other_biases(rows);
  SparseMemory<alsatian::RowRidge<float>> ridges(rows);
  SparseMemory<double> row_products(rows);
  const DeviceTable<const float> table{factors.span(), biases.span(), 1, stride};
  const GaussNewtonTask task{.ratings = {offsets.span(), columns.span(), values.span()},
                             .own = table,
                             .opposite = table,
                             .own_direction = table,
                             .opposite_direction = table,
                             .output = {output.span(), other_biases.span(), 1, stride},
                             .diagonal = {diagonal.span(), other_biases.span(), 1, stride},
                             .ridges = ridges.span(),
                             .row_products = row_products.span()};
  constexpr std::int64_t part = beyond_32_bits / (2 * stride) + 1;
  SparseMemory<float> part_factors((part + 1) * 2 * stride);
  SparseMemory<double> part_biases(part + 1);
  const PartSums parts{part_factors.span(), part_biases.span()};
  const Context context(0);
  const auto whole = to_device(context, std::vector<RowSegment>{{far_row, position, 1, -1}});
  const auto cut = to_device(
      context, std::vector<RowSegment>{{far_row, position, 1, static_cast<std::int32_t>(part)}});
  const auto joined =
      to_device(context, std::vector<SegmentedRow>{{far_row, static_cast<std::int32_t>(part), 1}});
  using Shape = GatherShape<32, 1>;
  const LaunchShape one{1, gather_threads};
  for (const bool in_parts : {false, true}) {
    output[far_row * stride] = 0;
    launch(context.compute(), &gather_rows<Shape, Gathers::product>, one, task,
           in_parts ? cut.span() : whole.span(), parts);
    if (in_parts)
      launch(context.compute(), &join_rows<Shape, Gathers::product>, one, task, joined.span(),
             parts);
    context.compute().synchronize();
    EXPECT_EQ(output[far_row * stride], 16);  // (2·2 + 2·2)·2
    EXPECT_EQ(row_products[far_row], 32);
    launch(context.compute(), &gather_rows<Shape, Gathers::gradient>, one, task,
           in_parts ? cut.span() : whole.span(), parts);
    if (in_parts)
      launch(context.compute(), &join_rows<Shape, Gathers::gradient>, one, task, joined.span(),
             parts);
    context.compute().synchronize();
    EXPECT_EQ(output[far_row * stride], 6);  // (2·2 − 1)·2
    EXPECT_EQ(diagonal[far_row * stride], 4);
    diagonal[far_row * stride] = 0;
  }
  // Rank 0's sums of the same row.
  SparseMemory<double> opposite(rows);
  SparseMemory<double> sums(rows);
  opposite[far_row] = 5;
  launch(context.compute(), &gather_biases<true>, one,
         BiasRows{task.ratings, opposite.span(), opposite.span(), sums.span()}, whole.span(),
         parts.biases);
  context.compute().synchronize();
  EXPECT_EQ(sums[far_row], 9);
}

TEST_F(GaussNewtonRowsAnyhow, AndTheirVectorsReachElementsBeyond32BitOffsets) {
  constexpr std::int64_t stride = 128;
  constexpr std::int64_t rows = beyond_32_bits / stride + 4;  // a multiple of 4
  constexpr std::int64_t last = (rows - 1) * stride;
  SparseMemory<float> memory[4] = {
      SparseMemory<float>(rows * stride + rows), SparseMemory<float>(rows * stride + rows),
      SparseMemory<float>(rows * stride + rows), SparseMemory<float>(rows * stride + rows)};
  const auto vector = [&](int i) { return FlatTable{memory[i].span(), rows, stride, stride}; };
  SparseMemory<alsatian::RowRidge<float>> ridges(rows);
  ridges[rows - 1] = {3, 7};
  const Context context(0);
  DeviceBuffer<double> parts(1);
  // The last row's factors, and the last bias.
  for (const std::int64_t element : {last, rows * stride + rows - 1}) {
    const WarpPieces pieces{element / 4, element / 4 + 1, 32, 1};
    const auto sum = [&](auto body) {
      launch(context.compute(), &sum_elements<decltype(body)>,
             {1, sum_threads, sum_shared_bytes<1>}, body, pieces, parts.span());
      return from_device(context, std::as_const(parts).span())[0];
    };
    const float ridge = element == last ? 3.0F : 7.0F;
    memory[0][element] = 2;
    EXPECT_EQ(sum(SquaredNorm{vector(0)}), 4);
    memory[1][element] = 1;
    // Gradient 2, diagonal 1: inverse 1 / (1 + ridge); residual and search share one vector.
    EXPECT_EQ(sum(StartSolve{ridges.span(), vector(0), vector(1), vector(1), vector(2), vector(3),
                             vector(2), 1.0F}),
              4.0 / (1 + ridge));
    memory[1][element] = 1;
    memory[2][element] = 2;
    memory[3][element] = 3;
    EXPECT_EQ(sum(Predict{vector(1), vector(2), vector(3), vector(0), 1.0}),
              3 * (2.0 - 1.0 + 2 * 3));
    EXPECT_EQ(sum(Advance{vector(1), vector(2), vector(2), vector(3), vector(0), 2.0F}), 4);
    const DeviceTable<float> table = vector(0).table();
    const auto run = [&](auto body) {
      launch(context.compute(), &for_each_element<decltype(body)>, {1, sum_threads}, body, pieces);
      context.compute().synchronize();
    };
    memory[0][element] = 5;
    run(AddDirection{table, vector(1), vector(2)});
    EXPECT_EQ(memory[2][element], 6);
    run(Accept{vector(2), table});
    EXPECT_EQ(memory[0][element], 6);
    run(Turn{vector(0), vector(1), vector(2), 2.0F});
    EXPECT_EQ(memory[2][element], 18);
  }
}

TEST_F(GaussNewtonRowsAnyhow, AreCutSoThatEveryRatingIsInOneSegment) {
  const PlantedProblem planted = awkward_problem();
  const RowSegments made = make_segments(planted.by_user.offsets, 5);
  std::vector<int> seen(planted.by_user.values.size());
  std::int64_t rows = 0;
  std::int32_t longest = 5;
  for (const RowSegment& segment : made.segments) {
    EXPECT_LE(segment.count, longest);
    longest = segment.count;
    for (std::int32_t j = 0; j < segment.count; ++j) {
      ++seen[static_cast<std::size_t>(segment.first + j)];
    }
    rows += segment.part < 0;
  }
  EXPECT_THAT(seen, ::testing::Each(1));
  EXPECT_EQ(rows + static_cast<std::int64_t>(made.cut_rows.size()), 41);
  std::int32_t parts = 0;
  for (const SegmentedRow& row : made.cut_rows) {
    EXPECT_EQ(row.first_part, parts);
    parts += row.parts;
  }
  EXPECT_EQ(parts, made.parts);
}

// ---- steps ----

double norm(const reference::Parameters& gradient) {
  return std::sqrt(gradient.users.factors.squaredNorm() + gradient.users.biases.squaredNorm() +
                   gradient.items.factors.squaredNorm() + gradient.items.biases.squaredNorm());
}

LeastSquaresOptions options_of(bool biases = true) {
  return {.regularization = usual, .biases = biases, .inner_steps = 50, .part_ratings = short_part};
}

class DeviceLeastSquaresStep : public Runtime {};

TEST_F(DeviceLeastSquaresStep, LowersTheObjectiveThatItReports) {
  const PlantedProblem planted = awkward_problem();
  const reference::Problem problem = reference_problem(planted, usual);
  for (const std::int32_t rank : {1, 33}) {
    SCOPED_TRACE(rank);
    Data data(planted, start_parameters(planted, rank), options_of());
    double before = reference::objective(problem, data.parameters());
    for (int step = 0; step < 3; ++step) {
      const LeastSquaresStep report = data.step();
      ASSERT_TRUE(report.accepted);
      EXPECT_LT(report.objective, before);
      EXPECT_GT(report.inner_steps, 0);
      before = reference::objective(problem, data.parameters());
      // Scores of size about 1 with `rank` roundings each, squared residuals summed.
      EXPECT_NEAR(report.objective, before, tolerance::sum<float>(rank + 4, before));
    }
  }
}

TEST_F(DeviceLeastSquaresStep, ReachesTheObjectiveOfAlternatingLeastSquares) {
  const PlantedProblem planted = planted_problem({.users = 31, .items = 23, .noise = 0.5});
  const reference::Problem problem = reference_problem(planted, usual);
  reference::Parameters exact = start_parameters(planted, 5);
  for (int sweep = 0; sweep < 30; ++sweep) {
    reference::half_sweep(problem.by_user, exact.items, problem, {}, exact.users);
    reference::half_sweep(problem.by_item, exact.users, problem, {}, exact.items);
  }
  Data data(planted, start_parameters(planted, 5), options_of());
  double reached = 0;
  for (int step = 0; step < 14; ++step) {
    reached = data.step().objective;
  }
  const double lowest = reference::objective(problem, exact);
  EXPECT_NEAR(reached, lowest, 0.01 * lowest);
}

TEST_F(DeviceLeastSquaresStep, GivesTheSameBytesUnderEverySchedule) {
  const PlantedProblem planted = planted_problem({.users = 17, .items = 13, .heavy_users = 1});
  for (const std::int32_t rank : {0, 19}) {
    const auto result = [&] {
      LeastSquaresOptions options = options_of();
      options.inner_steps = 7;
      Data data(planted, start_parameters(planted, rank), options);
      data.step();
      if (rank > 0) data.step();
      return data.parameters();
    };
    const reference::Parameters first = result();
    for (const simt::Schedule& schedule : simt::schedules()) {
      simt::set_schedule(schedule);
      const reference::Parameters other = result();
      EXPECT_EQ(other.users.factors, first.users.factors);
      EXPECT_EQ(other.users.biases, first.users.biases);
      EXPECT_EQ(other.items.factors, first.items.factors);
      EXPECT_EQ(other.items.biases, first.items.biases);
    }
    simt::set_schedule({});
  }
}

TEST_F(DeviceLeastSquaresStep, AllocatesNothingAndItsSolverTakesTheBytesThatItSays) {
  const PlantedProblem planted = awkward_problem();
  for (const std::int32_t rank : {0, 5}) {
    const Context context(0);
    const RatingsOnDevice by_user(context, planted.by_user_float);
    const RatingsOnDevice by_item(context, planted.by_item_float);
    const reference::Parameters start = start_parameters(planted, rank);
    TableOnDevice users(context, start.users);
    TableOnDevice items(context, start.items);
    const std::size_t before = simt::device_bytes_in_use();
    LeastSquares solver(
        context,
        {by_user.ratings(), by_item.ratings(), planted.by_user.offsets, planted.by_item.offsets},
        rank, options_of());
    EXPECT_EQ(simt::device_bytes_in_use() - before,
              static_cast<std::size_t>(LeastSquares::bytes(
                  planted.by_user.offsets, planted.by_item.offsets, rank, options_of())));
    const std::int64_t allocations = simt::allocations_made();
    solver.step(users.table(), items.table());
    solver.set_regularization({2, 2, 1});
    solver.step(users.table(), items.table());
    EXPECT_EQ(simt::allocations_made(), allocations);
  }
}

TEST_F(DeviceLeastSquaresStep, ThatCannotLowerTheObjectiveChangesNothing) {
  const PlantedProblem planted = awkward_problem();
  // Without biases the point 0 is a saddle: the gradient is 0 there.
  Data data(planted, reference::Parameters{{41, 3}, {37, 3}}, options_of(false));
  const LeastSquaresStep report = data.step();
  EXPECT_FALSE(report.accepted);
  EXPECT_NEAR(report.objective,
              reference::objective(reference_problem(planted, usual), data.parameters()),
              1e-9 * report.objective);
  EXPECT_EQ(data.parameters().users.factors.norm(), 0);
}

TEST_F(DeviceLeastSquaresStep, OfParametersThatAreNotFiniteIsNotAccepted) {
  const PlantedProblem planted = awkward_problem();
  reference::Parameters start = start_parameters(planted, 3);
  start.users.factors(0, 1) = std::numeric_limits<double>::quiet_NaN();
  Data data(planted, start, options_of());
  EXPECT_FALSE(data.step().accepted);
}

TEST_F(DeviceLeastSquaresStep, WithoutBiasesKeepsThemZero) {
  const PlantedProblem planted = awkward_problem();
  Data data(planted, start_parameters(planted, 4), options_of(false));
  for (int step = 0; step < 3; ++step) {
    EXPECT_TRUE(data.step().accepted);
  }
  EXPECT_EQ(data.parameters().users.biases.norm(), 0);
  EXPECT_EQ(data.parameters().items.biases.norm(), 0);
}

TEST_F(DeviceLeastSquaresStep, FollowsANewRegularization) {
  const PlantedProblem planted = awkward_problem();
  Data data(planted, start_parameters(planted, 4), options_of());
  data.step();
  const Regularization stronger{9.0, 5.0, 0.2};
  data.solver->set_regularization(stronger);
  const LeastSquaresStep report = data.step();
  const double expected =
      reference::objective(reference_problem(planted, stronger), data.parameters());
  EXPECT_NEAR(report.objective, expected, tolerance::sum<float>(8, expected));
}

TEST_F(DeviceLeastSquaresStep, GoesOnFromTheDampingOfAnotherSolver) {
  const PlantedProblem planted = awkward_problem();
  Data whole(planted, start_parameters(planted, 4), options_of());
  whole.step();
  const reference::Parameters half = whole.parameters();
  const DampingState state = whole.solver->state();
  EXPECT_GT(state.first_gradient, 0);
  whole.step();
  Data resumed(planted, half, options_of());
  resumed.solver->state() = state;
  resumed.step();
  EXPECT_EQ(resumed.parameters().users.factors, whole.parameters().users.factors);
  EXPECT_EQ(resumed.parameters().items.biases, whole.parameters().items.biases);
}

TEST_F(DeviceLeastSquaresStep, OfRankZeroIsTheLast) {
  for (const bool more_users : {true, false}) {
    const PlantedProblem planted = planted_problem({.users = more_users ? 41 : 29,
                                                    .items = 37,
                                                    .heavy_users = 1,
                                                    .single_users = 3,
                                                    .empty_users = 2,
                                                    .empty_items = 1});
    const reference::Problem problem = reference_problem(planted, usual);
    Data data(planted, start_parameters(planted, 0), options_of());
    const double first = norm(reference::gradient(problem, data.parameters()));
    EXPECT_TRUE(data.step().accepted);
    // The exact solution, rounded to float: 41 ratings of a row see a change of half an ulp each.
    EXPECT_LE(norm(reference::gradient(problem, data.parameters())),
              41 * tolerance::eps<float> * first);
    EXPECT_FALSE(data.step().accepted);
  }
}

TEST_F(DeviceLeastSquaresStep, OfRankZeroSolvesInDoubleToTheEnd) {
  const PlantedProblem planted = awkward_problem();
  const Context context(0);
  const RowSegments rows[2] = {make_segments(planted.by_user.offsets, short_part),
                               make_segments(planted.by_item.offsets, short_part)};
  const RatingsOnDevice ratings[2] = {{context, planted.by_user_float},
                                      {context, planted.by_item_float}};
  std::vector<DeviceBuffer<RowSegment>> segments;
  std::vector<DeviceBuffer<SegmentedRow>> cut_rows;
  std::vector<DeviceBuffer<double>> memory;
  std::vector<BiasSide> sides;
  for (const int side : {0, 1}) {
    segments.push_back(to_device(context, rows[side].segments));
    cut_rows.push_back(to_device(context, rows[side].cut_rows));
    const std::int64_t size = ratings[side].ratings().rows();
    memory.emplace_back(BiasVectors::count * size + rows[side].parts);
    const auto part = [&](int i) { return memory.back().span().subspan(i * size, size); };
    sides.push_back(
        {ratings[side].ratings(),
         segments.back().span(),
         cut_rows.back().span(),
         memory.back().span().subspan(BiasVectors::count * size, rows[side].parts),
         {part(0), part(1), part(2), part(3), part(4), part(5), part(6), part(7), part(8)}});
  }
  VectorSums sums(context);
  EXPECT_LE(BiasSolve(context, sums, sides[0], sides[1]).run(usual), 1e-12);
  // The same in the reference's gradient: its sums round differently in the last places.
  const reference::Problem problem = reference_problem(planted, usual);
  reference::Parameters solution{{41, 0}, {37, 0}};
  const double first = norm(reference::gradient(problem, solution));
  for (const int side : {0, 1}) {
    const std::vector<double> biases =
        from_device(context, DeviceSpan<const double>(sides[side].vectors.biases));
    reference::SideParameters& target = side == 0 ? solution.users : solution.items;
    std::copy(biases.begin(), biases.end(), target.biases.data());
  }
  EXPECT_LE(norm(reference::gradient(problem, solution)), 2e-12 * first);
}

TEST_F(DeviceLeastSquaresStep, OfRankZeroWithoutBiasesHasNothingToDo) {
  const PlantedProblem planted = awkward_problem();
  Data data(planted, start_parameters(planted, 0), options_of(false));
  EXPECT_FALSE(data.step().accepted);
}

TEST_F(DeviceLeastSquaresStep, NamesTheCallAndLeaksNothingWhicheverCallFails) {
  const PlantedProblem planted = planted_problem({.users = 4, .items = 3, .rank = 1});
  LeastSquaresOptions options = options_of();
  options.inner_steps = 1;
  options.part_ratings = 2;
  for (const std::int32_t rank : {0, 1}) {
    const auto work = [&] {
      Data data(planted, start_parameters(planted, rank), options);
      data.step();
    };
    simt::reset_device();
    work();
    const std::int64_t calls = simt::calls_made();
    int thrown = 0;
    // Rank 0 begins with the same calls, and then makes many that differ in nothing.
    for (std::int64_t number = 1; number <= calls; number += rank == 0 ? 23 : 1) {
      simt::reset_device();
      simt::fail_call(number, cudaErrorLaunchFailure);
      try {
        work();
        EXPECT_THAT(simt::failed_call(), testing::is_release());
      } catch (const DeviceError& error) {
        ++thrown;
        EXPECT_THAT(error.what(), ::testing::HasSubstr("cudaErrorLaunchFailure"));
      }
      EXPECT_EQ(simt::leaks(), "") << "after call " << number << ", " << simt::failed_call();
    }
    EXPECT_GE(thrown, rank == 0 ? 5 : 80);
  }
}

TEST_F(DeviceLeastSquaresStep, RefusesRanksWithoutAKernel) {
  const PlantedProblem planted = awkward_problem();
  EXPECT_THROW(Data(planted, start_parameters(planted, 1025), options_of()), std::invalid_argument);
}

}  // namespace
}  // namespace alsatian::cuda
