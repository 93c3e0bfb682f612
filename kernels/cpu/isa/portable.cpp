// The CPU kernels for the portable instruction set: see kernels.inl.
// What every machine of the architecture has, and the fallback of the other two.
#define ALSATIAN_ISA portable
#define ALSATIAN_VECTOR_FLOATS 4
#include "kernels/cpu/isa/kernels.inl"
