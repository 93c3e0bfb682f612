// Claims about splits: what is held out, how much of it, and that it can be rebuilt.
// Shares are checked to four standard errors of a binomial; rules by time against a naive sort.
#include "host/error.hpp"
#include "host/ratings/dataset.hpp"
#include "tests/support/data.hpp"
#include "tests/unit/ratings/rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace alsatian {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using Kind = SplitRule::Kind;

/// The three parts as rows, ids that training does not know as -1.
struct Parts {
  Rows train;
  Rows validation;
  Rows test;
};

Parts parts_of(const Dataset& dataset) {
  Parts parts{rows_of(dataset.train, dataset.users, dataset.items),
              rows_of(dataset.validation, dataset.users, dataset.items),
              {}};
  if (!dataset.tests.empty()) {
    parts.test = rows_of(dataset.tests.front().ratings, dataset.users, dataset.items);
  }
  return parts;
}

Parts split(const Rows& rows, const SplitRule& rule) {
  return parts_of(build_dataset(raw_ratings(rows), {}, rule));
}

/// So many ratings of everything by everyone that no id is without training ratings.
Rows full_matrix(std::int64_t users, std::int64_t items) {
  Rows rows;
  for (std::int64_t user = 1; user <= users; ++user) {
    for (std::int64_t item = 1; item <= items; ++item) {
      rows.push_back({user, 10 * item, static_cast<float>((user + item) % 5 + 1),
                      (user * 31 + item * 17) % 1009});
    }
  }
  return rows;
}

const std::vector<SplitRule> every_rule{
    {.kind = Kind::holdout, .share = 0.2, .validation_share = 0.1},
    {.kind = Kind::holdout_last, .count = 3, .validation_share = 0.1},
    {.kind = Kind::time, .time = 700, .validation_share = 0.1},
    {.kind = Kind::fold, .fold = 2, .folds = 5, .validation_share = 0.1},
    {.kind = Kind::none, .validation_share = 0.3},
    {.kind = Kind::file},
};

TEST(Split, PutsEveryRatingInExactlyOnePart) {
  const Rows rows = full_matrix(41, 53);
  for (const SplitRule& rule : every_rule) {
    const Parts parts = split(rows, rule);
    Rows all = parts.train;
    all.insert(all.end(), parts.validation.begin(), parts.validation.end());
    all.insert(all.end(), parts.test.begin(), parts.test.end());
    EXPECT_EQ(sorted(all), sorted(rows));
    EXPECT_EQ(parts.test.empty(), rule.kind == Kind::none || rule.kind == Kind::file);
    EXPECT_EQ(parts.validation.empty(), rule.validation_share == 0);
  }
}

void expect_share(std::size_t part, std::size_t whole, double share) {
  const auto size = static_cast<double>(whole);
  EXPECT_NEAR(static_cast<double>(part), share * size, 4 * std::sqrt(size * share * (1 - share)));
}

TEST(Split, HoldsOutTheSharesAskedFor) {
  const Rows rows = full_matrix(173, 149);
  for (const double share : {0.01, 0.1, 0.5}) {
    const Parts parts =
        split(rows, {.kind = Kind::holdout, .share = share, .validation_share = 0.2});
    expect_share(parts.test.size(), rows.size(), share);
    expect_share(parts.validation.size(), rows.size() - parts.test.size(), 0.2);
  }
}

TEST(Split, HoldsOutTheShareOfEveryUserAndOfEveryItem) {
  const Parts parts = split(full_matrix(173, 149), {.kind = Kind::holdout, .share = 0.25});
  std::map<std::int64_t, std::size_t> users;
  std::map<std::int64_t, std::size_t> items;
  for (const Row& row : parts.test) {
    ++users[row.user];
    ++items[row.item];
  }
  // Sum of squared standardised counts: chi-square, mean n, deviation √(2n).
  const auto chi_square = [](const auto& counts, double size) {
    double sum = 0;
    for (const auto& [id, count] : counts) {
      sum += std::pow(static_cast<double>(count) - 0.25 * size, 2) / (size * 0.25 * 0.75);
    }
    return sum;
  };
  EXPECT_NEAR(chi_square(users, 149), 173, 4 * std::sqrt(2 * 173.0));
  EXPECT_NEAR(chi_square(items, 173), 149, 4 * std::sqrt(2 * 149.0));
}

TEST(Split, DrawsValidationIndependentlyOfTheTestPart) {
  const Rows rows = full_matrix(173, 149);
  const Parts all = split(rows, {.kind = Kind::none, .validation_share = 0.3});
  const Parts both = split(rows, {.kind = Kind::holdout, .share = 0.5, .validation_share = 0.3});
  const std::set<Row> validation(all.validation.begin(), all.validation.end());
  const auto also_tested = static_cast<std::size_t>(
      std::count_if(both.test.begin(), both.test.end(),
                    [&](const Row& row) { return validation.contains(row); }));
  expect_share(also_tested, both.test.size(), 0.3);
  for (const Row& row : both.validation) EXPECT_TRUE(validation.contains(row));
}

TEST(Split, DependsOnAPairAndTheSeedAlone) {
  const Rows rows = full_matrix(29, 31);
  const SplitRule rule{.kind = Kind::holdout, .share = 0.3, .validation_share = 0.2};
  const Parts whole = split(rows, rule);
  // Without the first users and items, all others have other indices and other neighbours.
  Rows fewer;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(fewer),
               [](const Row& row) { return row.user > 5 && row.item > 70; });
  const Parts part = split(fewer, rule);
  const auto all_within = [](const Rows& some, const Rows& all) {
    const std::set<Row> set(all.begin(), all.end());
    return std::all_of(some.begin(), some.end(), [&](const Row& row) { return set.contains(row); });
  };
  EXPECT_TRUE(all_within(part.train, whole.train));
  EXPECT_TRUE(all_within(part.validation, whole.validation));
  EXPECT_TRUE(all_within(part.test, whole.test));

  SplitRule other = rule;
  other.seed = 43;
  EXPECT_NE(split(rows, other).test, whole.test);
}

TEST(Split, HoldsOutTheSamePairsForEver) {
  // Written down once: `evaluate --data` must rebuild the test part of models made before.
  const Parts parts =
      split(full_matrix(5, 5), {.kind = Kind::holdout, .share = 0.3, .validation_share = 0.2});
  std::string text;
  for (const Row& row : parts.test) text += std::to_string(row.user * 100 + row.item) + " ";
  text += "/ ";
  for (const Row& row : parts.validation) text += std::to_string(row.user * 100 + row.item) + " ";
  EXPECT_EQ(text, "110 120 150 230 310 320 340 430 450 540 550 / 140 440 530 ");
}

TEST(Split, ByRuleIsTheSameAsByFiles) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const Rows rows =
        distinct_rows(random_rows({.users = 23, .items = 19, .count = 70, .seed = seed}));
    for (SplitRule rule : every_rule) {
      if (rule.kind == Kind::none || rule.kind == Kind::file) continue;
      rule.validation_share = 0;
      rule.time = 1040;
      const Dataset by_rule = build_dataset(raw_ratings(rows), {}, rule);
      if (by_rule.tests.empty()) continue;

      const Rows train = rows_of(by_rule.train, by_rule.users, by_rule.items);
      const std::set<Row> training(train.begin(), train.end());
      Rows test;
      std::copy_if(rows.begin(), rows.end(), std::back_inserter(test),
                   [&](const Row& row) { return !training.contains(row); });
      const Dataset by_file = build_dataset(raw_ratings(train), {}, {.kind = Kind::file});
      EXPECT_EQ(by_rule.users.integers(), by_file.users.integers());
      EXPECT_EQ(by_rule.items.integers(), by_file.items.integers());
      expect_equal(by_rule.train, by_file.train);
      expect_equal(by_rule.tests.front().ratings,
                   index_ratings(raw_ratings(test), by_file.users, by_file.items, {}).ratings);
    }
  }
}

TEST(Folds, AreDisjointCoverEverythingAndAreEquallyLarge) {
  const Rows rows = full_matrix(101, 97);
  Rows tested;
  for (std::int32_t fold = 0; fold < 7; ++fold) {
    const Parts parts = split(rows, {.kind = Kind::fold, .fold = fold, .folds = 7});
    expect_share(parts.test.size(), rows.size(), 1.0 / 7);
    tested.insert(tested.end(), parts.test.begin(), parts.test.end());
  }
  EXPECT_EQ(sorted(tested), sorted(rows));
}

TEST(HoldoutLast, TakesTheLatestOfEachUserTiesByItemButNeverAll) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    Rows rows = distinct_rows(random_rows({.users = 9, .items = 30, .count = 80, .seed = seed}));
    for (Row& row : rows) row.time /= 7;  // makes ties
    std::map<std::int64_t, Rows> by_user;
    for (const Row& row : rows) by_user[row.user].push_back(row);
    Rows expected;
    for (auto& [user, own] : by_user) {
      std::sort(own.begin(), own.end(), [](const Row& left, const Row& right) {
        return std::tuple(left.time, left.item) < std::tuple(right.time, right.item);
      });
      const std::size_t last = std::min<std::size_t>(4, own.size() - 1);
      for (std::size_t row = own.size() - last; row < own.size(); ++row) {
        expected.push_back(own[row]);
      }
    }
    const Dataset dataset =
        build_dataset(raw_ratings(rows), {}, {.kind = Kind::holdout_last, .count = 4});
    const Rows train = rows_of(dataset.train, dataset.users, dataset.items);
    const std::set<Row> training(train.begin(), train.end());
    Rows test;
    std::copy_if(rows.begin(), rows.end(), std::back_inserter(test),
                 [&](const Row& row) { return !training.contains(row); });
    EXPECT_EQ(sorted(test), sorted(expected));
    EXPECT_EQ(dataset.users.size(), static_cast<std::int32_t>(by_user.size()));
  }
}

TEST(SplitTime, TestsWhatIsAtTheTimeOrLater) {
  const Rows rows{{1, 1, 1, 10}, {1, 2, 2, 20}, {2, 1, 3, 19}, {2, 2, 4, 21}, {2, 3, 5, 5}};
  const Parts parts = split(rows, {.kind = Kind::time, .time = 20});
  EXPECT_EQ(parts.train, (Rows{{1, 1, 1, 10}, {2, 1, 3, 19}, {2, 3, 5, 5}}));
  EXPECT_EQ(parts.test, (Rows{{1, -1, 2, 20}, {2, -1, 4, 21}}));
}

TEST(SplitByTime, WithoutTimesIsAnErrorWithARemedy) {
  for (const SplitRule& rule : {SplitRule{.kind = Kind::time, .time = 20},
                                SplitRule{.kind = Kind::holdout_last, .count = 1}}) {
    try {
      build_dataset(raw_ratings({{1, 1, 3}, {1, 2, 4}}, Times::absent), {}, rule);
      FAIL() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::bad_data);
      EXPECT_EQ(error.place(), "folder/ratings.csv");
      EXPECT_THAT(error.what(), HasSubstr("has no times"));
      EXPECT_THAT(error.help(), HasSubstr("--columns"));
    }
  }
}

TEST(Split, ThatMakesNoSenseIsAUsageError) {
  for (const SplitRule& rule :
       {SplitRule{.kind = Kind::holdout, .share = 0}, SplitRule{.kind = Kind::holdout, .share = 1},
        SplitRule{.kind = Kind::holdout, .share = std::nan("")},
        SplitRule{.kind = Kind::holdout_last, .count = 0},
        SplitRule{.kind = Kind::fold, .fold = 0, .folds = 1},
        SplitRule{.kind = Kind::fold, .fold = 5, .folds = 5},
        SplitRule{.kind = Kind::none, .validation_share = 1},
        SplitRule{.kind = Kind::none, .validation_share = -0.5}}) {
    try {
      split(full_matrix(3, 3), rule);
      FAIL() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::usage);
      EXPECT_THAT(error.help(), HasSubstr("try --"));
    }
  }
}

TEST(Split, ThatLeavesNothingForTrainingIsAnErrorWithARemedy) {
  try {
    split(full_matrix(3, 3), {.kind = Kind::time, .time = -1});
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::bad_data);
    EXPECT_THAT(error.what(), HasSubstr("left for training"));
    EXPECT_THAT(error.help(), HasSubstr("--split-time"));
  }
}

TEST(Split, ThatHoldsNothingOutHasNoTestSet) {
  const Dataset dataset =
      build_dataset(raw_ratings(full_matrix(3, 3)), {}, {.kind = Kind::time, .time = 5000});
  EXPECT_TRUE(dataset.tests.empty());
  EXPECT_EQ(dataset.train.size(), 9);
}

TEST(Split, ThatLeavesNothingForTrainingSaysWhichOptionHeldItOut) {
  const auto help_of = [](const SplitRule& rule) -> std::string {
    try {
      build_dataset(raw_ratings({{1, 1, 3}}), {}, rule);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::bad_data);
      EXPECT_STREQ(error.what(), "has no ratings left for training: 1 is held out");
      return error.help();
    }
    return "nothing was thrown";
  };
  EXPECT_EQ(help_of({.kind = Kind::holdout, .share = 0.9999}), "pass a smaller --holdout");
  EXPECT_EQ(help_of({.kind = Kind::time, .time = -1}), "pass a later --split-time");
  EXPECT_EQ(help_of({.validation_share = 0.9999}), "pass a smaller --validation");
  EXPECT_EQ(help_of({.kind = Kind::holdout, .share = 0.0001, .validation_share = 0.9999}),
            "pass a smaller --holdout, or a smaller --validation");
  const std::string folds = "give more ratings than --folds or another --seed";
  EXPECT_TRUE(help_of({.kind = Kind::fold, .fold = 0, .folds = 2}) == folds ||
              help_of({.kind = Kind::fold, .fold = 1, .folds = 2}) == folds);
}

TEST(Split, HasANameForTheLog) {
  const Rows rows = full_matrix(13, 11);
  const auto name = [&](const SplitRule& rule) {
    return build_dataset(raw_ratings(rows), {}, rule).tests.front().name;
  };
  EXPECT_EQ(name({.kind = Kind::holdout, .share = 0.1}), "holdout 0.1");
  EXPECT_EQ(name({.kind = Kind::holdout_last, .count = 2}), "last 2 per user");
  EXPECT_EQ(name({.kind = Kind::fold, .fold = 1, .folds = 5}), "fold 2 of 5");
}

TEST(RealData, LosesOnlyAFewItemsToATenthHeldOut) {
  ALSATIAN_REQUIRE_DATA(path, "ml-latest-small/ratings.csv");
  const Rows rows = read_csv_rows(*path);
  const Dataset dataset =
      build_dataset(raw_ratings(rows), {}, {.kind = Kind::holdout, .share = 0.1});
  expect_share(static_cast<std::size_t>(dataset.tests.front().ratings.size()), rows.size(), 0.1);
  EXPECT_EQ(dataset.users.size(), 610);
  // An item of n ratings is lost with chance 0.1^n: a tenth of the 3446 that have one, and so on.
  std::map<std::int64_t, int> counts;
  for (const Row& row : rows) ++counts[row.item];
  double expected = 0;
  double variance = 0;
  for (const auto& [item, count] : counts) {
    const double chance = std::pow(0.1, count);
    expected += chance;
    variance += chance * (1 - chance);
  }
  EXPECT_NEAR(static_cast<double>(9724 - dataset.items.size()), expected, 4 * std::sqrt(variance));
}

}  // namespace
}  // namespace alsatian
