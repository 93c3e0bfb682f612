// Instruction sets that the CPU kernels are compiled for, and which of them this machine has.
// Asked at run time: a program built on one machine has to start on every other.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace alsatian {

enum class Isa { portable, avx2, avx512 };

std::string_view isa_name(Isa isa);
/// The instruction set of that name; nothing if there is none.
std::optional<Isa> parse_isa(std::string_view name);
/// Whether this build has kernels for it and this machine can run them.
bool isa_available(Isa isa);
/// The best available one.
Isa best_isa();

}  // namespace alsatian
