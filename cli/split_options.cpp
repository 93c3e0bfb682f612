// Implements split_options.hpp.
// The order of the options in the messages is that of --help.
#include "cli/split_options.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

namespace alsatian {
namespace {

const RealRule share{
    .lowest = 0, .highest = 1, .lowest_excluded = true, .highest_excluded = true, .example = "0.1"};

std::vector<std::string> rules_given(const SplitOptions& options) {
  std::vector<std::string> given;
  if (!options.test_files.empty()) given.emplace_back("--test");
  if (options.holdout) given.emplace_back("--holdout");
  if (options.holdout_last) given.emplace_back("--holdout-last");
  if (options.split_time) given.emplace_back("--split-time");
  if (options.folds) given.emplace_back("--folds");
  return given;
}

}  // namespace

void add_split_options(CommandLine& line, SplitOptions& options,
                       const std::string& default_validation) {
  line.group(
      "Test and validation (at most one of --test, --holdout, --holdout-last, --split-time, "
      "--folds)");
  line.repeatable(
      "--test", "FILE",
      [&options](std::string_view, const std::string& value) {
        options.test_files.push_back(value);
      },
      "Test ratings from a file, named after it; may be given several times [default none]");
  line.real("--holdout", options.holdout, share,
            "Share of the ratings to test on, chosen by hash of seed, user id and item id [above "
            "0, below 1, default none]");
  line.whole(
      "--holdout-last", options.holdout_last, {.lowest = 1, .example = "1"},
      "Test on each user's last N ratings by time; one always stays [1 to 9223372036854775807, "
      "default none]");
  line.value(
      "--split-time", "TIME",
      [&options](std::string_view option, const std::string& value) {
        options.split_time = parse_time(option, value);
      },
      "Test on ratings at or after this time: seconds since 1970 or YYYY-MM-DD (UTC) [default "
      "none]");
  line.whole("--folds", options.folds, {.lowest = 2, .highest = 1000, .example = "5"},
             "Cross-validate over K folds; with --out a last fit on everything is saved [2 to "
             "1000, default none]");
  line.real("--validation", options.validation, share,
            "Share of what is not for testing that is kept from training: mle stops early on it "
            "(--patience), als and ls only measure it, and the dispersion comes from it [above 0, "
            "below 1, default " +
                default_validation + "]");
}

SplitRule make_split(const SplitOptions& options, std::uint64_t seed) {
  const std::vector<std::string> given = rules_given(options);
  if (given.size() > 1) {
    throw Error(ExitCode::usage, given[1],
                fmt::format("contradicts {}: a rating is held out by one rule", given[0]),
                fmt::format("leave out {} or {}", given[0], given[1]));
  }
  SplitRule split;
  split.seed = seed;
  split.validation_share = options.validation;
  if (!options.test_files.empty()) split.kind = SplitRule::Kind::file;
  if (options.holdout) {
    split.kind = SplitRule::Kind::holdout;
    split.share = *options.holdout;
  }
  if (options.holdout_last) {
    split.kind = SplitRule::Kind::holdout_last;
    split.count = *options.holdout_last;
  }
  if (options.split_time) {
    split.kind = SplitRule::Kind::time;
    split.time = *options.split_time;
  }
  if (options.folds) {
    split.kind = SplitRule::Kind::fold;
    split.folds = *options.folds;
  }
  return split;
}

std::string split_text(const SplitRule& split) {
  std::string text;
  switch (split.kind) {
    case SplitRule::Kind::none:
      text = "no test part";
      break;
    case SplitRule::Kind::file:
      text = "test from files";
      break;
    case SplitRule::Kind::holdout:
      text = fmt::format("holdout {} by hash, seed {}", split.share, split.seed);
      break;
    case SplitRule::Kind::holdout_last:
      text = fmt::format("last {} of each user by time", split.count);
      break;
    case SplitRule::Kind::time:
      text = fmt::format("test from time {}", split.time);
      break;
    case SplitRule::Kind::fold:
      text = fmt::format("fold {} of {}, seed {}", split.fold + 1, split.folds, split.seed);
      break;
  }
  if (split.validation_share > 0) {
    text += fmt::format(", validation {} by hash, seed {}", split.validation_share, split.seed);
  }
  return text;
}

}  // namespace alsatian
