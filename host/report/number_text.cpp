// Implements number_text.hpp.
// By fmt, which never looks at the locale.
#include "host/report/number_text.hpp"

#include <fmt/format.h>

#include <cmath>

namespace alsatian {

std::string four_decimals(double value) {
  return std::abs(value) >= 1e6 ? fmt::format("{:.4g}", value) : fmt::format("{:.4f}", value);
}

}  // namespace alsatian
