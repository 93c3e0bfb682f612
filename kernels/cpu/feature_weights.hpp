// Implicit features and their weights B: what a row is expected to be from whom it has met.
// F is never stored: its entries are 1/√n at the ratings, so products with it are sums of rows.
#pragma once

#include "kernels/cpu/factor_table.hpp"
#include "kernels/cpu/kernel_table.hpp"
#include "kernels/math/gibbs.hpp"

#include <cstdint>
#include <vector>

namespace alsatian::cpu {

/// Of one side: F [rows, opposite rows] has 1/√n_r where row r has one of its n_r ratings; B
/// [opposite rows, order] is a table of rank `order`, whose biases are not used.
class FeatureWeights {
 public:
  /// own [rows, opposite rows] and opposite [opposite rows, rows] are the same ratings; the kernels
  /// and the ratings outlive this.
  FeatureWeights(const KernelTable& kernels, CsrView<float> own, CsrView<float> opposite,
                 std::int32_t order);

  FactorTable& weights() { return weights_; }
  const FactorTable& weights() const { return weights_; }

  /// F·B [rows, order], valid until the next call of any other member.
  SideView<const float> means();

  /// Where rows of targets are to be written, [rows, order], before right_side().
  SideView<float> targets() { return row_products_.view(); }
  /// Fᵀ·targets [opposite rows, order], to be added to; overwrites the targets.
  SideView<float> right_side();
  /// Solves (FᵀF + ridge·I) B = right side by conjugate gradients, every column at once, until each
  /// residual is 1e-4 of its right side (the joint distribution shows 1e-3); preconditioned by the
  /// diagonal. Returns how many steps it took. Hestenes and Stiefel (1952).
  int solve(double ridge);

 private:
  /// What a step measures of each column j of the residual r: r·r and r·(preconditioned r).
  struct ColumnSums {
    std::vector<double> squares;
    std::vector<double> products;
  };
  ColumnSums start_descent(double ridge);
  std::vector<double> apply_to_direction(double ridge);
  ColumnSums take_step(const std::vector<double>& lengths, double ridge);
  void turn_direction(const std::vector<double>& shares, double ridge);
  double inverse_diagonal(std::int64_t row, double ridge) const;

  const KernelTable& kernels_;
  CsrView<float> own_;
  CsrView<float> opposite_;
  std::vector<float> shares_;     // 1/n_r
  std::vector<float> roots_;      // 1/√n_r
  std::vector<double> diagonal_;  // of FᵀF
  FactorTable weights_;
  FactorTable residual_;
  FactorTable direction_;
  FactorTable image_;
  FactorTable row_products_;  // [rows, order]
};

}  // namespace alsatian::cpu
