// Between the units of training and the units of the ratings.
// The scale of the ratings enters and leaves here, so that no algorithm has to know it.
#include "host/model/model.hpp"

#include "host/error.hpp"
#include "host/ratings/id_indexing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <cstddef>

namespace alsatian {
namespace {

void multiply(std::vector<float>& values, double factor) {
  for (float& value : values) value = static_cast<float>(value * factor);
}

/// Rows of one side: factor·p for the columns that the model has, (b + shift)·bias_factor.
/// old_rows: for each row of `start` the model's row, -1 for none.
void copy_side(const SideFactors& old_side, const std::vector<std::int32_t>& old_rows,
               double factor, double shift, double bias_factor, SideFactors& start) {
  for (std::size_t row = 0; row < old_rows.size(); ++row) {
    const std::int32_t old_row = old_rows[row];
    if (old_row < 0) continue;
    const float* from = old_side.row(old_row);
    float* to = start.row(static_cast<std::int64_t>(row));
    for (std::int32_t j = 0; j < old_side.rank; ++j) {
      to[j] = static_cast<float>(from[j] * factor);
    }
    start.biases[row] = static_cast<float>(
        (old_side.biases[static_cast<std::size_t>(old_row)] + shift) * bias_factor);
  }
}

std::int32_t count_known(const std::vector<std::int32_t>& rows) {
  return static_cast<std::int32_t>(
      std::ranges::count_if(rows, [](std::int32_t row) { return row >= 0; }));
}

[[noreturn]] void fail_unknown(const Model& model, const IdIndex& users) {
  throw Error(ExitCode::bad_data, "--init",
              fmt::format("the model knows no user and no item of the ratings: their first user is "
                          "{}, the model's {}",
                          quoted(users.text(0)),
                          model.users.size() > 0 ? quoted(model.users.text(0)) : "none"),
              "give a model of the same users or items, or --columns where the ratings have them "
              "in another order; without --init training starts at random");
}

}  // namespace

Factors to_rating_units(Factors standardised, const RatingScale& scale) {
  for (SideFactors* side : {&standardised.users, &standardised.items}) {
    multiply(side->factors, scale.factor_unit());
    multiply(side->biases, scale.bias_unit());
  }
  return standardised;
}

KnownRows known_rows(const Model& model, const IdIndex& users, const IdIndex& items) {
  return {count_known(id_mapping(users, model.users)), count_known(id_mapping(items, model.items))};
}

void check_init(const Model& model, const ModelSpec& spec) {
  if (is_bayes(model.spec)) {
    throw Error(ExitCode::usage, "--init", "the model is of --model bayes: it holds many draws",
                "give a model of als, mle or ls, or leave out --init");
  }
  if (model.spec.rank > spec.rank) {
    throw Error(ExitCode::usage, "--init",
                fmt::format("the model has rank {}, more than the {} asked for", model.spec.rank,
                            spec.rank),
                fmt::format("pass --k {} or more", model.spec.rank));
  }
  if (model.spec.likelihood.index() != spec.likelihood.index()) {
    throw Error(
        ExitCode::usage, "--init",
        fmt::format("the model's likelihood is {}, not {}", likelihood_name(model.spec.likelihood),
                    likelihood_name(spec.likelihood)),
        fmt::format("pass --likelihood {}", likelihood_name(model.spec.likelihood)));
  }
}

void start_from(const Model& model, const IdIndex& users, const IdIndex& items,
                const ModelSpec& spec, const RatingScale& scale, Factors& start) {
  check_init(model, spec);
  const double factor = 1.0 / scale.factor_unit();
  const double bias_factor = spec.biases ? 1.0 / scale.bias_unit() : 0.0;
  const std::vector<std::int32_t> old_users = id_mapping(users, model.users);
  const std::vector<std::int32_t> old_items = id_mapping(items, model.items);
  if (count_known(old_users) == 0 && count_known(old_items) == 0) fail_unknown(model, users);
  copy_side(model.factors.users, old_users, factor, model.mean_score() - scale.mean_score(),
            bias_factor, start.users);
  copy_side(model.factors.items, old_items, factor, 0.0, bias_factor, start.items);
}

}  // namespace alsatian
