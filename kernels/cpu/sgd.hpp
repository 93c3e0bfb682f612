// Stochastic gradient descent on the CPU: one epoch over a blocked schedule, blocks in parallel.
// Blocks of a stage share no row, so the result is that of running them one after another.
#pragma once

#include "kernels/cpu/kernel_table.hpp"
#include "kernels/math/likelihood.hpp"
#include "kernels/math/regularization.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace alsatian::cpu {

/// Runs the stages of a schedule in the given order, one after another; within stage s the blocks
/// (b, (b + s) mod grid) in parallel, each in the order of the schedule.
/// task      rows, their accumulators and λ; with AdaGrad where user_factor_sums is not null
/// stages    a permutation of 0 … grid − 1
/// Throws std::invalid_argument where a stage is out of range or the schedule's sizes do not fit.
void sgd_epoch(const KernelTable& table, const Likelihood& likelihood, const SgdTask& task,
               const SgdScheduleView& schedule, std::span<const std::int32_t> stages);

/// What stochastic gradient descent remembers of one side between epochs. [rows] each.
struct SgdSide {
  /// s(n)/n, the share of λ that one observation of the row carries; 0 for an empty row.
  std::vector<float> shares;
  /// AdaGrad's accumulators, starting at 1.
  std::vector<float> factor_sums;
  std::vector<float> bias_sums;

  SgdSide() = default;
  /// offsets [rows + 1]: those of the side's compressed rows.
  SgdSide(View<const std::int64_t> offsets, double scaling);
};

/// s(n)/n of each row.
std::vector<float> observation_shares(View<const std::int64_t> offsets, double scaling);

}  // namespace alsatian::cpu
