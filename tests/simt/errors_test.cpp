// Errors, losses and penalties as the device sums them, against plain loops in double.
// Tolerances follow from rank and count; every order of the threads has to give the same.
#include "kernels/cuda/errors.hpp"

#include "kernels/cuda/error_sums.hpp"
#include "kernels/reference/objective.hpp"
#include "tests/simt/device_data.hpp"
#include "tests/simt/failed_calls.hpp"
#include "tests/simt/schedules.hpp"
#include "tests/support/reference_problems.hpp"
#include "tests/support/tolerance.hpp"

#include <gmock/gmock.h>

#include <limits>

namespace alsatian::cuda {
namespace {

using ::alsatian::testing::beyond_32_bits;
using ::alsatian::testing::from_device;
using ::alsatian::testing::planted_problem;
using ::alsatian::testing::PlantedProblem;
using ::alsatian::testing::RatingsOnDevice;
using ::alsatian::testing::rounded_to_float;
using ::alsatian::testing::SparseMemory;
using ::alsatian::testing::TableOnDevice;
using ::alsatian::testing::to_device;
namespace tolerance = ::alsatian::testing::tolerance;

constexpr std::int32_t ranks[] = {0, 1, 7, 31, 32, 33, 64, 100, 128, 300};

/// More ratings than a block takes, with heavy, single and empty rows.
PlantedProblem problem_of(const Likelihood& likelihood, double mean = 0) {
  return planted_problem({.users = 97,
                          .items = 61,
                          .density = 0.4,
                          .mean = mean,
                          .likelihood = likelihood,
                          .heavy_users = 2,
                          .single_users = 3,
                          .empty_users = 2,
                          .empty_items = 1});
}

/// Dot products with a standard deviation of 0.3, whatever the rank.
reference::Parameters parameters_of(const PlantedProblem& problem, std::int32_t rank) {
  const double deviation = std::sqrt(0.3 / std::sqrt(std::max(rank, 1)));
  return rounded_to_float(testing::random_parameters(problem, rank, deviation, 0.2));
}

/// Everything on the device.
struct Data {
  Context context{0};
  RatingsOnDevice by_user;
  RatingsOnDevice by_item;
  TableOnDevice users;
  TableOnDevice items;
  Errors errors{context};

  Data(const PlantedProblem& problem, const reference::Parameters& parameters)
      : by_user(context, problem.by_user_float),
        by_item(context, problem.by_item_float),
        users(context, parameters.users),
        items(context, parameters.items) {}
  ScoreTask task(const PlantedProblem& problem) const {
    return {users.table(), items.table(), problem.options.mean, problem.options.likelihood};
  }
};

struct ListedRatings {
  std::vector<std::int32_t> users;
  std::vector<std::int32_t> items;
  std::vector<float> ratings;
};

ListedRatings list_of(const PlantedProblem& problem) {
  ListedRatings list;
  const CsrView<float> ratings = problem.by_user_float.view();
  for (std::int32_t user = 0; user < problem.options.users; ++user) {
    for (std::int64_t o = ratings.offsets[user]; o < ratings.offsets[user + 1]; ++o) {
      list.users.push_back(user);
      list.items.push_back(ratings.columns[o]);
      list.ratings.push_back(ratings.values[o]);
    }
  }
  return list;
}

/// The sums by one loop, each score in double.
reference::LossSums expected_errors(const PlantedProblem& problem,
                                    const reference::Parameters& parameters,
                                    const ListedRatings& list) {
  reference::LossSums sums;
  for (std::size_t o = 0; o < list.ratings.size(); ++o) {
    const double eta =
        reference::score_of(parameters, problem.options.mean, list.users[o], list.items[o]);
    sums.add(problem.options.likelihood, eta, static_cast<double>(list.ratings[o]));
  }
  return sums;
}

void expect_near(const ErrorSums& sums, const reference::LossSums& expected, std::int32_t rank) {
  const double allowed = tolerance::figures<float>(rank, expected.count);
  EXPECT_EQ(sums.count, expected.count);
  EXPECT_NEAR(sums.squared_error, expected.squared_error, allowed);
  EXPECT_NEAR(sums.absolute_error, expected.absolute_error, allowed);
  EXPECT_NEAR(sums.loss, expected.loss, allowed);
}

class Runtime : public ::testing::Test {
 protected:
  Runtime() { simt::reset_device(); }
  ~Runtime() override {
    EXPECT_EQ(simt::leaks(), "");
    simt::set_schedule({});
  }
};

class DeviceErrors : public Runtime, public ::testing::WithParamInterface<Likelihood> {};

TEST_P(DeviceErrors, OfTrainingAreThoseOfPlainLoops) {
  for (const std::int32_t rank : {0, 9, 64}) {
    SCOPED_TRACE(rank);
    const PlantedProblem problem = problem_of(GetParam(), 0.25);
    const reference::Parameters parameters = parameters_of(problem, rank);
    Data data(problem, parameters);
    expect_near(data.errors.training_errors(data.task(problem), data.by_user.ratings()),
                expected_errors(problem, parameters, list_of(problem)), rank);
  }
}

TEST_P(DeviceErrors, OfAListTakeUnknownRowsAsZero) {
  const PlantedProblem problem = problem_of(GetParam(), 0.25);
  ListedRatings list = list_of(problem);
  for (std::size_t o = 0; o < list.ratings.size(); ++o) {
    if (o % 3 == 0) list.users[o] = -1;
    if (o % 5 == 0) list.items[o] = -1;
  }
  const reference::Parameters parameters = parameters_of(problem, 9);
  Data data(problem, parameters);
  const auto users = to_device(data.context, list.users);
  const auto items = to_device(data.context, list.items);
  const auto ratings = to_device(data.context, list.ratings);
  expect_near(
      data.errors.listed_errors(data.task(problem), users.span(), items.span(), ratings.span()),
      expected_errors(problem, parameters, list), 9);
}

INSTANTIATE_TEST_SUITE_P(Likelihoods, DeviceErrors,
                         ::testing::Values(Gaussian{}, Laplace{}, Poisson{}, Bernoulli{}),
                         [](const auto& likelihood) {
                           return std::visit(
                               [](const auto& choice) { return std::string(choice.name); },
                               likelihood.param);
                         });

class DeviceErrorSums : public Runtime {};

TEST_F(DeviceErrorSums, AreThoseOfPlainLoopsAtEveryRank) {
  const PlantedProblem problem = problem_of(Gaussian{});
  for (const std::int32_t rank : ranks) {
    SCOPED_TRACE(rank);
    const reference::Parameters parameters = parameters_of(problem, rank);
    Data data(problem, parameters);
    expect_near(data.errors.training_errors(data.task(problem), data.by_user.ratings()),
                expected_errors(problem, parameters, list_of(problem)), rank);
  }
}

TEST_F(DeviceErrorSums, AreTheSameBytesUnderEverySchedule) {
  const PlantedProblem problem = problem_of(Poisson{});
  const Regularization regularization{1.3, 0.7, 0.6};
  Data data(problem, parameters_of(problem, 33));
  const auto sums = [&] {
    return data.errors.objective(data.task(problem), data.by_user.ratings(),
                                 data.by_item.offsets.span(), regularization);
  };
  const Objective first = sums();
  for (const simt::Schedule& schedule : simt::schedules()) {
    simt::set_schedule(schedule);
    const Objective other = sums();
    EXPECT_EQ(other.errors.squared_error, first.errors.squared_error);
    EXPECT_EQ(other.errors.absolute_error, first.errors.absolute_error);
    EXPECT_EQ(other.errors.loss, first.errors.loss);
    EXPECT_EQ(other.penalty, first.penalty);
  }
}

TEST_F(DeviceErrorSums, OfNoRatingsAreZero) {
  const PlantedProblem problem = problem_of(Gaussian{});
  Data data(problem, parameters_of(problem, 3));
  data.errors.training_errors(data.task(problem), data.by_user.ratings());
  const ErrorSums sums = data.errors.listed_errors(data.task(problem), {}, {}, {});
  EXPECT_EQ(sums.count, 0);
  EXPECT_EQ(sums.loss, 0);
  EXPECT_EQ(sums.squared_error, 0);
}

TEST_F(DeviceErrorSums, NeedAsManyUsersAsRatings) {
  const PlantedProblem problem = problem_of(Gaussian{});
  Data data(problem, parameters_of(problem, 3));
  const auto users = to_device(data.context, std::vector<std::int32_t>{1, 2});
  const auto ratings = to_device(data.context, std::vector<float>{1});
  EXPECT_THROW(
      data.errors.listed_errors(data.task(problem), users.span(), users.span(), ratings.span()),
      std::invalid_argument);
}

TEST_F(DeviceErrorSums, AllocateNothingAndTakeTheBytesThatTheySay) {
  const PlantedProblem problem = problem_of(Gaussian{});
  const Context context(0);
  const std::size_t before = simt::device_bytes_in_use();
  const Errors errors(context);
  EXPECT_EQ(simt::device_bytes_in_use() - before, static_cast<std::size_t>(Errors::bytes()));
  Data data(problem, parameters_of(problem, 7));
  const std::int64_t allocations = simt::allocations_made();
  data.errors.objective(data.task(problem), data.by_user.ratings(), data.by_item.offsets.span(),
                        {});
  data.errors.first_non_finite_row(data.users.table());
  EXPECT_EQ(simt::allocations_made(), allocations);
}

TEST_F(DeviceErrorSums, NameTheCallAndLeakNothingWhicheverCallFails) {
  const PlantedProblem problem = planted_problem({.users = 5, .items = 3});
  const reference::Parameters parameters = parameters_of(problem, 1);
  const auto work = [&] {
    Data data(problem, parameters);
    data.errors.objective(data.task(problem), data.by_user.ratings(), data.by_item.offsets.span(),
                          {});
    data.errors.first_non_finite_row(data.users.table());
  };
  work();
  const std::int64_t calls = simt::calls_made();
  int thrown = 0;
  for (std::int64_t number = 1; number <= calls; ++number) {
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
  EXPECT_GE(thrown, 40);
}

TEST_F(DeviceErrorSums, ReachRowsAndRatingsBeyond32BitOffsets) {
  constexpr std::int64_t stride = 128;
  constexpr std::int64_t rows = beyond_32_bits / stride + 3;
  constexpr auto far_row = static_cast<std::int32_t>(rows - 1);
  SparseMemory<float> factors(rows * stride);
  SparseMemory<float> biases(rows);
  SparseMemory<std::int32_t> listed(beyond_32_bits + 64);
  SparseMemory<float> ratings(beyond_32_bits + 64);
  factors[far_row * stride] = 2;
  biases[far_row] = 0.5;
  listed[beyond_32_bits + 40] = far_row;
  ratings[beyond_32_bits + 40] = 1;
  const DeviceTable<const float> table{factors.span(), biases.span(), 1, stride};
  const Context context(0);
  DeviceBuffer<double> parts(3);
  const WarpPieces pieces{beyond_32_bits + 32, beyond_32_bits + 64, 32, 1};
  // Rating 40: score 2·2 + 0.5 + 0.5; all others are of row 0, where everything is 0.
  const Judge judge{table, table, 0.0, Likelihood(Gaussian{}).index()};
  launch(context.compute(), &sum_errors<32>, {1, sum_threads, sum_shared_bytes<3>}, judge,
         JudgedRatings{{}, listed.span(), listed.span(), ratings.span()}, pieces, parts.span());
  EXPECT_EQ(from_device(context, std::as_const(parts).span())[0], 16.0);
  // The same as compressed rows: all ratings before position 2³² + 40 are of row 0.
  SparseMemory<std::int64_t> offsets(rows + 1);
  for (std::int64_t row = far_row - 20; row < rows; ++row) offsets[row] = beyond_32_bits + 40;
  offsets[rows] = beyond_32_bits + 41;
  SparseMemory<std::int32_t> columns(beyond_32_bits + 41);
  columns[beyond_32_bits + 40] = far_row;
  launch(context.compute(), &sum_errors<32>, {1, sum_threads, sum_shared_bytes<3>}, judge,
         JudgedRatings{offsets.span(), {}, columns.span(), ratings.span()},
         WarpPieces{beyond_32_bits + 32, beyond_32_bits + 41, 32, 1}, parts.span());
  EXPECT_EQ(from_device(context, std::as_const(parts).span())[0], 16.0);
}

class DevicePenalty : public Runtime {};

TEST_F(DevicePenalty, IsThatOfPlainLoops) {
  const PlantedProblem planted = problem_of(Gaussian{});
  const Regularization regularization{1.3, 0.7, 0.6};
  for (const std::int32_t rank : ranks) {
    SCOPED_TRACE(rank);
    const reference::Parameters parameters = parameters_of(planted, rank);
    Data data(planted, parameters);
    const double expected =
        reference::penalty(testing::reference_problem(planted, regularization), parameters);
    // All terms are positive, so that the relative error is that of the longest chain of sums.
    const double allowed = tolerance::sum<double>(97 + rank, expected);
    const double of_users =
        data.errors.penalty(data.users.table(), data.by_user.offsets.span(), regularization);
    const double of_items =
        data.errors.penalty(data.items.table(), data.by_item.offsets.span(), regularization);
    EXPECT_NEAR(of_users + of_items, expected, allowed);
    EXPECT_EQ(data.errors
                  .objective(data.task(planted), data.by_user.ratings(),
                             data.by_item.offsets.span(), regularization)
                  .penalty,
              of_users + of_items);
  }
}

TEST_F(DevicePenalty, ReachesRowsBeyond32BitOffsets) {
  constexpr std::int64_t stride = 128;
  constexpr std::int64_t rows = beyond_32_bits / stride + 3;
  SparseMemory<float> factors(rows * stride);
  SparseMemory<float> biases(rows);
  SparseMemory<std::int64_t> offsets(rows + 1);
  factors[(rows - 1) * stride + 5] = 3;
  offsets[rows] = 1;
  const Context context(0);
  DeviceBuffer<double> parts(1);
  launch(context.compute(), &sum_penalties<32>, {1, sum_threads, sum_shared_bytes<1>},
         DeviceTable<const float>{factors.span(), biases.span(), 6, stride}, offsets.span(),
         Regularization{2, 1, 1}, WarpPieces{rows - 7, rows, 32, 1}, parts.span());
  EXPECT_EQ(from_device(context, std::as_const(parts).span())[0], 9.0);
}

class DeviceFirstNonFiniteRow : public Runtime {};

TEST_F(DeviceFirstNonFiniteRow, IsTheFirstOfThem) {
  for (const std::int32_t rank : {0, 3, 33}) {
    reference::SideParameters side(1203, rank);
    const auto found = [&] {
      const Context context(0);
      const TableOnDevice table(context, side);
      return Errors(context).first_non_finite_row(table.table());
    };
    EXPECT_EQ(found(), std::nullopt);
    side.biases[1202] = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ(found(), 1202);
    side.biases[801] = std::numeric_limits<double>::infinity();
    EXPECT_EQ(found(), 801);
    if (rank > 0) {
      side.factors(799, rank - 1) = std::numeric_limits<double>::quiet_NaN();
      EXPECT_EQ(found(), 799);
      side.factors(0, 0) = -std::numeric_limits<double>::infinity();
      EXPECT_EQ(found(), 0);
    }
  }
}

TEST_F(DeviceFirstNonFiniteRow, MayBeBeyond32BitOffsets) {
  constexpr std::int64_t stride = 128;
  constexpr std::int64_t rows = beyond_32_bits / stride + 3;
  SparseMemory<float> factors(rows * stride);
  SparseMemory<float> biases(rows);
  factors[(rows - 1) * stride + 5] = std::numeric_limits<float>::quiet_NaN();
  const Context context(0);
  DeviceBuffer<unsigned long long> found(1);
  clear(context.compute(), found.span());
  constexpr std::int64_t fours = rows * stride / 4;
  launch(context.compute(), &find_non_finite<sum_threads>, {1, sum_threads},
         DeviceTable<const float>{factors.span(), biases.span(), 6, stride},
         WarpPieces{fours - 64, fours, 32, 1}, found.span());
  EXPECT_EQ(from_device(context, std::as_const(found).span())[0], code_of_bad_row(rows - 1));
}

}  // namespace
}  // namespace alsatian::cuda
