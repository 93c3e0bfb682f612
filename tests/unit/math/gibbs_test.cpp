// Claims about the random numbers of Gibbs sampling: gamma draws, and keys that never meet.
// Moments against their closed forms; the tails are those of the joint distribution tests.
#include "kernels/math/gibbs.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace alsatian {
namespace {

class GammaDraw : public ::testing::TestWithParam<double> {};

TEST_P(GammaDraw, HasTheMomentsOfItsShape) {
  constexpr int draws = 100'000;
  const double shape = GetParam();
  RandomWords words = GibbsKey{3, 4}.words(RandomStream::gibbs_noise, 0);
  double sum = 0;
  double squares = 0;
  for (int draw = 0; draw < draws; ++draw) {
    const double difference = gamma_draw(shape, words) - shape;
    sum += difference;
    squares += difference * difference;
  }
  // Mean and variance are the shape; the fourth central moment is 3 shape² + 6 shape.
  EXPECT_LE(std::abs(sum / draws), 4.5 * std::sqrt(shape / draws));
  EXPECT_LE(std::abs(squares / draws - shape),
            4.5 * std::sqrt((2 * shape * shape + 6 * shape) / draws));
}

INSTANTIATE_TEST_SUITE_P(Shapes, GammaDraw, ::testing::Values(1.0, 1.5, 7.0, 50'000.0));

TEST(GibbsKey, GivesOtherWordsForAnotherSeedSweepStreamOrRow) {
  std::set<std::uint32_t> first_words;
  for (const std::uint64_t seed : {1U, 2U}) {
    for (const std::uint32_t sweep : {0U, 1U}) {
      for (const RandomStream stream : {gibbs_user_streams.rows, gibbs_item_streams.rows}) {
        for (const std::int64_t row : {0, 1}) {
          first_words.insert(GibbsKey{seed, sweep}.words(stream, row)());
        }
      }
    }
  }
  EXPECT_EQ(first_words.size(), 16U);
}

TEST(GibbsKey, GivesEachChainWordsOfItsOwnAndTheFirstThoseOfNoChain) {
  const GibbsKey first{.seed = 42, .sweep = 7};
  const GibbsKey second{.seed = 42, .sweep = 7, .chain = 1};
  const GibbsKey third{.seed = 42, .sweep = 7, .chain = 2};
  RandomWords plain(42, RandomStream::gibbs_user_rows, (std::uint64_t{7} << 32) | 5);
  RandomWords words = first.words(RandomStream::gibbs_user_rows, 5);
  RandomWords other = second.words(RandomStream::gibbs_user_rows, 5);
  RandomWords another = third.words(RandomStream::gibbs_user_rows, 5);
  for (int draw = 0; draw < 9; ++draw) {
    const std::uint32_t word = words();
    EXPECT_EQ(word, plain());
    const std::uint32_t other_word = other();
    EXPECT_NE(word, other_word);
    EXPECT_NE(other_word, another());
  }
}

}  // namespace
}  // namespace alsatian
