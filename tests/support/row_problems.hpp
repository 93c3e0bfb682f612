// The problem that row solves are tried on: every kind of row, few of each.
// Chunks, parts and batches are made small beside it by those who use it.
#pragma once

#include "tests/support/problems.hpp"

namespace alsatian::testing {

inline PlantedProblem awkward_problem() {
  return planted_problem({.users = 41,
                          .items = 37,
                          .heavy_users = 1,
                          .heavy_items = 1,
                          .single_users = 3,
                          .single_items = 2,
                          .empty_users = 2,
                          .empty_items = 1});
}

}  // namespace alsatian::testing
