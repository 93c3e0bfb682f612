// Sorting and numbering the distinct ids of a column, in parallel.
// Most rating files number users and items from 1, so a table by value is the common case.
#include "host/ratings/id_indexing.hpp"

#include "host/error.hpp"
#include "host/ratings/large_vector.hpp"
#include "kernels/cpu/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace alsatian {
namespace {

constexpr std::int64_t piece_rows = std::int64_t{1} << 18;

std::int64_t piece_count(std::int64_t rows) { return (rows + piece_rows - 1) / piece_rows; }

template <typename Id>
std::span<const Id> piece_of(const std::vector<Id>& values, std::int64_t piece) {
  const auto first = static_cast<std::size_t>(piece * piece_rows);
  return std::span(values).subspan(
      first, std::min(values.size() - first, static_cast<std::size_t>(piece_rows)));
}

void check_count(std::size_t distinct, const std::string& place) {
  if (distinct <= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) return;
  throw Error(
      ExitCode::bad_data, place,
      std::to_string(distinct) + " different ids on one side, at most 2147483647 are supported",
      "train on a part of the data");
}

/// rows[r] = index_of(values[r]), in parallel; in place where that is possible.
template <typename Id, typename IndexOf>
std::vector<std::int32_t> number_rows(std::vector<Id> values, IndexOf&& index_of) {
  const auto number_into = [&](std::vector<std::int32_t>& rows) {
    parallel_for(
        static_cast<std::int64_t>(values.size()),
        [&](std::int64_t row) {
          rows[static_cast<std::size_t>(row)] = index_of(values[static_cast<std::size_t>(row)]);
        },
        piece_rows);
  };
  if constexpr (std::is_same_v<Id, std::int32_t>) {
    number_into(values);
    return values;
  } else {
    std::vector<std::int32_t> rows;
    resize_large(rows, values.size());
    number_into(rows);
    return rows;
  }
}

struct Range {
  std::int64_t lowest = std::numeric_limits<std::int64_t>::max();
  std::int64_t highest = std::numeric_limits<std::int64_t>::min();

  /// highest − lowest, which always fits without a sign.
  std::uint64_t width() const {
    return static_cast<std::uint64_t>(highest) - static_cast<std::uint64_t>(lowest);
  }
};

template <typename Id>
Range range_of(const std::vector<Id>& values) {
  std::vector<Range> ranges(
      static_cast<std::size_t>(piece_count(static_cast<std::int64_t>(values.size()))));
  parallel_for(static_cast<std::int64_t>(ranges.size()), [&](std::int64_t piece) {
    const auto part = piece_of(values, piece);
    const auto [lowest, highest] = std::minmax_element(part.begin(), part.end());
    ranges[static_cast<std::size_t>(piece)] = {*lowest, *highest};
  });
  Range whole;
  for (const Range& range : ranges) {
    whole.lowest = std::min(whole.lowest, range.lowest);
    whole.highest = std::max(whole.highest, range.highest);
  }
  return whole;
}

/// By a table with one cell per value between the lowest and the highest.
template <typename Id>
IndexedIds index_by_table(std::vector<Id> values, const Range& range, const std::string& place) {
  const auto cell = [&](std::int64_t value) {
    return static_cast<std::size_t>(static_cast<std::uint64_t>(value) -
                                    static_cast<std::uint64_t>(range.lowest));
  };
  constexpr std::int32_t absent = -1;
  constexpr std::int32_t present = 0;
  std::vector<std::int32_t> table(static_cast<std::size_t>(range.width()) + 1, absent);
  parallel_for(piece_count(std::ssize(values)), [&](std::int64_t piece) {
    std::int64_t last = 0;  // a file by user names the same one many times
    bool is_first = true;
    for (const std::int64_t value : piece_of(values, piece)) {
      if (value == last && !is_first) continue;
      is_first = false;
      last = value;
      const std::atomic_ref<std::int32_t> mark(table[cell(value)]);
      // Reading first keeps the cache lines of frequent ids shared between threads.
      if (mark.load(std::memory_order_relaxed) == absent) {
        mark.store(present, std::memory_order_relaxed);
      }
    }
  });

  check_count(
      table.size() - static_cast<std::size_t>(std::count(table.begin(), table.end(), absent)),
      place);
  std::vector<std::int64_t> ids;
  for (std::size_t position = 0; position < table.size(); ++position) {
    if (table[position] == absent) continue;
    table[position] = static_cast<std::int32_t>(ids.size());
    ids.push_back(static_cast<std::int64_t>(static_cast<std::uint64_t>(range.lowest) + position));
  }
  auto rows =
      number_rows(std::move(values), [&](std::int64_t value) { return table[cell(value)]; });
  return {IdIndex(std::move(ids)), std::move(rows)};
}

/// By sorting: the distinct values of each piece first, which are few, then those of all pieces.
template <typename Id>
IndexedIds index_by_sorting(std::vector<Id> values, const std::string& place) {
  std::vector<std::vector<std::int64_t>> distinct(
      static_cast<std::size_t>(piece_count(static_cast<std::int64_t>(values.size()))));
  const auto sort_distinct = [](std::vector<std::int64_t>& some) {
    std::sort(some.begin(), some.end());
    some.erase(std::unique(some.begin(), some.end()), some.end());
    some.shrink_to_fit();
  };
  parallel_for(static_cast<std::int64_t>(distinct.size()), [&](std::int64_t piece) {
    const auto part = piece_of(values, piece);
    auto& some = distinct[static_cast<std::size_t>(piece)];
    some.assign(part.begin(), part.end());
    sort_distinct(some);
  });
  std::vector<std::int64_t> ids;
  for (auto& some : distinct) {
    ids.insert(ids.end(), some.begin(), some.end());
    some = {};
  }
  sort_distinct(ids);
  check_count(ids.size(), place);
  auto rows = number_rows(std::move(values), [&](std::int64_t value) {
    return static_cast<std::int32_t>(std::lower_bound(ids.begin(), ids.end(), value) - ids.begin());
  });
  return {IdIndex(std::move(ids)), std::move(rows)};
}

IndexedIds index_strings(RawIds ids, const std::string& place) {
  check_count(static_cast<std::size_t>(ids.names.size()), place);
  std::vector<std::int32_t> order(static_cast<std::size_t>(ids.names.size()));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int32_t left, std::int32_t right) {
    return ids.names[left] < ids.names[right];
  });
  StringTable sorted;
  sorted.bytes.reserve(ids.names.bytes.size());
  sorted.offsets.reserve(order.size() + 1);
  std::vector<std::int32_t> rank(order.size());
  for (std::size_t position = 0; position < order.size(); ++position) {
    sorted.push_back(ids.names[order[position]]);
    rank[static_cast<std::size_t>(order[position])] = static_cast<std::int32_t>(position);
  }
  ids.names = {};
  auto rows = ids.values.visit([&](auto& names) {
    return number_rows(std::move(names),
                       [&](std::int64_t name) { return rank[static_cast<std::size_t>(name)]; });
  });
  return {IdIndex(std::move(sorted)), std::move(rows)};
}

std::uint64_t hash_bytes(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char letter : text) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001B3U;
  }
  return mix_bits(hash);
}

}  // namespace

IndexedIds index_ids(RawIds ids, const std::string& place) {
  if (ids.kind == IdKind::string) return index_strings(std::move(ids), place);
  if (ids.values.empty()) return {};
  return ids.values.visit([&]<typename Id>(std::vector<Id>& values) {
    const Range range = range_of(values);
    // The table then takes no more room than the column itself, or half a megabyte.
    constexpr std::uint64_t small_table = std::uint64_t{1} << 17;
    const std::uint64_t cells_of_column = values.size() * sizeof(Id) / sizeof(std::int32_t);
    return range.width() < std::max(small_table, cells_of_column)
               ? index_by_table(std::move(values), range, place)
               : index_by_sorting(std::move(values), place);
  });
}

std::vector<std::uint64_t> id_hashes(const IdIndex& ids) {
  std::vector<std::uint64_t> hashes(static_cast<std::size_t>(ids.size()));
  for (std::size_t index = 0; index < hashes.size(); ++index) {
    hashes[index] = ids.kind() == IdKind::integer
                        ? mix_bits(static_cast<std::uint64_t>(ids.integers()[index]))
                        : hash_bytes(ids.strings()[static_cast<std::int64_t>(index)]);
  }
  return hashes;
}

std::vector<std::int32_t> id_mapping(const IdIndex& from, const IdIndex& to) {
  std::vector<std::int32_t> mapping(static_cast<std::size_t>(from.size()));
  for (std::size_t index = 0; index < mapping.size(); ++index) {
    const auto position = static_cast<std::int32_t>(index);
    const auto found = from.kind() == IdKind::integer ? to.find(from.integers()[index])
                                                      : to.find(from.strings()[position]);
    mapping[index] = found.value_or(-1);
  }
  return mapping;
}

}  // namespace alsatian
