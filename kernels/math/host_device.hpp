// The one macro that lets a definition be compiled for the host and for the device.
// Nothing else in kernels/math knows which compiler reads it.
#pragma once

#if defined(__CUDACC__)
#define ALSATIAN_HD __host__ __device__
#else
#define ALSATIAN_HD
#endif
