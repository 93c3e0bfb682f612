// Options that say which ratings are for testing and which for validation.
// At most one rule at a time: contradictions are refused, not ranked.
#pragma once

#include "cli/command_line.hpp"
#include "host/ratings/dataset.hpp"

#include <optional>
#include <string>
#include <vector>

namespace alsatian {

struct SplitOptions {
  std::vector<std::string> test_files;
  std::optional<double> holdout;
  std::optional<std::int64_t> holdout_last;
  std::optional<std::int64_t> split_time;
  std::optional<std::int32_t> folds;
  double validation = 0;
};

/// default_validation: as --help shows it.
void add_split_options(CommandLine& line, SplitOptions& options,
                       const std::string& default_validation = "none");

/// The rule; of --folds the first fold. Throws Error 64 where two rules are given.
SplitRule make_split(const SplitOptions& options, std::uint64_t seed);

/// "10 % held out by hash, seed 42".
std::string split_text(const SplitRule& split);

}  // namespace alsatian
