// Levenberg-Marquardt steps: gradient, damped solve by conjugate gradients, acceptance.
// Products with JᵀJ are in least_squares.inl; the matrix itself is never made.
#include "kernels/cpu/least_squares.hpp"

#include "kernels/cpu/als.hpp"
#include "kernels/cpu/biases.hpp"
#include "kernels/cpu/chunked_sum.hpp"
#include "kernels/cpu/errors.hpp"
#include "kernels/cpu/parallel.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace alsatian::cpu {
namespace {

constexpr double first_growth = 2;
constexpr double least_damping = 1e-10;
constexpr double loosest_tolerance = 0.3;  // of the first systems: their steps are rough anyway
constexpr int most_attempts = 12;          // then damping has grown by 2^66
constexpr std::int64_t row_grain = 8;      // rows that a thread takes at once

/// Σ_j term(j) over a whole table, padding included, in fixed chunks.
template <typename Term>
double table_sum(const FactorTable& table, const Term& term) {
  return chunked_sum<double>(
      static_cast<std::int64_t>(table.flat().size()),
      [&](std::int64_t first, std::int64_t last) { return interleaved_sum(first, last, term); });
}

/// visit(j) for every element of a table, padding included.
template <typename Visit>
void for_each_element(const FactorTable& table, const Visit& visit) {
  for_each_chunk(static_cast<std::int64_t>(table.flat().size()),
                 [&](std::int64_t, std::int64_t first, std::int64_t last) {
                   for (std::int64_t j = first; j < last; ++j) visit(j);
                 });
}

double squared_norm(const FactorTable& table) {
  const float* values = table.flat().data();
  return table_sum(table,
                   [=](std::int64_t j) { return static_cast<double>(values[j]) * values[j]; });
}

}  // namespace

LeastSquares::Side::Side(CsrView<float> rows_of_ratings, std::int32_t rank)
    : ratings(rows_of_ratings),
      order(longest_first(ratings)),
      row_sums(order.size()),
      gradient(ratings.rows(), rank),
      diagonal(ratings.rows(), rank),
      inverse(ratings.rows(), rank),
      direction(ratings.rows(), rank),
      residual(ratings.rows(), rank),
      search(ratings.rows(), rank),
      product(ratings.rows(), rank) {}

LeastSquares::LeastSquares(const KernelTable& table, CsrView<float> by_user, CsrView<float> by_item,
                           std::int32_t rank, const LeastSquaresOptions& options)
    : table_(table), options_(options), users_(by_user, rank), items_(by_item, rank) {
  set_regularization(options.regularization);
}

void LeastSquares::set_regularization(const Regularization& regularization) {
  options_.regularization = regularization;
  for (Side* side : {&users_, &items_}) {
    side->ridges.clear();
    for (std::int64_t row = 0; row < side->ratings.rows(); ++row) {
      const auto count = static_cast<double>(side->ratings.row_size(row));
      side->ridges.push_back(row_ridge<float>(count, regularization));
    }
  }
}

/// Gradient of F and D for one side.
void LeastSquares::compute_gradient(Side& side, const FactorTable& own,
                                    const FactorTable& opposite) {
  const GradientTask task{.ratings = side.ratings,
                          .own = own.view(),
                          .opposite = opposite.view(),
                          .gradient = side.gradient.view(),
                          .diagonal = side.diagonal.view(),
                          .biases = options_.biases};
  parallel_for(
      own.rows(),
      [&](std::int64_t position) {
        const std::int64_t row = side.order[static_cast<std::size_t>(position)];
        table_.gradient_row(task, row);
        const RowRidge<float> ridge = side.ridges[static_cast<std::size_t>(row)];
        const float* factors = task.own.row(row);
        float* gradient = task.gradient.row(row);
        for (std::int32_t j = 0; j < own.rank(); ++j) {
          gradient[j] += ridge.factors * factors[j];
        }
        if (options_.biases) {
          task.gradient.biases[row] += ridge.biases * task.own.biases[row];
        }
      },
      row_grain);
}

/// The preconditioner, and the first residual and search direction of conjugate gradients;
/// returns ⟨residual, M⁻¹ residual⟩.
double LeastSquares::start_solve(Side& side) const {
  const auto grown = static_cast<float>(1 + state_.damping);
  const auto invert = [](float value) { return value > 0 ? 1 / value : 0.0F; };
  const SideView<const float> diagonal = side.diagonal.view();
  const SideView<float> inverse = side.inverse.view();
  parallel_for(
      diagonal.rows,
      [&](std::int64_t row) {
        const RowRidge<float> ridge = side.ridges[static_cast<std::size_t>(row)];
        for (std::int32_t j = 0; j < diagonal.rank; ++j) {
          inverse.row(row)[j] = invert(grown * diagonal.row(row)[j] + ridge.factors);
        }
        inverse.biases[row] = invert(grown * diagonal.biases[row] + ridge.biases);
      },
      64);
  const float* gradient = side.gradient.flat().data();
  float* direction = side.direction.flat().data();
  const float* weights = side.inverse.flat().data();
  float* residual = side.residual.flat().data();
  float* search = side.search.flat().data();
  return table_sum(side.gradient, [=](std::int64_t j) {
    direction[j] = 0;
    residual[j] = -gradient[j];
    search[j] = weights[j] * residual[j];
    return static_cast<double>(residual[j]) * search[j];
  });
}

/// product = (JᵀJ + R + νD)·search for one side; returns ⟨search, product⟩ of that side.
double LeastSquares::multiply(Side& side, const Side& other, const FactorTable& own,
                              const FactorTable& opposite) const {
  const JacobianTask task{.ratings = side.ratings,
                          .own = own.view(),
                          .opposite = opposite.view(),
                          .own_direction = side.search.view(),
                          .opposite_direction = other.search.view(),
                          .product = side.product.view(),
                          .biases = options_.biases};
  const auto damping = static_cast<float>(state_.damping);
  const SideView<const float> diagonal = side.diagonal.view();
  parallel_for(
      own.rows(),
      [&](std::int64_t position) {
        const std::int64_t row = side.order[static_cast<std::size_t>(position)];
        table_.jacobian_row(task, row);
        const RowRidge<float> ridge = side.ridges[static_cast<std::size_t>(row)];
        const float* search = task.own_direction.row(row);
        const float bias_search = task.own_direction.biases[row];
        float* product = task.product.row(row);
        float& bias_product = task.product.biases[row];
        for (std::int32_t j = 0; j < own.rank(); ++j) {
          product[j] += (ridge.factors + damping * diagonal.row(row)[j]) * search[j];
        }
        bias_product += (ridge.biases + damping * diagonal.biases[row]) * bias_search;
        side.row_sums[static_cast<std::size_t>(row)] =
            static_cast<double>(bias_search) * bias_product +
            interleaved_sum(0, own.stride(), [=](std::int64_t j) {
              return static_cast<double>(search[j]) * product[j];
            });
      },
      row_grain);
  double total = 0;
  for (const double part : side.row_sums) total += part;
  return total;
}

/// One step of conjugate gradients along `search`; `remaining` is ⟨residual, M⁻¹ residual⟩ before
/// and after. False where the matrix shows no curvature, and nothing was done.
bool LeastSquares::advance(const FactorTable& users, const FactorTable& items, double& remaining) {
  const double curvature =
      multiply(users_, items_, users, items) + multiply(items_, users_, items, users);
  if (!(curvature > 0)) return false;
  const auto length = static_cast<float>(remaining / curvature);
  double next = 0;
  for (Side* side : {&users_, &items_}) {
    const float* search = side->search.flat().data();
    const float* product = side->product.flat().data();
    const float* inverse = side->inverse.flat().data();
    float* direction = side->direction.flat().data();
    float* residual = side->residual.flat().data();
    next += table_sum(side->search, [=](std::int64_t j) {
      direction[j] += length * search[j];
      residual[j] -= length * product[j];
      return static_cast<double>(inverse[j]) * residual[j] * residual[j];
    });
  }
  const auto turn = static_cast<float>(next / remaining);
  for (Side* side : {&users_, &items_}) {
    const float* residual = side->residual.flat().data();
    const float* inverse = side->inverse.flat().data();
    float* search = side->search.flat().data();
    for_each_element(side->search, [=](std::int64_t j) {
      search[j] = inverse[j] * residual[j] + turn * search[j];
    });
  }
  remaining = next;
  return true;
}

/// Solves (JᵀJ + R + νD) d = −g for `direction` until ⟨residual, M⁻¹ residual⟩ has fallen by the
/// square of the tolerance.
LeastSquares::Reduction LeastSquares::solve(const FactorTable& users, const FactorTable& items,
                                            double tolerance) {
  double remaining = start_solve(users_) + start_solve(items_);
  const double enough = tolerance * tolerance * remaining;
  Reduction result;
  while (result.inner_steps < options_.inner_steps && remaining > enough &&
         advance(users, items, remaining)) {
    ++result.inner_steps;
  }
  // −gᵀd − ½ dᵀ(JᵀJ + R)d, the product taken from the residual −g − (JᵀJ + R + νD)d.
  const double damping = state_.damping;
  for (const Side* side : {&users_, &items_}) {
    const float* gradient = side->gradient.flat().data();
    const float* direction = side->direction.flat().data();
    const float* residual = side->residual.flat().data();
    const float* diagonal = side->diagonal.flat().data();
    result.predicted += 0.5 * table_sum(side->direction, [=](std::int64_t j) {
                          const double step = direction[j];
                          return step * (residual[j] - static_cast<double>(gradient[j]) +
                                         damping * diagonal[j] * step);
                        });
  }
  return result;
}

double LeastSquares::objective(const FactorTable& users, const FactorTable& items) const {
  const ScoreTask task{users.view(), items.view(), 0.0, Gaussian{}};
  return training_errors(table_, task, users_.ratings).loss +
         penalty(task.users, users_.ratings.offsets, options_.regularization) +
         penalty(task.items, items_.ratings.offsets, options_.regularization);
}

/// Parameters plus direction, in the place of the product.
double LeastSquares::try_direction(const FactorTable& users, const FactorTable& items) {
  const auto add = [](const FactorTable& start, Side& side) {
    const float* from = start.flat().data();
    const float* direction = side.direction.flat().data();
    float* trial = side.product.flat().data();
    for_each_element(start, [=](std::int64_t j) { trial[j] = from[j] + direction[j]; });
  };
  add(users, users_);
  add(items, items_);
  return objective(users_.product, items_.product);
}

LeastSquaresStep LeastSquares::step(FactorTable& users, FactorTable& items) {
  const double before = objective(users, items);
  if (users.rank() == 0) return step_biases(users, items, before);
  compute_gradient(users_, users, items);
  compute_gradient(items_, items, users);
  const double norm = std::sqrt(squared_norm(users_.gradient) + squared_norm(items_.gradient));
  if (state_.first_gradient == 0) state_.first_gradient = norm;
  const double tolerance = std::min(loosest_tolerance, std::sqrt(norm / state_.first_gradient));
  LeastSquaresStep result{
      .accepted = false, .objective = before, .inner_steps = 0, .damping = state_.damping};
  if (!(norm > 0) || !std::isfinite(before)) return result;
  const double damping = state_.damping;
  double growth = first_growth;
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    const Reduction reduction = solve(users, items, tolerance);
    result.inner_steps += reduction.inner_steps;
    result.damping = state_.damping;
    if (!(reduction.predicted > std::numeric_limits<double>::epsilon() * before)) break;
    const double after = try_direction(users, items);
    if (after < before) {
      std::ranges::copy(users_.product.flat(), users.flat().begin());
      std::ranges::copy(items_.product.flat(), items.flat().begin());
      result.accepted = true;
      result.objective = after;
      const double turned = 2 * (before - after) / reduction.predicted - 1;
      state_.damping *= std::max(1.0 / 3, 1 - turned * turned * turned);
      state_.damping = std::max(state_.damping, least_damping);
      return result;
    }
    state_.damping *= growth;
    growth *= 2;
  }
  state_.damping = damping;
  return result;
}

/// Rank 0: the exact minimiser at once, rounded to float.
LeastSquaresStep LeastSquares::step_biases(FactorTable& users, FactorTable& items, double before) {
  LeastSquaresStep result{.accepted = false, .objective = before, .inner_steps = 0, .damping = 0};
  if (!options_.biases) return result;
  const Biases solution = solve_biases(users_.ratings, items_.ratings, options_.regularization);
  const auto round = [](const std::vector<double>& biases, Side& side) {
    for (std::size_t row = 0; row < biases.size(); ++row) {
      side.product.view().biases[row] = static_cast<float>(biases[row]);
    }
  };
  round(solution.users, users_);
  round(solution.items, items_);
  const double after = objective(users_.product, items_.product);
  if (!(after < before)) return result;
  std::ranges::copy(users_.product.flat(), users.flat().begin());
  std::ranges::copy(items_.product.flat(), items.flat().begin());
  result.accepted = true;
  result.objective = after;
  return result;
}

}  // namespace alsatian::cpu
