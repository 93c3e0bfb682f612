// Implements symbols.hpp by the dynamic loader, which looks where LD_LIBRARY_PATH and the system's
// list say, then where the CUDA toolkit is installed by default.
//
// Why not a second module linked to the libraries: it would need a table, a version and a place of
// its own, and could still fail to load for want of a library, so that the code which says what is
// missing would be the same. Opened by name the module needs the driver alone, a missing library or
// function is named, and the tests put stand-ins in the place of this one file.
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
