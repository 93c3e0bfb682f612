// What is saved comes back bit for bit, and the bytes depend on the model alone.
// Equal bytes are what "same seed, same model" is checked by everywhere else.
#include "host/model/model_file.hpp"

#include "kernels/cpu/parallel.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/models.hpp"
#include "tests/support/safetensors_rewriter.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <sys/stat.h>

namespace alsatian {
namespace {

using testing::fails_with;
using testing::ModelShape;
using testing::read_bytes;
using testing::sample_model;
using testing::take_apart;
using testing::TemporaryFolder;

void expect_same(const IdIndex& left, const IdIndex& right) {
  EXPECT_EQ(left.kind(), right.kind());
  EXPECT_EQ(left.integers(), right.integers());
  EXPECT_EQ(left.strings().bytes, right.strings().bytes);
  EXPECT_EQ(left.strings().offsets, right.strings().offsets);
}

void expect_same(const Model& left, const Model& right) {
  expect_same(left.users, right.users);
  expect_same(left.items, right.items);
  EXPECT_EQ(left.user_counts, right.user_counts);
  EXPECT_EQ(left.item_counts, right.item_counts);
  EXPECT_EQ(left.factors.users.rank, right.factors.users.rank);
  EXPECT_EQ(left.factors.users.factors, right.factors.users.factors);
  EXPECT_EQ(left.factors.users.biases, right.factors.users.biases);
  EXPECT_EQ(left.factors.items.rows, right.factors.items.rows);
  EXPECT_EQ(left.factors.items.factors, right.factors.items.factors);
  EXPECT_EQ(left.factors.items.biases, right.factors.items.biases);
  EXPECT_EQ(left.draws, right.draws);
  EXPECT_EQ(left.draw_biases.constants, right.draw_biases.constants);
  EXPECT_EQ(left.draw_biases.users, right.draw_biases.users);
  EXPECT_EQ(left.draw_biases.items, right.draw_biases.items);
  EXPECT_EQ(left.mean_score(), right.mean_score());
  EXPECT_EQ(left.titles.bytes, right.titles.bytes);
  EXPECT_EQ(left.titles.offsets, right.titles.offsets);
  EXPECT_EQ(left.fingerprint, right.fingerprint);
}

class ModelFile : public ::testing::TestWithParam<ModelShape> {};

TEST_P(ModelFile, ComesBackBitForBit) {
  const TemporaryFolder folder;
  const Model model = sample_model(GetParam());
  save_model(model, folder.file("model"));
  expect_same(model, load_model(folder.file("model")));
}

TEST_P(ModelFile, HasTheSameBytesWhenLoadedAndSavedAgain) {
  const TemporaryFolder folder;
  save_model(sample_model(GetParam()), folder.file("first"));
  save_model(load_model(folder.file("first")), folder.file("second"));
  EXPECT_EQ(read_bytes(folder.file("first")), read_bytes(folder.file("second")));
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, ModelFile,
    ::testing::Values(ModelShape{}, ModelShape{.ids = IdKind::string}, ModelShape{.titles = true},
                      ModelShape{.users = 1, .items = 1, .rank = 1, .ids = IdKind::string},
                      ModelShape{.rank = 0}, ModelShape{.users = 0, .items = 0},
                      ModelShape{.users = 0, .items = 0, .ids = IdKind::string},
                      ModelShape{.users = 37, .items = 29, .rank = 33, .titles = true},
                      ModelShape{.likelihood = Laplace{}}, ModelShape{.likelihood = Poisson{}},
                      ModelShape{.likelihood = Bernoulli{}}, ModelShape{.draws = 1},
                      ModelShape{.users = 37, .items = 29, .rank = 5, .draws = 9},
                      ModelShape{.rank = 0, .draws = 1}),
    [](const auto& shape) { return "Shape" + std::to_string(shape.index); });

TEST(ModelFile, KeepsTheOptionsOfBayes) {
  const TemporaryFolder folder;
  Model model = sample_model({.draws = 4});
  model.spec.algorithm = Bayes{.burn_in = 12,
                               .keep = 5,
                               .features = Features::none,
                               .likelihood_power = 0.7,
                               .start_epochs = 3,
                               .chains = 7};
  model.draw_priors.weights.clear();  // without features
  save_model(model, folder.file("model"));
  const auto loaded = std::get<Bayes>(load_model(folder.file("model")).spec.algorithm);
  EXPECT_EQ(loaded.chains, 7);
  EXPECT_EQ(loaded.burn_in, 12);
  EXPECT_EQ(loaded.keep, 5);
  EXPECT_EQ(loaded.features, Features::none);
  EXPECT_EQ(loaded.likelihood_power, 0.7);
  EXPECT_EQ(loaded.start_epochs, 3);
}

TEST(ModelFile, KeepsWhatFeatureFilesWere) {
  const TemporaryFolder folder;
  Model model = sample_model({.draws = 4});
  std::get<Bayes>(model.spec.algorithm).feature_files = true;
  model.item_features = {"m\"o.csv",
                         {{"genres", "set", 18, "2 more"}, {"title", "left out", 0, ""}}};
  save_model(model, folder.file("model"));
  const Model loaded = load_model(folder.file("model"));
  EXPECT_TRUE(std::get<Bayes>(loaded.spec.algorithm).feature_files);
  EXPECT_EQ(loaded.item_features.file, model.item_features.file);
  EXPECT_EQ(loaded.item_features.columns, model.item_features.columns);
  EXPECT_FALSE(loaded.user_features.any());
}

TEST(ModelFile, OfFeaturesThatAreNoneIsRefused) {
  const TemporaryFolder folder;
  Model model = sample_model({.draws = 4});
  model.item_features = {"movies.csv", {{"genres", "set", -1, ""}}};
  save_model(model, folder.file("model"));
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "alsatian.features",
                         [&] { load_model(folder.file("model")); }));
}

TEST(ModelFile, KeepsWhatDrawsAreDrawnAround) {
  const TemporaryFolder folder;
  const Model model = sample_model({.rank = 3, .draws = 4});
  save_model(model, folder.file("model"));
  const DrawPriors loaded = load_model(folder.file("model")).draw_priors;
  EXPECT_EQ(loaded.noise_precisions, model.draw_priors.noise_precisions);
  EXPECT_EQ(loaded.precisions, model.draw_priors.precisions);
  EXPECT_EQ(loaded.user_means, model.draw_priors.user_means);
  EXPECT_EQ(loaded.item_means, model.draw_priors.item_means);
  EXPECT_EQ(loaded.weights, model.draw_priors.weights);
}

TEST(ModelFile, WithoutPriorsOfDrawsIsAnOlderOneThatIsStillRead) {
  const TemporaryFolder folder;
  Model model = sample_model({.rank = 3, .draws = 4});
  model.draw_priors = {};
  save_model(model, folder.file("model"));
  EXPECT_TRUE(load_model(folder.file("model")).draw_priors.noise_precisions.empty());
}

TEST(ModelFile, OfPriorsThatAreNotThoseOfItsDrawsIsNotSaved) {
  const TemporaryFolder folder;
  Model model = sample_model({.rank = 3, .draws = 4});
  model.draw_priors.precisions.pop_back();
  EXPECT_TRUE(fails_with(ExitCode::internal, "priors and draws of the model differ in size",
                         [&] { save_model(model, folder.file("other")); }));
}

TEST(ModelFile, KeepsWhatTracesOfDrawsSay) {
  const TemporaryFolder folder;
  Model model = sample_model({.draws = 4});
  model.statistics.traces = {{"sigma", 0.875, 0.015625, 1.0625, 123.5},
                             {"test_rmse", 0.91, 0.001, 1.3, 12}};
  save_model(model, folder.file("model"));
  const auto loaded = load_model(folder.file("model")).statistics.traces;
  ASSERT_EQ(loaded.size(), 2U);
  EXPECT_EQ(loaded[0].name, "sigma");
  EXPECT_EQ(loaded[0].mean, 0.875);
  EXPECT_EQ(loaded[0].deviation, 0.015625);
  EXPECT_EQ(loaded[0].r_hat, 1.0625);
  EXPECT_EQ(loaded[0].effective_draws, 123.5);
  EXPECT_EQ(loaded[1].name, "test_rmse");
  testing::SafetensorsParts parts = take_apart(read_bytes(folder.file("model")));
  testing::set_field(parts, "alsatian.statistics", "/traces/1", 5);
  std::ofstream(folder.file("other")) << testing::put_together(parts);
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "traces is not a JSON object",
                         [&] { load_model(folder.file("other")); }));
}

TEST(ModelFile, KeepsHowPenaltiesWereChosen) {
  const TemporaryFolder folder;
  Model model = sample_model({});
  model.statistics.penalty_choice = PenaltyChoice{.given = {.factors = 1.2, .biases = 0.9},
                                                  .best = {.factors = 0.849, .biases = 0.318},
                                                  .chose_best = true,
                                                  .ratings = 9142,
                                                  .given_rmse = 0.8512345678901234,
                                                  .best_rmse = 0.84,
                                                  .gain_in_errors = -1.25,
                                                  .trials = 12,
                                                  .epochs = std::int64_t{1} << 33};
  save_model(model, folder.file("model"));
  const auto loaded = load_model(folder.file("model")).statistics.penalty_choice;
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->given.factors, 1.2);
  EXPECT_EQ(loaded->given.biases, 0.9);
  EXPECT_EQ(loaded->chosen().factors, 0.849);
  EXPECT_EQ(loaded->chosen().biases, 0.318);
  EXPECT_EQ(loaded->ratings, 9142);
  EXPECT_EQ(loaded->given_rmse, 0.8512345678901234);
  EXPECT_EQ(loaded->best_rmse, 0.84);
  EXPECT_EQ(loaded->gain_in_errors, -1.25);
  EXPECT_EQ(loaded->trials, 12);
  EXPECT_EQ(loaded->epochs, std::int64_t{1} << 33);
  testing::SafetensorsParts parts = take_apart(read_bytes(folder.file("model")));
  testing::set_field(parts, "alsatian.statistics", "/reg_auto/chosen", "other");
  std::ofstream(folder.file("other")) << testing::put_together(parts);
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "must be one of best default",
                         [&] { load_model(folder.file("other")); }));
}

TEST(ModelFile, OfDrawsThatAreNotThoseOfItsRankIsRefused) {
  const TemporaryFolder folder;
  save_model(sample_model({.rank = 3, .draws = 4}), folder.file("model"));
  testing::SafetensorsParts parts = take_apart(read_bytes(folder.file("model")));
  testing::set_field(parts, "alsatian.spec", "/rank", 5);
  std::ofstream(folder.file("other")) << testing::put_together(parts);
  EXPECT_TRUE(fails_with(ExitCode::bad_data, "must be F16 [5,20]",
                         [&] { load_model(folder.file("other")); }));
}

TEST(ModelFile, OfADrawWithoutItsBiasesIsNotSaved) {
  const TemporaryFolder folder;
  Model model = sample_model({.draws = 4});
  model.draw_biases.users.pop_back();
  EXPECT_TRUE(fails_with(ExitCode::internal, "differ in size",
                         [&] { save_model(model, folder.file("model")); }));
}

TEST(ModelFile, KeepsEveryOptionAndFigure) {
  const TemporaryFolder folder;
  Model model = sample_model({});
  Mle mle;
  mle.optimizer = Optimizer::sgd;
  mle.learning_rate = 0.1 + 0.2;  // 0.30000000000000004
  mle.schedule = Schedule::inverse_time;
  mle.decay = 1.0 / 3;
  mle.patience = 7;
  mle.updates = Updates::hogwild;
  mle.storage = FactorStorage::halves;
  model.spec.algorithm = mle;
  model.spec.biases = false;
  model.spec.regularization = {.factors = 1e-300, .biases = 5e17, .scaling = 0.7};
  model.spec.epochs = 21;
  model.spec.start_deviation = 0.03;
  model.split = {.kind = SplitRule::Kind::fold,
                 .share = 0.2,
                 .count = 3,
                 .time = -5,
                 .fold = 2,
                 .folds = 5,
                 .validation_share = 0.125,
                 .seed = 9};
  model.cleaning = {.duplicates = DuplicateRule::mean,
                    .min_user_ratings = 2,
                    .min_item_ratings = 3,
                    .lowest_rating = 0.5};
  model.positive = 4.0;
  model.statistics.validation_rmse = 0.8;
  model.statistics.test_rmse = std::nullopt;
  model.statistics.dispersion_from_validation = true;
  model.statistics.repaired_pivots = std::int64_t{1} << 40;
  save_model(model, folder.file("model"));

  const Model loaded = load_model(folder.file("model"));
  const auto& loaded_mle = std::get<Mle>(loaded.spec.algorithm);
  EXPECT_EQ(loaded_mle.optimizer, Optimizer::sgd);
  EXPECT_EQ(loaded_mle.learning_rate, mle.learning_rate);
  EXPECT_EQ(loaded_mle.schedule, Schedule::inverse_time);
  EXPECT_EQ(loaded_mle.decay, mle.decay);
  EXPECT_EQ(loaded_mle.patience, 7);
  EXPECT_EQ(loaded_mle.updates, Updates::hogwild);
  EXPECT_EQ(loaded_mle.storage, FactorStorage::halves);
  EXPECT_FALSE(loaded.spec.biases);
  EXPECT_EQ(loaded.spec.regularization.factors, 1e-300);
  EXPECT_EQ(loaded.spec.regularization.biases, 5e17);
  EXPECT_EQ(loaded.spec.regularization.scaling, 0.7);
  EXPECT_EQ(loaded.spec.epochs, 21);
  EXPECT_EQ(loaded.spec.start_deviation, 0.03);
  EXPECT_EQ(loaded.spec.seed, 18446744073709551557ULL);
  EXPECT_EQ(loaded.scale.mean, 3.5298);
  EXPECT_EQ(loaded.scale.deviation, 1.1256);
  EXPECT_EQ(loaded.scale.lowest, .5);
  EXPECT_EQ(loaded.scale.highest, 5);
  EXPECT_EQ(loaded.split.kind, SplitRule::Kind::fold);
  EXPECT_EQ(loaded.split.share, 0.2);
  EXPECT_EQ(loaded.split.count, 3);
  EXPECT_EQ(loaded.split.time, -5);
  EXPECT_EQ(loaded.split.fold, 2);
  EXPECT_EQ(loaded.split.folds, 5);
  EXPECT_EQ(loaded.split.validation_share, 0.125);
  EXPECT_EQ(loaded.split.seed, 9U);
  EXPECT_EQ(loaded.cleaning.duplicates, DuplicateRule::mean);
  EXPECT_EQ(loaded.cleaning.min_user_ratings, 2);
  EXPECT_EQ(loaded.cleaning.min_item_ratings, 3);
  EXPECT_EQ(loaded.cleaning.lowest_rating, 0.5);
  EXPECT_EQ(loaded.cleaning.highest_rating, std::numeric_limits<double>::infinity());
  EXPECT_EQ(loaded.positive, 4.0);
  EXPECT_EQ(loaded.account.read, 101);
  EXPECT_TRUE(loaded.account.balanced());
  EXPECT_EQ(loaded.statistics.epochs_run, 15);
  EXPECT_EQ(loaded.statistics.objective, 1234.5678901234567);
  EXPECT_EQ(loaded.statistics.train_rmse, 0.71);
  EXPECT_EQ(loaded.statistics.validation_rmse, 0.8);
  EXPECT_EQ(loaded.statistics.test_rmse, std::nullopt);
  EXPECT_EQ(loaded.statistics.dispersion, 0.63);
  EXPECT_TRUE(loaded.statistics.dispersion_from_validation);
  EXPECT_EQ(loaded.statistics.repaired_pivots, std::int64_t{1} << 40);
}

TEST(ModelFile, KeepsTheOptionsOfAlsAndLeastSquares) {
  const TemporaryFolder folder;
  Model model = sample_model({});
  model.spec.algorithm = Als{.solver = Solver::conjugate_gradient, .solver_steps = 9};
  save_model(model, folder.file("als"));
  const auto als = std::get<Als>(load_model(folder.file("als")).spec.algorithm);
  EXPECT_EQ(als.solver, Solver::conjugate_gradient);
  EXPECT_EQ(als.solver_steps, 9);
  model.spec.algorithm = LeastSquares{.inner_steps = 11};
  save_model(model, folder.file("ls"));
  EXPECT_EQ(std::get<LeastSquares>(load_model(folder.file("ls")).spec.algorithm).inner_steps, 11);
}

TEST(ModelFile, HoldsNeitherPathsNorTimesNorThreads) {
  const TemporaryFolder folder;
  const Model model = sample_model({.titles = true});
  use_threads(1);
  save_model(model, folder.file("one"));
  use_threads(3);
  save_model(model, folder.file("another name"));
  use_threads(0);
  EXPECT_EQ(read_bytes(folder.file("one")), read_bytes(folder.file("another name")));
}

TEST(ModelFile, IsSafetensorsWithAlignedContiguousTensors) {
  const TemporaryFolder folder;
  save_model(sample_model({.ids = IdKind::string, .titles = true}), folder.file("model"));
  const std::string file = read_bytes(folder.file("model"));
  const auto parts = take_apart(file);
  EXPECT_EQ((file.size() - parts.data.size()) % 8, 0U) << "tensors begin aligned";
  std::size_t end = 0;
  for (const auto& [name, tensor] : parts.header.items()) {
    if (name == "__metadata__") continue;
    const auto first = tensor.at("data_offsets").at(0).get<std::size_t>();
    const std::string dtype = tensor.at("dtype");
    const std::size_t width = dtype == "U8" ? 1 : dtype.ends_with("32") ? 4 : 8;
    EXPECT_EQ(first, end) << name;
    EXPECT_EQ(first % width, 0U) << name;
    end = tensor.at("data_offsets").at(1);
  }
  EXPECT_EQ(end, parts.data.size());
  EXPECT_EQ(parts.header.at("user_factors").at("dtype"), "F32");
  EXPECT_THAT(parts.header.at("user_factors").at("shape"), ::testing::ElementsAre(5, 3));
  EXPECT_EQ(parts.header.at("__metadata__").at("alsatian.format"), "1");
}

TEST(ModelFile, IsLoadedThroughASymbolicLink) {
  const TemporaryFolder folder;
  save_model(sample_model({}), folder.file("model"));
  std::filesystem::create_symlink("model", folder.path() / "link");
  EXPECT_EQ(load_model(folder.file("link")).users.size(), 5);
}

TEST(SaveModel, RefusesAModelThatCouldNotBeLoadedAndKeepsTheOldFile) {
  const TemporaryFolder folder;
  const Model good = sample_model({});
  save_model(good, folder.file("model"));
  const std::string before = read_bytes(folder.file("model"));
  Model bad = good;
  bad.factors.items.row(4)[1] = std::numeric_limits<float>::infinity();
  bad.factors.items.row(6)[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(fails_with(ExitCode::diverged,
                         "2 values that are not finite, first in item_factors row 4",
                         [&] { save_model(bad, folder.file("model")); }));
  bad = good;
  bad.statistics.objective = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(
      fails_with(ExitCode::diverged, "statistics", [&] { save_model(bad, folder.file("model")); }));
  bad = good;
  bad.user_counts.pop_back();
  EXPECT_TRUE(
      fails_with(ExitCode::internal, "differ", [&] { save_model(bad, folder.file("model")); }));
  bad = good;
  bad.titles.push_back("one title for seven items");
  EXPECT_TRUE(
      fails_with(ExitCode::internal, "differ", [&] { save_model(bad, folder.file("model")); }));
  EXPECT_EQ(read_bytes(folder.file("model")), before);
}

TEST(SaveModel, SaysHowMuchAFullDeviceLacks) {
  EXPECT_TRUE(fails_with(ExitCode::input_output, "No space left",
                         [] { save_model(sample_model({}), "/dev/full"); }));
}

}  // namespace
}  // namespace alsatian
