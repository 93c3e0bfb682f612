// What a model of bayes says of a single rating: not one number but a distribution.
// Made from the draws that the model keeps; other models have none.
#pragma once

#include "host/model/model.hpp"
#include "host/ratings/dataset.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace alsatian {

/// What a draw of a model of bayes predicts, in the rating's units; -1 is an unknown user or item.
double draw_prediction(const Model& model, std::int32_t user, std::int32_t item, std::int32_t draw);
/// Of each draw; predictions [model.draws].
void draw_predictions(const Model& model, std::int32_t user, std::int32_t item,
                      std::span<double> predictions);

/// A mixture of one normal distribution a draw, around the draw's score, with the model's
/// dispersion as variance; in the rating's units.
class PredictiveDistribution {
 public:
  /// -1 is an unknown user or item. The model is one of bayes.
  PredictiveDistribution(const Model& model, std::int32_t user, std::int32_t item);

  /// The rating below which that share of the distribution lies; 0 < share < 1.
  double quantile(double share) const;
  /// −log of the density at a rating [nats].
  double nll(double rating) const;

 private:
  double cumulated(double rating) const;

  std::vector<double> means_;
  double deviation_;
};

struct Interval {
  double lower = 0;
  double upper = 0;
};

/// The central interval that holds `share` of the distribution.
Interval central_interval(const PredictiveDistribution& distribution, double share);

/// How well distributions explain test ratings.
struct PredictiveEvaluation {
  double covered_90 = 0;  // share of ratings inside their central 90 % intervals
  double width_90 = 0;    // mean width of those
  double nll = 0;         // mean per rating
};
PredictiveEvaluation evaluate_predictive(const Model& model, const Triples& test);

}  // namespace alsatian
