// What a model gets right and wrong on test ratings, and what it has learned, as a page.
// Its errors are those that evaluate prints; the rest is the model's own.
#pragma once

#include "host/evaluate/metrics.hpp"
#include "host/evaluate/scorer.hpp"
#include "host/ratings/reader.hpp"
#include "host/report/exploration.hpp"
#include "host/report/page.hpp"

#include <string>
#include <utility>
#include <vector>

namespace alsatian {

/// A figure as evaluate prints it, with what it is; nothing where it was not measured.
struct DefinedFigure {
  std::string name;
  Value value;
  std::string definition;
};

/// All that was measured on one test set. ranking: empty where nothing was ranked.
struct TestEvaluation {
  std::string name;
  RatingEvaluation ratings;
  std::vector<DefinedFigure> figures = {};
  std::vector<DefinedFigure> ranking = {};
};

/// Errors on one test set: every figure with its definition, ranking, residuals, calibration,
/// coverage, by activity and popularity. number: of the test set, from 1; figures of later ones
/// have it in their names.
Section error_section(const Scorer& scorer, const Model& model, const Triples& test,
                      const TestEvaluation& evaluation, std::size_t number);

/// The test errors that stand first in the report: RMSE, NLL, R² and NDCG where measured.
std::vector<std::pair<std::string, std::string>> test_facts(
    const std::vector<TestEvaluation>& tests);

/// What the factors say: spectrum, map of the most rated items, neighbors. facts: titles and
/// genres by the model's items; without titles the model's own are shown.
Section factor_section(const Scorer& scorer, const Model& model, const ItemFacts& facts);

/// What five users of different activity rated best in training, beside what is recommended.
Section user_section(const Scorer& scorer, const Model& model, const ItemFacts& facts,
                     const Triples& train);

}  // namespace alsatian
