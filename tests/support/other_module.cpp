// A module of another version than any program's: what an update by halves leaves.
// It has no table for any version: the program has to say so before it asks for more.
#include <cstdint>

extern "C" const void* alsatian_cuda_table(std::int32_t /*version*/) { return nullptr; }
