// Sums over draws, element by element, and over ratings in chunks: no result depends on threads.
// Scores of held-out ratings are in double, as evaluation's are.
#include "host/train/posterior.hpp"

#include "host/model/half.hpp"
#include "kernels/cpu/chunked_sum.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/math/score.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>
#include <numeric>

namespace alsatian {
namespace {

constexpr std::int64_t rows_per_task = 256;
constexpr double deviations_of_90_percent = 1.6448536269514722;

/// Rows of a part of a side, to be summed.
struct PartOfRows {
  std::int64_t count = 0;
  std::vector<double> sum;  // [rank + 1], its bias last; none of no rows

  PartOfRows& operator+=(const PartOfRows& other) {
    count += other.count;
    if (sum.empty()) sum.resize(other.sum.size());
    for (std::size_t j = 0; j < other.sum.size(); ++j) sum[j] += other.sum[j];
    return *this;
  }
};

/// The mean row [rank + 1] of those whose count is not 0.
std::vector<double> mean_row(const SideFactors& side, const std::vector<std::int32_t>& counts) {
  const auto rank = static_cast<std::size_t>(side.rank);
  auto all = cpu::chunked_sum<PartOfRows>(side.rows, [&](std::int64_t first, std::int64_t last) {
    PartOfRows part{0, std::vector<double>(rank + 1)};
    for (std::int64_t row = first; row < last; ++row) {
      const auto index = static_cast<std::size_t>(row);
      if (counts[index] == 0) continue;
      ++part.count;
      for (std::size_t j = 0; j < rank; ++j) part.sum[j] += side.row(row)[j];
      part.sum[rank] += side.biases[index];
    }
    return part;
  });
  all.sum.resize(rank + 1);
  for (double& value : all.sum) value /= static_cast<double>(std::max<std::int64_t>(all.count, 1));
  return all.sum;
}

/// Makes one side's rows relative to its mean row; `other` is the other side's.
void center_side(const std::vector<double>& mean, const std::vector<double>& other,
                 const std::vector<std::int32_t>& counts, SideFactors& side) {
  const auto rank = static_cast<std::size_t>(side.rank);
  parallel_for(
      side.rows,
      [&](std::int64_t row) {
        float* factors = side.row(row);
        const auto index = static_cast<std::size_t>(row);
        if (counts[index] == 0) {
          std::fill_n(factors, rank, 0.0F);
          side.biases[index] = 0;
          return;
        }
        double product = 0;
        for (std::size_t j = 0; j < rank; ++j) {
          const double centered = factors[j] - mean[j];
          product += centered * other[j];
          factors[j] = static_cast<float>(centered);
        }
        side.biases[index] = static_cast<float>(side.biases[index] - mean[rank] + product);
      },
      rows_per_task);
}

double score_of(const CenteredDraw& draw, std::int32_t user, std::int32_t item) {
  const auto& [users, items] = draw.factors;
  const double user_bias = user < 0 ? 0.0 : users.biases[static_cast<std::size_t>(user)];
  const double item_bias = item < 0 ? 0.0 : items.biases[static_cast<std::size_t>(item)];
  const double product =
      user < 0 || item < 0 ? 0.0 : dot<double>(users.row(user), items.row(item), users.rank);
  return score(draw.constant, user_bias, item_bias, product);
}

void add_error(double error, ErrorSums& sums) {
  ++sums.count;
  sums.squared_error += error * error;
  sums.absolute_error += std::abs(error);
  sums.loss += Gaussian::loss_and_slope(error, 0.0).loss;
}

/// Errors of a part of the ratings, to be summed.
struct PartOfErrors {
  ErrorSums sums;

  PartOfErrors& operator+=(const PartOfErrors& other) {
    sums.count += other.sums.count;
    sums.squared_error += other.sums.squared_error;
    sums.absolute_error += other.sums.absolute_error;
    sums.loss += other.sums.loss;
    return *this;
  }
};

}  // namespace

CenteredDraw center(Factors draw, const std::vector<std::int32_t>& user_counts,
                    const std::vector<std::int32_t>& item_counts) {
  const auto rank = static_cast<std::size_t>(draw.users.rank);
  CenteredDraw centered{.factors = {},
                        .constant = 0,
                        .user_center = mean_row(draw.users, user_counts),
                        .item_center = mean_row(draw.items, item_counts)};
  centered.constant = centered.user_center[rank] + centered.item_center[rank];
  for (std::size_t j = 0; j < rank; ++j) {
    centered.constant += centered.user_center[j] * centered.item_center[j];
  }
  centered.factors = std::move(draw);
  center_side(centered.user_center, centered.item_center, user_counts, centered.factors.users);
  center_side(centered.item_center, centered.user_center, item_counts, centered.factors.items);
  return centered;
}

ErrorSums errors_of(const CenteredDraw& draw, const Triples& ratings, const RatingScale& scale) {
  const auto all =
      cpu::chunked_sum<PartOfErrors>(ratings.size(), [&](std::int64_t first, std::int64_t last) {
        PartOfErrors part;
        for (std::int64_t position = first; position < last; ++position) {
          const auto index = static_cast<std::size_t>(position);
          const double score = score_of(draw, ratings.users[index], ratings.items[index]);
          add_error(score - scale.standardise(ratings.ratings[index]), part.sums);
        }
        return part;
      });
  return all.sums;
}

Posterior::Posterior(const ModelSpec& spec, const RatingScale& scale,
                     std::vector<const Triples*> held_out, std::int64_t sweeps)
    : rank_(spec.rank), sweeps_(sweeps), scale_(scale) {
  const auto& bayes = std::get<Bayes>(spec.algorithm);
  likelihood_power_ = bayes.likelihood_power;
  for (int chain = 0; chain < bayes.chains; ++chain) {
    const int share = bayes.keep / bayes.chains + (chain < bayes.keep % bayes.chains ? 1 : 0);
    chains_.push_back({.keep = std::min<std::int64_t>(share, sweeps)});
    keep_ += chains_.back().keep;
  }
  for (const Triples* ratings : held_out) {
    const auto size = static_cast<std::size_t>(ratings->size());
    held_out_.push_back({ratings, std::vector<double>(size), std::vector<double>(size), 0});
  }
}

/// chain.keep of sweeps_ draws, evenly apart, the last among them.
bool Posterior::is_kept(const Chain& chain) const {
  return chain.draws * chain.keep / sweeps_ > (chain.draws - 1) * chain.keep / sweeps_;
}

void Posterior::keep(const CenteredDraw& draw) {
  const auto copy = [&](const SideFactors& from, KeptSide& side) {
    SideFactors& to = side.kept;
    std::ranges::transform(from.biases, std::back_inserter(side.kept_biases), rounded_to_half);
    if (to.rows == 0) to = SideFactors(from.rows, static_cast<std::int32_t>(rank_ * keep_));
    for (std::int64_t row = 0; row < from.rows; ++row) {
      std::copy_n(from.row(row), rank_, to.row(row) + std::int64_t{kept_} * rank_);
    }
  };
  copy(draw.factors.users, users_);
  copy(draw.factors.items, items_);
  kept_constants_.push_back(draw.constant);
  ++kept_;
}

bool Posterior::add(const CenteredDraw& draw, double noise_precision, int chain) {
  ++draws_;
  for (HeldOutSums& set : held_out_) {
    set.last_squared_error =
        cpu::chunked_sum<double>(set.ratings->size(), [&](std::int64_t first, std::int64_t last) {
          double squared_error = 0;
          for (std::int64_t position = first; position < last; ++position) {
            const auto index = static_cast<std::size_t>(position);
            const double score =
                score_of(draw, set.ratings->users[index], set.ratings->items[index]);
            const double error = score - scale_.standardise(set.ratings->ratings[index]);
            set.scores[index] += score;
            set.squares[index] += score * score;
            squared_error += error * error;
          }
          return squared_error;
        });
  }
  dispersion_sum_ += 1 / noise_precision;
  Chain& own = chains_.at(static_cast<std::size_t>(chain));
  ++own.draws;
  if (!is_kept(own)) return false;
  keep(draw);
  return true;
}

void Posterior::keep_prior(const GibbsUserPrior& prior, const CenteredDraw& draw,
                           double noise_precision) {
  kept_priors_.noise_precisions.push_back(likelihood_power_ * noise_precision);
  std::ranges::copy(prior.precision, std::back_inserter(kept_priors_.precisions));
  for (std::size_t j = 0; j < prior.mean.size(); ++j) {
    kept_priors_.user_means.push_back(prior.mean[j] - draw.user_center[j]);
    kept_priors_.item_means.push_back(draw.item_center[j]);
  }
  if (!prior.weights.empty()) kept_weights_.push_back(prior.weights);
}

double Posterior::last_draw_rmse(std::size_t index) const {
  const HeldOutSums& set = held_out_[index];
  return scale_.bias_unit() *
         std::sqrt(set.last_squared_error / static_cast<double>(set.ratings->size()));
}

PosteriorErrors Posterior::held_out_errors(std::size_t index) const {
  const HeldOutSums& set = held_out_[index];
  const auto draws = static_cast<double>(draws_);
  PosteriorErrors result;
  ErrorSums& sums = result.errors;
  for (std::size_t rating = 0; rating < set.scores.size(); ++rating) {
    const double mean = set.scores[rating] / draws;
    const double error = mean - scale_.standardise(set.ratings->ratings[rating]);
    const double variance = dispersion() + std::max(0.0, set.squares[rating] / draws - mean * mean);
    add_error(error, sums);
    result.nll_sum += Gaussian::mean_nll(0.5 * error * error, variance, 0) + scale_.nll_offset();
    if (std::abs(error) <= deviations_of_90_percent * std::sqrt(variance)) result.covered_90 += 1;
  }
  result.covered_90 /= static_cast<double>(std::max<std::int64_t>(sums.count, 1));
  return result;
}

SideFactors Posterior::mean_of(const KeptSide& side) const {
  const std::int32_t columns = rank_ * kept_;
  SideFactors mean(side.kept.rows, columns);
  const double weight = 1 / std::sqrt(static_cast<double>(kept_));
  for (std::int64_t row = 0; row < mean.rows; ++row) {
    for (std::int32_t j = 0; j < columns; ++j) {
      mean.row(row)[j] = rounded_to_half(static_cast<float>(weight * side.kept.row(row)[j]));
    }
    double sum = 0;
    for (std::int64_t draw = 0; draw < kept_; ++draw) {
      sum += side.kept_biases[static_cast<std::size_t>(draw * mean.rows + row)];
    }
    mean.biases[static_cast<std::size_t>(row)] = static_cast<float>(sum / kept_);
  }
  return mean;
}

DrawBiases Posterior::draw_biases() const {
  const auto by_row = [&](const KeptSide& side) {
    const auto rows = static_cast<std::size_t>(side.kept.rows);
    const auto kept = static_cast<std::size_t>(kept_);
    std::vector<float> biases(rows * kept);
    for (std::size_t draw = 0; draw < kept; ++draw) {
      for (std::size_t row = 0; row < rows; ++row) {
        biases[row * kept + draw] = side.kept_biases[draw * rows + row];
      }
    }
    return biases;
  };
  return {kept_constants_, by_row(users_), by_row(items_)};
}

DrawPriors Posterior::draw_priors() const {
  if (kept_priors_.noise_precisions.size() != static_cast<std::size_t>(kept_)) return {};
  DrawPriors priors = kept_priors_;
  if (kept_weights_.empty()) return priors;
  const std::size_t order = priors.item_means.size() / static_cast<std::size_t>(kept_);
  const std::size_t items = kept_weights_.front().size() / order;
  for (std::size_t item = 0; item < items; ++item) {
    for (const std::vector<float>& weights : kept_weights_) {
      for (std::size_t j = 0; j < order; ++j) {
        priors.weights.push_back(rounded_to_half(weights[item * order + j]));
      }
    }
  }
  return priors;
}

CenteredDraw Posterior::model_factors() const {
  const double sum = std::accumulate(kept_constants_.begin(), kept_constants_.end(), 0.0);
  return {{mean_of(users_), mean_of(items_)}, sum / kept_, {}, {}};
}

}  // namespace alsatian
