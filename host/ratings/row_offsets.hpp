// Between the two ways to say which row an entry belongs to: a row per entry, offsets per row.
// Cleaning works on offsets, training data is handed on with a row per entry.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace alsatian {

/// offsets [row_count + 1] of entries whose rows are ascending and in [0, row_count).
std::vector<std::int64_t> offsets_of_sorted(std::span<const std::int32_t> rows,
                                            std::int32_t row_count);

/// The same of rows in any order: where each would start if the entries were sorted.
std::vector<std::int64_t> count_offsets(std::span<const std::int32_t> rows, std::int32_t row_count);

/// The row of each entry, from offsets [rows + 1].
std::vector<std::int32_t> rows_of_offsets(std::span<const std::int64_t> offsets);

}  // namespace alsatian
