// Ratings of the shape of a public data set, made in memory: what the benchmarks on a GPU run on,
// since no file has to travel to the machine that has one.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace alsatian::bench {

struct Shape {
  std::string_view name;
  std::int64_t users;
  std::int64_t items;
  std::int64_t ratings;
};

inline constexpr Shape ml_25m{"ml-25m", 162541, 59047, 25000095};
inline constexpr Shape netflix{"netflix", 480189, 17770, 100480507};

/// Ratings in compressed sparse rows, columns rising within a row.
struct HostRatings {
  std::vector<std::int64_t> offsets;
  std::vector<std::int32_t> columns;
  std::vector<float> values;

  std::int64_t rows() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
};

struct Problem {
  HostRatings by_user;
  HostRatings by_item;
};

/// Activity of users log-normal with at least 20 ratings where the mean allows it, popularity of
/// items Zipf-Mandelbrot with the first item rated by about half of the users; values standard
/// normal. Depends on the shape and the seed alone. A very active user may have an item twice.
Problem make_problem(const Shape& shape, std::uint64_t seed);

/// A table [rows, stride] of normal draws of deviation 1/√rank, zeros in the padding.
std::vector<float> random_factors(std::int64_t rows, std::int32_t rank, std::int32_t stride,
                                  std::uint64_t seed);

}  // namespace alsatian::bench
