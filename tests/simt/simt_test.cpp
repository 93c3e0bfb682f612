// The shim itself: that legal kernels give what a GPU gives, under every schedule, and that each
// planted fault is caught. A shim that misses faults would make the kernels' tests worthless.
#include "kernels/cuda/device.hpp"
#include "tests/simt/launch.hpp"
#include "tests/simt/schedules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

namespace alsatian::simt {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class EverySchedule : public ::testing::TestWithParam<Schedule> {
 protected:
  EverySchedule() { set_schedule(GetParam()); }
  ~EverySchedule() override { set_schedule({}); }
};

INSTANTIATE_TEST_SUITE_P(All, EverySchedule, ::testing::ValuesIn(schedules()));

// What a kernel leaves out on purpose.
enum class Omission { nothing, barrier, second_barrier, wait };

/// Sums of blocks of values: a tree within warps, then over warps through shared memory.
template <Omission omitted>
void block_sums(const float* values, float* sums, int rounds) {
  ALSATIAN_SHARED_MEMORY(float, partial);
  const unsigned warp = threadIdx.x / 32;
  for (int round = 0; round < rounds; ++round) {
    const unsigned block =
        blockIdx.x * static_cast<unsigned>(rounds) + static_cast<unsigned>(round);
    float value = values[block * blockDim.x + threadIdx.x];
    for (int bits = 16; bits > 0; bits /= 2) {
      value += __shfl_xor_sync(device::all_lanes, value, bits);
    }
    if (threadIdx.x % 32 == 0) {
      partial[warp] = value;
    }
    if constexpr (omitted != Omission::barrier) {
      __syncthreads();
    }
    float sum = 0;
    for (unsigned other = 0; other < blockDim.x / 32; ++other) {
      sum += partial[other];
    }
    if (threadIdx.x % 32 == 31) {
      sums[block * (blockDim.x / 32) + warp] = sum;  // what each warp saw
    }
    if constexpr (omitted != Omission::second_barrier) {
      __syncthreads();  // partial is overwritten by the next round
    }
  }
}

struct SumProblem {
  static constexpr unsigned blocks = 3;
  static constexpr unsigned threads = 128;
  static constexpr int rounds = 5;
  std::vector<float> values = std::vector<float>(blocks * rounds * threads);
  std::vector<float> expected = std::vector<float>(blocks * rounds * threads / 32);
  SumProblem() {
    std::iota(values.begin(), values.end(), 1.0F);  // sums below 2^24: exact in any order
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto block = values.begin() + static_cast<std::ptrdiff_t>(i / 4 * threads);
      expected[i] = std::accumulate(block, block + threads, 0.0F);
    }
  }
  template <Omission omitted>
  std::vector<float> run() const {
    std::vector<float> sums(expected.size());
    launch_kernel(&block_sums<omitted>, blocks, threads, threads / 32 * sizeof(float),
                  values.data(), sums.data(), rounds);
    return sums;
  }
};

TEST_P(EverySchedule, SumsBlocksOfValues) {
  const SumProblem problem;
  EXPECT_EQ(problem.run<Omission::nothing>(), problem.expected);
}

/// How many of the schedules show that the kernel is wrong.
template <Omission omitted>
std::size_t schedules_that_catch() {
  const SumProblem problem;
  std::size_t caught = 0;
  for (const Schedule& schedule : schedules()) {
    set_schedule(schedule);
    caught += static_cast<std::size_t>(problem.run<omitted>() != problem.expected);
  }
  set_schedule({});
  return caught;
}

TEST(PlantedFault, MissingBarrierBeforeReadingIsSeenByEverySchedule) {
  EXPECT_EQ(schedules_that_catch<Omission::barrier>(), schedules().size());
}

TEST(PlantedFault, MissingBarrierBeforeOverwritingIsSeenWhereWarpsRunAhead) {
  // All but the two round-robin schedules, which keep warps in step and hide it.
  EXPECT_EQ(schedules_that_catch<Omission::second_barrier>(), schedules().size() - 2);
}

/// Each thread copies 16 bytes to shared memory and reads what its neighbour copied.
template <Omission omitted>
void neighbours(const float4* values, float4* results) {
  ALSATIAN_SHARED_MEMORY(float4, tile);
  device::copy_16_bytes(&tile[threadIdx.x], &values[threadIdx.x], true);
  device::end_group_of_copies();
  if constexpr (omitted != Omission::wait) {
    device::wait_for_copies<0>();
  }
  __syncthreads();
  results[threadIdx.x] = tile[(threadIdx.x + 1) % blockDim.x];
  if constexpr (omitted == Omission::wait) {
    device::wait_for_copies<0>();
  }
}

template <Omission omitted>
float sum_of_neighbours() {
  std::vector<float4> values(64, float4{1, 2, 3, 4});
  std::vector<float4> results(64);
  launch_kernel(&neighbours<omitted>, 1, 64, 64 * sizeof(float4), values.data(), results.data());
  float sum = 0;
  for (const float4& value : results) {
    sum += value.x + value.y + value.z + value.w;
  }
  return sum;
}

TEST_P(EverySchedule, AsynchronousCopiesArriveOnceWaitedFor) {
  EXPECT_EQ(sum_of_neighbours<Omission::nothing>(), 640);
}

TEST(PlantedFault, ReadingBeforeWaitingForACopyGivesNan) {
  EXPECT_TRUE(std::isnan(sum_of_neighbours<Omission::wait>()));
}

void leave_a_copy(const float4* values) {
  ALSATIAN_SHARED_MEMORY(float4, tile);
  device::copy_16_bytes(&tile[0], values, true);
  device::end_group_of_copies();
}

TEST(PlantedFault, CopyThatNobodyWaitsForIsNamed) {
  const float4 value{};
  EXPECT_THAT([&] { launch_kernel(&leave_a_copy, 1, 1, 16, &value); },
              ThrowsMessage<Fault>(HasSubstr("before its asynchronous copies were waited for")));
}

void copy_out_of_shared_memory(const float4* values) {
  ALSATIAN_SHARED_MEMORY(float4, tile);
  device::copy_16_bytes(&tile[threadIdx.x], values, true);
  device::end_group_of_copies();
  device::wait_for_copies<0>();
}

TEST(PlantedFault, CopyBehindTheSharedMemoryIsNamed) {
  const float4 value{};
  EXPECT_THAT([&] { launch_kernel(&copy_out_of_shared_memory, 1, 5, 4 * sizeof(float4), &value); },
              ThrowsMessage<Fault>(HasSubstr("leaves the block's shared memory, in thread 4")));
}

void read_unwritten(float* result) {
  ALSATIAN_SHARED_MEMORY(float, memory);
  *result = memory[3];
}

TEST_P(EverySchedule, FillsSharedMemoryWithNan) {
  float result = 0;
  launch_kernel(&read_unwritten, 1, 1, 16, &result);
  EXPECT_TRUE(std::isnan(result));
}

void write_shared(unsigned count) {
  ALSATIAN_SHARED_MEMORY(float, memory);
  if (threadIdx.x < count) {
    memory[threadIdx.x] = 0;
  }
}

TEST(PlantedFault, SharedArrayThatIsOneShortIsSeen) {
  launch_kernel(&write_shared, 1, 64, 64 * sizeof(float), 64U);
#if defined(__SANITIZE_ADDRESS__)
  EXPECT_DEATH(launch_kernel(&write_shared, 1, 64, 63 * sizeof(float), 64U), "use-after-poison");
#else
  EXPECT_THAT([] { launch_kernel(&write_shared, 1, 64, 63 * sizeof(float), 64U); },
              ThrowsMessage<Fault>(HasSubstr("wrote 0 bytes behind its 252 bytes")));
#endif
}

void diverge(int* result) {
  if (threadIdx.x % 2 == 0) {
    *result = __shfl_sync(device::all_lanes, 1, 0);
  } else {
    *result = __shfl_sync(device::all_lanes, 2, 1);
  }
}

TEST(PlantedFault, LanesThatWaitAtDifferentOperationsAreNamed) {
  int result = 0;
  EXPECT_THAT([&] { launch_kernel(&diverge, 1, 32, 0, &result); },
              ThrowsMessage<Fault>(::testing::AllOf(HasSubstr("waits for ever"),
                                                    HasSubstr("waits at the warp operation"))));
}

void leave_early(int* result) {
  if (threadIdx.x == 7) {
    return;
  }
  *result = __shfl_sync(device::all_lanes, 1, 0);
}

TEST(PlantedFault, MaskThatNamesALaneThatHasReturnedIsSeen) {
  int result = 0;
  for (const Schedule& schedule : schedules()) {
    set_schedule(schedule);
    EXPECT_THROW(launch_kernel(&leave_early, 1, 32, 0, &result), Fault);
  }
  set_schedule({});
}

void meet_apart() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

TEST(PlantedFault, BarriersAtDifferentPlacesAreNamed) {
  EXPECT_THAT([] { launch_kernel(&meet_apart, 1, 64, 0); },
              ThrowsMessage<Fault>(HasSubstr("meets at different barriers")));
}

void wait_for_each_other() {
  if (threadIdx.x == 0) {
    __syncwarp(3U);
  } else {
    __syncthreads();
  }
}

TEST(PlantedFault, DeadlockIsReportedWithBothPlaces) {
  EXPECT_THAT([] { launch_kernel(&wait_for_each_other, 1, 2, 0); },
              ThrowsMessage<Fault>(::testing::AllOf(
                  HasSubstr("waits for ever"), HasSubstr("thread 0 waits at the warp operation"),
                  HasSubstr("thread 1 waits at the block barrier"), HasSubstr("simt_test.cpp:"))));
}

TEST(PlantedFault, LeavesTheShimFitForTheNextLaunch) {
  EXPECT_THROW(launch_kernel(&wait_for_each_other, 1, 2, 0), Fault);
  const SumProblem problem;
  EXPECT_EQ(problem.run<Omission::nothing>(), problem.expected);
}

TEST(PlantedFault, GridThatADeviceRefusesIsRefused) {
  EXPECT_THROW(launch_kernel(&meet_apart, 1, 1025, 0), Fault);
  EXPECT_THROW(launch_kernel(&meet_apart, 0, 32, 0), Fault);
  EXPECT_THROW(launch_kernel(&meet_apart, 1, 32, most_shared_bytes + 1), Fault);
}

void segments(int* down, int* up, int* exchanged, std::uint32_t* odd) {
  const int me = static_cast<int>(threadIdx.x);
  down[me] = __shfl_down_sync(device::all_lanes, me, 3, 8);
  up[me] = __shfl_up_sync(device::all_lanes, me, 3, 8);
  exchanged[me] = __shfl_xor_sync(device::all_lanes, me, 16);
  odd[me] = __ballot_sync(device::all_lanes, me % 2);
}

TEST_P(EverySchedule, ShufflesWithinSegmentsAsTheProgrammingGuideSays) {
  std::vector<int> down(32), up(32), exchanged(32);
  std::vector<std::uint32_t> odd(32);
  launch_kernel(&segments, 1, 32, 0, down.data(), up.data(), exchanged.data(), odd.data());
  for (int lane = 0; lane < 32; ++lane) {
    const auto at = static_cast<std::size_t>(lane);
    EXPECT_EQ(down[at], lane % 8 + 3 < 8 ? lane + 3 : lane);
    EXPECT_EQ(up[at], lane % 8 >= 3 ? lane - 3 : lane);
    EXPECT_EQ(exchanged[at], (lane + 16) % 32);
    EXPECT_EQ(odd[at], 0xAAAAAAAAU);
  }
}

/// Halves of a warp that run different numbers of operations on their own masks.
void halves(int* results) {
  const int me = static_cast<int>(threadIdx.x);
  const std::uint32_t mine = me < 16 ? 0x0000FFFFU : 0xFFFF0000U;
  int value = me;
  for (int round = 0; round < (me < 16 ? 3 : 8); ++round) {
    value = __shfl_xor_sync(mine, value, 1);
  }
  results[me] = __shfl_xor_sync(device::all_lanes, value, 16);
}

TEST_P(EverySchedule, HalvesOfAWarpMeetApart) {
  std::vector<int> results(32);
  launch_kernel(&halves, 1, 32, 0, results.data());
  for (int lane = 0; lane < 32; ++lane) {
    const int other = (lane + 16) % 32;
    EXPECT_EQ(results[static_cast<std::size_t>(lane)], other < 16 ? other ^ 1 : other);
  }
}

void multiply(const float* left, const float* right, float* product) {
  const unsigned g = threadIdx.x / 4;
  const unsigned t = threadIdx.x % 4;
  const std::uint32_t a[4] = {to_tf32(left[g * 8 + t]), to_tf32(left[(g + 8) * 8 + t]),
                              to_tf32(left[g * 8 + t + 4]), to_tf32(left[(g + 8) * 8 + t + 4])};
  const std::uint32_t b[2] = {to_tf32(right[t * 8 + g]), to_tf32(right[(t + 4) * 8 + g])};
  float d[4] = {};
  device::multiply_add_16x8x8(d, a, b);
  product[g * 8 + 2 * t] = d[0];
  product[g * 8 + 2 * t + 1] = d[1];
  product[(g + 8) * 8 + 2 * t] = d[2];
  product[(g + 8) * 8 + 2 * t + 1] = d[3];
}

TEST_P(EverySchedule, MultipliesMatricesInTheLayoutOfThePtxIsa) {
  std::mt19937 random(5);
  std::uniform_int_distribution<int> whole(-9, 9);  // exact in TF32, and so are the sums
  std::vector<float> left(16 * 8), right(8 * 8), product(16 * 8);
  std::generate(left.begin(), left.end(), [&] { return static_cast<float>(whole(random)); });
  std::generate(right.begin(), right.end(), [&] { return static_cast<float>(whole(random)); });
  launch_kernel(&multiply, 1, 32, 0, left.data(), right.data(), product.data());
  for (std::size_t row = 0; row < 16; ++row) {
    for (std::size_t column = 0; column < 8; ++column) {
      float expected = 0;
      for (std::size_t k = 0; k < 8; ++k) {
        expected += left[row * 8 + k] * right[k * 8 + column];
      }
      EXPECT_EQ(product[row * 8 + column], expected);
    }
  }
}

/// product [16, 8] = left [16, 16] · right [16, 8], both row-major, fragments out of shared memory.
void multiply_loaded_halves(const float* left, const float* right, float* product) {
  ALSATIAN_SHARED_MEMORY(std::uint32_t, words);
  for (unsigned i = threadIdx.x; i < 8 * 16; i += 32) {
    words[i] = device::to_halves(left[2 * i], left[2 * i + 1]);
  }
  for (unsigned i = threadIdx.x; i < 8 * 8; i += 32) {
    words[128 + i] = device::to_halves(right[2 * i], right[2 * i + 1]);
  }
  __syncwarp();
  const unsigned matrix = threadIdx.x / 8;
  const unsigned row = threadIdx.x % 8 + matrix % 2 * 8;
  std::uint32_t a[4];
  device::load_matrices(a, words + row * 8 + matrix / 2 * 4);
  std::uint32_t pieces[4];  // the last two are the first two again
  device::load_matrices_transposed(pieces, words + 128 + row * 4);
  const std::uint32_t b[2] = {pieces[0], pieces[1]};
  float d[4] = {};
  device::multiply_add_16x8x16(d, a, b);
  for (unsigned i = 0; i < 4; ++i) {
    product[(threadIdx.x / 4 + 8 * (i / 2)) * 8 + 2 * (threadIdx.x % 4) + i % 2] = d[i];
  }
}

TEST_P(EverySchedule, LoadsMatricesOfHalvesInTheLayoutOfThePtxIsa) {
  std::mt19937 random(7);
  std::uniform_int_distribution<int> whole(-9, 9);
  std::vector<float> left(16 * 16), right(16 * 8), product(16 * 8);
  std::generate(left.begin(), left.end(), [&] { return static_cast<float>(whole(random)); });
  std::generate(right.begin(), right.end(), [&] { return static_cast<float>(whole(random)); });
  launch_kernel(&multiply_loaded_halves, 1, 32, 192 * sizeof(std::uint32_t), left.data(),
                right.data(), product.data());
  for (std::size_t row = 0; row < 16; ++row) {
    for (std::size_t column = 0; column < 8; ++column) {
      float expected = 0;
      for (std::size_t k = 0; k < 16; ++k) {
        expected += left[row * 16 + k] * right[k * 8 + column];
      }
      EXPECT_EQ(product[row * 8 + column], expected);
    }
  }
}

TEST(Tf32, RoundsTiesAwayFromZeroAndKeepsWhatIsNotFinite) {
  const auto rounded = [](float value) { return std::bit_cast<float>(to_tf32(value)); };
  const float step = std::ldexp(1.0F, -10);
  EXPECT_EQ(rounded(1 + step / 2), 1 + step);
  EXPECT_EQ(rounded(-1 - step / 2), -1 - step);
  EXPECT_EQ(rounded(1 + step / 2 - std::ldexp(1.0F, -23)), 1);
  EXPECT_EQ(rounded(INFINITY), INFINITY);
  EXPECT_TRUE(std::isnan(rounded(NAN)));
}

void multiply_halves(const float* left, const float* right, float* product) {
  const unsigned g = threadIdx.x / 4;
  const unsigned t = threadIdx.x % 4;
  const auto of_left = [&](unsigned row, unsigned column) {
    return device::to_halves(left[row * 16 + column], left[row * 16 + column + 1]);
  };
  const auto of_right = [&](unsigned row) {
    return device::to_halves(right[row * 8 + g], right[(row + 1) * 8 + g]);
  };
  const std::uint32_t a[4] = {of_left(g, 2 * t), of_left(g + 8, 2 * t), of_left(g, 2 * t + 8),
                              of_left(g + 8, 2 * t + 8)};
  const std::uint32_t b[2] = {of_right(2 * t), of_right(2 * t + 8)};
  float d[4] = {};
  device::multiply_add_16x8x16(d, a, b);
  product[g * 8 + 2 * t] = d[0];
  product[g * 8 + 2 * t + 1] = d[1];
  product[(g + 8) * 8 + 2 * t] = d[2];
  product[(g + 8) * 8 + 2 * t + 1] = d[3];
}

TEST_P(EverySchedule, MultipliesMatricesOfHalvesInTheLayoutOfThePtxIsa) {
  std::mt19937 random(7);
  std::uniform_int_distribution<int> whole(-9, 9);  // exact in half precision, and so are the sums
  std::vector<float> left(16 * 16), right(16 * 8), product(16 * 8);
  std::generate(left.begin(), left.end(), [&] { return static_cast<float>(whole(random)); });
  std::generate(right.begin(), right.end(), [&] { return static_cast<float>(whole(random)); });
  launch_kernel(&multiply_halves, 1, 32, 0, left.data(), right.data(), product.data());
  for (std::size_t row = 0; row < 16; ++row) {
    for (std::size_t column = 0; column < 8; ++column) {
      float expected = 0;
      for (std::size_t k = 0; k < 16; ++k) {
        expected += left[row * 16 + k] * right[k * 8 + column];
      }
      EXPECT_EQ(product[row * 8 + column], expected);
    }
  }
}

TEST(Half, ComesBackUnchangedWhicheverItIs) {
  for (std::uint32_t bits = 0; bits < 0x10000U; ++bits) {
    const float value = of_half(bits);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(of_half(to_half(value))));
    } else {
      ASSERT_EQ(to_half(value), bits);
    }
  }
}

TEST(Half, RoundsToTheNearestAndTiesToEven) {
  for (std::uint32_t bits = 0; bits < 0x7BFFU; ++bits) {  // up to the largest but one
    const float lower = of_half(bits);
    const float middle = (lower + of_half(bits + 1)) / 2;
    ASSERT_EQ(to_half(middle), bits % 2 == 0 ? bits : bits + 1);
    ASSERT_EQ(to_half(std::nextafter(middle, 0.0F)), bits);
    ASSERT_EQ(to_half(-std::nextafter(middle, INFINITY)), 0x8000U | (bits + 1));
  }
  EXPECT_EQ(of_half(to_half(65519.0F)), 65504.0F);
  EXPECT_EQ(of_half(to_half(-65520.0F)), -INFINITY);
  EXPECT_EQ(device::to_halves(1.0F, -2.0F), 0xC0003C00U);
}

}  // namespace
}  // namespace alsatian::simt
