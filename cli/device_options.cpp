// Implements device_options.hpp.
// Asking for a device that is not there fails here, never falls back.
#include "cli/device_options.hpp"

#include "host/device/cuda_module.hpp"
#include "host/error.hpp"
#include "kernels/cpu/parallel.hpp"

#include <fmt/format.h>

namespace alsatian {

void add_device_options(CommandLine& line, DeviceChoice& choice) {
  using Kind = DeviceOptions::Kind;
  line.choice("--device", choice.kind,
              {{"auto", Kind::automatic},
               {"cpu", Kind::cpu},
               {"reference", Kind::reference},
               {"cuda", Kind::cuda}},
              "Where to compute: the best there is; float and vectorised on all cores; double, "
              "serial and obvious; a GPU, or exit 69 [default auto]");
  line.choice("--isa", choice.isa,
              {{"portable", Isa::portable}, {"avx2", Isa::avx2}, {"avx512", Isa::avx512}},
              "Instruction set of --device cpu; the same one gives the same bytes on another "
              "machine [default the best this machine has]");
}

void add_recommend_device_option(CommandLine& line, DeviceOptions& options) {
  using Kind = DeviceOptions::Kind;
  line.choice(
      "--device", options.kind,
      {{"auto", Kind::automatic}, {"cpu", Kind::cpu}, {"cuda", Kind::cuda}},
      "Where to find the items, with the same result: a GPU where there is one that can and "
      "enough to do for it, else the CPU; all cores; a GPU, or exit 69 [default auto]");
}

void add_threads_option(CommandLine& line) {
  line.value(
      "--threads", "N",
      [](std::string_view option, const std::string& value) {
        use_threads(static_cast<int>(
            parse_whole(option, value, {.lowest = 0, .highest = 4096, .example = "4"})));
      },
      "Threads, 0 for all cores; the result never depends on it [0 to 4096, default 0]");
}

DeviceOptions checked_device(const DeviceChoice& choice) {
  using Kind = DeviceOptions::Kind;
  if (choice.isa && (choice.kind == Kind::cuda || choice.kind == Kind::reference)) {
    throw Error(ExitCode::usage, "--isa", "is for --device cpu alone", "leave out --isa");
  }
  if (choice.isa && !isa_available(*choice.isa)) {
    throw Error(ExitCode::device_unavailable, fmt::format("--isa {}", isa_name(*choice.isa)),
                "this machine or this build does not have it",
                fmt::format("the best here is --isa {}", isa_name(best_isa())));
  }
  if (choice.kind == Kind::cuda) load_cuda_module();
  return {choice.kind, choice.isa};
}

}  // namespace alsatian
