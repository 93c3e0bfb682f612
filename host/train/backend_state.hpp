// What training goes on from: the arrays of a backend that the problem and the spec do not decide.
// One list of where they lie serves both ways, so that nothing is saved and not restored.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace alsatian {

/// Named arrays, in the precision and the units that the backend computes with.
struct BackendState {
  struct Array {
    std::string name;
    std::variant<std::vector<float>, std::vector<double>> values;
    bool operator==(const Array&) const = default;
  };
  std::vector<Array> arrays;
  bool operator==(const BackendState&) const = default;
};

/// Where a backend keeps one array: `rows` rows of `columns` numbers, `stride` numbers apart.
struct StatePlace {
  std::string_view name;
  std::variant<float*, double*> first{};
  std::int64_t rows = 1;
  std::int64_t columns = 1;
  std::int64_t stride = 1;
};

/// Copies the arrays out, each without gaps between its rows.
BackendState copy_state(std::span<const StatePlace> places);

/// Copies them back. Throws Error 65, having changed nothing, where the arrays are others than
/// those of the places in number, order, name, type or size.
void restore_state(const BackendState& state, std::span<const StatePlace> places);

}  // namespace alsatian
