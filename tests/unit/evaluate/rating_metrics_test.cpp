// Errors of predictions against textbook formulas, one rating at a time.
// Formulas are written out here, so that a sign lost in the shared ones is seen.
#include "host/evaluate/metrics.hpp"
#include "kernels/cpu/parallel.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/models.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

namespace alsatian {
namespace {

using ::testing::ElementsAre;
using testing::fails_with;
using testing::sample_model;

/// Ratings of pairs with some unknown users and items, by a function of the draw.
Triples sample_ratings(const Model& model, std::int64_t count,
                       const std::function<float(double)>& rating) {
  Triples ratings;
  for (std::int64_t i = 0; i < count; ++i) {
    const Random4 draw = philox(5, RandomStream::generate, static_cast<std::uint64_t>(i), 0);
    ratings.users.push_back(
        static_cast<std::int32_t>(draw.word[0] % static_cast<unsigned>(model.users.size() + 1)) -
        1);
    ratings.items.push_back(
        static_cast<std::int32_t>(draw.word[1] % static_cast<unsigned>(model.items.size() + 1)) -
        1);
    ratings.ratings.push_back(rating(uniform(draw.word[2])));
  }
  return ratings;
}

float stars(double draw) { return static_cast<float>(0.5 + std::floor(draw * 10) / 2); }

using Density = std::function<double(double score, double rating)>;  // −log p

double mean_over(const Scorer& scorer, const Triples& test, const Density& term) {
  double sum = 0;
  for (std::size_t i = 0; i < test.ratings.size(); ++i) {
    sum += term(scorer.score(test.users[i], test.items[i]), test.ratings[i]);
  }
  return sum / static_cast<double>(test.size());
}

// Sums of a few thousand terms in double, in two orders.
constexpr double rounding = 1e-10;

TEST(EvaluateRatings, GivesRmseMaeAndRSquaredByTheirFormulas) {
  const Model model = sample_model({.users = 23, .items = 31, .rank = 4});
  const Scorer scorer(model, {});
  const Triples test = sample_ratings(model, 40'001, stars);
  const RatingErrors all = evaluate_ratings(scorer, model, test).all;
  const double squares =
      mean_over(scorer, test, [](double s, double r) { return (s - r) * (s - r); });
  const double mean = mean_over(scorer, test, [](double, double r) { return r; });
  const double variance =
      mean_over(scorer, test, [&](double, double r) { return (r - mean) * (r - mean); });
  EXPECT_EQ(all.count, 40'001);
  EXPECT_NEAR(all.rmse, std::sqrt(squares), rounding);
  EXPECT_NEAR(all.mae, mean_over(scorer, test, [](double s, double r) { return std::abs(s - r); }),
              rounding);
  EXPECT_NEAR(all.r_squared, 1 - squares / variance, rounding * squares / variance);
}

TEST(EvaluateRatings, GivesTheNegativeLogDensityOfTheRatingItself) {
  const auto nll_of = [](const Model& model, const Triples& test) {
    return evaluate_ratings(Scorer(model, {}), model, test).all.mean_nll;
  };
  const auto expected = [](const Model& model, const Triples& test, const Density& density) {
    return mean_over(Scorer(model, {}), test, density);
  };
  const Model gaussian = sample_model({.users = 23, .items = 31, .rank = 1});
  const double variance = .63 * 1.1256 * 1.1256;  // in the rating's units
  const Triples starred = sample_ratings(gaussian, 2003, stars);
  EXPECT_NEAR(nll_of(gaussian, starred),
              expected(gaussian, starred,
                       [&](double s, double r) {
                         return (r - s) * (r - s) / (2 * variance) +
                                std::log(2 * std::numbers::pi * variance) / 2;
                       }),
              rounding);
  const Model laplace =
      sample_model({.users = 23, .items = 31, .rank = 1, .likelihood = Laplace{}});
  const double width = .63 * 1.1256;
  EXPECT_NEAR(
      nll_of(laplace, starred),
      expected(laplace, starred,
               [&](double s, double r) { return std::abs(r - s) / width + std::log(2 * width); }),
      rounding);
  Model poisson = sample_model({.users = 23, .items = 31, .rank = 1, .likelihood = Poisson{}});
  poisson.statistics.dispersion = 1;
  const Triples counts = sample_ratings(
      poisson, 2003, [](double draw) { return static_cast<float>(std::floor(draw * 7)); });
  EXPECT_NEAR(
      nll_of(poisson, counts),
      expected(poisson, counts,
               [](double s, double r) {
                 double factorial = 1;
                 for (int k = 2; k <= static_cast<int>(r); ++k) factorial *= k;
                 return -std::log(std::pow(std::exp(s), r) * std::exp(-std::exp(s)) / factorial);
               }),
      1e-6);  // the density itself is near underflow
  const Model bernoulli =
      sample_model({.users = 23, .items = 31, .rank = 1, .likelihood = Bernoulli{}});
  const Triples binary =
      sample_ratings(bernoulli, 2003, [](double draw) { return draw < 0.3 ? 1.0F : 0.0F; });
  EXPECT_NEAR(nll_of(bernoulli, binary),
              expected(bernoulli, binary,
                       [](double s, double r) {
                         const double p = 1 / (1 + std::exp(-s));
                         return -std::log(r == 1 ? p : 1 - p);
                       }),
              rounding);
}

TEST(EvaluateRatings, ClipsToTheTrainingRangeInItsOwnRowAndWhereTheScorerClipsInEvery) {
  Model model = sample_model({.users = 1, .items = 3, .rank = 0});
  model.factors.users.biases = {0};
  model.factors.items.biases = {-9, 0, 9};  // predictions −5.47, 3.53, 12.53; the range is .5 to 5
  const Triples test{{0, 0, 0}, {0, 1, 2}, {1, 3.5F, 4}, {}};
  const double clipped = (0.5 + 0.0298 + 1) / 3;
  const double free = (1 + 5.4702 + 0.0298 + 12.5298 - 4) / 3;
  for (const bool clip : {false, true}) {
    const RatingEvaluation found = evaluate_ratings(Scorer(model, {.clip = clip}), model, test);
    EXPECT_NEAR(found.all_clipped.mae, clipped, rounding);
    EXPECT_NEAR(found.all.mae, clip ? clipped : free, rounding);
    EXPECT_NEAR(found.known.mae, clip ? clipped : free, rounding);
    EXPECT_NEAR(found.by_user_activity.at(0).mae, clip ? clipped : free, rounding);
    // The three items have 1, 4 and 7 ratings: one bucket.
    EXPECT_NEAR(found.by_item_popularity.at(0).mae, clip ? clipped : free, rounding);
    const double squares = 0.5 * 0.5 + 0.0298 * 0.0298 + 1;
    const double free_squares = 6.4702 * 6.4702 + 0.0298 * 0.0298 + 8.5298 * 8.5298;
    const double variance = .63 * 1.1256 * 1.1256;  // in the rating's units
    const double nll = squares / 3 / (2 * variance) + std::log(2 * std::numbers::pi * variance) / 2;
    EXPECT_NEAR(found.all_clipped.mean_nll, nll, rounding);
    EXPECT_NEAR(found.all.mean_nll, clip ? nll : nll + (free_squares - squares) / 6 / variance,
                rounding);
  }
}

TEST(EvaluateRatings, CountsUnknownUsersAndItemsApart) {
  const Model model = sample_model({.users = 3, .items = 3, .rank = 2});
  const Triples test{{0, -1, -1, 2, 1}, {1, 0, -1, -1, 2}, {1, 2, 3, 4, 5}, {}};
  const RatingEvaluation found = evaluate_ratings(Scorer(model, {}), model, test);
  EXPECT_EQ(found.all.count, 5);
  EXPECT_EQ(found.known.count, 2);
  EXPECT_EQ(found.unknown_users, 2);
  EXPECT_EQ(found.unknown_items, 2);
  EXPECT_DOUBLE_EQ(found.coverage, 0.4);
}

TEST(EvaluateRatings, PutsEveryRatingInOneBucketOfEachSide) {
  Model model = sample_model({.users = 4, .items = 2, .rank = 1});
  model.user_counts = {9, 10, 1000, 999};
  model.item_counts = {1, 100};
  const Triples test{{-1, 0, 1, 2, 3}, {0, 0, 1, 1, -1}, {1, 2, 3, 4, 5}, {}};
  const RatingEvaluation found = evaluate_ratings(Scorer(model, {}), model, test);
  const auto rows = [](const std::vector<RatingErrors>& groups) {
    std::vector<std::string> described;
    for (const RatingErrors& group : groups) {
      described.push_back(fmt::format("{}: {}", group.name, group.count));
    }
    return described;
  };
  EXPECT_THAT(rows(found.by_user_activity),
              ElementsAre("users with 0 ratings: 1", "users with 1-9 ratings: 1",
                          "users with 10-29 ratings: 1", "users with 300-999 ratings: 1",
                          "users with 1000 or more ratings: 1"));
  EXPECT_THAT(rows(found.by_item_popularity),
              ElementsAre("items with 0 ratings: 1", "items with 1-9 ratings: 2",
                          "items with 100-299 ratings: 2"));
  EXPECT_DOUBLE_EQ(found.by_user_activity[2].mae, std::abs(Scorer(model, {}).score(1, 1) - 3));
}

TEST(EvaluateRatings, LeavesUndefinedFiguresUndefined) {
  const Model model = sample_model({});
  const RatingEvaluation none = evaluate_ratings(Scorer(model, {}), model, Triples{});
  EXPECT_EQ(none.all.count, 0);
  EXPECT_TRUE(std::isnan(none.all.rmse));
  EXPECT_TRUE(std::isnan(none.coverage));
  EXPECT_TRUE(none.by_user_activity.empty());
  const Triples equal = sample_ratings(model, 20'011, [](double) { return 3.7F; });
  EXPECT_TRUE(std::isnan(evaluate_ratings(Scorer(model, {}), model, equal).all.r_squared));
}

TEST(EvaluateRatings, RefusesRatingsThatTheLikelihoodCannotExplain) {
  const Model model = sample_model({.likelihood = Bernoulli{}});
  const Triples test{{0, 0}, {0, 1}, {1, 4.5F}, {}};
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "rating 4.5 cannot come from likelihood bernoulli",
                         [&] { evaluate_ratings(Scorer(model, {}), model, test); }));
}

TEST(EvaluateRatings, DoesNotDependOnTheNumberOfThreads) {
  const Model model = sample_model({.users = 23, .items = 31, .rank = 4});
  const Triples test = sample_ratings(model, 100'003, stars);
  use_threads(1);
  const RatingErrors one = evaluate_ratings(Scorer(model, {}), model, test).all;
  use_threads(3);
  const RatingErrors three = evaluate_ratings(Scorer(model, {}), model, test).all;
  use_threads(0);
  EXPECT_EQ(one.rmse, three.rmse);
  EXPECT_EQ(one.mean_nll, three.mean_nll);
  EXPECT_EQ(one.r_squared, three.r_squared);
}

}  // namespace
}  // namespace alsatian
