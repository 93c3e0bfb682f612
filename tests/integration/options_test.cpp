// Every option that makes no sense is refused before anything is touched: exit code, place, remedy.
// The table is the specification: arguments, exit code, first line.
#include "tests/integration/problem_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

namespace alsatian::testing {
namespace {

using ::testing::HasSubstr;

struct Refusal {
  std::string arguments;  // between blanks; DATA, MODEL and OUT stand for files
  int code;
  std::string first_line;  // behind "alsatian: error: "
  std::string help;        // a part of it
};

void PrintTo(const Refusal& refusal, std::ostream* stream) { *stream << refusal.arguments; }

std::vector<std::string> words_of(const std::string& text, const std::string& out) {
  std::vector<std::string> words;
  for (std::string word : fields_of(text, ' ')) {
    if (word == "DATA") word = ProblemFolder::shared().ratings();
    if (word == "MODEL") word = ProblemFolder::shared().model();
    if (word == "OUT") word = out;
    if (word == "EMPTY") word = "";
    words.push_back(word);
  }
  return words;
}

class RefusedOptions : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedOptions, NameOptionValueRuleAndRemedyAndTouchNothing) {
  const Refusal& refusal = GetParam();
  const TemporaryFolder folder;
  const std::string out = folder.file("model.safetensors");
  write_bytes(out, "the previous model");
  const RunResult result = run(words_of(refusal.arguments, out));
  EXPECT_EQ(result.code, refusal.code) << result.error;
  EXPECT_EQ(result.output, "");
  EXPECT_EQ(lines_of(result.error).front(), "alsatian: error: " + refusal.first_line);
  EXPECT_THAT(result.error, HasSubstr("  help: "));
  EXPECT_THAT(result.error, HasSubstr(refusal.help));
  EXPECT_TRUE(is_error_text(result.error)) << result.error;
  EXPECT_EQ(read_bytes(out), "the previous model");
  EXPECT_EQ(folder.entries(), 1U);
}

const std::string train = "train --data DATA --out OUT ";
const std::string seed_rule = "must be a whole number between 0 and 9223372036854775807";
const std::string quote_rule = "must be a list whose quotes are closed before a comma or the end";
const std::string rank_rule = "must be a whole number between 0 and 1024";

INSTANTIATE_TEST_SUITE_P(
    Numbers, RefusedOptions,
    ::testing::Values(
        Refusal{train + "--k -3", 64, "--k -3: " + rank_rule, "try --k 64"},
        Refusal{train + "--k 5000", 64, "--k 5000: " + rank_rule, "try --k 64"},
        Refusal{train + "--k 1025", 64, "--k 1025: " + rank_rule, "try --k 64"},
        Refusal{train + "--k 2147483647", 64, "--k 2147483647: " + rank_rule, "try"},
        Refusal{train + "--k 99999999999999999999", 64, "--k 99999999999999999999: " + rank_rule,
                "try"},
        Refusal{train + "--k abc", 64, "--k abc: " + rank_rule, "try --k 64"},
        Refusal{train + "--k 1e3", 64, "--k 1e3: " + rank_rule, "try --k 64"},
        Refusal{train + "--k 10x", 64, "--k 10x: " + rank_rule, "try --k 64"},
        Refusal{train + "--k 10.5", 64, "--k 10.5: " + rank_rule, "try --k 64"},
        Refusal{train + "--k=0x10", 64, "--k 0x10: " + rank_rule, "try --k 64"},
        Refusal{train + "--k EMPTY", 64, "--k \"\": " + rank_rule, "try --k 64"},
        Refusal{train + "--k +5", 64, "--k +5: " + rank_rule, "try --k 64"},
        Refusal{train + "--rank -1", 64, "--k -1: " + rank_rule, "try --k 64"},
        Refusal{train + "--epochs -3", 64,
                "--epochs -3: must be a whole number between 1 and 1000000", "try --epochs 15"},
        Refusal{train + "--iterations 0", 64,
                "--epochs 0: must be a whole number between 1 and 1000000", "try --epochs 15"},
        Refusal{train + "--reg -1", 64, "--reg -1: must be auto, or a number between 0 and 1e+12",
                "1.2"},
        Refusal{train + "--lambda nan", 64,
                "--reg nan: must be auto, or a number between 0 and 1e+12", "1.2"},
        Refusal{train + "--reg inf", 64, "--reg inf: must be auto, or a number between 0 and 1e+12",
                "1.2"},
        Refusal{train + "--reg 0,5", 64,
                "--reg \"0,5\": must be auto, or a number between 0 and 1e+12", "1.2"},
        Refusal{train + "--reg-scaling 1.5", 64,
                "--reg-scaling 1.5: must be a number between 0 and 1", "0.5"},
        Refusal{train + "--holdout 1", 64, "--holdout 1: must be a number above 0 and below 1",
                "0.1"},
        Refusal{train + "--holdout 0", 64, "--holdout 0: must be a number above 0 and below 1",
                "0.1"},
        Refusal{train + "--validation 1.1", 64,
                "--validation 1.1: must be a number above 0 and below 1", "0.1"},
        Refusal{train + "--folds 1", 64, "--folds 1: must be a whole number between 2 and 1000",
                "5"},
        Refusal{train + "--holdout-last 0", 64,
                "--holdout-last 0: must be a whole number between 1 and 9223372036854775807", "1"},
        Refusal{train + "--rejects OUT", 64, "--rejects: is the same file as --out",
                "another name"},
        Refusal{train + "--seed -1", 64, "--seed -1: " + seed_rule, "42"},
        Refusal{train + "--seed 9223372036854775808", 64,
                "--seed 9223372036854775808: " + seed_rule, "42"},
        Refusal{train + "--seed 18446744073709551616", 64,
                "--seed 18446744073709551616: " + seed_rule, "42"},
        Refusal{train + "--threads x", 64, "--threads x: must be a whole number between 0 and 4096",
                "4"},
        Refusal{train + "--model mle --lr 0", 64,
                "--lr 0: must be a number above 0 and at most "
                "1e+06",
                "0.1"},
        Refusal{train + "--model mle --decay 1.5", 64,
                "--decay 1.5: must be a number above 0 and at most 1 with --schedule exponential",
                "0.95"},
        Refusal{train + "--max-input 5Q", 64,
                "--max-input 5Q: must be a number of bytes of at least 1, or one with K, M, G or T",
                "8G"},
        Refusal{train + "--split-time 2015-02-30", 64,
                "--split-time 2015-02-30: must be whole seconds since 1970 or a day as YYYY-MM-DD",
                "2015-01-01"},
        Refusal{train + "--rating-range 5:1", 64,
                "--rating-range: \"5:1\" must be LOWEST:HIGHEST with LOWEST not above HIGHEST",
                "0.5:5"},
        Refusal{train + "--rating-range 5", 64, "--rating-range 5: must be LOWEST:HIGHEST",
                "0.5:5"},
        Refusal{train + "--on-bad-line skip:x", 64,
                "--on-bad-line: \"skip:x\" must be error, skip or skip:N", "skip:100"}));

INSTANTIATE_TEST_SUITE_P(
    Words, RefusedOptions,
    ::testing::Values(
        Refusal{"train --itres 3", 64, "--itres: \"--itres\" is not an option of alsatian train",
                "did you mean --iters?"},
        Refusal{"train --epoch 3", 64, "--epoch: \"--epoch\" is not an option of alsatian train",
                "did you mean --epochs?"},
        Refusal{"train --zzz 3", 64, "--zzz: \"--zzz\" is not an option of alsatian train",
                "alsatian train --help lists the options"},
        Refusal{"trian", 64, "command line: \"trian\" is not a command", "did you mean train?"},
        Refusal{"train", 64, "--data: is missing", "ratings.csv"},
        Refusal{train + "extra", 64, "command line: \"extra\" is not expected here", "--help"},
        Refusal{train + "--k", 64, "--k: has no value", "--help"},
        Refusal{train + "--k= --epochs 3", 64, "--k: has no value after =", "--help"},
        Refusal{train + "--quiet=no", 64, "--quiet: takes no value, but has \"no\"", "leave out"},
        Refusal{train + "--model sls", 64, "--model sls: must be one of als, mle, ls, bayes",
                "did you mean --model als?"},
        Refusal{train + "--updates locked", 64, "--updates locked: must be one of blocks, hogwild",
                "try --updates blocks"},
        Refusal{train + "--storage double", 64, "--storage double: must be one of float, half",
                "try --storage float"},
        Refusal{train + "--solver lu", 64, "--solver lu: must be one of cholesky, cg", "try"},
        Refusal{train + "--duplicates sum", 64,
                "--duplicates sum: must be one of last, mean, error", "try --duplicates last"},
        Refusal{train + "--decimal x", 64, "--decimal x: must be a point or a comma",
                "--decimal ,"},
        Refusal{"evaluate", 64, "MODEL: is missing", "alsatian evaluate model.safetensors"},
        Refusal{"compare", 64, "MODEL: is missing", "alsatian compare model.safetensors"},
        Refusal{"help trian", 64, "command line: \"trian\" is not a command", "train"}));

INSTANTIATE_TEST_SUITE_P(
    Contradictions, RefusedOptions,
    ::testing::Values(
        Refusal{train + "--device cpu --device cuda", 64,
                "--device: is given more than once (\"cpu\" and \"cuda\")", "once"},
        Refusal{train + "--k 3 --rank 4", 64, "--k: is given more than once (\"3\" and \"4\")",
                "once"},
        Refusal{train + "--quiet --quiet", 64, "--quiet: is given more than once", "once"},
        Refusal{train + "--holdout 0.1 --folds 5", 64,
                "--folds: contradicts --holdout: a rating is held out by one rule",
                "leave out --holdout or --folds"},
        Refusal{train + "--test x --holdout 0.1", 64,
                "--holdout: contradicts --test: a rating is held out by one rule", "leave out"},
        Refusal{train + "--no-biases --reg-bias 1", 64, "--reg-bias: contradicts --no-biases",
                "leave out"},
        Refusal{train + "--no-biases --k 0", 64, "--no-biases: leaves nothing to train with --k 0",
                "--k 64"},
        Refusal{train + "--isa avx2 --device reference", 64, "--isa: is for --device cpu alone",
                "leave out --isa"},
        Refusal{"predict MODEL", 64, "--pairs: is missing",
                "alsatian predict model.safetensors --pairs pairs.tsv"},
        Refusal{"recommend MODEL --users 1", 64,
                "--data: is missing: the model does not hold the ratings, so what a user has seen "
                "is not known",
                "--include-seen"},
        Refusal{"recommend MODEL --include-seen", 64, "--users: is missing", "--all-users"},
        Refusal{"recommend MODEL --users 1 --include-seen --top 0", 64,
                "--top 0: must be a whole number between 1 and 1000000", "10"},
        Refusal{"recommend MODEL --users 1,,2 --include-seen", 64,
                "--users \"1,,2\": must be a list without empty parts", "1,2,3"},
        Refusal{"recommend MODEL --users 1,\"\" --include-seen", 64,
                "--users \"1,\\\"\\\"\": must be a list without empty parts", "1,2,3"},
        Refusal{"recommend MODEL --users \"1,2 --include-seen", 64,
                "--users \"\\\"1,2\": " + quote_rule, "write a \" within quotes twice"},
        Refusal{"recommend MODEL --users \"1\"2,3 --include-seen", 64,
                "--users \"\\\"1\\\"2,3\": " + quote_rule, "write a \" within quotes twice"},
        Refusal{"recommend MODEL --users nobody --include-seen", 64,
                "--users: user \"nobody\" is not in the model", "id"},
        Refusal{"similar MODEL", 64, "--item: is missing, and --user too", "one of"},
        Refusal{"similar MODEL --item Silent", 64,
                "--item: \"Silent\" is no item id, and there are no titles to look it up in",
                "--movies movies.csv"},
        Refusal{"evaluate MODEL", 64, "--test: is missing, and --data too", "--data"},
        Refusal{"evaluate MODEL --test DATA --top 10", 64,
                "--top: needs --data: items that a user rated in training are no candidates",
                "--data"},
        Refusal{"generate --shape ml-1m", 64, "--out: is missing", "ratings.csv"}));

INSTANTIATE_TEST_SUITE_P(
    WhatDoesNotApply, RefusedOptions,
    ::testing::Values(
        Refusal{train + "--lr 0.1", 64, "--lr: applies to --model mle alone", "--model mle"},
        Refusal{train + "--model ls --optimizer sgd", 64,
                "--optimizer: applies to --model mle alone", "--model mle"},
        Refusal{train + "--model mle --solver cg", 64, "--solver: applies to --model als alone",
                "--model als"},
        Refusal{train + "--solver-steps 3", 64, "--solver-steps: applies to --solver cg alone",
                "--solver cg"},
        Refusal{train + "--model mle --precision fast", 64,
                "--precision: applies to --model als alone", "--model als"},
        Refusal{train + "--precision fast --device cpu", 64,
                "--precision fast: there are kernels for it on a GPU alone",
                "leave out --precision, or train on a GPU (--device cuda)"},
        Refusal{train + "--updates hogwild", 64, "--updates: applies to --model mle alone",
                "--model mle"},
        Refusal{train + "--model ls --storage half", 64, "--storage: applies to --model mle alone",
                "--model mle"},
        Refusal{train + "--model mle --k 0 --storage half", 64,
                "--storage half: there are no factors to store with --k 0", "--k 64"},
        Refusal{train + "--model mle --device cpu --updates hogwild", 64,
                "--updates hogwild: there are kernels for it on a GPU alone",
                "leave out --updates, or train on a GPU (--device cuda)"},
        Refusal{train + "--model mle --device reference --storage half", 64,
                "--storage half: there are kernels for it on a GPU alone",
                "leave out --storage, or train on a GPU (--device cuda)"},
        Refusal{train + "--inner-steps 3", 64, "--inner-steps: applies to --model ls alone",
                "--model ls"},
        Refusal{train + "--model mle --patience 3", 64,
                "--patience: applies to training with --validation alone", "--validation"},
        Refusal{train + "--likelihood laplace", 64,
                "--likelihood laplace: --model als has the gaussian likelihood alone",
                "use --model mle"},
        Refusal{train + "--model mle --positive 4", 64,
                "--positive: applies to --likelihood bernoulli alone", "bernoulli"}));

INSTANTIATE_TEST_SUITE_P(
    Files, RefusedOptions,
    ::testing::Values(Refusal{"train --data DATA --out /nonexistent/model", 73,
                              "/nonexistent/model: cannot open the folder \"/nonexistent\": No "
                              "such file or directory",
                              ""},
                      Refusal{"train --data DATA --config /nonexistent.toml", 66,
                              "/nonexistent.toml: no such file", "--config"},
                      Refusal{"inspect /nonexistent", 66,
                              "/nonexistent: the model cannot be opened: No such file or directory",
                              ""}));

TEST(Options, AreNamedForAFileThatIsGivenWithoutOne) {
  const TemporaryFolder folder;
  const std::string file = folder.file("r.csv");
  write_bytes(file, "1,1,1\n");
  EXPECT_THAT(run({"train", file}).error, HasSubstr("help: did you mean --data " + file + "?\n"));
  EXPECT_THAT(run({"recommend", "model", file}).error,
              HasSubstr("help: did you mean --ratings " + file + " or --data " + file + "?\n"));
  EXPECT_THAT(run({"train", file + "x"}).error,
              HasSubstr("help: alsatian train --help shows what is\n"));
}

TEST(Options, AliasesMeanTheSame) {
  const TemporaryFolder folder;
  const std::string data = ProblemFolder::shared().ratings();
  const std::string one = folder.file("one");
  const std::string two = folder.file("two");
  ASSERT_EQ(
      run({"train", "--data", data, "--k", "3", "--epochs", "2", "--reg", "0.7", "--out", one})
          .code,
      0);
  ASSERT_EQ(run({"train", "--data", data, "--factors=3", "--iterations", "2", "--lambda", "0.7",
                 "--out", two})
                .code,
            0);
  EXPECT_EQ(read_bytes(one), read_bytes(two));
}

TEST(Options, HelpNamesDefaultAndRangeAndWhatRegMultiplies) {
  const RunResult help = run({"train", "--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.output, HasSubstr("0 to 1024"));
  EXPECT_THAT(help.output, HasSubstr("default 64"));
  EXPECT_THAT(help.output, HasSubstr("multiplies half the squared length of every user's"));
  EXPECT_EQ(run({"help", "train"}).output, help.output);
}

TEST(Options, HelpAndVersionSucceedForEveryCommand) {
  for (const std::string command :
       {"train", "evaluate", "compare", "predict", "recommend", "similar", "inspect", "generate"}) {
    const RunResult help = run({command, "-h"});
    EXPECT_EQ(help.code, 0) << command;
    EXPECT_THAT(help.output, HasSubstr("Usage: alsatian " + command));
  }
  EXPECT_THAT(run({"help"}).output, HasSubstr("recommend"));
  const RunResult version = run({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_THAT(version.output, HasSubstr("alsatian 0."));
  EXPECT_THAT(version.output, HasSubstr("cuda "));
  EXPECT_THAT(version.output, HasSubstr("portable"));
}

TEST(ConfigFile, SetsOptionsAndFlagsWin) {
  const TemporaryFolder folder;
  const std::string config = folder.file("alsatian.toml");
  write_bytes(config, "k = 3\nepochs = 2\nreg = 0.7\nquiet = true\n");
  const std::string data = ProblemFolder::shared().ratings();
  const std::string one = folder.file("one");
  const std::string two = folder.file("two");
  ASSERT_EQ(
      run({"train", "--data", data, "--k", "3", "--epochs", "1", "--reg", "0.7", "--out", one})
          .code,
      0);
  const RunResult result =
      run({"train", "--data", data, "--config", config, "--epochs", "1", "--out", two});
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(read_bytes(one), read_bytes(two));
}

TEST(ConfigFile, ErrorsNameFileAndLine) {
  const TemporaryFolder folder;
  const std::string config = folder.file("alsatian.toml");
  const std::string data = ProblemFolder::shared().ratings();
  write_bytes(config, "epochs = 2\nk = 1e3\n");
  const RunResult bad_value = run({"train", "--data", data, "--config", config});
  EXPECT_EQ(bad_value.code, 64);
  EXPECT_THAT(bad_value.error, HasSubstr(config + ":2: k 1e3: must be a whole number"));
  write_bytes(config, "# comment\n\nepoch = 2\n");
  const RunResult bad_name = run({"train", "--data", data, "--config", config});
  EXPECT_EQ(bad_name.code, 64);
  EXPECT_THAT(bad_name.error, HasSubstr(config + ":3: "));
  EXPECT_THAT(bad_name.error, HasSubstr("did you mean epochs?"));
  write_bytes(config, "quiet = banana\n");
  EXPECT_EQ(run({"train", "--data", data, "--config", config}).code, 64);
}

TEST(Device, CudaThatIsNotThereIsExit69AndNeverFallsBack) {
  const RunResult version = run({"--version"});
  if (version.output.find("not available") == std::string::npos) GTEST_SKIP() << "CUDA is here";
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"train", "--data", ProblemFolder::shared().ratings()},
        std::vector<std::string>{"recommend", "/absent", "--all-users", "--include-seen"}}) {
    const RunResult result = run(with(arguments, {"--device", "cuda"}));
    EXPECT_EQ(result.code, 69);
    EXPECT_EQ(result.output, "");
    EXPECT_TRUE(is_error_text(result.error)) << result.error;
    EXPECT_THAT(result.error, HasSubstr("--device cuda: "));
  }
}

TEST(Device, WhatOnlyAGpuCanDoIsRefusedWhereThereIsNone) {
  RunOptions options;
  options.environment = {"ALSATIAN_CUDA_MODULE=/absent.so"};
  for (const std::vector<std::string>& choice :
       {std::vector<std::string>{"--updates", "hogwild"}, {"--storage", "half"}}) {
    const RunResult result =
        run(with({"train", "--data", "/absent", "--model", "mle"}, choice), options);
    EXPECT_EQ(result.code, 64);
    EXPECT_TRUE(is_error_text(result.error)) << result.error;
    EXPECT_THAT(result.error,
                HasSubstr(choice[0] + " " + choice[1] +
                          ": there are kernels for it on a GPU alone, and there is none: "));
  }
}

TEST(Outputs, ThatAreInputsAreRefusedAlsoThroughLinks) {
  const TemporaryFolder folder;
  const std::string data = folder.file("ratings.csv");
  const std::string before = read_bytes(ProblemFolder::shared().ratings());
  write_bytes(data, before);
  const std::string symbolic = folder.file("symbolic");
  const std::string hard = folder.file("hard");
  std::filesystem::create_symlink(data, symbolic);
  std::filesystem::create_hard_link(data, hard);
  for (const std::string& out : {data, symbolic, hard}) {
    for (const std::string option : {"--out", "--log"}) {
      const RunResult result = run({"train", "--data", data, option, out});
      EXPECT_EQ(result.code, 64) << out << result.error;
      EXPECT_TRUE(is_error_text(result.error)) << result.error;
      EXPECT_EQ(read_bytes(data), before);
    }
  }
}

}  // namespace
}  // namespace alsatian::testing
