// Small models of every shape that a file can hold: integer and string ids, titles, rank 0, empty.
// None is trained: tests of files and scores need shapes, not quality.
#pragma once

#include "host/model/half.hpp"
#include "host/model/model.hpp"
#include "kernels/math/random.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace alsatian::testing {

struct ModelShape {
  std::int32_t users = 5;
  std::int32_t items = 7;
  std::int32_t rank = 3;
  IdKind ids = IdKind::integer;
  bool titles = false;
  Likelihood likelihood = Gaussian{};
  std::uint64_t seed = 17;
  std::int32_t draws = 0;  // of bayes; 0: of als
};

/// Distinct ascending ids with gaps, some of them negative, or strings of 1 to 3 bytes and more.
inline IdIndex sample_ids(std::int32_t size, IdKind kind) {
  if (kind == IdKind::integer) {
    std::vector<std::int64_t> integers;
    for (std::int64_t i = 0; i < size; ++i) integers.push_back(i * i * 1'000'000'007 - 3);
    return IdIndex(std::move(integers));
  }
  std::vector<std::string> names;
  for (std::int32_t i = 0; i < size; ++i) names.push_back(fmt::format("{}\xc3\xa9,\"{}", i % 3, i));
  std::sort(names.begin(), names.end());
  StringTable table;
  for (const std::string& name : names) table.push_back(name);
  return IdIndex(std::move(table));
}

/// Random factors and biases of about 1; every row has training ratings.
inline Model sample_model(const ModelShape& shape) {
  Model model;
  model.spec.rank = shape.rank;
  model.spec.likelihood = shape.likelihood;
  model.spec.seed = 18446744073709551557ULL;
  if (is_standardised(shape.likelihood)) {
    model.scale = {
        .mean = 3.5298, .deviation = 1.1256, .score_mean = 0, .lowest = .5, .highest = 5};
  } else {
    model.scale = {.mean = 0, .deviation = 1, .score_mean = -0.3, .lowest = 0, .highest = 1};
  }
  model.users = sample_ids(shape.users, shape.ids);
  model.items = sample_ids(shape.items, shape.ids);
  const auto fill = [&](std::vector<float>& values, RandomStream stream) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Random4 draw = philox(shape.seed, stream, i, 0);
      values[i] = static_cast<float>(normal(draw.word[0], draw.word[1]).value[0]);
    }
  };
  if (shape.draws > 0) {
    model.spec.algorithm = Bayes{.burn_in = 7, .keep = shape.draws};
    model.scale.score_mean = -0.125;
    model.draws = shape.draws;
  }
  model.factors.users = SideFactors(shape.users, shape.rank * model.draws);
  model.factors.items = SideFactors(shape.items, shape.rank * model.draws);
  fill(model.factors.users.factors, RandomStream::user_start);
  fill(model.factors.users.biases, RandomStream::user_order);
  fill(model.factors.items.factors, RandomStream::item_start);
  fill(model.factors.items.biases, RandomStream::item_order);
  if (shape.draws > 0) {
    for (std::int32_t draw = 0; draw < shape.draws; ++draw) {
      model.draw_biases.constants.push_back(0.1 * draw - 0.2);
    }
    model.draw_biases.users.resize(static_cast<std::size_t>(shape.users * shape.draws));
    model.draw_biases.items.resize(static_cast<std::size_t>(shape.items * shape.draws));
    fill(model.draw_biases.users, RandomStream::gibbs_user_rows);
    fill(model.draw_biases.items, RandomStream::gibbs_item_rows);
    for (std::vector<float>* biases : {&model.draw_biases.users, &model.draw_biases.items}) {
      for (float& bias : *biases) bias = rounded_to_half(bias);
    }
    const std::int32_t order = shape.rank + 1;
    for (std::int32_t draw = 0; draw < shape.draws; ++draw) {
      model.draw_priors.noise_precisions.push_back(1.5 + draw);
      for (std::int32_t j = 0; j < order; ++j) {
        model.draw_priors.user_means.push_back(0.5 - 0.125 * j);
        model.draw_priors.item_means.push_back(0.25 * j - 0.5);
        for (std::int32_t q = 0; q < order; ++q) {
          model.draw_priors.precisions.push_back(q == j ? 8.0 + j : 0.5);
        }
      }
    }
    model.draw_priors.weights.resize(static_cast<std::size_t>(shape.items * shape.draws * order));
    fill(model.draw_priors.weights, RandomStream::gibbs_user_weights);
    for (float& weight : model.draw_priors.weights) weight = rounded_to_half(weight);
    // Draws are halves in standardised units.
    for (SideFactors* side : {&model.factors.users, &model.factors.items}) {
      for (float& factor : side->factors) {
        factor = static_cast<float>(rounded_to_half(factor) * model.scale.factor_unit());
      }
    }
  }
  for (std::int32_t i = 0; i < shape.users; ++i) model.user_counts.push_back(1 + i * i);
  for (std::int32_t i = 0; i < shape.items; ++i) model.item_counts.push_back(1 + 3 * i);
  if (shape.titles) {
    for (std::int32_t i = 0; i < shape.items; ++i) {
      model.titles.push_back(i % 4 == 1 ? "" : fmt::format("Caf\xc3\xa9 {}, The (19{:02})", i, i));
    }
  }
  model.split = {.kind = SplitRule::Kind::holdout, .share = 0.1, .validation_share = 0.05};
  model.account = {.read = 101,
                   .used = 90,
                   .duplicates = 4,
                   .rejected = 3,
                   .filtered = 2,
                   .blank = 1,
                   .header = 1};
  model.fingerprint = "0123456789abcdef";
  model.statistics.epochs_run = 15;
  model.statistics.objective = 1234.5678901234567;
  model.statistics.train_rmse = 0.71;
  model.statistics.test_rmse = 0.909;
  model.statistics.dispersion = 0.63;
  return model;
}

}  // namespace alsatian::testing
