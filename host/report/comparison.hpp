// Several models side by side: the tables that `compare` prints, and the page with their plots.
// What is printed, drawn and written as TSV is made from the same grids.
#pragma once

#include "host/evaluate/comparison.hpp"
#include "host/report/page.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace alsatian {

/// What a model's file says beside the model.
struct ComparedFile {
  std::int64_t bytes = 0;
  std::optional<std::int64_t> trained_on = {};  // test ratings that it was trained on, where known
};

/// All that was compared. files [models].
struct Comparison {
  std::span<const ComparedModel> models;
  std::vector<ComparedFile> files;
  const SharedTest& test;
  ErrorComparison errors;
  std::optional<RankingComparison> ranking;
  BootstrapOptions bootstrap;
};

/// better, worse, undecided; "" of the baseline, and where there is no difference to judge.
std::string_view verdict(const ComparedFigure& figure, std::size_t model, std::size_t baseline);

/// How each model was trained and what it knows of the test ratings.
Grid models_grid(const Comparison& comparison);
/// A row for each figure and model: value, difference to the baseline, both with interval.
Grid figures_grid(const Comparison& comparison);
/// What each figure is, and what the intervals are.
Grid definitions_grid(const Comparison& comparison);

Page comparison_page(const Comparison& comparison);

}  // namespace alsatian
