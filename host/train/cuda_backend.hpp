// The CUDA backend over a module's table, whichever program the table comes from.
// Tests hand over one that runs on the CPU.
#pragma once

#include "host/device/cuda_module.hpp"
#include "host/train/backend.hpp"

#include <memory>
#include <optional>

namespace alsatian {

/// Why this module cannot train such a model: Error 64 with the remedy.
std::optional<Error> cuda_refusal(const AlsatianCudaTable& table, const ModelSpec& spec);

/// Throws Error 64 as above, 69 where the table finds no device, 71 with both sizes and the largest
/// k that fits where the problem does not.
std::unique_ptr<Backend> make_cuda_backend(const TrainingProblem& problem,
                                           const AlsatianCudaTable& table);

/// Of the problem that problem_options() asks for. Throws Error 69 where the table finds no device.
DevicePlan plan_cuda(const Dataset& dataset, const ModelSpec& spec, const AlsatianCudaTable& table);

}  // namespace alsatian
