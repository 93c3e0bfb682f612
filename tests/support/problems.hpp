// Small planted problems: ratings drawn from known factors, in double and in float, by user and by
// item. One place, so that every backend is tested on the same odd sizes and awkward rows.
#pragma once

#include "kernels/math/likelihood.hpp"
#include "kernels/math/random.hpp"
#include "kernels/math/score.hpp"
#include "kernels/math/views.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <variant>
#include <vector>

namespace alsatian::testing {

/// Owns what a CsrView shows.
template <typename Value>
struct Compressed {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> columns;
  std::vector<Value> values;

  std::int64_t rows() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
  CsrView<Value> view() const { return {offsets, columns, values}; }
};

/// The same entries with another type of value.
template <typename To, typename From>
Compressed<To> convert(const Compressed<From>& from) {
  Compressed<To> to;
  to.offsets = from.offsets;
  to.columns = from.columns;
  for (const From value : from.values) to.values.push_back(static_cast<To>(value));
  return to;
}

/// The same ratings by column; `columns` is how many there are.
template <typename Value>
Compressed<Value> transposed(const Compressed<Value>& from, std::int32_t columns) {
  Compressed<Value> to;
  to.offsets.assign(static_cast<std::size_t>(columns) + 1, 0);
  for (const std::int32_t column : from.columns) ++to.offsets[static_cast<std::size_t>(column) + 1];
  std::partial_sum(to.offsets.begin(), to.offsets.end(), to.offsets.begin());
  to.columns.resize(from.columns.size());
  to.values.resize(from.values.size());
  std::vector<std::int64_t> next = to.offsets;
  for (std::int64_t row = 0; row < from.rows(); ++row) {
    for (auto o = static_cast<std::size_t>(from.offsets[static_cast<std::size_t>(row)]);
         o < static_cast<std::size_t>(from.offsets[static_cast<std::size_t>(row) + 1]); ++o) {
      const auto place =
          static_cast<std::size_t>(next[static_cast<std::size_t>(from.columns[o])]++);
      to.columns[place] = static_cast<std::int32_t>(row);
      to.values[place] = from.values[o];
    }
  }
  return to;
}

/// Factors [rows, rank] row-major and biases [rows] of one side, in double.
struct Table {
  std::int32_t rows = 0;
  std::int32_t rank = 0;
  std::vector<double> factors;
  std::vector<double> biases;

  const double* row(std::int64_t index) const { return factors.data() + index * rank; }
};

/// How a planted problem is made. The first `heavy_*` rows of a side are rated in every cell, the
/// last `empty_*` have no rating, the `single_*` before those exactly one.
struct PlantedOptions {
  std::int32_t users = 37;
  std::int32_t items = 29;
  std::int32_t rank = 5;
  double density = 0.4;  // share of the other cells that are rated
  double mean = 0;       // μ of the score
  double signal = 1;     // standard deviation of ⟨p, q⟩ over cells
  double bias_deviation = 0.3;
  double noise = 0.1;  // σ of Gaussian, b of Laplace; Poisson and Bernoulli have their own
  Likelihood likelihood = Gaussian{};
  std::int32_t heavy_users = 0;
  std::int32_t heavy_items = 0;
  std::int32_t single_users = 0;
  std::int32_t single_items = 0;
  std::int32_t empty_users = 0;
  std::int32_t empty_items = 0;
  /// Ratings are rounded to float, so that both precisions hold the very same problem.
  bool exact_in_float = true;
  std::uint64_t seed = 11;
};

/// by_user and by_item hold the same ratings; the _float twins the same rounded to float.
struct PlantedProblem {
  PlantedOptions options;
  Table users;  // what the ratings were drawn from
  Table items;
  Compressed<double> by_user;
  Compressed<double> by_item;
  Compressed<float> by_user_float;
  Compressed<float> by_item_float;

  std::int64_t observations() const { return static_cast<std::int64_t>(by_user.values.size()); }
  /// The planted score of any cell, rated or not.
  double planted_score(std::int64_t user, std::int64_t item) const {
    return score(options.mean, users.biases[static_cast<std::size_t>(user)],
                 items.biases[static_cast<std::size_t>(item)],
                 dot<double>(users.row(user), items.row(item), options.rank));
  }
};

namespace detail {

/// A standard normal draw for (row, index); `stream` keeps sides and purposes apart.
inline double normal_draw(std::uint64_t seed, RandomStream stream, std::int64_t row,
                          std::int64_t index) {
  const Random4 words =
      philox(seed, stream, static_cast<std::uint64_t>(row), static_cast<std::uint32_t>(index));
  return normal(words.word[0], words.word[1]).value[0];
}

enum class RowKind { ordinary, heavy, single, empty };

inline RowKind row_kind(std::int32_t row, std::int32_t rows, std::int32_t heavy,
                        std::int32_t single, std::int32_t empty) {
  if (row >= rows - empty) return RowKind::empty;
  if (row >= rows - empty - single) return RowKind::single;
  return row < heavy ? RowKind::heavy : RowKind::ordinary;
}

inline bool is_rated(const PlantedOptions& options, std::int32_t user, std::int32_t item) {
  const RowKind of_user =
      row_kind(user, options.users, options.heavy_users, options.single_users, options.empty_users);
  const RowKind of_item =
      row_kind(item, options.items, options.heavy_items, options.single_items, options.empty_items);
  if (of_user == RowKind::empty || of_item == RowKind::empty) return false;
  if (of_user == RowKind::single && of_item == RowKind::single) return false;
  if (of_user == RowKind::single) {
    return item == user % (options.items - options.single_items - options.empty_items);
  }
  if (of_item == RowKind::single) {
    return user == item % (options.users - options.single_users - options.empty_users);
  }
  if (of_user == RowKind::heavy || of_item == RowKind::heavy) return true;
  const Random4 words = philox(options.seed, RandomStream::rating_order,
                               static_cast<std::uint64_t>(user), static_cast<std::uint32_t>(item));
  return uniform(words.word[0]) < options.density;
}

inline double draw(const Gaussian&, double score, double noise, const Random4& words) {
  return score + noise * normal(words.word[0], words.word[1]).value[0];
}
inline double draw(const Laplace&, double score, double noise, const Random4& words) {
  const double magnitude = -noise * std::log(uniform(words.word[0]));
  return words.word[1] % 2 == 0 ? score + magnitude : score - magnitude;
}
/// Inversion: the smallest count whose cumulated probability reaches a uniform draw.
inline double draw(const Poisson&, double score, double, const Random4& words) {
  const double rate = std::exp(score);
  double probability = std::exp(-rate);
  double below = probability;
  double count = 0;
  for (; below < uniform(words.word[0]) && count < 1000; below += probability) {
    probability *= rate / ++count;
  }
  return count;
}
inline double draw(const Bernoulli&, double score, double, const Random4& words) {
  return uniform(words.word[0]) < 1.0 / (1.0 + std::exp(-score)) ? 1.0 : 0.0;
}

}  // namespace detail

/// Factors N(0, factor_deviation) and biases N(0, bias_deviation); depends on (seed, stream) and
/// the cell alone. user_start and item_start are the planted tables' streams.
inline Table random_table(std::int32_t rows, std::int32_t rank, double factor_deviation,
                          double bias_deviation, std::uint64_t seed, RandomStream stream) {
  Table table{rows, rank, {}, {}};
  for (std::int32_t row = 0; row < rows; ++row) {
    for (std::int32_t j = 0; j < rank; ++j) {
      table.factors.push_back(factor_deviation * detail::normal_draw(seed, stream, row, j));
    }
    table.biases.push_back(bias_deviation * detail::normal_draw(seed, stream, row, rank));
  }
  return table;
}

/// The problem that the options describe; the same options give the same bytes.
inline PlantedProblem planted_problem(const PlantedOptions& options) {
  PlantedProblem problem;
  problem.options = options;
  // ⟨p, q⟩ of `rank` products of independent N(0, f) has standard deviation f²·√rank.
  const double factor_deviation =
      options.rank > 0 ? std::sqrt(options.signal / std::sqrt(options.rank)) : 0.0;
  problem.users = random_table(options.users, options.rank, factor_deviation,
                               options.bias_deviation, options.seed, RandomStream::user_start);
  problem.items = random_table(options.items, options.rank, factor_deviation,
                               options.bias_deviation, options.seed, RandomStream::item_start);
  for (std::int32_t user = 0; user < options.users; ++user) {
    for (std::int32_t item = 0; item < options.items; ++item) {
      if (!detail::is_rated(options, user, item)) continue;
      const Random4 words =
          philox(options.seed, RandomStream::generate, static_cast<std::uint64_t>(user),
                 static_cast<std::uint32_t>(item));
      const double rating = std::visit(
          [&](const auto& likelihood) {
            return detail::draw(likelihood, problem.planted_score(user, item), options.noise,
                                words);
          },
          options.likelihood);
      problem.by_user.columns.push_back(item);
      problem.by_user.values.push_back(
          options.exact_in_float ? static_cast<double>(static_cast<float>(rating)) : rating);
    }
    problem.by_user.offsets.push_back(static_cast<std::int64_t>(problem.by_user.columns.size()));
  }
  problem.by_item = transposed(problem.by_user, options.items);
  problem.by_user_float = convert<float>(problem.by_user);
  problem.by_item_float = convert<float>(problem.by_item);
  return problem;
}

/// Owns what an SgdScheduleView shows.
struct PlantedSchedule {
  std::int32_t grid = 1;
  std::vector<std::int64_t> block_offsets{0};
  std::vector<std::int32_t> users;
  std::vector<std::int32_t> items;
  std::vector<float> ratings;

  SgdScheduleView view() const { return {grid, block_offsets, users, items, ratings}; }
};

/// Every rating once, in a grid × grid partition into equal ranges of users and of items, by
/// (user, item) within a block.
inline PlantedSchedule planted_schedule(const PlantedProblem& problem, std::int32_t grid) {
  PlantedSchedule schedule;
  schedule.grid = grid;
  const auto part = [grid](std::int64_t row, std::int64_t rows) { return row * grid / rows; };
  for (std::int32_t block = 0; block < grid * grid; ++block) {
    for (std::int32_t user = 0; user < problem.options.users; ++user) {
      if (part(user, problem.options.users) != block / grid) continue;
      const CsrView<float> ratings = problem.by_user_float.view();
      for (std::int64_t o = ratings.offsets[user]; o < ratings.offsets[user + 1]; ++o) {
        if (part(ratings.columns[o], problem.options.items) != block % grid) continue;
        schedule.users.push_back(user);
        schedule.items.push_back(ratings.columns[o]);
        schedule.ratings.push_back(ratings.values[o]);
      }
    }
    schedule.block_offsets.push_back(static_cast<std::int64_t>(schedule.users.size()));
  }
  return schedule;
}

/// 0, 1, …, grid − 1: the plainest order of stages.
inline std::vector<std::int32_t> stages_in_order(std::int32_t grid) {
  std::vector<std::int32_t> stages(static_cast<std::size_t>(grid));
  std::iota(stages.begin(), stages.end(), 0);
  return stages;
}

}  // namespace alsatian::testing
