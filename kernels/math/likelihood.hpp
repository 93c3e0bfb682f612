// What a rating's likelihood is: one struct of a few lines each, for host and device alike.
// Adding one is a struct here, an entry in the variant and a row in the test table.
#pragma once

#include "kernels/math/host_device.hpp"

#include <cmath>
#include <concepts>
#include <string_view>
#include <variant>

namespace alsatian {

/// loss: negative log-likelihood of one rating at unit dispersion, without constants [nats].
/// slope: its derivative in the score.
template <typename Real>
struct LossAndSlope {
  Real loss;
  Real slope;
};

/// Every likelihood has, with η the score:
///   loss_and_slope(η, r)   loss and slope above
///   mean(η)                expected rating: what predictions, RMSE and clipping use
///   link(m)                the η whose mean is m
///   in_domain(r), domain   ratings it can explain, and the same in words
///   loss_degree            d where loss(a·η, a·r) = a^d·loss(η, r) for every a > 0; 0 for none
///   standardised           whether training works on (r − μ)/sd, which needs a degree
///   dispersion(l)          estimate from the mean loss l per rating (1 where there is none)
///   mean_nll(l, d, c)      full mean negative log-likelihood from the mean loss, the dispersion
///                          and the mean of constant(r); not a number where the dispersion is 0,
///                          as then the density has no bound
///   constant(r)            the part of −log p(r) that no parameter changes

/// r ~ N(η, σ²): loss ½(r − η)²; the dispersion is σ².
struct Gaussian {
  static constexpr std::string_view name = "gaussian";
  static constexpr std::string_view domain = "any finite number";
  static constexpr int loss_degree = 2;
  static constexpr bool standardised = true;

  template <std::floating_point Real>
  ALSATIAN_HD static LossAndSlope<Real> loss_and_slope(Real score, Real rating) {
    const Real residual = score - rating;
    return {Real(0.5) * residual * residual, residual};
  }
  template <std::floating_point Real>
  ALSATIAN_HD static Real mean(Real score) {
    return score;
  }
  static double link(double mean_rating) { return mean_rating; }
  static bool in_domain(double rating) { return std::isfinite(rating); }
  static double constant(double) { return 0.0; }
  static double dispersion(double mean_loss) { return 2.0 * mean_loss; }
  static double mean_nll(double mean_loss, double dispersion, double mean_constant) {
    return mean_loss / dispersion + 0.5 * std::log(6.283185307179586 * dispersion) + mean_constant;
  }
};

/// r ~ Laplace(η, b): loss |r − η|; the dispersion is b. The slope at 0 is 0.
struct Laplace {
  static constexpr std::string_view name = "laplace";
  static constexpr std::string_view domain = "any finite number";
  static constexpr int loss_degree = 1;
  static constexpr bool standardised = true;

  template <std::floating_point Real>
  ALSATIAN_HD static LossAndSlope<Real> loss_and_slope(Real score, Real rating) {
    const Real residual = score - rating;
    return {residual < 0 ? -residual : residual, Real(residual > 0) - Real(residual < 0)};
  }
  template <std::floating_point Real>
  ALSATIAN_HD static Real mean(Real score) {
    return score;
  }
  static double link(double mean_rating) { return mean_rating; }
  static bool in_domain(double rating) { return std::isfinite(rating); }
  static double constant(double) { return 0.0; }
  static double dispersion(double mean_loss) { return mean_loss; }
  static double mean_nll(double mean_loss, double dispersion, double mean_constant) {
    return mean_loss / dispersion + std::log(2.0 * dispersion) + mean_constant;
  }
};

/// r ~ Poisson(exp η): loss exp(η) − r·η; constant log r!.
struct Poisson {
  static constexpr std::string_view name = "poisson";
  static constexpr std::string_view domain = "whole counts 0, 1, 2, ...";
  static constexpr int loss_degree = 0;
  static constexpr bool standardised = false;

  template <std::floating_point Real>
  ALSATIAN_HD static LossAndSlope<Real> loss_and_slope(Real score, Real rating) {
    const Real rate = std::exp(score);
    return {rate - rating * score, rate - rating};
  }
  template <std::floating_point Real>
  ALSATIAN_HD static Real mean(Real score) {
    return std::exp(score);
  }
  static double link(double mean_rating) { return std::log(mean_rating); }
  static bool in_domain(double rating) {
    return std::isfinite(rating) && rating >= 0 && rating == std::floor(rating);
  }
  static double constant(double rating) { return std::lgamma(rating + 1.0); }
  static double dispersion(double) { return 1.0; }
  static double mean_nll(double mean_loss, double, double mean_constant) {
    return mean_loss + mean_constant;
  }
};

/// r ~ Bernoulli(1 / (1 + exp −η)): loss log(1 + exp η) − r·η, for r 0 or 1.
struct Bernoulli {
  static constexpr std::string_view name = "bernoulli";
  static constexpr std::string_view domain = "0 or 1";
  static constexpr int loss_degree = 0;
  static constexpr bool standardised = false;

  template <std::floating_point Real>
  ALSATIAN_HD static LossAndSlope<Real> loss_and_slope(Real score, Real rating) {
    // exp of minus the magnitude never overflows; it is added last, so that it is not absorbed in
    // a large score that cancels against rating·score.
    const Real tail = std::exp(score < 0 ? score : -score);
    const Real linear = (score > 0 ? score : Real(0)) - rating * score;
    return {linear + std::log1p(tail), mean(score) - rating};
  }
  template <std::floating_point Real>
  ALSATIAN_HD static Real mean(Real score) {
    const Real tail = std::exp(score < 0 ? score : -score);
    return score < 0 ? tail / (Real(1) + tail) : Real(1) / (Real(1) + tail);
  }
  static double link(double mean_rating) { return std::log(mean_rating / (1.0 - mean_rating)); }
  static bool in_domain(double rating) { return rating == 0 || rating == 1; }
  static double constant(double) { return 0.0; }
  static double dispersion(double) { return 1.0; }
  static double mean_nll(double mean_loss, double, double mean_constant) {
    return mean_loss + mean_constant;
  }
};

/// The closed list: std::visit over it makes a forgotten case a compile error.
using Likelihood = std::variant<Gaussian, Laplace, Poisson, Bernoulli>;

}  // namespace alsatian
