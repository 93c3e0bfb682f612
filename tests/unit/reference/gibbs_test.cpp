// Claims about Gibbs sampling: Geweke's joint distribution test of every draw, and closed forms.
// Its oracle draws everything from the prior by the standard library's random numbers.
#include "kernels/reference/gibbs.hpp"

#include "kernels/reference/objective.hpp"
#include "tests/support/problems.hpp"
#include "tests/support/reference_problems.hpp"

#include <Eigen/Dense>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace alsatian::reference {
namespace {

using ::alsatian::testing::Compressed;
using ::alsatian::testing::planted_problem;
using ::alsatian::testing::PlantedProblem;
using ::alsatian::testing::reference_problem;
using ::alsatian::testing::transposed;

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
  weights_forget_the_mean,
  weights_take_twice_their_precision,
  weights_have_half_of_their_noise,
  weight_precision_is_twice_as_large,
  alpha_is_twice_as_large,
};

/// A joint draw of everything: parameters, what they are drawn around, and the ratings.
class Joint {
 public:
  static constexpr std::int32_t users = 4;
  static constexpr std::int32_t items = 3;
  static constexpr std::int32_t weights = 2;
  static constexpr Eigen::Index order = 2;

  Joint()
      : user_features_(small_features(users, weights)),
        item_features_(small_features(items, weights)),
        parameters{SideParameters(users, order - 1), SideParameters(items, order - 1)} {
    const std::vector<std::int32_t> pattern{0, 1, 2, 0, 2, 1, 0, 1};
    by_user_ = {{0, 3, 5, 6, 8}, pattern, std::vector<double>(pattern.size())};
  }

  /// Everything from the prior, by random numbers of the standard library.
  void draw_from_prior(std::mt19937_64& generator) {
    const auto standard_exponential = [&] { return std::exponential_distribution<>()(generator); };
    state.noise_precision = standard_exponential();
    for (auto [side, features, rows] :
         {std::tuple{&state.users, &user_features_, &parameters.users},
          std::tuple{&state.items, &item_features_, &parameters.items}}) {
      // Wishart of integer degrees: a sum of as many squares.
      const Matrix roots = normal(order, order, generator);
      side->precision = roots.transpose() * roots / GibbsPrior::scatter;
      const Matrix root = side->precision.llt().matrixL();
      const Matrix inverse_root = root.inverse();  // N·L⁻¹ has rows of covariance Λ⁻¹
      side->mean = (normal(1, order, generator) * inverse_root).transpose() /
                   std::sqrt(GibbsPrior::mean_weight);
      side->weight_precision = standard_exponential();
      side->weights =
          normal(weights, order, generator) * inverse_root / std::sqrt(side->weight_precision);
      assign_rows(means(*side, *features) + normal(rows->rows(), order, generator) * inverse_root,
                  *rows);
    }
    draw_ratings(generator);
  }

  /// The ratings given everything else.
  void draw_ratings(std::mt19937_64& generator) {
    std::normal_distribution<> standard;
    for (std::int32_t user = 0; user < users; ++user) {
      for (auto o = by_user_.offsets[static_cast<std::size_t>(user)];
           o < by_user_.offsets[static_cast<std::size_t>(user) + 1]; ++o) {
        const auto at = static_cast<std::size_t>(o);
        by_user_.values[at] = score_of(parameters, mean, user, by_user_.columns[at]) +
                              standard(generator) / std::sqrt(state.noise_precision);
      }
    }
    by_item_ = transposed(by_user_, items);
  }

  /// One sweep, step by step, with a fault between the steps.
  void sweep(const GibbsKey& key, Fault fault) {
    const Problem all = problem();
    draw_side(all.by_user, user_features_.view(), gibbs_user_streams, key, fault, parameters.items,
              state.users, parameters.users);
    draw_side(all.by_item, item_features_.view(), gibbs_item_streams, key, fault, parameters.users,
              state.items, parameters.items);
    state.noise_precision = draw_noise_precision(all, parameters, key);
    if (fault == Fault::alpha_is_twice_as_large) state.noise_precision *= 2;
  }

  /// The same without steps of the test's own.
  void sweep(const GibbsKey& key) {
    gibbs_sweep(problem(), user_features_.view(), item_features_.view(), key, state, parameters);
  }

  Problem problem() const { return {by_user_.view(), by_item_.view(), {}, Gaussian{}, mean, true}; }

  /// Bounded functions of everything, so that their means exist whatever the prior's tails. The
  /// squares have a known scale where the draw that they are of is right.
  std::vector<double> figures() const {
    std::vector<double> values;
    const auto add = [&](double value) { values.push_back(value / (1 + std::abs(value))); };
    for (const auto& [side, features, rows] :
         {std::tuple{&state.users, &user_features_, &parameters.users},
          std::tuple{&state.items, &item_features_, &parameters.items}}) {
      const Matrix own = rows_of(*rows, order);
      const Matrix around = means(*side, *features);
      for (const double value : {side->precision(0, 0), side->precision(0, 1),
                                 side->precision(1, 1), side->mean[0], side->mean[1]}) {
        add(value);
      }
      add(side->weight_precision);
      add(side->mean.dot(side->precision * side->mean));
      add(side->weight_precision * square(side->weights, side->precision));
      add(square(side->weights, Matrix::Identity(order, order)));
      add(side->weights(0, 0));
      add(square(own - around, side->precision));
      add(square(own, Matrix::Identity(order, order)));
      for (Eigen::Index row = 0; row < own.rows(); ++row) {
        add(own(row, 0));
        add(own(row, 1));
        add(own(row, 1) * around(row, 1));
      }
    }
    add(state.noise_precision);
    add(state.noise_precision * loss_sums(problem(), parameters).squared_error);
    for (const double rating : by_user_.values) add(rating);
    return values;
  }

 private:
  static constexpr double mean = 0.3;  // of the score

  static Matrix normal(Eigen::Index rows, Eigen::Index columns, std::mt19937_64& generator) {
    std::normal_distribution<> standard;
    return Matrix::NullaryExpr(rows, columns, [&] { return standard(generator); });
  }

  static double square(const Matrix& rows, const Matrix& precision) {
    return (rows * precision).cwiseProduct(rows).sum();
  }

  static Matrix means(const GibbsSide& side, const Compressed<double>& features) {
    return feature_means(features.view(), side.weights).rowwise() + side.mean.transpose();
  }

  /// Where a draw has half of its noise, it is the mean of two.
  static GibbsKey other(const GibbsKey& key) { return {key.seed + 1, key.sweep}; }

  void draw_side(const CsrView<double>& ratings, const Features& features,
                 const GibbsStreams& streams, const GibbsKey& key, Fault fault,
                 const SideParameters& opposite, GibbsSide& side, SideParameters& own) const {
    const Matrix rows = rows_of(own, order);
    draw_weights_with(fault, rows, features, streams, key, side);
    GibbsSide seen = side;
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
    draw_rows_with(fault, ratings, features, streams, key, opposite, side, own);
  }

  static void draw_weights_with(Fault fault, const Matrix& rows, const Features& features,
                                const GibbsStreams& streams, const GibbsKey& key, GibbsSide& side) {
    GibbsSide seen = side;
    if (fault == Fault::weights_forget_the_mean) seen.mean.setZero();
    if (fault == Fault::weights_take_twice_their_precision) seen.weight_precision *= 2;
    side.weights = draw_weights(rows, features, seen, streams, key);
    if (fault == Fault::weights_have_half_of_their_noise) {
      side.weights = (side.weights + draw_weights(rows, features, seen, streams, other(key))) / 2;
    }
    side.weight_precision = draw_weight_precision(side, streams, key) *
                            (fault == Fault::weight_precision_is_twice_as_large ? 2 : 1);
  }

  void draw_rows_with(Fault fault, const CsrView<double>& ratings, const Features& features,
                      const GibbsStreams& streams, const GibbsKey& key,
                      const SideParameters& opposite, const GibbsSide& side,
                      SideParameters& own) const {
    GibbsSide seen = side;
    SideParameters met = opposite;
    const double alpha =
        state.noise_precision * (fault == Fault::rows_take_half_of_alpha ? 0.5 : 1);
    if (fault == Fault::rows_forget_their_features) seen.weights.setZero();
    if (fault == Fault::rows_take_twice_the_precision) seen.precision *= 2;
    if (fault == Fault::rows_forget_an_opposite_bias) met.biases[0] = 0;
    draw_rows(ratings, met, problem(), features, seen, alpha, streams, key, own);
    if (fault != Fault::rows_have_half_of_their_noise) return;
    const Matrix first = rows_of(own, order);
    draw_rows(ratings, met, problem(), features, seen, alpha, streams, other(key), own);
    assign_rows((first + rows_of(own, order)) / 2, own);
  }

  Compressed<double> user_features_;
  Compressed<double> item_features_;
  Compressed<double> by_user_;
  Compressed<double> by_item_;

 public:
  Parameters parameters;
  GibbsState state;
};

struct Moments {
  std::vector<double> means;
  std::vector<double> squared_errors;  // of the means
};

/// Means over batches of `length`, whose spread gives the error of correlated figures too.
class Batches {
 public:
  explicit Batches(int length) : length_(length) {}

  void add(const std::vector<double>& figures) {
    if (sums_.empty()) sums_.resize(figures.size());
    for (std::size_t j = 0; j < figures.size(); ++j) sums_[j] += figures[j] / length_;
    if (++count_ % length_ != 0) return;
    batches_.push_back(sums_);
    std::ranges::fill(sums_, 0.0);
  }

  Moments moments() const {
    const auto count = static_cast<double>(batches_.size());
    Moments result{std::vector<double>(sums_.size()), std::vector<double>(sums_.size())};
    for (std::size_t j = 0; j < sums_.size(); ++j) {
      for (const auto& batch : batches_) result.means[j] += batch[j] / count;
      for (const auto& batch : batches_) {
        const double difference = batch[j] - result.means[j];
        result.squared_errors[j] += difference * difference / (count * (count - 1));
      }
    }
    return result;
  }

 private:
  int length_;
  int count_ = 0;
  std::vector<double> sums_;
  std::vector<std::vector<double>> batches_;
};

constexpr int joint_draws = 20'000;
constexpr int sweeps = 30'000;
constexpr int batch = 500;  // many times as long as the chain remembers

Moments moments_of_the_prior() {
  std::mt19937_64 generator(1);
  Joint joint;
  Batches batches(batch);
  for (int draw = 0; draw < joint_draws; ++draw) {
    joint.draw_from_prior(generator);
    batches.add(joint.figures());
  }
  return batches.moments();
}

/// Sweeps and ratings in turn: where every draw is right, each figure has the mean that it has
/// under the prior. Geweke (2004), "Getting it right".
template <typename Sweep>
Moments moments_of_the_chain(const Sweep& sweep) {
  std::mt19937_64 generator(2);
  Joint joint;
  joint.draw_from_prior(generator);
  Batches batches(batch);
  for (int step = 0; step < sweeps; ++step) {
    sweep(joint, GibbsKey{7, static_cast<std::uint32_t>(step)});
    joint.draw_ratings(generator);
    batches.add(joint.figures());
  }
  return batches.moments();
}

/// The largest difference of two means, in its standard errors.
double largest_deviation(const Moments& left, const Moments& right) {
  double largest = 0;
  for (std::size_t j = 0; j < left.means.size(); ++j) {
    const double error = std::sqrt(left.squared_errors[j] + right.squared_errors[j]);
    largest = std::max(largest, std::abs(left.means[j] - right.means[j]) / error);
  }
  return largest;
}

// Of some 70 figures, the largest deviation of a right sampler is above 4.5 once in 2000 times.
constexpr double right = 4.5;
constexpr double wrong = 6;

TEST(GibbsSweep, HasTheJointDistributionOfTheModel) {
  const auto sweep = [](Joint& joint, const GibbsKey& key) { joint.sweep(key); };
  EXPECT_LE(largest_deviation(moments_of_the_prior(), moments_of_the_chain(sweep)), right);
}

class GibbsFault : public ::testing::TestWithParam<Fault> {};

TEST_P(GibbsFault, IsSeenByTheJointDistribution) {
  const auto sweep = [&](Joint& joint, const GibbsKey& key) { joint.sweep(key, GetParam()); };
  const double deviation = largest_deviation(moments_of_the_prior(), moments_of_the_chain(sweep));
  if (GetParam() == Fault::none) {
    EXPECT_LE(deviation, right);
  } else {
    EXPECT_GE(deviation, wrong);
  }
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
