// The engine's verbs of Gibbs sampling. What is small is drawn on the host, between them.
// See kernels/cpu/gibbs.cpp for the order in which a sweep calls them.
#include "kernels/cuda/engine_gibbs.hpp"

#include <utility>

namespace alsatian::cuda {
namespace {

int order_of(const EngineSpec& spec) { return spec.rank + (spec.biases ? 1 : 0); }

const GibbsStreams& streams_of(Side side) {
  return side == Side::users ? gibbs_user_streams : gibbs_item_streams;
}

void check_order(const EngineSpec& spec, const GibbsPriorView& prior) {
  const std::int64_t order = order_of(spec);
  require(prior.mean.size() == order && prior.matrix.size() == order * order,
          "a prior has another order than the rows");
  require(prior.precision > 0, "a precision is not above 0");
}

}  // namespace

Engine::Gibbs::Gibbs(const Context& context, Rows& users, Rows& items,
                     const CsrView<float>& by_user, const EngineSpec& spec,
                     const EngineLimits& limits)
    : entries(context, order_of(spec)),
      vectors(context),
      moments(context, order_of(spec)),
      user_rows(context, users.host(), static_cast<AlsSide*>(users.solve.get()), spec.rank,
                spec.biases),
      item_rows(context, items.host(), static_cast<AlsSide*>(items.solve.get()), spec.rank,
                spec.biases) {
  if (!spec.implicit_features) {
    return;
  }
  user_features.emplace(context, users.ratings(), items.ratings(), users.host(), items.host(),
                        diagonal_of_features(by_user, items.rows()), spec.rank, spec.biases,
                        limits.segment_ratings);
  item_features.emplace(context, items.ratings(), users.ratings(), items.host(), users.host(),
                        diagonal_of_features(by_user, items.host()), spec.rank, spec.biases,
                        limits.segment_ratings);
}

std::int64_t Engine::Gibbs::bytes(View<const std::int64_t> user_offsets,
                                  View<const std::int64_t> item_offsets, const EngineSpec& spec,
                                  const EngineLimits& limits) {
  const auto features = [&](View<const std::int64_t> own, View<const std::int64_t> opposite) {
    return spec.implicit_features
               ? GibbsFeatures::bytes(own, opposite, spec.rank, spec.biases, limits.segment_ratings)
               : 0;
  };
  return EntrySums::bytes(order_of(spec)) + VectorSums::bytes() +
         RowMoments::bytes(order_of(spec)) +
         GibbsRows::bytes(user_offsets, spec.rank, spec.biases) +
         GibbsRows::bytes(item_offsets, spec.rank, spec.biases) +
         features(user_offsets, item_offsets) + features(item_offsets, user_offsets);
}

void Engine::start_gibbs() {
  require(gibbs_ != nullptr, "the problem was made for another algorithm");
  for (const Side side : {Side::users, Side::items}) {
    if (GibbsFeatures* const features = gibbs_->features_of(side)) {
      clear(context_.compute(), features->weights().factors);
      clear(context_.compute(), features->weights().biases);
    }
  }
  context_.compute().synchronize();
}

void Engine::gibbs_moments(Side side, bool of_weights, std::span<double> moments) {
  require(gibbs_ != nullptr, "the problem was made for another algorithm");
  const auto order = static_cast<std::size_t>(order_of(spec_)) + 1;
  require(moments.size() == order * order, "moments have another order than the rows");
  GibbsFeatures* const features = gibbs_->features_of(side);
  require(features != nullptr || !of_weights, "the problem has no features");
  MomentRows rows{.rows = {}, .known = {}, .biases = spec_.biases};
  if (of_weights) {
    rows.rows = std::as_const(*features).weights();
  } else {
    rows.rows = rows_of(side).table();
    if (features != nullptr) {
      rows.known = features->means();
    }
  }
  gibbs_->moments.sum(gibbs_->vectors, rows, moments);
}

void Engine::scale_gibbs(Side side, double rows_by, double weights_by) {
  require(gibbs_ != nullptr && gibbs_->features_of(side) != nullptr, "the problem has no features");
  GibbsFeatures& features = *gibbs_->features_of(side);
  objective_.reset();
  features.add_means(gibbs_->entries, static_cast<float>(rows_by),
                     rows_of(side).parameters.table());
  if (weights_by != 1) {
    features.scale(gibbs_->entries, static_cast<float>(weights_by));
  }
  context_.compute().synchronize();
}

int Engine::draw_gibbs_weights(Side side, const GibbsKey& key, const GibbsPriorView& prior) {
  require(gibbs_ != nullptr && gibbs_->features_of(side) != nullptr, "the problem has no features");
  check_order(spec_, prior);
  const int steps = gibbs_->features_of(side)->draw({.key = key,
                                                     .streams = streams_of(side),
                                                     .mean = prior.mean,
                                                     .inverse_root = prior.matrix,
                                                     .weight_precision = prior.precision},
                                                    gibbs_->entries, rows_of(side).table(),
                                                    gibbs_->rows_of(side).scratch());
  context_.compute().synchronize();
  return steps;
}

void Engine::draw_gibbs_rows(Side side, const GibbsKey& key, const GibbsPriorView& prior) {
  require(gibbs_ != nullptr, "the problem was made for another algorithm");
  check_order(spec_, prior);
  GibbsFeatures* const features = gibbs_->features_of(side);
  objective_.reset();
  const AlsTask task = rows_of(side).task(spec_, opposite_of(side).table(), repaired_.span());
  gibbs_->rows_of(side).draw(task,
                             {.key = key,
                              .stream = streams_of(side).rows,
                              .mean = prior.mean,
                              .precision = prior.matrix,
                              .noise_precision = prior.precision},
                             gibbs_->entries,
                             features != nullptr ? features->means() : DeviceTable<const float>());
  context_.compute().synchronize();
}

}  // namespace alsatian::cuda
