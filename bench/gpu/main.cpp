// Measures a GPU and the project's kernels on it; needs nothing but a driver.
// Usage: gpu_bench RESULT.json [ceilings|als SHAPE K REPEATS]...
#include "bench/gpu/als.hpp"
#include "bench/gpu/ceilings.hpp"

#include <cstdlib>
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

void write(const std::string& path, const Figures& figures) {
  std::ofstream out(path);
  out << "{\"figures\": [";
  const char* separator = "";
  for (const Figure& figure : figures.all()) {
    out << separator << "\n  {\"name\": \"" << figure.name << "\", \"value\": " << figure.value
        << ", \"unit\": \"" << figure.unit << "\"}";
    separator = ",";
  }
  out << "\n]}\n";
}

int run(const std::vector<std::string>& arguments) {
  const cuda::Context context(0);
  Figures figures;
  bool right = true;
  for (std::size_t at = 1; at < arguments.size(); ++at) {
    if (arguments[at] == "ceilings") {
      measure_ceilings(context, figures);
    } else if (arguments[at] == "als" && at + 3 < arguments.size()) {
      const std::string& shape = arguments[at + 1];
      right = benchmark_als(context, shape, problem_of(shape), std::atoi(arguments[at + 2].c_str()),
                            std::atoi(arguments[at + 3].c_str()), figures) &&
              right;
      at += 3;
    } else {
      std::cerr << "usage: gpu_bench RESULT.json [ceilings|als SHAPE K REPEATS]...\n";
      return 64;
    }
    write(arguments[0], figures);
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
