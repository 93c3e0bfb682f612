// Implements other_data.hpp.
// What differs most from training is named: the scale first, then ids, and last what is left.
#include "cli/other_data.hpp"

#include "host/error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

/// What differs from training, or that nothing does.
enum class Difference { scale, mean, ids, none };

Difference difference_of(const Model& model, const TestFacts& facts) {
  if (facts.outside > many_outside) return Difference::scale;
  const bool moved = is_standardised(model.spec.likelihood) &&
                     std::abs(facts.mean - model.scale.mean) > model.scale.deviation;
  if (moved) return Difference::mean;
  return facts.known < 0.5 ? Difference::ids : Difference::none;
}

/// A model that predicts test ratings worse than their mean, and what it finds in them.
struct Finding {
  const TestedModel* tested;
  TestFacts facts;
  Difference difference;

  bool has_r_squared() const { return !std::isnan(tested->r_squared); }
  /// Whether one sentence holds for both but for the figures of each.
  bool is_alike(const Finding& other) const {
    const RatingScale& left = tested->model.scale;
    const RatingScale& right = other.tested->model.scale;
    return difference == other.difference && has_r_squared() == other.has_r_squared() &&
           left.lowest == right.lowest && left.highest == right.highest && left.mean == right.mean;
  }
};

/// "a, b and c"; what all share once.
std::string listed(std::vector<std::string> texts) {
  const auto differs = [&](const std::string& text) { return text != texts.front(); };
  if (std::ranges::none_of(texts, differs)) return texts.front();
  const std::string last = texts.back();
  texts.pop_back();
  return fmt::format("{} and {}", fmt::join(texts, ", "), last);
}

template <typename TextOf>
std::string listed(const std::vector<Finding>& findings, TextOf text_of) {
  std::vector<std::string> texts;
  for (const Finding& finding : findings) texts.push_back(text_of(finding));
  return listed(std::move(texts));
}

/// findings: of one difference, alike.
std::string what_it_may_be(const std::vector<Finding>& findings) {
  const TestFacts& facts = findings.front().facts;
  const RatingScale& scale = findings.front().tested->model.scale;
  const bool one = findings.size() == 1;
  const std::string knows =
      fmt::format("the {} user and item of {} % of them", one ? "model knows" : "models know",
                  listed(findings, [](const Finding& finding) {
                    return fmt::format("{:.3g}", 100 * finding.facts.known);
                  }));
  switch (findings.front().difference) {
    case Difference::scale:
      return fmt::format(
          "{:.3g} % of them lie outside {:g} to {:g}, where those trained on lie: are they on "
          "another scale, or of other data?",
          100 * facts.outside, scale.lowest, scale.highest);
    case Difference::mean:
      return fmt::format(
          "their mean is {:.4g}, that of those trained on {:.4g}: are they of users who rate "
          "otherwise or chosen by their rating, or are they on another scale?",
          facts.mean, scale.mean);
    case Difference::ids:
      return knows + ": are they of other data, or do their ids name others than in training?";
    default:
      return fmt::format(
          "{}, and they are on {} scale (mean {:.4g}, of those trained on {:.4g}): are they of "
          "other data with ids that look alike, or are they chosen by their rating, or {} only "
          "repeat what {} trained on (training RMSE {}; a larger --reg)?",
          knows, one ? "its" : "their", facts.mean, scale.mean, one ? "does the model" : "do they",
          one ? "it was" : "they were", listed(findings, [](const Finding& finding) {
            return fmt::format("{:.4g}", finding.tested->model.statistics.train_rmse);
          }));
  }
}

/// Nothing where there is nothing to say.
std::optional<Finding> finding_of(const TestedModel& tested) {
  const auto& [model, test, r_squared, name] = tested;
  const std::int64_t count = test.ratings.size();
  if (count < enough_ratings) return std::nullopt;
  const TestFacts facts = facts_of(model, test.ratings);
  const Finding finding{&tested, facts, difference_of(model, facts)};
  if (std::isnan(r_squared)) {
    return facts.outside > many_outside ? std::optional(finding) : std::nullopt;
  }
  const double least = -std::max(cost_of_drift, cost_of_chance / static_cast<double>(count));
  if (!(r_squared < least)) return std::nullopt;
  const bool fits_training = !is_standardised(model.spec.likelihood) ||
                             model.statistics.train_rmse < model.scale.deviation;
  return fits_training ? std::optional(finding) : std::nullopt;
}

/// findings: alike.
std::string warning_of(const std::vector<Finding>& findings) {
  constexpr std::string_view remedy =
      "Compare some lines of the file with those that were trained on";
  const TestSet& test = findings.front().tested->test;
  std::string of_models = listed(findings, [](const Finding& finding) {
    return printable(std::string(finding.tested->name));
  });
  if (!of_models.empty()) of_models = " of " + of_models;
  if (!findings.front().has_r_squared()) {
    return fmt::format("{}: R²{} is not defined: its {} ratings are all equal; {} {}",
                       printable(test.name), of_models, test.ratings.size(),
                       what_it_may_be(findings), remedy);
  }
  return fmt::format(
      "{}: R²{} is {}: the mean of its {} ratings predicts them better than the {}; {} {}",
      printable(test.name), of_models,
      listed(
          findings,
          [](const Finding& finding) { return fmt::format("{:.3g}", finding.tested->r_squared); }),
      test.ratings.size(), findings.size() == 1 ? "model" : "models", what_it_may_be(findings),
      remedy);
}

}  // namespace

void warn_of_other_data(const std::vector<TestedModel>& models, const Log& log) {
  std::vector<std::vector<Finding>> groups;
  for (const TestedModel& tested : models) {
    const std::optional<Finding> finding = finding_of(tested);
    if (!finding) continue;
    const auto group = std::ranges::find_if(groups, [&](const std::vector<Finding>& findings) {
      return findings.front().is_alike(*finding);
    });
    if (group == groups.end()) {
      groups.push_back({*finding});
    } else {
      group->push_back(*finding);
    }
  }
  for (const std::vector<Finding>& findings : groups) log.warning(warning_of(findings));
}

void warn_of_test_files(const Model& model, const Dataset& dataset, std::size_t files,
                        const std::vector<SummaryRow>& rows, const Log& log) {
  const std::string_view predictor = algorithm_name(model.spec.algorithm);
  for (std::size_t at = dataset.tests.size() - files; at < dataset.tests.size(); ++at) {
    const TestSet& test = dataset.tests[at];
    const auto row = std::ranges::find_if(rows, [&](const SummaryRow& summary) {
      return summary.predictor == predictor && summary.part == test.name;
    });
    if (row != rows.end()) warn_of_other_data({{model, test, row->r_squared}}, log);
  }
}

}  // namespace alsatian
