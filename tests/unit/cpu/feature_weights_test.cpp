// Claims about weights of implicit features: what preconditions them is its formula and takes the
// large eigenvalues away; weights are those of the whole system, from wherever they start.
#include "kernels/cpu/feature_weights.hpp"

#include "kernels/cpu/feature_preconditioner.hpp"
#include "kernels/cpu/narrow_table.hpp"
#include "kernels/cpu/row_sums.hpp"
#include "kernels/math/bfloat16.hpp"
#include "tests/support/cpu_tables.hpp"
#include "tests/support/problems.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
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

/// The preconditioner of one side as FeatureWeights makes it, and what it is to be near.
struct Preconditioned {
  CsrView<float> own;
  CsrView<float> opposite;
  Dense gram;
  std::vector<float> shares;
  std::vector<double> diagonal;

  Preconditioned(CsrView<float> own_ratings, CsrView<float> opposite_ratings)
      : own(own_ratings), opposite(opposite_ratings) {
    const Dense features = features_of(own, opposite.rows());
    gram = features.transpose() * features;
    diagonal.assign(gram.diagonal().begin(), gram.diagonal().end());
    for (std::int64_t row = 0; row < own.rows(); ++row) {
      shares.push_back(1.0F / static_cast<float>(std::max<std::int64_t>(own.row_size(row), 1)));
    }
  }

  FeaturePreconditioner make(std::int32_t rank, Isa isa = best_isa()) const {
    return {kernels(isa), own, opposite, shares, diagonal, rank};
  }
  Dense matrix(double ridge) const {
    return gram + ridge * Dense::Identity(gram.rows(), gram.rows());
  }
  Eigen::VectorXd diagonal_of(double ridge) const { return matrix(ridge).diagonal(); }

  /// M⁻¹, by solving for all unit vectors at once.
  Dense inverse(double ridge, bool biases, Isa isa = best_isa()) const {
    const auto order = static_cast<std::int32_t>(gram.rows());
    FactorTable unit(order, biases ? order - 1 : order);
    FactorTable solution(order, unit.rank());
    for (std::int32_t j = 0; j < order; ++j) {
      (j < unit.rank() ? unit.view().row(j)[j] : unit.view().biases[j]) = 1;
    }
    FeaturePreconditioner preconditioner = make(unit.rank(), isa);
    // Another ridge first: it must leave nothing behind.
    preconditioner.set_ridge(1.1 * ridge);
    preconditioner.set_ridge(100);
    preconditioner.set_ridge(ridge);
    preconditioner.apply(std::as_const(unit).view(), biases, solution.view());
    return dense_of(std::as_const(solution).view(), biases);
  }
};

TEST(FeaturePreconditioner, IsItsFormulaForAnyRidge) {
  const PlantedProblem planted = sparse_problem();
  for (const auto& [own, opposite] : {std::pair{&planted.by_user_float, &planted.by_item_float},
                                      std::pair{&planted.by_item_float, &planted.by_user_float}}) {
    const Preconditioned side(own->view(), opposite->view());
    for (const Isa isa : available_isas()) {
      FeaturePreconditioner made = side.make(1, isa);
      for (const double ridge : {0.4, 3.0, 25.0}) {
        made.set_ridge(ridge);
        ASSERT_EQ(made.directions().rank(), 16);
        const Dense directions = dense_of(made.directions().view(), false);
        const Eigen::VectorXd diagonal = side.diagonal_of(ridge);
        const Dense whole = directions.transpose() * side.matrix(ridge) * directions;
        const Dense part = directions.transpose() * diagonal.asDiagonal() * directions;
        const Dense expected =
            Dense(diagonal.cwiseInverse().asDiagonal()) +
            directions * (whole.inverse() - part.inverse()) * directions.transpose();
        for (const bool biases : {true, false}) {
          // 1e-5 of the diagonals of both matrices, on purpose, which are as large as any of it.
          EXPECT_LE((side.inverse(ridge, biases, isa) - expected).cwiseAbs().maxCoeff(),
                    3e-5 / ridge);
        }
      }
    }
  }
}

TEST(FeaturePreconditioner, TakesTheLargestEigenvaluesAway) {
  const PlantedProblem planted = sparse_problem();
  for (const auto& [own, opposite] : {std::pair{&planted.by_user_float, &planted.by_item_float},
                                      std::pair{&planted.by_item_float, &planted.by_user_float}}) {
    const Preconditioned side(own->view(), opposite->view());
    for (const double ridge : {0.4, 3.0, 25.0}) {
      const Dense matrix = side.matrix(ridge);
      const Dense scaled = side.diagonal_of(ridge).cwiseSqrt().cwiseInverse().asDiagonal();
      const Eigen::VectorXd by_diagonal =
          Eigen::SelfAdjointEigenSolver<Dense>(scaled * matrix * scaled).eigenvalues();
      const Dense root = matrix.llt().matrixL();
      const Dense inverse = side.inverse(ridge, false);
      const Eigen::VectorXd preconditioned =
          Eigen::SelfAdjointEigenSolver<Dense>(root.transpose() * inverse * root).eigenvalues();
      EXPECT_GT(preconditioned.minCoeff(), 0.95 * by_diagonal.minCoeff());
      // The best that 16 directions could leave is the seventeenth; iterations find about that.
      EXPECT_LT(preconditioned.maxCoeff(), 1.15 * by_diagonal[by_diagonal.size() - 17]);
    }
  }
}

TEST(FeaturePreconditioner, IsTheInverseOfFewFeatures) {
  for (const std::int32_t features : {1, 3, 31, 64}) {
    const PlantedProblem planted = planted_problem({.users = 301, .items = features});
    const Preconditioned side(planted.by_user_float.view(), planted.by_item_float.view());
    for (const bool biases : {true, false}) {
      const Dense expected = side.matrix(2).inverse();
      EXPECT_LE((side.inverse(2, biases) - expected).cwiseAbs().maxCoeff(), 3e-5 / 2);
    }
  }
}

TEST(FeaturePreconditioner, IsTheDiagonalWhereFewRowsHaveManyFeatures) {
  const PlantedProblem planted = planted_problem({.users = 31, .items = 97});
  const Preconditioned side(planted.by_user_float.view(), planted.by_item_float.view());
  const Dense expected = side.diagonal_of(2).cwiseInverse().asDiagonal();
  EXPECT_LE((side.inverse(2, true) - expected).cwiseAbs().maxCoeff(), 1e-7);
}

TEST(FeaturePreconditioner, IsPositiveDefiniteWhereFeaturesHaveOneDirectionOrNone) {
  for (const int ratings_of_a_row : {0, 1}) {
    constexpr std::int64_t rows = 95;
    std::vector<std::int64_t> offsets{0};
    std::vector<std::int64_t> opposite_offsets{0};
    for (std::int64_t row = 0; row < rows; ++row) {
      offsets.push_back(offsets.back() + ratings_of_a_row);
      opposite_offsets.push_back(ratings_of_a_row * rows);
    }
    const auto count = static_cast<std::size_t>(offsets.back());
    const std::vector<float> values(count, 1.0F);
    const std::vector<std::int32_t> columns(count, 0);
    std::vector<std::int32_t> every_row(count);
    for (std::size_t o = 0; o < count; ++o) every_row[o] = static_cast<std::int32_t>(o);
    const Preconditioned side({offsets, columns, values}, {opposite_offsets, every_row, values});
    const Dense inverse = side.inverse(0.5, true);
    ASSERT_TRUE(inverse.allFinite());
    EXPECT_LE((inverse - inverse.transpose()).cwiseAbs().maxCoeff(), 1e-5);
    EXPECT_GT(Eigen::SelfAdjointEigenSolver<Dense>(inverse).eigenvalues().minCoeff(), 0);
    // The one direction is its own eigenvector.
    EXPECT_NEAR(inverse(0, 0), 1 / side.matrix(0.5)(0, 0), 1e-4);
  }
}

TEST(FeaturePreconditioner, HasTheSameBytesOnAnyNumberOfThreads) {
  const PlantedProblem planted = planted_problem({.users = 901, .items = 97, .density = 0.1});
  const Preconditioned side(planted.by_item_float.view(), planted.by_user_float.view());
  Dense serial;
  for (const int threads : {1, 3}) {
    const ThreadsInScope scope(threads);
    const Dense found = side.inverse(2, true);
    if (threads == 1) serial = found;
    EXPECT_EQ(found, serial);
  }
}

TEST(RowSums, AreThoseOfDenseProductsWithAndWithoutTiles) {
  // Rows of 24 entries and of 240, for tables of one tile and of six that are worth a visit.
  const PlantedProblem planted =
      planted_problem({.users = 301, .items = 31, .rank = 3, .density = 0.8, .single_users = 40});
  const CsrView<float> pattern = planted.by_item_float.view();
  const std::vector<float> scales(31, 0.5F);
  for (const std::int32_t rank : {1, 16, 40}) {
    for (const bool biases : {true, false}) {
      FactorTable table(301, rank);
      const Dense values = fill(7, biases, table.view());
      Dense ones = Dense::Zero(31, 301);
      for (std::int64_t row = 0; row < 31; ++row) {
        for (const std::int32_t column : pattern.row_columns(row)) ones(row, column) = 1;
      }
      const Dense expected = 0.5 * ones * values;
      const std::int64_t row_bytes = (table.stride() + 1) * 4;
      for (const Isa isa : available_isas()) {
        for (const std::int64_t tile_rows : {301, 59}) {
          FactorTable sums(31, rank);
          std::ranges::fill(sums.flat(), 9.0F);  // sums replace what was there
          sums.clear_padding();
          sum_rows(kernels(isa),
                   {.pattern = pattern,
                    .table = std::as_const(table).view(),
                    .sums = sums.view(),
                    .scales = scales,
                    .biases = biases},
                   tile_rows * row_bytes);
          // At most 301 terms of about 1 each, one after the other in float.
          EXPECT_LE((dense_of(std::as_const(sums).view(), biases) - expected).cwiseAbs().maxCoeff(),
                    301 * 301 * 6e-8);
        }
      }
    }
  }
}

TEST(RowSums, OfBfloat16AreThoseOfTheRoundedTableWithAndWithoutTiles) {
  // Rows of about 700 entries, for tables of one tile and of fifteen that are worth a visit.
  const PlantedProblem planted =
      planted_problem({.users = 901, .items = 31, .rank = 3, .density = 0.8, .single_users = 40});
  const CsrView<float> pattern = planted.by_item_float.view();
  const std::vector<float> scales(31, 0.5F);
  Dense ones = Dense::Zero(31, 901);
  for (std::int64_t row = 0; row < 31; ++row) {
    for (const std::int32_t column : pattern.row_columns(row)) ones(row, column) = 1;
  }
  for (const std::int32_t rank : {1, 16, 40}) {
    for (const bool biases : {true, false}) {
      FactorTable wide(901, rank);
      fill(7, true, wide.view());
      NarrowTable table(901, rank);
      for (std::int64_t row = 0; row < 901; ++row) {
        const auto round = [](float& value, std::uint16_t& to) {
          to = to_bfloat16(value);
          value = from_bfloat16(to);
        };
        for (std::int32_t j = 0; j < rank; ++j) {
          round(wide.view().row(row)[j], table.view().row(row)[j]);
        }
        round(wide.view().biases[row], table.view().biases[row]);
      }
      const Dense expected = 0.5 * ones * dense_of(std::as_const(wide).view(), biases);
      const std::int64_t row_bytes = (wide.stride() + 1) * 2;
      for (const Isa isa : available_isas()) {
        for (const std::int64_t tile_rows : {901, 61}) {
          FactorTable sums(31, rank);
          std::ranges::fill(sums.flat(), 9.0F);
          sums.clear_padding();
          NarrowTable narrow(31, rank);
          const NarrowRowSumTask task{.pattern = pattern,
                                      .table = std::as_const(table).view(),
                                      .sums = sums.view(),
                                      .scales = scales,
                                      .biases = biases,
                                      .narrow_sums = narrow.view()};
          sum_rows(kernels(isa), task, tile_rows * row_bytes);
          const Dense found = dense_of(std::as_const(sums).view(), biases);
          // At most 901 terms of about 1 each, one after the other in float.
          EXPECT_LE((found - expected).cwiseAbs().maxCoeff(), 901 * 901 * 6e-8);
          for (std::int64_t row = 0; row < 31; ++row) {
            for (std::int32_t j = 0; j < rank; ++j) {
              EXPECT_EQ(narrow.view().row(row)[j], to_bfloat16(sums.view().row(row)[j]));
            }
            if (!biases) continue;
            EXPECT_EQ(narrow.view().biases[row], to_bfloat16(sums.view().biases[row]));
          }
        }
      }
    }
  }
}

/// The system of B as FeatureWeights is given it, and its solution by Eigen.
struct System {
  Dense solution;
  double deviations = 0;  // of the found B from the solution, in deviations of a draw: Σ eᵀAe/D
  int steps = 0;
};

System solve(const Dense& before, double ridge, bool biases, Isa isa) {
  const PlantedProblem planted = sparse_problem();
  const CsrView<float> own = planted.by_user_float.view();
  const CsrView<float> opposite = planted.by_item_float.view();
  FeatureWeights weights(kernels(isa), own, opposite, 5, biases);
  const SideView<float> first = weights.weights().view();
  for (std::int64_t row = 0; row < first.rows; ++row) {
    for (std::int32_t j = 0; j < first.rank; ++j) {
      first.row(row)[j] = static_cast<float>(before(row, j));
    }
    if (biases) first.biases[row] = static_cast<float>(before(row, first.rank));
  }
  const Dense targets = fill(5, biases, weights.targets());
  const SideView<float> residual = weights.right_side();
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

TEST(FeatureWeights, AreThoseOfTheWholeSystemWhateverTheyWere) {
  for (const Isa isa : available_isas()) {
    for (const bool biases : {true, false}) {
      for (const double ridge : {0.7, 10.0}) {
        const Dense zero = Dense::Zero(97, biases ? 6 : 5);
        const System first = solve(zero, ridge, biases, isa);
        // In the matrix's own norm the preconditioner may hide a factor of its condition, below 25.
        EXPECT_LE(first.deviations, 5 * 1e-2);
        EXPECT_LT(first.steps, 30);
        const System again = solve(zero.array() + 3, ridge, biases, isa);
        EXPECT_EQ(again.deviations, first.deviations);
        EXPECT_EQ(again.steps, first.steps);
      }
    }
  }
}

}  // namespace
}  // namespace alsatian::cpu
