// The schedules that every kernel's result must not depend on.
// A race shows where the order of fibers differs, not in one order however often it is run.
#pragma once

#include "tests/simt/grid.hpp"

#include <vector>

namespace alsatian::simt {

inline std::vector<Schedule> schedules() {
  std::vector<Schedule> all;
  for (const bool late : {true, false}) {
    all.push_back({.warps = Schedule::Warps::greedy, .copies_land_late = late});
    all.push_back({.warps = Schedule::Warps::greedy_backwards, .copies_land_late = late});
    all.push_back({.warps = Schedule::Warps::round_robin, .copies_land_late = late});
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      all.push_back({.warps = Schedule::Warps::random, .seed = seed, .copies_land_late = late});
    }
  }
  return all;
}

}  // namespace alsatian::simt
