// Searches over small planted data: what a trial reaches is what training reaches, and a search
// that begins with the figures of another one ends as that did.
#include "host/train/tuner.hpp"

#include "host/train/trainer.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/planted_dataset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace alsatian {
namespace {

using testing::fails_with;

Dataset validation_dataset(int fold) {
  SplitRule split;
  split.validation_share = 0.2;
  split.seed = 42 + static_cast<std::uint64_t>(fold);
  return build_dataset(testing::planted_ratings(83, 59, 0.5), {}, split);
}

std::vector<ModelSpec> path(const Algorithm& algorithm, int epochs) {
  std::vector<ModelSpec> specs;
  for (const std::int32_t rank : {3, 5}) {
    for (const double reg : {0.4, 1.1, 2.9}) {
      ModelSpec spec;
      spec.algorithm = algorithm;
      spec.rank = rank;
      spec.epochs = epochs;
      spec.regularization = {.factors = reg, .biases = 0.75 * reg};
      specs.push_back(spec);
    }
  }
  return specs;
}

TunerOptions grid_options(const std::vector<ModelSpec>& specs, TrialStart start) {
  TunerOptions options;
  options.device.kind = DeviceOptions::Kind::cpu;
  options.start = start;
  options.rungs = {{std::ssize(specs), specs.front().epochs}};
  const bool is_mle = std::holds_alternative<Mle>(specs.front().algorithm);
  options.rules.counted = is_mle ? CountedEpoch::best : CountedEpoch::last;
  return options;
}

struct Told {
  std::vector<std::pair<TrialRun, TrialFigures>> runs;
  TuningResult result;
};

Told tune(const std::vector<ModelSpec>& specs, const TunerOptions& options,
          const TrialRuns& known = {}) {
  Told told;
  Tuner tuner(specs, options, validation_dataset,
              [&](const TrialRun& run, const TrialFigures& figures) {
                told.runs.emplace_back(run, figures);
              });
  told.result = tuner.run(known);
  return told;
}

std::string printed_algorithm(const ::testing::TestParamInfo<Algorithm>& parameters) {
  return std::string(algorithm_name(parameters.param));
}

class TunerOf : public ::testing::TestWithParam<Algorithm> {};
INSTANTIATE_TEST_SUITE_P(Searches, TunerOf, ::testing::Values(Als{}, Mle{}, LeastSquares{}),
                         printed_algorithm);

TEST_P(TunerOf, SharesAProblemAmongRanksThatIsTheOneOfEach) {
  const Dataset dataset = validation_dataset(0);
  const std::vector<ModelSpec> specs = path(GetParam(), 7);
  const TrainingProblem problem = make_problem(dataset, specs.front(), nullptr);
  const TrainingProblem expected = make_problem(dataset, specs.back(), nullptr);
  const TrainingProblem shared = with_spec(problem, specs.back());
  EXPECT_EQ(shared.spec.rank, 5);
  EXPECT_EQ(shared.spec.regularization.factors, 2.9);
  EXPECT_EQ(shared.scale.deviation, expected.scale.deviation);
  EXPECT_EQ(shared.by_user.columns, expected.by_user.columns);
  EXPECT_EQ(shared.by_user.values, expected.by_user.values);
  EXPECT_EQ(shared.by_item.offsets, expected.by_item.offsets);
  EXPECT_EQ(shared.by_item.values, expected.by_item.values);
  EXPECT_EQ(shared.schedule.users, expected.schedule.users);
  EXPECT_EQ(shared.schedule.ratings, expected.schedule.ratings);
  EXPECT_EQ(shared.held_out.at(0).ratings, expected.held_out.at(0).ratings);
  EXPECT_EQ(shared.start.users.factors, expected.start.users.factors);
  EXPECT_EQ(shared.start.items.factors, expected.start.items.factors);
}

TEST_P(TunerOf, MeasuresInAColdTrialWhatTrainingMeasures) {
  const std::vector<ModelSpec> specs = path(GetParam(), 7);
  const Told told = tune(specs, grid_options(specs, TrialStart::cold));
  const Dataset dataset = validation_dataset(0);
  struct Recorder : Observer {
    std::vector<double> rmse;
    void on_epoch(const EpochStats& stats) override { rmse.push_back(*stats.validation_rmse); }
  };
  for (std::size_t trial = 0; trial < specs.size(); ++trial) {
    Recorder recorder;
    ModelSpec spec = specs[trial];
    if (auto* mle = std::get_if<Mle>(&spec.algorithm)) mle->patience = 100;
    TrainerOptions options;
    options.device.kind = DeviceOptions::Kind::cpu;
    options.observers = {&recorder};
    train(dataset, spec, options);
    const TrialFigures& figures = told.result.trials[trial].figures;
    const bool is_mle = std::holds_alternative<Mle>(spec.algorithm);
    const auto counted =
        is_mle ? std::ranges::min_element(recorder.rmse) : std::prev(recorder.rmse.end());
    EXPECT_EQ(figures.epochs, 7);
    EXPECT_EQ(figures.best_epoch, counted - recorder.rmse.begin() + 1) << trial;
    // Pooled over one fold: a square and its root.
    EXPECT_NEAR(figures.rmse, *counted, 4e-16) << trial;
    EXPECT_EQ(figures.ratings, dataset.validation.size());
  }
}

TEST_P(TunerOf, ChoosesTheLeastLoss) {
  const std::vector<ModelSpec> specs = path(GetParam(), 4);
  const TuningResult result = tune(specs, grid_options(specs, TrialStart::cold)).result;
  ASSERT_TRUE(result.best);
  for (const TrialResult& trial : result.trials) {
    EXPECT_GE(trial.figures.loss, result.trials[*result.best].figures.loss);
  }
}

TEST_P(TunerOf, ReachesFromAWarmStartInFewEpochsWhatAColdStartReachesInMany) {
  if (std::holds_alternative<Mle>(GetParam())) {
    GTEST_SKIP() << "its steps grow shorter: a warm start is no shortcut";
  }
  const std::vector<ModelSpec> specs = path(GetParam(), 40);
  TunerOptions warm = grid_options(specs, TrialStart::warm);
  warm.rungs.front().epochs = 12;
  const TuningResult slow = tune(specs, grid_options(specs, TrialStart::cold)).result;
  const TuningResult quick = tune(specs, warm).result;
  EXPECT_EQ(quick.best, slow.best);
  // Far less than what tells the penalties apart.
  EXPECT_NEAR(quick.trials[*quick.best].figures.rmse, slow.trials[*slow.best].figures.rmse, 0.005);
}

TEST_P(TunerOf, GoesOnFromWhatIsKnownToTheSameFigures) {
  const std::vector<ModelSpec> specs = path(GetParam(), 9);
  TunerOptions grid = grid_options(specs, TrialStart::warm);
  TunerOptions halving = grid_options(specs, TrialStart::cold);
  halving.rungs = halving_rungs(std::ssize(specs), 9, 2);
  grid.folds = halving.folds = 2;
  for (const TunerOptions& options : {grid, halving}) {
    const Told whole = tune(specs, options);
    for (std::size_t done = 0; done <= whole.runs.size(); ++done) {
      TrialRuns known(whole.runs.begin(), whole.runs.begin() + static_cast<std::ptrdiff_t>(done));
      const Told rest = tune(specs, options, known);
      ASSERT_EQ(rest.runs.size(), whole.runs.size() - done);
      for (std::size_t run = 0; run < rest.runs.size(); ++run) {
        TrialFigures expected = whole.runs[done + run].second;
        expected.seconds = rest.runs[run].second.seconds;
        EXPECT_EQ(rest.runs[run].first, whole.runs[done + run].first);
        EXPECT_EQ(rest.runs[run].second, expected);
      }
      EXPECT_EQ(rest.result.best, whole.result.best);
    }
  }
}

TEST_P(TunerOf, LetsATrialOfHalvingGoOnAsIfItHadNotBeenInterrupted) {
  const std::vector<ModelSpec> specs = path(GetParam(), 9);
  TunerOptions halving = grid_options(specs, TrialStart::cold);
  halving.rungs = {{6, 2}, {6, 5}, {2, 9}};
  const TuningResult cut = tune(specs, halving).result;
  const TuningResult whole = tune(specs, grid_options(specs, TrialStart::cold)).result;
  int finished = 0;
  for (std::size_t trial = 0; trial < specs.size(); ++trial) {
    if (cut.trials[trial].rung < 2) continue;
    ++finished;
    TrialFigures expected = whole.trials[trial].figures;
    expected.seconds = cut.trials[trial].figures.seconds;
    EXPECT_EQ(cut.trials[trial].figures, expected);
  }
  EXPECT_EQ(finished, 2);
}

TEST(Tuner, RefusesKnownFiguresThatTheSameTrialDoesNotGive) {
  const std::vector<ModelSpec> specs = path(Als{}, 3);
  const TunerOptions options = grid_options(specs, TrialStart::warm);
  const Told whole = tune(specs, options);
  TrialRuns known{whole.runs.front()};
  known.begin()->second.rmse += 1e-9;
  EXPECT_TRUE(fails_with(ExitCode::bad_data,
                         "trial 1: trial 1 gives other figures than are written",
                         [&] { tune(specs, options, known); }));
  Tuner placed(specs, options, validation_dataset, [](const TrialRun&, const TrialFigures&) {});
  const auto place = [](const TrialRun& run) { return "log:" + std::to_string(run.trial + 2); };
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "log:2: trial 1 gives other figures",
                         [&] { placed.run(known, place); }));
}

TEST(Tuner, RefusesKnownFiguresOfOtherManyRatingsThanThereAre) {
  const std::vector<ModelSpec> specs = path(Als{}, 3);
  const TunerOptions options = grid_options(specs, TrialStart::cold);
  const Told whole = tune(specs, options);
  TrialRuns known(whole.runs.begin(), whole.runs.begin() + 2);
  const std::int64_t ratings = known.begin()->second.ratings;
  for (auto& [run, figures] : known) figures.ratings = ratings + 1;
  const std::string what = std::to_string(ratings + 1) + " ratings, and there are " +
                           std::to_string(ratings) + " to measure it on";
  EXPECT_TRUE(fails_with(ExitCode::bad_data, " was measured on " + what,
                         [&] { tune(specs, options, known); }));
}

TEST(Tuner, WeighsFoldsByTheirRatings) {
  const std::vector<ModelSpec> specs = path(Als{}, 3);
  TunerOptions options = grid_options(specs, TrialStart::cold);
  options.folds = 3;
  const Told told = tune(specs, options);
  for (std::size_t trial = 0; trial < specs.size(); ++trial) {
    double squares = 0;
    std::int64_t ratings = 0;
    std::vector<double> rmse;
    for (const auto& [run, figures] : told.runs) {
      if (run.trial != trial) continue;
      squares += figures.rmse * figures.rmse * static_cast<double>(figures.ratings);
      ratings += figures.ratings;
      rmse.push_back(figures.rmse);
    }
    const TrialResult& result = told.result.trials[trial];
    EXPECT_EQ(result.figures.ratings, ratings);
    EXPECT_NEAR(result.figures.rmse, std::sqrt(squares / static_cast<double>(ratings)), 1e-15);
    const double spread = *std::ranges::max_element(rmse) - *std::ranges::min_element(rmse);
    // Of three values the deviation lies between range/2 and range/√3.
    EXPECT_GE(result.rmse_deviation, spread / 2 - 1e-15);
    EXPECT_LE(result.rmse_deviation, spread / std::sqrt(3) + 1e-15);
  }
}

TEST(Tuner, NeverChoosesATrialThatDiverges) {
  std::vector<ModelSpec> specs = path(Mle{.optimizer = Optimizer::sgd, .learning_rate = 0.05}, 5);
  std::get<Mle>(specs[0].algorithm).learning_rate = 1e5;
  const TuningResult result = tune(specs, grid_options(specs, TrialStart::warm)).result;
  EXPECT_TRUE(result.trials[0].figures.diverged);
  ASSERT_TRUE(result.best);
  EXPECT_NE(*result.best, 0U);
  for (std::size_t trial = 1; trial < specs.size(); ++trial) {
    EXPECT_FALSE(result.trials[trial].figures.diverged) << trial;
  }
}

TEST(Tuner, ChoosesNothingWhereEveryTrialDiverges) {
  std::vector<ModelSpec> specs = path(Mle{.optimizer = Optimizer::sgd, .learning_rate = 1e5}, 5);
  EXPECT_EQ(tune(specs, grid_options(specs, TrialStart::cold)).result.best, std::nullopt);
}

TEST(Tuner, StopsOnRequestAndTellsNothingOfTheTrialThatItLeft) {
  const std::vector<ModelSpec> specs = path(Als{}, 3);
  TunerOptions options = grid_options(specs, TrialStart::warm);
  const std::atomic<bool> stop{true};
  options.stop_requested = &stop;
  const Told told = tune(specs, options);
  EXPECT_TRUE(told.result.interrupted);
  EXPECT_TRUE(told.runs.empty());
}

TEST(Tuner, EndsATrialThatGainsNoMore) {
  const std::vector<ModelSpec> specs = path(Als{}, 60);
  TunerOptions options = grid_options(specs, TrialStart::warm);
  options.rules.early_stop = {.patience = 1, .change = 1e-3};
  for (const TrialResult& trial : tune(specs, options).result.trials) {
    EXPECT_LT(trial.figures.epochs, 60);
  }
}

}  // namespace
}  // namespace alsatian
