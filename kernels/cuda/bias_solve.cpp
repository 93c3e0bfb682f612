// Ridge biases by conjugate gradients on the Schur complement of the longer side, in double.
// The host steers the steps: each ends in a number that decides whether there is another.
#include "kernels/cuda/bias_solve.hpp"

namespace alsatian::cuda {
namespace {

constexpr double wanted_ratio = 1e-12;
constexpr int most_restarts = 8;
constexpr int most_steps = 1000;  // of conjugate gradients, between restarts

template <bool Slopes>
void gather(const Context& context, VectorSums& sums, BiasSide& side,
            DeviceSpan<const double> opposite) {
  const BiasRows rows{side.ratings, side.vectors.biases, opposite, side.vectors.sums};
  launch(context.compute(), &gather_biases<Slopes>,
         {(side.segments.size() + gather_warps - 1) / gather_warps, gather_threads}, rows,
         side.segments, side.part_sums);
  sums.for_each(side.cut_rows.size(), JoinBiases{side.cut_rows, side.part_sums, side.vectors.sums});
}

}  // namespace

void BiasSolve::sum_opposite(BiasSide& side, DeviceSpan<const double> opposite) {
  gather<false>(context_, sums_, side, opposite);
}

double BiasSolve::gradient_norm() {
  gather<true>(context_, sums_, kept_, eliminated_.vectors.biases);
  gather<true>(context_, sums_, eliminated_, kept_.vectors.biases);
  sums_.sum(0, kept_.rows(), BiasGradient{kept_.vectors});
  sums_.sum(1, eliminated_.rows(), BiasGradient{eliminated_.vectors});
  return std::sqrt(sums_.fetch());
}

double BiasSolve::start_solve() {
  sums_.for_each(eliminated_.rows(),
                 ScaleBiases{eliminated_.vectors, eliminated_.vectors.gradient});
  sum_opposite(kept_, eliminated_.vectors.inner);
  sums_.sum(0, kept_.rows(), StartBiasSolve{kept_.vectors});
  return sums_.fetch(1);
}

/// (diag(n + ridge) − A diag(inverses) Aᵀ) · search, with A the pattern of the ratings;
/// returns ⟨search, image⟩.
double BiasSolve::image() {
  sum_opposite(eliminated_, kept_.vectors.search);
  sums_.for_each(eliminated_.rows(), ScaleBiases{eliminated_.vectors, eliminated_.vectors.sums});
  sum_opposite(kept_, eliminated_.vectors.inner);
  sums_.sum(0, kept_.rows(), BiasImage{kept_.vectors});
  return sums_.fetch(1);
}

/// Adds to the biases what conjugate gradients find against the present gradient.
/// Hestenes and Stiefel (1952), preconditioned by diag(n + ridge).
void BiasSolve::improve() {
  double remaining = start_solve();
  const double enough = remaining * wanted_ratio * wanted_ratio / 100;
  for (int step = 0; step < most_steps && remaining > enough; ++step) {
    const double curvature = image();
    if (!(curvature > 0)) {
      break;
    }
    sums_.sum(0, kept_.rows(), AdvanceBiases{kept_.vectors, remaining / curvature});
    const double next = sums_.fetch(1);
    sums_.for_each(kept_.rows(), TurnBiases{kept_.vectors, next / remaining});
    remaining = next;
  }
  sums_.for_each(kept_.rows(), KeepBiases{kept_.vectors});
  sum_opposite(eliminated_, kept_.vectors.solution);
  sums_.for_each(eliminated_.rows(), EliminateBiases{eliminated_.vectors});
}

double BiasSolve::run(const Regularization& regularization) {
  for (BiasSide* side : {&kept_, &eliminated_}) {
    sums_.for_each(side->rows(), StartBiases{side->ratings.offsets, regularization, side->vectors});
  }
  const double first = gradient_norm();
  double norm = first;
  for (int restart = 0; restart < most_restarts && norm > wanted_ratio * first; ++restart) {
    improve();
    norm = gradient_norm();
  }
  return first > 0 ? norm / first : 0;
}

}  // namespace alsatian::cuda
