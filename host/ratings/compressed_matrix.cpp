// Compressed rows by user and by item.
// Both are cut by size, not by thread, and equal byte for byte on any number of threads.
#include "host/ratings/counting_sort.hpp"
#include "host/ratings/dataset.hpp"
#include "host/ratings/large_vector.hpp"
#include "host/ratings/row_offsets.hpp"
#include "kernels/cpu/parallel.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace alsatian {

CompressedMatrix compress_by_user(const Triples& ratings, std::int32_t users) {
  return {offsets_of_sorted(ratings.users, users), copy_large(ratings.items),
          copy_large(ratings.ratings)};
}

CompressedMatrix compress_by_user(Triples&& ratings, std::int32_t users) {
  return {offsets_of_sorted(std::exchange(ratings.users, {}), users), std::move(ratings.items),
          std::move(ratings.ratings)};
}

CompressedMatrix transpose(const CompressedMatrix& by_user, std::int32_t items) {
  CompressedMatrix by_item;
  resize_large(by_item.columns, by_user.columns.size());
  resize_large(by_item.values, by_user.values.size());
  by_item.offsets = counting_sort_in_pieces(by_user.columns, items, [&](std::int64_t first) {
    // Entries come in order, so that their user is found by walking on from that of the first.
    const auto next = std::upper_bound(by_user.offsets.begin(), by_user.offsets.end(), first);
    return [&, next = next](std::int64_t entry, std::int64_t position) mutable {
      while (*next <= entry) ++next;
      const auto to = static_cast<std::size_t>(position);
      by_item.columns[to] = static_cast<std::int32_t>(next - by_user.offsets.begin()) - 1;
      by_item.values[to] = by_user.values[static_cast<std::size_t>(entry)];
    };
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
