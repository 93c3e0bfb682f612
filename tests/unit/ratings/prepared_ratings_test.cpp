// Claims about ratings that are prepared once and split many times: nothing is lost between splits.
// The same split made from raw ratings is the oracle.
#include "host/ratings/prepared_ratings.hpp"

#include "tests/unit/ratings/rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

namespace alsatian {
namespace {

using namespace testing;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;

constexpr CleaningOptions cleaning{.min_user_ratings = 2, .min_item_ratings = 2};

PreparedRatings prepared(const Rows& rows) { return {raw_ratings(rows), cleaning}; }

SplitRule fold(std::int32_t number, std::int32_t folds) {
  SplitRule rule;
  rule.kind = SplitRule::Kind::fold;
  rule.fold = number;
  rule.folds = folds;
  return rule;
}

void append(Rows& rows, const Triples& ratings, const Dataset& dataset) {
  const Rows more = rows_of(ratings, dataset.users, dataset.items);
  rows.insert(rows.end(), more.begin(), more.end());
}

TEST(PreparedRatings, GiveEveryFoldAllRatingsOfWhichEachIsTestedOnce) {
  const Rows rows = random_rows({.users = 20, .items = 15, .count = 200});
  const Rows all = naive_clean(rows, cleaning);
  const PreparedRatings ratings = prepared(rows);
  const Dataset everything = ratings.split({});
  EXPECT_EQ(rows_of(everything.train, everything.users, everything.items), all);
  std::int64_t tested = 0;
  for (std::int32_t number = 0; number < 3; ++number) {
    const Dataset dataset = ratings.split(fold(number, 3));
    ASSERT_THAT(dataset.tests, SizeIs(1));
    // With this many ratings every id keeps one in training, so that none is unknown.
    Rows parts;
    append(parts, dataset.train, dataset);
    append(parts, dataset.tests[0].ratings, dataset);
    EXPECT_THAT(parts, UnorderedElementsAreArray(all)) << "fold " << number;
    tested += dataset.tests[0].ratings.size();
    EXPECT_EQ(dataset.fingerprint, ratings.fingerprint());
    EXPECT_EQ(dataset.account.read, 201);
    EXPECT_TRUE(dataset.account.balanced());
    EXPECT_EQ(dataset.notes, everything.notes);
    EXPECT_EQ(dataset.split.fold, number);
    EXPECT_EQ(dataset.cleaning.min_user_ratings, 2);
  }
  EXPECT_EQ(tested, everything.train.size());
}

TEST(PreparedRatings, AreLeftWholeByASplitThatTakesAll) {
  const PreparedRatings ratings = prepared(random_rows({}));
  const Dataset first = ratings.split({});
  const Dataset second = ratings.split({});
  EXPECT_FALSE(first.train.ratings.empty());
  EXPECT_EQ(second.train.ratings, first.train.ratings);
  EXPECT_EQ(second.train.items, first.train.items);
  EXPECT_EQ(second.train.times, first.train.times);
}

TEST(PreparedRatings, GiveTheSameSplitWhetherTheyAreKeptOrGivenUp) {
  PreparedRatings ratings = prepared(random_rows({}));
  for (const SplitRule& rule : {SplitRule{}, fold(1, 3)}) {
    const Dataset kept = ratings.split(rule);
    const Dataset last = PreparedRatings(ratings).split(rule);
    EXPECT_EQ(rows_of(last.train, last.users, last.items),
              rows_of(kept.train, kept.users, kept.items));
    EXPECT_EQ(last.fingerprint, kept.fingerprint);
    EXPECT_EQ(last.source, kept.source);
    EXPECT_EQ(last.account.used, kept.account.used);
  }
}

}  // namespace
}  // namespace alsatian
