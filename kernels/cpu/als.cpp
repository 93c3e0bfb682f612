// Half-sweeps of alternating least squares: hands rows to threads, each with its own scratch.
// The mathematics of a row is in als.inl, once for each instruction set; none of it is here.
#include "kernels/cpu/als.hpp"

#include "kernels/cpu/aligned.hpp"
#include "kernels/cpu/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <stdexcept>

namespace alsatian::cpu {

std::vector<std::int64_t> longest_first(CsrView<float> ratings) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(ratings.rows()));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t left, std::int64_t right) {
    return ratings.row_size(left) > ratings.row_size(right);
  });
  return order;
}

PaddedPrior::PaddedPrior(std::int32_t rank, bool biases, std::span<const double> precision,
                         SideView<const float> means)
    : precision_(rank, rank), means_(means.rows, rank) {
  const auto order = static_cast<std::size_t>(rank) + (biases ? 1 : 0);
  if (!precision.empty() && precision.size() != order * order) {
    throw std::invalid_argument("a prior's precision needs the order of the row solve");
  }
  if (means.rows > 0 && means.rank != rank) {
    throw std::invalid_argument("a prior's means need the rank of the row solve");
  }
  const SideView<float> to = precision_.view();
  const auto entry = [&](std::int32_t row, std::int32_t column) {
    const auto [first, second] = std::minmax(row, column);
    return static_cast<float>(
        precision[static_cast<std::size_t>(first) * order + static_cast<std::size_t>(second)]);
  };
  if (!precision.empty()) {
    for (std::int32_t row = 0; row < rank; ++row) {
      for (std::int32_t column = 0; column < rank; ++column) {
        to.row(row)[column] = entry(row, column);
      }
      if (biases) to.biases[row] = entry(row, rank);
    }
    if (biases) bias_precision_ = entry(rank, rank);
  }
  const SideView<float> own = means_.view();
  for (std::int64_t row = 0; row < means.rows; ++row) {
    std::copy_n(means.row(row), rank, own.row(row));
    own.biases[row] = biases ? means.biases[row] : 0.0F;
  }
}

std::int64_t als_half_sweep(const KernelTable& table, const AlsTask& task,
                            const std::vector<std::int64_t>& order) {
  constexpr std::int64_t grain = 16;
  const auto scratch_size = static_cast<std::size_t>(table.als_scratch(task));
  std::atomic<std::int64_t> repaired{0};
  parallel_for_with(
      static_cast<std::int64_t>(order.size()), [&] { return AlignedFloats(scratch_size); },
      [&](std::int64_t position, AlignedFloats& scratch) {
        const std::int64_t row = order[static_cast<std::size_t>(position)];
        repaired += table.als_row(task, row, scratch.data());
      },
      grain);
  return repaired;
}

}  // namespace alsatian::cpu
