// Between the units of training and the units of the ratings.
// The scale of the ratings enters and leaves here, so that no algorithm has to know it.
#include "host/model/model.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <compare>

namespace alsatian {
namespace {

void multiply(std::vector<float>& values, double factor) {
  for (float& value : values) value = static_cast<float>(value * factor);
}

/// Calls copy(old row, new row) for each id that both know. Both are ascending: one pass.
template <typename Copy>
void for_each_common(const IdIndex& old_ids, const IdIndex& new_ids, Copy&& copy) {
  const bool integers = old_ids.kind() == IdKind::integer;
  if (integers != (new_ids.kind() == IdKind::integer)) return;
  const auto order = [&](std::int32_t old_row, std::int32_t new_row) {
    const auto left = static_cast<std::size_t>(old_row);
    const auto right = static_cast<std::size_t>(new_row);
    return integers ? old_ids.integers()[left] <=> new_ids.integers()[right]
                    : old_ids.strings()[old_row] <=> new_ids.strings()[new_row];
  };
  for (std::int32_t old_row = 0, new_row = 0;
       old_row < old_ids.size() && new_row < new_ids.size();) {
    const std::strong_ordering found = order(old_row, new_row);
    if (found == 0) copy(old_row, new_row);
    if (found <= 0) ++old_row;
    if (found >= 0) ++new_row;
  }
}

/// Rows of one side: factor·p for the columns that the model has, (b + shift)·bias_factor.
void copy_side(const SideFactors& old_side, const IdIndex& old_ids, const IdIndex& new_ids,
               double factor, double shift, double bias_factor, SideFactors& start) {
  for_each_common(old_ids, new_ids, [&](std::int32_t old_row, std::int32_t new_row) {
    const float* from = old_side.row(old_row);
    float* to = start.row(new_row);
    for (std::int32_t j = 0; j < old_side.rank; ++j) {
      to[j] = static_cast<float>(from[j] * factor);
    }
    start.biases[static_cast<std::size_t>(new_row)] = static_cast<float>(
        (old_side.biases[static_cast<std::size_t>(old_row)] + shift) * bias_factor);
  });
}

}  // namespace

Factors to_rating_units(Factors standardised, const RatingScale& scale) {
  for (SideFactors* side : {&standardised.users, &standardised.items}) {
    multiply(side->factors, scale.factor_unit());
    multiply(side->biases, scale.bias_unit());
  }
  return standardised;
}

void start_from(const Model& model, const IdIndex& users, const IdIndex& items,
                const ModelSpec& spec, const RatingScale& scale, Factors& start) {
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
  const double factor = 1.0 / scale.factor_unit();
  const double bias_factor = spec.biases ? 1.0 / scale.bias_unit() : 0.0;
  copy_side(model.factors.users, model.users, users, factor,
            model.mean_score() - scale.mean_score(), bias_factor, start.users);
  copy_side(model.factors.items, model.items, items, factor, 0.0, bias_factor, start.items);
}

}  // namespace alsatian
