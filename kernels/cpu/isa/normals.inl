// Normal draws of many rows at once: NormalDraws of kernels/math/random.hpp, a row to a lane.
// Logarithm, sine and cosine are series that end below 1e-13, so that floats come out the same.
#pragma once

#include "kernels/cpu/isa/vector.inl"
#include "kernels/cpu/kernel_table.hpp"

namespace alsatian::cpu {
namespace {

constexpr std::int32_t lanes = width / 2;  // rows side by side
using LaneDoubles = double __attribute__((vector_size(lanes * sizeof(double))));
using LaneWords = std::uint64_t __attribute__((vector_size(lanes * sizeof(double))));
using LaneWhole = std::int64_t __attribute__((vector_size(lanes * sizeof(double))));

ALSATIAN_INLINE LaneDoubles as_doubles(LaneWords bits) {
  return __builtin_bit_cast(LaneDoubles, bits);
}
ALSATIAN_INLINE LaneDoubles doubles(double value) { return value - LaneDoubles{}; }

struct WordLanes {
  LaneWords word[4];
};

/// philox(seed, stream, row, index) of each lane's row.
ALSATIAN_INLINE WordLanes philox_lanes(std::uint64_t seed, std::uint32_t stream, LaneWords rows,
                                       std::uint32_t index) {
  constexpr std::uint64_t low = 0xffffffff;
  std::uint32_t key0 = static_cast<std::uint32_t>(seed);
  std::uint32_t key1 = static_cast<std::uint32_t>(seed >> 32);
  WordLanes counter{{LaneWords{} + index, rows & low, rows >> 32, LaneWords{} + stream}};
  for (int round = 0; round < 10; ++round) {
    const LaneWords product0 = counter.word[0] * std::uint64_t{0xD2511F53U};
    const LaneWords product1 = counter.word[2] * std::uint64_t{0xCD9E8D57U};
    counter = {{(product1 >> 32) ^ counter.word[1] ^ key0, product1 & low,
                (product0 >> 32) ^ counter.word[3] ^ key1, product0 & low}};
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  return counter;
}

/// uniform() of words below 2^32, which are the last bits of a double in [2^52, 2^53).
ALSATIAN_INLINE LaneDoubles uniform_lanes(LaneWords words) {
  const LaneDoubles value = as_doubles(words | std::uint64_t{0x4330000000000000}) - 0x1p52;
  return (value + 0.5) * 0x1p-32;
}

/// log of m·2^e, m from √½ to √2: 2 artanh((m − 1)/(m + 1)) + e·log 2, |argument| below 0.172.
ALSATIAN_INLINE LaneDoubles log_lanes(LaneDoubles x) {
  constexpr std::int64_t root_half = 0x3FE6A09E667F3BCD;
  const LaneWhole bits = __builtin_bit_cast(LaneWhole, x);
  const LaneWhole exponent = (bits - root_half) >> 52;
  const auto m = __builtin_bit_cast(LaneDoubles, bits - (exponent << 52));
  // Small whole numbers as the last bits of a double near 1.5·2^52.
  const LaneDoubles e =
      __builtin_bit_cast(LaneDoubles, exponent + std::int64_t{0x4338000000000000}) - 0x1.8p52;
  const LaneDoubles s = (m - 1.0) / (m + 1.0);
  const LaneDoubles z = s * s;
  LaneDoubles series = doubles(2.0 / 17);
  for (const double term :
       {2.0 / 15, 2.0 / 13, 2.0 / 11, 2.0 / 9, 2.0 / 7, 2.0 / 5, 2.0 / 3, 2.0}) {
    series = series * z + term;
  }
  return e * 0.6931471805599453 + s * series;
}

struct Turn {
  LaneDoubles cosine;
  LaneDoubles sine;
};

/// Of 2πu: of what lies within an eighth of a turn, whose parts are exchanged and negated.
ALSATIAN_INLINE Turn turn_lanes(LaneDoubles u) {
  const LaneDoubles shifted = 4.0 * u + 0x1.8p52;
  const LaneWords quarter = __builtin_bit_cast(LaneWords, shifted);
  const LaneDoubles angle = 1.5707963267948966 * (4.0 * u - (shifted - 0x1.8p52));
  const LaneDoubles z = angle * angle;
  LaneDoubles sine = doubles(1.0 / 6227020800);
  for (const double term : {-1.0 / 39916800, 1.0 / 362880, -1.0 / 5040, 1.0 / 120, -1.0 / 6, 1.0}) {
    sine = sine * z + term;
  }
  sine *= angle;
  LaneDoubles cosine = doubles(-1.0 / 87178291200);
  for (const double term :
       {1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320, -1.0 / 720, 1.0 / 24, -1.0 / 2, 1.0}) {
    cosine = cosine * z + term;
  }
  const auto is_odd = (quarter & 1) != 0;
  const LaneWords sign_of_cosine = ((quarter + 1) & 2) << 62;
  const LaneWords sign_of_sine = (quarter & 2) << 62;
  const LaneDoubles first = is_odd ? sine : cosine;
  const LaneDoubles second = is_odd ? cosine : sine;
  return {as_doubles(__builtin_bit_cast(LaneWords, first) ^ sign_of_cosine),
          as_doubles(__builtin_bit_cast(LaneWords, second) ^ sign_of_sine)};
}

/// scale times normal() of two words, to[0] and to[1].
ALSATIAN_INLINE void normal_lanes(LaneWords first, LaneWords second, double scale,
                                  LaneDoubles* to) {
  LaneDoubles radius = -2.0 * log_lanes(uniform_lanes(first));
  for (std::int32_t lane = 0; lane < lanes; ++lane) radius[lane] = __builtin_sqrt(radius[lane]);
  const Turn turn = turn_lanes(uniform_lanes(second));
  to[0] = scale * radius * turn.cosine;
  to[1] = scale * radius * turn.sine;
}

[[gnu::flatten]] void draw_normals(const NormalTask& task, std::int64_t first, std::int64_t last) {
  const std::int64_t order = task.to.rank + (task.biases ? 1 : 0);
  for (std::int64_t row = first; row < last; row += lanes) {
    LaneWords rows{};
    for (std::int32_t lane = 0; lane < lanes; ++lane) {
      rows[lane] = task.first_row + static_cast<std::uint64_t>(row + lane);
    }
    const std::int64_t count = last - row < lanes ? last - row : lanes;
    for (std::int64_t column = 0; column < order; column += 4) {
      const WordLanes drawn =
          philox_lanes(task.seed, task.stream, rows, static_cast<std::uint32_t>(column / 4));
      LaneDoubles normals[4];
      normal_lanes(drawn.word[0], drawn.word[1], task.scale, normals);
      normal_lanes(drawn.word[2], drawn.word[3], task.scale, normals + 2);
      for (std::int64_t j = column; j < order && j < column + 4; ++j) {
        for (std::int64_t lane = 0; lane < count; ++lane) {
          const auto value = static_cast<float>(normals[j - column][lane]);
          (j < task.to.rank ? task.to.row(row + lane)[j] : task.to.biases[row + lane]) = value;
        }
      }
    }
  }
}

}  // namespace
}  // namespace alsatian::cpu
