// Loops over threads. The number of threads is the process's. Results never depend on it: work is
// cut by size, never by thread, and sums have a fixed order.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace alsatian {

/// Sets how many threads every later loop uses; 0, as at the start, means one for each core that
/// this process may run on. Not while a loop runs.
void use_threads(int count);

int thread_count();

/// That the system lets this process have fewer threads than it is to use (a limit on processes or
/// on memory). Thrown by the first loop that would use them, before it calls its body.
class ThreadsUnavailable : public std::runtime_error {
 public:
  ThreadsUnavailable(int wanted, int possible, const std::string& reason);
};

namespace detail {

/// Calls work(context) on this thread and on up to `most` − 1 others at the same time, and returns
/// when every call has. How many there are depends on which cores are idle: nobody waits for a
/// thread that has yet to begin. A call from within another stays on its thread. work must not
/// throw. Throws ThreadsUnavailable, before any call.
void call_on_threads(std::int64_t most, void (*work)(void*), void* context);

/// Keeps the exception of the lowest index, so that which one is seen does not depend on threads.
class FirstFailure {
 public:
  void record(std::int64_t index) {
    const std::scoped_lock lock(mutex_);
    if (index >= index_) return;
    index_ = index;
    failure_ = std::current_exception();
  }
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::mutex mutex_;
  std::int64_t index_ = std::numeric_limits<std::int64_t>::max();
  std::exception_ptr failure_;
};

/// A loop whose threads take block after block of its indices until none is left.
template <typename Make, typename Body>
class Loop {
 public:
  Loop(std::int64_t count, std::int64_t grain, Make& make, Body& body)
      : count_(count),
        grain_(grain),
        blocks_((count + grain - 1) / grain),
        make_(make),
        body_(body) {
    next_.store(0, std::memory_order_release);
  }

  void run() {
    call_on_threads(
        blocks_, [](void* loop) { static_cast<Loop*>(loop)->take_blocks(); }, this);
    next_.load(std::memory_order_acquire);
    failure_.rethrow();
  }

 private:
  /// The counter is the first and the last that a thread touches. It hands over what was written
  /// before: the library does too, but ThreadSanitizer sees this alone (and takes a fetch_add for
  /// an access that comes before what it hands over: hence the load).
  void take_blocks() {
    next_.load(std::memory_order_acquire);
    const std::int64_t first = next_.fetch_add(1);
    if (first < blocks_) take_blocks_from(first);
    next_.fetch_add(1);
  }

  void take_blocks_from(std::int64_t first) {
    try {
      auto scratch = make_();
      for (std::int64_t block = first; block < blocks_; block = next_.fetch_add(1)) {
        const std::int64_t end = std::min((block + 1) * grain_, count_);
        for (std::int64_t index = block * grain_; index < end; ++index) call_body(index, scratch);
      }
    } catch (...) {
      failure_.record(-1);
    }
  }

  template <typename Scratch>
  void call_body(std::int64_t index, Scratch& scratch) {
    try {
      body_(index, scratch);
    } catch (...) {
      failure_.record(index);
    }
  }

  std::int64_t count_;
  std::int64_t grain_;
  std::int64_t blocks_;
  Make& make_;
  Body& body_;
  FirstFailure failure_;
  // Of the blocks that no thread has taken, the first; in a cache line that nobody reads for more.
  alignas(64) std::atomic<std::int64_t> next_;
};

}  // namespace detail

/// Calls body(index, scratch) for every index in [0, count), in any order, on all threads, `grain`
/// indices at a time; each thread makes its own scratch by make(). Where bodies throw, the
/// exception of the lowest index is rethrown here. Throws ThreadsUnavailable.
template <typename Make, typename Body>
void parallel_for_with(std::int64_t count, Make&& make, Body&& body, std::int64_t grain = 1) {
  detail::Loop(count, grain, make, body).run();
}

/// The same without scratch: body(index).
template <typename Body>
void parallel_for(std::int64_t count, Body&& body, std::int64_t grain = 1) {
  parallel_for_with(
      count, [] { return 0; }, [&](std::int64_t index, int&) { body(index); }, grain);
}

}  // namespace alsatian
