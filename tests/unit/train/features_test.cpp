// Features of files in training: rows that no rating describes are predicted from them.
// The problem is planted: what users and items are follows from their features, and noise is known.
#include "host/evaluate/metrics.hpp"
#include "host/train/trainer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace alsatian {
namespace {

constexpr std::int32_t users = 151;
constexpr std::int32_t items = 97;
constexpr std::int32_t cold_users = 11;  // the last ones, without training ratings
constexpr std::int32_t cold_items = 9;
constexpr double noise = 0.3;

/// One of three kinds, and a number.
struct Described {
  std::int32_t kind;
  double number;
};

std::vector<Described> described(std::int32_t rows, std::mt19937_64& generator) {
  std::normal_distribution<> standard;
  std::vector<Described> result;
  for (std::int32_t row = 0; row < rows; ++row) result.push_back({row % 3, standard(generator)});
  return result;
}

SideFeatures features_of(const std::vector<Described>& rows) {
  SideFeatures features{
      .rows = {{0}, {}, {}},
      .described = std::vector<std::uint8_t>(rows.size(), 1),
      .names = {"kind=0", "kind=1", "kind=2", "number"},
      .source = {"planted.csv", {{"kind", "category", 3, ""}, {"number", "number", 1, ""}}}};
  for (const Described& row : rows) {
    features.rows.columns.insert(features.rows.columns.end(), {row.kind, 3});
    features.rows.values.insert(features.rows.values.end(), {1.0F, static_cast<float>(row.number)});
    features.rows.offsets.push_back(static_cast<std::int64_t>(features.rows.columns.size()));
  }
  return features;
}

/// b_u + c_i + ⟨p_u, q_i⟩, all by the features.
double score(const Described& user, const Described& item) {
  constexpr std::array<double, 3> taste{1.0, -0.7, 0.1};
  constexpr std::array<double, 3> style{-0.6, 0.9, 0.2};
  return 3 + 0.3 * user.number + 0.4 * item.number +
         taste[static_cast<std::size_t>(user.kind)] * style[static_cast<std::size_t>(item.kind)];
}

struct Planted {
  Dataset dataset;
  std::vector<Described> of_users;
  std::vector<Described> of_items;
};

/// A third of all pairs; those of cold rows are for testing.
Planted planted() {
  std::mt19937_64 generator(3);
  std::normal_distribution<> standard;
  Planted problem{.dataset = {},
                  .of_users = described(users, generator),
                  .of_items = described(items, generator)};
  Dataset& dataset = problem.dataset;
  std::vector<std::int64_t> user_ids;
  std::vector<std::int64_t> item_ids;
  for (std::int32_t user = 0; user < users; ++user) user_ids.push_back(user);
  for (std::int32_t item = 0; item < items; ++item) item_ids.push_back(item);
  dataset.users = IdIndex(user_ids);
  dataset.items = IdIndex(item_ids);
  dataset.tests.push_back({"cold", {}});
  for (std::int32_t user = 0; user < users; ++user) {
    for (std::int32_t item = 0; item < items; ++item) {
      if (generator() % 3 != 0) continue;
      const bool cold = user >= users - cold_users || item >= items - cold_items;
      Triples& to = cold ? dataset.tests[0].ratings : dataset.train;
      to.users.push_back(user);
      to.items.push_back(item);
      to.ratings.push_back(
          static_cast<float>(score(problem.of_users[static_cast<std::size_t>(user)],
                                   problem.of_items[static_cast<std::size_t>(item)]) +
                             noise * standard(generator)));
    }
  }
  dataset.user_features = features_of(problem.of_users);
  dataset.item_features = features_of(problem.of_items);
  return problem;
}

ModelSpec sampled(int epochs, Features features = Features::implicit) {
  ModelSpec spec;
  spec.algorithm = Bayes{
      .burn_in = epochs / 4, .features = features, .feature_files = true, .likelihood_power = 1};
  spec.rank = 3;
  spec.epochs = epochs;
  return spec;
}

TrainingResult train_on(DeviceOptions::Kind kind, const Dataset& dataset, const ModelSpec& spec) {
  TrainerOptions options;
  options.device.kind = kind;
  return train(dataset, spec, options);
}

TEST(FeaturesOfFiles, PredictRowsWithoutRatingsUpToTheNoise) {
  const Dataset dataset = planted().dataset;
  for (const Features implicit : {Features::implicit, Features::none}) {
    const TrainingResult result =
        train_on(DeviceOptions::Kind::cpu, dataset, sampled(160, implicit));
    const Scorer scorer(result.model, {});
    const RatingEvaluation evaluation =
        evaluate_ratings(scorer, result.model, dataset.tests[0].ratings);
    EXPECT_EQ(evaluation.known.count, 0);
    EXPECT_EQ(evaluation.cold_with_features.count, dataset.tests[0].ratings.size());
    // The deviation of some 900 squares of noise is a twentieth of their mean; what is left of the
    // rows' own variance and of the means over draws is smaller than that.
    EXPECT_LE(evaluation.cold_with_features.rmse, 1.1 * noise);
    EXPECT_GE(evaluation.cold_with_features.rmse, 0.9 * noise);
  }
}

TEST(FeaturesOfFiles, AreWhatThatComesFrom) {
  Dataset dataset = planted().dataset;
  dataset.user_features = {};
  dataset.item_features = {};
  const TrainingResult result = train_on(DeviceOptions::Kind::cpu, dataset, sampled(40));
  EXPECT_GE(result.last.test_rmse[0], 2 * noise);
}

TEST(FeaturesOfFiles, ARowWithoutRatingsHasDrawsOfItsOwn) {
  const Dataset dataset = planted().dataset;
  const Model model = train_on(DeviceOptions::Kind::cpu, dataset, sampled(40)).model;
  EXPECT_EQ(model.item_counts.back(), 0);
  EXPECT_TRUE(model.knows_item(items - 1));
  const float* row = model.factors.items.row(items - 1);
  EXPECT_NE(row[0], row[3]);  // of two draws
  EXPECT_EQ(model.item_features.columns, dataset.item_features.source.columns);
}

TEST(FeaturesOfFiles, GiveTheSameOnTheReferenceAndTheCpuOverTheFirstSweeps) {
  const Dataset dataset = planted().dataset;
  for (const Features implicit : {Features::implicit, Features::none}) {
    ModelSpec spec = sampled(4, implicit);
    const EpochStats exact = train_on(DeviceOptions::Kind::reference, dataset, spec).last;
    const EpochStats fast = train_on(DeviceOptions::Kind::cpu, dataset, spec).last;
    // As without files: weights of implicit features are exact to 1e-4 of their right side.
    const double allowed = implicit == Features::none ? 1e-3 : 1e-2;
    EXPECT_NEAR(fast.test_rmse[0], exact.test_rmse[0], allowed);
    EXPECT_NEAR(*fast.sigma, *exact.sigma, allowed);
  }
}

/// The kinds in `shown` alone, as flags or categories have them.
SideFeatures kinds_of(const std::vector<Described>& rows, const std::vector<std::int32_t>& shown) {
  SideFeatures features{.rows = {{0}, {}, {}},
                        .described = std::vector<std::uint8_t>(rows.size(), 1),
                        .names = {},
                        .source = {"planted.csv", {{"kind", "category", 3, ""}}}};
  for (const std::int32_t kind : shown) features.names.push_back("kind=" + std::to_string(kind));
  for (const Described& row : rows) {
    const auto found = std::ranges::find(shown, row.kind);
    if (found != shown.end()) {
      features.rows.columns.push_back(static_cast<std::int32_t>(found - shown.begin()));
      features.rows.values.push_back(1);
    }
    features.rows.offsets.push_back(static_cast<std::int64_t>(features.rows.columns.size()));
  }
  return features;
}

// Where two of three kinds are shown the third has zeros, which say as much as its flag would.
TEST(FeaturesOfFiles, OfZerosSayAsMuchAsAFlagMore) {
  Planted problem = planted();
  const auto cold_error = [&](DeviceOptions::Kind kind, const std::vector<std::int32_t>& shown) {
    problem.dataset.user_features = kinds_of(problem.of_users, shown);
    problem.dataset.item_features = kinds_of(problem.of_items, shown);
    const TrainingResult result = train_on(kind, problem.dataset, sampled(160, Features::none));
    EXPECT_TRUE(result.model.knows_item(items - 1));
    return result.last.test_rmse[0];
  };
  const double all_kinds = cold_error(DeviceOptions::Kind::cpu, {0, 1, 2});
  const double two_kinds = cold_error(DeviceOptions::Kind::cpu, {0, 1});
  // The number is not shown: .3 and .4 of its deviation are left beside the noise.
  EXPECT_LE(all_kinds, 1.15 * std::sqrt(noise * noise + 0.3 * 0.3 + 0.4 * 0.4));
  EXPECT_NEAR(two_kinds, all_kinds, 0.02 * all_kinds);
  EXPECT_NEAR(cold_error(DeviceOptions::Kind::reference, {0, 1}), two_kinds, 1e-2 * two_kinds);
}

TEST(FeaturesOfFiles, AreIgnoredByOtherModels) {
  const Dataset dataset = planted().dataset;
  ModelSpec spec = sampled(5);
  spec.algorithm = Als{};
  const Model model = train_on(DeviceOptions::Kind::cpu, dataset, spec).model;
  EXPECT_FALSE(model.has_features());
  EXPECT_EQ(model.factors.items.row(items - 1)[0], 0);
}

}  // namespace
}  // namespace alsatian
