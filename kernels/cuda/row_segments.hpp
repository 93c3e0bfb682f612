// How the rows of a side are cut into work for warps: made once, on the host, from their lengths.
// A row of a million ratings for one warp would keep the device waiting for it.
#pragma once

#include "kernels/cuda/gauss_newton_rows.hpp"
#include "kernels/math/views.hpp"

#include <cstdint>
#include <vector>

namespace alsatian::cuda {

struct RowSegments {
  std::vector<RowSegment> segments;    // longest first, so that no warp is left alone at the end
  std::vector<SegmentedRow> cut_rows;  // rows of more than part_ratings
  std::int32_t parts = 0;
};

/// Every row, empty ones too, in segments of at most part_ratings. Throws std::invalid_argument
/// where there would be more parts than can be counted.
RowSegments make_segments(View<const std::int64_t> offsets, std::int32_t part_ratings);

}  // namespace alsatian::cuda
