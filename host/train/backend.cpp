// Chooses the backend: what was asked for, or the fastest that is there, and says why.
#include "host/train/backend.hpp"

#include <fmt/format.h>

#include <utility>

namespace alsatian {

ChosenBackend make_backend(TrainingProblem problem, const DeviceOptions& device) {
  switch (device.kind) {
    case DeviceOptions::Kind::reference:
      return {make_reference_backend(std::move(problem)), "asked for"};
    case DeviceOptions::Kind::cpu:
      return {make_cpu_backend(std::move(problem), device), "asked for"};
    case DeviceOptions::Kind::cuda:
      return {make_cuda_backend(std::move(problem), device), "asked for"};
    case DeviceOptions::Kind::automatic:
      break;
  }
  if (const auto reason = cuda_unavailable()) {
    return {make_cpu_backend(std::move(problem), device), fmt::format("no GPU: {}", *reason)};
  }
  return {make_cuda_backend(std::move(problem), device), "a GPU was found"};
}

}  // namespace alsatian
