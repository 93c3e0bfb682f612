// From ids as read to dense indices, and from an id to the hash that splits draw from.
// One place decides how ids are sorted and hashed, for training data and for test files alike.
#pragma once

#include "host/ratings/ids.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace alsatian {

/// Distinct ids of a column, and the index of each row's id.
struct IndexedIds {
  IdIndex index;
  std::vector<std::int32_t> rows;
};

/// Frees the column as it goes. Works in memory that depends on the number of rows, never on the
/// largest id. Throws Error 65 at `place` for more than 2^31 − 1 distinct ids.
IndexedIds index_ids(RawIds ids, const std::string& place);

/// A bijective 64-bit mix: the finaliser of SplitMix64, Steele, Lea and Flood (2014).
constexpr std::uint64_t mix_bits(std::uint64_t bits) {
  bits += 0x9E3779B97F4A7C15U;
  bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9U;
  bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBU;
  return bits ^ (bits >> 31);
}

/// A hash of each id that depends on the id alone: mix_bits of an integer; of a string, mix_bits
/// of the 64-bit FNV-1a hash of its bytes. Part of what a recorded split means: never changed.
std::vector<std::uint64_t> id_hashes(const IdIndex& ids);

/// For each id of `from` the index of the same id in `to`, -1 where there is none. Ids of
/// different kinds are compared as text.
std::vector<std::int32_t> id_mapping(const IdIndex& from, const IdIndex& to);

/// The ids of an index together with others.
struct MergedIds {
  IdIndex index;
  std::vector<std::int32_t> places;  // of the index' own ids, ascending
  std::int64_t left_out = 0;         // ids that are no integers, where the index has integers
};
MergedIds merge_ids(const IdIndex& ids, const StringTable& others);

}  // namespace alsatian
