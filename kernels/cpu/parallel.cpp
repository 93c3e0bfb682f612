// Tries out threads before OpenMP starts its own: where it cannot, it ends the process itself.
// The trial starts all of them at once, as a loop will, and leaves none behind.
#include "kernels/cpu/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <latch>
#include <sched.h>
#include <string>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace alsatian {
namespace {

/// Waits until the system has counted a thread out that has ended. It is joinable a moment before,
/// and the next thread would be refused under a limit that leaves room for just these.
void wait_until_gone(pid_t thread) {
  while (thread > 0 && ::syscall(SYS_tgkill, ::getpid(), thread, 0) == 0) ::sched_yield();
}

/// Throws ThreadsUnavailable unless `count` threads besides this one can run at once.
void try_threads(int count) {
  std::latch end(1);
  std::vector<std::thread> threads;
  std::vector<std::atomic<pid_t>> ids(static_cast<std::size_t>(count));
  threads.reserve(ids.size());
  std::string reason;
  try {
    for (std::atomic<pid_t>& id : ids) {
      threads.emplace_back([&end, &id] {
        id = static_cast<pid_t>(::syscall(SYS_gettid));
        end.wait();
      });
    }
  } catch (const std::exception& error) {
    reason = error.what();
  }
  end.count_down();
  for (std::thread& thread : threads) thread.join();
  for (const std::atomic<pid_t>& id : ids) wait_until_gone(id);
  if (!reason.empty()) {
    throw ThreadsUnavailable(count + 1, static_cast<int>(threads.size()) + 1, reason);
  }
}

}  // namespace

ThreadsUnavailable::ThreadsUnavailable(int wanted, int possible, const std::string& reason)
    : std::runtime_error("only " + std::to_string(possible) + " of " + std::to_string(wanted) +
                         " can be started: " + reason) {}

void detail::require_threads() {
  static std::atomic<int> possible{1};
  static std::mutex trial;
  const int wanted = std::min(omp_get_max_threads(), omp_get_thread_limit());
  if (wanted <= possible) return;
  const std::scoped_lock lock(trial);
  if (wanted <= possible) return;
  try_threads(wanted - 1);
  possible = wanted;
}

}  // namespace alsatian
