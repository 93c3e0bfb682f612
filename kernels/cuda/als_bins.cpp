// Bins by length. Host code alone, the same for the device and for the tests' fibers.
// Rows alike in length go together, so that no warp waits for one much longer beside it.
#include "kernels/cuda/als_bins.hpp"

#include <algorithm>
#include <numeric>

namespace alsatian::cuda {
namespace {

void split(AlsBins& bins, std::int64_t row, std::int64_t first, std::int64_t end,
           std::int64_t part_ratings, std::int64_t most_parts) {
  const std::int64_t count = end - first;
  // A row whose parts alone would overfill the workspace has longer ones.
  const std::int64_t length = std::max(part_ratings, (count + most_parts - 1) / most_parts);
  const std::int64_t parts = (count + length - 1) / length;
  if (bins.split_batches.empty() || bins.split_batches.back().parts + parts > most_parts) {
    bins.split_batches.push_back({static_cast<std::int64_t>(bins.parts.size()), 0,
                                  static_cast<std::int64_t>(bins.split_rows.size()), 0});
  }
  SplitBatch& batch = bins.split_batches.back();
  bins.split_rows.push_back(
      {row, static_cast<std::int32_t>(batch.parts), static_cast<std::int32_t>(parts)});
  for (std::int64_t start = first; start < end; start += length) {
    bins.parts.push_back({start, static_cast<std::int32_t>(std::min(length, end - start))});
  }
  batch.parts += parts;
  ++batch.rows;
}

}  // namespace

std::vector<std::int64_t> longest_first(View<const std::int64_t> offsets) {
  const auto length = [&](std::int64_t row) { return offsets[row + 1] - offsets[row]; };
  std::vector<std::int64_t> rows(
      static_cast<std::size_t>(std::max<std::int64_t>(offsets.size() - 1, 0)));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  std::erase_if(rows, [&](std::int64_t row) { return length(row) == 0; });
  std::stable_sort(rows.begin(), rows.end(), [&](std::int64_t left, std::int64_t right) {
    return length(left) > length(right);
  });
  return rows;
}

std::int64_t AlsBins::most_parts_of_a_batch() const {
  std::int64_t most = 0;
  for (const SplitBatch& batch : split_batches) {
    most = std::max(most, batch.parts);
  }
  return most;
}

std::int64_t AlsBins::most_rows_of_a_bin() const {
  std::int64_t most = 0;
  for (const ShortBin& bin : short_bins) {
    most = std::max(most, bin.count);
  }
  return most;
}

AlsBins make_bins(View<const std::int64_t> offsets, std::int64_t part_floats,
                  const BinLimits& limits) {
  const std::int64_t most_parts = std::max<std::int64_t>(limits.workspace_floats / part_floats, 1);
  AlsBins bins;
  for (const std::int64_t row : longest_first(offsets)) {
    const std::int64_t count = offsets[row + 1] - offsets[row];
    if (count > limits.part_ratings) {
      split(bins, row, offsets[row], offsets[row + 1], limits.part_ratings, most_parts);
    } else if (count > limits.most_short_ratings) {
      bins.whole_rows.push_back(row);
    } else {
      const auto groups = static_cast<int>((count + 15) / 16);
      if (bins.short_bins.empty() || bins.short_bins.back().groups != groups) {
        bins.short_bins.push_back({groups, static_cast<std::int64_t>(bins.short_rows.size()), 0});
      }
      bins.short_rows.push_back(row);
      ++bins.short_bins.back().count;
    }
  }
  return bins;
}

}  // namespace alsatian::cuda
