// From options to the data set that is trained on, with what there is to say about it.
// Shared by a single training and by cross-validation.
#pragma once

#include "cli/log.hpp"
#include "cli/train_options.hpp"
#include "host/ratings/dataset.hpp"

#include <string>
#include <vector>

namespace alsatian {

/// Cleans, indexes, splits, reads the test files; logs the account of lines, notes and sizes;
/// warns of what is likely a mistake. Throws Error as build_dataset and read_ratings do.
Dataset make_dataset(RawRatings ratings, const TrainOptions& options, const SplitRule& split,
                     const Log& log);

/// What a test file is called: its name, or its whole path where another test set has that name.
std::string name_test(const std::string& path, const std::vector<TestSet>& tests);

/// Names of the test sets.
std::vector<std::string> test_names(const Dataset& dataset);

/// Logs the spec, and what λ·s(n) is for a median user and item.
void log_spec(const ModelSpec& spec, const Dataset& dataset, const Log& log);

}  // namespace alsatian
