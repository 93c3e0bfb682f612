// From a data set to what a backend trains on: standardised ratings in both orientations.
// Made once for a training, whatever its backend: none of them sees ids or raw ratings.
#include "host/error.hpp"
#include "host/ratings/row_offsets.hpp"
#include "host/train/trainer.hpp"
#include "kernels/cpu/chunked_sum.hpp"
#include "kernels/cpu/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

namespace alsatian {
namespace {

/// term(rating) over all ratings, added up in fixed chunks.
template <typename Term>
double sum_of(const Triples& ratings, const Term& term) {
  return cpu::chunked_sum<double>(ratings.size(), [&](std::int64_t first, std::int64_t last) {
    return cpu::interleaved_sum(first, last, [&](std::int64_t entry) {
      return term(ratings.ratings[static_cast<std::size_t>(entry)]);
    });
  });
}

struct Extremes {
  float lowest = std::numeric_limits<float>::infinity();
  float highest = -std::numeric_limits<float>::infinity();

  Extremes& operator+=(const Extremes& other) {
    lowest = std::min(lowest, other.lowest);
    highest = std::max(highest, other.highest);
    return *this;
  }
};

Extremes extremes_of(std::span<const float> ratings) {
  return cpu::chunked_sum<Extremes>(
      std::ssize(ratings), [&](std::int64_t first, std::int64_t last) {
        Extremes extremes;
        for (std::int64_t entry = first; entry < last; ++entry) {
          const float rating = ratings[static_cast<std::size_t>(entry)];
          extremes += {rating, rating};
        }
        return extremes;
      });
}

/// Throws where a rating cannot come from the likelihood.
void check_domain(const Triples& ratings, const Likelihood& likelihood, std::string_view part) {
  std::visit(
      [&](const auto& choice) {
        const auto is_outside = [&](float rating) { return !choice.in_domain(rating); };
        if (sum_of(ratings, [&](float rating) { return is_outside(rating) ? 1.0 : 0.0; }) == 0) {
          return;
        }
        const auto outside = std::ranges::find_if(ratings.ratings, is_outside);
        const bool binary = choice.name == Bernoulli::name;
        throw Error(ExitCode::bad_data, fmt::format("--likelihood {}", choice.name),
                    fmt::format("the {} ratings hold {}, and {} explains {} only", part, *outside,
                                choice.name, choice.domain),
                    binary
                        ? "cut ratings to 0 and 1 with --positive 4, or use --likelihood gaussian"
                        : "use --likelihood gaussian");
      },
      likelihood);
}

double checked_link(double mean, const Likelihood& likelihood) {
  const double linked =
      std::visit([&](const auto& choice) { return choice.link(mean); }, likelihood);
  if (std::isfinite(linked)) return linked;
  throw Error(ExitCode::bad_data, fmt::format("--likelihood {}", likelihood_name(likelihood)),
              fmt::format("all training ratings are {}: there is nothing to learn", mean),
              "check --positive, or use --likelihood gaussian");
}

void standardise(std::vector<float>& ratings, const RatingScale& scale) {
  constexpr std::int64_t grain = 1 << 14;
  parallel_for(
      std::ssize(ratings),
      [&](std::int64_t entry) {
        float& rating = ratings[static_cast<std::size_t>(entry)];
        rating = static_cast<float>(scale.standardise(rating));
      },
      grain);
}

HeldOut make_held_out(const Triples& ratings, const RatingScale& scale) {
  HeldOut held_out{ratings.users, ratings.items, ratings.ratings};
  standardise(held_out.ratings, scale);
  return held_out;
}

}  // namespace

double loss_of_the_mean(const Triples& ratings, const RatingScale& scale,
                        const Likelihood& likelihood) {
  return std::visit(
      [&](const auto& choice) {
        return sum_of(ratings, [&](float rating) {
          return double{choice.loss_and_slope(scale.score_mean, scale.standardise(rating)).loss};
        });
      },
      likelihood);
}

RatingScale measure_scale(const Triples& train, const Likelihood& likelihood) {
  check_domain(train, likelihood, "training");
  const auto count = static_cast<double>(train.size());
  const double mean = sum_of(train, [](float rating) { return double{rating}; }) / count;
  const double squares =
      sum_of(train, [&](float rating) { return (rating - mean) * (rating - mean); });
  const Extremes extremes = extremes_of(train.ratings);

  RatingScale scale;
  scale.lowest = extremes.lowest;
  scale.highest = extremes.highest;
  if (is_standardised(likelihood)) {
    const double deviation = std::sqrt(squares / count);
    scale.mean = mean;
    scale.deviation = deviation > 0 ? deviation : 1.0;
  } else {
    scale.score_mean = checked_link(mean, likelihood);
  }
  return scale;
}

ProblemOptions problem_options(const ModelSpec& spec, const DeviceOptions& device) {
  if (!chooses_cuda(spec, device)) return {};
  return {.grid = grid_for_warps, .by_item = RatingsByItem::offsets};
}

TrainingProblem with_spec(const TrainingProblem& problem, const ModelSpec& spec) {
  TrainingProblem other{.spec = spec,
                        .scale = problem.scale,
                        .by_user = problem.by_user,
                        .by_item = problem.by_item,
                        .schedule = problem.schedule,
                        .held_out = problem.held_out,
                        .start = {}};
  other.start = start_factors(problem.start.users.rows, problem.start.items.rows, spec.rank,
                              spec.start_deviation, spec.seed);
  return other;
}

TrainingProblem make_problem(const Dataset& dataset, const ModelSpec& spec, const Model* init,
                             const ProblemOptions& options) {
  TrainingProblem problem;
  problem.spec = spec;
  problem.scale = measure_scale(dataset.train, spec.likelihood);
  problem.by_user = compress_by_user(dataset.train, dataset.users.size());
  standardise(problem.by_user.values, problem.scale);
  if (std::holds_alternative<Mle>(spec.algorithm)) {
    const std::int32_t items = dataset.items.size();
    problem.schedule = is_hogwild(spec.algorithm)
                           ? make_hogwild_schedule(problem.by_user, items, spec.seed)
                           : make_sgd_schedule(problem.by_user, items, spec.seed, options.grid);
  }
  if (options.by_item == RatingsByItem::complete) {
    problem.by_item = transpose(problem.by_user, dataset.items.size());
  } else {
    problem.by_item.offsets = count_offsets(problem.by_user.columns, dataset.items.size());
  }
  if (dataset.validation.size() > 0) {
    check_domain(dataset.validation, spec.likelihood, "validation");
    problem.held_out.push_back(make_held_out(dataset.validation, problem.scale));
  }
  for (const TestSet& test : dataset.tests) {
    check_domain(test.ratings, spec.likelihood, "test");
    problem.held_out.push_back(make_held_out(test.ratings, problem.scale));
  }
  problem.start = start_factors(dataset.users.size(), dataset.items.size(), spec.rank,
                                spec.start_deviation, spec.seed);
  if (init != nullptr) {
    start_from(*init, dataset.users, dataset.items, spec, problem.scale, problem.start);
  }
  return problem;
}

}  // namespace alsatian
