// Implements engine_rows.hpp: bins and ridges of a side, and its half-sweep.
// Everything that decides how rows are solved is here.
#include "kernels/cuda/engine_rows.hpp"

#include "kernels/cuda/als.hpp"
#include "kernels/cuda/als_batched.hpp"
#include "kernels/cuda/als_iterative.hpp"
#include "kernels/cuda/bias_rows.hpp"

#include <algorithm>
#include <limits>

namespace alsatian::cuda {
namespace {

std::vector<RowRidge> ridges_of(View<const std::int64_t> offsets,
                                const Regularization& regularization) {
  std::vector<RowRidge> ridges;
  ridges.reserve(static_cast<std::size_t>(std::max<std::int64_t>(0, offsets.size() - 1)));
  for (std::int64_t row = 0; row + 1 < offsets.size(); ++row) {
    ridges.push_back(
        row_ridge<float>(static_cast<double>(offsets[row + 1] - offsets[row]), regularization));
  }
  return ridges;
}

IterativeOptions iterative_options(const EngineSpec& spec, const EngineLimits& limits) {
  return {.steps = spec.solver_steps, .part_ratings = limits.segment_ratings};
}

/// How the rows of a side are solved, decided in one place for memory and for work.
template <typename Fused, typename Iterative, typename Batched>
auto with_solver(const EngineSpec& spec, const Fused& fused, const Iterative& iterative,
                 const Batched& batched) {
  if (spec.solver_steps > 0) {
    return iterative();
  }
  return spec.rank <= largest_fused_rank ? fused() : batched();
}

}  // namespace

BinLimits bins_of(BinLimits limits, const EngineSpec& spec) {
  const bool divides =
      static_cast<float>(spec.regularization.factors) > 0 && spec.algorithm != Algorithm::bayes;
  limits.most_short_ratings = divides ? std::numeric_limits<std::int32_t>::max() : 0;
  return limits;
}

std::int64_t ratings_bytes(std::int64_t rows, std::int64_t observations) {
  return DeviceBuffer<std::int64_t>::bytes(rows + 1) +
         DeviceBuffer<std::int32_t>::bytes(observations) + DeviceBuffer<float>::bytes(observations);
}

std::int64_t row_solve_bytes(const Context& context, View<const std::int64_t> offsets,
                             std::int64_t opposite_rows, const EngineSpec& spec,
                             const EngineLimits& limits) {
  const std::int64_t ridges = DeviceBuffer<RowRidge>::bytes(offsets.size() - 1);
  if (spec.rank == 0) {
    return ridges;
  }
  return ridges +
         with_solver(
             spec,
             [&] {
               const BinLimits cuts = limits_at(context, spec.rank, bins_of(limits.bins, spec));
               return AlsSide::bytes(make_bins(offsets, part_floats(spec.rank), cuts),
                                     opposite_rows, spec.rank);
             },
             [&] {
               return AlsIterativeSide::bytes(offsets, spec.rank, iterative_options(spec, limits));
             },
             [&] { return AlsBatchedSide::bytes(offsets, spec.rank, limits.batches); });
}

void Engine::Rows::prepare_solving(const Context& context, Staging& staging,
                                   std::int64_t opposite_rows, const EngineSpec& spec,
                                   const EngineLimits& limits) {
  if (ridges.size() != rows()) {
    ridges = DeviceBuffer<RowRidge>(rows());
  }
  const std::vector<RowRidge> all = ridges_of(host(), spec.regularization);
  staging.send(View<const RowRidge>(all), ridges.span());
  const BinLimits bins = bins_of(limits.bins, spec);
  if (spec.rank == 0 || (solve && solve_short == bins.most_short_ratings)) {
    return;
  }
  solve.reset();
  solve_short = bins.most_short_ratings;
  using Solver = std::unique_ptr<RowSolver>;
  solve = with_solver(
      spec,
      [&]() -> Solver {
        return std::make_unique<AlsSide>(context, host(), opposite_rows, spec.rank, spec.halves,
                                         bins);
      },
      [&]() -> Solver {
        return std::make_unique<AlsIterativeSide>(context, host(), spec.rank,
                                                  iterative_options(spec, limits));
      },
      [&]() -> Solver {
        return std::make_unique<AlsBatchedSide>(context, host(), spec.rank, limits.batches);
      });
}

AlsTask Engine::Rows::task(const EngineSpec& spec, const DeviceTable<const float>& opposite,
                           DeviceSpan<unsigned long long> repaired) {
  const DeviceTable<float> own = parameters.table();
  return {.offsets = std::as_const(offsets).span(),
          .columns = std::as_const(columns).span(),
          .ratings = std::as_const(values).span(),
          .opposite = opposite.factors,
          .opposite_biases = opposite.biases,
          .ridges = std::as_const(ridges).span(),
          .solved = own.factors,
          .solved_biases = own.biases,
          .repaired = repaired,
          .rank = spec.rank,
          .biases = spec.biases};
}

void Engine::Rows::half_sweep(const Context& context, const EngineSpec& spec,
                              const DeviceTable<const float>& opposite,
                              DeviceSpan<unsigned long long> repaired) {
  if (spec.rank > 0) {
    require(solve != nullptr, "there is nothing that solves the rows");
    solve->half_sweep(task(spec, opposite, repaired));
  } else if (spec.biases) {
    solve_biases(context, task(spec, opposite, repaired));
  }
}

}  // namespace alsatian::cuda
