// What a model gets right and wrong on test ratings, and what it has learned, as a page.
// Its errors are those that evaluate prints; the rest is the model's own.
#pragma once

#include "host/evaluate/metrics.hpp"
#include "host/evaluate/scorer.hpp"
#include "host/ratings/reader.hpp"
#include "host/report/exploration.hpp"
#include "host/report/page.hpp"

#include <string>

namespace alsatian {

/// Errors on one test set: residuals, calibration, coverage, by activity and popularity. number:
/// of the test set, from 1; figures of later ones have it in their names.
Section error_section(const Scorer& scorer, const Model& model, const Triples& test,
                      const std::string& name, const RatingEvaluation& evaluation,
                      std::size_t number);

/// What the factors say: spectrum, map of the most rated items, neighbors. facts: titles and
/// genres by the model's items; without titles the model's own are shown.
Section factor_section(const Scorer& scorer, const Model& model, const ItemFacts& facts);

/// What five users of different activity rated best in training, beside what is recommended.
Section user_section(const Scorer& scorer, const Model& model, const ItemFacts& facts,
                     const Triples& train);

}  // namespace alsatian
