// An epoch of stochastic gradient descent: stages in order, the blocks of each on all threads.
// Blocks of a stage share no row, so threads need no locks and change no byte.
#include "kernels/cpu/sgd.hpp"

#include "kernels/cpu/parallel.hpp"

#include <stdexcept>

namespace alsatian::cpu {

std::vector<float> observation_shares(View<const std::int64_t> offsets, double scaling) {
  std::vector<float> shares;
  for (std::int64_t row = 0; row + 1 < offsets.size(); ++row) {
    const auto count = static_cast<double>(offsets[row + 1] - offsets[row]);
    shares.push_back(static_cast<float>(observation_share(count, scaling)));
  }
  return shares;
}

SgdSide::SgdSide(View<const std::int64_t> offsets, double scaling)
    : shares(observation_shares(offsets, scaling)),
      factor_sums(shares.size(), 1.0F),
      bias_sums(shares.size(), 1.0F) {}

void sgd_epoch(const KernelTable& table, const Likelihood& likelihood, const SgdTask& task,
               const SgdScheduleView& schedule, std::span<const std::int32_t> stages) {
  const std::int64_t grid = schedule.grid;
  if (schedule.block_offsets.size() != grid * grid + 1) {
    throw std::invalid_argument("an SGD schedule needs grid·grid + 1 block offsets");
  }
  const bool adagrad = task.user_factor_sums != nullptr;
  const auto visit_block = table.sgd_block[likelihood.index()][adagrad ? 1 : 0];
  for (const std::int32_t stage : stages) {
    if (stage < 0 || stage >= grid) throw std::invalid_argument("an SGD stage is out of range");
    parallel_for(grid, [&](std::int64_t b) {
      const std::int64_t block = b * grid + (b + stage) % grid;
      visit_block(task, schedule, schedule.block_offsets[block], schedule.block_offsets[block + 1]);
    });
  }
}

}  // namespace alsatian::cpu
