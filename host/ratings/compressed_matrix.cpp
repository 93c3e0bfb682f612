// Compressed rows by user and by item.
// Both are cut by size, not by thread, and equal byte for byte on any number of threads.
#include "host/ratings/counting_sort.hpp"
#include "host/ratings/dataset.hpp"
#include "host/ratings/row_offsets.hpp"
#include "kernels/cpu/parallel.hpp"

#include <cstddef>
#include <utility>

namespace alsatian {

CompressedMatrix compress_by_user(const Triples& ratings, std::int32_t users) {
  return {offsets_of_sorted(ratings.users, users), ratings.items, ratings.ratings};
}

CompressedMatrix transpose(const CompressedMatrix& by_user, std::int32_t items) {
  CompressedMatrix by_item;
  by_item.columns.resize(by_user.columns.size());
  by_item.values.resize(by_user.values.size());
  const std::vector<std::int32_t> users = rows_of_offsets(by_user.offsets);
  by_item.offsets =
      counting_sort(by_user.columns, items, [&](std::int64_t entry, std::int64_t position) {
        const auto from = static_cast<std::size_t>(entry);
        const auto to = static_cast<std::size_t>(position);
        by_item.columns[to] = users[from];
        by_item.values[to] = by_user.values[from];
      });
  return by_item;
}

namespace {

/// Adds the entries of rows [first, end) that follow each other in `from`.
void append_rows(const CompressedMatrix& from, std::size_t first, std::size_t end,
                 CompressedMatrix& to) {
  const auto begin = static_cast<std::ptrdiff_t>(from.offsets[first]);
  const auto last = static_cast<std::ptrdiff_t>(from.offsets[end]);
  const auto append = [&](const auto& entries, auto& target) {
    if (!entries.empty()) {
      target.insert(target.end(), entries.begin() + begin, entries.begin() + last);
    }
  };
  append(from.columns, to.columns);
  append(from.values, to.values);
}

}  // namespace

CompressedMatrix select_rows(const CompressedMatrix& matrix, std::span<const std::int32_t> rows) {
  CompressedMatrix selected;
  selected.offsets.push_back(0);
  for (const std::int32_t row : rows) {
    append_rows(matrix, static_cast<std::size_t>(row), static_cast<std::size_t>(row) + 1, selected);
    selected.offsets.push_back(static_cast<std::int64_t>(selected.columns.size()));
  }
  return selected;
}

CompressedMatrix select_rows(const CompressedMatrix& matrix, std::size_t first, std::size_t count) {
  CompressedMatrix selected;
  append_rows(matrix, first, first + count, selected);
  for (std::size_t row = first; row <= first + count; ++row) {
    selected.offsets.push_back(matrix.offsets[row] - matrix.offsets[first]);
  }
  return selected;
}

}  // namespace alsatian
