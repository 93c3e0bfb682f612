// Batches of rows, longest first: of each the chunks of ratings are gathered and summed, then the
// systems solved. Rows with bad pivots go through the same again, with jitter on their diagonal.
#include "kernels/cuda/als_batched.hpp"

#include "kernels/cuda/als_batched_rows.hpp"
#include "kernels/cuda/als_bins.hpp"
#include "kernels/cuda/upload_all.hpp"
#include "kernels/cuda/vendor/libraries.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

namespace alsatian::cuda {
namespace {

/// Rows that are solved together.
std::int64_t systems_of_a_batch(std::int64_t rows, int rank, const BatchedOptions& options) {
  const std::int64_t columns = batched_columns(rank);
  const std::int64_t of_each = columns * (columns + options.chunk_ratings);
  return std::min(rows, std::max<std::int64_t>(options.workspace_floats / of_each, 1));
}

LaunchShape warps_for(std::int64_t rows) {
  constexpr int rows_of_block = batched_threads / 32;
  return {(rows + rows_of_block - 1) / rows_of_block, batched_threads};
}

/// A row to be solved.
struct ListedRow {
  std::int64_t row;
  std::int64_t ratings;
  float jitter;
};

}  // namespace

struct AlsBatchedSide::State {
  const Context& context;
  int rank;
  int chunk;
  std::vector<ListedRow> all;  // with ratings, longest first
  std::int64_t most_systems;
  DeviceBuffer<std::int64_t> rows;
  DeviceBuffer<float> jitters;
  DeviceBuffer<float> gathered;
  DeviceBuffer<float> grams;
  DeviceBuffer<float> right_sides;
  DeviceBuffer<float*> matrix_of;
  DeviceBuffer<float*> right_side_of;
  DeviceBuffer<float> traces;
  DeviceBuffer<int> failures;
  DeviceBuffer<int> status;
  DeviceBuffer<unsigned char> library_workspace;
  PinnedBuffer<std::int64_t> sent_rows;
  PinnedBuffer<float> sent_jitters;
  PinnedBuffer<float> fetched_traces;
  PinnedBuffer<int> fetched_failures;
  vendor::Libraries libraries;

  State(const Context& device, std::vector<ListedRow> listed, std::int32_t factors,
        const BatchedOptions& options)
      : context(device),
        rank(factors),
        chunk(options.chunk_ratings),
        all(std::move(listed)),
        most_systems(systems_of_a_batch(static_cast<std::int64_t>(all.size()), factors, options)),
        rows(most_systems),
        jitters(most_systems),
        gathered(most_systems * chunk * batched_columns(factors)),
        grams(most_systems * batched_columns(factors) * batched_columns(factors)),
        right_sides(most_systems * batched_columns(factors)),
        matrix_of(most_systems),
        right_side_of(most_systems),
        traces(most_systems),
        failures(most_systems),
        status(1),
        library_workspace(vendor::Libraries::workspace_bytes),
        sent_rows(most_systems),
        sent_jitters(most_systems),
        fetched_traces(most_systems),
        fetched_failures(most_systems),
        libraries(device, library_workspace.span()) {}

  BatchedRows send(std::span<const ListedRow> list) {
    const auto count = static_cast<std::int64_t>(list.size());
    for (std::size_t b = 0; b < list.size(); ++b) {
      sent_rows.span()[b] = list[b].row;
      sent_jitters.span()[b] = list[b].jitter;
    }
    const Stream& stream = context.compute();
    upload(stream, std::span<const std::int64_t>(sent_rows.span().first(list.size())),
           rows.span().subspan(0, count));
    upload(stream, std::span<const float>(sent_jitters.span().first(list.size())),
           jitters.span().subspan(0, count));
    const std::int64_t columns = batched_columns(rank);
    return {.strides = BatchedStrides::of(rank),
            .rows = std::as_const(rows).span().subspan(0, count),
            .jitters = std::as_const(jitters).span().subspan(0, count),
            .grams = grams.span().subspan(0, count * columns * columns),
            .right_sides = right_sides.span().subspan(0, count * columns),
            .matrix_of = matrix_of.span().subspan(0, count),
            .right_side_of = right_side_of.span().subspan(0, count),
            .traces = traces.span().subspan(0, count),
            .failures = failures.span().subspan(0, count)};
  }

  /// Sums chunk after chunk, over fewer rows as they come to their end.
  void sum(const AlsTask& task, std::span<const ListedRow> list, const BatchedRows& batch) {
    const std::int64_t columns = batched_columns(rank);
    for (std::int64_t first = 0; first < list.front().ratings; first += chunk) {
      const auto active =
          std::partition_point(list.begin(), list.end(),
                               [&](const ListedRow& row) { return row.ratings > first; }) -
          list.begin();
      const auto length =
          static_cast<int>(std::min<std::int64_t>(chunk, list.front().ratings - first));
      const DeviceSpan<float> dense = gathered.span().subspan(0, active * length * columns);
      launch(context.compute(), &gather_ratings<batched_threads>, {active, batched_threads}, task,
             batch.strides, batch.rows.subspan(0, active), first, length, dense);
      libraries.add_grams({static_cast<int>(active), static_cast<int>(columns)}, length,
                          DeviceSpan<const float>(dense), first == 0 ? 0.0F : 1.0F,
                          batch.grams.subspan(0, active * columns * columns));
    }
  }

  /// Appends the rows that want another try to `again`.
  void solve(const AlsTask& task, std::span<const ListedRow> list, int tries,
             std::vector<ListedRow>& again) {
    const BatchedRows batch = send(list);
    sum(task, list, batch);
    const Stream& stream = context.compute();
    const LaunchShape warps = warps_for(batch.rows.size());
    const int order = rank + (task.biases ? 1 : 0);
    const vendor::Batch matrices{static_cast<int>(list.size()), batched_columns(rank)};
    launch(stream, &make_systems<batched_threads>, warps, task, batch);
    libraries.factor(matrices, order, batch.matrix_of, batch.failures);
    libraries.solve(matrices, order, batch.matrix_of, batch.right_side_of, status.span());
    launch(stream, &take_solutions<batched_threads>, warps, task, batch);
    const bool is_last_try = tries == most_tries;
    launch(stream, &give_up<batched_threads>, warps, task, batch, is_last_try);
    download(stream, DeviceSpan<const float>(batch.traces),
             fetched_traces.span().first(list.size()));
    download(stream, DeviceSpan<const int>(batch.failures),
             fetched_failures.span().first(list.size()));
    stream.synchronize();
    for (std::size_t b = 0; b < list.size() && !is_last_try; ++b) {
      const float trace = fetched_traces.span()[b];
      if (fetched_failures.span()[b] != 0 && trace > 0) {
        const float first_jitter = 1e-6F * trace / static_cast<float>(order);
        again.push_back(
            {list[b].row, list[b].ratings, tries == 0 ? first_jitter : 10 * list[b].jitter});
      }
    }
  }
};

AlsBatchedSide::AlsBatchedSide(const Context& context, View<const std::int64_t> offsets,
                               std::int32_t rank, const BatchedOptions& options) {
  std::vector<ListedRow> listed;
  for (const std::int64_t row : longest_first(offsets)) {
    listed.push_back({row, offsets[row + 1] - offsets[row], 0.0F});
  }
  state_ = std::make_unique<State>(context, std::move(listed), rank, options);
}

AlsBatchedSide::~AlsBatchedSide() = default;

void AlsBatchedSide::half_sweep(const AlsTask& task) {
  std::vector<ListedRow> again;
  for (int tries = 0; tries <= most_tries; ++tries) {
    const std::vector<ListedRow> retried = std::exchange(again, {});
    std::span<const ListedRow> left = tries == 0 ? state_->all : retried;
    while (!left.empty()) {
      const std::size_t count =
          std::min(left.size(), static_cast<std::size_t>(state_->most_systems));
      state_->solve(task, left.first(count), tries, again);
      left = left.subspan(count);
    }
  }
}

std::int64_t AlsBatchedSide::bytes(View<const std::int64_t> offsets, std::int32_t rank,
                                   const BatchedOptions& options) {
  const auto rows = static_cast<std::int64_t>(longest_first(offsets).size());
  const std::int64_t systems = systems_of_a_batch(rows, rank, options);
  const std::int64_t columns = batched_columns(rank);
  using Floats = DeviceBuffer<float>;
  return DeviceBuffer<std::int64_t>::bytes(systems) +
         2 * Floats::bytes(systems) +  // jitters, traces
         Floats::bytes(systems * options.chunk_ratings * columns) +
         Floats::bytes(systems * columns * columns) + Floats::bytes(systems * columns) +
         2 * DeviceBuffer<float*>::bytes(systems) + DeviceBuffer<int>::bytes(systems) +
         DeviceBuffer<int>::bytes(1) +
         DeviceBuffer<unsigned char>::bytes(vendor::Libraries::workspace_bytes);
}

}  // namespace alsatian::cuda
