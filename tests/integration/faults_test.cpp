// What goes wrong while running: full disks, closed descriptors, signals, limits, odd surroundings.
// A failure keeps the previous output byte for byte and leaves no temporary file.
#include "kernels/math/random.hpp"
#include "tests/integration/problem_folder.hpp"
#include "tests/support/sanitizers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <clocale>
#include <csignal>
#include <cstdint>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

const ProblemFolder& problem() { return ProblemFolder::shared(); }

void limit(int resource, rlim_t bytes) {
  const rlimit value{bytes, bytes};
  ::setrlimit(static_cast<__rlimit_resource_t>(resource), &value);
}

void output_to(const char* path) {
  const int descriptor = ::open(path, O_WRONLY);
  ::dup2(descriptor, 1);
}

TEST(Failure, KeepsThePreviousModelAndLeavesNoTemporary) {
  const TemporaryFolder folder;
  const std::string out = folder.file("model");
  write_bytes(out, "the previous model");
  write_bytes(folder.file("bad.csv"), "1,1,3\n1,2,x\n");
  const std::vector<std::vector<std::string>> failures{
      {"train", "--data", folder.file("bad.csv"), "--out", out},
      {"train", "--data", "/nonexistent.csv", "--out", out},
      {"train", "--data", problem().ratings(), "--model", "mle", "--optimizer", "sgd", "--lr",
       "1000", "--out", out},
      {"train", "--data", problem().ratings(), "--k", "512", "--max-memory", "100K", "--out", out},
      {"generate", "--users", "10", "--items", "10", "--ratings", "1000", "--out", out}};
  for (const auto& arguments : failures) {
    const RunResult result = run(arguments);
    EXPECT_GE(result.code, 64) << result.error;
    EXPECT_LE(result.code, 80) << result.error;
    EXPECT_TRUE(is_error_text(result.error)) << result.error;
    EXPECT_EQ(read_bytes(out), "the previous model");
    EXPECT_FALSE(has_temporary(folder.path().string()));
  }
}

TEST(FullDisk, IsExit74ForEveryCommandThatPrints) {
  RunOptions options;
  options.in_child = [] { output_to("/dev/full"); };
  const std::vector<std::vector<std::string>> commands{
      {"recommend", problem().model(), "--all-users", "--include-seen"},
      {"predict", problem().model(), "--pairs", problem().ratings()},
      {"inspect", problem().model()},
      {"similar", problem().model(), "--user", "1"},
      {"evaluate", problem().model(), "--data", problem().ratings()},
      {"compare", problem().model(), problem().model(), "--data", problem().ratings()},
      {"--version"},
      {"help"}};
  for (const auto& command : commands) {
    const RunResult result = run(command, options);
    EXPECT_EQ(result.code, 74) << command[0] << result.error;
    EXPECT_TRUE(is_error_text(result.error.substr(result.error.find("alsatian: error"))))
        << result.error;
    EXPECT_THAT(result.error, HasSubstr("No space left on device"));
  }
}

TEST(FullDisk, AfterTrainingStillSavedTheModel) {
  const TemporaryFolder folder;
  RunOptions options;
  options.in_child = [] { output_to("/dev/full"); };
  const RunResult result = run({"train", "--data", problem().ratings(), "--k", "2", "--epochs", "2",
                                "--out", folder.file("model")},
                               options);
  EXPECT_EQ(result.code, 74) << result.error;
  EXPECT_EQ(run({"inspect", folder.file("model")}).code, 0);
}

TEST(FullDisk, OfTheLogDoesNotCostTheModel) {
  const TemporaryFolder folder;
  const RunResult result = run({"train", "--data", problem().ratings(), "--k", "2", "--epochs", "2",
                                "--out", folder.file("model"), "--log", "/dev/full"});
  EXPECT_EQ(result.code, 74) << result.error;
  EXPECT_THAT(result.error, HasSubstr("alsatian: error: /dev/full: cannot write: No space left on "
                                      "device\n  help: make room, or choose another file; the "
                                      "model is in " +
                                      folder.file("model") + "\n"));
  EXPECT_EQ(run({"inspect", folder.file("model")}).code, 0);
}

TEST(FullDisk, OfTheLogDoesNotClaimAModelThatNobodyAskedFor) {
  for (const std::vector<std::string>& split : {std::vector<std::string>{}, {"--folds", "2"}}) {
    const RunResult result = run(with({"train", "--data", problem().ratings(), "--k", "2",
                                       "--epochs", "2", "--quiet", "--log", "/dev/full"},
                                      split));
    EXPECT_EQ(result.code, 74);
    EXPECT_EQ(result.output, "");
    EXPECT_EQ(result.error,
              "alsatian: error: /dev/full: cannot write: No space left on device\n"
              "  help: make room, or choose another file; there was no --out, so no model is "
              "saved\n");
  }
}

TEST(FileSizeLimit, IsExit74AndKeepsThePreviousModel) {
  const TemporaryFolder folder;
  const std::string out = folder.file("model");
  write_bytes(out, "the previous model");
  RunOptions options;
  options.in_child = [] { limit(RLIMIT_FSIZE, 4096); };
  // The limit cuts off the counters of a coverage build too: not those that all runs share.
  options.environment = {"GCOV_PREFIX=" + folder.file("counters")};
  const RunResult result = run(
      {"train", "--data", problem().ratings(), "--k", "8", "--epochs", "1", "--out", out}, options);
  EXPECT_EQ(result.code, 74) << result.error;
  EXPECT_EQ(read_bytes(out), "the previous model");
  EXPECT_FALSE(has_temporary(folder.path().string()));
}

TEST(MemoryLimit, IsExit71) {
  if (address_sanitizer || thread_sanitizer) {
    GTEST_SKIP() << "the sanitizer's shadow memory does not fit a limited address space";
  }
  const TemporaryFolder folder;
  const std::string big = folder.file("big.csv");
  ASSERT_EQ(
      run({"generate", "--users", "20000", "--items", "9000", "--ratings", "200000", "--out", big})
          .code,
      0);
  RunOptions options;
  options.in_child = [] { limit(RLIMIT_AS, rlim_t{160} << 20); };
  const RunResult result =
      run({"train", "--data", big, "--k", "1024", "--threads", "1", "--out", folder.file("model")},
          options);
  EXPECT_EQ(result.code, 71) << result.error;
  EXPECT_THAT(result.error, HasSubstr("  help: "));
  EXPECT_FALSE(std::filesystem::exists(folder.file("model")));
}

/// Leaves this process and what it becomes no room for more threads than `count`. Root and its
/// capabilities know no such limit: they are given up, but for the one to read every folder.
void limit_threads(rlim_t count) {
  const bool is_root = ::getuid() == 0;
  limit(RLIMIT_NPROC, is_root ? count : 1);
  if (!is_root) return;
  for (const int capability : {CAP_SYS_RESOURCE, CAP_SYS_ADMIN}) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) ::_exit(125);
  }
  // A user of its own, whose processes nobody else adds to.
  const uid_t user = 100'000 + static_cast<uid_t>(::getpid());
  if (::setresuid(user, 0, 0) != 0) ::_exit(125);
}

TEST(ThreadLimit, IsExit71WithTheRemedyAndLeavesNoFile) {
  RunOptions options;
  options.in_child = [] { limit_threads(4); };
  if (run({"help"}, options).code == 125) GTEST_SKIP() << "root may not become another user here";
  const TemporaryFolder folder;
  const std::vector<std::vector<std::string>> commands{
      {"generate", "--users", "2000", "--items", "900", "--ratings", "200000", "--out",
       folder.file("ratings.csv")},
      {"train", "--data", problem().ratings(), "--k", "8", "--out", folder.file("model")},
      {"predict", problem().model(), "--pairs", problem().ratings()}};
  for (const auto& command : commands) {
    const RunResult result = run(with(command, {"--threads", "16", "--quiet"}), options);
    EXPECT_EQ(result.code, 71) << command[0] << result.error;
    EXPECT_EQ(result.output, "");
    EXPECT_THAT(result.error,
                MatchesRegex("alsatian: error: threads: only [0-9]+ of 16 can be started: "
                             "Resource temporarily unavailable\n"
                             "  help: try --threads 1, or raise the limit .ulimit -u, ulimit "
                             "-v.\n"));
    EXPECT_EQ(folder.entries(), 0U);
  }
  for (const auto& command : commands) {
    EXPECT_EQ(run(with(command, {"--threads", "1"}), options).code, 0) << command[0];
  }
}

TEST(ThreadLimit, ThatLeavesRoomForJustTheThreadsAskedForIsEnough) {
  if (::getuid() != 0) GTEST_SKIP() << "other processes of this user count too";
  if (thread_sanitizer) GTEST_SKIP() << "the sanitizer has a thread of its own";
  RunOptions options;
  options.environment = {"ASAN_OPTIONS=detect_leaks=0"};  // that would take a thread of its own
  options.in_child = [] { limit_threads(9); };
  if (run({"help"}, options).code == 125) GTEST_SKIP() << "root may not become another user here";
  for (int repeat = 0; repeat < 5; ++repeat) {
    const RunResult result =
        run({"train", "--data", problem().ratings(), "--k", "8", "--epochs", "1", "--threads", "9"},
            options);
    EXPECT_EQ(result.code, 0) << result.error;
  }
}

TEST(ClosedOutput, IsExit74BeforeTheWorkAndHarmsNoFile) {
  const TemporaryFolder folder;
  RunOptions options;
  options.in_child = [] { ::close(1); };
  const RunResult result = run({"train", "--data", problem().ratings(), "--k", "2", "--epochs", "1",
                                "--out", folder.file("model")},
                               options);
  EXPECT_EQ(result.code, 74) << result.error;
  EXPECT_EQ(folder.entries(), 0U);
}

TEST(ClosedError, ChangesNothingElse) {
  const TemporaryFolder folder;
  RunOptions options;
  options.in_child = [] { ::close(2); };
  const RunResult result = run({"train", "--data", problem().ratings(), "--k", "8", "--holdout",
                                "0.1", "--out", folder.file("model")},
                               options);
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(read_bytes(folder.file("model")), read_bytes(problem().model()));
}

TEST(ClosedInput, IsAnErrorWhereItIsRead) {
  RunOptions options;
  options.in_child = [] { ::close(0); };
  EXPECT_EQ(run({"train", "--data", problem().ratings(), "--k", "2"}, options).code, 0);
  const RunResult result = run({"train", "--data", "-"}, options);
  EXPECT_GE(result.code, 64);
  EXPECT_TRUE(is_error_text(result.error)) << result.error;
}

TEST(BrokenPipe, EndsRecommendQuietly) {
  RunOptions options;
  options.close_output_after = 1;
  const RunResult result = run(
      {"recommend", problem().model(), "--all-users", "--include-seen", "--top", "157", "--quiet"},
      options);
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.error, "");
}

TEST(BrokenPipe, DoesNotStopTraining) {
  const TemporaryFolder folder;
  RunOptions options;
  options.in_child = [] {
    int ends[2];
    if (::pipe(ends) != 0) ::_exit(125);
    ::close(ends[0]);
    ::dup2(ends[1], 1);
    ::dup2(ends[1], 2);
  };
  const RunResult result = run({"train", "--data", problem().ratings(), "--k", "8", "--holdout",
                                "0.1", "--out", folder.file("model")},
                               options);
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(read_bytes(folder.file("model")), read_bytes(problem().model()));
}

class StopSignal : public ::testing::TestWithParam<int> {};

TEST_P(StopSignal, FinishesTheEpochSavesSaysSoAndEndsByTheSignal) {
  const TemporaryFolder folder;
  const std::string out = folder.file("model");
  RunOptions options;
  options.signal = GetParam();
  options.signal_after = "epoch    ";
  const RunResult result = run({"train", "--data", problem().ratings(), "--epochs", "1000000",
                                "--evaluate-every", "1000", "--out", out},
                               options);
  ASSERT_FALSE(result.timed_out) << result.error.substr(0, 2000);
  EXPECT_EQ(result.signal, GetParam());
  EXPECT_EQ(result.output, "");
  EXPECT_THAT(result.error, HasSubstr("stopped on request after epoch "));
  EXPECT_THAT(result.error, HasSubstr("the model is in "));
  const RunResult inspected = run({"inspect", out, "--format", "jsonl"});
  ASSERT_EQ(inspected.code, 0) << inspected.error;
  EXPECT_GE(nlohmann::json::parse(inspected.output).at("epochs_run").get<int>(), 1);
  EXPECT_FALSE(has_temporary(folder.path().string()));
}

INSTANTIATE_TEST_SUITE_P(Signals, StopSignal, ::testing::Values(SIGINT, SIGTERM, SIGHUP));

TEST(StopSignal, ASecondTimeEndsTrainingAtOnceAndKeepsThePreviousModel) {
  const TemporaryFolder folder;
  const std::string out = folder.file("model");
  write_bytes(out, "the previous model");
  const std::string data = folder.file("ratings.csv");
  ASSERT_EQ(
      run({"generate", "--users", "2000", "--items", "900", "--ratings", "200000", "--out", data})
          .code,
      0);
  RunOptions options;
  options.signal_after = "epoch    ";
  options.signal = SIGINT;
  options.later_signals = {{SIGINT, 0.02}};
  // An epoch at this rank takes most of a second; a single signal would wait for its end.
  const RunResult result = run(
      {"train", "--data", data, "--k", "256", "--epochs", "1000", "--threads", "1", "--out", out},
      options);
  EXPECT_EQ(result.signal, SIGINT);
  EXPECT_EQ(result.output, "");
  EXPECT_THAT(result.error, Not(HasSubstr("stopped on request")));
  EXPECT_EQ(read_bytes(out), "the previous model");
  EXPECT_FALSE(has_temporary(folder.path().string()));
}

TEST(StopSignal, OfTheJobControlChangesNoByteOfTheModel) {
  const TemporaryFolder folder;
  const std::vector<std::string> training =
      with(ProblemFolder::training_arguments(problem().ratings()), {"--epochs", "300", "--out"});
  ASSERT_EQ(run(with(training, {folder.file("straight")})).code, 0);
  RunOptions options;
  options.signal_after = "epoch    ";
  options.signal = SIGSTOP;
  options.later_signals = {{SIGCONT, 0.3}, {SIGSTOP, 0.01}, {SIGCONT, 0.3}};
  const auto start = std::chrono::steady_clock::now();
  const RunResult result = run(with(training, {folder.file("halting")}), options);
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(600));
  EXPECT_EQ(read_bytes(folder.file("halting")), read_bytes(folder.file("straight")));
}

TEST(Killed, AtAnyMomentOfTrainingTheModelIsTheOldOneOrTheNewOneWhole) {
  const std::string previous = "the previous model";
  const std::string trained = read_bytes(problem().model());
  const std::vector<std::string> training = ProblemFolder::training_arguments(problem().ratings());
  const TemporaryFolder folder;
  const std::string out = folder.file("model");
  const auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(run(with(training, {"--out", out})).code, 0);
  const double whole_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  int killed = 0;
  for (std::uint64_t repeat = 0; repeat < 40; ++repeat) {
    write_bytes(out, previous);
    const std::uint32_t draw = philox(29, RandomStream::generate, repeat, 0).word[0];
    RunOptions options;
    options.signal = SIGCONT;  // does nothing: the clock starts with the program
    options.later_signals = {{SIGKILL, whole_seconds * draw / 4294967296.0}};
    const RunResult result = run(with(training, {"--out", out}), options);
    killed += result.signal == SIGKILL ? 1 : 0;
    const std::string left = read_bytes(out);
    EXPECT_TRUE(left == trained || (left == previous && result.signal == SIGKILL))
        << left.size() << " bytes after " << options.later_signals[0].seconds << " s";
  }
  EXPECT_GT(killed, 0);
  // What a killed training leaves of its own, the next one removes.
  ASSERT_EQ(run(with(training, {"--out", out})).code, 0);
  EXPECT_EQ(folder.entries(), 1U);
}

/// The folds of a summary, in order; "mean" and "sd" too.
std::vector<std::string> parts_of_als(const std::string& output) {
  const Tsv summary(output);
  std::vector<std::string> parts;
  for (std::size_t row = 0; row < summary.rows(); ++row) {
    if (summary.at(row, "predictor") == "als") parts.push_back(summary.at(row, "part"));
  }
  return parts;
}

/// The lines of a training's --log that are whole.
std::size_t whole_lines(const std::string& path) {
  std::size_t count = 0;
  for (const std::string& line : lines_of(read_bytes(path))) {
    count += nlohmann::json::accept(line) ? 1U : 0U;
  }
  return count;
}

TEST(CrossValidation, PrintsItsFiguresWhereTheLastFitCannotBeSaved) {
  const TemporaryFolder folder;
  RunOptions options;
  options.in_child = [] { limit(RLIMIT_FSIZE, 4096); };
  options.environment = {"GCOV_PREFIX=" + folder.file("counters")};
  const RunResult result = run({"train", "--data", problem().ratings(), "--folds", "2", "--k", "8",
                                "--epochs", "1", "--out", folder.file("model")},
                               options);
  EXPECT_EQ(result.code, 74) << result.error;
  EXPECT_EQ(parts_of_als(result.output),
            (std::vector<std::string>{"fold 1", "fold 2", "mean", "sd"}));
}

/// What `--dry-run` says about a training of the shared problem.
double planned(const std::string& name, const std::vector<std::string>& more) {
  const Tsv plan(run(with({"train", "--data", problem().ratings(), "--dry-run"}, more)).output);
  return plan.number(plan.find("name", name), "value");
}

TEST(CrossValidation, PlansTheLastFitWhichIsTheLargest) {
  const TemporaryFolder folder;
  const std::vector<std::string> folds{"--folds", "2"};
  const std::vector<std::string> saved = with(folds, {"--out", folder.file("model")});
  EXPECT_EQ(planned("training_ratings", saved), 9001);
  EXPECT_LT(planned("training_ratings", folds), 9001);
  // Between what a fold takes and what everything takes: refused before the first fold.
  const double between = (planned("total_bytes", folds) + planned("total_bytes", saved)) / 2;
  const std::vector<std::string> limited{"--max-memory",
                                         std::to_string(static_cast<std::int64_t>(between))};
  const RunResult result =
      run(with(with({"train", "--data", problem().ratings(), "--epochs", "1"}, saved), limited));
  EXPECT_EQ(result.code, 71) << result.error;
  EXPECT_THAT(result.error, Not(HasSubstr("1 of 2")));
  EXPECT_EQ(
      run(with(with({"train", "--data", problem().ratings(), "--epochs", "1"}, folds), limited))
          .code,
      0);
}

TEST(Log, OfTwoRunsAtATimeIsTheFirstOnes) {
  const TemporaryFolder folder;
  const std::string log = folder.file("log.jsonl");
  const std::vector<std::string> training{"train",    "--data", problem().ratings(), "--k",   "2",
                                          "--epochs", "3",      "--quiet",           "--log", log};
  {
    write_bytes(log, "{\"epoch\":1}\n");
    const int held = ::open(log.c_str(), O_WRONLY | O_CLOEXEC);
    ASSERT_EQ(::flock(held, LOCK_EX | LOCK_NB), 0);
    expect_refusal(run(training), 75, log + ": is being written by another run",
                   "wait until that has ended, or choose another --log");
    EXPECT_EQ(read_bytes(log), "{\"epoch\":1}\n");
    ::close(held);
  }
  ASSERT_EQ(run(training).code, 0);
  EXPECT_EQ(whole_lines(log), 3U);
}

TEST(Log, IsLockedForTheLengthOfTheRun) {
  const TemporaryFolder folder;
  const std::string log = folder.file("log.jsonl");
  std::thread first([&] {
    // Longer than it takes the second one to start, however busy the machine is.
    run({"train", "--data", problem().ratings(), "--k", "64", "--threads", "1", "--epochs", "300",
         "--evaluate-every", "1", "--log", log});
  });
  while (whole_lines(log) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const RunResult second =
      run({"train", "--data", problem().ratings(), "--k", "1", "--epochs", "1", "--log", log});
  first.join();
  EXPECT_EQ(second.code, 75) << second.error;
  EXPECT_EQ(whole_lines(log), 300U);
}

RunResult cross_validate_until(const std::string& text, const std::string& epochs,
                               const std::vector<std::string>& more = {}) {
  RunOptions options;
  options.signal = SIGINT;
  options.signal_after = text;
  return run(with({"train", "--data", problem().ratings(), "--folds", "4", "--k", "4", "--threads",
                   "1", "--epochs", epochs, "--evaluate-every", "1000000"},
                  more),
             options);
}

TEST(StopSignal, InCrossValidationPrintsTheFinishedFoldsAndHowMany) {
  const RunResult result = cross_validate_until("2 of 4", "100");
  EXPECT_EQ(result.signal, SIGINT);
  const std::vector<std::string> folds = parts_of_als(result.output);
  ASSERT_FALSE(folds.empty()) << result.error;
  for (std::size_t fold = 0; fold < folds.size(); ++fold) {
    EXPECT_EQ(folds[fold], "fold " + std::to_string(fold + 1));
  }
  EXPECT_THAT(
      result.error,
      HasSubstr("alsatian: warning: stopped on request after " + std::to_string(folds.size()) +
                " of 4 folds: their figures are printed without mean and sd, no model is "
                "saved\n"));
}

TEST(StopSignal, InTheFirstFoldPrintsNoFigures) {
  const RunResult result = cross_validate_until("1 of 4", "1000000");
  EXPECT_EQ(result.signal, SIGINT);
  EXPECT_EQ(result.output, "");
  EXPECT_THAT(result.error, HasSubstr("stopped on request after 0 of 4 folds: no model is saved"));
}

TEST(StopSignal, InTheLastFitOfCrossValidationPrintsAllFolds) {
  const TemporaryFolder folder;
  const RunResult result =
      cross_validate_until("on everything", "100", {"--out", folder.file("model")});
  EXPECT_EQ(result.signal, SIGINT);
  EXPECT_EQ(parts_of_als(result.output),
            (std::vector<std::string>{"fold 1", "fold 2", "fold 3", "fold 4", "mean", "sd"}));
  EXPECT_THAT(result.error, HasSubstr("the model is in " + folder.file("model")));
}

TEST(StopSignal, IgnoredHangupStaysIgnored) {
  RunOptions options;
  options.signal = SIGHUP;
  options.signal_after = "epoch    ";
  options.in_child = [] { std::signal(SIGHUP, SIG_IGN); };
  const RunResult result =
      run({"train", "--data", problem().ratings(), "--k", "8", "--epochs", "40"}, options);
  EXPECT_EQ(result.code, 0) << result.error;
}

TEST(StopSignal, EndsPackedGenerateWithoutAFile) {
  const TemporaryFolder folder;
  RunOptions options;
  options.signal = SIGINT;
  options.signal_after = "";
  const RunResult result =
      run({"generate", "--shape", "ml-25m", "--out", folder.file("ratings.csv.gz")}, options);
  EXPECT_EQ(result.signal, SIGINT);
  EXPECT_EQ(folder.entries(), 0U);
}

TEST(StopSignal, EndsGenerateWithoutAFile) {
  const TemporaryFolder folder;
  RunOptions options;
  options.signal = SIGINT;
  options.signal_after = "";
  const RunResult result =
      run({"generate", "--shape", "ml-25m", "--out", folder.file("ratings")}, options);
  EXPECT_EQ(result.signal, SIGINT);
  EXPECT_FALSE(std::filesystem::exists(folder.file("ratings")));
}

TEST(Output, ThatCannotBeCreatedIs73BeforeTraining) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.file("folder"));
  for (const std::string& out : {folder.file("missing/model"), folder.file("folder")}) {
    for (const std::string option : {"--out", "--log"}) {
      const RunResult result = run({"train", "--data", problem().ratings(), option, out});
      EXPECT_EQ(result.code, 73) << result.error;
      EXPECT_TRUE(is_error_text(result.error)) << result.error;
      EXPECT_THAT(result.error, Not(HasSubstr("epoch ")));
    }
  }
}

TEST(Output, ModeFollowsTheMask) {
  const TemporaryFolder folder;
  RunOptions options;
  options.in_child = [] { ::umask(0027); };
  ASSERT_EQ(run({"train", "--data", problem().ratings(), "--k", "1", "--epochs", "1", "--out",
                 folder.file("model")},
                options)
                .code,
            0);
  struct stat status {};
  ASSERT_EQ(::stat(folder.file("model").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
}

TEST(Surroundings, EmptyEnvironmentAndReadOnlyFolderAreEnough) {
  const TemporaryFolder folder;
  RunOptions options;
  options.folder = "/proc";
  options.in_child = [] { ::clearenv(); };
  const RunResult result = run({"train", "--data", problem().ratings(), "--k", "8", "--holdout",
                                "0.1", "--out", folder.file("model")},
                               options);
  EXPECT_EQ(result.code, 0) << result.error;
  EXPECT_EQ(read_bytes(folder.file("model")), read_bytes(problem().model()));
}

TEST(Surroundings, NamesWithBlanksColonsDashesAndLineBreaksAreJustNames) {
  const TemporaryFolder folder;
  const std::string text = read_bytes(problem().ratings());
  RunOptions options;
  options.folder = folder.path().string();
  for (const std::string name :
       {"two words.csv", "a:b.csv", "-dash.csv", "line\nbreak.csv", "not utf-8 \xff.csv"}) {
    write_bytes(folder.file(name), text);
    const std::string out = name + ".model";
    const RunResult result =
        run({"train", "--data", name, "--k", "8", "--holdout", "0.1", "--out", out}, options);
    EXPECT_EQ(result.code, 0) << result.error;
    EXPECT_EQ(read_bytes(folder.file(out)), read_bytes(problem().model()));
    EXPECT_EQ(run({"inspect", "--", out}, options).code, 0);
  }
  const RunResult missing = run({"train", "--data", "line\nbreak"}, options);
  EXPECT_EQ(missing.code, 66);
  EXPECT_TRUE(is_error_text(missing.error)) << missing.error;
}

TEST(Locale, WithACommaChangesNoByte) {
  const char* before = std::setlocale(LC_ALL, nullptr);
  const std::string restored = before != nullptr ? before : "C";
  const bool there = std::setlocale(LC_ALL, "de_DE.UTF-8") != nullptr;
  std::setlocale(LC_ALL, restored.c_str());
  if (!there) GTEST_SKIP() << "the locale de_DE.UTF-8 is not installed";
  const TemporaryFolder folder;
  RunOptions options;
  options.environment = {"LC_ALL=de_DE.UTF-8"};
  const RunResult result = run({"train", "--data", problem().ratings(), "--k", "8", "--holdout",
                                "0.1", "--out", folder.file("model")},
                               options);
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_EQ(read_bytes(folder.file("model")), read_bytes(problem().model()));
  EXPECT_EQ(run({"inspect", folder.file("model")}, options).output,
            run({"inspect", problem().model()}).output);
}

}  // namespace
}  // namespace alsatian::testing
