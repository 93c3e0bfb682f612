// Copies through pinned memory of a bounded size: data longer than both halves together, on streams
// that run as late as they may.
#include "kernels/cuda/staging.hpp"

#include "tests/simt/runtime.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace alsatian::cuda {
namespace {

using simt::Streams;

class StagingOf : public ::testing::TestWithParam<Streams> {
 protected:
  void SetUp() override {
    simt::reset_device();
    simt::set_streams(GetParam());
  }
};

std::vector<float> counted(std::int64_t size) {
  std::vector<float> values(static_cast<std::size_t>(size));
  std::iota(values.begin(), values.end(), 1.0F);
  return values;
}

TEST_P(StagingOf, CarriesDataOfAnyLengthThereAndBack) {
  {
    const Context context(0);
    Staging staging(context, 64);  // 16 floats a half
    for (const std::int64_t size : {0, 1, 15, 16, 17, 32, 33, 101}) {
      const std::vector<float> sent = counted(size);
      DeviceBuffer<float> buffer(size);
      staging.send(View<const float>(sent), buffer.span());
      std::vector<float> received(sent.size());
      staging.receive(DeviceSpan<const float>(buffer.span()), View<float>(received));
      EXPECT_EQ(received, sent) << size;
    }
  }
  EXPECT_EQ(simt::leaks(), "");
}

TEST_P(StagingOf, KeepsWhatWasSentFirstWhenMoreFollows) {
  const Context context(0);
  Staging staging(context, 64);
  const std::vector<float> first = counted(50);
  const std::vector<float> second(50, -1.0F);
  DeviceBuffer<float> one(50);
  DeviceBuffer<float> other(50);
  staging.send(View<const float>(first), one.span());
  staging.send(View<const float>(second), other.span());
  std::vector<float> received(50);
  staging.receive(DeviceSpan<const float>(one.span()), View<float>(received));
  EXPECT_EQ(received, first);
}

TEST_P(StagingOf, NeverCutsARow) {
  const Context context(0);
  Staging staging(context, 64);
  DeviceBuffer<float> rows(7 * 5);
  staging.send(rows.span(), 7, [](std::span<float> part, std::int64_t first) {
    EXPECT_EQ(first % 7, 0);
    EXPECT_EQ(part.size() % 7, 0U);
    std::fill(part.begin(), part.end(), static_cast<float>(first));
  });
  staging.receive(DeviceSpan<const float>(rows.span()), 7,
                  [](std::span<const float> part, std::int64_t first) {
                    EXPECT_EQ(part.size() % 7, 0U);
                    EXPECT_EQ(part.front(), static_cast<float>(first));
                  });
}

TEST_P(StagingOf, RefusesRowsLongerThanAHalfAndOtherSizes) {
  const Context context(0);
  Staging staging(context, 64);
  DeviceBuffer<float> buffer(34);
  const std::vector<float> values(33);
  EXPECT_THROW(staging.send(View<const float>(values), buffer.span()), std::invalid_argument);
  EXPECT_THROW(staging.send(buffer.span(), 17, [](std::span<float>, std::int64_t) {}),
               std::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(Streams, StagingOf, ::testing::Values(Streams::late, Streams::eager));

}  // namespace
}  // namespace alsatian::cuda
