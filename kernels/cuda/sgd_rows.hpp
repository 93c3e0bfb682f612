// Steps of stochastic gradient descent, one rating after another, by one warp: both rows in
// registers, the next two on their way from memory, stores only where a row is left.
// The order of a warp's ratings is kept to the letter; what warps do beside each other is the
// launcher's choice: blocks that share no row (deterministic), or any chunks (batch Hogwild).
#pragma once

#include "kernels/cuda/half.hpp"
#include "kernels/cuda/tables.hpp"
#include "kernels/math/likelihood.hpp"
#include "kernels/math/permutation.hpp"
#include "kernels/math/score.hpp"
#include "kernels/math/sgd_step.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <variant>

namespace alsatian::cuda {

/// What a rating needs of a row beside its factors, in one load.
struct alignas(16) SgdRow {
  float bias;
  float factor_sum;  // AdaGrad's: mean squared slopes of the factors, from 1 on
  float bias_sum;
  float share;  // s(n)/n, the share of λ that one of the row's ratings carries
};

/// One side: factors [rows, stride], floats or Half, with zeros in the padding; rows [rows].
template <typename Storage>
struct SgdSide {
  Storage* factors;
  SgdRow* rows;
  std::int32_t stride;
};

/// Ratings in the order of an SgdScheduleView.
struct SgdRatings {
  const std::int32_t* users;
  const std::int32_t* items;
  const float* values;
};

template <typename Storage>
struct SgdTask {
  SgdSide<Storage> users;
  SgdSide<Storage> items;
  SgdRatings ratings;
  std::uint32_t likelihood;  // its index in the variant
  float factor_regularization;
  float bias_regularization;
  float mean;
  float learning_rate;
  float rank_share;  // 1/rank; 0 for rank 0, whose factor sums stay
  bool adagrad;
  bool biases;
  std::uint64_t seed;   // of Half's rounding
  std::uint32_t epoch;  // below 2^23
};

/// The slope of a likelihood known by its index. A branch that all lanes take alike costs a few
/// cycles of a rating's hundreds; kernels compiled per likelihood would be four times as many.
template <std::size_t... Index>
__device__ __forceinline__ float slope_of(std::uint32_t likelihood, float eta, float rating,
                                          std::index_sequence<Index...>) {
  float slope = 0;
  const auto take = [&]<std::size_t Kind>(std::integral_constant<std::size_t, Kind>) {
    if (likelihood == Kind) {
      slope = std::variant_alternative_t<Kind, Likelihood>::loss_and_slope(eta, rating).slope;
    }
  };
  (take(std::integral_constant<std::size_t, Index>()), ...);
  return slope;
}

__device__ __forceinline__ unsigned warp_lane() { return threadIdx.x % device::warp_lanes; }

/// The sum over the lanes of a warp, the same bits in every lane: both partners of an exchange add
/// the same two numbers.
__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
  for (int bits = device::warp_lanes / 2; bits > 0; bits /= 2) {
    value += __shfl_xor_sync(device::all_lanes, value, bits);
  }
  return value;
}

struct RowProducts {
  float user_item;
  float user_squared;
  float item_squared;
};

/// The three sums over the lanes of a warp, the same bits in every lane. Lanes first share the sums
/// out among themselves: nine exchanges for fifteen.
__device__ __forceinline__ RowProducts warp_sums(const RowProducts& own) {
  const bool upper = (warp_lane() & 16U) != 0;
  const bool second = (warp_lane() & 8U) != 0;
  const float first_pair =
      (upper ? own.user_squared : own.user_item) +
      __shfl_xor_sync(device::all_lanes, upper ? own.user_item : own.user_squared, 16);
  const float last = own.item_squared + __shfl_xor_sync(device::all_lanes, own.item_squared, 16);
  float sum = (second ? last : first_pair) +
              __shfl_xor_sync(device::all_lanes, second ? first_pair : last, 8);
#pragma unroll
  for (int bits = 4; bits > 0; bits /= 2) {
    sum += __shfl_xor_sync(device::all_lanes, sum, bits);
  }
  return {__shfl_sync(device::all_lanes, sum, 0), __shfl_sync(device::all_lanes, sum, 16),
          __shfl_sync(device::all_lanes, sum, 8)};
}

// Factors are read past the L1 cache, which does not see what other processors write.

__device__ __forceinline__ float4 load_4(const float* from) {
  return __ldcg(reinterpret_cast<const float4*>(from));
}
__device__ __forceinline__ float4 load_4(const Half* from) {
  const uint2 bits = __ldcg(reinterpret_cast<const uint2*>(from));
  return make_float4(device::from_half(static_cast<std::uint16_t>(bits.x)),
                     device::from_half(static_cast<std::uint16_t>(bits.x >> 16)),
                     device::from_half(static_cast<std::uint16_t>(bits.y)),
                     device::from_half(static_cast<std::uint16_t>(bits.y >> 16)));
}
__device__ __forceinline__ void store_4(float* to, float4 values) {
  *reinterpret_cast<float4*>(to) = values;
}
__device__ __forceinline__ void store_4(Half* to, float4 values, const Random4& random, int shift) {
  uint2 bits;
  bits.x = round_at_random(values.x, random.word[0] >> shift).bits |
           std::uint32_t{round_at_random(values.y, random.word[1] >> shift).bits} << 16;
  bits.y = round_at_random(values.z, random.word[2] >> shift).bits |
           std::uint32_t{round_at_random(values.w, random.word[3] >> shift).bits} << 16;
  *reinterpret_cast<uint2*>(to) = bits;
}
__device__ __forceinline__ SgdRow load_row(const SgdRow* from) {
  const float4 row = __ldcg(reinterpret_cast<const float4*>(from));
  return {row.x, row.y, row.z, row.w};
}

/// One row in the registers of a warp: lane l holds columns 4 (32 piece + l) and the next three of
/// every piece; zeros beyond the stride.
template <typename Storage, int Pieces>
struct HeldRow {
  SgdRow row = {};
  float4 factors[Pieces] = {};

  __device__ __forceinline__ static std::int32_t column(int piece) {
    return 4 * (piece * static_cast<std::int32_t>(device::warp_lanes) +
                static_cast<std::int32_t>(warp_lane()));
  }

  __device__ __forceinline__ void load(const SgdSide<Storage>& side, std::int32_t index) {
    row = load_row(side.rows + index);
    const Storage* const first = side.factors + std::int64_t{index} * side.stride;
#pragma unroll
    for (int piece = 0; piece < Pieces; ++piece) {
      factors[piece] = make_float4(0, 0, 0, 0);
      if (column(piece) < side.stride) {
        factors[piece] = load_4(first + column(piece));
      }
    }
  }

  /// position  of the rating whose step made these values, and `shift` the side: what Half's
  ///           rounding is drawn for, 16 bits of a word a number
  __device__ __forceinline__ void store(const SgdTask<Storage>& task, const SgdSide<Storage>& side,
                                        std::int32_t index, std::int64_t position,
                                        int shift) const {
    if (warp_lane() == 0) {
      side.rows[index] = row;
    }
    Storage* const first = side.factors + std::int64_t{index} * side.stride;
#pragma unroll
    for (int piece = 0; piece < Pieces; ++piece) {
      if (column(piece) < side.stride) {
        if constexpr (std::is_same_v<Storage, Half>) {
          const Random4 words =
              philox(task.seed, RandomStream::rounding, static_cast<std::uint64_t>(position),
                     task.epoch << 9 | static_cast<std::uint32_t>(piece) << 5 | warp_lane());
          store_4(first + column(piece), factors[piece], words, shift);
        } else {
          store_4(first + column(piece), factors[piece]);
        }
      }
    }
  }
};

__device__ __forceinline__ float dot_4(float4 a, float4 b, float sum) {
  return sum + a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
}
__device__ __forceinline__ float4 keep_and_move(float keep, float4 own, float move, float4 other) {
  return make_float4(keep * own.x - move * other.x, keep * own.y - move * other.y,
                     keep * own.z - move * other.z, keep * own.w - move * other.w);
}

/// The squares only where AdaGrad asks for them.
template <typename Storage, int Pieces>
__device__ __forceinline__ RowProducts row_products(bool with_squares,
                                                    const HeldRow<Storage, Pieces>& user,
                                                    const HeldRow<Storage, Pieces>& item) {
  RowProducts products{0, 0, 0};
#pragma unroll
  for (int piece = 0; piece < Pieces; ++piece) {
    products.user_item = dot_4(user.factors[piece], item.factors[piece], products.user_item);
  }
  if (!with_squares) {
    return {warp_sum(products.user_item), 0, 0};
  }
#pragma unroll
  for (int piece = 0; piece < Pieces; ++piece) {
    const float4 p = user.factors[piece];
    const float4 q = item.factors[piece];
    products.user_squared = dot_4(p, p, products.user_squared);
    products.item_squared = dot_4(q, q, products.item_squared);
  }
  return warp_sums(products);
}

/// The step of one rating, both rows from their old values, as kernels/cpu/isa/sgd.inl does it.
template <typename Storage, int Pieces>
__device__ __forceinline__ void visit_rating(const SgdTask<Storage>& task,
                                             HeldRow<Storage, Pieces>& user,
                                             HeldRow<Storage, Pieces>& item, float rating) {
  const RowProducts products = row_products<Storage, Pieces>(task.adagrad, user, item);
  const float eta = score(task.mean, task.biases ? user.row.bias : 0.0F,
                          task.biases ? item.row.bias : 0.0F, products.user_item);
  const float slope = slope_of(task.likelihood, eta, rating,
                               std::make_index_sequence<std::variant_size_v<Likelihood>>());
  const float user_shrink = task.factor_regularization * user.row.share;
  const float item_shrink = task.factor_regularization * item.row.share;
  float user_step = task.learning_rate;
  float item_step = task.learning_rate;
  if (task.adagrad) {
    user_step /= std::sqrt(user.row.factor_sum);
    item_step /= std::sqrt(item.row.factor_sum);
    user.row.factor_sum +=
        task.rank_share * squared_gradient(slope, user_shrink, products.user_squared,
                                           products.item_squared, products.user_item);
    item.row.factor_sum +=
        task.rank_share * squared_gradient(slope, item_shrink, products.item_squared,
                                           products.user_squared, products.user_item);
  }
  const float user_keep = 1 - user_step * user_shrink;
  const float item_keep = 1 - item_step * item_shrink;
#pragma unroll
  for (int piece = 0; piece < Pieces; ++piece) {
    const float4 p = user.factors[piece];
    const float4 q = item.factors[piece];
    user.factors[piece] = keep_and_move(user_keep, p, user_step * slope, q);
    item.factors[piece] = keep_and_move(item_keep, q, item_step * slope, p);
  }
  if (task.biases) {
    update_bias(task.adagrad, user.row.bias, user.row.bias_sum, slope,
                task.bias_regularization * user.row.share, task.learning_rate);
    update_bias(task.adagrad, item.row.bias, item.row.bias_sum, slope,
                task.bias_regularization * item.row.share, task.learning_rate);
  }
}

/// One rating of the order; all lanes hold the same.
struct SgdRating {
  std::int32_t user;
  std::int32_t item;
  float value;

  /// The last rating where `position` is behind it.
  __device__ __forceinline__ static SgdRating load(const SgdRatings& from, std::int64_t position,
                                                   std::int64_t last) {
    const std::int64_t there = position < last ? position : last - 1;
    return {from.users[there], from.items[there], from.values[there]};
  }
};

/// Visits ratings [first, last) in order; called by all lanes of a warp.
/// A row is read before the rating that needs it is due, while the one before is worked on, and
/// only where it is not the row at work: so no step ever starts from old values.
template <typename Storage, int Pieces>
__device__ __forceinline__ void visit_ratings(const SgdTask<Storage>& task, std::int64_t first,
                                              std::int64_t last) {
  using Held = HeldRow<Storage, Pieces>;
  if (first >= last) {
    return;
  }
  SgdRating now = SgdRating::load(task.ratings, first, last);
  SgdRating next = SgdRating::load(task.ratings, first + 1, last);
  Held user;
  Held item;
  user.load(task.users, now.user);
  item.load(task.items, now.item);
  for (std::int64_t position = first; position < last; ++position) {
    const SgdRating after_next = SgdRating::load(task.ratings, position + 2, last);
    const bool more = position + 1 < last;
    const bool leave_user = !more || next.user != now.user;
    const bool leave_item = !more || next.item != now.item;
    Held coming_user;
    Held coming_item;
    if (more && leave_user) {
      coming_user.load(task.users, next.user);
    }
    if (more && leave_item) {
      coming_item.load(task.items, next.item);
    }
    visit_rating(task, user, item, now.value);
    if (leave_user) {
      user.store(task, task.users, now.user, position, 16);
      user = coming_user;
    }
    if (leave_item) {
      item.store(task, task.items, now.item, position, 0);
      item = coming_item;
    }
    __syncwarp();  // other lanes may read next what the first has written of a row
    now = next;
    next = after_next;
  }
}

/// Warps of a block of threads: one, so that a block of ratings that is done makes room at once.
inline constexpr unsigned sgd_threads = device::warp_lanes;

/// Warps for which registers are left on a multiprocessor, at least.
template <int Pieces>
constexpr unsigned sgd_warps_per_processor() {
  return Pieces == 1 ? 28 : Pieces == 2 ? 16 : 8;
}

/// One stage of a schedule: thread block b visits block (b, (b + stage) mod grid).
/// block_offsets [grid² + 1]
template <typename Storage, int Pieces>
__global__ void __launch_bounds__(sgd_threads)
    sgd_stage(SgdTask<Storage> task, DeviceSpan<const std::int64_t> block_offsets,
              std::int32_t grid, std::int32_t stage) {
  const std::int64_t part = blockIdx.x;
  const std::int64_t block = part * grid + (part + stage) % grid;
  visit_ratings<Storage, Pieces>(task, block_offsets[block], block_offsets[block + 1]);
}

/// Batch Hogwild: chunks of consecutive ratings in a random order, each once; thread block b takes
/// those at b, b + gridDim, … of it. Warps read and write rows as they come.
template <typename Storage, int Pieces>
__global__ void __launch_bounds__(sgd_threads, sgd_warps_per_processor<Pieces>())
    sgd_chunks(SgdTask<Storage> task, std::int64_t observations, std::int32_t chunk_ratings) {
  const std::int64_t chunks = (observations + chunk_ratings - 1) / chunk_ratings;
  for (std::int64_t position = blockIdx.x; position < chunks; position += gridDim.x) {
    const auto chunk = static_cast<std::int64_t>(
        permuted(static_cast<std::uint64_t>(position), static_cast<std::uint64_t>(chunks),
                 task.seed, RandomStream::chunk_order, task.epoch));
    const std::int64_t first = chunk * chunk_ratings;
    const std::int64_t last =
        first + chunk_ratings < observations ? first + chunk_ratings : observations;
    visit_ratings<Storage, Pieces>(task, first, last);
  }
}

}  // namespace alsatian::cuda
