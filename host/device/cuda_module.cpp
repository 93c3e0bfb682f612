// Loads by the path of the running program, not by the working folder or the linker's search path:
// the module that was built with this program, and no other.
#include "host/device/cuda_module.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace alsatian {
namespace {

namespace fs = std::filesystem;

constexpr const char* module_name = "libalsatian_cuda.so";
constexpr const char* place = "--device cuda";
constexpr const char* without_gpu =
    "use --device cpu, or --device auto, which takes a GPU where there is one";

[[noreturn]] void fail(const std::string& what, const std::string& help = without_gpu) {
  throw Error(ExitCode::device_unavailable, place, what, help);
}

fs::path module_path() {
  if (const char* chosen = std::getenv("ALSATIAN_CUDA_MODULE")) return chosen;
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored).parent_path() / module_name;
}

/// Never closed: the CUDA runtime inside registers what runs when the process ends.
const AlsatianCudaTable& load() {
  const fs::path path = module_path();
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    fail(fmt::format("this build has no CUDA module: there is no {}", printable(path.string())),
         "build with nvcc on PATH and keep libalsatian_cuda.so beside the program, or use "
         "--device cpu");
  }
  void* const module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) fail(fmt::format("the CUDA module cannot be loaded: {}", dlerror()));
  using Export = const AlsatianCudaTable* (*)(std::int32_t);
  const auto get = reinterpret_cast<Export>(dlsym(module, "alsatian_cuda_table"));
  const AlsatianCudaTable* const table =
      get == nullptr ? nullptr : get(ALSATIAN_CUDA_TABLE_VERSION);
  if (table == nullptr) {
    fail(fmt::format("{} belongs to another version of the program", printable(path.string())),
         "install the program and its CUDA module together, or use --device cpu");
  }
  return *table;
}

/// As CUDA counts: 1000·major + 10·minor.
std::string version_text(std::int32_t version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

}  // namespace

CudaModule open_cuda_table(const AlsatianCudaTable& table) {
  AlsatianCudaDevices devices{};
  AlsatianCudaStatus status{};
  const std::int32_t code = table.devices(&devices, &status);
  const std::string needed = version_text(table.runtime_version);
  if (code == ALSATIAN_CUDA_INSUFFICIENT_DRIVER && devices.driver_version == 0) {
    fail("no NVIDIA driver was found",
         fmt::format("install a driver for CUDA {} or newer, or use --device cpu", needed));
  }
  if (code == ALSATIAN_CUDA_INSUFFICIENT_DRIVER) {
    fail(fmt::format("the NVIDIA driver knows CUDA up to {}, and {} is needed",
                     version_text(devices.driver_version), needed),
         "install a newer driver, or use --device cpu");
  }
  if (code == ALSATIAN_CUDA_NO_DEVICE && devices.count == 0) fail("there is a driver, but no GPU");
  if (code == ALSATIAN_CUDA_NO_DEVICE) {
    const AlsatianCudaDevice& device = devices.devices[0];
    fail(fmt::format("the CUDA module has no code for the {}, compute capability {}.{}",
                     device.name, device.capability_major, device.capability_minor),
         fmt::format("build it with -DCMAKE_CUDA_ARCHITECTURES={}{}, or use --device cpu",
                     device.capability_major, device.capability_minor));
  }
  if (code != ALSATIAN_CUDA_OK) {
    fail(fmt::format("the GPU cannot be used: {}", status.message),
         "look at nvidia-smi, or use --device cpu");
  }
  return {&table, devices.devices[0]};
}

CudaModule load_cuda_module() {
  static const AlsatianCudaTable& table = load();
  return open_cuda_table(table);
}

std::optional<std::string> cuda_unavailable() {
  try {
    load_cuda_module();
    return std::nullopt;
  } catch (const Error& error) {
    return error.what();
  }
}

std::string device_text(const AlsatianCudaDevice& device) {
  return fmt::format("{}, {:.0f} GB", device.name, static_cast<double>(device.memory_bytes) / 1e9);
}

std::optional<std::string> vendor_libraries_missing(const AlsatianCudaTable& table) {
  AlsatianCudaStatus status{};
  if (table.vendor_libraries(&status) == ALSATIAN_CUDA_OK) return std::nullopt;
  return std::string(status.message);
}

std::string needed_text(const AlsatianCudaPlan& plan) {
  std::int64_t margin = 0;
  for (std::int32_t part = 0; part < plan.count; ++part) {
    if (std::string_view(plan.parts[part].name) == "margin") margin = plan.parts[part].bytes;
  }
  return fmt::format("{} of the GPU's memory ({} of it a margin for the driver), {} are free there",
                     human_bytes(plan.total_bytes), human_bytes(margin),
                     human_bytes(plan.free_bytes));
}

std::string cuda_device() { return device_text(load_cuda_module().device); }

Error cuda_error(const AlsatianCudaTable& table, const AlsatianCudaStatus& status) {
  switch (status.code) {
    case ALSATIAN_CUDA_NO_DEVICE:
      return {ExitCode::device_unavailable, place,
              fmt::format("the GPU cannot be used: {}", status.message), without_gpu};
    case ALSATIAN_CUDA_INSUFFICIENT_DRIVER:
      return {ExitCode::device_unavailable, place,
              fmt::format("the NVIDIA driver is older than CUDA {}: {}",
                          version_text(table.runtime_version), status.message),
              "install a newer driver, or use --device cpu"};
    case ALSATIAN_CUDA_OUT_OF_MEMORY:
      return {ExitCode::out_of_memory, place,
              status.needed_bytes == 0
                  ? fmt::format("memory ran out: {}", status.message)
                  : fmt::format("{} of GPU memory are needed, {} are free: {}",
                                human_bytes(status.needed_bytes), human_bytes(status.free_bytes),
                                status.message),
              status.needed_bytes == 0
                  ? "end what else uses memory (top, nvidia-smi), or use --device cpu"
                  : "end what else uses the GPU (nvidia-smi), train with a smaller --k, or use "
                    "--device cpu"};
    case ALSATIAN_CUDA_UNSUPPORTED:
      return {ExitCode::usage, place, fmt::format("this GPU cannot do it: {}", status.message),
              "try a smaller --k, or use --device cpu"};
    case ALSATIAN_CUDA_DEVICE_ERROR:
      return {ExitCode::internal, place, fmt::format("the GPU failed: {}", status.message),
              "look at nvidia-smi and dmesg; --device cpu does without it"};
    default:
      return {ExitCode::internal, place, status.message, "report this as a bug, with the command"};
  }
}

}  // namespace alsatian
