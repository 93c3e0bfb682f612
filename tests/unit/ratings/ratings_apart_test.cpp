// Claims about ratings that lie apart from all others: slips are found, and honest tails are none.
// The oracle sorts the ratings and tries every range that their values have.
#include "host/ratings/ratings_apart.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace alsatian {
namespace {

using Ratings = std::vector<float>;
using Draw = std::function<double(std::mt19937_64&)>;

Ratings drawn(std::size_t count, std::uint64_t seed, const Draw& draw) {
  std::mt19937_64 rng(seed);
  Ratings ratings(count);
  for (float& rating : ratings) rating = static_cast<float>(draw(rng));
  return ratings;
}

/// Half a star to five, all alike often.
Ratings half_stars(std::size_t count) {
  Ratings ratings(count);
  for (std::size_t n = 0; n < count; ++n) ratings[n] = 0.5F + 0.5F * static_cast<float>(n % 10);
  return ratings;
}

Ratings with(Ratings ratings, const Ratings& more) {
  ratings.insert(ratings.begin() + std::ssize(ratings) / 2, more.begin(), more.end());
  return ratings;
}

void expect_apart(const Ratings& ratings, float lowest, float highest, std::int64_t count) {
  const auto apart = ratings_apart(ratings);
  ASSERT_TRUE(apart);
  EXPECT_EQ(apart->lowest, lowest);
  EXPECT_EQ(apart->highest, highest);
  EXPECT_EQ(apart->count, count);
  EXPECT_EQ(std::ranges::count_if(ratings, [&](float rating) { return apart->has(rating); }),
            count);
}

/// Every range of values that the rule calls that of the others, by its words.
std::vector<RatingsApart> ranges_by_rule(Ratings ratings) {
  std::ranges::sort(ratings);
  std::vector<RatingsApart> found;
  const auto size = std::ssize(ratings);
  const auto at = [&](std::int64_t n) {
    return static_cast<double>(ratings[static_cast<std::size_t>(n)]);
  };
  const std::int64_t most = std::max<std::int64_t>(1, size / 1000);
  for (std::int64_t below = 0; below <= std::min(most, size - 1); ++below) {
    for (std::int64_t above = 0; above + below <= std::min(most, size - 1); ++above) {
      const std::int64_t last = size - 1 - above;
      const double range = at(last) - at(below);
      const double tenth = range / 10;
      std::int64_t low = 0;
      std::int64_t high = 0;
      bool has_third = false;
      for (std::int64_t n = below; n <= last; ++n) {
        low += at(n) <= at(below) + tenth ? 1 : 0;
        high += at(n) >= at(last) - tenth ? 1 : 0;
        has_third |= at(n) != at(below) && at(n) != at(last);
      }
      const auto many = [&](std::int64_t count) {
        return count >= 10 && 100 * count >= last - below + 1;
      };
      const bool holds = below + above > 0 && has_third &&
                         (below == 0 || (at(below) - at(below - 1) > range && many(low))) &&
                         (above == 0 || (at(last + 1) - at(last) > range && many(high)));
      if (holds) {
        found.push_back(
            {static_cast<float>(at(below)), static_cast<float>(at(last)), below + above});
      }
    }
  }
  return found;
}

TEST(RatingsApart, AreSlipsBeyondEitherEndOfAScale) {
  expect_apart(with(half_stars(1000), {45}), 0.5F, 5, 1);
  expect_apart(with(half_stars(1000), {-45}), 0.5F, 5, 1);
  expect_apart(with(half_stars(100), {10}), 0.5F, 5, 1);
  expect_apart(with(half_stars(5000), {45, 12, 35, 4500}), 0.5F, 5, 4);
  expect_apart(with(half_stars(5000), {45, -45, -1e30F, 1e30F}), 0.5F, 5, 4);
  expect_apart(with(half_stars(2000), {104, -98}), 0.5F, 5, 2);  // the scale is halfway between
}

TEST(RatingsApart, AreNoneWhereTheyAreManyNearOrOfFew) {
  EXPECT_FALSE(ratings_apart(half_stars(1000)));
  EXPECT_FALSE(ratings_apart(with(half_stars(1000), {9.5F})));    // a gap of the range, not wider
  EXPECT_FALSE(ratings_apart(with(half_stars(1900), {45, 45})));  // more than one in a thousand
  EXPECT_FALSE(ratings_apart(with(half_stars(90), {45})));
  EXPECT_FALSE(ratings_apart({}));
  EXPECT_FALSE(ratings_apart(Ratings{3}));
  EXPECT_FALSE(ratings_apart(with(Ratings(1000, 3), {45})));
}

TEST(RatingsApart, AreNoneOfYesAndNo) {
  Ratings clicks(1000, 1);
  EXPECT_FALSE(ratings_apart(clicks));
  EXPECT_FALSE(ratings_apart(with(clicks, {0})));
  clicks[7] = 0;
  for (std::size_t n = 0; n < 300; ++n) clicks[3 * n] = 0;
  EXPECT_FALSE(ratings_apart(clicks));
}

TEST(RatingsApart, AreThoseOutOfNoRangeThatIsLeftOutAnyway) {
  const Ratings ratings = with(half_stars(2000), {45, 4500});
  EXPECT_FALSE(ratings_apart(ratings, 0.5, 5));
  const auto apart = ratings_apart(ratings, 0, 100);
  ASSERT_TRUE(apart);
  EXPECT_EQ(apart->count, 1);
}

TEST(RatingsApart, AreFoundOnAScaleOfAnyNumberOfValues) {
  // As Jester's jokes: -10 to 10, dense at both ends.
  const Draw jester = [](std::mt19937_64& rng) {
    return 10 * std::sin(std::uniform_real_distribution<double>(-1.57, 1.57)(rng));
  };
  const Ratings jokes = drawn(20000, 5, jester);
  EXPECT_FALSE(ratings_apart(jokes));
  expect_apart(with(jokes, {99, 99, -85}), *std::ranges::min_element(jokes),
               *std::ranges::max_element(jokes), 3);
}

/// The docstring bounds one false warning by e^-10; there are 1,800 data sets here.
TEST(RatingsApart, AreNoneInTheTailsOfCountsPricesAndWaitingTimes) {
  const auto poisson = [](double mean) {
    return [mean](std::mt19937_64& rng) {
      return static_cast<double>(std::poisson_distribution<int>(mean)(rng));
    };
  };
  const auto log_normal = [](double deviation) {
    return [deviation](std::mt19937_64& rng) {
      return std::lognormal_distribution<double>(3, deviation)(rng);
    };
  };
  const auto pareto = [](double exponent) {  // plays of a song
    return [exponent](std::mt19937_64& rng) {
      const double share = 1 - std::uniform_real_distribution<double>()(rng);
      return std::floor(std::min(std::pow(share, -1 / exponent), 1e9));
    };
  };
  const Draw exponential = [](std::mt19937_64& rng) {
    return std::exponential_distribution<double>(0.1)(rng);
  };
  const Draw normal = [](std::mt19937_64& rng) { return std::normal_distribution<double>()(rng); };
  const std::vector<Draw> draws{poisson(0.01), poisson(0.1),  poisson(1),  poisson(30),
                                pareto(0.8),   pareto(1.5),   pareto(3),   log_normal(0.3),
                                log_normal(1), log_normal(2), exponential, normal};
  for (std::size_t law = 0; law < draws.size(); ++law) {
    for (const std::size_t count : {101U, 1003U, 5001U}) {
      for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        EXPECT_FALSE(ratings_apart(drawn(count, seed, draws[law])))
            << "law " << law << ", " << count << " ratings, seed " << seed;
      }
    }
  }
}

TEST(RatingsApart, AreThoseThatTheRuleSaysOfEveryRange) {
  std::mt19937_64 rng(11);
  int found = 0;
  for (int round = 0; round < 400; ++round) {
    const auto values = std::uniform_int_distribution<int>(2, 9)(rng);
    const auto count = std::uniform_int_distribution<std::size_t>(90, 3100)(rng);
    Ratings ratings = drawn(count, rng(), [&](std::mt19937_64& source) {
      return static_cast<double>(std::uniform_int_distribution<int>(1, values)(source));
    });
    const int slips = std::uniform_int_distribution<int>(0, 4)(rng);
    for (int slip = 0; slip < slips; ++slip) {
      ratings.push_back(static_cast<float>(std::uniform_int_distribution<int>(-60, 60)(rng)));
    }
    const std::vector<RatingsApart> expected = ranges_by_rule(ratings);
    const auto apart = ratings_apart(ratings);
    ASSERT_EQ(apart.has_value(), !expected.empty()) << "round " << round;
    if (!apart) continue;
    ++found;
    EXPECT_TRUE(std::ranges::any_of(expected,
                                    [&](const RatingsApart& range) {
                                      return range.lowest == apart->lowest &&
                                             range.highest == apart->highest &&
                                             range.count == apart->count;
                                    }))
        << "round " << round;
  }
  EXPECT_GT(found, 50);
  EXPECT_LT(found, 350);
}

}  // namespace
}  // namespace alsatian
