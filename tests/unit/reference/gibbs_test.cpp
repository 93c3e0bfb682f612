// Claims about Gibbs sampling: Geweke's joint distribution test of every draw, and closed forms.
// A fault in any term or scale of a draw has to be seen by the same test.
#include "kernels/reference/gibbs.hpp"

#include "kernels/reference/objective.hpp"
#include "tests/support/gibbs_joint.hpp"
#include "tests/support/problems.hpp"
#include "tests/support/reference_problems.hpp"

#include <Eigen/Dense>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace alsatian::reference {
namespace {

using ::alsatian::testing::Compressed;
using ::alsatian::testing::DescribedRows;
using ::alsatian::testing::Joint;
using ::alsatian::testing::largest_change;
using ::alsatian::testing::largest_right_change;
using ::alsatian::testing::planted_problem;
using ::alsatian::testing::PlantedProblem;
using ::alsatian::testing::reference_problem;

/// Features of a few rows, with values of several sizes and a row without any.
Compressed<double> small_features(std::int64_t rows, std::int32_t features) {
  Compressed<double> result;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int32_t feature = 0; row > 0 && feature < features; ++feature) {
      if ((row + feature) % 2 == 0) continue;
      result.columns.push_back(feature);
      result.values.push_back(0.5 + 0.3 * static_cast<double>(row - feature));
    }
    result.offsets.push_back(static_cast<std::int64_t>(result.columns.size()));
  }
  return result;
}

/// What a planted fault does to a sweep: one for every term and every scale of a draw.
enum class Fault {
  none,
  rows_take_half_of_alpha,
  rows_forget_their_features,
  rows_take_twice_the_precision,
  rows_have_half_of_their_noise,
  rows_forget_an_opposite_bias,
  prior_forgets_the_features,
  prior_forgets_the_weights,
  precision_is_twice_as_large,
  mean_has_no_noise,
  scale_forgets_its_prior,
  scale_leaves_the_rows,
  scale_leaves_the_weight_precision,
  weights_forget_the_mean,
  weights_take_twice_their_precision,
  weights_have_half_of_their_noise,
  weight_precision_is_twice_as_large,
  alpha_is_twice_as_large,
  given_weights_forget_the_implicit,
  given_weights_take_twice_their_precision,
  given_weights_have_half_of_their_noise,
  given_precision_is_twice_as_large,
  weights_forget_the_given,
  prior_forgets_the_given_weights,
  prior_forgets_the_given_features,
  rows_forget_their_given_features,
};

/// Where a draw has half of its noise, it is the mean of two.
GibbsKey other(const GibbsKey& key) { return {key.seed + 1, key.sweep}; }

void draw_scale_with(const Joint& joint, Fault fault, const CsrView<double>& ratings,
                     const Features& features, const GibbsStreams& streams, const GibbsKey& key,
                     const SideParameters& opposite, GibbsSide& side, SideParameters& own) {
  GibbsSide seen = side;
  if (fault == Fault::scale_forgets_its_prior) seen.weight_precision = 0;
  const double scale = draw_scale(ratings, own, opposite, joint.problem(), features, seen,
                                  joint.state.noise_precision, streams, key);
  const SideParameters before = own;
  const double precision = side.weight_precision;
  apply_scale(scale, features, side, own);
  if (fault == Fault::scale_leaves_the_rows) own = before;
  if (fault == Fault::scale_leaves_the_weight_precision) side.weight_precision = precision;
}

void draw_weights_with(Fault fault, const Matrix& rows, const Features& features,
                       const GibbsStreams& streams, const GibbsKey& key, GibbsSide& side) {
  GibbsSide seen = side;
  if (fault == Fault::weights_forget_the_mean) seen.mean.setZero();
  if (fault == Fault::weights_take_twice_their_precision) seen.weight_precision *= 2;
  if (fault == Fault::weights_forget_the_given && seen.given.any()) seen.given.weights.setZero();
  side.weights = draw_weights(rows, features, seen, streams, key);
  if (fault == Fault::weights_have_half_of_their_noise) {
    side.weights = (side.weights + draw_weights(rows, features, seen, streams, other(key))) / 2;
  }
  side.weight_precision = draw_weight_precision(side, streams, key) *
                          (fault == Fault::weight_precision_is_twice_as_large ? 2 : 1);
}

void draw_given_with(Fault fault, const Matrix& rows, const Features& features,
                     const GibbsStreams& streams, const GibbsKey& key, GibbsSide& side) {
  GibbsSide seen = side;
  if (fault == Fault::given_weights_forget_the_implicit) seen.weights.setZero();
  if (fault == Fault::given_weights_take_twice_their_precision) seen.given.weight_precision *= 2;
  side.given.weights = draw_given_weights(rows, features, seen, streams, key);
  if (fault == Fault::given_weights_have_half_of_their_noise) {
    side.given.weights =
        (side.given.weights + draw_given_weights(rows, features, seen, streams, other(key))) / 2;
  }
  side.given.weight_precision = draw_given_precision(side, streams, key) *
                                (fault == Fault::given_precision_is_twice_as_large ? 2 : 1);
}

void draw_rows_with(const Joint& joint, Fault fault, const CsrView<double>& ratings,
                    const Features& features, const GibbsStreams& streams, const GibbsKey& key,
                    const SideParameters& opposite, const GibbsSide& side, SideParameters& own) {
  GibbsSide seen = side;
  SideParameters met = opposite;
  const double alpha =
      joint.state.noise_precision * (fault == Fault::rows_take_half_of_alpha ? 0.5 : 1);
  if (fault == Fault::rows_forget_their_features) seen.weights.setZero();
  if (fault == Fault::rows_forget_their_given_features) seen.given.weights.setZero();
  if (fault == Fault::rows_take_twice_the_precision) seen.precision *= 2;
  if (fault == Fault::rows_forget_an_opposite_bias) met.biases[0] = 0;
  draw_rows(ratings, met, joint.problem(), features, seen, alpha, streams, key, own);
  if (fault != Fault::rows_have_half_of_their_noise) return;
  const Matrix first = rows_of(own, Joint::order);
  draw_rows(ratings, met, joint.problem(), features, seen, alpha, streams, other(key), own);
  assign_rows((first + rows_of(own, Joint::order)) / 2, own);
}

void draw_side(const Joint& joint, const CsrView<double>& ratings, const Features& features,
               const GibbsStreams& streams, const GibbsKey& key, Fault fault,
               const SideParameters& opposite, GibbsSide& side, SideParameters& own) {
  const Matrix rows = rows_of(own, Joint::order);
  draw_weights_with(fault, rows, features, streams, key, side);
  if (side.given.any()) draw_given_with(fault, rows, features, streams, key, side);
  GibbsSide seen = side;
  if (fault == Fault::prior_forgets_the_given_weights) seen.given.weight_precision = 0;
  if (fault == Fault::prior_forgets_the_given_features) {
    // Their part of the scatter stays, the residuals lose it.
    seen.given.table.setZero();
  }
  if (fault == Fault::prior_forgets_the_features) seen.weights.setZero();
  if (fault == Fault::prior_forgets_the_weights) seen.weight_precision = 0;
  draw_prior(rows, features, streams, key, seen);
  side.precision = seen.precision * (fault == Fault::precision_is_twice_as_large ? 2 : 1);
  side.mean = seen.mean;
  if (fault == Fault::mean_has_no_noise) {
    const Matrix residuals = rows - feature_means(features, side.weights);
    side.mean = residuals.colwise().sum().transpose() /
                (GibbsPrior::mean_weight + static_cast<double>(rows.rows()));
  }
  draw_rows_with(joint, fault, ratings, features, streams, key, opposite, side, own);
  draw_scale_with(joint, fault, ratings, features, streams, key, opposite, side, own);
}

/// One sweep, step by step, with a fault between the steps.
void sweep_with(Fault fault, const GibbsKey& key, Joint& joint) {
  const Problem all = joint.problem();
  draw_side(joint, all.by_user, joint.user_features(), gibbs_user_streams, key, fault,
            joint.parameters.items, joint.state.users, joint.parameters.users);
  draw_side(joint, all.by_item, joint.item_features(), gibbs_item_streams, key, fault,
            joint.parameters.users, joint.state.items, joint.parameters.items);
  joint.state.noise_precision = draw_noise_precision(all, joint.parameters, 1, key);
  if (fault == Fault::alpha_is_twice_as_large) joint.state.noise_precision *= 2;
}

Joint small_joint() {
  return {small_features(Joint::users, 2), small_features(Joint::items, 2), 2, 2};
}

/// With other features from files.
Joint joint_with_given_features() {
  Joint joint = small_joint();
  joint.give_features();
  return joint;
}

constexpr double wrong = 7;  // no right sweep changes a figure by as much

void expect_seen(Fault fault, double change) {
  if (fault == Fault::none) {
    EXPECT_LE(change, largest_right_change);
  } else {
    EXPECT_GE(change, wrong);
  }
}

TEST(GibbsSweep, LeavesTheJointDistributionAsItIs) {
  const auto sweep = [](Joint& joint, const GibbsKey& key) {
    gibbs_sweep(joint.problem(), joint.user_features(), joint.item_features(), key, joint.state,
                joint.parameters);
  };
  EXPECT_LE(largest_change(small_joint(), sweep), largest_right_change);
}

TEST(GibbsSweep, LeavesTheJointDistributionAsItIsWithGivenFeatures) {
  const auto sweep = [](Joint& joint, const GibbsKey& key) {
    gibbs_sweep(joint.problem(), joint.user_features(), joint.item_features(), key, joint.state,
                joint.parameters);
  };
  EXPECT_LE(largest_change(joint_with_given_features(), sweep), largest_right_change);
}

class GivenFeaturesFault : public ::testing::TestWithParam<Fault> {};

TEST_P(GivenFeaturesFault, IsSeenInTheJointDistribution) {
  const auto sweep = [&](Joint& joint, const GibbsKey& key) { sweep_with(GetParam(), key, joint); };
  expect_seen(GetParam(), largest_change(joint_with_given_features(), sweep));
}

INSTANTIATE_TEST_SUITE_P(EveryTermAndScale, GivenFeaturesFault,
                         ::testing::Values(Fault::none, Fault::given_weights_forget_the_implicit,
                                           Fault::given_weights_take_twice_their_precision,
                                           Fault::given_weights_have_half_of_their_noise,
                                           Fault::given_precision_is_twice_as_large,
                                           Fault::weights_forget_the_given,
                                           Fault::prior_forgets_the_given_weights,
                                           Fault::prior_forgets_the_given_features,
                                           Fault::rows_forget_their_given_features));

/// What a row without ratings is drawn as says nothing of what rows are drawn around.
TEST(GivenFeatures, LearnNothingFromRowsWithoutRatings) {
  const PlantedProblem planted =
      planted_problem({.users = 7, .items = 5, .rank = 1, .empty_users = 2});
  const Problem problem = reference_problem(planted, {});
  const DescribedRows features{
      {{0, 1, 2, 3, 4, 5, 6, 7}, {0, 1, 0, 1, 0, 1, 0}, std::vector<double>(7, 1.0)},
      2,
      std::vector<std::uint8_t>(7, 1)};
  GibbsSide side;
  side.mean = Vector{{0.5, -1.0}};
  side.precision = Matrix{{4.0, 0.5}, {0.5, 9.0}};
  side.weights = Matrix::Zero(0, 2);
  side.given = give_features(features.view(), problem.by_user, 2);
  Matrix rows = rows_of(testing::planted_parameters(planted).users, 2);
  const GibbsKey key{5, 8};
  const Matrix weights = draw_given_weights(rows, {}, side, gibbs_user_streams, key);
  GibbsSide drawn = side;
  draw_prior(rows, {}, gibbs_user_streams, key, drawn);
  std::int64_t unrated = 0;
  for (std::int64_t row = 0; row < 7; ++row) {
    if (problem.by_user.row_size(row) > 0) continue;
    rows.row(row).setConstant(100.0);
    ++unrated;
  }
  ASSERT_EQ(unrated, 2);
  GibbsSide again = side;
  draw_prior(rows, {}, gibbs_user_streams, key, again);
  EXPECT_EQ(draw_given_weights(rows, {}, side, gibbs_user_streams, key), weights);
  EXPECT_EQ(again.precision, drawn.precision);
  EXPECT_EQ(again.mean, drawn.mean);
}

class GibbsFault : public ::testing::TestWithParam<Fault> {};

TEST_P(GibbsFault, IsSeenInTheJointDistribution) {
  const auto sweep = [&](Joint& joint, const GibbsKey& key) { sweep_with(GetParam(), key, joint); };
  expect_seen(GetParam(), largest_change(small_joint(), sweep));
}

INSTANTIATE_TEST_SUITE_P(
    EveryTermAndScale, GibbsFault,
    ::testing::Values(Fault::none, Fault::rows_take_half_of_alpha,
                      Fault::rows_forget_their_features, Fault::rows_take_twice_the_precision,
                      Fault::rows_have_half_of_their_noise, Fault::rows_forget_an_opposite_bias,
                      Fault::prior_forgets_the_features, Fault::prior_forgets_the_weights,
                      Fault::precision_is_twice_as_large, Fault::mean_has_no_noise,
                      Fault::weights_forget_the_mean, Fault::weights_take_twice_their_precision,
                      Fault::weights_have_half_of_their_noise,
                      Fault::weight_precision_is_twice_as_large, Fault::alpha_is_twice_as_large));

/// The scale's step alone: the draws of B and λ_B that follow it hide what it does wrong to them.
class GibbsScaleFault : public ::testing::TestWithParam<Fault> {};

TEST_P(GibbsScaleFault, IsSeenInTheJointDistribution) {
  const auto step = [&](Joint& joint, const GibbsKey& key) {
    const Problem all = joint.problem();
    draw_scale_with(joint, GetParam(), all.by_user, joint.user_features(), gibbs_user_streams, key,
                    joint.parameters.items, joint.state.users, joint.parameters.users);
    draw_scale_with(joint, GetParam(), all.by_item, joint.item_features(), gibbs_item_streams, key,
                    joint.parameters.users, joint.state.items, joint.parameters.items);
  };
  expect_seen(GetParam(), largest_change(small_joint(), step));
}

INSTANTIATE_TEST_SUITE_P(EveryTerm, GibbsScaleFault,
                         ::testing::Values(Fault::none, Fault::scale_forgets_its_prior,
                                           Fault::scale_leaves_the_rows,
                                           Fault::scale_leaves_the_weight_precision));

/// With the opposite side, Λ, μ and α known a row's posterior is normal in closed form.
TEST(GibbsRows, HaveTheClosedFormOfAOneSidedProblem) {
  const PlantedProblem planted = planted_problem({.users = 5, .items = 13, .rank = 2, .seed = 3});
  const Problem problem = reference_problem(planted, {});
  const Parameters truth = testing::planted_parameters(planted);
  GibbsSide side;
  side.mean = Vector{{0.4, -0.2, 0.1}};
  side.precision = Matrix{{2.0, 0.5, -0.3}, {0.5, 1.5, 0.2}, {-0.3, 0.2, 3.0}};
  side.weights = Matrix::Zero(0, 3);
  const double alpha = 0.7;
  constexpr std::int64_t row = 1;
  Matrix precision = side.precision;
  Vector right_side = side.precision * side.mean;
  for (std::int64_t o = 0; o < problem.by_user.row_size(row); ++o) {
    const std::int32_t item = problem.by_user.row_columns(row)[o];
    const Vector z{{truth.items.factors(item, 0), truth.items.factors(item, 1), 1.0}};
    precision += alpha * z * z.transpose();
    right_side += alpha * (problem.by_user.row_values(row)[o] - truth.items.biases[item]) * z;
  }
  const Matrix covariance = precision.inverse();
  const Vector mean = covariance * right_side;

  constexpr int draws = 20'000;
  Vector sum = Vector::Zero(3);
  Matrix squares = Matrix::Zero(3, 3);
  SideParameters drawn(5, 2);
  for (std::uint32_t draw = 0; draw < draws; ++draw) {
    draw_rows(problem.by_user, truth.items, problem, {}, side, alpha, gibbs_user_streams, {5, draw},
              drawn);
    const Vector difference = rows_of(drawn, 3).row(row).transpose() - mean;
    sum += difference;
    squares += difference * difference.transpose();
  }
  for (Eigen::Index j = 0; j < 3; ++j) {
    EXPECT_LE(std::abs(sum[j] / draws), 4.5 * std::sqrt(covariance(j, j) / draws));
    for (Eigen::Index q = 0; q < 3; ++q) {
      const double variance =
          covariance(j, j) * covariance(q, q) + covariance(j, q) * covariance(j, q);
      EXPECT_LE(std::abs(squares(j, q) / draws - covariance(j, q)),
                4.5 * std::sqrt(variance / draws));
    }
  }
}

/// With κ: rows are those of a noise of 1/κα, and α counts κ of each rating.
TEST(LikelihoodPower, IsHowMuchOfARatingCounts) {
  constexpr double power = 0.25;
  const Joint start = [] {
    Joint joint = small_joint();
    std::mt19937_64 generator(4);
    joint.draw_from_prior(generator);
    return joint;
  }();
  Joint tempered = start;
  tempered.state.likelihood_power = power;
  Joint plain = start;
  plain.state.noise_precision *= power;
  for (Joint* joint : {&tempered, &plain}) {
    gibbs_sweep(joint->problem(), joint->user_features(), joint->item_features(), {3, 4},
                joint->state, joint->parameters);
  }
  EXPECT_EQ(tempered.parameters.users.factors, plain.parameters.users.factors);
  EXPECT_EQ(tempered.parameters.items.biases, plain.parameters.items.biases);
  const double error = loss_sums(start.problem(), start.parameters).squared_error;
  const auto ratings = static_cast<double>(start.by_user().values.size());
  const double shape = 1 + 0.5 * power * ratings;
  constexpr int draws = 20'000;
  double sum = 0;
  for (std::uint32_t draw = 0; draw < draws; ++draw) {
    sum += draw_noise_precision(start.problem(), start.parameters, power, {5, draw});
  }
  const double mean = shape / (1 + 0.5 * power * error);
  EXPECT_LE(std::abs(sum / draws / mean - 1), 4.5 / std::sqrt(shape * draws));
}

TEST(GibbsRows, OfARowWithoutRatingsAreThePrior) {
  const PlantedProblem planted =
      planted_problem({.users = 4, .items = 5, .rank = 1, .empty_users = 1});
  const Problem problem = reference_problem(planted, {});
  GibbsSide side;
  side.mean = Vector{{0.5, -1.0}};
  side.precision = Matrix{{4.0, 0.0}, {0.0, 9.0}};
  side.weights = Matrix::Zero(0, 2);
  SideParameters drawn(4, 1);
  draw_rows(problem.by_user, testing::planted_parameters(planted).items, problem, {}, side, 2.0,
            gibbs_user_streams, {5, 8}, drawn);
  RandomWords words = GibbsKey{5, 8}.words(gibbs_user_streams.rows, 3);
  NormalDraws normal_draw(words);
  EXPECT_NEAR(drawn.factors(3, 0), 0.5 + normal_draw() / 2, 1e-12);
  EXPECT_NEAR(drawn.biases[3], -1.0 + normal_draw() / 3, 1e-12);
}

}  // namespace
}  // namespace alsatian::reference
