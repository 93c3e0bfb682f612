// Training runs from a data set to a model: stopping, figures, scale, warm starts, failures.
// Small planted problems, whose best error is known before any algorithm is run.
#include "host/train/trainer.hpp"

#include "host/error.hpp"
#include "host/evaluate/metrics.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/math/random.hpp"
#include "tests/support/planted_dataset.hpp"
#include "tests/support/tolerance.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace alsatian {
namespace {

namespace tolerance = ::alsatian::testing::tolerance;
using ::testing::HasSubstr;

using testing::planted_dataset;
using testing::planted_ratings;

ModelSpec small_spec(const Algorithm& algorithm, int epochs) {
  ModelSpec spec;
  spec.algorithm = algorithm;
  spec.rank = 5;
  spec.epochs = epochs;
  return spec;
}

TrainerOptions on(DeviceOptions::Kind kind) {
  TrainerOptions options;
  options.device.kind = kind;
  return options;
}

struct Recorder : Observer {
  std::vector<EpochStats> epochs;
  std::string why;
  void on_epoch(const EpochStats& stats) override { epochs.push_back(stats); }
  void on_end(const std::string& reason) override { why = reason; }
};

/// What float's rounding may do to scores of size about 1 in `epochs` epochs at rank 5.
/// als  a solve in every half-sweep, of rows of at most 83 ratings: condition at most
///      1.5 + √83·(‖q‖² + 1)/λ_b, and ‖q‖² below 2
/// mle  at most 83 steps of a row in an epoch
/// ls   run to its end: F is seen to float accuracy, and grows by the square of the distance from
///      its minimum
double score_error(const Algorithm& algorithm, int epochs) {
  if (std::holds_alternative<Als>(algorithm)) {
    return 2 * epochs * tolerance::solve<float>(6, 1.5 + std::sqrt(83) * 3 / 0.9);
  }
  if (const auto* mle = std::get_if<Mle>(&algorithm)) {
    return tolerance::descent<float>(83 * epochs, mle->learning_rate, 5);
  }
  return std::sqrt(tolerance::eps<float>);
}

/// What storing a model of rank 5 in float may do to a predicted rating: five products, two biases
/// and a mean, whose magnitudes add up to at most 6.
double stored_score_error() { return tolerance::sum<float>(8, 6); }

std::string printed_algorithm(const ::testing::TestParamInfo<Algorithm>& parameters) {
  return std::string(algorithm_name(parameters.param));
}

class EveryAlgorithm : public ::testing::TestWithParam<Algorithm> {};
INSTANTIATE_TEST_SUITE_P(Training, EveryAlgorithm, ::testing::Values(Als{}, Mle{}, LeastSquares{}),
                         printed_algorithm);

TEST(Problem, ForAGpuHoldsTheRatingsByUserAloneAndTheCountsOfTheItems) {
  const Dataset dataset = planted_dataset();
  const TrainingProblem complete = make_problem(dataset, {}, nullptr);
  const TrainingProblem for_gpu =
      make_problem(dataset, {}, nullptr, {.by_item = RatingsByItem::offsets});
  EXPECT_EQ(for_gpu.by_user.values, complete.by_user.values);
  EXPECT_EQ(for_gpu.by_item.offsets, complete.by_item.offsets);
  EXPECT_TRUE(for_gpu.by_item.columns.empty());
  EXPECT_TRUE(for_gpu.by_item.values.empty());
  EXPECT_EQ(complete.by_item.columns.size(), complete.by_user.columns.size());
}

TEST_P(EveryAlgorithm, PredictsHeldOutRatingsBetterThanTheMean) {
  const Dataset dataset = planted_dataset();
  const TrainingResult result =
      train(dataset, small_spec(GetParam(), 12), on(DeviceOptions::Kind::cpu));
  const RatingScale scale = measure_scale(dataset.tests[0].ratings, Gaussian{});
  // Of a variance of 3·0.4² + 3·0.4⁴ + 1/12, noise and rounding are 0.4² + 1/12: 0.61 of the
  // deviation is the best there is, and 1 is the mean.
  EXPECT_LT(result.last.test_rmse[0], 0.9 * scale.deviation);
}

TEST_P(EveryAlgorithm, MeasuresTheRmseThatEvaluationFindsInTheModel) {
  const Dataset dataset = planted_dataset();
  const TrainingResult result =
      train(dataset, small_spec(GetParam(), 6), on(DeviceOptions::Kind::cpu));
  const Scorer scorer(result.model, {});
  const RatingEvaluation evaluation =
      evaluate_ratings(scorer, result.model, dataset.tests[0].ratings);
  EXPECT_NEAR(evaluation.all.rmse, result.last.test_rmse[0], stored_score_error());
  // −log p changes by (r − prediction)/σ² times as much as the prediction.
  const double variance =
      result.model.statistics.dispersion * std::pow(result.model.scale.deviation, 2);
  EXPECT_NEAR(evaluation.all.mean_nll, result.last.test_nll[0],
              stored_score_error() * evaluation.all.rmse / variance);
}

TEST_P(EveryAlgorithm, AgreesBetweenReferenceAndCpu) {
  const Dataset dataset = planted_dataset(0.1);
  // Steps of ls are solved to different accuracy by the two: they meet where both end.
  const bool converge = std::holds_alternative<LeastSquares>(GetParam());
  const ModelSpec spec = small_spec(GetParam(), converge ? 60 : 5);
  const auto reference = train(dataset, spec, on(DeviceOptions::Kind::reference)).last;
  const auto cpu = train(dataset, spec, on(DeviceOptions::Kind::cpu)).last;
  const double allowed = score_error(GetParam(), spec.epochs);
  EXPECT_NEAR(*cpu.objective / *reference.objective, 1, allowed);
  EXPECT_NEAR(cpu.test_rmse[0], reference.test_rmse[0], allowed);
}

TEST_P(EveryAlgorithm, ScalesErrorsWithTheRatings) {
  const ModelSpec spec = small_spec(GetParam(), 8);
  const auto rmse = [&](const std::function<double(double)>& transform) {
    return train(planted_dataset(0.1, transform), spec, on(DeviceOptions::Kind::cpu))
        .last.test_rmse[0];
  };
  const double plain = rmse({});
  // 1e-4 is what is promised; standardised ratings differ by one rounding, 6e-8.
  EXPECT_NEAR(rmse([](double r) { return 20 * r; }) / (20 * plain), 1, 1e-4);
  EXPECT_NEAR(rmse([](double r) { return 16 * r - 7; }) / (16 * plain), 1, 1e-4);
}

TEST_P(EveryAlgorithm, GivesTheSameModelForAnyNumberOfThreads) {
  const Dataset dataset = planted_dataset();
  std::vector<std::vector<float>> factors;
  for (const int threads : {1, 2, 3}) {
    use_threads(threads);
    factors.push_back(train(dataset, small_spec(GetParam(), 4), on(DeviceOptions::Kind::cpu))
                          .model.factors.items.factors);
  }
  use_threads(0);
  EXPECT_EQ(factors[0], factors[1]);
  EXPECT_EQ(factors[0], factors[2]);
}

TEST_P(EveryAlgorithm, StartsFromAnotherModelWhereThatOneEnded) {
  const Dataset dataset = planted_dataset();
  const auto first = train(dataset, small_spec(GetParam(), 6), on(DeviceOptions::Kind::reference));
  const auto problem = make_problem(dataset, small_spec(GetParam(), 1), &first.model);
  const auto backend = make_reference_backend(problem);
  // Scores e from their ratings: F = ½ Σe² changes by Σ|e| ≤ √(2nF) times as much as a score.
  const double ratings = static_cast<double>(dataset.train.size());
  EXPECT_NEAR(backend->objective().value, *first.last.objective,
              std::sqrt(2 * ratings * *first.last.objective) * stored_score_error());
}

TEST_P(EveryAlgorithm, TrainsBiasesAloneAtRankZero) {
  const Dataset dataset = planted_dataset();
  ModelSpec spec = small_spec(GetParam(), 30);
  spec.rank = 0;
  const auto result = train(dataset, spec, on(DeviceOptions::Kind::cpu));
  ModelSpec exact = small_spec(LeastSquares{}, 1);
  exact.rank = 0;
  const auto oracle = train(dataset, exact, on(DeviceOptions::Kind::reference));
  // The exact minimiser is a linear problem. Thirty epochs of als reach it but for rounding; the
  // last steps of SGD, at a rate of 0.1·0.95³⁰ ≈ 0.02, keep it within half a per cent.
  const double allowed = std::holds_alternative<Mle>(GetParam())
                             ? 5e-3 * *oracle.last.objective
                             : tolerance::figures<float>(0, dataset.train.size());
  EXPECT_NEAR(*result.last.objective, *oracle.last.objective, allowed);
}

TEST_P(EveryAlgorithm, StopsAfterTheEpochInWhichItIsAskedTo) {
  const Dataset dataset = planted_dataset();
  const std::atomic<bool> stop = true;
  TrainerOptions options = on(DeviceOptions::Kind::cpu);
  options.stop_requested = &stop;
  const auto result = train(dataset, small_spec(GetParam(), 9), options);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.last.epoch, 1);
  EXPECT_EQ(result.model.statistics.epochs_run, 1);
}

TEST_P(EveryAlgorithm, LearnsAConstantFromConstantRatings) {
  const Dataset dataset = planted_dataset(0, [](double) { return 3.0; });
  const auto result = train(dataset, small_spec(GetParam(), 5), on(DeviceOptions::Kind::cpu));
  const Scorer scorer(result.model, {});
  // Training starts there but for products of five factors of size 0.1 a side, and shrinks those.
  EXPECT_NEAR(scorer.predict(0, 0), 3.0, 0.05);
  EXPECT_LT(result.last.test_rmse[0], 0.05);
}

TEST(EarlyStopping, KeepsTheEpochWithTheBestValidationLoss) {
  const Dataset dataset = planted_dataset(0.2);
  Mle mle;
  mle.decay = 1.0;
  mle.learning_rate = 0.3;
  ModelSpec spec = small_spec(mle, 200);
  spec.regularization = {.factors = 0.01, .biases = 0.01, .scaling = 0.5};
  Recorder recorder;
  TrainerOptions options = on(DeviceOptions::Kind::cpu);
  options.observers = {&recorder};
  const auto result = train(dataset, spec, options);
  ASSERT_TRUE(result.stopped_early);
  EXPECT_EQ(static_cast<int>(recorder.epochs.size()), result.best_epoch + mle.patience);
  for (const EpochStats& stats : recorder.epochs) {
    EXPECT_GE(*stats.validation_rmse, *result.last.validation_rmse);
  }
  EXPECT_THAT(recorder.why, HasSubstr("no better validation loss"));
}

TEST(EvaluateEvery, MeasuresOnlyThoseEpochsAndTheLast) {
  Recorder recorder;
  TrainerOptions options = on(DeviceOptions::Kind::cpu);
  options.evaluate_every = 3;
  options.observers = {&recorder};
  train(planted_dataset(), small_spec(Als{}, 8), options);
  std::vector<int> measured;
  for (const EpochStats& stats : recorder.epochs) {
    if (stats.objective) measured.push_back(stats.epoch);
  }
  EXPECT_EQ(measured, (std::vector<int>{3, 6, 8}));
}

TEST(Divergence, EndsTrainingWithItsOwnExitCodeAndNamesTheEpoch) {
  Mle mle;
  mle.optimizer = Optimizer::sgd;
  mle.learning_rate = 50;
  try {
    train(planted_dataset(), small_spec(mle, 20), on(DeviceOptions::Kind::cpu));
    FAIL() << "training with a learning rate of 50 was taken for a success";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::diverged);
    EXPECT_THAT(error.place(), HasSubstr("epoch "));
    EXPECT_THAT(error.help(), HasSubstr("--lr"));
  }
}

TEST(Scale, IsTheMeanAndDeviationOfTheTrainingRatings) {
  Triples train;
  train.ratings = {1, 2, 4, 5};
  const RatingScale gaussian = measure_scale(train, Gaussian{});
  EXPECT_DOUBLE_EQ(gaussian.mean, 3);
  EXPECT_DOUBLE_EQ(gaussian.deviation, std::sqrt(2.5));
  EXPECT_DOUBLE_EQ(gaussian.score_mean, 0);
  const RatingScale poisson = measure_scale(train, Poisson{});
  EXPECT_DOUBLE_EQ(poisson.mean, 0);
  EXPECT_DOUBLE_EQ(poisson.deviation, 1);
  EXPECT_DOUBLE_EQ(poisson.score_mean, std::log(3.0));
}

TEST(Scale, RefusesRatingsThatTheLikelihoodCannotExplain) {
  const auto code = [](std::vector<float> ratings, const Likelihood& likelihood) {
    Triples train;
    train.ratings = std::move(ratings);
    try {
      measure_scale(train, likelihood);
    } catch (const Error& error) {
      return error.code();
    }
    return ExitCode::success;
  };
  EXPECT_EQ(code({1, 2.5F}, Poisson{}), ExitCode::bad_data);
  EXPECT_EQ(code({-1, 2}, Poisson{}), ExitCode::bad_data);
  EXPECT_EQ(code({0, 0}, Poisson{}), ExitCode::bad_data);
  EXPECT_EQ(code({0, 4}, Bernoulli{}), ExitCode::bad_data);
  EXPECT_EQ(code({1, 1}, Bernoulli{}), ExitCode::bad_data);
  EXPECT_EQ(code({0, 1}, Bernoulli{}), ExitCode::success);
}

class EveryLikelihood : public ::testing::TestWithParam<Likelihood> {};
INSTANTIATE_TEST_SUITE_P(Mle, EveryLikelihood,
                         ::testing::Values(Gaussian{}, Laplace{}, Poisson{}, Bernoulli{}),
                         [](const auto& parameters) {
                           return std::string(likelihood_name(parameters.param));
                         });

/// Ratings 1 to 5, or for Bernoulli whether they are at least 4.
Dataset dataset_for(const Likelihood& likelihood) {
  const bool binary = std::holds_alternative<Bernoulli>(likelihood);
  return planted_dataset(0.1, [&](double rating) { return binary ? double(rating >= 4) : rating; });
}

TEST_P(EveryLikelihood, LowersTheNegativeLogLikelihoodOfHeldOutRatings) {
  ModelSpec spec = small_spec(Mle{}, 15);
  spec.likelihood = GetParam();
  Recorder recorder;
  TrainerOptions options = on(DeviceOptions::Kind::cpu);
  options.observers = {&recorder};
  const auto result = train(dataset_for(GetParam()), spec, options);
  EXPECT_LT(*result.last.validation_nll, *recorder.epochs.front().validation_nll);
  EXPECT_LT(*result.last.objective, *recorder.epochs.front().objective);
}

TEST_P(EveryLikelihood, HasTheFiguresOfTheReferenceInEveryEpoch) {
  const Dataset dataset = dataset_for(GetParam());
  ModelSpec spec = small_spec(Mle{}, 6);
  spec.likelihood = GetParam();
  Recorder cpu;
  Recorder reference;
  TrainerOptions options = on(DeviceOptions::Kind::cpu);
  options.observers = {&cpu};
  train(dataset, spec, options);
  options = on(DeviceOptions::Kind::reference);
  options.observers = {&reference};
  train(dataset, spec, options);
  ASSERT_EQ(cpu.epochs.size(), reference.epochs.size());
  // A figure changes by at most (1 + |error|)·exp(score) ≤ 8 times as much as the score.
  const double allowed = 8 * score_error(spec.algorithm, spec.epochs);
  for (std::size_t epoch = 0; epoch < cpu.epochs.size(); ++epoch) {
    SCOPED_TRACE(epoch);
    const EpochStats& found = cpu.epochs[epoch];
    const EpochStats& expected = reference.epochs[epoch];
    EXPECT_NEAR(*found.objective / *expected.objective, 1, allowed);
    EXPECT_NEAR(*found.train_rmse, *expected.train_rmse, allowed);
    EXPECT_NEAR(*found.train_nll, *expected.train_nll, allowed);
    EXPECT_NEAR(*found.validation_rmse, *expected.validation_rmse, allowed);
    EXPECT_NEAR(*found.validation_nll, *expected.validation_nll, allowed);
    EXPECT_NEAR(found.test_rmse[0], expected.test_rmse[0], allowed);
    EXPECT_NEAR(found.test_nll[0], expected.test_nll[0], allowed);
  }
}

/// −log p(r) of one rating written out from its density in the rating's units; spread is σ, or b of
/// Laplace.
double negative_log_density(const Likelihood& likelihood, double prediction, double rating,
                            double spread) {
  if (std::holds_alternative<Gaussian>(likelihood)) {
    return std::pow((rating - prediction) / spread, 2) / 2 + std::log(spread * std::sqrt(2 * M_PI));
  }
  if (std::holds_alternative<Laplace>(likelihood)) {
    return std::abs(rating - prediction) / spread + std::log(2 * spread);
  }
  if (std::holds_alternative<Poisson>(likelihood)) {
    return prediction - rating * std::log(prediction) + std::lgamma(rating + 1);
  }
  return -std::log(rating == 1 ? prediction : 1 - prediction);
}

TEST_P(EveryLikelihood, ReportsTheLogDensityOfHeldOutRatingsUnderItsPredictions) {
  const Dataset dataset = dataset_for(GetParam());
  ModelSpec spec = small_spec(Mle{}, 6);
  spec.likelihood = GetParam();
  const auto result = train(dataset, spec, on(DeviceOptions::Kind::cpu));
  const Scorer scorer(result.model, {});
  const double dispersion = result.model.statistics.dispersion;
  const double spread =
      result.model.scale.deviation *
      (std::holds_alternative<Gaussian>(GetParam()) ? std::sqrt(dispersion) : dispersion);
  const Triples& test = dataset.tests[0].ratings;
  double sum = 0;
  for (std::size_t o = 0; o < test.ratings.size(); ++o) {
    const double prediction = scorer.predict(test.users[o], test.items[o]);
    sum += negative_log_density(GetParam(), prediction, test.ratings[o], spread);
  }
  // The log-density changes by at most (1 + |error|)·exp(score)/σ² as much as the score.
  EXPECT_NEAR(result.last.test_nll[0], sum / static_cast<double>(test.size()),
              8 * stored_score_error() / std::min(1.0, spread * spread));
}

}  // namespace
}  // namespace alsatian
