// Launches of als_rows.hpp and als_short_rows.hpp for the padded ranks that are compiled in.
// Other ranks are rounded up to one of them: a kernel for each would take hours to compile.
#include "kernels/cuda/als.hpp"

#include "kernels/cuda/padded_ranks.hpp"
#include "kernels/cuda/require.hpp"
#include "kernels/cuda/upload_all.hpp"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace alsatian::cuda {
namespace {

/// Calls body(std::integral_constant<int, groups>), which is 1 to `Most`.
template <int Most, typename Body>
void with_held_groups(int groups, Body&& body) {
  if constexpr (Most > 1) {
    if (groups < Most) {
      return with_held_groups<Most - 1>(groups, body);
    }
  }
  body(std::integral_constant<int, Most>());
}

/// Calls body(std::integral_constant<int, Warps>) with the warps that a row of a short bin takes
/// whose matrix no warp holds.
template <int K, typename Body>
void with_short_warps(int groups, Body&& body) {
  if constexpr (K > 144) {
    if (short_row_warps(groups) == 4) {
      return body(std::integral_constant<int, 4>());
    }
  }
  return body(std::integral_constant<int, 2>());
}

/// Calls body(std::integral_constant<Halves, halves>).
template <typename Body>
void with_halves(Halves halves, Body&& body) {
  if (halves == Halves::one) {
    body(std::integral_constant<Halves, Halves::one>());
  } else {
    body(std::integral_constant<Halves, Halves::two>());
  }
}

/// Words of the opposite table as halves.
std::int64_t split_words(std::int64_t rows, int rank) { return rows * padded_rank(rank); }

}  // namespace

struct AlsSide::State {
  const Context& context;
  int rank;
  Halves halves;  // what stands for a factor in rows that are not short
  AlsBins bins;
  DeviceBuffer<std::int64_t> whole_rows;
  DeviceBuffer<std::int64_t> short_rows;
  DeviceBuffer<RowPart> parts;
  DeviceBuffer<SplitRow> split_rows;
  DeviceBuffer<float> workspace;
  DeviceBuffer<unsigned char> failed;  // of one bin of short rows
  DeviceBuffer<std::uint32_t> split;   // the opposite table as halves
  DeviceBuffer<std::uint32_t> largest;

  State(const Context& device, AlsBins row_bins, std::int64_t opposite_rows, int factors,
        Halves given)
      : context(device),
        rank(factors),
        halves(given),
        bins(std::move(row_bins)),
        whole_rows(upload_all(device.compute(), bins.whole_rows)),
        short_rows(upload_all(device.compute(), bins.short_rows)),
        parts(upload_all(device.compute(), bins.parts)),
        split_rows(upload_all(device.compute(), bins.split_rows)),
        workspace(bins.most_parts_of_a_batch() * part_floats(factors)),
        failed(bins.most_rows_of_a_bin()),
        split(split_words(opposite_rows, factors)),
        largest(1) {}

  /// The task with its opposite table split anew.
  AlsTask with_split(const AlsTask& task) {
    split_factors(context, task.opposite, padded_rank(rank), largest.span(), split.span());
    AlsTask result = task;
    result.split = {split.span(), largest.span()};
    return result;
  }

  template <int K, Halves halves>
  LaunchShape rows_shape(std::int64_t blocks) const {
    return {blocks, RowShape<K>::threads, RowShape<K>::shared_bytes(halves)};
  }

  template <int K, Halves halves>
  void sum_batch(const AlsTask& task, const SplitBatch& batch) {
    launch(context.compute(), &sum_parts<K, halves>, rows_shape<K, halves>(batch.parts), task,
           std::as_const(parts).span().subspan(batch.first_part, batch.parts), workspace.span());
  }

  template <int K, Halves halves>
  void solve_split(const AlsTask& task) {
    for (const SplitBatch& batch : bins.split_batches) {
      sum_batch<K, halves>(task, batch);
      launch(context.compute(), &solve_split_rows<K>, rows_shape<K, halves>(batch.rows), task,
             std::as_const(split_rows).span().subspan(batch.first_row, batch.rows),
             std::as_const(workspace).span());
    }
  }

  template <int K, Halves halves>
  void solve_short(const AlsTask& task) {
    for (const ShortBin& bin : bins.short_bins) {
      const auto rows = std::as_const(short_rows).span().subspan(bin.first, bin.count);
      const auto shape = [&](int warps) {
        return LaunchShape{bin.count, static_cast<unsigned>(32 * warps),
                           ShortRowShape<K>::shared_bytes(bin.groups)};
      };
      if (bin.groups <= most_held_groups) {
        with_held_groups<std::min(most_held_groups, K / 16)>(bin.groups, [&](auto groups) {
          launch(context.compute(), &solve_shortest_rows<K, groups>, shape(1), task, rows,
                 failed.span());
        });
      } else if constexpr (K / 16 > most_held_groups) {
        with_short_warps<K>(bin.groups, [&](auto warps) {
          launch(context.compute(), &solve_short_rows<K, warps>, shape(warps), task, rows,
                 bin.groups, failed.span());
        });
      }
      launch(context.compute(), &solve_rows<K, halves>, rows_shape<K, halves>(bin.count), task,
             rows, std::as_const(failed).span());
    }
  }
};

void split_factors(const Context& context, DeviceSpan<const float> factors, int stride,
                   DeviceSpan<std::uint32_t> largest, DeviceSpan<std::uint32_t> words) {
  constexpr unsigned split_threads = 256;
  const Stream& stream = context.compute();
  const std::int64_t vectors = factors.size() / 4;
  const LaunchShape shape{std::min<std::int64_t>((vectors + split_threads - 1) / split_threads,
                                                 std::int64_t{8} * context.processors()),
                          split_threads};
  clear(stream, largest);
  launch(stream, &find_largest<split_threads>, shape, factors, largest);
  launch(stream, &split_table<split_threads>, shape, SplitTask{factors, stride, words},
         DeviceSpan<const std::uint32_t>(largest));
}

AlsSide::AlsSide(const Context& context, View<const std::int64_t> offsets,
                 std::int64_t opposite_rows, int rank, Halves halves, const BinLimits& limits)
    : state_(std::make_unique<State>(
          context, make_bins(offsets, part_floats(rank), limits_at(context, rank, limits)),
          opposite_rows, rank, halves)) {}

AlsSide::~AlsSide() = default;

void AlsSide::half_sweep(const AlsTask& unsplit) {
  const AlsTask task = state_->with_split(unsplit);
  with_rank(state_->rank, [&](auto padded) {
    with_halves(state_->halves, [&](auto halves) {
      constexpr int K = padded;
      state_->solve_split<K, halves>(task);
      launch(state_->context.compute(), &solve_rows<K, halves>,
             state_->rows_shape<K, halves>(state_->whole_rows.size()), task,
             std::as_const(state_->whole_rows).span(), DeviceSpan<const unsigned char>());
      state_->solve_short<K, halves>(task);
    });
  });
}

AlsTask AlsSide::with_split(const AlsTask& task) { return state_->with_split(task); }

void AlsSide::sum_parts_of(const AlsTask& split, const SplitBatch& batch) {
  with_rank(state_->rank, [&](auto padded) {
    with_halves(state_->halves, [&](auto halves) {
      constexpr int K = padded;
      state_->sum_batch<K, halves>(split, batch);
    });
  });
}

AlsSide::Lists AlsSide::lists() const {
  const State& state = *state_;
  return {state.whole_rows.span(), state.bins.split_batches, state.split_rows.span(),
          state.workspace.span()};
}

std::int64_t AlsSide::bytes(const AlsBins& bins, std::int64_t opposite_rows, int rank) {
  return list_bytes(bins.whole_rows) + list_bytes(bins.short_rows) + list_bytes(bins.parts) +
         list_bytes(bins.split_rows) +
         DeviceBuffer<float>::bytes(bins.most_parts_of_a_batch() * part_floats(rank)) +
         DeviceBuffer<unsigned char>::bytes(bins.most_rows_of_a_bin()) +
         DeviceBuffer<std::uint32_t>::bytes(split_words(opposite_rows, rank)) +
         DeviceBuffer<std::uint32_t>::bytes(1);
}

void require_shared_memory(const Context& context, int rank) {
  const std::size_t needed =
      with_rank(rank, [](auto padded) { return RowShape<padded>::shared_bytes(Halves::two); });
  if (needed > context.most_shared_bytes()) {
    throw UnsupportedByDevice("als at rank " + std::to_string(rank) + " needs " +
                              std::to_string(needed) + " bytes of shared memory a block, it has " +
                              std::to_string(context.most_shared_bytes()));
  }
}

std::int64_t part_floats(int rank) {
  return with_rank(rank, [](auto padded) { return RowShape<padded>::part_floats; });
}

BinLimits limits_at(const Context& context, int rank, BinLimits limits) {
  const std::int32_t most = with_rank(rank, [&](auto padded) {
    return most_short_ratings<padded>(rank, context.most_shared_bytes());
  });
  limits.most_short_ratings = std::min(limits.most_short_ratings, most);
  return limits;
}

}  // namespace alsatian::cuda
