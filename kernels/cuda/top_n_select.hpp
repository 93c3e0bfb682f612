// Scores of users and items by tensor cores in half precision, fused with the selection: a score is
// compared with its user's limit in registers, and only what may be among the best is written.
#pragma once

#include "kernels/cuda/top_n_pack.hpp"

namespace alsatian::cuda {

/// An item that may still be among a user's best.
struct alignas(8) KeptItem {
  float score;  // as the tensor cores compute it, without what is the same for all items
  std::int32_t item;
};

/// The kept items of all users, `capacity` places each. Of them tile_items stay free, for a whole
/// tile that is kept; so many as `capacity` is above twice the count may be too close to call.
struct KeptItems {
  KeptItem* data;
  std::int32_t capacity;

  /// Of a selection of `count` items.
  static constexpr std::int32_t capacity_for(std::int32_t count) {
    return (2 * count + 3 * tile_items + 31) / 32 * 32;
  }
  __host__ __device__ static constexpr std::int64_t place(std::int64_t user,
                                                          std::int32_t capacity) {
    return user * capacity;
  }
  __device__ KeptItem* of(std::int64_t user) const { return data + place(user, capacity); }
};

/// What a launch selects: everything on the device.
struct SelectTask {
  PackedItems items;
  DeviceSpan<const std::uint32_t> users;        // packed
  DeviceSpan<const UserBounds> bounds;          // up to a whole block
  DeviceSpan<const std::int64_t> seen_offsets;  // [users + 1], or empty
  DeviceSpan<const std::int32_t> seen;          // candidates, rising within a row
  KeptItems kept;
  DeviceSpan<std::int32_t> counts;  // [users] kept items, or unproven
  std::int32_t count;               // wanted
};

/// Bits whose order is that of floats that are numbers, and back.
__device__ inline std::uint32_t ordered_bits(float value) {
  const std::uint32_t bits = __float_as_uint(value);
  return (bits >> 31) != 0 ? ~bits : bits | 0x80000000U;
}
__device__ inline float of_ordered_bits(std::uint32_t bits) {
  return __uint_as_float((bits >> 31) != 0 ? bits & 0x7FFFFFFFU : ~bits);
}

/// How a block shares its work: each warp has 32 users for itself, all read the same tiles.
template <int Chunk>
struct SelectShape {
  static constexpr int warps = block_users / warp_users;
  static constexpr int threads = 32 * warps;
  static constexpr int steps = Chunk / 32;
  static constexpr int groups = tile_items / 8;  // of items in a tile
  static constexpr int stages = 3;
  static constexpr int factor_words = tile_items * Chunk / 2;
  static constexpr int bound_words = sizeof(TileBounds) / 4;
  static constexpr int stage_words = factor_words + tile_items + bound_words;
  static constexpr int bins = 256;
  static constexpr int warp_words = bins + 5 * warp_users;
  static constexpr std::size_t shared_bytes =
      sizeof(float) * (stages * stage_words + warps * warp_words);
};

/// The first of the 32 users of the calling warp.
__device__ inline std::int64_t first_user_of_warp() {
  return std::int64_t{blockIdx.x} * block_users + threadIdx.x / 32 * warp_users;
}

/// The 32 users of a warp: their limits and what they keep.
class WarpSelection {
 public:
  /// scratch: SelectShape::warp_words of shared memory, the warp's own.
  __device__ WarpSelection(const SelectTask& task, std::uint32_t* scratch)
      : task_(task),
        bins_(scratch),
        kept_(task.kept.of(first_user_of_warp())),
        capacity_(task.kept.capacity) {
    counts()[lane()] = 0;
    checked()[lane()] = 0;
    const UserBounds own = task.bounds[first_user_of_warp() + lane()];
    limits()[lane()] = own.limit;
    norms()[lane()] = own.norm;
    slacks()[lane()] = own.slack;
    __syncwarp();
  }

  /// Whether any user's limit can be reached by an item of the tile (Cauchy and Schwarz; the slack
  /// is more than what the tensor cores' scores and this one round).
  __device__ bool reachable(TileBounds tile) const {
    const float most = norms()[lane()] * tile.norm + tile.bias + slacks()[lane()];
    return __any_sync(device::all_lanes, static_cast<int>(most >= limits()[lane()])) != 0;
  }
  __device__ float limit(int user) const { return limits()[user]; }

  /// Keeps an item whose score reaches the user's limit. By any lanes at once.
  __device__ void add(int user, std::int32_t item, float score) {
    const std::int32_t place = atomicAdd(&counts()[user], 1);
    kept_[user * capacity_ + place] = {score, item};  // of 32 users: 32 bits are enough
  }

  /// After every tile, by the whole warp: users without room for another one are pruned; all of
  /// them where it was the last tile.
  __device__ void end_tile(bool last) {
    __syncwarp();
    const bool full = counts()[lane()] > capacity_ - tile_items;
    std::uint32_t users = __ballot_sync(device::all_lanes, static_cast<int>(full || last));
    while (users != 0) {
      prune(__ffs(static_cast<int>(users)) - 1, last);
      users &= users - 1;
    }
  }

  /// Writes how many each user keeps.
  __device__ void finish() {
    const std::int64_t user = first_user_of_warp() + lane();
    if (user < task_.counts.size()) {
      const bool proven = task_.bounds[user].status == answered && counts()[lane()] >= 0;
      task_.counts[user] = proven ? counts()[lane()] : unproven;
    }
  }

 private:
  static constexpr int ahead = 4;

  __device__ static float absent() { return -INFINITY; }

  __device__ static int lane() { return static_cast<int>(threadIdx.x % 32); }
  __device__ int* counts() const { return reinterpret_cast<int*>(bins_ + 256); }
  __device__ int* checked() const { return counts() + warp_users; }
  __device__ float* limits() const { return reinterpret_cast<float*>(checked() + warp_users); }
  __device__ float* norms() const { return limits() + warp_users; }
  __device__ float* slacks() const { return norms() + warp_users; }

  /// Calls body(item) for `count` kept items, `ahead` per lane read at once; by all lanes as often,
  /// with an absent item where there is none.
  template <typename Body>
  __device__ static void visit(const KeptItem* kept, int count, Body body) {
    for (int first = 0; first < count; first += 32 * ahead) {
      KeptItem items[ahead];
#pragma unroll
      for (int i = 0; i < ahead; ++i) {
        const int index = first + 32 * i + lane();
        items[i] = index < count ? kept[index] : KeptItem{absent(), 0};
      }
      __syncwarp();  // what has been read may be overwritten
#pragma unroll
      for (int i = 0; i < ahead; ++i) {
        body(items[i]);
      }
    }
  }

  /// Takes out what was added since the last time and has been seen: its score becomes absent().
  /// Returns how many are left. The search takes as many steps for every lane, so that the reads
  /// of several items are under way at once.
  __device__ int drop_seen(std::int64_t user, KeptItem* kept, int checked, int count) const {
    if (task_.seen_offsets.size() == 0) {
      return count;
    }
    const std::int64_t first_seen = task_.seen_offsets[user];
    const auto seen_items = static_cast<std::int32_t>(task_.seen_offsets[user + 1] - first_seen);
    if (seen_items == 0) {
      return count;
    }
    const std::int32_t* const seen = task_.seen.data() + first_seen;
    int dropped = 0;
    for (int first = checked + lane(); first - lane() < count; first += 32 * ahead) {
      std::int32_t candidates[ahead];
      std::int32_t places[ahead];
#pragma unroll
      for (int i = 0; i < ahead; ++i) {
        const int index = first + 32 * i;
        candidates[i] = index < count ? task_.items.order[kept[index].item] : -1;
        places[i] = 0;
      }
      for (std::int32_t left = seen_items; left > 1; left -= left / 2) {
#pragma unroll
        for (int i = 0; i < ahead; ++i) {
          const std::int32_t middle = places[i] + left / 2;
          places[i] = seen[middle] <= candidates[i] ? middle : places[i];
        }
      }
#pragma unroll
      for (int i = 0; i < ahead; ++i) {
        if (seen[places[i]] == candidates[i]) {
          kept[first + 32 * i].score = absent();
          ++dropped;
        }
      }
    }
#pragma unroll
    for (int bits = 16; bits > 0; bits /= 2) {
      dropped += __shfl_xor_sync(device::all_lanes, dropped, bits);
    }
    return count - dropped;
  }

  /// A score that at least `wanted` items reach, and that is at most 2⁻¹⁵ of itself below the
  /// wanted-th best: three digits of eight bits, the best first. At least `wanted` are there.
  __device__ float reached_by(int wanted, const KeptItem* kept, int count) {
    std::uint32_t prefix = 0;
    for (int digit = 0; digit < 3; ++digit) {
      const int shift = 24 - 8 * digit;
      for (int i = lane(); i < 256; i += 32) {
        bins_[i] = 0;
      }
      __syncwarp();
      visit(kept, count, [&](KeptItem item) {
        const std::uint32_t bits = ordered_bits(item.score);
        if (item.score > absent() && (digit == 0 || bits >> (shift + 8) == prefix)) {
          atomicAdd(&bins_[bits >> shift & 255U], 1U);
        }
      });
      __syncwarp();
      // Lane l sums the bins [248 − 8 l, 256 − 8 l): better scores come before.
      const int top = 255 - 8 * lane();
      int own = 0;
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        own += static_cast<int>(bins_[top - i]);
      }
      int upto = own;
#pragma unroll
      for (int delta = 1; delta < 32; delta *= 2) {
        const int before = __shfl_up_sync(device::all_lanes, upto, delta);
        upto += lane() >= delta ? before : 0;
      }
      const std::uint32_t reaching =
          __ballot_sync(device::all_lanes, static_cast<int>(upto >= wanted));
      const int holder = __ffs(static_cast<int>(reaching)) - 1;
      int left = wanted - (upto - own);  // of those in this lane's bins, where it is the holder
      int bin = top;
      for (int i = 0; i < 7 && left > static_cast<int>(bins_[bin]); ++i) {
        left -= static_cast<int>(bins_[bin]);
        --bin;
      }
      prefix =
          prefix << 8 | static_cast<std::uint32_t>(__shfl_sync(device::all_lanes, bin, holder));
      wanted = __shfl_sync(device::all_lanes, left, holder);
      __syncwarp();  // the bins are cleared next
    }
    return of_ordered_bits(prefix << 8);
  }

  /// Raises the limit of a user as far as it is sure, and keeps what reaches it. By the warp.
  __device__ void prune(int slot, bool last) {
    const std::int64_t user = first_user_of_warp() + slot;
    KeptItem* const kept = kept_ + slot * capacity_;
    const int count = counts()[slot];
    if (count <= 0) {
      return;
    }
    const int left = drop_seen(user, kept, checked()[slot], count);
    float limit = limits()[slot];
    __syncwarp();
    if (left >= task_.count) {
      const float raised = reached_by(task_.count, kept, count) - slacks()[slot];
      limit = raised > limit ? raised : limit;
    }
    int stay = 0;
    visit(kept, count, [&](KeptItem item) {
      const bool stays = item.score > absent() && item.score >= limit;
      const std::uint32_t staying = __ballot_sync(device::all_lanes, static_cast<int>(stays));
      if (stays) {  // no place behind those that everybody has read
        kept[stay + __popc(staying & ((1U << lane()) - 1))] = item;
      }
      stay += __popc(staying);
    });
    // Too many are too close to call: the user is given up.
    const bool given_up = !last && stay > capacity_ - tile_items;
    if (lane() == 0) {
      limits()[slot] = given_up ? out_of_reach() : limit;
      counts()[slot] = given_up ? unproven : stay;
      checked()[slot] = given_up ? 0 : stay;
    }
    __syncwarp();
  }

  const SelectTask& task_;
  std::uint32_t* bins_;
  KeptItem* kept_;  // of the first user
  std::int32_t capacity_;
};

/// Starts copying stage `stage`: one chunk of one tile, and the biases of its items.
template <int Chunk, bool Resident>
__device__ __forceinline__ void start_stage(const PackedItems& items, std::uint32_t* target,
                                            std::int64_t stage) {
  using Shape = SelectShape<Chunk>;
  const std::uint32_t* const source = items.words.data() + stage * Shape::factor_words;
  const int thread = static_cast<int>(threadIdx.x);
#pragma unroll
  for (int piece = 0; piece < Shape::factor_words / 4; piece += Shape::threads) {
    device::copy_16_bytes(target + 4 * (piece + thread), source + 4 * (piece + thread), true);
  }
  const std::int64_t tile = Resident ? stage : stage / items.width.chunks;
  if (thread < tile_items / 4) {
    device::copy_16_bytes(target + Shape::factor_words + 4 * thread,
                          items.biases.data() + tile * tile_items + 4 * thread, true);
  } else if (thread == tile_items / 4) {
    device::copy_16_bytes(target + Shape::factor_words + tile_items, items.bounds.data() + tile,
                          true);
  }
}

/// sums[m] += left[m] · right over one chunk: 32 users by the 8 items of `group`.
template <int Chunk>
__device__ __forceinline__ void multiply_group(float (&sums)[2][4],
                                               const std::uint32_t (&left)[2][Chunk / 16][4],
                                               const int4* right) {
#pragma unroll
  for (int step = 0; step < Chunk / 32; ++step) {
    const int4 words = right[step * 32];
    const std::uint32_t first[2] = {static_cast<std::uint32_t>(words.x),
                                    static_cast<std::uint32_t>(words.y)};
    const std::uint32_t second[2] = {static_cast<std::uint32_t>(words.z),
                                     static_cast<std::uint32_t>(words.w)};
#pragma unroll
    for (int m = 0; m < 2; ++m) {
      device::multiply_add_16x8x16(sums[m], left[m][2 * step], first);
    }
#pragma unroll
    for (int m = 0; m < 2; ++m) {
      device::multiply_add_16x8x16(sums[m], left[m][2 * step + 1], second);
    }
  }
}

/// The same for so many groups side by side; sums begin at 0 where the chunk is the `first`.
template <int Chunk, int Groups>
__device__ __forceinline__ void multiply_groups(float (&sums)[Groups][2][4], bool first,
                                                const std::uint32_t (&left)[2][Chunk / 16][4],
                                                const int4* right) {
#pragma unroll
  for (int group = 0; group < Groups; ++group) {
    if (first) {
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        sums[group][i / 4][i % 4] = 0;
      }
    }
    multiply_group<Chunk>(sums[group], left, right + group * (Chunk / 32) * 32);
  }
}

/// A for the 32 users of a warp and one chunk of columns.
template <int Chunk>
__device__ __forceinline__ void load_left(std::uint32_t (&left)[2][Chunk / 16][4],
                                          const SelectTask& task, std::int64_t first_user,
                                          int chunk) {
  const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
  for (int m = 0; m < 2; ++m) {
    const auto* const source = reinterpret_cast<const int4*>(
        task.users.data() + user_word(task.items.width, first_user + 16 * m, chunk * Chunk));
#pragma unroll
    for (int step = 0; step < Chunk / 16; ++step) {
      const int4 words = source[step * 32 + lane];
      left[m][step][0] = static_cast<std::uint32_t>(words.x);
      left[m][step][1] = static_cast<std::uint32_t>(words.y);
      left[m][step][2] = static_cast<std::uint32_t>(words.z);
      left[m][step][3] = static_cast<std::uint32_t>(words.w);
    }
  }
}

/// Of the calling lane's rows, users l / 4 + 8 i of the warp's.
struct LaneBounds {
  float scales[4];
  float limits[4];
};

/// Keeps those of a group's scores that reach their users' limits.
__device__ __forceinline__ void offer_group(WarpSelection& selection, const LaneBounds& bounds,
                                            const float (&sums)[2][4], const float* biases,
                                            std::int32_t first_item) {
  const int column = 2 * static_cast<int>(threadIdx.x % 4);
  const int row = static_cast<int>(threadIdx.x % 32 / 4);
  const float left_bias = biases[column];
  const float right_bias = biases[column + 1];
#pragma unroll
  for (int m = 0; m < 2; ++m) {
    float scores[4];
    bool reached = false;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int own = 2 * m + i / 2;
      scores[i] = sums[m][i] * bounds.scales[own] + (i % 2 == 0 ? left_bias : right_bias);
      reached = reached | (scores[i] >= bounds.limits[own]);
    }
    if (reached) {  // seldom, once limits have risen
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int own = 2 * m + i / 2;
        if (scores[i] >= bounds.limits[own]) {
          selection.add(row + 8 * own, first_item + column + i % 2, scores[i]);
        }
      }
    }
  }
}

/// A block per 256 users: for each of them, everything that may be among the best `count`.
/// Resident: the users' factors stay in registers; else they are read again for every tile, and
/// the sums of a tile are carried from chunk to chunk.
template <int Chunk, bool Resident>
__global__ void __launch_bounds__(SelectShape<Chunk>::threads, Resident&& Chunk <= 128 ? 2 : 1)
    select_items(SelectTask task) {
  ALSATIAN_SHARED_MEMORY(std::uint32_t, pool);
  using Shape = SelectShape<Chunk>;
  constexpr int groups_at_once = Chunk <= 64 ? 4 : Chunk == 128 ? 1 : 2;  // as registers allow
  constexpr int carried_groups = Resident ? groups_at_once : Shape::groups;
  const int lane = static_cast<int>(threadIdx.x % 32);
  const int warp = static_cast<int>(threadIdx.x / 32);
  const std::int64_t first_user = first_user_of_warp();
  WarpSelection selection(task,
                          pool + Shape::stages * Shape::stage_words + warp * Shape::warp_words);
  const int chunks = Resident ? 1 : task.items.width.chunks;
  // Of 2³¹ items: fewer than 2³¹ stages.
  const auto stages = static_cast<std::int32_t>(task.items.tiles() * chunks);

  LaneBounds bounds;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    bounds.scales[i] = task.bounds[first_user + lane / 4 + 8 * i].scale;
  }
  std::uint32_t left[2][Chunk / 16][4];
  if constexpr (Resident) {
    load_left<Chunk>(left, task, first_user, 0);
  }
  float sums[carried_groups][2][4];

  for (int stage = 0; stage < Shape::stages - 1; ++stage) {
    if (stage < stages) {
      start_stage<Chunk, Resident>(task.items, pool + stage * Shape::stage_words, stage);
    }
    device::end_group_of_copies();
  }
  int slot = 0;
  int chunk = 0;
#pragma unroll 1
  for (std::int32_t stage = 0; stage < stages; ++stage) {
    device::wait_for_copies<Shape::stages - 2>();
    __syncthreads();  // this stage is there, and nobody reads the last one any more
    if (stage + Shape::stages - 1 < stages) {
      const int next = slot == 0 ? Shape::stages - 1 : slot - 1;
      start_stage<Chunk, Resident>(task.items, pool + next * Shape::stage_words,
                                   stage + Shape::stages - 1);
    }
    device::end_group_of_copies();
    const std::uint32_t* const tile = pool + slot * Shape::stage_words;
    const auto* const right = reinterpret_cast<const int4*>(tile) + lane;
    const auto* const biases = reinterpret_cast<const float*>(tile + Shape::factor_words);
    const auto* const tile_bounds =
        reinterpret_cast<const TileBounds*>(tile + Shape::factor_words + tile_items);
    slot = slot + 1 == Shape::stages ? 0 : slot + 1;
    if (selection.reachable(*tile_bounds)) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        bounds.limits[i] = selection.limit(lane / 4 + 8 * i);
      }
      if constexpr (Resident) {
#pragma unroll 1
        for (int group = 0; group < Shape::groups; group += groups_at_once) {
          multiply_groups<Chunk>(sums, true, left, right + group * Shape::steps * 32);
#pragma unroll
          for (int i = 0; i < groups_at_once; ++i) {
            offer_group(selection, bounds, sums[i], biases + 8 * (group + i),
                        stage * tile_items + 8 * (group + i));
          }
        }
      } else {
        load_left<Chunk>(left, task, first_user, chunk);
        multiply_groups<Chunk>(sums, chunk == 0, left, right);
        if (chunk + 1 == chunks) {
          const std::int32_t first_item = stage / chunks * tile_items;
#pragma unroll
          for (int group = 0; group < Shape::groups; ++group) {
            offer_group(selection, bounds, sums[group], biases + 8 * group, first_item + 8 * group);
          }
        }
      }
    }
    if (++chunk < chunks) {
      continue;
    }
    chunk = 0;
    selection.end_tile(stage + 1 == stages);
  }
  device::wait_for_copies<0>();
  selection.finish();
}

}  // namespace alsatian::cuda
