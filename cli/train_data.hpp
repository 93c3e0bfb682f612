// From options to the data set that is trained on, with what there is to say about it.
// Shared by a single training and by cross-validation.
#pragma once

#include "cli/log.hpp"
#include "cli/train_options.hpp"
#include "host/ratings/dataset.hpp"
#include "host/ratings/feature_file.hpp"
#include "host/ratings/prepared_ratings.hpp"

#include <string>
#include <vector>

namespace alsatian {

/// Lets the ratings hold what a feature file describes; logs what its columns were taken for, and
/// how many rows it describes; warns of what it lacks. Throws Error 65 where it has no id of the
/// ratings that is trained on.
void say_what_features_are(const FeatureFile& file, FeatureSide side, PreparedRatings& ratings,
                           const Log& log);

/// Adds the test files to ratings that are cleaned, indexed and split; logs the account of lines,
/// notes and sizes; warns of what is likely a mistake. Throws Error as read_ratings does.
Dataset with_tests(Dataset dataset, const TrainOptions& options, const Log& log);

/// What a test file is called: its name, or its whole path where another test set has that name.
std::string name_test(const std::string& path, const std::vector<TestSet>& tests);

/// Names of the test sets.
std::vector<std::string> test_names(const Dataset& dataset);

/// Logs the spec, and what λ·s(n) is for a median user and item.
void log_spec(const ModelSpec& spec, const Dataset& dataset, const Log& log);

}  // namespace alsatian
