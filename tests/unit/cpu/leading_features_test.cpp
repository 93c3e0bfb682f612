// Claims about features that are solved for together: their block is exact, others get their
// diagonal, and weights solved with them are those of the whole system, from wherever they start.
#include "kernels/cpu/leading_features.hpp"

#include "kernels/cpu/feature_weights.hpp"
#include "tests/support/cpu_tables.hpp"
#include "tests/support/problems.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

namespace alsatian::cpu {
namespace {

using ::alsatian::testing::available_isas;
using ::alsatian::testing::planted_problem;
using ::alsatian::testing::PlantedProblem;
using ::alsatian::testing::ThreadsInScope;

using Dense = Eigen::MatrixXd;

/// 1/√n at every rating of a row.
Dense features_of(CsrView<float> own, std::int64_t features) {
  Dense dense = Dense::Zero(own.rows(), features);
  for (std::int64_t row = 0; row < own.rows(); ++row) {
    for (const std::int32_t column : own.row_columns(row)) {
      dense(row, column) = 1 / std::sqrt(static_cast<double>(own.row_size(row)));
    }
  }
  return dense;
}

double number(std::uint64_t seed, std::uint64_t row, std::uint32_t column) {
  const Random4 words = philox(seed, RandomStream::generate, row, column);
  return normal(words.word[0], words.word[1]).value[0];
}

/// Standard normal, biases as the last column.
Dense fill(std::uint64_t seed, bool biases, SideView<float> table) {
  Dense dense(table.rows, table.rank + (biases ? 1 : 0));
  for (std::int64_t row = 0; row < table.rows; ++row) {
    for (std::int32_t j = 0; j < dense.cols(); ++j) {
      const auto value = static_cast<float>(
          number(seed, static_cast<std::uint64_t>(row), static_cast<std::uint32_t>(j)));
      (j < table.rank ? table.row(row)[j] : table.biases[row]) = value;
      dense(row, j) = value;
    }
  }
  return dense;
}

Dense dense_of(SideView<const float> table, bool biases) {
  Dense dense(table.rows, table.rank + (biases ? 1 : 0));
  for (std::int64_t row = 0; row < table.rows; ++row) {
    for (std::int32_t j = 0; j < table.rank; ++j) dense(row, j) = table.row(row)[j];
    if (biases) dense(row, table.rank) = table.biases[row];
  }
  return dense;
}

PlantedProblem sparse_problem() {
  return planted_problem({.users = 301,
                          .items = 97,
                          .rank = 3,
                          .density = 0.05,
                          .heavy_users = 2,
                          .single_users = 3,
                          .empty_users = 2});
}

TEST(Invert, GivesTheInverseOfAnyOrderOnAnyNumberOfThreads) {
  for (const std::int64_t order : {1, 5, 32, 33, 97}) {
    Dense root(order, order);
    for (std::int64_t row = 0; row < order; ++row) {
      for (std::int64_t column = 0; column < order; ++column) {
        root(row, column) =
            number(3, static_cast<std::uint64_t>(row), static_cast<std::uint32_t>(column));
      }
    }
    const Dense matrix = root * root.transpose() + Dense::Identity(order, order);
    std::vector<double> serial;
    for (const int threads : {1, 3}) {
      const ThreadsInScope scope(threads);
      SquareMatrix inverse(order);
      Eigen::Map<Dense>(inverse.entries().data(), order, order) = matrix;
      invert(inverse);
      const Dense found = Eigen::Map<Dense>(inverse.entries().data(), order, order);
      // eps·order·condition, which is below (4·order + 1)/1.
      EXPECT_LE((found * matrix - Dense::Identity(order, order)).cwiseAbs().maxCoeff(),
                2.3e-16 * static_cast<double>(order * (4 * order + 1)));
      const std::vector<double> entries(inverse.entries().begin(), inverse.entries().end());
      if (serial.empty()) serial = entries;
      EXPECT_EQ(entries, serial);
    }
  }
}

TEST(LeadingFeatures, SolveTheirBlockExactlyAtTheNearestPowerOf125) {
  const PlantedProblem planted = sparse_problem();
  const CsrView<float> own = planted.by_user_float.view();
  const CsrView<float> opposite = planted.by_item_float.view();
  const Dense features = features_of(own, opposite.rows());
  const Dense gram = features.transpose() * features;
  std::vector<float> shares;
  for (std::int64_t row = 0; row < own.rows(); ++row) {
    shares.push_back(1.0F / static_cast<float>(std::max<std::int64_t>(own.row_size(row), 1)));
  }
  const std::vector<double> diagonal(gram.diagonal().begin(), gram.diagonal().end());
  for (const Isa isa : available_isas()) {
    for (const bool biases : {true, false}) {
      FactorTable residual(opposite.rows(), 5);
      const Dense right_side = fill(7, biases, residual.view());
      LeadingFeatures leading(kernels(isa), own, opposite, shares, diagonal, biases ? 6 : 5);
      ASSERT_GT(leading.size(), 20);
      ASSERT_LT(leading.size(), opposite.rows());
      std::vector<Eigen::Index> chosen;
      for (std::int64_t feature = 0; feature < opposite.rows(); ++feature) {
        if (leading.place(feature) >= 0) chosen.push_back(feature);
      }
      // Another ridge first: it must leave nothing behind.
      leading.set_ridge(100);
      leading.set_ridge(3.3);
      const double near = std::pow(1.25, std::round(std::log(3.3) / std::log(1.25)));
      const Dense block =
          Dense(gram(chosen, chosen)) + near * Dense::Identity(leading.size(), leading.size());
      const Dense expected = block.llt().solve(Dense(right_side(chosen, Eigen::all)));
      const Dense found = dense_of(leading.solve(std::as_const(residual).view(), biases), false);
      EXPECT_LE((found - expected).cwiseAbs().maxCoeff(), 1e-5);
    }
  }
}

TEST(LeadingFeatures, AreThoseThatMostRowsHave) {
  const PlantedProblem planted = sparse_problem();
  const CsrView<float> own = planted.by_user_float.view();
  const CsrView<float> opposite = planted.by_item_float.view();
  const Dense features = features_of(own, opposite.rows());
  const Eigen::VectorXd diagonal = features.colwise().squaredNorm();
  const std::vector<float> shares(static_cast<std::size_t>(own.rows()), 1.0F);
  const std::vector<double> sizes(diagonal.begin(), diagonal.end());
  const LeadingFeatures leading(kernels(best_isa()), own, opposite, shares, sizes, 4);
  double least = 1e300;
  double most = 0;
  for (std::int64_t feature = 0; feature < opposite.rows(); ++feature) {
    if (leading.place(feature) >= 0) least = std::min(least, diagonal[feature]);
    if (leading.place(feature) < 0) most = std::max(most, diagonal[feature]);
  }
  EXPECT_GE(least, most);
}

/// The system of B as FeatureWeights is given it, and its solution by Eigen.
struct System {
  Dense solution;
  double deviations = 0;  // of the found B from the solution, in deviations of a draw: Σ eᵀAe/D
  int steps = 0;
};

System solve_from(const Dense& start, double ridge, bool biases, Isa isa) {
  const PlantedProblem planted = sparse_problem();
  const CsrView<float> own = planted.by_user_float.view();
  const CsrView<float> opposite = planted.by_item_float.view();
  FeatureWeights weights(kernels(isa), own, opposite, 5, biases);
  const SideView<float> first = weights.weights().view();
  for (std::int64_t row = 0; row < first.rows; ++row) {
    for (std::int32_t j = 0; j < first.rank; ++j) {
      first.row(row)[j] = static_cast<float>(start(row, j));
    }
    if (biases) first.biases[row] = static_cast<float>(start(row, first.rank));
  }
  const Dense targets = fill(5, biases, weights.targets());
  const SideView<float> residual = weights.residual();
  Dense added(residual.rows, targets.cols());
  for (std::int64_t row = 0; row < residual.rows; ++row) {
    for (std::int32_t j = 0; j < targets.cols(); ++j) {
      added(row, j) = std::sqrt(ridge) *
                      number(9, static_cast<std::uint64_t>(row), static_cast<std::uint32_t>(j));
      (j < residual.rank ? residual.row(row)[j] : residual.biases[row]) +=
          static_cast<float>(added(row, j));
    }
  }
  const Dense features = features_of(own, opposite.rows());
  const Dense matrix =
      features.transpose() * features + ridge * Dense::Identity(opposite.rows(), opposite.rows());
  System system;
  const std::vector<double> variances(static_cast<std::size_t>(targets.cols()), 1.0);
  system.steps = weights.solve(ridge, variances);
  system.solution = matrix.llt().solve(features.transpose() * targets + added);
  const Dense error = dense_of(std::as_const(weights).weights().view(), biases) - system.solution;
  const Eigen::VectorXd squares = error.cwiseProduct(matrix * error).colwise().sum();
  system.deviations = std::sqrt(squares.maxCoeff() / static_cast<double>(opposite.rows()));
  const Dense means = features * dense_of(std::as_const(weights).weights().view(), biases);
  EXPECT_LE((dense_of(weights.means(), biases) - means).cwiseAbs().maxCoeff(), 1e-4);
  return system;
}

TEST(FeatureWeights, AreThoseOfTheWholeSystemFromWhereverTheyStart) {
  for (const Isa isa : available_isas()) {
    for (const bool biases : {true, false}) {
      for (const double ridge : {0.7, 10.0}) {
        const Dense zero = Dense::Zero(97, biases ? 6 : 5);
        const System from_zero = solve_from(zero, ridge, biases, isa);
        // In the matrix's own norm the preconditioner may hide a factor of its condition, below 25.
        EXPECT_LE(from_zero.deviations, 5 * 2e-3);
        const System again = solve_from(from_zero.solution, ridge, biases, isa);
        EXPECT_LE(again.deviations, 5 * 2e-3);
        EXPECT_EQ(again.steps, 0);
        const System far = solve_from(zero.array() + 3, ridge, biases, isa);
        EXPECT_LE(far.deviations, 5 * 2e-3);
        EXPECT_GE(far.steps, from_zero.steps);
        EXPECT_LT(far.steps, 30);
      }
    }
  }
}

}  // namespace
}  // namespace alsatian::cpu
