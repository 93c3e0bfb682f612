// Where training starts: normal draws that depend on what they are for and on nothing else.
// A warm start finds the rows it knows unchanged, whatever rows are new beside them.
#include "host/model/factors.hpp"

#include "kernels/cpu/parallel.hpp"
#include "kernels/math/random.hpp"

#include <algorithm>
#include <span>

namespace alsatian {
namespace {

constexpr std::int64_t rows_per_task = 256;

/// Column c of a row is normal draw c mod 4 of counter c / 4, whatever the rank.
void fill_row(std::span<float> row, double deviation, std::uint64_t seed, RandomStream stream,
              std::int64_t index) {
  const auto rank = static_cast<std::int32_t>(row.size());
  for (std::int32_t column = 0; column < rank; column += 4) {
    const Random4 draw = philox(seed, stream, static_cast<std::uint64_t>(index),
                                static_cast<std::uint32_t>(column / 4));
    const Normal2 first = normal(draw.word[0], draw.word[1]);
    const Normal2 second = normal(draw.word[2], draw.word[3]);
    const double values[] = {first.value[0], first.value[1], second.value[0], second.value[1]};
    for (std::int32_t j = 0; j < std::min(4, rank - column); ++j) {
      row[static_cast<std::size_t>(column + j)] = static_cast<float>(deviation * values[j]);
    }
  }
}

SideFactors start_side(std::int64_t rows, std::int32_t rank, double deviation, std::uint64_t seed,
                       RandomStream stream) {
  SideFactors side(rows, rank);
  parallel_for(
      rows,
      [&](std::int64_t row) {
        const std::span<float> factors(side.row(row), static_cast<std::size_t>(rank));
        fill_row(factors, deviation, seed, stream, row);
      },
      rows_per_task);
  return side;
}

}  // namespace

Factors start_factors(std::int64_t users, std::int64_t items, std::int32_t rank, double deviation,
                      std::uint64_t seed, std::uint32_t chain) {
  return {start_side(users, rank, deviation, seed, of_chain(RandomStream::user_start, chain)),
          start_side(items, rank, deviation, seed, of_chain(RandomStream::item_start, chain))};
}

}  // namespace alsatian
