// Rows into segments. Host code alone, the same for the device and for the tests' fibers.
// No kernel in it: where work is cut must not depend on the device that does it.
#include "kernels/cuda/row_segments.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace alsatian::cuda {

RowSegments make_segments(View<const std::int64_t> offsets, std::int32_t part_ratings) {
  RowSegments made;
  std::int64_t parts = 0;
  for (std::int64_t row = 0; row + 1 < offsets.size(); ++row) {
    const std::int64_t end = offsets[row + 1];
    if (end - offsets[row] <= part_ratings) {
      made.segments.push_back(
          {row, offsets[row], static_cast<std::int32_t>(end - offsets[row]), -1});
      continue;
    }
    const std::int64_t first_part = parts;
    for (std::int64_t first = offsets[row]; first < end; first += part_ratings, ++parts) {
      made.segments.push_back(
          {row, first, static_cast<std::int32_t>(std::min<std::int64_t>(part_ratings, end - first)),
           static_cast<std::int32_t>(parts)});
    }
    if (parts > std::numeric_limits<std::int32_t>::max()) {
      throw std::invalid_argument("rows of ratings in more than 2^31 parts");
    }
    made.cut_rows.push_back({row, static_cast<std::int32_t>(first_part),
                             static_cast<std::int32_t>(parts - first_part)});
  }
  made.parts = static_cast<std::int32_t>(parts);
  std::stable_sort(
      made.segments.begin(), made.segments.end(),
      [](const RowSegment& left, const RowSegment& right) { return left.count > right.count; });
  return made;
}

}  // namespace alsatian::cuda
