// Turns on the backend: a chain's state is put back before its sweep and taken out after it.
// One chain alone stays where it is.
#include "host/train/gibbs_chains.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace alsatian {
namespace {

std::vector<const Triples*> held_out_of(const Dataset& dataset) {
  std::vector<const Triples*> held_out;
  if (dataset.validation.size() > 0) held_out.push_back(&dataset.validation);
  for (const TestSet& test : dataset.tests) held_out.push_back(&test.ratings);
  return held_out;
}

/// Nothing where a chain has no such figure.
template <typename Figure>
std::optional<double> mean_over(const std::vector<ChainStats>& chains, const Figure& figure) {
  double sum = 0;
  for (const ChainStats& chain : chains) {
    const std::optional<double> value = figure(chain);
    if (!value) return std::nullopt;
    sum += *value;
  }
  return sum / static_cast<double>(chains.size());
}

/// Rows whose draws say something: those with ratings, and those that a file describes.
std::vector<std::int32_t> known_rows(std::vector<std::int32_t> counts,
                                     const SideFeatures& features) {
  for (std::size_t row = 0; features.count() > 0 && row < counts.size(); ++row) {
    if (features.described[row] != 0) counts[row] = std::max(counts[row], 1);
  }
  return counts;
}

}  // namespace

GibbsChains::GibbsChains(Backend& backend, const Dataset& dataset, const ModelSpec& spec,
                         const RatingScale& scale, std::vector<std::int32_t> user_counts,
                         std::vector<std::int32_t> item_counts)
    : backend_(backend),
      dataset_(dataset),
      spec_(spec),
      scale_(scale),
      known_users_(known_rows(std::move(user_counts), dataset.user_features)),
      known_items_(known_rows(std::move(item_counts), dataset.item_features)),
      posterior_(spec, scale, held_out_of(dataset),
                 std::max(spec.epochs - std::get<Bayes>(spec.algorithm).burn_in, 1)) {}

void GibbsChains::sweep(int epoch, bool starts_from_model, const std::function<void()>& check_rows,
                        EpochStats& stats) {
  if (epoch == 1) start(starts_from_model, stats);
  const bool counts = epoch > bayes().burn_in;
  for (int chain = 0; chain < bayes().chains; ++chain) {
    const auto index = static_cast<std::size_t>(chain);
    if (!states_.empty()) backend_.restore(states_[index]);
    const GibbsReport report = backend_.gibbs_sweep(epoch - 1, chain);
    check_rows();
    noise_precision_ = report.noise_precision;
    if (counts) add_draw(posterior_, chain);
    stats.chains.push_back(measure(report, counts));
    if (counts) trace(stats.chains.back(), index);
    stats.user_weight_steps = std::max(stats.user_weight_steps, report.user_weight_steps);
    stats.item_weight_steps = std::max(stats.item_weight_steps, report.item_weight_steps);
    if (!states_.empty()) states_[index] = backend_.state();
  }
  const auto& chains = stats.chains;
  stats.sigma = mean_over(chains, [](const auto& chain) { return std::optional(chain.sigma); });
  stats.user_weight_precision =
      mean_over(chains, [](const auto& chain) { return chain.user_weight_precision; });
  stats.item_weight_precision =
      mean_over(chains, [](const auto& chain) { return chain.item_weight_precision; });
  stats.draws = posterior_.draws();
}

void GibbsChains::start(bool from_model, EpochStats& stats) {
  const int chains = bayes().chains;
  const Factors first = chains > 1 ? backend_.factors() : Factors{};
  for (int chain = 0; chain < chains; ++chain) {
    if (chain > 0) {
      backend_.set_factors(from_model ? first
                                      : start_factors(dataset_.users.size(), dataset_.items.size(),
                                                      spec_.rank, spec_.start_deviation, spec_.seed,
                                                      static_cast<std::uint32_t>(chain)));
    }
    start_chain(from_model, stats);
    if (chains > 1) states_.push_back(backend_.state());
  }
}

void GibbsChains::start_chain(bool from_model, EpochStats& stats) {
  for (int epoch = 0; !from_model && epoch < bayes().start_epochs; ++epoch) {
    for (const Side side : {Side::users, Side::items}) {
      stats.repaired_pivots += backend_.als_half_sweep(side).repaired_pivots;
    }
  }
  backend_.start_gibbs();
}

ChainStats GibbsChains::measure(const GibbsReport& report, bool counts) const {
  ChainStats chain;
  chain.sigma = scale_.bias_unit() / std::sqrt(report.noise_precision);
  if (bayes().features != Features::none) {
    chain.user_weight_precision = report.user_weight_precision;
    chain.item_weight_precision = report.item_weight_precision;
  }
  if (counts && !dataset_.tests.empty()) {
    chain.test_rmse = posterior_.last_draw_rmse(dataset_.validation.size() > 0 ? 1 : 0);
  }
  return chain;
}

void GibbsChains::trace(const ChainStats& chain, std::size_t index) {
  traces_.add("sigma", index, chain.sigma);
  const auto add = [&](std::string_view name, const std::optional<double>& value) {
    if (value) traces_.add(name, index, *value);
  };
  add("user_weight_precision", chain.user_weight_precision);
  add("item_weight_precision", chain.item_weight_precision);
  add("test_rmse", chain.test_rmse);
}

void GibbsChains::add_draw(Posterior& posterior, int chain) const {
  const CenteredDraw draw = center(backend_.factors(), known_users_, known_items_);
  if (!posterior.add(draw, noise_precision_, chain)) return;
  posterior.keep_prior(backend_.gibbs_user_prior(), draw, noise_precision_);
}

ErrorSums GibbsChains::take_draws(Model& model) const {
  ModelSpec alone = spec_;
  alone.algorithm = Bayes{.keep = 1, .likelihood_power = bayes().likelihood_power};
  Posterior last(alone, scale_, {}, 1);
  if (posterior_.kept() == 0) add_draw(last, 0);
  const Posterior& kept = posterior_.kept() > 0 ? posterior_ : last;
  CenteredDraw mean = kept.model_factors();
  const ErrorSums errors = errors_of(mean, dataset_.train, scale_);
  model.factors = to_rating_units(std::move(mean.factors), scale_);
  model.scale.score_mean = mean.constant;
  model.draws = kept.kept();
  model.draw_biases = kept.draw_biases();
  model.draw_priors = kept.draw_priors();
  return errors;
}

}  // namespace alsatian
