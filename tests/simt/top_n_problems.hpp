// Random problems of top-N, and their answers by sorting every pair's score in double.
// Independent of what they check, down to the sums.
#pragma once

#include "tests/support/reference_problems.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <ostream>
#include <vector>

namespace alsatian::cuda {

struct Table {
  std::int32_t rank = 0;
  std::vector<float> factors;  // [rows, rank]
  std::vector<float> biases;

  std::int64_t rows() const { return static_cast<std::int64_t>(biases.size()); }
  float* row(std::int64_t index) { return factors.data() + index * rank; }
  const float* row(std::int64_t index) const { return factors.data() + index * rank; }
};

struct Problem {
  Table users;
  Table items;
  std::int32_t count = 10;
  double mean = 3.5;
  std::vector<std::vector<std::int32_t>> seen;  // per user; empty: nobody has seen anything
};

inline Table random_table(std::int64_t rows, std::int32_t rank, double spread, std::uint64_t seed) {
  const auto draw = [&](std::int64_t row, std::int32_t column) {
    return static_cast<float>(
        spread * testing::detail::normal_draw(seed, RandomStream::generate, row, column));
  };
  Table table{rank, {}, {}};
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int32_t j = 0; j < rank; ++j) {
      table.factors.push_back(draw(row, j + 1));
    }
    table.biases.push_back(draw(row, 0));
  }
  return table;
}

/// Every third item or so is seen by each user, none by the last one.
inline std::vector<std::vector<std::int32_t>> some_seen(std::int64_t users, std::int64_t items) {
  std::vector<std::vector<std::int32_t>> seen(static_cast<std::size_t>(users));
  for (std::int64_t user = 0; user + 1 < users; ++user) {
    for (std::int32_t item = 0; item < items; ++item) {
      if (philox(3, RandomStream::generate, static_cast<std::uint64_t>(user),
                 static_cast<std::uint32_t>(item))
                  .word[0] %
              3 ==
          0) {
        seen[static_cast<std::size_t>(user)].push_back(item);
      }
    }
  }
  return seen;
}

struct Sizes {
  std::int64_t users = 37;
  std::int64_t items = 261;  // five tiles, the last not full
  std::int32_t rank = 33;
  std::int32_t count = 10;
};

inline Problem make_problem(const Sizes& sizes) {
  return {random_table(sizes.users, sizes.rank, 0.3, 11),
          random_table(sizes.items, sizes.rank, 0.4, 12), sizes.count, 3.5,
          some_seen(sizes.users, sizes.items)};
}

struct Ranked {
  std::int32_t position;
  double score;

  bool operator==(const Ranked&) const = default;
};

inline void PrintTo(const Ranked& ranked, std::ostream* stream) {
  *stream << ranked.position << ": " << ranked.score;
}

using Answers = std::vector<std::vector<Ranked>>;

inline std::vector<Ranked> best_of_user(const Problem& problem, std::int64_t user) {
  std::vector<Ranked> all;
  for (std::int32_t item = 0; item < problem.items.rows(); ++item) {
    if (!problem.seen.empty() &&
        std::ranges::count(problem.seen[static_cast<std::size_t>(user)], item) > 0) {
      continue;
    }
    double product = 0;
    for (std::int32_t j = 0; j < problem.items.rank; ++j) {
      product += static_cast<double>(problem.users.row(user)[j]) *
                 static_cast<double>(problem.items.row(item)[j]);
    }
    const double score = problem.mean + problem.users.biases[static_cast<std::size_t>(user)] +
                         problem.items.biases[static_cast<std::size_t>(item)] + product;
    if (std::isfinite(score)) {
      all.push_back({item, score});
    }
  }
  std::ranges::sort(all, [](const Ranked& left, const Ranked& right) {
    return left.score != right.score ? left.score > right.score : left.position < right.position;
  });
  all.resize(std::min(all.size(), static_cast<std::size_t>(problem.count)));
  return all;
}

inline Answers best_of_all(const Problem& problem) {
  Answers answers;
  for (std::int64_t user = 0; user < problem.users.rows(); ++user) {
    answers.push_back(best_of_user(problem, user));
  }
  return answers;
}

}  // namespace alsatian::cuda
