// How many bytes training will take, and how many there are: compared before the first of them is
// allocated, because a machine that swaps is worse than a refusal.
#pragma once

#include "host/model/spec.hpp"
#include "host/ratings/dataset.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace alsatian {

struct MemoryPart {
  std::string name;  // snake_case, without unit
  std::int64_t bytes = 0;
};

/// What training allocates on the host beyond the data set itself.
struct MemoryPlan {
  std::vector<MemoryPart> parts;
  std::int64_t total_bytes = 0;
};

/// Sums saturate instead of overflowing. double_precision: the reference backend. Counts the
/// scratch of as many threads as the process uses.
MemoryPlan plan_memory(const Dataset& dataset, const ModelSpec& spec, bool double_precision);

/// Bytes that this process may still allocate: the least of the machine's available memory, the
/// address space limit and the control group's limit, as far as they are known.
std::int64_t available_memory();

/// Throws Error 71 with both sizes and the largest k that fits.
void check_memory(const Dataset& dataset, const ModelSpec& spec, bool double_precision,
                  std::int64_t available_bytes);

}  // namespace alsatian
