// Launches of als_iterative_rows.hpp between passes of gauss_newton_rows.hpp.
// Everything is enqueued: no number of a half-sweep comes back to the host.
#include "kernels/cuda/als_iterative.hpp"

#include "kernels/cuda/als_iterative_rows.hpp"
#include "kernels/cuda/row_segments.hpp"
#include "kernels/cuda/upload_all.hpp"

#include <utility>

namespace alsatian::cuda {
namespace {

std::int64_t part_floats_of(const RowSegments& made, std::int32_t rank) {
  return std::int64_t{made.parts} * 2 * padded_rank(rank);
}

LaunchShape rows_of_warps(std::int64_t rows) {
  return {(rows + iterative_rows - 1) / iterative_rows, iterative_threads};
}
LaunchShape segments_of_warps(std::int64_t segments) {
  return {(segments + gather_warps - 1) / gather_warps, gather_threads};
}

}  // namespace

struct AlsIterativeSide::State {
  const Context& context;
  int steps;
  DeviceBuffer<RowSegment> segments;
  DeviceBuffer<SegmentedRow> cut_rows;
  DeviceBuffer<float> part_factors;
  DeviceBuffer<double> part_biases;
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
        segments(upload_all(device.compute(), made.segments)),
        cut_rows(upload_all(device.compute(), made.cut_rows)),
        part_factors(part_floats_of(made, rank)),
        part_biases(made.parts),
        residual(rows, rank),
        inverse(rows, rank),
        direction(rows, rank),
        product(rows, rank),
        curvatures(rows),
        norms(rows),
        enough(rows) {}

  template <Gathers what>
  void gather(const GaussNewtonTask& task) {
    const PartSums parts{part_factors.span(), part_biases.span()};
    with_gather_shape(task.own.stride, [&](auto shape) {
      using Shape = decltype(shape);
      launch(context.compute(), &gather_rows<Shape, what>, segments_of_warps(segments.size()), task,
             std::as_const(segments).span(), parts);
      launch(context.compute(), &join_rows<Shape, what>, segments_of_warps(cut_rows.size()), task,
             std::as_const(cut_rows).span(), parts);
    });
  }
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
  state.gather<Gathers::gradient>(pass);
  launch(stream, &start_rows<iterative_threads>, rows_of_warps(solved.rows()), rows);
  pass.output = state.product.table();
  for (int step = 0; step < state.steps; ++step) {
    state.gather<Gathers::row_product>(pass);
    launch(stream, &advance_rows<iterative_threads>, rows_of_warps(solved.rows()), rows);
  }
}

std::int64_t AlsIterativeSide::bytes(View<const std::int64_t> offsets, std::int32_t rank,
                                     const IterativeOptions& options) {
  const RowSegments made = make_segments(offsets, options.part_ratings);
  const std::int64_t rows = offsets.size() - 1;
  const std::int64_t floats =
      part_floats_of(made, rank) + 4 * rows * (std::int64_t{padded_rank(rank)} + 1);
  return static_cast<std::int64_t>(made.segments.size() * sizeof(RowSegment) +
                                   made.cut_rows.size() * sizeof(SegmentedRow)) +
         floats * std::int64_t{sizeof(float)} +
         (made.parts + 3 * rows) * std::int64_t{sizeof(double)};
}

}  // namespace alsatian::cuda
