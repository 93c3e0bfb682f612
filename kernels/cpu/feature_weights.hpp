// Implicit features and their weights B: what a row is expected to be from whom it has met.
// F is never stored: its entries are 1/√n at the ratings, so products with it are sums of rows.
#pragma once

#include "kernels/cpu/factor_table.hpp"
#include "kernels/cpu/feature_preconditioner.hpp"
#include "kernels/cpu/kernel_table.hpp"
#include "kernels/cpu/narrow_table.hpp"
#include "kernels/math/gibbs.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace alsatian::cpu {

/// Of one side: F [rows, opposite rows] has 1/√n_r where row r has one of its n_r ratings; B
/// [opposite rows, order] is a table of the rows' rank, with the last column as biases where rows
/// have them: rows of whole cache lines are fetched, and a column more would be a line more.
class FeatureWeights {
 public:
  /// own [rows, opposite rows] and opposite [opposite rows, rows] are the same ratings; the kernels
  /// and the ratings outlive this.
  FeatureWeights(const KernelTable& kernels, CsrView<float> own, CsrView<float> opposite,
                 std::int32_t rank, bool biases);

  /// For whoever replaces B: what is known of F·B is forgotten.
  FactorTable& weights();
  const FactorTable& weights() const { return weights_; }

  /// Multiplies B, and what is known of F·B.
  void scale(float factor);

  /// F·B [rows, order], valid until B changes.
  SideView<const float> means();

  /// Where rows of targets are to be written, [rows, order], before right_side().
  SideView<float> targets() { return row_products_.view(); }
  /// Fᵀ·targets [opposite rows, order], to be added to. Targets are summed in bfloat16: they have
  /// noise of E₁ in them, to which that adds about 1e-6 of its variance.
  SideView<float> right_side();
  /// Solves (FᵀF + ridge·I) B = right side by conjugate gradients, every column at once. They start
  /// from 0: from the last draw of B they take a fifth of a step less, and a product with F more.
  /// variances [order]: of a draw of B the error is below 1e-2 of its deviation, which is 1e-4 of
  /// its variance: rᵀM⁻¹r ≤ (1e-2)²·variance·features for each column's residual r, M the
  /// preconditioner; from the third step on it may be told from how errors fell, which saves the
  /// last residual. Directions are rounded to bfloat16, and B moves along those; what products
  /// with F lose to it on the way back to B counts as noise of the targets. Returns how many steps
  /// it took. Hestenes and Stiefel (1952).
  int solve(double ridge, std::span<const double> variances);

 private:
  void multiply_back(FactorTable& to);
  std::vector<double> precondition();
  std::vector<double> multiply_direction(double ridge);
  void take_step(const std::vector<double>& lengths);
  void update_residual(double ridge, const std::vector<double>& lengths);
  void turn_direction(const std::vector<double>& shares);

  const KernelTable& kernels_;
  CsrView<float> own_;
  CsrView<float> opposite_;
  bool biases_;
  std::vector<float> shares_;  // 1/n_r
  std::vector<float> roots_;   // 1/√n_r
  std::optional<FeaturePreconditioner> preconditioner_;
  FactorTable weights_;
  FactorTable residual_;
  FactorTable direction_;
  FactorTable image_;         // of the direction by the matrix, of the residual by M⁻¹
  FactorTable row_products_;  // [rows, order]
  NarrowTable narrow_direction_;
  NarrowTable narrow_products_;  // what Fᵀ is multiplied by
  FactorTable means_;            // F·B
  bool means_are_known_ = false;
};

}  // namespace alsatian::cpu
