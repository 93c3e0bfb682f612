// Gibbs sampling of the biased factorization: each block drawn from its conditional, in double.
// The oracle for every fast sweep, from the same random numbers; kernels/math/gibbs.hpp has the
// model. The steps are apart so that each can be tested, and faults planted between them.
#pragma once

#include "kernels/math/gibbs.hpp"
#include "kernels/reference/parameters.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace alsatian::reference {

/// f of each row: features [rows, features]; no columns of weights: none.
using Features = CsrView<double>;

/// Features of one side as a file has them; a row that it lacks is empty.
struct FileFeatures {
  Features rows;  // [rows, count]
  std::int64_t count = 0;
  std::span<const std::uint8_t> described;  // [rows] 1 where the file has the row
};

/// Features from a file: g of each row, G and λ_G. No rows: none.
struct GivenFeatures {
  Matrix table;                         // g [rows, features]
  std::vector<Eigen::Index> rated;      // rows with ratings, whose mean in the table is 0
  std::vector<Eigen::Index> described;  // of these, rows that the file has
  Matrix weights;                       // G [features, order]
  double weight_precision = 10;         // λ_G

  bool any() const { return table.rows() > 0; }
  /// Gᵀg of each row.
  Matrix means() const { return table * weights; }
};

/// What one side's rows w = [p; b] are drawn around: w_r ~ N(μ + Bᵀf_r, Λ⁻¹). `order` is the rank,
/// and one more with biases.
struct GibbsSide {
  Vector mean;                  // μ [order]
  Matrix precision;             // Λ [order, order]
  Matrix weights;               // B [features, order]
  double weight_precision = 1;  // λ_B
  GivenFeatures given;

  Eigen::Index order() const { return mean.size(); }
};

struct GibbsState {
  GibbsSide users;
  GibbsSide items;
  double noise_precision = 1;   // α
  double likelihood_power = 1;  // κ, which stays as it is
};

/// The features less their means over the rows that are both described and rated; rows that are
/// not described stay 0. weights = 0.
GivenFeatures give_features(const FileFeatures& features, const CsrView<double>& ratings,
                            Eigen::Index order);

/// G given rows, μ, Λ, B and λ_G, of rated rows alone: with TᵀT + λ_G I = LLᵀ, T the table,
///   G = (LLᵀ)⁻¹ Tᵀ(W − μ − F·B) + L⁻ᵀ Z L_Λ⁻¹, Z standard normal and Λ = L_Λ L_Λᵀ
Matrix draw_given_weights(const Matrix& rows, const Features& features, const GibbsSide& side,
                          const GibbsStreams& streams, const GibbsKey& key);

/// λ_G given G and Λ, as λ_B.
double draw_given_precision(const GibbsSide& side, const GibbsStreams& streams,
                            const GibbsKey& key);

/// L⁻ᵀε with LLᵀ the precision: N(0, precision⁻¹) where ε is standard normal.
Vector deviation_of_precision(const Matrix& precision, const Vector& noise);

/// A side's rows [p, b] as one matrix [rows, order], and back.
Matrix rows_of(const SideParameters& side, Eigen::Index order);
void assign_rows(const Matrix& rows, SideParameters& side);

/// F·B, [rows, order].
Matrix feature_means(const Features& features, const Matrix& weights);

/// c given the ratings [rows of own, rows of opposite], the rows, B, λ_B and κα = noise_precision;
/// kernels/math/gibbs.hpp has its distribution.
double draw_scale(const CsrView<double>& ratings, const SideParameters& own,
                  const SideParameters& opposite, const Problem& problem, const Features& features,
                  const GibbsSide& side, double noise_precision, const GibbsStreams& streams,
                  const GibbsKey& key);

/// Multiplies B by c, and what the rows have of it or are expected to, and divides λ_B by c².
void apply_scale(double scale, const Features& features, GibbsSide& side, SideParameters& own);

/// B given rows, μ, Λ and λ_B, by a dense solve:
///   (FᵀF + λ_B I) B = Fᵀ(W − μ + E₁) + √λ_B E₂, rows of E₁ and E₂ ~ N(0, Λ⁻¹)
/// E = N·L⁻¹ with N standard normal and Λ = LLᵀ. Simm et al. (2017), section 3.2.
Matrix draw_weights(const Matrix& rows, const Features& features, const GibbsSide& side,
                    const GibbsStreams& streams, const GibbsKey& key);

/// λ_B given B and Λ: Gamma(shape + D·order/2, rate + ½ Σ b_f·Λ·b_f).
double draw_weight_precision(const GibbsSide& side, const GibbsStreams& streams,
                             const GibbsKey& key);

/// Λ and μ given the rows, B and λ_B: Normal-Wishart of the residuals R = W − F·B, whose scatter
/// B adds λ_B BᵀB and its rows as degrees of freedom to. Leaves the rest of `side` as it is.
void draw_prior(const Matrix& rows, const Features& features, const GibbsStreams& streams,
                const GibbsKey& key, GibbsSide& side);

/// F·B [rows, order] as rows are drawn around it; with given features rows without ratings have
/// what is expected of these: h.
Matrix implicit_means(const Features& features, const GibbsSide& side);

/// Every row given its ratings, the opposite side, its mean m = μ + Bᵀf + Gᵀg, Λ and α:
///   A = α Σ z zᵀ + Λ = LLᵀ,  w = A⁻¹(α Σ z (r − c) + Λ m) + L⁻ᵀε
/// ratings [rows of solved, rows of opposite].
void draw_rows(const CsrView<double>& ratings, const SideParameters& opposite,
               const Problem& problem, const Features& features, const GibbsSide& side,
               double noise_precision, const GibbsStreams& streams, const GibbsKey& key,
               SideParameters& solved);

/// α given everything else: Gamma(shape + κn/2, rate + ½κ Σ (r − η)²).
double draw_noise_precision(const Problem& problem, const Parameters& parameters,
                            double likelihood_power, const GibbsKey& key);

/// Where sampling starts from given rows: μ their mean, Λ the inverse of their covariance (which
/// gets 1e-3 on its diagonal, as rows may lie in a plane), B = 0, λ_B = 10; α from the residuals.
GibbsState start_gibbs(const Problem& problem, std::int64_t user_weights, std::int64_t item_weights,
                       const Parameters& parameters);

/// One sweep: for users, then items c, B, λ_B, (Λ, μ) and the rows, by κα; then α. A side whose
/// weights have no rows has no features.
void gibbs_sweep(const Problem& problem, const Features& user_features,
                 const Features& item_features, const GibbsKey& key, GibbsState& state,
                 Parameters& parameters);

}  // namespace alsatian::reference
