// Implements limits.hpp.
// A product of OpenBLAS where there is one, on one thread each, and the score tiles of our own.
#include "bench/micro/limits.hpp"

#include "bench/micro/measure.hpp"
#include "kernels/cpu/kernel_table.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/top_items.hpp"

#ifdef ALSATIAN_HAVE_OPENBLAS
#include <cblas.h>
#endif

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

namespace alsatian::bench {
namespace {

constexpr int most_threads = 256;

#ifdef ALSATIAN_HAVE_OPENBLAS
/// A square product of OpenBLAS.
class OpenBlas final : public Product {
 public:
  explicit OpenBlas(int order) : order_(order) {
    openblas_set_num_threads(1);  // the threads are ours
    const auto size = static_cast<std::size_t>(order) * static_cast<std::size_t>(order);
    left_.assign(size, 0.5F);
    right_.assign(size, 0.25F);
    results_.resize(most_threads);
  }
  std::string name() const override { return fmt::format("OpenBLAS sgemm {}", order_); }
  double flops() const override { return 2.0 * order_ * order_ * order_; }
  void multiply(int thread) override {
    cpu::AlignedFloats& result = results_[static_cast<std::size_t>(thread)];
    result.resize(left_.size());
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, order_, order_, order_, 1, left_.data(),
                order_, right_.data(), order_, 0, result.data(), order_);
  }

 private:
  int order_;
  cpu::AlignedFloats left_;
  cpu::AlignedFloats right_;
  std::vector<cpu::AlignedFloats> results_;  // of each thread, from its first product on
};
#endif

/// The tiles in which users × items are scored, where nothing is good enough to be kept.
class ScoreTiles final : public Product {
 public:
  explicit ScoreTiles(std::int32_t rank)
      : rank_(rank),
        factors_(static_cast<std::size_t>(items * rank), 0.5F),
        biases_(static_cast<std::size_t>(items), 0.25F),
        panels_({factors_.data(), biases_.data(), items, rank, rank}, 1),
        users_(static_cast<std::size_t>(users * rank), 0.5F),
        seen_(users, 0) {
    cpu::TopSelection nothing;
    nothing.threshold = std::numeric_limits<float>::infinity();
    nothing.limit = 1;
    selections_.assign(users, nothing);
    groups_.resize(users / cpu::group_users);
    std::iota(groups_.begin(), groups_.end(), 0);
  }
  std::string name() const override { return fmt::format("score tiles, rank {}", rank_); }
  double flops() const override { return 2.0 * users * static_cast<double>(items) * rank_; }
  void multiply(int) override {
    const cpu::KernelTable& kernels = cpu::kernels(best_isa());
    // Nothing is ever kept, so that threads may share the selections.
    const cpu::TopTask task{users_.data(), selections_.data(), groups_, rank_};
    for (std::int64_t panel = 0; panel < panels_.count(); ++panel) {
      kernels.score_panel(task, panels_.panel(panel), seen_.data(), 1);
    }
  }

 private:
  static constexpr std::int32_t users = 64;
  static constexpr std::int64_t items = 48 * 64;
  std::int32_t rank_;
  std::vector<float> factors_;
  std::vector<float> biases_;
  cpu::ItemPanels panels_;
  cpu::AlignedFloats users_;
  std::vector<std::uint64_t> seen_;
  std::vector<cpu::TopSelection> selections_;
  std::vector<std::int32_t> groups_;
};

}  // namespace

Limits::Limits(bool small) : small_(small) {
  std::vector<std::unique_ptr<Product>> products;
#ifdef ALSATIAN_HAVE_OPENBLAS
  for (const int order : small ? std::vector{64} : std::vector{512, 1024, 2048}) {
    products.push_back(std::make_unique<OpenBlas>(order));
  }
#endif
  for (const std::int32_t rank : small ? std::vector{32} : std::vector{64, 128, 256}) {
    products.push_back(std::make_unique<ScoreTiles>(rank));
  }
  double best = 0;
  for (auto& product : products) {
    double rate = 0;
    for (int run = 0; run < 3; ++run) rate = std::max(rate, flop_rate(*product));
    tried_.emplace_back(product->name(), rate);
    if (rate <= best) continue;
    best = rate;
    product_ = std::move(product);
  }
}

Limits::~Limits() = default;

double Limits::flop_rate(Product& product) const {
  const double wanted = small_ ? 1e6 : 3e9;  // some 30 ms of a thread
  const int threads = std::min(thread_count(), most_threads);
  const auto calls = std::max<std::int64_t>(1, static_cast<std::int64_t>(wanted / product.flops()));
  const double start = cpu_seconds();
  parallel_for(threads, [&](std::int64_t thread) {
    for (std::int64_t call = 0; call < calls; ++call) product.multiply(static_cast<int>(thread));
  });
  return threads * static_cast<double>(calls) * product.flops() / (cpu_seconds() - start);
}

double Limits::byte_rate() {
  const std::size_t size = small_ ? std::size_t{1} << 16 : std::size_t{64} << 20;
  const auto threads = static_cast<std::size_t>(thread_count());
  from_.resize(std::max(from_.size(), threads));
  to_.resize(std::max(to_.size(), threads));
  for (std::size_t thread = 0; thread < threads; ++thread) {
    from_[thread].resize(size, 1);
    to_[thread].resize(size);
  }
  const double start = cpu_seconds();
  parallel_for(static_cast<std::int64_t>(threads), [&](std::int64_t thread) {
    const auto index = static_cast<std::size_t>(thread);
    std::memcpy(to_[index].data(), from_[index].data(), size);
    benchmark::DoNotOptimize(to_[index].data());
    benchmark::ClobberMemory();
  });
  return 2.0 * static_cast<double>(threads * size) / (cpu_seconds() - start);
}

Rates Limits::measure() { return {flop_rate(*product_), byte_rate()}; }

}  // namespace alsatian::bench
