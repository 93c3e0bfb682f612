// A module of another version than any program's: what an update by halves leaves.
#include <cstdint>

extern "C" const void* alsatian_cuda_table(std::int32_t /*version*/) { return nullptr; }
