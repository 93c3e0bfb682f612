// Factors as the tensor cores take them for top-N: rounded to half precision, in the order in which
// lanes hold them, so that a tile is copied as it lies; and what the rounding did, measured.
#pragma once

#include "kernels/cuda/tables.hpp"

#include <cfloat>
#include <cmath>

namespace alsatian::cuda {

/// Columns of packed factors: `chunks` times `chunk`, zeros behind the rank. One chunk is held in
/// registers for all items; of several, one at a time passes.
struct PackedWidth {
  std::int32_t chunk;
  std::int32_t chunks;

  __host__ __device__ constexpr std::int32_t columns() const { return chunk * chunks; }
};

/// The widths whose chunk is the whole row; beyond the last it is streamed_chunk.
inline constexpr std::int32_t resident_widths[] = {32, 64, 96, 128, 256};
inline constexpr std::int32_t streamed_chunk = 128;

constexpr PackedWidth packed_width(std::int32_t rank) {
  for (const std::int32_t width : resident_widths) {
    if (rank <= width) {
      return {width, 1};
    }
  }
  return {streamed_chunk, (rank + streamed_chunk - 1) / streamed_chunk};
}

/// Users of a block, a warp of it, and items of a tile.
inline constexpr int block_users = 256;
inline constexpr int warp_users = 32;
inline constexpr int tile_items = 64;

/// Word (two halves) of columns `column` and the next, even one first, of a packed user: A of
/// device::multiply_add_16x8x16 for 16 users by 16 columns, four words per lane side by side.
__host__ __device__ constexpr std::int64_t user_word(PackedWidth width, std::int64_t user,
                                                     int column) {
  const std::int64_t step = user / 16 * (width.columns() / 16) + column / 16;
  const auto lane = static_cast<int>(user % 8 * 4) + column % 8 / 2;
  const auto word = static_cast<int>(user % 16 / 8) + 2 * (column % 16 / 8);
  return (step * 32 + lane) * 4 + word;
}

/// The same of a packed item: B of two such products, 8 items by 32 columns; groups of 8 items are
/// side by side within a chunk of a tile.
__host__ __device__ constexpr std::int64_t item_word(PackedWidth width, std::int64_t item,
                                                     int column) {
  const std::int64_t chunk = item / tile_items * width.chunks + column / width.chunk;
  const std::int64_t group = chunk * (tile_items / 8) + item % tile_items / 8;
  const std::int64_t step = group * (width.chunk / 32) + column % width.chunk / 32;
  const auto lane = static_cast<int>(item % 8 * 4) + column % 8 / 2;
  return (step * 32 + lane) * 4 + column % 32 / 8;
}

/// Words of so many packed users or items, up to the next whole block or tile.
constexpr std::int64_t packed_user_words(PackedWidth width, std::int64_t users) {
  return (users + block_users - 1) / block_users * block_users * (width.columns() / 2);
}
constexpr std::int64_t packed_item_words(PackedWidth width, std::int64_t items) {
  return (items + tile_items - 1) / tile_items * tile_items * (width.columns() / 2);
}

/// A power of two that brings values of at most `largest` just below 2¹⁵, where halves have their
/// full precision down to 2⁻²⁹ of it. At most 2⁶⁰: smaller values lose digits, and are measured.
__host__ __device__ inline double packing_scale(float largest) {
  if (!(largest > 0)) {
    return 1;
  }
  const int exponent = 14 - ilogbf(largest);
  return ldexp(1.0, exponent < 60 ? exponent : 60);
}

/// A float that is no less than `value` ≥ 0.
__host__ __device__ inline float not_below(double value) {
  return static_cast<float>(value * (1 + 1e-6)) + FLT_MIN;
}

/// Σ over the lanes of a warp, in all of them, always in the same order.
__device__ inline double sum_of_lanes(double value) {
#pragma unroll
  for (int bits = 16; bits > 0; bits /= 2) {
    value += __shfl_xor_sync(device::all_lanes, value, bits);
  }
  return value;
}

/// Euclidean norm and largest |value| of a row; the norm is NaN where a value is not finite.
struct RowSize {
  float norm;  // no less than it is; infinite where float cannot hold it
  float largest;
};

/// By one warp, all of whose lanes get the result.
__device__ inline RowSize size_of_row(const float* row, std::int32_t rank) {
  double square = 0;
  float largest = 0;
  bool finite = true;
  for (int column = static_cast<int>(threadIdx.x % 32); column < rank; column += 32) {
    const float size = fabsf(row[column]);
    square += static_cast<double>(size) * size;
    largest = size > largest ? size : largest;
    finite = finite && size <= FLT_MAX;
  }
  square = sum_of_lanes(square);
#pragma unroll
  for (int bits = 16; bits > 0; bits /= 2) {
    const float other = __shfl_xor_sync(device::all_lanes, largest, bits);
    largest = other > largest ? other : largest;
  }
  const bool all_finite = __all_sync(device::all_lanes, static_cast<int>(finite)) != 0;
  return {all_finite ? not_below(sqrt(square)) : __uint_as_float(0x7FC00000U), largest};
}

/// Rounds scale · row to halves, by one warp: put(column, word) for every even column below
/// `width`. Returns ‖rounded / scale − row‖ in all lanes.
template <typename Put>
__device__ double round_row(const float* row, std::int32_t rank, std::int32_t width, double scale,
                            Put put) {
  double square = 0;
  for (int column = 2 * static_cast<int>(threadIdx.x % 32); column < width; column += 64) {
    const double first = column < rank ? row[column] * scale : 0;
    const double second = column + 1 < rank ? row[column + 1] * scale : 0;
    const std::uint32_t word =
        device::to_halves(static_cast<float>(first), static_cast<float>(second));
    const double first_error = device::of_half(word & 0xFFFFU) - first;
    const double second_error = device::of_half(word >> 16) - second;
    square += first_error * first_error + second_error * second_error;
    put(column, word);
  }
  return sqrt(sum_of_lanes(square)) / scale;
}

inline constexpr int packing_threads = 128;

/// Row of the calling warp, where each has one.
template <int Threads>
__device__ std::int64_t row_of_warp() {
  return std::int64_t{blockIdx.x} * (Threads / 32) + threadIdx.x / 32;
}

/// A warp per candidate: sizes [rows].
template <int Threads>
__global__ void __launch_bounds__(Threads)
    measure_candidates(DeviceTable<const float> candidates, DeviceSpan<RowSize> sizes) {
  const std::int64_t row = row_of_warp<Threads>();
  if (row >= candidates.rows()) {
    return;
  }
  const RowSize size = size_of_row(candidates.row(row), candidates.rank);
  if (threadIdx.x % 32 == 0) {
    sizes[row] = size;
  }
}

/// Largest norm and bias among the items of a tile: no score is more than norm · user's + bias.
struct alignas(16) TileBounds {
  float norm;
  float bias;
};

/// What is the same for all items of a TopItems.
struct PackedItems {
  DeviceSpan<const std::uint32_t> words;
  DeviceSpan<const float> biases;        // NaN behind the last item, up to a whole tile
  DeviceSpan<const TileBounds> bounds;   // [tiles]
  DeviceSpan<const std::int32_t> order;  // position among the candidates of each packed item
  DeviceSpan<const float> rounding;      // [1], largest ‖rounded − row‖
  PackedWidth width;
  double scale;
  double largest_norm;
  double largest_bias;

  __host__ __device__ std::int64_t tiles() const { return bounds.size(); }
};

/// A warp per packed item, up to a whole tile: words, biases [tiles · tile_items]; rounding [1],
/// 0 before, becomes the largest ‖rounded − row‖.
template <int Threads>
__global__ void __launch_bounds__(Threads)
    pack_candidates(DeviceTable<const float> candidates, DeviceSpan<const std::int32_t> order,
                    PackedWidth width, double scale, DeviceSpan<std::uint32_t> words,
                    DeviceSpan<float> biases, DeviceSpan<unsigned> rounding) {
  const std::int64_t item = row_of_warp<Threads>();
  if (item >= biases.size()) {
    return;
  }
  const bool there = item < order.size();
  const std::int64_t candidate = there ? order[item] : 0;
  const double error = round_row(
      candidates.row(candidate), there ? candidates.rank : 0, width.columns(), scale,
      [&](int column, std::uint32_t word) { words[item_word(width, item, column)] = word; });
  if (threadIdx.x % 32 == 0) {
    biases[item] = there ? candidates.biases[candidate] : __uint_as_float(0x7FC00000U);
    // Floats that are not negative are ordered as their bits are.
    atomicMax(rounding.data(), __float_as_uint(not_below(error)));
  }
}

/// Of one user's scores as the tensor cores compute them: score = scale · sum + item's bias.
/// The limit of a user for whom no item is to be looked at: not ∞, which a score may overflow to.
__device__ inline float out_of_reach() { return NAN; }

struct UserBounds {
  float scale;
  float slack;          // an item so far below count others is worse than they are
  float norm;           // 0 where none is to be looked at
  float limit;          // items below it are out: −∞, or out_of_reach()
  std::int32_t status;  // answered, or unproven
};

inline constexpr std::int32_t answered = 0;
inline constexpr std::int32_t unproven = -1;

/// Twice what a score may be off, so that n items above an item's score + slack are truly better.
/// With x, y the rows, x̂, ŷ their roundings, of widths w:
///   |x̂·ŷ − x·y| ≤ ‖x̂ − x‖ ‖ŷ‖ + ‖x‖ ‖ŷ − y‖
/// a tensor core drops up to 2⁻²³ of the largest term at each of up to 2 w additions; the bias,
/// the threshold and the score in double that decides round too.
__device__ inline double score_slack(const PackedItems& items, double norm, double rounding,
                                     double constant) {
  const double item_rounding = items.rounding[0];
  const double item_norm = items.largest_norm + item_rounding;
  const double largest = (norm + rounding) * item_norm + items.largest_bias;
  const double terms = items.width.columns() + 16;
  const double of_rounding = rounding * item_norm + norm * item_rounding;
  const double of_sums = terms * 0x1p-22 * largest;
  const double of_doubles = terms * 0x1p-52 * (largest + constant);
  return 2 * (of_rounding + of_sums + of_doubles) * (1 + 1e-6) + 8 * FLT_MIN;
}

/// A warp per user, up to a whole block: words, bounds. `mean` is what every score has.
template <int Threads>
__global__ void __launch_bounds__(Threads)
    pack_users(DeviceTable<const float> users, double mean, PackedItems items,
               DeviceSpan<std::uint32_t> words, DeviceSpan<UserBounds> bounds) {
  const std::int64_t user = row_of_warp<Threads>();
  if (user >= bounds.size()) {
    return;
  }
  const auto put = [&](int column, std::uint32_t word) {
    words[user_word(items.width, user, column)] = word;
  };
  if (user >= users.rows()) {
    for (int column = 2 * static_cast<int>(threadIdx.x % 32); column < items.width.columns();
         column += 64) {
      put(column, 0);
    }
    if (threadIdx.x % 32 == 0) {
      bounds[user] = {0, 0, 0, out_of_reach(), answered};
    }
    return;
  }
  const RowSize size = size_of_row(users.row(user), users.rank);
  const double constant = fabs(mean) + fabs(static_cast<double>(users.biases[user]));
  // Where a user's own values are not finite, neither are the scores: nothing is returned.
  const bool finite = size.norm >= 0 && constant <= DBL_MAX;
  const double scale = packing_scale(finite ? size.largest : 0.0F);
  const double error =
      round_row(users.row(user), finite ? users.rank : 0, items.width.columns(), scale, put);
  if (threadIdx.x % 32 == 0) {
    const double largest = size.norm * items.largest_norm + items.largest_bias;
    const bool trusted = largest < FLT_MAX / 4.0;
    bounds[user] = {static_cast<float>(1 / (scale * items.scale)),
                    static_cast<float>(score_slack(items, size.norm, error, constant)),
                    finite && trusted ? size.norm : 0.0F,
                    finite && trusted ? -INFINITY : out_of_reach(),
                    finite && !trusted ? unproven : answered};
  }
}

}  // namespace alsatian::cuda
