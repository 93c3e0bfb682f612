// The CPU kernels for the portable instruction set: see kernels.inl.
#define ALSATIAN_ISA portable
#define ALSATIAN_VECTOR_FLOATS 4
#include "kernels/cpu/isa/kernels.inl"
