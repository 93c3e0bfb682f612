// Handles of the stand-ins for the vendors' libraries, counted.
// A handle that is never destroyed is a leak that memory checkers of the device cannot see.
#pragma once

#include "tests/simt/runtime.hpp"

namespace alsatian::simt {

/// Handles of every library that are there now.
inline int library_handles = 0;

template <typename Handle>
cudaError_t create_handle(const char* call, Handle** handle, const Handle& made = {}) {
  const cudaError_t error = count_call(call);
  if (error == cudaSuccess) {
    *handle = new Handle(made);
    ++library_handles;
  }
  return error;
}

template <typename Handle>
cudaError_t destroy_handle(const char* call, Handle* handle) {
  if (handle != nullptr) {
    delete handle;
    --library_handles;
  }
  return count_call(call);
}

}  // namespace alsatian::simt
