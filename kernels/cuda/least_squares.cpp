// Levenberg-Marquardt steps: gradient, damped solve by conjugate gradients, acceptance. What is
// done on the device is in gauss_newton_rows.hpp, least_squares_vectors.hpp and bias_solve.hpp.
#include "kernels/cuda/least_squares.hpp"

#include "kernels/cuda/bias_solve.hpp"
#include "kernels/cuda/cut_rows.hpp"
#include "kernels/cuda/errors.hpp"
#include "kernels/cuda/least_squares_vectors.hpp"
#include "kernels/cuda/sparse_products.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace alsatian::cuda {
namespace {

constexpr double first_growth = 2;
constexpr double least_damping = 1e-10;
constexpr double loosest_tolerance = 0.3;  // of the first systems: their steps are rough anyway
constexpr int most_attempts = 12;          // then damping has grown by 2^66
constexpr int vectors = 7;

/// One side: how its rows are cut, and a vector for each thing that the solver keeps.
struct LeastSquaresSide {
  DeviceRatings ratings;
  std::int32_t rank;
  CutRows cut;
  DeviceBuffer<alsatian::RowRidge<float>> ridges;
  DeviceBuffer<double> row_products;
  DeviceBuffer<float> values;
  DeviceBuffer<double> bias_values;  // rank 0 alone

  LeastSquaresSide(const Stream& stream, const DeviceRatings& rows_of_ratings, RowSegments rows,
                   std::int32_t factors)
      : ratings(rows_of_ratings),
        rank(factors),
        cut(stream, rows, factors),
        ridges(ratings.rows()),
        row_products(ratings.rows()),
        values(vectors * FlatTable::size(ratings.rows(), rank)),
        bias_values(rank == 0 ? BiasVectors::count * ratings.rows() : 0) {
    clear(stream, values.span());
  }

  static std::int64_t bytes(const RowSegments& made, std::int64_t rows, std::int32_t rank) {
    return CutRows::bytes(made, rank) + DeviceBuffer<alsatian::RowRidge<float>>::bytes(rows) +
           DeviceBuffer<float>::bytes(vectors * FlatTable::size(rows, rank)) +
           DeviceBuffer<double>::bytes(rows) +
           DeviceBuffer<double>::bytes(rank == 0 ? BiasVectors::count * rows : 0);
  }

  FlatTable vector(int index) {
    const std::int64_t size = FlatTable::size(ratings.rows(), rank);
    return {values.span().subspan(index * size, size), ratings.rows(), rank, padded_rank(rank)};
  }
  FlatTable gradient() { return vector(0); }
  FlatTable diagonal() { return vector(1); }  // D
  FlatTable inverse() { return vector(2); }   // of the diagonal of JᵀJ + R + νD
  FlatTable direction() { return vector(3); }
  FlatTable residual() { return vector(4); }
  FlatTable search() { return vector(5); }
  FlatTable product() { return vector(6); }  // (JᵀJ + R + νD)·search, then the trial parameters

  BiasSide bias_side() {
    const auto part = [this](std::int64_t index) {
      return bias_values.span().subspan(index * ratings.rows(), ratings.rows());
    };
    return {ratings,
            cut.segments(),
            cut.cut_rows(),
            cut.part_biases(),
            {part(0), part(1), part(2), part(3), part(4), part(5), part(6), part(7), part(8)}};
  }
};

struct Reduction {
  double predicted = 0;
  int inner_steps = 0;
};

}  // namespace

class LeastSquares::Solver {
 public:
  Solver(const Context& context, const LeastSquaresRatings& ratings, std::int32_t rank,
         const LeastSquaresOptions& options)
      : context_(context),
        options_(options),
        rank_(checked(rank)),
        errors_(context),
        sums_(context),
        users_(context.compute(), ratings.by_user,
               make_segments(ratings.user_offsets, options.part_ratings), rank),
        items_(context.compute(), ratings.by_item,
               make_segments(ratings.item_offsets, options.part_ratings), rank) {
    if (rank > 0 && options.products == GaussNewtonProducts::library) {
      sparse_products_ =
          std::make_unique<SparseProducts>(context, sums_, ratings.by_user, ratings.by_item, rank);
    }
    set_regularization(options.regularization);
  }

  void set_regularization(const Regularization& regularization) {
    options_.regularization = regularization;
    for (LeastSquaresSide* side : {&users_, &items_}) {
      sums_.for_each(side->ratings.rows(),
                     FillRidges{side->ratings.offsets, side->ridges.span(), regularization});
    }
  }

  LeastSquaresStep step(const DeviceTable<float>& users, const DeviceTable<float>& items,
                        std::optional<double> objective_before);

  void compute_gradient(const DeviceTable<const float>& users,
                        const DeviceTable<const float>& items) {
    users_.cut.gather<Gathers::gradient>(context_.compute(),
                                         task_of<Gathers::gradient>(users_, users, items, {}, {}));
    items_.cut.gather<Gathers::gradient>(context_.compute(),
                                         task_of<Gathers::gradient>(items_, items, users, {}, {}));
  }

  /// product = (JᵀJ + R + νD)·direction for both sides, with its ⟨direction, product⟩ by row.
  void multiply(const DeviceTable<const float>& users, const DeviceTable<const float>& items,
                const FlatTable& user_direction, const FlatTable& item_direction) {
    const GaussNewtonTask user_task =
        task_of<Gathers::product>(users_, users, items, user_direction, item_direction);
    const GaussNewtonTask item_task =
        task_of<Gathers::product>(items_, items, users, item_direction, user_direction);
    if (sparse_products_) {
      sparse_products_->multiply(user_task, item_task, user_direction, item_direction);
      return;
    }
    users_.cut.gather<Gathers::product>(context_.compute(), user_task);
    items_.cut.gather<Gathers::product>(context_.compute(), item_task);
  }

  DampingState state;

  LeastSquaresSide& users() { return users_; }
  LeastSquaresSide& items() { return items_; }

 private:
  static std::int32_t checked(std::int32_t rank) {
    if (rank != 0) {
      with_gather_shape(padded_rank(rank), [](auto) {});
    }
    return rank;
  }

  template <Gathers what>
  GaussNewtonTask task_of(LeastSquaresSide& side, const DeviceTable<const float>& own,
                          const DeviceTable<const float>& opposite, const FlatTable& own_direction,
                          const FlatTable& opposite_direction) {
    GaussNewtonTask task{
        .ratings = side.ratings,
        .own = own,
        .opposite = opposite,
        .own_direction = {},
        .opposite_direction = {},
        .output = (what == Gathers::product ? side.product() : side.gradient()).table(),
        .diagonal = side.diagonal().table(),
        .ridges = std::as_const(side.ridges).span(),
        .row_products = side.row_products.span(),
        .damping = static_cast<float>(state.damping),
        .biases = options_.biases};
    if constexpr (what == Gathers::product) {
      task.own_direction = own_direction.table();
      task.opposite_direction = opposite_direction.table();
    }
    return task;
  }

  /// Sums make(side) over the vectors of both sides.
  template <typename Make>
  double sum_over_sides(const Make& make) {
    sums_.sum(0, users_.gradient().fours(), make(users_));
    sums_.sum(1, items_.gradient().fours(), make(items_));
    return sums_.fetch();
  }

  double start_solve();
  bool advance(const DeviceTable<const float>& users, const DeviceTable<const float>& items,
               double& remaining);
  Reduction solve(const DeviceTable<const float>& users, const DeviceTable<const float>& items,
                  double tolerance);
  double objective(const DeviceTable<const float>& users, const DeviceTable<const float>& items) {
    return errors_
        .objective({users, items, 0.0, Gaussian{}}, users_.ratings, items_.ratings.offsets,
                   options_.regularization)
        .value();
  }
  double try_direction(const DeviceTable<const float>& users,
                       const DeviceTable<const float>& items);
  void accept(const DeviceTable<float>& users, const DeviceTable<float>& items);
  LeastSquaresStep step_biases(const DeviceTable<float>& users, const DeviceTable<float>& items,
                               double before);

  const Context& context_;
  LeastSquaresOptions options_;
  std::int32_t rank_;
  Errors errors_;
  VectorSums sums_;
  LeastSquaresSide users_;
  LeastSquaresSide items_;
  std::unique_ptr<SparseProducts> sparse_products_;  // null: the fused pass
};

/// The preconditioner, and the first residual and search direction of conjugate gradients;
/// returns ⟨residual, M⁻¹ residual⟩.
double LeastSquares::Solver::start_solve() {
  const auto grown = static_cast<float>(1 + state.damping);
  return sum_over_sides([&](LeastSquaresSide& side) {
    return StartSolve{std::as_const(side.ridges).span(),
                      side.gradient(),
                      side.diagonal(),
                      side.inverse(),
                      side.direction(),
                      side.residual(),
                      side.search(),
                      grown};
  });
}

/// One step of conjugate gradients along `search`; `remaining` is ⟨residual, M⁻¹ residual⟩ before
/// and after. False where the matrix shows no curvature, and nothing was done.
bool LeastSquares::Solver::advance(const DeviceTable<const float>& users,
                                   const DeviceTable<const float>& items, double& remaining) {
  multiply(users, items, users_.search(), items_.search());
  sums_.sum(0, users_.ratings.rows(), Total{users_.row_products.span()});
  sums_.sum(1, items_.ratings.rows(), Total{items_.row_products.span()});
  const double curvature = sums_.fetch();
  if (!(curvature > 0)) {
    return false;
  }
  const auto length = static_cast<float>(remaining / curvature);
  const double next = sum_over_sides([&](LeastSquaresSide& side) {
    return Advance{side.inverse(),   side.product(),  side.search(),
                   side.direction(), side.residual(), length};
  });
  const auto turn = static_cast<float>(next / remaining);
  for (LeastSquaresSide* side : {&users_, &items_}) {
    sums_.for_each(side->gradient().fours(),
                   Turn{side->inverse(), side->residual(), side->search(), turn});
  }
  remaining = next;
  return true;
}

/// Solves (JᵀJ + R + νD) d = −g for `direction` until ⟨residual, M⁻¹ residual⟩ has fallen by the
/// square of the tolerance.
Reduction LeastSquares::Solver::solve(const DeviceTable<const float>& users,
                                      const DeviceTable<const float>& items, double tolerance) {
  double remaining = start_solve();
  const double enough = tolerance * tolerance * remaining;
  Reduction result;
  while (result.inner_steps < options_.inner_steps && remaining > enough &&
         advance(users, items, remaining)) {
    ++result.inner_steps;
  }
  // −gᵀd − ½ dᵀ(JᵀJ + R)d, the product taken from the residual −g − (JᵀJ + R + νD)d.
  result.predicted = 0.5 * sum_over_sides([&](LeastSquaresSide& side) {
                       return Predict{side.gradient(), side.diagonal(), side.direction(),
                                      side.residual(), state.damping};
                     });
  return result;
}

/// Parameters plus direction, in the place of the product.
double LeastSquares::Solver::try_direction(const DeviceTable<const float>& users,
                                           const DeviceTable<const float>& items) {
  sums_.for_each(users_.product().fours(),
                 AddDirection{users, users_.direction(), users_.product()});
  sums_.for_each(items_.product().fours(),
                 AddDirection{items, items_.direction(), items_.product()});
  return objective(users_.product().table(), items_.product().table());
}

void LeastSquares::Solver::accept(const DeviceTable<float>& users,
                                  const DeviceTable<float>& items) {
  sums_.for_each(users_.product().fours(), Accept{users_.product(), users});
  sums_.for_each(items_.product().fours(), Accept{items_.product(), items});
  context_.compute().synchronize();
}

LeastSquaresStep LeastSquares::Solver::step(const DeviceTable<float>& users,
                                            const DeviceTable<float>& items,
                                            std::optional<double> objective_before) {
  const double before = objective_before ? *objective_before : objective(users, items);
  if (rank_ == 0) {
    return step_biases(users, items, before);
  }
  compute_gradient(users, items);
  const double norm = std::sqrt(
      sum_over_sides([](LeastSquaresSide& side) { return SquaredNorm{side.gradient()}; }));
  if (state.first_gradient == 0) {
    state.first_gradient = norm;
  }
  const double tolerance = std::min(loosest_tolerance, std::sqrt(norm / state.first_gradient));
  LeastSquaresStep result{
      .accepted = false, .objective = before, .inner_steps = 0, .damping = state.damping};
  if (!(norm > 0) || !std::isfinite(before)) {
    return result;
  }
  const double damping = state.damping;
  double growth = first_growth;
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    const Reduction reduction = solve(users, items, tolerance);
    result.inner_steps += reduction.inner_steps;
    result.damping = state.damping;
    if (!(reduction.predicted > std::numeric_limits<double>::epsilon() * before)) {
      break;
    }
    const double after = try_direction(users, items);
    if (after < before) {
      accept(users, items);
      result.accepted = true;
      result.objective = after;
      const double turned = 2 * (before - after) / reduction.predicted - 1;
      state.damping *= std::max(1.0 / 3, 1 - turned * turned * turned);
      state.damping = std::max(state.damping, least_damping);
      return result;
    }
    state.damping *= growth;
    growth *= 2;
  }
  state.damping = damping;
  return result;
}

/// Rank 0: the exact minimiser at once, rounded to float.
LeastSquaresStep LeastSquares::Solver::step_biases(const DeviceTable<float>& users,
                                                   const DeviceTable<float>& items, double before) {
  LeastSquaresStep result{.accepted = false, .objective = before, .inner_steps = 0, .damping = 0};
  if (!options_.biases) {
    return result;
  }
  BiasSolve(context_, sums_, users_.bias_side(), items_.bias_side()).run(options_.regularization);
  for (LeastSquaresSide* side : {&users_, &items_}) {
    sums_.for_each(side->ratings.rows(),
                   RoundBiases{side->bias_side().vectors.biases, side->product().table().biases});
  }
  const double after = objective(users_.product().table(), items_.product().table());
  if (!(after < before)) {
    return result;
  }
  accept(users, items);
  result.accepted = true;
  result.objective = after;
  return result;
}

LeastSquares::LeastSquares(const Context& context, const LeastSquaresRatings& ratings,
                           std::int32_t rank, const LeastSquaresOptions& options)
    : solver_(std::make_unique<Solver>(context, ratings, rank, options)) {}

LeastSquares::~LeastSquares() = default;

LeastSquaresStep LeastSquares::step(const DeviceTable<float>& users,
                                    const DeviceTable<float>& items,
                                    std::optional<double> objective_before) {
  return solver_->step(users, items, objective_before);
}

void LeastSquares::set_regularization(const Regularization& regularization) {
  solver_->set_regularization(regularization);
}

DampingState& LeastSquares::state() { return solver_->state; }

void LeastSquares::enqueue_gradient(const DeviceTable<const float>& users,
                                    const DeviceTable<const float>& items) {
  solver_->compute_gradient(users, items);
}

void LeastSquares::enqueue_product(const DeviceTable<const float>& users,
                                   const DeviceTable<const float>& items) {
  solver_->multiply(users, items, solver_->users().gradient(), solver_->items().gradient());
}

std::int64_t LeastSquares::bytes(View<const std::int64_t> user_offsets,
                                 View<const std::int64_t> item_offsets, std::int32_t rank,
                                 const LeastSquaresOptions& options) {
  const auto of_side = [&](View<const std::int64_t> offsets) {
    return LeastSquaresSide::bytes(make_segments(offsets, options.part_ratings),
                                   std::max<std::int64_t>(offsets.size() - 1, 0), rank);
  };
  const std::int64_t vectors =
      Errors::bytes() + VectorSums::bytes() + of_side(user_offsets) + of_side(item_offsets);
  if (rank == 0 || options.products == GaussNewtonProducts::fused) {
    return vectors;
  }
  return vectors + SparseProducts::bytes(user_offsets.size() - 1, item_offsets.size() - 1,
                                         user_offsets[user_offsets.size() - 1], rank);
}

}  // namespace alsatian::cuda
