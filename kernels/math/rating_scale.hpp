// Between the units of the ratings and those that training works in: each conversion once.
//   rating = mean + deviation·standardised, so biases × deviation, factors × √deviation
#pragma once

#include "kernels/math/host_device.hpp"
#include "kernels/math/likelihood.hpp"
#include "kernels/math/regularization.hpp"

#include <cmath>
#include <variant>

namespace alsatian {

/// How the ratings of the training part are mapped to what training works on:
/// (r − mean)/deviation for likelihoods that are standardised, r itself (mean 0, deviation 1)
/// for the others. score_mean is μ of the score in standardised units: 0, or link(mean rating); in
/// a model of bayes, what its draws have in place of 0.
struct RatingScale {
  double mean = 0;
  double deviation = 1;
  double score_mean = 0;
  double lowest = 0;  // of the training ratings, as written: for --clip
  double highest = 0;

  /// A rating, or a score in the rating's units.
  ALSATIAN_HD double standardise(double value) const { return (value - mean) / deviation; }

  /// μ of the score in the rating's units: score_mean where nothing is standardised, else mean.
  ALSATIAN_HD double mean_score() const { return mean + deviation * score_mean; }

  /// What biases and differences of ratings, such as an RMSE, are multiplied by on the way to the
  /// rating's units, and what factors are: a product of two factors is a difference of ratings.
  ALSATIAN_HD double bias_unit() const { return deviation; }
  ALSATIAN_HD double factor_unit() const { return std::sqrt(deviation); }

  /// What −log p of a standardised rating lacks to that of the rating: the density of
  /// (r − mean)/deviation is `deviation` times that of r [nats].
  ALSATIAN_HD double nll_offset() const { return std::log(deviation); }

  /// λ and λ_b of the same problem in the rating's units. With d the degree of the loss its sum
  /// grows by deviation^d, ‖p‖² by deviation and b² by deviation²: for the Gaussian deviation·λ
  /// and λ_b, for Laplace λ and λ_b/deviation.
  Regularization regularization_in_rating_units(const Regularization& standardised,
                                                const Likelihood& likelihood) const {
    const int degree =
        std::visit([](const auto& choice) { return choice.loss_degree; }, likelihood);
    Regularization raw = standardised;
    raw.factors *= std::pow(deviation, degree - 1);
    raw.biases *= std::pow(deviation, degree - 2);
    return raw;
  }
};

}  // namespace alsatian
