// Claims about the data set: cleaning, duplicates, indices, the account of lines, the fingerprint.
// The oracle is rows.hpp's map of pairs.
#include "host/ratings/dataset.hpp"

#include "host/error.hpp"
#include "kernels/cpu/parallel.hpp"
#include "tests/support/data.hpp"
#include "tests/unit/ratings/rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace alsatian {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Dataset build(const Rows& rows, const CleaningOptions& cleaning = {}) {
  return build_dataset(raw_ratings(rows), cleaning, {});
}

Rows train_rows(const Dataset& dataset) {
  return rows_of(dataset.train, dataset.users, dataset.items);
}

template <typename Call>
Error error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ExitCode::success, "", "", ""};
}

TEST(Cleaning, KeepsWhatANaiveMapKeeps) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    const Rows rows = random_rows({.users = 13, .items = 11, .count = 90, .seed = seed});
    for (const auto rule : {DuplicateRule::last, DuplicateRule::mean}) {
      for (const std::int64_t minimum : {0, 2, 5}) {
        const CleaningOptions options{.duplicates = rule,
                                      .min_user_ratings = minimum,
                                      .min_item_ratings = minimum + 1,
                                      .lowest_rating = 1.0,
                                      .highest_rating = 4.5};
        const Rows expected = naive_clean(rows, options);
        if (expected.empty()) {
          EXPECT_THROW(build(rows, options), Error);
          continue;
        }
        const Dataset dataset = build(rows, options);
        EXPECT_EQ(train_rows(dataset), expected) << "seed " << seed;
        EXPECT_TRUE(dataset.account.balanced());
        EXPECT_EQ(dataset.account.used, dataset.train.size());
      }
    }
  }
}

TEST(Cleaning, GivesTheSameDataSetForEveryOrderOfLines) {
  std::mt19937 random(2);
  Rows rows = random_rows({.count = 120, .seed = 5});
  for (const auto rule : {DuplicateRule::last, DuplicateRule::mean}) {
    const Dataset first = build(rows, {.duplicates = rule, .min_user_ratings = 3});
    for (int order = 0; order < 20; ++order) {
      std::shuffle(rows.begin(), rows.end(), random);
      const Dataset other = build(rows, {.duplicates = rule, .min_user_ratings = 3});
      expect_equal(first.train, other.train);
      EXPECT_EQ(first.users.integers(), other.users.integers());
      EXPECT_EQ(first.items.integers(), other.items.integers());
      EXPECT_EQ(first.fingerprint, other.fingerprint);
    }
  }
}

TEST(Cleaning, TakesRowsInOrderForWhatItSortsOthersTo) {
  // Long enough for several pieces; the one pair out of order stands where two of them meet.
  Rows rows;
  for (std::int64_t i = 0; i < 150'001; ++i) {
    rows.push_back({i / 100, i % 100 * 3, 0.5F * static_cast<float>(1 + i % 10), i * 7 % 13});
  }
  const CleaningOptions options{.duplicates = DuplicateRule::error};
  const Dataset in_order = build(rows, options);
  for (const std::size_t place : {std::size_t{1}, std::size_t{65536}, rows.size() - 1}) {
    Rows other = rows;
    std::swap(other[place - 1], other[place]);
    const Dataset sorted = build(other, options);
    expect_equal(in_order.train, sorted.train);
    EXPECT_EQ(in_order.train.times, sorted.train.times);
    EXPECT_EQ(in_order.fingerprint, sorted.fingerprint);
  }
  // A pair twice in order is a duplicate all the same.
  rows[65536] = rows[65535];
  EXPECT_EQ(error_of([&] { build(rows, options); }).code(), ExitCode::bad_data);
}

TEST(Cleaning, DoesNotDependOnTheNumberOfThreads) {
  const Rows rows = random_rows({.users = 300, .items = 70, .count = 20'000, .seed = 8});
  const CleaningOptions options{.duplicates = DuplicateRule::mean, .min_user_ratings = 40};
  use_threads(1);
  const Dataset alone = build(rows, options);
  use_threads(3);
  const Dataset together = build(rows, options);
  use_threads(0);
  expect_equal(alone.train, together.train);
  EXPECT_EQ(alone.notes, together.notes);
  EXPECT_EQ(alone.fingerprint, together.fingerprint);
}

TEST(Cleaning, RemovesAlongAChainUntilNothingIsTooSmall) {
  // Users and items in one path: each end falls, then its neighbour, down to the closed square.
  Rows rows{{1, 1, 3}, {1, 2, 3}, {2, 1, 3}, {2, 2, 3}};
  for (std::int64_t link = 3; link < 400; ++link) {
    rows.push_back({link, link - 1, 3});
    rows.push_back({link, link, 3});
  }
  const Dataset dataset = build(rows, {.min_user_ratings = 2, .min_item_ratings = 2});
  EXPECT_EQ(train_rows(dataset), (Rows{{1, 1, 3}, {1, 2, 3}, {2, 1, 3}, {2, 2, 3}}));
  EXPECT_EQ(dataset.account.filtered, 2 * 397);
  EXPECT_THAT(dataset.notes,
              ElementsAre("397 users with fewer than 2 ratings and 397 items with fewer than 2 "
                          "left out, 794 ratings"));
}

TEST(Cleaning, KeepsRatingsAtTheEndsOfTheRange) {
  const Rows rows{{1, 1, 1}, {1, 2, 5}, {2, 1, 0.5}, {2, 2, 5.5}, {2, 3, 3}};
  const Dataset dataset = build(rows, {.lowest_rating = 1, .highest_rating = 5});
  EXPECT_EQ(train_rows(dataset), (Rows{{1, 1, 1}, {1, 2, 5}, {2, 3, 3}}));
  EXPECT_THAT(dataset.notes, ElementsAre("2 ratings out of the range 1 to 5 left out, the first at "
                                         "folder/ratings.csv:4 (0.5)"));
}

TEST(Cleaning, DropsRatingsOutOfRangeBeforeItLooksForDuplicates) {
  const Rows rows{{1, 1, 3, 10}, {1, 1, 9, 20}};
  const Dataset dataset = build(rows, {.highest_rating = 5});
  EXPECT_EQ(train_rows(dataset), (Rows{{1, 1, 3, 10}}));
  EXPECT_EQ(dataset.account.filtered, 1);
  EXPECT_EQ(dataset.account.duplicates, 0);
  EXPECT_THAT(dataset.notes, ElementsAre(HasSubstr("1 rating out of the range")));
}

TEST(Duplicates, AreResolvedByTimeAndThenByLine) {
  const Rows rows{{5, 12, 1, 30}, {5, 12, 2, 40}, {5, 12, 3, 40}, {5, 12, 4, 20}};
  EXPECT_EQ(train_rows(build(rows)), (Rows{{5, 12, 3, 40}}));
  const Dataset dataset = build_dataset(raw_ratings(rows, Times::absent), {}, {});
  EXPECT_EQ(train_rows(dataset), (Rows{{5, 12, 4, 0}}));
}

TEST(Duplicates, HaveTheMeanOfAllTheirRatingsAndTheLatestTime) {
  const Rows rows{{5, 12, 1, 30}, {5, 12, 2, 50}, {5, 12, 4.5F, 40}};
  EXPECT_EQ(train_rows(build(rows, {.duplicates = DuplicateRule::mean})),
            (Rows{{5, 12, 2.5F, 50}}));
}

TEST(Cleaning, OfRatingsWhoseLinesDoNotAddUpIsAnInternalError) {
  RawRatings raw = raw_ratings({{7, 1, 3}, {5, 12, 4}});
  ++raw.account.read;
  const Error error = error_of([&] { build_dataset(raw, {}, {}); });
  EXPECT_EQ(error.code(), ExitCode::internal);
  EXPECT_EQ(error.place(), "folder/ratings.csv");
  EXPECT_STREQ(error.what(), "4 lines were read and 3 are accounted for");
  EXPECT_EQ(error.help(), "please report this");
}

TEST(Duplicates, HaveAMeanThatDoesNotDependOnTheOrderOfLines) {
  // In double, (1e16 + 1) + −1e16 is 0 and (1e16 + −1e16) + 1 is 1.
  const Rows rows{{1, 1, 1e16F}, {1, 1, 1}, {1, 1, -1e16F}};
  const Rows other{{1, 1, 1e16F}, {1, 1, -1e16F}, {1, 1, 1}};
  const CleaningOptions mean{.duplicates = DuplicateRule::mean};
  EXPECT_EQ(train_rows(build(rows, mean)), train_rows(build(other, mean)));
}

TEST(Duplicates, AreCountedIdenticalApartFromConflictingWithTheFirstExample) {
  const Rows rows{{7, 1, 3, 1}, {5, 12, 4, 2}, {5, 12, 4, 3}, {7, 1, 2, 4}, {7, 1, 3, 5}};
  const Dataset dataset = build(rows);
  EXPECT_EQ(dataset.account.duplicates, 3);
  EXPECT_EQ(dataset.account.used, 2);
  EXPECT_TRUE(dataset.account.balanced());
  EXPECT_THAT(dataset.notes,
              ElementsAre("3 duplicates resolved by the last rating (1 identical, 2 conflicting), "
                          "the first: folder/ratings.csv:4 and :3 rate the same item twice "
                          "(user 5, item 12)"));
}

TEST(Duplicates, AreOneWhereThereIsOne) {
  const Dataset dataset = build({{5, 12, 4}, {5, 12, 4}});
  EXPECT_THAT(dataset.notes,
              ElementsAre(::testing::StartsWith("1 duplicate resolved by the last rating (1 ")));
}

TEST(Duplicates, AreAnErrorThatNamesBothLinesWhereTheRuleSaysSo) {
  const Rows rows{{7, 1, 3}, {5, 12, 4}, {5, 12, 4}, {7, 1, 2}};
  const Error error = error_of([&] { build(rows, {.duplicates = DuplicateRule::error}); });
  EXPECT_EQ(error.code(), ExitCode::bad_data);
  EXPECT_EQ(error.place(), "folder/ratings.csv:4");
  EXPECT_STREQ(error.what(),
               "rates the same item as line 3 (user \"5\", item \"12\"), one of 2 duplicates");
  EXPECT_THAT(error.help(), HasSubstr("--duplicates last"));
}

TEST(Dataset, NumbersIdsOfAnySizeInTheirOrder) {
  constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();
  const Dataset dataset = build({{highest, 0, 1}, {lowest, 5, 2}, {0, highest, 3}, {0, -9, 4}});
  EXPECT_EQ(dataset.users.integers(), (std::vector<std::int64_t>{lowest, 0, highest}));
  EXPECT_EQ(dataset.items.integers(), (std::vector<std::int64_t>{-9, 0, 5, highest}));
  EXPECT_EQ(dataset.train.users, (std::vector<std::int32_t>{0, 1, 1, 2}));
  EXPECT_EQ(dataset.train.items, (std::vector<std::int32_t>{2, 0, 3, 1}));
}

TEST(Dataset, IsTheSameForStringsThatSortLikeTheIntegers) {
  const Rows rows = random_rows({.count = 200, .seed = 3});
  RawRatings raw = raw_ratings(rows);
  const auto name = [](std::int64_t id) { return "id " + std::to_string(1000 + id); };
  raw.users = named_ids(raw.users, name);
  raw.items = named_ids(raw.items, name);
  const Dataset strings = build_dataset(raw, {.min_item_ratings = 4}, {});
  const Dataset integers = build(rows, {.min_item_ratings = 4});
  expect_equal(strings.train, integers.train);
  ASSERT_EQ(strings.users.size(), integers.users.size());
  for (std::int32_t user = 0; user < strings.users.size(); ++user) {
    EXPECT_EQ(strings.users.text(user),
              name(integers.users.integers()[static_cast<std::size_t>(user)]));
  }
}

TEST(Dataset, HoldsNoIdWithoutTrainingRatings) {
  const Rows rows{{1, 1, 3}, {1, 2, 3}, {2, 1, 3}, {2, 2, 3}, {3, 9, 3}};
  const Dataset dataset = build(rows, {.min_item_ratings = 2});
  EXPECT_EQ(dataset.users.integers(), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(dataset.items.integers(), (std::vector<std::int64_t>{1, 2}));
}

TEST(Dataset, IsCalledByTheFileNameWithoutFolders) {
  EXPECT_EQ(build({{1, 1, 1}}).source, "ratings.csv");
}

TEST(Dataset, WithNothingLeftIsAnErrorWithARemedy) {
  const Error filtered = error_of([] { build({{1, 1, 3}, {2, 2, 3}}, {.min_user_ratings = 2}); });
  EXPECT_EQ(filtered.code(), ExitCode::bad_data);
  EXPECT_EQ(filtered.place(), "folder/ratings.csv");
  EXPECT_THAT(filtered.help(), HasSubstr("--min-user-ratings"));
  const Error empty = error_of([] { build({}); });
  EXPECT_EQ(empty.code(), ExitCode::bad_data);
  EXPECT_THAT(empty.help(), HasSubstr("at least one line"));
}

TEST(Fingerprint, IsSixteenHexDigitsThatNeverChange) {
  // Written down once: a model file of one version must recognise its data in the next.
  EXPECT_EQ(build({{1, 10, 3.5F}, {2, 20, 4}, {-7, 10, 0}}).fingerprint, "5ce15ce47769f1ff");
}

TEST(Fingerprint, ChangesWithEveryIdAndEveryRating) {
  const Rows rows = distinct_rows(random_rows({.count = 40, .seed = 6}));
  std::set<std::string> seen{build(rows).fingerprint};
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (const int field : {0, 1, 2}) {
      Rows changed = rows;
      if (field == 0) changed[row].user += 1000;
      if (field == 1) changed[row].item += 1000;
      if (field == 2) changed[row].rating += 0.5F;
      EXPECT_TRUE(seen.insert(build(changed).fingerprint).second);
    }
  }
}

TEST(Fingerprint, IsOfTheCleanedRatingsBeforeTheSplit) {
  const Rows rows = random_rows({.count = 90, .seed = 7});
  const std::string whole = build(rows).fingerprint;
  const SplitRule holdout{.kind = SplitRule::Kind::holdout, .share = 0.3};
  EXPECT_EQ(build_dataset(raw_ratings(rows), {}, holdout).fingerprint, whole);
  EXPECT_EQ(build(naive_clean(rows, {})).fingerprint, whole);
  Rows with_negative_zero{{1, 1, 0.0F}};
  const std::string zero = build(with_negative_zero).fingerprint;
  with_negative_zero[0].rating = -0.0F;
  EXPECT_EQ(build(with_negative_zero).fingerprint, zero);
}

TEST(IndexRatings, GivesUnknownIdsMinusOneAndSortsByUserAndItem) {
  const Dataset dataset = build({{10, 1, 3}, {10, 3, 3}, {30, 1, 4}, {30, 5, 4}});
  const Rows rows{{30, 5, 1}, {20, 3, 2}, {10, 9, 3}, {10, 1, 4},
                  {99, 4, 5}, {20, 2, 6}, {30, 2, 7}, {10, 0, 8}};
  const Triples test = index_ratings(raw_ratings(rows), dataset.users, dataset.items, {}).ratings;
  EXPECT_EQ(test.users, (std::vector<std::int32_t>{-1, -1, -1, 0, 0, 0, 1, 1}));
  EXPECT_EQ(test.items, (std::vector<std::int32_t>{-1, -1, 1, -1, -1, 0, -1, 2}));
  EXPECT_EQ(test.ratings, (std::vector<float>{6, 5, 2, 8, 3, 4, 7, 1}));
}

TEST(IndexRatings, ResolvesDuplicatesOfKnownAndOfUnknownPairs) {
  const Dataset dataset = build({{1, 1, 3}});
  const Rows rows{{1, 1, 1, 5}, {8, 8, 2, 6}, {1, 1, 3, 7}, {8, 8, 5, 8}};
  const Triples test = index_ratings(raw_ratings(rows), dataset.users, dataset.items,
                                     {.duplicates = DuplicateRule::mean})
                           .ratings;
  EXPECT_EQ(test.ratings, (std::vector<float>{3.5F, 2}));
  EXPECT_THROW(index_ratings(raw_ratings(rows), dataset.users, dataset.items,
                             {.duplicates = DuplicateRule::error}),
               Error);
}

TEST(IndexRatings, ComparesIdsOfDifferentKindsAsText) {
  const Dataset dataset = build({{1, 10, 3}, {2, 20, 4}});
  RawRatings raw = raw_ratings({{2, 10, 5}, {1, 30, 4}});
  raw.users = named_ids(raw.users, [](std::int64_t id) { return std::to_string(id); });
  raw.items = named_ids(raw.items, [](std::int64_t id) { return "item" + std::to_string(id); });
  const Triples test = index_ratings(raw, dataset.users, dataset.items, {}).ratings;
  EXPECT_EQ(test.users, (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(test.items, (std::vector<std::int32_t>{-1, -1}));
}

TEST(IndexRatings, SortsByIndicesWhereIdsAreComparedAsText) {
  // As text 10 is before 2 and 2 before 9; as numbers they are the other way round.
  const std::vector<std::string> names{"10", "2", "9"};
  StringTable table;
  for (const std::string& name : names) table.push_back(name);
  const IdIndex ids(table);
  const Rows rows{{2, 2, 1}, {2, 10, 2}, {9, 10, 3}, {10, 9, 4}, {10, 10, 5}};
  const Triples test = index_ratings(raw_ratings(rows), ids, ids, {}).ratings;
  EXPECT_EQ(test.users, (std::vector<std::int32_t>{0, 0, 1, 1, 2}));
  EXPECT_EQ(test.items, (std::vector<std::int32_t>{0, 2, 0, 1, 0}));
  EXPECT_EQ(test.ratings, (std::vector<float>{5, 4, 2, 1, 3}));
  const Rows with_unknown{{2, 2, 1}, {2, 7, 6}, {2, 10, 2}, {10, 10, 5}};
  const Triples mixed = index_ratings(raw_ratings(with_unknown), ids, ids, {}).ratings;
  EXPECT_EQ(mixed.users, (std::vector<std::int32_t>{0, 1, 1, 1}));
  EXPECT_EQ(mixed.items, (std::vector<std::int32_t>{0, -1, 0, 1}));
  EXPECT_EQ(mixed.ratings, (std::vector<float>{5, 6, 2, 1}));
}

TEST(IndexRatings, RefusesAFileOfWhichNoIdIsKnown) {
  const Dataset dataset = build({{1, 10, 3}, {2, 20, 4}});
  const Error error = error_of([&] {
    index_ratings(raw_ratings({{7, 70, 1}, {8, 80, 1}}), dataset.users, dataset.items, {});
  });
  EXPECT_EQ(error.code(), ExitCode::bad_data);
  EXPECT_THAT(error.what(), HasSubstr("no id of ratings.csv is in the training data"));
  EXPECT_FALSE(error.help().empty());
  EXPECT_NO_THROW(index_ratings(raw_ratings({{7, 10, 1}}), dataset.users, dataset.items, {}));
}

TEST(IndexRatings, LeavesOutRatingsOutOfTheRangeAndAccountsForThem) {
  const Dataset dataset = build({{1, 10, 3}, {2, 20, 4}});
  const CleaningOptions cleaning{
      .min_user_ratings = 9, .min_item_ratings = 9, .lowest_rating = 1, .highest_rating = 5};
  const Rows rows{{1, 20, 5}, {2, 10, 6}, {7, 10, 0.5F}, {2, 20, 1}};
  const IndexedRatings indexed =
      index_ratings(raw_ratings(rows), dataset.users, dataset.items, cleaning);
  EXPECT_EQ(indexed.ratings.ratings, (std::vector<float>{5, 1}));
  EXPECT_EQ(indexed.account.filtered, 2);
  EXPECT_TRUE(indexed.account.balanced());
  ASSERT_EQ(indexed.notes.size(), 1U);
  EXPECT_THAT(indexed.notes[0], HasSubstr("2 ratings out of the range 1 to 5 left out"));
  const Error error = error_of([&] {
    index_ratings(raw_ratings({{1, 10, 9}}), dataset.users, dataset.items, cleaning);
  });
  EXPECT_EQ(error.code(), ExitCode::bad_data);
  EXPECT_THAT(error.what(), HasSubstr("has no rating from 1 to 5, the range of --rating-range"));
}

TEST(Overlap, CountsThePairsThatAreInBoth) {
  const Dataset dataset = build({{1, 1, 3}, {1, 2, 3}, {2, 1, 3}, {3, 3, 3}});
  const auto index = [&](const Rows& rows) {
    return index_ratings(raw_ratings(rows), dataset.users, dataset.items, {}).ratings;
  };
  EXPECT_EQ(overlap(dataset.train, index({{1, 2, 5}, {3, 3, 5}, {3, 1, 5}, {9, 9, 5}})), 2);
  EXPECT_EQ(overlap(dataset.train, index({{2, 2, 5}, {9, 1, 5}})), 0);
  EXPECT_EQ(overlap(dataset.train, dataset.train), 4);
  EXPECT_EQ(overlap(dataset.train, {}), 0);
}

TEST(RealData, HasThePublishedNumbersOfUsersItemsAndRatings) {
  ALSATIAN_REQUIRE_DATA(path, "ml-latest-small/ratings.csv");
  const Rows rows = read_csv_rows(*path);
  const Dataset dataset = build(rows);
  EXPECT_EQ(dataset.users.size(), 610);
  EXPECT_EQ(dataset.items.size(), 9724);
  EXPECT_EQ(dataset.train.size(), 100836);
  EXPECT_EQ(dataset.account.duplicates, 0);
  EXPECT_EQ(train_rows(dataset), sorted(rows));
  const CleaningOptions cores{.min_user_ratings = 20, .min_item_ratings = 20};
  EXPECT_EQ(train_rows(build(rows, cores)), naive_clean(rows, cores));
}

}  // namespace
}  // namespace alsatian
