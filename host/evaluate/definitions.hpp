// What each figure is, in the words that the program prints beside it.
// A figure without its definition means something else to everybody.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace alsatian {

/// Definition of a figure by its name in snake_case; top is N of the ranking figures. Throws Error
/// 70 for a name without one.
std::string figure_definition(std::string_view name, std::int32_t top = 0);

/// Whom ranking figures are averaged over, and among what items is ranked.
std::string ranked_users_definition(double relevant_from);

}  // namespace alsatian
