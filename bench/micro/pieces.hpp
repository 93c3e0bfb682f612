// The benchmarks of each part of the program, for one rank or none and one number of threads.
// Every one reports its CPU time beside what the machine's limits allow.
#pragma once

#include "bench/micro/limits.hpp"
#include "bench/micro/problem.hpp"

#include <cstdint>

namespace alsatian::bench {

/// What the benchmarks share; outlives them.
struct Setting {
  Problem& problem;
  Limits& limits;
};

/// Reading a file, indexing it, and both compressed matrices, each and all.
void add_loading(const Setting& setting, int threads);
/// Epochs of als and mle, a product of ls.
void add_training(const Setting& setting, std::int32_t rank, int threads);
/// The best 100 items for every user.
void add_top_items(const Setting& setting, std::int32_t rank, int threads);
/// Somebody's row from 20 ratings and their best 10 items, with a model of als, or with one of
/// bayes that keeps so many draws.
void add_newcomer(const Setting& setting, std::int32_t rank, int threads);
void add_newcomer_of_bayes(const Setting& setting, int keep, int threads);
/// Titles found as people remember them.
void add_titles(const Setting& setting);

}  // namespace alsatian::bench
