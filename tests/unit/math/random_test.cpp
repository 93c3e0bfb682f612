// Claims about the counter-based random numbers.
// Known answers are those of the authors' own test vectors; laws are checked by their moments.
#include "kernels/math/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

namespace alsatian {
namespace {

constexpr std::uint32_t all_ones = std::numeric_limits<std::uint32_t>::max();

std::vector<std::uint32_t> philox_of(std::array<std::uint32_t, 4> counter,
                                     std::array<std::uint32_t, 2> key) {
  const std::uint64_t seed = (std::uint64_t{key[1]} << 32) | key[0];
  const std::uint64_t row = (std::uint64_t{counter[2]} << 32) | counter[1];
  const Random4 words = philox(seed, static_cast<RandomStream>(counter[3]), row, counter[0]);
  return {words.word, words.word + 4};
}

using Words = std::vector<std::uint32_t>;

TEST(Philox, GivesThePublishedAnswers) {
  EXPECT_EQ(philox_of({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox_of({all_ones, all_ones, all_ones, all_ones}, {all_ones, all_ones}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox_of({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, ChangesWithSeedStreamRowAndIndex) {
  const auto word = [](std::uint64_t seed, RandomStream stream, std::uint64_t row,
                       std::uint32_t index) { return philox(seed, stream, row, index).word[0]; };
  const std::uint32_t first = word(1, RandomStream::user_start, 2, 3);
  EXPECT_NE(first, word(2, RandomStream::user_start, 2, 3));
  EXPECT_NE(first, word(1, RandomStream::item_start, 2, 3));
  EXPECT_NE(first, word(1, RandomStream::user_start, 3, 3));
  EXPECT_NE(first, word(1, RandomStream::user_start, 2, 4));
  EXPECT_NE(first, word(1, RandomStream::user_start, 2 + (std::uint64_t{1} << 32), 3));
  EXPECT_NE(first, word(1 + (std::uint64_t{1} << 32), RandomStream::user_start, 2, 3));
}

TEST(Uniform, StaysInsideTheOpenUnitInterval) {
  EXPECT_GT(uniform(0), 0.0);
  EXPECT_LT(uniform(all_ones), 1.0);
  EXPECT_DOUBLE_EQ(uniform(0x80000000U), 0.5 + 0x1p-33);
}

TEST(UniformBelow, ReachesEveryValueAndNeverTheBound) {
  EXPECT_EQ(uniform_below(0, 7), 0U);
  EXPECT_EQ(uniform_below(all_ones, 7), 6U);
  EXPECT_EQ(uniform_below(all_ones, all_ones), all_ones - 1);
  EXPECT_EQ(uniform_below(0x12345678U, 1), 0U);
}

TEST(Normal, HasTheMomentsOfTheStandardNormal) {
  constexpr int draws = 200'000;
  RandomWords words(5, RandomStream::user_start, 0);
  NormalDraws normal_draw(words);
  std::array<double, 5> moments{};
  double product = 0;
  double previous = 0;
  for (int draw = 0; draw < draws; ++draw) {
    const double value = normal_draw();
    for (std::size_t power = 1; power < moments.size(); ++power) {
      moments[power] += std::pow(value, static_cast<double>(power)) / draws;
    }
    product += value * previous / draws;
    previous = value;
  }
  // Four standard errors: the variance of the p-th moment's mean is (E x^2p − (E x^p)²)/draws.
  const double error = 4 / std::sqrt(static_cast<double>(draws));
  EXPECT_NEAR(moments[1], 0, error);
  EXPECT_NEAR(moments[2], 1, error * std::sqrt(2.0));
  EXPECT_NEAR(moments[3], 0, error * std::sqrt(15.0));
  EXPECT_NEAR(moments[4], 3, error * std::sqrt(96.0));
  EXPECT_NEAR(product, 0, error);
}

TEST(Normal, IsFiniteAtBothEndsOfTheWords) {
  for (const std::uint32_t first : {0U, all_ones}) {
    for (const std::uint32_t second : {0U, all_ones}) {
      EXPECT_TRUE(std::isfinite(normal(first, second).value[0]));
      EXPECT_TRUE(std::isfinite(normal(first, second).value[1]));
    }
  }
}

TEST(RandomWords, AreTheWordsOfSuccessiveCounters) {
  RandomWords words(9, RandomStream::rating_order, 4);
  for (std::uint32_t index = 0; index < 3; ++index) {
    const Random4 block = philox(9, RandomStream::rating_order, 4, index);
    for (const std::uint32_t word : block.word) EXPECT_EQ(words(), word);
  }
}

TEST(Shuffle, MakesEveryOrderOfFourEquallyLikely) {
  constexpr int draws = 24'000;
  std::map<std::vector<int>, int> counts;
  RandomWords words(3, RandomStream::item_order, 0);
  for (int draw = 0; draw < draws; ++draw) {
    std::vector<int> values{0, 1, 2, 3};
    shuffle(View<int>(values), words);
    ++counts[values];
  }
  ASSERT_EQ(counts.size(), 24U);
  double chi_square = 0;
  for (const auto& [order, count] : counts) chi_square += std::pow(count - 1000.0, 2) / 1000.0;
  // 23 degrees of freedom: mean 23, deviation √46; four deviations.
  EXPECT_LT(chi_square, 23 + 4 * std::sqrt(46.0));
}

TEST(Shuffle, KeepsEveryValueOnceAtOddSizes) {
  for (const std::int64_t size : {0, 1, 2, 37}) {
    std::vector<std::int64_t> values(static_cast<std::size_t>(size));
    std::iota(values.begin(), values.end(), 0);
    RandomWords words(8, RandomStream::user_order, 1);
    shuffle(View<std::int64_t>(values), words);
    std::sort(values.begin(), values.end());
    for (std::int64_t index = 0; index < size; ++index) {
      EXPECT_EQ(values[static_cast<std::size_t>(index)], index);
    }
  }
}

}  // namespace
}  // namespace alsatian
