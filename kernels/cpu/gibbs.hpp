// Gibbs sampling on the CPU: each sweep is a half-sweep of als a side, drawn around its solution.
// Rows, products and sums are cut by size and keyed by row: the same bytes on any number of
// threads.
#pragma once

#include "kernels/cpu/feature_weights.hpp"
#include "kernels/cpu/gibbs_prior.hpp"
#include "kernels/cpu/given_weights.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace alsatian::cpu {

struct GibbsOptions {
  std::int32_t rank = 0;
  bool biases = true;
  bool implicit_features = true;
  double likelihood_power = 1;  // κ
};

/// One side: what its rows are drawn around, and what a draw needs room for.
class GibbsSide {
 public:
  GibbsSide(const KernelTable& kernels, CsrView<float> own, CsrView<float> opposite,
            const GibbsStreams& streams, const GibbsOptions& options, GivenFeatures given);

  /// μ, Λ and λ_B from the rows as they are, and B = 0.
  void start(SideView<const float> rows);

  /// Draws B and λ_B, then μ and Λ, from the rows; then the rows, and c with what it multiplies.
  /// Rows without ratings are drawn like all others. Returns the steps that B took.
  int draw(const GibbsKey& key, double noise_precision, SideView<const float> opposite,
           SideView<float> rows);

  SidePrior& prior() { return prior_; }
  const SidePrior& prior() const { return prior_; }
  /// B [opposite rows, rank], its last column as biases where rows have them; nothing without
  /// features.
  FactorTable* weights() { return features_ ? &features_->weights() : nullptr; }
  const FactorTable* weights() const { return features_ ? &features_->weights() : nullptr; }
  /// G and λ_G; nothing without given features.
  GivenWeights* given() { return given_ ? &*given_ : nullptr; }
  const GivenWeights* given() const { return given_ ? &*given_ : nullptr; }

 private:
  void scale_weights(const GibbsKey& key, double noise_precision, SideView<float> rows);
  void add_feature_means(float factor, SideView<float> rows);
  int draw_weights(const GibbsKey& key, SideView<const float> rows);
  void draw_given(const GibbsKey& key, SideView<const float> rows);
  void set_targets(SideView<const float> rows, SideView<const float> known,
                   SideView<float> targets) const;
  SideView<const float> feature_means();
  void draw_around(const GibbsKey& key, SideView<const float> rows);
  RowsView weight_rows() const;
  void draw_rows(const GibbsKey& key, double noise_precision, SideView<const float> opposite,
                 SideView<float> rows);
  void set_means(SideView<const float> feature_means);

  const KernelTable& kernels_;
  CsrView<float> ratings_;
  std::vector<std::int64_t> order_;  // rows, longest first
  GibbsStreams streams_;
  GibbsOptions options_;
  SidePrior prior_;
  std::optional<FeatureWeights> features_;
  std::optional<GivenWeights> given_;
  FactorTable both_means_;  // Bᵀf + Gᵀg of each row, or targets of G on the way
  FactorTable means_;       // μ + Bᵀf + Gᵀg of each row
  FactorTable noise_;
  // Of each row along F·B: see AlsPrior. Nothing without features.
  std::vector<float> change_squares_;
  std::vector<float> change_products_;
};

struct GibbsReport {
  int user_weight_steps = 0;  // of conjugate gradients
  int item_weight_steps = 0;
};

/// Both sides and the noise between them.
class GibbsSampler {
 public:
  /// by_user and by_item hold the same ratings; they, the given features and the kernels outlive
  /// this.
  GibbsSampler(const KernelTable& kernels, CsrView<float> by_user, CsrView<float> by_item,
               const GibbsOptions& options, GivenFeatures of_users = {},
               GivenFeatures of_items = {});

  /// Priors from the rows as they are, B = 0, α from the residuals.
  void start(SideView<const float> users, SideView<const float> items);

  /// One sweep: users, items, α. The scores' mean is 0.
  GibbsReport sweep(const GibbsKey& key, SideView<float> users, SideView<float> items);

  GibbsSide& users() { return users_; }
  const GibbsSide& users() const { return users_; }
  GibbsSide& items() { return items_; }
  const GibbsSide& items() const { return items_; }
  double& noise_precision() { return noise_precision_; }

 private:
  double squared_error(SideView<const float> users, SideView<const float> items) const;

  const KernelTable& kernels_;
  CsrView<float> by_user_;
  double likelihood_power_;
  GibbsSide users_;
  GibbsSide items_;
  double noise_precision_ = 1;
};

}  // namespace alsatian::cpu
