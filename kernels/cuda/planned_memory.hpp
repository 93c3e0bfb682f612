// Device memory as a plan: what each part takes, what is left to the driver, and what is thrown
// where there is less. Every plan is checked before the first allocation.
#pragma once

#include "kernels/cuda/memory.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace alsatian::cuda {

struct PlanPart {
  const char* name;
  std::int64_t bytes;
};

inline std::int64_t total_of(const std::vector<PlanPart>& parts) {
  std::int64_t total = 0;
  for (const PlanPart& part : parts) {
    total += part.bytes;
  }
  return total;
}

/// What a plan leaves free, because the driver takes more of the device once kernels run;
/// host_bytes: of page-locked memory that they read. Each term is the most that its source gives;
/// none has been measured on a GPU.
inline PlanPart margin(const Context& context, std::int64_t host_bytes = 0) {
  constexpr std::int64_t mebibyte = std::int64_t{1} << 20;
  // Kernels are loaded when they are first launched (CUDA_MODULE_LOADING): the module's file with
  // the code of one architecture has 12 MB.
  constexpr std::int64_t code = 16 * mebibyte;
  // What cublasSetWorkspace's documentation recommends, and a handle takes by itself, on compute
  // capability 9.0; 4 MiB before.
  constexpr std::int64_t library_workspace = 32 * mebibyte;
  // The defaults of cudaLimitMallocHeapSize, 8 MiB, and cudaLimitPrintfFifoSize, 1 MiB; the rest
  // for streams, events and the libraries' own kernels, of which nothing is documented.
  constexpr std::int64_t context_heaps = 16 * mebibyte;
  // Local memory is there for all threads at once, in the size of the largest stack of a kernel:
  // scripts/sass --check keeps those below the default of cudaLimitStackSize.
  constexpr std::int64_t stack = 1024;
  // A page table's entry has 8 bytes, a small page 4 KiB.
  constexpr std::int64_t host_bytes_per_entry_byte = 4096 / 8;
  return {"margin",
          whole_pieces(code + library_workspace + context_heaps + stack * context.most_threads() +
                       host_bytes / host_bytes_per_entry_byte)};
}

/// More device memory is needed than is free, or an allocation failed although the plan fitted.
class NotEnoughMemory : public OutOfDeviceMemory {
 public:
  NotEnoughMemory(const std::string& what, std::int64_t needed, std::int64_t available)
      : OutOfDeviceMemory(cudaErrorMemoryAllocation, what),
        needed_bytes(needed),
        free_bytes(available) {}
  std::int64_t needed_bytes;
  std::int64_t free_bytes;
};

/// Throws NotEnoughMemory where the plan does not fit.
inline void require_free(std::int64_t needed, std::int64_t free) {
  if (needed > free) {
    throw NotEnoughMemory(std::to_string(needed) + " bytes of device memory are needed, " +
                              std::to_string(free) + " are free",
                          needed, free);
  }
}

/// Calls body(). A device that runs out although the plan fitted says what was planned.
template <typename Body>
void with_sizes(std::int64_t needed, std::int64_t free, Body&& body) {
  try {
    body();
  } catch (const NotEnoughMemory&) {
    throw;
  } catch (const OutOfDeviceMemory& error) {
    throw NotEnoughMemory(error.what(), needed, free);
  }
}

}  // namespace alsatian::cuda
