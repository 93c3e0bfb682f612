// Products with the Gauss-Newton matrix: problems, and what they give by one loop over the ratings
// in double. For every way to compute them on the device.
#pragma once

#include "kernels/math/regularization.hpp"
#include "kernels/reference/parameters.hpp"
#include "tests/support/reference_problems.hpp"
#include "tests/support/row_problems.hpp"
#include "tests/support/tolerance.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace alsatian::testing {

inline constexpr Regularization usual_regularization{1.0, 0.7, 0.5};

/// Rows of the users of a problem.
struct RowResults {
  reference::SideParameters output;
  reference::SideParameters diagonal;
  std::vector<double> row_products;
};

struct RowsCase {
  const PlantedProblem& planted;
  reference::Parameters at;
  reference::Parameters direction;
  bool biases = true;
  std::int32_t part_ratings = 13;  // so that ordinary rows are cut too
  float damping = 0.25F;
};

inline RowsCase case_of(const PlantedProblem& planted, std::int32_t rank) {
  RowsCase rows{planted, rounded_to_float(random_parameters(planted, rank, 0.2, 0.2)), {}};
  rows.direction = rows.at;
  rows.direction.users.factors *= -0.75;  // exact in float
  rows.direction.users.biases *= -0.75;
  rows.direction = rounded_to_float(rows.direction);
  return rows;
}

/// JᵀJ·v + (R + νD)·v of the users by one loop over the ratings, in double.
inline RowResults expected_product(const RowsCase& rows) {
  const reference::Parameters& at = rows.at;
  const reference::Parameters& v = rows.direction;
  RowResults expected{{at.users.rows(), at.rank()}, {at.users.rows(), at.rank()}, {}};
  const double bias = rows.biases ? 1 : 0;
  for (std::int64_t user = 0; user < at.users.rows(); ++user) {
    for (const std::int32_t item : rows.planted.by_user.view().row_columns(user)) {
      const double change = bias * (v.users.biases[user] + v.items.biases[item]) +
                            v.users.factors.row(user).dot(at.items.factors.row(item)) +
                            at.users.factors.row(user).dot(v.items.factors.row(item));
      expected.output.factors.row(user) += change * at.items.factors.row(item);
      expected.output.biases[user] += bias * change;
    }
    const auto count = static_cast<double>(rows.planted.by_user.view().row_size(user));
    const alsatian::RowRidge<double> ridge = row_ridge<double>(count, usual_regularization);
    expected.output.factors.row(user) +=
        (ridge.factors + 0.5 * rows.damping) * v.users.factors.row(user);
    expected.output.biases[user] +=
        bias * (ridge.biases + 2.0 * rows.damping) * v.users.biases[user];
    expected.row_products.push_back(
        expected.output.factors.row(user).dot(v.users.factors.row(user)) +
        expected.output.biases[user] * v.users.biases[user]);
  }
  return expected;
}

/// An element is a sum over at most 41 ratings, each with two dot products of `rank` products:
/// roundings of random sign grow by the root of their number. The terms of a sum are no larger than
/// 1, or than the sum of largest magnitude.
inline double allowed_difference(const reference::SideParameters& expected) {
  const double largest = std::max(
      {1.0, expected.biases.cwiseAbs().maxCoeff(), expected.factors.cwiseAbs().maxCoeff()});
  return std::sqrt(41.0 + 2.0 * static_cast<double>(expected.rank())) * tolerance::eps<float> *
         largest;
}

}  // namespace alsatian::testing
