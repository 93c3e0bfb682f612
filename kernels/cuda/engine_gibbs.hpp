// What the engine keeps for Gibbs sampling beside rows and ratings. For the engine's own files
// alone. Rows are drawn by the kernels and lists of als, weights by conjugate gradients.
#pragma once

#include "kernels/cuda/engine_rows.hpp"
#include "kernels/cuda/gibbs_draws.hpp"
#include "kernels/cuda/gibbs_features.hpp"
#include "kernels/cuda/row_moments.hpp"

#include <optional>

namespace alsatian::cuda {

struct Engine::Gibbs {
  EntrySums entries;
  VectorSums vectors;
  RowMoments moments;
  GibbsRows user_rows;
  GibbsRows item_rows;
  std::optional<GibbsFeatures> user_features;  // both or none
  std::optional<GibbsFeatures> item_features;

  /// Of sides whose rows can be solved; by_user is needed no longer than this takes.
  Gibbs(const Context& context, Rows& users, Rows& items, const CsrView<float>& by_user,
        const EngineSpec& spec, const EngineLimits& limits);

  GibbsRows& rows_of(Side side) { return side == Side::users ? user_rows : item_rows; }
  GibbsFeatures* features_of(Side side) {
    std::optional<GibbsFeatures>& features = side == Side::users ? user_features : item_features;
    return features ? &*features : nullptr;
  }

  /// Bytes of device memory that the constructor allocates.
  static std::int64_t bytes(View<const std::int64_t> user_offsets,
                            View<const std::int64_t> item_offsets, const EngineSpec& spec,
                            const EngineLimits& limits);
};

}  // namespace alsatian::cuda
