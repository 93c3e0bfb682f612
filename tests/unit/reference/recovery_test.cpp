// A planted low-rank matrix without noise is found again from half of its cells.
// The oracle is the planted matrix itself, over all cells, in double.
#include "kernels/reference/als.hpp"
#include "kernels/reference/least_squares.hpp"
#include "kernels/reference/objective.hpp"
#include "tests/support/reference_problems.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace alsatian::reference {
namespace {

using alsatian::testing::planted_problem;
using alsatian::testing::PlantedProblem;
using alsatian::testing::reference_problem;
using alsatian::testing::start_parameters;

/// Whether biases are planted and whether the model has them. λ = 0 leaves the gauge free (any
/// invertible A turns p, q into Aᵀp, A⁻¹q), which changes no score.
struct BiasCase {
  double planted_deviation;
  bool in_model;
};

class PlantedMatrix : public ::testing::TestWithParam<BiasCase> {
 protected:
  PlantedMatrix()
      : planted_(planted_problem({.users = 200,
                                  .items = 150,
                                  .rank = 8,
                                  .density = 0.5,
                                  .bias_deviation = GetParam().planted_deviation,
                                  .noise = 0,
                                  .exact_in_float = false})),
        problem_(reference_problem(planted_, {.factors = 0, .biases = 0, .scaling = 0},
                                   GetParam().in_model)),
        parameters_(start_parameters(planted_, 8)) {}

  /// ‖scores − planted scores‖ / ‖planted scores‖ over all cells, in Frobenius's norm.
  double relative_error() const {
    double error = 0;
    double size = 0;
    for (std::int64_t user = 0; user < 200; ++user) {
      for (std::int64_t item = 0; item < 150; ++item) {
        const double planted = planted_.planted_score(user, item);
        error += std::pow(score_of(parameters_, problem_.mean, user, item) - planted, 2);
        size += planted * planted;
      }
    }
    return std::sqrt(error / size);
  }

  PlantedProblem planted_;
  Problem problem_;
  Parameters parameters_;
};

TEST_P(PlantedMatrix, IsRecoveredByAlternatingLeastSquaresInFiftyEpochs) {
  for (int epoch = 0; epoch < 50 && relative_error() > 1e-11; ++epoch) {
    half_sweep(problem_.by_user, parameters_.items, problem_, {}, parameters_.users);
    half_sweep(problem_.by_item, parameters_.users, problem_, {}, parameters_.items);
  }
  EXPECT_LT(relative_error(), 1e-10);
}

TEST_P(PlantedMatrix, IsRecoveredByLeastSquaresInFiftySteps) {
  DampingState state;
  for (int epoch = 0; epoch < 50 && relative_error() > 1e-11; ++epoch) {
    least_squares_step(problem_, {}, state, parameters_);
  }
  EXPECT_LT(relative_error(), 1e-10);
}

std::string case_name(const ::testing::TestParamInfo<BiasCase>& tested) {
  return std::string(tested.param.planted_deviation > 0 ? "planted" : "none_planted") +
         (tested.param.in_model ? "_and_learned" : "_and_none_learned");
}

INSTANTIATE_TEST_SUITE_P(Biases, PlantedMatrix,
                         ::testing::Values(BiasCase{0.0, false}, BiasCase{0.0, true},
                                           BiasCase{0.3, true}),
                         case_name);

}  // namespace
}  // namespace alsatian::reference
