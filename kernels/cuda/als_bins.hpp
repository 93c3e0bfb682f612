// Which rows of a half-sweep take which kernel: made once, on the host, from the row lengths.
// Longest rows first, so that no block is left alone at the end.
#pragma once

#include "kernels/cuda/als_short_rows.hpp"
#include "kernels/math/views.hpp"

#include <cstdint>
#include <vector>

namespace alsatian::cuda {

/// How rows are cut. The lengths are small in tests.
struct BinLimits {
  /// Longer rows are summed in parts of so many ratings, so that the longest row does not make
  /// the epoch.
  std::int32_t part_ratings = 2048;
  /// Rows of at most so many ratings are solved by their dual; 0 where λ is 0.
  std::int32_t most_short_ratings = 0;
  /// Floats of workspace for the sums of parts; parts beyond it wait for the next batch.
  std::int64_t workspace_floats = std::int64_t{64} << 20;
};

/// Most ratings of a row that the dual is taken for at padded rank K: below 0.8 of the rank it is
/// the cheaper one, as far as a processor holds two of its blocks.
template <int K>
constexpr std::int32_t most_short_ratings(std::int32_t rank, std::size_t shared_bytes) {
  const std::int32_t cheaper = (4 * rank - 1) / 5;  // 5 n < 4 rank
  int groups = (cheaper + 15) / 16;
  while (groups > 0 && 2 * ShortRowShape<K>::shared_bytes(groups) > shared_bytes) {
    --groups;
  }
  return cheaper < 16 * groups ? cheaper : 16 * groups;
}

/// Rows of one class of length: `rows` [first, first + count) of AlsBins::short_rows.
struct ShortBin {
  int groups;  // at most 16·groups ratings
  std::int64_t first;
  std::int64_t count;
};

/// Parts and rows that share one filling of the workspace.
struct SplitBatch {
  std::int64_t first_part;
  std::int64_t parts;
  std::int64_t first_row;
  std::int64_t rows;
};

struct AlsBins {
  std::vector<std::int64_t> whole_rows;
  std::vector<std::int64_t> short_rows;
  std::vector<ShortBin> short_bins;
  std::vector<RowPart> parts;
  std::vector<SplitRow> split_rows;  // first_part counts from its batch's
  std::vector<SplitBatch> split_batches;

  std::int64_t most_parts_of_a_batch() const;
  std::int64_t most_rows_of_a_bin() const;
};

/// Rows by falling length, ties by index; rows without ratings are left out.
std::vector<std::int64_t> longest_first(View<const std::int64_t> offsets);

/// Every row with ratings in exactly one bin; a row of more than part_ratings · (what the workspace
/// holds) gets longer parts. part_floats: floats of one part's sums.
AlsBins make_bins(View<const std::int64_t> offsets, std::int64_t part_floats,
                  const BinLimits& limits);

}  // namespace alsatian::cuda
