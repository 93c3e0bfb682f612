// Implements symbols.hpp by the dynamic loader, which looks where LD_LIBRARY_PATH and the system's
// list say, then where the CUDA toolkit is installed by default.
#include "kernels/cuda/vendor/symbols.hpp"

#include <dlfcn.h>
#include <string>

namespace alsatian::cuda::vendor {
namespace {

constexpr const char* toolkit = "/usr/local/cuda/lib64/";

void* opened(const char* library) {
  // Once opened a library stays: its kernels may be in use until the process ends.
  if (void* const found = dlopen(library, RTLD_NOW | RTLD_LOCAL)) {
    return found;
  }
  return dlopen((toolkit + std::string(library)).c_str(), RTLD_NOW | RTLD_LOCAL);
}

}  // namespace

void* symbol(const char* library, const char* function) {
  void* const module = opened(library);
  return module == nullptr ? nullptr : dlsym(module, function);
}

const char* symbol_error() {
  const char* const error = dlerror();
  return error == nullptr ? "not found" : error;
}

}  // namespace alsatian::cuda::vendor
