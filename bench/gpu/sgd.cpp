// Problems in memory, schedules of their own, and a loop of textbook gradient descent beside the
// device's.
#include "bench/gpu/sgd.hpp"

#include "kernels/math/random.hpp"
#include "kernels/math/score.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>
#include <variant>

namespace alsatian::bench {
namespace {

using cuda::Context;
using cuda::SgdStorage;

struct Ratings {
  std::int32_t users = 0;
  std::int32_t items = 0;
  std::vector<std::int32_t> user_of;
  std::vector<std::int32_t> item_of;
  std::vector<float> values;
};

/// Rows are drawn with weights 1/(row + head)^exponent.
class PowerLaw {
 public:
  PowerLaw(std::int32_t rows, double head, double exponent) {
    double sum = 0;
    for (std::int32_t row = 0; row < rows; ++row) {
      sum += std::pow(row + head, -exponent);
      sums_.push_back(sum);
    }
  }
  std::int32_t operator()(double uniform) const {
    const auto found = std::lower_bound(sums_.begin(), sums_.end(), uniform * sums_.back());
    return static_cast<std::int32_t>(
        std::min<std::ptrdiff_t>(found - sums_.begin(), std::ssize(sums_) - 1));
  }

 private:
  std::vector<double> sums_;
};

constexpr std::int32_t planted_rank = 8;

std::vector<float> planted_factors(std::int32_t rows, std::uint64_t row_offset) {
  std::vector<float> factors;
  for (std::int32_t row = 0; row < rows; ++row) {
    RandomWords words(1, RandomStream::generate_user, row_offset + static_cast<std::uint64_t>(row));
    NormalDraws draws(words);
    for (std::int32_t j = 0; j < planted_rank; ++j) {
      factors.push_back(static_cast<float>(0.5 * draws()));
    }
  }
  return factors;
}

Ratings make_ratings(const SgdShape& shape) {
  constexpr std::int64_t least_of_a_user = 20;
  const PowerLaw user_law(shape.users, 1500, 1.3);
  const PowerLaw item_law(shape.items, 150, 1.5);
  const auto user_factors = planted_factors(shape.users, 0);
  const auto item_factors = planted_factors(shape.items, std::uint64_t{1} << 40);
  Ratings ratings{shape.users, shape.items, {}, {}, {}};
  for (std::int64_t j = 0; j < shape.observations; ++j) {
    const Random4 words = philox(2, RandomStream::generate, static_cast<std::uint64_t>(j), 0);
    const std::int32_t user = j < least_of_a_user * shape.users
                                  ? static_cast<std::int32_t>(j % shape.users)
                                  : user_law(uniform(words.word[0]));
    const std::int32_t item = item_law(uniform(words.word[1]));
    const double noise = 0.5 * normal(words.word[2], words.word[3]).value[0];
    ratings.user_of.push_back(user);
    ratings.item_of.push_back(item);
    ratings.values.push_back(static_cast<float>(
        dot<double>(user_factors.data() + std::int64_t{user} * planted_rank,
                    item_factors.data() + std::int64_t{item} * planted_rank, planted_rank) +
        noise));
  }
  return ratings;
}

std::vector<std::int64_t> offsets_of(const std::vector<std::int32_t>& rows, std::int32_t count) {
  std::vector<std::int64_t> offsets(static_cast<std::size_t>(count) + 1, 0);
  for (const std::int32_t row : rows) {
    ++offsets[static_cast<std::size_t>(row) + 1];
  }
  std::partial_sum(offsets.begin(), offsets.end(), offsets.begin());
  return offsets;
}

/// Rows in a random order, cut where a part has its share of the ratings: as
/// host/train/sgd_schedule.cpp does it.
struct Parts {
  std::vector<std::int32_t> part_of;
  std::vector<std::int32_t> place_of;  // in the random order
};

Parts cut(const std::vector<std::int64_t>& offsets, std::int32_t grid, RandomStream stream) {
  std::vector<std::int32_t> order(offsets.size() - 1);
  std::iota(order.begin(), order.end(), 0);
  RandomWords words(3, stream, 0);
  shuffle(View<std::int32_t>(order), words);
  Parts parts{order, order};
  std::int64_t before = 0;
  for (std::size_t place = 0; place < order.size(); ++place) {
    const auto row = static_cast<std::size_t>(order[place]);
    const std::int64_t count = offsets[row + 1] - offsets[row];
    parts.part_of[row] = static_cast<std::int32_t>(std::min<std::int64_t>(
        grid * (2 * before + count) / (2 * offsets.back()), std::int64_t{grid} - 1));
    parts.place_of[row] = static_cast<std::int32_t>(place);
    before += count;
  }
  return parts;
}

struct Schedule {
  std::int32_t grid = 1;
  std::vector<std::int64_t> block_offsets;
  std::vector<std::int32_t> users;
  std::vector<std::int32_t> items;
  std::vector<float> ratings;

  SgdScheduleView view() const { return {grid, block_offsets, users, items, ratings}; }
};

/// Stable: `keys` below `count`; returns the positions in rising order of their keys.
std::vector<std::int64_t> counting_order(const std::vector<std::int64_t>& positions,
                                         const std::vector<std::int32_t>& keys,
                                         std::int64_t count) {
  std::vector<std::int64_t> next(static_cast<std::size_t>(count) + 1, 0);
  for (const std::int64_t position : positions) {
    ++next[static_cast<std::size_t>(keys[static_cast<std::size_t>(position)]) + 1];
  }
  std::partial_sum(next.begin(), next.end(), next.begin());
  std::vector<std::int64_t> sorted(positions.size());
  for (const std::int64_t position : positions) {
    const auto key = static_cast<std::size_t>(keys[static_cast<std::size_t>(position)]);
    sorted[static_cast<std::size_t>(next[key]++)] = position;
  }
  return sorted;
}

/// What ratings are grouped by in a block.
enum class Grouping { by_user, by_item };

/// Blocks one after the other; in a block the rows of one side in random order, the ratings of each
/// together.
Schedule make_schedule(const Ratings& ratings, std::int32_t grid, Grouping grouping) {
  const Parts users =
      cut(offsets_of(ratings.user_of, ratings.users), grid, RandomStream::user_order);
  const Parts items =
      cut(offsets_of(ratings.item_of, ratings.items), grid, RandomStream::item_order);
  const std::size_t size = ratings.values.size();
  std::vector<std::int32_t> places(size);
  std::vector<std::int32_t> blocks(size);
  for (std::size_t j = 0; j < size; ++j) {
    const auto user = static_cast<std::size_t>(ratings.user_of[j]);
    const auto item = static_cast<std::size_t>(ratings.item_of[j]);
    places[j] = grouping == Grouping::by_user ? users.place_of[user] : items.place_of[item];
    blocks[j] = users.part_of[user] * grid + items.part_of[item];
  }
  std::vector<std::int64_t> positions(size);
  std::iota(positions.begin(), positions.end(), 0);
  positions = counting_order(positions, places, std::max(ratings.users, ratings.items));
  positions = counting_order(positions, blocks, std::int64_t{grid} * grid);
  Schedule schedule;
  schedule.grid = grid;
  schedule.block_offsets = offsets_of(blocks, grid * grid);
  for (const std::int64_t position : positions) {
    const auto j = static_cast<std::size_t>(position);
    schedule.users.push_back(ratings.user_of[j]);
    schedule.items.push_back(ratings.item_of[j]);
    schedule.ratings.push_back(ratings.values[j]);
  }
  return schedule;
}

/// Factors [rows, stride], uniform with deviation 0.1, and biases 0.
struct HostTable {
  std::int32_t rank;
  std::int32_t stride;
  std::vector<float> factors;
  std::vector<float> biases;

  HostTable(std::int32_t rows, std::int32_t row_rank, RandomStream stream)
      : rank(row_rank),
        stride(cuda::padded_rank(row_rank)),
        factors(static_cast<std::size_t>(rows) * static_cast<std::size_t>(stride), 0.0F),
        biases(static_cast<std::size_t>(rows), 0.0F) {
    for (std::int64_t row = 0; row < rows; ++row) {
      RandomWords words(4, stream, static_cast<std::uint64_t>(row));
      for (std::int32_t j = 0; j < rank; ++j) {
        factors[static_cast<std::size_t>(row * stride + j)] =
            static_cast<float>(0.1 * std::sqrt(12.0) * (uniform(words()) - 0.5));
      }
    }
  }
  std::int32_t rows() const { return static_cast<std::int32_t>(biases.size()); }
  const float* row(std::int64_t index) const { return factors.data() + index * stride; }
};

/// A table on the device.
class Resident {
 public:
  Resident(const Context& context, const HostTable& start)
      : context_(context), buffer_(start.rows(), start.rank) {
    copy_in(start.factors, buffer_.table().factors);
    copy_in(start.biases, buffer_.table().biases);
  }
  cuda::DeviceTable<float> table() { return buffer_.table(); }
  void read(HostTable& into) {
    copy_out(buffer_.table().factors, into.factors);
    copy_out(buffer_.table().biases, into.biases);
  }

 private:
  void copy_in(const std::vector<float>& from, cuda::DeviceSpan<float> to) {
    cuda::PinnedBuffer<float> staging(to.size());
    std::copy(from.begin(), from.end(), staging.span().begin());
    cuda::upload(context_.compute(), std::span<const float>(staging.span()), to);
    context_.compute().synchronize();
  }
  void copy_out(cuda::DeviceSpan<const float> from, std::vector<float>& to) {
    cuda::PinnedBuffer<float> staging(from.size());
    cuda::download(context_.compute(), from, staging.span());
    context_.compute().synchronize();
    std::copy(staging.span().begin(), staging.span().end(), to.begin());
  }

  const Context& context_;
  cuda::DeviceTableBuffer buffer_;
};

std::vector<std::int32_t> stages_of(std::int32_t grid) {
  std::vector<std::int32_t> stages(static_cast<std::size_t>(grid));
  std::iota(stages.begin(), stages.end(), 0);
  RandomWords words(5, RandomStream::stage_order, 0);
  shuffle(View<std::int32_t>(stages), words);
  return stages;
}

double sample_rmse(const Schedule& schedule, const HostTable& users, const HostTable& items) {
  const std::size_t step = std::max<std::size_t>(schedule.ratings.size() / 1000000, 1);
  double sum = 0;
  double count = 0;
  for (std::size_t j = 0; j < schedule.ratings.size(); j += step, ++count) {
    const std::int32_t user = schedule.users[j];
    const std::int32_t item = schedule.items[j];
    const double eta = score<double>(0, users.biases[static_cast<std::size_t>(user)],
                                     items.biases[static_cast<std::size_t>(item)],
                                     dot<double>(users.row(user), items.row(item), users.rank));
    sum += (eta - schedule.ratings[j]) * (eta - schedule.ratings[j]);
  }
  return std::sqrt(sum / count);
}

/// λ of 1.2 and 0.9, α = 0.5, rate 0.1 falling by 5 % an epoch.
cuda::SgdStep default_step(int epoch) {
  cuda::SgdStep step;
  step.factor_regularization = 1.2F;
  step.bias_regularization = 0.9F;
  step.learning_rate = static_cast<float>(0.1 * std::pow(0.95, epoch));
  return step;
}

/// One combination over one schedule.
SgdBenchmark time_epochs(const Context& context, const Ratings& ratings, const Schedule& schedule,
                         std::int32_t rank, bool hogwild, const cuda::SgdOptions& how, int count) {
  HostTable users(ratings.users, rank, RandomStream::user_start);
  HostTable items(ratings.items, rank, RandomStream::item_start);
  Resident user_table(context, users);
  Resident item_table(context, items);
  cuda::SgdEpochs epochs(context, schedule.view(), offsets_of(ratings.user_of, ratings.users),
                         offsets_of(ratings.item_of, ratings.items), 0.5, rank, how);
  const auto stages = stages_of(schedule.grid);
  std::vector<double> seconds;
  for (int epoch = 0; epoch < count; ++epoch) {
    cuda::Event begin(cuda::EventUse::timing);
    cuda::Event end(cuda::EventUse::timing);
    const auto number = static_cast<std::uint32_t>(epoch);
    begin.record(context.compute());
    if (hogwild) {
      epochs.hogwild_epoch(user_table.table(), item_table.table(), default_step(epoch), number);
    } else {
      epochs.blocked_epoch(user_table.table(), item_table.table(), default_step(epoch), stages,
                           number);
    }
    end.record(context.compute());
    seconds.push_back(cuda::Event::seconds_between(begin, end));
  }
  user_table.read(users);
  item_table.read(items);
  if (seconds.size() > 1) {
    seconds.erase(seconds.begin());
  }
  std::sort(seconds.begin(), seconds.end());
  const bool halves = how.storage == SgdStorage::halves;
  const auto observations = static_cast<double>(ratings.values.size());
  SgdBenchmark result;
  result.rank = rank;
  result.halves = halves;
  result.hogwild = hogwild;
  result.workers = hogwild ? epochs.hogwild_workers() : schedule.grid;
  result.seconds_per_epoch = seconds[seconds.size() / 2];
  result.ratings_per_second = observations / result.seconds_per_epoch;
  result.bytes_per_second =
      result.ratings_per_second * (4.0 * rank * (halves ? 2.0 : 4.0) + 12.0 + 64.0);
  result.rmse = sample_rmse(schedule, users, items);
  return result;
}

void print(const SgdShape& shape, const SgdBenchmark& result) {
  std::printf(
      "sgd %s k=%d %s %s workers=%lld: %.2f ms/epoch, %.0f M ratings/s, %.2f TB/s, RMSE %.4f\n",
      shape.name.c_str(), result.rank, result.halves ? "half" : "float",
      result.hogwild ? "hogwild" : "blocked", static_cast<long long>(result.workers),
      1e3 * result.seconds_per_epoch, 1e-6 * result.ratings_per_second,
      1e-12 * result.bytes_per_second, result.rmse);
  std::fflush(stdout);
}

/// Both tables in double and AdaGrad's sums, moved one rating after another.
struct SerialDescent {
  const HostTable& start_users;
  const HostTable& start_items;
  std::vector<double> factors[2];
  std::vector<double> biases[2];
  std::vector<double> factor_sums[2];
  std::vector<double> bias_sums[2];
  std::vector<double> shares[2];

  SerialDescent(const HostTable& users, const HostTable& items, const Ratings& ratings)
      : start_users(users), start_items(items) {
    const HostTable* const tables[] = {&users, &items};
    const std::vector<std::int32_t>* const rows[] = {&ratings.user_of, &ratings.item_of};
    for (int side = 0; side < 2; ++side) {
      const HostTable& table = *tables[side];
      factors[side].assign(table.factors.begin(), table.factors.end());
      biases[side].assign(table.biases.begin(), table.biases.end());
      factor_sums[side].assign(biases[side].size(), 1.0);
      bias_sums[side].assign(biases[side].size(), 1.0);
      const auto offsets = offsets_of(*rows[side], table.rows());
      for (std::size_t row = 0; row + 1 < offsets.size(); ++row) {
        const auto count = static_cast<double>(offsets[row + 1] - offsets[row]);
        shares[side].push_back(count > 0 ? 1 / std::sqrt(count) : 0);
      }
    }
  }

  void visit(const cuda::SgdStep& step, std::int32_t user, std::int32_t item, double rating) {
    const std::size_t rows[] = {static_cast<std::size_t>(user), static_cast<std::size_t>(item)};
    const auto stride = static_cast<std::size_t>(start_users.stride);
    double* const values[] = {factors[0].data() + rows[0] * stride,
                              factors[1].data() + rows[1] * stride};
    double& user_bias = biases[0][rows[0]];
    double& item_bias = biases[1][rows[1]];
    const double eta =
        step.mean + user_bias + item_bias + dot<double>(values[0], values[1], start_users.rank);
    const double slope = std::visit(
        [&](const auto& likelihood) { return likelihood.loss_and_slope(eta, rating).slope; },
        step.likelihood);
    double squares[2] = {0, 0};
    double steps[2];
    for (int side = 0; side < 2; ++side) {
      steps[side] = step.learning_rate / std::sqrt(factor_sums[side][rows[side]]);
    }
    for (std::int32_t j = 0; j < start_users.rank; ++j) {
      const double old[] = {values[0][j], values[1][j]};
      for (int side = 0; side < 2; ++side) {
        const double shrink = step.factor_regularization * shares[side][rows[side]];
        const double gradient = slope * old[1 - side] + shrink * old[side];
        squares[side] += gradient * gradient;
        values[side][j] -= steps[side] * gradient;
      }
    }
    for (int side = 0; side < 2; ++side) {
      const std::size_t row = rows[side];
      if (start_users.rank > 0) {
        factor_sums[side][row] += squares[side] / start_users.rank;
      }
      double& bias = biases[side][row];
      const double gradient = slope + step.bias_regularization * shares[side][row] * bias;
      bias -= step.learning_rate / std::sqrt(bias_sums[side][row]) * gradient;
      bias_sums[side][row] += gradient * gradient;
    }
  }

  double largest_difference(int side, const HostTable& other) const {
    double largest = 0;
    const auto compare = [&](const std::vector<double>& mine, const std::vector<float>& theirs) {
      for (std::size_t j = 0; j < mine.size(); ++j) {
        const double difference = std::abs(mine[j] - theirs[j]);
        if (!(difference <= largest)) {
          largest = difference;
        }
        if (std::isnan(difference)) {
          largest = std::numeric_limits<double>::infinity();
        }
      }
    };
    compare(factors[side], other.factors);
    compare(biases[side], other.biases);
    return largest;
  }
};

double difference_at(const Context& context, const Ratings& ratings, const Schedule& schedule,
                     std::int32_t rank, const Likelihood& likelihood) {
  HostTable users(ratings.users, rank, RandomStream::user_start);
  HostTable items(ratings.items, rank, RandomStream::item_start);
  SerialDescent serial(users, items, ratings);
  cuda::SgdStep step = default_step(0);
  step.likelihood = likelihood;
  const auto stages = stages_of(schedule.grid);
  for (const std::int32_t stage : stages) {
    for (std::int32_t part = 0; part < schedule.grid; ++part) {
      const auto block =
          static_cast<std::size_t>(part * schedule.grid + (part + stage) % schedule.grid);
      for (auto j = static_cast<std::size_t>(schedule.block_offsets[block]);
           j < static_cast<std::size_t>(schedule.block_offsets[block + 1]); ++j) {
        serial.visit(step, schedule.users[j], schedule.items[j],
                     static_cast<double>(schedule.ratings[j]));
      }
    }
  }
  Resident user_table(context, users);
  Resident item_table(context, items);
  cuda::SgdEpochs epochs(context, schedule.view(), offsets_of(ratings.user_of, ratings.users),
                         offsets_of(ratings.item_of, ratings.items), 0.5, rank);
  epochs.blocked_epoch(user_table.table(), item_table.table(), step, stages, 0);
  user_table.read(users);
  item_table.read(items);
  return std::max(serial.largest_difference(0, users), serial.largest_difference(1, items));
}

}  // namespace

std::vector<SgdBenchmark> benchmark_sgd(const Context& context, const SgdShape& shape,
                                        const SgdBenchmarkOptions& options) {
  const Ratings ratings = make_ratings(shape);
  std::vector<SgdBenchmark> results;
  const auto run = [&](const Schedule& schedule, bool hogwild, const cuda::SgdOptions& how) {
    for (const std::int32_t rank : options.ranks) {
      results.push_back(
          time_epochs(context, ratings, schedule, rank, hogwild, how, options.epochs));
      print(shape, results.back());
    }
  };
  // Items, of which few have most of the ratings, as host/train/sgd_schedule.cpp has it.
  const Schedule runs = make_schedule(ratings, 1, Grouping::by_item);
  for (const SgdStorage storage : options.storages) {
    for (const double meetings : options.most_meetings) {
      cuda::SgdOptions how;
      how.storage = storage;
      how.most_meetings = meetings;
      run(runs, true, how);
    }
  }
  if (options.grid > 0) {
    const Schedule blocks = make_schedule(ratings, options.grid, Grouping::by_user);
    for (const SgdStorage storage : options.storages) {
      cuda::SgdOptions how;
      how.storage = storage;
      run(blocks, false, how);
    }
  }
  return results;
}

double largest_sgd_difference(const Context& context) {
  Ratings ratings = make_ratings({"small", 101, 67, 3001});
  for (float& value : ratings.values) {
    value = value > 0 ? 1.0F : 0.0F;  // what every likelihood can explain
  }
  const Schedule schedule = make_schedule(ratings, 7, Grouping::by_user);
  double largest = 0;
  for (const Likelihood& likelihood : {Likelihood(Gaussian{}), Likelihood(Laplace{}),
                                       Likelihood(Poisson{}), Likelihood(Bernoulli{})}) {
    for (const std::int32_t rank : {0, 1, 31, 64, 100, 128, 200, 300}) {
      largest = std::max(largest, difference_at(context, ratings, schedule, rank, likelihood));
    }
  }
  std::printf("sgd check: largest difference from a serial loop in double %.2g\n", largest);
  return largest;
}

}  // namespace alsatian::bench
