// One test rating against its prediction, and sums of many: what every figure of errors is made of.
// Shared by the evaluation of one model and the comparison of several.
#pragma once

#include "host/error.hpp"
#include "host/evaluate/metrics.hpp"
#include "host/evaluate/scorer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

namespace alsatian {

/// One rating against its prediction.
struct Observation {
  double rating;
  double prediction;
  double loss;      // at unit dispersion, standardised units
  double constant;  // of −log p
};

/// Sums over ratings, each counted so many times: whole numbers but in type. Figures of no rating
/// are not numbers.
struct ErrorSums {
  double count = 0;
  double squared_error = 0;
  double absolute_error = 0;
  double loss = 0;
  double constant = 0;

  void add(const Observation& observation) {
    const double error = observation.prediction - observation.rating;
    ++count;
    squared_error += error * error;
    absolute_error += std::abs(error);
    loss += observation.loss;
    constant += observation.constant;
  }
  void add(const ErrorSums& other, double times = 1) {
    count += times * other.count;
    squared_error += times * other.squared_error;
    absolute_error += times * other.absolute_error;
    loss += times * other.loss;
    constant += times * other.constant;
  }

  double rmse() const { return std::sqrt(squared_error / count); }
  double mae() const { return absolute_error / count; }
  /// Mean −log p in the rating's units, with the model's dispersion; not a number at dispersion 0.
  double nll(const Model& model) const {
    const double standardised = std::visit(
        [&](const auto& choice) {
          return choice.mean_nll(loss / count, model.statistics.dispersion, constant / count);
        },
        model.spec.likelihood);
    return standardised + model.scale.nll_offset();
  }
};

/// Sums over a group. Mean and squares of the ratings after Chan, Golub and LeVeque (1979), so
/// that equal ratings have a variance of exactly 0.
class RatingSums {
 public:
  void add(const Observation& observation) {
    errors_.add(observation);
    const double distance = observation.rating - mean_;
    mean_ += distance / errors_.count;
    squares_ += distance * (observation.rating - mean_);
  }

  void add(const RatingSums& other) {
    if (other.errors_.count == 0) return;
    const double left = errors_.count;
    const double right = other.errors_.count;
    const double distance = other.mean_ - mean_;
    errors_.add(other.errors_);
    mean_ += distance * right / (left + right);
    squares_ += other.squares_ + distance * distance * left * right / (left + right);
  }

  std::int64_t count() const { return static_cast<std::int64_t>(errors_.count); }

  RatingErrors errors(std::string name, const Model& model) const {
    constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
    if (count() == 0) return {std::move(name), 0, undefined, undefined, undefined, undefined};
    return {std::move(name),    count(),
            errors_.rmse(),     errors_.mae(),
            errors_.nll(model), squares_ > 0 ? 1 - errors_.squared_error / squares_ : undefined};
  }

 private:
  ErrorSums errors_;
  double mean_ = 0;
  double squares_ = 0;  // Σ(rating − mean)²
};

/// Compares ratings with predictions; the likelihood is known, so nothing is dispatched per rating.
template <typename Choice>
class RatingObserver {
 public:
  RatingObserver(const Scorer& scorer, const Model& model) : scorer_(scorer), model_(model) {}

  /// Throws Error 65 where the rating is outside the likelihood's domain.
  Observation plain(std::int32_t user, std::int32_t item, double rating) const {
    if (!Choice::in_domain(rating)) {
      throw Error(ExitCode::bad_data, "test ratings",
                  fmt::format("rating {} cannot come from likelihood {}, which takes {}", rating,
                              Choice::name, Choice::domain),
                  "test on ratings of the kind that the model was trained on");
    }
    const double score = scorer_.score(user, item);
    return observe(score, Choice::mean(score), rating);
  }

  /// The same with the prediction limited to the training range.
  Observation clip(const Observation& plain) const {
    const double clipped = std::clamp(plain.prediction, model_.scale.lowest, model_.scale.highest);
    return clipped == plain.prediction ? plain
                                       : observe(Choice::link(clipped), clipped, plain.rating);
  }

  /// plain, or clipped where the scorer clips.
  Observation operator()(std::int32_t user, std::int32_t item, double rating) const {
    const Observation observation = plain(user, item, rating);
    return scorer_.options().clip ? clip(observation) : observation;
  }

 private:
  Observation observe(double score, double prediction, double rating) const {
    const RatingScale& scale = model_.scale;
    const double loss =
        Choice::loss_and_slope(scale.standardise(score), scale.standardise(rating)).loss;
    return {rating, prediction, loss, Choice::constant(rating)};
  }

  const Scorer& scorer_;
  const Model& model_;
};

}  // namespace alsatian
