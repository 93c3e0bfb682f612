// Implicit features' weights B on the device: products with F, and conjugate gradients on all
// columns of B side by side. Only sums by column come back, to see when to stop.
#pragma once

#include "kernels/cuda/feature_rows.hpp"
#include "kernels/cuda/gibbs_entries.hpp"
#include "kernels/cuda/row_segments.hpp"

#include <cstdint>
#include <span>

namespace alsatian::cuda {

/// What B is drawn with, on the host; order = rank, and one more with biases.
struct WeightsDraw {
  GibbsKey key;
  GibbsStreams streams;
  View<const double> mean;          // μ [order]
  View<const double> inverse_root;  // L⁻¹ [order, order] row-major, Λ = LLᵀ
  double weight_precision = 1;      // λ_B
};

/// Σ of 1/n_r over the rows r that have met each of the opposite ones: the diagonal of FᵀF, by user
/// or by item. `by_row` are the ratings of the rows that have the features.
std::vector<float> diagonal_of_features(const CsrView<float>& by_row, std::int64_t features);
/// The same where the rows are the columns of `by_feature`; row_offsets are those of the rows.
std::vector<float> diagonal_of_features(const CsrView<float>& by_feature,
                                        View<const std::int64_t> row_offsets);

class GibbsFeatures {
 public:
  /// own: the ratings by the rows that have the features, opposite: the same by the others, with
  /// their offsets on the host. diagonal: of FᵀF. Allocates once, for all draws; the ratings and
  /// the context outlive it. Throws DeviceError.
  GibbsFeatures(const Context& context, const DeviceRatings& own, const DeviceRatings& opposite,
                View<const std::int64_t> own_offsets, View<const std::int64_t> opposite_offsets,
                const std::vector<float>& diagonal, std::int32_t rank, bool biases,
                std::int32_t part_ratings);
  ~GibbsFeatures();

  /// B [opposite rows, order], its last column as biases where rows have them. For whoever replaces
  /// it: what is known of F·B is forgotten.
  DeviceTable<float> weights();
  DeviceTable<const float> weights() const;
  /// F·B [rows, order]; enqueued where it is not known.
  DeviceTable<const float> means();

  /// Enqueues rows += factor·F·B.
  void add_means(EntrySums& entries, float factor, const DeviceTable<float>& rows);
  /// Enqueues B *= factor, with what is known of F·B.
  void scale(EntrySums& entries, float factor);

  /// Draws B: (FᵀF + λ_B I) B = Fᵀ(W − μ + E₁) + √λ_B E₂ from where it is, by preconditioned
  /// conjugate gradients until rᵀM⁻¹r ≤ (2e-3)²·variance·features for each column's residual r, M
  /// the diagonal; waits. `scratch`, of the rows' shape, is overwritten. Returns the steps taken.
  /// Hestenes and Stiefel (1952).
  int draw(const WeightsDraw& draw, EntrySums& entries, const DeviceTable<const float>& rows,
           const DeviceTable<float>& scratch);

  /// Bytes of device memory that the constructor allocates.
  static std::int64_t bytes(View<const std::int64_t> own_offsets,
                            View<const std::int64_t> opposite_offsets, std::int32_t rank,
                            bool biases, std::int32_t part_ratings);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace alsatian::cuda
