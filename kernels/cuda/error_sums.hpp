// Kernels behind errors.hpp: every warp takes an equal piece of the ratings, wherever its rows
// begin, so that one long row is no more work than many short ones.
#pragma once

#include "kernels/cuda/sums.hpp"
#include "kernels/cuda/tables.hpp"
#include "kernels/math/likelihood.hpp"
#include "kernels/math/regularization.hpp"
#include "kernels/math/score.hpp"

#include <cmath>
#include <cstddef>
#include <variant>

namespace alsatian::cuda {

/// Blocks of penalties that share a multiprocessor: with 64 registers for a thread none are
/// spilled.
inline constexpr int blocks_of_penalties = 4;

/// Ratings with the rows that they belong to: by `offsets` [users + 1] where they are compressed
/// rows of users, else by a list `users` in which −1 is unknown, as it is in `items`.
struct JudgedRatings {
  DeviceSpan<const std::int64_t> offsets;
  DeviceSpan<const std::int32_t> users;
  DeviceSpan<const std::int32_t> items;
  DeviceSpan<const float> ratings;
};

/// What scores them: η = mean + b_u + c_i + ⟨p_u, q_i⟩, and the place of the likelihood in the
/// closed list.
struct Judge {
  DeviceTable<const float> users;
  DeviceTable<const float> items;
  double mean;
  std::size_t likelihood;
};

/// Calls body(likelihood) with the one at `index` of the closed list.
template <std::size_t Index = 0, typename Body>
__device__ __forceinline__ void with_likelihood(std::size_t index, Body&& body) {
  if constexpr (Index + 1 < std::variant_size_v<Likelihood>) {
    if (index != Index) {
      with_likelihood<Index + 1>(index, body);
      return;
    }
  }
  body(std::variant_alternative_t<Index, Likelihood>());
}

/// The last row in [first, last] that begins at or before `position`.
__device__ __forceinline__ std::int32_t row_at(DeviceSpan<const std::int64_t> offsets,
                                               std::int32_t first, std::int32_t last,
                                               std::int64_t position) {
  while (first < last) {
    const std::int32_t middle = first + (last - first + 1) / 2;
    if (offsets[middle] <= position) {
      first = middle;
    } else {
      last = middle - 1;
    }
  }
  return first;
}

/// ⟨p_user, q_item⟩ of the calling lane's rating, 0 where a row is −1. A group of lanes shares the
/// rows of four of its ratings at a time. All lanes of the warp call it.
template <int Lanes>
__device__ __forceinline__ float pair_dot(const DeviceTable<const float>& users,
                                          const DeviceTable<const float>& items, std::int32_t user,
                                          std::int32_t item) {
  const int lane = lane_of_warp() % Lanes;
  const std::int32_t stride = users.stride;
  float mine = 0;
#pragma unroll 1
  for (int step = 0; step < Lanes; step += 4) {
    std::int64_t left[4];
    std::int64_t right[4];
    bool known[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const std::int32_t u = __shfl_sync(device::all_lanes, user, step + i, Lanes);
      const std::int32_t v = __shfl_sync(device::all_lanes, item, step + i, Lanes);
      known[i] = u >= 0 && v >= 0;
      left[i] = std::int64_t{u} * stride + 4 * lane;
      right[i] = std::int64_t{v} * stride + 4 * lane;
    }
    float dots[4] = {};
    // Eight loads at once are enough; unrolled further, registers would spill.
#pragma unroll 1
    for (std::int32_t place = 0; place < stride; place += 4 * Lanes) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (known[i]) {
          dots[i] = add_dot(dots[i], load_4(users.factors.data() + left[i] + place),
                            load_4(items.factors.data() + right[i] + place));
        }
      }
    }
    const float sum = group_sums<Lanes>(dots);
    if (lane / 4 == step / 4) {
      mine = sum;
    }
  }
  return mine;
}

/// parts [blocks, 3]: squared errors, absolute errors and losses of a block's ratings. Dot products
/// in float, sums in double.
template <int Lanes>
__global__ void __launch_bounds__(sum_threads)
    sum_errors(Judge judge, JudgedRatings judged, WarpPieces pieces, DeviceSpan<double> parts) {
  const std::int64_t first = pieces.own_first();
  const std::int64_t end = pieces.own_end();
  const bool by_user = judged.offsets.size() > 0;
  std::int32_t row = 0;
  std::int32_t last_row = 0;
  if (by_user && first < end) {
    // The first lane looks for the first row, the others for the last.
    const auto rows = static_cast<std::int32_t>(judged.offsets.size() - 1);
    const std::int32_t found =
        row_at(judged.offsets, 0, rows - 1, lane_of_warp() == 0 ? first : end - 1);
    row = __shfl_sync(device::all_lanes, found, 0);
    last_row = __shfl_sync(device::all_lanes, found, 1);
  }
  double sums[3] = {};
  for (std::int64_t tile = first; tile < end; tile += 32) {
    const std::int64_t position = tile + lane_of_warp();
    const bool there = position < end;
    std::int32_t user = -1;
    std::int32_t item = -1;
    if (there) {
      item = judged.items[position];
      user = by_user ? row_at(judged.offsets, row, last_row, position) : judged.users[position];
    }
    const float dot = pair_dot<Lanes>(judge.users, judge.items, user, item);
    if (by_user) {
      row = __shfl_sync(device::all_lanes, there ? user : last_row, 31);
    }
    if (there) {
      const double eta = score<double>(judge.mean, user < 0 ? 0.0F : judge.users.biases[user],
                                       item < 0 ? 0.0F : judge.items.biases[item], dot);
      const double rating = judged.ratings[position];
      with_likelihood(judge.likelihood, [&](auto likelihood) {
        const double error = likelihood.mean(eta) - rating;
        sums[0] += error * error;
        sums[1] += error < 0 ? -error : error;
        sums[2] += likelihood.loss_and_slope(eta, rating).loss;
      });
    }
  }
  store_block_sums(sums, parts);
}

/// parts [blocks]: ½ Σ s(n)(λ‖w‖² + λ_b b²) over a block's rows. Squares and sums in double.
template <int Lanes>
__global__ void __launch_bounds__(sum_threads, blocks_of_penalties)
    sum_penalties(DeviceTable<const float> side, DeviceSpan<const std::int64_t> offsets,
                  Regularization regularization, WarpPieces pieces, DeviceSpan<double> parts) {
  const std::int64_t end = pieces.own_end();
  const int lane = lane_of_warp() % Lanes;
  double sums[1] = {};
  for (std::int64_t tile = pieces.own_first(); tile < end; tile += 32) {
    const std::int64_t group = tile + lane_of_warp() / Lanes * Lanes;
    double mine = 0;
    for (int i = 0; i < Lanes; ++i) {
      double squares = 0;
      if (group + i < end) {
        const float* const factors = side.row(group + i);
        for (std::int32_t place = 4 * lane; place < side.stride; place += 4 * Lanes) {
          const float4 values = load_4(factors + place);
          squares += double{values.x} * values.x + double{values.y} * values.y +
                     double{values.z} * values.z + double{values.w} * values.w;
        }
      }
      squares = group_sum<Lanes>(squares);
      if (i == lane) {
        mine = squares;
      }
    }
    const std::int64_t row = tile + lane_of_warp();
    if (row < end) {
      const auto count = static_cast<double>(offsets[row + 1] - offsets[row]);
      sums[0] += row_penalty(row_scale(count, regularization.scaling), regularization, mine,
                             side.biases[row]);
    }
  }
  store_block_sums(sums, parts);
}

/// What stands in found [1] where row `row` is the first bad one; 0 for none. Largest first, so
/// that it is a maximum that starts at 0.
ALSATIAN_HD inline unsigned long long code_of_bad_row(std::int64_t row) {
  return ~static_cast<unsigned long long>(row);
}

/// found [1] becomes the code of the first row with a factor or bias that is not finite, of
/// those whose values lie in the pieces. Pieces count factors in fours, and biases behind them.
template <int Threads>
__global__ void __launch_bounds__(Threads)
    find_non_finite(DeviceTable<const float> side, WarpPieces pieces,
                    DeviceSpan<unsigned long long> found) {
  const std::int64_t end = pieces.own_end();
  const std::int64_t fours = side.rows() * (side.stride / 4);
  unsigned long long code = 0;
  const auto judge = [&](float value, std::int64_t row) {
    if (!std::isfinite(value) && code < code_of_bad_row(row)) {
      code = code_of_bad_row(row);
    }
  };
  for (std::int64_t place = pieces.own_first() + lane_of_warp(); place < end; place += 32) {
    if (place >= fours) {
      judge(side.biases[place - fours], place - fours);
      continue;
    }
    const float4 values = load_4(side.factors.data() + 4 * place);
    // Infinities may cancel to NaN, but never to a finite number.
    if (!std::isfinite(values.x * 0 + values.y * 0 + values.z * 0 + values.w * 0)) {
      const std::int64_t row = 4 * place / side.stride;
      const auto column = static_cast<std::int32_t>(4 * place - row * side.stride);
      const float four[4] = {values.x, values.y, values.z, values.w};
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (column + i < side.rank) {
          judge(four[i], row);
        }
      }
    }
  }
  if (code != 0) {
    atomicMax(found.data(), code);
  }
}

}  // namespace alsatian::cuda
