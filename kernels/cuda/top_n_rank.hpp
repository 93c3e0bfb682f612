// The last step of top-N: what the selection kept is scored in double, summed in index order as
// evaluation on the host does, and sorted. The order is therefore that of the host, bit by bit.
#pragma once

#include "kernels/cuda/top_n_select.hpp"
#include "kernels/math/score.hpp"

namespace alsatian::cuda {

struct RankShape {
  static constexpr int threads = 128;
  static constexpr int columns = 16;               // scored at once
  static constexpr int tile_stride = columns + 4;  // rows of 16 bytes without bank conflicts

  /// Places to sort for so many kept items: a power of two.
  __host__ __device__ static constexpr int places(int items) {
    int places = 2;
    while (places < items) {
      places *= 2;
    }
    return places;
  }
  static constexpr std::size_t shared_bytes(std::int32_t capacity, std::int32_t stride) {
    const auto sorted = static_cast<std::size_t>(places(capacity));
    return sorted * (sizeof(double) + sizeof(std::int32_t)) +
           sizeof(double) * static_cast<std::size_t>(stride) +
           sizeof(float) * threads * tile_stride;
  }
};

struct RankTask {
  DeviceTable<const float> candidates;
  DeviceTable<const float> users;
  DeviceSpan<const std::int32_t> order;
  KeptItems kept;
  DeviceSpan<const std::int32_t> counts;  // [users]
  double mean;
  std::int32_t count;                  // wanted
  std::int32_t row_size;               // of positions and scores, at least count
  DeviceSpan<std::int32_t> positions;  // [users, row_size]
  DeviceSpan<double> scores;           // [users, row_size]
  DeviceSpan<std::int32_t> found;      // [users], or unproven
};

/// ⟨user, candidate⟩ in double, one candidate per lane, -1 for none. By a warp, whose `tile` of the
/// shared memory rows come through, a few columns at a time, so that they are read side by side.
__device__ inline double dot_of_lane(const DeviceTable<const float>& candidates, const double* user,
                                     std::int32_t candidate, float* tile) {
  using Shape = RankShape;
  const int lane = static_cast<int>(threadIdx.x % 32);
  double sum = 0;
  for (std::int32_t first = 0; first < candidates.rank; first += Shape::columns) {
    __syncwarp();  // nobody reads the last columns any more
#pragma unroll
    for (int piece = 0; piece < 4; ++piece) {
      const int row = 8 * piece + lane / 4;  // four lanes copy the 64 bytes of one row
      const std::int32_t source = __shfl_sync(device::all_lanes, candidate, row);
      const int column = lane % 4 * 4;
      device::copy_16_bytes(tile + row * Shape::tile_stride + column,
                            candidates.row(source < 0 ? 0 : source) + first + column, source >= 0);
    }
    device::end_group_of_copies();
    device::wait_for_copies<0>();
    __syncwarp();
    const auto* const own = reinterpret_cast<const float4*>(tile + lane * Shape::tile_stride);
#pragma unroll
    for (int j = 0; j < Shape::columns; j += 4) {
      const float4 four = own[j / 4];
      const float values[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (first + j + i < candidates.rank) {
          sum += user[first + j + i] * static_cast<double>(values[i]);
        }
      }
    }
  }
  return sum;
}

/// Sorts [places] by score, best first, then by position, all threads of the block.
__device__ inline void sort_ranked(double* scores, std::int32_t* positions, int places) {
  for (int length = 2; length <= places; length *= 2) {
    for (int distance = length / 2; distance > 0; distance /= 2) {
      __syncthreads();
      for (int pair = static_cast<int>(threadIdx.x); pair < places / 2;
           pair += RankShape::threads) {
        const int low = 2 * (pair & ~(distance - 1)) + (pair & (distance - 1));
        const int high = low + distance;
        const bool in_order = scores[low] != scores[high] ? scores[low] > scores[high]
                                                          : positions[low] < positions[high];
        const bool wanted = (low & length) == 0;
        if (in_order != wanted) {
          const double score = scores[low];
          const std::int32_t position = positions[low];
          scores[low] = scores[high];
          positions[low] = positions[high];
          scores[high] = score;
          positions[high] = position;
        }
      }
    }
  }
  __syncthreads();
}

/// A block per user.
template <typename Shape>
__global__ void __launch_bounds__(Shape::threads) rank_items(RankTask task) {
  ALSATIAN_SHARED_MEMORY(double, scores);
  const std::int64_t user = blockIdx.x;
  const int count = task.counts[user];
  const int thread = static_cast<int>(threadIdx.x);
  if (count <= 0) {
    if (thread == 0) {
      task.found[user] = count < 0 ? unproven : 0;
    }
    return;
  }
  const int most = Shape::places(task.kept.capacity);
  const int places = Shape::places(count);
  double* const factors = scores + most;
  float* const tile = reinterpret_cast<float*>(factors + task.users.stride);
  auto* const positions =
      reinterpret_cast<std::int32_t*>(tile + Shape::threads * Shape::tile_stride);
  for (int j = thread; j < task.users.rank; j += Shape::threads) {
    factors[j] = task.users.row(user)[j];
  }
  __syncthreads();
  const KeptItem* const kept = task.kept.of(user);
  const double user_bias = task.users.biases[user];
  for (int first = 0; first < places; first += Shape::threads) {
    const int i = first + thread;
    const std::int32_t candidate = i < count ? task.order[kept[i].item] : -1;
    const int warp = thread / 32;
    const bool any = first + 32 * warp < count;
    const double dot = any ? dot_of_lane(task.candidates, factors, candidate,
                                         tile + 32 * warp * Shape::tile_stride)
                           : 0;
    if (i < places) {
      const bool there = candidate >= 0;
      const double bias = there ? task.candidates.biases[candidate] : 0;
      scores[i] = there ? score(task.mean, user_bias, bias, dot) : -INFINITY;
      positions[i] = there ? candidate : 0x7FFFFFFF - places + i;  // distinct, and last
    }
  }
  sort_ranked(scores, positions, places);
  const int found = count < task.count ? count : task.count;
  for (int i = thread; i < found; i += Shape::threads) {
    task.positions[user * task.row_size + i] = positions[i];
    task.scores[user * task.row_size + i] = scores[i];
  }
  if (thread == 0) {
    task.found[user] = found;
  }
}

}  // namespace alsatian::cuda
