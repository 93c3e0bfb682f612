// `alsatian --version`: what was built in, and what was found on this machine.
// The first line is the version alone, for scripts.
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "host/device/cuda_module.hpp"
#include "kernels/cpu/isa.hpp"
#include "kernels/cpu/parallel.hpp"

#include <fmt/format.h>

namespace alsatian {

void print_version() {
  Output output;
  output.write(fmt::format("alsatian {}\n", ALSATIAN_VERSION));
  output.write(fmt::format("compiler           {} ({})\n", ALSATIAN_COMPILER, ALSATIAN_BUILD_TYPE));
  const auto reason = cuda_unavailable();
  output.write(fmt::format("cuda               {}\n",
                           reason ? fmt::format("not available: {}", *reason) : cuda_device()));
  if (!reason) {
    const auto missing = vendor_libraries_missing(*load_cuda_module().table);
    output.write(fmt::format("cuda libraries     {}\n",
                             missing ? fmt::format("not found: {}", *missing)
                                     : std::string("cuBLAS and cuSOLVER, for als beyond k 256")));
  }
  std::string sets;
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
    sets += fmt::format("{}{}{}", sets.empty() ? "" : ", ", isa_name(isa),
                        isa_available(isa) ? "" : " (not on this machine)");
  }
  output.write(fmt::format("instruction sets   {}; best {}\n", sets, isa_name(best_isa())));
  output.write(fmt::format("threads            {}\n", thread_count()));
  output.flush();
}

}  // namespace alsatian
