// The selection of top_n_select.hpp from scores that lie in memory, and the tables whose product
// they are: what the fused kernel is measured against.
#pragma once

#include "kernels/cuda/top_n_select.hpp"

namespace alsatian::cuda {

/// Row-major halves, two in a word: the same roundings as packed ones, as cuBLAS takes them.
/// `users`: packed as user_word says, else as item_word does.
/// packed [rows, width / 2] words, flat [rows, width / 2].
template <int Threads>
__global__ void __launch_bounds__(Threads)
    flatten_halves(DeviceSpan<const std::uint32_t> packed, PackedWidth width, bool users,
                   DeviceSpan<std::uint32_t> flat) {
  const std::int64_t words = width.columns() / 2;
  const std::int64_t row = row_of_warp<Threads>();
  if (row * words >= flat.size()) {
    return;
  }
  for (int word = static_cast<int>(threadIdx.x % 32); word < words; word += 32) {
    flat[row * words + word] =
        packed[users ? user_word(width, row, 2 * word) : item_word(width, row, 2 * word)];
  }
}

/// A block per 256 users: for each of them, everything that may be among the best `count`.
/// products [users up to a whole block, items up to a whole tile], of the rounded tables.
template <typename Shape>
__global__ void __launch_bounds__(Shape::threads)
    select_scores(SelectTask task, DeviceSpan<const float> products) {
  ALSATIAN_SHARED_MEMORY(std::uint32_t, pool);
  constexpr int users_at_once = 8;  // whose scores are on their way together
  const int lane = static_cast<int>(threadIdx.x % 32);
  const std::int64_t first_user = first_user_of_warp();
  WarpSelection selection(task, pool + threadIdx.x / 32 * Shape::warp_words);
  const std::int64_t items = task.items.tiles() * tile_items;
  const auto tiles = static_cast<std::int32_t>(task.items.tiles());
#pragma unroll 1
  for (std::int32_t tile = 0; tile < tiles; ++tile) {
    if (selection.reachable(task.items.bounds[tile])) {
      const std::int32_t item = tile * tile_items + 2 * lane;
      const float biases[2] = {task.items.biases[item], task.items.biases[item + 1]};
#pragma unroll 1
      for (int first = 0; first < warp_users; first += users_at_once) {
        float2 pairs[users_at_once];
#pragma unroll
        for (int i = 0; i < users_at_once; ++i) {
          pairs[i] = *reinterpret_cast<const float2*>(products.data() +
                                                      (first_user + first + i) * items + item);
        }
#pragma unroll
        for (int i = 0; i < users_at_once; ++i) {
          const float scale = task.bounds[first_user + first + i].scale;
          const float limit = selection.limit(first + i);
          const float scores[2] = {pairs[i].x * scale + biases[0], pairs[i].y * scale + biases[1]};
#pragma unroll
          for (int j = 0; j < 2; ++j) {
            if (scores[j] >= limit) {  // not where it, or the limit, is not a number
              selection.add(first + i, item + j, scores[j]);
            }
          }
        }
      }
    }
    selection.end_tile(tile + 1 == tiles);
  }
  selection.finish();
}

/// Of the block alone: select_scores has no stages.
struct SelectScoresShape {
  static constexpr int threads = SelectShape<32>::threads;
  static constexpr int warp_words = SelectShape<32>::warp_words;
  static constexpr std::size_t shared_bytes =
      sizeof(float) * SelectShape<32>::warps * static_cast<std::size_t>(warp_words);
};

}  // namespace alsatian::cuda
