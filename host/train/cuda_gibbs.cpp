// The order of a sweep's draws, which is that of kernels/cpu/gibbs.cpp.
// A few kilobytes go either way for each draw; rows and weights stay on the device.
#include "host/train/cuda_gibbs.hpp"

#include <array>
#include <cmath>
#include <string_view>
#include <utility>

namespace alsatian {
namespace {

std::int32_t to_side(Side side) {
  return side == Side::users ? ALSATIAN_CUDA_USERS : ALSATIAN_CUDA_ITEMS;
}

AlsatianCudaDrawKey to_key(const GibbsKey& key) { return {key.seed, key.sweep, key.chain}; }

AlsatianDoubles to_doubles(std::span<const double> values) {
  return {values.data(), static_cast<std::int64_t>(values.size())};
}

const Bayes& bayes_of(const ModelSpec& spec) { return std::get<Bayes>(spec.algorithm); }

}  // namespace

CudaGibbs::CudaGibbs(const AlsatianCudaTable& table, AlsatianCudaEngine* engine,
                     const ModelSpec& spec, std::int64_t users, std::int64_t items,
                     std::int64_t observations)
    : table_(table),
      engine_(engine),
      observations_(static_cast<double>(observations)),
      likelihood_power_(bayes_of(spec).likelihood_power),
      order_(spec.rank + (spec.biases ? 1 : 0)) {
  const bool implicit = bayes_of(spec).features == Features::implicit;
  users_ = {Side::users, users, implicit ? items : 0, gibbs_user_streams, {}};
  items_ = {Side::items, items, implicit ? users : 0, gibbs_item_streams, {}};
  for (DrawnSide* side : {&users_, &items_}) {
    side->prior.mean.resize(static_cast<std::size_t>(order_));
    side->prior.precision = cpu::SquareMatrix(order_);
  }
}

void CudaGibbs::start() {
  call(table_.gibbs_start);
  // Without weights nothing is expected of rows by their features.
  for (DrawnSide* side : {&users_, &items_}) side->prior = cpu::start_prior(moments(*side, false));
  noise_precision_ = (2 * GibbsPrior::noise_shape + observations_) /
                     (2 * GibbsPrior::noise_rate + squared_error());
}

GibbsReport CudaGibbs::sweep(const GibbsKey& key) {
  GibbsReport report;
  const double precision = likelihood_power_ * noise_precision_;
  report.user_weight_steps = draw(users_, key, precision);
  report.item_weight_steps = draw(items_, key, precision);
  noise_precision_ = cpu::draw_noise_precision(likelihood_power_ * observations_,
                                               likelihood_power_ * squared_error(), key);
  report.noise_precision = noise_precision_;
  report.user_weight_precision = users_.prior.weight_precision;
  report.item_weight_precision = items_.prior.weight_precision;
  return report;
}

int CudaGibbs::draw(DrawnSide& side, const GibbsKey& key, double noise_precision) {
  int steps = 0;
  cpu::RowMoments weights(order_);
  if (side.features > 0) {
    steps = draw_weights(side, key);
    weights = moments(side, true);
    side.prior.weight_precision =
        cpu::draw_weight_precision(weights, side.prior, side.streams, key);
  }
  cpu::draw_prior(moments(side, false), weights, side.streams, key, side.prior);
  draw_rows(side, key, noise_precision);
  if (side.features > 0) scale_weights(side, key, noise_precision);
  return steps;
}

/// With rows + t·F·B the squared error is S(t) = S(0) − 2t·Σ e d + t²·Σ d²: three say both sums.
void CudaGibbs::scale_weights(DrawnSide& side, const GibbsKey& key, double noise_precision) {
  const auto scale_by = [&](double rows_by, double weights_by) {
    call(table_.gibbs_scale, to_side(side.side), rows_by, weights_by);
  };
  const double here = squared_error();
  scale_by(1, 1);
  const double beyond = squared_error();
  scale_by(-2, 1);
  const double before = squared_error();
  const double scale = cpu::draw_weight_scale(noise_precision * ((beyond + before) / 2 - here),
                                              noise_precision * (before - beyond) / 4, side.prior,
                                              side.streams, key);
  scale_by(scale, scale);  // from rows − F·B to rows + (c − 1)·F·B
  side.prior.weight_precision /= scale * scale;
}

int CudaGibbs::draw_weights(const DrawnSide& side, const GibbsKey& key) {
  const cpu::SquareMatrix inverse_root =
      cpu::inverse_of_lower(cpu::cholesky_of(side.prior.precision));
  const AlsatianCudaDrawKey words = to_key(key);
  const AlsatianCudaPrior prior{to_doubles(side.prior.mean), to_doubles(inverse_root.entries()),
                                side.prior.weight_precision};
  std::int32_t steps = 0;
  call(table_.gibbs_draw_weights, to_side(side.side), &words, &prior, &steps);
  return steps;
}

void CudaGibbs::draw_rows(const DrawnSide& side, const GibbsKey& key, double noise_precision) {
  const AlsatianCudaDrawKey words = to_key(key);
  const AlsatianCudaPrior prior{to_doubles(side.prior.mean),
                                to_doubles(side.prior.precision.entries()), noise_precision};
  call(table_.gibbs_draw_rows, to_side(side.side), &words, &prior);
}

cpu::RowMoments CudaGibbs::moments(const DrawnSide& side, bool of_weights) const {
  const std::int64_t width = order_ + 1;
  std::vector<double> sums(static_cast<std::size_t>(width * width));
  call(table_.gibbs_moments, to_side(side.side), std::int32_t{of_weights ? 1 : 0}, sums.data());
  const auto at = [&](std::int64_t row, std::int64_t column) {
    return sums[static_cast<std::size_t>(row * width + column)];
  };
  cpu::RowMoments result(order_);
  result.count = of_weights ? side.features : side.rows;
  for (std::int64_t row = 0; row < order_; ++row) {
    result.sum[static_cast<std::size_t>(row)] = at(order_, row);
    for (std::int64_t column = 0; column <= row; ++column) {
      result.products(row, column) = at(row, column);
      result.products(column, row) = at(row, column);
    }
  }
  return result;
}

double CudaGibbs::squared_error() const {
  AlsatianCudaObjective objective{};
  call(table_.objective, &objective);
  return objective.train.squared_error;
}

std::vector<StatePlace> CudaGibbs::places() {
  std::vector<StatePlace> places;
  const auto add_side = [&](const std::array<std::string_view, 3>& names, cpu::SidePrior& prior) {
    places.push_back({names[0], prior.mean.data(), order_});
    places.push_back({names[1], prior.precision.entries().data(), order_, order_, order_});
    places.push_back({names[2], &prior.weight_precision});
  };
  add_side({"user_mean", "user_precision", "user_weight_precision"}, users_.prior);
  add_side({"item_mean", "item_precision", "item_weight_precision"}, items_.prior);
  places.push_back({"noise_precision", &noise_precision_});
  return places;
}

}  // namespace alsatian
