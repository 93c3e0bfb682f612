// In what order trials run, what each starts from, and which of them go on: decided before the
// first one runs, so that a search that was killed goes on as if it had not been.
#pragma once

#include "host/model/spec.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace alsatian {

/// What a trial starts from: random factors, or those of a trial with nearly the same settings.
enum class TrialStart { cold, warm };

/// Trials by their index.
struct TrialOrder {
  std::vector<std::size_t> order;
  /// [trials] the trial whose factors it starts from, which is earlier in the order; none: cold.
  std::vector<std::optional<std::size_t>> start;
  /// [trials] the last place in the order whose trial starts from it; its own where none does.
  std::vector<std::size_t> last_use;
};

/// By rank, then by the other settings, then from strong to weak λ. Warm, each trial starts from
/// the one before it, and the first of a rank from that of the next smaller rank whose λ is
/// nearest.
TrialOrder order_trials(const std::vector<ModelSpec>& specs, TrialStart start);

/// A stage of successive halving: how many trials run in it, and to which epoch.
struct Rung {
  std::int64_t trials = 0;
  int epochs = 0;

  bool operator==(const Rung&) const = default;
};

/// Successive halving (Jamieson and Talwalkar 2016) with a third instead of a half: the last rung
/// runs all `epochs`, each rung before it a third of those, but at least `fewest`; a third of a
/// rung's trials, rounded up, go on to the next.
std::vector<Rung> halving_rungs(std::int64_t trials, int epochs, int fewest);

}  // namespace alsatian
