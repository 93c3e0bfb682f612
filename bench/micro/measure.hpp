// CPU time of a piece beside the limits of the machine, taken in turns so that both meet the same
// noise. Wall time says little on a machine that does other things.
#pragma once

#include "bench/micro/limits.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>

namespace alsatian::bench {

/// CPU seconds of the process, all threads and the system's share.
inline double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// What any implementation has to do at least.
struct Work {
  double flops = 0;
  double bytes = 0;  // read or written where they are not in a cache
};

/// CPU seconds that the work takes at the rates of a machine: the longer of its two parts.
inline double least_seconds(const Work& work, const Rates& rates) {
  return std::max(work.flops / rates.flops, work.bytes / rates.bytes);
}

/// Runs piece() as often as Google Benchmark wants it after once for nothing, before each run
/// prepare(), and between runs the limits. Its time is CPU time; counters: limit_cpu_s,
/// times_limit, how many times as much the piece takes, and wall_s, what somebody waits.
template <typename Prepare, typename Piece>
void beside_the_limit(benchmark::State& state, Limits& limits, const Work& work,
                      const Prepare& prepare, const Piece& piece) {
  // Memory that a virtual machine is given for the first time costs its host more than later.
  prepare();
  piece();
  double total = 0;
  double limit = 0;
  std::chrono::duration<double> waited{};
  Rates before = limits.measure();
  for ([[maybe_unused]] auto iteration : state) {
    prepare();
    const auto begin = std::chrono::steady_clock::now();
    const double start = cpu_seconds();
    piece();
    const double taken = cpu_seconds() - start;
    waited += std::chrono::steady_clock::now() - begin;
    state.SetIterationTime(taken);
    const Rates after = limits.measure();
    total += taken;
    limit += (least_seconds(work, before) + least_seconds(work, after)) / 2;
    before = after;
  }
  const auto runs = static_cast<double>(state.iterations());
  state.counters["limit_cpu_s"] = limit / runs;
  state.counters["times_limit"] = total / limit;
  state.counters["wall_s"] = waited.count() / runs;
  state.counters["gflops"] = before.flops / 1e9;
  state.counters["gbytes_per_s"] = before.bytes / 1e9;
}

template <typename Piece>
void beside_the_limit(benchmark::State& state, Limits& limits, const Work& work,
                      const Piece& piece) {
  beside_the_limit(
      state, limits, work, [] {}, piece);
}

}  // namespace alsatian::bench
