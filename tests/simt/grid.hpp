// Runs the blocks of a kernel on fibers, one per CUDA thread, in an order that the test chooses.
// What a GPU would leave undefined is a Fault that names the threads and their source lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <span>
#include <stdexcept>
#include <string>

namespace alsatian::simt {

struct Index3 {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;
};

/// Which of the legal orders a run takes. A kernel's result must not depend on it.
struct Schedule {
  enum class Warps {
    /// One warp runs until it is blocked, then the next: drives warps apart, and so shows missing
    /// barriers, which round-robin hides by keeping them in step.
    greedy,
    greedy_backwards,
    round_robin,
    random,
  };
  struct Order {
    Warps warps;
    std::uint64_t seed;
  };
  /// The order of every run that names none: what ALSATIAN_SIMT_SCHEDULE says (see simt.hpp),
  /// greedy where it says nothing. Throws std::invalid_argument where it is no order.
  static Order order_of_environment();
  Warps warps = order_of_environment().warps;
  /// Of blocks, warps and lanes where they are random.
  std::uint64_t seed = order_of_environment().seed;
  /// Asynchronous copies land when they are waited for, at the latest moment; else at once.
  bool copies_land_late = true;
  /// Blocks before it are left out: for elements that only the last blocks of a huge grid reach.
  std::uint64_t first_block = 0;
};

/// A kernel did what CUDA leaves undefined, or stopped for ever.
class Fault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Schedule of the launches of this host thread from now on.
void set_schedule(const Schedule& schedule);

/// Most bytes of shared memory a block may ask for: what an H100 gives one block.
inline constexpr std::size_t most_shared_bytes = 227 << 10;

/// Runs body(argument) once per thread of every block. Throws Fault; then nothing more of the
/// grid runs. Shared memory is filled with NaN before each block, and checked behind its end.
void run_grid(Index3 grid, Index3 block, std::size_t shared_bytes, void (*body)(void*),
              void* argument);

// ---- from inside a kernel ----

Index3 thread_index();
Index3 block_index();
Index3 block_size();
Index3 grid_size();
/// Lane of the calling thread in its warp.
unsigned lane();
std::byte* shared_memory();

using Place = std::source_location;

/// All threads of the block that have not returned meet here.
void meet_block(Place place);

inline constexpr std::size_t most_lane_bytes = 64;
/// What the lanes of one warp operation brought, as read by one of them.
struct LaneValues {
  std::uint32_t mask;
  std::size_t value_bytes;
  alignas(16) std::byte bytes[32 * most_lane_bytes];

  const std::byte* of(unsigned lane) const { return bytes + lane * value_bytes; }
};
/// All lanes of the mask meet at one place; each brings `value` (at most most_lane_bytes) and sees
/// everybody's. Valid until the calling thread's next warp operation.
const LaneValues& meet_warp(std::uint32_t mask, std::span<const std::byte> value, Place place);

/// Asynchronous copy to shared memory, of zeros where `global` is null: lands at the latest when it
/// is waited for. The target is filled with NaN until then.
void start_copy(void* shared, const void* global, std::size_t bytes, Place place);
void commit_copies();
/// Waits until at most `pending` committed groups of the calling thread have not landed.
void wait_copies(unsigned pending);

/// Ends the run with a Fault at `place`.
[[noreturn]] void fault(std::string what, Place place);

}  // namespace alsatian::simt
