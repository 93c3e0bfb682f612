// Scores of users × items in register tiles, and the few of them that may be among the best.
// A tile is compared with the thresholds before it leaves the registers; most are never written.
#pragma once

#include "kernels/cpu/isa/select.inl"
#include "kernels/cpu/isa/vector.inl"
#include "kernels/cpu/kernel_table.hpp"

namespace alsatian::cpu {
namespace {

// Accumulators, one row of items and one broadcast fill the register file:
// 8 × 3 + 3 + 1 of 32 registers of 16 floats, 4 × 3 + 3 + 1 of 16 of 8 or 4.
constexpr std::int32_t score_rows = width == 16 ? 8 : 4;
constexpr std::int32_t score_vectors = 3;
static_assert(group_users % score_rows == 0 && panel_items % (score_vectors * width) == 0);

/// Adds the items of one row of a tile that reach the threshold and have no bit in `seen`.
void take_row(const float* scores, std::uint64_t seen, std::int32_t first,
              TopSelection& selection) {
  const Vector threshold = broadcast(selection.threshold);
#pragma GCC unroll 3
  for (std::int32_t v = 0; v < score_vectors; ++v) {
    const Vector values = load(scores + v * width);
    const std::uint32_t chosen =
        at_least(values, threshold) & ~static_cast<std::uint32_t>(seen >> (v * width));
    selection.kept += append(values, first + v * width, chosen, selection.scores + selection.kept,
                             selection.positions + selection.kept);
  }
}

using ScoreTile = Vector[score_rows][score_vectors];

/// c_i + ⟨p_u, q_i⟩ of users and items side by side: users [rank, group_users], factors and biases
/// as in ItemPanel, each from the tile's first on.
ALSATIAN_INLINE void multiply_tile(const float* users, const float* factors, const float* biases,
                                   std::int32_t rank, ScoreTile& sums) {
#pragma GCC unroll 8
  for (std::int32_t r = 0; r < score_rows; ++r) {
#pragma GCC unroll 3
    for (std::int32_t v = 0; v < score_vectors; ++v) sums[r][v] = load(biases + v * width);
  }
  for (std::int32_t j = 0; j < rank; ++j, users += group_users, factors += panel_items) {
    Vector right[score_vectors];
#pragma GCC unroll 3
    for (std::int32_t v = 0; v < score_vectors; ++v) right[v] = load(factors + v * width);
#pragma GCC unroll 8
    for (std::int32_t r = 0; r < score_rows; ++r) {
      const Vector value = broadcast(users[r]);
#pragma GCC unroll 3
      for (std::int32_t v = 0; v < score_vectors; ++v) sums[r][v] += value * right[v];
    }
  }
}

/// Bit r: some score of row r reaches the threshold of its selection.
ALSATIAN_INLINE std::uint32_t rows_that_reach(const ScoreTile& sums,
                                              const TopSelection* selections) {
  std::uint32_t rows = 0;
#pragma GCC unroll 8
  for (std::int32_t r = 0; r < score_rows; ++r) {
    const Vector threshold = broadcast(selections[r].threshold);
    std::uint32_t any = 0;
#pragma GCC unroll 3
    for (std::int32_t v = 0; v < score_vectors; ++v) any |= at_least(sums[r][v], threshold);
    rows |= static_cast<std::uint32_t>(any != 0) << r;
  }
  return rows;
}

/// One tile: users of a group from `user` on, items of a panel from `item` on.
ALSATIAN_INLINE void score_tile(const float* users, const ItemPanel& panel, std::int32_t rank,
                                std::int32_t user, std::int32_t item, TopSelection* selections,
                                const std::uint64_t* seen, std::int64_t seen_stride) {
  ScoreTile sums;
  multiply_tile(users + user, panel.factors + item, panel.biases + item, rank, sums);
  std::uint32_t rows = rows_that_reach(sums, selections + user);
  if (rows == 0) return;
  alignas(64) float scores[score_rows][score_vectors * width];
#pragma GCC unroll 8
  for (std::int32_t r = 0; r < score_rows; ++r) {
#pragma GCC unroll 3
    for (std::int32_t v = 0; v < score_vectors; ++v) store(scores[r] + v * width, sums[r][v]);
  }
  for (; rows != 0; rows &= rows - 1) {
    const std::int32_t r = __builtin_ctz(rows);
    take_row(scores[r], seen[(user + r) * seen_stride] >> item, panel.first + item,
             selections[user + r]);
  }
}

bool score_panel(const TopTask& task, const ItemPanel& panel, const std::uint64_t* seen,
                 std::int64_t seen_stride) {
  bool full = false;
  for (const std::int32_t group_index : task.groups) {
    const std::int64_t first = std::int64_t{group_index} * group_users;
    const float* users = task.users + first * task.rank;
    TopSelection* selections = task.selections + first;
    for (std::int32_t item = 0; item < panel_items; item += score_vectors * width) {
      for (std::int32_t user = 0; user < group_users; user += score_rows) {
        score_tile(users, panel, task.rank, user, item, selections, seen + first * seen_stride,
                   seen_stride);
      }
    }
    for (std::int32_t user = 0; user < group_users; ++user) {
      full |= selections[user].kept >= selections[user].limit;
    }
  }
  return full;
}

/// How many of the scores reach a value.
ALSATIAN_INLINE std::int64_t count_reaching(const TopSelection& selection, float value) {
  const Vector least = broadcast(value);
  std::int64_t count = 0;
  std::int64_t i = 0;
  for (; i + width <= selection.kept; i += width) {
    count += __builtin_popcount(at_least(load_unaligned(selection.scores + i), least));
  }
  for (; i < selection.kept; ++i) count += selection.scores[i] >= value;
  return count;
}

struct ScoreRange {
  float least;
  float most;
};

/// Of the kept items, of which there is one at least.
ALSATIAN_INLINE ScoreRange range_of(const TopSelection& selection) {
  Vector least = broadcast(selection.scores[0]);
  Vector most = least;
  for (std::int64_t i = 0; i < selection.kept; i += width) {
    // The last vector ends with the last score, and begins before it where there are others.
    const std::int64_t start = i + width <= selection.kept ? i : selection.kept - width;
    if (start < 0) break;
    const Vector values = load_unaligned(selection.scores + start);
    least = values < least ? values : least;
    most = values > most ? values : most;
  }
  ScoreRange range{least[0], most[0]};
  for (std::int32_t j = 1; j < width; ++j) {
    range.least = least[j] < range.least ? least[j] : range.least;
    range.most = most[j] > range.most ? most[j] : range.most;
  }
  for (std::int64_t i = 0; i < selection.kept && selection.kept < width; ++i) {
    range.least = selection.scores[i] < range.least ? selection.scores[i] : range.least;
    range.most = selection.scores[i] > range.most ? selection.scores[i] : range.most;
  }
  return range;
}

/// A score that at least `count` kept items reach, and not many more do: floats are halved in their
/// order, which is that of integers once the negative ones are turned around.
float score_reached_by(const TopSelection& selection, std::int64_t count) {
  const auto flipped = [](std::int32_t bits) { return bits ^ ((bits >> 31) & 0x7FFFFFFF); };
  const auto order_of = [&](float value) {
    std::int32_t bits = 0;
    __builtin_memcpy(&bits, &value, sizeof(bits));
    return std::int64_t{flipped(bits)};
  };
  const auto value_of = [&](std::int64_t order) {
    const std::int32_t bits = flipped(static_cast<std::int32_t>(order));
    float value = 0;
    __builtin_memcpy(&value, &bits, sizeof(value));
    return value;
  };
  const auto [least, most] = range_of(selection);
  std::int64_t low = order_of(least);
  std::int64_t high = order_of(most) + 1;
  const std::int64_t enough = count + count / 16;
  for (std::int64_t reaching = selection.kept; reaching > enough && high - low > 1;) {
    const std::int64_t middle = low + (high - low) / 2;
    const std::int64_t found = count_reaching(selection, value_of(middle));
    if (found >= count) {
      low = middle;
      reaching = found;
    } else {
      high = middle;
    }
  }
  return value_of(low);
}

void thin_selection(TopSelection& selection, std::int64_t count) {
  // Rounded down: a threshold that float rounds up could drop an item on it.
  const auto below = static_cast<float>(score_reached_by(selection, count) - selection.slack);
  selection.threshold = __builtin_nextafterf(below, -__builtin_inff());
  const Vector threshold = broadcast(selection.threshold);
  std::int64_t kept = 0;
  std::int64_t i = 0;
  for (; i + width <= selection.kept; i += width) {
    const Vector values = load_unaligned(selection.scores + i);
    kept += keep(values, selection.positions + i, at_least(values, threshold),
                 selection.scores + kept, selection.positions + kept);
  }
  for (; i < selection.kept; ++i) {
    const float score = selection.scores[i];
    selection.scores[kept] = score;
    selection.positions[kept] = selection.positions[i];
    kept += score >= selection.threshold;
  }
  selection.kept = kept;
}

}  // namespace
}  // namespace alsatian::cpu
