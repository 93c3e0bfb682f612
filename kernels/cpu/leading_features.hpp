// The features that most rows have, solved for together: what conjugate gradients over all features
// take most steps for. Their block of FᵀF does not change, so that it is made once.
#pragma once

#include "kernels/cpu/aligned.hpp"
#include "kernels/cpu/factor_table.hpp"
#include "kernels/cpu/square_matrix.hpp"

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace alsatian::cpu {

/// How many features are solved for together: the inverse of their block should cost no more than a
/// few products with F, nor more memory than 1024² numbers.
std::int64_t leading_count(std::int64_t features, std::int64_t ratings, std::int32_t order);

/// Bytes that those take, while they are found and later.
std::int64_t leading_bytes(std::int64_t features, std::int64_t rows, std::int64_t ratings,
                           std::int32_t order);

/// Preconditions by M⁻¹, M = FᵀF + ridge·I but for what it has outside of the leading features'
/// block and of the diagonal.
class LeadingFeatures {
 public:
  /// own, opposite, shares: as in FeatureWeights. diagonal: of FᵀF, [features].
  LeadingFeatures(const KernelTable& kernels, CsrView<float> own, CsrView<float> opposite,
                  std::span<const float> shares, std::span<const double> diagonal,
                  std::int32_t order);

  std::int64_t size() const { return static_cast<std::int64_t>(features_.size()); }
  /// Its place among the leading ones, -1 for others.
  std::int32_t place(std::int64_t feature) const {
    return places_[static_cast<std::size_t>(feature)];
  }

  /// Takes the ridge from a grid of powers of 1.25: near enough for a preconditioner, and so that
  /// inverses serve many sweeps. What it does depends on the ridge alone, not on earlier ones.
  void set_ridge(double ridge);

  /// M⁻¹·residual of the leading features, biases as the last column: [size, order], valid until
  /// the next call.
  SideView<const float> solve(SideView<const float> residual, bool biases);

 private:
  void find(std::span<const double> diagonal, std::int64_t count);
  void sum_gram(CsrView<float> own, CsrView<float> opposite, std::span<const float> shares);

  const KernelTable& kernels_;
  std::vector<std::int32_t> features_;  // ascending
  std::vector<std::int32_t> places_;    // [features]
  SquareMatrix gram_;
  using Inverse = std::pair<int, AlignedFloats>;  // by the power of 1.25, [size, size]
  std::vector<Inverse> inverses_;                 // the latest last
  FactorTable residual_;
  FactorTable solution_;
};

/// Replaces a symmetric positive definite matrix by its inverse, on all threads.
void invert(SquareMatrix& matrix);

}  // namespace alsatian::cpu
