// Measures each hot piece of the CPU's path against the limits of the machine, in one run.
// Usage: micro_bench [options] [options of Google Benchmark]; --help lists both.
#include "bench/micro/pieces.hpp"
#include "host/error.hpp"
#include "kernels/cpu/isa.hpp"

#include <CLI/CLI.hpp>
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian::bench {
namespace {

/// "64,128"
std::vector<std::int32_t> numbers_of(const std::string& list) {
  std::vector<std::int32_t> numbers;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    std::int32_t number = 0;
    const auto [stop, error] = std::from_chars(list.data() + begin, list.data() + end, number);
    if (error != std::errc{} || stop != list.data() + end || number < 1) {
      throw Error(ExitCode::usage, fmt::format("\"{}\"", list),
                  "must be positive whole numbers, with commas between them", "try 64,128");
    }
    numbers.push_back(number);
    begin = end + 1;
  }
  return numbers;
}

/// What a newcomer costs depends on the items, not on how many ratings they have.
Settings with_few_ratings(Settings settings) {
  constexpr std::int64_t most = 1'000'000;
  const std::int64_t asked = settings.ratings.value_or(generate_shape(settings.shape).ratings);
  settings.ratings = std::min(asked, most);
  return settings;
}

void add_all(const Setting& setting, const Setting& few, const Settings& settings) {
  for (const int threads : numbers_of(settings.threads)) {
    add_loading(setting, threads);
    for (const std::int32_t rank : numbers_of(settings.ranks)) {
      add_training(setting, rank, threads);
      add_top_items(setting, rank, threads);
      add_newcomer(few, rank, threads);
    }
    for (const int keep : {16, 64}) add_newcomer_of_bayes(few, keep, threads);
  }
  add_titles(few);
}

/// Options of ours; what is not known is left for Google Benchmark.
std::vector<std::string> parse(int argc, char** argv, Settings& settings) {
  CLI::App app("Options of our own; those of Google Benchmark follow");
  app.set_help_flag();
  app.allow_extras();
  app.add_option("--shape", settings.shape);
  app.add_option("--ratings", settings.ratings);
  app.add_option("--ranks", settings.ranks);
  app.add_option("--threads", settings.threads);
  app.add_option("--scratch", settings.scratch);
  app.add_flag("--small", settings.small);
  app.parse(argc, argv);
  return app.remaining();
}

/// Hands over what is left of the command line, and refuses what is not known there either.
void initialize_benchmark(const char* program, std::vector<std::string> rest) {
  std::vector<char*> words{const_cast<char*>(program)};
  for (std::string& word : rest) words.push_back(word.data());
  int count = static_cast<int>(words.size());
  words.push_back(nullptr);
  benchmark::Initialize(&count, words.data());
  if (count > 1) {
    throw Error(ExitCode::usage, words[1], "is not an option",
                "options are --shape, --ratings, --ranks, --threads, --scratch, --small, and those "
                "of Google Benchmark, which --help lists");
  }
}

int run(int argc, char** argv) {
  Settings settings;
  initialize_benchmark(argv[0], parse(argc, argv, settings));
  numbers_of(settings.ranks);
  numbers_of(settings.threads);
  Problem problem(settings);
  Problem few(with_few_ratings(settings));
  Limits limits(settings.small);
  benchmark::AddCustomContext("shape", settings.shape);
  benchmark::AddCustomContext("isa", std::string(isa_name(best_isa())));
  benchmark::AddCustomContext("limit", limits.product());
  for (const auto& [name, rate] : limits.tried()) {
    benchmark::AddCustomContext(name + " GFLOP/s", fmt::format("{:.1f}", rate / 1e9));
  }
  add_all({problem, limits}, {few, limits}, settings);
  if (benchmark::RunSpecifiedBenchmarks() == 0) {
    throw Error(ExitCode::usage, "--benchmark_filter", "no benchmark has such a name",
                "leave it out to run all of them");
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace alsatian::bench

int main(int argc, char** argv) {
  try {
    return alsatian::bench::run(argc, argv);
  } catch (const alsatian::Error& error) {
    std::fprintf(stderr, "micro_bench: error: %s: %s\n  help: %s\n", error.place().c_str(),
                 error.what(), error.help().c_str());
    return static_cast<int>(error.code());
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "micro_bench: error: %s\n  help: --help lists the options\n",
                 error.what());
    return static_cast<int>(alsatian::ExitCode::usage);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "micro_bench: error: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
