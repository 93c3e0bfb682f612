// Draws of one side's rows on the device: a handful of launches over the lists of als.
// What rows are drawn around comes from the host, a few kilobytes in each draw.
#pragma once

#include "kernels/cuda/als.hpp"
#include "kernels/cuda/gibbs_entries.hpp"
#include "kernels/cuda/gibbs_rows.hpp"

#include <cstdint>

namespace alsatian::cuda {

/// What rows are drawn around, on the host; order = rank, and one more with biases.
struct RowsDraw {
  GibbsKey key;
  RandomStream stream;
  View<const double> mean;       // μ [order]
  View<const double> precision;  // Λ [order, order] row-major, symmetric
  double noise_precision = 1;    // α, by the power of the likelihood
};

class GibbsRows {
 public:
  /// offsets [rows + 1], on the host. solver: of the side's als, without short rows; null for rank
  /// 0. It and the context outlive this. Allocates once, for all draws. Throws DeviceError.
  GibbsRows(const Context& context, View<const std::int64_t> offsets, AlsSide* solver,
            std::int32_t rank, bool biases);

  /// Enqueues drawing every row, those without ratings too: task.solved is overwritten.
  /// feature_means: Bᵀf of each row, or no rows. What lies on the host may go when the stream has
  /// passed.
  void draw(const AlsTask& task, const RowsDraw& draw, EntrySums& entries,
            const DeviceTable<const float>& feature_means);

  /// Of the rows' shape, free between draws.
  DeviceTable<float> scratch() { return right_sides_.table(); }

  /// Bytes of device memory that the constructor allocates.
  static std::int64_t bytes(View<const std::int64_t> offsets, std::int32_t rank, bool biases);

 private:
  void upload_prior(const RowsDraw& draw);
  DeviceSpan<const float> given(std::int64_t first, std::int64_t count) const {
    return given_.span().subspan(first, count);
  }

  const Context& context_;
  AlsSide* solver_;
  std::int32_t rank_;
  int order_;
  DeviceBuffer<std::int64_t> empty_rows_;
  DeviceTableBuffer right_sides_;  // Λ/α·m
  DeviceBuffer<float> given_;      // Λ/α as a part of ratings, whole, and Λ/α·μ
  PinnedBuffer<float> given_host_;
};

}  // namespace alsatian::cuda
