// Launches of gibbs_rows.hpp, and how Λ is packed for them.
// In units of the noise, as on the CPU: the matrix of a row is its Gram matrix and Λ/α.
#include "kernels/cuda/gibbs_draws.hpp"

#include "kernels/cuda/padded_ranks.hpp"
#include "kernels/cuda/require.hpp"
#include "kernels/cuda/upload_all.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace alsatian::cuda {
namespace {

std::vector<std::int64_t> rows_without_ratings(View<const std::int64_t> offsets) {
  std::vector<std::int64_t> rows;
  for (std::int64_t row = 0; row + 1 < offsets.size(); ++row) {
    if (offsets[row + 1] == offsets[row]) {
      rows.push_back(row);
    }
  }
  return rows;
}

/// Floats of Λ/α as DrawTask has it, a multiple of 16 bytes; of rank 0 its corner.
std::int64_t prior_floats(std::int32_t rank) {
  const int padded = padded_rank(rank);
  return rank == 0 ? 1 : LowerMatrix::size(padded / LowerMatrix::group) + 2 * padded + 4;
}

/// The lower half as LowerMatrix has it, what it has between factors and bias, the bias' own.
void pack(View<const double> precision, std::int32_t rank, int order, double scale,
          std::span<float> part) {
  std::fill(part.begin(), part.end(), 0.0F);
  const auto at = [&](int row, int column) {
    return static_cast<float>(scale * precision[std::int64_t{row} * order + column]);
  };
  if (rank == 0) {
    part[0] = order > 0 ? at(0, 0) : 0.0F;
    return;
  }
  constexpr int group = LowerMatrix::group;
  const int padded = padded_rank(rank);
  const auto sums = static_cast<std::size_t>(LowerMatrix::size(padded / group) + padded);
  for (int row = 0; row < rank; ++row) {
    const int of_group = row / group;
    const int start =
        LowerMatrix::group_offset(of_group) + row % group * LowerMatrix::stride(of_group);
    for (int column = 0; column <= row; ++column) {
      part[static_cast<std::size_t>(start + column)] = at(row, column);
    }
    if (order > rank) {
      part[sums + static_cast<std::size_t>(row)] = at(rank, row);
    }
  }
  if (order > rank) {
    part[sums + static_cast<std::size_t>(padded)] = at(rank, rank);
  }
}

}  // namespace

GibbsRows::GibbsRows(const Context& context, View<const std::int64_t> offsets, AlsSide* solver,
                     std::int32_t rank, bool biases)
    : context_(context),
      solver_(solver),
      rank_(rank),
      order_(rank + (biases ? 1 : 0)),
      empty_rows_(upload_all(context.compute(), rows_without_ratings(offsets))),
      right_sides_(offsets.size() - 1, rank),
      given_(prior_floats(rank) + std::int64_t{order_} * (order_ + 1)),
      given_host_(given_.size()) {
  // What pads rows stays 0, as do biases of a model without.
  clear(context.compute(), right_sides_.table().factors);
  clear(context.compute(), right_sides_.table().biases);
}

void GibbsRows::upload_prior(const RowsDraw& draw) {
  const std::int64_t order = order_;
  require(draw.mean.size() == order && draw.precision.size() == order * order,
          "a prior has another order than the rows");
  const double scale = 1 / draw.noise_precision;
  const std::span<float> host = given_host_.span();
  const auto first = static_cast<std::size_t>(prior_floats(rank_));
  pack(draw.precision, rank_, order_, scale, host.subspan(0, first));
  for (std::int64_t row = 0; row < order; ++row) {
    double right_side = 0;
    for (std::int64_t column = 0; column < order; ++column) {
      const double entry = scale * draw.precision[row * order + column];
      host[first + static_cast<std::size_t>(row * order + column)] = static_cast<float>(entry);
      right_side += entry * draw.mean[column];
    }
    host[first + static_cast<std::size_t>(order * order + row)] = static_cast<float>(right_side);
  }
  upload(context_.compute(), std::span<const float>(host), given_.span());
}

void GibbsRows::draw(const AlsTask& unsplit, const RowsDraw& draw, EntrySums& entries,
                     const DeviceTable<const float>& feature_means) {
  upload_prior(draw);
  const std::int64_t order = order_;
  const std::int64_t part = prior_floats(rank_);
  const DeviceTable<float> right_sides = right_sides_.table();
  const std::int64_t rows = right_sides.rows();
  entries.for_each(rows, order_,
                   RightSides{.feature_means = feature_means,
                              .mean_right_side = given(part + order * order, order),
                              .precision = given(part, order * order),
                              .right_sides = right_sides});
  const DeviceTable<float> solved{unsplit.solved, unsplit.solved_biases, rank_, padded_rank(rank_)};
  entries.for_each(rows, (order_ + 1) / 2,
                   FillNoise{.key = draw.key,
                             .stream = draw.stream,
                             .scale = static_cast<float>(1 / std::sqrt(draw.noise_precision)),
                             .order = order_,
                             .table = solved});
  DrawTask task{.rows = unsplit,
                .precision = given(0, part),
                .right_sides = right_sides.factors,
                .bias_right_sides = right_sides.biases};
  const Stream& stream = context_.compute();
  if (rank_ == 0) {
    constexpr int warps = bias_draw_threads / 32;
    launch(stream, &draw_biases<bias_draw_threads>,
           {order > 0 ? (rows + warps - 1) / warps : 0, bias_draw_threads}, task);
    return;
  }
  task.rows = solver_->with_split(unsplit);
  const AlsSide::Lists lists = solver_->lists();
  with_rank(rank_, [&](auto padded) {
    constexpr int K = padded;
    using Shape = RowShape<K>;
    const auto shape = [](std::int64_t blocks) {
      return LaunchShape{blocks, Shape::threads, Shape::shared_bytes(Halves::two)};
    };
    for (const SplitBatch& batch : lists.split_batches) {
      solver_->sum_parts_of(task.rows, batch);
      launch(stream, &draw_split_rows<K>, shape(batch.rows), task,
             lists.split_rows.subspan(batch.first_row, batch.rows), lists.workspace);
    }
    launch(stream, &draw_rows<K>, shape(lists.whole_rows.size()), task, lists.whole_rows);
    launch(stream, &draw_rows<K>, shape(empty_rows_.size()), task,
           std::as_const(empty_rows_).span());
  });
}

std::int64_t GibbsRows::bytes(View<const std::int64_t> offsets, std::int32_t rank, bool biases) {
  const std::int64_t order = rank + (biases ? 1 : 0);
  const std::int64_t rows = offsets.size() - 1;
  return DeviceTableBuffer::bytes(rows, rank) +
         DeviceBuffer<float>::bytes(prior_floats(rank) + order * (order + 1)) +
         list_bytes(rows_without_ratings(offsets));
}

}  // namespace alsatian::cuda
