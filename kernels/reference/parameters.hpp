// What the reference works on: parameters in Eigen doubles, and a problem as views of ratings.
// The reference is the oracle: double, serial, textbook; it shares only kernels/math with others.
#pragma once

#include "kernels/math/likelihood.hpp"
#include "kernels/math/regularization.hpp"
#include "kernels/math/views.hpp"

#include <Eigen/Core>

#include <cstdint>

namespace alsatian::reference {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;

/// One side: factors [rows, rank], biases [rows]. Where a problem has no biases they are 0.
struct SideParameters {
  Matrix factors;
  Vector biases;

  SideParameters() = default;
  /// All 0.
  SideParameters(std::int64_t rows, std::int64_t rank)
      : factors(Matrix::Zero(rows, rank)), biases(Vector::Zero(rows)) {}

  std::int64_t rows() const { return biases.size(); }
  std::int64_t rank() const { return factors.cols(); }
};

/// p_u and b_u are rows of `users`, q_i and c_i rows of `items`. Also the shape of a gradient and
/// of a step.
struct Parameters {
  SideParameters users;
  SideParameters items;

  std::int64_t rank() const { return users.rank(); }
};

/// Everything that F depends on but the parameters. by_user and by_item hold the same ratings,
/// by_user [users, items], by_item [items, users]; the views' owners outlive the problem.
struct Problem {
  CsrView<double> by_user;
  CsrView<double> by_item;
  Regularization regularization;
  Likelihood likelihood = Gaussian{};
  double mean = 0;  // μ of the score
  bool biases = true;
};

}  // namespace alsatian::reference
