// Instruction sets by name, whether this machine has them, and their kernels.
// The one place that asks the processor anything.
#include "kernels/cpu/isa.hpp"

#include "kernels/cpu/kernel_table.hpp"

#include <array>
#include <stdexcept>
#include <string>

namespace alsatian {
namespace {

constexpr std::array all = {Isa::portable, Isa::avx2, Isa::avx512};

}  // namespace

std::string_view isa_name(Isa isa) {
  switch (isa) {
    case Isa::portable:
      return "portable";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
  }
  throw std::invalid_argument("not an instruction set");
}

std::optional<Isa> parse_isa(std::string_view name) {
  for (const Isa isa : all) {
    if (isa_name(isa) == name) return isa;
  }
  return std::nullopt;
}

bool isa_available(Isa isa) {
#if defined(__x86_64__)
  // The builtins also ask whether the operating system saves the wide registers.
  switch (isa) {
    case Isa::portable:
      return true;
    case Isa::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("fma");
  }
#endif
  return isa == Isa::portable;
}

Isa best_isa() {
  Isa best = Isa::portable;
  for (const Isa isa : all) {
    if (isa_available(isa)) best = isa;
  }
  return best;
}

namespace cpu {

extern const KernelTable kernels_portable;
#if defined(__x86_64__)
extern const KernelTable kernels_avx2;
extern const KernelTable kernels_avx512;
#endif

const KernelTable& kernels(Isa isa) {
  if (!isa_available(isa)) {
    throw std::invalid_argument("no kernels for " + std::string(isa_name(isa)) +
                                " on this machine");
  }
#if defined(__x86_64__)
  if (isa == Isa::avx2) return kernels_avx2;
  if (isa == Isa::avx512) return kernels_avx512;
#endif
  return kernels_portable;
}

}  // namespace cpu
}  // namespace alsatian
