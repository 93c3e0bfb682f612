// Half-sweeps of alternating least squares: hands rows to threads, each with its own scratch.
#include "kernels/cpu/als.hpp"

#include "kernels/cpu/aligned.hpp"
#include "kernels/cpu/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <numeric>

namespace alsatian::cpu {

std::vector<std::int64_t> longest_first(CsrView<float> ratings) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(ratings.rows()));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t left, std::int64_t right) {
    return ratings.row_size(left) > ratings.row_size(right);
  });
  return order;
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
