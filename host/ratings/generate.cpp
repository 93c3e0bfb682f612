// Draws each user's items, ratings and times, and writes them as text.
// Users are drawn in parallel by groups of a fixed size and written in order.
#include "host/ratings/generate.hpp"

#include "host/error.hpp"
#include "host/ratings/generate_plan.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/math/random.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace alsatian {
namespace {

constexpr double mean_rating = 3.5;
constexpr double user_bias_deviation = 0.4;

struct NamedShape {
  std::string_view name;
  std::int64_t users;
  std::int64_t items;
  std::int64_t ratings;
};

constexpr std::array shapes{
    NamedShape{"ml-100k", 943, 1682, 100000},      NamedShape{"ml-latest-small", 610, 9724, 100836},
    NamedShape{"ml-1m", 6040, 3706, 1000209},      NamedShape{"ml-10m", 69878, 10677, 10000054},
    NamedShape{"ml-20m", 138493, 26744, 20000263}, NamedShape{"ml-25m", 162541, 59047, 25000095},
    NamedShape{"ml-32m", 200948, 84432, 32000204}, NamedShape{"netflix", 480189, 17770, 100480507},
};

/// What a thread needs to draw one user after another.
struct UserScratch {
  std::vector<std::int64_t> chosen_by;  // [items], the last user who chose it
  std::vector<std::int32_t> items;      // of the user, ascending
  std::vector<std::pair<double, std::int32_t>> keys;
  std::vector<float> factors;

  UserScratch(std::size_t item_count, std::size_t rank)
      : chosen_by(item_count, -1), factors(rank) {}

  bool choose(std::int64_t user, std::int32_t item) {
    std::int64_t& by = chosen_by[static_cast<std::size_t>(item)];
    if (by == user) return false;
    by = user;
    items.push_back(item);
    return true;
  }
};

class RatingsGenerator {
 public:
  explicit RatingsGenerator(const GenerateOptions& options)
      : options_(options), plan_(plan_ratings(options)), by_popularity_(plan_.popularity) {}

  void write(const TextSink& sink) const;

 private:
  std::vector<std::int64_t> group_starts() const;
  std::string lines_of(std::int64_t first_user, std::int64_t last_user, UserScratch& scratch) const;
  void choose_items(std::int64_t user, RandomWords& words, UserScratch& scratch) const;
  void choose_many(std::int64_t user, std::size_t wanted, RandomWords& words,
                   UserScratch& scratch) const;
  void append_user(std::int64_t user, UserScratch& scratch, std::string& text) const;
  void append_rating(double rating, std::string& text) const;

  GenerateOptions options_;
  GeneratePlan plan_;
  AliasTable by_popularity_;
};

/// Weighted draws without replacement: one after the other where they are few, else by the keys of
/// Efraimidis and Spirakis (2006), which follow the same law.
void RatingsGenerator::choose_items(std::int64_t user, RandomWords& words,
                                    UserScratch& scratch) const {
  const auto row = static_cast<std::size_t>(user);
  const auto wanted =
      static_cast<std::size_t>(plan_.rating_offsets[row + 1] - plan_.rating_offsets[row]);
  scratch.items.clear();
  for (std::int64_t cover = plan_.cover_offsets[row]; cover < plan_.cover_offsets[row + 1];
       ++cover) {
    scratch.choose(user, plan_.covered_items[static_cast<std::size_t>(cover)]);
  }
  if (wanted > plan_.popularity.size() / 8) {
    choose_many(user, wanted, words, scratch);
  }
  while (scratch.items.size() < wanted) {
    const std::uint32_t cell_word = words();
    scratch.choose(user, by_popularity_.draw(cell_word, words()));
  }
  std::sort(scratch.items.begin(), scratch.items.end());
}

void RatingsGenerator::choose_many(std::int64_t user, std::size_t wanted, RandomWords& words,
                                   UserScratch& scratch) const {
  scratch.keys.clear();
  for (std::size_t item = 0; item < plan_.popularity.size(); ++item) {
    const double key = -std::log(uniform(words())) / plan_.popularity[item];
    if (scratch.chosen_by[item] != user) {
      scratch.keys.emplace_back(key, static_cast<std::int32_t>(item));
    }
  }
  const auto end =
      scratch.keys.begin() + static_cast<std::ptrdiff_t>(wanted - scratch.items.size());
  std::nth_element(scratch.keys.begin(), end, scratch.keys.end());
  std::for_each(scratch.keys.begin(), end,
                [&](const auto& key) { scratch.choose(user, key.second); });
}

void RatingsGenerator::append_rating(double rating, std::string& text) const {
  if (!options_.half_stars) {
    fmt::format_to(std::back_inserter(text), "{}", static_cast<float>(rating));
    return;
  }
  const auto half_stars = static_cast<int>(std::clamp(std::round(2 * rating), 1.0, 10.0));
  text += static_cast<char>('0' + half_stars / 2);
  text += half_stars % 2 == 0 ? ".0" : ".5";
}

/// A user's ratings are made in a few sittings of an hour, days apart, from 1996 to 2018.
class SittingTimes {
 public:
  SittingTimes(std::size_t ratings, RandomWords& words) : words_(words) {
    constexpr std::uint32_t years_1996_to_2017 = 22U * 365 * day;
    constexpr std::size_t ratings_per_sitting = 40;
    constexpr std::size_t most_sittings = 20;
    start_ += uniform_below(words_(), years_1996_to_2017);
    sittings_ =
        static_cast<std::uint32_t>(std::min(1 + ratings / ratings_per_sitting, most_sittings));
    days_apart_ = 1 + uniform_below(words_(), 14);
  }
  std::int64_t operator()() {
    const std::uint32_t sitting = uniform_below(words_(), sittings_);
    return start_ + std::int64_t{sitting} * days_apart_ * day + uniform_below(words_(), hour);
  }

 private:
  static constexpr std::uint32_t hour = 3600;
  static constexpr std::uint32_t day = 24 * hour;
  RandomWords& words_;
  std::int64_t start_ = 820454400;  // 1996-01-01 00:00:00 UTC
  std::uint32_t sittings_ = 1;
  std::uint32_t days_apart_ = 1;
};

void RatingsGenerator::append_user(std::int64_t user, UserScratch& scratch,
                                   std::string& text) const {
  const auto row = static_cast<std::size_t>(user);
  RandomWords choice_words(options_.seed, RandomStream::generate_user, 2 * row);
  RandomWords rating_words(options_.seed, RandomStream::generate_user, 2 * row + 1);
  choose_items(user, choice_words, scratch);
  NormalDraws normals(rating_words);
  SittingTimes times(scratch.items.size(), choice_words);
  const double deviation = factor_deviation(options_.rank);
  const double user_part = mean_rating + user_bias_deviation * normals();
  for (float& factor : scratch.factors) factor = static_cast<float>(deviation * normals());

  const std::string user_id = fmt::format("{},", plan_.user_ids[row]);
  for (const std::int32_t item : scratch.items) {
    const auto column = static_cast<std::size_t>(item);
    const float* item_factors = plan_.item_factors.data() + column * scratch.factors.size();
    double rating = user_part + static_cast<double>(plan_.item_biases[column]);
    for (std::size_t factor = 0; factor < scratch.factors.size(); ++factor) {
      rating +=
          static_cast<double>(scratch.factors[factor]) * static_cast<double>(item_factors[factor]);
    }
    if (options_.noise > 0) rating += options_.noise * normals();
    text += user_id;
    const fmt::format_int item_id(plan_.item_ids[column]);
    text.append(item_id.data(), item_id.size());
    text += ',';
    append_rating(rating, text);
    text += ',';
    const fmt::format_int time(times());
    text.append(time.data(), time.size());
    text += '\n';
  }
}

std::string RatingsGenerator::lines_of(std::int64_t first_user, std::int64_t last_user,
                                       UserScratch& scratch) const {
  std::string text;
  for (std::int64_t user = first_user; user < last_user; ++user) append_user(user, scratch, text);
  return text;
}

/// Users cut into groups of about as many ratings each, [groups + 1].
std::vector<std::int64_t> RatingsGenerator::group_starts() const {
  constexpr std::int64_t ratings_per_group = 1 << 15;
  std::vector<std::int64_t> starts{0};
  std::int64_t first_rating = 0;
  for (std::int64_t user = 1; user < options_.users; ++user) {
    const std::int64_t rating = plan_.rating_offsets[static_cast<std::size_t>(user)];
    if (rating - first_rating < ratings_per_group) continue;
    starts.push_back(user);
    first_rating = rating;
  }
  starts.push_back(options_.users);
  return starts;
}

void RatingsGenerator::write(const TextSink& sink) const {
  sink("userId,movieId,rating,timestamp\n");
  const std::vector<std::int64_t> starts = group_starts();
  // More groups than threads, so that a heavy user at the end of a batch keeps few of them waiting.
  const auto batch = static_cast<std::size_t>(8 * thread_count());
  for (std::size_t first = 0; first + 1 < starts.size(); first += batch) {
    std::vector<std::string> texts(std::min(batch, starts.size() - 1 - first));
    parallel_for_with(
        static_cast<std::int64_t>(texts.size()),
        [&] {
          return UserScratch(plan_.popularity.size(), static_cast<std::size_t>(options_.rank));
        },
        [&](std::int64_t offset, UserScratch& scratch) {
          const auto group = static_cast<std::size_t>(offset);
          texts[group] = lines_of(starts[first + group], starts[first + group + 1], scratch);
        });
    for (const std::string& text : texts) sink(text);
  }
}

}  // namespace

GenerateOptions generate_shape(std::string_view name) {
  std::string names;
  for (const NamedShape& shape : shapes) {
    if (shape.name == name) {
      return {.users = shape.users, .items = shape.items, .ratings = shape.ratings};
    }
    names += (names.empty() ? "" : ", ") + std::string(shape.name);
  }
  throw Error(ExitCode::usage, fmt::format("--shape {}", printable(name)),
              "must be one of " + names,
              "choose one of these, or give --users, --items and --ratings");
}

void generate_ratings(const GenerateOptions& options, const TextSink& sink) {
  RatingsGenerator(options).write(sink);
}

}  // namespace alsatian
