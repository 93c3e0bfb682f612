// "Did you mean --epochs?": the nearest name to a mistyped one.
// Used for options and commands alike.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace alsatian {

/// Fewest insertions, deletions, replacements and swaps of neighbours that turn one text into the
/// other (optimal string alignment).
int edit_distance(std::string_view left, std::string_view right);

/// The name nearest to `typed`, dashes in front aside, the first of equals; nothing where none is
/// near enough to be meant.
std::optional<std::string> nearest_name(std::string_view typed,
                                        const std::vector<std::string>& names);

}  // namespace alsatian
