// What a side's rows are drawn around, and its draws: the part of Gibbs sampling that is small.
// In double, from sums in fixed parts: the same on every number of threads.
#pragma once

#include "kernels/cpu/factor_table.hpp"
#include "kernels/cpu/square_matrix.hpp"
#include "kernels/math/gibbs.hpp"

#include <cstdint>
#include <vector>

namespace alsatian::cpu {

/// w_r ~ N(μ + Bᵀf_r, Λ⁻¹), and λ_B: see kernels/math/gibbs.hpp.
struct SidePrior {
  std::vector<double> mean;  // μ [order]
  SquareMatrix precision;    // Λ
  double weight_precision = 1;
};

/// Rows as vectors of one length, `order`: the factors, and the bias where it is one of them.
struct RowsView {
  SideView<const float> side;
  bool biases = false;

  std::int64_t order() const { return side.rank + (biases ? 1 : 0); }
  void copy_row(std::int64_t row, double* to) const;
};

/// Sums over rows of r and of r·rᵀ.
struct RowMoments {
  std::int64_t count = 0;
  std::vector<double> sum;
  SquareMatrix products;

  RowMoments() = default;
  explicit RowMoments(std::int64_t order) : sum(static_cast<std::size_t>(order)), products(order) {}
  RowMoments& operator+=(const RowMoments& other);
};

/// Most parts that the moments of rows are summed in, each with a matrix of its own.
inline constexpr std::int64_t most_moment_parts = 16;

/// Of rows less the rows of `known`, which has as many or none; where `counted` is given, of the
/// rows it says alone.
RowMoments row_moments(const RowsView& rows, const RowsView& known = {},
                       const std::vector<bool>* counted = nullptr);

/// Λ and μ from the moments of the residuals and of B's rows (no rows: no features).
void draw_prior(const RowMoments& residuals, const RowMoments& weights, const GibbsStreams& streams,
                const GibbsKey& key, SidePrior& prior);

/// λ_B from the moments of B's rows; word_row: of the stream, 2 for λ_G.
double draw_weight_precision(const RowMoments& weights, const SidePrior& prior,
                             const GibbsStreams& streams, const GibbsKey& key,
                             std::int64_t word_row = 1);

/// c of kernels/math/gibbs.hpp from κα·Σ d² and κα·Σ (r − η) d.
double draw_weight_scale(double squares, double products, const SidePrior& prior,
                         const GibbsStreams& streams, const GibbsKey& key);

/// α from the number of ratings and their squared errors, each by the power of the likelihood.
double draw_noise_precision(double ratings, double squared_error, const GibbsKey& key);

/// μ the mean of the rows, Λ the inverse of their covariance with 1e-3 on its diagonal, λ_B = 10.
SidePrior start_prior(const RowMoments& rows);

/// Replaces every row by scale·N(0, I), each from its own words.
void draw_noise(const KernelTable& kernels, RandomStream stream, const GibbsKey& key, bool biases,
                double scale, SideView<float> noise);

/// Adds scale·n·L⁻¹ to every row, n ~ N(0, I) and LLᵀ = Λ; inverse_root is L⁻¹, a lower triangle.
void add_prior_noise(const KernelTable& kernels, RandomStream stream, const GibbsKey& key,
                     const SquareMatrix& inverse_root, double scale, bool biases,
                     SideView<float> rows);

}  // namespace alsatian::cpu
