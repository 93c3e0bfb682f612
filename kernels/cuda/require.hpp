// What a caller must keep to, checked where memory of the caller comes in.
// The table turns the exception into a code.
#pragma once

#include <stdexcept>

namespace alsatian::cuda {

/// What this device cannot do, and another may.
class UnsupportedByDevice : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline void require(bool holds, const char* what) {
  if (!holds) {
    throw std::invalid_argument(what);
  }
}

}  // namespace alsatian::cuda
