// What Gibbs sampling assumes before it sees a rating, and which random numbers each draw takes.
// Every backend draws from the same numbers, so that their first sweeps can be compared.
#pragma once

#include "kernels/math/host_device.hpp"
#include "kernels/math/random.hpp"

#include <cmath>
#include <cstdint>

namespace alsatian {

/// In units of standardised ratings. A side's rows are w = [p; b] ~ N(μ + Bᵀf, Λ⁻¹), with f the
/// row's features; `order` is the length of w. Ratings are score + N(0, 1/α).
///   Λ ~ Wishart(scatter⁻¹·I, order degrees of freedom),  μ | Λ ~ N(0, (mean_weight·Λ)⁻¹)
///   B | Λ, λ_B: matrix normal, rows' precision λ_B·Λ;  λ_B, α ~ Gamma(shape 1, rate 1)
/// Where a side has features that are given in a file, w ~ N(μ + Bᵀf + Gᵀg, Λ⁻¹): g the row's given
/// features less their means over rated rows, 0 where the file lacks the row; G as B, with a λ_G of
/// its own, as they are of another number and scale. On such a side (μ, Λ, B, G) are drawn from the
/// rows with ratings alone: the others would only slow down the chain, whatever their number. Those
/// are drawn around μ + Gᵀg + h, because f of a new row is not known, which is not f = 0: h is what
/// Bᵀf is expected to be of g, by least squares over rated rows that have given features, with a
/// ridge of GibbsPrior::expected_ridge rows.
/// Rows follow F·B and B follows rows, so that B's size and λ_B would move little in hundreds of
/// sweeps. After each draw of the rows B is multiplied by a c, with what they have of it, which
/// leaves √λ_B·B and w − Bᵀf and so their priors as they are (Yu and Meng 2011, interweaving):
///   B ← cB,  w ← w + (c − 1)Bᵀf,  λ_B ← λ_B/c²
///   c ~ N(1 + b/a, 1/a)·c^(−2·shape − 1)·exp(−rate·λ_B/c²),  c > 0
///   a = κα Σ d²,  b = κα Σ (r − η) d over ratings, d = ⟨x_p, q⟩ + x_b with x = Bᵀf
/// drawn from the normal and taken by Metropolis and Hastings, else c = 1.
/// The likelihood may be raised to a power κ below 1, which keeps ratings that are not as the model
/// has them from being believed too much; 1 is Bayes' rule. Grünwald and van Ommen (2017).
/// Salakhutdinov and Mnih (2008); Simm et al. (2017), "Macau", for B.
struct GibbsPrior {
  static constexpr double mean_weight = 2;
  static constexpr double scatter = 1;
  static constexpr double weight_shape = 1;
  static constexpr double weight_rate = 1;
  static constexpr double noise_shape = 1;
  static constexpr double noise_rate = 1;
  static constexpr double expected_ridge = 10;
};

/// The streams of one side's draws.
struct GibbsStreams {
  RandomStream rows;           // ε of each row, index = row
  RandomStream prior;          // Λ and μ (row 0), λ_B (row 1), λ_G (row 2), c (row 3)
  RandomStream targets;        // E₁ of each row of the side, for B
  RandomStream weights;        // E₂ of each row of B
  RandomStream given_weights;  // Z of each row of G
};
inline constexpr GibbsStreams gibbs_user_streams{
    RandomStream::gibbs_user_rows, RandomStream::gibbs_user_prior, RandomStream::gibbs_user_targets,
    RandomStream::gibbs_user_weights, RandomStream::gibbs_user_given_weights};
inline constexpr GibbsStreams gibbs_item_streams{
    RandomStream::gibbs_item_rows, RandomStream::gibbs_item_prior, RandomStream::gibbs_item_targets,
    RandomStream::gibbs_item_weights, RandomStream::gibbs_item_given_weights};

/// The words of one row's draw in one sweep: (seed, chain, sweep, side, row) and nothing else
/// decide them. row is below 2^32, as is sweep; chain is below 2^16.
struct GibbsKey {
  std::uint64_t seed = 0;
  std::uint32_t sweep = 0;
  std::uint32_t chain = 0;

  ALSATIAN_HD RandomWords words(RandomStream stream, std::int64_t row) const {
    return {seed, of_chain(stream, chain), counter(row)};
  }

  /// Draws 2·pair and 2·pair + 1 of those that NormalDraws makes of words(stream, row), without
  /// those before them: for threads that share a row.
  ALSATIAN_HD Normal2 normal_pair(RandomStream stream, std::int64_t row, std::uint32_t pair) const {
    const Random4 drawn = philox(seed, of_chain(stream, chain), counter(row), pair / 2);
    return pair % 2 == 0 ? normal(drawn.word[0], drawn.word[1])
                         : normal(drawn.word[2], drawn.word[3]);
  }

  /// What philox is given as a row.
  ALSATIAN_HD std::uint64_t counter(std::int64_t row) const {
    return (std::uint64_t{sweep} << 32) | static_cast<std::uint64_t>(row);
  }
};

/// A draw from Gamma(shape, rate 1), shape at least 1. Marsaglia and Tsang (2000).
ALSATIAN_HD inline double gamma_draw(double shape, RandomWords& words) {
  const double d = shape - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    const std::uint32_t first = words();
    const double x = normal(first, words()).value[0];
    const double u = uniform(words());
    const double root = 1.0 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

/// A draw from χ² with at least 2 degrees of freedom.
ALSATIAN_HD inline double chi_squared_draw(double degrees, RandomWords& words) {
  return 2.0 * gamma_draw(0.5 * degrees, words);
}

}  // namespace alsatian
