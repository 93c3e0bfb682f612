// The public data sets give the counts and sums that their makers state, to the last line.
// Skips where the data is not at hand.
#include "host/ratings/reader.hpp"
#include "kernels/cpu/parallel.hpp"
#include "tests/support/data.hpp"
#include "tests/unit/ratings/read_rows.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <string>

namespace alsatian {
namespace {

std::size_t distinct(const RawIds& ids) {
  return ids.values.visit(
      [](const auto& values) { return std::set(values.begin(), values.end()).size(); });
}

double sum(const RawRatings& ratings) {
  return std::accumulate(ratings.ratings.begin(), ratings.ratings.end(), 0.0);
}

TEST(RealData, MovieLens100kHas100000RatingsOf943UsersAnd1682Items) {
  ALSATIAN_REQUIRE_DATA(folder, "ml-100k");
  const RawRatings ratings = read_ratings(folder->string(), {});
  EXPECT_EQ(ratings.size(), 100000);
  EXPECT_EQ(ratings.account.read, 100000);
  EXPECT_EQ(distinct(ratings.users), 943U);
  EXPECT_EQ(distinct(ratings.items), 1682U);
  EXPECT_DOUBLE_EQ(sum(ratings), 352986);
  EXPECT_EQ(*std::ranges::min_element(ratings.times), 874724710);
}

TEST(RealData, MovieLensLatestSmallHas100836Ratings) {
  ALSATIAN_REQUIRE_DATA(folder, "ml-latest-small");
  const RawRatings ratings = read_ratings(folder->string(), {});
  EXPECT_EQ(ratings.size(), 100836);
  EXPECT_EQ(ratings.account.header, 1);
  EXPECT_EQ(ratings.lines.line_of(100835), 100837);
  EXPECT_EQ(distinct(ratings.users), 610U);
  EXPECT_EQ(distinct(ratings.items), 9724U);
}

TEST(RealData, MovieLens1mHas1000209RatingsInBothOfItsFiles) {
  ALSATIAN_REQUIRE_DATA(whole, "ml-1m/ratings_all_3col.csv");
  ALSATIAN_REQUIRE_DATA(part, "ml-1m/ratings.first487650.dat");
  const RawRatings all = read_ratings(whole->string(), {});
  EXPECT_EQ(all.size(), 1000209);
  EXPECT_FALSE(all.has_times);
  EXPECT_EQ(distinct(all.users), 6040U);
  EXPECT_EQ(distinct(all.items), 3706U);
  const RawRatings first = read_ratings(part->string(), {});
  EXPECT_EQ(first.size(), 487650);
  EXPECT_TRUE(first.has_times);
  EXPECT_EQ(distinct(first.users), 2999U);
}

TEST(RealData, AnyChunksAndThreadsGiveTheSameColumns) {
  ALSATIAN_REQUIRE_DATA(file, "ml-100k/u.data");
  const RawRatings usual = read_ratings(file->string(), {});
  ReadOptions options;
  for (const std::int64_t chunk_bytes : {100, 12345}) {
    options.chunk_bytes = chunk_bytes;
    use_threads(3);
    const RawRatings ratings = read_ratings(file->string(), options);
    use_threads(2);
    EXPECT_EQ(ratings.users.values, usual.users.values);
    EXPECT_EQ(ratings.items.values, usual.items.values);
    EXPECT_EQ(ratings.ratings, usual.ratings);
    EXPECT_EQ(ratings.times, usual.times);
  }
}

}  // namespace
}  // namespace alsatian
