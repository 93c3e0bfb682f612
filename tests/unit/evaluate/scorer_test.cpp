// Predictions against formulas written out, recommendations against sorting every pair in double.
// Blocks, threads and half precision must not show in what comes out.
#include "host/evaluate/scorer.hpp"

#include "kernels/cpu/parallel.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/models.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

namespace alsatian {
namespace {

using ::testing::ElementsAre;
using testing::fails_with;
using ::testing::IsEmpty;
using testing::sample_model;

/// mean + b_u + c_i + ⟨p_u, q_i⟩ in double, written out here on purpose.
double expected_score(const Model& model, std::int32_t user, std::int32_t item) {
  double sum = model.mean_score();
  double product = 0;
  if (user >= 0) sum += model.factors.users.biases[static_cast<std::size_t>(user)];
  if (item >= 0) sum += model.factors.items.biases[static_cast<std::size_t>(item)];
  for (std::int32_t j = 0; user >= 0 && item >= 0 && j < model.spec.rank; ++j) {
    product += static_cast<double>(model.factors.users.row(user)[j]) *
               static_cast<double>(model.factors.items.row(item)[j]);
  }
  return sum + product;
}

std::vector<std::int32_t> indices(const std::vector<ScoredItem>& items) {
  std::vector<std::int32_t> found;
  for (const ScoredItem& item : items) found.push_back(item.index);
  return found;
}

/// Sorts all candidates of a user by the score in double, ties to the smaller index.
std::vector<std::int32_t> sorted_candidates(const Model& model, const Scorer& scorer,
                                            std::int32_t user, std::size_t count,
                                            const std::vector<std::int32_t>& seen,
                                            const std::vector<std::int32_t>* allowed) {
  std::vector<std::pair<double, std::int32_t>> candidates;
  for (std::int32_t item = 0; item < model.items.size(); ++item) {
    const bool permitted = allowed == nullptr || std::ranges::count(*allowed, item) > 0;
    const bool rated = model.item_counts[static_cast<std::size_t>(item)] > 0;
    if (permitted && rated && std::ranges::count(seen, item) == 0) {
      candidates.emplace_back(-scorer.score(user, item), item);
    }
  }
  std::ranges::sort(candidates);
  candidates.resize(std::min(candidates.size(), count));
  std::vector<std::int32_t> items;
  for (const auto& [score, item] : candidates) items.push_back(item);
  return items;
}

/// About a third of the items are seen by each user, none by the last one.
std::vector<std::vector<std::int32_t>> sample_seen(std::size_t users, std::int32_t items) {
  std::vector<std::vector<std::int32_t>> seen(users);
  for (std::size_t user = 0; user + 1 < users; ++user) {
    for (std::int32_t item = 0; item < items; ++item) {
      const Random4 draw =
          philox(3, RandomStream::generate, user, static_cast<std::uint32_t>(item));
      if (draw.word[0] % 3 == 0) seen[user].push_back(item);
    }
  }
  return seen;
}

CompressedMatrix compressed(const std::vector<std::vector<std::int32_t>>& rows) {
  CompressedMatrix matrix;
  matrix.offsets.push_back(0);
  for (const auto& row : rows) {
    matrix.columns.insert(matrix.columns.end(), row.begin(), row.end());
    matrix.offsets.push_back(static_cast<std::int64_t>(matrix.columns.size()));
  }
  matrix.values.resize(matrix.columns.size());
  return matrix;
}

/// Compares the recommendations for all users, an unknown one and a repeated one with sorting.
void expect_exact_recommendations(const Model& model, std::int32_t count,
                                  const std::vector<std::int32_t>* allowed) {
  const Scorer scorer(model, {});
  std::vector<std::int32_t> users(static_cast<std::size_t>(model.users.size()));
  std::iota(users.begin(), users.end(), 0);
  users.push_back(-1);
  users.push_back(0);
  const auto seen = sample_seen(users.size(), model.items.size());
  const CompressedMatrix seen_matrix = compressed(seen);
  const auto found = scorer.recommend(users, count, &seen_matrix, allowed);
  ASSERT_EQ(found.size(), users.size());
  for (std::size_t i = 0; i < users.size(); ++i) {
    ASSERT_EQ(indices(found[i]),
              sorted_candidates(model, scorer, users[i], static_cast<std::size_t>(count), seen[i],
                                allowed))
        << "user " << users[i];
    for (const ScoredItem& item : found[i]) {
      EXPECT_EQ(item.score, static_cast<float>(scorer.predict(users[i], item.index)));
    }
  }
}

TEST(Scorer, AddsMeanBiasesAndProduct) {
  const Model model = sample_model({.users = 5, .items = 7, .rank = 9});
  const Scorer scorer(model, {});
  for (std::int32_t user = -1; user < 5; ++user) {
    for (std::int32_t item = -1; item < 7; ++item) {
      // Two orders of adding 12 terms below 20 in double.
      EXPECT_NEAR(scorer.score(user, item), expected_score(model, user, item), 1e-13);
      EXPECT_EQ(scorer.predict(user, item), scorer.score(user, item));
    }
  }
  EXPECT_EQ(scorer.score(-1, -1), 3.5298);
}

TEST(Scorer, PredictsTheMeanOfTheLikelihood) {
  const Model poisson = sample_model({.likelihood = Poisson{}});
  const Model bernoulli = sample_model({.likelihood = Bernoulli{}});
  const double score = expected_score(poisson, 2, 3);
  EXPECT_NEAR(Scorer(poisson, {}).predict(2, 3), std::exp(score), 1e-13 * std::exp(score));
  EXPECT_NEAR(Scorer(bernoulli, {}).predict(2, 3), 1 / (1 + std::exp(-score)), 1e-13);
}

TEST(Scorer, ClipsToTheTrainingRangeWhereAskedFor) {
  Model model = sample_model({.users = 1, .items = 3, .rank = 0});
  model.factors.users.biases = {0};
  model.factors.items.biases = {-9, 0.25F, 9};
  const Scorer scorer(model, {.clip = true});
  EXPECT_EQ(scorer.predict(0, 0), model.scale.lowest);
  EXPECT_EQ(scorer.predict(0, 1), model.scale.mean + 0.25);
  EXPECT_EQ(scorer.predict(0, 2), model.scale.highest);
}

TEST(Scorer, PredictsManyPairsAsOne) {
  const Model model = sample_model({.users = 101, .items = 97, .rank = 5});
  const Scorer scorer(model, {});
  std::vector<std::int32_t> users;
  std::vector<std::int32_t> items;
  for (std::int32_t i = 0; i < 9001; ++i) {
    users.push_back(i % 102 - 1);
    items.push_back(i % 98 - 1);
  }
  const std::vector<float> predicted = scorer.predict(users, items);
  for (std::size_t i = 0; i < users.size(); ++i) {
    ASSERT_EQ(predicted[i], static_cast<float>(scorer.predict(users[i], items[i]))) << i;
  }
  const std::vector<std::int32_t> none;
  EXPECT_THAT(scorer.predict(none, none), IsEmpty());
  items.pop_back();
  EXPECT_TRUE(fails_with(ExitCode::internal, "", [&] { scorer.predict(users, items); }));
}

struct RecommendCase {
  std::int32_t users;
  std::int32_t items;
  std::int32_t rank;
  std::int32_t count;
};

class Recommend : public ::testing::TestWithParam<RecommendCase> {};

TEST_P(Recommend, GivesTheBestCandidatesAsSortingDoes) {
  const auto [users, items, rank, count] = GetParam();
  expect_exact_recommendations(sample_model({.users = users, .items = items, .rank = rank}), count,
                               nullptr);
}

TEST_P(Recommend, ChoosesOnlyAmongAllowedItemsWithTrainingRatings) {
  const auto [users, items, rank, count] = GetParam();
  Model model = sample_model({.users = users, .items = items, .rank = rank});
  for (std::int32_t item = 0; item < items; item += 5) {
    model.item_counts[static_cast<std::size_t>(item)] = 0;
  }
  expect_exact_recommendations(model, count, nullptr);
  std::vector<std::int32_t> allowed;
  for (std::int32_t item = 1; item < items; item += 2) allowed.push_back(item);
  expect_exact_recommendations(model, count, &allowed);
}

TEST_P(Recommend, GivesTiesToTheSmallerIndex) {
  const auto [users, items, rank, count] = GetParam();
  Model model = sample_model({.users = users, .items = items, .rank = rank});
  // Factors of -1, 0 and 1: most scores occur many times.
  for (SideFactors* side : {&model.factors.users, &model.factors.items}) {
    for (float& value : side->factors) value = std::round(value);
    for (float& value : side->biases) value = std::round(value);
  }
  expect_exact_recommendations(model, count, nullptr);
  std::ranges::fill(model.factors.items.factors, 0.0F);
  std::ranges::fill(model.factors.items.biases, 0.0F);
  expect_exact_recommendations(model, count, nullptr);
}

TEST_P(Recommend, OrdersScoresThatFloatCannotTellApart) {
  const auto [users, items, rank, count] = GetParam();
  Model model = sample_model({.users = users, .items = items, .rank = rank});
  // Terms of 1000 that cancel in the end; float loses on the way what the items differ in.
  for (std::int64_t user = 0; user < users; ++user) {
    for (std::int32_t j = 0; j < rank; ++j)
      model.factors.users.row(user)[j] = j < rank / 2 ? -1.0F : 1.0F;
  }
  for (float& value : model.factors.items.factors) value = 1000.0F + 1e-3F * value;
  for (float& value : model.factors.items.biases) value *= 1e-3F;
  expect_exact_recommendations(model, count, nullptr);
}

TEST_P(Recommend, DoesNotDependOnTheNumberOfThreads) {
  const auto [users, items, rank, count] = GetParam();
  const Model model = sample_model({.users = users, .items = items, .rank = rank});
  std::vector<std::int32_t> all(static_cast<std::size_t>(users));
  std::iota(all.begin(), all.end(), 0);
  // clang 14 captures no structured binding by itself.
  const auto recommend_with = [&, most = count](int threads, std::span<const std::int32_t> whom) {
    use_threads(threads);
    std::vector<std::vector<std::int32_t>> found;
    for (const auto& list : Scorer(model, {}).recommend(whom, most, nullptr, nullptr)) {
      found.push_back(indices(list));
    }
    use_threads(0);
    return found;
  };
  const auto one = recommend_with(1, all);
  EXPECT_EQ(one, recommend_with(3, all));
  // Nor on which other users are asked for.
  const std::vector<std::int32_t> last{users - 1};
  EXPECT_EQ(one.back(), recommend_with(2, last).front());
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, Recommend,
    ::testing::Values(RecommendCase{7, 5, 3, 10}, RecommendCase{3, 511, 1, 1},
                      RecommendCase{67, 513, 8, 10}, RecommendCase{5, 1301, 33, 10},
                      RecommendCase{3, 1301, 0, 17}, RecommendCase{2, 800, 16, 801},
                      RecommendCase{131, 61, 100, 3}, RecommendCase{1, 1, 1, 1}),
    [](const auto& sizes) { return "Case" + std::to_string(sizes.index); });

TEST(Recommend, GivesFewerWhereFewerAreLeftAndNothingForNothing) {
  const Model model = sample_model({.users = 2, .items = 4, .rank = 2});
  const Scorer scorer(model, {});
  const std::vector<std::int32_t> users{0, 1};
  const CompressedMatrix seen = compressed({{0, 1, 2, 3}, {0, 2, 3}});
  const auto found = scorer.recommend(users, 3, &seen, nullptr);
  EXPECT_THAT(found[0], IsEmpty());
  EXPECT_THAT(indices(found[1]), ElementsAre(1));
  EXPECT_THAT(scorer.recommend(users, 0, nullptr, nullptr), ElementsAre(IsEmpty(), IsEmpty()));
  EXPECT_THAT(scorer.recommend({}, 3, nullptr, nullptr), IsEmpty());
  const std::vector<std::int32_t> none;
  EXPECT_THAT(scorer.recommend(users, 3, nullptr, &none), ElementsAre(IsEmpty(), IsEmpty()));
  EXPECT_TRUE(fails_with(ExitCode::internal, "rows of seen",
                         [&] { scorer.recommend({}, 3, &seen, nullptr); }));
}

TEST(Recommend, ShowsClippedRatingsInTheOrderOfScores) {
  Model model = sample_model({.users = 1, .items = 4, .rank = 0});
  model.factors.users.biases = {0};
  model.factors.items.biases = {7, 9, -1, 8};
  const Scorer scorer(model, {.clip = true});
  const std::vector<std::int32_t> users{0};
  const auto found = scorer.recommend(users, 3, nullptr, nullptr)[0];
  EXPECT_THAT(indices(found), ElementsAre(1, 3, 0));
  for (const ScoredItem& item : found) EXPECT_EQ(item.score, 5.0F);
}

TEST(Recommend, OrdersProductsThatOverflowFloat) {
  Model model = sample_model({.users = 2, .items = 600, .rank = 2});
  for (std::int64_t item = 0; item < 600; ++item) model.factors.items.row(item)[0] *= 1e25F;
  model.factors.users.row(0)[0] = 1e25F;
  expect_exact_recommendations(model, 10, nullptr);
}

TEST(Recommend, NeverReturnsAnItemWhoseScoreIsNotANumber) {
  Model model = sample_model({.users = 3, .items = 700, .rank = 4});
  model.factors.items.row(5)[2] = std::numeric_limits<float>::quiet_NaN();
  model.factors.items.biases[600] = std::numeric_limits<float>::infinity();
  const Scorer scorer(model, {});
  const std::vector<std::int32_t> users{0, 1, 2};
  for (const auto& list : scorer.recommend(users, 700, nullptr, nullptr)) {
    EXPECT_EQ(list.size(), 698U);
    for (const ScoredItem& item : list) EXPECT_TRUE(item.index != 5 && item.index != 600);
  }
}

TEST(Similar, IsTheCosineOfFactorsBestFirst) {
  const Model model = sample_model({.users = 31, .items = 1201, .rank = 6});
  const Scorer scorer(model, {});
  const float* own = model.factors.items.row(17);
  std::vector<std::pair<double, std::int32_t>> expected;
  for (std::int32_t item = 0; item < 1201; ++item) {
    const float* other = model.factors.items.row(item);
    double product = 0;
    double own_square = 0;
    double other_square = 0;
    for (int j = 0; j < 6; ++j) {
      product += static_cast<double>(own[j]) * static_cast<double>(other[j]);
      own_square += std::pow(static_cast<double>(own[j]), 2);
      other_square += std::pow(static_cast<double>(other[j]), 2);
    }
    if (item != 17) expected.emplace_back(-product / std::sqrt(own_square * other_square), item);
  }
  std::ranges::sort(expected);
  const auto found = scorer.similar_items(17, 10);
  ASSERT_EQ(found.size(), 10U);
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].index, expected[i].second);
    EXPECT_NEAR(found[i].score, -expected[i].first, 1e-7);  // half a unit of float at 1
  }
}

TEST(Similar, LeavesOutItselfUnratedRowsAndZeroRows) {
  Model model = sample_model({.users = 5, .items = 3, .rank = 2});
  model.user_counts[1] = 0;
  std::fill_n(model.factors.users.row(2), 2, 0.0F);
  const Scorer scorer(model, {});
  EXPECT_THAT(indices(scorer.similar_users(0, 10)), ::testing::UnorderedElementsAre(3, 4));
  EXPECT_THAT(scorer.similar_users(2, 10), IsEmpty()) << "a zero row points nowhere";
  EXPECT_THAT(scorer.similar_users(0, 0), IsEmpty());
  const Model biases_only = sample_model({.rank = 0});
  EXPECT_THAT(Scorer(biases_only, {}).similar_items(0, 3), IsEmpty());
}

TEST(Similar, GivesTiesToTheSmallerIndex) {
  Model model = sample_model({.users = 1, .items = 5, .rank = 1});
  model.factors.items.factors = {1, -2, 3, 4, -5};
  EXPECT_THAT(indices(Scorer(model, {}).similar_items(2, 4)), ElementsAre(0, 3, 1, 4));
}

TEST(Scorer, NeverPredictsARatingBeyondTheLargestFloat) {
  const double largest = std::numeric_limits<float>::max();
  for (const Likelihood& likelihood : {Likelihood(Gaussian{}), Likelihood(Poisson{})}) {
    Model model = sample_model({.likelihood = likelihood});
    model.factors.users.biases[0] = std::numeric_limits<float>::max();
    model.factors.items.biases[0] = std::numeric_limits<float>::max();
    const Scorer scorer(model, {});
    const std::vector<std::int32_t> first{0};
    EXPECT_EQ(scorer.predict(0, 0), largest);
    EXPECT_THAT(scorer.predict(first, first), ElementsAre(std::numeric_limits<float>::max()));
    EXPECT_EQ(scorer.recommend(first, 1, nullptr, nullptr).front().front().score, largest);
  }
}

}  // namespace
}  // namespace alsatian
