// A user folded into draws against their conditional distribution in plain coordinates: the model
// keeps rows relative to the sides' means, the oracle does not.
#include "host/error.hpp"
#include "host/evaluate/predictive.hpp"
#include "host/evaluate/scorer.hpp"
#include "host/train/fold_in.hpp"
#include "host/train/posterior.hpp"
#include "kernels/math/random.hpp"
#include "tests/support/newcomers.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace alsatian {
namespace {

constexpr std::int32_t rank = 3;
constexpr std::int32_t items = 7;
constexpr std::int32_t users = 5;
constexpr std::int32_t draws = 4;  // whose root is 2: halves hold their halves
constexpr double power = 0.75;

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

/// A multiple of 1/16 in [−1, 1): products and sums of two are exact in halves.
double number(std::uint64_t seed, std::uint32_t index) {
  return static_cast<double>(philox(seed, RandomStream::generate, 5, index).word[0] % 32) / 16 - 1;
}

/// Everything of one draw, as it is drawn.
struct Draw {
  Factors rows;
  GibbsUserPrior prior;
  double noise_precision = 1;
};

/// Halves hold rows exactly that are relative to a mean of few digits: the last row sees to that.
void move_mean_to_an_eighth(SideFactors& side, bool biases) {
  const auto mend = [&](const auto& value) {
    float sum = 0;
    for (std::int64_t row = 0; row < side.rows; ++row) sum += value(row);
    value(side.rows - 1) += 0.125F * static_cast<float>(side.rows) - sum;
  };
  for (std::int32_t j = 0; j < side.rank; ++j) {
    mend([&](std::int64_t row) -> float& { return side.row(row)[j]; });
  }
  if (biases)
    mend([&](std::int64_t row) -> float& { return side.biases[static_cast<std::size_t>(row)]; });
}

Draw sample_draw(std::uint64_t seed, bool biases, bool features) {
  const std::int32_t order = rank + (biases ? 1 : 0);
  Draw draw;
  std::uint32_t index = 0;
  draw.rows = {SideFactors(users, rank), SideFactors(items, rank)};
  for (SideFactors* side : {&draw.rows.users, &draw.rows.items}) {
    for (float& value : side->factors) value = static_cast<float>(number(seed, index++));
    for (float& value : side->biases) {
      value = biases ? static_cast<float>(number(seed, index++)) : 0.0F;
    }
    move_mean_to_an_eighth(*side, biases);
  }
  for (std::int32_t j = 0; j < order; ++j) draw.prior.mean.push_back(number(seed, index++));
  Matrix root(order, order);
  for (std::int32_t j = 0; j < order; ++j) {
    for (std::int32_t q = 0; q < order; ++q) root(j, q) = number(seed, index++);
  }
  const Matrix precision = root * root.transpose() + 2 * Matrix::Identity(order, order);
  draw.prior.precision.assign(precision.data(), precision.data() + precision.size());
  for (std::int32_t j = 0; features && j < items * order; ++j) {
    draw.prior.weights.push_back(static_cast<float>(number(seed, index++)));
  }
  draw.noise_precision = 2 + static_cast<double>(seed);
  return draw;
}

struct Sampled {
  std::vector<Draw> all;
  Model model;
};

Sampled sampled_model(bool biases, bool features) {
  Sampled sampled;
  Model& model = sampled.model;
  model.spec.rank = rank;
  model.spec.biases = biases;
  model.spec.algorithm = Bayes{.keep = draws,
                               .features = features ? Features::implicit : Features::none,
                               .likelihood_power = power};
  model.scale = {.mean = 3.5, .deviation = 1.25, .score_mean = 0, .lowest = -50, .highest = 50};
  const std::vector<std::int32_t> user_counts(users, 1);
  const std::vector<std::int32_t> item_counts(items, 1);
  Posterior posterior(model.spec, model.scale, {}, draws);
  for (std::uint64_t seed = 0; seed < draws; ++seed) {
    sampled.all.push_back(sample_draw(seed, biases, features));
    const Draw& draw = sampled.all.back();
    const CenteredDraw centered = center(draw.rows, user_counts, item_counts);
    EXPECT_TRUE(posterior.add(centered, draw.noise_precision));
    posterior.keep_prior(draw.prior, centered, draw.noise_precision);
  }
  CenteredDraw mean = posterior.model_factors();
  model.factors = to_rating_units(std::move(mean.factors), model.scale);
  model.scale.score_mean = mean.constant;
  model.draws = posterior.kept();
  model.draw_biases = posterior.draw_biases();
  model.draw_priors = posterior.draw_priors();
  model.user_counts = user_counts;
  model.item_counts = item_counts;
  model.statistics.dispersion = 0.5;
  return sampled;
}

std::vector<OwnRating> own_ratings() { return {{1, 4.5F}, {4, 2.0F}, {6, 5.0F}, {2, 3.0F}}; }

/// The user's row of one draw given their ratings: its mean and covariance.
struct Conditional {
  Vector mean;
  Matrix covariance;
};

/// z and c of an item.
std::pair<Vector, double> item_of(const Draw& draw, bool biases, std::int32_t item) {
  Vector z = Vector::Ones(rank + (biases ? 1 : 0));
  for (std::int32_t j = 0; j < rank; ++j) z[j] = draw.rows.items.row(item)[j];
  return {z, draw.rows.items.biases[static_cast<std::size_t>(item)]};
}

Conditional conditional_of(const Draw& draw, bool biases) {
  const std::int32_t order = rank + (biases ? 1 : 0);
  const Matrix prior = Eigen::Map<const Matrix>(draw.prior.precision.data(), order, order);
  const double alpha = power * draw.noise_precision;
  Vector around = Eigen::Map<const Vector>(draw.prior.mean.data(), order);
  for (const OwnRating& own : own_ratings()) {
    for (std::int32_t j = 0; !draw.prior.weights.empty() && j < order; ++j) {
      around[j] += draw.prior.weights[static_cast<std::size_t>(own.item * order + j)] / 2.0;  // √4
    }
  }
  Matrix precision = prior;
  Vector right_side = prior * around;
  for (const OwnRating& own : own_ratings()) {
    const auto [z, c] = item_of(draw, biases, own.item);
    precision += alpha * z * z.transpose();
    right_side += alpha * ((own.rating - 3.5) / 1.25 - c) * z;
  }
  return {precision.llt().solve(right_side), precision.llt().solve(Matrix::Identity(order, order))};
}

double predicted_by(const Draw& draw, bool biases, std::int32_t item, const Vector& row) {
  const auto [z, c] = item_of(draw, biases, item);
  return 3.5 + 1.25 * (z.dot(row) + c);
}

class FoldInOfBayes : public ::testing::TestWithParam<std::tuple<bool, bool>> {};

TEST_P(FoldInOfBayes, PredictsTheMeanOverTheConditionalsOfItsDraws) {
  const auto [biases, features] = GetParam();
  const Sampled sampled = sampled_model(biases, features);
  const FoldIn folded(sampled.model, own_ratings());
  const Model own = testing::model_of_user(folded, sampled.model);
  for (std::int32_t item = 0; item < items; ++item) {
    double mean = 0;
    for (std::int32_t draw = 0; draw < draws; ++draw) {
      const Draw& drawn = sampled.all[static_cast<std::size_t>(draw)];
      const double expected = predicted_by(drawn, biases, item, conditional_of(drawn, biases).mean);
      EXPECT_NEAR(draw_prediction(own, 0, item, draw), expected, 1e-5);
      mean += expected / draws;
    }
    EXPECT_NEAR(Scorer(own, {}).predict(0, item), mean, 1e-5);
    EXPECT_NEAR(folded.explain(item).prediction(), mean, 1e-5);
  }
}

TEST_P(FoldInOfBayes, ContributionsAreTheChangesThatARatingMakes) {
  const auto [biases, features] = GetParam();
  const Sampled sampled = sampled_model(biases, features);
  std::vector<OwnRating> ratings = own_ratings();
  const FoldIn before(sampled.model, ratings);
  ratings[1].rating += 0.5F;
  const FoldIn after(sampled.model, ratings);
  const FoldIn::Explanation first = before.explain(3);
  const FoldIn::Explanation second = after.explain(3);
  EXPECT_EQ(second.base, first.base);
  EXPECT_EQ(second.contributions[0], first.contributions[0]);
  EXPECT_NE(second.contributions[1], first.contributions[1]);
}

TEST_P(FoldInOfBayes, DrawsRowsOfTheConditionalDistribution) {
  const auto [biases, features] = GetParam();
  const Sampled sampled = sampled_model(biases, features);
  const FoldIn folded(sampled.model, own_ratings());
  constexpr int count = 4000;
  double sum = 0;
  double squares = 0;
  Model own = sampled.model;
  for (std::uint64_t seed = 0; seed < count; ++seed) {
    folded.replace_users_by_draw(own, seed);
    const double value = draw_prediction(own, 0, 3, 2);
    sum += value / count;
    squares += value * value / count;
  }
  const Conditional conditional = conditional_of(sampled.all[2], biases);
  const Vector z = item_of(sampled.all[2], biases, 3).first;
  const double variance = 1.25 * 1.25 * z.dot(conditional.covariance * z);
  // Five deviations of a mean and of a variance of so many normal draws.
  EXPECT_NEAR(sum, predicted_by(sampled.all[2], biases, 3, conditional.mean),
              5 * std::sqrt(variance / count));
  EXPECT_NEAR((squares - sum * sum) / variance, 1, 5 * std::sqrt(2.0 / count));
}

TEST_P(FoldInOfBayes, PutsTheMeanBesideADraw) {
  const auto [biases, features] = GetParam();
  const Sampled sampled = sampled_model(biases, features);
  const FoldIn folded(sampled.model, own_ratings());
  const Model mean = testing::model_of_user(folded, sampled.model);
  Model both = sampled.model;
  folded.replace_users_by_draw(both, 11);
  for (std::int32_t item = 0; item < items; ++item) {
    EXPECT_EQ(Scorer(both, {}).predict(1, item), Scorer(mean, {}).predict(0, item));
    for (std::int32_t draw = 0; draw < draws; ++draw) {
      EXPECT_EQ(draw_prediction(both, 1, item, draw), draw_prediction(mean, 0, item, draw));
      EXPECT_NE(draw_prediction(both, 0, item, draw), draw_prediction(mean, 0, item, draw));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(BiasesAndFeatures, FoldInOfBayes,
                         ::testing::Combine(::testing::Bool(), ::testing::Bool()));

TEST(FoldInOfBayes, WithoutRatingsIsAUserAtTheMeanOfAll) {
  const Sampled sampled = sampled_model(true, true);
  const FoldIn nobody(sampled.model, {});
  const Scorer scorer(sampled.model, {});
  EXPECT_NEAR(Scorer(testing::model_of_user(nobody, sampled.model), {}).predict(0, 3),
              scorer.predict(-1, 3), 1e-6);
}

TEST(FoldInOfBayes, OfADamagedModelIsRefusedWhereNothingFiniteComesOut) {
  Sampled sampled = sampled_model(true, true);
  for (double& value : sampled.model.draw_priors.noise_precisions) value = 1e-310;
  try {
    const FoldIn folded(sampled.model, own_ratings());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::bad_data);
  }
}

}  // namespace
}  // namespace alsatian
