// Training by Gibbs sampling from a data set to a model: what is averaged, kept and reported.
// Whether draws are right is the kernels' tests'; here is what the trainer makes of them.
#include "host/error.hpp"
#include "host/evaluate/metrics.hpp"
#include "host/evaluate/predictive.hpp"
#include "host/train/trainer.hpp"
#include "kernels/cpu/parallel.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/planted_dataset.hpp"
#include "tests/support/tolerance.hpp"
#include "tests/support/training_problems.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>
#include <vector>

namespace alsatian {
namespace {

using testing::fails_with;
using testing::planted_dataset;

ModelSpec sampled(int epochs, const Bayes& bayes) {
  ModelSpec spec;
  spec.algorithm = bayes;
  spec.rank = 3;
  spec.epochs = epochs;
  return spec;
}

TrainerOptions on(DeviceOptions::Kind kind) {
  TrainerOptions options;
  options.device.kind = kind;
  return options;
}

TrainingResult train_on_cpu(const Dataset& dataset, const ModelSpec& spec) {
  return train(dataset, spec, on(DeviceOptions::Kind::cpu));
}

TEST(BayesTraining, PredictsBetterThanTheBestSingleSetOfFactors) {
  const Dataset dataset = planted_dataset();
  ModelSpec als = sampled(30, {});
  als.algorithm = Als{};
  const double single = train_on_cpu(dataset, als).last.test_rmse[0];
  const double mean = train_on_cpu(dataset, sampled(120, {.burn_in = 20})).last.test_rmse[0];
  EXPECT_LT(mean, single);
}

/// Of a model that keeps every draw, ten at least.
void expect_model_has_the_error_of_every_draw(const Dataset& dataset,
                                              const TrainingResult& result) {
  const Scorer scorer(result.model, {});
  const RatingEvaluation evaluation =
      evaluate_ratings(scorer, result.model, dataset.tests[0].ratings);
  // Halves are wrong by 2⁻¹¹ at random: the products of a score by that over √10 or less.
  EXPECT_NEAR(evaluation.all.rmse, result.last.test_rmse[0], 0x1p-11);
}

TEST(BayesTraining, MeasuresWhatAModelOfEveryDrawPredicts) {
  const Dataset dataset = planted_dataset();
  const TrainingResult result =
      train_on_cpu(dataset, sampled(12, {.burn_in = 2, .keep = largest_keep}));
  ASSERT_EQ(result.model.draws, 10);
  ASSERT_EQ(result.last.draws, 10);
  expect_model_has_the_error_of_every_draw(dataset, result);
}

TEST(BayesTraining, KeepsAsManyDrawsAsAskedAndCountsAllAfterBurnIn) {
  const TrainingResult result =
      train_on_cpu(planted_dataset(), sampled(11, {.burn_in = 4, .keep = 3}));
  EXPECT_EQ(result.model.draws, 3);
  EXPECT_EQ(result.model.factors.users.rank, 9);
  EXPECT_EQ(result.last.draws, 7);
}

TEST(BayesTraining, GivesTheErrorsOfItsModelOnTheTrainingPart) {
  const Dataset dataset = planted_dataset();
  // The last draw, and all draws, have others than the three that are kept.
  const TrainingResult result = train_on_cpu(dataset, sampled(11, {.burn_in = 2, .keep = 3}));
  const Scorer scorer(result.model, {});
  const RatingErrors found = evaluate_ratings(scorer, result.model, dataset.train).all;
  // Factors and biases were rounded to floats when they went to the rating's units.
  EXPECT_NEAR(*result.last.train_rmse, found.rmse, 1e-6 * found.rmse);
  EXPECT_NEAR(*result.last.train_nll, found.mean_nll, 1e-6);
  EXPECT_EQ(result.model.statistics.train_rmse, *result.last.train_rmse);
}

TEST(BayesTraining, PredictsTheMeanOfWhatTheDrawsOfItsModelPredict) {
  const Dataset dataset = planted_dataset();
  const Model model = train_on_cpu(dataset, sampled(11, {.burn_in = 2, .keep = 3})).model;
  const Scorer scorer(model, {});
  for (const std::int32_t user : {-1, 0, 5, 17}) {
    for (const std::int32_t item : {-1, 0, 3, 11}) {
      double mean = 0;
      for (std::int32_t draw = 0; draw < model.draws; ++draw) {
        mean += draw_prediction(model, user, item, draw) / model.draws;
      }
      // Two biases and a constant of a few units, in float.
      EXPECT_NEAR(scorer.predict(user, item), mean, 3 * 4 * 0x1p-24);
    }
  }
}

TEST(BayesTraining, StoppedBeforeItsFirstDrawGivesTheLastSweepAlone) {
  const std::atomic<bool> stop = true;
  TrainerOptions options = on(DeviceOptions::Kind::cpu);
  options.stop_requested = &stop;
  const TrainingResult result = train(planted_dataset(), sampled(40, {.burn_in = 20}), options);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.model.draws, 1);
  EXPECT_EQ(result.model.factors.items.rank, 3);
  EXPECT_EQ(result.last.draws, 0);
}

TEST(BayesTraining, AgreesBetweenReferenceAndCpuOverTheFirstSweeps) {
  const Dataset dataset = planted_dataset(0.1);
  for (const Features features : {Features::none, Features::implicit}) {
    const ModelSpec spec = sampled(4, {.burn_in = 1, .features = features});
    const EpochStats exact = train(dataset, spec, on(DeviceOptions::Kind::reference)).last;
    const EpochStats fast = train_on_cpu(dataset, spec).last;
    // Weights of features are exact to 1e-4 of their right side: see the kernels' test.
    const double allowed = features == Features::none ? 1e-3 : 1e-2;
    EXPECT_NEAR(fast.test_rmse[0], exact.test_rmse[0], allowed);
    EXPECT_NEAR(*fast.sigma, *exact.sigma, allowed);
    EXPECT_EQ(fast.user_weight_precision.has_value(), features == Features::implicit);
  }
}

TEST(BayesTraining, GivesTheSameModelForAnyNumberOfThreads) {
  const Dataset dataset = planted_dataset();
  const ModelSpec spec = sampled(5, {.burn_in = 1, .keep = 2});
  std::vector<std::vector<float>> factors;
  for (const int threads : {1, 2, 3}) {
    use_threads(threads);
    factors.push_back(train_on_cpu(dataset, spec).model.factors.items.factors);
  }
  use_threads(0);
  EXPECT_EQ(factors[0], factors[1]);
  EXPECT_EQ(factors[0], factors[2]);
}

TEST(BayesTraining, GivesOtherDrawsForAnotherSeed) {
  const Dataset dataset = planted_dataset();
  ModelSpec spec = sampled(5, {.burn_in = 1, .keep = 2});
  const auto first = train_on_cpu(dataset, spec).model.factors.items.factors;
  spec.seed += 1;
  EXPECT_NE(train_on_cpu(dataset, spec).model.factors.items.factors, first);
}

TEST(BayesTraining, ScalesErrorsWithTheRatings) {
  const ModelSpec spec = sampled(8, {.burn_in = 2});
  const auto rmse = [&](const std::function<double(double)>& transform) {
    return train_on_cpu(planted_dataset(0, transform), spec).last.test_rmse[0];
  };
  const double plain = rmse({});
  EXPECT_NEAR(rmse([](double r) { return 16 * r - 7; }) / (16 * plain), 1, 1e-4);
}

TEST(BayesTraining, LearnsAConstantFromConstantRatings) {
  const Dataset dataset = planted_dataset(0, [](double) { return 3.0; });
  const TrainingResult result = train_on_cpu(dataset, sampled(20, {.burn_in = 5}));
  EXPECT_NEAR(Scorer(result.model, {}).predict(0, 0), 3.0, 0.1);
}

TEST(BayesTraining, TrainsBiasesAloneAtRankZero) {
  ModelSpec spec = sampled(60, {.burn_in = 10});
  spec.rank = 0;
  const Dataset dataset = planted_dataset();
  const TrainingResult result = train_on_cpu(dataset, spec);
  ModelSpec biases = spec;
  biases.algorithm = Als{};
  const double least_squares = train_on_cpu(dataset, biases).last.test_rmse[0];
  // The posterior's mean is that of nearly the same ridge, with features beside.
  EXPECT_NEAR(result.last.test_rmse[0], least_squares, 0.02 * least_squares);
}

TEST(BayesTraining, CoversWhatItsIntervalsPromiseOfPlantedRatings) {
  const Dataset dataset = planted_dataset();
  const TrainingResult result = train_on_cpu(dataset, sampled(120, {.burn_in = 20}));
  const double count = static_cast<double>(dataset.tests[0].ratings.size());
  // Four standard errors of a share, and as much again for whole stars, which are not normal.
  EXPECT_NEAR(result.last.test_covered_90[0], 0.9, 8 * std::sqrt(0.9 * 0.1 / count));
}

TEST(BayesTraining, OfABayesModelCannotStartAnother) {
  const Dataset dataset = planted_dataset();
  const TrainingResult first = train_on_cpu(dataset, sampled(3, {.burn_in = 1}));
  TrainerOptions options = on(DeviceOptions::Kind::cpu);
  options.init = &first.model;
  EXPECT_TRUE(fails_with(ExitCode::usage, "--init: the model is of --model bayes",
                         [&] { train(dataset, sampled(3, {.burn_in = 1}), options); }));
}

TEST(BayesTraining, StartsFromAModelOfAnotherAlgorithm) {
  const Dataset dataset = planted_dataset();
  ModelSpec als = sampled(10, {});
  als.algorithm = Als{};
  const TrainingResult first = train_on_cpu(dataset, als);
  TrainerOptions options = on(DeviceOptions::Kind::cpu);
  options.init = &first.model;
  const ModelSpec spec = sampled(3, {.burn_in = 1});
  EXPECT_NE(train(dataset, spec, options).model.factors.items.factors,
            train_on_cpu(dataset, spec).model.factors.items.factors);
}

/// Columns `draws` draws wide from `first` on, of every row.
std::vector<float> columns_of(const SideFactors& side, std::int32_t first, std::int32_t count) {
  std::vector<float> columns;
  for (std::int64_t row = 0; row < side.rows; ++row) {
    columns.insert(columns.end(), side.row(row) + first, side.row(row) + first + count);
  }
  return columns;
}

TEST(BayesChains, DrawWhatTheFirstDrawsAloneAndSomethingElseEach) {
  const Dataset dataset = planted_dataset();
  const ModelSpec alone = sampled(4, {.burn_in = 3, .keep = 1});
  const ModelSpec several = sampled(4, {.burn_in = 3, .keep = 3, .chains = 3});
  for (const DeviceOptions::Kind kind :
       {DeviceOptions::Kind::cpu, DeviceOptions::Kind::reference}) {
    const Model one = train(dataset, alone, on(kind)).model;
    const TrainingResult three = train(dataset, several, on(kind));
    ASSERT_EQ(three.model.draws, 3);
    EXPECT_EQ(three.last.draws, 3);
    ASSERT_EQ(three.last.chains.size(), 3U);
    EXPECT_EQ(three.model.draw_biases.constants[0], one.draw_biases.constants[0]);
    EXPECT_NE(three.model.draw_biases.constants[1], one.draw_biases.constants[0]);
    EXPECT_NE(three.model.draw_biases.constants[2], three.model.draw_biases.constants[1]);
    // The same draw, divided by √3 before it was rounded to halves.
    const auto first = columns_of(three.model.factors.users, 0, 3);
    const auto single = columns_of(one.factors.users, 0, 3);
    for (std::size_t j = 0; j < first.size(); ++j) {
      EXPECT_NEAR(first[j] * std::sqrt(3.0), single[j], std::abs(single[j]) * 0x1p-9 + 1e-6);
    }
  }
}

TEST(BayesChains, PredictTheMeanOverAllOfThem) {
  const Dataset dataset = planted_dataset();
  const TrainingResult result =
      train_on_cpu(dataset, sampled(7, {.burn_in = 2, .keep = largest_keep, .chains = 4}));
  ASSERT_EQ(result.model.draws, 20);
  ASSERT_EQ(result.last.draws, 20);
  expect_model_has_the_error_of_every_draw(dataset, result);
}

TEST(BayesChains, HaveNoiseOfTheirOwnAlsoWhereAModelIsTheStartOfAll) {
  const Dataset dataset = planted_dataset();
  ModelSpec als = sampled(10, {});
  als.algorithm = Als{};
  const TrainingResult first = train_on_cpu(dataset, als);
  TrainerOptions options = on(DeviceOptions::Kind::cpu);
  options.init = &first.model;
  const ModelSpec spec = sampled(2, {.burn_in = 1, .keep = 2, .chains = 2});
  const TrainingResult result = train(dataset, spec, options);
  ASSERT_EQ(result.last.chains.size(), 2U);
  const auto [one, other] = std::pair(result.last.chains[0].sigma, result.last.chains[1].sigma);
  EXPECT_NE(one, other);
  // Both explain the ratings from the first sweep on: a random start has twice the deviation.
  EXPECT_NEAR(one, other, 0.1 * one);
  EXPECT_LT(one, 2 * *first.last.train_rmse);
}

TEST(BayesChains, SayWhetherTheyHaveMet) {
  const Dataset dataset = planted_dataset();
  const TrainingResult result =
      train_on_cpu(dataset, sampled(40, {.burn_in = 20, .keep = 4, .chains = 2}));
  std::vector<std::string> names;
  for (const TraceStatistics& trace : result.model.statistics.traces) {
    names.push_back(trace.name);
    EXPECT_GE(trace.r_hat, 0.9);
    EXPECT_GT(trace.effective_draws, 1);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"sigma", "user_weight_precision",
                                             "item_weight_precision", "test_rmse"}));
  const TrainingResult few = train_on_cpu(dataset, sampled(5, {.burn_in = 2, .chains = 2}));
  EXPECT_TRUE(few.model.statistics.traces.empty());
}

}  // namespace
}  // namespace alsatian
