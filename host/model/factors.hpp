// The parameters of a model on the host, and where they start.
// Without padding: what a backend adds for its loads is its own (backend_state.hpp).
#pragma once

#include "kernels/math/views.hpp"

#include <cstdint>
#include <vector>

namespace alsatian {

/// Factors and biases of one side. factors [rows, rank] row-major without padding; biases [rows].
struct SideFactors {
  std::int64_t rows = 0;
  std::int32_t rank = 0;
  std::vector<float> factors;
  std::vector<float> biases;

  SideFactors() = default;
  SideFactors(std::int64_t row_count, std::int32_t factor_rank)
      : rows(row_count),
        rank(factor_rank),
        factors(static_cast<std::size_t>(row_count) * static_cast<std::size_t>(factor_rank)),
        biases(static_cast<std::size_t>(row_count)) {}

  float* row(std::int64_t index) { return factors.data() + index * rank; }
  const float* row(std::int64_t index) const { return factors.data() + index * rank; }
};

struct Factors {
  SideFactors users;
  SideFactors items;
};

/// Start of training: factors N(0, deviation), biases 0; depends on (seed, side, row, column)
/// alone, and on the chain of bayes that they are the start of; in standardised units.
Factors start_factors(std::int64_t users, std::int64_t items, std::int32_t rank, double deviation,
                      std::uint64_t seed, std::uint32_t chain = 0);

}  // namespace alsatian
