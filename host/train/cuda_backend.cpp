// The CUDA backend: this version has none, and says what that means where a GPU is asked for.
// The file is the same in every build; the program itself never links CUDA.
#include "host/error.hpp"
#include "host/train/backend.hpp"

#include <dlfcn.h>
#include <memory>

namespace alsatian {
namespace {

bool driver_present() {
  const auto close = [](void* library) { dlclose(library); };
  const std::unique_ptr<void, decltype(close)> driver(dlopen("libcuda.so.1", RTLD_LAZY), close);
  return driver != nullptr;
}

}  // namespace

std::optional<std::string> cuda_unavailable() {
  std::string reason = "this version of alsatian has no CUDA kernels";
  if (!driver_present()) reason += ", and no NVIDIA driver was found";
  return reason;
}

std::unique_ptr<Backend> make_cuda_backend(TrainingProblem, const DeviceOptions&) {
  throw Error(ExitCode::device_unavailable, "--device cuda", *cuda_unavailable(),
              "use --device cpu, or --device auto to take what is there");
}

}  // namespace alsatian
