// Random problems of MovieLens 25M's shape, timed by events on the stream that runs them.
#include "bench/gpu/top_n.hpp"

#include "kernels/cuda/top_n.hpp"
#include "kernels/math/random.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <utility>
#include <vector>

namespace alsatian::bench {
namespace {

using namespace cuda;

template <typename T>
DeviceBuffer<T> to_device(const Context& context, const std::vector<T>& values) {
  const auto size = static_cast<std::int64_t>(values.size());
  PinnedBuffer<T> staging(size);
  std::copy(values.begin(), values.end(), staging.span().begin());
  DeviceBuffer<T> buffer(size);
  upload(context.compute(), std::span<const T>(staging.span()), buffer.span());
  context.compute().synchronize();
  return buffer;
}

template <typename T>
std::vector<T> from_device(const Context& context, DeviceSpan<const T> span) {
  PinnedBuffer<T> staging(span.size());
  download(context.compute(), span, staging.span());
  context.compute().synchronize();
  return {staging.span().begin(), staging.span().end()};
}

struct Table {
  std::int32_t rank;
  std::int32_t stride;
  std::vector<float> factors;
  std::vector<float> biases;

  const float* row(std::int64_t index) const { return factors.data() + index * stride; }
};

/// Column j shrinks as (j + 1)^-½, and rows by up to a tenth, as those of seldom rated items do:
/// scores have a deviation near ½, as those of MovieLens have.
Table random_table(std::int64_t rows, std::int32_t rank, std::uint64_t seed) {
  Table table{rank, padded_rank(rank), {}, {}};
  table.factors.resize(static_cast<std::size_t>(rows * table.stride));
  table.biases.resize(static_cast<std::size_t>(rows));
  const auto normal = [&](std::int64_t row, std::int32_t column) {
    const Random4 draw = philox(seed, RandomStream::generate, static_cast<std::uint64_t>(row),
                                static_cast<std::uint32_t>(column));
    return std::sqrt(-2 * std::log(uniform(draw.word[0]))) *
           std::cos(6.283185307179586 * uniform(draw.word[1]));
  };
  for (std::int64_t row = 0; row < rows; ++row) {
    const double size = std::pow(0.1, std::abs(normal(row, 1 << 20)) / 3);
    for (std::int32_t j = 0; j < rank; ++j) {
      table.factors[static_cast<std::size_t>(row * table.stride + j)] =
          static_cast<float>(0.55 * size * normal(row, j) / std::sqrt(j + 1.0));
    }
    table.biases[static_cast<std::size_t>(row)] =
        static_cast<float>(0.3 * size * normal(row, 1 << 21));
  }
  return table;
}

struct Seen {
  std::vector<std::int64_t> offsets = {0};
  std::vector<std::int32_t> columns;
};

Seen random_seen(const TopItemsShape& shape) {
  Seen seen;
  std::vector<std::int32_t> row;
  for (std::int64_t user = 0; user < shape.users; ++user) {
    row.clear();
    for (std::int64_t i = 0; i < shape.seen_per_user; ++i) {
      const Random4 draw = philox(9, RandomStream::generate, static_cast<std::uint64_t>(user),
                                  static_cast<std::uint32_t>(i));
      row.push_back(static_cast<std::int32_t>(
          uniform_below(draw.word[0], static_cast<std::uint32_t>(shape.items))));
    }
    std::sort(row.begin(), row.end());
    row.erase(std::unique(row.begin(), row.end()), row.end());
    seen.columns.insert(seen.columns.end(), row.begin(), row.end());
    seen.offsets.push_back(static_cast<std::int64_t>(seen.columns.size()));
  }
  return seen;
}

constexpr double mean = 3.5;

/// Positions of the best unseen items of one user, by sorting every score in double.
std::vector<std::int32_t> best_of_user(const Table& users, const Table& items, const Seen& seen,
                                       std::int64_t user, std::int32_t count) {
  std::vector<std::pair<double, std::int32_t>> all;
  const auto* const first = seen.columns.data() + seen.offsets[static_cast<std::size_t>(user)];
  const auto* const end = seen.columns.data() + seen.offsets[static_cast<std::size_t>(user) + 1];
  for (std::int32_t item = 0; item < static_cast<std::int32_t>(items.biases.size()); ++item) {
    if (std::binary_search(first, end, item)) {
      continue;
    }
    double product = 0;
    for (std::int32_t j = 0; j < users.rank; ++j) {
      product += static_cast<double>(users.row(user)[j]) * static_cast<double>(items.row(item)[j]);
    }
    const double user_bias = users.biases[static_cast<std::size_t>(user)];
    const double item_bias = items.biases[static_cast<std::size_t>(item)];
    all.emplace_back(-(mean + user_bias + item_bias + product), item);
  }
  const std::size_t kept = std::min(all.size(), static_cast<std::size_t>(count));
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end());
  std::vector<std::int32_t> positions;
  for (std::size_t i = 0; i < kept; ++i) {
    positions.push_back(all[i].second);
  }
  return positions;
}

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

}  // namespace

TopItemsTimes benchmark_top_n(const Context& context, const TopItemsShape& shape) {
  const Table host_items = random_table(shape.items, shape.rank, 1);
  const Table host_users = random_table(shape.users, shape.rank, 2);
  const Seen host_seen = random_seen(shape);
  const auto item_factors = to_device(context, host_items.factors);
  const auto item_biases = to_device(context, host_items.biases);
  const auto user_factors = to_device(context, host_users.factors);
  const auto user_biases = to_device(context, host_users.biases);
  const auto offsets = to_device(context, host_seen.offsets);
  const auto columns = to_device(context, host_seen.columns);
  const DeviceTable<const float> items{item_factors.span(), item_biases.span(), shape.rank,
                                       host_items.stride};
  const DeviceTable<const float> users{user_factors.span(), user_biases.span(), shape.rank,
                                       host_users.stride};
  TopItemsTimes times;
  const auto start = std::chrono::steady_clock::now();
  const TopItemsOptions options{.products = shape.products};
  TopItems top(context, items, shape.count, shape.users, options);
  times.construction_milliseconds = milliseconds_since(start);
  times.device_bytes = TopItems::bytes(shape.items, shape.rank, shape.count, shape.users, options);

  const TopItemsQuestion question{users, offsets.span(), columns.span(), mean};
  TopItemsAnswer answer = top.answer(question);
  std::vector<double> runs;
  for (int repeat = 0; repeat < shape.repeats; ++repeat) {
    Event before(EventUse::timing);
    Event after(EventUse::timing);
    before.record(context.compute());
    answer = top.answer(question);
    after.record(context.compute());
    runs.push_back(1e3 * Event::seconds_between(before, after));
  }
  std::sort(runs.begin(), runs.end());
  times.least_milliseconds = runs.front();
  times.median_milliseconds = runs[runs.size() / 2];
  times.most_milliseconds = runs.back();
  times.teraflops = 2e-9 * static_cast<double>(shape.users) * static_cast<double>(shape.items) *
                    shape.rank / times.median_milliseconds;

  const auto found = from_device(context, answer.found);
  const auto positions = from_device(context, answer.positions);
  times.unproven_users = std::count(found.begin(), found.end(), TopItems::unproven);
  const std::int64_t checked = std::min(shape.checked_users, shape.users);
  for (std::int64_t i = 0; i < checked; ++i) {
    const std::int64_t user = i * (shape.users - 1) / std::max<std::int64_t>(checked - 1, 1);
    const std::int32_t own = found[static_cast<std::size_t>(user)];
    if (own == TopItems::unproven) {
      continue;
    }
    const auto first = positions.begin() + user * shape.count;
    const std::vector<std::int32_t> got(first, first + own);
    const bool right = got == best_of_user(host_users, host_items, host_seen, user, shape.count);
    times.wrong_users += right ? 0 : 1;
  }
  std::printf(
      "top-N %lld users x %lld items, k %d, N %d: %.2f ms (%.2f to %.2f), %.0f TFLOP/s, "
      "construction %.1f ms, %.0f MB, %lld unproven, %lld of %lld checked users wrong\n",
      static_cast<long long>(shape.users), static_cast<long long>(shape.items), shape.rank,
      shape.count, times.median_milliseconds, times.least_milliseconds, times.most_milliseconds,
      times.teraflops, times.construction_milliseconds,
      1e-6 * static_cast<double>(times.device_bytes), static_cast<long long>(times.unproven_users),
      static_cast<long long>(times.wrong_users), static_cast<long long>(checked));
  std::fflush(stdout);
  return times;
}

void benchmark_top_n(const Context& context) {
  for (const std::int32_t rank : {64, 128}) {
    benchmark_top_n(context, {.rank = rank});
  }
}

}  // namespace alsatian::bench
