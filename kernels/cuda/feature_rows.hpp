// Products with implicit features: sums of the opposite rows that a row has met, a warp for each
// piece of a row. F is never stored: its entries are 1/√n at the ratings.
#pragma once

#include "kernels/cuda/gauss_newton_rows.hpp"

namespace alsatian::cuda {

/// What a row's sum is multiplied by; n is how many it sums.
enum class SumScale { one, root, share };  // 1, 1/√n, 1/n

/// sums_r = scale_r Σ_o table_o over the ratings o of row r, bias included.
struct FeatureSums {
  DeviceRatings ratings;  // their values are not read
  DeviceTable<const float> table;
  DeviceTable<float> sums;  // of the table's rank
  SumScale scale = SumScale::one;
  bool biases = true;

  __device__ float scale_of(std::int64_t row) const {
    if (scale == SumScale::one) {
      return 1;
    }
    const std::int64_t all = ratings.offsets[row + 1] - ratings.offsets[row];
    const auto count = static_cast<double>(all > 1 ? all : 1);
    return static_cast<float>(scale == SumScale::root ? 1 / std::sqrt(count) : 1 / count);
  }
};

/// The sums of segments that are parts of a row.
struct FeatureParts {
  DeviceSpan<float> factors;  // [parts, stride]
  DeviceSpan<double> biases;  // [parts]
};

/// What a lane holds of a row's sums.
template <typename Shape>
struct SummedRow {
  float4 pieces[Shape::pieces] = {};
  double bias = 0;
};

/// Writes a row whose sums are complete. All lanes of the warp call it.
template <typename Shape>
__device__ __forceinline__ void write_sums(const FeatureSums& task, std::int64_t row,
                                           const SummedRow<Shape>& summed) {
  const float scale = task.scale_of(row);
  if (task.sums.rank > 0 && lane_of_warp() < Shape::lanes) {
#pragma unroll
    for (int piece = 0; piece < Shape::pieces; ++piece) {
      const float4& four = summed.pieces[piece];
      store_4(task.sums.row(row) + 4 * (lane_of_warp() + Shape::lanes * piece),
              make_float4(scale * four.x, scale * four.y, scale * four.z, scale * four.w));
    }
  }
  if (lane_of_warp() == 0) {
    task.sums.biases[row] = task.biases ? static_cast<float>(scale * summed.bias) : 0.0F;
  }
}

/// The sums over one segment, in all groups of the warp. All lanes of the warp call it.
template <typename Shape>
__device__ __forceinline__ void sum_segment(const FeatureSums& task, const RowSegment& segment,
                                            SummedRow<Shape>& summed) {
  constexpr int lanes = Shape::lanes;
  const int group = lane_of_warp() / lanes;
  const float* const table = task.table.factors.data() + 4 * (lane_of_warp() % lanes);
  const std::int64_t end = segment.first + segment.count;
#pragma unroll 1
  for (std::int64_t tile = segment.first; tile < end; tile += 32) {
    const std::int64_t position = tile + lane_of_warp();
    const std::int32_t column = task.ratings.columns[position < end ? position : segment.first];
    if (task.biases && position < end) {
      summed.bias += task.table.biases[column];
    }
    const int count = end - tile < 32 ? static_cast<int>(end - tile) : 32;
    if (task.table.rank == 0) {
      continue;
    }
#pragma unroll 4
    for (int first = 0; first < count; first += Shape::groups) {
      const std::int64_t row = __shfl_sync(device::all_lanes, column, (first + group) % 32);
      if (first + group < count) {
#pragma unroll
        for (int piece = 0; piece < Shape::pieces; ++piece) {
          add(summed.pieces[piece], load_4(table + row * Shape::stride + 4 * lanes * piece));
        }
      }
    }
  }
#pragma unroll
  for (int piece = 0; piece < Shape::pieces; ++piece) {
    sum_groups<lanes>(summed.pieces[piece]);
  }
  summed.bias = group_sum<32>(summed.bias);
}

/// One warp per segment: whole rows are written, parts go to `parts`.
template <typename Shape>
__global__ void __launch_bounds__(gather_threads, Shape::least_blocks)
    sum_feature_rows(FeatureSums task, DeviceSpan<const RowSegment> segments, FeatureParts parts) {
  const std::int64_t index =
      std::int64_t{blockIdx.x} * gather_warps + threadIdx.x / device::warp_lanes;
  if (index >= segments.size()) {
    return;
  }
  const RowSegment segment = segments[index];
  SummedRow<Shape> summed;
  sum_segment(task, segment, summed);
  if (segment.part < 0) {
    write_sums(task, segment.row, summed);
    return;
  }
  if (task.table.rank > 0 && lane_of_warp() < Shape::lanes) {
    float* const place = parts.factors.data() + std::int64_t{segment.part} * Shape::stride;
#pragma unroll
    for (int piece = 0; piece < Shape::pieces; ++piece) {
      store_4(place + 4 * (lane_of_warp() + Shape::lanes * piece), summed.pieces[piece]);
    }
  }
  if (lane_of_warp() == 0) {
    parts.biases[segment.part] = summed.bias;
  }
}

/// One warp per row that was cut: adds its parts in their order.
template <typename Shape>
__global__ void __launch_bounds__(gather_threads, Shape::least_blocks)
    join_feature_rows(FeatureSums task, DeviceSpan<const SegmentedRow> rows, FeatureParts parts) {
  const std::int64_t index =
      std::int64_t{blockIdx.x} * gather_warps + threadIdx.x / device::warp_lanes;
  if (index >= rows.size()) {
    return;
  }
  const SegmentedRow row = rows[index];
  SummedRow<Shape> summed;
  for (std::int64_t part = row.first_part; part < std::int64_t{row.first_part} + row.parts;
       ++part) {
    if (task.table.rank > 0) {
      const float* const place = parts.factors.data() + part * Shape::stride;
#pragma unroll
      for (int piece = 0; piece < Shape::pieces; ++piece) {
        add(summed.pieces[piece],
            load_4(place + 4 * (lane_of_warp() % Shape::lanes + Shape::lanes * piece)));
      }
    }
    summed.bias += parts.biases[part];
  }
  write_sums(task, row.row, summed);
}

}  // namespace alsatian::cuda
