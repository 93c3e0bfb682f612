// Gibbs sampling as the device runs it, part by part, against the reference's draws in double from
// the same random numbers.
#include "kernels/reference/gibbs.hpp"

#include "kernels/cuda/gibbs_draws.hpp"
#include "kernels/cuda/gibbs_features.hpp"
#include "kernels/cuda/row_moments.hpp"
#include "kernels/reference/als.hpp"
#include "tests/simt/device_data.hpp"
#include "tests/simt/failed_calls.hpp"
#include "tests/simt/schedules.hpp"
#include "tests/support/reference_problems.hpp"
#include "tests/support/tolerance.hpp"

#include <Eigen/Eigenvalues>
#include <gtest/gtest.h>

#include <bit>
#include <memory>
#include <tuple>
#include <vector>

namespace alsatian::cuda {
namespace {

using ::alsatian::testing::beyond_32_bits;
using ::alsatian::testing::Compressed;
using ::alsatian::testing::from_device;
using ::alsatian::testing::largest_difference;
using ::alsatian::testing::planted_problem;
using ::alsatian::testing::PlantedProblem;
using ::alsatian::testing::RatingsOnDevice;
using ::alsatian::testing::reference_problem;
using ::alsatian::testing::rounded_to_float;
using ::alsatian::testing::SparseMemory;
using ::alsatian::testing::TableOnDevice;
using ::alsatian::testing::to_device;
using reference::Matrix;
using reference::SideParameters;
using reference::Vector;
namespace tolerance = ::alsatian::testing::tolerance;

constexpr GibbsKey key{17, 3, 1};
constexpr std::int32_t short_part = 13;  // so that ordinary rows are cut too

/// 1/√n at every rating of a row.
Compressed<double> implicit_features(Compressed<double> ratings) {
  for (std::int64_t row = 0; row < ratings.rows(); ++row) {
    const auto first = static_cast<std::size_t>(ratings.offsets[static_cast<std::size_t>(row)]);
    const auto last = static_cast<std::size_t>(ratings.offsets[static_cast<std::size_t>(row) + 1]);
    for (std::size_t o = first; o < last; ++o) {
      ratings.values[o] = 1 / std::sqrt(static_cast<double>(last - first));
    }
  }
  return ratings;
}

/// Planted ratings with rows of every kind, and of any rank rows and what they are drawn around.
struct Case {
  PlantedProblem planted = planted_problem({.users = 41,
                                            .items = 37,
                                            .density = 0.4,
                                            .heavy_users = 2,
                                            .single_users = 2,
                                            .empty_users = 2});
  bool biases = true;
  reference::Parameters at;
  reference::GibbsSide side;
  double noise_precision = 1.7;

  explicit Case(std::int32_t rank, bool has_biases = true)
      : biases(has_biases),
        at(rounded_to_float(
            testing::random_parameters(planted, rank, 0.4, has_biases ? 0.3 : 0.0))) {
    const Eigen::Index order = rank + (biases ? 1 : 0);
    const Matrix spread = 0.3 / std::sqrt(static_cast<double>(order + 1)) * random(order, order, 7);
    side.mean = random(order, 1, 8);
    side.precision = 2 * Matrix::Identity(order, order) + spread * spread.transpose();
    side.weights = 0.2 * random(37, order, 9).cast<float>().cast<double>();
    side.weight_precision = 4;
  }

  static Matrix random(Eigen::Index rows, Eigen::Index columns, std::uint64_t seed) {
    Matrix values(rows, columns);
    for (Eigen::Index row = 0; row < rows; ++row) {
      RandomWords words(seed, RandomStream::generate, static_cast<std::uint64_t>(row));
      NormalDraws normal_draw(words);
      for (Eigen::Index j = 0; j < columns; ++j) values(row, j) = normal_draw();
    }
    return values;
  }

  std::int32_t rank() const { return static_cast<std::int32_t>(at.rank()); }
  View<const double> mean() const { return {side.mean.data(), side.mean.size()}; }
  View<const double> precision() const { return {side.precision.data(), side.precision.size()}; }

  SideParameters weights() const {
    SideParameters table(side.weights.rows(), rank());
    reference::assign_rows(side.weights, table);
    return table;
  }
};

/// The case on the device, with what draws its users.
struct Device {
  Context context{0};
  RatingsOnDevice by_user;
  RatingsOnDevice by_item;
  TableOnDevice users;
  TableOnDevice items;
  EntrySums entries;
  VectorSums vectors;
  RowMoments moments;
  std::unique_ptr<AlsSide> solver;
  GibbsRows rows;
  GibbsFeatures features;
  DeviceBuffer<unsigned long long> repaired{1};

  explicit Device(const Case& made)
      : by_user(context, made.planted.by_user_float),
        by_item(context, made.planted.by_item_float),
        users(context, made.at.users),
        items(context, made.at.items),
        entries(context, static_cast<int>(made.side.order())),
        vectors(context),
        moments(context, static_cast<int>(made.side.order())),
        solver(made.rank() == 0 ? nullptr
                                : std::make_unique<AlsSide>(
                                      context, made.planted.by_user.offsets, made.at.items.rows(),
                                      made.rank(), Halves::two,
                                      BinLimits{.part_ratings = short_part,
                                                .most_short_ratings = 0,
                                                .workspace_floats = 3 * part_floats(made.rank())})),
        rows(context, made.planted.by_user.offsets, solver.get(), made.rank(), made.biases),
        features(context, by_user.ratings(), by_item.ratings(), made.planted.by_user.offsets,
                 made.planted.by_item.offsets,
                 diagonal_of_features(made.planted.by_user_float.view(), made.at.items.rows()),
                 made.rank(), made.biases, short_part) {
    const TableOnDevice given(context, made.weights());
    const Stream& stream = context.compute();
    const DeviceTable<float> weights = features.weights();
    const auto copy = [&](DeviceSpan<const float> from, DeviceSpan<float> to) {
      check(cudaMemcpyAsync(to.data(), from.data(), bytes_of<float>(to.size()),
                            cudaMemcpyDeviceToDevice, stream.get()));
    };
    copy(given.table().factors, weights.factors);
    copy(given.table().biases, weights.biases);
    stream.synchronize();
  }

  void draw_users(const Case& made, bool with_features) {
    const DeviceTable<float> own = users.table();
    const DeviceTable<const float> opposite = std::as_const(items).table();
    const DeviceRatings ratings = by_user.ratings();
    const AlsTask task{.offsets = ratings.offsets,
                       .columns = ratings.columns,
                       .ratings = ratings.values,
                       .opposite = opposite.factors,
                       .opposite_biases = opposite.biases,
                       .ridges = {},
                       .solved = own.factors,
                       .solved_biases = own.biases,
                       .repaired = repaired.span(),
                       .rank = made.rank(),
                       .biases = made.biases};
    rows.draw(task,
              {.key = key,
               .stream = gibbs_user_streams.rows,
               .mean = made.mean(),
               .precision = made.precision(),
               .noise_precision = made.noise_precision},
              entries, with_features ? features.means() : DeviceTable<const float>());
    context.compute().synchronize();
  }
  SideParameters users_now() { return from_device(context, std::as_const(users).table()); }

  int draw_weights(const Case& made) {
    const Matrix root = made.side.precision.llt().matrixL();
    const Matrix inverse =
        root.triangularView<Eigen::Lower>().solve(Matrix::Identity(root.rows(), root.cols()));
    const int steps = features.draw({.key = key,
                                     .streams = gibbs_user_streams,
                                     .mean = made.mean(),
                                     .inverse_root = {inverse.data(), inverse.size()},
                                     .weight_precision = made.side.weight_precision},
                                    entries, std::as_const(users).table(), rows.scratch());
    context.compute().synchronize();
    return steps;
  }
  SideParameters weights_now() { return from_device(context, std::as_const(features).weights()); }
};

class Runtime : public ::testing::Test {
 protected:
  Runtime() { simt::reset_device(); }
  ~Runtime() override {
    EXPECT_EQ(simt::leaks(), "");
    simt::set_schedule({});
  }
};

class DeviceGibbs : public Runtime, public ::testing::WithParamInterface<std::int32_t> {};

void expect_drawn_rows(Case made, bool with_features) {
  SCOPED_TRACE(with_features ? "with features" : "without features");
  Device device(made);
  device.draw_users(made, with_features);
  if (!with_features) made.side.weights = Matrix::Zero(0, made.side.order());
  SideParameters expected(made.at.users.rows(), made.rank());
  const auto features = implicit_features(made.planted.by_user);
  const reference::Problem problem = reference_problem(made.planted, {}, made.biases);
  reference::draw_rows(made.planted.by_user.view(), made.at.items, problem, features.view(),
                       made.side, made.noise_precision, gibbs_user_streams, key, expected);
  const SideParameters found = device.users_now();
  for (std::int64_t row = 0; row < expected.rows(); ++row) {
    const reference::RowEquations equations =
        reference::row_equations(made.planted.by_user.view(), row, made.at.items,
                                 {{.factors = 0, .biases = 0}, 0, made.biases});
    const Matrix matrix = made.noise_precision * equations.matrix + made.side.precision;
    const Vector sizes = Eigen::SelfAdjointEigenSolver<Matrix>(matrix).eigenvalues();
    const double condition = sizes.size() > 0 ? sizes.maxCoeff() / sizes.minCoeff() : 1.0;
    const Matrix wanted = reference::rows_of(expected, made.side.order());
    const Matrix drawn = reference::rows_of(found, made.side.order());
    // Equations in float from a right side in float, which is wrong by as much again; the noise is
    // no larger than √order deviations, of which the row's norm may show less by chance.
    const double deviation =
        sizes.size() > 0 ? std::sqrt(static_cast<double>(sizes.size()) / sizes.minCoeff()) : 0.0;
    EXPECT_LE((drawn.row(row) - wanted.row(row)).norm(),
              2 * tolerance::solve<float>(made.side.order(), condition) *
                  (wanted.row(row).norm() + deviation))
        << "row " << row;
  }
  if (!made.biases) {
    EXPECT_EQ(found.biases.norm(), 0);
  }
}

TEST_P(DeviceGibbs, DrawsTheRowsOfTheReference) {
  const Case made(GetParam());
  expect_drawn_rows(made, false);
  expect_drawn_rows(made, true);
}

/// The moments of `rows` in double, its lower half.
Matrix moments_of(const Matrix& rows) {
  Matrix extended(rows.rows(), rows.cols() + 1);
  extended << rows, Vector::Ones(rows.rows());
  return (extended.transpose() * extended).triangularView<Eigen::Lower>();
}

TEST_P(DeviceGibbs, SumsTheMomentsOfRowsLessWhatIsKnownOfThem) {
  const Case made(GetParam());
  Device device(made);
  const auto order = made.side.order();
  const auto features = implicit_features(made.planted.by_user);
  const Matrix rows = reference::rows_of(made.at.users, order);
  for (const bool with_known : {false, true}) {
    const DeviceTable<const float> known =
        with_known ? device.features.means() : DeviceTable<const float>();
    Matrix expected = rows;
    if (with_known) expected -= reference::feature_means(features.view(), made.side.weights);
    Matrix found = Matrix::Zero(order + 1, order + 1);
    device.moments.sum(device.vectors, {std::as_const(device.users).table(), known, true},
                       {found.data(), static_cast<std::size_t>(found.size())});
    // A product of two floats, each wrong by the roundings of a sum over a row's features.
    const double rounding = (with_known ? 37 : 1) * 4 * tolerance::eps<float>;
    EXPECT_LE((found - moments_of(expected)).cwiseAbs().maxCoeff(),
              rounding * static_cast<double>(rows.rows()) *
                  std::max(1.0, expected.cwiseAbs2().maxCoeff()));
  }
}

TEST_P(DeviceGibbs, DrawsTheWeightsOfTheReference) {
  const Case made(GetParam());
  Device device(made);
  EXPECT_GT(device.draw_weights(made), 1);
  const auto features = implicit_features(made.planted.by_user);
  const auto order = made.side.order();
  const Matrix expected =
      reference::draw_weights(reference::rows_of(made.at.users, order), features.view(), made.side,
                              gibbs_user_streams, key);
  const Matrix found = reference::rows_of(device.weights_now(), order);
  // ‖e‖² ≤ rᵀA⁻¹r/λ_B, and A⁻¹ is at most M⁻¹ over the least eigenvalue of M⁻½AM⁻½.
  Matrix dense = Matrix::Zero(made.at.users.rows(), 37);
  for (std::int64_t row = 0; row < dense.rows(); ++row) {
    for (std::int64_t o = 0; o < features.view().row_size(row); ++o) {
      dense(row, features.view().row_columns(row)[o]) = features.view().row_values(row)[o];
    }
  }
  const Matrix equations =
      dense.transpose() * dense + made.side.weight_precision * Matrix::Identity(37, 37);
  const Vector root = equations.diagonal().cwiseSqrt().cwiseInverse();
  const double least =
      Eigen::SelfAdjointEigenSolver<Matrix>(root.asDiagonal() * equations * root.asDiagonal())
          .eigenvalues()
          .minCoeff();
  const Matrix covariance = made.side.precision.inverse();
  for (Eigen::Index j = 0; j < order; ++j) {
    const double stopped =
        2e-3 * std::sqrt(37 * covariance(j, j) / least / made.side.weight_precision);
    EXPECT_LE((found.col(j) - expected.col(j)).norm(),
              stopped + 100 * tolerance::eps<float> * expected.col(j).norm())
        << "column " << j;
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, DeviceGibbs,
                         ::testing::Values(0, 1, 7, 16, 31, 33, 64, 90, 128, 190, 250),
                         [](const auto& rank) { return std::to_string(rank.param); });

class DeviceGibbsAnyhow : public Runtime {};

TEST_F(DeviceGibbsAnyhow, DrawsRowsWithoutBiases) {
  const Case made(7, false);
  expect_drawn_rows(made, false);
  expect_drawn_rows(made, true);
}

void expect_the_same_bytes_under_every_schedule(std::int32_t rank) {
  Case made(rank);
  made.side.weight_precision = 1000;  // so that there are few steps, all of the same launches
  const auto draw = [&] {
    Device device(made);
    device.draw_weights(made);
    device.draw_users(made, true);
    std::vector<double> moments(static_cast<std::size_t>((rank + 2) * (rank + 2)));
    device.moments.sum(device.vectors, {std::as_const(device.users).table(), {}, true}, moments);
    return std::make_tuple(device.users_now().factors, device.users_now().biases,
                           device.weights_now().factors, moments);
  };
  const auto first = draw();
  for (const simt::Schedule& schedule : simt::schedules()) {
    simt::set_schedule(schedule);
    ASSERT_EQ(draw(), first);
  }
  simt::set_schedule({});
}

TEST_F(DeviceGibbsAnyhow, GivesTheSameBytesUnderEveryScheduleWhereOneWarpHoldsARow) {
  expect_the_same_bytes_under_every_schedule(33);
}

TEST_F(DeviceGibbsAnyhow, GivesTheSameBytesUnderEveryScheduleWhereWarpsShareARow) {
  expect_the_same_bytes_under_every_schedule(90);
}

TEST_F(DeviceGibbsAnyhow, TakesTheDrawsOfOneRowInTheOrderOfItsWords) {
  RandomWords words = key.words(RandomStream::gibbs_user_rows, 5);
  NormalDraws normal_draw(words);
  for (std::uint32_t pair = 0; pair < 7; ++pair) {
    const Normal2 drawn = key.normal_pair(RandomStream::gibbs_user_rows, 5, pair);
    EXPECT_EQ(drawn.value[0], normal_draw());
    EXPECT_EQ(drawn.value[1], normal_draw());
  }
}

TEST_F(DeviceGibbsAnyhow, ReachesElementsBeyond32BitOffsets) {
  constexpr std::int32_t stride = 128;
  constexpr std::int64_t rows = beyond_32_bits / stride + 3;
  constexpr std::int64_t far_row = rows - 1;
  // One rating, at position 2³² + 3, of the last row by the last column.
  constexpr std::int64_t position = beyond_32_bits + 3;
  SparseMemory<std::int64_t> offsets(rows + 1);
  SparseMemory<std::int32_t> columns(position + 1);
  SparseMemory<float> ratings(position + 1);
  offsets[far_row] = position;
  offsets[rows] = position + 1;
  columns[position] = static_cast<std::int32_t>(far_row);
  ratings[position] = 5;
  SparseMemory<float> factors(rows * stride);
  SparseMemory<float> biases(rows);
  factors[far_row * stride] = 2;
  SparseMemory<float> other(rows * stride);
  SparseMemory<float> other_biases(rows);
  const Context context(0);
  const DeviceTable<const float> table{factors.span(), biases.span(), 128, stride};
  const DeviceTable<float> output{other.span(), other_biases.span(), 128, stride};

  const auto segment = to_device(context, std::vector<RowSegment>{{far_row, position, 1, -1}});
  launch(context.compute(), &sum_feature_rows<GatherShape<32, 1>>, {1, gather_threads},
         FeatureSums{
             {offsets.span(), columns.span(), ratings.span()}, table, output, SumScale::one, true},
         segment.span(), FeatureParts{});
  context.compute().synchronize();
  EXPECT_EQ(other[far_row * stride], 2);

  const WarpPieces last{far_row, rows, 1, 1};
  launch(context.compute(), &for_each_entry<FillNoise>, {1, sum_threads},
         FillNoise{key, RandomStream::gibbs_user_rows, 1, 128, output}, last, 64);
  context.compute().synchronize();
  EXPECT_EQ(
      other[far_row * stride + 127],
      static_cast<float>(key.normal_pair(RandomStream::gibbs_user_rows, far_row, 63).value[1]));

  // Its draw, from ratings and noise that lie there: Σ z (r − c) is 10, Λ/α is 1 and the rest 0.
  using Shape = RowShape<stride>;
  std::vector<float> precision(static_cast<std::size_t>(Shape::matrix_floats + 2 * stride + 4));
  const LowerMatrix packed{precision.data()};
  for (int j = 0; j < stride; ++j) packed.row(j)[j] = 1;
  SparseMemory<std::uint32_t> words(rows * stride);
  const std::vector<std::uint32_t> largest{std::bit_cast<std::uint32_t>(2.0F)};
  const auto largest_on_device = to_device(context, largest);
  words[far_row * stride] = simt::to_half(2.0F * 8192);  // to the scale of the largest, 2¹³
  const auto precision_on_device = to_device(context, precision);
  const auto list = to_device(context, std::vector<std::int64_t>{far_row});
  SparseMemory<float> right_sides(rows * stride);
  right_sides[far_row * stride + 1] = 3;
  other[far_row * stride] = 0;
  other[far_row * stride + 1] = 0.5F;
  DeviceBuffer<unsigned long long> repaired(1);
  const AlsTask task{.offsets = offsets.span(),
                     .columns = columns.span(),
                     .ratings = ratings.span(),
                     .opposite = factors.span(),
                     .split = {words.span(), std::as_const(largest_on_device).span()},
                     .opposite_biases = biases.span(),
                     .ridges = {},
                     .solved = other.span(),
                     .solved_biases = other_biases.span(),
                     .repaired = repaired.span(),
                     .rank = 128,
                     .biases = false};
  launch(context.compute(), &draw_rows<stride>,
         {1, Shape::threads, Shape::shared_bytes(Halves::two)},
         DrawTask{task, precision_on_device.span(), right_sides.span(), other_biases.span()},
         list.span());
  context.compute().synchronize();
  EXPECT_NEAR(other[far_row * stride], 10.0 / 5.0, 1e-6);
  EXPECT_NEAR(other[far_row * stride + 1], 3.5, 1e-6);
}

TEST_F(DeviceGibbsAnyhow, SumsMomentsOfRowsBeyond32BitOffsets) {
  constexpr std::int32_t stride = 1 << 20;  // so that there are few rows
  constexpr std::int64_t rows = beyond_32_bits / stride + 3;
  SparseMemory<float> factors(rows * stride);
  SparseMemory<float> biases(rows);
  factors[(rows - 1) * stride] = 3;
  const Context context(0);
  const MomentRows task{{factors.span(), biases.span(), 1, stride}, {}, false};
  // The last row is the second part.
  SparseMemory<double> far_parts(2 * MomentTiles::entries);
  launch(context.compute(), &sum_moments<moment_threads>, {2, moment_threads, moment_shared_bytes},
         task, MomentTiles::of(1), rows - 1, far_parts.span());
  context.compute().synchronize();
  EXPECT_EQ(far_parts[MomentTiles::entries], 9);
}

TEST_F(DeviceGibbsAnyhow, TellsEveryFailedCallAndLeaksNothing) {
  Case made(1);
  made.side.weight_precision = 1000;  // so that there are few steps, all of the same calls
  testing::expect_every_failed_call_is_told(
      [&] {
        Device device(made);
        device.draw_weights(made);
        device.draw_users(made, true);
        std::vector<double> moments(9);
        device.moments.sum(device.vectors, {std::as_const(device.users).table(), {}, true},
                           moments);
      },
      60);
}

TEST_F(DeviceGibbsAnyhow, AllocatesWhatItSays) {
  const Case made(20);
  const auto& offsets = made.planted.by_user.offsets;
  const auto& opposite = made.planted.by_item.offsets;
  const Context context(0);
  const auto expect = [&](std::int64_t said, const auto& allocate) {
    const auto before = context.memory().free;
    const auto held = allocate();
    EXPECT_EQ(static_cast<std::int64_t>(before - context.memory().free), said);
  };
  const RatingsOnDevice by_user(context, made.planted.by_user_float);
  const RatingsOnDevice by_item(context, made.planted.by_item_float);
  AlsSide solver(context, offsets, 37, 20, Halves::two, {});
  expect(GibbsRows::bytes(offsets, 20, true),
         [&] { return std::make_unique<GibbsRows>(context, offsets, &solver, 20, true); });
  expect(GibbsFeatures::bytes(offsets, opposite, 20, true, short_part), [&] {
    return std::make_unique<GibbsFeatures>(
        context, by_user.ratings(), by_item.ratings(), offsets, opposite,
        diagonal_of_features(made.planted.by_user_float.view(), 37), 20, true, short_part);
  });
  expect(EntrySums::bytes(21), [&] { return std::make_unique<EntrySums>(context, 21); });
  expect(RowMoments::bytes(21), [&] { return std::make_unique<RowMoments>(context, 21); });
}

}  // namespace
}  // namespace alsatian::cuda
