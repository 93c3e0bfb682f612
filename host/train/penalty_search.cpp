// Implements penalty_search.hpp.
// als and ls start each trial from a weaker λ: factors that a strong one has shrunk to nothing take
// many epochs to grow again. mle, whose steps grow shorter, trains every trial from its start.
#include "host/train/penalty_search.hpp"

#include "host/train/trainer.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/math/score.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <variant>

namespace alsatian {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double coarse_step = 4;
constexpr double farthest_factors = 256;  // of λ from the default, either way
constexpr double bias_step = 2;
constexpr double farthest_biases = 16;

/// A twentieth of a percent of the loss an epoch, as in tune, ends a trial that shows the way.
constexpr EarlyStop path_end{.patience = 1, .change = 5e-4};

/// To three digits, so that the value that is printed is the value that was trained.
double rounded(double value) {
  if (!(value > 0)) return value;
  const double digits = 2 - std::floor(std::log10(value));
  const double unit = std::pow(10.0, std::abs(digits));  // exact, as its inverse is not
  return digits >= 0 ? std::round(value * unit) / unit : std::round(value / unit) * unit;
}

bool are_same(const Regularization& left, const Regularization& right) {
  return left.factors == right.factors && left.biases == right.biases;
}

/// Sums of losses of each user's validation ratings; those of unknown users last.
std::vector<double> losses_by_user(const Dataset& dataset, const ModelSpec& spec,
                                   const Factors& factors) {
  const RatingScale scale = measure_scale(dataset.train, spec.likelihood);
  const Triples& ratings = dataset.validation;
  std::vector<double> losses(static_cast<std::size_t>(ratings.size()));
  const auto loss_of = [&](std::size_t entry) {
    const std::int32_t user = ratings.users[entry];
    const std::int32_t item = ratings.items[entry];
    const double user_bias = user < 0 ? 0 : factors.users.biases[static_cast<std::size_t>(user)];
    const double item_bias = item < 0 ? 0 : factors.items.biases[static_cast<std::size_t>(item)];
    const double interaction =
        user < 0 || item < 0
            ? 0
            : dot<double>(factors.users.row(user), factors.items.row(item), factors.users.rank);
    const double eta = score(scale.score_mean, user_bias, item_bias, interaction);
    const double rating = scale.standardise(ratings.ratings[entry]);
    return std::visit([&](const auto& choice) { return choice.loss_and_slope(eta, rating).loss; },
                      spec.likelihood);
  };
  constexpr std::int64_t grain = 4096;
  parallel_for(
      ratings.size(),
      [&](std::int64_t entry) {
        losses[static_cast<std::size_t>(entry)] = loss_of(static_cast<std::size_t>(entry));
      },
      grain);
  const auto users = static_cast<std::size_t>(dataset.users.size());
  std::vector<double> sums(users + 1);
  for (std::size_t entry = 0; entry < losses.size(); ++entry) {
    const std::int32_t user = ratings.users[entry];
    sums[user < 0 ? users : static_cast<std::size_t>(user)] += losses[entry];
  }
  return sums;
}

std::vector<std::int64_t> counts_by_user(const Dataset& dataset) {
  const auto users = static_cast<std::size_t>(dataset.users.size());
  std::vector<std::int64_t> counts(users + 1);
  for (const std::int32_t user : dataset.validation.users) {
    ++counts[user < 0 ? users : static_cast<std::size_t>(user)];
  }
  return counts;
}

/// Thrown out of a search that was asked to stop, and caught by it.
struct SearchStopped {};

}  // namespace

std::string_view penalty_trial_name(PenaltyTrialKind kind) {
  return kind == PenaltyTrialKind::path ? "path" : "whole";
}

PairedGain paired_gain(const std::vector<double>& first, const std::vector<double>& second,
                       const std::vector<std::int64_t>& counts) {
  double difference = 0;
  std::int64_t ratings = 0;
  std::int64_t users = 0;
  for (std::size_t user = 0; user < counts.size(); ++user) {
    difference += first[user] - second[user];
    ratings += counts[user];
    users += counts[user] > 0 ? 1 : 0;
  }
  PairedGain gain{difference / static_cast<double>(ratings), infinity};
  if (users < fewest_users_to_choose_by) return gain;
  double squares = 0;
  for (std::size_t user = 0; user < counts.size(); ++user) {
    const double expected = static_cast<double>(counts[user]) * gain.mean;
    squares += std::pow(first[user] - second[user] - expected, 2);
  }
  const auto drawn = static_cast<double>(users);
  gain.error = std::sqrt(drawn / (drawn - 1) * squares) / static_cast<double>(ratings);
  return gain;
}

PenaltySearch::PenaltySearch(const Dataset& dataset, const ModelSpec& spec,
                             PenaltySearchOptions options)
    : dataset_(dataset),
      spec_(spec),
      options_(std::move(options)),
      backend_(dataset, spec, options_.device) {}

std::optional<PenaltyChoice> PenaltySearch::run() {
  const Regularization given = spec_.regularization;
  const SearchedPenalties searched = options_.searched;
  const auto scaled = [](Regularization penalties, double factors, double biases) {
    if (factors != 1) penalties.factors = rounded(factors * penalties.factors);
    if (biases != 1) penalties.biases = rounded(biases * penalties.biases);
    return penalties;
  };
  try {
    along_factors_ = searched != SearchedPenalties::biases;
    line_ = [=](double times) {
      return scaled(given, searched == SearchedPenalties::biases ? 1 : times,
                    searched == SearchedPenalties::factors ? 1 : times);
    };
    for (const double times : {1 / coarse_step, 1.0, coarse_step}) try_point(times);
    climb(coarse_step, farthest_factors);
    refine(2);
    refine(std::sqrt(2.0));
    Regularization found = line_(tried_[best()].times);
    if (searched == SearchedPenalties::both) {
      along_factors_ = false;
      line_ = [=](double times) { return scaled(found, 1, times); };
      Tried from = std::move(tried_[best()]);
      from.times = 1;
      tried_.clear();
      tried_.push_back(std::move(from));
      try_point(1 / bias_step);
      try_point(bias_step);
      climb(bias_step, farthest_biases);
      found = line_(tried_[best()].times);
    }
    tried_.clear();
    return decide(found);
  } catch (const SearchStopped&) {
    return std::nullopt;
  }
}

/// Goes on beyond the end that is best.
void PenaltySearch::climb(double step, double farthest) {
  while (best() == 0 && tried_.front().times * farthest > 1) {
    try_point(tried_.front().times / step);
  }
  while (best() + 1 == tried_.size() && tried_.back().times < farthest) {
    try_point(tried_.back().times * step);
  }
}

/// Tries both sides of the best.
void PenaltySearch::refine(double step) {
  const double middle = tried_[best()].times;
  try_point(middle / step);
  try_point(middle * step);
}

void PenaltySearch::try_point(double times) {
  const auto place = std::ranges::lower_bound(tried_, times, {}, &Tried::times);
  if (place != tried_.end() && place->times == times) return;
  const auto index = place - tried_.begin();
  Tried tried{.times = times, .loss = infinity, .factors = std::nullopt};
  if (warm()) {
    tried.loss = path_loss(times, tried.factors);
  } else {
    const TrialFigures& figures = whole(line_(times)).figures;
    if (!figures.diverged) tried.loss = figures.loss;
  }
  tried_.insert(tried_.begin() + index, std::move(tried));
  forget_factors();
}

double PenaltySearch::path_loss(double times, std::optional<Factors>& factors) {
  const PenaltyTrial trial{PenaltyTrialKind::path, line_(times), {}};
  const Tried* from = start_for(times);
  TrialState state = from != nullptr ? backend_.warm(*from->factors) : backend_.cold();
  const double least = tried_.empty() ? infinity : tried_[best()].loss;
  if (!run_trial(trial, {.early_stop = path_end}, state, least)) return infinity;
  factors = backend_.factors();
  return state.figures.loss;
}

/// The first of equals: of penalties that predict alike, the weaker ones.
std::size_t PenaltySearch::best() const {
  return static_cast<std::size_t>(std::ranges::min_element(tried_, {}, &Tried::loss) -
                                  tried_.begin());
}

/// The strongest trial weaker than this one whose factors are there; along a line of biases, which
/// are there at once again, any. Nothing: none is.
const PenaltySearch::Tried* PenaltySearch::start_for(double times) const {
  const Tried* found = nullptr;
  for (const Tried& tried : tried_) {
    if (!tried.factors) continue;
    if (tried.times < times || (!along_factors_ && found == nullptr)) found = &tried;
  }
  return found;
}

/// But of the best trial and the next weaker one, which later ones start from.
void PenaltySearch::forget_factors() {
  const std::size_t kept = best();
  for (std::size_t trial = 0; trial < tried_.size(); ++trial) {
    if (trial != kept && trial + 1 != kept) tried_[trial].factors.reset();
  }
}

const PenaltySearch::Whole& PenaltySearch::whole(const Regularization& regularization) {
  const auto known = std::ranges::find_if(whole_, [&](const Whole& trained) {
    return are_same(trained.regularization, regularization);
  });
  if (known != whole_.end()) return *known;
  TrialRules rules{.keep_factors = true};
  const auto* mle = std::get_if<Mle>(&spec_.algorithm);
  if (options_.stops_early && mle != nullptr) {
    rules.counted = CountedEpoch::best;
    rules.early_stop = EarlyStop{.patience = mle->patience};
  }
  TrialState state = backend_.cold();
  const PenaltyTrial trial{PenaltyTrialKind::whole, regularization, {}};
  Whole trained{.regularization = regularization, .figures = {}, .losses = {}};
  if (run_trial(trial, rules, state, infinity)) {
    trained.losses = losses_by_user(dataset_, spec_, *state.counted_factors);
  }
  trained.figures = state.figures;
  whole_.push_back(std::move(trained));
  return whole_.back();
}

/// False where it diverged.
bool PenaltySearch::run_trial(const PenaltyTrial& trial, const TrialRules& rules, TrialState& state,
                              double loss_to_beat) {
  ModelSpec spec = spec_;
  spec.regularization = trial.regularization;
  if (!backend_.run(spec, rules, {spec.epochs, loss_to_beat}, options_.stop_requested, state)) {
    throw SearchStopped{};
  }
  ++trials_;
  epochs_ += state.figures.epochs;
  PenaltyTrial told = trial;
  told.figures = state.figures;
  options_.on_trial(told);
  return !state.figures.diverged;
}

PenaltyChoice PenaltySearch::decide(const Regularization& found) {
  PenaltyChoice choice{.given = spec_.regularization, .best = found};
  const Whole given = whole(choice.given);
  const Whole best = whole(found);
  choice.ratings = dataset_.validation.size();
  if (!given.figures.diverged) choice.given_rmse = given.figures.rmse;
  if (!best.figures.diverged) choice.best_rmse = best.figures.rmse;
  if (!are_same(choice.given, found) && choice.best_rmse) {
    if (!choice.given_rmse) {
      choice.chose_best = true;
    } else {
      const PairedGain gain = paired_gain(given.losses, best.losses, counts_by_user(dataset_));
      if (std::isfinite(gain.error)) {
        choice.gain_in_errors = gain.error > 0 ? gain.mean / gain.error : 0;
        choice.chose_best = *choice.gain_in_errors > least_gain_in_errors(choice.ratings);
      }
    }
  }
  choice.trials = trials_;
  choice.epochs = epochs_;
  return choice;
}

}  // namespace alsatian
