// One training as `alsatian train` does it, for commands that have read the ratings already.
// What it saves and prints is what the command would.
#pragma once

#include "cli/output.hpp"
#include "cli/train_options.hpp"
#include "host/ratings/prepared_ratings.hpp"

#include <functional>

namespace alsatian {

/// What is printed once the model is saved, before the summary.
using PrintBefore = std::function<void(Output& output)>;

/// Splits the ratings, trains, saves the model, compares it with the baselines and prints the
/// summary. options: without --folds, --dry-run and --init, their outputs probed. Throws what the
/// command ends with.
void train_on(const TrainOptions& options, PreparedRatings ratings,
              const PrintBefore& print_before);

}  // namespace alsatian
