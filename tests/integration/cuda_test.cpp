// The program with a CUDA module that computes on the stand-in device of tests/simt: what a user
// with a GPU sees, on machines without one.
#include "tests/integration/problem_folder.hpp"
#include "tests/integration/run_program.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
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
}

TEST(Cuda, RefusesWhatItHasNoKernelsForBeforeReadingAndAutoSaysWhyItTakesTheCpu) {
  const RunResult refused =
      run_with_module({"train", "--data", "/absent", "--k", "300", "--device", "cuda"});
  expect_refusal(refused, 64, "--k 300: --model als takes a k from 0 to 256 on a GPU",
                 "try --k 256, or --device cpu");
  const RunResult automatic = run_with_module({"train", "--data", ProblemFolder::shared().ratings(),
                                               "--k", "300", "--epochs", "1", "--holdout", "0.1"});
  EXPECT_EQ(automatic.code, 0) << automatic.error;
  EXPECT_THAT(automatic.error,
              HasSubstr("not on the GPU: --k 300: --model als takes a k from 0 to 256 on a GPU"));
}

}  // namespace
}  // namespace alsatian::testing

#endif
