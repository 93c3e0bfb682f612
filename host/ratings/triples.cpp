// Triples out of cleaned ratings: one part, all of them, or by the indices of another data set.
// Pieces have a fixed size, so that the order never depends on the number of threads.
#include "host/ratings/large_vector.hpp"
#include "host/ratings/row_offsets.hpp"
#include "host/ratings/split.hpp"
#include "kernels/cpu/parallel.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

namespace alsatian {
namespace {

constexpr std::int64_t piece_size = std::int64_t{1} << 16;

void resize(Triples& triples, std::size_t size, bool with_times) {
  resize_large(triples.users, size);
  resize_large(triples.items, size);
  resize_large(triples.ratings, size);
  if (with_times) resize_large(triples.times, size);
}

/// The rows `order` of the ratings, in that order.
Triples reordered(const Triples& ratings, const std::vector<std::size_t>& order) {
  Triples result;
  resize(result, order.size(), !ratings.times.empty());
  parallel_for(
      static_cast<std::int64_t>(order.size()),
      [&](std::int64_t row) {
        const auto to = static_cast<std::size_t>(row);
        const std::size_t from = order[to];
        result.users[to] = ratings.users[from];
        result.items[to] = ratings.items[from];
        result.ratings[to] = ratings.ratings[from];
        if (!ratings.times.empty()) result.times[to] = ratings.times[from];
      },
      piece_size);
  return result;
}

std::pair<std::int32_t, std::int32_t> pair_at(const Triples& ratings, std::size_t row) {
  return {ratings.users[row], ratings.items[row]};
}

bool is_sorted(const Triples& ratings) {
  for (std::size_t row = 1; row < ratings.users.size(); ++row) {
    if (pair_at(ratings, row) < pair_at(ratings, row - 1)) return false;
  }
  return true;
}

/// The order that sorts by (user, item) rows that are sorted but for the unknown, -1, among them:
/// unknown users first, by item; then each user's unknown items before the known ones.
std::vector<std::size_t> order_with_unknown_first(const Triples& ratings) {
  std::vector<std::size_t> order;
  order.reserve(ratings.ratings.size());
  for (std::size_t row = 0; row < ratings.users.size(); ++row) {
    if (ratings.users[row] < 0) order.push_back(row);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    return ratings.items[left] < ratings.items[right];
  });
  for (std::size_t first = 0; first < ratings.users.size();) {
    std::size_t last = first + 1;
    while (last < ratings.users.size() && ratings.users[last] == ratings.users[first]) ++last;
    if (ratings.users[first] >= 0) {
      for (const bool known : {false, true}) {
        for (std::size_t row = first; row < last; ++row) {
          if ((ratings.items[row] >= 0) == known) order.push_back(row);
        }
      }
    }
    first = last;
  }
  return order;
}

}  // namespace

Triples ratings_of_part(const CleanRatings& ratings, const std::vector<Part>& parts, Part part) {
  const auto size = static_cast<std::int64_t>(parts.size());
  const std::int64_t pieces = (size + piece_size - 1) / piece_size;
  const auto entry = [&](std::int64_t position) {
    return parts.begin() + std::min(position, size);
  };
  std::vector<std::int64_t> starts(static_cast<std::size_t>(pieces) + 1, 0);
  parallel_for(pieces, [&](std::int64_t piece) {
    starts[static_cast<std::size_t>(piece) + 1] =
        std::count(entry(piece * piece_size), entry((piece + 1) * piece_size), part);
  });
  std::partial_sum(starts.begin(), starts.end(), starts.begin());

  Triples triples;
  resize(triples, static_cast<std::size_t>(starts.back()), !ratings.times.empty());
  const std::vector<std::int32_t> listed =
      ratings.user_indices.empty() ? rows_of_offsets(ratings.offsets) : std::vector<std::int32_t>();
  const std::vector<std::int32_t>& users = listed.empty() ? ratings.user_indices : listed;
  parallel_for(pieces, [&](std::int64_t piece) {
    auto to = static_cast<std::size_t>(starts[static_cast<std::size_t>(piece)]);
    const auto last = static_cast<std::size_t>(std::min((piece + 1) * piece_size, size));
    for (auto from = static_cast<std::size_t>(piece * piece_size); from < last; ++from) {
      if (parts[from] != part) continue;
      triples.users[to] = users[from];
      triples.items[to] = ratings.item_indices[from];
      triples.ratings[to] = ratings.ratings[from];
      if (!ratings.times.empty()) triples.times[to] = ratings.times[from];
      ++to;
    }
  });
  return triples;
}

Triples take_all_ratings(CleanRatings& ratings) {
  Triples triples;
  triples.users = ratings.user_indices.empty() ? rows_of_offsets(ratings.offsets)
                                               : std::move(ratings.user_indices);
  triples.items = std::move(ratings.item_indices);
  triples.ratings = std::move(ratings.ratings);
  triples.times = std::move(ratings.times);
  ratings.offsets.assign(1, 0);
  ratings.user_indices = {};
  ratings.item_indices = {};
  ratings.ratings = {};
  ratings.times = {};
  return triples;
}

Triples map_indices(Triples ratings, const std::vector<std::int32_t>& users,
                    const std::vector<std::int32_t>& items) {
  parallel_for(
      ratings.size(),
      [&](std::int64_t row) {
        const auto index = static_cast<std::size_t>(row);
        ratings.users[index] = users[static_cast<std::size_t>(ratings.users[index])];
        ratings.items[index] = items[static_cast<std::size_t>(ratings.items[index])];
      },
      piece_size);
  if (is_sorted(ratings)) return ratings;
  ratings = reordered(ratings, order_with_unknown_first(ratings));
  if (is_sorted(ratings)) return ratings;
  // Ids that were compared as text: 10 is before 9 there.
  std::vector<std::size_t> order(ratings.ratings.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t left, std::size_t right) {
    return pair_at(ratings, left) < pair_at(ratings, right);
  });
  return reordered(ratings, order);
}

}  // namespace alsatian
