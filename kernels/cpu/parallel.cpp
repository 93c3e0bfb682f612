// Lends loops the threads of oneTBB, which sleep where there is nothing to do: on a machine that
// others use too, threads that spin as they wait for each other take the cores from whom they wait
// for. Only this file knows the library, and ThreadSanitizer knows nothing of this file: it could
// not see how the library hands over what was written, which class Loop tells it.
#include "kernels/cpu/parallel.hpp"

#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <csignal>
#include <latch>
#include <optional>
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

/// Throws ThreadsUnavailable where the library could not start threads for `wanted` in all: it
/// would end the process. Costs something the first time for each larger number.
void require_threads(int wanted) {
  static std::atomic<int> possible{1};
  static std::mutex trial;
  if (wanted <= possible) return;
  const std::scoped_lock lock(trial);
  if (wanted <= possible) return;
  try_threads(wanted - 1);
  possible = wanted;
}

/// How many threads loops use, and where they meet.
struct ThreadsInUse {
  explicit ThreadsInUse(int threads)
      : count(threads),
        allowed(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads)),
        arena(threads) {}

  int count;
  tbb::global_control allowed;
  tbb::task_arena arena;
};

/// The cores that this process may run on, which `taskset` and containers limit.
int cores() { return tbb::info::default_concurrency(); }

std::optional<ThreadsInUse>& threads_in_use() {
  static std::optional<ThreadsInUse> threads(std::in_place, cores());
  return threads;
}

}  // namespace

ThreadsUnavailable::ThreadsUnavailable(int wanted, int possible, const std::string& reason)
    : std::runtime_error("only " + std::to_string(possible) + " of " + std::to_string(wanted) +
                         " can be started: " + reason) {}

void use_threads(int count) { threads_in_use().emplace(count > 0 ? count : cores()); }

int thread_count() { return threads_in_use()->count; }

void detail::call_on_threads(std::int64_t most, void (*work)(void*), void* context) {
  ThreadsInUse& mine = *threads_in_use();
  const std::int64_t calls = std::min<std::int64_t>(most, mine.count);
  thread_local bool inside = false;
  if (calls <= 1 || inside) return work(context);
  require_threads(mine.count);
  const auto call = [=] {
    inside = true;
    work(context);
    inside = false;
  };
  mine.arena.execute([&] {
    tbb::task_group others;
    for (std::int64_t other = 1; other < calls; ++other) others.run(call);
    call();
    others.wait();
  });
}

}  // namespace alsatian
