// The program with a CUDA module that computes on the stand-in device of tests/simt: what a user
// with a GPU sees, on machines without one.
#include "host/evaluate/top_items_backend.hpp"
#include "tests/integration/problem_folder.hpp"
#include "tests/integration/run_program.hpp"
#include "tests/support/models.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/training_problems.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#if defined(ALSATIAN_SIMT_MODULE)

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

RunResult run_with_module(const std::vector<std::string>& arguments) {
  RunOptions options;
  options.environment = {"ALSATIAN_CUDA_MODULE=" ALSATIAN_SIMT_MODULE};
  return run(arguments, options);
}

/// Ratings to train on with the stand-in, which takes thousands of times as long as a GPU: a sixth
/// of ProblemFolder's.
class FewRatings {
 public:
  static const FewRatings& shared() {
    static const FewRatings ratings;
    return ratings;
  }
  std::string path() const { return folder_.file("ratings.csv"); }

 private:
  FewRatings() {
    const RunResult made = run({"generate", "--users", "61", "--items", "47", "--ratings", "1501",
                                "--rank", "4", "--noise", "0.3", "--seed", "7", "--out", path()});
    EXPECT_EQ(made.code, 0) << made.error;
  }

  TemporaryFolder folder_;
};

TEST(Cuda, IsListedByVersion) {
  const RunResult result = run_with_module({"--version"});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.output, HasSubstr("cuda               stand-in, 1 GB\n"));
}

TEST(Cuda, TrainsToTheErrorOfTheCpu) {
  const std::vector<std::string> arguments = {
      "train", "--data", ProblemFolder::shared().ratings(), "--holdout", "0.1", "--epochs", "2",
      "--k",   "5"};
  for (const char* model : {"als", "mle", "ls"}) {
    SCOPED_TRACE(model);
    const auto rmse = [&](const char* device) {
      const RunResult result =
          run_with_module(with(arguments, {"--model", model, "--device", device}));
      EXPECT_EQ(result.code, 0) << result.error;
      const bool is_cuda = std::string(device) != "cpu";
      EXPECT_THAT(result.error, is_cuda ? HasSubstr("cuda (stand-in, 1 GB)")
                                        : ::testing::Matcher<std::string>(Not(HasSubstr("cuda"))));
      const Tsv table(result.output);
      return table.number(0, "rmse");
    };
    const double expected = rmse("cpu");
    // Two epochs of float on either; the error of a prediction is far below its last digit shown.
    EXPECT_NEAR(rmse("cuda"), expected, 2e-4);
    EXPECT_NEAR(rmse("auto"), expected, 2e-4);
  }
}

TEST(Cuda, SamplesToTheErrorOfTheCpu) {
  const TemporaryFolder folder;
  const std::vector<std::string> arguments = {"train",     "--data",    FewRatings::shared().path(),
                                              "--model",   "bayes",     "--epochs",
                                              "2",         "--holdout", "0.1",
                                              "--burn-in", "0",         "--k",
                                              "3"};
  for (const std::string features : {"none", "implicit"}) {
    SCOPED_TRACE(features);
    const auto rmse = [&](const char* device) {
      const RunResult result =
          run_with_module(with(arguments, {"--features", features, "--device", device}));
      EXPECT_EQ(result.code, 0) << result.error;
      const bool is_cpu = std::string(device) == "cpu";
      EXPECT_THAT(result.error, HasSubstr(is_cpu ? "device   cpu (" : "cuda (stand-in, 1 GB)"));
      return Tsv(result.output).number(0, "rmse");
    };
    const double expected = rmse("cpu");
    // The same random numbers; B is exact to 2e-3 of the deviations of its draw on either.
    EXPECT_NEAR(rmse("cuda"), expected, 2e-3);
    if (features == "none") {
      EXPECT_NEAR(rmse("auto"), expected, 2e-3);
    }
  }
}

TEST(Cuda, SamplesUpToTheRankOfItsKernelsAndNamesIt) {
  const std::vector<std::string> arguments = {
      "train",   "--data",    ProblemFolder::shared().ratings(),
      "--model", "bayes",     "--epochs",
      "1",       "--burn-in", "0",
      "--keep",  "1",         "--dry-run"};
  const RunResult refused = run_with_module(with(arguments, {"--device", "cuda", "--k", "257"}));
  EXPECT_EQ(refused.code, 64);
  EXPECT_THAT(refused.error, HasSubstr("--k 257: --model bayes takes a k from 0 to 256 on a GPU"));
  EXPECT_THAT(refused.error, HasSubstr("  help: try --k 256, or --device cpu"));
  const RunResult plan = run_with_module(with(arguments, {"--device", "cuda", "--k", "256"}));
  ASSERT_EQ(plan.code, 0) << plan.error;
  EXPECT_THAT(plan.output, HasSubstr("device_draws_bytes"));
}

TEST(Cuda, MeasuresInATrialWhatTrainingThereMeasures) {
  const TemporaryFolder folder;
  const std::string log = folder.file("log");
  for (const char* model : {"als", "mle", "ls"}) {
    SCOPED_TRACE(model);
    const auto on_cuda = [&](const std::vector<std::string>& arguments) {
      const RunResult result =
          run_with_module(with(arguments, {"--data", FewRatings::shared().path(), "--model", model,
                                           "--epochs", "2", "--device", "cuda"}));
      EXPECT_EQ(result.code, 0) << result.error;
      return result;
    };
    const RunResult tuned = on_cuda(
        {"tune", "--search", "grid", "--start", "cold", "--grid", "k=3,5", "--grid", "reg=0.4,2"});
    EXPECT_THAT(tuned.error, HasSubstr("device   cuda: stand-in, 1 GB\n"));
    const Tsv trials(tuned.output);
    ASSERT_EQ(trials.rows(), 4U);
    on_cuda({"train", "--k", "5", "--reg", "2", "--validation", "0.1", "--log", log});
    double counted = 1e9;
    for (const std::string& line : lines_of(read_bytes(log))) {
      const std::size_t figure = line.find("\"validation_rmse\":");
      const double rmse = std::stod(line.substr(figure + 18));
      counted = std::string(model) == "mle" ? std::min(counted, rmse) : rmse;
    }
    // Pooled over one part: a square and its root.
    EXPECT_NEAR(trials.number(trials.find("trial", "4"), "validation_rmse"), counted, 1e-15);
    EXPECT_EQ(Tsv(on_cuda({"tune", "--grid", "k=3,5", "--grid", "reg=0.4,2"}).output).rows(), 4U);
  }
}

TEST(Cuda, ChoosesPenaltiesByWhatTrainingThereMeasures) {
  const TemporaryFolder folder;
  const std::string log = folder.file("log");
  const auto last_figure = [&](const std::string& key, const std::vector<std::string>& arguments) {
    const RunResult result =
        run_with_module(with({"train", "--data", FewRatings::shared().path(), "--epochs", "2",
                              "--k", "3", "--device", "cuda", "--log", log},
                             arguments));
    EXPECT_EQ(result.code, 0) << result.error;
    double found = 0;
    for (const std::string& line : lines_of(read_bytes(log))) {
      const std::size_t figure = line.find("\"" + key + "\":");
      if (figure != std::string::npos) found = std::stod(line.substr(figure + key.size() + 3));
    }
    return found;
  };
  const double trained = last_figure("validation_rmse", {"--validation", "0.1"});
  // Pooled over one part: a square and its root.
  EXPECT_NEAR(last_figure("default_rmse", {"--reg", "auto"}), trained, 1e-15);
}

TEST(Cuda, TrainsAsFastAsAskedAndRecordsItInTheModel) {
  const TemporaryFolder folder;
  const std::string model = (folder.path() / "model.safetensors").string();
  const auto train = [&](const std::vector<std::string>& how) {
    const std::vector<std::string> arguments = {"train",     "--data", FewRatings::shared().path(),
                                                "--holdout", "0.1",    "--epochs",
                                                "3",         "--k",    "5",
                                                "--device",  "cuda",

                                                "--out",     model};
    const RunResult result = run_with_module(with(arguments, how));
    EXPECT_EQ(result.code, 0) << result.error;
    return result;
  };
  const auto recorded = [&](const std::string& name) {
    const RunResult result = run({"inspect", model, "--format", "jsonl"});
    EXPECT_EQ(result.code, 0) << result.error;
    return result.output.substr(result.output.find("\"" + name + "\":"), name.size() + 12);
  };
  const auto rmse = [](const RunResult& result) { return Tsv(result.output).number(0, "rmse"); };

  const double exact = rmse(train({"--model", "als"}));
  EXPECT_THAT(recorded("precision"), HasSubstr("\"fp32\""));
  EXPECT_NEAR(rmse(train({"--model", "als", "--precision", "fast"})), exact, 1e-4);
  EXPECT_THAT(recorded("precision"), HasSubstr("\"fast\""));
}

TEST(Cuda, DryRunPrintsThePlanOfTheDevice) {
  const RunResult result = run_with_module(train_arguments({"--dry-run"}));
  ASSERT_EQ(result.code, 0) << result.error;
  const Tsv plan(result.output);
  EXPECT_EQ(plan.at(plan.find("name", "device"), "value"), "stand-in, 1 GB");
  double total = 0;
  for (std::size_t row = 0; row < plan.rows(); ++row) {
    const std::string name = plan.at(row, "name");
    if (!name.starts_with("device_") || name == "device_free_bytes" ||
        name == "device_total_bytes") {
      continue;
    }
    total += plan.number(row, "value");
  }
  EXPECT_EQ(plan.number(plan.find("name", "device_total_bytes"), "value"), total);
  EXPECT_EQ(plan.number(plan.find("name", "device_free_bytes"), "value"), std::exp2(30));
  // 64 MiB, and a KiB for each of the stand-in's 4·2048 threads.
  EXPECT_EQ(plan.number(plan.find("name", "device_margin_bytes"), "value"), 72 * std::exp2(20));
}

/// A training by mle with more options, and what `inspect` says of the model.
struct Trained {
  RunResult result;
  Tsv facts;
  std::string log;
};
Trained train_mle(const std::vector<std::string>& more) {
  const TemporaryFolder folder;
  const RunResult result = run_with_module(with(
      {"train", "--data", FewRatings::shared().path(), "--model", "mle", "--holdout", "0.1",
       "--epochs", "3", "--k", "5", "--out", folder.file("model"), "--log", folder.file("log")},
      more));
  EXPECT_EQ(result.code, 0) << result.error;
  return {result, Tsv(run({"inspect", folder.file("model"), "--format", "tsv"}).output),
          read_bytes(folder.file("log"))};
}

TEST(Cuda, SaysOfHogwildsModelThatItCannotBeReproduced) {
  const Trained blocks = train_mle({});
  const auto fact = [](const Trained& trained, const char* name) {
    return trained.facts.at(trained.facts.find("name", name), "value");
  };
  EXPECT_EQ(fact(blocks, "reproducible"), "yes");
  EXPECT_THAT(blocks.log, Not(HasSubstr("reproducible")));
  EXPECT_THAT(blocks.result.error, Not(HasSubstr("another model")));
  const Trained hogwild = train_mle({"--updates", "hogwild"});
  EXPECT_THAT(hogwild.result.error, HasSubstr("cuda (stand-in, 1 GB)"));
  EXPECT_THAT(hogwild.result.error, HasSubstr("--updates hogwild gives another model every time"));
  EXPECT_EQ(fact(hogwild, "updates"), "hogwild");
  EXPECT_EQ(fact(hogwild, "reproducible"), "no");
  EXPECT_THAT(hogwild.log, HasSubstr("\"reproducible\":false"));
  const double expected = Tsv(blocks.result.output).number(0, "rmse");
  EXPECT_NEAR(Tsv(hogwild.result.output).number(0, "rmse"), expected, 0.02 * expected);
}

TEST(Cuda, TrainsInHalvesToNearTheErrorOfFloats) {
  const Trained floats = train_mle({});
  const Trained halves = train_mle({"--storage", "half"});
  EXPECT_EQ(halves.facts.at(halves.facts.find("name", "storage"), "value"), "half");
  EXPECT_EQ(halves.facts.at(halves.facts.find("name", "reproducible"), "value"), "yes");
  const double expected = Tsv(floats.result.output).number(0, "rmse");
  EXPECT_NEAR(Tsv(halves.result.output).number(0, "rmse"), expected, 0.01 * expected);
}

TEST(Cuda, PlansTheHalvesBesideTheFloats) {
  const auto bytes = [](const char* storage) {
    const RunResult result =
        run_with_module({"train", "--data", ProblemFolder::shared().ratings(), "--model", "mle",
                         "--k", "5", "--storage", storage, "--dry-run"});
    EXPECT_EQ(result.code, 0) << result.error;
    const Tsv plan(result.output);
    return plan.number(plan.find("name", "device_visiting_order_bytes"), "value");
  };
  // Two arrays of 16·2 bytes for each of 211 users and 157 items: a piece of 2 MiB each.
  EXPECT_EQ(bytes("half") - bytes("float"), 2 * std::exp2(21));
}

/// The stand-in's libraries are taken away as long as it lives.
struct WithoutLibraries {
  WithoutLibraries() { ::setenv("ALSATIAN_SIMT_WITHOUT_LIBRARIES", "1", 1); }
  ~WithoutLibraries() { ::unsetenv("ALSATIAN_SIMT_WITHOUT_LIBRARIES"); }
};

TEST(Cuda, RefusesWhatItMissesLibrariesForBeforeReadingAndAutoSaysWhyItTakesTheCpu) {
  const WithoutLibraries without_libraries;
  const std::string reason =
      "--k 300: exact row solves beyond k 256 need cuBLAS and cuSOLVER on a GPU: libcublas.so.13: "
      "no such library";
  const RunResult refused =
      run_with_module({"train", "--data", "/absent", "--k", "300", "--device", "cuda"});
  expect_refusal(refused, 69, reason,
                 "install the libraries of CUDA's toolkit, or use --solver cg or --device cpu");
  EXPECT_THAT(run_with_module({"--version"}).output, HasSubstr("not found: libcublas.so.13"));
  const RunResult automatic = run_with_module({"train", "--data", ProblemFolder::shared().ratings(),
                                               "--k", "300", "--epochs", "1", "--holdout", "0.1"});
  EXPECT_EQ(automatic.code, 0) << automatic.error;
  EXPECT_THAT(automatic.error, HasSubstr("not on the GPU: " + reason));
}

TEST(Cuda, TrainsBeyondItsOwnKernelsByLibrariesAndByConjugateGradients) {
  EXPECT_THAT(run_with_module({"--version"}).output, HasSubstr("cuBLAS and cuSOLVER"));
  std::vector<std::string> arguments{"train", "--data",    FewRatings::shared().path(),
                                     "--k",   "260",       "--epochs",
                                     "1",     "--holdout", "0.1"};
  const auto error_on = [&](const char* device, const std::vector<std::string>& more) {
    const RunResult result = run_with_module(with(with(arguments, {"--device", device}), more));
    EXPECT_EQ(result.code, 0) << result.error;
    return Tsv(result.output).number(1, "rmse");
  };
  for (const std::vector<std::string>& solver :
       {std::vector<std::string>{}, std::vector<std::string>{"--solver", "cg"}}) {
    const double on_cpu = error_on("cpu", solver);
    EXPECT_NEAR(error_on("cuda", solver), on_cpu, 1e-4 * on_cpu);
  }
}

TEST(Cuda, LeavesToTheCpuAProblemMadeForAGpuWithTheBytesOfOneMadeForTheCpu) {
  const WithoutLibraries without_libraries;
  const ModelSpec spec = spec_of(Als{}, 300);  // more than the GPU's own kernels take
  const auto swept = [&](TrainingProblem problem, DeviceOptions::Kind kind) {
    const ChosenBackend chosen = make_backend(std::move(problem), {.kind = kind, .isa = {}});
    EXPECT_THAT(chosen.backend->description(), HasSubstr("cpu"));
    chosen.backend->als_half_sweep(Side::users);
    chosen.backend->als_half_sweep(Side::items);
    return chosen.backend->state();
  };
  TrainingProblem for_gpu = problem_of(spec);
  for_gpu.by_item.columns.clear();
  for_gpu.by_item.values.clear();
  ::setenv("ALSATIAN_CUDA_MODULE", ALSATIAN_SIMT_MODULE, 1);
  const BackendState found = swept(std::move(for_gpu), DeviceOptions::Kind::automatic);
  ::unsetenv("ALSATIAN_CUDA_MODULE");
  EXPECT_EQ(found, swept(problem_of(spec), DeviceOptions::Kind::cpu));
}

/// What `recommend` prints for all users on either device, which must be the same.
std::string recommended(const std::vector<std::string>& arguments) {
  const auto on = [&](const char* device) {
    return run_with_module(
        with({"recommend"}, with(arguments, {"--all-users", "--device", device})));
  };
  const RunResult cpu = on("cpu");
  const RunResult cuda = on("cuda");
  EXPECT_EQ(cpu.code, 0) << cpu.error;
  EXPECT_EQ(cuda.code, 0) << cuda.error;
  EXPECT_THAT(cpu.error, HasSubstr("thread"));
  EXPECT_THAT(cuda.error, HasSubstr("device   cuda (stand-in, 1 GB): asked for\n"));
  EXPECT_EQ(cuda.output, cpu.output);
  return cpu.output;
}

class CudaRecommendations : public ::testing::TestWithParam<const char*> {};

TEST_P(CudaRecommendations, AreThoseOfTheCpuByteForByte) {
  const TemporaryFolder folder;
  const std::string ratings = ProblemFolder::shared().ratings();
  const std::string model = folder.file("model");
  const RunResult trained =
      run(with({"train", "--data", ratings, "--device", "cpu", "--epochs", "2", "--out", model},
               fields_of(GetParam(), ' ')));
  ASSERT_EQ(trained.code, 0) << trained.error;
  std::string items;
  for (int item = 1; item <= 157; item += 3) items += std::to_string(item) + "\n";
  write_bytes(folder.file("items"), items);
  const std::string unseen = recommended({model, "--data", ratings});
  EXPECT_EQ(Tsv(unseen).rows(), 2110U);
  EXPECT_NE(recommended({model, "--include-seen"}), unseen);
  EXPECT_NE(recommended({model, "--data", ratings, "--items", folder.file("items")}), unseen);
  recommended({model, "--data", ratings, "--top", "1", "--clip", "--format", "jsonl"});
}

INSTANTIATE_TEST_SUITE_P(Models, CudaRecommendations,
                         ::testing::Values("--k 0", "--k 1", "--k 33", "--k 64",
                                           "--k 8 --no-biases",
                                           "--k 5 --model mle --likelihood bernoulli --positive 4"),
                         [](const auto& model) {
                           std::string name;
                           for (const char letter : std::string(model.param)) {
                             if (std::isalnum(static_cast<unsigned char>(letter)) != 0) {
                               name += letter;
                             }
                           }
                           return name;
                         });

TEST(Cuda, RecommendsByteForByteWhatTheCpuDoesWhereItemsTie) {
  const TemporaryFolder folder;
  write_bytes(folder.file("ratings.csv"), small_ratings(30, 40));  // five kinds of items
  for (const char* rank : {"0", "3"}) {
    const RunResult trained = run({"train", "--data", folder.file("ratings.csv"), "--device", "cpu",
                                   "--k", rank, "--epochs", "3", "--out", folder.file("model")});
    ASSERT_EQ(trained.code, 0) << trained.error;
    const Tsv table(recommended({folder.file("model"), "--include-seen", "--top", "13"}));
    EXPECT_EQ(table.at(0, "prediction"), table.at(1, "prediction")) << "nothing ties";
    EXPECT_LT(table.number(0, "item"), table.number(1, "item"));
  }
}

TEST(Cuda, RecommendsForUsersByNameAndAllThatThereIsWhereMoreIsAskedFor) {
  for (const char* top : {"10", "1000000"}) {
    const std::vector<std::string> arguments{
        "recommend", ProblemFolder::shared().model(),   "--users", "7,3,7",
        "--data",    ProblemFolder::shared().ratings(), "--top",   top};
    const RunResult cuda = run_with_module(with(arguments, {"--device", "cuda"}));
    EXPECT_EQ(cuda.code, 0) << cuda.error;
    EXPECT_EQ(cuda.output, run_with_module(with(arguments, {"--device", "cpu"})).output);
  }
}

TEST(Cuda, RefusesMoreRecommendationsThanItHasKernelsFor) {
  const TemporaryFolder folder;
  const std::string ratings = folder.file("ratings.csv");
  const std::string model = folder.file("model");
  ASSERT_EQ(
      run({"generate", "--users", "9", "--items", "1025", "--ratings", "4000", "--out", ratings})
          .code,
      0);
  ASSERT_EQ(run({"train", "--data", ratings, "--k", "1", "--epochs", "1", "--device", "cpu",
                 "--out", model})
                .code,
            0);
  const std::vector<std::string> arguments{"recommend", model,   "--all-users", "--data",
                                           "/absent",   "--top", "1025"};
  expect_refusal(run_with_module(with(arguments, {"--device", "cuda"})), 64,
                 "--top 1025: must be between 1 and 1024 on a GPU where there are as many items",
                 "try --top 1024, or --device cpu");
}

TEST(Cuda, AutoRecommendsOnTheCpuWhereThereIsLittleToDo) {
  const RunResult result = run_with_module(
      {"recommend", ProblemFolder::shared().model(), "--users", "1", "--include-seen"});
  EXPECT_EQ(result.code, 0) << result.error;
  EXPECT_THAT(result.error,
              ::testing::ContainsRegex("device   cpu \\([0-9]+ threads?\\): too little to do for a "
                                       "GPU\n"));
}

TEST(Cuda, AutoRecommendsOnTheGpuWhereThereIsEnoughToDo) {
  const Model model = sample_model({.items = 1025});
  const std::vector<std::int32_t> users{0, 4};
  const CandidateItems candidates(model, nullptr);
  ::setenv("ALSATIAN_CUDA_MODULE", ALSATIAN_SIMT_MODULE, 1);
  const auto chosen_for = [&](std::int32_t count) {
    const ChosenTopItems chosen = make_top_items({model, candidates, users, count}, {}, 0);
    return chosen.backend->description() + ": " + chosen.reason;
  };
  EXPECT_EQ(chosen_for(10), "cuda (stand-in, 1 GB): a GPU was found");
  EXPECT_THAT(chosen_for(1025),
              HasSubstr(": not on the GPU: --top 1025: must be between 1 and 1024 on a GPU"));
  ::unsetenv("ALSATIAN_CUDA_MODULE");
}

}  // namespace
}  // namespace alsatian::testing

#endif
