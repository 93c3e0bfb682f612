// The CPU backend against the reference backend, verb by verb, on the same problem.
// The kernels have their own tests; here is that they are handed the right things.
#include "host/error.hpp"
#include "host/train/backend.hpp"
#include "kernels/cpu/parallel.hpp"
#include "tests/support/backend_pairs.hpp"
#include "tests/support/cpu_tables.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

namespace alsatian {
namespace {

namespace tolerance = ::alsatian::testing::tolerance;
using ::alsatian::testing::expect_equal_factors;
using ::alsatian::testing::expect_equal_figures;
using ::alsatian::testing::expect_equal_half_sweeps;
using ::alsatian::testing::items;
using ::alsatian::testing::largest_difference;
using ::alsatian::testing::largest_square;
using ::alsatian::testing::problem_of;
using ::alsatian::testing::solve_error;
using ::alsatian::testing::spec_of;
using ::alsatian::testing::users;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A cpu and a reference backend that start from the same problem.
struct Pair : testing::BackendPair {
  explicit Pair(const ModelSpec& spec, std::optional<Isa> isa = std::nullopt)
      : BackendPair(problem_of(spec), [&](const TrainingProblem& problem) {
          return make_cpu_backend(problem, {DeviceOptions::Kind::cpu, isa});
        }) {}
};

class CpuBackendOf : public ::testing::TestWithParam<std::tuple<Isa, int>> {};

TEST_P(CpuBackendOf, SweepsLikeTheReference) {
  const auto [isa, rank] = GetParam();
  Pair pair(spec_of(Als{}, rank), isa);
  for (int sweep = 0; sweep < 2; ++sweep) {
    expect_equal_half_sweeps(pair, Side::users);
    expect_equal_half_sweeps(pair, Side::items);
  }
  expect_equal_figures(pair);
}

TEST_P(CpuBackendOf, SweepsByConjugateGradientsLikeTheReference) {
  const auto [isa, rank] = GetParam();
  Pair pair(spec_of(Als{.solver = Solver::conjugate_gradient, .solver_steps = 3}, rank), isa);
  expect_equal_half_sweeps(pair, Side::users, 3);
  expect_equal_half_sweeps(pair, Side::items, 3);
  expect_equal_figures(pair);
}

TEST_P(CpuBackendOf, DescendsLikeTheReferenceForEveryLikelihood) {
  const auto [isa, rank] = GetParam();
  const Likelihood likelihoods[] = {Gaussian{}, Laplace{}, Poisson{}, Bernoulli{}};
  for (const Likelihood& likelihood : likelihoods) {
    for (const Optimizer optimizer : {Optimizer::adagrad, Optimizer::sgd}) {
      SCOPED_TRACE(likelihood_name(likelihood));
      Pair pair(spec_of(Mle{.optimizer = optimizer}, rank, likelihood), isa);
      for (int epoch = 0; epoch < 3; ++epoch) {
        pair.fast->sgd_epoch(0.03, epoch);
        pair.exact->sgd_epoch(0.03, epoch);
      }
      // The heavy user has rated every item, and an item has at most one rating of each user.
      expect_equal_factors(pair, tolerance::descent<float>(3 * users, 0.03, rank));
      expect_equal_figures(pair);
    }
  }
}

TEST_P(CpuBackendOf, SolvesNewRowsLikeTheReference) {
  const auto [isa, rank] = GetParam();
  Pair pair(spec_of(Als{}, rank), isa);
  pair.fast->als_half_sweep(Side::users);
  pair.exact->set_factors(pair.fast->factors());
  const CompressedMatrix rows{{0, 2, 2, 5}, {3, 11, 0, 3, 40}, {1.5F, -0.5F, 0.2F, 1, -1}};
  const Factors fixed = pair.exact->factors();
  for (const Side side : {Side::users, Side::items}) {
    const SideFactors fast = pair.fast->solve_rows(side, rows);
    const SideFactors exact = pair.exact->solve_rows(side, rows);
    EXPECT_EQ(fast.rows, 3);
    EXPECT_LE(largest_difference(fast, exact),
              solve_error(side == Side::users ? fixed.items : fixed.users, exact, 3));
  }
}

INSTANTIATE_TEST_SUITE_P(EveryInstructionSetAndRank, CpuBackendOf,
                         ::testing::Combine(::testing::ValuesIn(testing::available_isas()),
                                            ::testing::Values(0, 1, 5, 31, 32, 33, 64, 100)),
                         [](const auto& parameters) {
                           return std::string(isa_name(std::get<0>(parameters.param))) + "_rank_" +
                                  std::to_string(std::get<1>(parameters.param));
                         });

TEST(CpuBackend, ReachesTheReferencesLeastSquaresObjective) {
  Pair pair(spec_of(LeastSquares{}));
  double fast = 0;
  double exact = 0;
  for (int step = 0; step < 40; ++step) {
    fast = pair.fast->least_squares_step().objective;
    exact = pair.exact->least_squares_step().objective;
  }
  EXPECT_NEAR(fast, exact, 0.01 * exact);  // two ways into the same valley
  const Objective reached = pair.fast->objective();
  EXPECT_NEAR(fast, reached.value, tolerance::figures<float>(5, reached.train.count));
}

TEST(CpuBackend, SolvesRankZeroByLeastSquaresInOneStep) {
  Pair pair(spec_of(LeastSquares{}, 0));
  EXPECT_TRUE(pair.fast->least_squares_step().accepted);
  EXPECT_TRUE(pair.exact->least_squares_step().accepted);
  EXPECT_FALSE(pair.fast->least_squares_step().accepted);
  // Both are exact in double; each is rounded to float once.
  const Factors exact = pair.exact->factors();
  const double largest = std::max(largest_square(exact.users), largest_square(exact.items));
  expect_equal_factors(pair, 2 * tolerance::stored_as_float(std::sqrt(largest)));
  expect_equal_figures(pair);
}

TEST(CpuBackend, FollowsANewRegularizationLikeTheReference) {
  for (const Algorithm& algorithm :
       {Algorithm(Als{}), Algorithm(Mle{}), Algorithm(LeastSquares{})}) {
    SCOPED_TRACE(algorithm_name(algorithm));
    Pair pair(spec_of(algorithm));
    if (std::holds_alternative<LeastSquares>(algorithm)) pair.fast->least_squares_step();
    pair.exact->set_factors(pair.fast->factors());
    for (Backend* backend : {pair.fast.get(), pair.exact.get()}) {
      backend->set_regularization({3, 2, 0.25});
      if (std::holds_alternative<Mle>(algorithm)) backend->sgd_epoch(0.03, 0);
    }
    if (std::holds_alternative<Als>(algorithm)) expect_equal_half_sweeps(pair, Side::users);
    if (std::holds_alternative<Mle>(algorithm)) {
      expect_equal_factors(pair, tolerance::descent<float>(users, 0.03, 5));
    }
    expect_equal_figures(pair);
  }
}

TEST(CpuBackend, WithoutBiasesHasNone) {
  ModelSpec spec = spec_of(Als{});
  spec.biases = false;
  TrainingProblem problem = problem_of(spec);
  std::fill(problem.start.users.biases.begin(), problem.start.users.biases.end(), 1.0F);
  const auto backend = make_cpu_backend(std::move(problem), {});
  backend->als_half_sweep(Side::items);
  const Factors factors = backend->factors();
  EXPECT_THAT(factors.users.biases, ::testing::Each(0.0F));
  EXPECT_THAT(factors.items.biases, ::testing::Each(0.0F));
}

TEST(CpuBackend, StartsRowsWithoutRatingsAtZero) {
  const auto backend = make_cpu_backend(problem_of(spec_of(LeastSquares{})), {});
  const Factors factors = backend->factors();
  for (const std::int64_t user : {users - 2, users - 1}) {
    for (std::int32_t j = 0; j < 5; ++j) EXPECT_EQ(factors.users.row(user)[j], 0);
  }
  EXPECT_NE(factors.users.row(0)[0], 0);
}

TEST(CpuBackend, GivesBackTheFactorsThatWereSet) {
  const auto backend = make_cpu_backend(problem_of(spec_of(Als{})), {});
  backend->als_half_sweep(Side::users);
  const Factors kept = backend->factors();
  backend->als_half_sweep(Side::items);
  EXPECT_NE(backend->factors().items.factors, kept.items.factors);
  backend->set_factors(kept);
  EXPECT_EQ(backend->factors().users.factors, kept.users.factors);
  EXPECT_EQ(backend->factors().items.factors, kept.items.factors);
  EXPECT_EQ(backend->factors().items.biases, kept.items.biases);
}

TEST(CpuBackend, ForgetsADivergenceWhenFactorsAreSet) {
  const ModelSpec spec = spec_of(Mle{.optimizer = Optimizer::sgd});
  const auto diverged = make_cpu_backend(problem_of(spec), {});
  const auto healthy = make_cpu_backend(problem_of(spec), {});
  const Factors start = healthy->factors();
  diverged->sgd_epoch(1e30, 0);
  ASSERT_TRUE(diverged->first_non_finite_row().has_value());
  diverged->set_factors(start);
  diverged->sgd_epoch(0.03, 0);
  healthy->sgd_epoch(0.03, 0);
  EXPECT_EQ(diverged->factors().users.factors, healthy->factors().users.factors);
}

TEST(CpuBackend, NamesTheFirstRowThatIsNotFinite) {
  const auto backend = make_cpu_backend(problem_of(spec_of(Als{})), {});
  EXPECT_FALSE(backend->first_non_finite_row().has_value());
  Factors factors = backend->factors();
  factors.items.row(9)[4] = std::numeric_limits<float>::quiet_NaN();
  backend->set_factors(factors);
  const auto bad = backend->first_non_finite_row();
  ASSERT_TRUE(bad.has_value());
  EXPECT_EQ(bad->side, Side::items);
  EXPECT_EQ(bad->row, 9);
  factors.users.biases[3] = std::numeric_limits<float>::infinity();
  backend->set_factors(factors);
  EXPECT_EQ(backend->first_non_finite_row()->side, Side::users);
}

TEST(CpuBackend, DescribesInstructionSetAndThreads) {
  const int before = thread_count();
  use_threads(1);
  const auto backend = make_cpu_backend(problem_of(spec_of(Als{})), {.isa = Isa::portable});
  EXPECT_EQ(backend->description(), "cpu (portable, 1 thread)");
  use_threads(2);
  EXPECT_EQ(backend->description(), "cpu (portable, 2 threads)");
  use_threads(before);
  const auto best = make_cpu_backend(problem_of(spec_of(Als{})), {});
  EXPECT_THAT(best->description(), StartsWith("cpu (" + std::string(isa_name(best_isa()))));
}

TEST(CpuBackend, OfAnInstructionSetThatIsNotThereIsRefused) {
  for (const Isa isa : {Isa::avx2, Isa::avx512}) {
    if (isa_available(isa)) continue;
    try {
      make_cpu_backend(problem_of(spec_of(Als{})), {.isa = isa});
      FAIL() << "expected an error for " << isa_name(isa);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::device_unavailable);
      EXPECT_EQ(error.place(), "--isa " + std::string(isa_name(isa)));
      EXPECT_THAT(error.help(), HasSubstr(std::string(isa_name(best_isa()))));
    }
  }
  if (isa_available(Isa::avx512)) GTEST_SKIP() << "this machine has every instruction set";
}

}  // namespace
}  // namespace alsatian
