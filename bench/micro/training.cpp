// Epochs of als and mle, products of ls. The limit is their useful arithmetic at the rate of the
// fastest matrix product, or the ratings read once, whichever takes longer.
#include "bench/micro/measure.hpp"
#include "bench/micro/pieces.hpp"
#include "host/model/factors.hpp"
#include "kernels/cpu/factor_table.hpp"
#include "kernels/cpu/parallel.hpp"

#include <fmt/format.h>

#include <cmath>

namespace alsatian::bench {
namespace {

/// Of one half-sweep: rows of ratings, each with an index and a value.
double rating_bytes(double ratings) { return ratings * (sizeof(std::int32_t) + sizeof(float)); }

/// FLOPs to solve rows exactly: of the normal equations the triangle of the Gram matrix and both
/// sums, then Cholesky's k³/3 and four triangular solves; of the dual, which short rows take, the
/// same at order n with the roles of k and n exchanged.
double solve_flops(const std::vector<std::int64_t>& offsets, double rank) {
  double flops = 0;
  for (std::size_t row = 0; row + 1 < offsets.size(); ++row) {
    const auto count = static_cast<double>(offsets[row + 1] - offsets[row]);
    if (count == 0) continue;
    const bool dual = count < 0.8 * rank;
    const double order = dual ? count : rank;
    const double length = dual ? rank : count;
    flops += length * order * (order + 1) + order * order * order / 3 + 4 * order * order;
    flops += dual ? 2 * count * rank : 3 * count * rank;
  }
  return flops;
}

void als(benchmark::State& state, const Setting& setting, std::int32_t rank, int threads) {
  use_threads(threads);
  const auto backend = setting.problem.backend(Als{}, rank);
  const Dataset& dataset = setting.problem.dataset();
  const CompressedMatrix by_user = compress_by_user(dataset.train, dataset.users.size());
  const CompressedMatrix by_item = transpose(by_user, dataset.items.size());
  const Work work{solve_flops(by_user.offsets, rank) + solve_flops(by_item.offsets, rank),
                  2 * rating_bytes(static_cast<double>(dataset.train.size()))};
  beside_the_limit(state, setting.limits, work, [&] {
    backend->als_half_sweep(Side::users);
    backend->als_half_sweep(Side::items);
  });
}

/// A step computes a score, 2k, and moves both rows, 4k each, with the sums of squares of both
/// slopes for AdaGrad, 2k each.
void mle(benchmark::State& state, const Setting& setting, std::int32_t rank, int threads) {
  use_threads(threads);
  const auto backend = setting.problem.backend(Mle{}, rank);
  const auto ratings = static_cast<double>(setting.problem.dataset().train.size());
  const Work work{14.0 * rank * ratings, rating_bytes(ratings) + ratings * sizeof(std::int32_t)};
  int epoch = 0;
  beside_the_limit(state, setting.limits, work, [&] { backend->sgd_epoch(0.01, epoch++); });
}

/// A product of the Gauss-Newton matrix JᵀJ with a direction, all of which `ls` is made of but for
/// a gradient and sums: for each rating two dot products and a sum of rows on each side, 2k each.
void ls(benchmark::State& state, const Setting& setting, std::int32_t rank, int threads) {
  use_threads(threads);
  const Dataset& dataset = setting.problem.dataset();
  const CompressedMatrix by_user = compress_by_user(dataset.train, dataset.users.size());
  const CompressedMatrix by_item = transpose(by_user, dataset.items.size());
  const Factors start = start_factors(dataset.users.size(), dataset.items.size(), rank, 0.1, 1);
  cpu::FactorTable users(start.users.rows, rank);
  cpu::FactorTable items(start.items.rows, rank);
  users.assign(start.users.factors, start.users.biases);
  items.assign(start.items.factors, start.items.biases);
  cpu::FactorTable user_product(start.users.rows, rank);
  cpu::FactorTable item_product(start.items.rows, rank);
  // Any direction does: the factors themselves.
  const auto task_of = [](const CompressedMatrix& ratings, const cpu::FactorTable& own,
                          const cpu::FactorTable& opposite, cpu::FactorTable& product) {
    return cpu::JacobianTask{{ratings.offsets, ratings.columns, ratings.values},
                             own.view(),
                             opposite.view(),
                             own.view(),
                             opposite.view(),
                             product.view()};
  };
  const cpu::JacobianTask tasks[] = {task_of(by_user, users, items, user_product),
                                     task_of(by_item, items, users, item_product)};
  const cpu::KernelTable& kernels = cpu::kernels(best_isa());
  const auto ratings = static_cast<double>(dataset.train.size());
  beside_the_limit(state, setting.limits, {12.0 * rank * ratings, 2 * rating_bytes(ratings)}, [&] {
    constexpr std::int64_t grain = 16;
    for (const cpu::JacobianTask& task : tasks) {
      parallel_for(
          task.ratings.rows(), [&](std::int64_t row) { kernels.jacobian_row(task, row); }, grain);
    }
  });
}

}  // namespace

void add_training(const Setting& setting, std::int32_t rank, int threads) {
  const auto add = [&](const char* name, auto piece) {
    benchmark::RegisterBenchmark(
        fmt::format("{}/k:{}/threads:{}", name, rank, threads).c_str(),
        [=](benchmark::State& state) { piece(state, setting, rank, threads); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  };
  add("als/epoch", als);
  add("mle/epoch", mle);
  add("ls/product", ls);
}

}  // namespace alsatian::bench
