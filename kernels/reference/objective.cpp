// The objective F and its gradient, summed rating by rating.
// Written straight from the formula, so that it can be checked by eye and by finite differences.
#include "kernels/reference/objective.hpp"

#include "kernels/math/score.hpp"

#include <cmath>
#include <variant>

namespace alsatian::reference {

namespace {

double side_penalty(const CsrView<double>& ratings, const Regularization& regularization,
                    const SideParameters& side) {
  double sum = 0;
  for (std::int64_t row = 0; row < side.rows(); ++row) {
    const double scale =
        row_scale(static_cast<double>(ratings.row_size(row)), regularization.scaling);
    sum +=
        row_penalty(scale, regularization, side.factors.row(row).squaredNorm(), side.biases[row]);
  }
  return sum;
}

/// What penalty() contributes to the gradient of one side.
SideParameters penalty_gradient(const CsrView<double>& ratings, const Problem& problem,
                                const SideParameters& side) {
  SideParameters slopes(side.rows(), side.rank());
  for (std::int64_t row = 0; row < side.rows(); ++row) {
    const double scale =
        row_scale(static_cast<double>(ratings.row_size(row)), problem.regularization.scaling);
    slopes.factors.row(row) = scale * problem.regularization.factors * side.factors.row(row);
    if (problem.biases) {
      slopes.biases[row] = scale * problem.regularization.biases * side.biases[row];
    }
  }
  return slopes;
}

}  // namespace

double score_of(const Parameters& parameters, double mean, std::int64_t user, std::int64_t item) {
  const bool known_user = user >= 0;
  const bool known_item = item >= 0;
  const double user_bias = known_user ? parameters.users.biases[user] : 0.0;
  const double item_bias = known_item ? parameters.items.biases[item] : 0.0;
  const double product =
      known_user && known_item
          ? parameters.users.factors.row(user).dot(parameters.items.factors.row(item))
          : 0.0;
  return score(mean, user_bias, item_bias, product);
}

void LossSums::add(const Likelihood& likelihood, double score, double rating) {
  std::visit(
      [&](const auto& kind) {
        const double error = kind.mean(score) - rating;
        ++count;
        squared_error += error * error;
        absolute_error += std::abs(error);
        loss += kind.loss_and_slope(score, rating).loss;
      },
      likelihood);
}

LossSums loss_sums(const Problem& problem, const Parameters& parameters) {
  LossSums sums;
  for (std::int64_t user = 0; user < problem.by_user.rows(); ++user) {
    const auto items = problem.by_user.row_columns(user);
    const auto ratings = problem.by_user.row_values(user);
    for (std::int64_t o = 0; o < items.size(); ++o) {
      sums.add(problem.likelihood, score_of(parameters, problem.mean, user, items[o]), ratings[o]);
    }
  }
  return sums;
}

double penalty(const Problem& problem, const Parameters& parameters) {
  return side_penalty(problem.by_user, problem.regularization, parameters.users) +
         side_penalty(problem.by_item, problem.regularization, parameters.items);
}

double objective(const Problem& problem, const Parameters& parameters) {
  return loss_sums(problem, parameters).loss + penalty(problem, parameters);
}

Parameters gradient(const Problem& problem, const Parameters& parameters) {
  Parameters slopes{penalty_gradient(problem.by_user, problem, parameters.users),
                    penalty_gradient(problem.by_item, problem, parameters.items)};
  for (std::int64_t user = 0; user < problem.by_user.rows(); ++user) {
    const auto items = problem.by_user.row_columns(user);
    const auto ratings = problem.by_user.row_values(user);
    for (std::int64_t o = 0; o < items.size(); ++o) {
      const std::int64_t item = items[o];
      const double eta = score_of(parameters, problem.mean, user, item);
      const double slope =
          std::visit([&](const auto& kind) { return kind.loss_and_slope(eta, ratings[o]).slope; },
                     problem.likelihood);
      slopes.users.factors.row(user) += slope * parameters.items.factors.row(item);
      slopes.items.factors.row(item) += slope * parameters.users.factors.row(user);
      if (!problem.biases) continue;
      slopes.users.biases[user] += slope;
      slopes.items.biases[item] += slope;
    }
  }
  return slopes;
}

}  // namespace alsatian::reference
