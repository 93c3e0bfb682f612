// `recommend --items FILE`: the items that may be recommended, one id a line.
// A list of ids is no ratings file.
#pragma once

#include "cli/log.hpp"
#include "host/ratings/ids.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace alsatian {

/// Indices of the items listed, ascending, each once; blank lines and lines that begin with # are
/// skipped, ids that are not in the model counted and logged. Throws Error 65 where none is in the
/// model, and as read_small_file (65 where the list is too long).
std::vector<std::int32_t> read_allow_list(const std::string& path, const IdIndex& items,
                                          const Log& log);

}  // namespace alsatian
