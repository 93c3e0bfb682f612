// The functions that exist once per instruction set, and the table that holds one set of them.
// Loops over rows and threads are outside (als.hpp, sgd.hpp, ...); these do one row or one block.
#pragma once

#include "kernels/cpu/isa.hpp"
#include "kernels/math/regularization.hpp"
#include "kernels/math/views.hpp"

#include <cstddef>
#include <cstdint>

namespace alsatian::cpu {

/// Factor tables of this backend: stride is the rank rounded up to this many floats (one cache
/// line), the padding is 0, and rows are aligned to a cache line.
inline constexpr std::int32_t padding = 16;
constexpr std::int32_t padded(std::int32_t rank) {
  return (rank + padding - 1) / padding * padding;
}

/// What rows w = [p; b] are assumed to be before their ratings: w ~ N(m, Λ⁻¹), with
/// Λ = P + s(n)·diag(λ, …, λ, λ_b). Padded like every table; PaddedPrior owns what this shows.
struct AlsPrior {
  SideView<const float> precision;  // P but for its last row: [rank, rank], and the bias's column
  float bias_precision = 0;         // P's last entry
  SideView<const float> means;      // m, a row for each row of `solved`; no rows: all 0
  /// ε: with A = UᵀU the matrix of a row's equations, U⁻¹ε is added to its solution, which makes it
  /// a draw. On cache lines, as rows of FactorTable are; no rows: none.
  SideView<const float> noise = {};
  /// x: what a row may change by, on cache lines as well; no rows: nothing.
  SideView<const float> changes = {};
  /// Of each row that is solved exactly with it, [rows], Σ over its ratings of what its scores
  /// change by, d = ⟨x_p, q⟩ + x_b: squared, and times what the new row leaves of the rating, in
  /// float as the equations are.
  float* change_squares = nullptr;
  float* change_products = nullptr;
};

/// One half-sweep of alternating least squares: rows of `solved` given `opposite`.
struct AlsTask {
  CsrView<float> ratings;  // rows are those of `solved`, columns index `opposite`
  SideView<const float> opposite;
  SideView<float> solved;  // overwritten; the start of conjugate gradients
  Regularization regularization;
  bool biases = true;
  int solver_steps = 0;             // steps of conjugate gradients; 0: exact, by Cholesky
  const AlsPrior* prior = nullptr;  // nothing: P = 0 and m = 0
};

/// Rows and parameters of an epoch of stochastic gradient descent.
struct SgdTask {
  SideView<float> users;
  SideView<float> items;
  /// Sums of mean squared slopes, AdaGrad's; start at 1. [rows] each; null without AdaGrad.
  float* user_factor_sums = nullptr;
  float* user_bias_sums = nullptr;
  float* item_factor_sums = nullptr;
  float* item_bias_sums = nullptr;
  /// s(n)/n of each row: what one observation's share of λ is multiplied by. [rows]
  const float* user_shares = nullptr;
  const float* item_shares = nullptr;
  float factor_regularization = 0;
  float bias_regularization = 0;
  float mean = 0;  // μ of the score
  float learning_rate = 0;
  bool biases = true;
};

/// A direction in parameter space, or a gradient: the shape of the parameters.
/// One row's part of the product with JᵀJ: with v the direction and for each rating o of the row
///   w_o = (Jv)_o = d_own_bias + d_opposite_bias + ⟨d_own, opposite⟩ + ⟨own, d_opposite⟩
/// the row's output is Σ_o w_o [opposite; 1].
struct JacobianTask {
  CsrView<float> ratings;  // rows are those of `own`
  SideView<const float> own;
  SideView<const float> opposite;
  SideView<const float> own_direction;
  SideView<const float> opposite_direction;
  SideView<float> product;  // of own, overwritten
  bool biases = true;
};

/// One row's part of the gradient of ½ Σ residual², and the diagonal of JᵀJ.
struct GradientTask {
  CsrView<float> ratings;
  SideView<const float> own;
  SideView<const float> opposite;
  SideView<float> gradient;  // Σ_o (score − rating) [opposite; 1], overwritten
  SideView<float> diagonal;  // Σ_o [opposite²; 1], overwritten
  bool biases = true;
};

/// One row of a product with a matrix whose entries are those of a pattern: the sum of the table's
/// rows, times the scale of the row that they are summed for.
struct RowSumTask {
  CsrView<float> pattern;  // its values do not count
  SideView<const float> table;
  SideView<float> sums;           // overwritten; of the rank and stride of the table
  View<const float> scales = {};  // [rows]; nothing: 1
  bool biases = false;            // summed likewise
};

/// The same of a table whose entries are bfloat16: half the bytes to fetch.
struct NarrowRowSumTask {
  CsrView<float> pattern;
  SideView<const std::uint16_t> table;
  SideView<float> sums;
  View<const float> scales = {};
  bool biases = false;
  SideView<std::uint16_t> narrow_sums = {};  // the sums in bfloat16 as well; no rows: none
};

/// Ratings by row, and the rows that make their scores.
struct SquaredErrorTask {
  CsrView<float> ratings;  // rows are those of `own`
  SideView<const float> own;
  SideView<const float> opposite;
};

/// Adds leftᵀ·right to the sums, [columns of left, columns of right]. left is as wide as its stride
/// and its biases do not count; those of right are a column more, whose sums are the sums' biases.
struct ProductSumTask {
  SideView<const float> left;
  SideView<const float> right;
  SideView<float> sums;
  bool biases = false;
};

/// Rows of sums: scales[row]·more.row(row) + Σ_j coefficients.row(row)[j]·table.row(j), over all
/// columns that pad them too; biases likewise. coefficients is as wide as its stride.
struct CombinationTask {
  SideView<const float> coefficients;  // [rows of sums, rows of table]
  SideView<const float> table;
  SideView<float> sums;             // overwritten
  SideView<const float> more = {};  // nothing: 0
  View<const float> scales = {};    // of more
  bool biases = false;
};

/// Normal draws for rows of a table: row r from the words that philox gives (seed, stream,
/// first_row + r), one after the other as NormalDraws takes them, the bias last.
struct NormalTask {
  std::uint64_t seed = 0;
  std::uint32_t stream = 0;
  std::uint64_t first_row = 0;
  double scale = 1;
  SideView<float> to;  // overwritten but for the padding
  bool biases = false;
};

/// Items that are scored together, and users: a tile of scores that fits the registers of any
/// instruction set in a few steps.
inline constexpr std::int32_t panel_items = 48;
inline constexpr std::int32_t group_users = 8;

/// Some items side by side: factors [rank, panel_items], biases [panel_items], not a number where
/// there is no item. Both on cache lines.
struct ItemPanel {
  const float* factors;
  const float* biases;
  std::int32_t first;  // position of its first item
};

/// The items found so far that may be among the best of one user, in any order.
struct TopSelection {
  float* scores = nullptr;  // [at least kept + panel_items + padding], as positions
  std::int32_t* positions = nullptr;
  std::int64_t kept = 0;
  std::int64_t limit = 0;  // from here on it should be thinned
  float threshold = 0;     // what scores less, or is not a number, is not added
  double slack = 0;        // how far below the score of a better item one may still be better
};

/// The users who are scored together: factors [groups, rank, group_users], on cache lines, a
/// selection for each place of a user, and the groups that still are to be scored.
struct TopTask {
  const float* users = nullptr;
  TopSelection* selections = nullptr;
  View<const std::int32_t> groups = {};
  std::int32_t rank = 0;
};

struct KernelTable {
  Isa isa;

  /// Floats of scratch that als_row needs; scratch is aligned to a cache line.
  std::int64_t (*als_scratch)(const AlsTask&);
  /// Solves one row; returns 1 where it was singular to float's precision and got a small ridge.
  std::int64_t (*als_row)(const AlsTask&, std::int64_t row, float* scratch);

  /// Visits ratings [first, last) of a schedule in order; by index of the Likelihood variant, with
  /// and without AdaGrad.
  void (*sgd_block[4][2])(const SgdTask&, const SgdScheduleView&, std::int64_t first,
                          std::int64_t last);

  void (*jacobian_row)(const JacobianTask&, std::int64_t row);
  void (*gradient_row)(const GradientTask&, std::int64_t row);

  void (*row_sum)(const RowSumTask&, std::int64_t row);
  /// Adds to a row's sums those of its entries [first, last), of all that the pattern has, without
  /// scale; the part that begins with the row's first entry overwrites them, and the part that ends
  /// with its last one applies the scale.
  void (*row_sum_part)(const RowSumTask&, std::int64_t row, std::int64_t first, std::int64_t last);
  void (*narrow_row_sum)(const NarrowRowSumTask&, std::int64_t row);
  void (*narrow_row_sum_part)(const NarrowRowSumTask&, std::int64_t row, std::int64_t first,
                              std::int64_t last);
  /// The part of a product that rows [first, last) of both tables give.
  void (*add_products)(const ProductSumTask&, std::int64_t first, std::int64_t last);
  void (*combine_rows)(const CombinationTask&, std::int64_t first, std::int64_t last);

  /// dots[j] = ⟨users[j], items[j]⟩; an index of -1 gives 0.
  void (*pair_dots)(SideView<const float> users, SideView<const float> items,
                    const std::int32_t* user_indices, const std::int32_t* item_indices,
                    std::int64_t count, float* dots);

  /// Σ (r − b − c − ⟨p, q⟩)² over ratings [first, last), of all that there are; they are of one
  /// row. Errors in float, their sum in double.
  double (*squared_error)(const SquaredErrorTask&, std::int64_t row, std::int64_t first,
                          std::int64_t last);

  /// Rows [first, last); the same floats as from NormalDraws but for what series differ by, 1e-13.
  void (*draw_normals)(const NormalTask&, std::int64_t first, std::int64_t last);

  /// Adds to each user's selection the items of a panel whose c_i + ⟨p_u, q_i⟩ reaches its
  /// threshold, but those with a bit in seen[user · seen_stride]. Returns whether some selection
  /// has reached its limit.
  bool (*score_panel)(const TopTask&, const ItemPanel&, const std::uint64_t* seen,
                      std::int64_t seen_stride);
  /// Raises the threshold to what is `slack` below a score that at least `count` of the kept items
  /// reach, and drops what is below it. There are at least `count`.
  void (*thin_selection)(TopSelection&, std::int64_t count);
};

/// The kernels of an available instruction set.
const KernelTable& kernels(Isa isa);

}  // namespace alsatian::cpu
