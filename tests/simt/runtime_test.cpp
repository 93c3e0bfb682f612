// Owners and launches over the stand-in runtime: every call checked, nothing leaked, whatever
// fails; and that the stand-in sees what a device would punish only sometimes.
#include "kernels/cuda/memory.hpp"
#include "tests/simt/failed_calls.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <vector>

namespace alsatian::cuda {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

__global__ void double_values(DeviceSpan<const float> from, DeviceSpan<float> to) {
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index < from.size()) {
    to[index] = 2 * from[index];
  }
}

__global__ void double_values_without_tail_guard(DeviceSpan<const float> from,
                                                 DeviceSpan<float> to) {
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  to[index] = 2 * from[index % from.size()];
}

constexpr std::int64_t count = 101;

/// Uploads 0, 1, 2..., runs the kernel, downloads.
std::vector<float> doubled(void (*kernel)(DeviceSpan<const float>, DeviceSpan<float>)) {
  const Context context(0);
  PinnedBuffer<float> host(count);
  std::iota(host.span().begin(), host.span().end(), 0.0F);
  DeviceBuffer<float> from(count);
  DeviceBuffer<float> to(count);
  upload(context.transfer(), std::span<const float>(host.span()), from.span());
  Event uploaded;
  uploaded.record(context.transfer());
  uploaded.hold_back(context.compute());
  launch(context.compute(), kernel, {.blocks = 4, .threads = 32}, std::as_const(from).span(),
         to.span());
  PinnedBuffer<float> result(count);
  download(context.compute(), std::as_const(to).span(), result.span());
  context.compute().synchronize();
  return {result.span().begin(), result.span().end()};
}

class Runtime : public ::testing::Test {
 protected:
  Runtime() { simt::reset_device(); }
  ~Runtime() override { simt::reset_device(); }
};

TEST_F(Runtime, RunsAKernelOverTheTailOfItsData) {
  const std::vector<float> values = doubled(&double_values);
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(values[i], 2 * static_cast<float>(i));
  }
  EXPECT_EQ(simt::leaks(), "");
}

TEST_F(Runtime, NamesTheCallAndLeaksNothingWhicheverCallFails) {
  doubled(&double_values);
  const std::int64_t calls = simt::calls_made();
  ASSERT_GT(calls, 15);
  int thrown = 0;
  for (std::int64_t number = 1; number <= calls; ++number) {
    simt::reset_device();
    simt::fail_call(number, cudaErrorLaunchFailure);
    try {
      doubled(&double_values);
      // Calls of destructors cannot be reported: they come after the result is there.
      EXPECT_THAT(simt::failed_call(), testing::is_release());
    } catch (const DeviceError& error) {
      ++thrown;
      EXPECT_THAT(error.what(), AllOf(HasSubstr("cudaErrorLaunchFailure"),
                                      ContainsRegex(" at [^ ]*runtime_test\\.cpp:[0-9]+")));
    }
    EXPECT_EQ(simt::leaks(), "") << "after call " << number << ", " << simt::failed_call();
  }
  EXPECT_GE(thrown, 14);
}

TEST_F(Runtime, AllocationBeyondTheMemoryIsOutOfDeviceMemory) {
  simt::reset_device({.memory_bytes = 1000, .piece_bytes = 1});
  const DeviceBuffer<float> fits(100);
  EXPECT_THROW(DeviceBuffer<float>(151), OutOfDeviceMemory);
  EXPECT_THROW(DeviceBuffer<float>(-1), OutOfDeviceMemory);
  EXPECT_THROW(DeviceBuffer<double>(std::int64_t{1} << 61), OutOfDeviceMemory);
}

TEST_F(Runtime, BuffersTakeWholePiecesOfTheDevice) {
  constexpr std::int64_t piece = std::int64_t{2} << 20;
  for (const std::int64_t size : {0, 1, 262'144, 262'145}) {
    const std::size_t before = simt::device_bytes_in_use();
    const DeviceBuffer<double> buffer(size);
    EXPECT_EQ(DeviceBuffer<double>::bytes(size), size == 0        ? 0
                                                 : size > 262'144 ? 2 * piece
                                                                  : piece);
    EXPECT_EQ(DeviceBuffer<double>::bytes(size),
              static_cast<std::int64_t>(simt::device_bytes_in_use() - before));
  }
}

TEST_F(Runtime, PageLockedMemoryThatIsNotThereIsNoMatterOfTheDevice) {
  simt::fail_call(1, cudaErrorMemoryAllocation);
  try {
    PinnedBuffer<float> buffer(100);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const OutOfPinnedMemory& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("no 400 bytes of page-locked host memory"));
  }
}

TEST_F(Runtime, EventsTakeTimeWhereTheyAreForIt) {
  const Context context(0);
  const Event ordered;
  Event first(EventUse::timing);
  Event last(EventUse::timing);
  first.record(context.compute());
  last.record(context.compute());
  EXPECT_GE(Event::seconds_between(first, last), 0);
  EXPECT_THROW(Event::seconds_between(ordered, last), DeviceError);
}

TEST_F(Runtime, MovedBuffersReleaseOnce) {
  DeviceBuffer<float> first(3);
  DeviceBuffer<float> second(std::move(first));
  EXPECT_EQ(first.size(), 0);  // NOLINT: what a moved buffer holds is the claim
  first = DeviceBuffer<float>(5);
  std::swap(first, second);
  EXPECT_EQ(first.size(), 3);
  EXPECT_EQ(second.size(), 5);
}

TEST_F(Runtime, GridBeyondTheDeviceIsRefused) {
  const Context context(0);
  DeviceBuffer<float> memory(1);
  const auto start = [&](std::int64_t blocks) {
    launch(context.compute(), &double_values, {.blocks = blocks, .threads = 32},
           std::as_const(memory).span(), memory.span());
  };
  EXPECT_NO_THROW(start(0));
  EXPECT_THROW(start(-1), DeviceError);
  EXPECT_THROW(start(most_blocks + 1), DeviceError);
}

TEST_F(Runtime, CopiesOfDifferentLengthsAreRefused) {
  const Context context(0);
  DeviceBuffer<float> memory(4);
  PinnedBuffer<float> host(3);
  EXPECT_THROW(upload(context.transfer(), std::span<const float>(host.span()), memory.span()),
               DeviceError);
  EXPECT_THROW(download(context.transfer(), std::as_const(memory).span(), host.span()),
               DeviceError);
}

TEST_F(Runtime, CopiesFromPageableMemoryAreRefused) {
  const Context context(0);
  DeviceBuffer<float> memory(4);
  const std::vector<float> pageable(4);
  EXPECT_THROW(upload(context.transfer(), std::span(pageable), memory.span()), DeviceError);
}

// ---- what the stand-in catches ----

TEST_F(Runtime, MissingTailGuardIsSeen) {
#if defined(__SANITIZE_ADDRESS__)
  EXPECT_DEATH(doubled(&double_values_without_tail_guard), "AddressSanitizer");
#else
  EXPECT_THROW(doubled(&double_values_without_tail_guard), simt::Fault);
#endif
}

TEST_F(Runtime, ResultReadBeforeTheStreamPassedIsNotThere) {
  const Context context(0);
  DeviceBuffer<float> memory(4);
  PinnedBuffer<float> result(4);
  std::fill(result.span().begin(), result.span().end(), 7.0F);
  clear(context.compute(), memory.span());
  download(context.compute(), std::as_const(memory).span(), result.span());
  EXPECT_THAT(result.span(), Each(7.0F));
  context.compute().synchronize();
  EXPECT_THAT(result.span(), Each(0.0F));
}

TEST_F(Runtime, StreamsThatDoNotWaitForEachOtherAreSeen) {
  const Context context(0);
  PinnedBuffer<float> host(1);
  host.span()[0] = 1;
  DeviceBuffer<float> memory(1);
  PinnedBuffer<float> result(1);
  upload(context.transfer(), std::span<const float>(host.span()), memory.span());
  download(context.compute(), std::as_const(memory).span(), result.span());
  context.compute().synchronize();
  EXPECT_TRUE(std::isnan(result.span()[0]));
}

#if defined(__SANITIZE_ADDRESS__)
TEST_F(Runtime, DeviceMemoryTouchedByTheHostIsSeen) {
  DeviceBuffer<float> memory(4);
  EXPECT_DEATH(memory.span().data()[0] = 1, "use-after-poison");
}
#endif

}  // namespace
}  // namespace alsatian::cuda
