// Starts a kernel on fibers for the tests of the shim itself; the project's own kernels are
// started by their launchers, through the stand-in for the CUDA runtime.
#pragma once

#include "tests/simt/simt.hpp"

#include <tuple>
#include <utility>

namespace alsatian::simt {

template <typename... Parameters, typename... Arguments>
void launch_kernel(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes,
                   Arguments&&... arguments) {
  struct Call {
    void (*kernel)(Parameters...);
    std::tuple<Parameters...> arguments;
  } call{kernel, std::tuple<Parameters...>(std::forward<Arguments>(arguments)...)};
  run_grid(
      {grid.x, grid.y, grid.z}, {block.x, block.y, block.z}, shared_bytes,
      [](void* opaque) {
        const auto& self = *static_cast<Call*>(opaque);
        std::apply(self.kernel, self.arguments);
      },
      &call);
}

}  // namespace alsatian::simt
