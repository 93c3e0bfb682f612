// Implements number_rules.hpp.
// Every comparison is false for what is not a number.
#include "host/model/number_rules.hpp"

#include "host/model/half.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/square_matrix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace alsatian {
namespace {

using Broken = std::optional<std::string>;

struct Bounds {
  double lowest;
  double highest;

  bool hold(double value) const { return value >= lowest && value <= highest; }
  std::string text() const { return fmt::format("must be between {:g} and {:g}", lowest, highest); }
};

Bounds operator*(const Bounds& bounds, double unit) {
  return {bounds.lowest * unit, bounds.highest * unit};
}

constexpr Bounds scores{-largest_standardised, largest_standardised};
constexpr Bounds precisions{least_precision, largest_precision};

Broken outside(const char* entry, const char* field, double value, const Bounds& bounds) {
  if (bounds.hold(value)) return std::nullopt;
  return fmt::format("{}: {} is {:g}: {}", entry, field, value, bounds.text());
}

/// columns: of a row of the tensor, 0 for a list. unit: what halves of the file were multiplied by.
template <typename Real>
Broken first_outside(const std::string& tensor, const std::vector<Real>& values,
                     const Bounds& bounds, std::size_t columns = 0, double unit = 1) {
  const auto in_file = [&](Real value) -> double {
    return unit == 1 ? value : rounded_to_half(static_cast<float>(value / unit));
  };
  const auto found =
      std::ranges::find_if(values, [&](Real value) { return !bounds.hold(in_file(value)); });
  if (found == values.end()) return std::nullopt;
  const auto at = static_cast<std::size_t>(found - values.begin());
  const std::string place = columns > 0
                                ? fmt::format("row {}, column {}", at / columns, at % columns)
                                : fmt::format("row {}", at);
  return fmt::format("tensor {} is {:g} at {}: {}", tensor, in_file(*found), place, bounds.text());
}

/// Both triangles are the same sums of at most 1024 products, whose roundings differ by 1024·2⁻⁵³
/// of what bounds them, 10⁻¹³, in each.
bool is_symmetric(const cpu::SquareMatrix& matrix) {
  for (std::int64_t row = 0; row < matrix.order(); ++row) {
    for (std::int64_t column = 0; column <= row; ++column) {
      const double size = std::sqrt(matrix(row, row)) * std::sqrt(matrix(column, column));
      if (!(std::abs(matrix(row, column) - matrix(column, row)) <= 1e-12 * size)) return false;
    }
  }
  return true;
}

/// Λ of one draw. The pivots of a symmetric matrix are at most what is on its diagonal.
Broken broken_precision(const cpu::SquareMatrix& matrix, std::int64_t draw) {
  const auto fail = [&](std::int64_t row, const std::string& rule) {
    return fmt::format("tensor user_precision_draws is {:g} at draw {}, row {}, column {}: {}",
                       matrix(row, row), draw, row, row, rule);
  };
  for (std::int64_t row = 0; row < matrix.order(); ++row) {
    if (!precisions.hold(matrix(row, row))) return fail(row, precisions.text());
  }
  if (!is_symmetric(matrix)) {
    return fmt::format(
        "tensor user_precision_draws of draw {} is not symmetric: a precision must "
        "be",
        draw);
  }
  const cpu::SquareMatrix lower = cpu::cholesky_of(matrix);
  for (std::int64_t row = 0; row < matrix.order(); ++row) {
    const double pivot = lower(row, row) * lower(row, row);
    if (precisions.hold(pivot)) continue;
    return fail(row, fmt::format("must be positive definite, with pivots of at least {:g}",
                                 least_precision));
  }
  return std::nullopt;
}

Broken broken_precisions(const Model& model) {
  const std::vector<double>& all = model.draw_priors.precisions;
  const std::int64_t order = model.spec.rank + (model.spec.biases ? 1 : 0);
  std::vector<Broken> found(static_cast<std::size_t>(model.draws));
  parallel_for(model.draws, [&](std::int64_t draw) {
    cpu::SquareMatrix matrix(order);
    std::copy_n(all.begin() + draw * order * order, order * order, matrix.entries().begin());
    found[static_cast<std::size_t>(draw)] = broken_precision(matrix, draw);
  });
  const auto first = std::ranges::find_if(found, [](const Broken& one) { return one.has_value(); });
  return first == found.end() ? std::nullopt : *first;
}

Broken broken_priors(const Model& model) {
  const DrawPriors& priors = model.draw_priors;
  if (priors.noise_precisions.empty()) return std::nullopt;
  const double power = std::get<Bayes>(model.spec.algorithm).likelihood_power;
  const std::size_t columns = priors.item_means.size();  // draws·order
  if (auto broken =
          first_outside("noise_precision_draws", priors.noise_precisions, precisions * power)) {
    return broken;
  }
  const std::size_t order = columns / static_cast<std::size_t>(model.draws);
  if (auto broken = first_outside("user_mean_draws", priors.user_means, scores, order)) {
    return broken;
  }
  if (auto broken = first_outside("item_mean_draws", priors.item_means, scores, order)) {
    return broken;
  }
  if (auto broken = first_outside("user_weight_draws", priors.weights, scores, columns)) {
    return broken;
  }
  return broken_precisions(model);
}

Broken broken_side(const std::string& side, const Model& model, const SideFactors& rows,
                   const std::vector<float>& draw_biases) {
  const RatingScale& scale = model.scale;
  if (auto broken = first_outside(side + "_draws", rows.factors, scores,
                                  static_cast<std::size_t>(rows.rank), scale.factor_unit())) {
    return broken;
  }
  if (auto broken = first_outside(side + "_biases", rows.biases, scores * scale.bias_unit())) {
    return broken;
  }
  return first_outside(side + "_bias_draws", draw_biases, scores,
                       static_cast<std::size_t>(model.draws));
}

Broken broken_draws(const Model& model) {
  const DrawBiases& biases = model.draw_biases;
  const auto& [users, items] = model.factors;
  if (auto broken = outside("alsatian.scale", "score_mean", model.scale.score_mean, scores)) {
    return broken;
  }
  if (auto broken =
          outside("alsatian.statistics", "dispersion", model.statistics.dispersion, precisions)) {
    return broken;
  }
  if (auto broken = first_outside("constant_draws", biases.constants, scores)) return broken;
  if (auto broken = broken_side("user", model, users, biases.users)) return broken;
  if (auto broken = broken_side("item", model, items, biases.items)) return broken;
  return broken_priors(model);
}

Broken broken_scale(const RatingScale& scale) {
  // What the rounding of a sum of so many ratings may leave.
  const double rounding = 1e-6 * std::max(std::abs(scale.lowest), std::abs(scale.highest));
  const Bounds around{scale.lowest - rounding, scale.highest + rounding};
  if (!around.hold(scale.mean)) {
    return fmt::format(
        "alsatian.scale: mean is {:g}: must be between lowest and highest, {:g} and "
        "{:g}",
        scale.mean, scale.lowest, scale.highest);
  }
  const double range = scale.highest - scale.lowest;
  return outside("alsatian.scale", "deviation", scale.deviation,
                 range > 0 ? Bounds{0x1p-21, 1} * range : Bounds{1, 1});
}

}  // namespace

std::optional<std::string> broken_number_rule(const Model& model) {
  if (is_standardised(model.spec.likelihood)) {
    if (auto broken = broken_scale(model.scale)) return broken;
  }
  return is_bayes(model.spec) ? broken_draws(model) : std::nullopt;
}

}  // namespace alsatian
