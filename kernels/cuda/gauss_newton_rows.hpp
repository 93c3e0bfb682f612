// One row of least squares per warp: its gradient and diagonal, or its product with JᵀJ or with the
// normal matrix of the row alone, in one pass over its ratings. The opposite rows are gathered
// once, 16 bytes per lane, and used for the dot product and for the sum while they are in
// registers.
#pragma once

#include "kernels/cuda/sums.hpp"
#include "kernels/cuda/tables.hpp"
#include "kernels/math/likelihood.hpp"
#include "kernels/math/regularization.hpp"
#include "kernels/math/score.hpp"

#include <cstdint>
#include <stdexcept>

namespace alsatian::cuda {

/// Ratings [first, first + count) of the CSR arrays, all of one row: work for one warp.
struct RowSegment {
  std::int64_t row;
  std::int64_t first;
  std::int32_t count;
  std::int32_t part;  // where the segment's sums wait for those of its row; −1: it is the whole row
};

/// A row cut into the parts [first_part, first_part + parts), in this order.
struct SegmentedRow {
  std::int64_t row;
  std::int32_t first_part;
  std::int32_t parts;
};

/// What a pass over the ratings gathers, with v the direction and w_o the change of the score of
/// rating o along it.
///   gradient: Σ_o (score − rating) [opposite; 1] + ridge · own, diagonal = Σ_o [opposite²; 1]
///   product: Σ_o w_o [opposite; 1] + (ridge + damping · diagonal) v, both sides moving: w = Jv
///   row_product: Σ_o w_o [opposite; 1] + ridge · v, the opposite side held fixed
enum class Gathers { gradient, product, row_product };

/// One side's rows. Everything is on the device, and every table has the same rank.
struct GaussNewtonTask {
  DeviceRatings ratings;  // rows are those of `own`
  DeviceTable<const float> own;
  DeviceTable<const float> opposite;
  DeviceTable<const float> own_direction;
  DeviceTable<const float> opposite_direction;  // product alone
  DeviceTable<float> output;                    // overwritten
  DeviceTable<float> diagonal;                  // read by the product, overwritten by the gradient
  DeviceSpan<const alsatian::RowRidge<float>> ridges;  // [rows]
  DeviceSpan<double> row_products;  // [rows], ⟨v, output⟩ of each row; not of the gradient
  float damping = 0;
  bool biases = true;
};

/// The sums of segments that are parts of a row.
struct PartSums {
  DeviceSpan<float> factors;  // [parts, 2, stride]
  DeviceSpan<double> biases;  // [parts]
};

/// How a warp takes the rows of a table: `Lanes` lanes share a row, each with `Pieces` times four
/// floats, so that the warp has 32 / Lanes rows at a time.
template <int LanesOfRow, int PiecesOfLane>
struct GatherShape {
  static constexpr int lanes = LanesOfRow;
  static constexpr int pieces = PiecesOfLane;
  static constexpr int stride = 4 * lanes * pieces;
  static constexpr int groups = 32 / lanes;
  /// Ratings of a group whose loads are on their way at once; many pieces are enough by themselves.
  static constexpr int at_once = pieces <= 3 ? 4 : 1;
  /// Blocks of a multiprocessor that the registers leave room for: without it, the compiler spills
  /// a word here and there for one block more.
  static constexpr int least_blocks = pieces == 1 ? 7 : pieces <= 4 ? 3 : 2;
};

inline constexpr int gather_threads = 128;
inline constexpr int gather_warps = gather_threads / 32;

/// Calls body with the shape of a padded rank; throws std::invalid_argument for another stride.
template <typename Body>
decltype(auto) with_gather_shape(std::int32_t stride, Body&& body) {
  switch (stride) {
    case 16:
      return body(GatherShape<4, 1>());
    case 32:
      return body(GatherShape<8, 1>());
    case 48:
      return body(GatherShape<4, 3>());
    case 64:
      return body(GatherShape<16, 1>());
    case 96:
      return body(GatherShape<8, 3>());
    case 128:
      return body(GatherShape<32, 1>());
    case 192:
      return body(GatherShape<16, 3>());
    case 256:
      return body(GatherShape<32, 2>());
    case 512:
      return body(GatherShape<32, 4>());
    case 768:
      return body(GatherShape<32, 6>());
    case 1024:
      return body(GatherShape<32, 8>());
    default:
      throw std::invalid_argument("no kernel of least squares for rows of " +
                                  std::to_string(stride) + " floats");
  }
}

/// What a lane holds of a row's sums: its pieces, in every group the same once they are complete.
template <typename Shape, Gathers what>
struct GatheredSums {
  float4 weighted[Shape::pieces] = {};
  float4 squares[what == Gathers::gradient ? Shape::pieces : 1] = {};
  double bias = 0;
};

__device__ __forceinline__ void add_scaled(float4& sum, float weight, const float4& values) {
  sum.x += weight * values.x;
  sum.y += weight * values.y;
  sum.z += weight * values.z;
  sum.w += weight * values.w;
}
__device__ __forceinline__ void add(float4& sum, const float4& values) {
  sum.x += values.x;
  sum.y += values.y;
  sum.z += values.z;
  sum.w += values.w;
}

/// Σ over the groups of a warp, in all of them.
template <int Lanes>
__device__ __forceinline__ float sum_of_groups(float value) {
#pragma unroll
  for (int bits = Lanes; bits < 32; bits *= 2) {
    value += __shfl_xor_sync(device::all_lanes, value, bits);
  }
  return value;
}
template <int Lanes>
__device__ __forceinline__ void sum_groups(float4& values) {
  values.x = sum_of_groups<Lanes>(values.x);
  values.y = sum_of_groups<Lanes>(values.y);
  values.z = sum_of_groups<Lanes>(values.z);
  values.w = sum_of_groups<Lanes>(values.w);
}

/// The sums over one segment. All lanes of the warp call it.
template <typename Shape, Gathers what>
__device__ __forceinline__ void gather_segment(const GaussNewtonTask& task,
                                               const RowSegment& segment,
                                               GatheredSums<Shape, what>& sums) {
  constexpr int lanes = Shape::lanes;
  constexpr int pieces = Shape::pieces;
  constexpr int at_once = Shape::at_once;
  constexpr int step = Shape::groups * at_once;
  const int lane = lane_of_warp() % lanes;
  const int group = lane_of_warp() / lanes;
  const std::int64_t end = segment.first + segment.count;
  const float* const opposite = task.opposite.factors.data() + 4 * lane;
  constexpr bool has_slope = what == Gathers::gradient;
  constexpr bool both_move = what == Gathers::product;
  const float* const directions =
      both_move ? task.opposite_direction.factors.data() + 4 * lane : nullptr;
  const float* const biases =
      both_move ? task.opposite_direction.biases.data() : task.opposite.biases.data();
  // What the opposite rows are multiplied by, and what their direction is.
  const DeviceTable<const float>& weights = has_slope ? task.own : task.own_direction;
  const float own_bias = task.biases ? weights.biases[segment.row] : 0.0F;
  float4 own[both_move ? pieces : 1];
  float4 weighted_by[pieces];
#pragma unroll
  for (int piece = 0; piece < pieces; ++piece) {
    const int place = 4 * (lane + lanes * piece);
    weighted_by[piece] = load_4(weights.row(segment.row) + place);
    if constexpr (both_move) {
      own[piece] = load_4(task.own.row(segment.row) + place);
    }
  }
  // Lane l has the column and the weight of the group's rating l % at_once. Where there is none
  // it takes the first one with weight 0.
  std::int64_t position = segment.first + group * at_once + lane % at_once;
  const auto column_at = [&](std::int64_t place) {
    return task.ratings.columns[place < end ? place : segment.first];
  };
  std::int32_t next = segment.count > 0 ? column_at(position) : 0;
#pragma unroll 1
  for (std::int64_t start = segment.first; start < end; start += step, position += step) {
    const std::int32_t column = next;
    next = column_at(position + step);
    const bool there = position < end;
    const float opposite_bias = what != Gathers::row_product && task.biases ? biases[column] : 0.0F;
    float rating = 0;
    if constexpr (has_slope) {
      rating = task.ratings.values[there ? position : segment.first];
    }
    float4 rows[at_once][pieces];
    float dots[4] = {};
#pragma unroll
    for (int i = 0; i < at_once; ++i) {
      const std::int64_t offset =
          std::int64_t{__shfl_sync(device::all_lanes, column, i, lanes)} * Shape::stride;
#pragma unroll
      for (int piece = 0; piece < pieces; ++piece) {
        rows[i][piece] = load_4(opposite + offset + 4 * lanes * piece);
        dots[i] = add_dot(dots[i], weighted_by[piece], rows[i][piece]);
        if constexpr (both_move) {
          dots[i] = add_dot(dots[i], own[piece], load_4(directions + offset + 4 * lanes * piece));
        }
      }
    }
    const float dot = at_once == 4 ? group_sums<lanes>(dots) : group_sum<lanes>(dots[0]);
    float weight = 0;
    if (there) {
      if constexpr (has_slope) {
        const float eta = score(0.0F, own_bias, opposite_bias, dot);
        weight = Gaussian::loss_and_slope(eta, rating).slope;
      } else {
        weight = score_change(own_bias, opposite_bias, dot);
      }
    }
    sums.bias += weight;
#pragma unroll
    for (int i = 0; i < at_once; ++i) {
      const float share = __shfl_sync(device::all_lanes, weight, i, lanes);
      const bool present = start + group * at_once + i < end;
#pragma unroll
      for (int piece = 0; piece < pieces; ++piece) {
        const float4& row = rows[i][piece];
        add_scaled(sums.weighted[piece], share, row);
        if constexpr (has_slope) {
          if (present) {
            add(sums.squares[piece],
                make_float4(row.x * row.x, row.y * row.y, row.z * row.z, row.w * row.w));
          }
        }
      }
    }
  }
#pragma unroll
  for (int piece = 0; piece < pieces; ++piece) {
    sum_groups<lanes>(sums.weighted[piece]);
    if constexpr (has_slope) {
      sum_groups<lanes>(sums.squares[piece]);
    }
  }
  sums.bias = group_sum<32>(lane < at_once && task.biases ? sums.bias : 0.0);
}

/// Writes a row whose sums over its ratings are complete. All lanes of the warp call it.
template <typename Shape, Gathers what>
__device__ __forceinline__ void finish_row(const GaussNewtonTask& task, std::int64_t row,
                                           const GatheredSums<Shape, what>& sums) {
  constexpr int lanes = Shape::lanes;
  const int lane = lane_of_warp() % lanes;
  const bool writes = lane_of_warp() < lanes;
  const alsatian::RowRidge<float> ridge = task.ridges[row];
  double along = 0;
#pragma unroll
  for (int piece = 0; piece < Shape::pieces; ++piece) {
    const int place = 4 * (lane + lanes * piece);
    float4 output = sums.weighted[piece];
    if constexpr (what != Gathers::gradient) {
      const float4 search = load_4(task.own_direction.row(row) + place);
      if constexpr (what == Gathers::product) {
        const float4 diagonal = load_4(task.diagonal.row(row) + place);
        output.x += (ridge.factors + task.damping * diagonal.x) * search.x;
        output.y += (ridge.factors + task.damping * diagonal.y) * search.y;
        output.z += (ridge.factors + task.damping * diagonal.z) * search.z;
        output.w += (ridge.factors + task.damping * diagonal.w) * search.w;
      } else {
        add_scaled(output, ridge.factors, search);
      }
      along += double{search.x} * output.x + double{search.y} * output.y +
               double{search.z} * output.z + double{search.w} * output.w;
    } else {
      add_scaled(output, ridge.factors, load_4(task.own.row(row) + place));
      if (writes) {
        store_4(task.diagonal.row(row) + place, sums.squares[piece]);
      }
    }
    if (writes) {
      store_4(task.output.row(row) + place, output);
    }
  }
  if constexpr (what != Gathers::gradient) {
    along = group_sum<lanes>(along);
  }
  if (lane_of_warp() != 0) {
    return;
  }
  auto bias = static_cast<float>(sums.bias);
  if constexpr (what != Gathers::gradient) {
    const float search = task.own_direction.biases[row];
    const float damping =
        what == Gathers::product ? task.damping * task.diagonal.biases[row] : 0.0F;
    bias += (ridge.biases + damping) * search;
    task.row_products[row] = double{search} * bias + along;
  } else {
    const std::int64_t count = task.ratings.offsets[row + 1] - task.ratings.offsets[row];
    bias = task.biases ? bias + ridge.biases * task.own.biases[row] : 0.0F;
    task.diagonal.biases[row] = task.biases ? static_cast<float>(count) : 0.0F;
  }
  task.output.biases[row] = bias;
}

/// One warp per segment: whole rows are written, parts go to `parts`.
template <typename Shape, Gathers what>
__global__ void __launch_bounds__(gather_threads, Shape::least_blocks)
    gather_rows(GaussNewtonTask task, DeviceSpan<const RowSegment> segments, PartSums parts) {
  const std::int64_t index =
      std::int64_t{blockIdx.x} * gather_warps + threadIdx.x / device::warp_lanes;
  if (index >= segments.size()) {
    return;
  }
  const RowSegment segment = segments[index];
  GatheredSums<Shape, what> sums;
  gather_segment(task, segment, sums);
  if (segment.part < 0) {
    finish_row(task, segment.row, sums);
    return;
  }
  if (lane_of_warp() < Shape::lanes) {
    float* const place = parts.factors.data() + std::int64_t{segment.part} * 2 * Shape::stride;
#pragma unroll
    for (int piece = 0; piece < Shape::pieces; ++piece) {
      float* const four = place + 4 * (lane_of_warp() + Shape::lanes * piece);
      store_4(four, sums.weighted[piece]);
      if constexpr (what == Gathers::gradient) {
        store_4(four + Shape::stride, sums.squares[piece]);
      }
    }
  }
  if (lane_of_warp() == 0) {
    parts.biases[segment.part] = sums.bias;
  }
}

/// One warp per row that was cut: adds its parts in their order.
template <typename Shape, Gathers what>
__global__ void __launch_bounds__(gather_threads, Shape::least_blocks)
    join_rows(GaussNewtonTask task, DeviceSpan<const SegmentedRow> rows, PartSums parts) {
  const std::int64_t index =
      std::int64_t{blockIdx.x} * gather_warps + threadIdx.x / device::warp_lanes;
  if (index >= rows.size()) {
    return;
  }
  const SegmentedRow row = rows[index];
  GatheredSums<Shape, what> sums;
  for (std::int64_t part = row.first_part; part < std::int64_t{row.first_part} + row.parts;
       ++part) {
    const float* const place = parts.factors.data() + part * 2 * Shape::stride;
#pragma unroll
    for (int piece = 0; piece < Shape::pieces; ++piece) {
      const float* const four = place + 4 * (lane_of_warp() % Shape::lanes + Shape::lanes * piece);
      add(sums.weighted[piece], load_4(four));
      if constexpr (what == Gathers::gradient) {
        add(sums.squares[piece], load_4(four + Shape::stride));
      }
    }
    sums.bias += parts.biases[part];
  }
  finish_row(task, row.row, sums);
}

}  // namespace alsatian::cuda
