// A planted low-rank matrix is found again from half of its cells, by als and by ls in float.
// The oracle is the planted matrix itself, over all cells, seen and unseen.
#include "host/train/backend.hpp"
#include "tests/support/problems.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>

namespace alsatian {
namespace {

using ::alsatian::testing::Compressed;
using ::alsatian::testing::planted_problem;
using ::alsatian::testing::PlantedProblem;

/// Rank 8, 200 × 150, no noise and no biases, half of the cells rated.
PlantedProblem noiseless() {
  return planted_problem(
      {.users = 200, .items = 150, .rank = 8, .density = 0.5, .bias_deviation = 0, .noise = 0});
}

CompressedMatrix compressed(const Compressed<float>& from) {
  return {from.offsets, from.columns, from.values};
}

std::unique_ptr<Backend> backend_for(const PlantedProblem& planted, const Algorithm& algorithm) {
  TrainingProblem problem;
  problem.spec.algorithm = algorithm;
  problem.spec.rank = 8;
  problem.spec.biases = false;
  problem.spec.regularization = {.factors = 0, .biases = 0, .scaling = 0};
  problem.by_user = compressed(planted.by_user_float);
  problem.by_item = compressed(planted.by_item_float);
  problem.start = start_factors(200, 150, 8, 0.1, 42);
  return make_cpu_backend(std::move(problem), {});
}

/// ‖P Qᵀ − planted‖ / ‖planted‖ over all cells, Frobenius norms.
double relative_error(const PlantedProblem& planted, const Factors& factors) {
  double error = 0;
  double size = 0;
  for (std::int64_t user = 0; user < planted.users.rows; ++user) {
    for (std::int64_t item = 0; item < planted.items.rows; ++item) {
      const double expected = planted.planted_score(user, item);
      const double found = dot<double>(factors.users.row(user), factors.items.row(item), 8);
      error += (found - expected) * (found - expected);
      size += expected * expected;
    }
  }
  return std::sqrt(error / size);
}

TEST(PlantedMatrix, IsRecoveredByAlsInFloat) {
  const PlantedProblem planted = noiseless();
  const auto backend = backend_for(planted, Als{});
  for (int epoch = 0; epoch < 50; ++epoch) {
    backend->als_half_sweep(Side::users);
    backend->als_half_sweep(Side::items);
  }
  EXPECT_LT(relative_error(planted, backend->factors()), 1e-5);
}

TEST(PlantedMatrix, IsRecoveredByLeastSquaresInFloat) {
  const PlantedProblem planted = noiseless();
  const auto backend = backend_for(planted, LeastSquares{});
  for (int epoch = 0; epoch < 50 && backend->least_squares_step().accepted; ++epoch) {
  }
  EXPECT_LT(relative_error(planted, backend->factors()), 1e-5);
}

}  // namespace
}  // namespace alsatian
