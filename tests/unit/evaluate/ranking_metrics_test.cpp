// Ranking figures against a golden case and against definitions spelt out over every user.
// Definitions sort every item; the code keeps a few at a time.
#include "host/evaluate/metrics.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/models.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

namespace alsatian {
namespace {

using testing::fails_with;
using testing::sample_model;

TEST(RankUser, GivesTheGoldenCase) {
  const UserRanking found = rank_user({true, false, true}, 3, 4);
  EXPECT_NEAR(found.precision, 2.0 / 3, 1e-15);
  EXPECT_NEAR(found.recall, 0.5, 1e-15);
  EXPECT_NEAR(found.capped_recall, 2.0 / 3, 1e-15);
  EXPECT_NEAR(found.ndcg, (1 + 1 / 2.0) / (1 + 1 / std::log2(3.0) + 1 / 2.0), 1e-15);
  EXPECT_NEAR(found.ndcg, 0.7039, 5e-5);
  EXPECT_NEAR(found.average_precision, (1 + 2.0 / 3) / 3, 1e-15);
  EXPECT_NEAR(found.average_precision, 0.5556, 5e-5);
  EXPECT_TRUE(found.hit);
}

TEST(RankUser, GivesOneToAPerfectListAndZeroToAnEmptyOne) {
  const UserRanking perfect = rank_user({true, true, false}, 5, 2);
  EXPECT_DOUBLE_EQ(perfect.precision, 0.4);
  EXPECT_DOUBLE_EQ(perfect.recall, 1);
  EXPECT_DOUBLE_EQ(perfect.capped_recall, 1);
  EXPECT_DOUBLE_EQ(perfect.ndcg, 1);
  EXPECT_DOUBLE_EQ(perfect.average_precision, 1);
  const UserRanking empty = rank_user({}, 5, 2);
  EXPECT_EQ(empty.precision, 0);
  EXPECT_EQ(empty.ndcg, 0);
  EXPECT_FALSE(empty.hit);
}

TEST(RankUser, IgnoresWhatComesAfterTheListLength) {
  EXPECT_EQ(rank_user({false, true}, 1, 1).recall, 0);
  EXPECT_EQ(rank_user({true}, 1, 0).precision, 0) << "no relevant item: the user is not averaged";
}

/// A random problem: training pairs, test ratings in stars, some of unknown users and items.
struct RankingProblem {
  Model model;
  CompressedMatrix train;
  Triples test;
};

RankingProblem sample_problem(std::uint64_t seed) {
  RankingProblem problem;
  const auto draw = [&](std::uint64_t row, std::uint32_t index) {
    return philox(seed, RandomStream::generate, row, index).word[0];
  };
  const std::int32_t users = 3 + static_cast<std::int32_t>(draw(1000, 0) % 9);
  const std::int32_t items = 2 + static_cast<std::int32_t>(draw(1000, 1) % 25);
  problem.model = sample_model(
      {.users = users, .items = items, .rank = static_cast<std::int32_t>(seed % 4), .seed = seed});
  if (seed % 2 == 0) {  // many ties
    for (float& value : problem.model.factors.items.factors) value = std::round(value);
    for (float& value : problem.model.factors.items.biases) value = std::round(value);
  }
  problem.model.item_counts[0] = 0;
  problem.train.offsets.push_back(0);
  for (std::int32_t user = -1; user < users; ++user) {
    for (std::int32_t item = -1; item < items; ++item) {
      const std::uint32_t choice =
          draw(static_cast<std::uint64_t>(user + 1), static_cast<std::uint32_t>(item + 1));
      if (choice % 4 == 0 && user >= 0 && item >= 0) problem.train.columns.push_back(item);
      if (choice % 5 == 1) {
        problem.test.users.push_back(user);
        problem.test.items.push_back(item);
        problem.test.ratings.push_back(static_cast<float>(1 + choice / 8 % 5));
      }
    }
    if (user >= 0) {
      problem.train.offsets.push_back(static_cast<std::int64_t>(problem.train.columns.size()));
    }
  }
  problem.train.values.resize(problem.train.columns.size());
  return problem;
}

/// The definitions of the header, one user at a time, by sorting all candidates.
RankingMetrics ranking_by_definition(const RankingProblem& problem, std::int32_t top) {
  const Model& model = problem.model;
  const Scorer scorer(model, {});
  RankingMetrics sum;
  std::set<std::int32_t> recommended;
  double candidates_of_all = 0;
  for (const std::int32_t count : model.item_counts) candidates_of_all += count > 0;
  for (std::int32_t user = 0; user < model.users.size(); ++user) {
    std::multiset<std::int32_t> relevant;
    for (std::size_t i = 0; i < problem.test.ratings.size(); ++i) {
      if (problem.test.users[i] == user && problem.test.ratings[i] >= 4) {
        relevant.insert(problem.test.items[i]);
      }
    }
    if (relevant.empty()) continue;
    std::vector<std::pair<double, std::int32_t>> ranked;
    for (std::int32_t item = 0; item < model.items.size(); ++item) {
      const auto row = static_cast<std::size_t>(user);
      const bool seen =
          std::find(problem.train.columns.begin() + problem.train.offsets[row],
                    problem.train.columns.begin() + problem.train.offsets[row + 1],
                    item) != problem.train.columns.begin() + problem.train.offsets[row + 1];
      if (!seen && model.item_counts[static_cast<std::size_t>(item)] > 0) {
        ranked.emplace_back(-scorer.score(user, item), item);
      }
    }
    std::ranges::sort(ranked);
    ranked.resize(std::min(ranked.size(), static_cast<std::size_t>(top)));
    double hits = 0;
    double gain = 0;
    double precisions = 0;
    for (std::size_t r = 0; r < ranked.size(); ++r) {
      recommended.insert(ranked[r].second);
      if (!relevant.contains(ranked[r].second)) continue;
      hits += 1;
      gain += 1 / std::log2(static_cast<double>(r) + 2);
      precisions += hits / (static_cast<double>(r) + 1);
    }
    const auto all = static_cast<double>(relevant.size());
    const double most = std::min<double>(top, all);
    double best = 0;
    for (int r = 1; r <= static_cast<int>(most); ++r) best += 1 / std::log2(r + 1);
    ++sum.users;
    sum.precision += hits / top;
    sum.recall += hits / all;
    sum.capped_recall += hits / most;
    sum.ndcg += gain / best;
    sum.map += precisions / most;
    sum.hit_rate += hits > 0;
  }
  sum.catalogue_coverage = static_cast<double>(recommended.size()) / candidates_of_all;
  return sum;
}

TEST(EvaluateRanking, AgreesWithTheDefinitionsOnRandomProblems) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const RankingProblem problem = sample_problem(seed);
    const Scorer scorer(problem.model, {});
    for (const std::int32_t top : {1, 3, 10, 50}) {
      const RankingMetrics expected = ranking_by_definition(problem, top);
      const RankingMetrics found =
          evaluate_ranking(scorer, problem.model, problem.train, problem.test, top, 4);
      const auto users = static_cast<double>(expected.users);
      ASSERT_EQ(found.users, expected.users) << seed;
      ASSERT_EQ(found.top, top);
      ASSERT_EQ(found.relevant_from, 4);
      if (expected.users == 0) continue;
      ASSERT_NEAR(found.precision, expected.precision / users, 1e-12) << seed;
      ASSERT_NEAR(found.recall, expected.recall / users, 1e-12) << seed;
      ASSERT_NEAR(found.capped_recall, expected.capped_recall / users, 1e-12) << seed;
      ASSERT_NEAR(found.ndcg, expected.ndcg / users, 1e-12) << seed;
      ASSERT_NEAR(found.map, expected.map / users, 1e-12) << seed;
      ASSERT_NEAR(found.hit_rate, expected.hit_rate / users, 1e-12) << seed;
      ASSERT_NEAR(found.catalogue_coverage, expected.catalogue_coverage, 1e-12) << seed;
    }
  }
}

TEST(EvaluateRanking, CountsARelevantItemThatTrainingDoesNotKnowAsMissed) {
  Model model = sample_model({.users = 1, .items = 2, .rank = 0});
  CompressedMatrix train;
  train.offsets = {0, 0};
  const Triples test{{0, 0}, {-1, 1}, {5, 5}, {}};
  const RankingMetrics found = evaluate_ranking(Scorer(model, {}), model, train, test, 2, 4);
  EXPECT_DOUBLE_EQ(found.recall, 0.5);
  EXPECT_EQ(found.users, 1);
}

TEST(EvaluateRanking, OfNobodyIsUndefinedAndOfNothingAnError) {
  const Model model = sample_model({.users = 1, .items = 2, .rank = 1});
  CompressedMatrix train;
  train.offsets = {0, 0};
  const Triples test{{0, -1}, {0, 1}, {3, 5}, {}};
  const RankingMetrics found = evaluate_ranking(Scorer(model, {}), model, train, test, 2, 4);
  EXPECT_EQ(found.users, 0);
  EXPECT_TRUE(std::isnan(found.ndcg));
  EXPECT_EQ(found.catalogue_coverage, 0);
  EXPECT_TRUE(fails_with(ExitCode::usage, "at least 1",
                         [&] { evaluate_ranking(Scorer(model, {}), model, train, test, 0, 4); }));
}

}  // namespace
}  // namespace alsatian
