// Errors of predicted ratings: sums in double over chunks of fixed size, merged in order.
// The order of the sums depends on the data alone: any number of threads prints the same.
#include "host/error.hpp"
#include "host/evaluate/metrics.hpp"
#include "kernels/cpu/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace alsatian {
namespace {

constexpr std::int64_t ratings_per_chunk = 1 << 14;
constexpr std::array<std::int64_t, 7> bucket_starts{0, 1, 10, 30, 100, 300, 1000};

/// One rating against its prediction.
struct Observation {
  double rating;
  double prediction;
  double loss;      // at unit dispersion, standardised units
  double constant;  // of −log p
};

/// Sums over a group. Mean and squares of the ratings after Chan, Golub and LeVeque (1979), so
/// that equal ratings have a variance of exactly 0.
class Sums {
 public:
  void add(const Observation& observation) {
    const double error = observation.prediction - observation.rating;
    ++count_;
    squared_error_ += error * error;
    absolute_error_ += std::abs(error);
    loss_ += observation.loss;
    constant_ += observation.constant;
    const double distance = observation.rating - mean_;
    mean_ += distance / static_cast<double>(count_);
    squares_ += distance * (observation.rating - mean_);
  }

  void add(const Sums& other) {
    if (other.count_ == 0) return;
    const auto left = static_cast<double>(count_);
    const auto right = static_cast<double>(other.count_);
    const double distance = other.mean_ - mean_;
    count_ += other.count_;
    squared_error_ += other.squared_error_;
    absolute_error_ += other.absolute_error_;
    loss_ += other.loss_;
    constant_ += other.constant_;
    mean_ += distance * right / (left + right);
    squares_ += other.squares_ + distance * distance * left * right / (left + right);
  }

  std::int64_t count() const { return count_; }

  RatingErrors errors(std::string name, const Model& model) const {
    constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
    if (count_ == 0) return {std::move(name), 0, undefined, undefined, undefined, undefined};
    const auto count = static_cast<double>(count_);
    const double standardised_nll = std::visit(
        [&](const auto& choice) {
          return choice.mean_nll(loss_ / count, model.statistics.dispersion, constant_ / count);
        },
        model.spec.likelihood);
    return {std::move(name),
            count_,
            std::sqrt(squared_error_ / count),
            absolute_error_ / count,
            standardised_nll + model.scale.nll_offset(),
            squares_ > 0 ? 1 - squared_error_ / squares_ : undefined};
  }

 private:
  std::int64_t count_ = 0;
  double squared_error_ = 0;
  double absolute_error_ = 0;
  double loss_ = 0;
  double constant_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // Σ(rating − mean)²
};

struct Groups {
  Sums all;
  Sums clipped;
  Sums known;
  std::int64_t unknown_users = 0;
  std::int64_t unknown_items = 0;
  std::array<Sums, bucket_starts.size()> by_user;
  std::array<Sums, bucket_starts.size()> by_item;

  void add(const Groups& other) {
    all.add(other.all);
    clipped.add(other.clipped);
    known.add(other.known);
    unknown_users += other.unknown_users;
    unknown_items += other.unknown_items;
    for (std::size_t bucket = 0; bucket < bucket_starts.size(); ++bucket) {
      by_user[bucket].add(other.by_user[bucket]);
      by_item[bucket].add(other.by_item[bucket]);
    }
  }
};

std::size_t bucket_of(const std::vector<std::int32_t>& counts, std::int32_t row) {
  const std::int64_t count = row >= 0 ? counts[static_cast<std::size_t>(row)] : 0;
  const auto next = std::ranges::upper_bound(bucket_starts, count);
  return static_cast<std::size_t>(next - bucket_starts.begin()) - 1;
}

std::string bucket_name(std::string_view side, std::size_t bucket) {
  const std::int64_t first = bucket_starts[bucket];
  if (bucket + 1 == bucket_starts.size()) {
    return fmt::format("{} with {} or more ratings", side, first);
  }
  const std::int64_t last = bucket_starts[bucket + 1] - 1;
  return first == last ? fmt::format("{} with {} ratings", side, first)
                       : fmt::format("{} with {}-{} ratings", side, first, last);
}

/// Compares ratings with predictions; the likelihood is known, so nothing is dispatched per rating.
template <typename Choice>
class Comparison {
 public:
  Comparison(const Scorer& scorer, const Model& model) : scorer_(scorer), model_(model) {}

  void add(std::int32_t user, std::int32_t item, double rating, Groups& groups) const {
    if (!Choice::in_domain(rating)) {
      throw Error(ExitCode::bad_data, "test ratings",
                  fmt::format("rating {} cannot come from likelihood {}, which takes {}", rating,
                              Choice::name, Choice::domain),
                  "test on ratings of the kind that the model was trained on");
    }
    const double score = scorer_.score(user, item);
    const Observation plain = observe(score, Choice::mean(score), rating);
    const Observation clipped = clip(plain);
    const Observation& figure = scorer_.options().clip ? clipped : plain;
    groups.all.add(figure);
    groups.clipped.add(clipped);
    if (user >= 0 && item >= 0) groups.known.add(figure);
    groups.unknown_users += user < 0;
    groups.unknown_items += item < 0;
    groups.by_user[bucket_of(model_.user_counts, user)].add(figure);
    groups.by_item[bucket_of(model_.item_counts, item)].add(figure);
  }

 private:
  Observation clip(const Observation& plain) const {
    const double clipped = std::clamp(plain.prediction, model_.scale.lowest, model_.scale.highest);
    return clipped == plain.prediction ? plain
                                       : observe(Choice::link(clipped), clipped, plain.rating);
  }

  Observation observe(double score, double prediction, double rating) const {
    const RatingScale& scale = model_.scale;
    const double loss =
        Choice::loss_and_slope(scale.standardise(score), scale.standardise(rating)).loss;
    return {rating, prediction, loss, Choice::constant(rating)};
  }

  const Scorer& scorer_;
  const Model& model_;
};

template <typename Choice>
Groups compare(const Scorer& scorer, const Model& model, const Triples& test) {
  const Comparison<Choice> comparison(scorer, model);
  const std::int64_t chunks = (test.size() + ratings_per_chunk - 1) / ratings_per_chunk;
  std::vector<Groups> parts(static_cast<std::size_t>(chunks));
  parallel_for(chunks, [&](std::int64_t chunk) {
    const std::int64_t last = std::min((chunk + 1) * ratings_per_chunk, test.size());
    for (std::int64_t i = chunk * ratings_per_chunk; i < last; ++i) {
      const auto index = static_cast<std::size_t>(i);
      comparison.add(test.users[index], test.items[index], test.ratings[index],
                     parts[static_cast<std::size_t>(chunk)]);
    }
  });
  Groups total;
  for (const Groups& part : parts) total.add(part);
  return total;
}

std::vector<RatingErrors> bucket_errors(const std::array<Sums, bucket_starts.size()>& buckets,
                                        std::string_view side, const Model& model) {
  std::vector<RatingErrors> errors;
  for (std::size_t bucket = 0; bucket < buckets.size(); ++bucket) {
    if (buckets[bucket].count() == 0) continue;
    errors.push_back(buckets[bucket].errors(bucket_name(side, bucket), model));
  }
  return errors;
}

}  // namespace

RatingEvaluation evaluate_ratings(const Scorer& scorer, const Model& model, const Triples& test) {
  const Groups groups = std::visit(
      [&](const auto& choice) {
        return compare<std::remove_cvref_t<decltype(choice)>>(scorer, model, test);
      },
      model.spec.likelihood);
  RatingEvaluation evaluation;
  evaluation.all = groups.all.errors("all", model);
  evaluation.all_clipped = groups.clipped.errors("all, clipped", model);
  evaluation.known = groups.known.errors("known users and items", model);
  evaluation.unknown_users = groups.unknown_users;
  evaluation.unknown_items = groups.unknown_items;
  evaluation.coverage =
      static_cast<double>(groups.known.count()) / static_cast<double>(groups.all.count());
  evaluation.by_user_activity = bucket_errors(groups.by_user, "users", model);
  evaluation.by_item_popularity = bucket_errors(groups.by_item, "items", model);
  return evaluation;
}

}  // namespace alsatian
