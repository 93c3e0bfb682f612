// Half-sweeps of alternating least squares on the device: bins and their lists are uploaded once,
// then every half-sweep is a handful of launches.
#pragma once

#include "kernels/cuda/als_bins.hpp"
#include "kernels/cuda/row_solver.hpp"
#include "kernels/cuda/tables.hpp"

#include <memory>

namespace alsatian::cuda {

/// One side's half-sweep: its bins on the device, and workspace.
class AlsSide : public RowSolver {
 public:
  /// offsets [rows + 1], on the host; opposite_rows: those of the table that is held fixed.
  /// Allocates once, for all half-sweeps. limits' own most_short_ratings are an upper bound. Throws
  /// DeviceError.
  AlsSide(const Context& context, View<const std::int64_t> offsets, std::int64_t opposite_rows,
          int rank, Halves halves, const BinLimits& limits);
  ~AlsSide() override;

  /// Enqueues solving every row with ratings; others are left as they are. task.rank is that of
  /// the constructor, task.opposite has its opposite rows, task.split is made here.
  void half_sweep(const AlsTask& task) override;

  /// The task with its opposite table split anew, which is enqueued: what the next takes.
  AlsTask with_split(const AlsTask& task);
  /// Enqueues the sums of a batch's parts, into its workspace.
  void sum_parts_of(const AlsTask& split, const SplitBatch& batch);
  /// How its rows are cut. Rows without ratings are in none of the lists, and short rows in theirs
  /// where the limits have any.
  struct Lists {
    DeviceSpan<const std::int64_t> whole_rows;
    const std::vector<SplitBatch>& split_batches;
    DeviceSpan<const SplitRow> split_rows;
    DeviceSpan<const float> workspace;
  };
  Lists lists() const;

  /// Bytes of device memory that the constructor allocates, beside what `context` has.
  static std::int64_t bytes(const AlsBins& bins, std::int64_t opposite_rows, int rank);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Enqueues splitting a table [rows, stride] into `words`; `largest` [1] is overwritten. See
/// SplitTable.
void split_factors(const Context& context, DeviceSpan<const float> factors, int stride,
                   DeviceSpan<std::uint32_t> largest, DeviceSpan<std::uint32_t> words);

/// Throws UnsupportedByDevice where a block's matrix of this rank does not fit its shared memory.
void require_shared_memory(const Context& context, int rank);

/// Floats of a part's sums at this rank.
std::int64_t part_floats(int rank);

/// The limits as they hold at this rank on this device.
BinLimits limits_at(const Context& context, int rank, BinLimits limits);

}  // namespace alsatian::cuda
