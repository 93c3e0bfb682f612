// Counter-based random numbers: a draw depends on what it is for, never on who drew before it.
// Philox4x32-10, Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
#pragma once

#include "kernels/math/host_device.hpp"
#include "kernels/math/views.hpp"

#include <cmath>
#include <cstdint>

namespace alsatian {

/// What a stream of random numbers is for: streams never share a counter. The values are part of
/// every saved model's meaning, so they are only ever added to.
enum class RandomStream : std::uint32_t {
  user_start = 1,
  item_start = 2,
  holdout_split = 3,
  validation_split = 4,
  fold_split = 5,
  user_order = 6,
  item_order = 7,
  stage_order = 8,
  rating_order = 9,
  generate = 10,
  generate_user = 11,
  generate_item = 12,
  generate_title = 13,
  chunk_order = 14,
  rounding = 15,
  gibbs_user_rows = 16,
  gibbs_item_rows = 17,
  gibbs_user_prior = 18,
  gibbs_item_prior = 19,
  gibbs_user_targets = 20,
  gibbs_item_targets = 21,
  gibbs_user_weights = 22,
  gibbs_item_weights = 23,
  gibbs_noise = 24,
  trial_choice = 25,
  bootstrap = 26,
  recommended_draw = 27,
  gibbs_user_given_weights = 28,
  gibbs_item_given_weights = 29,
};

/// A chain's own stream for the same purpose; chain 0 has the stream itself. chain is below 2^16.
ALSATIAN_HD constexpr RandomStream of_chain(RandomStream stream, std::uint32_t chain) {
  return static_cast<RandomStream>(static_cast<std::uint32_t>(stream) | (chain << 16));
}

struct Random4 {
  std::uint32_t word[4];
};

/// Four independent 32-bit words for (seed, stream, row, index).
ALSATIAN_HD inline Random4 philox(std::uint64_t seed, RandomStream stream, std::uint64_t row,
                                  std::uint32_t index) {
  std::uint32_t key0 = static_cast<std::uint32_t>(seed);
  std::uint32_t key1 = static_cast<std::uint32_t>(seed >> 32);
  Random4 counter{{index, static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(row >> 32),
                   static_cast<std::uint32_t>(stream)}};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * counter.word[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * counter.word[2];
    counter = {{static_cast<std::uint32_t>(product1 >> 32) ^ counter.word[1] ^ key0,
                static_cast<std::uint32_t>(product1),
                static_cast<std::uint32_t>(product0 >> 32) ^ counter.word[3] ^ key1,
                static_cast<std::uint32_t>(product0)}};
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  return counter;
}

/// Uniform in the open interval (0, 1): the middle of one of 2^32 equal cells.
ALSATIAN_HD inline double uniform(std::uint32_t word) { return (word + 0.5) * 0x1p-32; }

/// Uniform integer in [0, bound), bias below bound/2^32.
ALSATIAN_HD inline std::uint32_t uniform_below(std::uint32_t word, std::uint32_t bound) {
  return static_cast<std::uint32_t>((std::uint64_t{word} * bound) >> 32);
}

/// The words of philox(seed, stream, row, 0), philox(seed, stream, row, 1), … one after the other.
class RandomWords {
 public:
  ALSATIAN_HD RandomWords(std::uint64_t seed, RandomStream stream, std::uint64_t row)
      : seed_(seed), row_(row), stream_(stream) {}

  ALSATIAN_HD std::uint32_t operator()() {
    const std::uint32_t position = next_ % 4;
    if (position == 0) drawn_ = philox(seed_, stream_, row_, next_ / 4);
    ++next_;
    return drawn_.word[position];
  }

 private:
  std::uint64_t seed_;
  std::uint64_t row_;
  RandomStream stream_;
  std::uint32_t next_ = 0;
  Random4 drawn_{};
};

/// Puts the values, fewer than 2^32, in a random order: every order is about as likely.
/// Durstenfeld (1964), Algorithm 235.
template <typename T>
ALSATIAN_HD void shuffle(View<T> values, RandomWords& words) {
  for (std::int64_t last = values.size() - 1; last > 0; --last) {
    const std::int64_t other = uniform_below(words(), static_cast<std::uint32_t>(last + 1));
    const T value = values[last];
    values[last] = values[other];
    values[other] = value;
  }
}

struct Normal2 {
  double value[2];
};

/// Two independent standard normal draws from two words (Box and Muller 1958).
ALSATIAN_HD inline Normal2 normal(std::uint32_t first, std::uint32_t second) {
  const double radius = std::sqrt(-2.0 * std::log(uniform(first)));
  const double angle = 6.283185307179586 * uniform(second);
  return {{radius * std::cos(angle), radius * std::sin(angle)}};
}

/// Standard normal draws one after the other, two from every two words. words outlives it.
class NormalDraws {
 public:
  ALSATIAN_HD explicit NormalDraws(RandomWords& words) : words_(words) {}

  ALSATIAN_HD double operator()() {
    has_second_ = !has_second_;
    if (!has_second_) return pair_.value[1];
    const std::uint32_t first = words_();
    pair_ = normal(first, words_());
    return pair_.value[0];
  }

 private:
  RandomWords& words_;
  Normal2 pair_{};
  bool has_second_ = false;
};

}  // namespace alsatian
