// Device memory as a plan: what each part takes, and what is thrown where there is less of it.
// Every plan is checked before the first allocation.
#pragma once

#include "kernels/cuda/runtime.hpp"

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
