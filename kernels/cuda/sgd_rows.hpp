// Steps of stochastic gradient descent, one rating after another, by the lanes of a warp or by a
// part of them: both rows in registers, the next two on their way from memory, stores only where a
// row is left. The order of ratings is kept to the letter; what is done side by side is the
// launcher's choice: blocks that share no row (deterministic), or any chunks (batch Hogwild).
#pragma once

#include "kernels/cuda/device.hpp"
#include "kernels/cuda/half.hpp"
#include "kernels/cuda/tables.hpp"
#include "kernels/math/likelihood.hpp"
#include "kernels/math/permutation.hpp"
#include "kernels/math/score.hpp"
#include "kernels/math/sgd_step.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>
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

/// The slope of a likelihood known by its index: a branch that all lanes take alike, none but the
/// first for Gaussian ratings. Kernels compiled per likelihood would be four times as many.
template <std::size_t Kind = 0>
__device__ __forceinline__ float slope_of(std::uint32_t likelihood, float eta, float rating) {
  if constexpr (Kind + 1 < std::variant_size_v<Likelihood>) {
    if (likelihood != Kind) {
      return slope_of<Kind + 1>(likelihood, eta, rating);
    }
  }
  return std::variant_alternative_t<Kind, Likelihood>::loss_and_slope(eta, rating).slope;
}

/// How a warp is shared out: a group of `Lanes` lanes works on a rating, the groups of a warp on as
/// many ratings side by side. A lane holds four columns of each of `Pieces` pieces of a row, so a
/// shape is for strides up to 4·Lanes·Pieces.
template <int Lanes, int Pieces>
struct SgdShape {
  static constexpr int lanes = Lanes;
  static constexpr int pieces = Pieces;
  static constexpr int groups = static_cast<int>(device::warp_lanes) / Lanes;
  static constexpr std::int32_t columns = 4 * Lanes * Pieces;

  /// The calling thread's lane in its group, and its group in the warp.
  __device__ __forceinline__ static int lane() { return static_cast<int>(threadIdx.x) % Lanes; }
  __device__ __forceinline__ static int group() {
    return static_cast<int>(threadIdx.x % device::warp_lanes) / Lanes;
  }
};

/// The value that lane `from` of each group holds, in all lanes of the group.
template <typename Shape, typename Value>
__device__ __forceinline__ Value from_lane(Value value, int from) {
  return __shfl_sync(device::all_lanes, value, from, Shape::lanes);
}
template <typename Value>
__device__ __forceinline__ Value of_partner(Value value, int bits) {
  return __shfl_xor_sync(device::all_lanes, value, bits);
}

struct RowProducts {
  float user_item;
  float user_squared;
  float item_squared;
};

/// The three sums over the lanes of a group, the same bits in every lane. Lanes first share the
/// sums out among themselves: eight exchanges for twelve among sixteen lanes.
template <typename Shape>
__device__ __forceinline__ RowProducts group_sums(const RowProducts& own) {
  constexpr int half = Shape::lanes / 2;
  constexpr int quarter = Shape::lanes / 4;
  const bool upper = (Shape::lane() & half) != 0;
  const bool second = (Shape::lane() & quarter) != 0;
  const float first_pair = (upper ? own.user_squared : own.user_item) +
                           of_partner(upper ? own.user_item : own.user_squared, half);
  const float last = own.item_squared + of_partner(own.item_squared, half);
  float sum = (second ? last : first_pair) + of_partner(second ? first_pair : last, quarter);
#pragma unroll
  for (int bits = quarter / 2; bits > 0; bits /= 2) {
    sum += of_partner(sum, bits);
  }
  return {from_lane<Shape>(sum, 0), from_lane<Shape>(sum, half), from_lane<Shape>(sum, quarter)};
}

// Factors are read past the L1 cache, which does not see what other processors write.

__device__ __forceinline__ float4 load_fresh_4(const float* from) {
  return __ldcg(reinterpret_cast<const float4*>(from));
}
__device__ __forceinline__ float4 load_fresh_4(const Half* from) {
  const uint2 bits = __ldcg(reinterpret_cast<const uint2*>(from));
  return make_float4(device::from_half(static_cast<std::uint16_t>(bits.x)),
                     device::from_half(static_cast<std::uint16_t>(bits.x >> 16)),
                     device::from_half(static_cast<std::uint16_t>(bits.y)),
                     device::from_half(static_cast<std::uint16_t>(bits.y >> 16)));
}
__device__ __forceinline__ void store_factors_4(float* to, float4 values) {
  *reinterpret_cast<float4*>(to) = values;
}
__device__ __forceinline__ void store_factors_4(Half* to, float4 values, const Random4& random,
                                                int shift) {
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

/// One row in the registers of a group: lane l holds columns 4 (piece·lanes + l) and the next three
/// of every piece; zeros beyond the stride.
template <typename Storage, typename Shape>
struct HeldRow {
  SgdRow row = {};
  float4 factors[Shape::pieces] = {};

  __device__ __forceinline__ static std::int32_t column(int piece) {
    return 4 * (piece * Shape::lanes + Shape::lane());
  }
  /// Ids are not negative: one multiplication finds the row.
  __device__ __forceinline__ static Storage* factors_of(const SgdSide<Storage>& side,
                                                        std::int32_t index) {
    return side.factors + std::uint64_t{static_cast<std::uint32_t>(index)} *
                              static_cast<std::uint32_t>(side.stride);
  }

  __device__ __forceinline__ void load(const SgdSide<Storage>& side, std::int32_t index) {
    row = load_row(side.rows + index);
    const Storage* const first = factors_of(side, index);
#pragma unroll
    for (int piece = 0; piece < Shape::pieces; ++piece) {
      factors[piece] = make_float4(0, 0, 0, 0);
      if (column(piece) < side.stride) {
        factors[piece] = load_fresh_4(first + column(piece));
      }
    }
  }

  /// position  of the rating whose step made these values, and `shift` the side: what Half's
  ///           rounding is drawn for, 16 bits of a word a number
  __device__ __forceinline__ void store(const SgdTask<Storage>& task, const SgdSide<Storage>& side,
                                        std::int32_t index, std::int64_t position,
                                        int shift) const {
    if (Shape::lane() == 0) {
      side.rows[index] = row;
    }
    Storage* const first = factors_of(side, index);
#pragma unroll
    for (int piece = 0; piece < Shape::pieces; ++piece) {
      if (column(piece) < side.stride) {
        if constexpr (std::is_same_v<Storage, Half>) {
          const Random4 words =
              philox(task.seed, RandomStream::rounding, static_cast<std::uint64_t>(position),
                     task.epoch << 9 | static_cast<std::uint32_t>(column(piece) / 4));
          store_factors_4(first + column(piece), factors[piece], words, shift);
        } else {
          store_factors_4(first + column(piece), factors[piece]);
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

template <typename Storage, typename Shape>
__device__ __forceinline__ RowProducts row_products(const HeldRow<Storage, Shape>& user,
                                                    const HeldRow<Storage, Shape>& item) {
  RowProducts products{0, 0, 0};
#pragma unroll
  for (int piece = 0; piece < Shape::pieces; ++piece) {
    const float4 p = user.factors[piece];
    const float4 q = item.factors[piece];
    products.user_item = dot_4(p, q, products.user_item);
    products.user_squared = dot_4(p, p, products.user_squared);
    products.item_squared = dot_4(q, q, products.item_squared);
  }
  return group_sums<Shape>(products);
}

/// One row's bias and its accumulator, which goes into the step as it was before.
template <typename Storage>
__device__ __forceinline__ void step_bias(const SgdTask<Storage>& task, float slope, SgdRow& row) {
  const float gradient = bias_gradient(slope, task.bias_regularization * row.share, row.bias);
  const float step = task.adagrad ? device::inverse_root(row.bias_sum) : 1.0F;
  const float sum = row.bias_sum + gradient * gradient;
  row.bias = task.biases ? row.bias - task.learning_rate * step * gradient : row.bias;
  row.bias_sum = task.biases && task.adagrad ? sum : row.bias_sum;
}

/// The step of one rating, both rows from their old values, as kernels/cpu/isa/sgd.inl does it. An
/// option is a choice between two numbers, not a branch: branches cost more than what they save.
template <typename Storage, typename Shape>
__device__ __forceinline__ void visit_rating(const SgdTask<Storage>& task,
                                             HeldRow<Storage, Shape>& user,
                                             HeldRow<Storage, Shape>& item, float rating) {
  const RowProducts products = row_products<Storage, Shape>(user, item);
  const float eta = score(task.mean, task.biases ? user.row.bias : 0.0F,
                          task.biases ? item.row.bias : 0.0F, products.user_item);
  const float slope = slope_of(task.likelihood, eta, rating);
  const float user_shrink = task.factor_regularization * user.row.share;
  const float item_shrink = task.factor_regularization * item.row.share;
  const float user_step =
      task.learning_rate * (task.adagrad ? device::inverse_root(user.row.factor_sum) : 1.0F);
  const float item_step =
      task.learning_rate * (task.adagrad ? device::inverse_root(item.row.factor_sum) : 1.0F);
  const float user_sum =
      user.row.factor_sum +
      task.rank_share * squared_gradient(slope, user_shrink, products.user_squared,
                                         products.item_squared, products.user_item);
  const float item_sum =
      item.row.factor_sum +
      task.rank_share * squared_gradient(slope, item_shrink, products.item_squared,
                                         products.user_squared, products.user_item);
  user.row.factor_sum = task.adagrad ? user_sum : user.row.factor_sum;
  item.row.factor_sum = task.adagrad ? item_sum : item.row.factor_sum;
  const float user_keep = 1 - user_step * user_shrink;
  const float item_keep = 1 - item_step * item_shrink;
#pragma unroll
  for (int piece = 0; piece < Shape::pieces; ++piece) {
    const float4 p = user.factors[piece];
    const float4 q = item.factors[piece];
    user.factors[piece] = keep_and_move(user_keep, p, user_step * slope, q);
    item.factors[piece] = keep_and_move(item_keep, q, item_step * slope, p);
  }
  step_bias(task, slope, user.row);
  step_bias(task, slope, item.row);
}

/// One rating of the order.
struct SgdRating {
  std::int32_t user;
  std::int32_t item;
  float value;

  /// Behind the last rating of the range: some rating of the first rows, which is never visited.
  __device__ __forceinline__ static SgdRating load(const SgdRatings& from, std::int64_t position,
                                                   std::int64_t last) {
    if (position < last) {
      return {from.users[position], from.items[position], from.values[position]};
    }
    return {0, 0, 0};
  }

  /// What lane `from` of the group holds.
  template <typename Shape>
  __device__ __forceinline__ SgdRating of(int from) const {
    return {from_lane<Shape>(user, from), from_lane<Shape>(item, from),
            from_lane<Shape>(value, from)};
  }
};

/// The largest of the numbers that the groups of a warp hold.
template <typename Shape>
__device__ __forceinline__ std::int64_t largest_of_groups(std::int64_t own) {
  std::int64_t largest = own;
#pragma unroll
  for (int bits = Shape::lanes; bits < static_cast<int>(device::warp_lanes); bits *= 2) {
    const std::int64_t other = of_partner(largest, bits);
    largest = other > largest ? other : largest;
  }
  return largest;
}

/// Visits ratings [first, last) in order, another range in each group; called by all lanes of a
/// warp, which stay together until the longest range is done.
/// Ratings are read one to a lane, a batch before they are due. A row is read before the rating
/// that needs it is due, while the one before is worked on, and only where it is not the row at
/// work: so no step ever starts from old values.
template <typename Storage, typename Shape>
__device__ __forceinline__ void visit_ratings(const SgdTask<Storage>& task, std::int64_t first,
                                              std::int64_t last) {
  using Held = HeldRow<Storage, Shape>;
  const std::int64_t longest = largest_of_groups<Shape>(last - first);
  if (longest <= 0) {
    return;
  }
  SgdRating batch = SgdRating::load(task.ratings, first + Shape::lane(), last);
  SgdRating now = batch.template of<Shape>(0);
  Held user;
  Held item;
  user.load(task.users, now.user);
  item.load(task.items, now.item);
  for (std::int64_t done = 0; done < longest; done += Shape::lanes) {
    const std::int64_t start = first + done;
    const SgdRating coming =
        SgdRating::load(task.ratings, start + Shape::lanes + Shape::lane(), last);
    const std::int64_t left = longest - done;
    const std::int64_t own_left = last - start;
    const int turns = left < Shape::lanes ? static_cast<int>(left) : Shape::lanes;
    const int own =
        own_left > Shape::lanes ? Shape::lanes + 1 : static_cast<int>(own_left > 0 ? own_left : 0);
    for (int turn = 0; turn < turns; ++turn) {
      if (turn + 1 == Shape::lanes) {
        batch = coming;
      }
      const SgdRating next = batch.template of<Shape>((turn + 1) % Shape::lanes);
      const bool more = turn + 1 < own;
      const bool leave_user = turn < own && (!more || next.user != now.user);
      const bool leave_item = turn < own && (!more || next.item != now.item);
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
        user.store(task, task.users, now.user, start + turn, 16);
        user = coming_user;
      }
      if (leave_item) {
        item.store(task, task.items, now.item, start + turn, 0);
        item = coming_item;
      }
      __syncwarp();  // other lanes may read next what the first has written of a row
      now = next;
    }
  }
}

/// Threads of a block: one warp, so that what is done makes room at once.
inline constexpr unsigned sgd_threads = device::warp_lanes;

/// Warps of Hogwild for which registers are left on a multiprocessor.
template <typename Shape>
constexpr unsigned sgd_warps_per_processor() {
  return Shape::groups > 1 ? 20 : Shape::pieces == 1 ? 24 : Shape::pieces == 2 ? 16 : 8;
}

/// One stage of a schedule: group g of all the launch visits block (g, (g + stage) mod grid).
/// block_offsets [grid² + 1]
template <typename Storage, typename Shape>
__global__ void __launch_bounds__(sgd_threads)
    sgd_stage(SgdTask<Storage> task, DeviceSpan<const std::int64_t> block_offsets,
              std::int32_t grid, std::int32_t stage) {
  const std::int32_t part = static_cast<std::int32_t>(blockIdx.x) * Shape::groups + Shape::group();
  std::int64_t first = 0;
  std::int64_t last = 0;
  if (part < grid) {
    const std::int64_t block = std::int64_t{part} * grid + (part + stage) % grid;
    first = block_offsets[block];
    last = block_offsets[block + 1];
  }
  visit_ratings<Storage, Shape>(task, first, last);
}

/// Batch Hogwild: chunks of consecutive ratings in a random order, each once; group g of all the
/// launch, one of `workers`, takes those at g, g + workers, … of it. Rows are read and written as
/// it comes.
template <typename Storage, typename Shape>
__global__ void __launch_bounds__(sgd_threads, sgd_warps_per_processor<Shape>())
    sgd_chunks(SgdTask<Storage> task, std::int64_t observations, std::int32_t chunk_ratings,
               std::int64_t workers) {
  const std::int64_t chunks = (observations + chunk_ratings - 1) / chunk_ratings;
  const std::int64_t worker = std::int64_t{blockIdx.x} * Shape::groups + Shape::group();
  const std::int64_t own = worker < workers ? worker : chunks;
  for (std::int64_t round = 0; round * workers < chunks; ++round) {
    const std::int64_t position = own + round * workers;
    std::int64_t first = observations;
    if (position < chunks) {
      first = chunk_ratings *
              static_cast<std::int64_t>(permuted(static_cast<std::uint64_t>(position),
                                                 static_cast<std::uint64_t>(chunks), task.seed,
                                                 RandomStream::chunk_order, task.epoch));
    }
    const std::int64_t last =
        first + chunk_ratings < observations ? first + chunk_ratings : observations;
    visit_ratings<Storage, Shape>(task, first, last);
  }
}

}  // namespace alsatian::cuda
