// Conversions between a row per entry and offsets per row.
// Every element has one writer, so the result does not depend on the number of threads.
#include "host/ratings/row_offsets.hpp"

#include "host/ratings/counting_sort.hpp"
#include "host/ratings/large_vector.hpp"
#include "kernels/cpu/parallel.hpp"

#include <algorithm>
#include <cstddef>

namespace alsatian {

std::vector<std::int64_t> offsets_of_sorted(std::span<const std::int32_t> rows,
                                            std::int32_t row_count) {
  const auto entries = static_cast<std::int64_t>(rows.size());
  std::vector<std::int64_t> offsets(static_cast<std::size_t>(row_count) + 1, entries);
  const auto row_at = [&](std::int64_t entry) {
    return static_cast<std::int64_t>(rows[static_cast<std::size_t>(entry)]);
  };
  constexpr std::int64_t grain = 1 << 16;
  parallel_for(
      entries,
      [&](std::int64_t entry) {
        // An entry that begins a row sets the offset of that row and of the empty rows before it.
        const std::int64_t before = entry == 0 ? -1 : row_at(entry - 1);
        for (std::int64_t row = before + 1; row <= row_at(entry); ++row) {
          offsets[static_cast<std::size_t>(row)] = entry;
        }
      },
      grain);
  return offsets;
}

std::vector<std::int64_t> count_offsets(std::span<const std::int32_t> rows,
                                        std::int32_t row_count) {
  const auto width = static_cast<std::size_t>(row_count);
  const std::int64_t pieces = detail::counting_sort_pieces(std::ssize(rows), row_count);
  std::vector<std::int64_t> counts = detail::counts_of_pieces(rows, pieces, width);
  return detail::positions_of_counts(counts, width);
}

std::vector<std::int32_t> rows_of_offsets(std::span<const std::int64_t> offsets) {
  std::vector<std::int32_t> rows;
  resize_large(rows, static_cast<std::size_t>(offsets.back()));
  constexpr std::int64_t grain = 1 << 10;
  parallel_for(
      static_cast<std::int64_t>(offsets.size()) - 1,
      [&](std::int64_t row) {
        const auto index = static_cast<std::size_t>(row);
        std::fill(rows.begin() + offsets[index], rows.begin() + offsets[index + 1],
                  static_cast<std::int32_t>(row));
      },
      grain);
  return rows;
}

}  // namespace alsatian
