// Builds the order of stochastic gradient descent: shuffled rows, cut into a grid of blocks.
// Each slice of a row of blocks is one task that writes its own range, so threads never change the
// result.
#include "host/train/sgd_schedule.hpp"

#include "kernels/cpu/parallel.hpp"
#include "kernels/math/random.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>

namespace alsatian {
namespace {

std::vector<std::int32_t> random_order(std::int64_t size, std::uint64_t seed, RandomStream stream,
                                       std::uint64_t row) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  RandomWords words(seed, stream, row);
  shuffle(View<std::int32_t>(order), words);
  return order;
}

std::vector<std::int64_t> counts_of_users(const CompressedMatrix& by_user) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(by_user.rows()));
  for (std::size_t user = 0; user < counts.size(); ++user) {
    counts[user] = by_user.offsets[user + 1] - by_user.offsets[user];
  }
  return counts;
}

std::vector<std::int64_t> counts_of_items(const CompressedMatrix& by_user, std::int32_t items) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(items), 0);
  for (const std::int32_t item : by_user.columns) ++counts[static_cast<std::size_t>(item)];
  return counts;
}

/// How often two ratings drawn at random are of the same row, but for a factor: Σ n².
double crowding(std::span<const std::int64_t> counts) {
  double sum = 0;
  for (const std::int64_t count : counts) {
    sum += static_cast<double>(count) * static_cast<double>(count);
  }
  return sum;
}

/// Cuts rows, in their order, into parts of about equal numbers of ratings: a row belongs to the
/// part in which the middle of its ratings falls. Returns the part of each row [rows].
std::vector<std::int32_t> cut_into_parts(std::span<const std::int32_t> order,
                                         std::span<const std::int64_t> counts, std::int32_t grid) {
  const std::int64_t total = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  std::vector<std::int32_t> parts(counts.size(), 0);
  std::int64_t before = 0;
  for (const std::int32_t row : order) {
    const std::int64_t count = counts[static_cast<std::size_t>(row)];
    const std::int64_t part = total > 0 ? grid * (2 * before + count) / (2 * total) : 0;
    parts[static_cast<std::size_t>(row)] =
        static_cast<std::int32_t>(std::min<std::int64_t>(part, grid - 1));
    before += count;
  }
  return parts;
}

/// Users grouped by part, in their random order.
std::vector<std::vector<std::int32_t>> users_by_part(std::span<const std::int32_t> order,
                                                     std::span<const std::int32_t> parts,
                                                     std::int32_t grid) {
  std::vector<std::vector<std::int32_t>> users(static_cast<std::size_t>(grid));
  for (const std::int32_t user : order) {
    users[static_cast<std::size_t>(parts[static_cast<std::size_t>(user)])].push_back(user);
  }
  return users;
}

/// Users of one part who follow each other in its order: what one task counts and writes.
struct Slice {
  std::span<const std::int32_t> users;
};

/// Enough slices to keep threads busy where there are few parts.
std::vector<Slice> cut_into_slices(std::span<const std::vector<std::int32_t>> users) {
  constexpr std::size_t wanted = 64;
  const std::size_t each = (wanted + users.size() - 1) / users.size();
  std::vector<Slice> slices;
  for (const std::span<const std::int32_t> all : users) {
    for (std::size_t number = 0; number < each; ++number) {
      const std::size_t first = all.size() * number / each;
      slices.push_back({all.subspan(first, all.size() * (number + 1) / each - first)});
    }
  }
  return slices;
}

/// counts [grid]: how many ratings a slice has in each block of its row.
void count_blocks(const CompressedMatrix& by_user, const Slice& slice,
                  std::span<const std::int32_t> item_parts, std::span<std::int64_t> counts) {
  for (const std::int32_t user : slice.users) {
    const auto row = static_cast<std::size_t>(user);
    for (std::int64_t entry = by_user.offsets[row]; entry < by_user.offsets[row + 1]; ++entry) {
      const std::int32_t item = by_user.columns[static_cast<std::size_t>(entry)];
      ++counts[static_cast<std::size_t>(item_parts[static_cast<std::size_t>(item)])];
    }
  }
}

/// Turns counts [slices, grid] into where each slice's first rating of a block goes; returns the
/// offsets of the blocks [grid·grid + 1].
std::vector<std::int64_t> place_slices(std::span<const Slice> slices, std::size_t grid,
                                       std::span<std::int64_t> counts) {
  std::vector<std::int64_t> block_offsets{0};
  std::int64_t position = 0;
  const std::size_t each = slices.size() / grid;
  for (std::size_t block = 0; block < grid * grid; ++block) {
    for (std::size_t number = 0; number < each; ++number) {
      std::int64_t& count = counts[(block / grid * each + number) * grid + block % grid];
      position += std::exchange(count, position);
    }
    block_offsets.push_back(position);
  }
  return block_offsets;
}

/// Writes a slice. next [grid]: where the next rating of each block goes.
void fill_blocks(const CompressedMatrix& by_user, std::span<const std::int32_t> users,
                 std::span<const std::int32_t> item_parts, std::uint64_t seed,
                 std::span<std::int64_t> next, SgdSchedule& schedule) {
  for (const std::int32_t user : users) {
    const auto row = static_cast<std::size_t>(user);
    const std::int64_t first = by_user.offsets[row];
    const auto order = random_order(by_user.offsets[row + 1] - first, seed,
                                    RandomStream::rating_order, static_cast<std::uint64_t>(user));
    for (const std::int32_t offset : order) {
      const auto entry = static_cast<std::size_t>(first + offset);
      const std::int32_t item = by_user.columns[entry];
      const std::int32_t part = item_parts[static_cast<std::size_t>(item)];
      const auto position = static_cast<std::size_t>(next[static_cast<std::size_t>(part)]++);
      schedule.users[position] = user;
      schedule.items[position] = item;
      schedule.ratings[position] = by_user.values[entry];
    }
  }
}

}  // namespace

std::int32_t grid_size(const SgdGrid& kind, std::int64_t observations, std::int64_t users,
                       std::int64_t items) {
  const auto wanted = static_cast<std::int64_t>(
      std::ceil(std::sqrt(static_cast<double>(observations) / kind.ratings_per_block)));
  const std::int64_t most =
      std::max<std::int64_t>(std::min({users, items, std::int64_t{kind.largest}}), 1);
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(wanted, 1, most));
}

SgdSchedule make_sgd_schedule(const CompressedMatrix& by_user, std::int32_t items,
                              std::uint64_t seed, const SgdGrid& kind) {
  const auto observations = static_cast<std::int64_t>(by_user.values.size());
  SgdSchedule schedule;
  schedule.grid = grid_size(kind, observations, by_user.rows(), items);
  const auto grid = static_cast<std::size_t>(schedule.grid);
  const auto user_order = random_order(by_user.rows(), seed, RandomStream::user_order, 0);
  const auto item_order = random_order(items, seed, RandomStream::item_order, 0);
  const auto user_parts = cut_into_parts(user_order, counts_of_users(by_user), schedule.grid);
  const auto item_parts =
      cut_into_parts(item_order, counts_of_items(by_user, items), schedule.grid);
  const auto users = users_by_part(user_order, user_parts, schedule.grid);

  const std::vector<Slice> slices = cut_into_slices(users);
  std::vector<std::int64_t> next(slices.size() * grid, 0);
  const auto next_of = [&](std::int64_t slice) {
    return std::span(next).subspan(static_cast<std::size_t>(slice) * grid, grid);
  };
  const auto slice_count = static_cast<std::int64_t>(slices.size());
  parallel_for(slice_count, [&](std::int64_t slice) {
    count_blocks(by_user, slices[static_cast<std::size_t>(slice)], item_parts, next_of(slice));
  });
  schedule.block_offsets = place_slices(slices, grid, next);

  schedule.users.resize(by_user.values.size());
  schedule.items.resize(by_user.values.size());
  schedule.ratings.resize(by_user.values.size());
  parallel_for(slice_count, [&](std::int64_t slice) {
    fill_blocks(by_user, slices[static_cast<std::size_t>(slice)].users, item_parts, seed,
                next_of(slice), schedule);
  });
  return schedule;
}

SgdSchedule make_hogwild_schedule(const CompressedMatrix& by_user, std::int32_t items,
                                  std::uint64_t seed) {
  if (crowding(counts_of_items(by_user, items)) <= crowding(counts_of_users(by_user))) {
    return make_sgd_schedule(by_user, items, seed, single_block);
  }
  const auto users = static_cast<std::int32_t>(by_user.rows());
  SgdSchedule schedule = make_sgd_schedule(transpose(by_user, items), users, seed, single_block);
  std::swap(schedule.users, schedule.items);
  return schedule;
}

double learning_rate(const Mle& mle, int epoch) {
  switch (mle.schedule) {
    case Schedule::exponential:
      return mle.learning_rate * std::pow(mle.decay, epoch);
    case Schedule::inverse_time:
      return mle.learning_rate / (1.0 + mle.decay * epoch);
  }
  return mle.learning_rate;
}

std::vector<std::int32_t> stage_order(std::int32_t grid, int epoch, std::uint64_t seed) {
  return random_order(grid, seed, RandomStream::stage_order, static_cast<std::uint64_t>(epoch));
}

}  // namespace alsatian
