// Somebody who is no user of the model, after it was loaded: their row solved from 20 ratings,
// alone and with the best 10 of the other items. The limit is reading the factors of those once.
#include "bench/micro/measure.hpp"
#include "bench/micro/pieces.hpp"
#include "host/evaluate/top_items_backend.hpp"
#include "host/train/fold_in.hpp"
#include "kernels/cpu/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace alsatian::bench {
namespace {

constexpr std::int32_t rated = 20;
constexpr std::int32_t wanted = 10;

/// Of items evenly apart, from half a star to five.
std::vector<OwnRating> own_ratings(const Model& model) {
  std::vector<OwnRating> ratings;
  const std::int32_t items = model.items.size();
  for (std::int32_t n = 0; n < rated; ++n) {
    const auto item = static_cast<std::int32_t>(std::int64_t{n} * items / rated);
    ratings.push_back({item, 0.5F * static_cast<float>(1 + n % 10)});
  }
  return ratings;
}

/// trained: with its users, who stay.
void newcomer(benchmark::State& state, const Setting& setting, const Model& trained, int threads) {
  use_threads(threads);
  Model model = trained;
  const std::vector<OwnRating> ratings = own_ratings(model);
  const SideFactors& items = model.factors.items;
  const double numbers = static_cast<double>(items.rows) * items.rank;
  beside_the_limit(state, setting.limits, {2 * numbers, sizeof(float) * numbers}, [&] {
    const FoldIn folded(model, ratings);
    folded.replace_users(model);
    const CompressedMatrix seen = folded.rated_items();
    const std::vector<std::int32_t> user{0};
    const CandidateItems candidates(model, nullptr);
    const auto backend = make_cpu_top_items({model, candidates, user, wanted, &seen});
    backend->answer([](std::size_t, const auto& answers) { benchmark::DoNotOptimize(answers); });
  });
}

/// The limit: the equations of 20 ratings in each draw, of which a Cholesky factor is taken.
void newcomers_row(benchmark::State& state, const Setting& setting, const Model& model,
                   int threads) {
  use_threads(threads);
  const std::vector<OwnRating> ratings = own_ratings(model);
  const double order = model.spec.rank + 1;
  const double flops = order * order * (rated + order / 3);
  const double bytes = sizeof(float) * rated * order;
  const double draws = std::max(1, model.draws);
  beside_the_limit(state, setting.limits, {draws * flops, draws * bytes}, [&] {
    const FoldIn folded(model, ratings);
    benchmark::DoNotOptimize(&folded);
  });
}

void add(const std::string& name, int threads, const Setting& setting,
         const std::function<const Model&()>& model) {
  benchmark::RegisterBenchmark(
      fmt::format("newcomer/{}/threads:{}", name, threads).c_str(),
      [=](benchmark::State& state) { newcomer(state, setting, model(), threads); })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark(
      fmt::format("newcomers_row/{}/threads:{}", name, threads).c_str(),
      [=](benchmark::State& state) { newcomers_row(state, setting, model(), threads); })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

}  // namespace

void add_newcomer(const Setting& setting, std::int32_t rank, int threads) {
  add(fmt::format("als/k:{}", rank), threads, setting,
      [=]() -> const Model& { return setting.problem.model(rank); });
}

void add_newcomer_of_bayes(const Setting& setting, int keep, int threads) {
  add(fmt::format("bayes/k:{}/keep:{}", Bayes::default_rank, keep), threads, setting,
      [=]() -> const Model& { return setting.problem.model_of_draws(keep); });
}

}  // namespace alsatian::bench
