// Functions of shared libraries by name, looked for when they are first wanted.
// The tests have their own in this place: no library need be there.
#pragma once

namespace alsatian::cuda::vendor {

/// Null where the library or the function is not there; then symbol_error() says why.
void* symbol(const char* library, const char* function);
const char* symbol_error();

}  // namespace alsatian::cuda::vendor
