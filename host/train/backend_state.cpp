// Copies between a backend's arrays, which may be padded, and arrays without gaps.
// Backends differ in padding and precision; the model file must not.
#include "host/train/backend_state.hpp"

#include "host/error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace alsatian {

namespace {

[[noreturn]] void fail(const std::string& what) {
  throw Error(ExitCode::bad_data, "training state", what,
              "resume with the data, options and device of the run that saved it");
}

std::string_view type_name(const float*) { return "float"; }
std::string_view type_name(const double*) { return "double"; }

void check(const BackendState::Array& array, const StatePlace& place) {
  std::visit(
      [&](const auto& values, const auto* first) {
        const auto wanted = static_cast<std::size_t>(place.rows * place.columns);
        const std::string_view type = type_name(values.data());
        const std::string_view wanted_type = type_name(first);
        if (array.name == place.name && type == wanted_type && values.size() == wanted) return;
        fail(fmt::format("it holds {} of {} {}s, this training needs {} of {} {}s", array.name,
                         values.size(), type, place.name, wanted, wanted_type));
      },
      array.values, place.first);
}

}  // namespace

BackendState copy_state(std::span<const StatePlace> places) {
  BackendState state;
  for (const StatePlace& place : places) {
    std::visit(
        [&]<typename Real>(const Real* first) {
          std::vector<Real> values;
          values.reserve(static_cast<std::size_t>(place.rows * place.columns));
          for (std::int64_t row = 0; row < place.rows; ++row) {
            const Real* from = first + row * place.stride;
            values.insert(values.end(), from, from + place.columns);
          }
          state.arrays.push_back({std::string(place.name), std::move(values)});
        },
        place.first);
  }
  return state;
}

void restore_state(const BackendState& state, std::span<const StatePlace> places) {
  if (state.arrays.size() != places.size()) {
    fail(fmt::format("it holds {} arrays, this training needs {}", state.arrays.size(),
                     places.size()));
  }
  for (std::size_t index = 0; index < places.size(); ++index) {
    check(state.arrays[index], places[index]);
  }
  for (std::size_t index = 0; index < places.size(); ++index) {
    const StatePlace& place = places[index];
    std::visit(
        [&]<typename Real>(Real* first) {
          const Real* from = std::get<std::vector<Real>>(state.arrays[index].values).data();
          for (std::int64_t row = 0; row < place.rows; ++row) {
            std::copy_n(from + row * place.columns, place.columns, first + row * place.stride);
          }
        },
        place.first);
  }
}

}  // namespace alsatian
