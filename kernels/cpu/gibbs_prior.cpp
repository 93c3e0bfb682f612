// Draws of μ, Λ, λ_B and α from sums over rows; noise for rows from their own words.
// The same steps as kernels/reference/gibbs.cpp from the same numbers, on sums instead of tables.
#include "kernels/cpu/gibbs_prior.hpp"

#include "kernels/cpu/chunked_sum.hpp"

#include <algorithm>
#include <cmath>

namespace alsatian::cpu {
namespace {

/// Λ ~ Wishart(S⁻¹, degrees) with S = CCᵀ: (C⁻ᵀA)(C⁻ᵀA)ᵀ. Bartlett (1933).
SquareMatrix wishart(const SquareMatrix& inverse_scale, double degrees, RandomWords& words) {
  const std::int64_t order = inverse_scale.order();
  SquareMatrix factor(order);
  for (std::int64_t row = 0; row < order; ++row) {
    factor(row, row) = std::sqrt(chi_squared_draw(degrees - static_cast<double>(row), words));
    NormalDraws normal_draw(words);
    for (std::int64_t column = 0; column < row; ++column) factor(row, column) = normal_draw();
  }
  const SquareMatrix inverse_root = inverse_of_lower(cholesky_of(inverse_scale));
  SquareMatrix transposed(order);
  for (std::int64_t row = 0; row < order; ++row) {
    for (std::int64_t column = 0; column < order; ++column) {
      transposed(row, column) = inverse_root(column, row);
    }
  }
  return gram_of_rows(product(transposed, factor));
}

void subtract_square(double weight, const std::vector<double>& vector, SquareMatrix& matrix) {
  for (std::int64_t row = 0; row < matrix.order(); ++row) {
    for (std::int64_t column = 0; column < matrix.order(); ++column) {
      matrix(row, column) -=
          weight * vector[static_cast<std::size_t>(row)] * vector[static_cast<std::size_t>(column)];
    }
  }
}

void add_to_diagonal(double value, SquareMatrix& matrix) {
  for (std::int64_t j = 0; j < matrix.order(); ++j) matrix(j, j) += value;
}

std::vector<double> average_of(const RowMoments& moments) {
  std::vector<double> average = moments.sum;
  for (double& value : average) value /= std::max(1.0, static_cast<double>(moments.count));
  return average;
}

void add_row(const std::vector<double>& row, RowMoments& moments) {
  ++moments.count;
  const std::int64_t order = moments.products.order();
  for (std::int64_t j = 0; j < order; ++j) {
    const double value = row[static_cast<std::size_t>(j)];
    moments.sum[static_cast<std::size_t>(j)] += value;
    double* products = &moments.products(j, 0);
    for (std::int64_t q = 0; q <= j; ++q) products[q] += value * row[static_cast<std::size_t>(q)];
  }
}

/// Of rows from `first` on, each from its own words.
NormalTask normals_of(RandomStream stream, const GibbsKey& key, std::int64_t first, double scale,
                      SideView<float> to, bool biases) {
  return {.seed = key.seed,
          .stream = static_cast<std::uint32_t>(of_chain(stream, key.chain)),
          .first_row = key.counter(first),
          .scale = scale,
          .to = to,
          .biases = biases};
}

}  // namespace

void RowsView::copy_row(std::int64_t row, double* to) const {
  std::copy_n(side.row(row), side.rank, to);
  if (biases) to[side.rank] = side.biases[row];
}

RowMoments& RowMoments::operator+=(const RowMoments& other) {
  count += other.count;
  for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += other.sum[j];
  products += other.products;
  return *this;
}

RowMoments row_moments(const RowsView& rows, const RowsView& known,
                       const std::vector<bool>* counted) {
  const std::int64_t order = rows.order();
  const std::int64_t length =
      std::max(chunk_size, (rows.side.rows + most_moment_parts - 1) / most_moment_parts);
  const std::int64_t count = (rows.side.rows + length - 1) / length;
  std::vector<RowMoments> parts(static_cast<std::size_t>(count), RowMoments(order));
  parallel_for(count, [&](std::int64_t part) {
    std::vector<double> values(static_cast<std::size_t>(order));
    std::vector<double> less(static_cast<std::size_t>(order));
    const std::int64_t last = std::min((part + 1) * length, rows.side.rows);
    for (std::int64_t row = part * length; row < last; ++row) {
      if (counted != nullptr && !(*counted)[static_cast<std::size_t>(row)]) continue;
      rows.copy_row(row, values.data());
      if (known.side.rows > 0) {
        known.copy_row(row, less.data());
        for (std::size_t j = 0; j < values.size(); ++j) values[j] -= less[j];
      }
      add_row(values, parts[static_cast<std::size_t>(part)]);
    }
  });
  RowMoments total(order);
  for (const RowMoments& part : parts) total += part;
  for (std::int64_t row = 0; row < order; ++row) {
    for (std::int64_t column = row + 1; column < order; ++column) {
      total.products(row, column) = total.products(column, row);
    }
  }
  return total;
}

void draw_prior(const RowMoments& residuals, const RowMoments& weights, const GibbsStreams& streams,
                const GibbsKey& key, SidePrior& prior) {
  const std::int64_t order = residuals.products.order();
  const auto count = static_cast<double>(residuals.count);
  const double weight = GibbsPrior::mean_weight;
  const std::vector<double> average = average_of(residuals);
  SquareMatrix inverse_scale = weights.products;
  inverse_scale *= prior.weight_precision;
  inverse_scale += residuals.products;
  // Σ rrᵀ is about 0; about the average it is n·r̄r̄ᵀ less, and the prior's mean of 0 gives back
  // n·weight/(weight + n)·r̄r̄ᵀ.
  subtract_square(count - weight * count / (weight + count), average, inverse_scale);
  add_to_diagonal(GibbsPrior::scatter, inverse_scale);
  RandomWords words = key.words(streams.prior, 0);
  prior.precision =
      wishart(inverse_scale, static_cast<double>(order + residuals.count + weights.count), words);
  std::vector<double> draws(static_cast<std::size_t>(order));
  NormalDraws normal_draw(words);
  for (double& draw : draws) draw = normal_draw();
  SquareMatrix precision = prior.precision;
  precision *= weight + count;
  prior.mean = transposed_product(inverse_of_lower(cholesky_of(precision)), draws);
  for (std::size_t j = 0; j < draws.size(); ++j) {
    prior.mean[j] += count / (weight + count) * average[j];
  }
}

double draw_weight_precision(const RowMoments& weights, const SidePrior& prior,
                             const GibbsStreams& streams, const GibbsKey& key,
                             std::int64_t word_row) {
  RandomWords words = key.words(streams.prior, word_row);
  const auto size = static_cast<double>(weights.count * weights.products.order());
  return gamma_draw(GibbsPrior::weight_shape + 0.5 * size, words) /
         (GibbsPrior::weight_rate + 0.5 * inner_product(weights.products, prior.precision));
}

double draw_weight_scale(double squares, double products, const SidePrior& prior,
                         const GibbsStreams& streams, const GibbsKey& key) {
  if (!(squares > 0)) return 1;  // B is 0, or nothing was rated
  RandomWords words = key.words(streams.prior, 3);
  NormalDraws normal_draw(words);
  const double scale = 1 + products / squares + normal_draw() / std::sqrt(squares);
  const double u = uniform(words());
  if (scale <= 0) return 1;
  const double less_of_prior =
      (2 * GibbsPrior::weight_shape + 1) * std::log(scale) +
      GibbsPrior::weight_rate * prior.weight_precision * (1 / (scale * scale) - 1);
  return std::log(u) < -less_of_prior ? scale : 1;
}

double draw_noise_precision(double ratings, double squared_error, const GibbsKey& key) {
  RandomWords words = key.words(RandomStream::gibbs_noise, 0);
  return gamma_draw(GibbsPrior::noise_shape + 0.5 * ratings, words) /
         (GibbsPrior::noise_rate + 0.5 * squared_error);
}

SidePrior start_prior(const RowMoments& rows) {
  SidePrior prior;
  prior.mean = average_of(rows);
  SquareMatrix covariance = rows.products;
  const auto count = static_cast<double>(std::max<std::int64_t>(rows.count, 1));
  subtract_square(count, prior.mean, covariance);
  covariance *= 1 / count;
  add_to_diagonal(1e-3, covariance);
  prior.precision = gram_of_columns(inverse_of_lower(cholesky_of(covariance)));
  prior.weight_precision = 10;
  return prior;
}

void draw_noise(const KernelTable& kernels, RandomStream stream, const GibbsKey& key, bool biases,
                double scale, SideView<float> noise) {
  const NormalTask task = normals_of(stream, key, 0, scale, noise, biases);
  for_each_chunk(noise.rows, [&](std::int64_t, std::int64_t first, std::int64_t last) {
    kernels.draw_normals(task, first, last);
  });
}

void add_prior_noise(const KernelTable& kernels, RandomStream stream, const GibbsKey& key,
                     const SquareMatrix& inverse_root, double scale, bool biases,
                     SideView<float> rows) {
  const std::int64_t order = inverse_root.order();
  for_each_chunk(rows.rows, [&](std::int64_t, std::int64_t first, std::int64_t last) {
    FactorTable drawn(last - first, static_cast<std::int32_t>(order));
    kernels.draw_normals(normals_of(stream, key, first, scale, drawn.view(), false), 0,
                         last - first);
    std::vector<double> noise(static_cast<std::size_t>(order));
    for (std::int64_t row = first; row < last; ++row) {
      const float* draws = drawn.view().row(row - first);
      std::ranges::fill(noise, 0.0);
      for (std::int64_t k = 0; k < order; ++k) {
        const double draw = draws[k];
        const double* from = inverse_root.entries().data() + k * order;
        for (std::int64_t j = 0; j <= k; ++j) noise[static_cast<std::size_t>(j)] += draw * from[j];
      }
      const auto rank = static_cast<std::size_t>(rows.rank);
      for (std::size_t j = 0; j < rank; ++j) rows.row(row)[j] += static_cast<float>(noise[j]);
      if (biases) rows.biases[row] += static_cast<float>(noise[rank]);
    }
  });
}

}  // namespace alsatian::cpu
