// Planted problems as the CPU kernels take them, and back to the reference's doubles.
// Also the instruction sets and numbers of threads over which CPU tests run.
#pragma once

#include "kernels/cpu/factor_table.hpp"
#include "kernels/cpu/isa.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/reference/parameters.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

namespace alsatian::testing {

/// The instruction sets that this machine can run.
inline std::vector<Isa> available_isas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
    if (isa_available(isa)) isas.push_back(isa);
  }
  return isas;
}

/// Sets the number of threads, and sets it back.
class ThreadsInScope {
 public:
  explicit ThreadsInScope(int count) : before_(thread_count()) { use_threads(count); }
  ~ThreadsInScope() { use_threads(before_); }
  ThreadsInScope(const ThreadsInScope&) = delete;
  ThreadsInScope& operator=(const ThreadsInScope&) = delete;

 private:
  int before_;
};

/// Rounded to float, so that a reference that starts from `parameters` must start from
/// from_table(to_table(parameters)).
inline cpu::FactorTable to_table(const reference::SideParameters& parameters) {
  cpu::FactorTable table(parameters.rows(), static_cast<std::int32_t>(parameters.rank()));
  const SideView<float> side = table.view();
  for (std::int64_t row = 0; row < side.rows; ++row) {
    side.biases[row] = static_cast<float>(parameters.biases[row]);
    for (std::int32_t j = 0; j < side.rank; ++j) {
      side.row(row)[j] = static_cast<float>(parameters.factors(row, j));
    }
  }
  return table;
}

inline reference::SideParameters from_table(const cpu::FactorTable& table) {
  reference::SideParameters parameters(table.rows(), table.rank());
  const SideView<const float> side = table.view();
  for (std::int64_t row = 0; row < side.rows; ++row) {
    parameters.biases[row] = side.biases[row];
    for (std::int32_t j = 0; j < side.rank; ++j) parameters.factors(row, j) = side.row(row)[j];
  }
  return parameters;
}

/// Largest absolute difference of any factor or bias; NaN counts as infinite.
inline double largest_difference(const reference::SideParameters& left,
                                 const reference::SideParameters& right) {
  double largest = 0;
  const auto add = [&](double difference) {
    if (!(std::abs(difference) <= largest)) largest = std::abs(difference);
    if (std::isnan(difference)) largest = std::numeric_limits<double>::infinity();
  };
  for (std::int64_t row = 0; row < left.rows(); ++row) {
    add(left.biases[row] - right.biases[row]);
    for (std::int64_t j = 0; j < left.rank(); ++j) {
      add(left.factors(row, j) - right.factors(row, j));
    }
  }
  return largest;
}

inline bool same_bytes(const cpu::FactorTable& left, const cpu::FactorTable& right) {
  return left.flat().size() == right.flat().size() &&
         std::memcmp(left.flat().data(), right.flat().data(), left.flat().size_bytes()) == 0;
}

/// Whether everything beyond the rank and beyond the last bias is still 0.
inline bool padding_is_zero(const cpu::FactorTable& table) {
  const SideView<const float> side = table.view();
  for (std::int64_t row = 0; row < side.rows; ++row) {
    for (std::int32_t j = side.rank; j < side.stride; ++j) {
      if (side.row(row)[j] != 0) return false;
    }
  }
  for (const float& value : table.flat()) {
    if (&value >= side.biases + side.rows && value != 0) return false;
  }
  return true;
}

}  // namespace alsatian::testing
