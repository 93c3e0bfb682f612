// Draws every user's ratings apart from the others', so that threads share the work.
#include "bench/gpu/problem.hpp"

#include "kernels/math/random.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <thread>

namespace alsatian::bench {
namespace {

constexpr double log_deviation = 1.25;

/// body(first, last) over [0, count) in pieces, by as many threads as there are.
template <typename Body>
void in_parallel(std::int64_t count, const Body& body) {
  constexpr std::int64_t piece = 1024;
  std::atomic<std::int64_t> next = 0;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < std::max(1U, std::thread::hardware_concurrency()); ++t) {
    threads.emplace_back([&] {
      for (std::int64_t first = next.fetch_add(piece); first < count;
           first = next.fetch_add(piece)) {
        body(first, std::min(first + piece, count));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

std::vector<std::int64_t> draw_activity(const Shape& shape, std::uint64_t seed) {
  const double mean = static_cast<double>(shape.ratings) / static_cast<double>(shape.users);
  const double least = std::min(20.0, mean / 5);
  std::vector<double> wanted(static_cast<std::size_t>(shape.users));
  for (std::size_t user = 0; user < wanted.size(); ++user) {
    RandomWords words(seed, RandomStream::generate, user);
    NormalDraws normals(words);
    wanted[user] = std::exp(log_deviation * normals());
  }
  const double sum = std::accumulate(wanted.begin(), wanted.end(), 0.0);
  const double unit =
      (static_cast<double>(shape.ratings) - least * static_cast<double>(shape.users)) / sum;
  std::vector<std::int64_t> offsets(wanted.size() + 1, 0);
  for (std::size_t user = 0; user < wanted.size(); ++user) {
    const auto count = static_cast<std::int64_t>(least + unit * wanted[user]);
    offsets[user + 1] = offsets[user] + std::clamp<std::int64_t>(count, 1, shape.items / 2);
  }
  return offsets;
}

/// The share of ratings that go to items before each one; item 0 is the most popular.
std::vector<double> cumulative_popularity(const Shape& shape) {
  const double mean = static_cast<double>(shape.ratings) / static_cast<double>(shape.users);
  std::vector<double> cumulative(static_cast<std::size_t>(shape.items));
  double sum = 0;
  for (std::size_t item = 0; item < cumulative.size(); ++item) {
    const double place = static_cast<double>(item) + std::max(mean / 0.7, 1.0);
    sum += 1 / (place * place);
    cumulative[item] = sum;
  }
  for (double& value : cumulative) {
    value /= sum;
  }
  return cumulative;
}

HostRatings transposed(const HostRatings& from, std::int64_t columns) {
  HostRatings to;
  to.offsets.assign(static_cast<std::size_t>(columns) + 1, 0);
  for (const std::int32_t column : from.columns) {
    ++to.offsets[static_cast<std::size_t>(column) + 1];
  }
  std::partial_sum(to.offsets.begin(), to.offsets.end(), to.offsets.begin());
  std::vector<std::int64_t> next = to.offsets;
  to.columns.resize(from.columns.size());
  to.values.resize(from.values.size());
  for (std::int64_t row = 0; row < from.rows(); ++row) {
    const auto end = static_cast<std::size_t>(from.offsets[static_cast<std::size_t>(row) + 1]);
    for (auto o = static_cast<std::size_t>(from.offsets[static_cast<std::size_t>(row)]); o < end;
         ++o) {
      const auto place =
          static_cast<std::size_t>(next[static_cast<std::size_t>(from.columns[o])]++);
      to.columns[place] = static_cast<std::int32_t>(row);
      to.values[place] = from.values[o];
    }
  }
  return to;
}

}  // namespace

Problem make_problem(const Shape& shape, std::uint64_t seed) {
  Problem problem;
  HostRatings& ratings = problem.by_user;
  ratings.offsets = draw_activity(shape, seed);
  const std::vector<double> popularity = cumulative_popularity(shape);
  // Ids say nothing of popularity, as in the data sets.
  std::vector<std::int32_t> ids(popularity.size());
  std::iota(ids.begin(), ids.end(), 0);
  RandomWords order(seed, RandomStream::item_order, 0);
  shuffle(View<std::int32_t>(ids), order);
  const auto total = static_cast<std::size_t>(ratings.offsets.back());
  ratings.columns.resize(total);
  ratings.values.resize(total);
  in_parallel(shape.users, [&](std::int64_t first, std::int64_t last) {
    std::vector<std::int64_t> seen(ids.size(), -1);
    for (std::int64_t user = first; user < last; ++user) {
      RandomWords words(seed, RandomStream::generate_user, static_cast<std::uint64_t>(user));
      const auto begin = static_cast<std::size_t>(ratings.offsets[static_cast<std::size_t>(user)]);
      const auto end =
          static_cast<std::size_t>(ratings.offsets[static_cast<std::size_t>(user) + 1]);
      for (std::size_t o = begin; o < end; ++o) {
        std::int32_t item = 0;
        for (int tries = 0; tries < 8; ++tries) {
          const auto place =
              std::lower_bound(popularity.begin(), popularity.end(), uniform(words()));
          item = ids[static_cast<std::size_t>(place - popularity.begin())];
          if (seen[static_cast<std::size_t>(item)] != user) {
            break;
          }
        }
        seen[static_cast<std::size_t>(item)] = user;
        ratings.columns[o] = item;
        const std::uint32_t word = words();
        ratings.values[o] = static_cast<float>(normal(word, words()).value[0]);
      }
      std::sort(ratings.columns.begin() + static_cast<std::ptrdiff_t>(begin),
                ratings.columns.begin() + static_cast<std::ptrdiff_t>(end));
    }
  });
  problem.by_item = transposed(ratings, shape.items);
  return problem;
}

std::vector<float> random_factors(std::int64_t rows, std::int32_t rank, std::int32_t stride,
                                  std::uint64_t seed) {
  std::vector<float> factors(static_cast<std::size_t>(rows * stride), 0.0F);
  const double deviation = 1 / std::sqrt(static_cast<double>(rank));
  in_parallel(rows, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      RandomWords words(seed, RandomStream::item_start, static_cast<std::uint64_t>(row));
      NormalDraws normals(words);
      for (std::int32_t j = 0; j < rank; ++j) {
        factors[static_cast<std::size_t>(row * stride + j)] =
            static_cast<float>(deviation * normals());
      }
    }
  });
  return factors;
}

}  // namespace alsatian::bench
