// Test ratings that a model predicts worse than their own mean would: mostly those of other data.
// Nothing fails there, since ids of one data set are often ids of another as well.
#pragma once

#include "cli/log.hpp"
#include "cli/train_summary.hpp"
#include "host/model/model.hpp"
#include "host/ratings/dataset.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

namespace alsatian {

/// A model, and a test file's ratings by its indices.
struct TestedModel {
  const Model& model;
  const TestSet& test;
  double r_squared;
  std::string_view name = "";  // of the model, where there are several
};

/// Warns of a test file's ratings with so small an R²: what they differ in from those trained on,
/// or what else it may be, and what to look at; once for all models of which the same holds. Where
/// R² is not a number, since all ratings are equal, that they are on another scale, if they are.
/// Says nothing where R² is not below 0 by more than chance and a drift of the mean make it, where
/// there are too few ratings to tell, and where the model is worse than the mean on its own
/// training part too: then the ratings are not to blame. models: of one file, not empty.
void warn_of_other_data(const std::vector<TestedModel>& models, const Log& log);

/// The same of a training's test files, the last test sets of its data: a part that the split took
/// is of the data that was trained on. rows: the summary's.
void warn_of_test_files(const Model& model, const Dataset& dataset, std::size_t files,
                        const std::vector<SummaryRow>& rows, const Log& log);

}  // namespace alsatian
