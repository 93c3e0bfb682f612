// CUDA's vocabulary for kernels that g++ compiles for fibers; forced into every file of the tests'
// build of kernels/cuda. What it lacks does not compile there: kernels use no more than this.
//
// ALSATIAN_SIMT_SCHEDULE=greedy_backwards simt_test runs every kernel in that order of blocks,
// warps and lanes which the test does not order itself: greedy (the default), greedy_backwards,
// round_robin or random:SEED. A race that one order hides fails whatever test runs its kernel in
// another: simt_suite_backwards is the tests that take seconds, run so.
#pragma once

#define ALSATIAN_SIMT 1

#include "tests/simt/grid.hpp"
#include "tests/simt/tensor.hpp"

#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
// No __shared__: kernels take shared memory through ALSATIAN_SHARED_MEMORY, which is filled with
// NaN and guarded; a static array would be neither.

struct float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct int2 {
  int x, y;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct dim3 {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;
  constexpr dim3(unsigned x_size = 1, unsigned y_size = 1, unsigned z_size = 1)
      : x(x_size), y(y_size), z(z_size) {}
};

inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }

namespace alsatian::simt {

/// threadIdx and its like: variables in CUDA, asked of the scheduler here.
template <Index3 (*Index)()>
struct BuiltIn {
  template <unsigned Index3::*coordinate>
  struct Coordinate {
    operator unsigned() const { return Index().*coordinate; }
  };
  Coordinate<&Index3::x> x;
  Coordinate<&Index3::y> y;
  Coordinate<&Index3::z> z;
};

}  // namespace alsatian::simt

inline constexpr ::alsatian::simt::BuiltIn<&::alsatian::simt::thread_index> threadIdx{};
inline constexpr ::alsatian::simt::BuiltIn<&::alsatian::simt::block_index> blockIdx{};
inline constexpr ::alsatian::simt::BuiltIn<&::alsatian::simt::block_size> blockDim{};
inline constexpr ::alsatian::simt::BuiltIn<&::alsatian::simt::grid_size> gridDim{};

inline void __syncthreads(::alsatian::simt::Place place = ::alsatian::simt::Place::current()) {
  ::alsatian::simt::meet_block(place);
}

namespace alsatian::simt {

template <typename Value>
concept LaneValue = std::is_trivially_copyable_v<Value> && sizeof(Value) <= most_lane_bytes;

template <LaneValue Value>
const LaneValues& meet_warp_with(std::uint32_t mask, const Value& value, Place place) {
  return meet_warp(mask, std::as_bytes(std::span(&value, 1)), place);
}

template <LaneValue Value>
Value value_of(const LaneValues& lanes, unsigned lane) {
  Value value;
  std::memcpy(&value, lanes.of(lane), sizeof(Value));
  return value;
}

/// The value of lane `from`, which must be one of the mask's.
template <LaneValue Value>
Value shuffle(std::uint32_t mask, Value value, unsigned from, Place place) {
  const LaneValues& lanes = meet_warp_with(mask, value, place);
  if ((mask >> from & 1U) == 0) {
    fault("a shuffle reads a lane outside its mask", place);
  }
  return value_of<Value>(lanes, from);
}

/// Lane `lane` of the calling thread's segment of `width` lanes.
inline unsigned segment_lane(unsigned wanted, unsigned width) {
  return lane() / width * width + wanted % width;
}

template <typename Value, typename Combine>
Value combine_atomically(Value* address, Value operand, Combine combine) {
  const Value old = *address;  // one host thread runs the grid
  *address = combine(old, operand);
  return old;
}

}  // namespace alsatian::simt

template <typename Value>
Value __shfl_sync(std::uint32_t mask, Value value, int from, int width = 32,
                  ::alsatian::simt::Place place = ::alsatian::simt::Place::current()) {
  using namespace ::alsatian::simt;
  return shuffle(mask, value,
                 segment_lane(static_cast<unsigned>(from), static_cast<unsigned>(width)), place);
}
template <typename Value>
Value __shfl_xor_sync(std::uint32_t mask, Value value, int bits, int width = 32,
                      ::alsatian::simt::Place place = ::alsatian::simt::Place::current()) {
  using namespace ::alsatian::simt;
  const unsigned from = lane() ^ static_cast<unsigned>(bits);
  const bool inside = from / static_cast<unsigned>(width) <= lane() / static_cast<unsigned>(width);
  return shuffle(mask, value, inside ? from : lane(), place);
}
template <typename Value>
Value __shfl_down_sync(std::uint32_t mask, Value value, unsigned delta, int width = 32,
                       ::alsatian::simt::Place place = ::alsatian::simt::Place::current()) {
  using namespace ::alsatian::simt;
  const bool inside = lane() % static_cast<unsigned>(width) + delta < static_cast<unsigned>(width);
  return shuffle(mask, value, inside ? lane() + delta : lane(), place);
}
template <typename Value>
Value __shfl_up_sync(std::uint32_t mask, Value value, unsigned delta, int width = 32,
                     ::alsatian::simt::Place place = ::alsatian::simt::Place::current()) {
  using namespace ::alsatian::simt;
  const bool inside = lane() % static_cast<unsigned>(width) >= delta;
  return shuffle(mask, value, inside ? lane() - delta : lane(), place);
}

inline std::uint32_t __ballot_sync(
    std::uint32_t mask, int predicate,
    ::alsatian::simt::Place place = ::alsatian::simt::Place::current()) {
  using namespace ::alsatian::simt;
  const LaneValues& lanes = meet_warp_with(mask, predicate, place);
  std::uint32_t result = 0;
  for (unsigned lane = 0; lane < 32; ++lane) {
    if ((mask >> lane & 1U) != 0 && value_of<int>(lanes, lane) != 0) {
      result |= 1U << lane;
    }
  }
  return result;
}
inline int __any_sync(std::uint32_t mask, int predicate,
                      ::alsatian::simt::Place place = ::alsatian::simt::Place::current()) {
  return static_cast<int>(__ballot_sync(mask, predicate, place) != 0);
}
inline int __all_sync(std::uint32_t mask, int predicate,
                      ::alsatian::simt::Place place = ::alsatian::simt::Place::current()) {
  return static_cast<int>(__ballot_sync(mask, predicate, place) == mask);
}
inline void __syncwarp(std::uint32_t mask = 0xFFFFFFFFU,
                       ::alsatian::simt::Place place = ::alsatian::simt::Place::current()) {
  ::alsatian::simt::meet_warp_with(mask, 0, place);
}

template <typename Value>
Value __ldg(const Value* address) {
  return *address;
}
template <typename Value>
Value __ldcg(const Value* address) {
  return *address;
}
template <typename Value>
Value atomicAdd(Value* address, std::type_identity_t<Value> operand) {
  return ::alsatian::simt::combine_atomically(address, operand,
                                              [](Value a, Value b) { return a + b; });
}
template <std::integral Value>
Value atomicMin(Value* address, std::type_identity_t<Value> operand) {
  return ::alsatian::simt::combine_atomically(address, operand,
                                              [](Value a, Value b) { return b < a ? b : a; });
}
template <std::integral Value>
Value atomicMax(Value* address, std::type_identity_t<Value> operand) {
  return ::alsatian::simt::combine_atomically(address, operand,
                                              [](Value a, Value b) { return a < b ? b : a; });
}

inline std::uint32_t __float_as_uint(float value) { return std::bit_cast<std::uint32_t>(value); }
inline float __uint_as_float(std::uint32_t bits) { return std::bit_cast<float>(bits); }
inline int __float_as_int(float value) { return std::bit_cast<int>(value); }
inline float __int_as_float(int bits) { return std::bit_cast<float>(bits); }
inline float rsqrtf(float value) { return 1.0F / std::sqrt(value); }
inline int __popc(std::uint32_t bits) { return std::popcount(bits); }
inline int __ffs(int bits) {
  return bits == 0 ? 0 : std::countr_zero(static_cast<std::uint32_t>(bits)) + 1;
}
inline int __clz(int bits) { return std::countl_zero(static_cast<std::uint32_t>(bits)); }
