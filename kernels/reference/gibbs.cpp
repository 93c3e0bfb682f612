// Gibbs sampling with Eigen's own decompositions: every formula as its paper has it.
// Nothing is shared with the fast sweeps but the model's constants and the random numbers.
#include "kernels/reference/gibbs.hpp"

#include "kernels/reference/als.hpp"
#include "kernels/reference/objective.hpp"

#include <Eigen/Cholesky>

#include <algorithm>
#include <cmath>

namespace alsatian::reference {

namespace {

/// Standard normal, row by row, each row from its own words.
Matrix normal_rows(Eigen::Index rows, Eigen::Index order, RandomStream stream,
                   const GibbsKey& key) {
  Matrix draws(rows, order);
  for (Eigen::Index row = 0; row < rows; ++row) {
    RandomWords words = key.words(stream, row);
    NormalDraws normal_draw(words);
    for (Eigen::Index j = 0; j < order; ++j) draws(row, j) = normal_draw();
  }
  return draws;
}

Matrix cholesky_of(const Matrix& matrix) { return matrix.llt().matrixL(); }

/// Rows ~ N(0, Λ⁻¹): N·L⁻¹.
Matrix prior_noise(Eigen::Index rows, const Matrix& precision, RandomStream stream,
                   const GibbsKey& key) {
  const Matrix lower = cholesky_of(precision);
  const Matrix draws = normal_rows(rows, precision.rows(), stream, key);
  return lower.transpose().triangularView<Eigen::Upper>().solve(draws.transpose()).transpose();
}

Matrix dense(const Features& features, Eigen::Index columns) {
  Matrix result = Matrix::Zero(features.rows(), columns);
  for (std::int64_t row = 0; row < features.rows(); ++row) {
    const auto indices = features.row_columns(row);
    const auto values = features.row_values(row);
    for (std::int64_t o = 0; o < indices.size(); ++o) result(row, indices[o]) += values[o];
  }
  return result;
}

/// Λ ~ Wishart(S⁻¹, degrees): Λ = (C⁻ᵀA)(C⁻ᵀA)ᵀ with S = CCᵀ, A lower triangular with χ on its
/// diagonal and normal draws below. Bartlett (1933).
Matrix wishart(const Matrix& inverse_scale, double degrees, RandomWords& words) {
  const Eigen::Index order = inverse_scale.rows();
  Matrix factor = Matrix::Zero(order, order);
  for (Eigen::Index row = 0; row < order; ++row) {
    factor(row, row) = std::sqrt(chi_squared_draw(degrees - static_cast<double>(row), words));
    NormalDraws normal_draw(words);
    for (Eigen::Index column = 0; column < row; ++column) factor(row, column) = normal_draw();
  }
  const Matrix upper = cholesky_of(inverse_scale).transpose();
  const Matrix root = upper.triangularView<Eigen::Upper>().solve(factor);
  return root * root.transpose();
}

double squared_error(const Problem& problem, const Parameters& parameters) {
  return loss_sums(problem, parameters).squared_error;
}

GibbsSide start_side(const SideParameters& side, Eigen::Index order, std::int64_t weights) {
  const Matrix rows = rows_of(side, order);
  GibbsSide start;
  start.mean = rows.colwise().mean().transpose();
  const Matrix centered = rows.rowwise() - start.mean.transpose();
  const Matrix covariance =
      centered.transpose() * centered / static_cast<double>(std::max<Eigen::Index>(rows.rows(), 1));
  start.precision = (covariance + 1e-3 * Matrix::Identity(order, order))
                        .llt()
                        .solve(Matrix::Identity(order, order));
  start.weights = Matrix::Zero(weights, order);
  start.weight_precision = 10;
  return start;
}

}  // namespace

Vector deviation_of_precision(const Matrix& precision, const Vector& noise) {
  return cholesky_of(precision).transpose().triangularView<Eigen::Upper>().solve(noise);
}

Matrix rows_of(const SideParameters& side, Eigen::Index order) {
  Matrix rows(side.rows(), order);
  rows.leftCols(side.rank()) = side.factors;
  if (order > side.rank()) rows.col(side.rank()) = side.biases;
  return rows;
}

void assign_rows(const Matrix& rows, SideParameters& side) {
  side.factors = rows.leftCols(side.rank());
  if (rows.cols() > side.rank()) side.biases = rows.col(side.rank());
}

Matrix feature_means(const Features& features, const Matrix& weights) {
  return dense(features, weights.rows()) * weights;
}

double draw_scale(const CsrView<double>& ratings, const SideParameters& own,
                  const SideParameters& opposite, const Problem& problem, const Features& features,
                  const GibbsSide& side, double noise_precision, const GibbsStreams& streams,
                  const GibbsKey& key) {
  SideParameters change(own.rows(), own.rank());
  assign_rows(feature_means(features, side.weights), change);
  double squares = 0;
  double products = 0;
  for (std::int64_t row = 0; row < ratings.rows(); ++row) {
    for (std::int64_t o = 0; o < ratings.row_size(row); ++o) {
      const std::int32_t other = ratings.row_columns(row)[o];
      const double score = problem.mean + own.biases[row] + opposite.biases[other] +
                           own.factors.row(row).dot(opposite.factors.row(other));
      const double along =
          change.biases[row] + change.factors.row(row).dot(opposite.factors.row(other));
      squares += along * along;
      products += (ratings.row_values(row)[o] - score) * along;
    }
  }
  const double precision = noise_precision * squares;
  if (!(precision > 0)) return 1;
  RandomWords words = key.words(streams.prior, 3);
  NormalDraws normal_draw(words);
  const double scale = 1 + products / squares + normal_draw() / std::sqrt(precision);
  const auto log_prior = [&](double c) {
    return -(2 * GibbsPrior::weight_shape + 1) * std::log(c) -
           GibbsPrior::weight_rate * side.weight_precision / (c * c);
  };
  const double log_uniform = std::log(uniform(words()));
  return scale > 0 && log_uniform < log_prior(scale) - log_prior(1) ? scale : 1;
}

void apply_scale(double scale, const Features& features, GibbsSide& side, SideParameters& own) {
  const Matrix rows = rows_of(own, side.order());
  assign_rows(rows + (scale - 1) * implicit_means(features, side), own);
  side.weights *= scale;
  side.weight_precision /= scale * scale;
}

Matrix draw_weights(const Matrix& rows, const Features& features, const GibbsSide& side,
                    const GibbsStreams& streams, const GibbsKey& key) {
  const Eigen::Index count = side.weights.rows();
  const Matrix table = dense(features, count);
  Matrix targets = rows.rowwise() - side.mean.transpose();
  if (side.given.any()) targets -= side.given.means();
  const Matrix right_side =
      table.transpose() *
          (targets + prior_noise(rows.rows(), side.precision, streams.targets, key)) +
      std::sqrt(side.weight_precision) * prior_noise(count, side.precision, streams.weights, key);
  const Matrix equations =
      table.transpose() * table + side.weight_precision * Matrix::Identity(count, count);
  return equations.llt().solve(right_side);
}

GivenFeatures give_features(const FileFeatures& features, const CsrView<double>& ratings,
                            Eigen::Index order) {
  GivenFeatures given;
  given.table = dense(features.rows, features.count);
  const auto is_described = [&](Eigen::Index row) {
    return features.described[static_cast<std::size_t>(row)] != 0;
  };
  Vector sum = Vector::Zero(features.count);
  for (Eigen::Index row = 0; row < given.table.rows(); ++row) {
    if (ratings.row_size(row) == 0) continue;
    given.rated.push_back(row);
    if (!is_described(row)) continue;
    sum += given.table.row(row).transpose();
    given.described.push_back(row);
  }
  const Vector mean = sum / static_cast<double>(std::max<std::size_t>(given.described.size(), 1));
  for (Eigen::Index row = 0; row < given.table.rows(); ++row) {
    if (is_described(row)) given.table.row(row) -= mean.transpose();
  }
  given.weights = Matrix::Zero(features.count, order);
  return given;
}

Matrix draw_given_weights(const Matrix& rows, const Features& features, const GibbsSide& side,
                          const GibbsStreams& streams, const GibbsKey& key) {
  const GivenFeatures& given = side.given;
  Matrix targets = rows.rowwise() - side.mean.transpose();
  if (side.weights.rows() > 0) targets -= feature_means(features, side.weights);
  const Matrix table = given.table(given.rated, Eigen::all);
  const Eigen::Index count = table.cols();
  const Matrix equations =
      table.transpose() * table + given.weight_precision * Matrix::Identity(count, count);
  const Matrix lower = cholesky_of(equations);
  const Matrix noise = prior_noise(count, side.precision, streams.given_weights, key);
  return equations.llt().solve(table.transpose() * targets(given.rated, Eigen::all)) +
         lower.transpose().triangularView<Eigen::Upper>().solve(noise);
}

double draw_given_precision(const GibbsSide& side, const GibbsStreams& streams,
                            const GibbsKey& key) {
  const Matrix& weights = side.given.weights;
  const double size = (weights * side.precision).cwiseProduct(weights).sum();
  RandomWords words = key.words(streams.prior, 2);
  const double shape = GibbsPrior::weight_shape + 0.5 * static_cast<double>(weights.size());
  return gamma_draw(shape, words) / (GibbsPrior::weight_rate + 0.5 * size);
}

double draw_weight_precision(const GibbsSide& side, const GibbsStreams& streams,
                             const GibbsKey& key) {
  const double size = (side.weights * side.precision).cwiseProduct(side.weights).sum();
  RandomWords words = key.words(streams.prior, 1);
  const double shape = GibbsPrior::weight_shape + 0.5 * static_cast<double>(side.weights.size());
  return gamma_draw(shape, words) / (GibbsPrior::weight_rate + 0.5 * size);
}

void draw_prior(const Matrix& rows, const Features& features, const GibbsStreams& streams,
                const GibbsKey& key, GibbsSide& side) {
  const Eigen::Index order = side.order();
  Matrix residuals = rows;
  if (side.weights.rows() > 0) residuals -= feature_means(features, side.weights);
  const GivenFeatures& given = side.given;
  if (given.any()) residuals = Matrix((residuals - given.means())(given.rated, Eigen::all));
  const auto count = static_cast<double>(residuals.rows());
  const Vector average = residuals.colwise().mean().transpose();
  const Matrix centered = residuals.rowwise() - average.transpose();
  const double weight = GibbsPrior::mean_weight;
  Matrix inverse_scale = GibbsPrior::scatter * Matrix::Identity(order, order) +
                         centered.transpose() * centered +
                         side.weight_precision * side.weights.transpose() * side.weights +
                         weight * count / (weight + count) * average * average.transpose();
  if (given.any()) {
    inverse_scale += given.weight_precision * given.weights.transpose() * given.weights;
  }
  const double degrees = static_cast<double>(order) + count +
                         static_cast<double>(side.weights.rows() + given.weights.rows());
  RandomWords words = key.words(streams.prior, 0);
  side.precision = wishart(inverse_scale, degrees, words);
  Vector draws(order);
  NormalDraws normal_draw(words);
  for (Eigen::Index j = 0; j < order; ++j) draws[j] = normal_draw();
  const Matrix lower = cholesky_of((weight + count) * side.precision);
  side.mean = count / (weight + count) * average +
              lower.transpose().triangularView<Eigen::Upper>().solve(draws);
}

Matrix implicit_means(const Features& features, const GibbsSide& side) {
  const Matrix known = feature_means(features, side.weights);
  if (!side.given.any()) return known;
  const GivenFeatures& given = side.given;
  const Matrix own = known(given.described, Eigen::all);
  const Matrix table = given.table(given.described, Eigen::all);
  const Vector mean = own.colwise().mean().transpose();
  const Eigen::Index count = table.cols();
  const Matrix equations =
      table.transpose() * table + GibbsPrior::expected_ridge * Matrix::Identity(count, count);
  const Matrix slopes =
      equations.llt().solve(table.transpose() * (own.rowwise() - mean.transpose()));
  Matrix means = given.table * slopes;
  means.rowwise() += mean.transpose();
  means(given.rated, Eigen::all) = known(given.rated, Eigen::all);
  return means;
}

void draw_rows(const CsrView<double>& ratings, const SideParameters& opposite,
               const Problem& problem, const Features& features, const GibbsSide& side,
               double noise_precision, const GibbsStreams& streams, const GibbsKey& key,
               SideParameters& solved) {
  const Eigen::Index order = side.order();
  Matrix means = side.mean.transpose().replicate(ratings.rows(), 1);
  if (side.weights.rows() > 0) means += implicit_means(features, side);
  if (side.given.any()) means += side.given.means();
  const Matrix draws = normal_rows(ratings.rows(), order, streams.rows, key);
  Matrix rows(ratings.rows(), order);
  const RowObjective objective{{.factors = 0, .biases = 0}, problem.mean, problem.biases};
  for (std::int64_t row = 0; row < ratings.rows(); ++row) {
    const RowEquations equations = row_equations(ratings, row, opposite, objective);
    const Matrix precision = noise_precision * equations.matrix + side.precision;
    const Vector right_side =
        noise_precision * equations.right_side + side.precision * means.row(row).transpose();
    const Matrix lower = cholesky_of(precision);
    const Vector forward = lower.triangularView<Eigen::Lower>().solve(right_side);
    rows.row(row) = lower.transpose()
                        .triangularView<Eigen::Upper>()
                        .solve(forward + draws.row(row).transpose())
                        .transpose();
  }
  assign_rows(rows, solved);
}

double draw_noise_precision(const Problem& problem, const Parameters& parameters,
                            double likelihood_power, const GibbsKey& key) {
  const double count = likelihood_power * static_cast<double>(problem.by_user.observations());
  RandomWords words = key.words(RandomStream::gibbs_noise, 0);
  return gamma_draw(GibbsPrior::noise_shape + 0.5 * count, words) /
         (GibbsPrior::noise_rate + 0.5 * likelihood_power * squared_error(problem, parameters));
}

GibbsState start_gibbs(const Problem& problem, std::int64_t user_weights, std::int64_t item_weights,
                       const Parameters& parameters) {
  const Eigen::Index order = parameters.rank() + (problem.biases ? 1 : 0);
  const auto count = static_cast<double>(problem.by_user.observations());
  return {start_side(parameters.users, order, user_weights),
          start_side(parameters.items, order, item_weights),
          (2 * GibbsPrior::noise_shape + count) /
              (2 * GibbsPrior::noise_rate + squared_error(problem, parameters))};
}

void gibbs_sweep(const Problem& problem, const Features& user_features,
                 const Features& item_features, const GibbsKey& key, GibbsState& state,
                 Parameters& parameters) {
  const auto draw_side = [&](const CsrView<double>& ratings, const Features& features,
                             const GibbsStreams& streams, const SideParameters& opposite,
                             GibbsSide& side, SideParameters& own) {
    const double precision = state.likelihood_power * state.noise_precision;
    const Matrix rows = rows_of(own, side.order());
    if (side.weights.rows() > 0) {
      side.weights = draw_weights(rows, features, side, streams, key);
      side.weight_precision = draw_weight_precision(side, streams, key);
    }
    if (side.given.any()) {
      side.given.weights = draw_given_weights(rows, features, side, streams, key);
      side.given.weight_precision = draw_given_precision(side, streams, key);
    }
    draw_prior(rows, features, streams, key, side);
    draw_rows(ratings, opposite, problem, features, side, precision, streams, key, own);
    if (side.weights.rows() > 0) {
      const double scale =
          draw_scale(ratings, own, opposite, problem, features, side, precision, streams, key);
      apply_scale(scale, features, side, own);
    }
  };
  draw_side(problem.by_user, user_features, gibbs_user_streams, parameters.items, state.users,
            parameters.users);
  draw_side(problem.by_item, item_features, gibbs_item_streams, parameters.users, state.items,
            parameters.items);
  state.noise_precision = draw_noise_precision(problem, parameters, state.likelihood_power, key);
}

}  // namespace alsatian::reference
