// Implements the part of evaluation.hpp about test ratings.
// Bins are of equal width, and the outer ones open, so that no rating is left out.
#include "host/report/evaluation.hpp"
#include "host/report/number_text.hpp"

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
  Figure figure{.name = "coverage",
                .title = "Residuals within multiples of σ̂",
                .text = fmt::format("σ̂ = {}. Above the line σ̂ is too large, below it too small, "
                                    "as it is where it was measured on training ratings.",
                                    four_decimals(deviation))};
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

/// Nothing where a figure is not a number.
Value number_or_nothing(double value) { return std::isnan(value) ? Value{} : Value{value}; }

Figure by_group(const std::vector<RatingErrors>& groups, const std::string& name,
                const std::string& title) {
  Figure figure{.name = name, .title = "Error by " + title};
  figure.data.columns = {"group", "ratings", "rmse", "mae", "nll", "r_squared"};
  figure.plot = {.x = "group",
                 .series = {{"rmse", "RMSE", Mark::bars}, {"mae", "MAE", Mark::bars}},
                 .y_title = "error"};
  for (const RatingErrors& group : groups) {
    if (group.count == 0) continue;
    figure.data.rows.push_back({group.name, group.count, group.rmse, group.mae,
                                number_or_nothing(group.mean_nll),
                                number_or_nothing(group.r_squared)});
  }
  return figure;
}

/// The same groups by NLL, which is what likelihoods other than that of a squared error minimise.
Figure nll_by_group(Figure errors, const std::string& title) {
  Figure figure = std::move(errors);
  figure.name = "nll_" + figure.name;
  figure.title = "NLL by " + title;
  figure.plot.series = {{"nll", "NLL", Mark::bars}};
  figure.plot.y_title = "NLL, nats";
  return figure;
}

void add_groups(const Model& model, const std::vector<RatingErrors>& groups,
                const std::string& name, const std::string& title, Section& section) {
  Figure errors = by_group(groups, name, title);
  const bool has_nll = std::ranges::any_of(groups, [](const RatingErrors& group) {
    return group.count > 0 && !std::isnan(group.mean_nll);
  });
  if (has_nll && !std::holds_alternative<Gaussian>(model.spec.likelihood)) {
    section.figures.push_back(nll_by_group(errors, title));
  }
  section.figures.push_back(std::move(errors));
}

/// Every figure that evaluate prints, with what it is.
Figure figure_table(const TestEvaluation& evaluation) {
  Figure figure{.name = "figures", .title = "Every figure, and what it is"};
  figure.data.columns = {"figure", "value", "definition"};
  for (const auto* figures : {&evaluation.figures, &evaluation.ranking}) {
    for (const DefinedFigure& defined : *figures) {
      figure.data.rows.push_back({defined.name, defined.value, defined.definition});
    }
  }
  return figure;
}

/// Ranking figures as bars; that over how many users stands in the table.
Figure ranking_bars(const std::vector<DefinedFigure>& ranking) {
  Figure figure{.name = "ranking", .title = "Ranking"};
  figure.data.columns = {"figure", "value"};
  figure.plot = {.x = "figure", .series = {{"value", "value", Mark::bars}}, .y_title = "share"};
  for (const DefinedFigure& defined : ranking) {
    if (defined.name == "users") {
      figure.text = "Figures are " + defined.definition + ". What each is, the table above says.";
    } else {
      figure.data.rows.push_back({defined.name, defined.value});
    }
  }
  return figure;
}

std::string shown(double value) { return std::isnan(value) ? "not defined" : four_decimals(value); }

}  // namespace

Section error_section(const Scorer& scorer, const Model& model, const Triples& test,
                      const TestEvaluation& evaluation, std::size_t number) {
  const RatingEvaluation& errors = evaluation.ratings;
  Section section{.title = "Errors on " + evaluation.name};
  section.notes.push_back(
      fmt::format("{} ratings: NLL {}; RMSE {}, clipped {}, of known users and items {}; MAE {}; "
                  "R² {}.",
                  errors.all.count, shown(errors.all.mean_nll), shown(errors.all.rmse),
                  shown(errors.all_clipped.rmse), shown(errors.known.rmse), shown(errors.all.mae),
                  shown(errors.all.r_squared)));
  const std::vector<float> predictions = scorer.predict(test.users, test.items);
  if (predictions.empty()) return section;
  section.figures.push_back(figure_table(evaluation));
  if (!evaluation.ranking.empty()) section.figures.push_back(ranking_bars(evaluation.ranking));
  section.figures.push_back(residuals(test, predictions, errors.all.rmse));
  section.figures.push_back(calibration(test, predictions));
  const double dispersion = model.statistics.dispersion;
  if (std::holds_alternative<Gaussian>(model.spec.likelihood) && dispersion > 0) {
    section.figures.push_back(
        coverage(test, predictions, std::sqrt(dispersion) * model.scale.deviation));
  }
  add_groups(model, errors.by_user_activity, "by_user_activity", "activity of the user", section);
  add_groups(model, errors.by_item_popularity, "by_item_popularity", "popularity of the item",
             section);
  if (number == 1) return section;
  for (Figure& figure : section.figures) figure.name += fmt::format("_{}", number);
  return section;
}

std::vector<std::pair<std::string, std::string>> test_facts(
    const std::vector<TestEvaluation>& tests) {
  std::vector<std::pair<std::string, std::string>> facts;
  for (const TestEvaluation& test : tests) {
    const std::string on = tests.size() > 1 ? " on " + test.name : "";
    const auto add = [&](const std::string& figure, double value) {
      if (!std::isnan(value)) facts.emplace_back(figure + on, four_decimals(value));
    };
    add("test RMSE", test.ratings.all.rmse);
    add("test NLL", test.ratings.all.mean_nll);
    add("test R²", test.ratings.all.r_squared);
    for (const DefinedFigure& figure : test.ranking) {
      const auto* value = std::get_if<double>(&figure.value);
      if (figure.name == "ndcg" && value != nullptr) add("NDCG", *value);
    }
  }
  return facts;
}

}  // namespace alsatian
