// Planted ratings as a reader gives them, and the data set that they make: what tests of the
// trainer start from. Problems for backends are in training_problems.hpp.
#pragma once

#include "host/ratings/dataset.hpp"
#include "kernels/math/random.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>

namespace alsatian::testing {

/// Ratings 1 to 5 around planted factors, as a reader would give them; ids are not contiguous.
inline RawRatings planted_ratings(std::int32_t users, std::int32_t items, double density,
                                  const std::function<double(double)>& transform = {}) {
  RawRatings ratings;
  const auto draw = [](std::int64_t row, std::uint32_t index) {
    const Random4 words = philox(5, RandomStream::generate, static_cast<std::uint64_t>(row), index);
    return normal(words.word[0], words.word[1]).value[0];
  };
  for (std::int32_t user = 0; user < users; ++user) {
    for (std::int32_t item = 0; item < items; ++item) {
      const Random4 words = philox(6, RandomStream::generate, static_cast<std::uint64_t>(user),
                                   static_cast<std::uint32_t>(item));
      if (uniform(words.word[0]) > density) continue;
      double rating = 3.4 + 0.4 * draw(user, 0) + 0.4 * draw(1000 + item, 0) +
                      0.4 * normal(words.word[1], words.word[2]).value[0];
      for (std::uint32_t q = 1; q < 4; ++q) rating += 0.4 * draw(user, q) * draw(1000 + item, q);
      rating = std::min(5.0, std::max(1.0, std::round(rating)));
      ratings.users.values.push_back(7 + 3 * user);
      ratings.items.values.push_back(100 - 2 * item);
      ratings.ratings.push_back(static_cast<float>(transform ? transform(rating) : rating));
    }
  }
  ratings.path = "planted.csv";
  ratings.lines.set(0, 1);
  ratings.account.read = ratings.size();
  ratings.account.used = ratings.size();
  return ratings;
}

inline Dataset planted_dataset(double validation_share = 0,
                               const std::function<double(double)>& transform = {}) {
  SplitRule split;
  split.kind = SplitRule::Kind::holdout;
  split.share = 0.2;
  split.validation_share = validation_share;
  return build_dataset(planted_ratings(83, 59, 0.5, transform), {}, split);
}

}  // namespace alsatian::testing
