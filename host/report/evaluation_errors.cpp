// Implements the part of evaluation.hpp about test ratings.
// Bins are of equal width, and the outer ones open, so that no rating is left out.
#include "host/report/evaluation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <variant>

namespace alsatian {
namespace {

struct Bin {
  std::int64_t count = 0;
  double predicted = 0;
  double actual = 0;
};

std::size_t bin_of(double value, double first, double width, std::size_t bins) {
  const double at = std::clamp((value - first) / width, 0.0, static_cast<double>(bins - 1));
  return static_cast<std::size_t>(at);
}

Figure residuals(const Triples& test, const std::vector<float>& predictions, double rmse) {
  constexpr std::size_t bins = 40;
  const double width = rmse > 0 ? rmse / 5 : 1;
  const double first = -width * bins / 2;
  std::vector<std::int64_t> counts(bins);
  for (std::size_t at = 0; at < predictions.size(); ++at) {
    ++counts[bin_of(static_cast<double>(test.ratings[at]) - predictions[at], first, width, bins)];
  }
  Figure figure{.name = "residuals",
                .title = "Residuals",
                .text =
                    "Rating − prediction, in bins of a fifth of the RMSE; the outer bins hold "
                    "all beyond."};
  figure.data.columns = {"center", "ratings", "share"};
  figure.plot = {.x = "center",
                 .series = {{"ratings", "ratings", Mark::bars}},
                 .x_title = "rating − prediction",
                 .y_title = "ratings"};
  for (std::size_t bin = 0; bin < bins; ++bin) {
    figure.data.rows.push_back(
        {first + (static_cast<double>(bin) + 0.5) * width, counts[bin],
         static_cast<double>(counts[bin]) / static_cast<double>(predictions.size())});
  }
  return figure;
}

Figure calibration(const Triples& test, const std::vector<float>& predictions) {
  constexpr std::size_t most_bins = 20;
  const auto [low, high] = std::minmax_element(predictions.begin(), predictions.end());
  const double width = (static_cast<double>(*high) - *low) / most_bins;
  std::array<Bin, most_bins> bins{};
  for (std::size_t at = 0; at < predictions.size(); ++at) {
    Bin& bin = bins[width > 0 ? bin_of(predictions[at], *low, width, most_bins) : 0];
    ++bin.count;
    bin.predicted += predictions[at];
    bin.actual += test.ratings[at];
  }
  Figure figure{.name = "calibration",
                .title = "Calibration",
                .text =
                    "Mean rating of the test ratings predicted about alike; on the line "
                    "predictions are right in the mean."};
  figure.data.columns = {"mean_prediction", "mean_rating", "perfect", "ratings"};
  figure.plot = {
      .x = "mean_prediction",
      .series = {{"mean_rating", "mean rating", Mark::points}, {"perfect", "perfect", Mark::line}},
      .x_title = "mean prediction",
      .y_title = "mean rating"};
  for (const Bin& bin : bins) {
    if (bin.count == 0) continue;
    const auto count = static_cast<double>(bin.count);
    figure.data.rows.push_back(
        {bin.predicted / count, bin.actual / count, bin.predicted / count, bin.count});
  }
  return figure;
}

/// How many residuals lie within multiples of σ̂, beside how many of a normal distribution do.
Figure coverage(const Triples& test, const std::vector<float>& predictions, double deviation) {
  Figure figure{
      .name = "coverage",
      .title = "Residuals within multiples of σ̂",
      .text = fmt::format("σ̂ = {:.4f}. Above the line σ̂ is too large, below it too small, "
                          "as it is where it was measured on training ratings.",
                          deviation)};
  figure.data.columns = {"within", "normal", "measured"};
  figure.plot = {.x = "within",
                 .series = {{"measured", "test ratings", Mark::points},
                            {"normal", "normal distribution", Mark::line}},
                 .x_title = "|rating − prediction| / σ̂ at most",
                 .y_title = "share"};
  for (int tenth = 2; tenth <= 30; tenth += 2) {
    const double within = tenth / 10.0;
    std::int64_t inside = 0;
    for (std::size_t at = 0; at < predictions.size(); ++at) {
      const double error = static_cast<double>(test.ratings[at]) - predictions[at];
      if (std::abs(error) <= within * deviation) ++inside;
    }
    figure.data.rows.push_back(
        {within, std::erf(within / std::sqrt(2.0)),
         static_cast<double>(inside) / static_cast<double>(predictions.size())});
  }
  return figure;
}

Figure by_group(const std::vector<RatingErrors>& groups, const std::string& name,
                const std::string& title) {
  Figure figure{.name = name, .title = title};
  figure.data.columns = {"group", "ratings", "rmse", "mae"};
  figure.plot = {.x = "group",
                 .series = {{"rmse", "RMSE", Mark::bars}, {"mae", "MAE", Mark::bars}},
                 .y_title = "error"};
  for (const RatingErrors& group : groups) {
    if (group.count == 0) continue;
    figure.data.rows.push_back({group.name, group.count, group.rmse, group.mae});
  }
  return figure;
}

}  // namespace

Section error_section(const Scorer& scorer, const Model& model, const Triples& test,
                      const std::string& name, const RatingEvaluation& evaluation,
                      std::size_t number) {
  Section section{.title = "Errors on " + name};
  section.notes.push_back(fmt::format(
      "{} ratings: RMSE {:.4f}, clipped {:.4f}, of known users and items {:.4f}; MAE {:.4f}.",
      evaluation.all.count, evaluation.all.rmse, evaluation.all_clipped.rmse, evaluation.known.rmse,
      evaluation.all.mae));
  const std::vector<float> predictions = scorer.predict(test.users, test.items);
  if (predictions.empty()) return section;
  section.figures.push_back(residuals(test, predictions, evaluation.all.rmse));
  section.figures.push_back(calibration(test, predictions));
  const double dispersion = model.statistics.dispersion;
  if (std::holds_alternative<Gaussian>(model.spec.likelihood) && dispersion > 0) {
    section.figures.push_back(
        coverage(test, predictions, std::sqrt(dispersion) * model.scale.deviation));
  }
  section.figures.push_back(
      by_group(evaluation.by_user_activity, "by_user_activity", "Error by activity of the user"));
  section.figures.push_back(by_group(evaluation.by_item_popularity, "by_item_popularity",
                                     "Error by popularity of the item"));
  if (number == 1) return section;
  for (Figure& figure : section.figures) figure.name += fmt::format("_{}", number);
  return section;
}

}  // namespace alsatian
