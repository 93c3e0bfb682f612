// Solving rows that training did not have, on every backend: fold-in, and priors of the rows.
// The kernels have their own tests of priors; here is what a caller of a backend relies on.
#include "host/error.hpp"
#include "host/train/backend.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/training_problems.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace alsatian {
namespace {

using testing::error_of;
using testing::items;
using testing::problem_of;
using testing::spec_of;
using testing::users;

struct Maker {
  std::string name;
  std::function<std::unique_ptr<Backend>(TrainingProblem)> make;

  friend void PrintTo(const Maker& maker, std::ostream* out) { *out << maker.name; }
};

std::vector<Maker> makers() {
  std::vector<Maker> all{{"reference", make_reference_backend}};
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
    if (!isa_available(isa)) continue;
    all.push_back({"cpu_" + std::string(isa_name(isa)), [isa](TrainingProblem problem) {
                     return make_cpu_backend(std::move(problem), {.isa = isa});
                   }});
  }
  return all;
}

class RowSolve : public ::testing::TestWithParam<Maker> {
 protected:
  static std::unique_ptr<Backend> make(TrainingProblem problem) {
    return GetParam().make(std::move(problem));
  }
};

/// The same problem, but that one user has rated nothing.
TrainingProblem without_user(TrainingProblem problem, std::int32_t user) {
  CompressedMatrix& by_user = problem.by_user;
  const auto row = static_cast<std::size_t>(user);
  const auto first = static_cast<std::ptrdiff_t>(by_user.offsets[row]);
  const auto last = static_cast<std::ptrdiff_t>(by_user.offsets[row + 1]);
  by_user.columns.erase(by_user.columns.begin() + first, by_user.columns.begin() + last);
  by_user.values.erase(by_user.values.begin() + first, by_user.values.begin() + last);
  for (std::size_t next = row + 1; next < by_user.offsets.size(); ++next) {
    by_user.offsets[next] -= last - first;
  }
  problem.by_item = transpose(by_user, items);
  return problem;
}

TEST_P(RowSolve, FoldsInAUserAsATrainingThatHadItWouldHave) {
  for (const std::int32_t rank : {0, 5, 33}) {
    const TrainingProblem problem = problem_of(spec_of(Als{}, rank));
    const auto trained = make(problem);
    trained->als_half_sweep(Side::users);
    for (const std::int32_t user : {0, 7, 23}) {  // the first has rated everything
      SCOPED_TRACE(user);
      const auto other = make(without_user(problem, user));
      other->als_half_sweep(Side::users);
      const SideFactors row =
          other->solve_rows(Side::users, select_rows(problem.by_user, std::vector{user}));
      const SideFactors expected = trained->factors().users;
      EXPECT_TRUE(std::equal(row.factors.begin(), row.factors.end(), expected.row(user)));
      EXPECT_EQ(row.biases.front(), expected.biases[static_cast<std::size_t>(user)]);
      EXPECT_EQ(other->factors().users.biases[static_cast<std::size_t>(user)], 0) << "untouched";
    }
  }
}

TEST_P(RowSolve, FoldsInManyNewRowsOfEitherSideAtOnceAndChangesNothing) {
  const TrainingProblem problem = problem_of(spec_of(LeastSquares{}));
  const auto backend = make(problem);
  const Factors before = backend->factors();
  const CompressedMatrix rows{{0, 2, 2, 5}, {3, 11, 0, 3, 40}, {1.5F, -0.5F, 0.2F, 1, -1}};
  for (const Side side : {Side::users, Side::items}) {
    const SideFactors together = backend->solve_rows(side, rows);
    ASSERT_EQ(together.rows, 3);
    for (const std::int32_t row : {0, 1, 2}) {
      const SideFactors alone = backend->solve_rows(side, select_rows(rows, std::vector{row}));
      EXPECT_TRUE(std::equal(alone.factors.begin(), alone.factors.end(), together.row(row)));
      EXPECT_EQ(alone.biases.front(), together.biases[static_cast<std::size_t>(row)]);
    }
    EXPECT_EQ(together.biases[1], 0) << "no ratings";
  }
  EXPECT_EQ(backend->factors().users.factors, before.users.factors);
  EXPECT_EQ(backend->factors().items.biases, before.items.biases);
}

/// Values of size about 1 in float, of equations whose condition is at most about 100.
constexpr double close_enough = 1e-4;

void expect_near(const SideFactors& left, const SideFactors& right) {
  for (std::size_t j = 0; j < left.factors.size(); ++j) {
    EXPECT_NEAR(left.factors[j], right.factors[j], close_enough);
  }
  for (std::size_t j = 0; j < left.biases.size(); ++j) {
    EXPECT_NEAR(left.biases[j], right.biases[j], close_enough);
  }
}

TEST_P(RowSolve, WithTheGramMatrixOfTheOtherSideCountsEveryItemAsRated) {
  const TrainingProblem problem = problem_of(spec_of(Als{}));
  const auto backend = make(problem);
  const SideFactors opposite = backend->factors().items;
  // Σ z zᵀ over all items, z = [q; 1]: each is rated with its own bias, which explains nothing.
  std::vector<double> gram(36);
  CompressedMatrix every_item{{0}, {}, {}};
  const CompressedMatrix user = select_rows(problem.by_user, std::vector{7});
  for (std::int32_t item = 0; item < items; ++item) {
    const auto entry = [&](std::int32_t j) { return j < 5 ? opposite.row(item)[j] : 1.0F; };
    for (std::int32_t j = 0; j < 6; ++j) {
      for (std::int32_t q = 0; q < 6; ++q) {
        gram[static_cast<std::size_t>(6 * j + q)] += static_cast<double>(entry(j)) * entry(q);
      }
    }
    every_item.columns.push_back(item);
    every_item.values.push_back(opposite.biases[static_cast<std::size_t>(item)]);
    for (std::size_t o = 0; o < user.columns.size(); ++o) {
      if (user.columns[o] != item) continue;
      every_item.columns.push_back(item);
      every_item.values.push_back(user.values[o]);
    }
  }
  every_item.offsets.push_back(static_cast<std::int64_t>(every_item.columns.size()));
  backend->set_regularization({.factors = 0.9, .biases = 0.6, .scaling = 0});
  expect_near(backend->solve_rows(Side::users, user, {.precision = gram}),
              backend->solve_rows(Side::users, every_item));
}

TEST_P(RowSolve, WithAPriorAgreesWithTheReference) {
  const TrainingProblem problem = problem_of(spec_of(Als{}));
  std::vector<double> precision(36);
  for (std::size_t j = 0; j < 6; ++j) {
    for (std::size_t q = j; q < 6; ++q) precision[6 * j + q] = 1.0 / static_cast<double>(1 + q - j);
  }
  const Factors drawn = start_factors(users, items, 5, 0.7, 3);
  const RowPrior prior{.precision = precision, .means = &drawn.users};
  expect_near(make(problem)->solve_rows(Side::users, problem.by_user, prior),
              make_reference_backend(problem)->solve_rows(Side::users, problem.by_user, prior));
}

TEST_P(RowSolve, WithoutBiasesTakesThePriorsMeanWithoutItsBias) {
  ModelSpec spec = spec_of(Als{});
  spec.biases = false;
  const auto backend = make(problem_of(spec));
  SideFactors means(1, 5);
  std::fill(means.factors.begin(), means.factors.end(), 0.5F);
  means.biases[0] = 3;
  const CompressedMatrix nothing_rated{{0, 0}, {}, {}};
  const SideFactors row = backend->solve_rows(Side::users, nothing_rated, {.means = &means});
  EXPECT_EQ(row.factors, means.factors);
  EXPECT_EQ(row.biases.front(), 0);
}

/// What an error says, in the order in which the program prints it.
std::string text(const std::optional<Error>& error) {
  return error ? error->place() + ": " + error->what() + " / " + error->help() : "no error";
}

TEST_P(RowSolve, RefusesOtherLikelihoodsWithTheRemedy) {
  for (const Likelihood& likelihood : {Likelihood(Laplace{}), Likelihood(Poisson{})}) {
    const auto backend = make(problem_of(spec_of(Mle{}, 5, likelihood)));
    const auto error = error_of([&] { backend->solve_rows(Side::users, {{0, 1}, {3}, {1}}); });
    EXPECT_EQ(text(error), "--likelihood " + std::string(likelihood_name(likelihood)) +
                               ": rows for new ratings are solved for the gaussian likelihood "
                               "only / train with --likelihood gaussian");
    EXPECT_EQ(error->code(), ExitCode::usage);
  }
}

TEST_P(RowSolve, RefusesShapesThatDoNotFit) {
  const auto backend = make(problem_of(spec_of(Als{})));
  const CompressedMatrix good{{0, 1}, {3}, {1}};
  const std::vector<double> short_precision(25);
  const SideFactors two_means(2, 5);
  const struct {
    CompressedMatrix ratings;
    RowPrior prior;
    std::string what;
  } cases[] = {
      {{{0, 1}, {47}, {1}}, {}, "column 47 is not from 0 to 46"},
      {{{0, 1}, {-1}, {1}}, {}, "column -1 is not from 0 to 46"},
      {{{0, 2}, {3}, {1}}, {}, "the offsets do not rise from 0 to the 1 columns and 1 values"},
      {{{0, 1}, {3}, {}}, {}, "the offsets do not rise from 0 to the 1 columns and 0 values"},
      {{{}, {}, {}}, {}, "the offsets do not rise from 0 to the 0 columns and 0 values"},
      {good, {.precision = short_precision}, "the prior's precision has 25 numbers, not 6 x 6"},
      {good, {.means = &two_means}, "the prior's means are 2 x 5, not 1 x 5"},
  };
  for (const auto& bad : cases) {
    const auto error = error_of([&] { backend->solve_rows(Side::users, bad.ratings, bad.prior); });
    EXPECT_EQ(text(error), "solve_rows: " + bad.what + " / report this as a bug, with the command");
    if (error) {
      EXPECT_EQ(error->code(), ExitCode::internal);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, RowSolve, ::testing::ValuesIn(makers()),
                         [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace alsatian
