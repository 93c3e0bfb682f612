// From a file in the page cache to compressed matrices. The limit is copying: of the file for what
// reads it, of what goes in and comes out for the others.
#include "bench/micro/measure.hpp"
#include "bench/micro/pieces.hpp"
#include "host/ratings/prepared_ratings.hpp"
#include "host/ratings/reader.hpp"
#include "kernels/cpu/parallel.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace alsatian::bench {
namespace {

std::int64_t bytes_of(const Triples& ratings) {
  return ratings.size() * std::int64_t{2 * sizeof(std::int32_t) + sizeof(float)};
}

std::int64_t bytes_of(const CompressedMatrix& matrix) {
  return static_cast<std::int64_t>(matrix.offsets.size() * sizeof(std::int64_t) +
                                   matrix.columns.size() * sizeof(std::int32_t) +
                                   matrix.values.size() * sizeof(float));
}

/// A copy reads every byte and writes it.
Work copy_of(std::int64_t bytes) { return {0, 2.0 * static_cast<double>(bytes)}; }

void parse(benchmark::State& state, const Setting& setting, int threads) {
  use_threads(threads);
  const std::string file = setting.problem.file();
  const std::int64_t size = setting.problem.file_bytes();
  std::optional<RawRatings> ratings;
  beside_the_limit(
      state, setting.limits, copy_of(size), [&] { ratings.reset(); },
      [&] { ratings = read_ratings(file, without_times()); });
  state.SetBytesProcessed(state.iterations() * size);
}

void index(benchmark::State& state, const Setting& setting, int threads) {
  use_threads(threads);
  const RawRatings source = read_ratings(setting.problem.file(), without_times());
  RawRatings ratings;
  std::optional<Dataset> dataset;
  const std::int64_t raw = source.size() * std::int64_t{2 * sizeof(std::int64_t) + sizeof(float)};
  beside_the_limit(
      state, setting.limits, copy_of((raw + bytes_of(setting.problem.dataset().train)) / 2),
      [&] {
        dataset.reset();
        ratings = source;
      },
      [&] { dataset = PreparedRatings(std::move(ratings), {}).split({}); });
}

void compress(benchmark::State& state, const Setting& setting, int threads) {
  use_threads(threads);
  const Dataset& dataset = setting.problem.dataset();
  CompressedMatrix by_user = compress_by_user(dataset.train, dataset.users.size());
  CompressedMatrix by_item = transpose(by_user, dataset.items.size());
  const std::int64_t all = bytes_of(dataset.train) + 2 * bytes_of(by_user) + bytes_of(by_item);
  beside_the_limit(
      state, setting.limits, copy_of(all / 2), [&] { by_user = by_item = {}; },
      [&] {
        by_user = compress_by_user(dataset.train, dataset.users.size());
        by_item = transpose(by_user, dataset.items.size());
      });
}

void load(benchmark::State& state, const Setting& setting, int threads) {
  use_threads(threads);
  const std::string file = setting.problem.file();
  const std::int64_t size = setting.problem.file_bytes();
  CompressedMatrix by_user;
  CompressedMatrix by_item;
  beside_the_limit(
      state, setting.limits, copy_of(size), [&] { by_user = by_item = {}; },
      [&] {
        Dataset dataset = PreparedRatings(read_ratings(file, without_times()), {}).split({});
        by_user = compress_by_user(std::move(dataset.train), dataset.users.size());
        by_item = transpose(by_user, dataset.items.size());
      });
  state.SetBytesProcessed(state.iterations() * size);
}

}  // namespace

void add_loading(const Setting& setting, int threads) {
  const auto add = [&](const char* name, auto piece) {
    benchmark::RegisterBenchmark(fmt::format("{}/threads:{}", name, threads).c_str(),
                                 [=](benchmark::State& state) { piece(state, setting, threads); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  };
  add("load/parse", parse);
  add("load/index", index);
  add("load/compress", compress);
  add("load/all", load);
}

}  // namespace alsatian::bench
