// From compressed rows by user to compressed rows by item, on the device: a stable counting sort by
// item, a few bits of the item's number at a time, in an order that depends on sizes alone.
// A sort rather than one count of all items: a warp's counters have to fit its block's memory.
//
// Why not Thrust's stable sort: its kernels do not run on the tests' fibers, so that CI would prove
// its CPU system and not what a GPU runs; and it wants the user of every rating written out before,
// which here is found from the offsets on the way.
#pragma once

#include "kernels/cuda/error_sums.hpp"
#include "kernels/cuda/tables.hpp"

#include <cstdint>

namespace alsatian::cuda {

/// Passes of `bits` each that `columns` numbers from 0 on need; one at least, which moves them all.
constexpr int digit_passes(std::int64_t columns, int bits) {
  int passes = 1;
  while (columns > std::int64_t{1} << (bits * passes)) {
    ++passes;
  }
  return passes;
}

/// Ratings one by one, with what they are sorted by.
struct SortedEntries {
  DeviceSpan<std::int32_t> keys;  // empty where they are not needed any more
  DeviceSpan<std::int32_t> rows;
  DeviceSpan<float> values;
};

/// One pass, by `Bits` bits of the item's number from `shift` on. Ratings come in pieces of `piece`
/// each, one for every block, which is one warp.
template <int Bits>
struct SortPass {
  static_assert(Bits >= 5, "digits are taken by whole warps");
  static constexpr std::int32_t digits = 1 << Bits;
  static constexpr std::size_t count_shared_bytes = digits * sizeof(std::int32_t);
  static constexpr std::size_t move_shared_bytes = digits * sizeof(std::int64_t);

  DeviceSpan<const std::int32_t> keys;
  DeviceSpan<const std::int32_t> rows;     // of every rating; the first pass has
  DeviceSpan<const std::int64_t> offsets;  // those of compressed rows instead [rows + 1]
  DeviceSpan<const float> values;
  SortedEntries sorted;
  /// [digits, pieces]: how many ratings of a digit a piece has, later how many those before
  /// it have.
  DeviceSpan<std::int64_t> counts;
  DeviceSpan<std::int64_t> totals;  // [digits]
  std::int64_t piece;
  std::int64_t pieces;
  int shift;

  __device__ __forceinline__ std::int32_t digit_of(std::int64_t entry) const {
    return keys[entry] >> shift & (digits - 1);
  }
  __device__ __forceinline__ std::int64_t own_first() const {
    return std::int64_t{blockIdx.x} * piece;
  }
  __device__ __forceinline__ std::int64_t own_end() const {
    const std::int64_t end = own_first() + piece;
    return end < keys.size() ? end : keys.size();
  }
};

/// Σ of the lanes before the calling one, and of all in `total`.
__device__ __forceinline__ std::int64_t sum_before(std::int64_t value, std::int64_t& total) {
  std::int64_t sum = value;
#pragma unroll
  for (unsigned distance = 1; distance < device::warp_lanes; distance *= 2) {
    const std::int64_t other = __shfl_up_sync(device::all_lanes, sum, distance);
    sum += lane_of_warp() >= static_cast<int>(distance) ? other : 0;
  }
  total = __shfl_sync(device::all_lanes, sum, device::warp_lanes - 1);
  return sum - value;
}

/// Counts each piece's ratings by digit. One warp a block.
template <int Bits>
__global__ void __launch_bounds__(device::warp_lanes) count_digits(SortPass<Bits> pass) {
  ALSATIAN_SHARED_MEMORY(std::int32_t, own_counts);
  for (std::int32_t digit = lane_of_warp(); digit < SortPass<Bits>::digits; digit += 32) {
    own_counts[digit] = 0;
  }
  __syncwarp();
  const std::int64_t end = pass.own_end();
  for (std::int64_t entry = pass.own_first() + lane_of_warp(); entry < end; entry += 32) {
    atomicAdd(&own_counts[pass.digit_of(entry)], 1);  // whole numbers: in any order the same
  }
  __syncwarp();
  for (std::int32_t digit = lane_of_warp(); digit < SortPass<Bits>::digits; digit += 32) {
    pass.counts[digit * pass.pieces + blockIdx.x] = own_counts[digit];
  }
}

/// Turns a digit's counts into those of the pieces before each, and leaves their total. One warp a
/// digit.
template <int Bits>
__global__ void __launch_bounds__(device::warp_lanes) add_counts(SortPass<Bits> pass) {
  const std::int64_t first = std::int64_t{blockIdx.x} * pass.pieces;
  std::int64_t before = 0;
  for (std::int64_t piece = 0; piece < pass.pieces; piece += 32) {
    const bool inside = piece + lane_of_warp() < pass.pieces;
    const std::int64_t place = first + piece + lane_of_warp();
    std::int64_t total = 0;
    const std::int64_t sum = sum_before(inside ? pass.counts[place] : 0, total);
    if (inside) {
      pass.counts[place] = before + sum;
    }
    before += total;
  }
  if (lane_of_warp() == 0) {
    pass.totals[blockIdx.x] = before;
  }
}

/// Lanes whose digit is that of the calling lane. All lanes of the warp call it.
template <int Bits>
__device__ __forceinline__ std::uint32_t lanes_of_digit(std::int32_t digit) {
  std::uint32_t same = device::all_lanes;
#pragma unroll
  for (int bit = 0; bit < Bits; ++bit) {
    const bool set = (digit >> bit & 1) != 0;
    const std::uint32_t with = __ballot_sync(device::all_lanes, set ? 1 : 0);
    same &= set ? with : ~with;
  }
  return same;
}

/// next [digits]: where the piece's first rating of each digit goes.
template <int Bits>
__device__ __forceinline__ void find_places(const SortPass<Bits>& pass, std::int64_t* next) {
  std::int64_t before = 0;
  for (std::int32_t digit = lane_of_warp(); digit < SortPass<Bits>::digits; digit += 32) {
    std::int64_t total = 0;
    const std::int64_t sum = sum_before(pass.totals[digit], total);
    next[digit] = before + sum + pass.counts[digit * pass.pieces + blockIdx.x];
    before += total;
  }
  __syncwarp();
}

/// Moves each piece's ratings to their places, in their order. One warp a block.
template <int Bits>
__global__ void __launch_bounds__(device::warp_lanes) move_entries(SortPass<Bits> pass) {
  ALSATIAN_SHARED_MEMORY(std::int64_t, next);
  find_places(pass, next);
  const std::int64_t end = pass.own_end();
  const auto last_row = static_cast<std::int32_t>(pass.offsets.size()) - 2;
  std::int32_t row = 0;
  for (std::int64_t first = pass.own_first(); first < end; first += 32) {
    const std::int64_t entry = first + lane_of_warp();
    const bool inside = entry < end;
    const std::int32_t digit = inside ? pass.digit_of(entry) : 0;
    // Lanes behind the end are above all others, and it is the last round: they take no place.
    const std::uint32_t same = lanes_of_digit<Bits>(digit);
    const std::uint32_t before = same & ((1U << lane_of_warp()) - 1U);
    std::int64_t place = 0;
    if (inside) {
      place = next[digit] + __popc(before);
    }
    __syncwarp();
    if (inside && before == 0) {
      next[digit] += __popc(same);
    }
    __syncwarp();
    if (inside) {
      if (pass.rows.size() > 0) {
        row = pass.rows[entry];
      } else {
        row = row_at(pass.offsets, row, last_row, entry);
      }
      if (pass.sorted.keys.size() > 0) {
        pass.sorted.keys[place] = pass.keys[entry];
      }
      pass.sorted.rows[place] = row;
      pass.sorted.values[place] = pass.values[entry];
    }
  }
}

}  // namespace alsatian::cuda
