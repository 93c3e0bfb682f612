// Loops over threads: every index once, what is written seen, failures told, whatever the threads.
// Under ThreadSanitizer the plain variables of these tests are the oracle.
#include "kernels/cpu/parallel.hpp"

#include "tests/support/cpu_tables.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace alsatian {
namespace {

using ::alsatian::testing::ThreadsInScope;

class ParallelLoop : public ::testing::TestWithParam<int> {
 private:
  ThreadsInScope threads_{GetParam()};
};

TEST_P(ParallelLoop, TakesEveryIndexOnce) {
  for (const std::int64_t count : {0, 1, 2, 7, 1000}) {
    for (const std::int64_t grain : {1, 3, 7, 5000}) {
      std::vector<int> calls(static_cast<std::size_t>(count));
      parallel_for(
          count, [&](std::int64_t index) { ++calls[static_cast<std::size_t>(index)]; }, grain);
      EXPECT_EQ(calls, std::vector<int>(static_cast<std::size_t>(count), 1)) << count << grain;
    }
  }
}

TEST_P(ParallelLoop, SeesWhatWasWrittenBeforeItAndLeavesWhatItWrote) {
  std::vector<std::int64_t> numbers(500);
  for (int round = 0; round < 20; ++round) {
    std::iota(numbers.begin(), numbers.end(), round);
    parallel_for(500, [&](std::int64_t index) { numbers[static_cast<std::size_t>(index)] *= 2; });
    EXPECT_EQ(std::accumulate(numbers.begin(), numbers.end(), std::int64_t{0}),
              2 * (500 * 499 / 2 + 500 * round));
  }
}

TEST_P(ParallelLoop, GivesNoTwoThreadsTheSameScratch) {
  // Which one of the counts is whose; a scratch that two threads had would lose some.
  std::vector<std::int64_t> indices(static_cast<std::size_t>(GetParam()));
  std::atomic<std::size_t> made = 0;
  parallel_for_with(
      1000, [&] { return &indices.at(made++); },
      [](std::int64_t, std::int64_t*& count) { ++*count; });
  EXPECT_EQ(std::accumulate(indices.begin(), indices.end(), std::int64_t{0}), 1000);
}

TEST_P(ParallelLoop, RethrowsTheFailureOfTheLowestIndexAndCallsTheOthers) {
  std::vector<int> calls(100);
  const auto body = [&](std::int64_t index) {
    ++calls[static_cast<std::size_t>(index)];
    if (index % 10 == 3) throw std::runtime_error(std::to_string(index));
  };
  try {
    parallel_for(100, body);
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& failure) {
    EXPECT_STREQ(failure.what(), "3");
  }
  EXPECT_EQ(calls, std::vector<int>(100, 1));
}

TEST_P(ParallelLoop, RethrowsTheFailureOfScratch) {
  const auto make = []() -> int { throw std::runtime_error("no room"); };
  EXPECT_THROW(parallel_for_with(100, make, [](std::int64_t, int&) {}), std::runtime_error);
}

TEST_P(ParallelLoop, WithinALoopStaysOnItsThread) {
  std::vector<int> calls(20 * 30);
  std::atomic<int> elsewhere = 0;
  parallel_for(20, [&](std::int64_t outer) {
    const std::thread::id here = std::this_thread::get_id();
    parallel_for(30, [&](std::int64_t inner) {
      ++calls[static_cast<std::size_t>(outer * 30 + inner)];
      if (std::this_thread::get_id() != here) ++elsewhere;
    });
  });
  EXPECT_EQ(calls, std::vector<int>(20 * 30, 1));
  EXPECT_EQ(elsewhere, 0);
}

TEST_P(ParallelLoop, RunsBesideThoseOfOtherThreads) {
  std::vector<int> one(1000);
  std::vector<int> two(1000);
  const auto fill = [](std::vector<int>& calls) {
    parallel_for(1000, [&](std::int64_t index) { ++calls[static_cast<std::size_t>(index)]; });
  };
  std::thread other([&] { fill(two); });
  fill(one);
  other.join();
  EXPECT_EQ(one, std::vector<int>(1000, 1));
  EXPECT_EQ(two, one);
}

INSTANTIATE_TEST_SUITE_P(Threads, ParallelLoop, ::testing::Values(1, 2, 5));

TEST(Threads, AreAsManyAsAskedForAndAtLeastOneWhereNoneIsSaid) {
  const ThreadsInScope before(3);
  EXPECT_EQ(thread_count(), 3);
  use_threads(0);
  const int all = thread_count();
  EXPECT_GE(all, 1);
  use_threads(1);
  EXPECT_EQ(thread_count(), 1);
  use_threads(0);
  EXPECT_EQ(thread_count(), all);
}

}  // namespace
}  // namespace alsatian
