// What conjugate gradients over implicit features are preconditioned by: the diagonal, and the few
// directions in which the matrix is far larger than that, which are found once for similar ridges.
#pragma once

#include "kernels/cpu/factor_table.hpp"
#include "kernels/cpu/square_matrix.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace alsatian::cpu {

/// How many directions are looked for: a multiple of `padding`, so that a product with them costs a
/// fraction of one with F, or all features where they are few; 0 where few rows have many.
std::int32_t direction_count(std::int64_t features, std::int64_t rows, std::int64_t ratings);

/// Bytes that those take, while they are found and later, for rows of this rank.
std::int64_t preconditioner_bytes(std::int64_t features, std::int64_t rows, std::int64_t ratings,
                                  std::int32_t rank);

/// M⁻¹ for A = FᵀF + ridge·I. With D the diagonal of A and V [features, directions] such that its
/// columns span about the eigenvectors of D⁻¹FᵀF with the largest eigenvalues,
///   M⁻¹ = D⁻¹ + V ((VᵀAV)⁻¹ − (VᵀDV)⁻¹) Vᵀ,
/// which is A's own inverse where V spans eigenvectors of D⁻¹A or everything, D's elsewhere, and
/// positive definite for any V. Spectral preconditioners: Giraud and Gratton (2006). V is found by
/// subspace iteration, Halko, Martinsson and Tropp (2011), section 4.5, with a ridge from the
/// powers of 4, and serves for all that are near it: what depends on the ridge itself is of V's
/// order.
class FeaturePreconditioner {
 public:
  /// own, opposite, shares: as in FeatureWeights; they and the kernels outlive this. diagonal: of
  /// FᵀF, [features].
  FeaturePreconditioner(const KernelTable& kernels, CsrView<float> own, CsrView<float> opposite,
                        std::span<const float> shares, std::span<const double> diagonal,
                        std::int32_t rank);

  /// What follows is for this ridge, whatever came before. The first of those near one power of 4
  /// takes as long as a few solutions; the directions of two powers are kept.
  void set_ridge(double ridge);

  /// V of the ridge that is set.
  const FactorTable& directions() const { return bases_.back().directions; }

  /// solution = M⁻¹·residual, both [features, rank], and biases likewise where they count.
  void apply(SideView<const float> residual, bool biases, SideView<float> solution);

 private:
  struct Basis {
    int power = 0;                  // of 4
    FactorTable directions;         // V
    SquareMatrix gram_squares;      // VᵀFᵀFV
    SquareMatrix diagonal_squares;  // Vᵀ diag(FᵀF) V
    SquareMatrix squares;           // VᵀV
  };

  void choose_basis(double ridge);
  Basis find_basis(int power) const;
  void make_orthogonal(FactorTable& directions, FactorTable& weighted) const;
  void correct(bool biases);

  const KernelTable& kernels_;
  CsrView<float> own_;
  CsrView<float> opposite_;
  std::span<const float> shares_;
  std::vector<double> diagonal_;
  std::vector<float> inverse_diagonal_;  // D⁻¹
  std::int32_t count_;
  std::vector<Basis> bases_;  // the latest last
  SquareMatrix correction_;   // (VᵀAV)⁻¹ − (VᵀDV)⁻¹
  FactorTable parts_;         // Vᵀ·residual, of each part of the rows
  FactorTable corrected_;     // [directions, rank]
};

}  // namespace alsatian::cpu
