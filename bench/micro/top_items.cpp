// The best 100 items for every user, what they rated left out. The limit is the product of the
// factors alone, at the rate of the fastest matrix product of the machine.
#include "bench/micro/measure.hpp"
#include "bench/micro/pieces.hpp"
#include "host/evaluate/top_items_backend.hpp"
#include "kernels/cpu/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace alsatian::bench {
namespace {

/// As many as take a CPU about half a second: enough to measure.
constexpr std::size_t most_users = 16384;

void top_items(benchmark::State& state, const Setting& setting, std::int32_t rank, int threads) {
  use_threads(threads);
  const Model& model = setting.problem.model(rank);
  const CandidateItems candidates(model, nullptr);
  const Dataset& dataset = setting.problem.dataset();
  // Evenly apart: a generated file has users in no order, a real one may.
  const auto all = static_cast<std::size_t>(model.users.size());
  const std::size_t asked = std::min(all, most_users);
  std::vector<std::int32_t> users;
  for (std::size_t i = 0; i < asked; ++i) {
    users.push_back(static_cast<std::int32_t>(i * all / asked));
  }
  const CompressedMatrix seen =
      select_rows(compress_by_user(dataset.train, model.users.size()), users);
  const Work work{
      2.0 * rank * static_cast<double>(users.size()) * static_cast<double>(candidates.size()), 0};
  beside_the_limit(state, setting.limits, work, [&] {
    const auto backend = make_cpu_top_items({model, candidates, users, 100, &seen});
    backend->answer([](std::size_t, const auto& answers) { benchmark::DoNotOptimize(answers); });
  });
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(users.size()));
}

}  // namespace

void add_top_items(const Setting& setting, std::int32_t rank, int threads) {
  benchmark::RegisterBenchmark(
      fmt::format("top/100/k:{}/threads:{}", rank, threads).c_str(),
      [=](benchmark::State& state) { top_items(state, setting, rank, threads); })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

}  // namespace alsatian::bench
