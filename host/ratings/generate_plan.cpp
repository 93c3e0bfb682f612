// The laws that generated data follows, with their parameters.
// Two shapes of MovieLens are imitated: how active users are, and how popular items are.
#include "host/ratings/generate_plan.hpp"

#include "host/error.hpp"
#include "kernels/math/random.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <string>

namespace alsatian {
namespace {

constexpr double item_bias_deviation = 0.45;

/// Rows of RandomStream::generate, one per use.
enum class Use : std::uint64_t { user_ids, item_ids, activity, popularity_rank, cover };

RandomWords words_for(const GenerateOptions& options, Use use) {
  return {options.seed, RandomStream::generate, static_cast<std::uint64_t>(use)};
}

std::vector<std::int32_t> random_items(const GenerateOptions& options, Use use) {
  std::vector<std::int32_t> items(static_cast<std::size_t>(options.items));
  std::iota(items.begin(), items.end(), 0);
  RandomWords words = words_for(options, use);
  shuffle(View<std::int32_t>(items), words);
  return items;
}

/// Ids from 1 on; one in `one_in` is followed by a gap of up to `widest`.
std::vector<std::int64_t> ids_with_gaps(std::int64_t count, RandomWords words, std::uint32_t one_in,
                                        std::uint32_t widest) {
  std::vector<std::int64_t> ids;
  ids.reserve(static_cast<std::size_t>(count));
  std::int64_t next = 1;
  for (std::int64_t index = 0; index < count; ++index) {
    ids.push_back(next++);
    if (uniform_below(words(), one_in) == 0) next += 1 + uniform_below(words(), widest);
  }
  return ids;
}

/// Zipf-Mandelbrot: the item of rank j has weight (j + offset)^−2. This offset has the most
/// popular item rated by about half of the users, as in every MovieLens data set, and the exponent
/// then gives the median item of ml-100k, ml-1m and ml-25m to within a factor of two.
std::vector<double> draw_popularity(const GenerateOptions& options) {
  const double mean_activity =
      static_cast<double>(options.ratings) / static_cast<double>(options.users);
  const double offset = std::max(mean_activity / 0.7, 1.0);
  const auto items = random_items(options, Use::popularity_rank);
  std::vector<double> popularity(items.size());
  for (std::size_t rank = 0; rank < items.size(); ++rank) {
    const double position = static_cast<double>(rank) + offset;
    popularity[static_cast<std::size_t>(items[rank])] = 1 / (position * position);
  }
  return popularity;
}

/// Spreads the items evenly over the ratings: item t of the order falls to the user who has rating
/// number ⌊t·ratings/items⌋. These are all different, so no user is given more than its ratings.
std::vector<std::int64_t> spread_cover(const GenerateOptions& options,
                                       std::span<const std::int64_t> rating_offsets) {
  const std::int64_t whole = options.ratings / options.items;
  const std::int64_t rest = options.ratings % options.items;
  std::vector<std::int64_t> offsets(rating_offsets.size(), 0);
  std::int64_t covered = 0;
  for (std::size_t user = 0; user + 1 < rating_offsets.size(); ++user) {
    while (covered < options.items &&
           covered * whole + covered * rest / options.items < rating_offsets[user + 1]) {
      ++covered;
    }
    offsets[user + 1] = covered;
  }
  return offsets;
}

void draw_items(const GenerateOptions& options, GeneratePlan& plan) {
  const auto items = static_cast<std::size_t>(options.items);
  const auto rank = static_cast<std::size_t>(options.rank);
  plan.item_factors.resize(items * rank);
  plan.item_biases.resize(items);
  const double deviation = factor_deviation(options.rank);
  for (std::size_t item = 0; item < items; ++item) {
    RandomWords words(options.seed, RandomStream::generate_item, item);
    NormalDraws normals(words);
    plan.item_biases[item] = static_cast<float>(item_bias_deviation * normals());
    for (std::size_t column = 0; column < rank; ++column) {
      plan.item_factors[item * rank + column] = static_cast<float>(deviation * normals());
    }
  }
}

}  // namespace

AliasTable::AliasTable(std::span<const double> weights)
    : own_share_(weights.size()), alias_(weights.size()) {
  const double mean =
      std::accumulate(weights.begin(), weights.end(), 0.0) / static_cast<double>(weights.size());
  std::vector<std::int32_t> below;
  std::vector<std::int32_t> above;
  for (std::size_t index = 0; index < weights.size(); ++index) {
    own_share_[index] = weights[index] / mean;
    alias_[index] = static_cast<std::int32_t>(index);
    (own_share_[index] < 1 ? below : above).push_back(static_cast<std::int32_t>(index));
  }
  // Each cell below its share is filled up by one above, which may then fall below itself.
  while (!below.empty() && !above.empty()) {
    const auto poor = static_cast<std::size_t>(below.back());
    const auto rich = static_cast<std::size_t>(above.back());
    below.pop_back();
    alias_[poor] = above.back();
    own_share_[rich] -= 1 - own_share_[poor];
    if (own_share_[rich] < 1) {
      below.push_back(above.back());
      above.pop_back();
    }
  }
}

std::int32_t AliasTable::draw(std::uint32_t cell_word, std::uint32_t coin_word) const {
  const auto cell = uniform_below(cell_word, static_cast<std::uint32_t>(alias_.size()));
  return uniform(coin_word) < own_share_[cell] ? static_cast<std::int32_t>(cell) : alias_[cell];
}

void check_generate_options(const GenerateOptions& options) {
  const auto refuse = [](const std::string& option, const std::string& limits,
                         const std::string& help) {
    throw Error(ExitCode::usage, option, "must be " + limits, help);
  };
  constexpr std::int64_t most_rows = std::numeric_limits<std::int32_t>::max();
  constexpr std::int32_t largest_rank = 1024;
  const std::string rows = fmt::format("between 1 and {}", most_rows);
  if (options.users < 1 || options.users > most_rows) {
    refuse(fmt::format("--users {}", options.users), rows, "try --users 610");
  }
  if (options.items < 1 || options.items > most_rows) {
    refuse(fmt::format("--items {}", options.items), rows, "try --items 9724");
  }
  if (options.ratings < 1 || options.ratings > options.users * options.items) {
    refuse(fmt::format("--ratings {}", options.ratings),
           fmt::format("between 1 and users times items, {}", options.users * options.items),
           "each pair is rated at most once; ask for fewer ratings or more users or items");
  }
  if (options.rank < 0 || options.rank > largest_rank) {
    refuse(fmt::format("--rank {}", options.rank), fmt::format("between 0 and {}", largest_rank),
           "try --rank 20");
  }
  if (!(options.noise >= 0) || !std::isfinite(options.noise)) {
    refuse(fmt::format("--noise {}", options.noise), "a number of stars, 0 or more",
           "try --noise 0.7");
  }
}

std::vector<std::int64_t> generated_item_ids(const GenerateOptions& options) {
  return ids_with_gaps(options.items, words_for(options, Use::item_ids), 2, 6);
}

std::vector<std::int64_t> ratings_per_user(const GenerateOptions& options) {
  constexpr double log_deviation = 1.25;  // between ml-1m's and ml-25m's
  const std::int64_t least =
      options.ratings < options.users
          ? 0
          : std::clamp<std::int64_t>(options.ratings / options.users / 5, 1, 20);
  RandomWords words = words_for(options, Use::activity);
  NormalDraws normals(words);
  std::vector<double> weights(static_cast<std::size_t>(options.users));
  for (double& weight : weights) weight = std::exp(log_deviation * normals());

  // Nobody in MovieLens has rated more than about two thirds of the items.
  const std::int64_t most = options.ratings / options.users < options.items / 2
                                ? options.items - options.items / 3
                                : options.items;
  const auto count = [&](double weight, double scale) {
    const double wanted = std::floor(static_cast<double>(least) + scale * weight);
    return static_cast<std::int64_t>(std::min(wanted, static_cast<double>(most)));
  };
  const auto total = [&](double scale) {
    std::int64_t sum = 0;
    for (const double weight : weights) sum += count(weight, scale);
    return sum;
  };
  // The largest scale found that does not give too many; what is missing goes to the first users.
  double low = 0;
  double high = 1;
  while (total(high) < options.ratings) high *= 2;
  constexpr int halvings = 60;
  for (int step = 0; step < halvings; ++step) {
    const double middle = low + (high - low) / 2;
    (total(middle) <= options.ratings ? low : high) = middle;
  }
  std::vector<std::int64_t> counts;
  for (const double weight : weights) counts.push_back(count(weight, low));
  std::int64_t missing = options.ratings - total(low);
  while (missing > 0) {
    for (std::size_t user = 0; user < counts.size() && missing > 0; ++user) {
      if (counts[user] == most) continue;
      ++counts[user];
      --missing;
    }
  }
  return counts;
}

double factor_deviation(std::int32_t rank) {
  constexpr double interaction_deviation = 0.4;
  return rank > 0 ? std::sqrt(interaction_deviation / std::sqrt(static_cast<double>(rank))) : 0;
}

GeneratePlan plan_ratings(const GenerateOptions& options) {
  check_generate_options(options);
  GeneratePlan plan;
  plan.user_ids = ids_with_gaps(options.users, words_for(options, Use::user_ids), 8, 4);
  plan.item_ids = generated_item_ids(options);
  const std::vector<std::int64_t> counts = ratings_per_user(options);
  plan.rating_offsets.assign(counts.size() + 1, 0);
  std::inclusive_scan(counts.begin(), counts.end(), plan.rating_offsets.begin() + 1);
  plan.popularity = draw_popularity(options);
  plan.cover_offsets.assign(counts.size() + 1, 0);
  if (options.ratings >= options.items) {
    plan.covered_items = random_items(options, Use::cover);
    plan.cover_offsets = spread_cover(options, plan.rating_offsets);
  }
  draw_items(options, plan);
  return plan;
}

}  // namespace alsatian
