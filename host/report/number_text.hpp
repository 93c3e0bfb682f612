// How errors and other figures are written where people read them.
// Ratings may be of any size: four decimals behind thirty digits would be noise.
#pragma once

#include <string>

namespace alsatian {

/// With four decimals; from a million on with four digits and an exponent.
std::string four_decimals(double value);

}  // namespace alsatian
