// The choice of λ and λ_b: how sure a gain is, that trials in full are what training does, and that
// the default stays where nothing is surely better.
#include "host/train/penalty_search.hpp"

#include "host/train/trainer.hpp"
#include "tests/support/planted_dataset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace alsatian {
namespace {

/// Losses of users whose ratings number 1 to 9, all wrong alike: by user a first and a second sum.
struct UserLosses {
  std::vector<double> first;
  std::vector<double> second;
  std::vector<std::int64_t> counts;
};

UserLosses drawn_losses(std::size_t users) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  UserLosses losses;
  for (std::size_t user = 0; user < users; ++user) {
    const auto count = static_cast<std::int64_t>(1 + user % 9);
    const double shared = normal(random);
    const auto ratings = static_cast<double>(count);
    losses.counts.push_back(count);
    losses.first.push_back(ratings * (1 + shared));
    losses.second.push_back(ratings * (0.9 + 0.8 * shared));
  }
  return losses;
}

TEST(PairedGain, HasTheErrorThatResampledUsersHave) {
  const UserLosses losses = drawn_losses(301);
  const PairedGain gain = paired_gain(losses.first, losses.second, losses.counts);
  std::mt19937_64 random(4);
  std::uniform_int_distribution<std::size_t> user_of(0, losses.counts.size() - 1);
  constexpr int resamples = 4000;
  double sum = 0;
  double squares = 0;
  for (int resample = 0; resample < resamples; ++resample) {
    double difference = 0;
    double ratings = 0;
    for (std::size_t draw = 0; draw < losses.counts.size(); ++draw) {
      const std::size_t user = user_of(random);
      difference += losses.first[user] - losses.second[user];
      ratings += static_cast<double>(losses.counts[user]);
    }
    sum += difference / ratings;
    squares += std::pow(difference / ratings, 2);
  }
  const double mean = sum / resamples;
  const double deviation = std::sqrt(squares / resamples - mean * mean);
  // The deviation of 4000 draws is itself off by 1/√8000, 1.1 %: four of those.
  EXPECT_NEAR(gain.error / deviation, 1, 0.045);
  EXPECT_NEAR(gain.mean, mean, 4 * deviation / std::sqrt(1.0 * resamples));
}

TEST(PairedGain, OfOneRatingAUserHasTheErrorOfAMean) {
  std::vector<double> first;
  std::vector<double> second(20, 0.0);
  for (int user = 0; user < 20; ++user) first.push_back(user % 2 == 0 ? 1.5 : -0.5);
  const PairedGain gain = paired_gain(first, second, std::vector<std::int64_t>(20, 1));
  EXPECT_DOUBLE_EQ(gain.mean, 0.5);
  // All are 1 from the mean: variance 20/19, over 20 users.
  EXPECT_NEAR(gain.error, std::sqrt(1.0 / 19), 1e-15);
}

TEST(PairedGain, IsNoSurerForARatingThatStandsTwice) {
  UserLosses losses = drawn_losses(40);
  const PairedGain once = paired_gain(losses.first, losses.second, losses.counts);
  for (std::size_t user = 0; user < 40; ++user) {
    losses.first[user] *= 2;
    losses.second[user] *= 2;
    losses.counts[user] *= 2;
  }
  const PairedGain twice = paired_gain(losses.first, losses.second, losses.counts);
  EXPECT_NEAR(twice.mean, once.mean, 1e-14);
  EXPECT_NEAR(twice.error, once.error, 1e-14);
}

TEST(PairedGain, OfFewUsersIsNeverSure) {
  UserLosses losses = drawn_losses(9);
  EXPECT_TRUE(std::isinf(paired_gain(losses.first, losses.second, losses.counts).error));
  losses.counts.push_back(0);  // a user without ratings says nothing
  losses.first.push_back(0);
  losses.second.push_back(0);
  EXPECT_TRUE(std::isinf(paired_gain(losses.first, losses.second, losses.counts).error));
}

Dataset validation_dataset() {
  SplitRule split;
  split.validation_share = 0.2;
  return build_dataset(testing::planted_ratings(183, 159, 0.5), {}, split);
}

ModelSpec spec_of(const Algorithm& algorithm, double reg) {
  ModelSpec spec;
  spec.algorithm = algorithm;
  spec.rank = 4;
  spec.epochs = 12;
  spec.regularization = {.factors = reg, .biases = 0.75 * reg};
  return spec;
}

struct Searched {
  PenaltyChoice choice;
  std::vector<PenaltyTrial> trials;
};

Searched search(const Dataset& dataset, const ModelSpec& spec, PenaltySearchOptions options = {}) {
  Searched searched;
  options.device.kind = DeviceOptions::Kind::cpu;
  options.on_trial = [&](const PenaltyTrial& trial) { searched.trials.push_back(trial); };
  searched.choice = PenaltySearch(dataset, spec, options).run().value();
  return searched;
}

/// What training measures on the validation part in its last epoch.
double trained_rmse(const Dataset& dataset, ModelSpec spec, const Regularization& regularization) {
  spec.regularization = regularization;
  if (auto* mle = std::get_if<Mle>(&spec.algorithm)) mle->patience = spec.epochs;
  struct Recorder : Observer {
    double rmse = 0;
    void on_epoch(const EpochStats& stats) override { rmse = *stats.validation_rmse; }
  } recorder;
  TrainerOptions options;
  options.device.kind = DeviceOptions::Kind::cpu;
  options.observers = {&recorder};
  train(dataset, spec, options);
  return recorder.rmse;
}

class PenaltySearchOf : public ::testing::TestWithParam<Algorithm> {};
INSTANTIATE_TEST_SUITE_P(Models, PenaltySearchOf, ::testing::Values(Als{}, Mle{}, LeastSquares{}),
                         [](const auto& parameters) {
                           return std::string(algorithm_name(parameters.param));
                         });

TEST_P(PenaltySearchOf, ComparesWhatTrainingInFullPredicts) {
  const Dataset dataset = validation_dataset();
  const ModelSpec spec = spec_of(GetParam(), 9);
  const PenaltyChoice choice = search(dataset, spec).choice;
  EXPECT_TRUE(choice.chose_best);
  // A square and its root.
  EXPECT_NEAR(choice.given_rmse.value(), trained_rmse(dataset, spec, choice.given), 1e-14);
  EXPECT_NEAR(choice.best_rmse.value(), trained_rmse(dataset, spec, choice.best), 1e-14);
  EXPECT_EQ(choice.ratings, dataset.validation.size());
}

TEST_P(PenaltySearchOf, FindsWhatAFineGridFindsFromFarAboveAndFarBelow) {
  const Dataset dataset = validation_dataset();
  double least = 1e9;
  for (double reg = 0.02; reg < 100; reg *= std::sqrt(2.0)) {
    const Regularization regularization{.factors = reg, .biases = 0.75 * reg};
    least = std::min(least, trained_rmse(dataset, spec_of(GetParam(), 1), regularization));
  }
  for (const double reg : {0.02, 1.0, 100.0}) {
    const Searched searched = search(dataset, spec_of(GetParam(), reg));
    // Between two points of the grid nothing changes by a hundredth.
    EXPECT_LE(searched.choice.best_rmse.value(), 1.01 * least) << reg;
    EXPECT_LE(searched.choice.best_rmse, searched.choice.given_rmse) << reg;
  }
}

TEST_P(PenaltySearchOf, LeavesADefaultThatNothingIsSurelyBetterThan) {
  const Dataset dataset = validation_dataset();
  const PenaltyChoice far = search(dataset, spec_of(GetParam(), 9)).choice;
  ModelSpec spec = spec_of(GetParam(), far.best.factors);
  spec.regularization = far.best;
  spec.regularization.factors *= 1.05;
  const PenaltyChoice near = search(dataset, spec).choice;
  EXPECT_FALSE(near.chose_best);
  EXPECT_EQ(near.chosen().factors, spec.regularization.factors);
  EXPECT_LE(near.gain_in_errors.value_or(0), least_gain_in_errors(near.ratings));
}

TEST_P(PenaltySearchOf, CountsWhatItTried) {
  const Searched searched = search(validation_dataset(), spec_of(GetParam(), 2));
  std::int64_t epochs = 0;
  for (const PenaltyTrial& trial : searched.trials) epochs += trial.figures.epochs;
  EXPECT_EQ(searched.choice.trials, std::ssize(searched.trials));
  EXPECT_EQ(searched.choice.epochs, epochs);
  const bool is_mle = std::holds_alternative<Mle>(GetParam());
  EXPECT_EQ(searched.trials.front().kind,
            is_mle ? PenaltyTrialKind::whole : PenaltyTrialKind::path);
  // What decides is the last thing that is trained.
  EXPECT_EQ(searched.trials.back().kind, PenaltyTrialKind::whole);
}

TEST_P(PenaltySearchOf, ChoosesBiasesAloneWithoutFactors) {
  ModelSpec spec = spec_of(GetParam(), 300);
  spec.rank = 0;
  const PenaltyChoice choice =
      search(validation_dataset(), spec, {.searched = SearchedPenalties::biases}).choice;
  EXPECT_TRUE(choice.chose_best);
  EXPECT_EQ(choice.best.factors, 300);
  EXPECT_LT(choice.best.biases, 100);
}

TEST_P(PenaltySearchOf, LeavesBiasesAloneThatAreGiven) {
  ModelSpec spec = spec_of(GetParam(), 9);
  spec.regularization.biases = 0.4;
  const Searched searched =
      search(validation_dataset(), spec, {.searched = SearchedPenalties::factors});
  EXPECT_LT(searched.choice.chosen().factors, 9);
  for (const PenaltyTrial& trial : searched.trials) {
    EXPECT_EQ(trial.regularization.biases, 0.4);
  }
}

TEST_P(PenaltySearchOf, EndsAfterTheEpochInWhichItIsStopped) {
  const Dataset dataset = validation_dataset();
  std::atomic<bool> stop{false};
  int trials = 0;
  PenaltySearchOptions options;
  options.device.kind = DeviceOptions::Kind::cpu;
  options.stop_requested = &stop;
  options.on_trial = [&](const PenaltyTrial&) { stop = ++trials == 2; };
  EXPECT_FALSE(PenaltySearch(dataset, spec_of(GetParam(), 2), options).run());
  EXPECT_EQ(trials, 2);
}

TEST(PenaltySearchOfMle, MeasuresTheBestEpochWhereTheModelWillStopAtIt) {
  const Dataset dataset = validation_dataset();
  ModelSpec spec = spec_of(Mle{}, 0.05);
  spec.epochs = 40;
  const Searched searched = search(dataset, spec, {.stops_early = true});
  struct Recorder : Observer {
    double least = 1e9;
    void on_epoch(const EpochStats& stats) override {
      least = std::min(least, *stats.validation_rmse);
    }
  } recorder;
  TrainerOptions options;
  options.device.kind = DeviceOptions::Kind::cpu;
  options.observers = {&recorder};
  train(dataset, spec, options);
  EXPECT_NEAR(searched.choice.given_rmse.value(), recorder.least, 1e-14);
  EXPECT_GT(trained_rmse(dataset, spec, spec.regularization), 1.001 * recorder.least)
      << "or the claim says nothing";
}

}  // namespace
}  // namespace alsatian
