// Finds and loads the CUDA module, and says why a GPU cannot be used where it cannot.
// The program links no CUDA: it starts where there is neither a driver nor a toolkit.
#pragma once

#include "host/error.hpp"
#include "kernels/cuda/table.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace alsatian {

/// The module's functions, and the GPU that it computes on.
struct CudaModule {
  const AlsatianCudaTable* table = nullptr;
  AlsatianCudaDevice device{};
};

/// Loads libalsatian_cuda.so from the folder of the program (or the file that the environment
/// names in ALSATIAN_CUDA_MODULE), once: it stays loaded. Throws Error 69 with the reason where
/// there is no module, no driver, too old a driver or no GPU.
CudaModule load_cuda_module();

/// The same for a table that is there already. Throws Error 69 as above.
CudaModule open_cuda_table(const AlsatianCudaTable& table);

/// Why load_cuda_module would throw; nothing where it would not.
std::optional<std::string> cuda_unavailable();

/// Which library is missing for what als needs beyond its own kernels; nullopt where none is.
std::optional<std::string> vendor_libraries_missing(const AlsatianCudaTable& table);

/// The first device of a module, as people name it: "NVIDIA H200, 141 GB".
std::string device_text(const AlsatianCudaDevice& device);
/// That of load_cuda_module, which throws.
std::string cuda_device();

/// "1.2 GiB of the GPU's memory (72.0 MiB of it a margin for the driver), 1.0 GiB are free there".
std::string needed_text(const AlsatianCudaPlan& plan);

/// A vector as the table takes it, for as long as the vector stays as it is.
template <typename Span, typename T>
Span span_of(const std::vector<T>& values) {
  return {values.data(), static_cast<std::int64_t>(values.size())};
}

/// What a failed call of the table is to the user. Error 69, 70 or 71.
Error cuda_error(const AlsatianCudaTable& table, const AlsatianCudaStatus& status);

/// Calls function(arguments..., &status) of the table; throws cuda_error where it fails.
template <typename Function, typename... Arguments>
void call_cuda(const AlsatianCudaTable& table, Function* function, Arguments... arguments) {
  AlsatianCudaStatus status{};
  if (function(arguments..., &status) != ALSATIAN_CUDA_OK) throw cuda_error(table, status);
}

}  // namespace alsatian
