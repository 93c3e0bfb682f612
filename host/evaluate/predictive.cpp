// Quantiles by bisection: the mixture's distribution function rises, and no draw is far from all.
// Figures are summed in chunks of fixed size: the same on any number of threads.
#include "host/evaluate/predictive.hpp"

#include "kernels/cpu/chunked_sum.hpp"
#include "kernels/math/likelihood.hpp"
#include "kernels/math/score.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace alsatian {
namespace {

/// Sums over ratings.
struct PredictiveSums {
  double covered = 0;
  double width = 0;
  double nll = 0;

  PredictiveSums& operator+=(const PredictiveSums& other) {
    covered += other.covered;
    width += other.width;
    nll += other.nll;
    return *this;
  }
};

}  // namespace

double draw_prediction(const Model& model, std::int32_t user, std::int32_t item,
                       std::int32_t draw) {
  const std::int32_t rank = model.spec.rank;
  const std::int64_t first = std::int64_t{draw} * rank;
  const auto bias = [&](const std::vector<float>& biases, std::int32_t row) {
    return row < 0 ? 0.0 : biases[static_cast<std::size_t>(std::int64_t{row} * model.draws + draw)];
  };
  const double product = user < 0 || item < 0
                             ? 0.0
                             : dot<double>(model.factors.users.row(user) + first,
                                           model.factors.items.row(item) + first, rank);
  const double standardised =
      score(model.draw_biases.constants[static_cast<std::size_t>(draw)],
            bias(model.draw_biases.users, user), bias(model.draw_biases.items, item),
            product * model.draws / model.scale.deviation);
  return model.scale.mean + model.scale.deviation * standardised;
}

void draw_predictions(const Model& model, std::int32_t user, std::int32_t item,
                      std::span<double> predictions) {
  for (std::int32_t draw = 0; draw < model.draws; ++draw) {
    predictions[static_cast<std::size_t>(draw)] = draw_prediction(model, user, item, draw);
  }
}

PredictiveDistribution::PredictiveDistribution(const Model& model, std::int32_t user,
                                               std::int32_t item)
    : means_(static_cast<std::size_t>(model.draws)),
      deviation_(std::sqrt(model.statistics.dispersion) * model.scale.deviation) {
  draw_predictions(model, user, item, means_);
}

double PredictiveDistribution::cumulated(double rating) const {
  double sum = 0;
  for (const double mean : means_) {
    sum += 0.5 * std::erfc((mean - rating) / (deviation_ * std::numbers::sqrt2));
  }
  return sum / static_cast<double>(means_.size());
}

double PredictiveDistribution::quantile(double share) const {
  // Of a normal distribution less than 1e-300 lies beyond 40 deviations.
  const auto [least, most] = std::ranges::minmax(means_);
  double below = least - 40 * deviation_;
  double above = most + 40 * deviation_;
  for (int halving = 0; halving < 60; ++halving) {
    const double middle = below + (above - below) / 2;
    (cumulated(middle) < share ? below : above) = middle;
  }
  return below + (above - below) / 2;
}

double PredictiveDistribution::nll(double rating) const {
  const double variance = deviation_ * deviation_;
  double least = std::numeric_limits<double>::infinity();
  std::vector<double> each;
  for (const double mean : means_) {
    const double loss = Gaussian::loss_and_slope(mean, rating).loss;
    each.push_back(Gaussian::mean_nll(loss, variance, 0));
    least = std::min(least, each.back());
  }
  // The smallest taken out, so that no density is lost below the least double.
  double sum = 0;
  for (const double value : each) sum += std::exp(least - value);
  return least - std::log(sum / static_cast<double>(each.size()));
}

Interval central_interval(const PredictiveDistribution& distribution, double share) {
  return {distribution.quantile((1 - share) / 2), distribution.quantile((1 + share) / 2)};
}

PredictiveEvaluation evaluate_predictive(const Model& model, const Triples& test) {
  const auto sums =
      cpu::chunked_sum<PredictiveSums>(test.size(), [&](std::int64_t first, std::int64_t last) {
        PredictiveSums part;
        for (std::int64_t position = first; position < last; ++position) {
          const auto index = static_cast<std::size_t>(position);
          const PredictiveDistribution distribution(model, test.users[index], test.items[index]);
          const Interval interval = central_interval(distribution, 0.9);
          const double rating = test.ratings[index];
          part.covered += rating >= interval.lower && rating <= interval.upper ? 1 : 0;
          part.width += interval.upper - interval.lower;
          part.nll += distribution.nll(rating);
        }
        return part;
      });
  const auto count = static_cast<double>(std::max<std::int64_t>(test.size(), 1));
  return {sums.covered / count, sums.width / count, sums.nll / count};
}

}  // namespace alsatian
