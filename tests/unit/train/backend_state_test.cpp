// A backend that takes over another one's state goes on as if nothing had happened: same bytes.
// Every algorithm, optimizer, solver and likelihood, on the reference and on the CPU.
#include "host/train/backend_state.hpp"

#include "host/error.hpp"
#include "host/train/backend.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/training_problems.hpp"

#include <gtest/gtest.h>

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

enum class Kind { reference, cpu };

/// A feature that every second row has, and the others have not.
SideFeatures features_of_every_second(std::int64_t rows) {
  SideFeatures features{.rows = {{0}, {}, {}},
                        .described = std::vector<std::uint8_t>(static_cast<std::size_t>(rows), 1),
                        .names = {"odd"},
                        .source = {}};
  for (std::int64_t row = 0; row < rows; ++row) {
    if (row % 2 == 1) {
      features.rows.columns.push_back(0);
      features.rows.values.push_back(1);
    }
    features.rows.offsets.push_back(static_cast<std::int64_t>(features.rows.columns.size()));
  }
  return features;
}

std::unique_ptr<Backend> make(Kind kind, const ModelSpec& spec, std::uint64_t start_seed,
                              double start_deviation = 0.1) {
  TrainingProblem problem = problem_of(spec);
  problem.start = start_factors(users, items, spec.rank, start_deviation, start_seed);
  const auto* bayes = std::get_if<Bayes>(&spec.algorithm);
  if (bayes != nullptr && bayes->feature_files) {
    problem.user_features = features_of_every_second(problem.by_user.rows());
    problem.item_features = features_of_every_second(problem.by_item.rows());
  }
  if (kind == Kind::reference) return make_reference_backend(std::move(problem));
  return make_cpu_backend(std::move(problem), {});
}

/// Epochs `first` to `last` − 1 as the trainer runs them; what the last one reported.
LeastSquaresReport run(Backend& backend, const ModelSpec& spec, int first, int last) {
  LeastSquaresReport report;
  for (int epoch = first; epoch < last; ++epoch) {
    if (std::holds_alternative<Als>(spec.algorithm)) {
      backend.als_half_sweep(Side::users);
      backend.als_half_sweep(Side::items);
    } else if (is_bayes(spec)) {
      if (epoch == 0) backend.start_gibbs();
      backend.gibbs_sweep(epoch, 0);
    } else if (std::holds_alternative<Mle>(spec.algorithm)) {
      backend.sgd_epoch(0.05 / (1 + epoch), epoch);
    } else {
      report = backend.least_squares_step();
    }
  }
  return report;
}

struct Case {
  std::string name;
  ModelSpec spec;

  friend void PrintTo(const Case& value, std::ostream* out) { *out << value.name; }
};

std::vector<Case> cases() {
  std::vector<Case> all{
      {"als", spec_of(Als{}, 17)},
      {"als_cg", spec_of(Als{.solver = Solver::conjugate_gradient, .solver_steps = 2}, 17)},
      {"mle_sgd", spec_of(Mle{.optimizer = Optimizer::sgd}, 17)},
      {"ls", spec_of(LeastSquares{}, 17)},
      {"bayes", spec_of(Bayes{}, 17)},
      {"bayes_without_features", spec_of(Bayes{.features = Features::none})},
      {"bayes_with_files", spec_of(Bayes{.feature_files = true}, 17)},
      {"als_rank_0", spec_of(Als{}, 0)},
      {"mle_rank_0", spec_of(Mle{}, 0)},
      {"ls_rank_0", spec_of(LeastSquares{}, 0)},
  };
  for (const Likelihood& likelihood : {Likelihood(Gaussian{}), Likelihood(Laplace{}),
                                       Likelihood(Poisson{}), Likelihood(Bernoulli{})}) {
    all.push_back(
        {"mle_" + std::string(likelihood_name(likelihood)), spec_of(Mle{}, 5, likelihood)});
  }
  all.push_back({"mle_without_biases", spec_of(Mle{})});
  all.back().spec.biases = false;
  return all;
}

class BackendStateOf : public ::testing::TestWithParam<std::tuple<Kind, Case>> {};

TEST_P(BackendStateOf, LetsAnotherBackendGoOnWithTheSameBytes) {
  const auto& [kind, chosen] = GetParam();
  const ModelSpec& spec = chosen.spec;
  const auto uninterrupted = make(kind, spec, spec.seed);
  run(*uninterrupted, spec, 0, 2);
  const BackendState saved = uninterrupted->state();
  // Its own past must not matter: far larger slopes, which Poisson makes infinite.
  const auto resumed = make(kind, spec, spec.seed + 1, 1.0);
  run(*resumed, spec, 0, 1);
  resumed->restore(saved);
  EXPECT_EQ(resumed->state(), saved);
  // Long enough for ls to come to systems whose tolerance depends on the first gradient.
  const LeastSquaresReport expected = run(*uninterrupted, spec, 2, 14);
  const LeastSquaresReport report = run(*resumed, spec, 2, 14);
  EXPECT_EQ(report.accepted, expected.accepted);
  EXPECT_EQ(report.objective, expected.objective);
  EXPECT_EQ(report.inner_steps, expected.inner_steps);
  EXPECT_EQ(report.damping, expected.damping);
  EXPECT_EQ(resumed->state(), uninterrupted->state());
  EXPECT_EQ(resumed->factors().users.factors, uninterrupted->factors().users.factors);
  EXPECT_EQ(resumed->factors().items.biases, uninterrupted->factors().items.biases);
  EXPECT_EQ(resumed->objective().value, uninterrupted->objective().value);
}

TEST_P(BackendStateOf, OfAFreshBackendStartsItAgain) {
  const auto& [kind, chosen] = GetParam();
  const ModelSpec& spec = chosen.spec;
  const auto backend = make(kind, spec, spec.seed);
  const BackendState start = backend->state();
  run(*backend, spec, 0, 3);
  const BackendState end = backend->state();
  EXPECT_NE(end, start);
  backend->restore(start);
  run(*backend, spec, 0, 3);
  EXPECT_EQ(backend->state(), end);
}

INSTANTIATE_TEST_SUITE_P(EveryTraining, BackendStateOf,
                         ::testing::Combine(::testing::Values(Kind::reference, Kind::cpu),
                                            ::testing::ValuesIn(cases())),
                         [](const auto& parameters) {
                           const bool reference = std::get<0>(parameters.param) == Kind::reference;
                           return (reference ? "reference_" : "cpu_") +
                                  std::get<1>(parameters.param).name;
                         });

std::vector<std::string> names_of(const BackendState& state) {
  std::vector<std::string> names;
  for (const BackendState::Array& array : state.arrays) names.push_back(array.name);
  return names;
}

TEST(BackendState, HoldsWhatEachAlgorithmGoesOnFrom) {
  const std::vector<std::string> parameters{"user_factors", "user_biases", "item_factors",
                                            "item_biases"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), parameters.begin(), parameters.end());
    return more;
  };
  const auto sums =
      with({"user_factor_sums", "user_bias_sums", "item_factor_sums", "item_bias_sums"});
  for (const Kind kind : {Kind::reference, Kind::cpu}) {
    const auto state_of = [&](const Algorithm& algorithm) {
      return names_of(make(kind, spec_of(algorithm), 1)->state());
    };
    EXPECT_EQ(state_of(Als{}), parameters);
    EXPECT_EQ(state_of(Mle{}), sums);
    EXPECT_EQ(state_of(Mle{.optimizer = Optimizer::sgd}), parameters);
  }
  EXPECT_EQ(names_of(make(Kind::cpu, spec_of(LeastSquares{}), 1)->state()),
            with({"damping", "first_gradient"}));
  EXPECT_EQ(names_of(make(Kind::reference, spec_of(LeastSquares{}), 1)->state()),
            with({"damping", "damping_growth"}));
}

TEST(BackendState, HoldsRowsWithoutTheirPadding) {
  const auto backend = make(Kind::cpu, spec_of(Als{}, 5), 1);
  const BackendState state = backend->state();
  EXPECT_EQ(std::get<std::vector<float>>(state.arrays[0].values), backend->factors().users.factors);
}

/// Error 65 with that text, and the backend as it was.
void expect_refused(Backend& backend, const BackendState& state, const std::string& what) {
  const BackendState before = backend.state();
  const auto error = error_of([&] { backend.restore(state); });
  ASSERT_TRUE(error) << what;
  EXPECT_EQ(error->code(), ExitCode::bad_data);
  EXPECT_EQ(error->place() + ": " + error->what(), "training state: " + what);
  EXPECT_EQ(error->help(), "resume with the data, options and device of the run that saved it");
  EXPECT_EQ(backend.state(), before);
}

TEST(BackendState, OfAnotherTrainingIsRefusedAndChangesNothing) {
  const auto cpu = make(Kind::cpu, spec_of(Mle{}, 5), 1);
  expect_refused(*cpu, make(Kind::cpu, spec_of(Als{}, 5), 2)->state(),
                 "it holds 4 arrays, this training needs 8");
  expect_refused(*cpu, make(Kind::cpu, spec_of(Mle{}, 4), 2)->state(),
                 "it holds user_factors of 244 floats, this training needs user_factors of 305 "
                 "floats");
  expect_refused(*cpu, make(Kind::reference, spec_of(Mle{}, 5), 2)->state(),
                 "it holds user_factors of 305 doubles, this training needs user_factors of 305 "
                 "floats");
  BackendState renamed = make(Kind::cpu, spec_of(Mle{}, 5), 2)->state();
  std::swap(renamed.arrays[6], renamed.arrays[7]);
  expect_refused(*cpu, renamed,
                 "it holds item_bias_sums of 47 floats, this training needs item_factor_sums of "
                 "47 floats");
}

}  // namespace
}  // namespace alsatian
