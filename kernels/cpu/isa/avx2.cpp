// The CPU kernels for the avx2 instruction set: see kernels.inl.
#define ALSATIAN_ISA avx2
#define ALSATIAN_VECTOR_FLOATS 8
#include "kernels/cpu/isa/kernels.inl"
