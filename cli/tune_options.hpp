// Everything that `alsatian tune` can be told: what train can, and what to vary and how.
// Parsing and the checks that need no data are here; the work is in tune.cpp.
#pragma once

#include "cli/grid_options.hpp"
#include "cli/train_options.hpp"
#include "host/train/tuner.hpp"

#include <optional>
#include <string>
#include <vector>

namespace alsatian {

/// grid: every trial runs until it gains no more. halving: all run a few epochs, the best go on.
enum class Search { grid, halving };

struct TuneOptions {
  TrainOptions train;  // log: --log of tune
  GridOptions grid;
  std::optional<Search> search;
  std::optional<TrialStart> start;
  bool no_early_stop = false;
};

/// A search with all that follows from its options.
struct TunePlan {
  std::vector<SearchAxis> axes;
  std::vector<ModelOptions> options;  // [trials]
  std::vector<ModelSpec> specs;       // [trials]
  Search search = Search::grid;
  bool drawn = false;              // trials at random (--trials)
  bool ratings_are_equal = false;  // known once they were read
  TunerOptions tuner;              // but for what is chosen later: device, stop_requested
  SplitRule split;                 // of trials; with folds the first
  std::vector<std::string> notes;
};

/// False where --help was asked for and printed.
bool parse_tune_options(Arguments arguments, TuneOptions& options);

/// Throws Error 64 where options contradict each other or make no sense for the model.
TunePlan plan_search(TuneOptions& options);

}  // namespace alsatian
