// Levenberg-Marquardt with dense Cholesky or conjugate gradients on the normal equations.
// Parameters are laid out as one vector; products with JᵀJ visit the ratings one by one.
#include "kernels/reference/least_squares.hpp"

#include "kernels/reference/objective.hpp"

#include <Eigen/Cholesky>

#include <algorithm>
#include <utility>

namespace alsatian::reference {

namespace {

Eigen::Map<const Vector> entries(const Matrix& matrix) { return {matrix.data(), matrix.size()}; }

/// All parameters in one vector: p, b, q, c; b and c only where the problem has biases.
Vector flatten(const Parameters& parameters, bool biases) {
  const SideParameters& users = parameters.users;
  const SideParameters& items = parameters.items;
  Vector flat(users.factors.size() + items.factors.size() +
              (biases ? users.rows() + items.rows() : 0));
  if (biases) {
    flat << entries(users.factors), users.biases, entries(items.factors), items.biases;
  } else {
    flat << entries(users.factors), entries(items.factors);
  }
  return flat;
}

/// The inverse of flatten(), in the shape of `like`; missing biases become 0.
Parameters unflatten(const Vector& flat, const Parameters& like, bool biases) {
  Eigen::Index next = 0;
  const auto take = [&](SideParameters& side) {
    side.factors = Eigen::Map<const Matrix>(flat.data() + next, side.rows(), side.rank());
    next += side.factors.size();
    if (!biases) return;
    side.biases = flat.segment(next, side.rows());
    next += side.rows();
  };
  Parameters parameters{{like.users.rows(), like.rank()}, {like.items.rows(), like.rank()}};
  take(parameters.users);
  take(parameters.items);
  return parameters;
}

/// The problem linearised at its parameters, over flat vectors.
class Linearised {
 public:
  Linearised(const Problem& problem, const Parameters& parameters)
      : problem_(problem), at_(parameters) {}

  Vector slopes() const { return flatten(gradient(problem_, at_), problem_.biases); }

  /// JᵀJ·direction: the change of each rating's score, spread over the parameters it came from.
  Vector gauss_newton(const Vector& direction) const {
    const Parameters change = unflatten(direction, at_, problem_.biases);
    Parameters product{{at_.users.rows(), at_.rank()}, {at_.items.rows(), at_.rank()}};
    for_each_rating([&](std::int64_t user, std::int64_t item) {
      const auto user_factors = at_.users.factors.row(user);
      const auto item_factors = at_.items.factors.row(item);
      const double score_change = change.users.biases[user] + change.items.biases[item] +
                                  change.users.factors.row(user).dot(item_factors) +
                                  user_factors.dot(change.items.factors.row(item));
      product.users.factors.row(user) += score_change * item_factors;
      product.items.factors.row(item) += score_change * user_factors;
      product.users.biases[user] += score_change;
      product.items.biases[item] += score_change;
    });
    return flatten(product, problem_.biases);
  }

  /// D = diag(JᵀJ).
  Vector gauss_newton_diagonal() const {
    Parameters squares{{at_.users.rows(), at_.rank()}, {at_.items.rows(), at_.rank()}};
    for_each_rating([&](std::int64_t user, std::int64_t item) {
      squares.users.factors.row(user) += at_.items.factors.row(item).cwiseAbs2();
      squares.items.factors.row(item) += at_.users.factors.row(user).cwiseAbs2();
      squares.users.biases[user] += 1;
      squares.items.biases[item] += 1;
    });
    return flatten(squares, problem_.biases);
  }

  /// R: the diagonal of the penalty's second derivatives.
  Vector ridge() const {
    const Regularization& regularization = problem_.regularization;
    const auto fill = [&](const CsrView<double>& ratings, SideParameters& side) {
      for (std::int64_t row = 0; row < side.rows(); ++row) {
        const double scale =
            row_scale(static_cast<double>(ratings.row_size(row)), regularization.scaling);
        side.factors.row(row).setConstant(scale * regularization.factors);
        side.biases[row] = scale * regularization.biases;
      }
    };
    Parameters diagonal{{at_.users.rows(), at_.rank()}, {at_.items.rows(), at_.rank()}};
    fill(problem_.by_user, diagonal.users);
    fill(problem_.by_item, diagonal.items);
    return flatten(diagonal, problem_.biases);
  }

 private:
  template <typename Body>
  void for_each_rating(Body&& body) const {
    for (std::int64_t user = 0; user < problem_.by_user.rows(); ++user) {
      for (const std::int32_t item : problem_.by_user.row_columns(user)) body(user, item);
    }
  }

  const Problem& problem_;
  const Parameters& at_;
};

struct LinearSolution {
  Vector step;
  int inner_steps = 0;
};

/// (JᵀJ + diag(extra)) δ = −g by dense Cholesky, the matrix made column by column.
LinearSolution solve_dense(const Linearised& linearised, const Vector& extra,
                           const Vector& slopes) {
  const Eigen::Index unknowns = slopes.size();
  Eigen::MatrixXd matrix(unknowns, unknowns);
  for (Eigen::Index column = 0; column < unknowns; ++column) {
    matrix.col(column) = linearised.gauss_newton(Vector::Unit(unknowns, column));
    matrix(column, column) += extra[column];
    // A parameter that no rating reaches has a row of zeros and no slope.
    if (matrix(column, column) == 0) matrix(column, column) = 1;
  }
  return {matrix.ldlt().solve(-slopes), 0};
}

/// The same by conjugate gradients preconditioned by the diagonal, to ‖residual‖ ≤ tolerance‖g‖.
LinearSolution solve_by_conjugate_gradients(const Linearised& linearised, const Vector& extra,
                                            const Vector& slopes, double tolerance,
                                            std::int64_t most_steps) {
  const Vector diagonal = linearised.gauss_newton_diagonal() + extra;
  const Vector inverse_diagonal =
      diagonal.unaryExpr([](double entry) { return entry > 0 ? 1.0 / entry : 0.0; });
  LinearSolution solution{Vector::Zero(slopes.size())};
  Vector residual = -slopes;
  Vector preconditioned = inverse_diagonal.cwiseProduct(residual);
  Vector direction = preconditioned;
  double product = residual.dot(preconditioned);
  while (solution.inner_steps < most_steps && residual.norm() > tolerance * slopes.norm()) {
    const Vector image = linearised.gauss_newton(direction) + extra.cwiseProduct(direction);
    const double curvature = direction.dot(image);
    if (!(curvature > 0)) break;
    const double length = product / curvature;
    solution.step += length * direction;
    residual -= length * image;
    preconditioned = inverse_diagonal.cwiseProduct(residual);
    const double next = residual.dot(preconditioned);
    direction = preconditioned + (next / product) * direction;
    product = next;
    ++solution.inner_steps;
  }
  return solution;
}

LinearSolution solve(const Linearised& linearised, const Vector& extra, const Vector& slopes,
                     const LeastSquaresOptions& options) {
  if (slopes.size() <= options.dense_unknowns) return solve_dense(linearised, extra, slopes);
  const std::int64_t most_steps =
      options.inner_steps > 0 ? options.inner_steps : 10 * slopes.size();
  return solve_by_conjugate_gradients(linearised, extra, slopes, options.tolerance, most_steps);
}

/// Rank 0: F is quadratic. The recurrence of conjugate gradients drifts from the true gradient,
/// which is why they are restarted from it.
LeastSquaresOutcome solve_linear_problem(const Problem& problem, Parameters& parameters) {
  constexpr double reduction = 1e-12;
  LeastSquaresOutcome outcome{.objective = objective(problem, parameters)};
  Parameters candidate = parameters;
  Vector slopes = Linearised(problem, candidate).slopes();
  const double wanted = reduction * slopes.norm();
  while (slopes.norm() > wanted) {
    const Linearised linearised(problem, candidate);
    const LinearSolution solution = solve_by_conjugate_gradients(
        linearised, linearised.ridge(), slopes, std::max(reduction, 0.5 * wanted / slopes.norm()),
        10 * slopes.size());
    Parameters next =
        unflatten(flatten(candidate, problem.biases) + solution.step, candidate, problem.biases);
    outcome.inner_steps += solution.inner_steps;
    Vector next_slopes = Linearised(problem, next).slopes();
    if (!(next_slopes.norm() < 0.5 * slopes.norm())) break;
    candidate = std::move(next);
    slopes = std::move(next_slopes);
  }
  const double after = objective(problem, candidate);
  if (!(after < outcome.objective)) return outcome;
  parameters = std::move(candidate);
  outcome.accepted = true;
  outcome.objective = after;
  return outcome;
}

}  // namespace

LeastSquaresOutcome least_squares_step(const Problem& problem, const LeastSquaresOptions& options,
                                       DampingState& state, Parameters& parameters) {
  if (parameters.rank() == 0) return solve_linear_problem(problem, parameters);
  const Linearised linearised(problem, parameters);
  const Vector start = flatten(parameters, problem.biases);
  const Vector slopes = linearised.slopes();
  const Vector diagonal = linearised.gauss_newton_diagonal();
  const Vector ridge = linearised.ridge();
  LeastSquaresOutcome outcome{.objective = objective(problem, parameters)};
  DampingState next = state;
  for (int attempt = 0; attempt <= options.retries; ++attempt) {
    const LinearSolution solution =
        solve(linearised, ridge + next.damping * diagonal, slopes, options);
    outcome.inner_steps += solution.inner_steps;
    outcome.damping = next.damping;
    const Vector& step = solution.step;
    const double predicted =
        0.5 * (next.damping * diagonal.dot(step.cwiseAbs2()) - slopes.dot(step));
    Parameters candidate = unflatten(start + step, parameters, problem.biases);
    const double after = objective(problem, candidate);
    if (after < outcome.objective) {
      const double gain = 2 * (outcome.objective - after) / predicted - 1;
      state.damping = std::max(1e-10, next.damping * std::max(1.0 / 3.0, 1 - gain * gain * gain));
      state.growth = 2;
      parameters = std::move(candidate);
      outcome.accepted = true;
      outcome.objective = after;
      return outcome;
    }
    next.damping *= next.growth;
    next.growth *= 2;
  }
  return outcome;
}

}  // namespace alsatian::reference
