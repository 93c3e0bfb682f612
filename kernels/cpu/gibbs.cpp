// The order of a sweep's draws, which is that of kernels/reference/gibbs.cpp.
// What is drawn small is in gibbs_prior.cpp, B in feature_weights.cpp, rows in als' own kernel.
#include "kernels/cpu/gibbs.hpp"

#include "kernels/cpu/als.hpp"
#include "kernels/cpu/chunked_sum.hpp"
#include "kernels/cpu/errors.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace alsatian::cpu {
namespace {

double sum_of(const std::vector<float>& terms) {
  return chunked_sum<double>(std::ssize(terms), [&](std::int64_t first, std::int64_t last) {
    return interleaved_sum(first, last, [&](std::int64_t j) {
      return static_cast<double>(terms[static_cast<std::size_t>(j)]);
    });
  });
}

}  // namespace

GibbsSide::GibbsSide(const KernelTable& kernels, CsrView<float> own, CsrView<float> opposite,
                     const GibbsStreams& streams, const GibbsOptions& options, GivenFeatures given)
    : kernels_(kernels),
      ratings_(own),
      order_(longest_first(own)),
      streams_(streams),
      options_(options),
      means_(own.rows(), options.rank),
      noise_(own.rows(), options.rank) {
  const std::int32_t order = options.rank + (options.biases ? 1 : 0);
  prior_.mean.resize(static_cast<std::size_t>(order));
  prior_.precision = SquareMatrix(order);
  if (options.implicit_features) {
    features_.emplace(kernels, own, opposite, options.rank, options.biases);
    change_squares_.resize(static_cast<std::size_t>(own.rows()));
    change_products_.resize(static_cast<std::size_t>(own.rows()));
  }
  if (given.count > 0) {
    given_.emplace(given, own, options.rank, options.biases);
    both_means_ = FactorTable(own.rows(), options.rank);
  }
}

void GibbsSide::start(SideView<const float> rows) {
  prior_ = start_prior(row_moments({rows, options_.biases}));
  if (features_) std::ranges::fill(features_->weights().flat(), 0.0F);
  if (given_) given_->start();
}

int GibbsSide::draw(const GibbsKey& key, double noise_precision, SideView<const float> opposite,
                    SideView<float> rows) {
  const int steps = features_ ? draw_weights(key, rows) : 0;
  if (given_) draw_given(key, rows);
  draw_around(key, rows);
  draw_rows(key, noise_precision, opposite, rows);
  if (features_) scale_weights(key, noise_precision, rows);
  return steps;
}

/// B, what rows have of it, and λ_B times c, c and c⁻².
void GibbsSide::scale_weights(const GibbsKey& key, double noise_precision, SideView<float> rows) {
  const double scale =
      draw_weight_scale(noise_precision * sum_of(change_squares_),
                        noise_precision * sum_of(change_products_), prior_, streams_, key);
  if (scale == 1) return;
  add_feature_means(static_cast<float>(scale - 1), rows);
  features_->scale(static_cast<float>(scale));
  prior_.weight_precision /= scale * scale;
}

/// Adds to rows a part of F·B, or of what it is expected to be.
void GibbsSide::add_feature_means(float factor, SideView<float> rows) {
  const SideView<const float> known =
      given_ ? std::as_const(both_means_).view() : features_->means();
  const SideView<const float> given = given_ ? given_->means() : SideView<const float>{};
  const auto part = [&](float value, float less) { return factor * (value - less); };
  for_each_chunk(rows.rows, [&](std::int64_t, std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      for (std::int32_t j = 0; j < rows.rank; ++j) {
        rows.row(row)[j] += part(known.row(row)[j], given_ ? given.row(row)[j] : 0.0F);
      }
      rows.biases[row] += part(known.biases[row], given_ ? given.biases[row] : 0.0F);
    }
  });
}

/// Rows of B.
RowsView GibbsSide::weight_rows() const {
  return {std::as_const(*features_).weights().view(), options_.biases};
}

/// W − μ − known, which has as many rows or none.
void GibbsSide::set_targets(SideView<const float> rows, SideView<const float> known,
                            SideView<float> targets) const {
  const auto rank = static_cast<std::size_t>(targets.rank);
  const bool is_known = known.rows > 0;
  for_each_chunk(targets.rows, [&](std::int64_t, std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      const auto centered = [&](float value, std::size_t j, float less) {
        return static_cast<float>(value - prior_.mean[j] - less);
      };
      for (std::size_t j = 0; j < rank; ++j) {
        targets.row(row)[j] = centered(rows.row(row)[j], j, is_known ? known.row(row)[j] : 0.0F);
      }
      if (!options_.biases) continue;
      targets.biases[row] = centered(rows.biases[row], rank, is_known ? known.biases[row] : 0.0F);
    }
  });
}

/// (FᵀF + λ_B I) B = Fᵀ(W − μ + E₁) + √λ_B E₂, and λ_B.
int GibbsSide::draw_weights(const GibbsKey& key, SideView<const float> rows) {
  const SquareMatrix inverse_root = inverse_of_lower(cholesky_of(prior_.precision));
  const SideView<float> targets = features_->targets();
  set_targets(rows, given_ ? given_->means() : SideView<const float>{}, targets);
  add_prior_noise(kernels_, streams_.targets, key, inverse_root, 1, options_.biases, targets);
  add_prior_noise(kernels_, streams_.weights, key, inverse_root, std::sqrt(prior_.weight_precision),
                  options_.biases, features_->right_side());
  const SquareMatrix covariance = gram_of_columns(inverse_root);
  std::vector<double> variances;
  for (std::int64_t j = 0; j < covariance.order(); ++j) variances.push_back(covariance(j, j));
  return features_->solve(prior_.weight_precision, variances);
}

/// G and λ_G.
void GibbsSide::draw_given(const GibbsKey& key, SideView<const float> rows) {
  set_targets(rows, features_ ? features_->means() : SideView<const float>{}, both_means_.view());
  const SquareMatrix inverse_root = inverse_of_lower(cholesky_of(prior_.precision));
  given_->draw({std::as_const(both_means_).view(), options_.biases}, inverse_root, prior_, streams_,
               key);
}

/// F·B + T·G; no rows without features.
SideView<const float> GibbsSide::feature_means() {
  if (!given_) return features_ ? features_->means() : SideView<const float>{};
  const SideView<const float> given = given_->means();
  if (!features_) return given;
  const SideView<const float> known = features_->means();
  const SideView<float> both = both_means_.view();
  const auto set = [&](std::int64_t row, const auto* own, auto own_bias) {
    for (std::int32_t j = 0; j < both.rank; ++j) {
      both.row(row)[j] = static_cast<float>(own[j]) + given.row(row)[j];
    }
    if (options_.biases) both.biases[row] = static_cast<float>(own_bias) + given.biases[row];
  };
  for_each_chunk(both.rows, [&](std::int64_t, std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) set(row, known.row(row), known.biases[row]);
  });
  given_->expect({known, options_.biases}, [&](std::int64_t row, const double* expected) {
    set(row, expected, options_.biases ? expected[both.rank] : 0.0);
  });
  return std::as_const(both_means_).view();
}

/// λ_B, μ and Λ, and from them, B and G the mean of each row.
void GibbsSide::draw_around(const GibbsKey& key, SideView<const float> rows) {
  RowMoments weights(prior_.precision.order());
  if (features_) {
    weights = row_moments(weight_rows());
    prior_.weight_precision = draw_weight_precision(weights, prior_, streams_, key);
  }
  if (given_) {
    // draw_prior multiplies by λ_B, where G's rows count by λ_G.
    RowMoments given = given_->moments();
    given.products *= given_->precision() / prior_.weight_precision;
    weights += given;
  }
  const RowsView known{feature_means(), options_.biases};
  const RowMoments residuals =
      row_moments({rows, options_.biases}, known, given_ ? &given_->rated() : nullptr);
  draw_prior(residuals, weights, streams_, key, prior_);
  set_means(known.side);
}

void GibbsSide::set_means(SideView<const float> feature_means) {
  const SideView<float> means = means_.view();
  const auto rank = static_cast<std::size_t>(means.rank);
  for_each_chunk(means.rows, [&](std::int64_t, std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      const bool known = feature_means.rows > 0;
      const auto mean_of = [&](std::size_t j, float more) {
        return static_cast<float>(prior_.mean[j] + more);
      };
      for (std::size_t j = 0; j < rank; ++j) {
        means.row(row)[j] = mean_of(j, known ? feature_means.row(row)[j] : 0.0F);
      }
      if (options_.biases) {
        means.biases[row] = mean_of(rank, known ? feature_means.biases[row] : 0.0F);
      }
    }
  });
}

/// als' own row solve in units of the noise: (Σ z zᵀ + Λ/α) w = Σ z (r − c) + Λ/α·m, to which the
/// factor of that matrix adds U⁻¹ε/√α.
void GibbsSide::draw_rows(const GibbsKey& key, double noise_precision,
                          SideView<const float> opposite, SideView<float> rows) {
  SquareMatrix precision = prior_.precision;
  precision *= 1 / noise_precision;
  const PaddedPrior padded(options_.rank, options_.biases, precision.entries(), {});
  draw_noise(kernels_, streams_.rows, key, options_.biases, 1 / std::sqrt(noise_precision),
             noise_.view());
  AlsPrior prior = padded.view();
  prior.means = std::as_const(means_).view();
  prior.noise = std::as_const(noise_).view();
  if (features_) {
    prior.changes = features_->means();
    prior.change_squares = change_squares_.data();
    prior.change_products = change_products_.data();
  }
  als_half_sweep(kernels_,
                 {.ratings = ratings_,
                  .opposite = opposite,
                  .solved = rows,
                  .regularization = {.factors = 0, .biases = 0, .scaling = 0},
                  .biases = options_.biases,
                  .prior = &prior},
                 order_);
}

GibbsSampler::GibbsSampler(const KernelTable& kernels, CsrView<float> by_user,
                           CsrView<float> by_item, const GibbsOptions& options,
                           GivenFeatures of_users, GivenFeatures of_items)
    : kernels_(kernels),
      by_user_(by_user),
      likelihood_power_(options.likelihood_power),
      users_(kernels, by_user, by_item, gibbs_user_streams, options, of_users),
      items_(kernels, by_item, by_user, gibbs_item_streams, options, of_items) {}

double GibbsSampler::squared_error(SideView<const float> users, SideView<const float> items) const {
  return cpu::squared_error(kernels_, {.ratings = by_user_, .own = users, .opposite = items});
}

void GibbsSampler::start(SideView<const float> users, SideView<const float> items) {
  users_.start(users);
  items_.start(items);
  noise_precision_ = (2 * GibbsPrior::noise_shape + static_cast<double>(by_user_.observations())) /
                     (2 * GibbsPrior::noise_rate + squared_error(users, items));
}

GibbsReport GibbsSampler::sweep(const GibbsKey& key, SideView<float> users, SideView<float> items) {
  GibbsReport report;
  const double precision = likelihood_power_ * noise_precision_;
  report.user_weight_steps = users_.draw(key, precision, items, users);
  report.item_weight_steps = items_.draw(key, precision, users, items);
  noise_precision_ =
      draw_noise_precision(likelihood_power_ * static_cast<double>(by_user_.observations()),
                           likelihood_power_ * squared_error(users, items), key);
  return report;
}

}  // namespace alsatian::cpu
