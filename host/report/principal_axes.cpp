// Implements principal_axes.hpp.
// Eigen solves the small symmetric problem; sums over rows are in a fixed order.
#include "host/report/principal_axes.hpp"

#include "kernels/cpu/parallel.hpp"

#include <Eigen/Eigenvalues>

#include <algorithm>

namespace alsatian {
namespace {

std::vector<double> mean_of(const SideFactors& side, std::span<const std::int32_t> rows) {
  std::vector<double> mean(static_cast<std::size_t>(side.rank));
  for (const std::int32_t row : rows) {
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += side.row(row)[i];
  }
  for (double& entry : mean) entry /= static_cast<double>(rows.size());
  return mean;
}

Eigen::MatrixXd covariance(const SideFactors& side, std::span<const std::int32_t> rows,
                           const std::vector<double>& mean) {
  Eigen::MatrixXd matrix = Eigen::MatrixXd::Zero(side.rank, side.rank);
  parallel_for(side.rank, [&](std::int64_t i) {
    const auto first = static_cast<std::size_t>(i);
    // A row of its own: those of the matrix lie a column apart, which is slow to walk.
    std::vector<double> sums(first + 1);
    for (const std::int32_t row : rows) {
      const float* factors = side.row(row);
      const double left = factors[first] - mean[first];
      for (std::size_t j = 0; j <= first; ++j) sums[j] += left * (factors[j] - mean[j]);
    }
    for (std::size_t j = 0; j <= first; ++j) matrix(i, static_cast<std::int64_t>(j)) = sums[j];
  });
  return matrix / static_cast<double>(rows.size());
}

std::vector<double> largest_first(const Eigen::VectorXd& ascending) {
  std::vector<double> variances;
  for (Eigen::Index i = ascending.size(); i-- > 0;) {
    variances.push_back(std::max(0.0, ascending(i)));
  }
  return variances;
}

/// The axis with its largest entry positive.
Eigen::VectorXd with_sign(Eigen::VectorXd axis) {
  Eigen::Index largest = 0;
  axis.cwiseAbs().maxCoeff(&largest);
  if (axis(largest) < 0) axis = -axis;
  return axis;
}

}  // namespace

std::vector<double> principal_variances(const SideFactors& side,
                                        std::span<const std::int32_t> rows) {
  if (side.rank == 0 || rows.empty()) return {};
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(
      covariance(side, rows, mean_of(side, rows)), Eigen::EigenvaluesOnly);
  return largest_first(solver.eigenvalues());
}

PrincipalAxes principal_axes(const SideFactors& side, std::span<const std::int32_t> rows) {
  PrincipalAxes axes;
  axes.coordinates.resize(rows.size());
  if (side.rank == 0 || rows.empty()) return axes;
  const std::vector<double> mean = mean_of(side, rows);
  // The solver reads the lower triangle alone, in ascending order of the eigenvalues.
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(covariance(side, rows, mean));
  axes.variances = largest_first(solver.eigenvalues());
  for (std::size_t which = 0; which < std::min<std::size_t>(2, mean.size()); ++which) {
    const Eigen::VectorXd axis =
        with_sign(solver.eigenvectors().col(side.rank - 1 - static_cast<int>(which)));
    for (std::size_t at = 0; at < rows.size(); ++at) {
      for (std::size_t i = 0; i < mean.size(); ++i) {
        axes.coordinates[at][which] +=
            (side.row(rows[at])[i] - mean[i]) * axis(static_cast<Eigen::Index>(i));
      }
    }
  }
  return axes;
}

}  // namespace alsatian
