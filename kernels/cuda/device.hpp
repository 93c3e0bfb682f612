// What kernels are written against: CUDA under nvcc, the fibers of the tests under g++.
// The only header here that asks which of the two compiles it; every instruction that C++ has no
// word for is a function below, with its twin for the CPU.
#pragma once

#if !defined(ALSATIAN_SIMT)
#include <cuda_runtime.h>
#endif

#include <cfloat>
#include <cmath>
#include <cstddef>
#include <cstdint>

/// Declares `type* name`, the dynamic shared memory of the block, aligned to 128 bytes.
#if defined(ALSATIAN_SIMT)
#define ALSATIAN_SHARED_MEMORY(type, name) \
  type* const name = reinterpret_cast<type*>(::alsatian::simt::shared_memory())
#else
#define ALSATIAN_SHARED_MEMORY(type, name)                           \
  extern __shared__ __align__(128) unsigned char alsatian_shared_[]; \
  type* const name = reinterpret_cast<type*>(alsatian_shared_)
#endif

namespace alsatian::device {

inline constexpr unsigned warp_lanes = 32;
inline constexpr std::uint32_t all_lanes = 0xFFFFFFFFU;

#if defined(ALSATIAN_SIMT)
using Place = simt::Place;
#define ALSATIAN_PLACE , Place place = Place::current()
#else
#define ALSATIAN_PLACE
#endif

/// Starts copying 16 bytes, both addresses aligned to them, past the registers and the L1 cache
/// into shared memory; zeros where the source is not `there`, which is not read then. They are
/// there for the calling thread after wait_for_copies, for others after a barrier behind it.
__device__ __forceinline__ void copy_16_bytes(void* shared, const void* global,
                                              bool there ALSATIAN_PLACE) {
#if defined(ALSATIAN_SIMT)
  simt::start_copy(shared, there ? global : nullptr, 16, place);
#else
  const auto target = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target), "l"(global),
               "r"(there ? 16 : 0)
               : "memory");
#endif
}

/// The same for 4 bytes, through the L1 cache.
__device__ __forceinline__ void copy_4_bytes(void* shared, const void* global,
                                             bool there ALSATIAN_PLACE) {
#if defined(ALSATIAN_SIMT)
  simt::start_copy(shared, there ? global : nullptr, 4, place);
#else
  const auto target = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(target), "l"(global),
               "r"(there ? 4 : 0)
               : "memory");
#endif
}

/// Ends the group of copies that the calling thread has started since the last group.
__device__ __forceinline__ void end_group_of_copies() {
#if defined(ALSATIAN_SIMT)
  simt::commit_copies();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/// Waits until at most the last `Pending` groups of the calling thread are still on their way.
template <int Pending>
__device__ __forceinline__ void wait_for_copies() {
#if defined(ALSATIAN_SIMT)
  simt::wait_copies(Pending);
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
#endif
}

/// `value` in IEEE binary16, to nearest with ties to even.
__device__ __forceinline__ std::uint16_t to_half(float value) {
#if defined(ALSATIAN_SIMT)
  return static_cast<std::uint16_t>(simt::to_half(value));
#else
  std::uint16_t bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
#endif
}

/// The number that these bits of IEEE binary16 stand for.
__device__ __forceinline__ float from_half(std::uint16_t bits) {
#if defined(ALSATIAN_SIMT)
  return simt::of_half(bits);
#else
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
#endif
}

/// 1 ÷ √value to two units in the last place; infinity where value is below the least normal float.
__device__ __forceinline__ float inverse_root(float value) {
#if defined(ALSATIAN_SIMT)
  return 1.0F / std::sqrt(value < FLT_MIN ? 0.0F : value);
#else
  float result;
  asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(value));
  return result;
#endif
}

/// The number of the calling warp in its block. All its lanes call it together: the compiler knows
/// then that what branches on it does not part them.
__device__ __forceinline__ int warp_index() {
#if defined(ALSATIAN_SIMT)
  return static_cast<int>(threadIdx.x / warp_lanes);
#else
  return __shfl_sync(all_lanes, static_cast<int>(threadIdx.x / warp_lanes), 0);
#endif
}

/// D += A·B by one warp: D [16, 8] in float, A [16, 8] and B [8, 8] in TF32, floats of which the
/// first 19 bits are read. Element held by lane l, with g = l / 4 and t = l % 4 (PTX ISA,
/// mma.m16n8k8, .tf32): a: (g, t), (g + 8, t), (g, t + 4), (g + 8, t + 4)   b: (t, g), (t + 4, g)
/// d: (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1)
__device__ __forceinline__ void multiply_add_16x8x8(float (&d)[4], const std::uint32_t (&a)[4],
                                                    const std::uint32_t (&b)[2] ALSATIAN_PLACE) {
#if defined(ALSATIAN_SIMT)
  simt::multiply_add_16x8x8(d, a, b, place);
#else
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

/// Two values rounded to half precision (ties to even, infinity beyond its range), `first` in the
/// low 16 bits.
__device__ __forceinline__ std::uint32_t to_halves(float first, float second) {
#if defined(ALSATIAN_SIMT)
  return simt::to_half(first) | simt::to_half(second) << 16;
#else
  std::uint32_t bits;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(second), "f"(first));
  return bits;
#endif
}

/// The value of the half in the low 16 bits.
__device__ __forceinline__ float of_half(std::uint32_t bits) {
#if defined(ALSATIAN_SIMT)
  return simt::of_half(bits);
#else
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(static_cast<unsigned short>(bits)));
  return value;
#endif
}

/// D += A·B by one warp: D [16, 8] in float, A [16, 16] and B [16, 8] in halves, two to a word.
/// Elements held by lane l, with g = l / 4 and t = l % 4 (PTX ISA, mma.m16n8k16, .f16):
/// a: (g, 2t..), (g + 8, 2t..), (g, 2t + 8..), (g + 8, 2t + 8..)   b: (2t.., g), (2t + 8.., g)
/// d: (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1), where 2t.. is 2t and 2t + 1
__device__ __forceinline__ void multiply_add_16x8x16(float (&d)[4], const std::uint32_t (&a)[4],
                                                     const std::uint32_t (&b)[2] ALSATIAN_PLACE) {
#if defined(ALSATIAN_SIMT)
  simt::multiply_add_16x8x16(d, a, b, place);
#else
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

/// Four 8 × 8 matrices of halves out of shared memory by one warp: `row`, aligned to 16 bytes, is
/// row l % 8 of matrix l / 8 for lane l. pieces[m] holds of matrix m row l / 4, columns 2 (l % 4)
/// and the next, the first in the low bits.
__device__ __forceinline__ void load_matrices(std::uint32_t (&pieces)[4],
                                              const void* row ALSATIAN_PLACE) {
#if defined(ALSATIAN_SIMT)
  simt::load_matrices(pieces, row, false, place);
#else
  const auto source = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(pieces[0]), "=r"(pieces[1]), "=r"(pieces[2]), "=r"(pieces[3])
               : "r"(source)
               : "memory");
#endif
}

/// The same of the transposed matrices: pieces[m] holds rows 2 (l % 4) and the next, column l / 4.
__device__ __forceinline__ void load_matrices_transposed(std::uint32_t (&pieces)[4],
                                                         const void* row ALSATIAN_PLACE) {
#if defined(ALSATIAN_SIMT)
  simt::load_matrices(pieces, row, true, place);
#else
  const auto source = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(pieces[0]), "=r"(pieces[1]), "=r"(pieces[2]), "=r"(pieces[3])
               : "r"(source)
               : "memory");
#endif
}

}  // namespace alsatian::device
