// A stable, parallel counting sort that hands out positions and leaves the moving to its caller.
// Groups ratings by user, by item or by part in linear time; the result is the same on any machine.
#pragma once

#include "kernels/cpu/parallel.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace alsatian {

namespace detail {

/// Pieces into which a counting sort is cut. Their counts together take an eighth of the room of
/// the entries at most, so that many keys with few entries each do not fill the memory.
inline std::int64_t counting_sort_pieces(std::int64_t entries, std::int64_t keys) {
  constexpr std::int64_t most_pieces = 64;
  constexpr std::int64_t smallest_piece = 1 << 14;
  return std::clamp<std::int64_t>(entries / std::max(8 * keys, smallest_piece), 1, most_pieces);
}

/// Where piece `piece` of `pieces` begins.
inline std::int64_t first_of_piece(std::int64_t piece, std::int64_t pieces, std::int64_t entries) {
  return entries * piece / pieces;
}

/// How often each key occurs in each piece, [pieces, keys].
inline std::vector<std::int64_t> counts_of_pieces(std::span<const std::int32_t> keys,
                                                  std::int64_t pieces, std::size_t width) {
  const auto entries = static_cast<std::int64_t>(keys.size());
  std::vector<std::int64_t> counts(static_cast<std::size_t>(pieces) * width, 0);
  parallel_for(pieces, [&](std::int64_t piece) {
    std::int64_t* const own = counts.data() + static_cast<std::size_t>(piece) * width;
    const std::int64_t end = first_of_piece(piece + 1, pieces, entries);
    for (std::int64_t entry = first_of_piece(piece, pieces, entries); entry < end; ++entry) {
      ++own[keys[static_cast<std::size_t>(entry)]];
    }
  });
  return counts;
}

/// Replaces the counts of each piece, [pieces, keys], by where its entries of a key begin; returns
/// where each key begins [keys + 1]. Goes along the rows: a column has a cache line for each piece.
inline std::vector<std::int64_t> positions_of_counts(std::vector<std::int64_t>& counts,
                                                     std::size_t keys) {
  std::vector<std::int64_t> offsets(keys + 1, 0);
  for (std::size_t at = 0; at < counts.size(); at += keys) {
    for (std::size_t key = 0; key < keys; ++key) offsets[key + 1] += counts[at + key];
  }
  std::partial_sum(offsets.begin(), offsets.end(), offsets.begin());
  std::vector<std::int64_t> next(offsets.begin(), offsets.end() - 1);
  for (std::size_t at = 0; at < counts.size(); at += keys) {
    for (std::size_t key = 0; key < keys; ++key) {
      next[key] += std::exchange(counts[at + key], next[key]);
    }
  }
  return offsets;
}

}  // namespace detail

/// Calls emit(entry, position) once for every entry, where position is its place in ascending order
/// of key, entries of one key in their own order. Entries are cut into pieces that run on all
/// threads, each in order with an emit of its own, which make_emit(first entry) gives: it must
/// write to the position alone. Returns where each key starts [key_count + 1].
/// keys  each in [0, key_count)
template <typename MakeEmit>
std::vector<std::int64_t> counting_sort_in_pieces(std::span<const std::int32_t> keys,
                                                  std::int64_t key_count, MakeEmit&& make_emit) {
  const auto entries = static_cast<std::int64_t>(keys.size());
  const std::int64_t pieces = detail::counting_sort_pieces(entries, key_count);
  const auto first_of = [&](std::int64_t piece) {
    return detail::first_of_piece(piece, pieces, entries);
  };
  const auto width = static_cast<std::size_t>(key_count);

  std::vector<std::int64_t> next = detail::counts_of_pieces(keys, pieces, width);
  const std::vector<std::int64_t> offsets = detail::positions_of_counts(next, width);

  parallel_for(pieces, [&](std::int64_t piece) {
    const std::span<std::int64_t> positions(next.data() + static_cast<std::size_t>(piece) * width,
                                            width);
    auto emit = make_emit(first_of(piece));
    for (std::int64_t entry = first_of(piece); entry < first_of(piece + 1); ++entry) {
      emit(entry, positions[static_cast<std::size_t>(keys[static_cast<std::size_t>(entry)])]++);
    }
  });
  return offsets;
}

/// The same with one emit for all pieces.
template <typename Emit>
std::vector<std::int64_t> counting_sort(std::span<const std::int32_t> keys, std::int64_t key_count,
                                        const Emit& emit) {
  return counting_sort_in_pieces(keys, key_count, [&](std::int64_t) { return std::cref(emit); });
}

}  // namespace alsatian
