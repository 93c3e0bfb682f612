// The CPU kernels for the avx2 instruction set: see kernels.inl.
// Compiled with flags of its own, it includes nothing whose code others might be given.
#define ALSATIAN_ISA avx2
#define ALSATIAN_VECTOR_FLOATS 8
#include "kernels/cpu/isa/kernels.inl"
