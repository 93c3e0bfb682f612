// Measures a GPU and the project's kernels on it; needs nothing but a driver.
// Usage: gpu_bench RESULT.json [ceilings | als[-fast|-cg|-vendor] SHAPE K REPEATS | mle K |
//                               ls[-vendor] K | top-n[-vendor] K]...
#include "bench/gpu/als.hpp"
#include "bench/gpu/ceilings.hpp"
#include "bench/gpu/least_squares.hpp"
#include "bench/gpu/sgd.hpp"
#include "bench/gpu/top_n.hpp"

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

namespace alsatian::bench {
namespace {

const Problem& problem_of(const std::string& name) {
  static std::map<std::string, Problem> made;
  const auto found = made.find(name);
  if (found != made.end()) {
    return found->second;
  }
  made.clear();  // one at a time
  return made.emplace(name, make_problem(name == netflix.name ? netflix : ml_25m, 42))
      .first->second;
}

std::string device_name() {
  cudaDeviceProp properties;
  cuda::check(cudaGetDeviceProperties(&properties, 0));
  return properties.name;
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[16];
  std::strftime(text, sizeof(text), "%Y-%m-%d", std::gmtime(&now));
  return text;
}

/// Where and when, what was run, then the figures; the commit is whatever ALSATIAN_COMMIT says.
void write(const std::vector<std::string>& arguments, const Figures& figures) {
  const char* const commit = std::getenv("ALSATIAN_COMMIT");
  std::ofstream out(arguments[0]);
  out << "{\"device\": \"" << device_name() << "\",\n \"date\": \"" << today()
      << "\",\n \"commit\": \"" << (commit != nullptr ? commit : "unknown")
      << "\",\n \"command\": \"gpu_bench RESULT.json";
  for (std::size_t at = 1; at < arguments.size(); ++at) {
    out << ' ' << arguments[at];
  }
  out << "\",\n \"figures\": [";
  const char* separator = "";
  for (const Figure& figure : figures.all()) {
    out << separator << "\n  {\"name\": \"" << figure.name << "\", \"value\": " << figure.value
        << ", \"unit\": \"" << figure.unit << "\"}";
    separator = ",";
  }
  out << "\n]}\n";
}

bool benchmark_mle(const cuda::Context& context, std::int32_t rank, Figures& figures) {
  const double difference = largest_sgd_difference(context);
  figures.add("mle largest difference from a serial epoch", difference * 1e6, "1e-6");
  SgdBenchmarkOptions options;
  options.ranks = {rank};
  for (const SgdBenchmark& one : benchmark_sgd(context, {}, options)) {
    const std::string name =
        "mle ml-25m k=" + std::to_string(rank) + (one.hogwild ? " hogwild" : " blocks") +
        (one.halves ? " halves" : " floats") + " " + std::to_string(one.workers) + " workers ";
    figures.add(name + "epoch", one.seconds_per_epoch * 1e3, "ms");
    figures.add(name + "bytes", one.bytes_per_second * 1e-12, "TB/s");
    figures.add(name + "rmse", one.rmse, "");
  }
  return difference < 1e-3;
}

template <cuda::GaussNewtonProducts products>
bool benchmark_ls(const cuda::Context& context, std::int32_t rank, Figures& figures) {
  const bool right =
      check_least_squares(context, 0) && check_least_squares(context, rank, products);
  const LeastSquaresTimes times = benchmark_least_squares(context, {.rank = rank}, products);
  const bool by_library = products == cuda::GaussNewtonProducts::library;
  const std::string name =
      "ls ml-25m k=" + std::to_string(rank) + (by_library ? " by cuSPARSE " : " ");
  figures.add(name + "gradient", times.gradient_seconds * 1e3, "ms");
  figures.add(name + "product", times.product_seconds * 1e3, "ms");
  figures.add(name + "step", times.step_seconds * 1e3, "ms");
  figures.add(name + "products of that step", times.step_inner_steps, "");
  figures.add(name + "training errors", times.errors_seconds * 1e3, "ms");
  return right;
}

template <cuda::ScoreProducts products>
bool benchmark_recommendations(const cuda::Context& context, std::int32_t rank, Figures& figures) {
  TopItemsShape shape;
  shape.rank = rank;
  shape.products = products;
  const TopItemsTimes times = benchmark_top_n(context, shape);
  const bool by_library = products == cuda::ScoreProducts::library;
  const std::string name =
      "top-n ml-25m k=" + std::to_string(rank) + (by_library ? " by cuBLAS " : " ");
  figures.add(name + "100 items for all users", times.median_milliseconds, "ms");
  figures.add(name + "construction", times.construction_milliseconds, "ms");
  figures.add(name + "users left to the host", static_cast<double>(times.unproven_users), "");
  figures.add(name + "wrong users", static_cast<double>(times.wrong_users), "");
  return times.wrong_users == 0;
}

using RankBenchmark = bool (*)(const cuda::Context&, std::int32_t, Figures&);

const std::map<std::string, RankBenchmark>& of_one_rank() {
  static const std::map<std::string, RankBenchmark> benchmarks = {
      {"mle", &benchmark_mle},
      {"ls", &benchmark_ls<cuda::GaussNewtonProducts::fused>},
      {"ls-vendor", &benchmark_ls<cuda::GaussNewtonProducts::library>},
      {"top-n", &benchmark_recommendations<cuda::ScoreProducts::fused>},
      {"top-n-vendor", &benchmark_recommendations<cuda::ScoreProducts::library>}};
  return benchmarks;
}

using AlsBenchmark = bool (*)(const cuda::Context&, const std::string&, const Problem&,
                              std::int32_t, int, Figures&);

template <cuda::Halves halves>
bool benchmark_fused_als(const cuda::Context& context, const std::string& shape,
                         const Problem& problem, std::int32_t rank, int repeats, Figures& figures) {
  return benchmark_als(context, shape, problem, rank, halves, repeats, figures);
}

const std::map<std::string, AlsBenchmark>& of_als() {
  static const std::map<std::string, AlsBenchmark> benchmarks = {
      {"als", &benchmark_fused_als<cuda::Halves::two>},
      {"als-fast", &benchmark_fused_als<cuda::Halves::one>},
      {"als-cg", &benchmark_iterative_als},
      {"als-vendor", &benchmark_vendor_als}};
  return benchmarks;
}

int run(const std::vector<std::string>& arguments) {
  const cuda::Context context(0);
  Figures figures;
  bool right = true;
  for (std::size_t at = 1; at < arguments.size(); ++at) {
    if (arguments[at] == "ceilings") {
      measure_ceilings(context, figures);
    } else if (of_als().contains(arguments[at]) && at + 3 < arguments.size()) {
      const std::string& shape = arguments[at + 1];
      const int rank = std::atoi(arguments[at + 2].c_str());
      const int repeats = std::atoi(arguments[at + 3].c_str());
      const auto benchmark = of_als().at(arguments[at]);
      const bool solved = benchmark(context, shape, problem_of(shape), rank, repeats, figures);
      right = solved && right;
      at += 3;
    } else if (at + 1 < arguments.size() && of_one_rank().contains(arguments[at])) {
      const auto benchmark = of_one_rank().at(arguments[at]);
      right = benchmark(context, std::atoi(arguments[at + 1].c_str()), figures) && right;
      ++at;
    } else {
      std::cerr << "usage: gpu_bench RESULT.json [ceilings | als[-fast|-cg|-vendor] SHAPE K "
                   "REPEATS | mle K | ls[-vendor] K | top-n[-vendor] K]...\n";
      return 64;
    }
    write(arguments, figures);
  }
  if (!right) {
    std::cerr << "gpu_bench: a result is wrong\n";
  }
  return right ? 0 : 1;
}

}  // namespace
}  // namespace alsatian::bench

int main(int count, char** arguments) {
  if (count < 2) {
    return 64;
  }
  try {
    return alsatian::bench::run({arguments + 1, arguments + count});
  } catch (const std::exception& error) {
    std::cerr << "gpu_bench: error: " << error.what() << '\n';
    return 69;
  }
}
