// Loops over threads: the only place that knows OpenMP. The number of threads is the process's.
// Results never depend on it: work is cut by size, never by thread, and sums have a fixed order.
#pragma once

#include <omp.h>

#include <cstdint>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace alsatian {

/// Sets how many threads every later loop uses; 0 means all that the machine offers.
inline void use_threads(int count) { omp_set_num_threads(count > 0 ? count : omp_get_num_procs()); }

inline int thread_count() { return omp_get_max_threads(); }

/// That the system lets this process have fewer threads than it is to use (a limit on processes or
/// on memory). Thrown by the first loop that would use them, before it calls its body.
class ThreadsUnavailable : public std::runtime_error {
 public:
  ThreadsUnavailable(int wanted, int possible, const std::string& reason);
};

namespace detail {

/// Throws ThreadsUnavailable where OpenMP could not start its threads: it would end the process
/// with a message of its own. Costs something the first time for each larger number of threads.
void require_threads();

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

}  // namespace detail

/// Calls body(index, scratch) for every index in [0, count), in any order, on all threads, `grain`
/// indices at a time; each thread makes its own scratch by make(). Where bodies throw, the
/// exception of the lowest index is rethrown here. Throws ThreadsUnavailable.
template <typename Make, typename Body>
void parallel_for_with(std::int64_t count, Make&& make, Body&& body, std::int64_t grain = 1) {
  detail::FirstFailure failure;
  const int block = static_cast<int>(grain);
  // A loop of one grain is not worth waking threads for.
  if (count > grain) detail::require_threads();
#pragma omp parallel if (count > grain)
  {
    std::optional<decltype(make())> scratch;
    try {
      scratch.emplace(make());
    } catch (...) {
      failure.record(-1);
    }
#pragma omp for schedule(dynamic, block)
    for (std::int64_t index = 0; index < count; ++index) {
      if (!scratch) continue;
      try {
        body(index, *scratch);
      } catch (...) {
        failure.record(index);
      }
    }
  }
  failure.rethrow();
}

/// The same without scratch: body(index).
template <typename Body>
void parallel_for(std::int64_t count, Body&& body, std::int64_t grain = 1) {
  parallel_for_with(
      count, [] { return 0; }, [&](std::int64_t index, int&) { body(index); }, grain);
}

}  // namespace alsatian
