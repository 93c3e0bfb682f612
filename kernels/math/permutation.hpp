// A random order of 0 … size − 1 without a table: any position can be asked for by itself.
// A Feistel network over Philox words, walked until it is back in range (Black and Rogaway 2002,
// "Ciphers with arbitrary finite domains").
#pragma once

#include "kernels/math/random.hpp"

#include <cstdint>

namespace alsatian {

/// Where the order numbered `number`, below 2^30, has `position`; both are below size.
ALSATIAN_HD inline std::uint64_t permuted(std::uint64_t position, std::uint64_t size,
                                          std::uint64_t seed, RandomStream stream,
                                          std::uint32_t number) {
  constexpr std::uint32_t rounds = 4;  // fewer are told from a random order (Luby, Rackoff 1988)
  int half = 1;
  while (half < 32 && (std::uint64_t{1} << 2 * half) < size) ++half;
  const std::uint64_t mask = (std::uint64_t{1} << half) - 1;
  do {
    std::uint64_t left = position >> half;
    std::uint64_t right = position & mask;
    for (std::uint32_t round = 0; round < rounds; ++round) {
      const Random4 words = philox(seed, stream, right, number * rounds + round);
      const std::uint64_t mixed = left ^ (words.word[0] & mask);
      left = right;
      right = mixed;
    }
    position = left << half | right;
  } while (position >= size);
  return position;
}

}  // namespace alsatian
