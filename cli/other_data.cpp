// Implements other_data.hpp.
// What differs most from training is named: the scale first, then ids, and last what is left.
#include "cli/other_data.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace alsatian {
namespace {

constexpr std::int64_t enough_ratings = 30;
/// A mean that has moved by a seventh of the deviation, as that of later ratings or of new users
/// may have, costs a model that knows nothing else so much.
constexpr double cost_of_drift = 0.02;
/// Of a model that knows the true mean alone, n times its loss to the mean of n test ratings is
/// χ² with one degree of freedom, which is above this once in 600.
constexpr double cost_of_chance = 10;

/// Ratings beyond those trained on are a matter of scale where they are more than so many.
constexpr double many_outside = 0.05;

struct TestFacts {
  double mean = 0;
  double known = 0;    // share of users and items that the model knows both
  double outside = 0;  // share beyond the lowest and the highest rating trained on
};

TestFacts facts_of(const Model& model, const Triples& test) {
  TestFacts facts;
  for (std::size_t at = 0; at < test.ratings.size(); ++at) {
    const double rating = test.ratings[at];
    facts.mean += rating;
    facts.known += test.users[at] >= 0 && test.items[at] >= 0;
    facts.outside += rating < model.scale.lowest || rating > model.scale.highest;
  }
  const auto count = static_cast<double>(test.size());
  return {facts.mean / count, facts.known / count, facts.outside / count};
}

std::string what_it_may_be(const Model& model, const TestFacts& facts) {
  const RatingScale& scale = model.scale;
  if (facts.outside > many_outside) {
    return fmt::format(
        "{:.3g} % of them lie outside {:g} to {:g}, where those trained on lie: are they on "
        "another scale, or of other data?",
        100 * facts.outside, scale.lowest, scale.highest);
  }
  if (is_standardised(model.spec.likelihood) &&
      std::abs(facts.mean - scale.mean) > scale.deviation) {
    return fmt::format(
        "their mean is {:.4g}, that of those trained on {:.4g}: are they of users who rate "
        "otherwise or chosen by their rating, or are they on another scale?",
        facts.mean, scale.mean);
  }
  if (facts.known < 0.5) {
    return fmt::format(
        "the model knows user and item of {:.3g} % of them: are they of other data, or do their "
        "ids name others than in training?",
        100 * facts.known);
  }
  return fmt::format(
      "the model knows user and item of {:.3g} % of them, and they are on its scale (mean {:.4g}, "
      "of those trained on {:.4g}): are they of other data with ids that look alike, or are they "
      "chosen by their rating, or does the model only repeat what it was trained on (training RMSE "
      "{:.4g}; a larger --reg)?",
      100 * facts.known, facts.mean, model.scale.mean, model.statistics.train_rmse);
}

/// "" where there is nothing to say.
std::string other_data_warning(const Model& model, const TestSet& test, double r_squared,
                               std::string_view name) {
  constexpr std::string_view remedy =
      "Compare some lines of the file with those that were trained on";
  const std::int64_t count = test.ratings.size();
  if (count < enough_ratings) return "";
  const TestFacts facts = facts_of(model, test.ratings);
  const std::string of_model = name.empty() ? "" : fmt::format(" of {}", printable(name));
  if (std::isnan(r_squared)) {
    if (facts.outside <= many_outside) return "";
    return fmt::format("{}: R²{} is not defined: its {} ratings are all equal; {} {}",
                       printable(test.name), of_model, count, what_it_may_be(model, facts), remedy);
  }
  const double least = -std::max(cost_of_drift, cost_of_chance / static_cast<double>(count));
  if (!(r_squared < least)) return "";
  const bool fits_training = !is_standardised(model.spec.likelihood) ||
                             model.statistics.train_rmse < model.scale.deviation;
  if (!fits_training) return "";
  return fmt::format(
      "{}: R²{} is {:.3g}: the mean of its {} ratings predicts them better than the model; {} {}",
      printable(test.name), of_model, r_squared, count, what_it_may_be(model, facts), remedy);
}

}  // namespace

void warn_of_other_data(const Model& model, const TestSet& test, double r_squared, const Log& log,
                        std::string_view name) {
  const std::string warning = other_data_warning(model, test, r_squared, name);
  if (!warning.empty()) log.warning(warning);
}

void warn_of_test_files(const Model& model, const Dataset& dataset, std::size_t files,
                        const std::vector<SummaryRow>& rows, const Log& log) {
  const std::string_view predictor = algorithm_name(model.spec.algorithm);
  for (std::size_t at = dataset.tests.size() - files; at < dataset.tests.size(); ++at) {
    const TestSet& test = dataset.tests[at];
    const auto row = std::ranges::find_if(rows, [&](const SummaryRow& summary) {
      return summary.predictor == predictor && summary.part == test.name;
    });
    if (row != rows.end()) warn_of_other_data(model, test, row->r_squared, log);
  }
}

}  // namespace alsatian
