// Implements comparison.hpp: ratings of a user become sums, sums are resampled, figures come last.
// Every step is the same for one model as for many, so that figures equal those of evaluate.
#include "host/evaluate/comparison.hpp"

#include "host/evaluate/quantile.hpp"
#include "host/evaluate/rating_sums.hpp"
#include "host/evaluate/row_buckets.hpp"
#include "host/ratings/id_indexing.hpp"
#include "host/ratings/split.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <utility>

namespace alsatian {
namespace {

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t user_grain = 64;

/// First rating of each user of the test, [users + 1], of users with ratings alone.
std::vector<std::size_t> user_starts(const Triples& ratings) {
  std::vector<std::size_t> starts;
  for (std::size_t row = 0; row < ratings.users.size(); ++row) {
    if (row == 0 || ratings.users[row] != ratings.users[row - 1]) starts.push_back(row);
  }
  starts.push_back(ratings.users.size());
  return starts;
}

/// What is measured of one model: sums by user, [users], and residuals, [ratings].
struct MeasuredModel {
  std::vector<ErrorSums> all;
  std::vector<ErrorSums> known;
  std::vector<double> residuals;
};

MeasuredModel measure(const ComparedModel& compared, const Triples& test,
                      const std::vector<std::size_t>& starts,
                      const std::vector<std::uint8_t>& known) {
  const std::size_t users = starts.size() - 1;
  MeasuredModel measured{.all = std::vector<ErrorSums>(users),
                         .known = std::vector<ErrorSums>(users),
                         .residuals = std::vector<double>(test.ratings.size())};
  const auto observe_all = [&](const auto& choice) {
    const RatingObserver<std::remove_cvref_t<decltype(choice)>> observe(compared.scorer(),
                                                                        compared.model());
    parallel_for(
        static_cast<std::int64_t>(users),
        [&](std::int64_t position) {
          const auto user = static_cast<std::size_t>(position);
          for (std::size_t row = starts[user]; row < starts[user + 1]; ++row) {
            const Observation observation = observe(
                compared.user(test.users[row]), compared.item(test.items[row]), test.ratings[row]);
            measured.all[user].add(observation);
            if (known[row] != 0) measured.known[user].add(observation);
            measured.residuals[row] = observation.rating - observation.prediction;
          }
        },
        user_grain);
  };
  std::visit(observe_all, compared.model().spec.likelihood);
  return measured;
}

/// Whether every model knows the user and the item of each rating. [ratings]
std::vector<std::uint8_t> known_to_all(std::span<const ComparedModel> models, const Triples& test) {
  std::vector<std::uint8_t> known(test.ratings.size(), 1);
  for (const ComparedModel& model : models) {
    for (std::size_t row = 0; row < known.size(); ++row) {
      if (model.user(test.users[row]) < 0 || model.item(test.items[row]) < 0) known[row] = 0;
    }
  }
  return known;
}

/// Sums of users, and what they are in every resample: the same users for every model.
template <typename Sum>
class PairedSums {
 public:
  using FigureOf = std::function<double(const Sum& sum, std::size_t model)>;

  /// values [users, models]
  PairedSums(std::vector<Sum> values, std::size_t models, std::size_t baseline,
             const BootstrapOptions& options)
      : models_(models),
        baseline_(baseline),
        confidence_(options.confidence),
        users_(values.size() / models),
        totals_(models),
        resampled_(bootstrap_sums<Sum>(values, models, options)) {
    for (std::size_t at = 0; at < values.size(); ++at) totals_[at % models].add(values[at], 1);
  }

  std::int64_t users() const { return static_cast<std::int64_t>(users_); }
  const Sum& total(std::size_t model) const { return totals_[model]; }

  /// comparable: whether the difference of a model to the baseline means anything.
  std::vector<ModelFigure> figures(const FigureOf& figure_of,
                                   const std::vector<bool>& comparable) const {
    std::vector<ModelFigure> result;
    for (std::size_t model = 0; model < models_; ++model) {
      const auto own = [&](const Sum* sums) { return figure_of(sums[model], model); };
      const auto difference = [&](const Sum* sums) {
        if (!comparable[model]) return undefined;
        return own(sums) - figure_of(sums[baseline_], baseline_);
      };
      result.push_back({estimate(own), estimate(difference)});
    }
    return result;
  }

 private:
  /// figure: of the sums of all models.
  Estimate estimate(const std::function<double(const Sum*)>& figure) const {
    const double value = figure(totals_.data());
    // One user, drawn again and again, says nothing of others.
    if (users_ < 2) return {value, {undefined, undefined}};
    std::vector<double> figures;
    for (std::size_t at = 0; at < resampled_.size(); at += models_) {
      figures.push_back(figure(resampled_.data() + at));
    }
    return {value, percentile_interval(std::move(figures), confidence_)};
  }

  std::size_t models_;
  std::size_t baseline_;
  double confidence_;
  std::size_t users_;
  std::vector<Sum> totals_;     // [models]
  std::vector<Sum> resampled_;  // [resamples, models]
};

/// RMSE, MAE and NLL of sums by user.
void append_errors(std::span<const ComparedModel> models, const PairedSums<ErrorSums>& sums,
                   const std::string& over, std::size_t baseline,
                   std::vector<ComparedFigure>& figures) {
  const auto append = [&](const char* name, const std::vector<bool>& comparable,
                          const PairedSums<ErrorSums>::FigureOf& figure_of) {
    figures.push_back({.name = name,
                       .over = over,
                       .count = static_cast<std::int64_t>(sums.total(baseline).count),
                       .models = sums.figures(figure_of, comparable)});
  };
  const std::vector<bool> always(models.size(), true);
  append("rmse", always, [](const ErrorSums& sum, std::size_t) { return sum.rmse(); });
  append("mae", always, [](const ErrorSums& sum, std::size_t) { return sum.mae(); });
  // Standardised likelihoods are densities, the others probabilities of whole ratings.
  std::vector<bool> same_kind;
  for (const ComparedModel& model : models) {
    same_kind.push_back(is_standardised(model.model().spec.likelihood) ==
                        is_standardised(models[baseline].model().spec.likelihood));
  }
  append("nll", same_kind,
         [&](const ErrorSums& sum, std::size_t model) { return sum.nll(models[model].model()); });
}

/// Side by side: [users, models], of users with such ratings.
std::vector<ErrorSums> interleaved(const std::vector<MeasuredModel>& measured,
                                   std::vector<ErrorSums> MeasuredModel::*sums) {
  std::vector<ErrorSums> values;
  for (std::size_t user = 0; user < (measured.front().*sums).size(); ++user) {
    if ((measured.front().*sums)[user].count == 0) continue;
    for (const MeasuredModel& model : measured) values.push_back((model.*sums)[user]);
  }
  return values;
}

std::size_t smallest_rmse(const std::vector<MeasuredModel>& measured) {
  const auto rmse = [](const MeasuredModel& model) {
    ErrorSums total;
    for (const ErrorSums& user : model.all) total.add(user);
    return total.rmse();
  };
  return static_cast<std::size_t>(std::ranges::min_element(measured, {}, rmse) - measured.begin());
}

/// counts: of the training ratings of the rows; row_of: the row of each test rating, -1 unknown.
std::vector<ComparedGroup> group_errors(const std::vector<MeasuredModel>& measured,
                                        const std::vector<std::int32_t>& counts,
                                        std::string_view side,
                                        const std::function<std::int32_t(std::size_t)>& row_of) {
  const std::size_t width = measured.size();
  std::vector<double> squares(bucket_count * width);
  std::array<std::int64_t, bucket_count> sizes{};
  for (std::size_t rating = 0; rating < measured.front().residuals.size(); ++rating) {
    const std::size_t bucket = bucket_of(counts, row_of(rating));
    ++sizes[bucket];
    for (std::size_t model = 0; model < width; ++model) {
      const double residual = measured[model].residuals[rating];
      squares[bucket * width + model] += residual * residual;
    }
  }
  std::vector<ComparedGroup> groups;
  for (std::size_t bucket = 0; bucket < bucket_count; ++bucket) {
    if (sizes[bucket] == 0) continue;
    ComparedGroup group{.name = bucket_name(side, bucket), .count = sizes[bucket]};
    for (std::size_t model = 0; model < width; ++model) {
      const ErrorSums sums{.count = static_cast<double>(group.count),
                           .squared_error = squares[bucket * width + model]};
      group.rmse.push_back(sums.rmse());
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

void add_groups(const ComparedModel& first, const Triples& ratings,
                const std::vector<MeasuredModel>& measured, ErrorComparison& result) {
  result.by_user_activity =
      group_errors(measured, first.model().user_counts, "users",
                   [&](std::size_t rating) { return first.user(ratings.users[rating]); });
  result.by_item_popularity =
      group_errors(measured, first.model().item_counts, "items",
                   [&](std::size_t rating) { return first.item(ratings.items[rating]); });
}

/// Leaves the residuals sorted.
void add_residual_quantiles(std::vector<MeasuredModel>& measured, ErrorComparison& result) {
  for (MeasuredModel& model : measured) {
    std::ranges::sort(model.residuals);
    std::vector<double>& quantiles = result.residual_quantiles.emplace_back();
    for (const double share : residual_shares) {
      quantiles.push_back(quantile(model.residuals, share));
    }
  }
}

/// Users drawn together with their figures of ranking.
struct RankingSums {
  double users = 0;
  std::array<double, 6> figures{};

  void add(const RankingSums& other, double times) {
    users += times * other.users;
    for (std::size_t at = 0; at < figures.size(); ++at) figures[at] += times * other.figures[at];
  }
};
constexpr std::array<const char*, 6> ranking_names{"precision", "recall", "capped_recall",
                                                   "ndcg",      "map",    "hit_rate"};

RankingSums sums_of(const UserRanking& ranking) {
  return {1,
          {ranking.precision, ranking.recall, ranking.capped_recall, ranking.ndcg,
           ranking.average_precision, ranking.hit ? 1.0 : 0.0}};
}

/// Ratings of users whom every model knows.
Triples of_known_users(std::span<const ComparedModel> models, const Triples& test) {
  Triples known;
  for (std::size_t row = 0; row < test.users.size(); ++row) {
    const bool all = std::ranges::all_of(
        models, [&](const ComparedModel& model) { return model.user(test.users[row]) >= 0; });
    if (!all) continue;
    known.users.push_back(test.users[row]);
    known.items.push_back(test.items[row]);
    known.ratings.push_back(test.ratings[row]);
  }
  return known;
}

/// Puts the rankings of a model's users beside those of other models by the test's users.
void place(const UserRankings& ranked, const ComparedModel& model, const SharedTest& test,
           std::size_t column, std::size_t width, std::vector<RankingSums>& values) {
  for (std::int32_t user = 0; user < test.users.size(); ++user) {
    const auto found = std::ranges::lower_bound(ranked.users, model.user(user));
    if (found == ranked.users.end() || *found != model.user(user)) continue;
    const auto at = static_cast<std::size_t>(found - ranked.users.begin());
    values[static_cast<std::size_t>(user) * width + column] = sums_of(ranked.rankings[at]);
  }
}

}  // namespace

ComparedModel::ComparedModel(std::string name, const Model& model, const SharedTest& test,
                             const ScorerOptions& options)
    : name_(std::move(name)),
      model_(model),
      scorer_(model, options),
      users_(id_mapping(test.users, model.users)),
      items_(id_mapping(test.items, model.items)) {}

bool ComparedModel::knows_anything() const {
  const auto known = [](std::int32_t index) { return index >= 0; };
  return std::ranges::any_of(users_, known) || std::ranges::any_of(items_, known);
}

Triples ComparedModel::by_own_indices(Triples test_ratings) const {
  return map_indices(std::move(test_ratings), users_, items_);
}

ErrorComparison compare_errors(std::span<const ComparedModel> models, const SharedTest& test,
                               const ComparisonOptions& options) {
  const Triples& ratings = test.ratings;
  const std::vector<std::size_t> starts = user_starts(ratings);
  const std::vector<std::uint8_t> known = known_to_all(models, ratings);
  std::vector<MeasuredModel> measured;
  ErrorComparison result;
  for (const ComparedModel& model : models) {
    measured.push_back(measure(model, ratings, starts, known));
    result.unknown_users.push_back(std::ranges::count_if(
        ratings.users, [&](std::int32_t user) { return model.user(user) < 0; }));
    result.unknown_items.push_back(std::ranges::count_if(
        ratings.items, [&](std::int32_t item) { return model.item(item) < 0; }));
  }
  result.users = static_cast<std::int64_t>(starts.size()) - 1;
  result.known_ratings = std::ranges::count(known, std::uint8_t{1});
  if (options.baseline == ComparisonOptions::Baseline::best) {
    result.baseline = smallest_rmse(measured);
  }
  const auto append = [&](std::vector<ErrorSums> MeasuredModel::*sums, const std::string& over) {
    append_errors(models,
                  {interleaved(measured, sums), models.size(), result.baseline, options.bootstrap},
                  over, result.baseline, result.figures);
  };
  append(&MeasuredModel::all, "all");
  if (result.known_ratings > 0 && result.known_ratings < ratings.size()) {
    append(&MeasuredModel::known, "known to all");
  }
  add_groups(models.front(), ratings, measured, result);
  add_residual_quantiles(measured, result);
  return result;
}

RankingComparison compare_rankings(std::span<const ComparedModel> models, const SharedTest& test,
                                   const RankingOptions& ranking, std::size_t baseline,
                                   const BootstrapOptions& bootstrap) {
  RankingComparison result{.top = ranking.top, .relevant_from = ranking.relevant_from};
  const Triples known = of_known_users(models, test.ratings);
  const std::size_t width = models.size();
  std::vector<RankingSums> values(static_cast<std::size_t>(test.users.size()) * width);
  for (std::size_t column = 0; column < width; ++column) {
    const ComparedModel& model = models[column];
    const UserRankings ranked =
        rank_users(model.scorer(), model.model(), ranking.train[column],
                   model.by_own_indices(known), ranking.top, ranking.relevant_from);
    place(ranked, model, test, column, width, values);
    result.catalogue_coverage.push_back(ranked.catalogue_coverage);
  }
  // Users without a relevant item have none in any model.
  std::vector<RankingSums> ranked_values;
  for (std::size_t at = 0; at < values.size(); at += width) {
    if (values[at].users == 0) continue;
    ranked_values.insert(ranked_values.end(), values.begin() + static_cast<std::ptrdiff_t>(at),
                         values.begin() + static_cast<std::ptrdiff_t>(at + width));
  }
  const PairedSums<RankingSums> sums(std::move(ranked_values), width, baseline, bootstrap);
  for (std::size_t figure = 0; figure < ranking_names.size(); ++figure) {
    const auto figure_of = [figure](const RankingSums& sum, std::size_t) {
      return sum.figures[figure] / sum.users;
    };
    result.figures.push_back({.name = ranking_names[figure],
                              .over = "ranked users",
                              .count = sums.users(),
                              .smaller_is_better = false,
                              .models = sums.figures(figure_of, std::vector<bool>(width, true))});
  }
  return result;
}

}  // namespace alsatian
