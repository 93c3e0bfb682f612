// Comparisons against evaluate, against sums written out, and against the normal approximation.
// That models are resampled on the same users is what the intervals of their differences show.
#include "host/evaluate/comparison.hpp"

#include "host/ratings/id_indexing.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/models.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <deque>
#include <functional>
#include <set>
#include <stdexcept>

namespace alsatian {
namespace {

using testing::fails_with;
using testing::ModelShape;
using testing::sample_ids;
using testing::sample_model;

constexpr double rounding = 1e-11;  // of a few thousand terms in double, in two orders

float stars(double draw) { return static_cast<float>(0.5 + std::floor(draw * 10) / 2); }

/// About `each` ratings of each user, of random items, sorted.
SharedTest sample_test(std::int32_t users, std::int32_t items, int each,
                       const std::function<float(double)>& rating = stars) {
  SharedTest test{.name = "sample",
                  .users = sample_ids(users, IdKind::integer),
                  .items = sample_ids(items, IdKind::integer)};
  for (std::int32_t user = 0; user < users; ++user) {
    std::set<std::int32_t> rated;
    for (int at = 0; at < each; ++at) {
      const Random4 draw = philox(9, RandomStream::generate, static_cast<std::uint64_t>(user),
                                  static_cast<std::uint32_t>(at));
      rated.insert(static_cast<std::int32_t>(
          uniform_below(draw.word[0], static_cast<std::uint32_t>(items))));
    }
    for (const std::int32_t item : rated) {
      const Random4 draw = philox(10, RandomStream::generate, static_cast<std::uint64_t>(user),
                                  static_cast<std::uint32_t>(item));
      test.ratings.users.push_back(user);
      test.ratings.items.push_back(item);
      test.ratings.ratings.push_back(rating(uniform(draw.word[0])));
    }
  }
  return test;
}

/// The same model with other biases of items: its errors are much like those of the first.
Model nudged(Model model, float by) {
  for (std::size_t item = 0; item < model.factors.items.biases.size(); ++item) {
    model.factors.items.biases[item] += item % 2 == 0 ? by : -by / 2;
  }
  return model;
}

std::vector<ComparedModel> compared(const std::deque<Model>& models, const SharedTest& test,
                                    const ScorerOptions& scoring = {}) {
  std::vector<ComparedModel> result;
  for (const Model& model : models) result.emplace_back("model", model, test, scoring);
  return result;
}

const ComparedFigure& figure_of(const std::vector<ComparedFigure>& figures, const std::string& name,
                                const std::string& over = "all") {
  for (const ComparedFigure& figure : figures) {
    if (figure.name == name && figure.over == over) return figure;
  }
  throw std::runtime_error("no figure " + name + " over " + over);
}

TEST(CompareErrors, GiveTheFiguresOfEvaluateForEachModel) {
  const SharedTest test = sample_test(61, 31, 9);
  const std::deque<Model> models{sample_model({.users = 61, .items = 31, .rank = 4}),
                                 sample_model({.users = 41, .items = 23, .rank = 2, .seed = 5}),
                                 sample_model({.users = 61, .items = 31, .likelihood = Laplace{}}),
                                 sample_model({.users = 61, .items = 31, .draws = 3})};
  for (const bool clip : {false, true}) {
    const auto all = compared(models, test, {.clip = clip});
    const ErrorComparison found = compare_errors(all, test, {.bootstrap = {.resamples = 100}});
    for (std::size_t at = 0; at < models.size(); ++at) {
      const RatingEvaluation expected =
          evaluate_ratings(all[at].scorer(), models[at], all[at].by_own_indices(test.ratings));
      const auto value = [&](const char* name) {
        return figure_of(found.figures, name).models[at].figure.value;
      };
      EXPECT_NEAR(value("rmse"), expected.all.rmse, rounding);
      EXPECT_NEAR(value("mae"), expected.all.mae, rounding);
      EXPECT_NEAR(value("nll"), expected.all.mean_nll, rounding);
      EXPECT_EQ(found.unknown_users[at], expected.unknown_users);
      EXPECT_EQ(found.unknown_items[at], expected.unknown_items);
    }
  }
}

TEST(CompareErrors, OfRatingsKnownToAllCountThoseThatEveryModelKnows) {
  const SharedTest test = sample_test(61, 31, 9);
  const std::deque<Model> models{sample_model({.users = 61, .items = 23, .rank = 3}),
                                 sample_model({.users = 41, .items = 31, .rank = 3})};
  const auto all = compared(models, test);
  const ErrorComparison found = compare_errors(all, test, {.bootstrap = {.resamples = 100}});
  // Ids of smaller models are the first of the larger's.
  std::int64_t known = 0;
  double squares = 0;
  for (std::size_t row = 0; row < test.ratings.users.size(); ++row) {
    if (test.ratings.users[row] >= 41 || test.ratings.items[row] >= 23) continue;
    ++known;
    const double error = all[1].scorer().score(test.ratings.users[row], test.ratings.items[row]) -
                         test.ratings.ratings[row];
    squares += error * error;
  }
  EXPECT_EQ(found.known_ratings, known);
  const ComparedFigure& rmse = figure_of(found.figures, "rmse", "known to all");
  EXPECT_EQ(rmse.count, known);
  EXPECT_NEAR(rmse.models[1].figure.value, std::sqrt(squares / static_cast<double>(known)),
              rounding);
}

TEST(CompareErrors, OfTheSameModelTwiceDifferByNothing) {
  const SharedTest test = sample_test(37, 29, 8);
  const Model model = sample_model({.users = 37, .items = 29});
  const std::deque<Model> models{model, model};
  const ErrorComparison found =
      compare_errors(compared(models, test), test, {.bootstrap = {.resamples = 200}});
  for (const ComparedFigure& figure : found.figures) {
    const ModelFigure& second = figure.models[1];
    EXPECT_EQ(second.difference.value, 0) << figure.name;
    EXPECT_EQ(second.difference.interval.lower, 0) << figure.name;
    EXPECT_EQ(second.difference.interval.upper, 0) << figure.name;
    EXPECT_FALSE(second.excludes_zero()) << figure.name;
    EXPECT_LT(second.figure.interval.lower, second.figure.value);
    EXPECT_GT(second.figure.interval.upper, second.figure.value);
  }
}

/// Sums of squared errors and counts by user, written out.
struct UserSums {
  std::vector<double> squares;
  std::vector<double> counts;
  double rmse = 0;

  UserSums(const ComparedModel& model, const SharedTest& test)
      : squares(static_cast<std::size_t>(test.users.size())), counts(squares.size()) {
    double all = 0;
    for (std::size_t row = 0; row < test.ratings.users.size(); ++row) {
      const auto user = static_cast<std::size_t>(test.ratings.users[row]);
      const double error = model.scorer().score(test.ratings.users[row], test.ratings.items[row]) -
                           test.ratings.ratings[row];
      squares[user] += error * error;
      ++counts[user];
      all += error * error;
    }
    rmse = std::sqrt(all / static_cast<double>(test.ratings.size()));
  }

  /// How much a user moves the RMSE: the delta method.
  double influence(std::size_t user, double ratings) const {
    return (squares[user] - rmse * rmse * counts[user]) / (2 * rmse * ratings);
  }
};

TEST(CompareErrors, ResampleTheModelsTogetherAndRatingsByUser) {
  constexpr std::int32_t users = 401;
  const SharedTest test = sample_test(users, 29, 7);
  const Model first = sample_model({.users = users, .items = 29, .rank = 2});
  const std::deque<Model> models{first, nudged(first, 0.3F)};
  const auto all = compared(models, test);
  const BootstrapOptions bootstrap{.resamples = 2000};
  const ErrorComparison found = compare_errors(all, test, {.bootstrap = bootstrap});
  const std::array sums{UserSums(all[0], test), UserSums(all[1], test)};
  double paired = 0;
  double unpaired = 0;
  const auto ratings = static_cast<double>(test.ratings.size());
  for (std::size_t user = 0; user < users; ++user) {
    const double own = sums[1].influence(user, ratings);
    const double other = sums[0].influence(user, ratings);
    paired += (own - other) * (own - other);
    unpaired += own * own + other * other;
  }
  const double error = std::sqrt(paired);
  const double difference = sums[1].rmse - sums[0].rmse;
  // 0.06 deviations of noise an endpoint (bootstrap_test.cpp), five of them, and 0.05 for the
  // skewness that the normal approximation leaves out, of order 1/(6·√401)·(1.96² − 1).
  const double tolerance = (5 * 0.06 + 0.05) * error;
  const ModelFigure& second = figure_of(found.figures, "rmse").models[1];
  EXPECT_NEAR(second.difference.value, difference, rounding);
  EXPECT_NEAR(second.difference.interval.lower, difference - 1.96 * error, tolerance);
  EXPECT_NEAR(second.difference.interval.upper, difference + 1.96 * error, tolerance);
  // Models resampled on users of their own would be seen: their interval is far wider than that.
  EXPECT_GT(1.96 * (std::sqrt(unpaired) - error), 2 * tolerance);
}

TEST(CompareErrors, TakeRatingsOfAUserForWhatTheyAreOneDraw) {
  // Every user rates with an error of their own: n users say as much as n ratings, not as 16 n.
  constexpr std::int32_t users = 199;
  SharedTest test = sample_test(users, 61, 16);
  Model model = sample_model({.users = users, .items = 61, .rank = 0});
  std::ranges::fill(model.factors.items.biases, 0.0F);
  std::ranges::fill(model.factors.users.biases, 0.0F);
  for (std::size_t row = 0; row < test.ratings.users.size(); ++row) {
    const Random4 draw =
        philox(31, RandomStream::generate, static_cast<std::uint64_t>(test.ratings.users[row]), 0);
    test.ratings.ratings[row] =
        static_cast<float>(model.mean_score() + 0.2 + 1.3 * uniform(draw.word[0]));
  }
  const std::deque<Model> models{model};
  const auto all = compared(models, test);
  const ErrorComparison found = compare_errors(all, test, {.bootstrap = {.resamples = 2000}});
  const UserSums sums(all[0], test);
  double by_user = 0;
  double by_rating = 0;
  const auto ratings = static_cast<double>(test.ratings.size());
  for (std::size_t user = 0; user < users; ++user) {
    const double influence = sums.influence(user, ratings);
    by_user += influence * influence;
    by_rating += influence * influence / sums.counts[user];
  }
  const Interval interval = figure_of(found.figures, "rmse").models[0].figure.interval;
  const double half = (interval.upper - interval.lower) / 2;
  EXPECT_NEAR(half, 1.96 * std::sqrt(by_user), 0.35 * std::sqrt(by_user));
  EXPECT_GT(half, 2 * 1.96 * std::sqrt(by_rating));
}

TEST(CompareErrors, TakeDifferencesFromTheFirstOrTheBest) {
  const SharedTest test = sample_test(37, 29, 8);
  const Model good = sample_model({.users = 37, .items = 29, .rank = 0});
  const std::deque<Model> models{nudged(good, 2), good};
  const auto all = compared(models, test);
  const auto compare = [&](ComparisonOptions::Baseline baseline) {
    return compare_errors(all, test, {.baseline = baseline, .bootstrap = {.resamples = 200}});
  };
  const ErrorComparison first = compare(ComparisonOptions::Baseline::first);
  const ErrorComparison best = compare(ComparisonOptions::Baseline::best);
  EXPECT_EQ(first.baseline, 0U);
  EXPECT_EQ(best.baseline, 1U);
  const double difference = figure_of(first.figures, "rmse").models[1].difference.value;
  EXPECT_LT(difference, 0);
  EXPECT_EQ(figure_of(best.figures, "rmse").models[0].difference.value, -difference);
  EXPECT_EQ(figure_of(best.figures, "rmse").models[1].difference.value, 0);
}

TEST(CompareErrors, LeaveOutTheDifferenceOfADensityAndAProbability) {
  const SharedTest test =
      sample_test(23, 19, 7, [](double draw) { return static_cast<float>(std::floor(draw * 4)); });
  const std::deque<Model> models{sample_model({.users = 23, .items = 19}),
                                 sample_model({.users = 23, .items = 19, .likelihood = Poisson{}}),
                                 sample_model({.users = 23, .items = 19, .likelihood = Laplace{}})};
  const ErrorComparison found =
      compare_errors(compared(models, test), test, {.bootstrap = {.resamples = 100}});
  const ComparedFigure& nll = figure_of(found.figures, "nll");
  EXPECT_TRUE(std::isnan(nll.models[1].difference.value));
  EXPECT_FALSE(nll.models[1].excludes_zero());
  EXPECT_FALSE(std::isnan(nll.models[1].figure.interval.lower));
  EXPECT_FALSE(std::isnan(nll.models[2].difference.value));
  EXPECT_FALSE(std::isnan(figure_of(found.figures, "rmse").models[1].difference.value));
}

TEST(CompareErrors, OfOneUserHaveNoInterval) {
  const SharedTest test = sample_test(1, 29, 20);
  const Model model = sample_model({.users = 1, .items = 29});
  const std::deque<Model> models{model, nudged(model, 1)};
  const ErrorComparison found = compare_errors(compared(models, test), test, {});
  const ModelFigure& second = figure_of(found.figures, "rmse").models[1];
  EXPECT_NE(second.difference.value, 0);
  EXPECT_TRUE(std::isnan(second.difference.interval.lower));
  EXPECT_TRUE(std::isnan(second.figure.interval.upper));
  EXPECT_FALSE(second.excludes_zero());
}

TEST(CompareErrors, RefuseRatingsThatALikelihoodCannotGive) {
  const SharedTest test = sample_test(23, 19, 7);
  const std::deque<Model> models{sample_model({.users = 23, .items = 19}),
                                 sample_model({.users = 23, .items = 19, .likelihood = Poisson{}})};
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "cannot come from likelihood poisson",
                         [&] { compare_errors(compared(models, test), test, {}); }));
}

TEST(CompareErrors, GroupTheSameRatingsForEveryModel) {
  const SharedTest test = sample_test(61, 31, 9);
  const std::deque<Model> models{sample_model({.users = 61, .items = 23, .rank = 3}),
                                 sample_model({.users = 41, .items = 31, .rank = 3})};
  const ErrorComparison found =
      compare_errors(compared(models, test), test, {.bootstrap = {.resamples = 100}});
  const ComparedFigure& rmse = figure_of(found.figures, "rmse");
  for (const auto* groups : {&found.by_user_activity, &found.by_item_popularity}) {
    EXPECT_GT(groups->size(), 2U);
    for (std::size_t model = 0; model < models.size(); ++model) {
      double squares = 0;
      std::int64_t count = 0;
      for (const ComparedGroup& group : *groups) {
        squares += static_cast<double>(group.count) * group.rmse[model] * group.rmse[model];
        count += group.count;
      }
      EXPECT_EQ(count, test.ratings.size());
      EXPECT_NEAR(std::sqrt(squares / static_cast<double>(count)), rmse.models[model].figure.value,
                  rounding);
    }
  }
  // Those of the first model, as evaluate has them.
  const auto all = compared(models, test);
  const RatingEvaluation expected =
      evaluate_ratings(all[0].scorer(), models[0], all[0].by_own_indices(test.ratings));
  ASSERT_EQ(found.by_item_popularity.size(), expected.by_item_popularity.size());
  for (std::size_t at = 0; at < found.by_item_popularity.size(); ++at) {
    EXPECT_EQ(found.by_item_popularity[at].name, expected.by_item_popularity[at].name);
    EXPECT_NEAR(found.by_item_popularity[at].rmse[0], expected.by_item_popularity[at].rmse,
                rounding);
  }
}

TEST(CompareErrors, GiveQuantilesOfTheResiduals) {
  const SharedTest test = sample_test(37, 29, 8);
  const std::deque<Model> models{sample_model({.users = 37, .items = 29})};
  const auto all = compared(models, test);
  const ErrorComparison found = compare_errors(all, test, {.bootstrap = {.resamples = 100}});
  const std::vector<double>& quantiles = found.residual_quantiles.front();
  ASSERT_EQ(quantiles.size(), residual_shares.size());
  for (std::size_t at = 0; at < residual_shares.size(); ++at) {
    double below = 0;
    for (std::size_t row = 0; row < test.ratings.users.size(); ++row) {
      below += test.ratings.ratings[row] -
                   all[0].scorer().score(test.ratings.users[row], test.ratings.items[row]) <
               quantiles[at];
    }
    const auto ratings = static_cast<double>(test.ratings.size());
    EXPECT_NEAR(below / ratings, residual_shares[at], 1 / ratings);
  }
}

/// Training ratings of a model's users: every seventh item.
CompressedMatrix seen_items(const Model& model) {
  Triples train;
  for (std::int32_t user = 0; user < model.users.size(); ++user) {
    for (std::int32_t item = user % 7; item < model.items.size(); item += 7) {
      train.users.push_back(user);
      train.items.push_back(item);
      train.ratings.push_back(3);
    }
  }
  return compress_by_user(train, model.users.size());
}

TEST(CompareRankings, GiveTheFiguresOfEvaluateOverUsersWhomAllKnow) {
  const SharedTest test = sample_test(61, 31, 9);
  const std::deque<Model> models{sample_model({.users = 61, .items = 23, .rank = 3}),
                                 sample_model({.users = 41, .items = 31, .rank = 3, .seed = 4})};
  const auto all = compared(models, test);
  RankingOptions ranking{.top = 5, .relevant_from = 3.5};
  for (const Model& model : models) ranking.train.push_back(seen_items(model));
  const RankingComparison found = compare_rankings(all, test, ranking, 0, {.resamples = 200});
  SharedTest known = test;
  known.ratings = {};
  for (std::size_t row = 0; row < test.ratings.users.size(); ++row) {
    if (test.ratings.users[row] >= 41) continue;
    known.ratings.users.push_back(test.ratings.users[row]);
    known.ratings.items.push_back(test.ratings.items[row]);
    known.ratings.ratings.push_back(test.ratings.ratings[row]);
  }
  for (std::size_t at = 0; at < models.size(); ++at) {
    const RankingMetrics expected =
        evaluate_ranking(all[at].scorer(), models[at], ranking.train[at],
                         all[at].by_own_indices(known.ratings), 5, 3.5);
    ASSERT_GT(expected.ndcg, 0);
    const auto check = [&](const char* name, double value) {
      const ComparedFigure& figure = figure_of(found.figures, name, "ranked users");
      EXPECT_EQ(figure.count, expected.users);
      EXPECT_FALSE(figure.smaller_is_better);
      EXPECT_NEAR(figure.models[at].figure.value, value, rounding) << name;
      EXPECT_LE(figure.models[at].figure.interval.lower, value) << name;
      EXPECT_GE(figure.models[at].figure.interval.upper, value) << name;
    };
    check("precision", expected.precision);
    check("recall", expected.recall);
    check("capped_recall", expected.capped_recall);
    check("ndcg", expected.ndcg);
    check("map", expected.map);
    check("hit_rate", expected.hit_rate);
    EXPECT_EQ(found.catalogue_coverage[at], expected.catalogue_coverage);
  }
}

TEST(ComparedModel, MapsIdsOfAnotherKindAsTextAndSortsWhatItMaps) {
  SharedTest test{.name = "sample",
                  .users = IdIndex(std::vector<std::int64_t>{2, 9, 10}),
                  .items = IdIndex(std::vector<std::int64_t>{3, 20})};
  test.ratings = {{0, 1, 1, 2}, {0, 0, 1, 1}, {1, 2, 3, 4}, {}};
  Model model = sample_model({.users = 3, .items = 2, .rank = 1});
  StringTable users;
  for (const char* id : {"10", "2", "9"}) users.push_back(id);
  StringTable items;
  for (const char* id : {"20", "3"}) items.push_back(id);
  model.users = IdIndex(std::move(users));
  model.items = IdIndex(std::move(items));
  const Triples mapped = ComparedModel("model", model, test, {}).by_own_indices(test.ratings);
  EXPECT_THAT(mapped.users, ::testing::ElementsAre(0, 1, 2, 2));
  EXPECT_THAT(mapped.items, ::testing::ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(mapped.ratings, ::testing::ElementsAre(4, 1, 3, 2));
}

}  // namespace
}  // namespace alsatian
