// Launches of als_iterative_rows.hpp between passes of gauss_newton_rows.hpp.
// Everything is enqueued: no number of a half-sweep comes back to the host.
#include "kernels/cuda/als_iterative.hpp"

#include "kernels/cuda/als_iterative_rows.hpp"
#include "kernels/cuda/cut_rows.hpp"

namespace alsatian::cuda {
namespace {

LaunchShape rows_of_warps(std::int64_t rows) {
  return {(rows + iterative_rows - 1) / iterative_rows, iterative_threads};
}

}  // namespace

struct AlsIterativeSide::State {
  const Context& context;
  int steps;
  CutRows cut;
  DeviceTableBuffer residual;
  DeviceTableBuffer inverse;
  DeviceTableBuffer direction;
  DeviceTableBuffer product;
  DeviceBuffer<double> curvatures;
  DeviceBuffer<double> norms;
  DeviceBuffer<double> enough;

  State(const Context& device, const RowSegments& made, std::int64_t rows, std::int32_t rank,
        int most_steps)
      : context(device),
        steps(most_steps),
        cut(device.compute(), made, rank),
        residual(rows, rank),
        inverse(rows, rank),
        direction(rows, rank),
        product(rows, rank),
        curvatures(rows),
        norms(rows),
        enough(rows) {}
};

AlsIterativeSide::AlsIterativeSide(const Context& context, View<const std::int64_t> offsets,
                                   std::int32_t rank, const IterativeOptions& options)
    : state_(std::make_unique<State>(context, make_segments(offsets, options.part_ratings),
                                     offsets.size() - 1, rank, options.steps)) {}

AlsIterativeSide::~AlsIterativeSide() = default;

void AlsIterativeSide::half_sweep(const AlsTask& task) {
  State& state = *state_;
  const std::int32_t stride = padded_rank(task.rank);
  const DeviceTable<float> solved{task.solved, task.solved_biases, task.rank, stride};
  GaussNewtonTask pass{.ratings = {task.offsets, task.columns, task.ratings},
                       .own = solved,
                       .opposite = {task.opposite, task.opposite_biases, task.rank, stride},
                       .own_direction = state.direction.table(),
                       .opposite_direction = {},
                       .output = state.residual.table(),
                       .diagonal = state.inverse.table(),
                       .ridges = task.ridges,
                       .row_products = state.curvatures.span(),
                       .damping = 0,
                       .biases = task.biases};
  const IterativeRows rows{.solved = solved,
                           .residual = state.residual.table(),
                           .inverse = state.inverse.table(),
                           .direction = state.direction.table(),
                           .product = state.product.table(),
                           .ridges = task.ridges,
                           .curvatures = state.curvatures.span(),
                           .norms = state.norms.span(),
                           .enough = state.enough.span(),
                           .biases = task.biases};
  const Stream& stream = state.context.compute();
  state.cut.gather<Gathers::gradient>(stream, pass);
  launch(stream, &start_rows<iterative_threads>, rows_of_warps(solved.rows()), rows);
  pass.output = state.product.table();
  for (int step = 0; step < state.steps; ++step) {
    state.cut.gather<Gathers::row_product>(stream, pass);
    launch(stream, &advance_rows<iterative_threads>, rows_of_warps(solved.rows()), rows);
  }
}

std::int64_t AlsIterativeSide::bytes(View<const std::int64_t> offsets, std::int32_t rank,
                                     const IterativeOptions& options) {
  const RowSegments made = make_segments(offsets, options.part_ratings);
  const std::int64_t rows = offsets.size() - 1;
  return CutRows::bytes(made, rank) + 4 * DeviceTableBuffer::bytes(rows, rank) +
         3 * DeviceBuffer<double>::bytes(rows);
}

}  // namespace alsatian::cuda
