// Features that a file gives and their weights G: few columns, so that the draw is exact.
// In double, each sum by one thread in a fixed order: the same bytes on any number of threads.
#pragma once

#include "kernels/cpu/factor_table.hpp"
#include "kernels/cpu/gibbs_prior.hpp"
#include "kernels/cpu/square_matrix.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace alsatian::cpu {

/// Features of one side's rows, [rows, count]; a row that the file lacks is empty.
struct GivenFeatures {
  CsrView<float> rows;
  std::int32_t count = 0;
  std::span<const std::uint8_t> described;  // [rows] 1 where the file has the row
};

/// Bytes that GivenWeights takes beside the features: G, its equations, their factor and inverse.
std::int64_t given_bytes(std::int64_t rows, std::int64_t features, std::int64_t entries,
                         std::int32_t order);

/// Of one side: T [rows, features] has the features less their means over the rows that are both
/// described and rated, and 0 where a row is not described; G [features, order].
class GivenWeights {
 public:
  /// What the views show has the side's rows and outlives this.
  GivenWeights(GivenFeatures features, CsrView<float> ratings, std::int32_t rank, bool biases);

  /// G [features, order] row-major. For whoever replaces it: refresh_means() then.
  std::span<double> weights() { return weights_; }
  std::span<const double> weights() const { return weights_; }
  double& precision() { return precision_; }
  double precision() const { return precision_; }

  /// Starts from G = 0 and λ_G = 10.
  void start();

  /// Draws G given targets W − μ − F·B of the rated rows, then λ_G:
  ///   G = A⁻¹ Tᵀ(targets) + L⁻ᵀ Z L_Λ⁻¹, A = TᵀT + λ_G I = LLᵀ, Z standard normal, Λ = L_Λ L_Λᵀ
  /// inverse_root: L_Λ⁻¹.
  void draw(const RowsView& targets, const SquareMatrix& inverse_root, const SidePrior& prior,
            const GibbsStreams& streams, const GibbsKey& key);

  /// T·G [rows, order].
  SideView<const float> means() const { return means_.view(); }
  void refresh_means();

  /// What is expected of F·B where f is not known: set(row, values [order]) for each row without
  /// ratings. By least squares of known [rows, order] on T, as kernels/math/gibbs.hpp has it.
  void expect(const RowsView& known,
              const std::function<void(std::int64_t, const double*)>& set) const;

  /// Sums over G's rows.
  RowMoments moments() const;
  /// Whether a row has ratings: of the others nothing is learned.
  const std::vector<bool>& rated() const { return rated_; }

 private:
  void center();
  void index_rows();
  SquareMatrix gram() const;
  /// Tᵀ·targets over rated rows, [features, order].
  std::vector<double> products(const RowsView& targets) const;
  /// Adds Σ value·from[feature] over a row's features, less what is centred, to `sum`.
  void add_product(std::int64_t row, const std::vector<double>& from,
                   const std::vector<double>& shift, double* sum) const;
  /// The features' means times `from`.
  std::vector<double> shift_of(const std::vector<double>& from) const;

  CsrView<float> features_;
  std::span<const std::uint8_t> in_file_;
  std::int64_t count_;
  std::int64_t order_;
  bool biases_;
  std::vector<bool> rated_;
  std::vector<bool> described_;  // rated rows that the file has, which T is centred over
  std::int64_t described_count_ = 0;
  std::vector<double> centers_;        // [features]
  SquareMatrix expected_root_;         // of the equations of expect()
  std::vector<std::int64_t> offsets_;  // of each feature's rated rows, [features + 1]
  std::vector<std::int32_t> rows_;
  std::vector<double> values_;
  SquareMatrix gram_;  // TᵀT over rated rows
  std::vector<double> weights_;
  double precision_ = 10;
  FactorTable means_;
};

}  // namespace alsatian::cpu
