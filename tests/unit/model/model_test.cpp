// Units: predictions are the same before and after every conversion, by closed form.
// Training knows standardised ratings, users know theirs: a slip between would look like noise.
#include "host/model/model.hpp"

#include "tests/support/expect_error.hpp"
#include "tests/support/models.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace alsatian {
namespace {

using testing::fails_with;
using testing::sample_ids;
using testing::sample_model;

/// Relative error of a sum of rank + 3 float values, each rounded once more by a conversion.
double tolerance(std::int32_t rank, double magnitude) {
  return (rank + 8) * static_cast<double>(std::numeric_limits<float>::epsilon()) * magnitude;
}

/// mean + b_u + c_i + ⟨p_u, q_i⟩, written out here on purpose.
double score_of(const Factors& factors, std::int64_t user, std::int64_t item, double mean) {
  double sum = mean;
  sum += factors.users.biases[static_cast<std::size_t>(user)];
  sum += factors.items.biases[static_cast<std::size_t>(item)];
  for (std::int32_t j = 0; j < factors.users.rank; ++j) {
    sum += static_cast<double>(factors.users.row(user)[j]) * factors.items.row(item)[j];
  }
  return sum;
}

Factors start_for(const IdIndex& users, const IdIndex& items, std::int32_t rank) {
  return start_factors(users.size(), items.size(), rank, 0.1, 42);
}

TEST(ToRatingUnits, GivesTheRatingThatTheStandardisedScoreStandsFor) {
  const RatingScale scale{.mean = 61.3, .deviation = 22.5};
  const Factors standardised = sample_model({.users = 4, .items = 3, .rank = 5}).factors;
  const Factors converted = to_rating_units(standardised, scale);
  for (std::int64_t user = 0; user < 4; ++user) {
    for (std::int64_t item = 0; item < 3; ++item) {
      const double expected = scale.mean + scale.deviation * score_of(standardised, user, item, 0);
      EXPECT_NEAR(score_of(converted, user, item, scale.mean), expected, tolerance(5, 22.5 * 20));
    }
  }
}

TEST(ToRatingUnits, LeavesAScaleOfOneBitForBit) {
  const Factors before = sample_model({}).factors;
  const Factors after = to_rating_units(before, RatingScale{});
  EXPECT_EQ(before.users.factors, after.users.factors);
  EXPECT_EQ(before.items.biases, after.items.biases);
}

TEST(MeanScore, IsTheMeanRatingOrItsLink) {
  EXPECT_EQ(sample_model({}).mean_score(), 3.5298);
  EXPECT_EQ(sample_model({.likelihood = Laplace{}}).mean_score(), 3.5298);
  EXPECT_EQ(sample_model({.likelihood = Bernoulli{}}).mean_score(), -0.3);
}

class StartFrom : public ::testing::TestWithParam<IdKind> {};

TEST_P(StartFrom, PredictsAsTheModelDidInTheUnitsOfTheNewRatings) {
  const Model model = sample_model({.users = 6, .items = 5, .rank = 3, .ids = GetParam()});
  ModelSpec spec = model.spec;
  const RatingScale scale{.mean = 70, .deviation = 18};  // the same people, rating out of 100
  Factors start = start_for(model.users, model.items, 3);
  start_from(model, model.users, model.items, spec, scale, start);
  for (std::int64_t user = 0; user < 6; ++user) {
    for (std::int64_t item = 0; item < 5; ++item) {
      const double predicted = scale.mean + scale.deviation * score_of(start, user, item, 0);
      EXPECT_NEAR(predicted, score_of(model.factors, user, item, model.mean_score()),
                  tolerance(3, 70 + 18 * 20));
    }
  }
}

TEST_P(StartFrom, MatchesRowsByIdAndLeavesNewOnesAsTheyStart) {
  const Model model = sample_model({.users = 6, .items = 5, .rank = 3, .ids = GetParam()});
  // Every second user of the model is gone, and new ones stand before, between and after.
  const IdIndex all = sample_ids(9, GetParam());
  std::vector<bool> keep{true, false, true, true, false, true, true, true, true};
  const IdIndex users = all.subset(keep);
  const RatingScale scale = model.scale;
  const Factors untouched = start_for(users, model.items, 3);
  Factors start = untouched;
  start_from(model, users, model.items, model.spec, scale, start);
  int matched = 0;
  for (std::int32_t user = 0; user < users.size(); ++user) {
    const auto old_user = model.users.find(users.text(user));
    const auto bias = start.users.biases[static_cast<std::size_t>(user)];
    if (!old_user) {
      EXPECT_EQ(start.users.row(user)[0], untouched.users.row(user)[0]);
      EXPECT_EQ(bias, 0.0F);
      continue;
    }
    ++matched;
    EXPECT_NEAR(bias,
                model.factors.users.biases[static_cast<std::size_t>(*old_user)] / scale.deviation,
                tolerance(3, 5));
    EXPECT_NEAR(start.users.row(user)[2],
                model.factors.users.row(*old_user)[2] / std::sqrt(scale.deviation),
                tolerance(3, 5));
  }
  EXPECT_GT(matched, 0);
  EXPECT_LT(matched, users.size());
}

TEST_P(StartFrom, PadsASmallerRankWithTheStart) {
  const Model model = sample_model({.users = 6, .items = 5, .rank = 3, .ids = GetParam()});
  ModelSpec spec = model.spec;
  spec.rank = 5;
  const Factors untouched = start_for(model.users, model.items, 5);
  Factors start = untouched;
  start_from(model, model.users, model.items, spec, model.scale, start);
  EXPECT_NE(start.items.row(4)[2], untouched.items.row(4)[2]);
  EXPECT_EQ(start.items.row(4)[3], untouched.items.row(4)[3]);
  EXPECT_EQ(start.items.row(4)[4], untouched.items.row(4)[4]);
}

INSTANTIATE_TEST_SUITE_P(Ids, StartFrom, ::testing::Values(IdKind::integer, IdKind::string),
                         [](const auto& shape) {
                           return shape.param == IdKind::integer ? "integer" : "string";
                         });

TEST(StartFrom, KeepsScoresOfALikelihoodWithoutStandardisation) {
  const Model model = sample_model({.users = 3, .items = 4, .rank = 2, .likelihood = Poisson{}});
  RatingScale scale;
  scale.score_mean = 0.7;
  Factors start = start_for(model.users, model.items, 2);
  start_from(model, model.users, model.items, model.spec, scale, start);
  EXPECT_NEAR(score_of(start, 2, 3, scale.score_mean), score_of(model.factors, 2, 3, -0.3),
              tolerance(2, 10));
}

TEST(StartFrom, LeavesBiasesAtZeroForAModelWithoutThem) {
  const Model model = sample_model({});
  ModelSpec spec = model.spec;
  spec.biases = false;
  Factors start = start_for(model.users, model.items, spec.rank);
  start_from(model, model.users, model.items, spec, model.scale, start);
  for (const float bias : start.users.biases) EXPECT_EQ(bias, 0.0F);
  for (const float bias : start.items.biases) EXPECT_EQ(bias, 0.0F);
}

TEST(StartFrom, RefusesALargerRankAndAnotherLikelihood) {
  const Model model = sample_model({.rank = 3});
  Factors start = start_for(model.users, model.items, 3);
  ModelSpec spec = model.spec;
  spec.rank = 2;
  EXPECT_TRUE(fails_with(ExitCode::usage, "--k 3", [&] {
    start_from(model, model.users, model.items, spec, model.scale, start);
  }));
  spec.rank = 3;
  spec.likelihood = Poisson{};
  EXPECT_TRUE(fails_with(ExitCode::usage, "--likelihood gaussian", [&] {
    start_from(model, model.users, model.items, spec, model.scale, start);
  }));
}

TEST(StartFrom, ComparesIntegerAndStringIdsAsText) {
  const Model model = sample_model({.users = 5});
  StringTable names;
  names.push_back(model.users.text(2));
  names.push_back("nobody");
  const IdIndex users(std::move(names));
  EXPECT_EQ(known_rows(model, users, model.items).users, 1);
  EXPECT_EQ(known_rows(model, users, model.items).items, model.items.size());
  Factors start = start_for(users, model.items, 3);
  const Factors untouched = start;
  start_from(model, users, model.items, model.spec, model.scale, start);
  EXPECT_NE(start.users.row(0)[0], untouched.users.row(0)[0]);
  EXPECT_EQ(start.users.row(1)[0], untouched.users.row(1)[0]);
}

TEST(StartFrom, RefusesAModelThatKnowsNoRow) {
  const Model model = sample_model({.users = 5});
  const IdIndex strangers(std::vector<std::int64_t>{900'001, 900'002});
  Factors start = start_for(strangers, strangers, 3);
  EXPECT_TRUE(
      fails_with(ExitCode::bad_data,
                 "--init: the model knows no user and no item of the ratings: their first "
                 "user is \"900001\", the model's \"" +
                     model.users.text(0) + "\"",
                 [&] { start_from(model, strangers, strangers, model.spec, model.scale, start); }));
}

}  // namespace
}  // namespace alsatian
