// The scheduler of fibers: barriers, warp operations, asynchronous copies, and what goes wrong.
// A fiber for each thread of a block; one host thread runs them all, in an order it chooses.
#include "tests/simt/grid.hpp"

#include "tests/simt/fiber.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

namespace alsatian::simt {
namespace {

constexpr unsigned warp_lanes = 32;
constexpr unsigned most_threads = 1024;
constexpr std::byte nan_byte{0xFF};  // four of them are a NaN, and -1 as an integer
constexpr std::byte canary{0xA5};

enum class State { ready, at_block_barrier, at_warp_operation, returned };

struct Copy {
  void* shared;
  const void* global;
  std::size_t bytes;
};

struct Thread {
  unsigned number = 0;  // in the block
  Index3 index;
  State state = State::ready;
  std::uint32_t mask = 0;
  Place place;
  std::array<std::byte, most_lane_bytes> brought;
  std::size_t brought_bytes = 0;
  LaneValues seen;
  std::vector<Copy> open_copies;
  std::deque<std::vector<Copy>> committed_copies;
  Fiber fiber;

  unsigned lane() const { return number % warp_lanes; }
  unsigned warp() const { return number / warp_lanes; }
};

void land(const std::vector<Copy>& copies) {
  for (const Copy& copy : copies) {
    if (copy.global == nullptr) {
      std::memset(copy.shared, 0, copy.bytes);
    } else {
      std::memcpy(copy.shared, copy.global, copy.bytes);
    }
  }
}

struct SharedMemory {
  alignas(1024) std::byte bytes[most_shared_bytes];
};

/// Taken to the scheduler, which throws it: no exception leaves a fiber, whose stack is abandoned.
struct FiberFault {
  std::string what;
  Place place;
};

class Grid;
thread_local Schedule schedule;
thread_local Grid* running = nullptr;
thread_local Thread* current = nullptr;

/// Fibers and shared memory of a host thread, kept from launch to launch.
class Grid {
 public:
  void run(Index3 grid, Index3 block, std::size_t shared_bytes, void (*body)(void*),
           void* argument);
  void meet_block(Place place);
  const LaneValues& meet_warp(std::uint32_t mask, std::span<const std::byte> value, Place place);
  [[noreturn]] void fault_in_fiber(std::string what, Place place);

  Index3 block_index;
  Index3 block_size;
  Index3 grid_size;
  std::byte* shared() { return shared_->bytes; }
  std::size_t shared_bytes() const { return shared_bytes_; }

 private:
  void run_block(void (*body)(void*), void* argument);
  void begin_block();
  void end_block();
  void check_behind_shared_memory(std::size_t bytes);
  bool run_warp(unsigned warp, void (*body)(void*), void* argument);
  void resume(Thread& thread, void (*body)(void*), void* argument);
  bool release_barrier();
  std::vector<unsigned> order(unsigned count);
  std::string whereabouts() const;
  std::span<std::unique_ptr<Thread>> block_threads() {
    return std::span(threads_).first(thread_count_);
  }

  std::vector<std::unique_ptr<Thread>> threads_;
  unsigned thread_count_ = 0;
  std::unique_ptr<SharedMemory> shared_ = std::make_unique<SharedMemory>();
  std::size_t shared_bytes_ = 0;
  std::optional<FiberFault> fault_;
  std::mt19937_64 random_;
};

std::string describe(Index3 index) {
  return fmt::format("({}, {}, {})", index.x, index.y, index.z);
}

std::string describe(Place place) { return fmt::format("{}:{}", place.file_name(), place.line()); }

bool same(Place left, Place right) {
  return left.line() == right.line() && left.column() == right.column() &&
         (left.file_name() == right.file_name() ||
          std::strcmp(left.file_name(), right.file_name()) == 0);
}

std::string Grid::whereabouts() const {
  std::string text;
  int shown = 0;
  for (unsigned i = 0; i < thread_count_ && shown < 8; ++i) {
    const Thread& thread = *threads_[i];
    if (thread.state == State::returned) {
      continue;
    }
    ++shown;
    const char* what = thread.state == State::ready              ? "runs"
                       : thread.state == State::at_block_barrier ? "waits at the block barrier of"
                                                                 : "waits at the warp operation of";
    text += fmt::format("\n  thread {} {} {}, lanes {:08x}", thread.number, what,
                        describe(thread.place), thread.mask);
  }
  return text;
}

// What it is called with must be moved from: destructors of an abandoned stack do not run.
void Grid::fault_in_fiber(std::string what, Place place) {
  fault_ = FiberFault{std::move(what), place};
  Thread& self = *current;
  for (;;) {  // the scheduler abandons this fiber
    self.fiber.yield();
  }
}

std::vector<unsigned> Grid::order(unsigned count) {
  std::vector<unsigned> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0U);
  if (schedule.warps == Schedule::Warps::greedy_backwards) {
    std::reverse(numbers.begin(), numbers.end());
  } else if (schedule.warps == Schedule::Warps::random) {
    std::shuffle(numbers.begin(), numbers.end(), random_);
  }
  return numbers;
}

void Grid::run(Index3 grid, Index3 block, std::size_t shared_bytes, void (*body)(void*),
               void* argument) {
  const auto threads = std::uint64_t{block.x} * block.y * block.z;
  const auto blocks = std::uint64_t{grid.x} * grid.y * grid.z;
  if (threads == 0 || threads > most_threads || blocks == 0 || blocks > 0xFFFFFFFFU ||
      shared_bytes > most_shared_bytes) {
    throw Fault(
        fmt::format("a grid of {} blocks of {} threads with {} bytes of shared memory is "
                    "more than a device takes, or nothing",
                    describe(grid), describe(block), shared_bytes));
  }
  if (running != nullptr) {
    throw Fault("a kernel was launched from inside a kernel");
  }
  grid_size = grid;
  block_size = block;
  thread_count_ = static_cast<unsigned>(threads);
  shared_bytes_ = shared_bytes;
  random_.seed(schedule.seed);
  while (threads_.size() < thread_count_) {
    threads_.push_back(std::make_unique<Thread>());
  }
  running = this;
  std::fill(shared() + shared_bytes_, shared() + most_shared_bytes, canary);
  try {
    const std::uint64_t first = std::min(schedule.first_block, blocks);
    for (const unsigned place : order(static_cast<unsigned>(blocks - first))) {
      const auto number = static_cast<unsigned>(first) + place;
      block_index = {number % grid.x, number / grid.x % grid.y, number / (grid.x * grid.y)};
      run_block(body, argument);
    }
    check_behind_shared_memory(most_shared_bytes);
  } catch (...) {
    ASAN_UNPOISON_MEMORY_REGION(shared(), most_shared_bytes);
    for (auto& thread : block_threads()) {
      thread->fiber.abandon();
    }
    running = nullptr;
    throw;
  }
  running = nullptr;
}

void Grid::begin_block() {
  std::fill_n(shared(), shared_bytes_, nan_byte);
  ASAN_POISON_MEMORY_REGION(shared() + shared_bytes_, most_shared_bytes - shared_bytes_);
  for (unsigned i = 0; i < thread_count_; ++i) {
    Thread& thread = *threads_[i];
    thread.number = i;
    thread.index = {i % block_size.x, i / block_size.x % block_size.y,
                    i / (block_size.x * block_size.y)};
    thread.state = State::ready;
    thread.mask = 0;
    thread.place = Place();
  }
}

void Grid::check_behind_shared_memory(std::size_t bytes) {
  ASAN_UNPOISON_MEMORY_REGION(shared(), most_shared_bytes);
  const std::byte* const behind = shared() + shared_bytes_;
  const std::byte* const end = behind + std::min(bytes, most_shared_bytes - shared_bytes_);
  const std::byte* const touched =
      std::find_if(behind, end, [](std::byte byte) { return byte != canary; });
  if (touched != end) {
    throw Fault(fmt::format("block {} wrote {} bytes behind its {} bytes of shared memory",
                            describe(block_index), touched - behind, shared_bytes_));
  }
}

void Grid::end_block() {
  // What lies further behind is looked at once the grid has run: most of a block's time otherwise.
  check_behind_shared_memory(4096);
  for (auto& thread : block_threads()) {
    if (!thread->open_copies.empty() || !thread->committed_copies.empty()) {
      thread->open_copies.clear();
      thread->committed_copies.clear();
      throw Fault(
          fmt::format("thread {} of block {} returned before its asynchronous copies "
                      "were waited for",
                      thread->number, describe(block_index)));
    }
  }
}

void Grid::run_block(void (*body)(void*), void* argument) {
  begin_block();
  const unsigned warps = (thread_count_ + warp_lanes - 1) / warp_lanes;
  for (;;) {
    bool progress = false;
    for (const unsigned warp : order(warps)) {
      progress = run_warp(warp, body, argument) || progress;
    }
    progress = release_barrier() || progress;
    const auto threads = block_threads();
    if (std::all_of(threads.begin(), threads.end(),
                    [](const auto& thread) { return thread->state == State::returned; })) {
      break;
    }
    if (!progress) {
      throw Fault(fmt::format("block {} waits for ever{}", describe(block_index), whereabouts()));
    }
  }
  end_block();
}

bool Grid::run_warp(unsigned warp, void (*body)(void*), void* argument) {
  const unsigned first = warp * warp_lanes;
  const unsigned lanes = std::min(warp_lanes, thread_count_ - first);
  bool any = false;
  for (bool again = true; again;) {
    again = false;
    for (const unsigned lane : order(lanes)) {
      Thread& thread = *threads_[first + lane];
      if (thread.state == State::ready) {
        resume(thread, body, argument);
        again = any = true;
      }
    }
    if (schedule.warps == Schedule::Warps::round_robin) {
      break;  // the other warps first
    }
  }
  return any;
}

void Grid::resume(Thread& thread, void (*body)(void*), void* argument) {
  current = &thread;
  const bool unfinished = thread.fiber.resume(body, argument);
  current = nullptr;
  if (fault_) {
    const FiberFault found = *std::exchange(fault_, std::nullopt);
    throw Fault(fmt::format("{}: {}, in thread {} of block {}", describe(found.place), found.what,
                            thread.number, describe(block_index)));
  }
  if (!unfinished) {
    thread.state = State::returned;
  }
}

bool Grid::release_barrier() {
  const Thread* first = nullptr;
  for (auto& thread : block_threads()) {
    if (thread->state == State::returned) {
      continue;
    }
    if (thread->state != State::at_block_barrier) {
      return false;
    }
    if (first != nullptr && !same(first->place, thread->place)) {
      throw Fault(fmt::format("block {} meets at different barriers{}", describe(block_index),
                              whereabouts()));
    }
    first = thread.get();
  }
  if (first == nullptr) {
    return false;
  }
  for (auto& thread : block_threads()) {
    if (thread->state == State::at_block_barrier) {
      thread->state = State::ready;
    }
  }
  return true;
}

void Grid::meet_block(Place place) {
  current->place = place;
  current->state = State::at_block_barrier;
  current->fiber.yield();
}

const LaneValues& Grid::meet_warp(std::uint32_t mask, std::span<const std::byte> value,
                                  Place place) {
  Thread& self = *current;
  self.place = place;
  self.mask = mask;
  if ((mask >> self.lane() & 1U) == 0) {
    fault_in_fiber(fmt::format("the calling lane is not in its own mask {:08x}", mask), place);
  }
  std::copy(value.begin(), value.end(), self.brought.begin());
  self.brought_bytes = value.size();
  self.state = State::at_warp_operation;

  const unsigned first = self.warp() * warp_lanes;
  // From the last lane on: in most schedules it is the last to come.
  for (unsigned lane = warp_lanes; lane-- > 0;) {
    if ((mask >> lane & 1U) == 0) {
      continue;
    }
    if (first + lane >= thread_count_ || threads_[first + lane]->state == State::returned) {
      fault_in_fiber(fmt::format("mask {:08x} names lane {}, which has returned", mask, lane),
                     place);
    }
    const Thread& other = *threads_[first + lane];
    if (other.state != State::at_warp_operation || other.mask != mask ||
        other.brought_bytes != value.size() || !same(other.place, place)) {
      self.fiber.yield();  // until the last lane of the mask comes here
      return self.seen;
    }
  }
  LaneValues& seen = self.seen;
  seen.mask = mask;
  seen.value_bytes = value.size();
  for (unsigned lane = 0; lane < warp_lanes; ++lane) {
    if ((mask >> lane & 1U) != 0) {
      std::memcpy(seen.bytes + lane * value.size(), threads_[first + lane]->brought.data(),
                  value.size());
    }
  }
  for (unsigned lane = 0; lane < warp_lanes; ++lane) {
    if ((mask >> lane & 1U) == 0) {
      continue;
    }
    Thread& reader = *threads_[first + lane];
    reader.state = State::ready;
    if (&reader != &self) {
      reader.seen.mask = mask;
      reader.seen.value_bytes = value.size();
      std::memcpy(reader.seen.bytes, seen.bytes, warp_lanes * value.size());
    }
  }
  self.fiber.yield();  // lanes go on in the order of the schedule, not the last one first
  return self.seen;
}

/// greedy, greedy_backwards, round_robin, or random:SEED.
Schedule::Order order_named(const std::string& name) {
  using Warps = Schedule::Warps;
  constexpr std::pair<const char*, Warps> orders[] = {{"greedy", Warps::greedy},
                                                      {"greedy_backwards", Warps::greedy_backwards},
                                                      {"round_robin", Warps::round_robin}};
  for (const auto& [known, warps] : orders) {
    if (name == known) {
      return {warps, 1};
    }
  }
  const std::string random = "random:";
  std::uint64_t seed = 0;
  const char* const end = name.data() + name.size();
  if (name.starts_with(random) &&
      std::from_chars(name.data() + random.size(), end, seed).ptr == end &&
      name.size() > random.size()) {
    return {Warps::random, seed};
  }
  throw std::invalid_argument("ALSATIAN_SIMT_SCHEDULE=" + name +
                              " is no order of warps and lanes: it is greedy, greedy_backwards, "
                              "round_robin or random:SEED");
}

Grid& grid_of_this_thread() {
  thread_local Grid grid;
  return grid;
}

}  // namespace

Schedule::Order Schedule::order_of_environment() {
  static const Order chosen = [] {
    const char* const variable = std::getenv("ALSATIAN_SIMT_SCHEDULE");
    return variable == nullptr ? Order{Warps::greedy, 1} : order_named(variable);
  }();
  return chosen;
}

void set_schedule(const Schedule& wanted) { schedule = wanted; }

void run_grid(Index3 grid, Index3 block, std::size_t shared_bytes, void (*body)(void*),
              void* argument) {
  grid_of_this_thread().run(grid, block, shared_bytes, body, argument);
}

Index3 thread_index() { return current->index; }
Index3 block_index() { return running->block_index; }
Index3 block_size() { return running->block_size; }
Index3 grid_size() { return running->grid_size; }
unsigned lane() { return current->lane(); }
std::byte* shared_memory() { return running->shared(); }

void meet_block(Place place) { running->meet_block(place); }

const LaneValues& meet_warp(std::uint32_t mask, std::span<const std::byte> value, Place place) {
  return running->meet_warp(mask, value, place);
}

void start_copy(void* shared, const void* global, std::size_t bytes, Place place) {
  auto* const target = static_cast<std::byte*>(shared);
  if (target < running->shared() || target + bytes > running->shared() + running->shared_bytes()) {
    fault("an asynchronous copy leaves the block's shared memory", place);
  }
  if (reinterpret_cast<std::uintptr_t>(target) % bytes != 0 ||
      reinterpret_cast<std::uintptr_t>(global) % bytes != 0) {
    fault(fmt::format("an asynchronous copy of {} bytes is not aligned to them", bytes), place);
  }
  const Copy copy{shared, global, bytes};
  if (schedule.copies_land_late) {
    std::fill_n(target, bytes, nan_byte);
    current->open_copies.push_back(copy);
  } else {
    land({copy});
  }
}

void commit_copies() {
  current->committed_copies.push_back(std::exchange(current->open_copies, {}));
}

void wait_copies(unsigned pending) {
  while (current->committed_copies.size() > pending) {
    land(current->committed_copies.front());
    current->committed_copies.pop_front();
  }
}

void fault(std::string what, Place place) { running->fault_in_fiber(std::move(what), place); }

}  // namespace alsatian::simt
