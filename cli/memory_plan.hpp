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

/// What training allocates on the host beyond the data set itself; where a GPU trains an upper
/// bound, as it counts what the CPU would need if it had to take over.
struct MemoryPlan {
  std::vector<MemoryPart> parts;
  std::int64_t total_bytes = 0;
};

/// What the arrays of a training depend on.
struct TrainingSizes {
  std::int64_t users = 0;
  std::int64_t items = 0;
  std::int64_t train = 0;         // ratings
  std::int64_t held_out = 0;      // ratings for validation and testing
  std::int64_t kept_trials = 0;   // of a search: parameters of others beside those that train
  std::int64_t kept_ratings = 0;  // of a search over ranks: indexed and ordered, for the next rank
};

TrainingSizes training_sizes(const Dataset& dataset);

/// What the backend calculates in: the reference in double, the others in float.
enum class WorkingPrecision { in_float, in_double };

/// Sums saturate instead of overflowing. Counts the scratch of as many threads as the process uses.
MemoryPlan plan_memory(const TrainingSizes& sizes, const ModelSpec& spec,
                       WorkingPrecision precision);

/// Bytes that this process may still allocate: the least of the machine's available memory, the
/// address space limit and the control group's limit, as far as they are known.
std::int64_t available_memory();

/// What training may take, and whether the user (--max-memory) or the machine sets it.
struct MemoryLimit {
  enum class Source { machine, option };
  std::int64_t bytes = 0;
  Source source = Source::machine;
};

/// What is free, or less where the user says so.
MemoryLimit memory_limit(const std::optional<std::int64_t>& max_memory);

/// Throws Error 71 with both sizes and the largest k that fits.
void check_memory(const TrainingSizes& sizes, const ModelSpec& spec, WorkingPrecision precision,
                  const MemoryLimit& limit);

}  // namespace alsatian
