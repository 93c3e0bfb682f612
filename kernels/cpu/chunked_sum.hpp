// Parallel sums in double whose result does not depend on the number of threads.
// The range is cut into chunks by size alone, and the chunks' sums are added in order.
#pragma once

#include "kernels/cpu/parallel.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace alsatian::cpu {

/// Elements that one task takes.
inline constexpr std::int64_t chunk_size = 2048;

inline std::int64_t chunk_count(std::int64_t size) { return (size + chunk_size - 1) / chunk_size; }

/// Calls visit(chunk, first, last) for every chunk [first, last) of [0, size), in parallel.
template <typename Visit>
void for_each_chunk(std::int64_t size, const Visit& visit) {
  if (0 < size && size <= chunk_size) {
    visit(0, 0, size);  // waking threads would cost more
    return;
  }
  parallel_for(chunk_count(size), [&](std::int64_t chunk) {
    const std::int64_t first = chunk * chunk_size;
    visit(chunk, first, std::min(first + chunk_size, size));
  });
}

/// Adds sum_chunk(first, last) over the chunks of [0, size), in their order. Sum has a zero value
/// and +=.
template <typename Sum, typename SumChunk>
Sum chunked_sum(std::int64_t size, const SumChunk& sum_chunk) {
  std::vector<Sum> parts(static_cast<std::size_t>(chunk_count(size)));
  for_each_chunk(size, [&](std::int64_t chunk, std::int64_t first, std::int64_t last) {
    parts[static_cast<std::size_t>(chunk)] = sum_chunk(first, last);
  });
  Sum total{};
  for (const Sum& part : parts) total += part;
  return total;
}

/// Σ_j term(j) over [first, last) in double, as eight interleaved sums that fit vector registers.
template <typename Term>
double interleaved_sum(std::int64_t first, std::int64_t last, const Term& term) {
  constexpr std::int64_t lanes = 8;
  std::array<double, lanes> parts{};
  std::int64_t j = first;
  for (; j + lanes <= last; j += lanes) {
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      parts[static_cast<std::size_t>(lane)] += term(j + lane);
    }
  }
  double total = 0;
  for (; j < last; ++j) total += term(j);
  for (const double part : parts) total += part;
  return total;
}

}  // namespace alsatian::cpu
