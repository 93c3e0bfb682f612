// Which device a command computes on, as the command line asks for it.
// Shared by what trains and what evaluates.
#pragma once

#include "kernels/cpu/isa.hpp"

#include <optional>

namespace alsatian {

struct DeviceOptions {
  enum class Kind { automatic, reference, cpu, cuda };
  Kind kind = Kind::automatic;
  std::optional<Isa> isa;  // nothing: the best that this machine has
};

}  // namespace alsatian
