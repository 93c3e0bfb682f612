// What draws say together: centered rows, means over every draw, the draws that a model keeps.
// Small tables drawn at random, with every score written out.
#include "host/train/posterior.hpp"

#include "host/model/half.hpp"
#include "kernels/math/random.hpp"
#include "kernels/math/score.hpp"
#include "tests/support/tolerance.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace alsatian {
namespace {

constexpr std::int32_t rank = 3;
const std::vector<std::int32_t> user_counts{4, 0, 2, 1, 7};
const std::vector<std::int32_t> item_counts{1, 3, 0, 2};

double number(std::uint64_t draw, std::uint32_t index) {
  const Random4 words = philox(8, RandomStream::generate, draw, index);
  return normal(words.word[0], words.word[1]).value[0];
}

/// Rows of about 1.
Factors sample_draw(std::uint64_t seed) {
  Factors draw{SideFactors(5, rank), SideFactors(4, rank)};
  std::uint32_t index = 0;
  for (SideFactors* side : {&draw.users, &draw.items}) {
    for (float& value : side->factors) value = static_cast<float>(number(seed, index++));
    for (float& value : side->biases) value = static_cast<float>(number(seed, index++));
  }
  return draw;
}

/// A row with its bias as it is; of -1 the mean of those with ratings.
std::vector<double> plain_row(const SideFactors& side, const std::vector<std::int32_t>& counts,
                              std::int32_t row) {
  std::vector<double> values(rank + 1);
  double rows = 0;
  for (std::int32_t own = 0; own < side.rows; ++own) {
    const auto index = static_cast<std::size_t>(own);
    if (row >= 0 ? own != row : counts[index] == 0) continue;
    ++rows;
    for (std::size_t j = 0; j < rank; ++j) values[j] += side.row(own)[j];
    values[rank] += side.biases[index];
  }
  for (double& value : values) value /= rows;
  return values;
}

/// The score of a draw as it is.
double plain_score(const Factors& draw, std::int32_t user, std::int32_t item) {
  const std::vector<double> p = plain_row(draw.users, user_counts, user);
  const std::vector<double> q = plain_row(draw.items, item_counts, item);
  return score<double>(0, p[rank], q[rank], dot<double>(p.data(), q.data(), rank));
}

double centered_score(const CenteredDraw& draw, std::int32_t user, std::int32_t item) {
  const auto& [users, items] = draw.factors;
  double result = draw.constant;
  if (user >= 0) result += users.biases[static_cast<std::size_t>(user)];
  if (item >= 0) result += items.biases[static_cast<std::size_t>(item)];
  if (user >= 0 && item >= 0) result += dot<double>(users.row(user), items.row(item), users.rank);
  return result;
}

/// Sums of two dozen products of numbers below 3, in float.
double score_error() { return testing::tolerance::sum<float>(4 * rank + 4, 40); }

ModelSpec spec_that_keeps(int keep, int chains = 1) {
  ModelSpec spec;
  spec.algorithm = Bayes{.keep = keep, .chains = chains};
  spec.rank = rank;
  return spec;
}

TEST(CenteredDraw, ScoresEveryPairAsTheDrawDoesWithUnknownRowsAtTheMeanOfKnownOnes) {
  const Factors draw = sample_draw(1);
  const CenteredDraw centered = center(draw, user_counts, item_counts);
  for (const std::int32_t user : {-1, 0, 2, 3, 4}) {
    for (const std::int32_t item : {-1, 0, 1, 3}) {
      EXPECT_NEAR(centered_score(centered, user, item), plain_score(draw, user, item),
                  score_error());
    }
  }
}

TEST(CenteredDraw, TakesRowsWithoutRatingsForUnknownOnes) {
  const Factors draw = sample_draw(2);
  const CenteredDraw centered = center(draw, user_counts, item_counts);
  EXPECT_NEAR(centered_score(centered, 1, 3), plain_score(draw, -1, 3), score_error());
  EXPECT_NEAR(centered_score(centered, 4, 2), plain_score(draw, 4, -1), score_error());
}

TEST(Posterior, MeasuresTheMeanOverEveryDrawAndItsPredictiveVariance) {
  Triples ratings;
  ratings.users = {0, 2, -1};
  ratings.items = {1, 3, 0};
  ratings.ratings = {4, 1, 3};
  const RatingScale scale{.mean = 3, .deviation = 2};
  Posterior posterior(spec_that_keeps(1), scale, {&ratings}, 3);
  std::vector<CenteredDraw> draws;
  double dispersion = 0;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    draws.push_back(center(sample_draw(seed), user_counts, item_counts));
    posterior.add(draws.back(), 1.0 + static_cast<double>(seed));
    dispersion += 1 / (1.0 + static_cast<double>(seed)) / 3;
  }
  double squares = 0;
  double nll = 0;
  double covered = 0;
  for (std::size_t o = 0; o < 3; ++o) {
    double mean = 0;
    double mean_square = 0;
    for (const CenteredDraw& draw : draws) {
      const double value = centered_score(draw, ratings.users[o], ratings.items[o]);
      mean += value / 3;
      mean_square += value * value / 3;
    }
    const double error = mean - (ratings.ratings[o] - 3) / 2;
    const double variance = dispersion + mean_square - mean * mean;
    squares += error * error;
    nll += 0.5 * std::log(2 * std::numbers::pi * variance) + error * error / (2 * variance) +
           std::log(2.0);
    covered += std::abs(error) <= 1.6448536 * std::sqrt(variance) ? 1.0 / 3 : 0;
  }
  const PosteriorErrors measured = posterior.held_out_errors(0);
  EXPECT_EQ(measured.errors.count, 3);
  EXPECT_NEAR(measured.errors.squared_error, squares, 1e-12 * squares);
  EXPECT_NEAR(measured.nll_sum, nll, 1e-12 * std::abs(nll));
  EXPECT_NEAR(measured.covered_90, covered, 1e-12);
}

TEST(Posterior, KeepsDrawsEvenlyApartWhoseProductsAverage) {
  constexpr int sweeps = 7;
  Posterior posterior(spec_that_keeps(3), {}, {}, sweeps);
  std::vector<CenteredDraw> kept;
  for (std::uint64_t seed = 0; seed < sweeps; ++seed) {
    const CenteredDraw draw = center(sample_draw(seed), user_counts, item_counts);
    posterior.add(draw, 1);
    if (seed == 2 || seed == 4 || seed == 6) kept.push_back(draw);
  }
  ASSERT_EQ(posterior.kept(), 3);
  const CenteredDraw model = posterior.model_factors();
  ASSERT_EQ(model.factors.users.rank, 3 * rank);
  for (const std::int32_t user : {0, 2, 3, 4}) {
    for (const std::int32_t item : {0, 1, 3}) {
      double mean = 0;
      for (const CenteredDraw& draw : kept) {
        mean += dot<double>(draw.factors.users.row(user), draw.factors.items.row(item), rank) / 3;
      }
      const double product =
          dot<double>(model.factors.users.row(user), model.factors.items.row(item), 3 * rank);
      // Halves have 11 bits: each factor is wrong by 2⁻¹¹ of itself, products by twice that.
      EXPECT_NEAR(product, mean, 0x1p-10 * 3 * 9);
    }
  }
}

TEST(Posterior, PredictsTheMeanOfTheDrawsThatItKeepsAndOfNoOthers) {
  constexpr int sweeps = 7;
  Posterior posterior(spec_that_keeps(3), {}, {}, sweeps);
  std::vector<CenteredDraw> kept;
  for (std::uint64_t seed = 0; seed < sweeps; ++seed) {
    const CenteredDraw draw = center(sample_draw(seed), user_counts, item_counts);
    if (posterior.add(draw, 1)) kept.push_back(draw);
  }
  ASSERT_EQ(kept.size(), 3U);
  const CenteredDraw model = posterior.model_factors();
  const DrawBiases biases = posterior.draw_biases();
  for (const std::int32_t user : {-1, 0, 1, 4}) {
    for (const std::int32_t item : {-1, 0, 2, 3}) {
      double mean = 0;
      double mean_of_biases = 0;
      for (std::size_t draw = 0; draw < 3; ++draw) {
        mean += centered_score(kept[draw], user, item) / 3;
        mean_of_biases += biases.constants[draw] / 3;
        const auto place = [&](std::int32_t row) {
          return static_cast<std::size_t>(3 * row) + draw;
        };
        if (user >= 0) mean_of_biases += biases.users[place(user)] / 3.0;
        if (item >= 0) mean_of_biases += biases.items[place(item)] / 3.0;
      }
      // Halves have 11 bits: three products of numbers below 3, and two biases below 16.
      EXPECT_NEAR(centered_score(model, user, item), mean, 0x1p-10 * 3 * 9 + 2 * 0x1p-11 * 16);
      if (user >= 0 && item >= 0) continue;
      // Without a product to the last digit but for floats.
      EXPECT_NEAR(centered_score(model, user, item), mean_of_biases, 0x1p-23 * 16);
    }
  }
}

TEST(Posterior, MeasuresErrorsOfADrawRatingByRating) {
  Triples ratings;
  ratings.users = {0, 2, -1};
  ratings.items = {1, 3, 0};
  ratings.ratings = {4, 1, 3};
  const CenteredDraw draw = center(sample_draw(5), user_counts, item_counts);
  double squares = 0;
  double absolutes = 0;
  for (std::size_t o = 0; o < 3; ++o) {
    const double error =
        centered_score(draw, ratings.users[o], ratings.items[o]) - (ratings.ratings[o] - 3.0) / 2;
    squares += error * error;
    absolutes += std::abs(error);
  }
  const ErrorSums sums = errors_of(draw, ratings, {.mean = 3, .deviation = 2});
  EXPECT_EQ(sums.count, 3);
  EXPECT_NEAR(sums.squared_error, squares, 1e-12 * squares);
  EXPECT_NEAR(sums.absolute_error, absolutes, 1e-12 * absolutes);
  EXPECT_NEAR(sums.loss, squares / 2, 1e-12 * squares);
}

TEST(Posterior, SharesTheDrawsToKeepAmongChainsEvenlyApartInEach) {
  constexpr int sweeps = 6;
  // Five of three chains: two of the first and of the second, one of the third.
  Posterior posterior(spec_that_keeps(5, 3), {}, {}, sweeps);
  std::vector<double> constants;
  for (std::uint64_t sweep = 0; sweep < sweeps; ++sweep) {
    for (int chain = 0; chain < 3; ++chain) {
      const CenteredDraw draw = center(sample_draw(10 * sweep + static_cast<std::uint64_t>(chain)),
                                       user_counts, item_counts);
      posterior.add(draw, 1, chain);
      const bool kept = sweep == 5 || (sweep == 2 && chain < 2);
      if (kept) constants.push_back(draw.constant);
    }
  }
  EXPECT_EQ(posterior.draws(), 18);
  EXPECT_EQ(posterior.kept(), 5);
  EXPECT_EQ(posterior.draw_biases().constants, constants);
}

TEST(Posterior, MeasuresTheLastDrawAloneToo) {
  Triples ratings;
  ratings.users = {0, 2, -1};
  ratings.items = {1, 3, 0};
  ratings.ratings = {4, 1, 3};
  const RatingScale scale{.mean = 3, .deviation = 2};
  Posterior posterior(spec_that_keeps(1), scale, {&ratings}, 2);
  for (std::uint64_t seed = 0; seed < 2; ++seed) {
    const CenteredDraw draw = center(sample_draw(seed), user_counts, item_counts);
    posterior.add(draw, 1);
    double squares = 0;
    for (std::size_t o = 0; o < 3; ++o) {
      const double prediction = 3 + 2 * centered_score(draw, ratings.users[o], ratings.items[o]);
      squares += std::pow(prediction - ratings.ratings[o], 2);
    }
    EXPECT_NEAR(posterior.last_draw_rmse(0), std::sqrt(squares / 3), 1e-12);
  }
}

TEST(Posterior, KeepsWhatHalvesHoldExactly) {
  Posterior posterior(spec_that_keeps(2), {}, {}, 2);
  for (std::uint64_t seed = 0; seed < 2; ++seed) {
    posterior.add(center(sample_draw(seed), user_counts, item_counts), 1);
  }
  for (const float factor : posterior.model_factors().factors.users.factors) {
    EXPECT_EQ(rounded_to_half(factor), factor);
  }
}

}  // namespace
}  // namespace alsatian
