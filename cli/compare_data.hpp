// The test ratings that several models are compared on, and what each of them was trained on.
// A file is read once, however many models there are.
#pragma once

#include "cli/log.hpp"
#include "cli/reading_options.hpp"
#include "host/evaluate/comparison.hpp"
#include "host/model/model.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace alsatian {

/// A model with the name that it has beside the others.
struct NamedModel {
  std::string name;
  std::string path;
  Model model;
};

/// Loads the models and names them after their files; a name that is taken gets a number. Throws
/// Error 64 where they clean or cut ratings by different rules, so that no test is the same for
/// both, and as load_model does.
std::vector<NamedModel> load_models(const std::vector<std::string>& paths);

/// What --test and --data hold.
struct ComparedData {
  SharedTest test;
  /// Of each model, where there is --data: its training ratings, and how many of the test's are
  /// among them.
  std::vector<CompressedMatrix> train;
  std::vector<std::int64_t> trained_on;
};

/// test: the file, or "" for the test part that the first model recorded, rebuilt from data. data:
/// the ratings that the models were trained on, or "". Warns of models that were trained on test
/// ratings. Throws Error 64 where there is no recorded test part, 65 where the models were trained
/// on different data or know no id of the test.
ComparedData read_compared_data(const std::vector<NamedModel>& models, const std::string& test,
                                const std::string& data, const ReadingOptions& reading,
                                const Log& log);

}  // namespace alsatian
